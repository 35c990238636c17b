"""Loudness and true peak of a stereo track, by ITU-R BS.1770-5 and EBU R128."""

import numpy as np
from numpy.typing import NDArray

from stages.lofi.media import Samples

OFFSET = -0.691  # LUFS; BS.1770-5, equation 2
ABSOLUTE, RELATIVE = -70.0, -10.0  # gates: LUFS, and LU below what is over the first
BLOCK_S, HOP_S = 0.4, 0.1
OVERSAMPLING = 4  # BS.1770-5, annex 2, at 48 kHz
MARGIN = 32  # samples around a stretch that is oversampled, for the filter
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
        sums[first : first + 100] = np.square(weighted).reshape(-1, hop * 2).sum(axis=1)
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

    Only stretches that come near the highest sample are oversampled: elsewhere nothing can rise over them.
    """
    from scipy.signal import resample_poly

    peak = float(np.abs(stereo).max(initial=0.0))
    if not peak:
        return float("-inf")
    size = 4096
    highest = peak
    for first in range(0, len(stereo), size):
        part = stereo[max(first - MARGIN, 0) : first + size + MARGIN]
        # between samples a band-limited wave rises over its neighbours by less than 6 dB in music
        if np.abs(part).max() > peak / 2:
            highest = max(highest, float(np.abs(resample_poly(part, OVERSAMPLING, 1, axis=0)).max()))
    return float(20 * np.log10(highest))
