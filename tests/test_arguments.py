import os
import subprocess
import sys

import pytest

from stages.arguments import Parser, seed, share, status, temperature, whole
from tests.conftest import ROOT

# what the commands do: errors of files are one line and status 1, a closed pipe isn't theirs to report
COMMAND = """
import sys
from stages import arguments

def main():
    arguments.Parser(prog="count", description="Counts.").parse_args()
    try:
        for number in range(10**9):
            print(number, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"count: {error}", file=sys.stderr)
        return 1
    return 0

raise SystemExit(arguments.status(main))
"""


def piped(*arguments: str, lines: int, stderr: int = subprocess.PIPE) -> tuple[int, list[str], str]:
    """Status, the first lines of output, after which nobody reads any more, and what was said on standard error."""
    line = [sys.executable, "-c", COMMAND, *arguments]
    buffered = os.environ | {"PYTHONUNBUFFERED": ""}  # as in a user's shell
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=ROOT, env=buffered) as process:
        assert process.stdout
        found = [process.stdout.readline() for _ in range(lines)]
        process.stdout.close()
        said = process.stderr.read() if process.stderr else ""
    return process.returncode, found, said


def test_a_command_whose_output_nobody_reads_ends_quietly() -> None:
    assert piped(lines=2) == (141, ["0\n", "1\n"], "")


def test_so_does_one_whose_complaints_go_the_same_way() -> None:
    assert piped(lines=1, stderr=subprocess.STDOUT)[:2] == (141, ["0\n"])


def test_help_that_nobody_reads_is_no_error() -> None:
    # closed before the command starts: the little that it says waits until it ends
    assert piped("--help", lines=0) == (141, [], "")


def test_the_status_is_that_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert [status(lambda: 0), status(lambda: 3)] == [0, 3]
    with pytest.raises(SystemExit) as ended:
        status(lambda: Parser(prog="count").exit(2, "count: no\n"))
    assert ended.value.code == 2
    assert capsys.readouterr().err == "count: no\n"


@pytest.mark.parametrize(
    ("kind", "text", "line"),
    [
        (whole, "0", "0, expected a whole number from 1 on"),
        (whole, "1.5", "1.5, expected a whole number from 1 on"),
        (seed, "-1", "-1, expected a whole number from 0 on"),
        (temperature, "nan", "nan, expected a number from 0 on"),
        (temperature, "hot", "hot, expected a number from 0 on"),
        (share, "0", "0, expected a number above 0, and 1 at most"),
        (share, "inf", "inf, expected a number above 0, and 1 at most"),
    ],
)
def test_a_number_that_does_not_fit_is_one_line(
    kind: object, text: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = Parser(prog="count")
    parser.add_argument("--number", type=kind)  # type: ignore[arg-type]
    with pytest.raises(SystemExit):
        parser.parse_args([f"--number={text}"])
    assert capsys.readouterr().err == f"count: argument --number: {line}; see --help\n"
