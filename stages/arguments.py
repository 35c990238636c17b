"""The command line of what isn't a stage: an error is one line, a number is checked where it is read, and a command
ends quietly when nobody reads its output any more.
"""

import argparse
import math
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def status(main: Callable[[], int]) -> int:
    """The exit status of a command: that of `main`, or 141 without a word where nobody reads its output any more.

    That is what the shell says of a program that SIGPIPE ended, as `| head` does. The signal itself stays ignored: it
    would end the command for a connection that a server closes, too. `main` must let BrokenPipeError out.
    """
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()  # here, and not when Python ends, which would complain
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):  # what is still to be said goes unsaid
            os.dup2(nowhere, stream.fileno())
        return 128 + signal.SIGPIPE


def _number(kind: Callable[[str], float], fits: Callable[[float], bool], expected: str, text: str) -> float:
    """The number that `text` is, if it fits."""
    try:
        found = kind(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or not fits(found):
        raise argparse.ArgumentTypeError(f"{text}, expected {expected}")
    return found


whole: Callable[[str], Any] = partial(_number, int, lambda found: found >= 1, "a whole number from 1 on")
seed: Callable[[str], Any] = partial(_number, int, lambda found: found >= 0, "a whole number from 0 on")
temperature: Callable[[str], Any] = partial(_number, float, lambda found: found >= 0, "a number from 0 on")
share: Callable[[str], Any] = partial(_number, float, lambda found: 0 < found <= 1, "a number above 0, and 1 at most")
