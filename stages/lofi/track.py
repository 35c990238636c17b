"""One file, read once: what it is, whether it can be used, and the samples that it becomes."""

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from stages.lofi import fingerprint, levels, loudness, media, quality
from stages.lofi.clipping import Clipping
from stages.lofi.media import Samples
from stages.params import Params

RATE_HZ = 48_000
SPARE_S = 0.5  # decoded beyond the longest track, so that resampling has something to end on
QUIET_DBFS = -66.0  # a file whose highest sample is below it is silent: gain would make noise of nothing
LOST_S, LOST_SHARE = 1.0, 0.05  # of the length that a damaged file states: missing more is a file that was cut off

Status = Literal["ok", "skipped", "corrupt", "unsupported", "too_short", "excessive_clipping", "excessive_silence"]
STATUSES: tuple[Status, ...] = Status.__args__  # type: ignore[attr-defined]


class TrackParams(Params):
    """What a track must be, and what it becomes."""

    min_s: float = Field(gt=0)
    max_s: float = Field(gt=0)  # of a longer one so much is taken from its beginning
    max_clipping: float = Field(ge=0, le=1)  # share of the samples
    max_silence: float = Field(ge=0, le=1)  # share of frames of 50 ms
    peak_dbfs: float = Field(le=0)  # of the decoded result
    peak_tolerance_db: float = Field(gt=0)  # beyond it a track is encoded once more
    kbit: int = Field(ge=0, le=320)  # of the MP3; 0 for FLAC
    limit_s: float = Field(gt=0)  # for decoding one file


@dataclass(frozen=True)
class Track:
    """What was found out about a file."""

    status: Status
    detail: str = ""
    measures: dict[str, float | int | str] = field(default_factory=dict)
    print: list[int] = field(default_factory=list)  # words of its fingerprint
    warnings: tuple[str, ...] = ()


def examined(path: Path, result: Path, params: TrackParams) -> Track:
    """What the file at `path` is; one that can be used is written to `result`, normalised.

    Whatever is wrong with a file is a status. Raises OSError only if the result can't be written, and StageError
    without ffmpeg.
    """
    try:
        kind = path.stat()
    except OSError as error:
        return Track("skipped", f"can't be opened: {error.strerror}")
    if not stat.S_ISREG(kind.st_mode):
        return Track("skipped", "no regular file")
    if not kind.st_size:
        return Track("corrupt", "empty")
    try:
        return _examined(path, result, params)
    except media.Unreadable as error:
        return Track(error.reason, error.detail)  # type: ignore[arg-type]


def _examined(path: Path, result: Path, params: TrackParams) -> Track:
    with media.decoding(path, params.max_s + SPARE_S, params.limit_s) as sound:
        stereo, clipping, peak = _read(sound)
    seconds = sound.samples / sound.rate_hz
    about: dict[str, float | int | str] = {
        "seconds": round(seconds, 3),
        "rate_hz": sound.rate_hz,
        "channels": sound.channels,
        "codec": sound.codec,
        "decode_errors": sound.errors,
        "clipping": round(clipping.ratio, 8),
        "source_peak_dbfs": round(max(levels.dbfs(peak), -999.0), 2),
    }
    if sound.ended_early:
        return Track("corrupt", f"decoding took over {params.limit_s:g} s", about)
    if not sound.samples:
        return Track("corrupt", sound.complaint or "no samples", about)
    stated = min(sound.stated_s or 0.0, params.max_s)
    if sound.errors and stated - seconds > max(LOST_S, LOST_SHARE * stated):
        return Track("corrupt", f"{seconds:.1f} of {stated:.1f} s can be read", about)
    if seconds < params.min_s:
        return Track("too_short", f"{seconds:.2f} s", about)
    if clipping.ratio > params.max_clipping:
        return Track("excessive_clipping", f"{clipping.ratio:.4%} of the samples", about)
    stereo = stereo[: round(params.max_s * RATE_HZ)]
    top = _highest(stereo)
    if levels.dbfs(peak) < QUIET_DBFS or not top:
        return Track("excessive_silence", f"nothing over {QUIET_DBFS:g} dBFS", about | {"silence": 1.0})
    gain = 10 ** (params.peak_dbfs / 20) / top
    rms = levels.frame_rms(stereo, RATE_HZ)
    silence = levels.silence_ratio(rms, gain)
    about["silence"] = round(silence, 6)
    if silence > params.max_silence:
        return Track("excessive_silence", f"{silence:.1%} of the time", about)
    stereo *= np.float32(gain)
    return _normalised(stereo, result, about, gain, params)


