import csv
import itertools
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.files import sha256_tree, write_csv
from stages.midi import splits
from stages.midi.curate import CurateParams, crossing, curate, seconds
from stages.midi.song import DRUMS, PITCH, Song, from_json, normal, table, transposed
from stages.midi.writer import write
from stages.run import StageError

PARAMS = {
    "caps": {"bytes": 10**6, "ticks": 10**7, "notes": 5000, "bars": 1000, "seconds": 3600},
    "min_notes": 16,
    "min_bars": 4,
    "similarity": {
        "melody_notes": 12,
        "phrase_notes": 6,
        "phrase_beats": 8,
        "containment": 0.25,
        "common_intervals": 14,
        "common_kinds": 5,
        "title_letters": 6,
        "title_works": 4,
    },
    "splits": {"valid": 0.2, "test": 0.2, "held_out_size": 4, "seed": 1},
    "shortfall": "report",
    "datasets": {"general": {"fiddle": 10, "jazz": 5}, "gospel": {"fiddle": 3, "worship": 2}},
}
COLUMNS = ("file", "title", "work", "composer")


def params(**changes: object) -> CurateParams:
    return CurateParams.model_validate(PARAMS | changes)


def tune(seed: int, notes: int = 40) -> Song:
    """Random pitches in quarters."""
    pitches = np.random.default_rng(seed).integers(60, 85, notes)
    return normal(Song(24, table([(24 * i, 0, int(pitch), 80, 24) for i, pitch in enumerate(pitches)], 5)))


class Folders:
    """Where the stage reads and writes."""

    def __init__(self, root: Path) -> None:
        self.collected, self.raw, self.curated = (root / name for name in ("collected", "raw", "curated"))
        for folder in (self.collected, self.raw):
            folder.mkdir(parents=True)
        self.sources: list[tuple[str, str, str, str]] = []
        write_csv(self.collected / "sources.csv", COLUMNS, [])

    def collect(self, name: str, song: Song, title: str = "", work: str = "") -> None:
        """Add a collected file, such as fiddle/a.mid."""
        (self.collected / name).parent.mkdir(exist_ok=True)
        (self.collected / name).write_bytes(write(song))
        self.sources.append((name, title, work, "Somebody"))
        write_csv(self.collected / "sources.csv", COLUMNS, self.sources)

    def add(self, name: str, data: Song | bytes) -> None:
        """Add a file of the user's."""
        (self.raw / name).parent.mkdir(parents=True, exist_ok=True)
        (self.raw / name).write_bytes(data if isinstance(data, bytes) else write(data))

    def curate(self, params: CurateParams) -> Any:
        return curate(self.collected, self.raw, self.curated, params)

    def rows(self, dataset: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.curated / f"{dataset}.jsonl").read_text().splitlines()]

    def manifest(self) -> dict[str, dict[str, str]]:
        with (self.curated / "manifest.csv").open(encoding="utf-8", newline="") as file:
            return {row["file"]: row for row in csv.DictReader(file)}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_every_file_is_kept_or_dropped_for_a_reason(folders: Folders) -> None:
    folders.collect("fiddle/a.mid", tune(1), "The first reel")
    folders.add("fiddle/b.mid", tune(2))
    folders.add("fiddle/short.mid", tune(3, notes=15))
    folders.add("fiddle/slow.MID", normal(Song(24, table([(i, 0, 60, 80, 1) for i in range(20)], 5))))  # one bar
    folders.add("fiddle/text.midi", b"not a MIDI file")
    folders.add("polka/c.mid", tune(4))
    folders.add("d.mid", tune(5))
    metrics = folders.curate(params())
    reasons = {
        "genre_in_no_dataset": 1,
        "no_genre_folder": 1,
        "not_midi": 1,
        "too_few_bars": 1,
        "too_few_notes": 1,
    }
    assert metrics["reasons"] == reasons
    assert (metrics["files_read"], metrics["files_kept"], metrics["genres_in_no_dataset"]) == (7, 2, {"polka": 1})
    assert [row["id"] for row in folders.rows("general")] == ["collected/fiddle/a.mid", "raw/fiddle/b.mid"]
    manifest = folders.manifest()
    assert len(manifest) == 7
    assert manifest["raw/fiddle/short.mid"]["reason"] == "too_few_notes"
    assert manifest["collected/fiddle/a.mid"]["datasets"] == "general gospel"
    # 40 quarters at 120 BPM
    assert manifest["collected/fiddle/a.mid"]["seconds"] == "20.0"


