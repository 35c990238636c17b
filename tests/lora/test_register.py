import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stages.files import sha256_tree, write_json
from stages.lora import registry
from stages.lora.register import main
from tests.conftest import ROOT
from tests.lora import tiny


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    base = tiny.model_folder(folder / "base")
    adapter = tiny.adapter_folder(folder / "adapter", base)
    metadata = {"adapterName": "gospel", "baseHash": sha256_tree(base), "fineTuneType": "lora", "rank": 4}
    write_json(adapter / "metadata.json", metadata | {"baseModelId": "models/base/tiny", "versions": {"mlx": "0.32"}})
    return folder


@pytest.fixture
def entry(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> registry.Entry:
    """The one adapter of a registry, as it was added."""
    monkeypatch.setenv("REFRAIN_REGISTRY", str(tmp_path / "registry"))
    return registry.add(made / "adapter", shutil.copytree(made / "base", tmp_path / "base"))[0]


def told(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> Any:
    """What a command gives programs."""
    capsys.readouterr()
    assert main([*words, "--json"]) == status
    output = capsys.readouterr()
    assert output.err == ""
    return json.loads(output.out)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command says to people."""
    capsys.readouterr()
    assert main(list(words)) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert all(len(line) <= 100 for line in output.out.splitlines())
    return output.out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line on standard error of a command that fails."""
    capsys.readouterr()
    assert main(list(words)) == 1
    output = capsys.readouterr()
    assert output.out == ""
    [line] = output.err.splitlines()
    return line


def test_an_adapter_is_added_once_and_listed(
    made: Path, entry: registry.Entry, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("add", str(made / "adapter"), "--base", str(entry.base))
    assert said(capsys, *words) == f"{entry.ref}  LoRA: gospel is there already\n"
    assert told(capsys, *words)["added"] is False
    new = told(capsys, *words, "--name", "choir")
    assert (new["added"], new["title"], new["ref"]) == (True, "LoRA: choir", f"lora/{new['metadata']['id']}")
    header, *rows = said(capsys, "list").splitlines()
    assert header.split() == ["adapter", "name", "kind", "added", "state"]
    assert [row.split()[:3] for row in rows] == [[new["ref"], "LoRA:", "choir"], [entry.ref, "LoRA:", "gospel"]]
    assert all(row.split()[3:5] == ["lora", "4"] and row.endswith("ok") for row in rows)
    assert [fact["ref"] for fact in told(capsys, "list")] == [new["ref"], entry.ref]


def test_an_empty_registry_says_how_to_add(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REFRAIN_REGISTRY", str(tmp_path / "none"))
    assert told(capsys, "list") == told(capsys, "verify") == []
    assert main(["list"]) == 0
    assert "register add ADAPTER --base BASE" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_long_names_are_cut_to_fit_a_line(
    made: Path, entry: registry.Entry, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "a name of " + "many words " * 8 + "!"
    told(capsys, "add", str(made / "adapter"), "--base", str(entry.base), "--name", name)
    row = said(capsys, "list").splitlines()[1]
    assert len(row) <= 100
    assert "a name of many" in row
    assert "…" in row


def test_a_damaged_entry_is_listed_as_such(entry: registry.Entry, capsys: pytest.CaptureFixture[str]) -> None:
    (entry.folder / "metadata.json").write_text("{")
    assert said(capsys, "list").splitlines()[1].split()[0] == entry.ref
    assert [fact["state"] for fact in told(capsys, "list")] == ["damaged"]
    assert "damaged" in said(capsys, "show", entry.ref)


def test_a_base_that_is_gone_is_listed_as_such(entry: registry.Entry, capsys: pytest.CaptureFixture[str]) -> None:
    entry.base.rename(entry.base.with_name("elsewhere"))
    assert told(capsys, "list")[0]["state"] == "no base"


def test_all_that_is_known_is_shown(entry: registry.Entry, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "show", "gospel")
    for part in (
        entry.ref,
        "LoRA: gospel",
        "baseModelId:     models/base/tiny",
        '{"mlx": "0.32"}',
        "state:           ok",
    ):
        assert part in text
    found = told(capsys, "show", "gospel")
    assert found["metadata"] == entry.metadata
    assert (found["folder"], found["base"]) == (str(entry.folder), str(entry.base))


def test_verifying_names_each_file_that_changed(
    made: Path, entry: registry.Entry, capsys: pytest.CaptureFixture[str]
) -> None:
    other = told(capsys, "add", str(made / "adapter"), "--base", str(entry.base), "--name", "choir")
    assert said(capsys, "verify") == f"{other['ref']}  LoRA: choir: ok\n{entry.ref}  LoRA: gospel: ok\n"
    (entry.folder / "adapters.safetensors").write_bytes(b"")
    (entry.folder / "adapter_config.json").unlink()
    assert main(["verify"]) == 1
    output = capsys.readouterr()
    assert output.out == f"{other['ref']}  LoRA: choir: ok\n"
    first, second = output.err.splitlines()
    assert f"LoRA: gospel ({entry.ref}): {entry.folder / 'adapter_config.json'} can't be read" in first
    assert f"{entry.folder / 'adapters.safetensors'} has sha256 e3b0c442" in second  # that of nothing
    assert [len(fact["problems"]) for fact in told(capsys, "verify", status=1)] == [0, 2]
    assert said(capsys, "verify", "choir") == f"{other['ref']}  LoRA: choir: ok\n"
    assert main(["verify", "gospel"]) == 1


def test_verifying_looks_at_the_base_too(entry: registry.Entry, capsys: pytest.CaptureFixture[str]) -> None:
    (entry.base / "generation_config.json").write_text("{}")
    assert "has hash" in refused(capsys, "verify")


def test_deleting_needs_a_yes(entry: registry.Entry, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "stages.lora.register", "delete", "gospel"]

    def answered(answer: bytes) -> subprocess.CompletedProcess[str]:
        ours, theirs = pty.openpty()
        os.write(ours, answer)
        done = subprocess.run(command, cwd=ROOT, stdin=theirs, capture_output=True, text=True)
        os.close(ours)
        os.close(theirs)
        return done

    piped = subprocess.run(command, cwd=ROOT, input="y\n", capture_output=True, text=True)
    assert (piped.returncode, piped.stdout) == (1, "")
    assert "no terminal to ask on; give --yes to delete LoRA: gospel" in piped.stderr
    no = answered(b"\n")
    assert no.returncode == 1
    assert f"delete LoRA: gospel ({entry.ref})? [y/N] " in no.stderr
    assert entry.folder.exists()
    yes = answered(b"y\n")
    assert (yes.returncode, yes.stdout) == (0, f"deleted LoRA: gospel ({entry.ref})\n")
    assert not entry.folder.exists()


def test_a_damaged_entry_can_be_deleted_by_its_id(entry: registry.Entry, capsys: pytest.CaptureFixture[str]) -> None:
    (entry.folder / "metadata.json").unlink()
    assert told(capsys, "delete", entry.ref, "--yes")["deleted"] is True
    assert registry.entries() == []


@pytest.mark.parametrize("command", ["show", "verify", "delete"])
def test_an_unknown_adapter_is_one_line(
    entry: registry.Entry, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    line = refused(capsys, command, "jazz")
    assert line == f"register: adapter 'jazz' is unknown; there are LoRA: gospel ({entry.ref})"


def test_a_registry_that_can_not_be_written_is_one_line(
    made: Path, entry: registry.Entry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFRAIN_REGISTRY", str(made / "adapter" / "metadata.json"))  # a file
    line = refused(capsys, "add", str(made / "adapter"), "--base", str(entry.base))
    assert "metadata.json" in line


def test_a_reader_that_goes_away_is_no_error(entry: registry.Entry) -> None:
    reading, writing = os.pipe()
    os.close(reading)  # as head has by the time that a slow command writes
    command = [sys.executable, "-m", "stages.lora.register", "list"]
    done = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
