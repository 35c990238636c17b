import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.files import (
    read_jsonl,
    replacing,
    replacing_folder,
    sha256_tree,
    write_bytes,
    write_csv,
    write_json,
    write_jsonl,
    write_text,
)


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(RuntimeError), replacing(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_written_file_can_be_read_by_all_and_its_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "b" / "c" / "a", "new\r\n")
    assert (tmp_path / "b" / "c" / "a").read_bytes() == b"new\r\n"
    assert stat.S_IMODE((tmp_path / "b" / "c" / "a").stat().st_mode) == 0o644


def test_a_file_that_takes_anothers_place_is_for_the_same_readers(tmp_path: Path) -> None:
    (tmp_path / "a").touch(mode=0o600)
    write_json(tmp_path / "a", 1)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_a_durable_file_is_on_the_disk_before_it_has_its_name_and_then_its_name_and_those_of_new_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b" / "c" / "a"
    flushed: list[tuple[str, bool]] = []
    really = os.fsync

    def watched(descriptor: int) -> None:
        inode = os.fstat(descriptor).st_ino
        folder = next((one.name for one in path.parents if one.exists() and one.stat().st_ino == inode), "")
        flushed.append((folder or "file", path.exists()))
        really(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    write_bytes(path, b"1")
    assert flushed == []  # it takes time
    write_bytes(path, b"2", durable=True)
    assert flushed == [("file", True), ("c", True)]
    flushed.clear()
    path = tmp_path / "d" / "e" / "a"
    write_bytes(path, b"3", durable=True)
    assert flushed == [("file", False), ("e", True), ("d", True), (tmp_path.name, True)]
    assert path.read_bytes() == b"3"
    assert [one.name for one in path.parent.iterdir()] == ["a"]


def test_json_has_no_nan_and_a_failure_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.none(), max_size=3)))
def test_jsonl_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.jsonl"
    write_jsonl(path, rows)
    assert read_jsonl(path) == rows
    assert path.read_bytes().count(b"\n") == len(rows)


def test_a_line_separator_inside_text_ends_no_row(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a", [{"text": "a\u2028b\x85c"}, {"text": "d"}])
    assert [row["text"] for row in read_jsonl(tmp_path / "a")] == ["a\u2028b\x85c", "d"]


def test_csv_has_line_feeds_alone_and_quotes_what_needs_it(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ("title", "notes"), [('Drops, "of" Brandy', 3), ("", 0)])
    assert (tmp_path / "a.csv").read_bytes() == b'title,notes\n"Drops, ""of"" Brandy",3\n,0\n'


def tree(folder: Path, **files: str) -> str:
    for name, text in files.items():
        write_text(folder / name.replace("__", "/"), text)
    return sha256_tree(folder)


def test_the_hash_of_a_folder_is_of_its_names_and_contents_alone(tmp_path: Path) -> None:
    one, other = tree(tmp_path / "1", a="x", b__c="y"), tree(tmp_path / "2", b__c="y", a="x")
    assert one == other
    lines = "".join(f"{hashlib.sha256(text).hexdigest()}  {name}\n" for text, name in ((b"x", "a"), (b"y", "b/c")))
    assert one == hashlib.sha256(lines.encode()).hexdigest()
    assert tree(tmp_path / "3", a="x", b="y") != one
    assert tree(tmp_path / "4", a="y", b__c="x") != one


def test_the_hash_of_a_folder_takes_names_that_are_not_utf_8(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.mid")).write_text("x")
    except OSError:
        pytest.skip("this file system takes no such name")
    assert len(sha256_tree(tmp_path)) == 64


def test_hidden_files_do_not_change_the_hash_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    before = sha256_tree(tmp_path)
    (tmp_path / ".DS_Store").write_text("x")
    assert sha256_tree(tmp_path) == before
    (tmp_path / "b").write_text("2")
    assert sha256_tree(tmp_path) != before


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    left, written = tmp_path / f".a.{ended.stdout.strip()}.x", tmp_path / f".a.{os.getpid()}.y"
    for folder in (left, written):
        folder.mkdir()
    with replacing_folder(tmp_path / "a") as folder:
        (folder / "b").write_text("1")
    assert sorted(path.name for path in tmp_path.iterdir()) == [written.name, "a"]
