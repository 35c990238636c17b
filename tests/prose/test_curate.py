import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stages.files import sha256_tree
from stages.prose.curate import CurateParams, crossing, curate
from stages.prose.text import words
from stages.run import StageError
from tests.conftest import ROOT
from tests.prose.works import PARAMS, paragraph, work


def params(**changes: Any) -> CurateParams:
    """PARAMS with whole values, or with some of those of a section, in place of its own."""
    merged = {key: PARAMS[key] | value if isinstance(PARAMS[key], dict) else value for key, value in changes.items()}
    return CurateParams.model_validate(PARAMS | merged)


class Folders:
    """Where the stage reads and writes."""

    def __init__(self, root: Path) -> None:
        self.raw, self.curated = root / "raw", root / "curated"
        self.raw.mkdir(parents=True)

    def add(self, name: str, data: str | bytes) -> None:
        """Add a file, such as keeper/reef.txt."""
        path = self.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    def fill(self, author: str = "keeper", count: int = 6, paragraphs: int = 8) -> None:
        """Add works of 640 words each."""
        for place in range(count):
            self.add(f"{author}/work-{place}.txt", work(len(author) * 100 + place, paragraphs))

    def curate(self, **changes: Any) -> Any:
        return curate(self.raw, self.curated, params(**changes))

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.curated / "paragraphs.jsonl").read_text("utf-8").split("\n") if line]

    def table(self, name: str) -> list[dict[str, str]]:
        with (self.curated / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def works(self) -> dict[str, dict[str, str]]:
        return {row["work"]: row for row in self.table("works.csv")}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_a_work_lies_in_one_split_and_other_authors_are_for_reference(folders: Folders) -> None:
    folders.fill()
    folders.fill("other", 2)
    metrics = folders.curate()
    splits = {row["work"]: row["split"] for row in folders.rows() if row["author"] == "keeper"}
    assert {(row["author"], row["work"]) for row in folders.rows() if row["split"] == "reference"} == {
        ("other", "work-0"),
        ("other", "work-1"),
    }
    # test needs 1,000 words: two works of 640; a share of 0.08 of six works is one
    assert Counter(splits.values()) == {"train": 3, "valid": 1, "test": 2}
    assert metrics["works"] == {"train": 3, "valid": 1, "test": 2, "reference": 2}
    assert metrics["words"] == {"train": 1920, "valid": 640, "test": 1280, "reference": 1280}
    assert metrics["word_shares"] == {"train": 0.5, "valid": 0.1667, "test": 0.3333}
    assert metrics["paragraphs"] == {"train": 24, "valid": 8, "test": 16, "reference": 16}
    assert (metrics["files_read"], metrics["paragraphs_read"], metrics["paragraphs_kept"]) == (8, 64, 64)
    assert (metrics["tokens"], metrics["budget_tokens"], metrics["budget_met"]) == (2496, 900_000, False)  # 1920 x 1.3
    assert metrics["shared_12grams"] == 0


def test_a_row_is_a_paragraph_as_its_author_wrote_it(folders: Folders) -> None:
    folders.fill()
    text = f"“It’s naïve—or not…” {paragraph(7)}"
    folders.add("keeper/reef.txt", f"REEF\n\n{paragraph(8)}\n\nToo short.\n\n{text}\n\nTHE END\n")
    folders.curate()
    rows = [row for row in folders.rows() if row["work"] == "reef"]
    assert [row["index"] for row in rows] == [0, 2]
    assert rows[1]["text"] == text
    assert rows[1]["words"] == 84 == len(words(text))
    assert list(rows[0]) == ["author", "work", "split", "index", "words", "text"]


def test_every_paragraph_is_kept_or_dropped_for_a_reason(folders: Folders) -> None:
    folders.fill()
    one = paragraph(7)
    bad = [
        one.replace(". ", " "),
        f"{one} ►►►",
        f"{one} {'|' * 99}",
        f"{one} {'Oh! ' * 9}",
        f"{one} {'Sea, ' * 20}",
        "夜。",
    ]
    folders.add("keeper/reef.txt", "\n\n".join([one, *bad, one.upper().replace(".", "!"), one.replace("a", "o", 2)]))
    metrics = folders.curate()
    expected = {
        "artifacts": 1, "exact_duplicate": 1, "fragments": 1, "near_duplicate": 1, "no_sentences": 1, "repetition": 1,
        "script": 1, "special_characters": 1,
    }  # fmt: skip
    assert metrics["reasons"] == expected
    assert (metrics["exact_duplicates"], metrics["near_duplicates"]) == (1, 1)
    lines = [row for row in folders.table("manifest.csv") if row["work"] == "reef"]
    assert Counter(row["reason"] for row in lines if row["reason"]) == expected
    assert [row["status"] for row in lines] == ["kept", *["dropped"] * 8]
    assert {row["partner"] for row in lines if "duplicate" in row["reason"]} == {"keeper/reef#0"}


def test_a_quotation_from_a_held_out_work_is_not_learned(folders: Folders) -> None:
    folders.fill()
    folders.curate()
    split = {row["work"]: row["split"] for row in folders.rows()}
    held_out = next(row["text"] for row in folders.rows() if row["split"] == "test")
    quoting = next(name for name in sorted(split) if split[name] == "train")
    quotation = " ".join(held_out.split()[:13])
    folders.add(
        f"keeper/{quoting}.txt",
        f"{folders.raw.joinpath('keeper', f'{quoting}.txt').read_text()}\n\n{paragraph(7)} “{quotation}”",
    )
    metrics = folders.curate()
    assert metrics["reasons"] == {"shared_with_held_out": 1}
    assert metrics["shared_12grams"] == 0
    assert held_out in [row["text"] for row in folders.rows() if row["split"] == "test"]


def test_the_count_of_shared_runs_would_tell_of_a_leak(folders: Folders) -> None:
    folders.fill()
    folders.curate()
    path = folders.curated / "paragraphs.jsonl"
    row = next(row for row in folders.rows() if row["split"] == "test")
    path.write_text(path.read_text("utf-8") + json.dumps(row | {"split": "train"}) + "\n", "utf-8")
    assert crossing(path, 12) == 80 - 12 + 1


def test_train_is_cut_to_the_budget_and_nothing_else(folders: Folders) -> None:
    folders.fill()
    metrics = folders.curate(budget={"tokens": 1050, "clusters": 4})
    assert metrics["words"] == {"train": 800, "valid": 640, "test": 1280, "reference": 0}  # 1040 tokens, not 1144
    assert (metrics["tokens"], metrics["budget_met"], metrics["reasons"]) == (1040, True, {"over_budget": 14})


def test_an_anthology_with_the_author_in_it_takes_nothing_from_the_author(folders: Folders) -> None:
    folders.fill()
    mine = folders.raw.joinpath("keeper", "work-0.txt").read_text("utf-8")
    longer = [f"{text} Kelp lay on reef." for text in mine.split("\n\n")]
    folders.add("anthology/all.txt", "\n\n".join([*longer, paragraph(5)]))
    metrics = folders.curate()
    assert metrics["near_duplicates"] == 8
    assert {row["partner"].split("#")[0] for row in folders.table("manifest.csv") if row["partner"]} == {
        "keeper/work-0"
    }
    assert folders.works()["work-0"]["paragraphs_kept"] == "8"


def test_a_corpus_under_the_budget_is_told(folders: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    folders.fill()
    folders.curate()
    said = capsys.readouterr().err
    assert said.endswith("; 2496 tokens to train on, which is all there is: the budget is 900000\n")
    assert said.startswith("curate: keeper: ")
    folders.curate(budget={"tokens": 1050, "clusters": 4})
    assert capsys.readouterr().err == ""


def test_an_author_in_another_script_is_told_why_nothing_is_kept(folders: Folders) -> None:
    for place in range(3):
        folders.add(f"keeper/{place}.txt", "夜深了。燈塔的光照在海上。" * 40)
    with pytest.raises(StageError, match=r"has 0 works with kept paragraphs, .*; paragraphs dropped: script 3$"):
        folders.curate()


def test_an_endless_paragraph_is_cut_and_loses_nothing(folders: Folders) -> None:
    folders.fill()
    endless = " ".join(paragraph(seed) for seed in range(100))  # 8,000 words
    folders.add("keeper/endless.txt", endless)
    folders.curate(max_words=300)
    rows = [row for row in folders.rows() if row["work"] == "endless"]
    assert " ".join(row["text"] for row in rows) == endless
    assert all(row["words"] <= 300 for row in rows)


@pytest.mark.parametrize("text", ["夜深了。燈塔的光照在海上。" * 40, "كان البحر هادئا. وكان الليل طويلا. " * 40])
def test_works_in_another_script_are_dropped_as_such(folders: Folders, text: str) -> None:
    folders.fill()
    folders.add("keeper/foreign.txt", text)
    assert folders.curate()["reasons"] == {"script": 1}
    assert folders.works()["foreign"]["reason"] == "no_paragraph_kept"


def test_files_that_are_no_text_are_skipped_and_named(folders: Folders) -> None:
    folders.fill()
    folders.add("keeper/latin.txt", "The séance.".encode("latin-1"))
    folders.add("keeper/binary.txt", b"\x7fELF\x00\x01")
    folders.add("keeper/blank.txt", "\n\n")
    (folders.raw / "keeper" / "loop.txt").symlink_to("loop.txt")
    metrics = folders.curate()
    assert metrics["files_skipped"] == {"binary": 1, "empty": 1, "not_utf8": 1, "unreadable": 1}
    assert (metrics["files_read"], metrics["works"]["train"]) == (10, 3)
    assert folders.works()["latin"]["reason"] == "not_utf8"
    assert folders.works()["latin"]["detail"] == "byte 5 is 0xe9; save the file as UTF-8"


def test_hidden_and_other_files_are_not_read_and_links_that_loop_are_not_followed(folders: Folders) -> None:
    folders.fill()
    folders.add("keeper/.hidden.txt", "no")
    folders.add("keeper/.git/a.txt", "no")
    folders.add(".author/a.txt", "no")
    folders.add("keeper/notes.md", "no")
    folders.add("readme.txt", "no")
    (folders.raw / "keeper" / "loop").symlink_to(folders.raw, target_is_directory=True)
    (folders.raw / "all").symlink_to(folders.raw, target_is_directory=True)
    metrics = folders.curate()
    assert (metrics["files_read"], metrics["files_ignored"], metrics["reasons"]) == (6, 2, {})


def test_odd_names_and_names_that_differ_by_case_are_works_of_their_own(folders: Folders) -> None:
    folders.fill()
    names = ["Reef.txt", "reef.txt", "reef.TXT", "la mer “é”.txt", 'a,b\n"c".txt', "deep/down/reef.txt"]
    for seed, name in enumerate(names):
        folders.add(f"keeper/{name}", paragraph(seed))
    Path(os.fsdecode(os.fsencode(folders.raw) + b"/keeper/\xff.txt")).write_text(paragraph(99))
    metrics = folders.curate()
    assert metrics["files_read"] == 13
    found = {row["work"] for row in folders.rows()} - {f"work-{place}" for place in range(6)}
    assert found == {"Reef", "reef", "reef.TXT", "la mer “é”", 'a,b\\n"c"', "deep/down/reef", "\\udcff"}


def test_an_unknown_author_is_answered_with_those_there_are(folders: Folders) -> None:
    folders.fill()
    folders.fill("other", 1)
    with pytest.raises(StageError, match=r"author is 'poe', expected a folder of .*raw, which has keeper, other;"):
        folders.curate(author="poe")


def test_an_author_without_works_stops_the_stage(folders: Folders) -> None:
    (folders.raw / "keeper").mkdir()
    with pytest.raises(StageError, match=r"keeper holds no \.txt file; put each work there"):
        folders.curate()
    (folders.raw / "keeper").rmdir()
    with pytest.raises(StageError, match="which has no folder; add it"):
        folders.curate()
    folders.raw.rmdir()
    with pytest.raises(StageError, match="raw is not a folder; make it"):
        folders.curate()


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_works_say_what_is_needed(folders: Folders, count: int) -> None:
    folders.fill(count=count)
    with pytest.raises(StageError, match=f"author keeper has {count} works with kept paragraphs, expected at least 3"):
        folders.curate()
    assert not folders.curated.exists()


def test_a_file_that_is_not_utf8_and_the_only_one_stops_the_stage(folders: Folders) -> None:
    folders.add("keeper/latin.txt", "The séance.".encode("latin-1"))
    with pytest.raises(StageError, match=r"latin\.txt is skipped: not_utf8, byte 5 is 0xe9"):
        folders.curate()


def test_versions_of_one_work_are_no_three_works(folders: Folders) -> None:
    for place in range(3):
        folders.add(f"keeper/version-{place}.txt", work(1, 20).replace("bacor", f"x{'yz'[place % 2]}"))
    with pytest.raises(StageError, match="has 1 works with kept paragraphs"):
        folders.curate()


def test_parts_of_a_cut_paragraph_must_not_be_too_short() -> None:
    with pytest.raises(ValidationError, match=r"at least twice filters\.min_words, 120"):
        params(max_words=119)


def test_a_rebuild_gives_the_same_bytes_in_another_process(folders: Folders) -> None:
    folders.fill()
    folders.fill("other", 2)
    changes = {"budget": {"tokens": 1050, "clusters": 4}}
    folders.curate(**changes)
    first = sha256_tree(folders.curated)
    code = (
        "import sys, json; from pathlib import Path; from stages.prose.curate import CurateParams, curate;"
        "curate(Path(sys.argv[1]), Path(sys.argv[2]), CurateParams.model_validate(json.loads(sys.argv[3])))"
    )
    paths = [str(folders.raw), str(folders.curated)]
    given = params(**changes).model_dump_json()
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, *paths, given], cwd=ROOT, env=environment, check=True)
    assert sha256_tree(folders.curated) == first


def test_lovecraft_is_kept_whole_and_split_by_story(lovecraft: Path, folders: Folders) -> None:
    (folders.raw / "lovecraft").symlink_to(lovecraft, target_is_directory=True)
    metrics = folders.curate(author="lovecraft")
    first = sha256_tree(folders.curated)
    # a filter of 60 words alone leaves 263 k tokens
    kept = sum(metrics["words"].values()) * 1.3
    assert kept == pytest.approx(263_000, rel=0.03)
    assert (metrics["budget_met"], metrics["shared_12grams"]) == (False, 0)
    assert "over_budget" not in metrics["reasons"]
    assert metrics["works"]["reference"] == 0
    assert sum(metrics["works"].values()) == 41
    assert min(metrics["words"][split] for split in ("train", "valid", "test")) >= 1000
    splits = {(row["work"], row["split"]) for row in folders.rows()}
    assert len(splits) == len({work for work, _ in splits})
    originals = {block.strip() for path in lovecraft.glob("*.txt") for block in path.read_text("utf-8").split("\n\n")}
    assert all(row["text"] in originals for row in folders.rows())  # byte for byte
    folders.curate(author="lovecraft")
    assert sha256_tree(folders.curated) == first
