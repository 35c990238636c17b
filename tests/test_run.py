import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stages.params import Params
from stages.run import StageError, run, signals
from tests.conftest import ROOT


class CountParams(Params):
    per_word: int


def count(text: Path, counted: Path, params: CountParams) -> dict[str, object]:
    """Write the number of words of `text`, times `per_word`."""
    words = len(text.read_text().split()) * params.per_word
    if not words:
        raise StageError(f"{text} is empty,\nexpected words; write some")
    counted.write_text(str(words))
    return {"words": words}


def listed(folder: Path) -> dict[str, object]:
    return {"files": len(list(folder.iterdir()))}


@pytest.fixture
def line(tmp_path: Path) -> list[str]:
    (tmp_path / "text").write_text("three blind mice")
    (tmp_path / "params.yaml").write_text("a:\n  count:\n    per_word: 2\n")
    paths = [str(tmp_path / name) for name in ("text", "counted")]
    options = {"--params": "a.count", "--params-file": tmp_path / "params.yaml", "--metrics": tmp_path / "m" / "m.json"}
    return [*paths, *(str(word) for option in options.items() for word in option)]


def test_paths_go_to_the_stage_in_their_order_and_its_metrics_to_the_file(tmp_path: Path, line: list[str]) -> None:
    assert run(count, line) == 0
    assert (tmp_path / "counted").read_text() == "6"  # 3 words * 2
    assert json.loads((tmp_path / "m" / "m.json").read_text()) == {"words": 6}


def test_a_stage_error_is_one_line_and_status_1_and_writes_no_metrics(
    tmp_path: Path, line: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_text("")
    assert run(count, line) == 1
    assert capsys.readouterr().err == f"count: {tmp_path / 'text'} is empty, expected words; write some\n"
    assert not (tmp_path / "m").exists()


def test_wrong_params_are_one_line_and_status_1(
    tmp_path: Path, line: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").write_text("a:\n  count:\n    per_word: 2.5\n")
    assert run(count, line) == 1
    assert capsys.readouterr().err == f"count: {tmp_path / 'params.yaml'}: a.count.per_word is 2.5, expected int\n"


@pytest.mark.parametrize("missing", ["text", "params.yaml"])
def test_a_missing_file_is_one_line_that_names_it(
    tmp_path: Path, line: list[str], missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / missing).unlink()
    assert run(count, line) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(tmp_path / missing) in error


def test_a_file_in_place_of_a_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(listed, [str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_stage_without_params_takes_paths_alone(tmp_path: Path) -> None:
    assert run(listed, [str(tmp_path)]) == 0


def test_a_mistake_in_the_code_keeps_its_traceback(tmp_path: Path) -> None:
    def wrong(folder: Path) -> dict[str, object]:
        raise KeyError(folder)

    with pytest.raises(KeyError):
        run(wrong, [str(tmp_path)])


@pytest.mark.parametrize("argv", [[], ["text"], ["text", "counted"]])
def test_a_command_line_that_lacks_something_is_status_2(argv: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(count, argv)


def test_help_says_what_the_module_does() -> None:
    command = [sys.executable, "-m", "stages.midi.collect", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Scores of music21's installed corpus" in done.stdout
    assert "--params SECTION" in done.stdout


WAIT = """
import signal
import sys
from pathlib import Path
from stages.run import Stopped, run, signals

signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it

def wait(folder: Path):
    with signals() as caught:
        print("ready", flush=True)
        while not caught:
            pass
    raise Stopped(caught[0], "stopped after 3 of 8;\\nrun it again")

def hang(folder: Path):
    print("ready", flush=True)
    while True:
        pass

sys.exit(run({"wait": wait, "hang": hang}[sys.argv[1]], [sys.argv[2]]))
"""


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stage_that_a_signal_ends_says_where_it_stands(tmp_path: Path, signum: int, status: int) -> None:
    line = [sys.executable, "-c", WAIT, "wait", str(tmp_path)]
    with subprocess.Popen(line, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signum)
        assert process.stderr.read() == "wait: stopped after 3 of 8; run it again\n"
    assert process.returncode == status


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_any_stage_in_one_line(tmp_path: Path, signum: int, status: int) -> None:
    line = [sys.executable, "-c", WAIT, "hang", str(tmp_path)]
    with subprocess.Popen(line, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signum)
        assert process.stderr.read() == f"hang: stopped by {signal.Signals(signum).name}\n"
    assert process.returncode == status


TALK = """
import sys
from pathlib import Path
from stages import progress
from stages.run import run

def talk(folder: Path):
    for step in range(20000):
        progress.emit("progress", step=step)
    (folder / "through").touch()
    progress.at_end(adapter_path="x")
    return {}

sys.exit(run(talk, [sys.argv[1]]))
"""


def test_a_listener_that_goes_away_does_not_end_the_work(tmp_path: Path) -> None:
    line = [sys.executable, "-c", TALK, str(tmp_path)]
    environment = os.environ | {"REFRAIN_PROGRESS": "json"}
    with subprocess.Popen(
        line, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline())["step"] == 0
        process.stdout.close()
        assert process.stderr.read() == "nobody reads standard output any more: going on without progress\n"
    assert process.returncode == 0
    assert (tmp_path / "through").exists()


def test_signals_are_as_before_once_the_block_ends() -> None:
    before = [signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGINT)]
    with signals() as caught:
        os.kill(os.getpid(), signal.SIGTERM)
        assert caught == [signal.SIGTERM]
    assert [signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGINT)] == before


def test_programs_get_an_error_as_an_object(
    tmp_path: Path, line: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REFRAIN_PROGRESS", "json")
    (tmp_path / "text").write_text("")
    assert run(count, line) == 1
    said = capsys.readouterr()
    assert json.loads(said.out) == {"type": "error", "error": said.err.strip().removeprefix("count: ")}


def test_an_unknown_kind_of_progress_stops_at_once(
    line: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REFRAIN_PROGRESS", "xml")
    assert run(count, line) == 1
    assert capsys.readouterr().err == "count: REFRAIN_PROGRESS is 'xml', expected json, or nothing for a bar\n"
