"""Bring every recording to one form, and say of each what it is: 48 kHz stereo, one peak, one codec, or a reason.

Files that sound the same are told of in the manifest and form a group, which later lies on one side of the split; they
are not refused. The results of single files are kept in the store, by what the file holds: what is there already is
not decoded again.
"""

import json
import os
import re
import stat
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path, PurePath
from statistics import fmean

import numpy as np
from pydantic import Field

from stages.files import replacing_folder, sha256, sha256_file, write_bytes
from stages.lofi import contact_sheet, fingerprint, manifest, media
from stages.lofi.fingerprint import Index
from stages.lofi.picture import Picture
from stages.lofi.track import STATUSES, Status, Track, TrackParams, examined
from stages.params import Params
from stages.run import run
from stages.store import code_digest, digest, get, put, scratch
from stages.workers import map_items

KIND = "tracks"
SHORT = 26  # letters of a reason that fit on a line of the contact sheet
LEGEND = "40 Hz to 20 kHz; wave as it came, red at full scale"
TOOLS = ("numpy", "scipy", "soundfile", "soxr")  # packages that decide the last digits
BESIDE = (".csv", ".txt", ".md", ".jpg", ".jpeg", ".png", ".json", ".yaml", ".dvc", ".gitignore")  # no recordings
NAME_CHARACTERS = 48  # of a name that is made of a file's, before its hash


class CurateParams(Params):
    """What a track must be, what it becomes, and what counts as the same recording."""

    track: TrackParams
    same: float = Field(gt=0.5, le=1)  # share of equal bits of two fingerprints


@dataclass(frozen=True)
class File:
    """A file as it was found."""

    id: str  # path from the folder above, such as "raw/core/rain.flac"
    path: Path

    @property
    def name(self) -> str:
        """What its result is called: letters that every system takes, and a hash of where it lies."""
        stem = unicodedata.normalize("NFKD", self.path.stem).encode("ascii", "ignore").decode()
        stem = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:NAME_CHARACTERS].strip("-")
        return f"{stem or 'track'}-{sha256(os.fsencode(self.id))[:12]}"


@dataclass(frozen=True)
class Result:
    """What became of a file."""

    file: File
    track: Track
    source: str  # SHA-256 of the file; empty if it wasn't read
    result: str  # of what was made of it


def curate(
    collected: Path,
    raw: Path,
    curated: Path,
    tracks_png: Path,
    refused_png: Path,
    params: CurateParams,
) -> dict[str, object]:
    """Write each usable recording below `collected` and `raw` to `curated`, and manifest.csv with a row per file.

    Pictures of all files are in `curated`/sheets: what was accepted and, with its reason, what was refused; the first
    pages are `tracks_png` and `refused_png` as well. Nothing outside the two folders is read: a link that leads out of
    them is skipped. Raises StageError without ffmpeg.
    """
    tools = {"ffmpeg": media.identity(), **{name: version(name) for name in TOOLS}}  # no ffmpeg: said before any work
    files = found([collected, raw])
    decisive = digest(params.track.model_dump(), tools, code_digest("stages.lofi.track"))
    with replacing_folder(curated) as folder:
        one = partial(_result, folder=folder, params=params.track, decisive=decisive)
        # the largest first, so that no worker is left with a long one at the end
        largest = sorted(files, key=_size, reverse=True)
        made: list[Result] = map_items(one, largest, "curate", least=2)
        results = sorted(made, key=lambda result: os.fsencode(result.file.id))
        rows, pairs = _rows(results, params.same)
        manifest.write(folder, rows)
        _draw(results, folder / "sheets", tracks_png, refused_png)
    return _metrics(results, pairs, params.track) | {"tools": tools}


