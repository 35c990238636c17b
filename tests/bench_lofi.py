"""Curating recordings side by side with ffmpeg-normalize's peak mode: seconds of processor and clock, and memory.

    python -m tests.bench_lofi [FOLDER]

Takes the recordings of the folder it is given, by default songs of about three minutes that it joins from the tracks
of data/lofi/collected, in five formats. Both programs use the same ffmpeg, the same encoder settings and the same
target, and take turns; each run is a process of its own, whose children count. Then it measures
- a thousand recordings of half a minute, all of them, and again after one of them has changed;
- the largest memory of a worker and its ffmpeg together, on a file of ten hours, one of eight channels at 192 kHz, and
  one that is near its highest sample throughout;
- the index of fingerprints with 100,000 tracks of random words.
Ends with 1 if a figure misses its bar.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import psutil

from stages.lofi import media
from stages.lofi.fingerprint import LONGEST_S, Index
from stages.lofi.track import RATE_HZ
from tests.conftest import ROOT
from tests.lofi.sounds import decoded, encoded, wav

ROUNDS = 3
SONG_TRACKS = 4  # of a song
FORMS: Mapping[str, Sequence[str]] = {
    ".wav": (),
    ".flac": (),
    ".mp3": ("-c:a", "libmp3lame", "-q:a", "2"),
    ".m4a": ("-c:a", "aac", "-b:a", "192k"),
    ".ogg": ("-c:a", "libvorbis", "-q:a", "6"),
}
MANY, PIECE_S = 1000, 31.0
WORD_S = 0.1238  # of music to a word of a fingerprint
TRACKS, LOOKUPS = 100_000, 300
BARS = {"processor": 1.1, "clock": 0.65, "changed": 0.2, "memory_mib": 400.0, "index_mib": 512.0, "query_ms": 5.0}
RECALL = 0.99  # of tracks with 6 % of their bits altered
Spent = tuple[float, float]  # seconds of processor, and of the clock


def songs(folder: Path) -> float:
    """Write the default recordings to `folder`; their seconds."""
    curated = sorted((ROOT / "data" / "lofi" / "curated").glob("*.mp3"))
    if not curated:
        raise SystemExit("data/lofi/curated has no tracks: run `dvc repro lofi_curate`, or name a folder of recordings")
    seconds = 0.0
    # each track is in two songs: those that begin with every second track
    for place, first in enumerate(range(0, len(curated) - SONG_TRACKS + 1, SONG_TRACKS // 2)):
        plain = folder / "song.f32.wav"
        wav(plain, np.concatenate([_quieter(path) for path in curated[first : first + SONG_TRACKS]]), RATE_HZ)
        suffix, options = list(FORMS.items())[place % len(FORMS)]
        encoded(folder / f"song-{place}{suffix}", plain, "-ar", "44100", *options)
        seconds += plain.stat().st_size / 8 / RATE_HZ
        plain.unlink()
    return seconds


def _quieter(path: Path) -> media.Samples:
    return decoded(path) * np.float32(0.5)


def spent(command: Sequence[object], **environment: str) -> Spent:
    """What `command` takes, with all that it starts."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run(list(map(str, command)), check=True, cwd=ROOT, env=os.environ | environment, capture_output=True)
    after, end = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, end - begin


def normalize(folder: Path, scratch: Path) -> Spent:
    """ffmpeg-normalize on all files of `folder`."""
    target = ("-nt", "peak", "-t", "-1", "-ar", RATE_HZ, "-c:a", "libmp3lame", "-b:a", "320k", "-ext", "mp3", "-f")
    program = Path(sys.executable).with_name("ffmpeg-normalize")
    return spent([program, *sorted(folder.iterdir()), *target, "-of", scratch / "theirs"], FFMPEG_PATH=media.ffmpeg())


def ours(folder: Path, scratch: Path, store: str, workers: int) -> Spent:
    """The whole stage on `folder`; what it finds in `store` isn't decoded again."""
    (scratch / "none").mkdir(exist_ok=True)
    pictures = [scratch / f"{name}.png" for name in ("tracks", "refused")]
    places = (folder, scratch / "none", scratch / "ours", *pictures)
    return spent(
        [*(sys.executable, "-m", "stages.lofi.curate", *places, "--params", "lofi.curate", "--metrics"), scratch / "m"],
        REFRAIN_SCRATCH=str(scratch / store),
        REFRAIN_ENGINE="loky" if workers > 1 else "sequential",
        REFRAIN_WORKERS=str(workers),
    )


def pieces(folder: Path, source: Path) -> None:
    """A thousand recordings of half a minute, cut from the songs of `source`."""
    sound = np.concatenate([_quieter(path) for path in sorted(source.iterdir())])[::2].mean(axis=1, keepdims=True)
    length = round(PIECE_S * 22_050)
    starts = np.linspace(0, len(sound) - length, MANY).astype(np.int64)
    for place, start in enumerate(starts):
        wave = sound[start : start + length] * np.float32(0.4 + 0.6 * place / MANY)
        wav(folder / f"{place:04}.wav", np.round(wave * 32767).astype(np.int16), 22_050)


