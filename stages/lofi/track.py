"""One file, read once: what it is, whether it can be used, and the samples that it becomes."""

import stat
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from stages.lofi import fingerprint, levels, loudness, media, picture, quality
from stages.lofi.clipping import DROP, DROP_8_BIT, Clipping
from stages.lofi.keys import key_of_tag, tempo_of_tag
from stages.lofi.media import Samples
from stages.params import Params

RATE_HZ = 48_000
SPARE_S = 0.5  # decoded beyond the longest track, so that resampling has something to end on
QUIET_DBFS = -66.0  # a file whose highest sample is below it is silent: gain would make noise of nothing
NO_NUMBERS = 0.001  # share of the samples, beyond which a file is broken
PEAK_DB = 0.3  # how far a result's peak may be from what was asked for
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
    picture: str = ""  # see picture.py; empty where nothing could be decoded
    print: str = ""  # its fingerprint, see fingerprint.py
    warnings: tuple[str, ...] = ()
    lasting: bool = True  # whether the same file is the same another time: not if decoding was ended


@dataclass(frozen=True)
class Read:
    """A whole sound."""

    stereo: Samples  # at 48 kHz
    clipping: Clipping
    peak: float  # highest sample
    no_numbers: float  # share of the samples that are infinite or no number; they are silent, or full scale


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
        return Track(error.reason, error.detail, lasting=error.lasting)  # type: ignore[arg-type]


def _examined(path: Path, result: Path, params: TrackParams) -> Track:
    most_s = params.max_s + SPARE_S
    with media.decoding(path, most_s, params.limit_s) as sound:
        read = _read(sound, most_s)
    seconds = min(sound.samples / sound.rate_hz, params.max_s)
    about: dict[str, float | int | str] = {
        "seconds": round(seconds, 3),
        "rate_hz": sound.rate_hz,
        "channels": sound.channels,
        "codec": sound.codec,
        "tempo_tag": tempo_of_tag(sound.tempo_tag) or "",
        "key_tag": key_of_tag(sound.key_tag),
        "decode_errors": sound.errors,
        "no_numbers": round(read.no_numbers, 8),
        "clipping": round(read.clipping.ratio, 8),
        "source_peak_dbfs": round(max(levels.dbfs(read.peak), -999.0), 2),
    }
    seen = picture.picture(read.stereo, RATE_HZ)
    track = Track("ok", "", about, seen.text() if seen else "")
    if sound.cut_off:
        return replace(track, status="corrupt", detail=sound.cut_off, lasting=False)
    if not sound.samples:
        return replace(track, status="corrupt", detail=sound.complaint or "no samples")
    if read.no_numbers > NO_NUMBERS:
        return replace(track, status="corrupt", detail=f"{read.no_numbers:.2%} of the samples are no numbers")
    stated = min(sound.stated_s or 0.0, params.max_s)
    is_short = stated - seconds > max(LOST_S, LOST_SHARE * stated)
    if sound.errors and is_short:
        return replace(track, status="corrupt", detail=f"{seconds:.1f} of {stated:.1f} s can be read")
    warnings = {
        "cut": sound.samples / sound.rate_hz > params.max_s,
        "shorter_than_stated": is_short,
        "decode_errors": bool(sound.errors),
        "no_numbers": read.no_numbers > 0,
    }
    track = replace(track, warnings=tuple(name for name, raised in warnings.items() if raised))
    return _judged(read, track, result, params)


def _judged(read: Read, track: Track, result: Path, params: TrackParams) -> Track:
    """Whether `read` can be used; if so, it is normalised and written to `result`."""
    about, clipping = track.measures, read.clipping
    seconds = float(about["seconds"])
    if seconds < params.min_s:
        return replace(track, status="too_short", detail=f"{seconds:.2f} s")
    if clipping.ratio > params.max_clipping:
        return replace(track, status="excessive_clipping", detail=f"{clipping.ratio:.4%} of the samples")
    stereo = read.stereo[: round(params.max_s * RATE_HZ)]
    top = _highest(stereo)
    if levels.dbfs(read.peak) < QUIET_DBFS or not top:
        about["silence"] = 1.0
        return replace(track, status="excessive_silence", detail=f"nothing over {QUIET_DBFS:g} dBFS")
    gain = 10 ** (params.peak_dbfs / 20) / top
    stereo *= np.float32(gain)
    frames = levels.frames(stereo, RATE_HZ)
    silence = levels.silence_ratio(frames.rms)
    about["silence"] = round(silence, 6)
    if silence > params.max_silence:
        return replace(track, status="excessive_silence", detail=f"{silence:.1%} of the time")
    about["gain_db"] = round(levels.dbfs(gain), 2)
    return _normalised(stereo, frames, result, track, params)


