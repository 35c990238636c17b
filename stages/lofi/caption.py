"""Say of every track what it sounds like: a prompt of tags, and its lyrics.

The style is that of sources.csv, else of the folder; tempo and key are those of sources.csv, else of the file's own
metadata, else measured. A prompt or lyrics that the user wrote beside the track stay as they are. What somebody should
look at has a flag.
"""

import json
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from pydantic import Field

from stages import store
from stages.files import replacing_folder, sha256_file, write_bytes, write_csv
from stages.lofi import lyrics, manifest, media, sources, styles, tags, tempo
from stages.lofi.sources import Source
from stages.lofi.styles import CATEGORIES, STYLES, Style
from stages.lofi.tempo import Measured
from stages.params import Params
from stages.run import StageError, run
from stages.workers import map_items

KIND = "lofi_tempo"
LIMIT_S = 600.0  # for decoding a track, which takes a second
COLUMNS = (
    *("name", "file", "style", "other_styles", "category", "style_from"),
    *("tempo_bpm", "tempo_confidence", "key", "key_confidence", "review_flags", "notes"),
    *("provider", "license", "rating"),
)
FLAGS = {
    "no_style": "no row in sources.csv and no folder says the style, so it is taken to be CORE-01",
    "style_of_category": "the folder says the category alone, so it is taken to be the first style of it",
    "tempo": "the tempo is not sure enough to be in the prompt",
    "key": "the key is not sure enough to be in the prompt",
    "tempo_range": "the tempo is not one of the style",
    "prompt": "the user's prompt has no text in UTF-8",
    "lyrics": "the user's lyrics have a fault",
    "no_lyrics": "a style with words, and no lyrics",
}


class CaptionParams(Params):
    """What goes into a prompt, and what is looked at again."""

    sources_required: bool  # whether each track needs a row in sources.csv, as for a release
    tags: tags.Counts
    measure_s: float = Field(ge=tempo.LEAST_S)  # of a track, from its beginning
    min_tempo_confidence: float = Field(ge=0, le=1)
    min_key_confidence: float = Field(ge=0, le=1)
    seed: int


@dataclass(frozen=True)
class Track:
    """An accepted track, and what is known of it before it is heard."""

    file: str  # such as raw/core/song.wav
    name: str
    sound: Path
    source: Source | None
    styles: tuple[Style, ...]  # the main one first
    style_from: str  # sources, folder, category or default
    prompt: bytes | None  # the user's
    lyrics: bytes | None  # likewise
    tempo_bpm: float | None  # as the file's own metadata say
    key: str | None  # likewise


@dataclass(frozen=True)
class Caption:
    """What is written about a track."""

    prompt: bytes
    lyrics: bytes
    measured: Measured
    flags: tuple[str, ...]
    notes: tuple[str, ...]  # what is wrong with the user's lyrics, a line each


