"""Scratch outside the workspace: results and checkpoints in folders named by the hash of all that decides them.

DVC deletes a stage's outs before each run and `dvc exp run --temp` uses a new folder each time, so what should outlive
a run lies in `REFRAIN_SCRATCH`, else in the user's cache folder. It holds nothing that can't be made again: delete it
to have the room back.
"""

import ast
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from stages.files import sha256, write_bytes


def scratch() -> Path:
    """The folder that all stores lie in."""
    return Path(os.environ.get("REFRAIN_SCRATCH") or user_cache_path("refrain")).expanduser()


def digest(*parts: object) -> str:
    """SHA-256 of `parts`, which must be JSON values; mappings may have their keys in any order."""
    return sha256(json.dumps(parts, sort_keys=True, allow_nan=False).encode())


def code_digest(*modules: str) -> str:
    """SHA-256 of the source of `modules` and of all that they import here, so that a result of other code isn't found.

    Raises ModuleNotFoundError if one of them is unknown.
    """
    return digest({name: sha256(source) for name, source in _sources(modules).items()})


def _sources(modules: Iterable[str]) -> dict[str, bytes]:
    """Source by name of `modules`, and of what they import, anywhere in them, from the packages that they lie in."""
    found: dict[str, bytes] = {}
    waiting = [(module, True) for module in modules]
    while waiting:
        name, surely = waiting.pop()
        source = None if name in found else _source(name)
        if source is not None:
            found[name] = source
            waiting += [(new, False) for new in _imports(source) if new.partition(".")[0] == name.partition(".")[0]]
        elif surely and name not in found:
            raise ModuleNotFoundError(f"{name} is no module with a source")
    return found


def _source(name: str) -> bytes | None:
    """Source of the module `name`, not imported for it; None if it is no module, but a name inside one."""
    package, *inner = name.split(".")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent.joinpath(*inner)
    files = [path / "__init__.py", *([path.with_name(f"{path.name}.py")] if inner else [])]
    return next((file.read_bytes() for file in files if file.is_file()), None)


def _imports(source: bytes) -> set[str]:
    """Full names that `source` imports; of `from a import b` both `a` and `a.b`, since b may be a module."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@contextmanager
def folder(kind: str, key: str) -> Iterator[Path]:
    """The folder of `key` among the folders of `kind`, held by this process alone until the block ends.

    While another process holds it, this one waits, and says so.
    """
    path = scratch() / kind / key
    path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f"{key}.lock"))
    try:
        lock.acquire(timeout=1)
    except Timeout:
        print(f"waiting for another process that works on the same {kind}: {path}", file=sys.stderr)
        lock.acquire()
    try:
        yield path
    finally:
        lock.release()


def put(kind: str, key: str, data: bytes, durable: bool = False) -> None:
    """Keep `data` as the result of `key`, beside its hash; `durable` as in `files.replacing`."""
    write_bytes(scratch() / kind / key[:2] / key, sha256(data).encode() + b"\n" + data, durable)


def get(kind: str, key: str) -> bytes | None:
    """The result kept for `key`; None if there is none, or if it isn't what was written."""
    try:
        expected, _, data = (scratch() / kind / key[:2] / key).read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    return data if sha256(data).encode() == expected else None
