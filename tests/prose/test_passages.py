import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.prose.passages import (
    Block,
    Note,
    blocks,
    in_place,
    parts,
    together,
    with_notes,
    without_notes,
    wrapped_like,
)
from stages.prose.text import sentences, words

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


@pytest.mark.parametrize(
    ("text", "left", "marks"),
    [
        ("He went.[1] She stayed.", "He went. She stayed.", ["[1]"]),
        ("He went [12] home.", "He went home.", [" [12]"]),
        ("He went.[^a][^b] So.", "He went. So.", ["[^a]", "[^b]"]),
        ("The lamp¹ burned.²³", "The lamp burned.", ["¹", "²³"]),
        ("The lamp* burned.** So.†", "The lamp burned. So.", ["*", "**", "†"]),
        ("“He went,”* she said.‡", "“He went,” she said.", ["*", "‡"]),
        ("A *lamp* and **two lamps**, *all lit*.", "A *lamp* and **two lamps**, *all lit*.", []),
        ("A *lamp* and a boat.*", "A *lamp* and a boat.", ["*"]),
        ("10² and 4 km² and 2 m³ are figures; 2 * 3 is 6.", "10² and 4 km² and 2 m³ are figures; 2 * 3 is 6.", []),
        ("See [1](http://lamp) in [1890].", "See [1](http://lamp) in [1890].", []),
    ],
)
def test_footnote_marks_are_taken_out_and_nothing_else(text: str, left: str, marks: list[str]) -> None:
    found, notes = without_notes(text)
    assert found == left
    assert [mark for mark, _ in notes] == marks


def test_a_mark_belongs_to_the_sentence_it_stands_in_or_ends() -> None:
    (part,) = parts("One lamp¹ burned.[2] Two did.[3] None [4] now.", 100)
    assert part.text == "One lamp burned. Two did. None now."
    assert part.notes == (Note("¹", 0), Note("[2]", 0), Note("[3]", 1), Note(" [4]", 2))


def test_marks_come_back_at_the_end_of_their_sentence() -> None:
    notes = [Note("[1]", 0), Note("[2]", 2)]
    assert with_notes("A lamp! A boat? “A sea.”", notes, 3) == "A lamp![1] A boat? “A sea.”[2]"


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        # the end of sentence 1 of 2 is at 1/2 of the text: of 4 sentences behind the second
        (2, "A. B.[1] C. D.[2]"),
        # ends at 1/8 and 8/8: behind sentence round(4/8) = 0, so the first, and the last
        (8, "A.[1] B. C. D.[2]"),
    ],
)
def test_with_another_number_of_sentences_marks_stand_in_proportion(sentences: int, expected: str) -> None:
    text = expected.replace("[1]", "").replace("[2]", "").replace("A", "Aa").replace("B", "Bb")
    notes = [Note("[1]", 0), Note("[2]", sentences - 1)]
    assert with_notes(text, notes, sentences) == expected.replace("A", "Aa").replace("B", "Bb")


def test_marks_that_would_be_read_as_one_are_kept_apart() -> None:
    assert with_notes("All of it.", [Note("¹", 0), Note("²", 1), Note("*", 1), Note("*", 2)], 3) == "All of it.¹ ²* *"


MARKS = st.sampled_from(["[1]", "[2]", " [3]", "[^a]", "¹", "²", "*", "†"])
SENTENCES = st.lists(
    st.sampled_from(["The lamp was lit.", "“Come in!”", "He went to the sea, and came back?", "It is dark…"]),
    min_size=1,
    max_size=12,
)


@given(SENTENCES, st.lists(st.tuples(st.integers(0, 11), MARKS), max_size=8), SENTENCES, st.integers(1, 40))
def test_no_mark_is_lost_or_doubled_and_their_order_stays(
    source: list[str], notes: list[tuple[int, str]], output: list[str], most: int
) -> None:
    at = sorted(((place % len(source), mark) for place, mark in notes), key=lambda one: one[0])
    text = with_notes(" ".join(source), [Note(mark, place) for place, mark in at], len(source))
    marks = [letter for _, mark in at for letter in mark.strip()]
    found = parts(text, most)
    assert [letter for part in found for note in part.notes for letter in note.mark if letter != " "] == marks
    assert "".join(part.before + part.text for part in found) == " ".join(source)
    made = " ".join(with_notes(" ".join(output), part.notes, part.sentences) for part in found)
    left, again = without_notes(made)
    assert [letter for mark, _ in again for letter in mark if letter != " "] == marks
    assert left == " ".join(" ".join(output) for _ in found)


def test_a_long_paragraph_is_cut_at_sentences_into_parts_of_one_length() -> None:
    text = " ".join(f"The lamp number {name} was lit." for name in "abcdefghij")  # 10 sentences of 6 words
    found = parts(text, 25)
    assert [len(words(part.text)) for part in found] == [18, 24, 18]  # thirds of 60 end near 20 and 40
    assert [part.sentences for part in found] == [3, 4, 3]
    assert "".join(part.before + part.text for part in found) == text
    assert len(parts(text, 60)) == 1