def caption(curated: Path, raw: Path, collected: Path, captioned: Path, params: CaptionParams) -> dict[str, object]:
    """Write `captioned`/NAME_prompt.txt and NAME_lyrics.txt for each accepted track, and `captioned`/captions.csv.

    Reads the tracks that `curated`/manifest.csv accepts, `raw`/sources.csv and `collected`/sources.csv, and the user's
    STEM_prompt.txt and STEM_lyrics.txt beside the tracks in `raw`. Raises StageError if sources.csv has a fault.
    """
    table = sorted(manifest.read(curated), key=lambda row: row["file"])
    accepted = {row["file"]: row for row in table if row["status"] == manifest.ACCEPTED}
    refused = [row["file"] for row in table if row["file"] not in accepted]
    folders = {raw.name: raw, collected.name: collected}  # what the manifest's files begin with
    rows, missing = _sources(folders, accepted, refused, params.sources_required)
    own = _own(raw)
    tracks = [_track(curated, row, rows.get(file), own) for file, row in accepted.items()]
    tools = {"ffmpeg": media.identity(), **{name: version(name) for name in ("librosa", "numpy", "scipy", "soxr")}}
    decisive = store.digest(params.measure_s, tools, store.code_digest(tempo.__name__))
    heard = map_items(
        partial(_heard, seconds=params.measure_s, decisive=decisive), [t.sound for t in tracks], "caption"
    )
    captions = [_caption(track, measured, params) for track, measured in zip(tracks, heard)]

    with replacing_folder(captioned) as folder:
        for track, one in zip(tracks, captions):
            write_bytes(folder / f"{track.name}_prompt.txt", one.prompt)
            write_bytes(folder / f"{track.name}_lyrics.txt", one.lyrics)
        lines = [_line(track, one) for track, one in zip(tracks, captions)]
        write_csv(folder / "captions.csv", COLUMNS, lines)
    flags = Counter(flag for one in captions for flag in one.flags)
    categories = Counter(track.styles[0].category for track in tracks)
    codes = Counter(track.styles[0].code for track in tracks)
    return {
        "tracks": len(tracks),
        "categories": {category: categories[category] for category in CATEGORIES},
        "styles": {code: codes[code] for code in STYLES},
        "styles_from": dict(sorted(Counter(track.style_from for track in tracks).items())),
        "review_flags": {flag: flags[flag] for flag in FLAGS},
        "tracks_to_review": sum(bool(one.flags) for one in captions),
        "tracks_without_source": len(missing),
        "kept_prompts": sum(track.prompt is not None for track in tracks),
        "kept_lyrics": sum(track.lyrics is not None for track in tracks),
        "different_prompts": len({one.prompt for one in captions}),
        "tools": tools,
    }


def _sources(
    folders: Mapping[str, Path], accepted: Iterable[str], refused: Collection[str], required: bool
) -> tuple[dict[str, Source], list[str]]:
    """The row of sources.csv of each accepted file, and the files that have none, which is said on standard error."""
    rows: dict[str, Source] = {}
    missing: list[str] = []
    for origin, folder in folders.items():
        prefix = f"{origin}/"
        tracks = [file.removeprefix(prefix) for file in accepted if file.startswith(prefix)]
        others = [file.removeprefix(prefix) for file in refused if file.startswith(prefix)]
        checked = sources.read(folder, tracks, others, required)
        rows |= {prefix + track: row for track, row in checked.rows.items()}
        if checked.missing:
            count, first = len(checked.missing), checked.missing[0]
            said = f"tracks without a row in {folder / sources.FILE}: {count}, such as {first}; a release needs them"
            print(f"caption: {said}", file=sys.stderr)
        missing += [prefix + track for track in checked.missing]
    return rows, missing


def _own(raw: Path) -> dict[str, Path]:
    """The user's prompts and lyrics below `raw`, by their names in the manner of the manifest's files."""
    found = {}
    for path in raw.rglob("*.txt"):
        # a link could lead out of the folder, a FIFO never ends
        if path.stem.endswith(("_prompt", "_lyrics")) and path.is_file() and not manifest.leads_out(path, raw):
            found[manifest.printable(f"{raw.name}/{path.relative_to(raw).as_posix()}")] = path
    return found


def _track(curated: Path, row: Mapping[str, str], source: Source | None, own: Mapping[str, Path]) -> Track:
    """What is known of the file that `row` of the manifest accepts."""
    file, name = row["file"], row["name"]
    sound = manifest.sound(curated, name)
    path = PurePosixPath(file)
    prompt, words = (own.get(f"{path.with_name(path.stem)}_{kind}.txt") for kind in ("prompt", "lyrics"))
    found, style_from = _styles(source, PurePosixPath(file).parts[1:-1])
    return Track(
        file,
        name,
        sound,
        source,
        found,
        style_from,
        prompt.read_bytes() if prompt else None,
        words.read_bytes() if words else None,
        float(row["tempo_tag"]) if row["tempo_tag"] else None,
        row["key_tag"] or None,
    )


def _styles(source: Source | None, folders: Sequence[str]) -> tuple[tuple[Style, ...], str]:
    """The styles of a track in `folders`, and where they are from."""
    if source and source.styles:
        return tuple(STYLES[code] for code in source.styles), "sources"
    if code := styles.named(folders):
        return (STYLES[code],), "folder"
    if code := styles.first_of_category(folders):
        return (STYLES[code],), "category"
    return (STYLES[styles.DEFAULT],), "default"


