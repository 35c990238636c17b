"""Scratch outside the workspace: results and checkpoints in folders named by the hash of all that decides them.

DVC deletes a stage's outs before each run and `dvc exp run --temp` uses a new folder each time, so what should outlive a
run lies in `REFRAIN_SCRATCH`, else in the user's cache folder. It holds nothing that can't be made again.
"""

import importlib.util
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from stages.files import sha256, write_bytes


def scratch() -> Path:
    """The folder that all stores lie in."""
    return Path(os.environ.get("REFRAIN_SCRATCH") or user_cache_path("refrain"))


def digest(*parts: object) -> str:
    """SHA-256 of `parts`, which must be JSON values; mappings may have their keys in any order."""
    return sha256(json.dumps(parts, sort_keys=True, allow_nan=False).encode())


def code_digest(*modules: str) -> str:
    """SHA-256 of the source of `modules`, so that a result made by other code is not found again."""
    specs = [importlib.util.find_spec(module) for module in modules]
    return digest([sha256(Path(str(spec and spec.origin)).read_bytes()) for spec in specs])


@contextmanager
def folder(kind: str, key: str) -> Iterator[Path]:
    """The folder of `key` among the folders of `kind`, held by this process alone until the block ends."""
    path = scratch() / kind / key
    path.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        yield path


def put(kind: str, key: str, data: bytes) -> None:
    """Keep `data` as the result of `key`, beside its hash."""
    write_bytes(scratch() / kind / key[:2] / key, sha256(data).encode() + b"\n" + data)


def get(kind: str, key: str) -> bytes | None:
    """The result kept for `key`; None if there is none, or if it isn't what was written."""
    try:
        expected, _, data = (scratch() / kind / key[:2] / key).read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    return data if sha256(data).encode() == expected else None