def memory(folder: Path) -> dict[str, float]:
    """MiB that a worker and its ffmpeg take at most together, by file."""
    ten_hours, wide, offset = (folder / f"{name}.flac" for name in ("ten_hours", "wide", "offset"))
    noise = "anoisesrc=d={}:r={}:a=0.3:seed=1"
    _generate(ten_hours, noise.format(36_000, 8000))
    _generate(wide, noise.format(250, 192_000), "-ac", "8")
    _generate(offset, "aevalsrc='0.85+0.09*sin(0.02*n)|0.85+0.09*sin(0.03*n)':d=250:s=48000")
    found = {}
    for path in (ten_hours, wide, offset):
        code = (
            "import sys; from pathlib import Path; from stages.params import load\n"
            "from stages.lofi import track; from stages.lofi.curate import CurateParams\n"
            "params = load(Path('params.yaml'), 'lofi.curate', CurateParams).track\n"
            "found = track.examined(Path(sys.argv[1]), Path(sys.argv[2]), params); assert found.status == 'ok', found\n"
        )
        command = [sys.executable, "-c", code, str(path), str(folder / "result.mp3")]
        found[path.stem] = _most_memory(command)
    return found


def _most_memory(command: Sequence[str]) -> float:
    """MiB that the process of `command` and its children have at most at one time.

    Looked at again and again: what the system keeps as a process's largest size begins with that of its parent.
    """
    most = 0
    with psutil.Popen(command, cwd=ROOT) as process:
        while process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                sizes = [one.memory_info().rss for one in (process, *process.children())]
                most = max(most, sum(sizes))
    if process.returncode:
        raise SystemExit(f"{command[-2]} can't be curated")
    return most / 2**20


def _generate(path: Path, source: str, *options: str) -> None:
    command = [media.ffmpeg(), "-v", "error", "-y", "-f", "lavfi", "-i", source, *options, path]
    subprocess.run(list(map(str, command)), check=True)


def index() -> tuple[float, float, float]:
    """MiB that the index takes, ms of a query in the middle, and the share of altered tracks that are found."""
    rng = np.random.default_rng(1)
    length = round(LONGEST_S / WORD_S)
    before = psutil.Process().memory_info().rss
    found = Index(rng.integers(0, 2**32, TRACKS * length, np.uint32), [length] * TRACKS)
    size = (psutil.Process().memory_info().rss - before) / 2**20
    times, right = [], 0
    for track in rng.integers(TRACKS, size=LOOKUPS).tolist():
        flips = (rng.random((length, 32)) < 0.06) * (1 << np.arange(32, dtype=np.uint64))
        query = (found[track] ^ flips.sum(axis=1).astype(np.uint32))[int(rng.integers(40)) :]
        begin = perf_counter()
        matches = found.matches(query, 0.85)
        times.append(perf_counter() - begin)
        right += bool(matches) and matches[0].track == track
    return size, 1000 * median(times), right / LOOKUPS


def main(arguments: list[str]) -> int:
    """Prints the tables."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        folder = Path(arguments[0]).absolute() if arguments else scratch / "songs"
        folder.mkdir(exist_ok=True)
        seconds = 0.0 if arguments else songs(folder)
        runs: dict[str, list[Spent]] = {"ffmpeg-normalize": [], "ours, one process": [], "ours, two workers": []}
        for turn in range(ROUNDS):
            runs["ffmpeg-normalize"].append(normalize(folder, scratch))
            runs["ours, one process"].append(ours(folder, scratch, f"one-{turn}", 1))
            runs["ours, two workers"].append(ours(folder, scratch, f"two-{turn}", 2))
        middle = {name: tuple(map(median, zip(*spans))) for name, spans in runs.items()}
        print(f"{len(list(folder.iterdir()))} recordings, {seconds:.0f} s, ffmpeg {media.identity()}")
        print(f"{'':18} {'processor s':>12} {'ratio':>6} {'clock s':>8} {'ratio':>6}")
        base = middle["ffmpeg-normalize"]
        for name, (cpu, clock) in middle.items():
            print(f"{name:18} {cpu:12.1f} {cpu / base[0]:6.2f} {clock:8.1f} {clock / base[1]:6.2f}")
        found["processor"] = middle["ours, one process"][0] / base[0]
        found["clock"] = middle["ours, two workers"][1] / base[1]

        many = scratch / "many"
        pieces(many, folder)
        _, full = ours(many, scratch, "many-store", 2)
        changed = many / "0500.wav"
        changed.write_bytes(changed.read_bytes()[:-2] + b"\0\1")
        _, again = ours(many, scratch, "many-store", 2)
        found["changed"] = again / full
        print(
            f"\n{MANY} recordings of {PIECE_S:g} s: {full:.1f} s; one changed: {again:.1f} s, {again / full:.3f} of it"
        )

        sizes = memory(scratch)
        found["memory_mib"] = max(sizes.values())
        print("memory of a worker: " + ", ".join(f"{name} {size:.0f} MiB" for name, size in sizes.items()))
    found["index_mib"], found["query_ms"], recall = index()
    size, query = found["index_mib"], found["query_ms"]
    print(f"index of {TRACKS:,} tracks: {size:.0f} MiB, {query:.2f} ms a query, {recall:.1%} found")
    missed = [f"{name} is {found[name]:.2f}, the bar {bar:g}" for name, bar in BARS.items() if found[name] > bar]
    missed += [f"{recall:.1%} of the altered tracks are found, the bar {RECALL:.0%}"] if recall < RECALL else []
    print("\n".join(missed) or "all within their bars")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
