import itertools
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.prose import shingles
from stages.prose.shingles import Grams, hashed, longest_run, only, runs, whole
from stages.prose.text import words
from tests.conftest import ROOT

# Letters whose lower case is longer or depends on their place, digits, marks, letters of other planes and scripts.
CHARACTERS = "aAbéÉßẞİıIΣσςΑǅ'’_-—“. \n\t1²٣𝒜𐐀中अ\u0301\ud800"
TEXTS = st.lists(st.text(alphabet=CHARACTERS, max_size=30), max_size=6)


def counted(texts: list[str], n: int) -> list[list[tuple[str, ...]]]:
    """The runs of each text, by the words of text.words."""
    of = [words(text) for text in texts]
    return [[tuple(found[place : place + n]) for place in range(len(found) - n + 1)] for found in of]


@given(TEXTS)
def test_hashes_are_equal_exactly_where_words_are(texts: list[str]) -> None:
    found = hashed(texts)
    expected = [word for text in texts for word in words(text)]
    assert found.borders.tolist() == [0, *itertools.accumulate(len(words(text)) for text in texts)]
    assert len(set(zip(expected, found.hashes.tolist()))) == len(set(expected)) == len(set(found.hashes.tolist()))


@given(TEXTS, st.integers(1, 5))
def test_runs_are_those_of_the_words_within_each_text(texts: list[str], n: int) -> None:
    found, owners = runs(hashed(texts), n)
    expected = counted(texts, n)
    flat = [run for of_text in expected for run in of_text]
    assert owners.tolist() == [owner for owner, of_text in enumerate(expected) for _ in of_text]
    assert len(set(zip(flat, found.tolist()))) == len(set(flat)) == len(set(found.tolist()))


@given(TEXTS, TEXTS, st.integers(1, 4))
def test_grams_count_and_share_what_sets_of_runs_do(texts: list[str], others: list[str], n: int) -> None:
    grams = Grams.of(texts, n)
    known = {run for of_text in counted(texts, n) for run in of_text}
    found = counted(others, n)
    assert grams.count(others) == len(known & {run for of_text in found for run in of_text})
    assert grams.shared(others) == [any(run in known for run in of_text) for of_text in found]
    shares = [sum(run in known for run in of_text) / len(of_text) if of_text else 0.0 for of_text in found]
    assert [grams.share(text) for text in others] == pytest.approx(shares)


@given(TEXTS)
def test_the_hash_of_a_whole_text_is_that_of_its_words(texts: list[str]) -> None:
    keys = whole(hashed(texts)).tolist()
    for (one, text), (other, another) in itertools.combinations(zip(keys, texts), 2):
        assert (one == other) == (words(text) == words(another))


@given(st.text(alphabet=CHARACTERS, max_size=30), TEXTS)
def test_the_longest_run_is_the_longest_that_both_hold(text: str, texts: list[str]) -> None:
    mine = words(text)
    held = [
        length
        for length in range(1, len(mine) + 1)
        for run in itertools.chain.from_iterable(counted(texts, length))
        if run in counted([text], length)[0]
    ]
    assert longest_run(text, texts) == max(held, default=0)


def test_case_and_punctuation_make_no_difference() -> None:
    grams = Grams.of(["It’s half-open, the OLD door."], 3)
    assert grams.share("“it's half — open”! The old door") == 1.0
    assert len(grams.hashes) == 4  # it's half open the old door: 6 words
    assert grams.share("It’s half") == 0.0  # no run of three words
    assert grams.share("half open the new door") == 1 / 3  # of 3 runs one
    assert longest_run("A half-open THE, it is", ["It’s half-open, the old door", "it is"]) == 3


def test_what_stands_in_another_block_has_the_same_hashes() -> None:
    line = "The keeper’s lamp was lit. " * 20
    texts = [line] * (2 * shingles.BLOCK // len(line) + 2)
    found = hashed(texts).hashes.reshape(len(texts), -1)
    assert (found == found[0]).all()
    assert (hashed(["".join(texts)]).hashes == found.reshape(-1)).all()  # one text that is longer than a block


def test_some_texts_have_the_words_that_they_had_among_all() -> None:
    texts = ["one two", "", "three", "four five six"]
    chosen, alone = only(hashed(texts), [1, 3]), hashed([texts[1], texts[3]])
    assert chosen.hashes.tolist() == alone.hashes.tolist()
    assert chosen.borders.tolist() == alone.borders.tolist() == [0, 0, 3]


def test_no_text_and_no_run_are_no_error() -> None:
    assert Grams.of([], 12).count(["a b c"]) == 0
    assert Grams.of(["a b c"], 2).shared([]) == []
    assert longest_run("", []) == 0
    with pytest.raises(ValueError, match="n is 0, expected at least 1"):
        Grams.of(["a"], 0)


def test_hashes_are_the_same_in_every_process() -> None:
    code = "from stages.prose.shingles import Grams; print(Grams.of(['Of the keeper’s lamp, é'], 2).hashes.tolist())"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
