"""The table of all recordings that curate writes, a row for each file: its columns, and how other stages read it."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from stages.files import write_csv
from stages.run import StageError

FILE = "manifest.csv"
ACCEPTED = "ok"  # status of what can be used
COLUMNS = (
    *("file", "status", "detail", "name", "group", "same_as", "similarity", "warnings", "sha256", "result_sha256"),
    *("seconds", "rate_hz", "channels", "codec", "tempo_tag", "key_tag", "decode_errors", "clipping", "silence"),
    *("source_peak_dbfs", "gain_db", "peak_dbfs", "samples", "loudness_lufs", "true_peak_dbtp", "bandwidth_hz"),
    *("crest_db", "quality", "taken_clipping", "taken_bandwidth", "taken_silence", "taken_crest", "taken_channels"),
    *("taken_level", "taken_errors", "taken_dc"),
)


def write(folder: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write `rows` to manifest.csv in `folder`; what a row doesn't have is empty."""
    write_csv(folder / FILE, COLUMNS, [[row.get(column, "") for column in COLUMNS] for row in rows])


def read(folder: Path) -> list[dict[str, str]]:
    """The rows of manifest.csv in `folder`. Raises StageError if it isn't there, or isn't what is written today."""
    path = folder / FILE
    if not path.is_file():
        raise StageError(f"{path} is not there, expected what lofi_curate writes; run dvc repro")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        lacking = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
        if lacking:
            raise StageError(f"{path} has no column {', '.join(lacking)}; run the stage that writes it again")
        return list(reader)


def accepted(folder: Path) -> list[dict[str, str]]:
    """The rows of what can be used."""
    return [row for row in read(folder) if row["status"] == ACCEPTED]


def printable(text: str) -> str:
    """`text` on one line, with an escape for what can't be shown or isn't UTF-8: so files are named in tables."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