def _read(sound: media.Sound, most_s: float) -> Read:
    """All of `sound`, which is `most_s` long at most."""
    import soxr

    mix = media.sides(sound.channels, sound.mask)
    # one channel is resampled once, and then is both sides
    width = min(sound.channels, 2)
    stream = soxr.ResampleStream(sound.rate_hz, RATE_HZ, width, dtype="float32", quality="HQ")
    drop = DROP_8_BIT if sound.codec in ("pcm_u8", "pcm_s8") else DROP
    clipping = Clipping(sound.channels, beyond=sound.is_lossy, drop=drop)
    # one array of the longest length: what isn't written to takes no memory, and nothing is copied at the end
    stereo = np.empty((round((most_s + 1) * RATE_HZ), 2), np.float32)
    length, peak, no_numbers = 0, 0.0, 0
    for block in sound.blocks():
        # one sum tells whether all samples are numbers, for less than looking at each
        if not np.isfinite(block.sum()):
            no_numbers += int(np.count_nonzero(~np.isfinite(block)))
            block = np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)
        clipping.add(block)
        peak = max(peak, _highest(block))
        length = _append(stereo, length, stream.resample_chunk(_mixed(block, mix)))
    length = _append(stereo, length, stream.resample_chunk(np.zeros((0, width), np.float32), last=True))
    return Read(stereo[:length], clipping, peak, no_numbers / max(sound.samples * sound.channels, 1))


def _append(stereo: Samples, length: int, new: Samples) -> int:
    """Write `new` to `stereo` from `length` on; the length after it."""
    stereo[length : length + len(new)] = new
    return length + len(new)


def _highest(block: Samples) -> float:
    """The highest absolute sample; without a copy, as abs would make."""
    return max(float(block.max(initial=0.0)), -float(block.min(initial=0.0)))


def _mixed(block: Samples, mix: Samples) -> Samples:
    """`block` in stereo, or as it is if it has one channel. Without a matrix product: a BLAS may round it otherwise."""
    if len(mix) <= 2:
        return block
    found = np.zeros((len(block), 2), np.float32)
    for channel, row in enumerate(mix):
        for side in (0, 1):
            if row[side]:
                found[:, side] += row[side] * block[:, channel]
    return found


def _normalised(stereo: Samples, frames: levels.Frames, result: Path, about: Track, params: TrackParams) -> Track:
    """Measure `stereo`, which has its gain, write it to `result`, and hold what was written against it."""
    measures = about.measures
    faults = levels.channel_faults(frames)
    bandwidth = levels.bandwidth_hz(stereo, RATE_HZ)
    crest = params.peak_dbfs - levels.dbfs(float(np.sqrt(np.square(frames.rms).mean())))
    taken = quality.penalties(
        clipping=float(measures["clipping"]),
        bandwidth_hz=bandwidth,
        silence=float(measures["silence"]),
        crest_db=crest,
        peak_dbfs=float(measures["source_peak_dbfs"]),
        faults=faults,
        errors=int(measures["decode_errors"]) + int(float(measures["no_numbers"]) > 0),
    )
    peak, samples = _written(stereo, result, params)
    more: dict[str, float | int | str] = {
        "peak_dbfs": round(peak, 2),
        "samples": samples,
        "loudness_lufs": round(max(loudness.integrated_lufs(stereo), -999.0), 2),
        "true_peak_dbtp": round(loudness.true_peak_dbtp(stereo), 2),
        "bandwidth_hz": round(bandwidth),
        "crest_db": round(crest, 2),
        "quality": quality.score(taken),
        **{f"taken_{name}": value for name, value in taken.items()},
    }
    return replace(
        about,
        measures=measures | more,
        print=fingerprint.text(fingerprint.of_stereo(stereo, RATE_HZ)),
        warnings=(*faults, *about.warnings, *(["peak"] if abs(peak - params.peak_dbfs) > PEAK_DB else [])),
    )


def _written(stereo: Samples, result: Path, params: TrackParams) -> tuple[float, int]:
    """Encode `stereo` to `result`, once more if its peak came out wrong; the peak and the samples decoded."""
    media.encode(stereo, RATE_HZ, params.kbit, result)
    peak, samples = _decoded(result)
    if abs(peak - params.peak_dbfs) > params.peak_tolerance_db:
        media.encode(stereo * np.float32(10 ** ((params.peak_dbfs - peak) / 20)), RATE_HZ, params.kbit, result)
        peak, samples = _decoded(result)
    return peak, samples


def _decoded(result: Path) -> tuple[float, int]:
    """Peak in dBFS and samples of what was written, by another decoder than that of ffmpeg, which encoded it."""
    import soundfile

    top, samples = 0.0, 0
    with soundfile.SoundFile(result) as file:
        for block in file.blocks(media.BLOCK, dtype="float32"):
            top = max(top, _highest(block))
            samples += len(block)
    return levels.dbfs(top), samples
