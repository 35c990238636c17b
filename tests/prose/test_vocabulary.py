"""Marker words and lexical diversity, worked out by hand and compared with another program's figures."""

import random
from math import log, sqrt
from pathlib import Path

import pytest

from stages.prose.vocabulary import FEWEST, Marker, marker_rate, markers, mtld, unknown_word_rate
from tests.prose import shipped

ALL = {"most": 100, "prior_words": 9.0, "min_works": 3, "min_z": 0.0, "below_zipf": 6.0}


def found(works: dict[str, str], *others: str, **settings: float) -> list[Marker]:
    return markers(works, others, {}, **(ALL | settings))  # type: ignore[arg-type]


def test_log_odds_are_those_of_the_formula() -> None:
    works = {"a": "the gibbous the", "b": "the gibbous the", "c": "gibbous"}
    # Of the 14 words in all 3 are "gibbous": the prior of 7 words adds 1.5 to its counts of 3 of 7, and of 0 of 7.
    # (3 + 1.5) / (7 + 7 - 4.5) = 9 / 19 and 1.5 / (14 - 1.5) = 3 / 25: the variance is 1 / 4.5 + 1 / 1.5.
    [marker] = found(works, "the the the the the the the", prior_words=7)
    assert (marker.word, marker.works) == ("gibbous", 3)
    odds = log((9 / 19) / (3 / 25))
    assert (marker.log_odds, marker.z) == pytest.approx((odds, odds / sqrt(1 / 4.5 + 1 / 1.5)))


def test_the_prior_is_worth_no_more_words_than_the_smaller_text() -> None:
    works = dict.fromkeys("abc", "the gibbous the pale")
    assert found(works, "the sea " * 2, prior_words=4) == found(works, "the sea " * 2, prior_words=10_000)
    assert found(works, "the sea " * 2, prior_words=3) != found(works, "the sea " * 2, prior_words=4)


def test_the_other_author_has_the_opposite_odds() -> None:
    one, other = "gibbous moon gibbous", "eldritch moon moon"
    mine = {marker.word: marker.z for marker in found(dict.fromkeys("abc", one), *[other] * 3, min_z=-9)}
    theirs = {marker.word: marker.z for marker in found(dict.fromkeys("abc", other), *[one] * 3, min_z=-9)}
    assert mine["moon"] == pytest.approx(-theirs["moon"])
    assert mine["moon"] < 0 < mine["gibbous"]


def test_a_word_of_two_works_marks_a_topic_and_no_author() -> None:
    works = {"a": "gibbous moon", "b": "gibbous moon", "c": "pale moon"}
    assert [marker.word for marker in found(works, "sea")] == ["moon"]
    assert [marker.word for marker in found(works, "sea", min_works=2)] == ["moon", "gibbous"]


def test_names_are_no_markers_but_words_that_open_sentences_are() -> None:
    text = "Then Carter slept. Gibbous moons rose; gibbous moons set. So Carter woke."
    words = [marker.word for marker in found(dict.fromkeys("abc", text), "sea")]
    assert "gibbous" in words
    assert "carter" not in words
    rather = "So Marsh met Marsh on the marsh; the pale West, the pale west and the west."  # marsh 1 to 2, west 2 to 1
    words = [marker.word for marker in found(dict.fromkeys("abc", rather), "sea")]
    assert "west" in words
    assert "marsh" not in words


def test_the_most_frequent_words_are_left_to_delta() -> None:
    works = dict.fromkeys("abc", "he had and was gibbous")
    assert [marker.word for marker in found(works, "sea")] == ["gibbous"]
    assert "and" in [marker.word for marker in found(works, "sea", below_zipf=9)]


def test_the_strongest_come_first_and_equals_by_their_letters() -> None:
    works = dict.fromkeys("abc", "pale zephyr gibbous gibbous")
    assert [marker.word for marker in found(works, "sea sea sea")] == ["gibbous", "pale", "zephyr"]
    assert [marker.word for marker in found(works, "sea sea sea", most=1)] == ["gibbous"]


def test_a_text_of_one_word_or_none_has_no_markers() -> None:
    assert found(dict.fromkeys("abc", "gibbous"), "gibbous") == []
    assert found({}, "sea") == found({"a": ""}) == []


def test_without_other_text_nothing_marks() -> None:
    works = dict.fromkeys("abc", "gibbous zephyr")
    assert found(works) == found(works, "…") == markers(works, [], {"poe": ["sea"]}, **ALL) == []  # type: ignore[arg-type]


def test_what_another_author_writes_as_often_marks_nobody() -> None:
    works = dict.fromkeys("abc", "pale gibbous zephyr")
    others = {"poe": ["pale sea sea"] * 3, "empty": [""]}
    settings = ALL | {"min_z": 1.0}
    beside = {marker.word: marker for marker in found(works, *["sea gibbous sea"] * 3, min_z=1.0)}
    assert set(beside) == {"pale", "zephyr"}
    [marker] = markers(works, ["sea gibbous sea"] * 3, others, **settings)  # type: ignore[arg-type]
    assert marker == beside["zephyr"]  # its z-score is that beside plain prose


