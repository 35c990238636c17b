"""Deltas by hand, beside faststylometry, and on two authors."""

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.prose import delta
from stages.prose.content import FUNCTION
from stages.prose.delta import burrows, cosine, fitted, nearest, profile, segments, spanned, windows
from stages.prose.text import words
from tests.prose import shipped

VOCABULARY = words("and of to in that was with had for on at as not but from which by were")
vectors = st.lists(st.floats(-9, 9), min_size=3, max_size=3)


def speak(seed: int, weights: Sequence[float], size: int) -> str:
    return " ".join(random.Random(seed).choices(VOCABULARY, weights, k=size))


RISING = [1 + index for index in range(len(VOCABULARY))]
FALLING = RISING[::-1]
OTHERWISE = [1, 20] * (len(VOCABULARY) // 2)  # not between the other two: the mean of all has no direction


def test_segments_are_equal_parts_and_use_every_word() -> None:
    texts = ["one two three", "four five six seven", ""]
    assert segments(texts, 3) == [["one", "two", "three"], ["four", "five", "six", "seven"]]
    assert segments(texts, 4) == [words(" ".join(texts))]
    assert segments(texts, 8) == segments([], 1) == []


def test_windows_have_one_size_and_overlap_evenly() -> None:
    texts = ["one two three four", "five six seven", ""]
    assert windows(texts, 4) == [words(" ".join(texts))[start : start + 4] for start in range(4)]
    found = windows([speak(1, RISING, 2500)], 1000)
    assert {len(window) for window in found} == {1000}
    assert len(found) == 7
    assert found[0] == words(speak(1, RISING, 2500))[:1000] and found[-1] == words(speak(1, RISING, 2500))[-1000:]
    assert windows(texts, 7) == [words(" ".join(texts))]
    assert windows(texts, 8) == windows([], 1) == []


def test_scores_are_worked_out_by_hand() -> None:
    scale = fitted({"x": [["and", "and", "of", "of"]], "y": [["and", "of", "of", "of"]]}, 10)
    # "of" 0.5 and 0.75, "and" 0.5 and 0.25: means 0.625 and 0.375, each 0.125 away: deviation 0.125 * sqrt(2)
    assert scale.words == ("of", "and")
    assert scale.mean == pytest.approx([0.625, 0.375])
    assert scale.deviation == pytest.approx([0.125 * 2**0.5] * 2)
    assert scale.scores(["and", "and", "of", "of"]) == pytest.approx([-(0.5**0.5), 0.5**0.5])
    assert scale.scores(["sea"]) == pytest.approx([-0.625 / (0.125 * 2**0.5), -0.375 / (0.125 * 2**0.5)])


def test_an_author_with_more_text_has_no_more_weight() -> None:
    x, y = ["and", "of"], ["and", "and", "and", "of"]
    few, many = fitted({"x": [x], "y": [y]}, 9), fitted({"x": [x], "y": [y] * 5}, 9)
    assert many.mean == pytest.approx(few.mean)
    assert fitted({"y": [y] * 5, "x": [x]}, 9).mean == pytest.approx(many.mean)


def test_persons_and_words_that_never_vary_say_nothing() -> None:
    one, other = words("i and of sea i"), words("we and of sky sky")
    assert fitted({"x": [one], "y": [other]}, 9).words == ("sky", "sea")


def test_most_frequent_is_by_share_and_then_by_letter() -> None:
    documents = {"x": [words("to of of and")], "y": [words("and and of to to of in in")]}
    # of 0.5 and 0.25, to 0.25 and 0.25 (no deviation), and 0.25 and 0.25 (none), in 0 and 0.25
    assert fitted(documents, 3).words == ("of",)
    assert fitted(documents, 4).words == ("of", "in")
    # and 0.5 and 1, on and at both 0.25 and 0
    assert fitted({"x": [words("on at and and")], "y": [words("and and")]}, 2).words == ("and", "at")


def test_one_document_has_no_deviation() -> None:
    with pytest.raises(ValueError, match="1 documents, expected two or more"):
        fitted({"x": [["and"]]}, 9)


def test_deltas_are_worked_out_by_hand() -> None:
    one, other = np.array([1.0, -2.0, 0.5]), np.array([0.0, 2.0, 0.5])
    assert burrows(one, other) == pytest.approx((1 + 4 + 0) / 3)
    assert cosine(one, other) == pytest.approx(1 - (0 - 4 + 0.25) / (5.25**0.5 * 4.25**0.5))
    assert cosine(np.array([1.0, 0]), np.array([0, 1.0])) == 1
    assert cosine(np.array([1.0, 1]), np.array([-2.0, -2])) == pytest.approx(2)
    assert cosine(np.zeros(2), np.array([0, 1.0])) == 1


@settings(max_examples=60, deadline=None)
@given(vectors, vectors)
def test_deltas_are_symmetric_and_in_their_range(one: list[float], other: list[float]) -> None:
    first, second = np.array(one), np.array(other)
    assert burrows(first, second) == pytest.approx(burrows(second, first))
    assert -1e-9 <= cosine(first, second) == pytest.approx(cosine(second, first))
    assert cosine(first, second) <= 2 + 1e-9
    assert burrows(first, first) == 0


def test_of_equally_near_profiles_the_first_by_name_is_nearest() -> None:
    up = np.array([1.0, 0])
    assert nearest(up, {"b": up, "a": up, "c": -up}) == "a"
    assert nearest(-up, {"b": up, "a": up, "c": -up}) == "c"


def test_burrows_delta_is_that_of_faststylometry() -> None:
    corpus = pytest.importorskip("faststylometry")
    authors = {"a": speak(1, RISING, 900), "b": speak(2, FALLING, 900), "c": speak(3, OTHERWISE, 900)}
    unknown = speak(4, RISING, 400)
    train, test = corpus.Corpus(), corpus.Corpus()
    for name, text in authors.items():
        train.add_book(name, "book", text)
    test.add_book("unknown", "book", unknown)
    train.tokenise(words)
    test.tokenise(words)
    expected = corpus.calculate_burrows_delta(train, test, vocab_size=len(VOCABULARY))
    scale = fitted({name: [words(text)] for name, text in authors.items()}, len(VOCABULARY))
    for name, text in authors.items():
        ours = burrows(scale.scores(words(unknown)), scale.scores(words(text)))
        assert ours == pytest.approx(float(expected.loc[name, "unknown - book"]))


GROUPS = {"author": [speak(1, RISING, 3000)], "other": [speak(2, FALLING, 3000)], "source": [speak(3, OTHERWISE, 3000)]}


def test_what_the_author_wrote_is_near_the_author_and_what_was_copied_is_near_the_source() -> None:
    space = spanned(GROUPS, 1000, 50)
    styled, copied = (space.closeness([speak(7, weights, 2000)]) for weights in (RISING, OTHERWISE))
    assert styled.segments == 2
    assert styled.insufficient == ""
    assert styled.attributed == {"author": 1.0, "other": 0.0, "source": 0.0}
    assert copied.attributed == {"author": 0.0, "other": 0.0, "source": 1.0}
    assert styled.delta_cosine_author is not None and styled.delta_cosine_source is not None
    assert copied.delta_cosine_author is not None and copied.delta_cosine_source is not None
    assert styled.delta_cosine_author < 0.2 < styled.delta_cosine_source
    assert copied.delta_cosine_source < 0.4 < copied.delta_cosine_author


def test_topics_are_not_counted_for_style() -> None:
    topics = itertools.cycle(words("typist county boss stove hedge"))

    def told(text: str) -> str:
        return " ".join(f"{word} {next(topics)}" for word in words(text))

    groups = {name: [told(one) if name != "other" else one for one in texts] for name, texts in GROUPS.items()}
    space = spanned(groups, 1000, 50)
    assert space.scale and set(space.scale.words) <= set(VOCABULARY)
    # what tells the same things as the author in the style of another is nearer to that one
    assert space.closeness([told(speak(8, FALLING, 2000))]).attributed == {"author": 0.0, "other": 1.0, "source": 0.0}


def test_short_texts_are_pooled_to_segments() -> None:
    space = spanned(GROUPS, 1000, 50)
    styled = [speak(seed, RISING, 100) for seed in range(20, 40)]
    assert space.closeness([" ".join(styled)]) == space.closeness(styled)


def test_the_order_of_the_groups_changes_nothing() -> None:
    output = [speak(7, RISING, 2000)]
    found = [spanned(groups, 1000, 50).closeness(output) for groups in (GROUPS, dict(reversed(GROUPS.items())))]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("output", "groups", "reason"),
    [
        (999, GROUPS, "the texts have less than 1000 words"),
        (1000, GROUPS | {"source": []}, "source has 0 words, expected 1000 or more"),
        (1000, GROUPS | {"author": ["one two"]}, "author has 2 words, expected 1000 or more"),
        (1000, {}, "author has 0 words, expected 1000 or more; source has 0 words, expected 1000 or more"),
        (1000, {"author": ["moon " * 1000], "source": ["moon " * 1000]}, "the groups use all function words alike"),
    ],
)
def test_too_few_words_give_a_reason_and_no_figure(output: int, groups: dict[str, list[str]], reason: str) -> None:
    found = spanned(groups, 1000, 50).closeness([speak(1, OTHERWISE, output)])
    assert found.insufficient == reason
    assert (found.delta_cosine_author, found.delta_cosine_source, found.attributed) == (None, None, None)


