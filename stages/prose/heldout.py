"""What a model of an author's style is measured on: held-out rows, and the texts that they are held against."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stages.files import read_jsonl
from stages.prose import persona
from stages.prose.delta import AUTHOR, SOURCE
from stages.prose.persona import Recipe
from stages.prose.request import VARIANT
from stages.prose.rules import neutralized
from stages.prose.shingles import Grams, longest_run
from stages.prose.text import words
from stages.run import StageError
from stages.workers import map_items

COPIED = 8  # words: the author's own held-out text shares a run so long with the training text once in 5,000 (facts)

Json = dict[str, Any]


@dataclass(frozen=True)
class Memory:
    """What a model might know by heart."""

    texts: Sequence[str]
    grams: Grams

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Memory":
        """Texts that it was trained on."""
        different = list(dict.fromkeys(texts))
        return cls(different, Grams.of(different, COPIED))

    def copy_rate(self, texts: Sequence[str]) -> float | None:
        """Share of all runs of COPIED words in `texts` that it has, from 0 to 1; None if they have no such run."""
        counts = [max(len(words(text)) - COPIED + 1, 0) for text in texts]
        copied = sum(count * self.grams.share(text) for count, text in zip(counts, texts))
        return copied / sum(counts) if sum(counts) else None

    def longest_run(self, text: str) -> int | None:
        """Words of the longest run that it has in common with `text`; None if that has no words."""
        return longest_run(text, self.texts) if words(text) else None


@dataclass(frozen=True)
class Data:
    """What a model is measured on, and what its outputs are held against."""

    rows: Sequence[Json]  # of test, to rewrite
    works: Mapping[str, Sequence[str]]  # paragraphs of the author's in train
    held_out: Sequence[str]  # paragraphs of the author's works in test
    plain: Mapping[str, Sequence[str]]  # `works` in plain prose, or what there is of it
    plain_of: str  # what `plain` was made of
    references: Mapping[str, Sequence[str]]  # paragraphs by author
    targets_learned: Memory
    sources_learned: Memory  # by an adapter as what is asked; a tiny base has learned to write them
    recipe: Recipe

    @property
    def sources(self) -> list[str]:
        """Of the rows."""
        return [row["source"] for row in self.rows]

    @property
    def targets(self) -> list[str]:
        """Of the rows: what the author wrote."""
        return [persona.target_of(row) for row in self.rows]

    @property
    def all_plain(self) -> list[str]:
        """Of all works."""
        return flat(self.plain)

    def groups(self, without: str = "") -> dict[str, Sequence[str]]:
        """What Delta compares: the author, plain prose of the same works and the references, one work left out."""
        own, plain = ({work: one for work, one in of.items() if work != without} for of in (self.works, self.plain))
        return {**self.references, AUTHOR: flat(own), SOURCE: flat(plain)}


def flat(works: Mapping[str, Sequence[str]]) -> list[str]:
    """The texts of all works."""
    return [text for texts in works.values() for text in texts]


def read_data(dataset: Path, curated: Path, most: int) -> Data:
    """What to measure on and with, at most `most` rows of it. Raises StageError if there are no test rows to rewrite.

    Rewritten are rows in the author's own person whose source is standard plain prose, as in use. Plain prose of train
    is made anew of all paragraphs where rules made the sources: the kept rows are those in which little of the author
    was left. Other rewriters aren't asked again: theirs is what the rows have.
    """
    recipe = persona.check_recipe(dataset)
    train, test = (read_jsonl(dataset / f"{split}.jsonl") for split in ("train", "test"))
    rows = _usual(test)
    if not rows:
        raise StageError(
            f"{dataset}/test.jsonl has no row of type original, perspective as_written and variant standard; "
            "give the test split more text, or more of its pairs (prose.rewrite)"
        )
    works: dict[str, list[str]] = {}
    held_out: list[str] = []
    references: dict[str, list[str]] = {}
    for paragraph in read_jsonl(curated / "paragraphs.jsonl"):
        match paragraph["split"]:
            case "train":
                works.setdefault(paragraph["work"], []).append(paragraph["text"])
            case "test":
                held_out.append(paragraph["text"])
            case "reference":
                author = paragraph["author"]
                # a folder may be called "author"
                name = f"reference {author}" if author in (AUTHOR, SOURCE) else author
                references.setdefault(name, []).append(paragraph["text"])
    plain, plain_of = _plain(works, train, recipe)
    places = np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))
    return Data(
        rows=[rows[place] for place in places],
        works=works,
        held_out=held_out,
        plain=plain,
        plain_of=plain_of,
        references=references,
        targets_learned=Memory.of(persona.target_of(row) for row in train),
        sources_learned=Memory.of(row["source"] for row in train),
        recipe=recipe,
    )


def _usual(rows: Iterable[Json]) -> list[Json]:
    usual = {"type": "original", "perspective": "as_written", "variant": VARIANT}
    return [row for row in rows if usual.items() <= row.items() and words(row["source"])]


def _plain(
    works: Mapping[str, Sequence[str]], train: Sequence[Json], recipe: Recipe
) -> tuple[dict[str, list[str]], str]:
    """The plain prose of `works`, and what it was made of."""
    if recipe.rewriter.get("backend") == "rules":
        one = partial(neutralized, variant=VARIANT, round_trip=bool(recipe.rewriter.get("round_trip")))
        texts = iter(map_items(one, flat(works), "neutralise"))
        return {work: [next(texts) for _ in paragraphs] for work, paragraphs in works.items()}, "all of train"
    found: dict[str, list[str]] = {}
    for row in _usual(train):
        found.setdefault(row["work"], []).append(row["source"])
    return found, "rows of train"
