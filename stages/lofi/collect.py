"""The default tracks of lofi: scores of the MIDI track, arranged and rendered in several styles and file formats.

Writes <STYLE>/<score>.<suffix>, among them some that curation must refuse, and `sources.csv`, a row per file. A score
is drawn once at most: no two tracks are the same music.
"""

import csv
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from stages.files import replacing, replacing_folder, sha256, write_bytes, write_csv
from stages.lofi import arrangement, synth
from stages.lofi.media import ffmpeg, identity
from stages.lofi.scores import BAR, Score, Unfit, loop, loops, read
from stages.lofi.synth import FASTEST_BPM, SLOWEST_BPM, Pcm, Sound
from stages.params import Params
from stages.run import StageError, run
from stages.workers import map_items

COLUMNS = ("track", "provider", "license", "cost", "date", "styles", "rating")
ENCODERS: dict[str, tuple[str, ...]] = {
    "wav16": ("-c:a", "pcm_s16le", "-f", "wav"),
    "wav24": ("-c:a", "pcm_s24le", "-f", "wav"),
    "wav_float": ("-c:a", "pcm_f32le", "-f", "wav"),
    "flac": ("-c:a", "flac", "-f", "flac"),
    "mp3": ("-c:a", "libmp3lame", "-q:a", "3", "-id3v2_version", "0", "-f", "mp3"),
    "m4a": ("-c:a", "aac", "-b:a", "160k", "-f", "ipod"),
    "ogg": ("-c:a", "libvorbis", "-q:a", "5", "-f", "ogg"),
}
MP3_HZ = 48000  # the highest rate of an MP3

Format = Literal["wav16", "wav24", "wav_float", "flac", "mp3", "m4a", "ogg"]
Fault = Literal["too_short", "clipped", "silent", "mostly_silent", "truncated", "noise"]
Code = Annotated[str, Field(pattern=r"^[A-Z]+-\d\d$")]


def _rising(pair: list[float]) -> list[float]:
    if pair[0] > pair[1]:
        raise ValueError("the lower number first")
    return pair


Range = Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(_rising)]


class Form(Params):
    """How a track is stored."""

    format: Format
    rate_hz: int = Field(ge=8000, le=192000)
    channels: int = Field(ge=1, le=2)

    @model_validator(mode="after")
    def _exists(self) -> "Form":
        if self.format == "mp3" and self.rate_hz > MP3_HZ:
            raise ValueError(f"a rate of at most {MP3_HZ} Hz: an MP3 has no higher one")
        return self

    @property
    def suffix(self) -> str:
        """Of the file's name."""
        return ".wav" if self.format.startswith("wav") else f".{self.format}"


class Style(Sound):
    """How tracks of a style are played, and what."""

    tracks: int = Field(ge=0)
    scores: str  # folder that their scores are drawn from


class Faults(Params):
    """Tracks that curation must refuse, and how wrong they are."""

    short_s: float = Field(gt=0)  # length of the one that is too short
    overdrive_db: float = Field(gt=0)  # how far the clipped one goes over full scale
    music_s: float = Field(gt=0)  # how much of the mostly silent one sounds
    kept_share: float = Field(gt=0, lt=1)  # of the bytes of the truncated one
    noise_bytes: int = Field(ge=1)  # of the one that is no audio
    forms: dict[Fault, Form]  # one file of each


class CollectParams(Params):
    """What is rendered, and into which files."""

    seed: int  # of the draw of scores, and of each track
    loop_bars: list[Annotated[int, Field(ge=1)]] = Field(min_length=1)  # a track's loop has one of these lengths
    seconds: Range  # shortest and longest track
    tempo_spread_bpm: int = Field(ge=0)  # a track's tempo lies so far from its style's at most
    peak_db: Range  # lowest and highest peak of a track, in dBFS
    licences_refused: list[str]  # words of licences under which no rendering can be CC0
    forms: list[Form] = Field(min_length=1)  # of the tracks in turn
    styles: dict[Code, Style] = Field(min_length=1)
    faults: Faults

    @model_validator(mode="after")
    def _slow(self) -> "CollectParams":
        for code, style in self.styles.items():
            if not style.tempo_bpm - self.tempo_spread_bpm >= SLOWEST_BPM:
                raise ValueError(f"{code} to be {SLOWEST_BPM} BPM or more after the spread is taken off")
            if style.tempo_bpm + self.tempo_spread_bpm > FASTEST_BPM:
                raise ValueError(f"{code} to be {FASTEST_BPM} BPM or less with the spread")
        return self


