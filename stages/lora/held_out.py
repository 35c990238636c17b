"""Held-out rows that a model and a copy of it are compared on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stages.lora.model import BATCH_LOGITS, Array, length_batches, padded
from stages.lora.parity import Parity, compare
from stages.lora.rows import Row, read, spread
from stages.params import Params
from stages.run import StageError

# Bytes that the kept logits may take: half the memory of a common laptop.
MOST_BYTES = 8 * 10**9

Scores = Callable[[NDArray[np.int32]], Array]  # ids [rows, tokens] to 32-bit logits [rows, tokens, vocabulary]


class HeldOut(Params):
    """The rows to compare on.

    The reference's logits of them are kept, so that two models are never in memory at once: 4 bytes for each row, token
    and entry of the vocabulary. Four rows of 512 tokens take 1.2 GB with the vocabulary of Qwen 2.5.
    """

    rows: int = Field(ge=1)  # rows of valid.jsonl, spread evenly over the file
    row_tokens: int = Field(ge=2)  # longer rows are cut here
    mask_prompt: bool  # compare where the answer is alone


@dataclass(frozen=True)
class Batch:
    """Rows of like length: what a model is given, what came next, and where that counts; each [rows, tokens]."""

    ids: NDArray[np.int32]
    targets: NDArray[np.int32]
    counted: NDArray[np.bool_]


def held_out(dataset: Path, tokenizer: Any, vocabulary: int, params: HeldOut) -> list[Batch]:
    """The rows of `dataset`/valid.jsonl that `params` choose, in batches for a model of `vocabulary` logits.

    Raises StageError if there is no such file, or no row with a target in it; and if the logits of so many rows and
    tokens could take more than MOST_BYTES.
    """
    size = params.rows * params.row_tokens * vocabulary * 4
    if size > MOST_BYTES:
        raise StageError(
            f"rows is {params.rows} and row_tokens {params.row_tokens}: with {vocabulary} logits a token that is up to "
            f"{size / 1e9:.1f} GB of memory, expected at most {MOST_BYTES / 1e9:g}; compare fewer rows or tokens"
        )
    path = dataset / "valid.jsonl"
    if not path.is_file():
        raise StageError(f"{path} is missing; {dataset} is not a dataset with held-out rows, which the gates need")
    found, _ = read(path, tokenizer, params.row_tokens, "cut", params.mask_prompt)
    if not found:
        raise StageError(f"{path} has no row with a target; the gates need some")
    return list(batches(spread(found, params.rows), vocabulary))


def batches(rows: Sequence[Row], vocabulary: int) -> Iterator[Batch]:
    """`rows` in batches of at most BATCH_LOGITS logits."""
    for batch in length_batches([len(row.ids) for row in rows], max(BATCH_LOGITS // vocabulary, 1)):
        ids = padded([rows[index].ids for index in batch])
        positions = np.arange(1, ids.shape[1])
        counted = np.array([(rows[at].first <= positions) & (positions < len(rows[at].ids)) for at in batch])
        yield Batch(ids[:, :-1], ids[:, 1:], counted)


def row_count(batches: Iterable[Batch]) -> int:
    """How many rows `batches` hold."""
    return sum(len(batch.ids) for batch in batches)


def scored(scores: Scores, batches: Iterable[Batch]) -> list[Array]:
    """The logits of each of `batches`, computed: they need the model no more."""
    import mlx.core as mx

    found = []
    for batch in batches:
        found.append(scores(batch.ids))
        mx.eval(found[-1])  # one batch at a time, or what it takes to compute them all would be in memory at once
    return found


def parity(reference: Sequence[Array], scores: Scores, batches: Sequence[Batch]) -> Parity:
    """Parity of `scores` with `reference`, the logits that scored() gave for the same `batches`."""
    found = (compare(logits, scores(one.ids), one.targets, one.counted) for logits, one in zip(reference, batches))
    return sum(found, Parity())
