"""Checkpoints of a training: whole or absent, verified before they are used, kept under all that decides them.

A checkpoint is one safetensors file named after its step and the hash of its bytes, `00000120-<sha256>.safetensors`:
weights, the optimizer's state, and everything else that the next step depends on as JSON in its header. A file that
isn't what its name says is skipped, aloud, for the one before.
"""

import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from stages import store
from stages.files import sha256_file
from stages.run import StageError

Arrays = Mapping[str, Any]  # mlx arrays by name
State = Mapping[str, Any]  # JSON

NAME = re.compile(r"(\d{8,})-([0-9a-f]{64})\.safetensors")
TORN = ".unfinished-"
VARIABLE = "REFRAIN_RESUME"


@dataclass(frozen=True)
class Checkpoint:
    """What was saved after `step` optimizer steps."""

    step: int
    arrays: Arrays
    state: State


@contextmanager
def keeping(key: str) -> Iterator["Checkpoints"]:
    """The checkpoints of the training that `key` names, held by this process alone until the block ends.

    Raises StageError if the scratch folder can't be written.
    """
    try:
        folder = store.folder("checkpoints", key)
        path = folder.__enter__()
    except OSError as error:
        raise _unwritable(error) from error
    try:
        for torn in path.glob(f"{TORN}*"):  # a run was killed while it wrote this
            torn.unlink()
        yield Checkpoints(path)
    finally:
        folder.__exit__(None, None, None)


class Checkpoints:
    """The checkpoints in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def steps(self) -> list[int]:
        """The steps that were saved, ascending; whether a file is whole is seen when it is loaded."""
        return sorted(self._files())

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep `checkpoint`. Raises StageError if it can't be written; what was kept before stays."""
        import mlx.core as mx

        header = {"state": json.dumps(checkpoint.state, allow_nan=False)}
        try:
            descriptor, name = tempfile.mkstemp(dir=self.folder, prefix=TORN)
            temporary = Path(name)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    hashed = _Hashed(file)
                    mx.save_safetensors(cast(BinaryIO, hashed), dict(checkpoint.arrays), header)
                # under its name at once: what isn't whole never has one
                final = self.folder / f"{checkpoint.step:08d}-{hashed.digest}.safetensors"
                temporary.rename(final)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(error) from error
        for path in self.folder.glob(f"{checkpoint.step:08d}-*.safetensors"):
            if path != final:  # the same step of an earlier run: other timings in its header
                path.unlink()

    def load(self, step: int) -> Checkpoint | None:
        """The checkpoint of `step`; None if there is none or, aloud, if it is damaged."""
        import mlx.core as mx

        for path, expected in self._files().get(step, ()):
            try:
                whole = sha256_file(path) == expected
            except OSError as error:
                print(f"checkpoint {step} can't be read and is skipped: {error}", file=sys.stderr)
                continue
            if whole:
                loaded: Any = mx.load(str(path), return_metadata=True)
                arrays, header = loaded
                mx.eval(arrays)  # mlx reads a file when a number is needed, and by then it may be gone
                return Checkpoint(step, arrays, json.loads(header["state"]))
            print(f"checkpoint {step} is damaged and skipped: {path}", file=sys.stderr)
            path.unlink(missing_ok=True)
        return None

    def newest(self, most: int | None = None) -> Checkpoint | None:
        """The newest whole checkpoint, of step `most` at the latest; None if there is none."""
        for step in reversed(self.steps()):
            if most is None or step <= most:
                found = self.load(step)
                if found is not None:
                    return found
        return None

    def drop(self, unwanted: Callable[[int], bool]) -> None:
        """Remove the checkpoints of the steps that are `unwanted`."""
        for step, files in self._files().items():
            for path, _ in files:
                if unwanted(step):
                    path.unlink(missing_ok=True)

    def _files(self) -> dict[int, list[tuple[Path, str]]]:
        """Path and hash by step; two of one step if a run was killed after it had written the second."""
        found: dict[int, list[tuple[Path, str]]] = {}
        for path in sorted(self.folder.iterdir()):
            match = NAME.fullmatch(path.name)
            if match:
                found.setdefault(int(match[1]), []).append((path, match[2]))
        return found


class _Hashed:
    """A file to write to that knows the hash of what was written; mlx asks for what Python calls a raw file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()

    @property
    def digest(self) -> str:
        return self._sha256.hexdigest()

    def write(self, data: bytes) -> int:
        self._sha256.update(data)
        return self._file.write(data)

    def seek(self, *_: object) -> int:
        raise OSError("a checkpoint is written from its beginning to its end")  # or the hash would be wrong

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def wanted() -> str | int:
    """How to begin: "auto", "none", or the step to go on from, by the environment variable REFRAIN_RESUME."""
    value = os.environ.get(VARIABLE, "auto") or "auto"
    if value in ("auto", "none"):
        return value
    if value.isascii() and value.isdigit():
        return int(value)
    raise StageError(f"{VARIABLE} is {value!r}, expected auto, none, or the step of a checkpoint to go on from")


def _unwritable(error: OSError) -> StageError:
    reason = error.strerror or str(error)
    return StageError(
        f"no checkpoint can be written to {store.scratch()}: {reason}; free some room there or set REFRAIN_SCRATCH to "
        "another folder, then run again: what was saved before is kept"
    )
