"""Read every MIDI file, find what is the same music, and split it into train, valid and test so that nothing leaks.

A file is kept, or refused with a reason. Files that are the same tune or work form a group, and a group lies in one
split, the same in all datasets. The manifest has a line per file.
"""

import csv
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from stages.files import read_jsonl, write_csv, write_jsonl
from stages.midi import melody, splits
from stages.midi.melody import Keys, Similarity
from stages.midi.reader import Caps, Reading, Refusal, read
from stages.midi.song import DURATION, ONSET, PITCH, Song, bars, from_json, to_json
from stages.params import Params
from stages.run import StageError, run
from stages.workers import map_items

SUFFIXES = (".mid", ".midi", ".rmi", ".kar")
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class CurateParams(Params):
    """What is kept, what counts as the same, and how it is split."""

    caps: Caps
    min_notes: int = Field(ge=1)  # pitched notes and drums
    min_bars: int = Field(ge=1)
    similarity: Similarity
    splits: splits.Shares
    shortfall: Literal["report", "stop"]  # whether a genre below its target stops the stage
    datasets: dict[Name, dict[Name, Annotated[int, Field(ge=1)]]]  # dataset: genre: how many pieces it should have


class File(NamedTuple):
    """A MIDI file as it was found."""

    id: str  # path from the folder above, such as "raw/gospel/amazing-grace.mid"
    path: Path
    genre: str
    titles: tuple[str, ...]
    work: str  # what the source says it is a movement of


@dataclass(frozen=True)
class Piece:
    """What is known of a file: a reading with its keys, or why there is none."""

    file: File
    reading: Reading | None
    keys: Keys | None
    reason: str = ""
    detail: str = ""


def curate(collected: Path, raw: Path, curated: Path, params: CurateParams) -> dict[str, object]:
    """Write `curated`/DATASET.jsonl, a row per piece, and `curated`/manifest.csv, a row per file.

    Reads the MIDI files in `collected`/GENRE and the user's in `raw`/GENRE, at any depth. Where two files of a dataset
    have the same notes, the first one stands: collected before raw, then in the order of their names.
    Raises StageError if a genre has fewer pieces than its target and the params say stop.
    """
    files, ignored = find(collected, raw)
    pieces: list[Piece] = map_items(partial(examine, params=params), files, "curate")
    known = [piece for piece in pieces if piece.keys and not piece.reason]
    first = melody.groups([piece.keys for piece in known if piece.keys], params.similarity)
    group = {piece.file.id: _group_name(known[index]) for piece, index in zip(known, first)}

    chosen, twins = choose(known, params.datasets)
    kept = {piece.file.id for members in chosen.values() for piece in members}
    everyone = Counter(group.values())
    sizes = Counter(group[file] for file in sorted(kept))
    cells = [
        {group[piece.file.id] for piece in members if piece.file.genre == genre}
        for dataset, members in chosen.items()
        for genre in params.datasets[dataset]
    ]
    split = splits.assign(sizes, cells, params.splits)

    tables = {name: _genres(params.datasets[name], members, group, split) for name, members in chosen.items()}
    if params.shortfall == "stop":
        _stop_if_short(tables)
    for dataset, members in chosen.items():
        write_jsonl(curated / f"{dataset}.jsonl", [_row(piece, group[piece.file.id], split) for piece in members])
    rows = _manifest(pieces, group, split, chosen, twins)
    write_csv(curated / "manifest.csv", list(rows[0]) if rows else ["file"], [list(row.values()) for row in rows])
    return {
        "files_read": len(files),
        "files_kept": len(kept),
        "files_ignored": ignored,
        "groups": len(sizes),
        "largest_group": max(sizes.values(), default=0),
        "shared_groups": sum(size > 1 for size in everyone.values()),  # of the files below
        "files_in_shared_groups": sum(size for size in everyone.values() if size > 1),  # dropped duplicates too
        **crossing(curated, params.datasets, params.similarity),
        "reasons": _counts(row["reason"] for row in rows),
        "dropped": _sums(piece.reading.dropped for piece in pieces if piece.reading),
        "repairs": _counts(repair for piece in pieces if piece.reading for repair in piece.reading.repairs),
        "genres_in_no_dataset": _counts(row["genre"] for row in rows if row["reason"] == "genre_in_no_dataset"),
        "datasets": tables,
    }


