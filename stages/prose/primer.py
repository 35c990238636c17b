"""Write rows that teach a tiny base to read: it is asked as the adapter will be, and repeats the passage it is given.

Most have words drawn at random: nothing in them can be guessed or learned by heart, and what is left to learn is to
look back and copy. The others are running text, long and short, in which words and phrases come again. A base from the
hub can do that already; a tiny one that was trained on stories alone never learns it, and an adapter on it
writes stories of its own instead of rewriting those it is given.
"""

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from pydantic import Field, model_validator

from stages.files import read_jsonl, write_jsonl
from stages.lora.recipe import pass_on_recipe
from stages.params import Params
from stages.prose import persona
from stages.prose.persona import Recipe
from stages.run import StageError, run


class PrimerParams(Params):
    """How many rows, and how long their passages are."""

    rows: int = Field(ge=2)
    valid_rows: int = Field(ge=1)
    min_words: int = Field(ge=1)  # of a passage
    short_words: int = Field(ge=1)  # up to here most of them: copying is learned on short ones first
    max_words: int = Field(ge=1)
    text_share: float = Field(ge=0, le=1)  # of the passages, those of running text
    long_share: float = Field(ge=0, le=1)  # of these, those of short_words to max_words
    asked_share: float = Field(ge=0, le=1)  # of the rows, those with the whole request; the others have passages alone
    seed: int

    @model_validator(mode="after")
    def _ordered(self) -> "PrimerParams":
        if not self.min_words <= self.short_words <= self.max_words:
            raise ValueError(
                f"min_words {self.min_words} <= short_words {self.short_words} <= max_words {self.max_words}"
            )
        return self


def primer(dataset: Path, primed: Path, params: PrimerParams) -> dict[str, object]:
    """Write `primed`/train.jsonl and valid.jsonl, of words of the training rows in `dataset`, and its recipe.

    Random words are those of sources and targets, running text is that of the plain sources.

    Raises StageError if `dataset` has no rows to train on, or its recipe isn't this code's.
    """
    recipe = persona.check_recipe(dataset)
    rows = read_jsonl(dataset / "train.jsonl")
    if not rows:
        raise StageError(f"{dataset}/train.jsonl has no rows; see why prepare left them out")
    # what stands between spaces, so that marks are copied with their words; a text counts once
    texts = dict.fromkeys(text for row in rows for text in (row["source"], persona.target_of(row)))
    pool = [word for text in texts for word in text.split()]
    plain = [word for text in dict.fromkeys(row["source"] for row in rows) for word in text.split()]
    made = {}
    for split, count in (("train", params.rows), ("valid", params.valid_rows)):
        rng = Random(persona.row_seed(params.seed, split))
        made[split] = [_row(pool, plain, rng, recipe, params) for _ in range(count)]
        write_jsonl(primed / f"{split}.jsonl", [row for row, _ in made[split]])
    pass_on_recipe(dataset, primed)
    lengths = [words for _, words in made["train"]]
    return {
        **{f"rows_{split}": len(found) for split, found in made.items()},
        "words": sum(lengths),
        "words_mean": round(sum(lengths) / len(lengths), 2),
        "different_words": len(set(pool)),
    }


def _row(
    pool: list[str], plain: list[str], rng: Random, recipe: Recipe, params: PrimerParams
) -> tuple[dict[str, Any], int]:
    """A row, and the words of its passage."""
    is_text = rng.random() < params.text_share
    is_long = is_text and rng.random() < params.long_share
    low, high = (params.short_words, params.max_words) if is_long else (params.min_words, params.short_words)
    count = low + int(rng.random() * (high - low + 1))
    if is_text:
        start = int(rng.random() * max(len(plain) - count, 1))
        words = plain[start : start + count]
    else:
        words = [pool[int(rng.random() * len(pool))] for _ in range(count)]
    passage = " ".join(words)
    seed = int(rng.random() * 2**31)
    request = persona.prompt(passage, count, 0.0, seed, recipe)
    if rng.random() >= params.asked_share:
        request = replace(request, instruction="")
    return persona.formatted(recipe.format, request, passage), len(words)


if __name__ == "__main__":
    raise SystemExit(run(primer))
