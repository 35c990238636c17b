import re
import textwrap
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.prose.clean import Unreadable, cleaned, decoded, parts
from stages.prose.furniture import is_head
from stages.prose.text import sentences, words

FIRST = "I kept the light for eleven winters, and in all that time no ship was lost upon the reef."
SECOND = "What the sea takes—so my father said—it keeps; “and what it keeps,” he added, “it doesn’t show.”"


def paragraphs(text: str, max_words: int = 1000) -> list[str]:
    return cleaned(text, max_words).paragraphs


def test_dashes_curly_quotes_and_accents_stay_as_they_are() -> None:
    text = "‘Naïve—or not,’ she wrote… “a façade – no more.” It’s half-open; 45° 16′; D⸺ said so."
    assert paragraphs(text) == [text]


@pytest.mark.parametrize("head", ["Notes", "Index", "LICENSE"])
def test_a_chapter_may_be_called_notes_and_loses_nothing(head: str) -> None:
    body = [f"{FIRST} {number} ships." for number in range(20)]
    assert paragraphs("\n\n".join([*body[:13], head, *body[13:]])) == body
    notes = [f"{number}. {FIRST}" for number in range(1, 8)]
    assert paragraphs("\n\n".join([*body[:13], head, *notes])) == body[:13]


def test_fifty_thousand_heads_in_a_block_are_taken_off_in_one_go() -> None:
    work = cleaned("CHAPTER I\n" * 50_000 + FIRST, 1000)
    assert (work.paragraphs, work.removed) == ([FIRST], {"head": 50_000})


def test_a_letter_with_a_separate_accent_becomes_one() -> None:
    assert paragraphs(unicodedata.normalize("NFD", "A façade, she said.")) == ["A façade, she said."]


def test_hard_wrapped_lines_are_joined_and_blank_lines_split() -> None:
    wrapped = f"{FIRST[:36]}\n{FIRST[37:60]}\n{FIRST[60:]}\n \nThe sea is old."
    assert paragraphs(wrapped) == [FIRST, "The sea is old."]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\N{LINE SEPARATOR}"])
def test_any_line_end_will_do(end: str) -> None:
    assert paragraphs(f"{FIRST[:40]}{end}{FIRST[40:].lstrip()}{end}{end}{SECOND}{end}") == [
        FIRST if FIRST[40] == " " else f"{FIRST[:40]} {FIRST[40:]}",
        SECOND,
    ]


def test_a_word_that_a_line_end_cuts_at_its_hyphen_or_dash_gets_no_space() -> None:
    assert paragraphs("The half-\nopen door—\nif it was one—stood\n—and fell.") == [
        "The half-open door—if it was one—stood—and fell."
    ]


def test_lines_too_long_to_be_wrapped_are_paragraphs() -> None:
    long = " ".join([FIRST, SECOND])
    assert paragraphs(f"{long}\n“Yes,” said he.\n{long}") == [long, "“Yes,” said he.", long]


@pytest.mark.parametrize("columns", [130, 200])
def test_a_text_may_be_hard_wrapped_at_any_width(columns: int) -> None:
    long = " ".join([FIRST, SECOND] * 4)
    wrapped = textwrap.fill(long, columns, break_on_hyphens=False)
    assert len(wrapped.split("\n")[0]) > 120
    assert paragraphs(f"{wrapped}\n\n{SECOND}\n\nCHAPTER I\n{wrapped}") == [long, SECOND, long]
    assert paragraphs(f"{long}\n{long}\n{long}") == [long, long, long]
    assert paragraphs(f"{long}\n“No more of that,\n{long}") == [long, "“No more of that,", long]


def test_an_indented_line_after_the_end_of_a_sentence_begins_a_paragraph() -> None:
    assert paragraphs("  I kept the light\nfor years.\n  The sea is old\nand cold.") == [
        "I kept the light for years.",
        "The sea is old and cold.",
    ]


def test_header_and_licence_of_an_e_book_are_cut() -> None:
    text = f"""\ufeffThe Project Gutenberg eBook of The Light

This ebook is for the use of anyone anywhere in the United States.

Title: The Light

*** START OF THE PROJECT GUTENBERG EBOOK THE LIGHT ***

Produced by Somebody and the Online Distributed Proofreading Team

THE LIGHT

by A. Keeper

{FIRST}

{SECOND}

THE END

*** END OF THE PROJECT GUTENBERG EBOOK THE LIGHT ***

Updated editions will replace the previous one.

Section 1. General Terms of Use and Redistributing"""
    work = cleaned(decoded(text.encode()), 1000)
    assert work.paragraphs == [FIRST, SECOND]
    assert work.removed == {"e-book header or licence": 2, "end line": 1, "front matter": 2, "head": 1}