def found(folders: Sequence[Path]) -> list[File]:
    """All files below `folders`, in the order of their ids; hidden ones and what only goes with recordings left out."""
    files = []
    for folder in folders:
        for parent, names, members in os.walk(folder):
            names[:] = sorted(name for name in names if not name.startswith("."))
            # folders that are links aren't walked through, but they are told of
            for name in [*members, *(name for name in names if Path(parent, name).is_symlink())]:
                path = Path(parent, name)
                if not name.startswith(".") and path.suffix.lower() not in BESIDE:
                    files.append(File(f"{folder.name}/{path.relative_to(folder)}", path))
    return sorted(files, key=lambda file: os.fsencode(file.id))


def _size(file: File) -> int:
    try:
        return file.path.stat().st_size
    except OSError:
        return 0


def _result(file: File, folder: Path, params: TrackParams, decisive: str) -> Result:
    """What becomes of `file`: from the store, or made and kept there. Raises OSError if it can't be written."""
    refused = _outside(file)
    if refused:
        return Result(file, Track("skipped", refused), "", "")
    try:
        source = sha256_file(file.path)
    except OSError as error:
        return Result(file, Track("skipped", f"can't be read: {error.strerror}"), "", "")
    out = folder / f"{file.name}{'.mp3' if params.kbit else '.flac'}"
    # what ffmpeg doesn't know is corrupt or unsupported by its suffix
    key = digest(source, decisive, file.path.suffix.lower() in media.SUFFIXES)
    kept = get(KIND, key)
    if kept is None:
        track, data = _made(file, folder, params)
        if track.lasting:
            with _naming(scratch()):
                put(KIND, key, json.dumps(asdict(track)).encode() + b"\n" + data)
    else:
        about, _, data = kept.partition(b"\n")
        track = Track(**json.loads(about))
    if data:
        with _naming(out):
            write_bytes(out, data)
    return Result(file, track, source, sha256(data) if data else "")


def _made(file: File, folder: Path, params: TrackParams) -> tuple[Track, bytes]:
    """What `file` is, and what it becomes; nothing if it can't be used."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as temporary:
        made = Path(temporary, "result")
        track = examined(file.path, made, params)
        return track, made.read_bytes() if track.status == "ok" else b""


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Gives an OSError the name of `path` if it has none: a full disk is told by a write, which knows no name."""
    try:
        yield
    except OSError as error:
        if error.filename or not error.strerror:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _outside(file: File) -> str:
    """Why a file isn't read: it is none, or a link that leads elsewhere; else nothing."""
    root = file.path
    for _ in Path(file.id).parts[1:]:
        root = root.parent
    try:
        kind = file.path.stat()
    except OSError as error:
        return f"can't be opened: {error.strerror}"
    if manifest.leads_out(file.path, root):
        return "a link that leads out of the folder; copy what it leads to"
    if stat.S_ISDIR(kind.st_mode):
        return "a link to a folder; copy what it leads to"
    if not stat.S_ISREG(kind.st_mode):
        return "no regular file"
    if not os.access(file.path, os.R_OK):
        return "can't be opened: no permission"
    return ""


def _rows(results: Sequence[Result], same: float) -> tuple[list[dict[str, object]], int]:
    """A row of the manifest for each file, and how many files sound like another one."""
    usable = [result for result in results if result.track.status == "ok"]
    twins = _twins(usable, same)
    groups = _groups(twins)
    place_of = {result.file.id: place for place, result in enumerate(usable)}
    rows: list[dict[str, object]] = []
    for result in results:
        track, place = result.track, place_of.get(result.file.id)
        row: dict[str, object] = {
            "file": manifest.printable(result.file.id),
            "status": track.status,
            "detail": manifest.printable(track.detail),
            "sha256": result.source,
            "result_sha256": result.result,
            "warnings": " ".join(track.warnings),
            **track.measures,
        }
        if place is not None:
            row |= {"name": result.file.name, "group": usable[groups[place]].file.name}
            if twins[place]:
                nearest = min(twins[place], key=lambda other: (-twins[place][other], other))
                row |= {
                    "same_as": manifest.printable(usable[nearest].file.id),
                    "similarity": round(twins[place][nearest], 4),
                    "warnings": " ".join([*track.warnings, "duplicate"]),
                }
        rows.append(row)
    return rows, sum(map(bool, twins))


