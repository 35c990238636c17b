"""What a track looks like, small enough to be kept beside its measures: a spectrogram, and how high its wave goes."""

import base64
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.lofi import levels
from stages.lofi.media import Samples

COLUMNS, BANDS = 160, 48  # of a picture: time from left to right, pitch from the lowest band up
WINDOW, LOOKS = 2048, 3  # samples of a spectrum, and spectra of a column, which has seconds of a track
LOWEST_HZ, HIGHEST_HZ = 40.0, 20_000.0
RANGE_DB = 70.0  # below the loudest band everything is as dark

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Picture:
    """`spectrum` has shape (bands, columns), 255 for the loudest; `wave` (columns,) the highest sample, 255 for 1."""

    spectrum: Pixels
    wave: Pixels

    def text(self) -> str:
        """All of it as ASCII."""
        return base64.b64encode(self.spectrum.tobytes() + self.wave.tobytes()).decode()

    @classmethod
    def of_text(cls, text: str) -> "Picture":
        """The picture that `text` was made of."""
        data = np.frombuffer(base64.b64decode(text), np.uint8)
        return cls(data[:-COLUMNS].reshape(BANDS, COLUMNS), data[-COLUMNS:])


def picture(stereo: Samples, rate_hz: int) -> Picture | None:
    """The picture of `stereo`, shape (samples, 2) with full scale 1; None if it is shorter than a spectrum."""
    if len(stereo) < WINDOW:
        return None
    starts = np.linspace(0, len(stereo) - WINDOW, COLUMNS * LOOKS).astype(np.int64)
    around = np.lib.stride_tricks.sliding_window_view(stereo, WINDOW, axis=0)[starts]  # shape (looks, 2, WINDOW)
    mono = levels.mono(around[:, 0], around[:, 1]) * np.hanning(WINDOW).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(mono, axis=1)))
    bands = np.add.reduceat(power, _edges(rate_hz), axis=1)[:, :BANDS]
    columns = bands.reshape(COLUMNS, LOOKS, BANDS).mean(axis=1)
    top = float(columns.max())
    level = (
        10 * np.log10(np.maximum(columns / top, 10 ** (-RANGE_DB / 10))) if top else np.full(columns.shape, -RANGE_DB)
    )
    parts = stereo[: len(stereo) // COLUMNS * COLUMNS].reshape(COLUMNS, -1)
    high = np.maximum(parts.max(axis=1), -parts.min(axis=1))
    return Picture(_pixels(level.T / RANGE_DB + 1), _pixels(high))


def _edges(rate_hz: int) -> NDArray[np.int64]:
    """First bin of each band and of what is above: equal steps of pitch, but each at least one bin."""
    wanted = np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS + 1) * WINDOW / rate_hz
    edges = np.maximum.accumulate(np.round(wanted).astype(np.int64) - np.arange(BANDS + 1)) + np.arange(BANDS + 1)
    return np.minimum(edges, WINDOW // 2)


def _pixels(shares: NDArray[np.floating]) -> Pixels:
    """`shares` of 0 to 1 as bytes."""
    found: Pixels = np.round(np.clip(shares, 0, 1) * 255).astype(np.uint8)
    return found