def test_the_older_licence_in_small_print_is_cut() -> None:
    head = "A legal text.\n\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*"
    text = f"{head}\n\n{FIRST}\n\n{SECOND}\n\nEnd of the Project Gutenberg EBook of The Light"
    assert paragraphs(text) == [FIRST, SECOND]


def test_title_author_copyright_and_contents_are_front_matter() -> None:
    contents = "CONTENTS\n\nI. The Reef\n\nII. The Lamp\n\nIII. What the Sea Keeps"
    text = (
        f"The Light\n\nBy A. Keeper\n\nCopyright 1921 by A. Keeper\n\n{contents}\n\nI. The Reef\n\n{FIRST}\n\n{SECOND}"
    )
    assert paragraphs(text) == [FIRST, SECOND]
    joined = "Contents\nI. The Reef .... 1\nII. The Lamp .... 12"
    assert paragraphs(f"{joined}\n\n{FIRST}\n\n{SECOND}") == [FIRST, SECOND]


def test_what_comes_after_a_colophon_or_a_head_of_notes_is_back_matter() -> None:
    body = "\n\n".join([FIRST, SECOND] * 4)
    assert (
        paragraphs(f"{body}\n\nColophon\n\nThe Light was completed in 1921. This edition was made with care.")
        == [
            FIRST,
            SECOND,
        ]
        * 4
    )
    assert paragraphs(f"{body}\n\nTRANSCRIBER’S NOTES\n\nObvious errors were corrected.") == [FIRST, SECOND] * 4


@pytest.mark.parametrize(
    "opening",
    ["Copyright © 1921 by A. Keeper. All rights reserved.", "No part of this publication may be reproduced.",
     "No part of this book may be copied.", "This is a work of fiction.", "This novel is a work of fiction.",
     "Names, characters and places are made up.", "All rights reserved."],
)  # fmt: skip
def test_a_long_page_of_rights_is_no_text(opening: str) -> None:
    body = [f"{FIRST} {number} ships." for number in range(40)]
    credit = " ".join([opening, *["It is sold without any warranty, and so on and so forth."] * 9])  # over 60 words
    assert paragraphs("\n\n".join([credit, *body])) == body
    assert paragraphs("\n\n".join([*body, credit])) == body
    assert paragraphs("\n\n".join([*body[:20], credit, *body[20:]])) == [*body[:20], credit, *body[20:]]


@pytest.mark.parametrize("head", ["PREFACE", "Introduction", "EDITOR’S INTRODUCTION", "Editor's Preface", "FOREWORD"])
def test_a_preface_goes_if_it_names_an_editor_or_edition(head: str) -> None:
    chapters = f"CHAPTER I\n\n{FIRST}\n\nCHAPTER II\n\n{SECOND}"
    for name in ("the editor", "a new edition"):
        edited = f"{head}\n\n{SECOND}\n\n12 {head}\n\n{FIRST}\n\nxii {head}\n\nSo much for {name} of this book."
        assert paragraphs(f"THE LIGHT\n\n{edited}\n\n{chapters}") == [FIRST, SECOND]
    own = "I wrote this at the reef."
    numbered = f"I. {head}\n\nThe editor came.\n\nII. The Reef\n\n{FIRST}"
    assert paragraphs(numbered) == ["The editor came.", FIRST]
    assert paragraphs(f"{head}\n\n{own}\n\n{chapters}") == [own, FIRST, SECOND]
    # where no chapter comes after it, and after a chapter
    edited = f"{head}\n\nSo much for the editor."
    assert paragraphs(edited) == ["So much for the editor."]
    assert paragraphs(f"{chapters}\n\n{edited}\n\nCHAPTER III\n\n{FIRST}")[2] == "So much for the editor."


@pytest.mark.parametrize("head", ["ACKNOWLEDGMENTS", "Acknowledgements", "ACKNOWLEDGEMENT"])
def test_acknowledgements_at_the_end_are_back_matter(head: str) -> None:
    body = [f"{FIRST} {number} ships." for number in range(20)]
    thanks = "I thank the harbour board and my wife."
    assert paragraphs("\n\n".join([*body, head, thanks])) == body
    assert paragraphs("\n\n".join([head, thanks, *body])) == [thanks, *body]


