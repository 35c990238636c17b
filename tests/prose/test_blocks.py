import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.prose.blocks import Block, blocks, in_place, wrapped_like
from stages.prose.text import words

PROSE = "The keeper climbed the stairs at dusk and lit the lamp. He waited for the boat until the tide had turned."


def kinds(document: str, min_words: int = 20) -> list[str | None]:
    return [block.kept for block in blocks(document, min_words)[0]]


def whole(document: str, min_words: int = 20) -> str:
    found, tail = blocks(document, min_words)
    return "".join(block.before + block.text for block in found) + tail


def test_blank_lines_part_paragraphs_and_all_white_space_survives() -> None:
    document = f"\n\n  {PROSE}\n \n\n\t{PROSE}\r\n\r\n{PROSE}\n\n\n"
    found, tail = blocks(document, 20)
    assert [(block.before, block.text, block.kept) for block in found] == [
        ("\n\n  ", PROSE, None),
        ("\n \n\n\t", PROSE, None),
        ("\r\n\r\n", PROSE, None),
    ]
    assert tail == "\n\n\n"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (PROSE, None),
        (PROSE.replace(" at ", "\nat "), None),  # hard-wrapped
        (f"    {PROSE}", None),  # the first line alone is indented
        (f"“{PROSE}”", None),
        (f"In 1890. {PROSE}", None),
        (f"*Truly*, {PROSE}", None),
        (f"J. Carter spoke. {PROSE}", None),
        ("# The Lamp", "heading"),
        ("## " + "word " * 30, "heading"),
        (
            "THE KEEPER OF THE LAMP, HIS BOAT AND ALL THAT BEFELL HIM IN THE WINTER OF THE YEAR OF THE GREAT STORM",
            "heading",
        ),
        ("XIV.", "heading"),
        ("Chapter IV", "heading"),
        ("The Lamp and the Boat", "heading"),
        ("The Lamp\n========", "heading"),
        ("He went home.", "short"),
        ("* * *", "separator"),
        ("-----", "separator"),
        ("***", "separator"),
        (f"- {PROSE}", "list"),
        (f"12. {PROSE}", "list"),
        (f"a) {PROSE}", "list"),
        (
            "What the keeper had with him on the day when he came to the rock:\n- a lamp\n- a box of matches\n- bread",
            "list",
        ),
        (f"> {PROSE}", "quote"),
        ("| lamp | boat |\n| one | two |", "quote"),
        (f"[1] {PROSE}", "footnote"),
        (f"[^lamp]: {PROSE}", "footnote"),
        (f"¹ {PROSE}", "footnote"),
        (f"* {PROSE}", "list"),
        (f"† {PROSE}", "footnote"),
        (f"** {PROSE}", "footnote"),
        ("    for lamp in lamps:\n        lamp.light()", "code"),
        ("for (;;) {\n  light(lamp);\n}", "code"),
        (f"```\nlamp = 1\n\n{PROSE}\n```", "code"),
        (
            "The lamp was bright\nThe sea was deep\nThe keeper slept\nAnd none did weep\nAnd all was gone, all gone",
            "verse",
        ),
        ("Смотритель поднялся по лестнице в сумерках и зажёг лампу. " * 4, "script"),
    ],
)
def test_what_is_rewritten_is_prose(text: str, kind: str | None) -> None:
    document = f"{PROSE}\n\n{text}\n\n{PROSE}\n"
    assert kinds(document) == [None, kind, None]
    assert whole(document) == document


def test_a_heading_with_no_blank_line_after_it_is_apart() -> None:
    assert kinds(f"# The Lamp\n{PROSE}\n## The Boat\n{PROSE}\n") == ["heading", None, "heading", None]


def test_a_fence_that_nothing_closes_fences_nothing() -> None:
    assert kinds(f"```\n\n{PROSE}") == ["separator", None]


def test_lines_too_long_to_be_wrapped_are_paragraphs() -> None:
    line = f"{PROSE} {PROSE}"
    assert len(line) > 120
    assert kinds(f"{line}\n{line}\n“Yes,” he said.\n") == [None, None, "short"]


@pytest.mark.parametrize("width", [72, 125, 140, 300])
def test_a_paragraph_is_one_however_wide_it_was_wrapped(width: int) -> None:
    document = textwrap.fill(" ".join([PROSE] * 12), width)
    assert kinds(f"{document}\n\n{document}\n") == [None, None]


def test_a_long_link_between_wrapped_lines_stands_apart() -> None:
    paragraph = textwrap.fill(" ".join([PROSE] * 3), 72)
    link = "http://keepers.example/" + "log/" * 30
    found, _ = blocks(f"{paragraph}\n{link}\n{paragraph}\n", 20)
    assert [(block.text, block.kept is None) for block in found] == [
        (paragraph, True),
        (link, False),
        (paragraph, True),
    ]


def test_the_shortest_paragraph_that_is_rewritten_has_the_words_asked_for() -> None:
    # 21 words
    assert len(words(PROSE)) == 21
    assert kinds(PROSE, 21) == [None]
    assert kinds(PROSE, 22) == ["short"]


@given(st.text(alphabet="ab.#-*`> \n\r\tI[1]|", max_size=80))
def test_any_document_comes_back_byte_for_byte(document: str) -> None:
    assert whole(document, 2) == document


@given(st.text(max_size=60))
def test_so_does_any_text(document: str) -> None:
    assert whole(document, 1) == document


def test_a_wrapped_paragraph_is_wrapped_again() -> None:
    assert wrapped_like("The lamp was lit again at dusk.", "It was dark on\r\nthe sea.") == (
        "The lamp was\r\nlit again at\r\ndusk."
    )
    assert (
        wrapped_like("The lamp was lit again at dusk.", "It was dark on the sea.") == "The lamp was lit again at dusk."
    )


def test_paragraphs_go_where_those_were_that_they_are_made_of() -> None:
    found = [Block("\n", "It was\r\ndark.", None), Block("\r\n\r\n  ", "A lamp was lit.", None)]
    assert in_place("He saw\n\nlamps and the sea", found, "\r\n") == "He saw\r\n\r\n  lamps and the sea"
    assert in_place("He saw lamps", found, "\r\n") == "He saw\r\nlamps"
    assert in_place("a\n\nb\n\nc", found, "\r\n") == "a\r\n\r\n  b\r\n\r\n  c"
    assert in_place("a\n\nb", found[:1], "\r\n") == "a\r\n\r\nb"
