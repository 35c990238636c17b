"""The gate as the stage has it, and what it looks for in a row."""

from pathlib import Path
from typing import Any

import pytest

from stages.prose.checkpoint import Checkpoint, Made, examined, failures, fault, measured
from stages.prose.persona import prompt
from stages.prose.splits import SPLITS, Split
from stages.run import StageError
from tests.prose.test_persona import recipe
from tests.prose.test_prepare import CHECKPOINT, PERSPECTIVES, many, pair, prepared

NONE = {"original": 0, "robustness": 0, "snowflake": 0, "valid": 1, "test": 1}


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes take longer to start than so few pairs take to prepare."""
    monkeypatch.setenv("REFRAIN_ENGINE", "sequential")


def made(one: dict[str, Any], noise: float = 0.0) -> Made:
    """A row of the pair `one` as it is."""
    row = {"id": one["id"], "type": "original", "perspective": one["perspective"], "variant": one["variant"]}
    request = prompt(one["source"], 10, 0.0, 1, recipe())
    return examined(row | {"shuffled": False, "noise": noise}, one, one["source"], request)


def figures(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return measured({split: [made(one) for one in pairs if one["split"] == split] for split in SPLITS}, pairs)


def test_the_figures_are_worked_out_by_hand() -> None:
    one = pair("train-a", 1, source="He saw it. It was late. He went.", target="He beheld it; it was late. He went.")
    other = pair("test-b", 1, source="We saw it.", target="We beheld it.", perspective="first_plural")
    found = figures([one, other])
    assert (found["rows_train"], found["rows_valid"], found["rows_test"]) == (1, 0, 1)
    # 8 + 3 words in 3 + 1 sentences, and 8 + 3 in 2 + 1
    assert found["words"] == {"source": 5.5, "target": 5.5}
    assert found["sentence_words"] == {"source": 2.75, "target": 3.6667}
    # "beheld", twice in 11 words
    assert found["uncommon_share"] == {"source": 0.0, "target": 0.1818}
    assert found["order_tau"] == found["order_tau_in_order"] == 1.0
    assert found["rows_by_perspective"] == {"as_written": 1}
    assert found["rows_by_variant"] == {"standard": 1}


def test_a_run_that_two_splits_share_is_counted_once_however_often_it_stands() -> None:
    run = "that is not dead which can eternal lie and with strange aeons"  # 12 words
    rows = [("train-a", 1), ("train-a", 2), ("valid-b", 1), ("test-c", 1)]
    assert figures([pair(*row, target=f"{row[0][-1]} {run}.") for row in rows])["shared_12grams"] == 2
    rows[2:] = [("test-c", 1)]
    assert figures([pair(*row, target=f"{row[0][-1]} {run}.") for row in rows])["shared_12grams"] == 1
    shorter = run.rpartition(" ")[0]
    assert figures([pair(*row, target=f"{row[0][-1]} {shorter}") for row in rows])["shared_12grams"] == 0


def test_every_limit_is_kept_to_the_figure() -> None:
    pairs = many()
    found = figures(pairs)
    gain = found["uncommon_share"]["target"] - found["uncommon_share"]["source"]
    longer = found["sentence_words"]["target"] / found["sentence_words"]["source"]
    types = {"original": 24, "robustness": 0, "snowflake": 0, "valid": 4, "test": 4}
    exact = {"min_rows": types, "max_bleed": found["bleed_mean"], "max_bleed_held_out": found["bleed_mean_held_out"]}
    exact |= {"min_uncommon_gain": gain, "min_sentence_gain": longer, "max_shared_rows": 0.25, "max_faulty": 0.0625}
    exact |= {"min_perspective_rows": 6, "min_variant_rows": 24}
    left_out = {"train_shares_a_run": list("123456"), "valid_shares_a_run": ["7"], "refusal": ["8"], "residue": ["9"]}
    counts: dict[Split, int] = {"train": 24, "valid": 4, "test": 4}  # 6 / 24 and 1 / 4 share a run, 2 / 32 are faulty

    def said(more: tuple[str, ...] = (), **changes: Any) -> list[str]:
        wanted = Checkpoint.model_validate(exact | changes)
        return failures(found, left_out | {reason: list("123456789") for reason in more}, counts, PERSPECTIVES, wanted)

    assert said() == []
    for reason in ("train_shares_a_run", "valid_shares_a_run", "artifact"):
        assert len(said((reason,))) == 1
    assert said(("duplicate", "test_shares_a_run")) == []
    changes: list[dict[str, Any]] = [
        {"max_bleed": found["bleed_mean"] - 1e-4},
        {"max_bleed_held_out": found["bleed_mean_held_out"] - 1e-4},
        {"min_uncommon_gain": gain + 1e-4},
        {"min_sentence_gain": longer + 1e-4},
        {"max_faulty": 0.0624},
        {"min_perspective_rows": 7},
        {"min_variant_rows": 25},
        *({"min_rows": types | {name: least + 1}} for name, least in types.items()),
    ]
    for change in changes:
        (line,) = said(**change)
        (key,) = change
        assert f"checkpoint.{key}" in line, line  # which is what can be changed
    assert len(said(max_shared_rows=0.2499)) == 2
    more = {name: least + 99 for name, least in types.items()}
    assert len(said(min_rows=more)) == 5  # all of them are said, not the first alone


def test_sources_may_be_less_plain_where_they_are_held_out_than_in_train_but_not_at_will(tmp_path: Path) -> None:
    """In train rewrite drops a pair by its bleed, so that the mean of the rest says little."""
    pairs = [one | ({} if one["split"] == "train" else {"source": one["target"]}) for one in many()]
    with pytest.raises(
        StageError, match=r"aren't fit to learn from: bleed_mean_held_out is 1\.0, expected at most 0\.5"
    ):
        prepared(tmp_path, pairs)


def test_one_row_of_a_perspective_or_a_variant_is_not_enough(tmp_path: Path) -> None:
    few = [one for one in many() if one["split"] != "train" or one["perspective"] != "third"]
    few += [one for one in many() if one["perspective"] == "third"][:1]
    few[0] |= {"variant": "abstract"}
    with pytest.raises(StageError) as error:
        prepared(tmp_path, few, robustness_share=0.0, checkpoint=CHECKPOINT | {"min_rows": NONE})
    assert "rows in train: 1 of perspective third, expected at least 5; add text, or lower" in str(error.value)
    assert "rows in train: 1 of variant abstract, expected at least 5; add text, or lower" in str(error.value)


def test_a_split_after_variation_fails_with_the_figure(tmp_path: Path) -> None:
    """Defect 1: rows of one work dealt out over the splits."""
    pairs = many()
    for number, one in enumerate(pairs):
        one |= {"split": ("train", "train", "train", "valid", "test")[number % 5]}
    for one, other in zip(pairs[::5], pairs[3::5]):
        other["target"] = one["target"] + " So it was."  # a variation of the same chunk
    with pytest.raises(
        StageError, match=r"of train has a run of 12 words from valid or test, expected at most 0.05; split"
    ):
        prepared(tmp_path, pairs)


def changed(key: str, value: str, only: str = "") -> list[dict[str, Any]]:
    return [one | ({key: value} if one["id"] == only or not only else {}) for one in many()]


BAD = [
    (
        [one for one in many() if one["split"] != "valid"],
        "0 rows in valid, expected at least 4; add text, or lower checkpoint.min_rows.valid",
    ),
    (
        [one for one in many() if one["perspective"] != "third"],
        "rows in train: 0 of perspective third, expected at least 5",
    ),
    (
        many()[8:],
        "16 rows of type original in train, expected at least 20; add text, or lower checkpoint.min_rows.original",
    ),
    (
        [one | {"source": one["target"]} for one in many()],
        "bleed_mean is 1.0, expected at most 0.5; inputs aren't plain",
    ),
    (
        [one | {"target": one["source"] + " Yes."} for one in many()],
        "more uncommon words than sources, expected at least",
    ),
    (
        [one | {"target": one["target"].replace("—and", ". And").replace(", with", ". With")} for one in many()],
        "times as long as those of sources",
    ),
    (
        changed("target", "As an AI, I have no voice.", "train-a:1:first_plural"),
        "left out for faults (refusal 1, the first train-a:1:first_plural), expected at most 0.02",
    ),
    (
        changed("target", "I saw it, and it was mine.", "train-a:2:third"),
        "(residue 1, the first train-a:2:third), expected at most 0.02",
    ),
    (
        changed("source", ". It was late.", "test-d:1:first_plural"),
        "(artifact 1, the first test-d:1:first_plural), expected at most 0.02",
    ),
]


@pytest.mark.parametrize(("pairs", "expected"), BAD, ids=[expected[:30] for _, expected in BAD])
def test_rows_that_are_unfit_fail_the_stage_with_the_figure(
    tmp_path: Path, pairs: list[dict[str, Any]], expected: str
) -> None:
    with pytest.raises(StageError) as error:
        prepared(tmp_path, pairs)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "dataset").exists()


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("It was late.", "It was late; it was past all lateness.", None),
        (". It was late.", "It was late.", "artifact"),  # defect 6: a stray mark that splitting left
        ("... it was late.", "…it was late.", None),
        (". . . it was late.", "…it was late.", None),
        (": it was late.", ": it was late, very late.", None),  # as the author has it
        ("It was __ENT3 who came.", "It was he who came.", "artifact"),
        ("It was late, __No__.", "It was late, said one.", None),  # Markdown
        ("The [THING] fell.", "The lamp fell.", "artifact"),  # in a variant that keeps its nouns
        ("It was late.", "### It was late.", "artifact"),
        ("It was late.", "Sure, here is the rewritten text: It was late.", "refusal"),
        ("I'm sorry, but I can't assist with that.", "It was late.", "refusal"),
        ("It was late.", "One can’t rewrite this: as an AI one can’t.", "refusal"),
        ("One cannot help it.", "One cannot help thinking that here is the passage.", None),
    ],
)
def test_what_rewriting_left_behind_is_a_fault(source: str, target: str, expected: str | None) -> None:
    assert fault(pair("train-a", 1, "impersonal", source=source, target=target)) == expected


def test_what_the_author_wrote_is_none_even_in_the_source() -> None:
    for line in ("### It was late.", "“I cannot help you with that,” he said.", "Here is a passage from the log."):
        assert fault(pair("train-a", 1, source=line, target=line)) is None
        assert fault(pair("train-a", 1, source=line, target="It was late.")) is not None
        assert fault(pair("train-a", 1, source=line, target=line, topic="snowflake")) is not None  # a model wrote it


def test_nouns_may_be_things_in_abstract_sources_alone() -> None:
    assert fault(pair("train-a", 1, source="The [THING] fell.", variant="abstract")) is None
    assert fault(pair("train-a", 1, target="The [THING] fell.", variant="abstract")) == "artifact"


def test_a_third_person_target_in_the_first_person_is_residue() -> None:
    assert fault(pair("train-a", 1, "third", target="I saw my house.")) == "residue"
    assert fault(pair("train-a", 1, "third", target="“I saw my house,” said the observer.")) is None