def test_a_group_that_is_too_small_is_named_with_its_words() -> None:
    space = spanned(GROUPS | {"other": [speak(2, FALLING, 999)]}, 1000, 50)
    assert space.left_out == ["other"]
    assert space.words == {"author": 3000, "other": 999, "source": 3000}
    assert set(space.closeness([speak(7, RISING, 1000)]).attributed or {}) == {"author", "source"}


def test_text_in_another_script_is_as_far_as_can_be_said() -> None:
    found = spanned(GROUPS, 1000, 50).closeness(["他来了。" * 1000])
    assert found.attributed and sum(found.attributed.values()) == pytest.approx(1)
    assert found.delta_cosine_author is not None and 0 <= found.delta_cosine_author <= 2


def test_held_out_tales_are_attributed_to_their_author_and_their_plain_prose_is_not() -> None:
    space = spanned(shipped.groups(), 1000, 300)
    author, source = space.closeness(shipped.held_out()), space.closeness(shipped.plain_held_out())
    assert space.left_out == []
    assert author.attributed and author.attributed["author"] >= 0.7
    assert source.attributed and source.attributed["author"] <= 0.3
    assert author.delta_cosine_author is not None and source.delta_cosine_author is not None
    assert author.delta_cosine_author < source.delta_cosine_author - 0.05


def test_pools_of_1000_words_are_attributed_to_lovecraft_or_poe(lovecraft: Path) -> None:
    train: dict[str, list[str]] = {}
    held_out: dict[str, list[str]] = {}
    for author, folder in (("lovecraft", lovecraft), ("poe", lovecraft.parent.parent / "poe" / "works")):
        # what others wrote on Poe stands among his works
        texts = [path.read_text() for path in sorted(folder.glob("*.txt")) if "edgar-allan-poe" not in path.stem]
        train[author] = [text for index, text in enumerate(texts) if index % 3]
        held_out[author] = texts[::3]
    cut = {author: segments(texts, 1000) for author, texts in train.items()}
    scale = fitted(cut, 300, FUNCTION)
    profiles = {author: profile(scale, documents) for author, documents in cut.items()}
    right = [
        nearest(scale.scores(document), profiles) == author
        for author, texts in held_out.items()
        for document in segments(texts, 1000)
    ]
    assert len(right) > 150
    assert sum(right) / len(right) >= 0.95


def test_no_personal_pronoun_is_a_content_of_style() -> None:
    assert {"i", "we", "one", "they're"} <= delta.PERSONAL