def _read(sound: media.Sound) -> tuple[Samples, Clipping, float]:
    """The whole sound as stereo at 48 kHz, its clipping, and its highest sample."""
    import soxr

    mix = media.sides(sound.channels, sound.mask)
    stream = soxr.ResampleStream(sound.rate_hz, RATE_HZ, 2, dtype="float32", quality="HQ")
    clipping = Clipping(sound.channels, beyond=sound.is_lossy)
    found: list[Samples] = []
    peak = 0.0
    for block in sound.blocks():
        block = np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)
        clipping.add(block)
        peak = max(peak, _highest(block))
        found.append(stream.resample_chunk(_mixed(block, mix)))
    found.append(stream.resample_chunk(np.zeros((0, 2), np.float32), last=True))
    return np.concatenate(found), clipping, peak


def _highest(block: Samples) -> float:
    """The highest absolute sample; without a copy, as abs would make."""
    return max(float(block.max(initial=0.0)), -float(block.min(initial=0.0)))


def _mixed(block: Samples, mix: Samples) -> Samples:
    """`block` in stereo. Without a matrix product: a BLAS may round it otherwise."""
    if len(mix) <= 2:
        return np.ascontiguousarray(np.broadcast_to(block, (len(block), 2)), np.float32)
    found = np.zeros((len(block), 2), np.float32)
    for channel, row in enumerate(mix):
        for side in (0, 1):
            if row[side]:
                found[:, side] += row[side] * block[:, channel]
    return found


def _normalised(
    stereo: Samples, result: Path, about: dict[str, float | int | str], gain: float, params: TrackParams
) -> Track:
    """Measure `stereo`, which has its gain, write it to `result`, and hold what was written against it."""
    import soxr

    mono = soxr.resample(stereo.mean(axis=1), RATE_HZ, fingerprint.RATE_HZ, "HQ")
    faults = levels.channel_faults(stereo)
    rms = float(np.sqrt(np.square(levels.frame_rms(stereo, RATE_HZ)).mean()))
    bandwidth = levels.bandwidth_hz(stereo, RATE_HZ)
    crest = params.peak_dbfs - levels.dbfs(rms)
    taken = quality.penalties(
        clipping=float(about["clipping"]),
        bandwidth_hz=bandwidth,
        silence=float(about["silence"]),
        crest_db=crest,
        peak_dbfs=float(about["source_peak_dbfs"]),
        faults=faults,
        errors=int(about["decode_errors"]),
    )
    peak, samples = _written(stereo, result, params)
    about |= {
        "gain_db": round(levels.dbfs(gain), 2),
        "peak_dbfs": round(peak, 3),
        "samples": samples,
        "loudness_lufs": round(max(loudness.integrated_lufs(stereo), -999.0), 2),
        "true_peak_dbtp": round(loudness.true_peak_dbtp(stereo), 2),
        "bandwidth_hz": round(bandwidth),
        "crest_db": round(crest, 2),
        "quality": quality.score(taken),
        **{f"taken_{name}": value for name, value in taken.items()},
    }
    warnings = [*faults, *(["decode_errors"] if about["decode_errors"] else [])]
    return Track("ok", "", about, fingerprint.fingerprint(mono).tolist(), tuple(warnings))


def _written(stereo: Samples, result: Path, params: TrackParams) -> tuple[float, int]:
    """Encode `stereo` to `result`, once more if its peak came out wrong; the peak and the samples decoded."""
    media.encode(stereo, RATE_HZ, params.kbit, result)
    peak, samples = _decoded(result, params)
    if abs(peak - params.peak_dbfs) > params.peak_tolerance_db:
        media.encode(stereo * np.float32(10 ** ((params.peak_dbfs - peak) / 20)), RATE_HZ, params.kbit, result)
        peak, samples = _decoded(result, params)
    return peak, samples


def _decoded(result: Path, params: TrackParams) -> tuple[float, int]:
    top = 0.0
    with media.decoding(result, params.max_s + SPARE_S, params.limit_s) as sound:
        for block in sound.blocks():
            top = max(top, _highest(block))
    return levels.dbfs(top), sound.samples
