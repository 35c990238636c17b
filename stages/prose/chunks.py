"""Paragraphs as chunks of whole sentences, of a length that is drawn for each."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from stages.prose.text import sentence_spans, words

OVERLAPPING = "train"  # the split whose chunks begin with sentences of the chunk before


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and where it stands."""

    paragraph: int  # index of its paragraph in the work
    text: str  # of the whole paragraph
    start: int  # in the paragraph
    end: int
    words: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole sentences of neighbouring paragraphs of one work, "\\n\\n" between the paragraphs."""

    work: str
    split: str
    number: int  # in the work, from 0
    text: str


@dataclass(frozen=True, slots=True)
class Left:
    """Sentences that are in no chunk."""

    work: str
    split: str
    reason: str  # long_sentence: more than the most words; short_chunk: too few words up to a border
    words: int
    start: str  # the first words, to find it


def chunks(
    paragraphs: Sequence[Mapping[str, Any]], least: int, most: int, overlap: int, seed: int
) -> tuple[list[Chunk], list[Left]]:
    """The chunks of rows of paragraphs.jsonl, work by work, and what is in none.

    Each has `least` to `most` words. A missing index, like another work, is a border that no chunk goes over. In train
    a chunk begins with the last `overlap` sentences of the chunk before, or fewer where they would make it longer than
    `most`, unless a border is between them; without them it has at least `least` words too. Lengths are drawn between
    both bounds; as few words as can be are left over. What becomes of a work owes nothing to the others.
    """
    found: list[Chunk] = []
    left: list[Left] = []
    rows = sorted(paragraphs, key=lambda row: (row["work"], row["index"]))
    for (work, split), members in groupby(rows, key=lambda row: (row["work"], row["split"])):
        rng = random.Random(f"{seed}:{work}")
        number = 0
        for run in _runs(list(members)):
            for stretch in _stretches(run, most):
                if stretch[0].words > most:
                    left.append(Left(work, split, "long_sentence", stretch[0].words, _start(stretch[0])))
                    continue
                cuts, lost = _cut(stretch, least, most, overlap if split == OVERLAPPING else 0, rng)
                for first, last in cuts:
                    found.append(Chunk(work, split, number, _text(stretch[first:last])))
                    number += 1
                for first, last in lost:
                    count = sum(sentence.words for sentence in stretch[first:last])
                    left.append(Left(work, split, "short_chunk", count, _start(stretch[first])))
    return found, left


def _runs(paragraphs: Sequence[Mapping[str, Any]]) -> Iterator[list[Sentence]]:
    """The sentences of paragraphs that follow each other without a gap."""
    for _, members in groupby(enumerate(paragraphs), key=lambda item: item[1]["index"] - item[0]):
        yield [
            Sentence(row["index"], row["text"], start, end, len(words(row["text"][start:end])))
            for _, row in members
            for start, end in sentence_spans(row["text"])
        ]


def _stretches(run: Sequence[Sentence], most: int) -> Iterator[list[Sentence]]:
    """The parts of `run` between sentences that are too long, and those, each on its own."""
    for long, members in groupby(run, key=lambda sentence: sentence.words > most):
        part = list(members)
        yield from ([one] for one in part) if long else [part]


def _cut(
    sentences: Sequence[Sentence], least: int, most: int, overlap: int, rng: random.Random
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Where chunks begin and end in `sentences`, overlap included, and the parts that are in none."""
    count = len(sentences)
    before = [0]  # words before each sentence
    for sentence in sentences:
        before.append(before[-1] + sentence.words)

    def ends(start: int) -> range:
        """The ends that make a chunk of a right length from `start`."""
        first = start
        while first <= count and before[first] - before[start] < least:
            first += 1
        last = first
        while last <= count and before[last] - before[start] <= most:
            last += 1
        return range(first, last)

    possible = [ends(start) for start in range(count)]
    lost = [0] * (count + 1)  # the fewest words from each sentence on that no cutting saves
    for start in reversed(range(count)):
        lost[start] = min([sentences[start].words + lost[start + 1], *(lost[end] for end in possible[start])])

    cuts: list[tuple[int, int]] = []
    dropped: list[tuple[int, int]] = []
    start = 0
    joined = False  # whether a chunk ends where the next begins
    while start < count:
        good = [end for end in possible[start] if lost[end] == lost[start]]
        if not good:
            dropped.append((dropped.pop()[0] if dropped and dropped[-1][1] == start else start, start + 1))
            start, joined = start + 1, False
            continue
        target = rng.randint(least, most)
        options = [(_with_overlap(before, start, end, overlap if joined else 0, most), end) for end in good]
        begin, end = min(
            options, key=lambda option: (option[0], abs(before[option[1]] - before[option[0]] - target), option[1])
        )
        cuts.append((begin, end))
        start, joined = end, True
    return cuts, dropped


def _with_overlap(before: Sequence[int], start: int, end: int, overlap: int, most: int) -> int:
    """Where a chunk begins that has as much of `overlap` sentences before `start` as `most` words allow."""
    begin = max(start - overlap, 0)
    while before[end] - before[begin] > most:
        begin += 1
    return begin


def _text(sentences: Sequence[Sentence]) -> str:
    """The sentences as they stand in their paragraphs."""
    parts = []
    for _, members in groupby(sentences, key=lambda sentence: sentence.paragraph):
        part = list(members)
        parts.append(part[0].text[part[0].start : part[-1].end])
    return "\n\n".join(parts)


def _start(sentence: Sentence) -> str:
    return " ".join(sentence.text[sentence.start : sentence.end].split()[:8])