def test_the_first_words_of_a_story_are_no_front_matter() -> None:
    spoken = "“Hush,” said he."
    assert paragraphs(f"{spoken}\n\n{FIRST}") == [spoken, FIRST]


@pytest.mark.parametrize(
    "head",
    ["I", "XIV.", "IV. The Lamp", "Chapter X", "CHAPTER 12.", "Chapter One", "Chapter 3: The Reef", "Part the Second",
     "12", "3. The Reef", "THE KEEPER’S TALE", "## The Reef", "Epilogue", "Letter IV"],
)  # fmt: skip
def test_heads_are_left_out(head: str) -> None:
    assert is_head(head) or head == "12"
    assert paragraphs(f"{FIRST}\n\n{head}\n\n{SECOND}") == [FIRST, SECOND]
    assert paragraphs(f"{FIRST}\n\n{head}\n{SECOND}") == [FIRST, SECOND]


@pytest.mark.parametrize(
    "line",
    ["I did.", "It was I", "Mild was the night.", "Part of it was gone.", "“NO!”", "HELP!", "12 men were lost.",
     "Remplis ton verre vide!", "Story after story he told", "IT IS A LIE—"],
)  # fmt: skip
def test_lines_of_the_text_are_no_heads(line: str) -> None:
    assert paragraphs(f"{FIRST}\n\n{line}\n\n{SECOND}") == [FIRST, line, SECOND]


@pytest.mark.parametrize("page", ["12", "- 12 -", "[Pg 12]", "[12]", "Page 12", "{12}", "— 7 —", "xiv"])
def test_a_page_number_is_left_out_and_the_sentence_it_cut_is_whole_again(page: str) -> None:
    assert paragraphs(f"I kept the light for eleven winters,\n\n{page}\n\n{FIRST[37:]}\n\n{SECOND}") == [FIRST, SECOND]


@pytest.mark.parametrize(
    "between",
    ["THE WORK 23", "23\n\nTHE WORK", "\f", "23\n\n\fTHE WORK", "* * *", "[1] See the log.", "* See the log.",
     "23\n\n1. See the log of that year.\n\n\f", "[Illustration: A lamp]", "   [Footnote 1: A lamp\n\nin the night]   ",
     "[^1]: See the log.\n\n    And the map."],
)  # fmt: skip
def test_a_paragraph_that_something_on_the_page_cut_in_two_is_whole_again(between: str) -> None:
    first, rest = "I kept the light[1] for eleven winters,", FIRST[37:]
    assert paragraphs(f"{SECOND}\n\n{first}\n\n{between}\n\n{rest}\n\n{SECOND}") == [SECOND, FIRST, SECOND]
    whole = f"“{FIRST}”[1]"
    assert paragraphs(f"{SECOND}\n\n{whole}\n\n{between}\n\n{rest}\n\n{SECOND}")[2] == rest  # after a whole sentence
    capital = rest.capitalize()
    assert paragraphs(f"{SECOND}\n\n{first}\n\n{between}\n\n{capital}\n\n{SECOND}")[2] == capital


def test_the_halves_of_a_paragraph_meet_whatever_their_lines() -> None:
    assert paragraphs("I kept the half-\n12\n\n\fTHE LIGHT\nopen door\n\n13\n\nfor years.") == [
        "I kept the half-open door for years."
    ]
    assert paragraphs("I kept the light\n[Illustration]\nfor years.") == ["I kept the light for years."]
    assert paragraphs("I kept the light,\n\nTHE END\n\n12\n\nfor years.") == ["I kept the light,", "for years."]
    assert paragraphs(f"{FIRST}\n\nCHAPTER II\n\nthe sea is old.") == [FIRST, "the sea is old."]


def test_a_paragraph_in_a_hundred_thousand_pieces_is_joined_in_one_go() -> None:
    assert len(cleaned("the sea is old and\n\n\f12\n\n" * 100_000, 10**9).paragraphs) == 1  # quadratic, it took minutes


def test_page_numbers_between_the_lines_of_a_paragraph_are_left_out() -> None:
    assert paragraphs(f"I kept the light for eleven winters,\n  12\n{FIRST[37:]}") == [FIRST]
    assert paragraphs("I kept the {p. 12} light, and the [Pg 13]lamp.") == ["I kept the light, and the lamp."]


