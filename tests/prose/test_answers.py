import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stages import store
from stages.prose.answers import KIND, Answer, keep, kept, pack, packed
from stages.run import StageError
from tests.conftest import ROOT


def file_of(key: str) -> Path:
    (path,) = (store.scratch() / KIND).rglob(key)
    return path


def test_an_answer_is_found_by_its_key_alone() -> None:
    key = store.digest("one")
    assert kept(key) is None
    keep(key, Answer("“Yes,” said she.\n\nÆther\u2028.", ""))
    keep(store.digest("two"), Answer("", "truncated"))
    assert kept(key) == Answer("“Yes,” said she.\n\nÆther\u2028.", "")
    assert kept(store.digest("two")) == Answer("", "truncated")


def test_an_answer_is_on_the_disk_before_keeping_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    really = os.fsync

    def watched(descriptor: int) -> None:
        flushed.append(os.fstat(descriptor).st_ino)
        really(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    keep(store.digest("paid"), Answer("dear"))
    path = file_of(store.digest("paid"))
    assert {path.stat().st_ino, path.parent.stat().st_ino} <= set(flushed)


@pytest.mark.parametrize(("cut", "more"), [(-1, b""), (0, b""), (-3, b'x"]')])
def test_a_torn_file_is_no_answer(cut: int, more: bytes) -> None:
    key = store.digest("torn")
    keep(key, Answer("whole"))
    path = file_of(key)
    path.write_bytes(path.read_bytes()[:cut] + more)
    assert kept(key) is None
    keep(key, Answer("whole"))
    assert kept(key) == Answer("whole")


def test_threads_keep_answers_side_by_side_even_for_one_key() -> None:
    keys = [store.digest("thread", number % 20) for number in range(80)]
    threads = [threading.Thread(target=keep, args=(key, Answer(key * 50))) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(kept(key) == Answer(key * 50) for key in keys)


def test_a_process_that_is_killed_loses_no_answer_that_it_kept() -> None:
    code = """
import sys
from stages.prose.answers import Answer, keep
from stages.store import digest
for number in range(10**6):
    keep(digest("killed", number), Answer("text " * 200))
    print(number, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    for line in process.stdout:
        if int(line) == 40:
            process.send_signal(signal.SIGKILL)
            break
    last = max([40, *map(int, process.stdout.read().split())])
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    assert all(kept(store.digest("killed", number)) == Answer("text " * 200) for number in range(last + 1))


def test_packed_answers_are_sorted_and_read_back(tmp_path: Path) -> None:
    answers = {"b": ("neutralize", Answer("two")), "a": ("snowflake", Answer("", "truncated"))}
    pack(tmp_path / "one.jsonl", {"name": "m"}, ["snowflake", "neutralize"], answers)
    pack(tmp_path / "two.jsonl", {"name": "m"}, ["neutralize", "snowflake"], dict(reversed(answers.items())))
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    found = packed(tmp_path)
    assert found.backends == {"neutralize": {"name": "m"}, "snowflake": {"name": "m"}}
    assert list(found.answers.items()) == [("a", Answer("", "truncated")), ("b", Answer("two"))]


HEAD = '{"format":1,"backend":{},"tasks":["neutralize"]}\n'
ROW = '{"request":"a","task":"neutralize","text":"x","reason":""}\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r":1: not JSON"),
        (HEAD + ROW[:20], r":2: not JSON.*copy the file again"),
        (HEAD + "[1]\n", r":2: '\[1\]', expected an object"),
        (HEAD + '{"request":"a","text":null,"reason":""}\n', r":2: expected request, text and reason"),
        (HEAD + ROW + ROW.replace('"x"', '"y"'), r":3: a second answer to request a; keep one"),
        (ROW, r":1: format is None, expected 1"),
    ],
)
def test_a_damaged_file_of_answers_is_one_line_that_names_the_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(text)
    with pytest.raises(StageError, match=complaint) as raised:
        packed(tmp_path)
    assert str(path) in str(raised.value)


def test_a_missing_file_of_answers_or_one_of_bytes_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        StageError, match=r"holds no .jsonl file, expected answers of an earlier run; copy its answers.jsonl there"
    ):
        packed(tmp_path)
    (tmp_path / "answers.jsonl").write_bytes(HEAD.encode() + b"\xff")
    with pytest.raises(StageError, match=f"byte {len(HEAD)} isn't UTF-8"):
        packed(tmp_path)


def test_a_write_that_fails_half_way_leaves_no_file() -> None:
    """The disk takes no more than 100 bytes of a file."""
    code = """
import resource, signal
from stages.prose.answers import Answer, keep
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    keep("ab" * 32, Answer("x" * 1000))
except OSError as error:
    print(error.errno == 27)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
    assert [path for path in (store.scratch() / KIND / "ab").iterdir() if "ab" * 32 in path.name] == []
    assert kept("ab" * 32) is None


def test_files_of_several_tasks_are_read_as_one_and_of_one_task_from_one_backend_alone(tmp_path: Path) -> None:
    both = {"name": "m", "by_task": {"snowflake": {"name": "n"}}}
    pack(tmp_path / "a.jsonl", both, ["neutralize", "snowflake"], {"a": ("neutralize", Answer("one"))})
    pack(tmp_path / "b.jsonl", {"name": "n"}, ["snowflake"], {"b": ("snowflake", Answer("two"))})
    (tmp_path / ".gitkeep").touch()
    found = packed(tmp_path)
    assert found.backends == {"neutralize": {"name": "m"}, "snowflake": {"name": "n"}}
    assert found.answers == {"a": Answer("one"), "b": Answer("two")}
    pack(tmp_path / "c.jsonl", {"name": "o"}, ["snowflake"], {})
    with pytest.raises(
        StageError, match=r"c.jsonl: its answers for snowflake are of another backend .*; keep one file"
    ):
        packed(tmp_path)
    (tmp_path / "c.jsonl").unlink()
    pack(tmp_path / "d.jsonl", {"name": "n"}, ["snowflake"], {"b": ("snowflake", Answer("three"))})
    with pytest.raises(StageError, match=r"d.jsonl:2: a second answer to request b; keep one"):
        packed(tmp_path)


def test_half_a_character_is_no_answer_and_never_packed(tmp_path: Path) -> None:
    keep(store.digest("half"), Answer("A \ud800 text."))
    assert kept(store.digest("half")) is None
    (tmp_path / "answers.jsonl").write_text(HEAD + ROW.replace('"x"', r'"\ud800"'))
    with pytest.raises(StageError, match=r":2: half a character .* take the line out"):
        packed(tmp_path)
