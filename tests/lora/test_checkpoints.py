import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.lora import blas

blas.load()
import mlx.core as mx  # noqa: E402  the BLAS comes first

from stages.lora.checkpoints import Checkpoint, Checkpoints, keeping, wanted  # noqa: E402
from stages.run import StageError  # noqa: E402
from tests.conftest import ROOT  # noqa: E402


@pytest.fixture(autouse=True)
def scratch_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRAIN_SCRATCH", str(tmp_path))


@pytest.fixture
def kept() -> Iterator[Checkpoints]:
    with keeping("a") as kept:
        yield kept


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(
        step, {"weights.a": mx.arange(6) / 7, "optimizer.step": mx.array(step, mx.uint64)}, {"step": step}
    )


def test_what_is_loaded_is_what_was_saved(kept: Checkpoints) -> None:
    kept.save(checkpoint(3))
    found = kept.load(3)
    assert found is not None
    assert (found.step, found.state) == (3, {"step": 3})
    assert mx.array_equal(found.arrays["weights.a"], mx.arange(6) / 7)
    assert found.arrays["optimizer.step"].dtype == mx.uint64
    assert kept.load(4) is None


def test_a_damaged_one_is_skipped_aloud_for_the_one_before(
    kept: Checkpoints, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in (3, 6):
        kept.save(checkpoint(step))
    path = next(kept.folder.glob("00000006-*"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # one bit of the last weight
    path.write_bytes(data)
    found = kept.newest()
    assert found is not None
    assert found.step == 3
    assert "checkpoint 6 is damaged and skipped" in capsys.readouterr().err
    assert kept.steps() == [3]


def test_a_step_has_one_checkpoint_the_latest(kept: Checkpoints) -> None:
    kept.save(checkpoint(3))
    kept.save(Checkpoint(3, checkpoint(3).arrays, {"step": 3, "speeds": [1]}))
    assert len(list(kept.folder.iterdir())) == 1
    found = kept.load(3)
    assert found is not None
    assert found.state["speeds"] == [1]


def test_what_a_killed_run_left_unfinished_is_removed() -> None:
    with keeping("a") as kept:
        kept.save(checkpoint(3))
        torn = kept.folder / ".unfinished-x"
        torn.write_bytes(b"half")
    with keeping("a") as kept:
        assert kept.steps() == [3]
        assert not torn.exists()


def test_unwanted_steps_are_dropped(kept: Checkpoints) -> None:
    for step in (0, 3, 6):
        kept.save(checkpoint(step))
    kept.drop(lambda step: step < 4)
    assert kept.steps() == [6]
    assert kept.newest(5) is None


FULL_DISK = """
import resource, signal, sys
from stages.lora import blas
blas.load()
import mlx.core as mx
from stages.lora.checkpoints import Checkpoint, keeping
from stages.run import StageError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write beyond the limit fails as on a full disk
with keeping("a") as kept:
    kept.save(Checkpoint(3, {"a": mx.zeros(10)}, {}))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
    try:
        kept.save(Checkpoint(6, {"a": mx.zeros(1 << 20)}, {}))
    except StageError as error:
        print(error)
    print(kept.steps(), len(list(kept.folder.iterdir())), kept.load(3).step)
"""


def test_a_disk_that_fills_loses_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL_DISK], cwd=ROOT, capture_output=True, text=True, check=True)
    said, left = done.stdout.splitlines()
    assert f"no checkpoint can be written to {tmp_path}: File too large; free some room there or set" in said
    assert left == "[3] 1 3"


def test_a_scratch_that_can_not_be_written_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRAIN_SCRATCH", "/proc/refrain")  # nobody may write there, root included
    with pytest.raises(StageError, match=r"no checkpoint can be written to /proc/refrain: .*set REFRAIN_SCRATCH"):
        keeping("a").__enter__()


HOLD = """
import sys
from stages.lora.checkpoints import keeping
with keeping("a"):
    print("held", flush=True)
    sys.stdin.read()
"""
ENTER = """
import json
from stages.lora.checkpoints import keeping
with keeping("a") as kept:
    print(json.dumps(kept.steps()))
"""


def test_a_second_run_of_the_same_training_waits_aloud_for_the_first() -> None:
    command = [sys.executable, "-c"]
    with subprocess.Popen([*command, HOLD], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdin and first.stdout
        assert first.stdout.readline() == b"held\n"
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen([*command, ENTER], cwd=ROOT, text=True, **piped) as second:  # type: ignore[call-overload]
            assert "waiting for another process that works on the same checkpoints" in second.stderr.readline()
            assert second.poll() is None
            first.stdin.close()
            assert json.loads(second.stdout.read()) == []


@pytest.mark.parametrize(("value", "expected"), [("", "auto"), ("auto", "auto"), ("none", "none"), ("120", 120)])
def test_the_environment_says_where_to_begin(monkeypatch: pytest.MonkeyPatch, value: str, expected: str | int) -> None:
    monkeypatch.setitem(os.environ, "REFRAIN_RESUME", value)
    assert wanted() == expected


@pytest.mark.parametrize("value", ["yes", "-3", "3.5", "\u0663"])
def test_anything_else_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setitem(os.environ, "REFRAIN_RESUME", value)
    with pytest.raises(StageError, match=f"REFRAIN_RESUME is '{value}', expected auto, none, or the step"):
        wanted()
