"""Scores of music21's installed corpus as MIDI files, a folder per genre, with where each came from.

Writes <genre>/<source id>.mid, `sources.csv` (a row per file) and `failures.csv` (a row per score that was drawn and
couldn't be used; the next one was drawn in its place). Each score's result is kept in the store, so a second run
converts nothing.
"""

import fnmatch
import importlib.metadata
import importlib.util
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from stages.files import sha256, write_bytes, write_csv
from stages.midi import corpus
from stages.midi.song import DURATION, ONSET, Song, from_json, to_json
from stages.midi.writer import write
from stages.params import Params
from stages.run import StageError, run
from stages.store import code_digest, digest, get, put
from stages.workers import map_items

KIND = "scores"
LICENCES = 12  # lines in the count of licences
GRIDS = (12, 24)  # ticks per quarter that a model may use: how many pieces lie wholly on them is counted
COLUMNS = (
    *("file", "provider", "source_id", "title", "work", "composer", "licence", "cost"),
    *("package", "package_version", "package_date", "notes", "status"),
)

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class Genre(Params):
    """Where the scores of a genre lie, and how many to take."""

    count: int = Field(ge=0)  # scores; fewer where the corpus has no more
    files: list[str] = Field(min_length=1)  # patterns below music21's corpus folder; * goes into folders
    parts: int | None = Field(ge=1)  # exactly so many; null takes any number
    program: int = Field(ge=0, le=127)  # General MIDI, from 0, where a score names no instrument


class CollectParams(Params):
    """What to draw, and what is too much."""

    seed: int  # of the draw
    max_source_bytes: int = Field(ge=1)  # a larger score is refused: it would take many seconds
    max_notes: int = Field(ge=1)  # per score
    genres: dict[Name, Genre]


@dataclass(frozen=True)
class Draw:
    """A score to convert."""

    genre: str
    source_id: str
    path: Path
    program: int
    code: str  # digest of what converts

    @property
    def file(self) -> str:
        """Name of the MIDI file below the collected folder."""
        return f"{self.genre}/{self.source_id.rpartition('.')[0].replace('/', '_')}.mid"


@dataclass(frozen=True)
class Outcome:
    """A MIDI file and what is known of it, or no bytes and a reason."""

    draw: Draw
    facts: dict[str, Any]
    midi: bytes = b""
    converted: bool = False  # now; it was not in the store


