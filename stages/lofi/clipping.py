"""How much of a recording is clipped: flat runs at the ceiling that a wave was cut off at.

Counted at the rate of the file, before anything is resampled, block by block. A full-scale sine has none: where its
top is flat it is broad, and next to a run the wave is hardly lower.
"""

from dataclasses import dataclass, field

import numpy as np

from stages.lofi.media import Samples

LSB = 1 / 32768  # of 16 bits
DROP = 16 * LSB  # what a wave that was cut off falls by beside the run, at least
# In 8 bits the top of a sine is flat where it stays within a code, and three samples on it falls by four at most.
DROP_8_BIT = 4.5 / 128
# Two samples as high as each other are the top of any tone that is sampled evenly about its crest; three are of none.
RUN = 3


@dataclass
class Side:
    """The ceiling of one channel above or below zero, and the samples that are clipped there."""

    ceiling: float = 0.0
    clipped: int = 0
    open: int = 0  # samples of the run that the last block ended in, which the next one may go on with
    before: float = 0.0  # the sample before that run
    last: float | None = None  # of the last block

    def close(self, after: float, least: float) -> int:
        """The clipped samples of the open run, which `after` ends; the wave falls by more than `least` beside it."""
        drop = self.ceiling - min(self.before, after)
        return self.open if self.open >= RUN and drop > least else 0


@dataclass
class Clipping:
    """Counts clipped samples as blocks come. `beyond` is for lossy sources: they go over full scale where they were."""

    channels: int
    beyond: bool
    drop: float = DROP  # beside a run, at least
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
                    _count(side, signed, self.drop)

    @property
    def ratio(self) -> float:
        """Clipped samples over all, from 0 to 1."""
        flat = sum(side.clipped + side.close(side.ceiling, self.drop) for sides in self._sides for side in sides)
        return max(flat, self.over) / self.samples if self.samples else 0.0


def _count(side: Side, wave: Samples, least: float) -> None:
    """Add the flat runs of `wave` at the ceiling, which a higher sample raises; one at its end stays open."""
    top = float(wave.max(initial=0.0))
    if top > side.ceiling:
        side.ceiling, side.clipped, side.open = top, 0, 0
    at = np.flatnonzero(wave == np.float32(side.ceiling)) if side.ceiling > 0 else np.zeros(0, np.int64)
    goes_on = side.open > 0 and len(at) > 0 and at[0] == 0
    if not goes_on:
        side.clipped += side.close(float(wave[0]), least)
    earlier, side.open = (side.open if goes_on else 0), 0
    last, side.last = side.last, float(wave[-1])
    if not len(at):
        return
    breaks = np.flatnonzero(np.diff(at) != 1) + 1
    starts = at[np.concatenate([[0], breaks])]
    ends = at[np.concatenate([breaks - 1, [len(at) - 1]])] + 1
    lengths, before = ends - starts, wave[starts - 1]
    if starts[0] == 0:
        lengths[0] += earlier
        before[0] = side.before if goes_on else side.ceiling if last is None else last
    if ends[-1] == len(wave):
        side.open, side.before = int(lengths[-1]), float(before[-1])
        lengths, before, ends = lengths[:-1], before[:-1], ends[:-1]
    drop = side.ceiling - np.minimum(before, wave[ends])
    side.clipped += int(lengths[(lengths >= RUN) & (drop > least)].sum())
