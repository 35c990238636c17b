"""Chunks of a document: along its headings and paragraphs, of a fixed size, or page by page; sizes are in tokens.

A chunk is a stretch of the text as it is. Its smallest part is a word: a run of letters and marks between white space,
one Chinese or Japanese character, or 24 characters of a longer run. Where no tokenizer counts, a word is 1.3 tokens.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Literal

from stages.prose.text import sentence_spans
from stages.run import StageError

Mode = Literal["semantic", "fixed", "page"]
Range = tuple[int, int]  # words of a text: the first, and the one after the last

WORD_TENTHS = 13  # tokens that a word is taken for, in tenths: what pipelines for English prose take
WORD_LETTERS = 24
WIDE = "\u3001-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uffef"  # scripts without spaces, and their marks
WORD = re.compile(rf"[{WIDE}]|[^\s{WIDE}]{{1,{WORD_LETTERS}}}")
MOST_PIECES = 4 * WORD_LETTERS  # tokens of one word at most: one for each byte

HEADING = re.compile(r" {0,3}#{1,6}[ \t]+\S")
UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
FENCE = re.compile(r" {0,3}(?:```|~~~)")
# A line alone that heads what follows in a plain text: CAPITALS, "Chapter 3", "2.1 Filters".
PLAIN_HEADING = re.compile(
    r"[^a-z\n]*[A-Z][^a-z\n]*|"
    r"(?:Chapter|Part|Section|Appendix)[ \t]+[\w.]+[^\n]{0,60}|"
    r"\d+(?:\.\d+)*\.?[ \t]+[A-Z][^\n]{0,60}"
)


@dataclass(frozen=True)
class Sizes:
    """How long chunks are, in tokens."""

    size: int  # at most
    overlap: int  # with the chunk before
    least: int  # a shorter section or page is joined with the next


@dataclass(frozen=True)
class Chunk:
    """A stretch of a document."""

    text: str
    tokens: int
    pages: Range  # the first and the last page that it has words of, from 1


@dataclass(frozen=True)
class Ruler:
    """What counts tokens: a transformers tokenizer, or an estimate from words."""

    tokenizer: Any = None

    def count(self, text: str) -> int:
        """Tokens of `text`."""
        if self.tokenizer is None:
            return -(-len(WORD.findall(text)) * WORD_TENTHS // 10)
        return len(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def costs(self, text: str, spans: Sequence[Range]) -> list[int]:
        """What each word costs, in tenths of a token; white space goes with the word after it."""
        if self.tokenizer is None:
            return [WORD_TENTHS] * len(spans)
        costs, ends = [0] * len(spans), [end for _, end in spans]
        coded = self.tokenizer(text, add_special_tokens=False, verbose=False, return_offsets_mapping=True)
        for _, end in coded["offset_mapping"]:
            costs[min(bisect_left(ends, end), len(spans) - 1)] += 10
        return costs


@cache
def ruler(folder: str | None) -> Ruler:
    """The ruler of the tokenizer in `folder`; None: the estimate. Raises StageError if there is no such tokenizer."""
    if folder is None:
        return Ruler()
    if not (Path(folder) / "tokenizer.json").is_file():
        raise StageError(
            f"documents.prepare.tokenizer is {folder!r}, which has no tokenizer.json; name the folder of a base or a "
            "tokenizer, or null to count a word as 1.3 tokens"
        )
    from transformers import AutoTokenizer

    return Ruler(AutoTokenizer.from_pretrained(folder, local_files_only=True))


class Words:
    """The words of a text, and what stretches of them cost."""

    def __init__(self, text: str, ruler: Ruler) -> None:
        self.text = text
        self.ruler = ruler
        self.spans = [match.span() for match in WORD.finditer(text)]
        self.starts = [start for start, _ in self.spans]
        self.total = [0, *accumulate(ruler.costs(text, self.spans))]

    def __len__(self) -> int:
        return len(self.spans)

    def at(self, letter: int) -> int:
        """The first word that begins at the character `letter` or after it."""
        return bisect_left(self.starts, letter)

    def stretch(self, start: int, stop: int) -> str:
        """The text from the word `start` up to the word `stop`."""
        return self.text[self.starts[start] : self.spans[stop - 1][1]]

    def fits(self, start: int, stop: int, tokens: int) -> bool:
        """Whether that stretch has at most so many tokens. A tokenizer is asked only where it could be close: alone,
        the first word of a stretch may have other pieces than after a space.
        """
        cost = self.total[stop] - self.total[start]
        if self.ruler.tokenizer is None or cost > 10 * tokens or cost + 10 * MOST_PIECES <= 10 * tokens:
            return cost <= 10 * tokens
        return self.ruler.count(self.stretch(start, stop)) <= tokens

    def reach(self, start: int, stop: int, tokens: int) -> int:
        """How far a stretch from `start` of at most so many tokens goes, up to `stop`; one word at least."""
        end = min(bisect_right(self.total, self.total[start] + 10 * tokens) - 1, stop)
        while end > start + 1 and not self.fits(start, end, tokens):
            end -= 1
        return max(end, start + 1)

    def back(self, stop: int, tokens: int) -> int:
        """Where the longest stretch of at most so many tokens starts that ends at `stop`."""
        return bisect_left(self.total, self.total[stop] - 10 * tokens)


def chunks(pages: Sequence[str], mode: Mode, sizes: Sizes, ruler: Ruler) -> list[Chunk]:
    """The chunks of a document, in order; together they hold all of its words."""
    text, begins = joined(pages)
    words = Words(text, ruler)
    borders = [words.at(begin) for begin in begins] + [len(words)]
    match mode:
        case "fixed":
            ranges = windows(words, 0, len(words), sizes.size, sizes.overlap)
        case "semantic":
            ranges = packed(words, 0, len(words), sizes)
        case "page":
            sheets = _sheets(words, borders, sizes.least)
            ranges = [part for sheet in sheets for part in packed(words, *sheet, sizes)]

    def page(word: int) -> int:
        return bisect_right(borders, word, 0, len(pages))

    parts = [(words.stretch(start, stop), (page(start), page(stop - 1))) for start, stop in ranges]
    return [Chunk(part, ruler.count(part), span) for part, span in parts]


def joined(pages: Sequence[str]) -> tuple[str, list[int]]:
    """The pages as one text, and where each begins. A paragraph that a page leaves open goes on with the next."""
    begins: list[int] = []
    parts: list[str] = []
    length, before = 0, ""
    for page in pages:
        text = page.strip()
        if parts:
            gap = "\n\n" if re.search(r"[.!?…:;。！？][\"'”’)\]」』]*$", before) or not text or not before else "\n"
            parts.append(gap)
            length += len(gap)
        begins.append(length)
        parts.append(text)
        length += len(text)
        before = text or before
    return "".join(parts), begins


def windows(words: Words, start: int, stop: int, size: int, overlap: int) -> list[Range]:
    """Stretches of `size` tokens, each beginning `overlap` tokens before the end of the one before it.

    Words are whole, so that both are at most so many. Each goes further than the one before, the last one to the end.
    """
    found: list[Range] = []
    end = start
    while end < stop:
        reached = words.reach(start, stop, size)
        while reached <= end:  # a long word fills what the overlap leaves
            start += 1
            reached = words.reach(start, stop, size)
        found.append((start, reached))
        end = reached
        start = words.back(end, overlap)
    return found


def packed(words: Words, start: int, stop: int, sizes: Sizes) -> list[Range]:
    """Stretches filled with whole paragraphs, up to the size; what is longer is cut between sentences, then words.

    A heading goes with what follows, and opens a stretch if the one before it is long enough. Elsewhere a stretch
    begins with the last sentences of the one before it, as many as the overlap holds, or with its last words.
    """
    pieces, sentences = _pieces(words, start, stop, sizes)
    found: list[Range] = []
    lead = own = end = start  # of the stretch being filled: with the overlap, without it
    for _, last, opens in pieces:
        enough = opens and not words.fits(own, end, sizes.least - 1) if end > own else False
        if end > own and (enough or not words.fits(lead, last, sizes.size)):
            found.append((lead, end))
            lead = own = end
            if not opens:
                lead = max(_overlap(words, sentences, end, sizes.overlap), found[-1][0] + 1)
                while lead < end and not words.fits(lead, last, sizes.size):
                    lead += 1
        end = last
    return [*found, (lead, end)] if end > own else found


def _overlap(words: Words, sentences: Sequence[int], end: int, tokens: int) -> int:
    """Where the last sentences before the word `end` begin that have at most so many tokens; if none has, the words."""
    back = words.back(end, tokens)
    sentence = sentences[bisect_left(sentences, back)] if back < sentences[-1] else end
    return sentence if sentence < end else back


def _pieces(words: Words, start: int, stop: int, sizes: Sizes) -> tuple[list[tuple[int, int, bool]], list[int]]:
    """What stretches are packed of: ranges of words, and whether a heading opens it; and where sentences begin."""
    pieces: list[tuple[int, int, bool]] = []
    sentences: list[int] = []
    head: int | None = None  # the first word of headings that wait for what they head
    for first, last, is_heading in _blocks(words, start, stop):
        if is_heading:
            sentences.append(first)
            head = first if head is None else head
            continue
        opened = first if head is None else head
        opens, head = head is not None, None
        letters = words.text[words.starts[first] : words.spans[last - 1][1]]
        inside = [words.at(words.starts[first] + at) for at, _ in sentence_spans(letters)]
        sentences += inside
        if words.fits(opened, last, sizes.size):
            pieces.append((opened, last, opens))
            continue
        borders = [opened, *(at for at in inside if first < at < last), last]
        for one, other in pairwise(borders):
            whole = words.fits(one, other, sizes.size)
            # parts of a sentence leave room for the overlap, or no stretch of them would have any
            parts = [(one, other)] if whole else windows(words, one, other, sizes.size - sizes.overlap, 0)
            pieces += [(*part, opens and part[0] == opened) for part in parts if part[0] < part[1]]
    if head is not None:
        pieces += [(*part, False) for part in windows(words, head, stop, sizes.size, 0)]
    return pieces, [*sentences, stop]


def _blocks(words: Words, start: int, stop: int) -> Iterator[tuple[int, int, bool]]:
    """The headings and paragraphs among the words from `start` to `stop`, and whether it is a heading."""
    if start == stop:
        return
    offset = words.starts[start]
    text = words.text[offset : words.spans[stop - 1][1]]
    for begin, end, is_heading in blocks(text):
        first, last = words.at(offset + begin), words.at(offset + end)
        if first < last:
            yield first, last, is_heading


def blocks(text: str) -> list[tuple[int, int, bool]]:
    """The headings and paragraphs of `text` as spans of characters, and whether it is a heading.

    A blank line ends a paragraph, but not inside fenced code, where a # is no heading either.
    """
    found: list[tuple[int, int, bool]] = []
    begin: int | None = None
    at = 0
    fenced = False

    def close(end: int, is_heading: bool = False) -> None:
        nonlocal begin
        if begin is not None:
            block = text[begin:end].strip()
            alone = "\n" not in block and len(block) <= 80 and block[-1:] not in ".,;!?…"
            found.append((begin, end, is_heading or (alone and PLAIN_HEADING.fullmatch(block) is not None)))
        begin = None

    for line in text.splitlines(keepends=True):
        after = at + len(line)
        if FENCE.match(line):
            fenced = not fenced
            begin = at if begin is None else begin
        elif fenced:
            pass
        elif not line.strip():
            close(at)
        elif HEADING.match(line):
            close(at)
            begin = at
            close(after, True)
        elif begin is not None and UNDERLINE.match(line) and "\n" not in text[begin:at].strip():
            close(after, True)
        else:
            begin = at if begin is None else begin
        at = after
    close(at)
    return found


def _sheets(words: Words, borders: Sequence[int], least: int) -> list[Range]:
    """The pages as ranges of words; one shorter than `least` tokens is joined with the next, the last with the one
    before it.
    """
    sheets: list[Range] = []
    start = 0
    for border in borders[1:]:
        if border > start and not words.fits(start, border, least - 1):
            sheets.append((start, border))
            start = border
    if start < len(words):
        first = sheets.pop()[0] if sheets else start
        sheets.append((first, len(words)))
    return sheets
