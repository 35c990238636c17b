"""The corpus that is shipped: the keeper's works, what they are in plain prose, and the clerk's."""

from functools import cache

from stages.prose.rules import neutralized
from stages.prose.text import words
from tests.conftest import ROOT

RAW = ROOT / "data" / "prose" / "raw"
HELD_OUT = ("on-the-keeping-of-logs", "the-man-in-the-green-boat")  # an essay and a tale


def paragraphs(author: str) -> dict[str, list[str]]:
    """The paragraphs of each work of `author`, without headings."""
    return {
        path.stem: [text for text in path.read_text().split("\n\n") if len(words(text)) >= 20]
        for path in sorted((RAW / author).glob("*.txt"))
    }


@cache
def plain() -> dict[str, list[str]]:
    """The keeper's works in plain prose."""
    return {work: [neutralized(text, "standard") for text in texts] for work, texts in paragraphs("keeper").items()}


def train(works: dict[str, list[str]]) -> dict[str, list[str]]:
    """Those of `works` that aren't held out."""
    return {work: texts for work, texts in works.items() if work not in HELD_OUT}


def flat(works: dict[str, list[str]]) -> list[str]:
    """The paragraphs of all works."""
    return [text for texts in works.values() for text in texts]


def groups() -> dict[str, list[str]]:
    """What Delta compares."""
    clerk = flat(paragraphs("clerk"))
    return {"author": flat(train(paragraphs("keeper"))), "source": flat(train(plain())), "clerk": clerk}


def held_out() -> list[str]:
    """The keeper's held-out paragraphs."""
    return [text for work in HELD_OUT for text in paragraphs("keeper")[work]]


def plain_held_out() -> list[str]:
    """The same in plain prose."""
    return [text for work in HELD_OUT for text in plain()[work]]