@dataclass(frozen=True)
class Source:
    """A score that was drawn, and what the scores' table says of it."""

    score: Score
    loop_bars: int
    first_bar: int  # of the loop
    file: str
    title: str
    licence: str
    date: str


@dataclass(frozen=True)
class Track:
    """A file to write."""

    code: str
    source: Source
    form: Form
    fault: Fault | None = None

    @property
    def file(self) -> str:
        """Path below the collected folder."""
        stem = self.source.file.removesuffix(".mid").replace("/", "_").replace(".", "-")
        return f"{self.code}/{f'{self.fault}_' if self.fault else ''}{stem}{self.form.suffix}"


def collect(scores: Path, collected: Path, params: CollectParams) -> dict[str, object]:
    """Render scores of the folder `scores` to tracks below `collected`; count what was made."""
    tracks, unfit = draw(scores, params)
    with replacing_folder(collected) as folder:
        lengths: list[float] = map_items(partial(write, folder=folder, params=params), tracks, "collect")
        write_csv(folder / "sources.csv", COLUMNS, sorted(row(track) for track in tracks))
    good = [(track, length) for track, length in zip(tracks, lengths) if not track.fault]

    def count(name: str) -> dict[str, int]:
        return {str(value): times for value, times in sorted(Counter(getattr(t.form, name) for t, _ in good).items())}

    return {
        "tracks": len(good),
        "seconds": round(sum(length for _, length in good), 1),
        "formats": count("format"),
        "rates_hz": count("rate_hz"),
        "channels": count("channels"),
        "styles": dict(sorted(Counter(track.code for track, _ in good).items())),
        "scores": dict(sorted(Counter(track.source.file.partition("/")[0] for track, _ in good).items())),
        "unfit_scores": dict(sorted(unfit.items())),
        "faults": dict(sorted(Counter(track.fault for track in tracks if track.fault).items())),
        "ffmpeg": identity(),  # another one encodes to other bytes
    }


def draw(folder: Path, params: CollectParams) -> tuple[list[Track], Counter[str]]:
    """The tracks to write, each with a score of its own; and why other scores that were drawn can't be used.

    The faults are played in the styles in turn. Raises StageError if a folder of scores has too few.
    """
    with (folder / "sources.csv").open(encoding="utf-8", newline="") as file:
        table = {entry["file"]: entry for entry in csv.DictReader(file)}
    names = [code for code, style in params.styles.items() for _ in range(style.tracks)]
    forms = [params.forms[place % len(params.forms)] for place in range(len(names))]
    asked: list[tuple[str, Form, Fault | None]] = [(code, form, None) for code, form in zip(names, forms)]
    codes = list(params.styles)
    asked += [(codes[n % len(codes)], form, fault) for n, (fault, form) in enumerate(params.faults.forms.items())]

    unfit: Counter[str] = Counter()
    genres = sorted({style.scores for style in params.styles.values()})
    found = {genre: _sources(folder, genre, table, params, unfit) for genre in genres}
    tracks: list[Track] = []
    for code, form, fault in asked:
        genre = params.styles[code].scores
        source = next(found[genre], None)
        if source is None:
            taken = sum(track.source.file.startswith(f"{genre}/") for track in tracks)
            raise StageError(
                f"{folder / genre} has {taken} scores that loops can be cut from, but the styles of lofi.collect need "
                f"more; lower their tracks, or let them draw from another folder"
            )
        tracks.append(Track(code, source, form, fault))
    return tracks, unfit