def test_speech_is_not_cut_if_it_need_not_be() -> None:
    text = "He spoke to all of us. “I saw it. It was green. It had no face.” We went home. We slept ill."
    assert [part.text for part in parts(text, 16)] == [
        "He spoke to all of us.",
        "“I saw it. It was green. It had no face.” We went home. We slept ill.",
    ]
    assert all(len(words(part.text)) <= 8 for part in parts(text, 8))


def test_a_sentence_that_is_too_long_is_a_part_of_its_own() -> None:
    long = "It was " + "very " * 40 + "dark."
    assert [part.text for part in parts(f"He came. {long} He went.", 10)] == ["He came.", long, "He went."]


@given(SENTENCES, st.integers(1, 30))
def test_parts_are_whole_sentences_within_the_words_allowed(source: list[str], most: int) -> None:
    found = parts(" ".join(source), most)
    assert [one for part in found for one in sentences(part.text)] == sentences(" ".join(source))
    assert all(len(words(part.text)) <= most or part.sentences == 1 for part in found)


def test_a_wrapped_paragraph_is_wrapped_again() -> None:
    assert wrapped_like("The lamp was lit again at dusk.", "It was dark on\r\nthe sea.") == (
        "The lamp was\r\nlit again at\r\ndusk."
    )
    assert (
        wrapped_like("The lamp was lit again at dusk.", "It was dark on the sea.") == "The lamp was lit again at dusk."
    )


def passage_of(*counts: int) -> list[Block]:
    """Paragraphs of so many words, a heading for 0."""
    return [
        Block("\n\n", " ".join(["lamp"] * count) + ".", None) if count else Block("\n\n", "# Lamp", "heading")
        for count in counts
    ]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([100, 120, 160], [1, 1, 1]),  # as long as was learned
        ([40, 70], [2]),
        ([40, 40], [2]),  # too short even so, but one is better than two
        ([40, 110, 120], [2, 1]),
        ([110, 40], [2]),
        ([120, 60], [1, 1]),  # 180 words are two parts of 90, and each were too short
        ([120, 60, 110], [3]),  # so are 170, but 290 are two parts of 145
        ([170, 60], [2]),  # 230 words are two parts of 115; 170 alone were two of 85
        ([400, 40], [2]),  # whatever the length of the neighbour
        ([40, 0, 70], [1, 1, 1]),  # a heading is a border
        ([0, 40, 30, 50, 0], [1, 3, 1]),
        ([60, 60, 60, 60], [2, 2]),
        ([], []),
    ],
)
def test_paragraphs_too_short_to_have_been_learned_from_join_their_neighbours(
    counts: list[int], expected: list[int]
) -> None:
    found = together(passage_of(*counts), 100, 160)
    assert [len(group) for group in found] == expected
    assert [block for group in found for block in group] == passage_of(*counts)
    assert [len(group) for group in together(passage_of(*counts), 1, 160)] == [1] * len(counts)


@given(st.lists(st.integers(1, 400), max_size=8))
def test_joining_makes_no_more_passages_too_short(counts: list[int]) -> None:
    def short(groups: list[list[Block]]) -> int:
        totals = [sum(len(words(block.text)) for block in group) for group in groups]
        numbers = [-(-total // 160) for total in totals]
        return sum(number for total, number in zip(totals, numbers) if total < 100 * number)

    blocks_ = passage_of(*counts)
    assert short(together(blocks_, 100, 160)) <= short([[block] for block in blocks_])


def test_parts_of_several_paragraphs_keep_their_borders_and_their_marks() -> None:
    text = "One lamp burned.[1]\n\nTwo\ndid. Three[2] did.\r\n\r\nNone now.¹"
    (part,) = parts(text, 100)
    assert part.text == "One lamp burned.\n\nTwo did. Three did.\n\nNone now."
    assert part.notes == (Note("[1]", 0), Note("[2]", 2), Note("¹", 3))
    found = parts(text, 5)
    assert [(part.before, part.text) for part in found] == [
        ("", "One lamp burned.\n\nTwo did."),
        (" ", "Three did.\n\nNone now."),
    ]
    assert [part.notes for part in found] == [(Note("[1]", 0),), (Note("[2]", 0), Note("¹", 1))]


def test_paragraphs_go_where_those_were_that_they_are_made_of() -> None:
    found = [Block("\n", "It was\r\ndark.", None), Block("\r\n\r\n  ", "A lamp was lit.", None)]
    assert in_place("He saw\n\nlamps and the sea", found, "\r\n") == "He saw\r\n\r\n  lamps and the sea"
    assert in_place("He saw lamps", found, "\r\n") == "He saw\r\nlamps"
    assert in_place("a\n\nb\n\nc", found, "\r\n") == "a\r\n\r\n  b\r\n\r\n  c"
    assert in_place("a\n\nb", found[:1], "\r\n") == "a\r\n\r\nb"


def test_the_lines_of_a_paragraph_are_joined() -> None:
    (part,) = parts(re.sub(r" (at|until) ", r"\n  \1 ", PROSE), 100)
    assert part.text == PROSE