@pytest.mark.parametrize(
    "note",
    [
        "[1] A reef off the cape.",
        "* A reef off the cape.",
        "[Footnote 1: A reef\n\noff it.]",
        "† See the map.",
        "[a] A reef.",
    ],
)
def test_footnotes_are_left_out(note: str) -> None:
    assert paragraphs(f"{FIRST}\n\n{note}\n\n{SECOND}") == [FIRST, SECOND]


def test_the_marks_of_footnotes_are_left_out() -> None:
    assert paragraphs(
        "The reef[1] is old.[12] The sea* is cold† and the lamp¹ is lit.² The tide[a] turns [2].{*3}"
        "\n\n* A cold one.\n\n[a] At noon."
    ) == ["The reef is old. The sea is cold and the lamp is lit. The tide turns."]
    assert paragraphs("He wrote x² and 45 m² [here a howl burst forth] of it.") == [
        "He wrote x² and 45 m² [here a howl burst forth] of it."
    ]


@pytest.mark.parametrize(
    "text",
    ["He swore that [I] had lied, and [a] servant saw it.", "[A]nd so the light[s] went out.",
     "[a] servant saw it; the d*** fool ran.", "The Marquis de L*** came to me in 18** with M. de É*, and left."],
)  # fmt: skip
def test_what_looks_like_a_mark_but_marks_no_footnote_stays(text: str) -> None:
    assert paragraphs(text) == [text]
    note = "** The map is lost.\n\n[B] So is the log."
    assert paragraphs(f"{text}\n\nThe sea** is[B] old**, and cold.\n\n{note}") == [text, "The sea is old, and cold."]


@pytest.mark.parametrize(
    ("text", "note"),
    [("The sea* is old**, and cold.", "* The reef.\n** The map."),
     ("The sea[A] is old[B].", "[Footnote A: So]\n\n[B] So.")],
)  # fmt: skip
def test_marks_go_with_each_of_their_footnotes(text: str, note: str) -> None:
    assert paragraphs(f"{text}\n\n{note}") == [re.sub(r"\*+|\[.\]", "", text)]


@pytest.mark.parametrize("mark", ["[^1]", "[^map]", "^[1]", "^1", " [^1]"])
def test_the_marks_of_footnotes_in_markdown_are_left_out(mark: str) -> None:
    assert paragraphs(f"I counted my steps.{mark} “So did I.”{mark} The lamp{mark} was lit.") == [
        "I counted my steps. “So did I.” The lamp was lit."
    ]
    note = f"{mark.strip()}: A note of the keeper’s.\n\n    It has a second paragraph\n    of two lines."
    assert paragraphs(f"{FIRST}{mark}\n\n{note}\n\n{SECOND}") == [FIRST, SECOND]
    assert paragraphs("The x^2 of 10^6 is lost.") == ["The x^2 of 10^6 is lost."]


@pytest.mark.parametrize("mark", ["[1]", "¹", "[^1]", "^1", "{1}"])
def test_a_numbered_block_is_a_footnote_if_a_mark_before_it_has_its_number(mark: str) -> None:
    note = "1. See the log of that year; it is lost."
    more = "   So is the map."
    assert paragraphs(f"{FIRST}{mark}\n\n{note}\n\n{more}\n\n{SECOND}") == [FIRST, SECOND]
    assert paragraphs(f"{FIRST}{mark}\n\n{note}\n{more}\n\n{SECOND}") == [FIRST, SECOND]
    # no mark, the mark of another, one after it, and one whose note was there
    for text in (FIRST, f"{FIRST}[2]", f"{FIRST}{mark}\n\n[1] A note.", f"{FIRST}[1]\n\n[Footnote 1: A note]"):
        assert paragraphs(f"{text}\n\n{note}\n\n{SECOND}{mark}") == [FIRST, note, SECOND]


def test_an_indented_paragraph_after_a_footnote_stays_where_all_are_indented() -> None:
    assert paragraphs(f"{SECOND}\n\n   {FIRST}[1]\n\n[1] A note.\n\n   {SECOND}") == [SECOND, FIRST, SECOND]


@pytest.mark.parametrize(
    "note",
    ["[Editor’s note: the page is torn.]", "[Illustration]", "[Illustration: A lamp [lit]\n\nin the night]",
     "[Transcriber's Note: sic.]", "[Note: sic]", "[Ed.: sic]", "[Ed. note: sic]", "[Sidenote: The lamp]",
     "Transcriber’s Note: errors were kept."],
)  # fmt: skip
def test_notes_of_editors_are_left_out(note: str) -> None:
    assert paragraphs(f"{FIRST}\n\n{note}\n\n{SECOND}") == [FIRST, SECOND]


