"""The figures of outputs that are made by hand."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from stages.prose.heldout import Data, read_data
from stages.prose.measures import Measures, histogram
from stages.prose.text import words
from tests.prose.test_evaluate import PARAMS, written


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    return read_data(*written(tmp_path_factory.mktemp("data")), 8)


def figures(outputs: Sequence[str], data: Data, **changes: Any) -> dict[str, Any]:
    measures = Measures(data, PARAMS.model_copy(update=changes))
    return json.loads(json.dumps(measures.measured(measures.judge(outputs)), allow_nan=False))  # type: ignore[no-any-return]


def test_the_authors_own_text_is_copied_from_nowhere_and_near_to_the_author(data: Data) -> None:
    own, source = figures(data.targets, data), figures(data.sources, data)
    assert own["empty_rate"] == 0.0
    assert own["unknown_word_rate"] < 0.02  # "daemoniac"
    assert own["copy_rate_8gram"] < 0.01  # of few words: some runs come again by chance
    assert own["longest_copied_run"] < 12
    assert own["content_recall"] > 0.5
    assert own["chrf"] == 1.0
    assert own["names_kept"] == own["numbers_kept"] == 1.0
    assert own["names_invented"] == own["numbers_invented"] == 0.0
    assert own["rhythm_distance"] == 0.0
    assert own["loop_rate"] == own["unfinished_rate"] == 0.0
    assert own["order_tau"] > 0.9
    assert own["delta_cosine_author"] < source["delta_cosine_author"]
    assert own["delta_cosine_author"] < own["delta_cosine_source"]
    assert own["attributed"]["author"] > source["attributed"]["author"]
    assert source["content_recall"] == source["order_tau"] == source["length_ratio"] == 1.0
    assert source["rhythm_distance"] > 1


def test_what_is_new_is_copied_from_nowhere(data: Data) -> None:
    other = ["Nothing in this sentence was ever written by that author of lighthouses."] * 8
    found = figures(other, data)
    assert found["copy_rate_8gram"] == 0.0
    assert found["longest_copied_run"] <= 2


def test_a_copied_target_has_the_copy_rate_1_and_a_run_of_all_its_words(data: Data) -> None:
    copied = data.targets_learned.texts[0]
    found = figures([copied] * 8, data)
    assert found["copy_rate_8gram"] == 1.0
    assert found["longest_copied_run"] == len(words(copied))
    # 20 of its words within others: a run of 20, and of 32 - 7 runs the 13 inside; empty outputs have no runs
    inside = " ".join([*[f"qu{letter}x" for letter in "abcdefghijkl"], *words(copied)[:20]])
    found = figures([inside, *[""] * 7], data)
    assert found["longest_copied_run"] == 20
    assert found["copy_rate_8gram"] == 13 / 25
    assert found["empty_rate"] == 7 / 8


def test_a_plain_source_that_a_base_recites_is_copied_too(data: Data) -> None:
    recited = next(iter(data.plain.values()))[0]
    found = figures([recited] * 8, data)
    assert found["copy_rate_8gram_plain"] == 1.0
    assert found["longest_copied_run_plain"] == len(words(recited))
    assert found["copy_rate_8gram"] < 0.2


def test_a_loop_and_a_broken_end_are_counted(data: Data) -> None:
    good = data.targets[0]
    found = figures([f"{good} {good}", *[good] * 5, good.rstrip("."), "and so on " * 30], data)
    assert found["loop_rate"] == 2 / 8
    assert found["unfinished_rate"] == 2 / 8


def test_names_and_numbers_that_come_and_go_are_counted(data: Data) -> None:
    changed = [text.replace("Abel Turner", "Silas Crane") for text in data.targets]
    found = figures(changed, data)
    assert found["names_kept"] == 0.0 and found["names_invented"] == 1.0
    row = Measures(data, PARAMS).judge(changed)[0].row()
    assert (row["names_lost"], row["names_invented"]) == (["Abel", "Turner"], ["Silas", "Crane"])
    found = figures([text.replace("letters", "9 letters") for text in data.targets], data)
    assert found["numbers_kept"] == 1.0 and found["numbers_invented"] == 0.5


def test_too_few_words_have_no_delta_and_say_why(data: Data) -> None:
    found = figures(["Too short."] * 8, data)
    assert found["delta_cosine_author"] is found["delta_shift"] is found["attributed"] is None
    assert found["delta_insufficient"] == "the texts have less than 100 words"
    found = figures(data.targets, data, segment_words=5000)
    assert found["delta_cosine_author"] is found["delta_cosine_source"] is found["attributed"] is None
    groups = Measures(data, PARAMS.model_copy(update={"segment_words": 5000})).groups()
    assert groups["delta_left_out"] == ["author", "clerk", "source"]
    assert all(
        f"{name} has {groups['delta_group_words'][name]} words" in found["delta_insufficient"]
        for name in ("author", "source")
    )


def test_without_plain_prose_there_is_no_delta(data: Data) -> None:
    found = figures(data.targets, replace(data, plain={}))
    assert found["delta_cosine_author"] is found["attributed"] is None
    assert found["delta_insufficient"] == "source has 0 words, expected 100 or more"


def test_a_model_that_returns_its_input_has_no_shift(data: Data) -> None:
    copied, styled = figures(data.sources, data), figures(data.targets, data)
    assert copied["delta_shift"] == copied["delta_shift_share"] == 0
    assert styled["delta_shift"] > 0 and styled["delta_shift_share"] == 1
    assert copied["attributed"]["author"] < 0.5 < styled["attributed"]["author"]


def test_where_the_plain_source_is_attributed_to_the_author_nothing_is_attributed(data: Data) -> None:
    same = replace(data, rows=[row | {"source": target} for row, target in zip(data.rows, data.targets)])
    found = figures(data.targets, same)
    assert found["attributed"] is found["delta_shift_share"] is None
    reason = Measures(same, PARAMS).groups()["attributed_insufficient"]
    assert reason.startswith("of the held-out plain source a share of ") and reason.endswith("attributed to the author")
    other = replace(data, rows=[row | {"target": row["source"]} for row in data.rows])
    assert figures(data.targets, other)["attributed"] is None
    assert "of the held-out text by the author" in Measures(other, PARAMS).groups()["attributed_insufficient"]


def test_a_model_that_writes_nothing_does_not_look_clean(data: Data) -> None:
    found = figures(["", "…", *[" "] * 6], data)
    assert found["empty_rate"] == 1.0
    assert found["content_recall"] == found["length_ratio"] == found["names_kept"] == 0
    for name in (
        "copy_rate_8gram", "longest_copied_run", "copy_rate_8gram_plain", "longest_copied_run_plain", "loop_rate",
        "unfinished_rate", "unknown_word_rate", "rhythm_distance", "rhythm_interval", "order_tau", "names_invented",
    ):  # fmt: skip
        assert found[name] is None, name


def test_outputs_too_short_for_a_run_have_no_copy_rate(data: Data) -> None:
    found = figures(["He went to the sea."] * 8, data)
    assert found["copy_rate_8gram"] is None
    assert found["empty_rate"] == found["loop_rate"] == 0


def test_gibberish_and_another_text_are_seen(data: Data) -> None:
    gibberish = "The erelt and I was difted and shast the inquirarmip of a quoth ferrimble in the strothers."
    found = figures([gibberish] * 8, data)
    assert found["unknown_word_rate"] > 0.2
    meadow = "A gentle rain fell upon the meadow while the shepherds slept, and a nightingale began its ancient song."
    other = figures([meadow] * 8, data)
    assert other["unknown_word_rate"] == 0
    assert other["content_recall"] < 0.1 < figures(data.targets, data)["content_recall"]


def test_words_that_the_source_has_are_known(data: Data) -> None:
    named = replace(data, rows=[row | {"source": f"The erelt came. {row['source']}"} for row in data.rows])
    assert figures(["The erelt went."] * 8, named)["unknown_word_rate"] == 0


def test_rhythm_has_an_interval_around_its_distance(data: Data) -> None:
    uneven = ["He went. " * (place + 1) + source for place, source in enumerate(data.sources)]
    found = figures(uneven, data)
    low, high = found["rhythm_interval"]
    assert 0 < low < found["rhythm_distance"] < high


def test_few_markers_have_no_rate_and_say_why(data: Data) -> None:
    markers = PARAMS.markers.model_copy(update={"most": 9})
    few = Measures(data, PARAMS.model_copy(update={"markers": markers}))
    assert few.style(data.targets)["marker_rate"] is None
    assert few.markers_insufficient == "9 words mark the author, expected 10 or more"
    enough = Measures(data, PARAMS)
    assert enough.style(data.targets)["marker_rate"] > enough.style(data.sources)["marker_rate"]


def test_the_last_bin_of_the_histogram_is_open() -> None:
    found = histogram({"author": [3, 4, 7, 999]})
    assert found[:2] == [("author", 0, 0.25), ("author", 4, 0.5)]
    assert found[-1] == ("author", 80, 0.25)


def test_an_author_alone_is_compared_with_the_source(data: Data) -> None:
    found = figures(data.targets, replace(data, references={}))
    assert set(found["attributed"]) == {"author", "source"}
    assert found["attributed"]["author"] > 0.5
