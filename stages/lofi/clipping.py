"""How much of a recording is clipped: flat runs at the ceiling that a wave was cut off at.

Counted at the rate of the file, before anything is resampled, block by block. A full-scale sine has none: where its
top is flat it is broad, and next to a run the wave is hardly lower.
"""

from dataclasses import dataclass, field

import numpy as np

from stages.lofi.media import Samples

LSB = 1 / 32768  # of 16 bits
DROP = 16 * LSB  # what a wave that was cut off falls by beside the run, at least
RUN = 2  # samples


@dataclass
class Side:
    """The ceiling of one channel above or below zero, and the samples that are clipped there."""

    ceiling: float = 0.0
    clipped: int = 0


@dataclass
class Clipping:
    """Counts clipped samples as blocks come. `beyond` is for lossy sources: they go over full scale where they were."""

    channels: int
    beyond: bool
    samples: int = field(default=0, init=False)  # of all channels
    over: int = field(default=0, init=False)
    _sides: list[tuple[Side, Side]] = field(init=False)

    def __post_init__(self) -> None:
        self._sides = [(Side(), Side()) for _ in range(self.channels)]

    def add(self, block: Samples) -> None:
        """Count in `block`, shape (samples, channels)."""
        self.samples += block.size
        if self.beyond:
            self.over += int(np.count_nonzero(np.abs(block) >= 1))
        for channel, sides in enumerate(self._sides):
            wave = block[:, channel]
            if len(wave):
                for side, signed in zip(sides, (wave, -wave)):
                    _count(side, signed)

    @property
    def ratio(self) -> float:
        """Clipped samples over all, from 0 to 1."""
        flat = sum(side.clipped for sides in self._sides for side in sides)
        return max(flat, self.over) / self.samples if self.samples else 0.0


def _count(side: Side, wave: Samples) -> None:
    """Add the flat runs of `wave` at the ceiling, which a higher sample raises."""
    top = float(wave.max(initial=0.0))
    if top > side.ceiling:
        side.ceiling, side.clipped = top, 0
    if top < side.ceiling or top <= 0:
        return
    at = np.flatnonzero(wave == np.float32(side.ceiling))
    breaks = np.flatnonzero(np.diff(at) != 1) + 1
    starts = at[np.concatenate([[0], breaks])]
    ends = at[np.concatenate([breaks - 1, [len(at) - 1]])] + 1
    before = wave[np.maximum(starts - 1, 0)]
    after = wave[np.minimum(ends, len(wave) - 1)]
    drop = side.ceiling - np.minimum(before, after)
    lengths = ends - starts
    side.clipped += int(lengths[(lengths >= RUN) & (drop > DROP)].sum())
