"""The n-gram baseline: probabilities worked out by hand, sums over the vocabulary, and what tuning may look at."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.midi import ngram

A, B, C = 0, 1, 2


def rows(*texts: str) -> list[ngram.Ids]:
    return [np.array([ord(letter) - ord("a") for letter in text], dtype=np.int64) for text in texts]


def test_witten_bell_gives_what_is_worked_out_by_hand() -> None:
    model = ngram.counted(rows("abab", "aba"), size=4, order=2, smoothing="witten_bell")
    # order 1: a 4 times, b 3 times of 7, 2 distinct: p(b) = (3 + 2 / 4) / (7 + 2), p(c) = (0 + 2 / 4) / 9
    assert model.distribution([])[:3] == pytest.approx([4.5 / 9, 3.5 / 9, 0.5 / 9])
    # after a: b 3 times of 3, 1 distinct: p(b) = (3 + p1(b)) / (3 + 1), p(a) = (0 + p1(a)) / 4
    assert model.distribution([A])[:2] == pytest.approx([(0.5) / 4, (3 + 3.5 / 9) / 4])


def test_kneser_ney_counts_in_how_many_contexts_a_token_occurs() -> None:
    # c occurs 4 times but only after b; a occurs after b and c and at the start of a row
    model = ngram.counted(rows("abcabcabcabc"), size=3, order=2, smoothing="kneser_ney")
    unigrams = model.orders[0].counts.tolist()
    assert unigrams == [1, 1, 1]
    assert ngram.counted(rows("abcabcabcabc"), 3, 2, "absolute").orders[0].counts.tolist() == [4, 4, 4]


def test_a_gram_does_not_reach_over_the_start_of_a_row() -> None:
    model = ngram.counted(rows("ab", "cb"), size=3, order=3, smoothing="absolute")
    assert len(model.orders[1].keys) == 2  # ab and cb, not bc
    assert len(model.orders) == 2  # no row has three tokens
    together = model.log_probabilities(rows("ab", "cb"))
    assert np.concatenate(together) == pytest.approx(
        np.concatenate([model.log_probabilities([row])[0] for row in rows("ab", "cb")])
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 4), max_size=12), min_size=1, max_size=5).filter(lambda found: any(found)),
    st.lists(st.integers(0, 6), max_size=6),
    st.sampled_from(ngram.SMOOTHINGS),
    st.integers(1, 6),
)
def test_probabilities_are_positive_and_sum_to_one_after_any_context(
    train: list[list[int]], context: list[int], smoothing: ngram.Smoothing, order: int
) -> None:
    model = ngram.counted([np.array(row, dtype=np.int64) for row in train], size=7, order=order, smoothing=smoothing)
    found = model.distribution(context)
    assert found.sum() == pytest.approx(1)
    assert (found > 0).all()


def test_tuned_weights_still_give_a_distribution() -> None:
    rng = np.random.default_rng(0)
    train = [np.cumsum(rng.integers(1, 3, 60)) % 9 for _ in range(6)]
    model, bits = ngram.tuned(train[:4], train[4:5], size=9, order=4)
    assert set(bits) == set(ngram.SMOOTHINGS)
    for context in ([], [1], [1, 2, 4], [8, 8, 8, 8]):
        assert model.distribution(context).sum() == pytest.approx(1)


def test_tuning_is_never_worse_on_the_rows_it_sees_than_the_estimate() -> None:
    rng = np.random.default_rng(1)
    train = [np.cumsum(rng.integers(1, 4, 80)) % 11 for _ in range(5)]
    model, bits = ngram.tuned(train[:4], train[4:], size=11, order=3)
    tokens = len(train[4])
    for smoothing in ngram.SMOOTHINGS:
        estimate = ngram.counted(train[:4], 11, 3, smoothing)
        assert bits[smoothing] <= -estimate.log_probabilities(train[4:])[0].sum() / math.log(2) / tokens + 1e-9
    assert -model.log_probabilities(train[4:])[0].sum() / math.log(2) / tokens == pytest.approx(min(bits.values()))


def test_a_repeating_row_is_learnt() -> None:
    model = ngram.counted(rows("abcd" * 50), size=26, order=6, smoothing="witten_bell")
    [found] = model.log_probabilities(rows("abcdabcdabcd"))
    assert (np.exp(found[6:]) > 0.9).all()


def test_no_tokens_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="no tokens"):
        ngram.counted([np.zeros(0, dtype=np.int64)], 5, 2, "absolute")
    with pytest.raises(ValueError, match="no valid tokens"):
        ngram.tuned(rows("ab"), [], 3, 2)