def collect(collected: Path, params: CollectParams) -> dict[str, object]:
    """Draw scores until every genre has its count or none are left; write them and their tables."""
    outcomes = _outcomes(_candidates(params), params)
    converted = sum(outcome.converted for outcome in outcomes)
    print(f"collect: {converted} of {len(outcomes)} scores converted, the others known before", file=sys.stderr)
    kept = sorted((outcome for outcome in outcomes if outcome.midi), key=lambda outcome: outcome.draw.file)
    failed = sorted((outcome for outcome in outcomes if not outcome.midi), key=lambda outcome: outcome.draw.file)

    for stale in collected.glob("*/*.mid"):
        stale.unlink()
    for outcome in kept:
        write_bytes(collected / outcome.draw.file, outcome.midi)
    write_csv(
        collected / "failures.csv",
        ("source_id", "genre", "reason", "detail"),
        [(o.draw.source_id, o.draw.genre, o.facts["reason"], o.facts["detail"]) for o in failed],
    )
    package = {"package": "music21", "package_version": _version(), "package_date": _package_date()}
    rows = [_source(outcome) | package for outcome in kept]
    write_csv(collected / "sources.csv", COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
    said = licences([str(row["licence"]) for row in rows])
    return _metrics(params, kept, failed) | {"licences": said} | package


def _corpus() -> Path:
    """The folder of music21's scores; music21 isn't imported for it."""
    spec = importlib.util.find_spec("music21")
    if spec is None or spec.origin is None:
        raise StageError("music21 is not installed; run `make install`, or `pip install music21`")
    folder = Path(spec.origin).parent / "corpus"
    if not (folder / "bach").is_dir():
        raise StageError(f"{folder} holds no scores: this is a music21 without its corpus; reinstall music21")
    return folder


def _version() -> str:
    return importlib.metadata.version("music21")


def _package_date() -> str:
    """Day on which the index of the installed corpus was built, from that file's gzip header (RFC 1952, MTIME).

    The wheel dates its files 2020-02-02 and its metadata has no date; this is part of what was published.
    """
    header = (_corpus() / "_metadataCache" / "core.p.gz").read_bytes()[:8]
    return datetime.fromtimestamp(int.from_bytes(header[4:8], "little"), UTC).date().isoformat()


def _candidates(params: CollectParams) -> dict[str, list[Draw]]:
    """The scores of every genre, in the order in which they are drawn."""
    folder = _corpus()
    ids = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    code = digest(_version(), code_digest("stages.midi.corpus"))
    candidates = {}
    for name, genre in params.genres.items():
        for pattern in genre.files:
            if not fnmatch.filter(ids, pattern):
                raise StageError(f"midi.collect.genres.{name}.files: {pattern!r} matches no file below {folder}")
        found = [source for source in ids if any(fnmatch.fnmatchcase(source, pattern) for pattern in genre.files)]
        draws = [Draw(name, source, folder / source, genre.program, code) for source in found]
        double = [file for file, times in Counter(draw.file for draw in draws).items() if times > 1]
        if double:
            raise StageError(f"midi.collect.genres.{name}.files: two scores would be written to {double[0]}")
        # a larger count draws the same scores first
        candidates[name] = random.Random(f"{params.seed} {name}").sample(draws, len(draws))
    return candidates


def _outcomes(candidates: dict[str, list[Draw]], params: CollectParams) -> list[Outcome]:
    """Results of the scores drawn: as many as are still missing in each genre, again until nothing is missing."""
    outcomes: list[Outcome] = []
    missing = {name: genre.count for name, genre in params.genres.items()}
    waiting = dict(candidates)
    while True:
        drawn = [draw for name, draws in waiting.items() for draw in draws[: missing[name]]]
        if not drawn:
            return outcomes
        waiting = {name: draws[missing[name] :] for name, draws in waiting.items()}
        results: list[Outcome] = map_items(partial(outcome_of, params=params), drawn, "collect")
        outcomes += results
        for result in results:
            missing[result.draw.genre] -= bool(result.midi)


def outcome_of(draw: Draw, params: CollectParams) -> Outcome:
    """The MIDI file of `draw`, or why there is none."""
    size = draw.path.stat().st_size
    if size > params.max_source_bytes:
        return _refused(draw, "source_too_large", f"{size} bytes, at most {params.max_source_bytes} taken")
    facts, converted = _facts(draw)
    if "reason" in facts:
        return Outcome(draw, facts, converted=converted)
    song = from_json(facts.pop("song"))
    if len(song.notes) > params.max_notes:
        return _refused(draw, "too_many_notes", f"{len(song.notes)} notes, at most {params.max_notes} taken", converted)
    parts = params.genres[draw.genre].parts
    if parts is not None and facts["parts"] != parts:
        return _refused(draw, "parts", f"{facts['parts']} parts, expected {parts}", converted)
    facts |= {f"on_grid_{grid}": _on_grid(song, grid) for grid in GRIDS} | {"notes": len(song.notes)}
    return Outcome(draw, facts, write(song), converted)


def _refused(draw: Draw, reason: str, detail: str, converted: bool = False) -> Outcome:
    return Outcome(draw, {"reason": reason, "detail": detail}, converted=converted)


def _facts(draw: Draw) -> tuple[dict[str, Any], bool]:
    """What `corpus.read` gives or why it gives nothing, as JSON values; and whether it was converted for that now."""
    key = digest(draw.code, draw.source_id, sha256(draw.path.read_bytes()), draw.program)
    kept = get(KIND, key)
    if kept is not None:
        return json.loads(kept), False
    facts: dict[str, Any]
    try:
        piece = corpus.read(draw.path, draw.program)
        facts = vars(piece) | {"song": to_json(piece.song)}
    except corpus.Unfit as unfit:
        facts = {"reason": unfit.reason, "detail": unfit.detail}
    put(KIND, key, json.dumps(facts).encode())
    return facts, True


def _on_grid(song: Song, ticks_per_quarter: int) -> bool:
    """Whether all onsets and durations are whole numbers of ticks at `ticks_per_quarter`."""
    return not np.any(song.notes[:, [ONSET, DURATION]] * ticks_per_quarter % song.ticks_per_quarter)


def _source(outcome: Outcome) -> dict[str, Any]:
    """The row of `outcome` in sources.csv, but for the package."""
    draw, facts = outcome.draw, outcome.facts
    own = draw.path.with_name("license.txt")
    stated = f"not stated; see music21 {'/'.join(own.parts[-3:] if own.exists() else ('corpus', 'license.txt'))}"
    folder, _, _ = draw.source_id.rpartition("/")
    return {name: facts[name] for name in ("title", "composer", "notes")} | {
        # a quartet's movements name their work in as many spellings as there are movements: their folder is one
        "work": facts["work"] or (folder if "/" in folder else ""),
        "file": draw.file,
        "provider": "music21 corpus",
        "source_id": draw.source_id,
        "licence": facts["licence"] or stated,
        "cost": 0,
        "status": "converted",
    }


def licences(texts: Sequence[str]) -> dict[str, int]:
    """How many files say each of `texts`, the most frequent first; the rare ones are counted together."""
    counts = sorted(Counter(texts).items(), key=lambda item: (-item[1], item[0]))
    if len(counts) > LICENCES:
        counts[LICENCES - 1 :] = [("others", sum(count for _, count in counts[LICENCES - 1 :]))]
    return dict(counts)


def _metrics(params: CollectParams, kept: Sequence[Outcome], failed: Sequence[Outcome]) -> dict[str, object]:
    dropped: Counter[str] = Counter()
    for outcome in kept:
        dropped.update(outcome.facts["dropped"])
    genres = {}
    for name, genre in params.genres.items():
        facts = [outcome.facts for outcome in kept if outcome.draw.genre == name]
        genres[name] = {
            "asked": genre.count,
            "found": len(facts),
            "failed": sum(outcome.draw.genre == name for outcome in failed),
            "notes": sum(fact["notes"] for fact in facts),
            **{name: sum(fact[name] for fact in facts) for name in (f"on_grid_{grid}" for grid in GRIDS)},
        }
    return {
        "files": len(kept),
        "notes": sum(outcome.facts["notes"] for outcome in kept),
        "genres": genres,
        "failed": dict(sorted(Counter(outcome.facts["reason"] for outcome in failed).items())),
        "dropped": dict(sorted(dropped.items())),
    }


if __name__ == "__main__":
    raise SystemExit(run(collect))
