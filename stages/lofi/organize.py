"""Lay the captioned tracks out by category, each with its prompt and lyrics, and say which styles have too few.

`organized`/CATEGORY/NAME.mp3 (or .flac), NAME_prompt.txt and NAME_lyrics.txt are what the trainers of ACE-Step read;
`organized`/tracks.csv has a row for each, left_out.csv one for each that isn't good enough.
"""

import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from stages.files import replacing_folder, write_csv
from stages.lofi import figures, manifest
from stages.lofi.styles import CATEGORIES, STYLES
from stages.params import Params
from stages.run import StageError, run

REASONS = ("rendered", "low_quality", "low_rating", "not_utf8", "empty_prompt")
PARTS = ("_prompt.txt", "_lyrics.txt")
FROM_MANIFEST = ("file", "group", "sha256", "result_sha256", "quality", "loudness_lufs", "bandwidth_hz")
FROM_CAPTIONS = (
    "style",
    "other_styles",
    "category",
    "tempo_bpm",
    "key",
    "provider",
    "license",
    "rating",
    "review_flags",
)
DRAWN = {  # measures with a histogram, and their titles
    "quality": "quality, 0 to 100",
    "loudness_lufs": "loudness, LUFS",
    "bandwidth_hz": "bandwidth, Hz",
    "seconds": "length, s",
}
COLUMNS = ("path", "name", "seconds", *FROM_MANIFEST, *FROM_CAPTIONS)
STYLE_COLUMNS = ("style", "name", "category", "tracks", "seconds", "missing")


class MinTracks(Params):
    """So many tracks are enough to learn from; what has fewer is named."""

    category: int = Field(ge=0)
    style: int = Field(ge=0)


class OrganizeParams(Params):
    """Which tracks are good enough, and how many are enough."""

    rendered: bool  # whether those that lofi_collect renders are used beside the user's
    min_quality: float = Field(ge=0, le=100)  # score of the recording
    min_rating: int = Field(ge=1, le=5)  # the user's; who hasn't rated a track has not refused it
    min_tracks: MinTracks


@dataclass(frozen=True)
class Track:
    """A row of tracks.csv."""

    row: Mapping[str, str]
    reason: str  # why it is left out; empty if it isn't

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return float(self.row["seconds"])


def organize(
    curated: Path,
    captioned: Path,
    organized: Path,
    styles_csv: Path,
    styles_png: Path,
    measures_png: Path,
    params: OrganizeParams,
) -> dict[str, object]:
    """Write `organized`, the tracks of each style to `styles_csv` and `styles_png`, histograms to `measures_png`.

    Raises StageError if the captions aren't those of the tracks.
    """
    found = _tracks(curated, captioned, params)
    kept = [track for track in found if not track.reason]
    with replacing_folder(organized) as folder:
        for track in kept:
            path = folder / track.row["path"]
            path.parent.mkdir(exist_ok=True)
            shutil.copyfile(curated / path.name, path)
            for part in PARTS:
                name = f"{track.row['name']}{part}"
                shutil.copyfile(captioned / name, path.with_name(name))
        write_csv(folder / "tracks.csv", COLUMNS, [[track.row[column] for column in COLUMNS] for track in kept])
        out = [(track.row["name"], track.row["file"], track.reason) for track in found if track.reason]
        write_csv(folder / "left_out.csv", ("name", "file", "reason"), out)
    rows = _style_rows(kept, params.min_tracks.style)
    write_csv(styles_csv, STYLE_COLUMNS, rows)
    measures = {title: [float(track.row[column]) for track in kept] for column, title in DRAWN.items()}
    figures.draw_measures(measures, measures_png)
    figures.draw_styles(rows, params.min_tracks.style, styles_png)
    categories = _counts((track.row["category"] for track in kept), CATEGORIES)
    styles = _counts((track.row["style"] for track in kept), STYLES)
    few = {
        "categories": [name for name, count in categories.items() if count < params.min_tracks.category],
        "styles": [code for code, count in styles.items() if count < params.min_tracks.style],
    }
    _say(few, params.min_tracks)
    return {
        "tracks": len(kept),
        "seconds": round(sum(track.seconds for track in kept), 3),
        "left_out": _counts((track.reason for track in found if track.reason), REASONS),
        "categories": categories,
        "styles": styles,
        "under_represented": few,
    }


def _tracks(curated: Path, captioned: Path, params: OrganizeParams) -> list[Track]:
    """All accepted tracks in the order of their files, with why they are left out."""
    captions = captioned / "captions.csv"
    said = {row["name"]: row for row in manifest.table(captions, "lofi_caption")}
    accepted = manifest.accepted(curated)
    for one in accepted:
        if one["name"] not in said:
            raise StageError(f"{captions} has no row for {one['name']}, expected one for each track; run dvc repro")
    found = []
    for one in accepted:
        about = said[one["name"]]
        sound = manifest.sound(curated, one["name"])
        reason = _reason(one, about, captioned, params)
        row = {column: one[column] for column in FROM_MANIFEST} | {column: about[column] for column in FROM_CAPTIONS}
        row |= {"path": f"{about['category']}/{sound.name}", "name": one["name"]}
        found.append(Track(row | {"seconds": f"{int(one['samples']) / 48_000:.3f}"}, reason))
    return found


def _reason(one: Mapping[str, str], about: Mapping[str, str], captioned: Path, params: OrganizeParams) -> str:
    """Why a track is left out; empty if it isn't."""
    if not params.rendered and one["file"].startswith("collected/"):
        return "rendered"
    if float(one["quality"]) < params.min_quality:
        return "low_quality"
    if about["rating"] and int(about["rating"]) < params.min_rating:
        return "low_rating"
    try:
        prompt, _ = ((captioned / f"{one['name']}{part}").read_text(encoding="utf-8-sig") for part in PARTS)
    except UnicodeDecodeError:
        return "not_utf8"  # a prompt or lyrics of the user's; caption has flagged it
    return "" if prompt.strip() else "empty_prompt"


def _counts(values: Iterable[str], names: Iterable[str]) -> dict[str, int]:
    """How often each of `names` is in `values`, those that aren't as well."""
    found = Counter(values)
    return {name: found[name] for name in names}


def _style_rows(tracks: Sequence[Track], enough: int) -> list[list[object]]:
    """A row for each style of the table: its tracks and seconds, and how many tracks it lacks."""
    rows: list[list[object]] = []
    for code, style in STYLES.items():
        seconds = [track.seconds for track in tracks if track.row["style"] == code]
        missing = max(enough - len(seconds), 0)
        rows.append([code, style.name, style.category, len(seconds), round(sum(seconds), 1), missing])
    return rows


def _say(few: Mapping[str, Sequence[str]], enough: MinTracks) -> None:
    for kind, count in (("categories", enough.category), ("styles", enough.style)):
        if few[kind]:
            print(f"organize: {kind} with under {count} tracks: {', '.join(few[kind])}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(run(organize))
