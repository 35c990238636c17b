"""The author's paragraphs of a raw text: without the matter around it, heads, page numbers, notes and hard line ends.

What the author wrote stays as it is: dashes, curly quotes and accents are part of a style.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from stages.prose.furniture import APPENDIX, GAP, WRAP, is_page_number, kind_of, note_mark, numbers
from stages.prose.matter import BYLINE, CONTENTS, ENDED, Blocks, without_matter
from stages.prose.text import SENTENCE_END, WORD, is_wrapped, sentence_spans

INVISIBLE = "\u00ad\u200a\u200b\u200c\u200d\u2060\ufeff"  # soft hyphens, joiners, spaces without width
LINE_ENDS = "\u2028\u2029\u0085"
PARAGRAPH_END = re.compile(r"\n(?:[^\S\n]*\n)+")  # what comes next keeps its indent
UNINDENTED = re.compile(r"^\S", re.M)
LETTERS = string.ascii_letters.encode()
OPENERS = "“‘\"'([—–"
SPACES = (
    "\t\v\x1c\x1d\x1e\x1f\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u202f\u205f\u3000"
)
START = re.compile(
    r"^.*(?:\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG.*?\*\*\*|\*END\*? ?THE SMALL PRINT!.*)$\n?", re.I | re.M
)
STOP = re.compile(
    r"^[^\S\n]*(?:\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG|End of (?:the |this )?Project Gutenberg).*", re.I | re.M
)
# Brackets may hold brackets, and go over several paragraphs.
NOTE = re.compile(
    r"\[_?(?:(?:editor|transcriber|translator|publisher|proofreader)(?:[’']s|s[’'])?\.? ?(?:note|comment|remark)s?\b|"
    r"ed(?:itor)?\.?:|ed\. note\b|t\. ?n\.|note:|"
    r"(?:illustration|sidenote|frontispiece|decoration|music|map|image|picture|"
    r"footnote (?:\w+|[*†‡]{1,3}))_?(?=[:.\]]))"
    r"[^\[\]]{0,2000}(?:\[[^\[\]]{0,500}\][^\[\]]{0,2000})*\]",
    re.I,
)
ITALIC = re.compile(r"(?<![^\W_])_([^_\n]+)_(?![^\W_])")
EMPHASIS = re.compile(r"(?<![\w*])\*{1,3}(?=[^\s*])([^*\n]+)(?<=\S)\*{1,3}(?![\w*])")
# `own` may be the author's: an interpolated [I], a masked d***; it goes only with a footnote that it marks.
MARK = re.compile(
    r"(?<=[^\s\[(])(?: ?\[(?:\^\w{1,40}|\d{1,3}|[†‡])\]| ?\{\*?\d{1,3}\}|\^\[\d{1,3}\]|[†‡]{1,3}(?=\s|$)|"
    r"(?:(?<=[a-z]{3})|(?<=[.,;:!?”’\"']))(?:[¹²³⁰⁴-⁹]+|\^\d{1,3})(?!\w)|"
    r"(?P<own> ?\[[A-Za-z*]\](?!\w)|(?<![A-ZÀ-ÖØ-Þ\d*])\*{1,3}(?=[\s.,;:!?”’\")—]|$)))"
)
# What opens a footnote and is `own` elsewhere: several notes may be one block, an older way is [Footnote A: ...].
OPENING = re.compile(r"(?<!\S)(?:\*{1,3}|\[[A-Za-z*]\])")
BRACKETED = re.compile(r"\[_?footnote ([A-Za-z]|\*{1,3})_?[:.\]]", re.I)
MARKS = "[{*†‡^¹²³⁰⁴⁵⁶⁷⁸⁹"
# within a line; alone on one it is a page number
PAGE_MARK = re.compile(
    r"(?<=[^\n])[{\[](?:page|pg|p)\.?\s*\w{1,6}[}\]] ?|[{\[](?:page|pg|p)\.?\s*\w{1,6}[}\]] ?(?=[^\n])", re.I
)


class Unreadable(Exception):  # noqa: N818  a normal outcome of reading, not a programming error
    """A file that is no text that we can read."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Work:
    """What a raw text holds."""

    paragraphs: list[str]
    removed: dict[str, int]  # what was taken out, by kind


def decoded(data: bytes) -> str:
    """`data` as text. Raises Unreadable if it is binary or not UTF-8, naming the byte."""
    for mark in (b"\xff\xfe", b"\xfe\xff"):
        if data.startswith(mark):
            raise Unreadable("not_utf8", "byte 0 begins a UTF-16 mark; save the file as UTF-8")
    if (place := data.find(0)) >= 0:
        raise Unreadable("binary", f"byte {place} is 0")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        first = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        raise Unreadable("not_utf8", f"byte {first} is 0x{data[first]:02x}; save the file as UTF-8") from error