def _twins(usable: Sequence[Result], same: float) -> list[dict[int, float]]:
    """For each track those that are the same recording, with their similarity; what one is to another, both are."""
    index = Index.of([fingerprint.of_text(result.track.print) for result in usable])
    twins: list[dict[int, float]] = [{} for _ in usable]
    first: dict[str, int] = {}
    for place, result in enumerate(usable):
        pairs = {match.track: match.similarity for match in index.matches(index[place], same, besides=place)}
        # copies are so whatever their fingerprints say
        if (copy := first.setdefault(result.source, place)) != place:
            pairs[copy] = 1.0
        for other, similarity in pairs.items():
            for one, another in ((place, other), (other, place)):
                twins[one][another] = max(similarity, twins[one].get(another, 0.0))
    return twins


def _groups(twins: Sequence[dict[int, float]]) -> list[int]:
    """For each track the first one that it is the same recording as, through however many others."""
    pairs = [(place, other) for place, others in enumerate(twins) for other in others]
    if not pairs:
        return list(range(len(twins)))
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(twins), len(twins)))
    _, labels = connected_components(graph, directed=False)
    _, first = np.unique(labels, return_index=True)
    return [int(place) for place in first[labels]]


def _draw(results: Sequence[Result], sheets: Path, tracks_png: Path, refused_png: Path) -> None:
    """Write the contact sheets."""
    usable = [result for result in results if result.track.status == "ok"]
    refused = [result for result in results if result.track.status != "ok"]
    accepted = contact_sheet.write(
        [_tile(one) for one in usable], f"{len(usable)} accepted: {LEGEND}, levels as it is now", sheets, "accepted"
    )
    write_bytes(tracks_png, accepted)
    reasons = contact_sheet.write(
        [_tile(one) for one in refused], f"{len(refused)} refused: {LEGEND}", sheets, "refused"
    )
    write_bytes(refused_png, reasons)


def _tile(result: Result) -> contact_sheet.Tile:
    """What the contact sheet shows of a file."""
    track = result.track
    seen = Picture.of_text(track.picture) if track.picture else None
    title = "/".join(PurePath(result.file.id).parts[1:])
    if track.status != "ok":
        detail = contact_sheet.folded(track.detail) if len(track.detail) > SHORT else (track.detail,)
        return contact_sheet.Tile(title, (track.status, *detail), seen, is_refused=True)
    measures = track.measures
    levels = f"{measures['seconds']:.0f} s  {measures['loudness_lufs']:.1f} LUFS  quality {measures['quality']:.0f}"
    return contact_sheet.Tile(title, (levels, " ".join(track.warnings)), seen)


def _metrics(results: Sequence[Result], pairs: int, params: TrackParams) -> dict[str, object]:
    usable = [result.track.measures for result in results if result.track.status == "ok"]
    counts: Counter[Status] = Counter(result.track.status for result in results)
    return {
        "files_read": len(results),
        "files_ok": counts["ok"],
        **{status: counts[status] for status in STATUSES if status != "ok"},
        "peak_error_db_max": _round(
            max((abs(float(one["peak_dbfs"]) - params.peak_dbfs) for one in usable), default=0)
        ),
        "seconds_audio": _round(sum(float(one["samples"]) for one in usable) / 48_000),
        "quality_mean": _mean(float(one["quality"]) for one in usable),
        "loudness_mean_lufs": _mean(float(one["loudness_lufs"]) for one in usable),
        "duplicates": pairs,
        "warnings": dict(sorted(Counter(word for one in results for word in one.track.warnings).items())),
    }


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return _round(fmean(found)) if found else None


def _round(value: float) -> float:
    return round(value, 3)


if __name__ == "__main__":
    raise SystemExit(run(curate))