def find(collected: Path, raw: Path) -> tuple[list[File], int]:
    """The MIDI files below the genre folders of both, in order, and how many other files the user has there."""
    with (collected / "sources.csv").open(encoding="utf-8", newline="") as file:
        sources = {row["file"]: row for row in csv.DictReader(file)}
    files, ignored = [], 0
    for origin, folder in (("collected", collected), ("raw", raw)):
        for path in _walk(folder):
            relative = path.relative_to(folder)
            if path.suffix.lower() not in SUFFIXES or not path.is_file():  # no FIFO, no broken link
                ignored += origin == "raw"
                continue
            genre = re.sub(r"[\s-]+", "_", relative.parts[0]).casefold() if len(relative.parts) > 1 else ""
            source = sources.get(relative.as_posix()) if origin == "collected" else None
            title = source["title"] if source else path.stem
            work = source["work"] if source else ""
            name = _printable(f"{origin}/{relative.as_posix()}")
            files.append(File(name, path, _printable(genre), (_printable(title),) if title else (), _printable(work)))
    return files, ignored


def _walk(folder: Path) -> list[Path]:
    """All files below `folder` and links to folders, which are not followed, in the order of their names."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; make it, or run the stage that does")
    found = [Path(parent, name) for parent, folders, names in os.walk(folder) for name in [*folders, *names]]
    return sorted((path for path in found if path.is_symlink() or not path.is_dir()), key=os.fsencode)


def _printable(text: str) -> str:
    """`text` on one line, with an escape for what can't be shown or isn't UTF-8."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def examine(file: File, params: CurateParams) -> Piece:
    """Read and judge one file."""
    if not file.genre:
        return Piece(file, None, None, "no_genre_folder", "put it into a folder named after its genre")
    try:
        with file.path.open("rb") as opened:
            reading = read(opened.read(params.caps.bytes + 1), params.caps)
    except Refusal as refusal:
        return Piece(file, None, None, refusal.reason, refusal.detail)
    except OSError as error:
        return Piece(file, None, None, "unreadable", str(error.strerror))
    song = reading.song
    if len(song.notes) < params.min_notes:
        return Piece(file, reading, None, "too_few_notes", str(len(song.notes)))
    if len(bars(song)) < params.min_bars:
        return Piece(file, reading, None, "too_few_bars", str(len(bars(song))))
    return Piece(file, reading, melody.keys(song, _titles(file, reading), file.work, params.similarity))


def _titles(file: File, reading: Reading) -> list[str]:
    """What the file may be called. A collected file has its source's titles, the user's its name and its first text."""
    user = file.id.startswith("raw/")
    return [*file.titles, *([_printable(reading.title)] if user and reading.title else [])]


def choose(
    known: Sequence[Piece], datasets: Mapping[str, Mapping[str, int]]
) -> tuple[dict[str, list[Piece]], dict[str, str]]:
    """The pieces of each dataset, none with the same notes as another; and for a file left out the one that stands."""
    chosen: dict[str, list[Piece]] = {dataset: [] for dataset in datasets}
    twins = {}
    for dataset, genres in datasets.items():
        stands: dict[str, str] = {}
        for piece in known:
            if piece.keys and piece.file.genre in genres:
                kept = stands.setdefault(piece.keys.content, piece.file.id)
                if kept == piece.file.id:
                    chosen[dataset].append(piece)
                else:
                    twins[piece.file.id] = kept
    return chosen, twins


def _group_name(first: Piece) -> str:
    """A name for the group of `first` that holds as long as the notes of its first file do."""
    assert first.keys
    return first.keys.content[:16]


def _row(piece: Piece, group: str, split: Mapping[str, str]) -> dict[str, object]:
    """A row of a dataset."""
    assert piece.reading
    about = {"id": piece.file.id, "genre": piece.file.genre, "title": _title(piece), "group": group}
    return {**about, "split": split[group], "song": to_json(piece.reading.song)}


def _title(piece: Piece) -> str:
    return next(iter(_titles(piece.file, piece.reading)), "") if piece.reading else next(iter(piece.file.titles), "")


def _manifest(
    pieces: Sequence[Piece],
    group: Mapping[str, str],
    split: Mapping[str, str],
    chosen: Mapping[str, Sequence[Piece]],
    twins: Mapping[str, str],
) -> list[dict[str, str]]:
    """A row per file: what became of it, and why."""
    homes: dict[str, list[str]] = defaultdict(list)
    for dataset, members in chosen.items():
        for piece in members:
            homes[piece.file.id].append(dataset)
    rows = []
    for piece in pieces:
        file, song = piece.file, piece.reading.song if piece.reading else None
        reason = piece.reason
        if not reason and file.id not in homes:
            reason = "duplicate" if file.id in twins else "genre_in_no_dataset"
        rows.append(
            {
                "file": file.id,
                "status": "dropped" if reason else "kept",
                "reason": reason,
                "detail": _printable(piece.detail),
                "genre": file.genre,
                "title": _title(piece),
                "group": group.get(file.id, ""),
                "split": "" if reason else split[group[file.id]],
                "datasets": " ".join(homes.get(file.id, [])),
                "duplicate_of": twins.get(file.id, ""),
                "content": piece.keys.content if piece.keys else "",
                "title_keys": "|".join(piece.keys.titles) if piece.keys else "",
                "work": (piece.keys.work or "") if piece.keys else "",
                "notes": str(len(song.notes)) if song else "",
                "bars": str(len(bars(song))) if song else "",
                "seconds": f"{seconds(song):.1f}" if song else "",
                "dropped": _listed(piece.reading.dropped) if piece.reading else "",
                "repairs": " ".join(piece.reading.repairs) if piece.reading else "",
            }
        )
    return rows


