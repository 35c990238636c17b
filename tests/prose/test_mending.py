import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.prose.loops import looped, unfinished
from stages.prose.mending import mended, without_broken_end, without_loop
from stages.prose.text import words
from tests.prose.test_checks import GOOD, TEXT


def test_a_passage_ends_where_another_exchange_begins() -> None:
    assert mended(f"{GOOD}\n###\nAnd then a boat.", TEXT) == GOOD
    assert mended(f"{GOOD}<|im_end|>\n<|im_start|>user\nMore.", TEXT) == GOOD


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a long sentence comes again
        (
            "The sea was calm on that night. He slept. The sea was calm on that night. He woke.",
            "The sea was calm on that night. He slept.",
        ),
        # a short one three times in a row: all but the first go
        ("He slept. Yes. Yes. Yes. He woke.", "He slept. Yes."),
        # six words three times over: up to where they come again
        ("He saw and saw and saw and saw and saw and saw.", "He saw and"),
        (GOOD, GOOD),
    ],
)
def test_a_loop_is_cut_at_its_first_repetition(text: str, expected: str) -> None:
    assert without_loop(text) == expected


def test_a_broken_sentence_is_cut_off_where_half_of_the_words_remain() -> None:
    assert (
        without_broken_end("He lit the lamp. Then he went to the") == "He lit the lamp. Then he went to the"
    )  # 4 of 9
    assert without_broken_end("He lit the old lamp. Then he went to the") == "He lit the old lamp."  # 5 of 10
    assert without_broken_end("He lit the old lamp! And") == "He lit the old lamp!"
    assert without_broken_end("He lit the old lamp.") == "He lit the old lamp."
    assert without_broken_end("no end at all") == "no end at all"


def test_a_broken_sentence_takes_no_half_of_a_quotation_with_it() -> None:
    text = "He lit the old lamp in the tower by the sea. “Come in. Come and"
    assert without_broken_end(text) == "He lit the old lamp in the tower by the sea."
    assert (
        without_broken_end("“Come in. Come in and see it. You must") == "“Come in. Come in and see it."
    )  # no other cut


TEXTS = st.lists(
    st.sampled_from(
        ["the", "sea", "he went", "It was the old sea that called.", "Yes.", "“Yes,", "Mr.", "called!”", "…"]
    ),
    max_size=30,
).map(" ".join)


@given(TEXTS)
def test_mending_only_ever_cuts_and_no_loop_is_left(text: str) -> None:
    assert text.startswith(mended(text, "It ends."))
    assert not looped(without_loop(text))
    short = without_broken_end(text)
    assert short == text or (not unfinished(short) and 2 * len(words(short)) >= len(words(text)))