def test_a_note_within_a_paragraph_leaves_the_rest() -> None:
    assert paragraphs("The lamp [Editor's note: sic] was lit.") == ["The lamp was lit."]


@pytest.mark.parametrize("ornament", ["* * *", "***", "-----", "⁂", "———", "# # #", "• • •", "x x x"])
def test_ornaments_are_left_out(ornament: str) -> None:
    assert paragraphs(f"{FIRST}\n\n{ornament}\n\n{SECOND}") == [FIRST, SECOND]


def test_asterisks_of_emphasis_go_and_are_no_footnote() -> None:
    assert paragraphs(f"{FIRST}\n\n*The Reef* was a *good* ship.\n\n{SECOND}")[1] == "The Reef was a good ship."


def test_what_the_author_put_into_brackets_stays() -> None:
    text = "“Friend of night [here a howl], thou [music was heard] who art [noted: nothing].”"
    assert paragraphs(text) == [text]


def test_a_story_that_begins_with_contents_is_no_table_of_them() -> None:
    text = f"Contents of the box were strewn about the reef. {FIRST}"
    assert paragraphs(f"{text}\n\n“Hush”\n\n{FIRST}") == [text, "“Hush”", FIRST]


def test_a_hundred_thousand_wrapped_lines_are_no_trouble() -> None:
    assert len(parts(paragraphs("the sea is old and\n" * 100_000, 10**9)[0], 10**9)) == 1


def test_underscores_of_italics_go_and_what_they_marked_stays() -> None:
    assert paragraphs("It was _he_—_the keeper\nof the lamp_—who fell.") == [
        "It was he—the keeper of the lamp—who fell."
    ]


def test_white_space_without_width_goes_and_any_other_is_one_space() -> None:
    assert paragraphs("The\u00a0lamp\u2060—lit\tat  dusk\u200b—burned.") == ["The lamp—lit at dusk—burned."]


def test_text_without_any_matter_around_it_loses_nothing() -> None:
    assert cleaned(f"{FIRST}\n\n{SECOND}", 1000).removed == {}


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"The s\xe9ance.", "not_utf8", "byte 5 is 0xe9"),
        (b"\xef\xbb\xbfThe s\xe9ance.", "not_utf8", "byte 8 is 0xe9"),  # 3 bytes of the mark before it
        ("The séance.".encode("utf-16"), "not_utf8", "byte 0 begins a UTF-16 mark"),
        (b"\x7fELF\x00", "binary", "byte 4 is 0"),
    ],
)
def test_what_is_not_utf8_names_the_byte(data: bytes, reason: str, detail: str) -> None:
    with pytest.raises(Unreadable) as error:
        decoded(data)
    assert error.value.reason == reason
    assert error.value.detail.startswith(detail)


def test_an_endless_paragraph_is_cut_at_the_ends_of_sentences_and_loses_nothing() -> None:
    endless = " ".join(f"Sentence {'number ' * (place % 7)}has its end here." for place in range(500))
    found = parts(endless, 100)
    assert " ".join(found) == endless
    assert [sentence for part in found for sentence in sentences(part)] == sentences(endless)
    # halves of halves: none is over 100 words, and none a mere rest
    assert all(40 <= len(words(part)) <= 100 for part in found)


def test_a_sentence_without_end_is_cut_after_a_comma_or_else_between_words() -> None:
    assert parts("one two three, four five six; seven eight nine", 3) == [
        "one two three,",
        "four five six;",
        "seven eight nine",
    ]
    assert parts("one two three four five six seven eight", 3) == ["one two", "three four", "five six", "seven eight"]


@given(st.lists(st.sampled_from(["lamp", "sea.", "Reef", "old,", "“I", "go.”", "Mr.", "—", "and", "!"]), max_size=80))
def test_parts_are_short_enough_and_are_the_paragraph(pieces: list[str]) -> None:
    paragraph = " ".join(pieces)
    found = parts(paragraph, 5)
    assert " ".join(found) == paragraph
    assert all(len(words(part)) <= 5 for part in found)


@given(st.text(alphabet="aA1I.!* \n\r\t—“”[]_{}²’|#é\f\N{COMBINING ACUTE ACCENT}", max_size=200))
def test_any_text_gives_paragraphs_of_one_line_without_blanks_around(text: str) -> None:
    for paragraph in paragraphs(text):
        assert paragraph == " ".join(paragraph.split())
        assert paragraph == unicodedata.normalize("NFC", paragraph)
