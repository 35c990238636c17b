"""Measures of a track that need no ear: silence, bandwidth, crest, and what is wrong with its channels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.lofi.media import Samples

FRAME_S = 0.05
SILENT_DBFS = -60.0  # a frame below it is silent, after the gain that the track gets
DEAD_DB = -60.0  # a channel so far below the other one holds nothing
OFFSET = 0.01  # mean of a channel from which it is a constant that lies under the sound
CANCELLED = 0.02  # of the energy of both sides: what their mean has at least, 0.25 if they are unlike, 0.5 if alike
ANTIPHASE = -0.9  # correlation of both channels from which a mono speaker loses most of the sound
SEGMENT = 4096  # samples of a spectrum
AUDIBLE_DB = -70.0  # below the loudest band a band holds nothing but the codec's or the room's noise
BAND = 16  # bins that are looked at together


def dbfs(value: float) -> float:
    """`value`, of full scale 1, in dB; 0 gives -inf."""
    return float(20 * np.log10(value)) if value > 0 else float("-inf")


@dataclass(frozen=True)
class Frames:
    """Sums over frames of 50 ms, each of shape (frames, 2) for left and right, but `product`, which is of both."""

    size: int  # samples of a frame
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    product: NDArray[np.float64]

    @property
    def rms(self) -> NDArray[np.float64]:
        """Root mean square of each frame, shape (frames,): energy averaged over the channels.

        Without the mean of each frame, so that a constant offset is silence.
        """
        power = self.squares / self.size - np.square(self.sums / self.size)
        found: NDArray[np.float64] = np.sqrt(np.maximum(power, 0).mean(axis=1))
        return found


def frames(stereo: Samples, rate_hz: int) -> Frames:
    """The frames of `stereo`, shape (samples, 2). A rest shorter than a frame is left out."""
    size = round(FRAME_S * rate_hz)
    parts = np.ascontiguousarray(stereo[: len(stereo) // size * size]).reshape(-1, size, 2)
    left, right = parts[..., 0], parts[..., 1]
    # both channels as one complex number are summed in one pass: numpy is slow along an axis of length two
    sums = parts.view(np.complex64)[..., 0].sum(axis=1)
    return Frames(
        size,
        np.stack([sums.real, sums.imag], axis=1).astype(np.float64),
        np.stack([np.einsum("fs,fs->f", side, side) for side in (left, right)], axis=1).astype(np.float64),
        np.einsum("fs,fs->f", left, right).astype(np.float64),
    )


def silence_ratio(rms: NDArray[np.float64]) -> float:
    """Share of frames below -60 dBFS; 1 if there are none."""
    return float(np.mean(rms < 10 ** (SILENT_DBFS / 20))) if len(rms) else 1.0


def mono(left: Samples, right: Samples) -> Samples:
    """The mean of both sides; where they cancel each other out, half their difference."""
    middle = (left + right) * np.float32(0.5)
    if _energy(middle) < CANCELLED * (_energy(left) + _energy(right)):
        return (left - right) * np.float32(0.5)
    return middle


def _energy(wave: Samples) -> float:
    return float(np.square(wave).sum(dtype=np.float64))


def bandwidth_hz(stereo: Samples, rate_hz: int) -> float:
    """The frequency up to which the mean spectrum is within 70 dB of its loudest band: 16 kHz where an MP3 cuts off."""
    count = len(stereo) // SEGMENT
    if not count:
        return 0.0
    # every eighth segment: what a track's codec cuts off it cuts off throughout
    segments = stereo[: count * SEGMENT].reshape(count, SEGMENT, 2)[:: max(min(8, count // 8), 1)]
    frames = mono(segments[..., 0], segments[..., 1]) * np.hanning(SEGMENT).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1))).mean(axis=0)[:-1].reshape(-1, BAND).mean(axis=1)
    loud = np.flatnonzero(power > power.max(initial=0.0) * 10 ** (AUDIBLE_DB / 10))
    return float((loud[-1] + 1) * BAND * rate_hz / SEGMENT) if len(loud) else 0.0


def channel_faults(found: Frames) -> list[str]:
    """What is wrong with the two channels: dead_channel, antiphase, dc_offset, in this order."""
    faults = []
    low, high = sorted(map(float, found.squares.sum(axis=0)))
    if high > 0 and low < high * 10 ** (DEAD_DB / 10):
        faults.append("dead_channel")
    elif high > 0 and float(found.product.sum()) / np.sqrt(low * high) < ANTIPHASE:
        faults.append("antiphase")
    if len(found.sums) and float(np.abs(found.sums.mean(axis=0)).max()) / found.size > OFFSET:
        faults.append("dc_offset")
    return faults
