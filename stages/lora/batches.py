"""Which rows make up each optimizer step: a pure function of the rows' lengths, the seed and the epoch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stages.lora.rows import Row

# Widths are padded up to a multiple of this: each new width is traced anew, each padded token computed in vain.
WIDTH_STEP = 32

Batch = tuple[int, ...]  # row numbers
Step = tuple[Batch, ...]  # the micro-batches whose gradients are added up


def plan(lengths: Sequence[int], batch_rows: int, accumulation: int, seed: int, epoch: int) -> list[Step]:
    """The steps of one epoch: each row in exactly one micro-batch, rows of like length together.

    A micro-batch holds `batch_rows` rows and a step `accumulation` micro-batches, but for the last of each length.
    Rows of one width are shuffled, and so are the steps.
    """
    rng = np.random.default_rng([seed, epoch])
    shuffled = rng.permutation(len(lengths))
    widths = np.array([width(length) for length in lengths], np.int64)[shuffled]
    order = [int(row) for row in shuffled[np.argsort(widths, kind="stable")]]
    batches = [tuple(order[start : start + batch_rows]) for start in range(0, len(order), batch_rows)]
    steps = [tuple(batches[start : start + accumulation]) for start in range(0, len(batches), accumulation)]
    return [steps[number] for number in rng.permutation(len(steps))]


def steps_per_epoch(rows: int, batch_rows: int, accumulation: int) -> int:
    """How many steps `plan` makes of `rows` rows."""
    batches = -(-rows // batch_rows)
    return -(-batches // accumulation)


def width(length: int) -> int:
    """Positions that a row of `length` tokens takes in a batch: its last token is only a target."""
    return max(-(-(length - 1) // WIDTH_STEP), 1) * WIDTH_STEP


def arrays(rows: Sequence[Row], batch_rows: int) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """Inputs, next tokens and weights [batch_rows, width]; a weight is 1 where the next token is a target, else 0.

    Missing rows and the ends of short ones are zeros.
    """
    shape = (batch_rows, max(width(len(row.ids)) for row in rows))
    inputs, nexts, weights = np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    for line, row in enumerate(rows):
        count = len(row.ids) - 1
        inputs[line, :count] = row.ids[:-1]
        nexts[line, :count] = row.ids[1:]
        weights[line, row.first - 1 : count] = 1
    return inputs, nexts, weights
