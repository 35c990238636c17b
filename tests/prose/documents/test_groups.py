import itertools
import random
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.prose.documents.groups import RUN, SPLITS, Group, Split, assign, keys, leaking, same, shared_runs

WORDS = [f"{a}{b}" for a in "bcdfg" for b in "aeiou"]


def text(seed: int, words: int) -> str:
    rng = random.Random(seed)
    return " ".join("".join(rng.choices(WORDS, k=3)) for _ in range(words))


def runs(text: str) -> set[str]:
    """The runs of `text`, whose words are small letters between spaces, spelled out."""
    found = text.split()
    return {" ".join(found[at : at + RUN]) for at in range(min(len(found), max(len(found) - RUN + 1, 1)))}


def test_a_run_is_twelve_words_whatever_their_case_marks_and_numbers_and_a_short_text_is_one() -> None:
    one, other, more, part = keys(
        ["One two, THREE—four 5 five! six’s", "one two three four five six's", "six", "One two"]
    )
    assert one.tolist() == other.tolist() and len(one) == 1
    assert len({*one.tolist(), *more.tolist(), *part.tolist()}) == 3
    assert [len(found) for found in keys([text(1, 12), text(1, 20), "", "1 2 3"])] == [1, 9, 0, 0]
    assert keys([]) == []


def test_each_letter_of_a_script_without_spaces_is_a_word() -> None:
    lines = ["漢字" * 8, "漢字" * 8 + "。", "a" * 16]
    assert [len(found) for found in keys(lines)] == [2, 2, 1]  # 16 words, 5 runs, every other one the same
    assert keys(lines)[0].tolist() == keys(lines)[1].tolist()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abc"), max_size=40).map(" ".join), min_size=2, max_size=4))
def test_the_numbers_of_runs_are_as_different_as_the_runs(texts: list[str]) -> None:
    found, spelled = keys(texts), [runs(text) for text in texts]
    assert [one.tolist() for one in found] == [sorted(set(one.tolist())) for one in found]
    for one, words in zip(found, spelled):
        for other, others in zip(found, spelled):
            assert len(np.intersect1d(one, other)) == len(words & others)


def test_texts_that_share_much_are_one_group_and_those_that_share_a_line_are_not() -> None:
    line = text(9, 15)  # 4 runs
    a, b, c = text(1, 200), text(2, 200), text(3, 200)
    copies = [a, b, f"{a} {text(4, 20)}", f"{line} {b[: len(b) // 2]}", f"{c} {line}", "", ""]
    assert same(keys(copies), 0.1) == [0, 1, 0, 1, 4, 5, 6]
    assert same(keys(copies), 0.01) == [0, 1, 0, 1, 1, 5, 6]  # 4 of 204 runs
    assert same([], 0.1) == []
    assert same(keys(["", "1 2 3"]), 0.1) == [0, 1]


def grouped(sizes: dict[str, int], kind: str = "document") -> list[Group]:
    return [Group(name, kind, size) for name, size in sizes.items()]


def test_each_kind_with_three_groups_is_in_each_split_and_the_largest_group_is_for_train() -> None:
    for seed in range(20):
        documents = grouped({"a": 900, "b": 10, "c": 10})
        chats = grouped({f"t{at}": 10 for at in range(30)}, "conversation")
        split = assign([*documents, *chats], 0.1, 0.2, seed)
        assert split["a"] == "train" and {split["b"], split["c"]} == {"valid", "test"}
        assert Counter(split[group.name] for group in chats) == {"train": 21, "valid": 3, "test": 6}
        # two documents can't be in three splits
        assert {assign([*documents[:2], *chats], 0.1, 0.1, seed)[name] for name in "ab"} == {"train"}
        # unless no kind has three groups: then they are dealt as one
        assert sorted(assign([*documents[:2], *chats[:1]], 0.1, 0.1, seed).values()) == ["test", "train", "valid"]


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=3), st.integers(1, 99), min_size=3, max_size=40), st.integers(0, 9))
def test_no_split_is_empty_and_the_order_of_the_groups_does_not_matter(sizes: dict[str, int], seed: int) -> None:
    split = assign(grouped(sizes), 0.49, 0.49, seed)
    assert set(split.values()) == set(SPLITS) and set(split) == set(sizes)
    assert assign(grouped(sizes)[::-1], 0.49, 0.49, seed) == split


def test_held_out_texts_that_share_a_run_leak_and_then_none_is_shared() -> None:
    line = text(9, 12)
    texts: dict[Split, list[str]] = {
        "train": [text(1, 50), f"{text(2, 50)} {line}"],
        "valid": [text(3, 50), f"{line} {text(4, 50)}", text(5, 50), "Hello there"],
        "test": [
            text(6, 50),
            f"{text(7, 5)} {line.upper().replace(' ', ', ')}",
            f"{text(4, 50)} x",
            "hello, there!",
            text(5, 50),
        ],
    }
    leaks = leaking(texts)
    assert leaks["train"] == [False, False]
    assert leaks["valid"] == [False, True, False, False]
    # text 4 was in a row of valid that is dropped, so it's free again
    assert leaks["test"] == [False, True, False, True, True]
    # the line, "hello there", and text 4 and text 5 with 50 - 11 runs each
    assert shared_runs(texts) == 1 + 1 + 39 + 39
    kept = {split: list(itertools.compress(texts[split], (not bad for bad in leaks[split]))) for split in SPLITS}
    assert shared_runs(kept) == 0
