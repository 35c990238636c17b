"""Measures of a track that need no ear: silence, bandwidth, crest, and what is wrong with its channels."""

import numpy as np
from numpy.typing import NDArray

from stages.lofi.media import Samples

FRAME_S = 0.05
SILENT_DBFS = -60.0  # a frame below it is silent, after the gain that the track gets
DEAD_DB = -60.0  # a channel so far below the other one holds nothing
ANTIPHASE = -0.9  # correlation of both channels from which a mono speaker loses most of the sound
SEGMENT = 4096  # samples of a spectrum
AUDIBLE_DB = -70.0  # below the loudest band a band holds nothing but the codec's or the room's noise
BAND = 16  # bins that are looked at together


def dbfs(value: float) -> float:
    """`value`, of full scale 1, in dB; 0 gives -inf."""
    return float(20 * np.log10(value)) if value > 0 else float("-inf")


def frame_rms(stereo: Samples, rate_hz: int) -> NDArray[np.float32]:
    """Root mean square of frames of 50 ms of `stereo`, shape (samples, 2): energy averaged over the channels.

    Without the mean of each frame, so that a constant offset is silence. A rest shorter than a frame is left out.
    """
    size = round(FRAME_S * rate_hz)
    frames = stereo[: len(stereo) // size * size].reshape(-1, size, stereo.shape[1])
    mean = frames.mean(axis=1, dtype=np.float32)
    square = np.einsum("fsc,fsc->fc", frames, frames) / np.float32(size)
    found: NDArray[np.float32] = np.sqrt(np.maximum(square - np.square(mean), 0).mean(axis=1))
    return found


def silence_ratio(rms: NDArray[np.float32], gain: float) -> float:
    """Share of frames below -60 dBFS once the track has its gain; 1 if there are none."""
    return float(np.mean(rms * gain < 10 ** (SILENT_DBFS / 20))) if len(rms) else 1.0


def bandwidth_hz(stereo: Samples, rate_hz: int) -> float:
    """The frequency up to which the mean spectrum is within 70 dB of its loudest band: 16 kHz where an MP3 cuts off."""
    mono = stereo.mean(axis=1)
    count = len(mono) // SEGMENT
    if not count:
        return 0.0
    window = np.hanning(SEGMENT).astype(np.float32)
    # every eighth segment: what a track's codec cuts off it cuts off throughout
    frames = mono[: count * SEGMENT].reshape(count, SEGMENT)[:: max(min(8, count // 8), 1)] * window
    power = np.square(np.abs(np.fft.rfft(frames, axis=1))).mean(axis=0)[:-1].reshape(-1, BAND).mean(axis=1)
    loud = np.flatnonzero(power > power.max(initial=0.0) * 10 ** (AUDIBLE_DB / 10))
    return float((loud[-1] + 1) * BAND * rate_hz / SEGMENT) if len(loud) else 0.0


def channel_faults(stereo: Samples) -> list[str]:
    """What is wrong with the two channels: dead_channel, antiphase, dc_offset, in this order."""
    found = []
    power = np.einsum("sc,sc->c", stereo, stereo, dtype=np.float64) / max(len(stereo), 1)
    low, high = sorted(map(float, power))
    if high > 0 and low < high * 10 ** (DEAD_DB / 10):
        found.append("dead_channel")
    elif high > 0:
        product = float(np.einsum("s,s->", stereo[:, 0], stereo[:, 1], dtype=np.float64)) / len(stereo)
        if product / np.sqrt(low * high) < ANTIPHASE:
            found.append("antiphase")
    if len(stereo) and float(np.abs(stereo.mean(axis=0, dtype=np.float64)).max()) > 0.01:
        found.append("dc_offset")
    return found