def cleaned(text: str, max_words: int) -> Work:
    """The paragraphs of `text`, none of more than `max_words` words, on one line each."""
    removed: Counter[str] = Counter()
    notes = {sign for label in BRACKETED.findall(text) for sign in (label, f"[{label}]")}
    text = _plain(text, removed)
    signs = [sign for sign in MARKS if sign in text]  # few or none: each block is searched for these alone
    found = _blocks(text, signs, removed)
    blocks = without_matter(found, removed)
    if signs or "_" in text:
        notes.update(sign for place in found.notes for sign in OPENING.findall(found.texts[place]))
        blocks = [_unmarked(block, signs, notes, removed) for block in blocks]
    if "  " in text:
        blocks = [re.sub(" {2,}", " ", block) for block in blocks]
    paragraphs = [part for block in blocks if block for part in parts(block, max_words)]
    return Work(paragraphs, {kind: count for kind, count in sorted(removed.items()) if count})


def _plain(text: str, removed: Counter[str]) -> str:
    """`text` in NFC with line feeds alone, without an e-book's header and licence and bracketed notes."""
    text = _replaced(text.replace("\r\n", "\n"), "\r" + LINE_ENDS, "\n").replace("\f", f"\n\n{GAP}\n\n")
    text = unicodedata.normalize("NFC", _replaced(_replaced(text, INVISIBLE, ""), SPACES, " "))
    if "utenberg" in text or "UTENBERG" in text or "SMALL PRINT" in text:
        starts = list(START.finditer(text))
        stop = STOP.search(text, starts[-1].end() if starts else 0)
        removed["e-book header or licence"] += bool(starts) + bool(stop)
        text = text[starts[-1].end() if starts else 0 : stop.start() if stop else len(text)]
    if "[" in text:
        text, count = NOTE.subn(_gap, text)
        removed["note"] += count
    if "[" in text or "{" in text:
        text, count = PAGE_MARK.subn("", text)
        removed["page number"] += count
    return text


def _gap(note: re.Match[str]) -> str:
    """What an editor's note leaves: nothing within a line, a gap if it had its lines to itself."""
    before = note.string[max(note.start() - WRAP, 0) : note.start()].rstrip(" ")
    after = note.string[note.end() : note.end() + WRAP].lstrip(" ")
    if before[-1:] not in ("", "\n") or after[:1] not in ("", "\n"):
        return ""
    number = re.match(r"\[_?footnote (\d{1,3})\b", note.group(), re.I)
    return f"\n\n{GAP}{number[1] if number else ''}\n\n"


def _replaced(text: str, characters: str, new: str) -> str:
    """`text` with `new` for each of `characters`; quick where there are none."""
    for character in characters:
        text = text.replace(character, new)
    return text


def _blocks(text: str, signs: Sequence[str], removed: Counter[str]) -> Blocks:
    """Paragraphs and footnotes as they stand between blank lines, without heads, ornaments and page numbers.

    A paragraph that one of these or a footnote cut in two is whole again, and its footnotes come after it.
    """
    pieces: list[list[str]] = []
    heads: dict[int, str] = {}
    notes: set[int] = set()
    last = -1  # place of the last paragraph that may go on
    head, is_cut = "", False  # since that paragraph
    for kind, block in _classified(text, signs, removed):
        if kind == "footnote":
            notes.add(len(pieces))
            pieces.append([block])
        elif kind:
            removed[kind] += kind != "gap"
            head = block if kind == "head" else head
            last = -1 if kind == "end line" else last
        elif is_cut and last >= 0 and _goes_on(pieces[last][-1], block):
            pieces[last].append(block)
        else:
            last = len(pieces)
            pieces.append([block])
            if head:
                heads[last] = head
        head, is_cut = (head, True) if kind else ("", False)
    return Blocks([_joined(lines) if len(lines) > 1 else lines[0] for lines in pieces], heads, notes)


def _goes_on(before: str, after: str) -> bool:
    """Whether `after` goes on with the sentence that `before` leaves open."""
    if not after.lstrip(OPENERS)[:1].islower() or SENTENCE_END.search(before[-WRAP:]):
        return False
    is_byline = BYLINE.fullmatch(after) and not ENDED.search(after)
    return not (is_byline or APPENDIX.fullmatch(before) or CONTENTS.fullmatch(before))


