"""What counts as a loop, and what as an end."""

import pytest

from stages.prose.loops import loop_rate, looped, unfinished


@pytest.mark.parametrize(
    "text",
    [
        "He saw the old house on the hill, and he saw the old house on the hill; he saw the old house on the hill.",
        "The door was open to the night. He went. THE DOOR was open—to the night!",
        "It came. It came! It came…",
        "No no no no no no no no",  # 8 words: three runs of six
        "他来了。他来了。他来了。",
    ],
)
def test_a_run_three_times_or_a_sentence_again_is_a_loop(text: str) -> None:
    assert looped(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "… ! 1926",
        "He saw the old house on the hill, and he saw the old house on the hill.",  # twice
        "“Yes.” “Yes.” He went.",
        "It came. It went. It came. It went.",  # short ones, not in a row
        "No no no no no no no",  # 7 words: two runs of six
        "What he knew of it he said. What he knew of her he said. What he knew of us he said.",
    ],
)
def test_what_speech_and_figures_repeat_is_none(text: str) -> None:
    assert not looped(text)


def test_the_rate_is_the_share_of_the_texts() -> None:
    assert loop_rate(["It came. It came. It came.", "It went.", "He went.", "He slept."]) == 0.25
    assert loop_rate([]) is None


def test_a_text_without_words_is_no_text_without_loops() -> None:
    assert loop_rate(["It came. It came. It came.", "", "…"]) == 1.0
    assert loop_rate(["", "…"]) is None


@pytest.mark.parametrize(
    "text",
    [
        "And then he",
        "He was told by Mr.",
        "He said: “Come",
        "It was late. And so,",
        "He saw—",
        "他来了。他",
        "one two",
        "(so",
    ],
)
def test_what_breaks_off_is_unfinished(text: str) -> None:
    assert unfinished(text)


@pytest.mark.parametrize(
    "text",
    [
        "He came.",
        "He came. \n",
        "“Who is it?”",
        "“But I—”",
        "He came (late).",
        "It was over.[12]",
        "It was over …",
        "It was I.",
        "His *last* word.*",
        "他来了。」",
        "",
        " …",
    ],
)
def test_marks_quotes_and_notes_end_a_text(text: str) -> None:
    assert not unfinished(text)
