"""Sentence lengths, their distance and variation, and marks, worked out by hand."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.prose.rhythm import distance, interval, marks_per_1000_words, sentence_lengths, variation
from tests.prose import shipped

lengths = st.lists(st.integers(1, 80), min_size=1, max_size=12)


def test_a_sentence_is_as_long_as_its_words() -> None:
    assert sentence_lengths("I came. I saw half-open doors! Mr. Poe’s cat sat.") == [2, 5, 4]


def test_a_sentence_without_words_has_no_length() -> None:
    assert sentence_lengths("He left. 1926. She stayed there.") == [2, 3]
    assert sentence_lengths("") == sentence_lengths("1, 2 ... 3!") == []


def test_chinese_sentences_are_found_though_their_words_are_not() -> None:
    assert sentence_lengths("他来了。我看见了他！") == [1, 1]


def test_the_distance_is_how_many_words_a_sentence_has_to_grow() -> None:
    assert distance([10, 10], [14, 14]) == pytest.approx(4)
    assert distance([1, 3], [2, 2]) == pytest.approx(1)  # one grows by a word, the other shrinks by one
    assert distance([10], [10, 10, 40]) == pytest.approx(10)  # a third of the sentences by 30


def test_no_sentences_have_no_distance_and_no_variation() -> None:
    assert distance([], [3]) is distance([3], []) is variation([]) is None


@settings(max_examples=60, deadline=None)
@given(lengths, lengths)
def test_the_distance_is_the_area_between_the_cumulative_distributions(first: list[int], second: list[int]) -> None:
    found = distance(first, second)
    steps = np.arange(0, 81)
    shares = [(np.array(each)[:, None] <= steps).mean(axis=0) for each in (first, second)]
    assert found == pytest.approx(float(np.abs(shares[0] - shares[1]).sum()))
    assert found == pytest.approx(distance(second, first))
    assert distance(first, first) == 0


def test_texts_and_not_sentences_are_drawn_for_the_interval() -> None:
    rng = random.Random(3)
    short, long = ([[rng.randint(*bounds) for _ in range(9)] for _ in range(12)] for bounds in ((4, 9), (20, 30)))
    found = interval(short, long, 1)
    whole = distance([n for text in short for n in text], [n for text in long for n in text])
    assert found and whole and found[0] < whole < found[1]
    assert found == interval(short, long, 1)
    assert found != interval(short, long, 2)
    # six texts of one length each: as sure as six numbers, not as sixty
    uneven = [[length] * 10 for length in (4, 8, 12, 16, 20, 24)]
    loose, tight = interval(uneven, long, 1), interval([[n] for text in uneven for n in text], long, 1)
    assert loose and tight and loose[1] - loose[0] > 2 * (tight[1] - tight[0])


def test_an_author_has_a_distance_to_himself() -> None:
    rng = random.Random(4)
    own = [[rng.randint(3, 60) for _ in range(9)] for _ in range(24)]
    found = interval(own, own, 1)
    assert found and 0 < found[0] < found[1]


def test_the_keepers_other_works_are_the_floor_of_the_distance_and_plain_prose_is_above_it() -> None:
    every = shipped.paragraphs("keeper")
    own, source = shipped.flat(shipped.train(every)), shipped.flat(shipped.train(shipped.plain()))
    held_out = [n for text in shipped.held_out() for n in sentence_lengths(text)]
    floor, ceiling = (
        distance([n for text in texts for n in sentence_lengths(text)], held_out) for texts in (own, source)
    )
    assert floor is not None and ceiling is not None
    assert 1 < floor < 3 < ceiling


def test_no_sentences_have_no_interval() -> None:
    assert interval([[], []], [[3]], 1) is interval([[3]], [], 1) is None


def test_variation_is_the_deviation_over_the_mean() -> None:
    assert variation([10, 30]) == pytest.approx(0.5)  # mean 20, deviation 10
    assert variation([7]) == variation([7, 7]) == 0


def test_each_mark_is_counted_in_1000_words() -> None:
    text = "“No,” he said; “no: never!” It was (so he thought) late—too late -- was it? Then...well, then it was over …"
    rates = marks_per_1000_words(text)
    # 20 words: No he said no never | It was so he thought | late too late was it | Then well then it was over is 21
    assert {name: rate and round(rate * 21 / 1000, 9) for name, rate in rates.items()} == {
        "comma": 2,
        "semicolon": 1,
        "colon": 1,
        "dash": 2,
        "ellipsis": 2,
        "exclamation": 1,
        "question": 1,
        "parenthesis": 1,
        "quote": 2,
    }


def test_marks_within_numbers_and_words_are_none_of_the_writer() -> None:
    rates = marks_per_1000_words("At 3:15 some 1,204 half-open doors of 1914–18 and $2.50 were well-known")
    assert set(rates.values()) == {0.0}


def test_marks_of_nothing_are_unknown() -> None:
    assert set(marks_per_1000_words("?! 1926").values()) == {None}


def test_lovecraft_varies_less_than_poe_and_is_nearer_to_himself(lovecraft: Path) -> None:
    def pool(folder: Path, part: int) -> list[int]:
        return [
            length for path in sorted(folder.glob("*.txt"))[part::2] for length in sentence_lengths(path.read_text())
        ]

    own, held_out, poe = pool(lovecraft, 0), pool(lovecraft, 1), pool(lovecraft.parent.parent / "poe" / "works", 0)
    assert (variation(own) or 9) < 0.6 < 0.7 < (variation(poe) or 0)
    assert (distance(own, held_out) or 9) < (distance(own, poe) or 0)