def _sources(
    folder: Path, genre: str, table: dict[str, dict[str, str]], params: CollectParams, unfit: Counter[str]
) -> Iterator[Source]:
    """The scores of `genre` in the order of the draw, those that can be used; `unfit` counts the others by reason."""
    files = sorted(name for name in table if name.startswith(f"{genre}/"))
    rng = generator(params.seed, genre)
    for place in rng.permutation(len(files)).tolist():
        entry = table[files[place]]
        bars = params.loop_bars[int(rng.integers(len(params.loop_bars)))]
        if any(word in entry["licence"] for word in params.licences_refused):
            unfit["licence"] += 1
            continue
        try:
            score = read(folder / files[place])
        except Unfit as error:
            unfit[error.reason] += 1
            continue
        starts = loops(score, bars)
        if not starts:
            unfit["no_loop"] += 1
            continue
        first = starts[int(rng.integers(len(starts)))]
        title = entry["title"] or entry["source_id"]
        yield Source(score, bars, first, files[place], title, entry["licence"], entry["package_date"])


def generator(seed: int, name: str) -> np.random.Generator:
    """Random numbers of `name` alone: they don't change when others come or go."""
    return np.random.Generator(np.random.PCG64(int(sha256(f"{seed} {name}".encode())[:16], 16)))


def write(track: Track, folder: Path, params: CollectParams) -> float:
    """Write `track` below `folder`; its length in seconds, 0 if it is no audio."""
    rng = generator(params.seed, track.file)
    path = folder / track.file
    if track.fault == "noise":
        write_bytes(path, rng.bytes(params.faults.noise_bytes))
        return 0.0
    samples = play(track, params, rng)
    encode(samples, track.form, path)
    if track.fault == "truncated":
        data = path.read_bytes()
        write_bytes(path, data[: int(len(data) * params.faults.kept_share)])
    return len(samples) / track.form.rate_hz


def play(track: Track, params: CollectParams, rng: np.random.Generator) -> Pcm:
    """The samples of `track`, shape (samples, channels)."""
    style, source, faults = params.styles[track.code], track.source, params.faults
    tempo_bpm = style.tempo_bpm + int(rng.integers(-params.tempo_spread_bpm, params.tempo_spread_bpm + 1))
    shortest, longest = params.seconds
    # the last bar is whole, so that up to a bar is missing
    most_s = rng.uniform(min(shortest + BAR * 60 / tempo_bpm, longest), longest)
    peak_db = rng.uniform(params.peak_db[0], params.peak_db[1])
    if track.fault == "clipped":
        peak_db = faults.overdrive_db
    if track.fault == "silent":
        return np.zeros((round(most_s * track.form.rate_hz), track.form.channels), np.int16)
    notes = loop(source.score, source.first_bar, source.loop_bars)
    performance = arrangement.perform(notes, source.loop_bars, style, tempo_bpm, most_s, rng)
    samples = synth.pcm(synth.render(performance, style, track.form.rate_hz, rng), peak_db, track.form.channels)
    if track.fault == "too_short":
        samples = samples[: round(faults.short_s * track.form.rate_hz)]
    if track.fault == "mostly_silent":
        samples[round(faults.music_s * track.form.rate_hz) :] = 0
    return samples


def encode(samples: Pcm, form: Form, path: Path) -> None:
    """Write `samples`, shape (samples, channels), to `path` by ffmpeg. Raises OSError if that fails.

    Without SIMD code, time stamps and encoders' names, so that the same samples give the same bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        command = [
            *(ffmpeg(), "-hide_banner", "-nostdin", "-v", "error", "-y", "-cpuflags", "0"),
            *("-f", "s16le", "-ar", f"{form.rate_hz}", "-ac", f"{form.channels}", "-i", "pipe:0", "-threads", "1"),
            *("-map_metadata", "-1", *ENCODERS[form.format], "-fflags", "+bitexact", "-flags:a", "+bitexact"),
            f"file:{temporary.absolute()}",
        ]
        done = subprocess.run(command, input=samples.astype("<i2").tobytes(), capture_output=True, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().replace("\n", "; ")
            raise OSError(f"{path} can't be written by ffmpeg: {said}")


def row(track: Track) -> tuple[object, ...]:
    """The row of `track` in sources.csv. Nobody has rated it."""
    source = track.source
    if track.fault in ("noise", "silent"):
        return track.file, "refrain synthesiser", "CC0", 0, source.date, track.code, ""
    provider = f"refrain synthesiser; score: {source.title}"
    return track.file, provider, f"rendering CC0; score: {source.licence}", 0, source.date, track.code, ""


if __name__ == "__main__":
    raise SystemExit(run(collect))
