import json
import subprocess
import sys
from pathlib import Path

import pytest

from stages.params import Params
from stages.run import StageError, run
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
