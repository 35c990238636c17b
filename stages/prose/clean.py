"""The author's paragraphs of a raw text: without the matter around it, heads, page numbers, notes and hard line ends.

What the author wrote stays as it is: dashes, curly quotes and accents are part of a style.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stages.prose.text import WORD, sentence_spans

WRAP = 120  # characters; a longer line is no hard-wrapped one, but a whole paragraph
HEAD_WORDS = 12  # a longer line is no head
CREDIT_WORDS = 60  # a longer paragraph is no line of copyright or credits
EDGE = 0.1  # share of the paragraphs at each end where front and back matter may lie
BACK = 0.6  # share of the paragraphs after which a head of notes or of an appendix ends the work

INVISIBLE = "\u00ad\u200a\u200b\u200c\u200d\u2060\ufeff"  # soft hyphens, joiners, spaces without width
LINE_ENDS = "\u2028\u2029\u0085"
PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n\s*")
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
    r"(?:illustration|sidenote|frontispiece|decoration|music|map|image|picture|footnote \w+)_?(?=[:.\]]))"
    r"[^\[\]]{0,2000}(?:\[[^\[\]]{0,500}\][^\[\]]{0,2000})*\]",
    re.I,
)
ITALIC = re.compile(r"(?<![^\W_])_([^_\n]+)_(?![^\W_])")
EMPHASIS = re.compile(r"(?<![\w*])\*{1,3}(?=[^\s*])([^*\n]+)(?<=\S)\*{1,3}(?![\w*])")
MARK = re.compile(
    r"(?<=[^\s\[(])(?: ?\[(?:\d{1,3}|[A-Za-z*†‡])\]| ?\{\*?\d{1,3}\}|(?<=[a-z.,;:!?”’\"']{3})[¹²³⁰⁴-⁹]+(?!\w)|"
    r"[*†‡]{1,3}(?=\s|$))"
)

MARKS = "[{*†‡¹²³⁰⁴⁵⁶⁷⁸⁹"

ROMAN = r"(?=[MDCLXVI])M{0,3}(?:CM|CD|D?C{0,4})(?:XC|XL|L?X{0,4})(?:IX|IV|V?I{0,4})"
DIVISION = "chapter|part|book|section|volume|vol|letter|canto|act|scene|stave|story|tale|entry|episode"
ORDINAL = (
    "(?:the )?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|last|"
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    "eighteen|nineteen|twenty(?:[ -]\\w+)?|thirty(?:[ -]\\w+)?|forty(?:[ -]\\w+)?|fifty(?:[ -]\\w+)?)"
)
HEADS = (
    re.compile(rf"[(\[]?{ROMAN}[)\]]?[.:]?(?:\s*[.:—–-]\s*[^\W\d_].*)?"),
    re.compile(rf"\W*(?:{DIVISION})\.?\s+(?:{ROMAN}|\d+|{ORDINAL})\b(?:\W*|\s*[.:,—–-]\s*.*|\s+[A-Z“‘].*)", re.I),
    re.compile(r"\d{1,3}[.)]?(?:\s+[A-Z“‘][^.!?]*)?"),
    re.compile(r"#{1,6}\s.*"),
    re.compile(
        r"(?:prologue|epilogue|preface|foreword|introduction|afterword|postscript|appendix|interlude|dedication)"
        r"(?:\W*|\s+[IVX]+\.?)",
        re.I,
    ),
)
ORNAMENT = re.compile(r"[^\w“”‘’\"']+|(?:o0o|[xX](?:\s+[xX])+|[oO](?:\s+[oO])+)")
PAGE = re.compile(
    r"[-–—\[({~|\s]*(?:(?:page|pg|p)\.?\s*)?(?:\d{1,4}|[ivxlc]{2,7})(?:\s*(?:/|of)\s*\d{1,4})?[-–—\])}~|\s]*", re.I
)
# within a line; alone on one it is a page number
PAGE_MARK = re.compile(
    r"(?<=[^\n])[{\[](?:page|pg|p)\.?\s*\w{1,6}[}\]] ?|[{\[](?:page|pg|p)\.?\s*\w{1,6}[}\]] ?(?=[^\n])", re.I
)
FOOTNOTE = re.compile(
    r"(?:\[(?:\d{1,3}|[A-Za-z*†‡])\]|\*{1,3}(?=\s|[^*\n]*$)|[†‡]{1,3}|[¹²³⁰⁴-⁹]+|\((?:\d{1,3})\)(?=\s*(?:See|Cf|Ibid)))\s*\S"
)
NUMBERED = re.compile(r"\(?(?:\d{1,3}|[ivxlc]{1,7})[.):]\s|(?:page|p|note|line|chapter)\.? ?\d", re.I)  # begins a note
UNBRACKETED = re.compile(r"\W*(?:editor|transcriber|translator|publisher|proofreader)(?:[’']s|s[’'])? notes?\b", re.I)
CONTENTS = re.compile(r"\W*(?:(?:table of )?contents|list of illustrations|illustrations)\b\W*", re.I)
ENTRY = re.compile(rf"(?:{ROMAN}|\d{{1,3}}|(?:{DIVISION}) \w+)\b[.:)\s]", re.I)
CREDIT = re.compile(
    r"\W*(?:copyright\W*(?:©|\(c\)|\d{4}|by\b)|©|\(c\)\s*\d{4}|all rights reserved|"
    r"(?:first )?(?:published|printed|serialized) (?:in|by|on)\b|reprinted (?:by|from|in)|"
    r"isbn\b|printed in\b|produced by\b|e-?text (?:prepared|produced)|"
    r"(?:this|the) (?:e-?book|e-?text|edition|work|text|story|file) (?:is|was|has been) (?:in the public|for the use|"
    r"the product|produced|transcribed|prepared|made|released|dedicated|not copyright)|release date|last updated|"
    r"language:|character set|"
    r"title:|author:|written (?:in|by)\b.{0,40}$|project gutenberg|standard ebooks|distributed proofread|"
    r"creative commons|uncopyright|transcribed (?:from|by)|digiti[sz]ed by|source:|credits:|"
    r"most recently updated|https?://|www\.)",
    re.I,
)
BYLINE = re.compile(r"\W*(?:by|written by|from the pen of|author of)\b.{2,60}", re.I)
FINISH = re.compile(r"\W*(?:the end|finis|fin|end|end of (?:the )?\w+|explicit)\W*", re.I)
APPENDIX = re.compile(
    r"\W*(?:colophon|uncopyright|imprint|(?:foot|end)?notes|footnotes:?|index|advertisements?|bibliography|"
    r"also by\b.{0,60}|about the author|(?:transcriber|editor|translator)[’']s notes?|full project gutenberg.{0,20}|"
    r"license|errata)\W*",
    re.I,
)
ENDED = re.compile(r"[.!?…:;,—–。！？-][”’\"')\]_]*$")


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
    text = _plain(text, removed)
    blocks = _without_matter(_blocks(text, removed), removed)
    if any(mark in text for mark in MARKS + "_"):
        blocks = [_unmarked(block, removed) for block in blocks]
    if "  " in text:
        blocks = [re.sub(" {2,}", " ", block) for block in blocks]
    paragraphs = [part for block in blocks if block for part in parts(block, max_words)]
    return Work(paragraphs, {kind: count for kind, count in sorted(removed.items()) if count})


def _plain(text: str, removed: Counter[str]) -> str:
    """`text` in NFC with line feeds alone, without an e-book's header and licence and bracketed notes."""
    text = _replaced(text.replace("\r\n", "\n"), "\r" + LINE_ENDS, "\n").replace("\f", "\n\n")
    text = unicodedata.normalize("NFC", _replaced(_replaced(text, INVISIBLE, ""), SPACES, " "))
    if "utenberg" in text or "UTENBERG" in text or "SMALL PRINT" in text:
        starts = list(START.finditer(text))
        stop = STOP.search(text, starts[-1].end() if starts else 0)
        removed["e-book header or licence"] += bool(starts) + bool(stop)
        text = text[starts[-1].end() if starts else 0 : stop.start() if stop else len(text)]
    if "[" in text:
        text, count = NOTE.subn("", text)
        removed["note"] += count
    if "[" in text or "{" in text:
        text, count = PAGE_MARK.subn("", text)
        removed["page number"] += count
    return text


