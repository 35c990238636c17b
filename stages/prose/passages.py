"""What is rewritten at once: short neighbours together, and long paragraphs in parts that end where sentences do."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from stages.prose.blocks import Block
from stages.prose.notes import Note, with_notes, without_notes
from stages.prose.text import Span, sentence_spans, speech_spans, words

PARAGRAPH = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Part:
    """Sentences that are rewritten together, without their footnote marks; "\\n\\n" between paragraphs."""

    before: str  # the white space between it and the part before
    text: str
    sentences: int
    notes: tuple[Note, ...]  # by the sentence within the part


def together(found: Sequence[Block], least: int, most: int) -> list[list[Block]]:
    """The blocks in their order, those together that are rewritten together.

    Most are alone: neighbours join where a paragraph has fewer than `least` words, or would fall into parts of at most
    `most` that have, and as few as can be. What passes through joins nothing, and nothing joins over it.
    """
    groups: list[list[Block]] = []
    for is_passed, members in groupby(found, key=lambda block: block.kept is not None):
        run = list(members)
        counts = [len(words(block.text)) for block in run]
        groups += [[block] for block in run] if is_passed else [run[a:b] for a, b in _joined(counts, least, most)]
    return groups


def _joined(counts: Sequence[int], least: int, most: int) -> list[Span]:
    """Neighbours to join, given their words: the fewest passages that are too short, then the fewest joins."""
    best = [(0, 0, 0)]  # up to each block: passages that are too short, joins, and where the last passage begins
    for end in range(1, len(counts) + 1):
        options = []
        for start in reversed(range(end)):
            total = sum(counts[start:end])
            if total - max(counts[start:end]) > 2 * most:  # whatever is short has found company by then
                break
            number = max(-(-total // most), 1)
            short, joins, _ = best[start]
            options.append((short + (number if total < number * least else 0), joins + end - start - 1, start))
        best.append(min(options, key=lambda option: (*option[:2], -option[2])))
    return _spans([start for *_, start in best])


def _spans(starts: Sequence[int]) -> list[Span]:
    """The spans that end at the last of `starts`, given where the best one that ends at each place begins."""
    found: list[Span] = []
    end = len(starts) - 1
    while end:
        found.append((starts[end], end))
        end = starts[end]
    return found[::-1]


def parts(paragraphs: str, most: int) -> list[Part]:
    """The text of `paragraphs`, each on one line, in parts of at most `most` words and of about one length.

    Parts end where sentences do, and if it can be, not within speech. A longer sentence is a part of its own. A part
    may hold the end of a paragraph and the beginning of the next.
    """
    text, spans, marks = "", list[Span](), list[Note]()
    for paragraph in PARAGRAPH.split(paragraphs.strip()):
        line, places = without_notes(" ".join(paragraph.split()))
        start = len(text) + 2 if text else 0
        text = f"{text}\n\n{line}" if text else line
        mine = sentence_spans(line)
        for mark, at in places:
            owner = next((index for index, (_, end) in enumerate(mine) if end >= at), len(mine) - 1)
            marks.append(Note(mark, len(spans) + owner))
        spans += [(start + first, start + end) for first, end in mine]
    found, before = [], 0
    for first, last in _cuts(text, spans, most) if spans else ():
        start, end = spans[first][0], spans[last - 1][1]
        notes = tuple(Note(one.mark, one.sentence - first) for one in marks if first <= one.sentence < last)
        found.append(Part(text[before:start], text[start:end], last - first, notes))
        before = end
    return found


def noted(text: str, part: Part) -> str:
    """`text`, which takes the place of `part`, with its marks, each in its paragraph if there are as many."""
    ours, theirs = text.split("\n\n"), part.text.split("\n\n")
    if len(ours) != len(theirs):
        return with_notes(text, part.notes, part.sentences)
    found, first = [], 0
    for one, other in zip(ours, theirs):
        last = first + len(sentence_spans(other))
        notes = [Note(note.mark, note.sentence - first) for note in part.notes if first <= note.sentence < last]
        found.append(with_notes(one, notes, last - first))
        first = last
    return "\n\n".join(found)


def _cuts(text: str, spans: Sequence[Span], most: int) -> list[Span]:
    """The first sentence of each part, and the one after its last."""
    counts = [len(words(text[start:end])) for start, end in spans]
    speech = speech_spans(text)
    inside = [any(start < at < end for start, end in speech) for at, _ in spans]
    found = []
    for is_long, members in groupby(range(len(spans)), key=lambda index: counts[index] > most):
        stretch = list(members)
        first, last = stretch[0], stretch[-1] + 1
        if is_long:
            found += [(index, index + 1) for index in stretch]
        else:
            cuts = _short(counts[first:last], inside[first:last], most)
            found += [(first + start, first + end) for start, end in cuts]
    return found


def _short(counts: Sequence[int], inside: Sequence[bool], most: int) -> list[Span]:
    """Parts of sentences, none of more than `most` words: the fewest that begin `inside` of speech, then the fewest,
    then the most even ones.
    """
    best = [(0, 0, 0, 0)]  # up to each sentence: parts inside, parts, their squared words, where the last one begins
    for end in range(1, len(counts) + 1):
        options = []
        total = 0
        for start in reversed(range(end)):
            total += counts[start]
            if total > most:
                break
            within, number, squares, _ = best[start]
            options.append((within + (start > 0 and inside[start]), number + 1, squares + total * total, start))
        best.append(min(options))
    return _spans([start for *_, start in best])
