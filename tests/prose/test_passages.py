import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.prose.blocks import Block
from stages.prose.notes import Note, with_notes, without_notes
from stages.prose.passages import parts, together
from stages.prose.text import sentences, words

PROSE = "The keeper climbed the stairs at dusk and lit the lamp. He waited for the boat until the tide had turned."


def test_a_mark_belongs_to_the_sentence_it_stands_in_or_ends() -> None:
    (part,) = parts("One lamp¹ burned.[2] Two did.[3] None [4] now.", 100)
    assert part.text == "One lamp burned. Two did. None now."
    assert part.notes == (Note("¹", 0), Note("[2]", 0), Note("[3]", 1), Note(" [4]", 2))


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
    assert sorted(len(words(part.text)) for part in found) == [18, 18, 24]  # at most 4 sentences: 3, 3 and 4
    assert sorted(part.sentences for part in found) == [3, 3, 4]
    assert "".join(part.before + part.text for part in found) == text
    assert len(parts(text, 60)) == 1


def test_an_endless_paragraph_falls_into_parts_of_no_more_than_the_most_and_hardly_less() -> None:
    rng = random.Random(1)
    lengths = [rng.randint(5, 60) for _ in range(1500)]  # 49,000 words
    text = " ".join("It was " + "very " * (length - 3) + "cold." for length in lengths)
    found = parts(text, 160)
    counts = [len(words(part.text)) for part in found]
    assert sum(counts) == sum(lengths)
    assert max(counts) <= 160
    # the words of the longest sentence are the most that a part may lack
    assert min(counts) >= 100


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


def test_the_lines_of_a_paragraph_are_joined() -> None:
    (part,) = parts(re.sub(r" (at|until) ", r"\n  \1 ", PROSE), 100)
    assert part.text == PROSE
