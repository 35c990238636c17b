"""A track keeps its side whatever joins it, and no recording is on both."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.files import read_jsonl, sha256, sha256_tree, write_bytes, write_csv
from stages.lofi.organize import COLUMNS
from stages.lofi.split import SplitParams, crossings, sides, split
from stages.run import StageError

PARAMS = SplitParams(valid=0.1, seed=1)
Row = dict[str, str]


def row(name: str, group: str = "") -> Row:
    return {"name": name, "group": group or name, "sha256": sha256(name.encode())}


def organized(root: Path, tracks: Sequence[Row]) -> Path:
    folder = root / "organized"
    for one in tracks:
        write_bytes(folder / "core" / f"{one['name']}_prompt.txt", f"lofi, {one['name']}\n".encode())
        write_bytes(folder / "core" / f"{one['name']}_lyrics.txt", b"[Instrumental]\n")
        one |= {"path": f"core/{one['name']}.mp3", "category": "core", "style": "CORE-01", "seconds": "40.000"}
    write_csv(folder / "tracks.csv", COLUMNS, [[one.get(column, "") for column in COLUMNS] for one in tracks])
    return folder


def test_a_tenth_of_the_tracks_are_set_aside(tmp_path: Path) -> None:
    tracks = [row(f"track {number}") for number in range(500)]
    metrics: Any = split(organized(tmp_path, tracks), tmp_path / "dataset", PARAMS)
    assert metrics["train"] + metrics["valid"] == 500
    assert 0.06 < metrics["valid_share"] < 0.14  # three deviations of 500 draws
    lists = {name: read_jsonl(tmp_path / "dataset" / f"{name}.jsonl") for name in ("train", "valid")}
    assert {name: len(lines) for name, lines in lists.items()} == {name: metrics[name] for name in lists}
    first = lists["valid"][0]
    assert (first["audio"], first["prompt"]) == (f"core/{first['name']}.mp3", f"lofi, {first['name']}")
    assert (first["lyrics"], first["seconds"]) == ("[Instrumental]", 40.0)


@given(
    st.lists(st.tuples(st.text("abcdefgh", min_size=1, max_size=4), st.integers(0, 9)), unique_by=lambda one: one[0]),
    st.integers(0, 100),
    st.integers(0, 5),
)
def test_more_tracks_move_none_to_the_other_side(tracks: list[tuple[str, int]], cut: int, seed: int) -> None:
    rows = [row(name, str(group)) for name, group in tracks]
    params = SplitParams(valid=0.3, seed=seed)
    before = sides([one | {"group": one["name"]} for one in rows[: cut % (len(rows) + 1)]], params)
    after = sides(rows, params)  # some of them have become one recording by what joined
    for name, side in before.items():
        assert after[name] in (side, "same_recording")
    held = {one["group"] for one in rows if after[one["name"]] == "valid"}
    assert held.isdisjoint(one["group"] for one in rows if after[one["name"]] == "train")
    # only what has a twin in validation is left out
    assert all(one["group"] in held for one in rows if after[one["name"]] == "same_recording")


def test_a_side_depends_on_what_the_file_holds_alone() -> None:
    moved = [row(f"{number}") for number in range(50)]
    before = sides(moved, PARAMS)
    for one in moved:
        one["name"] += " renamed"
        one["group"] = one["name"]
    assert list(sides(moved, PARAMS).values()) == list(before.values())


def test_copies_of_one_recording_never_cross(tmp_path: Path) -> None:
    tracks = [row(f"{number}-{copy}", f"{number}") for number in range(60) for copy in range(3)]
    metrics: Any = split(organized(tmp_path, tracks), tmp_path / "dataset", PARAMS)
    assert metrics["same_recording"] > 0
    assert metrics["crossing"] == 0
    assert crossings(tmp_path / "dataset") == []


def test_a_crossing_is_seen_by_group_and_by_content(tmp_path: Path) -> None:
    def line(group: str, content: str) -> str:
        return json.dumps({"group": group, "sha256": content}) + "\n"

    (tmp_path / "train.jsonl").write_text(line("a", "1") + line("b", "2") + line("c", "3"))
    (tmp_path / "valid.jsonl").write_text(line("a", "4") + line("d", "2"))
    assert crossings(tmp_path) == ["2", "a"]


def test_a_seed_that_sets_nothing_aside_is_one_line_with_one_that_does(tmp_path: Path) -> None:
    tracks = [row("a"), row("b"), row("c")]
    empty = next(
        seed for seed in range(100) if "valid" not in sides(tracks, SplitParams(valid=0.1, seed=seed)).values()
    )
    folder = organized(tmp_path, tracks)
    with pytest.raises(
        StageError, match=rf"lofi.split.seed is {empty}, which sets none of 3 .* set it to (\d+)"
    ) as error:
        split(folder, tmp_path / "dataset", SplitParams(valid=0.1, seed=empty))
    good = int(str(error.value).rpartition(" ")[2])
    assert split(folder, tmp_path / "dataset", SplitParams(valid=0.1, seed=good))["valid"] == 1
    assert not (tmp_path / "none").exists()


def test_one_recording_alone_can_be_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="2 tracks of one recording, expected two recordings or more"):
        split(organized(tmp_path, [row("a", "a"), row("b", "a")]), tmp_path / "dataset", PARAMS)
    with pytest.raises(StageError, match="0 tracks of one recording"):
        split(organized(tmp_path / "none", []), tmp_path / "dataset", PARAMS)


def test_the_same_tracks_give_the_same_bytes(tmp_path: Path) -> None:
    folder = organized(tmp_path, [row(f"{number}") for number in range(40)])
    split(folder, tmp_path / "one", PARAMS)
    split(folder, tmp_path / "two", PARAMS)
    assert sha256_tree(tmp_path / "one") == sha256_tree(tmp_path / "two")
