"""Which rows make up each optimizer step: a pure function of the rows' lengths, the seed and the epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.lora import packing
from stages.lora.rows import Row

# Widths are padded up to a multiple of this: each new width is traced anew, each padded token computed in vain.
WIDTH_STEP = 32

Line = tuple[int, ...]  # row numbers; one, unless rows are packed
Batch = tuple[Line, ...]
Step = tuple[Batch, ...]  # the micro-batches whose gradients are added up


@dataclass(frozen=True)
class Arrays:
    """A micro-batch as the model takes it; all [lines, width]. Where no row lies all is zero, `rows` excepted."""

    inputs: NDArray[np.int32]
    nexts: NDArray[np.int32]  # the token that follows
    weights: NDArray[np.float32]  # 1 where that token is a target, else 0
    rows: NDArray[np.int32]  # which row of its line a token is of; -1 for none
    positions: NDArray[np.int32]  # place in its row


def plan(
    lengths: Sequence[int], batch_rows: int, accumulation: int, seed: int, epoch: int, packed: int | None = None
) -> list[Step]:
    """The steps of one epoch: each row in exactly one line of one micro-batch.

    A micro-batch holds `batch_rows` lines and a step `accumulation` micro-batches, but for the last of each. A line is
    a row, those of like length together; or rows that share `packed` positions. Rows of one width are shuffled, and so
    are the steps. The number of steps is the same in each epoch.
    """
    rng = np.random.default_rng([seed, epoch])
    shuffled = [int(row) for row in rng.permutation(len(lengths))]
    lines: list[Line]
    if packed is None:
        # the sort is stable: rows of one width stay shuffled
        lines = [(row,) for row in sorted(shuffled, key=lambda row: width(lengths[row]))]
    else:
        found = packing.lines([lengths[row] - 1 for row in shuffled], packed)
        lines = [tuple(shuffled[place] for place in found[number]) for number in rng.permutation(len(found))]
    batches = [tuple(lines[start : start + batch_rows]) for start in range(0, len(lines), batch_rows)]
    steps = [tuple(batches[start : start + accumulation]) for start in range(0, len(batches), accumulation)]
    return [steps[number] for number in rng.permutation(len(steps))]


def width(length: int) -> int:
    """Positions that a row of `length` tokens takes in a batch: its last token is only a target."""
    return max(-(-(length - 1) // WIDTH_STEP), 1) * WIDTH_STEP


def arrays(lines: Sequence[Sequence[Row]], count: int, wide: int | None = None) -> Arrays:
    """The rows of `lines`, those of a line end to end, as `count` lines `wide` positions wide.

    If None, as wide as the longest line needs. Lines that are missing are empty.
    """
    longest = max(sum(len(row.ids) - 1 for row in line) for line in lines)
    shape = (count, wide or width(longest + 1))
    inputs, nexts, weights = np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    numbers, positions = np.full(shape, -1, np.int32), np.zeros(shape, np.int32)
    for line, rows in enumerate(lines):
        start = 0
        for number, row in enumerate(rows):
            end = start + len(row.ids) - 1
            inputs[line, start:end] = row.ids[:-1]
            nexts[line, start:end] = row.ids[1:]
            weights[line, start + row.first - 1 : end] = 1
            numbers[line, start:end] = number
            positions[line, start:end] = np.arange(end - start)
            start = end
    return Arrays(inputs, nexts, weights, numbers, positions)
