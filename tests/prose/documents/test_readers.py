import io
import json
import zipfile

import docx
import pytest
from docx.enum.text import WD_BREAK
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from stages.prose.documents.readers import READERS, Refusal, pages, read

MOST = 1_000_000


def refused(data: bytes, suffix: str) -> tuple[str, str]:
    with pytest.raises(Refusal) as error:
        read(data, suffix, MOST)
    return error.value.reason, error.value.detail


def pdf(*texts: str, password: str | None = None, owner: str | None = None) -> bytes:
    """A PDF with a line of text on each page."""
    writer = PdfWriter()
    for text in texts:
        page = writer.add_blank_page(300, 300)
        font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
        named = DictionaryObject({NameObject(key): NameObject(value) for key, value in font.items()})
        fonts = DictionaryObject({NameObject("/F1"): named})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode() if text else b"")
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password is not None:
        writer.encrypt(password, owner, algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def word() -> bytes:
    document = docx.Document()
    document.add_heading("The lamp", 1)
    document.add_paragraph("It is lit at dusk.")
    document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    document.add_heading("Oil", 2)
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "whale", "seed"
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def test_text_is_read_as_it_is_with_pages_at_form_feeds_and_page_lines() -> None:
    assert read("\ufeffÜber “dusk” — 漢\r\nx\r\n".encode(), ".TXT", MOST).pages == ("Über “dusk” — 漢\nx",)
    assert pages("one\ftwo") == ("one", "two")
    assert pages("--- page 1 ---\none\n--- Page 2 ---\ntwo\n -- PAGE 3 --\nthree\n") == ("one", "two", "three")
    assert pages("one\f\ftwo\f") == ("one", "", "two")  # an empty page is a page
    assert pages("a --- page 2 --- b\n---\npage 3") == ("a --- page 2 --- b\n---\npage 3",)


def test_a_web_page_gives_its_blocks_with_headings_and_without_scripts_or_navigation() -> None:
    html = (
        "<!doctype html><html><head><title>t</title><style>p{}</style></head><body><nav>menu</nav>"
        "<h2>The\n lamp</h2><p>It is <b>lit</b>\n at   dusk.<br>Always.<script>x()</script><!-- no --></p>"
        "<ul><li>oil<li>wick</ul><pre>a\n  b</pre><table><tr><td>1</td><td>2</td></tr></table>&amp; &lt;end&gt;"
    )
    text = read(html.encode(), ".html", MOST).pages[0]
    assert text.startswith("## The lamp\n\nIt is lit at dusk.\nAlways.\n\n- oil\n\n- wick\n\na\n  b\n\n1 2")
    assert text.endswith("& <end>")
    assert not any(word in text for word in ("menu", "x()", "p{}", "no"))


def test_a_word_file_gives_headings_paragraphs_tables_and_its_page_breaks() -> None:
    assert read(word(), ".docx", MOST).pages == ("# The lamp\n\nIt is lit at dusk.", "## Oil\n\nwhale seed")


def test_a_pdf_gives_its_pages() -> None:
    assert [page.strip() for page in read(pdf("The lamp", "", "is lit"), ".pdf", MOST).pages] == [
        "The lamp",
        "",
        "is lit",
    ]
    assert (
        read(pdf("open", password="", owner="x"), ".pdf", MOST).pages[0].strip() == "open"
    )  # may be read, not changed


def test_json_gives_its_value_and_jsonl_one_for_each_line() -> None:
    assert read(b'{"a": 1}', ".json", MOST).values == ({"a": 1},)
    first, second, third = read(b'{"a": 1}\n\n{"a": \n[2]\n', ".jsonl", MOST).values
    assert (first, third) == ({"a": 1}, [2])
    assert isinstance(second, Refusal) and second.reason == "not_json" and second.detail.startswith("line 3: ")


def test_text_that_is_not_utf8_is_refused_with_the_byte() -> None:
    assert refused("Die Türe".encode("latin-1"), ".txt") == ("not_utf8", "byte 5 is 0xfc")
    assert refused(b"\xef\xbb\xbfab\xff", ".md") == ("not_utf8", "byte 5 is 0xff")
    assert refused("a lamp".encode("utf-16"), ".txt") == ("not_utf8", "byte 0: it is UTF-16; save it as UTF-8")
    assert refused('{"a": "ü"}'.encode("latin-1"), ".json")[0] == "not_utf8"
    assert refused("<p>Türe".encode("latin-1"), ".html")[0] == "not_utf8"


def test_other_bad_files_are_refused_with_a_reason() -> None:
    assert refused(b"", ".txt")[0] == refused(b" \n\t", ".md")[0] == "empty"
    assert refused(b"\x89PNG\r\n\x1a\n\0\0", ".txt") == ("binary", "byte 8 is 0x00")
    assert refused(b"plain\0text", ".txt") == ("binary", "byte 5 is 0x00")
    assert refused(b"x", ".exe")[0] == refused(b"x", "")[0] == "unsupported"
    assert refused(b"x" * (MOST + 1), ".txt")[0] == "too_large"
    assert refused(b'{"a": 1,}', ".json")[0] == "not_json"
    assert refused(b"[" * 200_000, ".json")[0] == "not_json"
    assert refused(b"9" * 5_000, ".json")[0] == "not_json"
    assert refused(b"<script>x()</script>", ".html") == ("no_text", "")
    assert refused(pdf("secret", password="x"), ".pdf")[0] == "encrypted"
    assert refused(pdf("", ""), ".pdf")[0] == "no_text"
    assert refused(b"%PDF-1.7 and no more", ".pdf")[0] == "broken"
    assert refused(word()[:500], ".docx")[0] == "broken"
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("mimetype", "application/zip")
    assert refused(other.getvalue(), ".docx")[0] == "broken"


def test_a_word_file_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.prose.documents.readers.MOST_UNPACKED", 1000)
    assert refused(word(), ".docx") == ("too_large", "over 1000 bytes when unpacked")


def test_a_web_page_of_elements_that_never_close_is_read() -> None:
    assert read(b"<div><p>" * 20_000 + b"lamp</nav></pre>", ".html", MOST).pages == ("lamp",)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(READERS)), st.binary(max_size=200), st.sampled_from([b"", pdf("x"), word(), b'{"a": [']))
def test_any_bytes_are_read_or_refused(suffix: str, data: bytes, before: bytes) -> None:
    try:
        contents = read(before + data, suffix, MOST)
    except Refusal as refusal:
        assert refusal.reason
    else:
        assert any(page.strip() for page in contents.pages) or contents.values


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\f"), min_size=1))
def test_a_text_without_page_marks_comes_back_but_for_the_line_ends_around_it(text: str) -> None:
    if text.strip() and "page" not in text.lower() and not text.startswith("\ufeff"):
        assert read(text.encode(), ".txt", MOST).pages == (text.strip("\n"),)
        assert read(json.dumps(text).encode(), ".json", MOST).values == (text,)
