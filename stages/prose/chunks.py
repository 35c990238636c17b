"""Paragraphs as chunks of whole sentences, of a length that is drawn for each.

No chunk begins or ends within speech: what is said would be taken for narration, and narration for what is said, by
whatever reads the chunk alone. Speech of several paragraphs is cut between those where it opens its quote anew.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from stages.prose.text import Span, sentence_spans, speech_spans, unclear_speech, words

BREAK = "\n\n"  # between paragraphs
OVERLAPPING = "train"  # the split whose chunks begin with sentences of the chunk before
# After a paragraph whose speech stays open, what closes it: a quote before any that opens speech anew.
CLOSER = re.compile(r"[^“”«»\"]*(?:[”»]|(?<=\S)\"(?!\w))")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and where it stands."""

    paragraph: int  # index of its paragraph in the work
    text: str  # of the whole paragraph
    start: int  # in the paragraph
    end: int
    words: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Sentences that are in one chunk or in none: one, or all that a speech has a part of."""

    sentences: Sequence[Sentence]
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
    # long_sentence, long_speech: more than the most words, without a place to cut; short_chunk: too few up to a border
    reason: str
    words: int
    start: str  # the first words, to find it


def chunks(
    paragraphs: Sequence[Mapping[str, Any]], least: int, most: int, overlap: int, seed: int
) -> tuple[list[Chunk], list[Left]]:
    """The chunks of rows of paragraphs.jsonl, work by work, and what is in none.

    Each has `least` to `most` words. A missing index, like another work, is a border that no chunk goes over. In train
    a chunk begins with the last `overlap` sentences of the chunk before, or fewer where they would make it longer than
    `most` or begin within speech, unless a border is between them; without them it has at least `least` words too.
    Lengths are drawn between both bounds; as few words as can be are left over. What becomes of a work owes nothing to
    the others.
    """
    found: list[Chunk] = []
    left: list[Left] = []
    rows = sorted(paragraphs, key=lambda row: (row["work"], row["index"]))
    for (work, split), members in groupby(rows, key=lambda row: (row["work"], row["split"])):
        rng = random.Random(f"{seed}:{work}")
        number = 0
        for run in _runs(list(members)):
            for stretch in _stretches(_pieces(run), most):
                if stretch[0].words > most:
                    reason = "long_speech" if len(stretch[0].sentences) > 1 else "long_sentence"
                    left.append(Left(work, split, reason, stretch[0].words, _start(stretch[0])))
                    continue
                cuts, lost = _cut(stretch, least, most, overlap if split == OVERLAPPING else 0, rng)
                for first, last in cuts:
                    found.append(Chunk(work, split, number, _text(stretch[first:last])))
                    number += 1
                for first, last in lost:
                    count = sum(piece.words for piece in stretch[first:last])
                    left.append(Left(work, split, "short_chunk", count, _start(stretch[first])))
    return found, left


def _runs(paragraphs: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """The paragraphs that follow each other without a gap."""
    for _, members in groupby(enumerate(paragraphs), key=lambda item: item[1]["index"] - item[0]):
        yield [row for _, row in members]


def _pieces(run: Sequence[Mapping[str, Any]]) -> list[Piece]:
    """The sentences of `run`, those together that no border may part."""
    found: list[list[Sentence]] = []
    offset = 0
    spoken = iter(_unparted([row["text"] for row in run]))
    first, last = next(spoken, (0, 0))
    for row in run:
        text = row["text"]
        for start, end in sentence_spans(text):
            while last and last <= offset + start:
                first, last = next(spoken, (0, 0))
            sentence = Sentence(row["index"], text, start, end, len(words(text[start:end])))
            if found and first < offset + start < last:
                found[-1].append(sentence)
            else:
                found.append([sentence])
        offset += len(text) + len(BREAK)
    return [Piece(part, sum(sentence.words for sentence in part)) for part in found]


def _unparted(texts: Sequence[str]) -> list[Span]:
    """Where no chunk may begin in paragraphs that BREAK joins: within speech, and where nobody can say what is speech.

    Speech that stays open ends with its paragraph, as the next one opens it anew; where that closes it instead, there.
    """
    joined = BREAK.join(texts)
    spans = []
    for start, end in speech_spans(joined):
        is_open = joined[start] in '“«"' and joined[end - 1] not in '”»"'
        closer = CLOSER.match(joined, end) if is_open else None
        spans.append((start, closer.end() if closer else end))
    offset = 0
    for text in texts:
        if unclear_speech(text):
            spans.append((offset, offset + len(text)))
        offset += len(text) + len(BREAK)
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _stretches(pieces: Sequence[Piece], most: int) -> Iterator[list[Piece]]:
    """The parts of `pieces` between those that are too long, and those, each on its own."""
    for long, members in groupby(pieces, key=lambda piece: piece.words > most):
        part = list(members)
        yield from ([one] for one in part) if long else [part]


def _cut(
    pieces: Sequence[Piece], least: int, most: int, overlap: int, rng: random.Random
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Where chunks begin and end in `pieces`, an overlap of sentences included, and the parts that are in none."""
    count = len(pieces)
    before = [0]  # words before each piece
    for piece in pieces:
        before.append(before[-1] + piece.words)

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
    lost = [0] * (count + 1)  # the fewest words from each piece on that no cutting saves
    for start in reversed(range(count)):
        lost[start] = min([pieces[start].words + lost[start + 1], *(lost[end] for end in possible[start])])

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
        repeated = _repeated(pieces[max(start - overlap, 0) : start], overlap if joined else 0)
        options = [(_begin(before, start - repeated, end, most), end) for end in good]
        begin, end = min(
            options, key=lambda option: (option[0], abs(before[option[1]] - before[option[0]] - target), option[1])
        )
        cuts.append((begin, end))
        start, joined = end, True
    return cuts, dropped


def _repeated(pieces: Sequence[Piece], overlap: int) -> int:
    """How many of the last pieces have no more than `overlap` sentences together."""
    count = 0
    while count < len(pieces) and len(pieces[-count - 1].sentences) <= overlap:
        count += 1
        overlap -= len(pieces[-count].sentences)
    return count


def _begin(before: Sequence[int], begin: int, end: int, most: int) -> int:
    """Where a chunk up to `end` begins, at `begin` or as little after it as `most` words ask for."""
    while before[end] - before[begin] > most:
        begin += 1
    return begin


def _text(pieces: Sequence[Piece]) -> str:
    """The sentences as they stand in their paragraphs."""
    sentences = [sentence for piece in pieces for sentence in piece.sentences]
    parts = []
    for _, members in groupby(sentences, key=lambda sentence: sentence.paragraph):
        part = list(members)
        parts.append(part[0].text[part[0].start : part[-1].end])
    return BREAK.join(parts)


def _start(piece: Piece) -> str:
    sentence = piece.sentences[0]
    return " ".join(sentence.text[sentence.start : sentence.end].split()[:8])