def test_rows_hold_the_song_as_it_was_read(folders: Folders) -> None:
    folders.collect("fiddle/a.mid", tune(1), "The first reel")
    folders.curate(params())
    (row,) = folders.rows("gospel")
    assert from_json(row["song"]) == tune(1)
    assert {name: row[name] for name in ("id", "genre", "title")} == {
        "id": "collected/fiddle/a.mid",
        "genre": "fiddle",
        "title": "The first reel",
    }


def test_the_same_notes_stand_once_in_a_dataset_and_the_manifest_names_the_twin(folders: Folders) -> None:
    folders.collect("fiddle/a.mid", tune(1))
    folders.add("fiddle/again.mid", tune(1))
    folders.add("worship/again.mid", tune(1))  # a dataset without the first one's genre would keep it
    folders.add("worship/other.mid", tune(2))
    folders.add("jazz/other.mid", tune(2))
    metrics = folders.curate(params())
    assert metrics["reasons"] == {"duplicate": 2}
    manifest = folders.manifest()
    assert manifest["raw/fiddle/again.mid"]["duplicate_of"] == "collected/fiddle/a.mid"
    assert [row["id"] for row in folders.rows("general")] == ["collected/fiddle/a.mid", "raw/jazz/other.mid"]
    assert [row["id"] for row in folders.rows("gospel")] == ["collected/fiddle/a.mid", "raw/worship/other.mid"]
    # one group and so one split, though they are in different datasets
    assert len({manifest[f"raw/{genre}/other.mid"]["group"] for genre in ("worship", "jazz")}) == 1
    assert len({manifest[f"raw/{genre}/other.mid"]["split"] for genre in ("worship", "jazz")}) == 1


def test_a_tune_in_another_key_and_movements_of_a_work_stay_together(folders: Folders) -> None:
    for seed in range(20):
        folders.collect(f"fiddle/{seed}.mid", tune(seed))
        folders.add(f"jazz/{seed}.mid", transposed(tune(seed), 3))
        folders.collect(f"fiddle/mass{seed}.mid", tune(100 + seed), work=f"Mass {seed // 5}")
    metrics = folders.curate(params())
    assert metrics["groups"] == 20 + 4
    assert metrics["groups_crossing_splits"] == 0
    assert metrics["largest_group"] == 5
    groups = {row["id"]: (row["group"], row["split"]) for row in folders.rows("general")}
    for seed in range(20):
        assert groups[f"raw/jazz/{seed}.mid"] == groups[f"collected/fiddle/{seed}.mid"]


def test_the_proof_finds_music_that_crosses_splits(folders: Folders) -> None:
    for seed in range(30):
        folders.collect(f"fiddle/{seed}.mid", tune(seed))
        folders.collect(f"fiddle/{seed}-up.mid", transposed(tune(seed), 3))
    folders.curate(params())
    assert crossing(folders.curated, ["general", "gospel"], params().similarity)["groups_crossing_splits"] == 0
    rows = folders.rows("general")
    moved = next(row for row in rows if row["split"] == "train")
    moved["split"] = "test"
    moved["group"] = "another"
    (folders.curated / "general.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    # its own new name, and that of its twin in train
    found = crossing(folders.curated, ["general"], params().similarity)
    assert found["groups_crossing_splits"] == 2
    assert found["longest_common_run_across_splits"] > 30  # of 39 intervals, less a few repeated notes


def test_the_proof_finds_a_tune_in_another_rhythm_that_the_grouping_missed(folders: Folders) -> None:
    for seed in range(30):
        folders.collect(f"fiddle/{seed}.mid", tune(seed))
        pitches = tune(seed).notes[10:30, PITCH].tolist()  # 19 intervals, less those of repeated notes
        onsets = np.cumsum(np.random.default_rng(seed).choice([6, 12, 24, 48, 96], len(pitches)))
        rows = [(int(onset), 0, pitch + 2, 80, 6) for onset, pitch in zip(onsets, pitches)]
        folders.collect(f"fiddle/{seed}-late.mid", normal(Song(24, table(rows, 5))))
    right = params()
    # the grouping is blind to runs in another rhythm, the proof is not
    blind = params(similarity=right.similarity.model_dump() | {"common_intervals": 1000})
    metrics = folders.curate(blind)
    assert metrics["groups"] == 60
    proof = crossing(folders.curated, ["general"], right.similarity)
    assert proof["groups_crossing_splits"] > 10
    assert proof["longest_common_run_across_splits"] in range(14, 20)
    metrics = folders.curate(right)
    assert metrics["groups"] == 30
    assert metrics["groups_crossing_splits"] == 0
    assert metrics["longest_common_run_across_splits"] < 14


def test_shared_runs_are_what_comparing_every_pair_finds() -> None:
    rng = np.random.default_rng(0)
    lines = [np.cumsum(rng.choice([-2, -1, 1, 2], rng.integers(0, 40))).tolist() for _ in range(25)]
    places = rng.choice(["train", "valid", "test"], 25).tolist()

    def run(one: list[int], other: list[int], kinds: int) -> int:
        """Length of the longest run of intervals that both have, of enough kinds in its first 6."""
        a, b = np.diff(one).tolist(), np.diff(other).tolist()
        best = 0
        for i, j in itertools.product(range(len(a)), range(len(b))):
            same = list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(a[i:], b[j:])))
            if len(set(same[:6])) >= kinds:
                best = max(best, len(same))
        return best

    for kinds in (1, 4):
        pairs = [(i, j) for i, j in itertools.combinations(range(25), 2) if places[i] != places[j]]
        lengths = {(i, j): run(lines[i], lines[j], kinds) for i, j in pairs}
        expected = {index for pair, length in lengths.items() if length >= 6 for index in pair}
        assert splits.shared_runs(lines, places, 6, kinds) == (expected, max(lengths.values()))
        assert 0 < len(expected) < 25