def _replaced(text: str, characters: str, new: str) -> str:
    """`text` with `new` for each of `characters`; quick where there are none."""
    for character in characters:
        text = text.replace(character, new)
    return text


def _blocks(text: str, removed: Counter[str]) -> list[str]:
    """Paragraphs as they stand between blank lines, their lines joined; heads, ornaments and page numbers left out.

    A paragraph that a page number cut in two is whole again.
    """
    blocks: list[str] = []
    broken = False  # a page number came after the last block
    for raw in PARAGRAPH_END.split(text.strip()):
        for block in _lines(raw, removed) if "\n" in raw else [raw.strip()]:
            if len(block) < WRAP and (kind := _kind(block)):
                removed[kind] += 1
                broken = kind == "page number"
                continue
            if broken and blocks and block[:1].islower() and not re.search(r"[.!?…][”’\"')\]]*$", blocks[-1]):
                blocks[-1] = _joined([blocks[-1], block])
            elif block:
                blocks.append(block)
            broken = False
    return blocks


def _kind(block: str) -> str:
    """What a short line is, if it is no text: a page number, an ornament or a head; else nothing."""
    if not block:
        return ""
    if FINISH.fullmatch(block):
        return "end line"
    if PAGE.fullmatch(block) and not re.fullmatch(rf"\W*{ROMAN}\W*", block):
        return "page number"
    if ORNAMENT.fullmatch(block):
        return "ornament"
    if APPENDIX.fullmatch(block):
        return ""  # what follows may have to go with it
    return "head" if is_head(block) else ""


