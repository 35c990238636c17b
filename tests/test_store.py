import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.store import code_digest, digest, folder, get, put, scratch
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRAIN_SCRATCH", str(tmp_path / "scratch"))


@given(st.binary(max_size=100))
def test_what_is_put_is_got(data: bytes) -> None:
    put("things", "00ff", data)
    assert get("things", "00ff") == data


def test_what_was_not_put_is_none() -> None:
    put("things", "00ff", b"data")
    assert get("things", "00fe") is None
    assert get("others", "00ff") is None


@pytest.mark.parametrize("damage", [b"", b"\n", b"no hash", None])
def test_a_damaged_result_is_none(damage: bytes | None) -> None:
    put("things", "00ff", b"data")
    path = scratch() / "things" / "00" / "00ff"
    path.write_bytes(path.read_bytes()[:-1] if damage is None else damage)
    assert get("things", "00ff") is None


def test_a_digest_depends_on_values_and_types_but_not_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [2, None]}) == digest({"b": [2, None], "a": 1})
    different = [digest(1), digest(1.0), digest("1"), digest([1]), digest(1, None), digest(True), digest()]
    assert len(set(different)) == len(different)


@pytest.mark.parametrize("value", [float("nan"), Path("x"), b"x"])
def test_a_digest_of_what_is_no_json_value_is_an_error(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        digest(value)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of four modules, of which `one` imports `two` at once, and `three` inside a function."""
    path = tmp_path / "somewhere" / "sources_of_a_test"
    path.mkdir(parents=True)
    (path / "__init__.py").write_text("")
    (path / "one.py").write_text(
        "import json\nfrom sources_of_a_test.two import x\n\ndef f():\n    from sources_of_a_test import three\n"
    )
    (path / "two.py").write_text("import sources_of_a_test.one\nx = 1\n")
    (path / "three.py").write_text("")
    (path / "four.py").write_text("")
    monkeypatch.syspath_prepend(path.parent)
    monkeypatch.delitem(sys.modules, "sources_of_a_test", raising=False)
    return path


@pytest.mark.parametrize(("changed", "counts"), [("one", True), ("two", True), ("three", True), ("four", False)])
def test_a_code_digest_is_of_a_module_and_all_it_imports(package: Path, changed: str, counts: bool) -> None:
    before = code_digest("sources_of_a_test.one")
    (package / f"{changed}.py").write_text("x = 2\n")
    assert (code_digest("sources_of_a_test.one") != before) == counts


def test_a_code_digest_of_no_module_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"stages\.nothing"):
        code_digest("stages.nothing")


def test_a_folder_keeps_what_was_written_to_it_for_its_key_alone() -> None:
    with folder("runs", "a.1") as path:
        (path / "checkpoint").write_text("x")
    with folder("runs", "a.1") as path, folder("runs", "a.2") as other:  # two locks, although the keys differ by suffix
        assert (path / "checkpoint").read_text() == "x"
        assert list(other.iterdir()) == []


def test_one_process_alone_holds_a_folder(tmp_path: Path) -> None:
    code = """
import sys
from stages.store import folder
for _ in range(200):
    with folder("runs", "a") as path:
        count = path / "count"
        count.write_text(str(int(count.read_text()) + 1 if count.exists() else 1))
"""
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    with folder("runs", "a") as path:
        assert (path / "count").read_text() == "400"  # 2 processes * 200, none lost


def test_scratch_is_in_the_home_folder_where_a_tilde_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REFRAIN_SCRATCH", "~/kept")
    assert scratch() == tmp_path / "kept"
