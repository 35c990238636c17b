"""Files that are either whole or absent, and their content hashes."""

import csv
import glob
import hashlib
import io
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil


@contextmanager
def replacing(path: Path, durable: bool = False) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the place of `path` when the block ends without an error.

    A process that is killed then loses nothing of it; where it is `durable`, a power cut loses nothing either. That
    waits for the disk twice: for what the file holds before it has its name, and for the name.
    """
    made = [folder for folder in path.parents if not folder.exists()] if durable else []
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp gives 0600, which a shared cache or a web server can't read; who has changed that meant it
        temporary.chmod(stat.S_IMODE(path.stat().st_mode) if path.is_file() else 0o644)
        if durable:
            _flush(temporary)
        temporary.replace(path)
        if durable:
            for folder in dict.fromkeys([path.parent, *(new.parent for new in made)]):
                _flush(folder)
    finally:
        temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until the disk has what a file holds, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path`; it takes the place of `path` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.{os.getpid()}."))
    try:
        yield temporary
        temporary.chmod(0o755)
        shutil.rmtree(path, ignore_errors=True)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _sweep(path: Path) -> None:
    """Remove the temporary folders of `path` that processes left behind which are no more: they were killed."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.*"):
        owner = left.name.removeprefix(f".{path.name}.").partition(".")[0]
        if left.is_dir() and owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


def write_bytes(path: Path, data: bytes, durable: bool = False) -> None:
    """Write `data` to `path`, whole or not at all; `durable` as in `replacing`."""
    with replacing(path, durable) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8 with the line ends it has, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Write `value` to `path` as indented JSON. Raises ValueError on NaN or infinity, which JSON doesn't have."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one compact JSON object per line."""
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n" for row in rows)
    write_text(path, "".join(lines))


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a header of `columns` and the `rows` below it, lines ended by a line feed alone."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The objects of `path`, one per line. Lines end at a line feed alone: text may hold other separators."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def sha256(data: bytes) -> str:
    """SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_tree(path: Path) -> str:
    """SHA-256 over the relative names and contents of the files below the folder `path`; names decide the order.

    Hidden files don't count: file managers leave theirs in any folder that is looked at.
    """
    inside = ((file.relative_to(path), file) for file in path.rglob("*") if file.is_file())
    files = {
        os.fsencode(name.as_posix()): file
        for name, file in inside
        if not any(part.startswith(".") for part in name.parts)
    }
    lines = (sha256_file(files[name]).encode() + b"  " + name + b"\n" for name in sorted(files))
    return sha256(b"".join(lines))


def sha256_file(path: Path) -> str:
    """SHA-256 of what `path` holds; a large file isn't read into memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
