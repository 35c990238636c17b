"""Chords of a song: their names, and the ones that its notes suggest."""

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from stages.midi.song import DRUMS, DURATION, ONSET, PITCH, PROGRAM, Song, Table, bars, normal, table

ROOTS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
TONES = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "6": (0, 4, 7, 9),
    "min6": (0, 3, 7, 9),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "dim7": (0, 3, 6, 9),
    "hdim7": (0, 3, 6, 10),
    "minmaj7": (0, 3, 7, 11),
    "7sus4": (0, 5, 7, 10),
    "9": (0, 2, 4, 7, 10),
    "maj9": (0, 2, 4, 7, 11),
    "min9": (0, 2, 3, 7, 10),
}  # semitones above the root
QUALITIES = tuple(TONES)  # a song's chord rows hold an index into this
NAMES = tuple(root + quality for root in ROOTS for quality in QUALITIES)
_INDEX = {name: divmod(index, len(QUALITIES)) for index, name in enumerate(NAMES)}

Scores = npt.NDArray[np.float64]

# Chosen on made progressions like those of tests/midi/test_chords.py and on six Bach chorales with the analyses that
# music21 has of them (377 beats: root right 0.87, root and third 0.86, all tones 0.69).
FOREIGN = 0.6  # cost of the share of sound outside the chord
ABSENT = 0.6  # cost of a chord without sound on any of its tones, shared between them
RARE = 0.085  # cost of each tone beyond three, so that a triad with a passing note stays one
UNUSUAL = (
    0.05  # cost of what is neither major nor minor below its sevenths, by which equal sets of tones are told apart
)
BASS = 0.14  # worth of the root in the bass
CHANGE = 0.35  # cost of another chord at a beat inside a bar; half of it on a bar line


def name(root: int, quality: int) -> str:
    """Name such as "Cmaj7" of the chord on pitch class `root` with the quality QUALITIES[quality]."""
    return NAMES[root * len(QUALITIES) + quality]


def parse(name: str) -> tuple[int, int]:
    """Root and quality of a chord's name. Raises KeyError if there is no such chord."""
    return _INDEX[name]


def with_chords(song: Song, grid: Literal["beat", "bar"]) -> Song:
    """`song`, in normal form, with the chords its notes suggest in place of those it has, at most one per beat or bar.

    Each beat or bar is scored against every chord by the tones that sound in it and the bass; a path through the scores
    that pays for changes (Viterbi) decides. A song of drums alone has no chords.
    """
    notes = song.notes[song.notes[:, PROGRAM] != DRUMS]
    if not len(notes):
        return normal(replace(song, chords=table([], 3)))
    starts, on_bar = _spans(song, grid)
    path = _path(_scores(*_sound(notes, starts)), np.where(on_bar, CHANGE / 2, CHANGE))
    chords = np.column_stack([starts, path // len(QUALITIES), path % len(QUALITIES)])
    return normal(replace(song, chords=table(chords, 3)))


def _spans(song: Song, grid: Literal["beat", "bar"]) -> tuple[Table, npt.NDArray[np.bool_]]:
    """Starts of the beats or bars in ticks, and which are bar lines. A beat of 6/8, 9/8 and 12/8 has three eighths."""
    lines = bars(song)
    if grid == "bar":
        return lines[:, 0], np.ones(len(lines), dtype=bool)
    starts, stop = [], int(song.notes[-1, ONSET]) + 1
    for (start, length, numerator, _), end in zip(lines.tolist(), [*lines[1:, 0].tolist(), stop]):
        beats = numerator // 3 if numerator % 3 == 0 and numerator > 3 else numerator
        # a beat that isn't a whole number of ticks starts at the tick it falls into
        starts.append(np.unique(start + np.arange(beats) * length // beats))
        starts[-1] = starts[-1][starts[-1] < end]
    every = np.concatenate(starts)
    return every, np.isin(every, lines[:, 0])


def _sound(notes: Table, starts: Table) -> tuple[Scores, npt.NDArray[np.int64]]:
    """Of each span the share of sound of the 12 pitch classes, shape (spans, 12), and its bass's pitch class or -1."""
    begin, pitch = notes[:, ONSET], notes[:, PITCH]
    stop = begin + notes[:, DURATION]
    first = np.searchsorted(starts, begin, side="right") - 1
    last = np.searchsorted(starts, stop - 1, side="right") - 1
    counts = last - first + 1
    note = np.repeat(np.arange(len(notes)), counts)
    span = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[note]
    edges = np.append(starts, np.iinfo(np.int64).max)
    overlap = np.minimum(stop[note], edges[span + 1]) - np.maximum(begin[note], starts[span])
    sound = np.bincount(span * 12 + pitch[note] % 12, weights=overlap, minlength=12 * len(starts)).reshape(-1, 12)
    # the bass is the pitch class that lies lowest for longest; a longer share of the span counts like a lower octave
    lowest = np.full(len(starts), 128, dtype=np.int64)
    np.minimum.at(lowest, span, pitch[note])
    low = np.where(pitch[note] < lowest[span] + 12, overlap * 2.0 ** ((lowest[span] - pitch[note]) / 3), 0.0)
    bass = np.bincount(span * 12 + pitch[note] % 12, weights=low, minlength=12 * len(starts)).reshape(-1, 12)
    total = sound.sum(axis=1)
    shares = sound / np.maximum(total, 1)[:, None]
    return shares, np.where(total > 0, bass.argmax(axis=1), -1)


def _templates() -> tuple[npt.NDArray[np.bool_], Scores]:
    """Tones of all chords in the order of NAMES, shape (chords, 12), and what each costs whatever sounds."""
    tones = np.zeros((12, len(QUALITIES), 12), dtype=bool)
    cost = np.zeros(len(QUALITIES))
    usual = {"maj", "min", "7", "min7", "maj7"}
    for index, (quality, steps) in enumerate(TONES.items()):
        cost[index] = RARE * (len(steps) - 3) + UNUSUAL * (quality not in usual)
        for root in range(12):
            tones[root, index, [(root + step) % 12 for step in steps]] = True
    return tones.reshape(-1, 12), np.tile(cost, 12)


def _scores(shares: Scores, bass: npt.NDArray[np.int64]) -> Scores:
    """How well each chord fits each span, shape (spans, chords); 0 throughout where nothing sounds."""
    tones, cost = _templates()
    inside = shares @ tones.T.astype(np.float64)
    heard = np.minimum(shares / 0.1, 1.0) @ (tones / tones.sum(axis=1, keepdims=True)).T
    roots = np.arange(len(tones)) // len(QUALITIES)
    scores: Scores = inside - FOREIGN * (1 - inside) - ABSENT * (1 - heard) - cost + BASS * (bass[:, None] == roots)
    scores[bass < 0] = 0
    return scores


def _path(scores: Scores, change: Scores) -> npt.NDArray[np.int64]:
    """The chord of each span on the path with the highest sum of `scores` less `change` for each change."""
    total = scores[0]
    came = np.empty(scores.shape, dtype=np.int64)
    same = np.arange(scores.shape[1])
    for span in range(1, len(scores)):
        best = int(total.argmax())
        moved = total[best] - change[span]
        came[span] = np.where(total >= moved, same, best)
        total = np.maximum(total, moved) + scores[span]
    path = np.empty(len(scores), dtype=np.int64)
    path[-1] = total.argmax()
    for span in range(len(scores) - 1, 0, -1):
        path[span - 1] = came[span, path[span]]
    return path
