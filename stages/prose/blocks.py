"""A document as the prose that is rewritten and all that passes through: put together again it is the same bytes."""

import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from stages.prose.notes import HIGH
from stages.prose.text import Span, is_wrapped, words

Kept = Literal["code", "separator", "heading", "footnote", "list", "quote", "verse", "script", "short"]

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
WRAPPED = 120  # characters; a line of more is a paragraph, unless the lines around it break where it does
HEADING = 12  # words at most, of a line that no mark ends
VERSE = 60  # characters at most, of each line
FENCE = re.compile(r"[ ]{0,3}(```|~~~)")
MARKDOWN = re.compile(r"[ ]{0,3}#{1,6}\s")
ROMAN = re.compile(r"(?:[^\W\d_]+\s+)?(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})\.?")
END = re.compile(r"[.!?…:;,—–-][”’\"')\]*_]*$")
ITEM = re.compile(r"\s*(?:[-*+•‣◦]|\(?\d{1,3}[.)]|\(?[a-zA-Z]\))\s+\S")
INDENTED = re.compile(r"(?: {4}|\t)")
CODE = re.compile(
    r"[{}]\s*$|[=()].*;$|"
    r"^\s*(?:def|class|import|from|#include|function|var|let|const|return)\b.*[\w:;{)(]$|"
    r"^\s*</?\w+.*>$"
)
DEFINITION = re.compile(rf"\s*(?:\[\^?[^\]\s]{{1,20}}\]:?\s|[{HIGH}]+\s?|[†‡]+\s?|\*{{2,3}}\s+)\S")


@dataclass(frozen=True)
class Block:
    """A paragraph, or something else between blank lines."""

    before: str  # the white space before it, what indents its first line included
    text: str  # with no white space around it
    kept: Kept | None  # why it passes through; None if it is rewritten


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
        if is_blank:
            yield from ([line] for line in group)
            continue
        paragraph: list[str] = []
        for line in group:
            if not MARKDOWN.match(line) and not _is_link(line):
                paragraph.append(line)
                continue
            yield from _paragraphs(paragraph)
            yield [line]
            paragraph = []
        yield from _paragraphs(paragraph)


def _is_link(line: str) -> bool:
    """Whether a line is one long word, which says nothing of how wide the lines around it are."""
    return _width(line) > WRAPPED and len(line.split()) == 1


def _paragraphs(lines: list[str]) -> Iterator[list[str]]:
    """Neighbouring lines as one paragraph that was wrapped, or each as one."""
    if not lines:
        return
    yield from [lines] if max(map(_width, lines)) <= WRAPPED or is_wrapped(lines) else ([line] for line in lines)


def _width(line: str) -> int:
    return len(line.strip())


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
    is_link = len(text.split()) == 1  # words between slashes are no sentence
    return "short" if count < min_words or is_link else None


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
