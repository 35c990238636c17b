"""How far a long work has come: a bar for people on standard error, or one JSON object a line for programs.

`REFRAIN_PROGRESS=json` chooses the objects, on standard output: `progress` (step, total_steps, loss, progress in per
cent), `validation` (loss), `complete` (adapter_path), `error` (error).
"""

import json
import os
import sys
from types import TracebackType
from typing import Any

VARIABLE = "REFRAIN_PROGRESS"
_gone: list[bool] = []  # whether the reader of standard output went away
_complete: list[dict[str, object]] = []


def for_programs() -> bool:
    """Whether progress goes to standard output as JSON."""
    return os.environ.get(VARIABLE) == "json"


def check() -> None:
    """Raise OSError if the variable says something else than json or nothing."""
    if os.environ.get(VARIABLE) and not for_programs():
        raise OSError(f"{VARIABLE} is {os.environ[VARIABLE]!r}, expected json, or nothing for a bar")


def emit(kind: str, **fields: object) -> None:
    """One object of the given kind on standard output, if it is for programs and one still listens."""
    if not for_programs() or _gone:
        return
    try:
        print(json.dumps({"type": kind, **fields}, allow_nan=False), flush=True)
    except BrokenPipeError:  # no reason to end the work
        _gone.append(True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
        print("nobody reads standard output any more: going on without progress", file=sys.stderr)


def at_end(**fields: object) -> None:
    """Have `complete` said with `fields` once the stage is through, metrics file and all."""
    _complete.append(fields)


def complete() -> None:
    """Say `complete`, if the stage has something to say there."""
    for fields in _complete:
        emit("complete", **fields)
    _complete.clear()


class Progress:
    """The progress of one training; a context manager. `done` steps of `total` lie behind it when it starts."""

    def __init__(self, total: int, done: int) -> None:
        from tqdm import tqdm

        self.total = total
        quiet = True if for_programs() else None  # None: quiet where standard error is no terminal
        self.bar: Any = tqdm(
            total=total, initial=done, desc="training", unit="step", file=sys.stderr, disable=quiet, leave=False
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.bar.close()

    def step(self, step: int, loss: float, tokens_per_second: float) -> None:
        """`step` of `total` is done, with this mean loss."""
        emit("progress", step=step, total_steps=self.total, loss=loss, progress=100 * step // self.total)
        self.bar.set_postfix_str(f"loss {loss:.3f}, {tokens_per_second:.0f} tokens/s", refresh=False)
        self.bar.update(step - self.bar.n)

    def back_to(self, step: int) -> None:
        """The work goes on after `step`, which lies behind."""
        self.bar.update(step - self.bar.n)

    def validation(self, loss: float) -> None:
        """The mean loss on the validation rows."""
        emit("validation", loss=loss)
