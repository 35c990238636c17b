"""Where tracks come from and what may be done with them: the `sources.csv` of a folder, read and checked."""

import csv
import io
import math
import re
import sys
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from stages.lofi.styles import STYLES
from stages.run import StageError

FILE = "sources.csv"
COLUMNS = ("track", "provider", "license", "cost", "date", "styles", "rating")
# Columns that may be left out: what is known of a track need not be measured.
OPTIONAL = ("tempo_bpm", "key")
KEY = re.compile(r"([A-G])([#b]?) (major|minor)")


@dataclass(frozen=True)
class Source:
    """A row: what is known of a track."""

    track: str  # path below the folder
    provider: str
    license: str
    cost: float  # in the currency that the user keeps accounts in
    date: str  # when it was had, as 2026-01-31
    styles: tuple[str, ...]  # codes, the main one first
    rating: int | None  # 1 to 5
    tempo_bpm: float | None
    key: str | None  # such as A minor


@dataclass(frozen=True)
class Checked:
    """The rows of a file by track, all that is wrong with it, and the tracks that have no row."""

    rows: Mapping[str, Source]
    faults: tuple[str, ...]  # a line each
    missing: tuple[str, ...]


def read(folder: Path, tracks: Collection[str], refused: Collection[str], required: bool) -> Checked:
    """The rows of `folder`/sources.csv about `tracks` and `refused` ones, which are paths below `folder`.

    A track without a row is a fault only where one is `required`; what was refused needs none. Raises StageError with
    the first fault, after all of several were listed on standard error.
    """
    checked = check(folder, tracks, refused, required)
    if checked.faults:
        others = len(checked.faults) - 1
        if others:
            print("\n".join(checked.faults), file=sys.stderr)
        raise StageError(f"{checked.faults[0]}{f' ({others} more are listed above)' if others else ''}")
    return checked


def check(folder: Path, tracks: Collection[str], refused: Collection[str], required: bool) -> Checked:
    """As `read`, with the faults rather than an error."""
    path = folder / FILE
    known = {named(track): track for track in sorted([*tracks, *refused])}
    rows: dict[str, Source] = {}
    faults: list[str] = []
    if path.is_file():
        lines: dict[str, int] = {}
        for number, row in _lines(path, faults):
            source = _source(row, f"{path}:{number}: ", faults)
            track = known.get(source.track)
            if source.track in lines:
                before = f"expected one row per track, and line {lines[source.track]} is about it"
                faults.append(f"{path}:{number}: track is {source.track!r}, {before}; remove one")
            elif track is None:
                expected = f"expected the path of a track below {folder}"
                faults.append(f"{path}:{number}: track is {source.track!r}, {expected}; correct it or remove the row")
            else:
                rows[track] = source
            lines.setdefault(source.track, number)
    missing = tuple(track for track in sorted(tracks) if track not in rows)
    if missing and required and not path.is_file():
        faults.append(f"{path} is missing, expected a row for each of {len(missing)} tracks; write {','.join(COLUMNS)}")
    elif missing and required:
        faults += [f"{path}: track {track!r} has no row, expected one; add it" for track in missing]
    return Checked(rows, tuple(faults), missing)


def named(track: str) -> str:
    """`track` as it is on all machines: macOS takes accents apart."""
    return unicodedata.normalize("NFC", track)


def _lines(path: Path, faults: list[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of `path` with the number of their first line; none if its columns are wrong."""
    try:
        # spreadsheets put a byte order mark before UTF-8
        text = path.read_text(encoding="utf-8-sig").replace("\0", "")
    except UnicodeDecodeError as error:
        faults.append(f"{path}: byte {error.start} is not UTF-8, expected a CSV in UTF-8; save it as that")
        return []
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [cell.strip() for cell in next(reader, [])]
    for column in COLUMNS:
        if column not in header:
            has = ", ".join(header) or "nothing"
            faults.append(f"{path}:1: column {column} is missing, the line has {has}; add it, parted by commas")
    if faults:
        return []
    rows: list[tuple[int, dict[str, str]]] = []
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            faults.append(
                f"{path}:{number}: {error}, expected short cells; close the quotes of the one that is too long"
            )
            return rows
        if row is None:
            return rows
        if row and len(row) != len(header):
            faults.append(f"{path}:{number}: {len(row)} cells, expected {len(header)}; quote a cell that holds a comma")
        elif any(cell.strip() for cell in row):
            rows.append((number, {name: cell.strip() for name, cell in zip(header, row)}))


def _source(row: Mapping[str, str], where: str, faults: list[str]) -> Source:
    """The row `row`; what is wrong in it is added to `faults`, each after `where`."""

    def fault(column: str, expected: str, action: str = "correct it") -> None:
        faults.append(f"{where}{column} is {row[column]!r}, expected {expected}; {action}")

    for column in ("provider", "license"):
        if not row[column]:
            fault(column, "a name", "write whom it is from and under what terms")
    cost = _number(row["cost"])
    if cost is None:
        fault("cost", "a number such as 0 or 4.99", "write the number alone")
    if not _is_date(row["date"]):
        fault("date", "a day such as 2026-01-31")
    styles = tuple(code.strip() for code in row["styles"].split(";") if code.strip())
    unknown = [code for code in styles if code not in STYLES]
    faults += [
        f"{where}styles has {code!r}, expected codes such as CORE-01 parted by ;; correct it" for code in unknown
    ]
    if row["rating"] not in ("", "1", "2", "3", "4", "5"):
        fault("rating", "1 to 5, or nothing")
    tempo = _number(row.get("tempo_bpm", ""))
    if row.get("tempo_bpm") and not tempo:
        fault("tempo_bpm", "beats per minute such as 82, or nothing")
    key = row.get("key", "")
    if key and not KEY.fullmatch(key):
        fault("key", "a key such as A minor or Bb major, or nothing")
    return Source(
        named(row["track"]),
        row["provider"],
        row["license"],
        cost or 0.0,
        row["date"],
        tuple(dict.fromkeys(code for code in styles if code in STYLES)),
        int(row["rating"]) if row["rating"].isdecimal() else None,
        tempo,
        key or None,
    )


def _number(text: str) -> float | None:
    """The number `text`, without sign or exponent; None if it is none."""
    number = float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else math.nan
    return None if math.isnan(number) else number


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