def _classified(text: str, signs: Sequence[str], removed: Counter[str]) -> Iterator[tuple[str, str]]:
    """The blocks of `text`, each after its kind, which is empty for a paragraph."""
    referred: Counter[str] = Counter()  # to notes that are still to come, by number
    numbering = [sign for sign in signs if sign not in "*†‡"]
    raws = PARAGRAPH_END.split(text.rstrip())
    # where most paragraphs are indented, one after a note may well be the author's
    is_flush = 2 * sum(raw[:1] == " " for raw in raws) < len(raws)
    kind = ""  # of the last block
    for raw in raws:
        goes_on = kind == "footnote" and is_flush and not UNINDENTED.search(raw)
        for block in _lines(raw.strip(), removed) if "\n" in raw else [raw.strip()]:
            if not block:
                continue
            mark = note_mark(block, referred) if signs else ""
            kind = "footnote" if mark else kind_of(block) or ("footnote" if goes_on else "")
            goes_on = kind == "footnote" and is_flush and not UNINDENTED.search(raw, raw.find("\n") + 1)
            if mark or kind == "gap":
                for number in numbers(mark or block):
                    referred[number] = max(referred[number] - 1, 0)
            elif numbering and not kind and any(sign in block for sign in numbering):
                referred.update(number for found in MARK.finditer(block) for number in numbers(found.group()))
            yield kind, block


def _lines(raw: str, removed: Counter[str]) -> Iterator[str]:
    """The heads, paragraphs and last page numbers of a block of several lines."""
    lines = raw.split("\n")
    first, last = 0, len(lines)
    while first < last - 1 and kind_of(bare := lines[first].strip()):
        yield bare
        first += 1
    while last > first + 1 and is_page_number(lines[last - 1]):
        last -= 1
    pages = lines[last:]
    lines = lines[first:last]
    whole = any(len(line) > WRAP for line in lines) and not is_wrapped(lines)
    group: list[str] = []
    for line in lines:
        indented = line[:2] == "  "
        new = whole or (indented and group and group[-1][:2] != "  " and ENDED.search(group[-1].rstrip()))
        if len(lines) > 1 and is_page_number(line):
            removed["page number"] += 1
            continue
        if new and group:
            yield _joined(group)
            group = []
        group.append(line)
    if group:
        yield _joined(group)
    yield from map(str.strip, pages)


def _joined(lines: Sequence[str]) -> str:
    """Hard-wrapped `lines` as one. Nothing comes between a hyphen or a dash that ends a word and what follows."""
    pieces: list[str] = []
    for line in lines:
        bare = line.strip()
        before = pieces[-1] if pieces else ""
        closed = re.search(r"[^\W\d_](?:[-—]|--)$", before[-3:]) or (bare[:1] == "—" and before[-1:].isalpha())
        pieces += [bare] if not pieces or closed else [" ", bare]
    return "".join(pieces)


def _unmarked(block: str, signs: Sequence[str], notes: Container[str], removed: Counter[str]) -> str:
    """`block` without marks of italics and footnotes; one that may be the author's goes only if it is in `notes`."""

    def without(mark: re.Match[str]) -> str:
        if mark["own"] and mark["own"].strip() not in notes:
            return mark.group()
        removed["footnote mark"] += 1
        return ""

    if any(sign in block for sign in signs):
        block = MARK.sub(without, EMPHASIS.sub(r"\1", block))
    return ITALIC.sub(r"\1", block).strip() if "_" in block else block


def parts(paragraph: str, max_words: int) -> list[str]:
    """`paragraph` in parts of at most `max_words` words, cut at the ends of sentences so that no part is a mere rest.

    A sentence that is longer is cut after a comma or the like, else between words. The parts joined with spaces are the
    paragraph.
    """
    # between two words there is a byte that is no letter of ASCII: that many are soon counted
    most = len(paragraph.encode().translate(None, LETTERS)) + 1 if len(paragraph) > 2 * max_words else 0
    if most <= max_words or len(WORD.findall(paragraph)) <= max_words:
        return [paragraph]
    atoms = [atom for start, end in sentence_spans(paragraph) for atom in _atoms(paragraph[start:end], max_words)]
    sizes = [0]
    for atom in atoms:
        sizes.append(sizes[-1] + len(WORD.findall(atom)))

    def cut(first: int, last: int) -> list[str]:
        if sizes[last] - sizes[first] <= max_words or last - first == 1:
            return [" ".join(atoms[first:last])]
        half = (sizes[first] + sizes[last]) / 2
        middle = min(range(first + 1, last), key=lambda place: abs(sizes[place] - half))
        return cut(first, middle) + cut(middle, last)

    return cut(0, len(atoms))


def _atoms(sentence: str, max_words: int) -> list[str]:
    """`sentence`, or if it is too long what stands between its marks, or else its words."""
    for border in (None, r"(?<=[;:,—])\s+", r"\s+"):
        pieces = re.split(border, sentence) if border else [sentence]
        if max(len(WORD.findall(piece)) for piece in pieces) <= max_words:
            break
    return pieces