def _heard(sound: Path, seconds: float, decisive: str) -> Measured:
    """Tempo and key of the track `sound`: what the store has for the same bytes, else measured."""
    key = store.digest(sha256_file(sound), decisive)
    if kept := store.get(KIND, key):
        return Measured(**json.loads(kept))
    try:
        found = tempo.measured_file(sound, seconds, LIMIT_S)
    except media.Unreadable as error:
        raise StageError(f"{sound} is {error.reason}: {error.detail}; remove it and run dvc repro") from error
    store.put(KIND, key, json.dumps(asdict(found)).encode())
    return found


def _caption(track: Track, heard: Measured, params: CaptionParams) -> Caption:
    """Prompt, lyrics and flags of `track`. A tempo or key that isn't sure is measured, but not taught."""
    style = track.styles[0]
    measured = _known(heard, track, style)
    bpm = measured.tempo_bpm if measured.tempo_confidence >= params.min_tempo_confidence else None
    key = measured.key if measured.key_confidence >= params.min_key_confidence else None
    slow, fast = style.tempo_bpm
    prompt = tags.prompt(track.styles, bpm, key, params.tags, params.seed, track.file)
    is_ours = track.prompt is None
    has_words = any(one.has_words for one in track.styles)
    notes = tuple(_lyrics_faults(track.lyrics)) if track.lyrics is not None else ()
    raised = {
        "no_style": track.style_from == "default",
        "style_of_category": track.style_from == "category",
        "tempo": is_ours and bpm is None,
        "key": is_ours and key is None,
        "tempo_range": is_ours and bpm is not None and not slow <= round(bpm) <= fast,
        "prompt": track.prompt is not None and not (_text(track.prompt) or "").strip(),
        "lyrics": bool(notes),
        "no_lyrics": has_words and track.lyrics is None,
    }
    return Caption(
        f"{prompt}\n".encode() if track.prompt is None else track.prompt,
        f"{lyrics.INSTRUMENTAL}\n".encode() if track.lyrics is None else track.lyrics,
        measured,
        tuple(flag for flag in FLAGS if raised[flag]),
        notes,
    )


def _known(heard: Measured, track: Track, style: Style) -> Measured:
    """`heard`, or what sources.csv says in its place, or else the file's metadata; the tempo in the octave of `style`.

    Twice or half the tempo is the same music counted otherwise; who wrote sources.csv has counted it already.
    """
    bpm, bpm_confidence = (track.tempo_bpm, 1.0) if track.tempo_bpm else (heard.tempo_bpm, heard.tempo_confidence)
    key, key_confidence = (track.key, 1.0) if track.key else (heard.key, heard.key_confidence)
    slow, fast = style.tempo_bpm
    if bpm is not None and not slow <= round(bpm) <= fast:
        bpm = next((bpm * octave for octave in (2, 0.5) if slow <= round(bpm * octave) <= fast), bpm)
    source = track.source
    if source and source.tempo_bpm:
        bpm, bpm_confidence = source.tempo_bpm, 1.0
    if source and source.key:
        key, key_confidence = source.key, 1.0
    return Measured(bpm, bpm_confidence, key, key_confidence)


def _lyrics_faults(data: bytes) -> list[str]:
    """What is wrong with the user's lyrics, each with its line."""
    text = _text(data)
    return ["1: not UTF-8; save it as that"] if text is None else lyrics.faults(text)


def _text(data: bytes) -> str | None:
    """`data` as text, without a byte order mark; None if it isn't UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _line(track: Track, one: Caption) -> list[object]:
    """A line of captions.csv."""
    measured = one.measured
    return [
        track.name,
        track.file,
        track.styles[0].code,
        " ".join(style.code for style in track.styles[1:]),
        track.styles[0].category,
        track.style_from,
        "" if measured.tempo_bpm is None else f"{measured.tempo_bpm:.1f}",
        f"{measured.tempo_confidence:.2f}",
        measured.key or "",
        f"{measured.key_confidence:.2f}",
        " ".join(one.flags),
        " | ".join(one.notes),
        *((source.provider, source.license, source.rating or "") if (source := track.source) else ("", "", "")),
    ]


if __name__ == "__main__":
    raise SystemExit(run(caption))
