"""What a page holds besides text: heads, page numbers, ornaments, footnotes."""

import re
from collections.abc import Mapping

from stages.prose.text import WORD

WRAP = 120  # characters; a longer line is a whole paragraph, unless those around it are wrapped as wide
HEAD_WORDS = 12  # a longer line is no head
# Stands alone for a form feed or a note, whose number it keeps: what is on both sides may be halves of a paragraph.
GAP = "\N{SYMBOL FOR FORM FEED}"
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
ROMAN = r"(?=[MDCLXVI])M{0,3}(?:CM|CD|D?C{0,4})(?:XC|XL|L?X{0,4})(?:IX|IV|V?I{0,4})"
DIVISION = "chapter|part|book|section|volume|vol|letter|canto|act|scene|stave|story|tale|entry|episode"
ORDINAL = (
    "(?:the )?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|last|"
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    "eighteen|nineteen|twenty(?:[ -]\\w+)?|thirty(?:[ -]\\w+)?|forty(?:[ -]\\w+)?|fifty(?:[ -]\\w+)?)"
)
# May be an editor's, and come back as a running head with the number of its page.
PREFACE = re.compile(
    r"(?:(?:\d+|[ivxlc]+)[\s|—–-]+)?((?:(?:the |general )?(?:editor|publisher|translator)(?:[’']s|s[’'])? |general )?"
    r"(?:preface|introduction|foreword))(?:\W+(?:\d+|[ivxlc]+))?\W*",
    re.I,
)
HEADS = (
    re.compile(rf"[(\[]?{ROMAN}[)\]]?[.:]?(?:\s*[.:—–-]\s*[^\W\d_].*)?"),
    re.compile(rf"\W*(?:{DIVISION})\.?\s+(?:{ROMAN}|\d+|{ORDINAL})\b(?:\W*|\s*[.:,—–-]\s*.*|\s+[A-Z“‘].*)", re.I),
    re.compile(r"\d{1,3}[.)]?(?:\s+[A-Z“‘][^.!?]*)?"),
    re.compile(r"#{1,6}\s.*"),
    PREFACE,
    re.compile(
        r"(?:prologue|epilogue|afterword|postscript|appendix|interlude|dedication)(?:\W*|\s+[IVX]+\.?)",
        re.I,
    ),
)
CHAPTERS = HEADS[:3]  # with a number
ORNAMENT = re.compile(r"[^\w“”‘’\"']+|(?:o0o|[xX](?:\s+[xX])+|[oO](?:\s+[oO])+)")
PAGE = re.compile(
    r"[-–—\[({~|\s]*(?:(?:page|pg|p)\.?\s*)?(?:\d{1,4}|[ivxlc]{2,7})(?:\s*(?:/|of)\s*\d{1,4})?[-–—\])}~|\s]*", re.I
)
APPENDIX = re.compile(
    r"\W*(?:colophon|uncopyright|imprint|(?:foot|end)?notes|footnotes:?|index|advertisements?|bibliography|"
    r"also by\b.{0,60}|about the author|(?:transcriber|editor|translator)[’']s notes?|full project gutenberg.{0,20}|"
    r"license|errata|acknowledge?ments?)\W*",
    re.I,
)
# A letter in brackets before a small one is no mark: [A]nd so, [a] servant.
FOOTNOTE = re.compile(
    r"(\[(?:\^\w{1,40}|\d{1,3}|[*†‡])\]|\[[A-Za-z]\](?!\s*[a-z]|\w)|\^\[\d{1,3}\]|\^\d{1,3}|"
    r"\*{1,3}(?=\s|[^*\n]*$)|[†‡]{1,3}|[¹²³⁰⁴-⁹]+|\(\d{1,3}\)(?=\s*(?:See|Cf|Ibid)))\s*\S"
)
NUMBERED_NOTE = re.compile(r"\(?(\d{1,3})[.):]{1,2}\s+\S")  # a footnote, if the text before refers to its number
NOTE_STARTS = tuple("[*†‡(^¹²³⁴⁵⁶⁷⁸⁹0123456789")
FINISH = re.compile(r"\W*(?:the end|finis|fin|end|end of (?:the )?\w+|explicit)\W*", re.I)


def note_mark(block: str, referred: Mapping[str, int]) -> str:
    """The mark that `block` begins with if it is a footnote, else nothing."""
    if not block.startswith(NOTE_STARTS):
        return ""
    numbered = NUMBERED_NOTE.match(block)
    if numbered and referred.get(numbered[1]):
        return numbered[1]
    found = FOOTNOTE.match(block)
    return found[1] if found and not kind_of(block) else ""


def numbers(mark: str) -> list[str]:
    """The number in a footnote's mark, if there is one."""
    return re.findall(r"\d+", mark.translate(SUPERSCRIPTS))


def kind_of(block: str) -> str:
    """What a line is, if it is no text: a page number, an ornament, a head or a gap; else nothing."""
    if not block:
        return ""
    if len(block) >= WRAP:
        return "ornament" if not block[0].isalnum() and ORNAMENT.fullmatch(block) else ""
    if block.rstrip("0123456789") == GAP:
        return "gap"
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


def is_page_number(line: str) -> bool:
    """Whether a line among others is a page number. A Roman one may be a word: I, mix."""
    return PAGE.fullmatch(line) is not None and line.strip("-–—[](){}~| ").isdigit()