def test_the_highest_line_is_what_sounds_highest() -> None:
    rows = [
        (0, 0, 72, 80, 24),
        (0, 0, 60, 80, 12),
        (12, 0, 64, 80, 24),  # below 72, which still sounds
        (24, 0, 62, 80, 12),  # below 64
        (24, DRUMS, 81, 80, 12),
        (36, 0, 64, 80, 12),  # again
        (48, 0, 74, 80, 12),
    ]
    assert splits.highest_line(normal(Song(24, table(rows, 5)))) == [72, 64, 74]


def test_every_genre_of_three_groups_has_a_piece_in_every_split(folders: Folders) -> None:
    for genre in ("fiddle", "jazz", "worship"):
        for seed in range(3):
            folders.add(f"{genre}/{genre} number {seed}.mid", tune(len(genre) * 10 + seed))
    rare = {"valid": 0.01, "test": 0.01, "held_out_size": 4, "seed": 1}
    metrics = folders.curate(params(splits=rare))
    for dataset, genres in (("general", ("fiddle", "jazz")), ("gospel", ("fiddle", "worship"))):
        for genre in genres:
            found = metrics["datasets"][dataset][genre]
            assert (found["train"], found["valid"], found["test"]) == (1, 1, 1)
    assert metrics["groups_crossing_splits"] == 0


def test_missing_pieces_are_reported_or_stop_the_stage(folders: Folders) -> None:
    folders.collect("fiddle/a.mid", tune(1))
    metrics = folders.curate(params())
    expected = {"target": 10, "found": 1, "shortfall": 9, "train": 1, "test": 0, "valid": 0}
    assert metrics["datasets"]["general"]["fiddle"] == expected
    assert metrics["datasets"]["gospel"]["worship"]["shortfall"] == 2
    with pytest.raises(StageError, match=r"general\.fiddle has 1 of 10, general\.jazz has 0 of 5, gospel\.fiddle"):
        folders.curate(params(shortfall="stop"))


def test_genre_folders_are_named_freely_and_may_be_deep(folders: Folders) -> None:
    folders.add("Neo Soul/live/2020/a.mid", tune(1))
    folders.curate(params(datasets={"general": {"neo_soul": 1}}))
    assert [row["genre"] for row in folders.rows("general")] == ["neo_soul"]


