"""What a model is measured on."""

from pathlib import Path
from typing import Any

from stages.files import read_jsonl, write_jsonl
from stages.prose.heldout import Memory, read_data
from stages.prose.rules import neutralized
from tests.prose.test_evaluate import WORKS, told, written
from tests.prose.test_persona import RULES


def test_rows_are_spread_over_all_works_and_as_many_as_asked(tmp_path: Path) -> None:
    dataset, curated = written(tmp_path)
    for most, expected in ((1, 1), (3, 3), (8, 8), (99, 8)):
        found = read_data(dataset, curated, most).rows
        assert len(found) == expected
        if most > 1:
            assert {row["work"] for row in found} == {"test-f", "test-g"}


def test_rules_make_plain_prose_of_all_of_train_whatever_rows_were_dropped(tmp_path: Path) -> None:
    dataset, curated = written(tmp_path, rewriter=RULES)
    rows = read_jsonl(dataset / "train.jsonl")
    write_jsonl(dataset / "train.jsonl", rows[:1])
    data = read_data(dataset, curated, 8)
    train = [work for work in WORKS if work.startswith("train-")]
    assert data.plain_of == "all of train"
    assert data.plain == {work: [neutralized(styled, "standard") for _, styled in told(work)] for work in train}
    assert data.groups(without="train-a")["source"] == [text for work in train[1:] for text in data.plain[work]]
    assert data.groups(without="train-a")["author"] == [styled for work in train[1:] for _, styled in told(work)]


def test_of_other_rewriters_the_rows_are_what_there_is(tmp_path: Path) -> None:
    dataset, curated = written(tmp_path)
    rows = read_jsonl(dataset / "train.jsonl")
    write_jsonl(dataset / "train.jsonl", [row for row in rows if row["work"] != "train-a"])
    data = read_data(dataset, curated, 8)
    assert data.plain_of == "rows of train"
    assert set(data.plain) == {"train-b", "train-c", "train-d"}


def test_a_folder_that_is_called_author_is_a_reference(tmp_path: Path) -> None:
    dataset, curated = written(tmp_path)
    rows: list[dict[str, Any]] = read_jsonl(curated / "paragraphs.jsonl")
    renamed = [row | ({"author": "author"} if row["split"] == "reference" else {}) for row in rows]
    write_jsonl(curated / "paragraphs.jsonl", renamed)
    data = read_data(dataset, curated, 8)
    assert set(data.groups()) == {"reference author", "author", "source"}
    assert data.groups()["author"] == [styled for work in WORKS if "train" in work for _, styled in told(work)]


def test_runs_are_pooled_so_that_an_empty_text_dilutes_nothing() -> None:
    memory = Memory.of(["one two three four five six seven eight nine ten"])
    assert memory.copy_rate(["zero one two three four five six seven eight"]) == 0.5
    assert memory.copy_rate(["zero one two three four five six seven eight", "", "too short"]) == 0.5
    assert memory.copy_rate(["", "one two"]) is memory.copy_rate([]) is None
    assert memory.longest_run("zero one two") == 2
    assert memory.longest_run("sea") == 0
    assert memory.longest_run("…") is None
