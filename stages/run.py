"""Make `stage(paths, params) -> metrics` a command: python -m stages.x PATHS... --params SECTION --metrics FILE."""

import argparse
import inspect
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_type_hints

from stages import progress
from stages.files import write_json
from stages.params import Params, ParamsError, load

Metrics = Mapping[str, object]


class StageError(Exception):
    """A set-up that nobody can continue from. One line: what, the value, what was expected, what to do."""


class Stopped(BaseException):
    """A signal asked the stage to end, and it has kept what was done. One line: where it stands, and how to go on."""

    def __init__(self, signum: int, message: str) -> None:
        super().__init__(message)
        self.signum = signum


@contextmanager
def signals() -> Iterator[list[int]]:
    """Within the block the first SIGTERM or Ctrl-C only adds its number to the list; the second one ends the process.

    In another thread than the main one, which gets no signals, the list stays empty.
    """
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def note(signum: int, _frame: object) -> None:
        caught.append(signum)
        signal.signal(signum, kept[signum])

    kept: dict[int, Any] = {signum: signal.signal(signum, note) for signum in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield caught
    finally:
        for signum, handler in kept.items():
            signal.signal(signum, handler)


def run(stage: Callable[..., Metrics], argv: list[str] | None = None) -> int:
    """Exit status of `stage`, called with the paths and the params section that the command line names.

    Parameters of `stage` annotated `Path` become positional arguments in their order, the one annotated with a
    `Params` class is read from `--params SECTION` of `--params-file`. The metrics go to `--metrics` as JSON.
    Wrong params, a `StageError`, or a file that can't be read or written, is one line on standard error and status 1;
    for programs it is an `error` on standard output as well (see progress.py). A stage that a signal ended, after
    keeping what it had, gives 128 and the signal's number: 130 for Ctrl-C, 143 for SIGTERM.
    """
    hints = get_type_hints(stage)
    paths = [name for name in inspect.signature(stage).parameters if hints[name] is Path]
    sections = [name for name, hint in hints.items() if inspect.isclass(hint) and issubclass(hint, Params)]

    parser = argparse.ArgumentParser(description=inspect.getdoc(sys.modules[stage.__module__]))
    for name in paths:
        parser.add_argument(name, type=Path)
    for name in sections:
        parser.add_argument(f"--{name}", metavar="SECTION", required=True, help="dotted section of the params file")
    parser.add_argument("--params-file", type=Path, default=Path("params.yaml"))
    parser.add_argument("--metrics", type=Path, help="where the metrics go, as JSON")
    options = vars(parser.parse_args(argv))

    try:
        progress.check()
        _end_on_sigterm()
        arguments = {name: options[name] for name in paths}
        arguments |= {name: load(options["params_file"], options[name], hints[name]) for name in sections}
        metrics = stage(**arguments)
        if options["metrics"]:
            write_json(options["metrics"], metrics)
        progress.complete()
    except (ParamsError, StageError, OSError) as error:
        return _end(stage, str(error), 1)
    except Stopped as stopped:
        return _end(stage, str(stopped), 128 + stopped.signum)
    except KeyboardInterrupt:
        return _end(stage, "stopped by SIGINT", 128 + signal.SIGINT)
    return 0


def _end_on_sigterm() -> None:
    """Have SIGTERM end this process as an exception does, so that unfinished files and children go with it."""

    def end(signum: int, _frame: object) -> None:
        raise Stopped(signum, "stopped by SIGTERM")

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, end)


def _end(stage: Callable[..., Metrics], message: str, status: int) -> int:
    """Say in one line why `stage` ends; the exit status."""
    line = " ".join(message.split())
    print(f"{stage.__name__}: {line}", file=sys.stderr)
    progress.emit("error", error=line)
    return status
