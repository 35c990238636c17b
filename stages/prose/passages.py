"""A document as the prose that is rewritten and all that passes through: put together again it is the same bytes.

Footnote marks are taken out of the prose with the sentence they stood in, and come back at the end of the sentence
that took its place.
"""

import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Literal

from stages.prose.text import Span, sentence_spans, speech_spans, words

Kept = Literal["code", "separator", "heading", "footnote", "list", "quote", "verse", "script", "short"]

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
WRAPPED = 120  # characters: where a line is longer the text isn't wrapped, and each line is a paragraph
HEADING = 12  # words at most, of a line that no mark ends
VERSE = 60  # characters at most, of each line
FENCE = re.compile(r"[ ]{0,3}(```|~~~)")
MARKDOWN = re.compile(r"[ ]{0,3}#{1,6}\s")
PARAGRAPH = re.compile(r"\n\s*\n")
ROMAN = re.compile(r"(?:[^\W\d_]+\s+)?(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})\.?")
END = re.compile(r"[.!?…:;,—–-][”’\"')\]*_]*$")
ITEM = re.compile(r"\s*(?:[-*+•‣◦]|\(?\d{1,3}[.)]|\(?[a-zA-Z]\))\s+\S")
INDENTED = re.compile(r"(?: {4}|\t)")
CODE = re.compile(
    r"[{}]\s*$|[=()].*;$|"
    r"^\s*(?:def|class|import|from|#include|function|var|let|const|return)\b.*[\w:;{)(]$|"
    r"^\s*</?\w+.*>$"
)

HIGH = "⁰¹²³⁴⁵⁶⁷⁸⁹"
AFTER_STAR = rf"(?=[\s,.;:!?”’\"')\[\]†‡{HIGH}]|$)"
NOTE = re.compile(
    rf"\s*(?:\[\^[^\]\s]{{1,20}}\]|\[\d{{1,3}}\])(?!\()|"  # [1] and [^a], but no link's text
    rf"(?<=\S)(?<![\d{HIGH}])(?<!\b[cdkm]m)(?<!\bm)[{HIGH}]+(?: [{HIGH}]+)*|"  # but not 10² and km²
    r"(?<=\S)[†‡]+(?: [†‡]+)*|"
    rf"(?<=[^\s*])\*{{1,2}}{AFTER_STAR}(?: \*{{1,2}}{AFTER_STAR})*"
)
EMPHASIS = re.compile(rf"(?<![^\s(\[“‘\"'—–-])(\*{{1,3}})(?![{HIGH}])(?=[\w“‘\"'(])[^*]*(?<=[^\s*])\1(?![\w*])")
DEFINITION = re.compile(rf"\s*(?:\[\^?[^\]\s]{{1,20}}\]:?\s|[{HIGH}]+\s?|[†‡]+\s?|\*{{2,3}}\s+)\S")


@dataclass(frozen=True)
class Block:
    """A paragraph, or something else between blank lines."""

    before: str  # the white space before it, what indents its first line included
    text: str  # with no white space around it
    kept: Kept | None  # why it passes through; None if it is rewritten


@dataclass(frozen=True)
class Note:
    """A footnote mark, with the white space before it."""

    mark: str
    sentence: int  # that it stood in


@dataclass(frozen=True)
class Part:
    """Sentences that are rewritten together, without their footnote marks; "\\n\\n" between paragraphs."""

    before: str  # the white space between it and the part before
    text: str
    sentences: int
    notes: tuple[Note, ...]  # by the sentence within the part


def blocks(document: str, min_words: int) -> tuple[list[Block], str]:
    """What `document` holds, and the white space at its end. A paragraph of fewer than `min_words` passes through."""
    found, before = [], ""
    for lines, is_fenced in _groups(document):
        whole = before + "".join(lines)
        text = whole.strip()
        if not text:
            before = whole
            continue
        start = whole.index(text)
        kept = "code" if is_fenced else _kept(text, lines, min_words)
        found.append(Block(whole[:start], text, kept))
        before = whole[start + len(text) :]
    return found, before


