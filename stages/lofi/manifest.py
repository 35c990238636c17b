"""The table of all recordings that curate writes, a row for each file: its columns, and how other stages read it."""

import csv
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stages.files import write_csv
from stages.run import StageError

FILE = "manifest.csv"
SUFFIXES = (".mp3", ".flac")  # of what curate writes
DVC_OBJECT = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")
ACCEPTED = "ok"  # status of what can be used
COLUMNS = (
    *("file", "status", "detail", "name", "group", "same_as", "similarity", "warnings", "sha256", "result_sha256"),
    *("seconds", "rate_hz", "channels", "codec", "tempo_tag", "key_tag", "decode_errors", "no_numbers"),
    *(
        "clipping",
        "silence",
        "source_peak_dbfs",
        "gain_db",
        "peak_dbfs",
        "samples",
        "loudness_lufs",
        "true_peak_dbtp",
        "bandwidth_hz",
    ),
    *("crest_db", "quality", "taken_clipping", "taken_bandwidth", "taken_silence", "taken_crest", "taken_channels"),
    *("taken_level", "taken_errors", "taken_dc"),
)


def write(folder: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write `rows` to manifest.csv in `folder`; what a row doesn't have is empty."""
    write_csv(folder / FILE, COLUMNS, [[row.get(column, "") for column in COLUMNS] for row in rows])


def read(folder: Path) -> list[dict[str, str]]:
    """The rows of manifest.csv in `folder`. Raises StageError if it isn't there, or isn't what is written today."""
    return table(folder / FILE, "lofi_curate", COLUMNS)


def table(path: Path, stage: str, columns: Sequence[str] = ()) -> list[dict[str, str]]:
    """The rows of the CSV at `path`, which `stage` writes. Raises StageError if it isn't there or lacks a column."""
    if not path.is_file():
        raise StageError(f"{path} is not there, expected what {stage} writes; run dvc repro")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        lacking = [column for column in columns if column not in (reader.fieldnames or [])]
        if lacking:
            raise StageError(f"{path} has no column {', '.join(lacking)}; run the stage that writes it again")
        return list(reader)


def sound(folder: Path, name: str) -> Path:
    """The file in `folder` of the recording that the manifest calls `name`. Raises StageError if there is none."""
    for suffix in SUFFIXES:
        if (path := folder / f"{name}{suffix}").is_file():
            return path
    raise StageError(f"{folder / name}.mp3 is missing, expected what the manifest accepts; run dvc repro")


def accepted(folder: Path) -> list[dict[str, str]]:
    """The rows of what can be used."""
    return [row for row in read(folder) if row["status"] == ACCEPTED]


def printable(text: str) -> str:
    """`text` on one line, with escapes for backslashes and what can't be shown or isn't UTF-8: a name in tables."""
    return "".join(letter if letter.isprintable() and letter != "\\" else ascii(letter)[1:-1] for letter in text)


def leads_out(path: Path, root: Path) -> bool:
    """Whether `path` below `root` is a link to elsewhere. One into a DVC cache isn't: DVC puts it in a file's place."""
    if not path.is_symlink():
        return False
    target = Path(os.path.realpath(path))  # resolve raises on links that lead in a circle
    return not target.is_relative_to(os.path.realpath(root)) and not DVC_OBJECT.search(target.as_posix())