def test_pipes_links_and_odd_names_neither_hang_nor_fail(folders: Folders) -> None:
    folders.add("jazz/good.mid", tune(1))
    folders.add("jazz/README.md", b"mine")
    os.mkfifo(folders.raw / "jazz" / "pipe.mid")
    (folders.raw / "jazz" / "broken.mid").symlink_to("nowhere.mid")
    (folders.raw / "jazz" / "loop").symlink_to(folders.raw)
    (folders.raw / "jazz" / "link.mid").symlink_to(folders.raw / "jazz" / "good.mid")  # as DVC may link files
    (folders.raw / "jazz" / "folder.mid").mkdir()
    # not UTF-8, where the file system takes it: that of a Mac doesn't
    odd, printed = (
        ("jazz/new\nline.mid", "")
        if sys.platform == "darwin"
        else (os.fsdecode(b"jazz/new\nline \xff.mid"), " \\udcff")
    )
    folders.add(odd, tune(2))
    metrics = folders.curate(params())
    assert metrics["files_read"] == 3
    assert metrics["files_ignored"] == 4  # the text, the pipe, the broken link and the link to a folder
    assert metrics["reasons"] == {"duplicate": 1}
    assert [row["id"] for row in folders.rows("general")] == ["raw/jazz/good.mid", f"raw/jazz/new\\nline{printed}.mid"]


def test_two_runs_write_the_same_bytes_with_one_worker_and_two(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(12):
        folders.collect(f"fiddle/{seed}.mid", tune(seed))
    hashes = set()
    for workers in ("1", "2"):
        monkeypatch.setenv("REFRAIN_WORKERS", workers)
        folders.curate(params())
        hashes.add(sha256_tree(folders.curated))
    assert len(hashes) == 1


def test_new_files_move_no_other_file_to_another_split(folders: Folders) -> None:
    for seed in range(40):
        folders.collect(f"fiddle/{seed}.mid", tune(seed))
    folders.curate(params())
    before = {name: row["split"] for name, row in folders.manifest().items()}
    assert set(before.values()) == {"train", "valid", "test"}
    for seed in range(40):
        folders.add(f"fiddle/new {seed}.mid", tune(1000 + seed))
        folders.add(f"jazz/up {seed}.mid", transposed(tune(seed), 1))
    folders.curate(params())
    after = folders.manifest()
    assert {name: after[name]["split"] for name in before} == before


def test_large_groups_go_to_train() -> None:
    shares = splits.Shares(valid=0.4, test=0.4, held_out_size=4, seed=1)
    sizes = {str(index): 5 for index in range(50)}
    assert set(splits.assign(sizes, [], shares).values()) == {"train"}


def test_shares_are_met_about() -> None:
    # 2,000 groups, a tenth of them 200 with a standard deviation of 13
    shares = splits.Shares(valid=0.1, test=0.2, held_out_size=4, seed=1)
    counts = Counter(splits.assign({str(index): 1 for index in range(2000)}, [], shares).values())
    assert abs(counts["valid"] - 200) < 55
    assert abs(counts["test"] - 400) < 75


@pytest.mark.parametrize("seed", range(20))
def test_filling_one_cell_never_empties_another(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = [str(index) for index in range(30)]
    cells = [set(rng.choice(groups, rng.integers(1, 8), replace=False).tolist()) for _ in range(6)]
    shares = splits.Shares(valid=0.1, test=0.1, held_out_size=4, seed=seed)
    by_hash = splits.assign(dict.fromkeys(groups, 1), [], shares)
    filled = splits.assign(dict.fromkeys(groups, 1), cells, shares)
    for cell in cells:
        needed = splits.NEEDED[: len(cell)]
        missing = [sum(split[group] == name for group in cell) == 0 for split in (by_hash, filled) for name in needed]
        assert sum(missing[len(needed) :]) <= sum(missing[: len(needed)])


def test_seconds_follow_the_tempo_map() -> None:
    # 24 ticks at 1 s a quarter, 24 at 0.5 s, the last note ends a quarter later
    notes = table([(0, 0, 60, 80, 24), (24, 0, 60, 80, 24), (48, 0, 60, 80, 24)], 5)
    song = normal(Song(24, notes, tempos=table([(0, 1_000_000), (24, 500_000)], 2)))
    assert seconds(song) == 2.0


def test_the_hymns_are_all_read_and_no_tune_crosses(hymns: Path, folders: Folders) -> None:
    (folders.raw / "hymn").mkdir()
    for path in hymns.glob("*.mid"):
        (folders.raw / "hymn" / path.name).symlink_to(path)
    metrics = folders.curate(params(datasets={"general": {"hymn": 247}}))
    assert metrics["files_read"] == 247
    assert (metrics["files_in_shared_groups"], metrics["shared_groups"]) == (65, 30)
    assert set(metrics["reasons"]) == {"duplicate", "no_notes"}
    assert metrics["groups_crossing_splits"] == 0