def _groups(document: str) -> Iterator[tuple[list[str], bool]]:
    """The lines of `document` in groups, blank ones apart, and whether a group is fenced code."""
    lines = LINE.findall(document)
    start = 0
    for first, last in _fences(lines):
        yield from ((group, False) for group in _unfenced(lines[start:first]))
        yield lines[first:last], True
        start = last
    yield from ((group, False) for group in _unfenced(lines[start:]))


def _fences(lines: Sequence[str]) -> Iterator[Span]:
    """The lines from each ``` to the next one. One that nothing closes fences nothing."""
    opened: tuple[int, str] | None = None
    for number, line in enumerate(lines):
        match = FENCE.match(line)
        if match and opened is None:
            opened = number, match[1]
        elif match and opened and match[1] == opened[1]:
            yield opened[0], number + 1
            opened = None


def _unfenced(lines: Sequence[str]) -> Iterator[list[str]]:
    for is_blank, members in groupby(lines, key=lambda line: not line.strip()):
        group = list(members)
        if is_blank or max(len(line.strip()) for line in group) > WRAPPED:
            yield from ([line] for line in group)
            continue
        paragraph: list[str] = []
        for line in group:
            if not MARKDOWN.match(line):
                paragraph.append(line)
                continue
            if paragraph:
                yield paragraph
            yield [line]
            paragraph = []
        if paragraph:
            yield paragraph


def _kept(text: str, lines: Sequence[str], min_words: int) -> Kept | None:
    """Why the group of `lines`, which is `text`, passes through, if it does."""
    several = len(lines) > 1
    if not any(letter.isalnum() for letter in text):
        return "separator"
    if several and all(INDENTED.match(line) for line in lines):
        return "code"
    if 2 * sum(CODE.search(line.rstrip()) is not None for line in lines) > len(lines):
        return "code"
    if _is_heading(text, lines):
        return "heading"
    if DEFINITION.match(text):
        return "footnote"
    items = sum(ITEM.match(line) is not None for line in lines)
    if ITEM.match(text) or (items > 1 and 2 * items >= len(lines)):
        return "list"
    if all(line.lstrip().startswith((">", "|")) for line in lines):
        return "quote"
    if len(lines) > 2 and all(len(line.strip()) < VERSE and _opens(line) for line in lines):
        return "verse"
    count = len(words(text))
    if not _is_latin(text):
        return "script"
    return "short" if count < min_words else None


def _is_heading(text: str, lines: Sequence[str]) -> bool:
    if MARKDOWN.match(text) or (len(lines) <= 2 and text.isupper()) or ROMAN.fullmatch(text):
        return True
    underlined = len(lines) == 2 and set(lines[1].strip()) in ({"="}, {"-"})
    return underlined or (len(lines) == 1 and len(words(text)) <= HEADING and not END.search(text))


def _opens(line: str) -> bool:
    """Whether the first letter of `line` is a capital."""
    return next((letter.isupper() for letter in line if letter.isalpha()), False)


