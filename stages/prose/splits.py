"""Train, valid and test by work, so that nothing of a held-out work is learned; and what is in two of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from stages.files import sha256
from stages.params import Params
from stages.prose.shingles import Grams

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
NEEDED = 3  # works


class Shares(Params):
    """How works are dealt out."""

    valid: float = Field(ge=0, lt=0.5)  # share of the works, rounded up
    test: float = Field(ge=0, lt=0.5)
    min_test_words: int = Field(ge=1)  # words kept in all works of test together: style measures need so many
    shared_run: int = Field(ge=2)  # words; what has such a run in common with a held-out text is not learned
    seed: int


class TooFew(Exception):  # noqa: N818  what was found, not a programming error
    """Works that can't be split; says what is needed."""


def assign(sizes: Mapping[str, int], shares: Shares) -> dict[str, Split]:
    """The split of each work in `sizes`, which gives its words.

    The longest work is in train. The others stand in the order of the hashes of their names: test takes from the front
    as many works as its share, rounded up, and more until it has `min_test_words`; valid takes its share, rounded up,
    from the back; each has one at least, and one is left for the other.

    A new work may move others: its place in the order and the rounded numbers shift each of the two borders by at most
    one work. Only where words decide how many test takes can a long work take the place of several, and a new longest
    work sends the longest before it among the others. Raises TooFew if that can't be.
    """
    if len(sizes) < NEEDED:
        raise TooFew(
            f"has {len(sizes)} works with kept paragraphs, expected at least {NEEDED}: one each to train on, "
            "to validate and to test"
        )
    longest = max(sorted(sizes), key=lambda work: sizes[work])
    order = sorted((work for work in sorted(sizes) if work != longest), key=lambda work: _place(work, shares.seed))
    asked = min(_rounded_up(shares.test, len(sizes)), len(order) - 1)
    tested, words = 0, 0
    while tested < len(order) - 1 and (tested < asked or words < shares.min_test_words):
        words += sizes[order[tested]]
        tested += 1
    if words < shares.min_test_words:
        raise TooFew(
            f"has {words} kept words to test on beside one work each for train and valid, expected "
            f"{shares.min_test_words}; add works or lower min_test_words"
        )
    validated = min(_rounded_up(shares.valid, len(sizes)), len(order) - tested)
    held_out: dict[str, Split] = dict.fromkeys(order[:tested], "test")
    held_out |= dict.fromkeys(order[len(order) - validated :], "valid")
    return {work: held_out.get(work, "train") for work in sorted(sizes)}


def _rounded_up(share: float, count: int) -> int:
    """How many of `count` works a share is, one at least. What floats add to a whole number makes it no more."""
    return max(math.ceil(share * count - 1e-9), 1)


def _place(work: str, seed: int) -> float:
    """A number in [0, 1) that depends on the name of `work` and `seed` only."""
    return int(sha256(f"{seed}:{work}".encode("utf-8", "surrogatepass"))[:13], 16) / 16**13


def leaking(texts: Mapping[Split, Sequence[str]], shared_run: int) -> dict[Split, list[bool]]:
    """Which texts of train share a run with valid or test, and which of valid with test."""
    held_out = Grams.of([*texts["valid"], *texts["test"]], shared_run)
    return {
        "train": held_out.shared(texts["train"]),
        "valid": Grams.of(texts["test"], shared_run).shared(texts["valid"]),
        "test": [False] * len(texts["test"]),
    }


def shared_grams(texts: Mapping[Split, Sequence[str]], n: int) -> int:
    """How many different runs of `n` words train shares with the others, and valid with test."""
    held_out = Grams.of([*texts["valid"], *texts["test"]], n)
    return held_out.count(texts["train"]) + Grams.of(texts["test"], n).count(texts["valid"])
