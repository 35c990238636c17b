from collections import Counter

import pytest

from stages.prose.splits import Shares, Split, TooFew, assign, leaking, shared_grams
from tests.prose.works import PARAMS, paragraph


def shares(**changes: object) -> Shares:
    return Shares.model_validate(PARAMS["splits"] | changes)


def works(count: int, words: int = 2000) -> dict[str, int]:
    return {f"work-{place}": words + place for place in range(count)}


@pytest.mark.parametrize(
    ("count", "test", "valid"),
    [(9, 2, 1), (13, 2, 2), (41, 7, 5), (1000, 150, 100)],  # 0.15 and 0.1 of them, rounded up
)
def test_each_share_is_met_to_the_work_whatever_the_seed(count: int, test: int, valid: int) -> None:
    for seed in range(100 if count < 100 else 3):
        counts = Counter(assign(works(count), shares(valid=0.1, test=0.15, seed=seed)).values())
        assert counts == {"train": count - test - valid, "valid": valid, "test": test}


def test_what_floats_add_is_no_work_more() -> None:
    assert Counter(assign(works(30), shares(valid=0.1, test=0.3)).values()) == {"train": 18, "valid": 3, "test": 9}


def test_large_shares_leave_a_work_for_each_split() -> None:
    for count in (3, 4, 5):
        counts = Counter(assign(works(count), shares(valid=0.49, test=0.49)).values())
        assert min(counts[split] for split in ("train", "valid", "test")) >= 1


def test_three_works_give_one_each_and_the_longest_is_learned_from() -> None:
    split = assign({"novel": 90_000, "tale": 3000, "fable": 2000}, shares())
    assert split["novel"] == "train"
    assert sorted(split.values()) == ["test", "train", "valid"]


@pytest.mark.parametrize("count", [9, 13, 41])
def test_a_new_work_moves_at_most_one_other_over_each_border(count: int) -> None:
    moves = []
    for seed in range(100):
        chosen = shares(valid=0.1, test=0.15, seed=seed)
        before = assign(works(count), chosen)
        after = assign(works(count) | {"one-more": 1500}, chosen)  # no longest one
        moved = [(before[work], after[work]) for work in before if after[work] != before[work]]
        assert len(moved) <= 2
        assert len({frozenset(each) for each in moved}) == len(moved)  # over another border each
        moves.append(len(moved))
    assert moves.count(0) > 0


def test_a_long_work_may_take_the_place_of_several_short_ones_in_test() -> None:
    sizes = {**works(20, words=300), "novel": 90_000}
    moved = []
    for seed in range(40):
        chosen = shares(test=0.0, seed=seed)
        before, after = assign(sizes, chosen), assign(sizes | {"saga": 5000}, chosen)
        moved.append(sum(after[work] != before[work] for work in before))
    assert max(moved) == 3  # of the four that 1,000 words took


def test_works_come_into_test_until_it_has_the_words_that_measures_need() -> None:
    sizes = works(20, words=300)
    split = assign(sizes, shares(test=0.0, min_test_words=1000))
    tested = [sizes[work] for work in sizes if split[work] == "test"]
    assert len(tested) == 4  # 3 x 3xx are fewer than 1,000
    assert sum(tested) >= 1000


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_works_can_not_be_split(count: int) -> None:
    with pytest.raises(TooFew, match=f"has {count} works with kept paragraphs, expected at least 3"):
        assign(works(count), shares())


def test_too_few_words_to_test_on_say_how_many_are_needed() -> None:
    # of three works the longest trains, one validates
    with pytest.raises(TooFew, match=r"has 300 kept words to test on .*, expected 1000; add works or lower"):
        assign({"a": 300, "b": 300, "c": 300}, shares())


def test_another_seed_deals_otherwise() -> None:
    assert assign(works(40), shares(seed=1)) != assign(works(40), shares(seed=2))


def test_what_shares_a_run_of_twelve_words_with_a_held_out_text_leaks() -> None:
    refrain = "what the sea takes it keeps and what it keeps it does not show"  # 14 words
    eleven = " ".join(refrain.split()[:11])
    other = "so the old bell told the drowned men under the long black reef"
    texts: dict[Split, list[str]] = {
        "train": [
            paragraph(1),
            f"{paragraph(2)} “{refrain.upper()}!”",
            f"{paragraph(3)} {eleven}.",
            f"{other} {paragraph(4)}",
        ],
        "valid": [paragraph(5), f"{refrain}, {paragraph(6)}", f"{other}, {paragraph(7)}"],
        "test": [f"{paragraph(8)} {refrain}"],
    }
    leaks = leaking(texts, 12)
    assert leaks == {"train": [False, True, False, True], "valid": [False, True, False], "test": [False]}
    # the refrain has 3 runs of 12 words, the other one of 13 words 2; the refrain counts for train and for valid
    assert shared_grams(texts, 12) == 3 + 2 + 3
    kept = {split: [text for text, leak in zip(texts[split], leaks[split]) if not leak] for split in texts}
    assert shared_grams(kept, 12) == 0