def seconds(song: Song) -> float:
    """How long `song`, in normal form, takes from tick 0 to the end of its last sounding note."""
    end = int((song.notes[:, ONSET] + song.notes[:, DURATION]).max())
    starts = song.tempos[:, 0]
    lengths = np.diff(starts, append=max(end, int(starts[-1])))
    return float((lengths * song.tempos[:, 1]).sum()) / song.ticks_per_quarter / 1e6


def _listed(counts: Mapping[str, int]) -> str:
    return " ".join(f"{name}={count}" for name, count in sorted(counts.items()) if count)


def _counts(names: Iterable[str]) -> dict[str, int]:
    """How often each name occurs, in the order of the names; the empty name is left out."""
    return {name: count for name, count in sorted(Counter(names).items()) if name}


def _sums(tables: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sum of each name's counts."""
    total: Counter[str] = Counter()
    for one in tables:
        total.update(one)
    return dict(sorted(total.items()))


def _genres(
    targets: Mapping[str, int], members: Sequence[Piece], group: Mapping[str, str], split: Mapping[str, str]
) -> dict[str, dict[str, int]]:
    """Of each genre of a dataset the target, the pieces found, how many are missing, and how they are split."""
    table = {}
    for genre, target in targets.items():
        places = [split[group[piece.file.id]] for piece in members if piece.file.genre == genre]
        found = len(places)
        table[genre] = {"target": target, "found": found, "shortfall": max(target - found, 0)}
        table[genre] |= {name: places.count(name) for name in splits.NEEDED}
    return table


def _stop_if_short(tables: Mapping[str, Mapping[str, Mapping[str, int]]]) -> None:
    short = [
        f"{dataset}.{genre} has {row['found']} of {row['target']}"
        for dataset, genres in tables.items()
        for genre, row in genres.items()
        if row["shortfall"]
    ]
    if short:
        raise StageError(
            f"too few pieces: {', '.join(short)}; add files to data/midi/raw/GENRE, lower the targets in "
            "midi.curate.datasets, or set midi.curate.shortfall to report"
        )


def crossing(curated: Path, datasets: Iterable[str], similarity: Similarity) -> dict[str, int]:
    """How many groups have music in more than one split, over all the written `datasets`, and the longest run of
    intervals that two splits share.

    A proof that owes nothing to how the groups were made: the songs are read as they were written, their highest lines
    are compared by a suffix array, and two pieces in different splits must share no id, group, series of pitches, work
    or title of a work, and no run of `common_intervals`.
    """
    with (curated / "manifest.csv").open(encoding="utf-8", newline="") as file:
        manifest = {row["file"]: row for row in csv.DictReader(file)}
    bearers: dict[str, set[str]] = defaultdict(set)
    for entry in manifest.values():
        for title in entry["title_keys"].split("|"):
            bearers[title].add(entry["content"])
    works = {entry["work"] for entry in manifest.values()}
    rows = {(row["id"], row["split"]): row for name in datasets for row in read_jsonl(curated / f"{name}.jsonl")}
    groups_of: dict[tuple[str, str], set[str]] = defaultdict(set)
    splits_of: dict[tuple[str, str], set[str]] = defaultdict(set)
    lines = []
    for (name, split), row in rows.items():
        song, entry = from_json(row["song"]), manifest[name]
        pitches = " ".join(map(str, song.notes[:, PITCH].tolist()))
        titles = [
            title
            for title in entry["title_keys"].split("|")
            if title and (len(bearers[title]) <= similarity.title_works or title in works)
        ]
        marks = [("id", name), ("group", row["group"]), ("pitches", pitches), *(("title", title) for title in titles)]
        for mark in [*marks, *([("work", entry["work"])] if entry["work"] else [])]:
            groups_of[mark].add(row["group"])
            splits_of[mark].add(split)
        lines.append(splits.highest_line(song))
    crossed: set[str] = set().union(*(groups_of[mark] for mark, places in splits_of.items() if len(places) > 1))
    places = [split for _, split in rows]
    shared, longest = splits.shared_runs(lines, places, similarity.common_intervals, similarity.common_kinds)
    names = [row["group"] for row in rows.values()]
    crossed |= {names[index] for index in shared}
    return {"groups_crossing_splits": len(crossed), "longest_common_run_across_splits": longest}


if __name__ == "__main__":
    raise SystemExit(run(curate))
