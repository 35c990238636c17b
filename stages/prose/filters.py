"""Why a paragraph is not kept: the first reason that holds."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stages.params import Params
from stages.prose.shingles import CodePoints, Places, Words, blocks, codes_of
from stages.prose.text import Span, sentence_spans, words

SCRIPT, SHORT, ARTIFACTS, SPECIAL = "script", "short", "artifacts", "special_characters"
NO_SENTENCES, FRAGMENTS, REPETITION = "no_sentences", "fragments", "repetition"

USUAL = set("…†‡§") | {
    chr(code) for code in [*range(0x2010, 0x2016), *range(0x2018, 0x2020), 0x2E3A, 0x2E3B, 0xAB, 0xBB, 0x2039, 0x203A]
}
PLAIN_MARKS = set(".,;:!?'\"()[]-")
MARKS = ".!?…。！？"  # one of them ends a sentence that is whole
CLOSERS = "”’\"')]」』"
BUCKETS = 64


class Filters(Params):
    """What a paragraph must be to be kept. Shares are of 1."""

    min_words: int = Field(ge=1)
    other_script_share: float = Field(ge=0, le=1)  # of the letters, those that aren't Latin: the rules know English
    artifact_run: int = Field(ge=1)  # so many neighbours neither ASCII nor letters, dashes or quotes: a broken encoding
    special_share: float = Field(ge=0, le=1)  # of the characters, those that prose has little use for
    sentence_words: int = Field(ge=1)  # a sentence with fewer is a fragment
    min_sentences: int = Field(ge=0)  # so many that are no fragments
    fragment_share: float = Field(ge=0, le=1)  # of the sentences
    repetition_share: float = Field(ge=0, le=1)  # of the words, the most frequent one


def reasons(texts: Sequence[str], hashed: Words, filters: Filters) -> list[str]:
    """For each of `texts`, whose words are `hashed`, the first reason to drop it, or nothing."""
    counts = np.diff(hashed.borders)
    by_characters, has_sentences = _by_characters(texts, hashed, filters)
    repeating = _may_repeat(hashed, filters.repetition_share)
    found = []
    for place, (text, count) in enumerate(zip(texts, counts.tolist())):
        of_characters = by_characters.get(place, "")
        if of_characters == SCRIPT:
            found.append(SCRIPT)
        elif count < filters.min_words:
            found.append(SHORT)
        elif of_characters:
            found.append(of_characters)
        else:
            of_sentences = "" if has_sentences[place] else _by_sentences(text, filters)
            repeated = not of_sentences and repeating[place] and _repeats(text, filters.repetition_share)
            found.append(REPETITION if repeated else of_sentences)
    return found


def _by_sentences(text: str, filters: Filters) -> str:
    """What is wrong with the sentences of `text`, if anything is."""
    spans = sentence_spans(text)
    whole = whole_sentences(text, spans, filters.sentence_words)
    if whole < filters.min_sentences:
        return NO_SENTENCES
    return FRAGMENTS if len(spans) - whole > filters.fragment_share * len(spans) else ""


def _repeats(text: str, share: float) -> bool:
    found = words(text)
    return max(Counter(found).values()) > share * len(found)


def whole_sentences(text: str, spans: Sequence[Span], sentence_words: int) -> int:
    """How many of the sentences at `spans` are no fragments: they have so many words, and a mark that ends them."""
    begins = _beginning(sentence_words).match
    whole = [begins(text, start, end) is not None for start, end in spans]
    is_ended = text.rstrip(CLOSERS)[-1:] in tuple(MARKS)
    return sum(whole if is_ended else whole[:-1])


@cache
def _beginning(count: int) -> re.Pattern[str]:
    """What matches at the beginning of a text of at least `count` words."""
    # a possessive quantifier of a group may match too much before Python 3.11.5 (cpython #106052): atomic ones instead
    return re.compile(rf"(?:[\W\d_]*+[^\W\d_]++(?>(?:[’'][^\W\d_]++)*)){{{count}}}")


def _may_repeat(hashed: Words, share: float) -> NDArray[np.bool_]:
    """Which texts may have one word as more than `share` of all: with others that fall into its bucket they do."""
    counts = np.diff(hashed.borders)
    owners = np.repeat(np.arange(len(counts)), counts)
    buckets = owners * BUCKETS + (hashed.hashes % np.uint64(BUCKETS)).astype(np.int64)
    fullest = np.bincount(buckets, minlength=len(counts) * BUCKETS).reshape(len(counts), BUCKETS).max(axis=1, initial=0)
    return np.asarray(fullest > share * counts)


def _by_characters(texts: Sequence[str], hashed: Words, filters: Filters) -> tuple[dict[int, str], list[bool]]:
    """The places of the texts whose characters are no English prose, and why; and which texts surely have sentences."""
    found: dict[int, str] = {}
    sure: list[bool] = []
    offset = 0
    for block in blocks(texts):
        first, last = len(sure), len(sure) + len(block)
        codes = codes_of("\n".join([*block, ""]))
        kinds = KINDS.of(codes)
        starts = np.cumsum([0, *(len(text) + 1 for text in block)])
        found |= {first + place: reason for place, reason in _odd(block, starts, kinds, filters).items()}
        borders = hashed.borders[first : last + 1]
        of_words = hashed.starts[borders[0] : borders[-1]] - offset
        sure += _surely_sentences(codes, kinds, starts, of_words, borders - borders[0], filters)
        offset += len(codes)
    return found, sure


def _odd(texts: Sequence[str], starts: Places, kinds: NDArray[np.uint8], filters: Filters) -> dict[int, str]:
    """The places of the texts with too many odd characters, and why."""
    odd = np.flatnonzero(kinds & (STRANGE | FOREIGN | ARTIFACT))
    kinds = kinds[odd]
    owners = np.searchsorted(starts, odd, side="right") - 1

    def counted(kind: int) -> list[int]:
        counts: list[int] = np.bincount(owners[kinds & kind > 0], minlength=len(texts)).tolist()
        return counts

    broken = kinds & ARTIFACT > 0
    artifacts = set(_with_runs(odd[broken], owners[broken], filters.artifact_run))
    special, foreign = counted(STRANGE), counted(FOREIGN)
    found = {}
    for place in np.unique(owners).tolist():
        text = texts[place]
        if foreign[place] and foreign[place] > filters.other_script_share * sum(map(str.isalpha, text)):
            found[place] = SCRIPT
        elif place in artifacts:
            found[place] = ARTIFACTS
        elif special[place] > filters.special_share * len(text):
            found[place] = SPECIAL
    return found


def _surely_sentences(
    codes: NDArray[np.uint32],
    kinds: NDArray[np.uint8],
    starts: Places,
    words: Places,
    borders: Places,
    filters: Filters,
) -> list[bool]:
    """Which texts have sentences enough and not too many fragments for certain, without a look at each sentence.

    Every fragment holds a stretch between two marks with too few words. With f of these and e ends of sentences that
    are certain, there are at most f fragments in at least e + 1 sentences.
    """
    count = len(starts) - 1
    is_mark = kinds & MARK > 0
    last = np.maximum(starts[1:] - 2, 0)  # characters, before the line feeds
    quoted = (codes[last] == 0x201D) | (codes[last] == 0x2019)
    ended = is_mark[last] | (quoted & is_mark[np.maximum(last - 1, 0)])
    marks = np.flatnonzero(is_mark)
    owners = np.searchsorted(starts, marks, side="right") - 1
    until = np.searchsorted(words, marks)
    stretch = until - np.maximum(np.append(0, until)[:-1], borders[owners])
    adjacent = np.append(False, np.diff(marks) == 1)[: len(marks)]  # as in an ellipsis: no text between them
    short = (stretch < filters.sentence_words) & ~adjacent
    fragments = np.bincount(owners[short], minlength=count)
    ends = np.bincount(owners[_sure_ends(codes, marks)], minlength=count)
    few = fragments <= filters.fragment_share * (ends + 1)
    sure: list[bool] = (ended & few & (ends + 1 - fragments >= filters.min_sentences)).tolist()
    return sure


def _sure_ends(codes: NDArray[np.uint32], marks: Places) -> NDArray[np.bool_]:
    """Which of `marks` end a sentence for text.sentence_spans as well: before a capital, and no abbreviation's stop.

    No abbreviation that it knows has six small letters or a quote after its stop.
    """
    around = np.concatenate([np.zeros(6, np.uint32), codes, np.zeros(4, np.uint32)])
    at = marks + 6
    mark, one, two, three, four = (around[at + step] for step in range(5))
    closed = (one == 0x201D) | (one == 0x2019)
    blank = np.where(closed, two, one) == 0x20
    after, second = np.where(closed, three, two), np.where(closed, four, three)
    opens = np.where((after == 0x201C) | (after == 0x2018), second, after)
    capital = (opens >= 0x41) & (opens <= 0x5A)
    small = np.logical_and.reduce([(around[at - step] >= 0x61) & (around[at - step] <= 0x7A) for step in range(1, 7)])
    certain = (mark == 0x21) | (mark == 0x3F) | ((mark == 0x2E) & (closed | small))
    return np.asarray(blank & capital & certain)


def _with_runs(places: Places, owners: Places, length: int) -> list[int]:
    """The owners of `length` neighbouring `places`."""
    last, first = slice(length - 1, None), slice(max(len(places) - length + 1, 0))
    neighbours = (places[last] - places[first] == length - 1) & (owners[last] == owners[first])
    found: list[int] = owners[first][neighbours].tolist()
    return found


STRANGE, FOREIGN, ARTIFACT, MARK = 1, 2, 4, 8


def _kind(character: str) -> int:
    """What speaks against `character` in English prose, or that it may end a sentence."""
    if character in MARKS:
        return MARK if character in USUAL or character.isascii() else MARK | STRANGE | ARTIFACT
    if character.isalpha():
        latin = character.isascii() or unicodedata.name(character, "").startswith(("LATIN", "MODIFIER LETTER"))
        return 0 if latin else FOREIGN | ARTIFACT
    if character.isspace() or character in USUAL or character in PLAIN_MARKS or character.isdecimal():
        return 0
    return STRANGE if character.isascii() else STRANGE | ARTIFACT


KINDS = CodePoints(_kind, np.uint8)