def is_head(line: str) -> bool:
    """Whether `line` is the head of a chapter or section: a number, a name such as Chapter 2, or all in capitals."""
    if len(line) >= WRAP or len(line.split()) > HEAD_WORDS:
        return False
    if any(pattern.fullmatch(line) for pattern in HEADS):
        return True
    return line.isupper() and line[-1] not in "!?…,;—”’\"'" and len(WORD.findall(line)) > 0


def _lines(raw: str, removed: Counter[str]) -> Iterator[str]:
    """The paragraphs of a block of several lines."""
    lines = raw.split("\n")
    first = 0
    while first < len(lines) - 1 and (kind := _kind(lines[first].strip())):
        removed[kind] += 1
        first += 1
    lines = lines[first:]
    whole = any(len(line) > WRAP for line in lines)
    group: list[str] = []
    for line in lines:
        bare = line.strip()
        indented = line[:2] == "  "
        new = whole or (indented and group and group[-1][:2] != "  " and ENDED.search(group[-1].rstrip()))
        if PAGE.fullmatch(bare) and bare.strip("-–—[](){}~| ").isdigit() and len(lines) > 1:
            removed["page number"] += 1
            continue
        if new and group:
            yield _joined(group)
            group = []
        group.append(line)
    if group:
        yield _joined(group)


def _joined(lines: Sequence[str]) -> str:
    """Hard-wrapped `lines` as one. Nothing comes between a hyphen or a dash that ends a word and what follows."""
    pieces: list[str] = []
    for line in lines:
        bare = line.strip()
        before = pieces[-1] if pieces else ""
        closed = re.search(r"[^\W\d_](?:[-—]|--)$", before[-3:]) or (bare[:1] == "—" and before[-1:].isalpha())
        pieces += [bare] if not pieces or closed else [" ", bare]
    return "".join(pieces)


def _without_matter(blocks: Sequence[str], removed: Counter[str]) -> list[str]:
    """`blocks` without what stands before and after the author's text, tables of contents and footnotes."""
    count = len(blocks)
    edge = max(int(count * EDGE), 12)
    kept: list[str] = []
    listing = False  # within a table of contents
    for place, block in enumerate(blocks):
        short = len(block) < 400 and len(block.split()) <= CREDIT_WORDS
        kind = ""
        if short and APPENDIX.fullmatch(block):
            if place >= count * BACK and count > 3 and _is_matter(blocks, place):
                removed["back matter"] += count - place
                break
            kind = "head"
        elif UNBRACKETED.match(block):
            kind = "note"
        elif block[0] in "[*†‡(¹²³⁴⁵⁶⁷⁸⁹" and FOOTNOTE.match(block):
            kind = "footnote"
        elif place < edge and (CONTENTS.fullmatch(block) if len(block) < 40 else _is_contents(block)):
            kind, listing = "contents", True
        elif listing and len(block) < WRAP and not ENDED.search(block):
            kind = "contents"
        elif short and (place < edge or place >= count - edge) and CREDIT.match(block):
            kind = "front matter" if place < edge else "back matter"
        elif place < edge and not kept and len(block.split()) <= HEAD_WORDS and _is_title(block):
            kind = "front matter"
        else:
            listing = False
        if kind:
            removed[kind] += 1
        else:
            kept.append(block)
    return kept


def _is_matter(blocks: Sequence[str], place: int) -> bool:
    """Whether what follows a head of notes or the like is no chapter: little text, or for the most part entries."""
    after = blocks[place + 1 :]
    if sum(map(len, after)) <= EDGE * sum(map(len, blocks)):
        return True
    entries = sum(
        not ENDED.search(block) or bool(FOOTNOTE.match(block) or NUMBERED.match(block) or CREDIT.match(block))
        for block in after
    )
    return 2 * entries >= len(after)


def _is_contents(block: str) -> bool:
    """Whether `block` is a list of contents on one line."""
    return block[:8].lower() == "contents" and (block[:8].isupper() or ENTRY.match(block[8:].lstrip(" .:")) is not None)


def _is_title(block: str) -> bool:
    """Whether a line before the text is a title or names the author, rather than to be read with it."""
    return bool(BYLINE.fullmatch(block)) or not ENDED.search(block)


def _unmarked(block: str, removed: Counter[str]) -> str:
    """`block` without marks of footnotes and of italics."""
    if any(mark in block for mark in MARKS):
        block, count = MARK.subn("", EMPHASIS.sub(r"\1", block))
        removed["footnote mark"] += count
    return ITALIC.sub(r"\1", block).strip() if "_" in block else block


def parts(paragraph: str, max_words: int) -> list[str]:
    """`paragraph` in parts of at most `max_words` words, cut at the ends of sentences so that no part is a mere rest.

    A sentence that is longer is cut after a comma or the like, else between words. The parts joined with spaces are the
    paragraph.
    """
    if len(paragraph) <= 2 * max_words or len(WORD.findall(paragraph)) <= max_words:
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