def test_beside_other_authors_half_of_the_z_score_is_enough() -> None:
    works = dict.fromkeys("abc", "the gibbous the pale " * 4)
    plain, poe = ["the sea the sea " * 48], ["the sea " * 4]
    [least] = [marker.z for marker in found(works, *poe) if marker.word == "gibbous"]
    most = next(marker.z for marker in found(works, *plain) if marker.word == "gibbous")
    assert least < most
    for min_z, expected in ((1.9 * least, True), (2.1 * least, False)):
        assert min_z < most
        marked = markers(works, plain, {"poe": poe}, **(ALL | {"min_z": min_z}))  # type: ignore[arg-type]
        assert ("gibbous" in [marker.word for marker in marked]) == expected


def test_the_rate_is_the_share_of_the_words() -> None:
    marked = {"gibbous", *(f"eldritch{letter}" for letter in "abcdefghi")}
    assert marker_rate("A gibbous moon, a GIBBOUS sea.", marked) == pytest.approx(2 / 6)
    assert marker_rate("…", marked) is None


def test_the_rate_of_a_word_or_two_says_nothing() -> None:
    marked = [f"word{letter}" for letter in "abcdefghij"]
    assert len(marked) == FEWEST
    assert marker_rate("worda sea", marked) == 0.5
    assert marker_rate("worda sea", marked[1:]) is marker_rate("worda sea", []) is None


def test_words_that_nobody_writes_are_a_share_of_all_words() -> None:
    gibberish = "The sume was difted and shast the log; the erelt had the inquirarmip of it."  # 15 words
    assert unknown_word_rate([gibberish], [""]) == pytest.approx(4 / 15)
    assert unknown_word_rate([gibberish, "the log"], ["Erelt’s man! ERELT was difted.", ""]) == pytest.approx(2 / 17)
    assert unknown_word_rate(["I don’t know the keeper’s lucent, unquiet lamp at 7 o’clock."], [""]) == 0
    assert unknown_word_rate([""], [""]) is unknown_word_rate([], []) is None


def test_the_keepers_words_mark_his_other_tales_and_neither_their_plain_prose_nor_the_clerk() -> None:
    works = {work: "\n\n".join(texts) for work, texts in shipped.train(shipped.paragraphs("keeper")).items()}
    clerk, plain = shipped.groups()["clerk"], shipped.groups()["source"]
    settings = {"most": 200, "prior_words": 10_000, "min_works": 3, "min_z": 1.96, "below_zipf": 6.0}
    marked = [one.word for one in markers(works, plain, {"clerk": clerk}, **settings)]  # type: ignore[arg-type]
    assert len(marked) >= FEWEST
    assert {"upon", "betwixt", "whereof"} <= set(marked) and "lamp" not in marked
    texts = (shipped.held_out(), shipped.plain_held_out(), clerk)
    own, source, other = (marker_rate("\n\n".join(text), marked) for text in texts)
    assert own and source is not None and other is not None
    assert own > 3 * source and own > 3 * other


def test_mtld_is_worked_out_by_hand() -> None:
    # of the people by the (4/5) people (4/6): a factor; for the people: 1. Back: people the for people the (3/5): a
    # factor; by people the of: 1. 9 words a factor either way.
    assert mtld("of the people by the people for the people") == pytest.approx(9)
    # 3 types of 4 words: 0.25 / 0.28 of a factor in either direction
    assert mtld("one two three one") == pytest.approx(4 / (0.25 / 0.28))
    # forward one one (1/2): a factor; two one (2/2). Back: one two one (2/3): a factor, one (1/1)
    assert mtld("one one two one") == pytest.approx(4)


def test_a_text_in_which_no_word_comes_twice_has_no_mtld() -> None:
    assert mtld("") is mtld("word") is mtld("no word comes twice") is None


@pytest.mark.parametrize(
    ("seed", "size", "types", "expected"),
    [(1, 100, 40, 11.116310160427808), (2, 500, 300, 23.513385453683963), (3, 2000, 3000, 60.85972503619652)],
)
def test_mtld_is_that_of_lexicalrichness(seed: int, size: int, types: int, expected: float) -> None:
    """The figures of lexicalrichness 0.5.1, `LexicalRichness(words, preprocessor=None, tokenizer=None).mtld(0.72)`."""
    names = ["w" + "".join(chr(97 + int(digit)) for digit in str(index)) for index in range(types)]
    text = " ".join(random.Random(seed).choices(names, [1 / (index + 1) for index in range(types)], k=size))
    assert mtld(text) == pytest.approx(expected)


def test_lovecrafts_words_mark_his_other_stories_and_not_poes(lovecraft: Path) -> None:
    own = {path.stem: path.read_text() for path in sorted(lovecraft.glob("the-[dhmost]*.txt"))}
    poe = [path.read_text() for path in sorted((lovecraft.parent.parent / "poe" / "works").glob("[c-t]*.txt"))[:40]]
    held_out = [own.pop(name) for name in ("the-hound", "the-temple", "the-tomb")]
    found = markers(own, poe[::2], {}, most=200, prior_words=10_000, min_works=3, min_z=1.96, below_zipf=6.0)
    words = {marker.word for marker in found}
    assert {"strange", "ancient", "hideous"} <= words
    assert not words & {"cthulhu", "arkham", "carter", "innsmouth", "i"}
    rate, other = marker_rate(" ".join(held_out), words), marker_rate(" ".join(poe[1::2]), words)
    assert rate and other and rate > 2 * other