def _is_latin(text: str) -> bool:
    """Whether at least half of the letters are Latin: rules and models know English."""
    letters = [letter for letter in text if letter.isalpha()]
    return 2 * sum(letter.isascii() or unicodedata.name(letter, "").startswith("LATIN") for letter in letters) >= len(
        letters
    )


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
    best: list[tuple[int, int, list[Span]]] = [(0, 0, [])]
    for end in range(1, len(counts) + 1):
        options = []
        for start in reversed(range(end)):
            total = sum(counts[start:end])
            if total - max(counts[start:end]) > 2 * most:  # whatever is short has found company by then
                break
            number = max(-(-total // most), 1)
            short, joins, spans = best[start]
            options.append((short + (number if total < number * least else 0), joins + end - start - 1, spans, start))
        short, joins, spans, start = min(options, key=lambda option: option[:2])
        best.append((short, joins, [*spans, (start, end)]))
    return best[-1][2]


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


def without_notes(text: str) -> tuple[str, list[tuple[str, int]]]:
    """`text` without its footnote marks, and each mark with its place in what is left."""
    emphasised = [match.span() for match in EMPHASIS.finditer(text)]
    left, notes, here, length = [], [], 0, 0
    for match in NOTE.finditer(text):
        is_star = match.group().startswith("*")
        if is_star and any(start <= match.start() < end for start, end in emphasised):
            continue
        left.append(text[here : match.start()])
        length += match.start() - here
        notes.append((match.group(), length))
        here = match.end()
    return "".join([*left, text[here:]]), notes


def with_notes(text: str, notes: Sequence[Note], sentences: int) -> str:
    """`text` with `notes` at the ends of its sentences. They stood in a text of `sentences`.

    Where `text` has another number of sentences they stand at the same share of it.
    """
    spans = sentence_spans(text)
    if not spans:
        return text + "".join(note.mark for note in notes)
    found, here = [], 0
    for index, (_, end) in enumerate(spans):
        found.append(text[here:end])
        here = end
        last = ""
        for note in notes:
            if _place(note.sentence, sentences, len(spans)) == index:
                last = f" {note.mark}" if _run_together(last, note.mark) else note.mark
                found.append(last)
    return "".join([*found, text[here:]])


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


def _place(sentence: int, sentences: int, others: int) -> int:
    """Where the end of `sentence` of `sentences` comes among `others`."""
    if sentences == others:
        return sentence
    return min(max(round((sentence + 1) * others / sentences) - 1, 0), others - 1)


def _run_together(one: str, other: str) -> bool:
    """Whether the marks `one` and `other` would be read as one: ¹ and ² as ¹²."""
    kinds = (HIGH, "*", "†‡")
    return any(one[-1:] and one[-1] in kind and other[:1] in kind for kind in kinds)


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
    """Parts of sentences of which none has more than `most` words; those `inside` of speech begin one if they must."""
    every = list(range(1, len(counts)))
    for borders in ([border for border in every if not inside[border]], every):
        for number in range(max(-(-sum(counts) // most), 1), len(borders) + 2):
            cuts = _even(counts, borders, number)
            if all(sum(counts[first:last]) <= most for first, last in cuts):
                return cuts
    return [(index, index + 1) for index in range(len(counts))]


def _even(counts: Sequence[int], borders: Sequence[int], number: int) -> list[Span]:
    """Cuts at `number` - 1 of `borders`, those nearest to where parts of one length would end."""
    before = [0]
    for count in counts:
        before.append(before[-1] + count)
    chosen: list[int] = []
    for step in range(1, number):
        free = [border for border in borders if border > (chosen[-1] if chosen else 0)]
        if not free:
            break
        wanted = before[-1] * step / number
        chosen.append(min(free, key=lambda border: abs(before[border] - wanted)))
    edges = [0, *chosen, len(counts)]
    return list(pairwise(edges))


def wrapped_like(text: str, paragraph: str) -> str:
    """`text` in lines of the length that those of `paragraph` have, with its line ends; one line if that is one."""
    ends = re.search(r"\r\n|\r|\n", paragraph)
    if ends is None:
        return text
    width = max(map(len, paragraph.splitlines()))
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False).replace("\n", ends.group())


def in_place(text: str, found: Sequence[Block], newline: str) -> str:
    """`text`, "\\n\\n" between its paragraphs, with the white space and line ends of the blocks that it replaces.

    Where there are more or fewer paragraphs than blocks the last ones are like the last block.
    """
    pieces = []
    for index, paragraph in enumerate(text.split("\n\n")):
        block = found[min(index, len(found) - 1)]
        if index:
            pieces.append(block.before if len(found) > 1 else newline * 2)
        pieces.append(wrapped_like(paragraph, block.text))
    return "".join(pieces)
