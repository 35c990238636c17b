"""Notes per second of reading and encoding, ours against MidiTok's REMI+ on the same files in one process.

    python -m tests.bench_tokens [FOLDER of MIDI files ...]

Without a folder: the shipped scores (after `make repro`), and the hymns where they are at hand (see conftest). Three
long pieces are made here. Both sides read and encode all files in turn, some times over; a file's time is the best of
these. Ends with 1 if we are less than BAR times as fast or lose a note.
"""

import os
import random
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

import symusic
from miditok import REMI, TokenizerConfig

from stages.midi import tokens
from stages.midi.reader import Caps, Refusal, read
from stages.midi.song import DRUMS, Song, normal, table
from stages.midi.vocabulary import Ints, Vocabulary
from stages.midi.writer import write
from tests.conftest import ROOT

BAR = 5
PASSES = 7
RESOLUTION = 24  # MidiTok's positions per quarter
CAPS = Caps(bytes=1 << 26, ticks=1 << 30, notes=1 << 20, bars=1 << 20, seconds=1 << 20)
Note = tuple[float, ...]  # onset, program, pitch, velocity, duration; times in the file's ticks


def miditok() -> Any:
    """MidiTok's REMI+ with all it can keep: long notes, 127 velocities, programs, tempos, many metres."""
    metres = {2: [*range(1, 13)], 4: [*range(1, 13)], 8: [*range(1, 25)], 16: [*range(1, 25)]}
    return REMI(
        TokenizerConfig(
            pitch_range=(0, 127),
            beat_res={(0, 64): RESOLUTION},
            num_velocities=127,
            use_programs=True,
            use_tempos=True,
            num_tempos=128,
            tempo_range=(10, 400),
            use_time_signatures=True,
            time_signature_range=metres,
        )
    )


def long_piece(seed: int, notes: int, jitter: int) -> Song:
    """A made-up piece for four programs and drums on sixteenths and triplets, its ticks up to `jitter` late."""
    rng = random.Random(seed)
    rows, tempos = [], [(0, 500_000)]
    for at in range(notes // 5):
        onset = at * rng.choice([120, 160])
        for program in (0, 24, 32, 48, DRUMS):
            late = rng.randint(0, jitter)
            length = rng.choice([120, 160, 240, 480, 960]) - rng.randint(0, jitter)
            pitch = rng.randint(35, 59) if program == DRUMS else rng.randint(36, 84)
            rows.append((onset + late, program, pitch, rng.randint(30, 127), length))
        if at % 400 == 0:
            tempos.append((onset, 60_000_000 // rng.randint(60, 180)))
    return normal(Song(480, table(rows, 5), table(tempos, 2), table([(0, 3, 4), (72_000, 4, 4), (168_000, 7, 8)], 3)))


def ours(path: Path) -> tuple[Song, Ints]:
    """A file's song and tokens."""
    song = read(path.read_bytes(), CAPS).song
    return song, tokens.encode(song, Vocabulary.native(song.ticks_per_quarter))


def our_notes(song: Song) -> Iterable[Note]:
    return map(tuple, song.notes.tolist())


def their_notes(score: Any, ticks_per_quarter: int) -> Iterable[Note]:
    scale = ticks_per_quarter / score.ticks_per_quarter
    for track in score.tracks:
        program = DRUMS if track.is_drum else track.program
        for note in track.notes:
            yield note.time * scale, program, note.pitch, note.velocity, note.duration * scale


def kept(before: Iterable[Note], after: Iterable[Note]) -> int:
    """Number of notes that are in both."""
    return (Counter(before) & Counter(after)).total()


def seconds(work: Callable[[Path], Any], paths: list[Path], best: list[float]) -> None:
    """Lowers each file's time in `best` to what `work` takes now, one file after the other."""
    for index, path in enumerate(paths):
        begin = perf_counter()
        work(path)
        best[index] = min(best[index], perf_counter() - begin)


def measure(paths: list[Path], tokenizer: Any) -> tuple[str, bool]:
    """A row of the table for these files, and whether it passes."""
    notes = our_kept = their_kept = our_tokens = their_tokens = 0
    for path in paths:
        song, ids = ours(path)
        score = symusic.Score(path)
        coded = tokenizer.encode(score)
        notes += len(song.notes)
        our_tokens += len(ids)
        their_tokens += sum(map(len, coded)) if isinstance(coded, list) else len(coded)
        our_kept += kept(our_notes(song), our_notes(tokens.decode(ids, Vocabulary.native(song.ticks_per_quarter))))
        restored = tokenizer.decode(coded)
        # what lasts no tick, which symusic keeps, lasts one in a normal form
        whole = [(*note[:-1], max(note[-1], 1)) for note in their_notes(score, score.ticks_per_quarter)]
        their_kept += kept(whole, their_notes(restored, score.ticks_per_quarter))
    our_times, their_times = [float("inf")] * len(paths), [float("inf")] * len(paths)
    for _ in range(PASSES):
        seconds(ours, paths, our_times)
        seconds(lambda path: tokenizer.encode(symusic.Score(path)), paths, their_times)
    our_time, their_time = sum(our_times), sum(their_times)
    ratio = their_time / our_time
    row = f"{notes:8} {notes / their_time:10,.0f} {notes / our_time:10,.0f} {ratio:6.1f}"
    row += f"  {their_kept / notes:8.1%} {our_kept / notes:8.1%}  {their_tokens / notes:8.2f} {our_tokens / notes:6.2f}"
    return row, ratio >= BAR and our_kept == notes


def usable(folder: Path) -> list[Path]:
    """The files of a folder that hold notes."""
    paths = []
    for path in sorted([*folder.rglob("*.mid"), *folder.rglob("*.midi")]):
        try:
            read(path.read_bytes(), CAPS)
        except Refusal as refusal:
            print(f"left out: {path.name}: {refusal}")
        else:
            paths.append(path)
    return paths


def main(arguments: list[str]) -> int:
    """Prints the table."""
    warnings.simplefilter("ignore")
    tokenizer = miditok()
    hymns = Path(os.environ.get("REFRAIN_HYMNS") or ROOT.parent / "shared" / "data" / "hymns")
    folders = [Path(argument) for argument in arguments] or [ROOT / "data" / "midi" / "collected", hymns]
    with tempfile.TemporaryDirectory() as scratch:
        made = {"long-exact": (6_000, 0), "longer-exact": (20_000, 0), "long-performed": (6_000, 9)}
        for seed, (name, (notes, jitter)) in enumerate(made.items()):
            Path(scratch, f"{name}.mid").write_bytes(write(long_piece(seed, notes, jitter)))
        sets = {folder.name: usable(folder) for folder in folders if folder.is_dir()}
        sets |= {path.stem: [path] for path in sorted(Path(scratch).iterdir())}
        print(f"{'':16} {'':5} {'':8} {'notes/s':>21} {'':6}  {'exactly restored':>17}  {'tokens/note':>15}")
        print(
            f"{'':16} {'files':>5} {'notes':>8} {'MidiTok':>10} {'ours':>10} {'ratio':>6}  "
            f"{'MidiTok':>8} {'ours':>8}  {'MidiTok':>8} {'ours':>6}"
        )
        passed = True
        for name, paths in sets.items():
            if paths:
                row, is_good = measure(paths, tokenizer)
                passed &= is_good
                print(f"{name:16} {len(paths):5} {row}")
    print(f"at least {BAR} times MidiTok with every note restored: {'yes' if passed else 'NO'}")
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
