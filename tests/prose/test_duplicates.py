import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.prose.duplicates import Similarity, Twin, exact, near
from stages.prose.shingles import hashed
from stages.prose.text import words
from tests.prose.works import paragraph

SIMILARITY = Similarity(run_words=5, near_share=0.5)


def found(texts: list[str], similarity: Similarity = SIMILARITY, first: int = 0) -> dict[int, Twin]:
    return near(hashed(texts), similarity, first)


def changed(text: str, *places: int) -> str:
    pieces = text.split()
    for place in places:
        pieces[place] = "kelp"
    return " ".join(pieces)


def test_the_same_words_in_other_letters_and_marks_are_an_exact_duplicate_of_the_first() -> None:
    texts = ["It’s late, he said.", "Other.", "“IT'S late!” he said—", "it's late he said", "Its late he said."]
    assert exact(texts, hashed(texts)) == {2: Twin(0, 1.0), 3: Twin(0, 1.0)}


def test_a_changed_word_makes_a_near_duplicate() -> None:
    one = paragraph(1, 60)  # 56 runs of 5 words
    texts = [paragraph(2), one, paragraph(3), changed(one, 30)]  # 5 runs hold the word that changed
    assert found(texts) == {3: Twin(1, round(51 / 56, 4))}


@pytest.mark.parametrize(("places", "is_near"), [((10, 20, 30, 40, 50), True), ((5, 15, 25, 35, 45, 55), False)])
def test_half_of_the_runs_must_be_the_same(places: Sequence[int], is_near: bool) -> None:
    one = paragraph(1, 60)
    # of 56 runs 5 x 5 differ, or 6 x 5 (the last word of all but four is in five of them)
    assert (1 in found([one, changed(one, *places)])) == is_near


def test_the_longer_one_stands_and_a_part_of_it_goes() -> None:
    one = paragraph(1, 200)
    part = " ".join(one.split()[50:130])
    assert found([part, one]) == {0: Twin(1, 1.0)}
    assert found([one, part]) == {1: Twin(0, 1.0)}


def test_the_first_texts_stand_before_longer_ones_after_them_and_the_longest_among_themselves() -> None:
    one = paragraph(1, 80)
    longer, part = f"{one} kelp kelp kelp kelp", " ".join(one.split()[:60])
    assert found([one, longer]) == {0: Twin(1, 1.0)}
    assert found([one, longer], first=1) == {1: Twin(0, 76 / 80)}  # 84 - 4 different runs, 4 of them end in kelp
    assert set(found([part, one, longer], first=2)) == {0, 2}


def test_a_partner_is_one_that_stands() -> None:
    one = paragraph(1, 80)
    texts = [changed(one, 10), one, changed(one, 40), changed(one, 70)]
    assert {twin.of for twin in found(texts).values()} == {0}
    assert set(found(texts)) == {1, 2, 3}


def test_what_only_shares_common_phrases_stays() -> None:
    common = "at the end of the day"
    texts = [f"{paragraph(place)} {common} {paragraph(place + 100)} {common}." for place in range(50)]
    assert found(texts) == {}


def test_texts_without_a_run_are_no_duplicates() -> None:
    assert found(["one two", "one two", "", "three"]) == {}
    assert found([]) == {}


def test_a_thousand_versions_of_one_text_leave_one() -> None:
    one = paragraph(1, 100)
    texts = [changed(one, place % 100, (place * 7) % 100) for place in range(1000)]
    assert set(found(texts)) == set(range(1, 1000))


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=12), max_size=8), st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_duplicates_are_those_that_a_search_of_all_pairs_finds(letters: list[list[str]], share: float) -> None:
    texts = [" ".join(one) for one in letters]
    of = [{tuple(words(text)[place : place + 2]) for place in range(len(words(text)) - 1)} for text in texts]
    standing: list[int] = []
    expected = {}
    for place in sorted(range(len(texts)), key=lambda place: (-len(of[place]), place)):
        common = [(len(of[place] & of[other]), -other) for other in standing]
        best, other = max(common, default=(0, 0))
        if of[place] and best >= share * len(of[place]) - 1e-9:
            expected[place] = Twin(-other, round(best / len(of[place]), 4))
        else:
            standing.append(place)
    assert found(texts, Similarity(run_words=2, near_share=share)) == expected


def test_planted_near_duplicates_are_found_and_nothing_else() -> None:
    rng = random.Random(1)
    originals = [paragraph(seed, rng.randrange(60, 300)) for seed in range(400)]
    planted = []
    for text in originals[:100]:
        count = len(text.split())
        planted.append(changed(text, *rng.sample(range(count), count * 5 // 100)))  # 5 % of the words: 25 % of the runs
    twins = found([*originals, *planted])
    # a sparse change at most halves the runs: 5 x 5 % = 25 %
    assert {place: twin.of for place, twin in twins.items()} == {400 + place: place for place in range(100)}
