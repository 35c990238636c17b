"""Read what users hand in: a document as pages of text with headings marked as in Markdown, or a file of conversations.

pypdf reads PDF, python-docx reads Word: both are well kept and need no other program. HTML goes through Python's own
parser: only its text is wanted, and Beautiful Soup takes a minute for elements nested 20,000 deep.
"""

import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

# A form feed, or a line such as `--- page 3 ---`, ends a page.
PAGE = re.compile(r"\f|^[ \t]*-{2,}[ \t]*page[ \t]+\d+[ \t]*-{2,}[ \t]*$", re.IGNORECASE | re.MULTILINE)
UNSEEN = (
    "head",
    "nav",
    "noscript",
    "script",
    "style",
    "svg",
    "template",
)  # have no prose of the page
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
BLOCKS = (
    *HEADINGS,
    *("address", "article", "aside", "blockquote", "caption", "dd", "div", "dl", "dt", "fieldset", "figcaption"),
    *("figure", "footer", "form", "header", "hr", "li", "main", "ol", "p", "pre", "section", "table", "tr", "ul"),
)
CELLS = ("td", "th")
MOST_UNPACKED = 500_000_000  # bytes that a zipped document may hold


class Refusal(Exception):  # noqa: N818  a normal outcome of reading, not a programming error
    """One file, document or conversation that can't be used: a reason code, and what was found."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Contents:
    """What a file holds: the pages of a document, or the values that a JSON file has."""

    pages: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()  # a Refusal stands for a line that is no JSON


def read(data: bytes, suffix: str, max_bytes: int) -> Contents:
    """What `data`, from a file with that suffix, holds. Raises Refusal if that is nothing, or can't be read."""
    reader = READERS.get(suffix.lower())
    if reader is None:
        raise Refusal("unsupported", f"{suffix or 'no suffix'}, expected one of {' '.join(sorted(READERS))}")
    if len(data) > max_bytes:
        raise Refusal("too_large", f"over {max_bytes} bytes")
    if not data.strip():
        raise Refusal("empty")
    contents = reader(data)
    if not contents.values and not any(page.strip() for page in contents.pages):
        raise Refusal("no_text", "the pages are pictures, or there are none" if reader is _pdf else "")
    return contents


def decoded(data: bytes) -> str:
    """`data` as text with line feeds. Raises Refusal if it is binary or not UTF-8, naming the byte."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Refusal("not_utf8", "byte 0: it is UTF-16; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in data:
            raise Refusal("binary", f"byte {data.index(0)} is 0x00") from error
        start = error.start + len(data) - len(error.object)  # the decoder doesn't count a byte order mark
        raise Refusal("not_utf8", f"byte {start} is 0x{data[start]:02x}") from error
    if "\0" in text:
        raise Refusal("binary", f"byte {data.index(0)} is 0x00")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def pages(text: str) -> tuple[str, ...]:
    """`text` cut at its page marks, which are no text. What is empty between two of them counts as a page."""
    parts = [part.strip("\n") for part in PAGE.split(text)]
    # a mark on the first line opens the first page, one on the last line closes the last
    return tuple(parts[not parts[0].strip() : len(parts) - (not parts[-1].strip())])


def _plain(data: bytes) -> Contents:
    return Contents(pages(decoded(data)))


class _Page(HTMLParser):
    """Collects the text of a web page, with white space as a browser shows it and a blank line between blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.unseen = self.preformatted = 0  # how many such elements are open

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        """Note what opens."""
        self.unseen += tag in UNSEEN
        self.preformatted += tag == "pre"
        if tag in BLOCKS:
            self.parts.append("\n\n" + ("#" * int(tag[1]) + " " if tag in HEADINGS else "- " if tag == "li" else ""))
        elif tag == "br":
            self.parts.append("\n")
        elif tag in CELLS and self.parts and not self.parts[-1][-1:].isspace():
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """Note what closes; some never opened."""
        self.unseen -= tag in UNSEEN and self.unseen > 0
        self.preformatted -= tag == "pre" and self.preformatted > 0
        if tag in BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        """Keep text that is shown."""
        if not self.unseen:
            text = data if self.preformatted else re.sub(r"\s+", " ", data)
            self.parts.append(text[1:] if text[:1] == " " and self.parts and self.parts[-1][-1:].isspace() else text)


def _html(data: bytes) -> Contents:
    """The text of a web page, as one page."""
    page = _Page()
    page.feed(decoded(data))
    page.close()
    text = "\n".join(line.rstrip() for line in "".join(page.parts).split("\n"))
    return Contents((re.sub(r"\n{3,}", "\n\n", text).strip("\n"),))


def _docx(data: bytes) -> Contents:
    """The paragraphs and tables of a Word document. Its pages are those that its writer broke by hand."""
    import docx
    from docx.oxml.ns import qn
    from docx.text.paragraph import Paragraph

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_UNPACKED:
                raise Refusal("too_large", f"over {MOST_UNPACKED} bytes when unpacked")
        document = docx.Document(io.BytesIO(data))
        blocks = []
        for block in document.iter_inner_content():
            if isinstance(block, Paragraph):
                breaks = [mark for mark in block._p.iter(qn("w:br")) if mark.get(qn("w:type")) == "page"]
                style = (block.style.name or "") if block.style else ""
                level = re.fullmatch(r"(?:Heading ([1-6])|Title)", style)
                mark = "#" * int(level[1] or 1) + " " if level and block.text.strip() else ""
                blocks.append(("\f" if breaks or block.paragraph_format.page_break_before else "") + mark + block.text)
            else:
                blocks.append("\n".join(" ".join(cell.text for cell in row.cells) for row in block.rows))
    except Refusal:
        raise
    except Exception as error:  # a broken file shows as whatever the zip, XML or Word reader trips over
        raise Refusal("broken", _line(error)) from error
    return Contents(pages("\n\n".join(blocks)))


def _pdf(data: bytes) -> Contents:
    """The text of each page of a PDF; one that opens with the empty password counts as open."""
    import logging

    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it would warn of each small fault of each file
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Refusal("encrypted", "it asks for a password; save it without one")
        texts = [page.extract_text().replace("\f", "\n").replace("\0", "") for page in reader.pages]
    except Refusal:
        raise
    except Exception as error:  # a broken file shows as whatever the reader trips over
        raise Refusal("broken", _line(error)) from error
    return Contents(tuple(texts))


def _json(data: bytes) -> Contents:
    return Contents(values=(_parsed(decoded(data)),))


def _jsonl(data: bytes) -> Contents:
    """The values of a file with one on each line; a bad line doesn't spoil the others."""
    values: list[Any] = []
    for number, line in enumerate(decoded(data).split("\n"), start=1):
        if line.strip():
            try:
                values.append(_parsed(line))
            except Refusal as refusal:
                values.append(Refusal(refusal.reason, f"line {number}: {refusal.detail}"))
    return Contents(values=tuple(values))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Refusal("not_json", f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except (RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
        raise Refusal("not_json", _line(error)) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


READERS: dict[str, Callable[[bytes], Contents]] = {
    **dict.fromkeys((".txt", ".text", ".md", ".markdown"), _plain),
    **dict.fromkeys((".html", ".htm", ".xhtml"), _html),
    ".docx": _docx,
    ".pdf": _pdf,
    ".json": _json,
    **dict.fromkeys((".jsonl", ".ndjson"), _jsonl),
}
