"""Loudness and true peak of a stereo track, by ITU-R BS.1770-5 and EBU R128."""

import numpy as np
from numpy.typing import NDArray

from stages.lofi.media import Samples

OFFSET = -0.691  # LUFS; BS.1770-5, equation 2
ABSOLUTE, RELATIVE = -70.0, -10.0  # gates: LUFS, and LU below what is over the first
BLOCK_S, HOP_S = 0.4, 0.1
OVERSAMPLING = 4  # BS.1770-5, annex 2, at 48 kHz
REACH, BETA = 16, 8.0  # of the filter that oversamples: samples on each side, and the shape of its Kaiser window
NEAR = 0.7  # of the highest sample
STRETCH = 480_000  # samples that are looked at together
CHUNK = 8192  # peaks that are oversampled at a time
# K-weighting at 48 kHz: a high shelf for the head, a high pass for the ear (BS.1770-5, tables 1 and 2).
RATE_HZ = 48_000
K_WEIGHTING = np.array(
    [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)


def integrated_lufs(stereo: Samples) -> float:
    """Gated loudness of `stereo`, shape (samples, 2) at 48 kHz; -inf if nothing is over the gate of -70 LUFS."""
    power = _power(stereo)
    loud = power[_lufs(power) > ABSOLUTE]
    if not len(loud):
        return float("-inf")
    gate = float(_lufs(loud.mean(keepdims=True))[0]) + RELATIVE
    return float(_lufs(loud[_lufs(loud) > gate].mean(keepdims=True))[0])


def _power(stereo: Samples) -> NDArray[np.float64]:
    """K-weighted mean square of both channels together, in blocks of 400 ms that begin every 100 ms."""
    from scipy.signal import sosfilt

    hop, count = round(HOP_S * RATE_HZ), round(BLOCK_S / HOP_S)
    sums = np.zeros(len(stereo) // hop)
    state = np.zeros((len(K_WEIGHTING), 2, 2))
    for first in range(0, len(sums), 100):  # ten seconds at a time: the filter's output is twice as large as its input
        part = stereo[first * hop : min(first + 100, len(sums)) * hop]
        weighted, state = sosfilt(K_WEIGHTING, part, axis=0, zi=state)
        parts = weighted.T.reshape(2, -1, hop)  # in memory one side after the other
        sums[first : first + 100] = np.einsum("cfs,cfs->f", parts, parts)
    if len(sums) < count:
        return np.zeros(0)
    windows: NDArray[np.float64] = np.convolve(sums, np.ones(count), "valid") / (hop * count)
    return windows


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        found: NDArray[np.float64] = OFFSET + 10 * np.log10(power)
    return found


def true_peak_dbtp(stereo: Samples) -> float:
    """Highest sample of `stereo`, shape (samples, 2) at 48 kHz, after fourfold oversampling, in dB; silence gives -inf.

    Only around samples that are higher than their neighbours and within 3 dB of the highest one: between others a wave
    rises over it only if it is mostly above 12 kHz.
    """
    peak = max(float(stereo.max(initial=0.0)), -float(stereo.min(initial=0.0)))
    if not peak:
        return float("-inf")
    highest = peak
    for first in range(0, len(stereo), STRETCH):
        begin = max(first - REACH - 1, 0)
        part = stereo[begin : first + STRETCH + REACH + 1]
        highest = max(highest, _between(part, first - begin, peak * NEAR))
    return float(20 * np.log10(highest))


def _between(stereo: Samples, first: int, least: float) -> float:
    """The highest point between samples of `stereo` near those over `least`, a stretch from `first` on; 0 if none."""
    flat = np.ascontiguousarray(stereo).reshape(-1)  # left and right by turns: neighbours are two apart
    inner = flat[2 * first : 2 * (first + STRETCH)]
    high = np.flatnonzero((inner > np.float32(least)) | (inner < np.float32(-least))) + 2 * first
    level = np.abs(flat[high])
    beside = [np.abs(flat[np.clip(high + step, 0, len(flat) - 1)]) for step in (-2, 2)]
    high = high[(level >= beside[0]) & (level >= beside[1])]
    steps = 2 * np.arange(-REACH, REACH + 1)
    highest = 0.0
    for begin in range(0, len(high), CHUNK):
        at = high[begin : begin + CHUNK, None] + steps
        around = np.where((at >= 0) & (at < len(flat)), flat.take(at, mode="clip"), np.float32(0))
        found = np.einsum("nt,tp->np", around, INTERPOLATION)
        highest = max(highest, float(np.abs(found).max()))
    return highest


def _interpolation() -> NDArray[np.float32]:
    """Weights of the samples around one for the points a quarter, a half and three quarters before and behind it.

    A sinc under a Kaiser window, shape (taps, points).
    """
    points = np.array([place / OVERSAMPLING for place in range(1 - OVERSAMPLING, OVERSAMPLING) if place])
    away = np.arange(-REACH, REACH + 1)[:, None] - points
    window = np.i0(BETA * np.sqrt(np.maximum(1 - np.square(away / REACH), 0))) / np.i0(BETA)
    found: NDArray[np.float32] = (np.sinc(away) * window).astype(np.float32)
    return found


INTERPOLATION = _interpolation()
