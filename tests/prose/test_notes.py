import pytest

from stages.prose.notes import Note, with_notes, without_notes


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
