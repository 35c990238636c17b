"""Runs of words as 64-bit hashes, for whole corpora at once: what texts share, and how long it is.

Words are those of text.words. Two runs are taken for equal if their hashes are: of 100 million different runs some pair
collides with a probability of 0.0003.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.prose.text import WORD

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

BLOCK = 1 << 17  # characters that are hashed at a time: the arrays of more don't stay in the processor's cache
PREFILLED = 0x2500  # code points that are looked up from the start: European letters and all usual marks
FIRST_BITS = 20
APOSTROPHES = (0x27, 0x2019)
DOTTED_I = 0x130  # the one letter that is two in lower case
BASE = 0xD6E8FEB86659FD93  # odd, so that it has an inverse modulo 2^64
INVERSE = pow(BASE, -1, 1 << 64)


@dataclass(frozen=True)
class Words:
    """The words of some texts."""

    hashes: Hashes  # of each word, one text after the other
    borders: Places  # where in it each text begins, and where the last one ends: one more than there are texts
    starts: Places  # the first character of each word, in the texts joined by line feeds


class Grams:
    """The runs of n words that some texts hold, within a text each."""

    def __init__(self, hashes: Hashes, n: int) -> None:
        self.hashes = hashes  # ascending, each once
        self.n = n

    @classmethod
    def of(cls, texts: Sequence[str], n: int) -> "Grams":
        """Those of `texts`."""
        return cls(ascending(runs(hashed(texts), n)[0]), n)

    def share(self, text: str) -> float:
        """How many of the runs of `text` are among these, as a share of 1; 0.0 if it has none."""
        found, _ = runs(hashed([text]), self.n)
        return len(among(found, self.hashes)[0]) / len(found) if len(found) else 0.0

    def shared(self, texts: Sequence[str]) -> list[bool]:
        """Which of `texts` have at least one of these runs."""
        found, owners = runs(hashed(texts), self.n)
        sharing = np.zeros(len(texts), dtype=bool)
        sharing[owners[among(found, self.hashes)[0]]] = True
        return [bool(one) for one in sharing]

    def count(self, texts: Sequence[str]) -> int:
        """How many of these runs are in `texts`; each counts once."""
        found, _ = runs(hashed(texts), self.n)
        seen = np.zeros(len(self.hashes), dtype=bool)
        seen[among(found, self.hashes)[1]] = True
        return int(seen.sum())


def ascending(hashes: Hashes) -> Hashes:
    """Each of `hashes` once. (np.unique hashes them again, which takes longer than to sort them.)"""
    ordered = np.sort(hashes)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


def among(hashes: Hashes, known: Hashes) -> tuple[Places, Places]:
    """The places of those of `hashes` that are among the `known`, which ascend, and their places there."""
    if not len(known):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    # most are told by their first bits, without a search
    begins = np.zeros(1 << FIRST_BITS, dtype=bool)
    begins[known >> np.uint64(64 - FIRST_BITS)] = True
    places = np.flatnonzero(begins[hashes >> np.uint64(64 - FIRST_BITS)])
    nearest = np.minimum(np.searchsorted(known, hashes[places]), len(known) - 1)
    same = known[nearest] == hashes[places]
    return places[same], nearest[same]


def longest_run(text: str, texts: Sequence[str]) -> int:
    """Words in the longest run that `text` has in common with one of `texts`; 0 if they share no word."""
    mine, theirs = hashed([text]), hashed(texts)
    low, high = 0, len(mine.hashes)
    while low < high:  # a run that is shared holds shorter ones that are
        middle = (low + high + 1) // 2
        known = ascending(runs(mine, middle)[0])
        if len(among(runs(theirs, middle)[0], known)[0]):
            low = middle
        else:
            high = middle - 1
    return low


def runs(words: Words, n: int) -> tuple[Hashes, Places]:
    """The hash of each run of `n` words within a text, and which text it is of; in the order of the words."""
    if n < 1:
        raise ValueError(f"n is {n}, expected at least 1")
    lengths = np.diff(words.borders)
    owners = np.repeat(np.arange(len(lengths)), np.maximum(lengths - n + 1, 0))
    if not len(owners):
        return np.zeros(0, dtype=np.uint64), owners
    inside = np.ones(len(words.hashes) - n + 1, dtype=bool)  # runs that cross no border
    for step in range(1, n):
        ends = words.borders[1:-1] - step
        inside[ends[(ends >= 0) & (ends < len(inside))]] = False
    return _mixed(_slid(words.hashes, n)[inside]), owners


def _slid(hashes: Hashes, n: int) -> Hashes:
    """A polynomial of each `n` neighbours, from those of half as many."""
    if n == 1:
        return hashes
    half = _slid(hashes, n // 2)
    whole = half[: len(half) - n // 2] * np.uint64(pow(BASE, n // 2, 1 << 64)) + half[n // 2 :]
    return whole if n % 2 == 0 else whole[:-1] * np.uint64(BASE) + hashes[n - 1 :]


def whole(words: Words) -> Hashes:
    """One hash for all words of each text."""
    powers = _powers(BASE, len(words.hashes))
    sums = np.append(np.uint64(0), np.cumsum(words.hashes * powers, dtype=np.uint64))
    first, last = words.borders[:-1], words.borders[1:]
    inverses = np.append(_powers(INVERSE, len(words.hashes)), np.uint64(0))
    return _mixed((sums[last] - sums[first]) * inverses[first] + (last - first).astype(np.uint64))


def hashed(texts: Sequence[str]) -> Words:
    """The words of `texts` as hashes: letters, and apostrophes between them, in lower case."""
    none = np.zeros(0, dtype=np.int64)
    hashes, counts, places = [none.astype(np.uint64)], [np.zeros(1, dtype=np.int64)], [none]
    offset = 0
    for block in blocks([_per_letter(text) if "Σ" in text else text for text in texts]):
        of_block, starts = _hashed("\n" + "\n".join(block) + "\n")
        firsts = np.fromiter(accumulate((len(text) + 1 for text in block), initial=1), np.int64, len(block) + 1)
        hashes.append(of_block)
        counts.append(np.diff(np.searchsorted(starts, firsts)))
        places.append(starts + (offset - 1))
        offset += int(firsts[-1]) - 1
    return Words(np.concatenate(hashes), np.cumsum(np.concatenate(counts)), np.concatenate(places))


def only(words: Words, places: Sequence[int]) -> Words:
    """The words of the texts at `places`, which ascend."""
    lengths = np.diff(words.borders)
    chosen = np.zeros(len(lengths), dtype=bool)
    chosen[list(places)] = True
    of_chosen = np.repeat(chosen, lengths)
    # where in the chosen texts alone a word begins isn't asked
    return Words(words.hashes[of_chosen], np.append(0, np.cumsum(lengths[chosen])), words.starts[of_chosen])


def blocks(texts: Sequence[str]) -> Iterator[list[str]]:
    """Neighbours of at most BLOCK characters together, or one text alone."""
    block: list[str] = []
    size = 0
    for text in texts:
        if block and size + len(text) > BLOCK:
            yield block
            block, size = [], 0
        block.append(text)
        size += len(text) + 1
    if block:
        yield block


def _per_letter(text: str) -> str:
    """`text` with its words such that their lower case is that of each letter alone.

    What a capital sigma becomes depends on its place in the word, and a dotted I becomes two characters.
    """
    return WORD.sub(lambda match: match.group().lower().replace("i\N{COMBINING DOT ABOVE}", chr(DOTTED_I)), text)


def _hashed(text: str) -> tuple[Hashes, Places]:
    """The hash of each word in `text`, whose first and last character are of no word, and where it starts.

    The hash of characters i to k is the difference of two prefix sums of value x BASE^place, times BASE^-i.
    """
    codes = codes_of(text)
    letters = LETTERS.of(codes)
    letter = letters != 0
    marks = np.flatnonzero((codes == APOSTROPHES[0]) | (codes == APOSTROPHES[1]))
    joining = marks[letter[marks - 1] & letter[marks + 1]]
    letter[joining] = True
    letters[joining] = APOSTROPHES[0]
    edges = np.flatnonzero(letter[1:] != letter[:-1]) + 1
    starts, ends = edges[::2], edges[1::2]
    sums = np.cumsum(letters * _powers(BASE, len(letters)))
    return _mixed((sums[ends - 1] - sums[starts - 1]) * _powers(INVERSE, len(letters))[starts]), starts


class CodePoints:
    """A number for each code point, worked out when it is first met."""

    def __init__(self, number: Callable[[str], int], dtype: type[np.unsignedinteger[Any]]) -> None:
        self.number = number
        self.numbers: NDArray[Any] = np.zeros(0x110000, dtype=dtype)
        self.known = np.zeros(0x110000, dtype=bool)

    def of(self, codes: NDArray[np.uint32]) -> NDArray[Any]:
        """The number of each of `codes`."""
        if not self.known[0]:
            self._learn(range(PREFILLED))
        if len(codes) and codes.max() >= PREFILLED:
            rare = codes[codes >= PREFILLED]
            self._learn(np.unique(rare[~self.known[rare]]).tolist())
        return np.asarray(self.numbers[codes])

    def _learn(self, codes: Sequence[int]) -> None:
        self.numbers[list(codes)] = [self.number(chr(code)) for code in codes]
        self.known[list(codes)] = True


def codes_of(text: str) -> NDArray[np.uint32]:
    """The code points of `text`."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _letter(character: str) -> int:
    """A value that the two cases of a letter share, 0 for what is no letter of a word."""
    if not character.isalnum() or character.isdecimal():
        return 0
    return ord(character) if ord(character) == DOTTED_I else ord(character.lower())


LETTERS = CodePoints(_letter, np.uint32)
POWERS: dict[int, Hashes] = {}


def _powers(base: int, count: int) -> Hashes:
    """The first `count` powers of `base`, modulo 2^64."""
    if base not in POWERS or len(POWERS[base]) < count:
        factors = np.full(max(count, BLOCK + 2), base, dtype=np.uint64)
        factors[0] = 1
        POWERS[base] = np.cumprod(factors)
    return POWERS[base][:count]


def _mixed(values: Any) -> Hashes:
    """Each value with its bits spread over all 64: the finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
