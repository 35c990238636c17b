"""Which pieces are the same music, the same tune or the same work, so that no two splits share one.

Pieces are joined by keys (all notes, the intervals of the top voice, the title of a work), by a long run of intervals
that both top voices have in whatever rhythm, and by how many short phrases of one tune the other has too, of the tune
as it stands and of its outline on the beats, which ornaments leave as it is.
Tempo, velocity and resolution change none of these, transposition only the first.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import Field

from stages.files import sha256
from stages.midi.song import DRUMS, DURATION, ONSET, PITCH, PROGRAM, Song, Table, table
from stages.params import Params

GRID = 24  # steps per quarter on which two files' times are compared; triplets and 32nds lie on it
ROLLED = 2  # steps: a higher note so soon after is one of a chord that a player rolled or a file wrote unevenly
LONGEST_RATIO = 3  # neighbouring onset distances are compared up to a ratio of 2**3; beyond that all are alike
PLAIN_INTERVALS = 2  # a phrase of no more different intervals is a scale or a drone, which tunes share by chance
OUTLINE_MOVES = 0.75  # share of the beats of a phrase in an outline that must have another pitch than the one before
FEWEST_SHARED = 4  # phrases; two tunes of a few notes may share one or two by chance


Hashes: TypeAlias = npt.NDArray[np.uint64]  # sorted, each once


class Similarity(Params):
    """When two files count as the same tune."""

    melody_notes: int = Field(ge=4)  # a shorter top voice is no evidence
    phrase_notes: int = Field(ge=4)  # intervals in a phrase of a tune
    phrase_beats: int = Field(ge=4)  # intervals in a phrase of its outline, of quarters
    containment: float = Field(gt=0, le=1)  # share of the phrases of the tune with fewer that the other one has too
    common_intervals: int = Field(ge=4)  # a run that both top voices have, repeated notes as one, in any rhythm
    common_kinds: int = Field(ge=1)  # different intervals in such a run: one with fewer is a scale or a figure
    title_letters: int = Field(ge=1)  # a shorter title is no evidence
    title_works: int = Field(
        ge=2
    )  # a title that more different pieces bear names a form (Kyrie), not a work, unless it is in `Keys.work`


@dataclass(frozen=True)
class Keys:
    """What one file is compared by."""

    content: str
    melody: str | None
    titles: tuple[str, ...]
    work: str | None  # what the file's source says it is a movement of
    phrases: Hashes  # of the top voice
    outline: Hashes  # of its outline
    runs: Hashes  # of `common_intervals` intervals of the top voice


def keys(song: Song, titles: Iterable[str], work: str, similarity: Similarity) -> Keys:
    """Keys of `song`, a song in normal form, that bears `titles` and belongs to `work`, or to none if that is empty."""
    voice = top_voice(song)
    long_enough = len(voice) >= similarity.melody_notes
    found = {title_key(title, similarity.title_letters) for title in titles}
    return Keys(
        content(song),
        sha256(np.diff(voice[:, 1]).astype("<i8").tobytes()) if long_enough else None,
        tuple(sorted(title for title in found if title)),
        title_key(work, 1),
        phrases(voice if long_enough else voice[:0], similarity.phrase_notes),
        outline(voice if long_enough else voice[:0], similarity.phrase_beats),
        runs(voice, similarity.common_intervals, similarity.common_kinds),
    )


def content(song: Song) -> str:
    """Hash of the notes of `song` on a common grid, from the first onset on.

    Files that differ in resolution, velocity, tempo, metre, leading silence or by less than half a grid step have the
    same hash.
    """
    notes = song.notes
    onset = _steps(notes[:, ONSET] - notes[0, ONSET], song.ticks_per_quarter)
    duration = np.maximum(_steps(notes[:, DURATION], song.ticks_per_quarter), 1)
    rows = np.column_stack([onset, notes[:, PROGRAM], notes[:, PITCH], duration])
    return sha256(rows[np.lexsort(rows.T[::-1])].astype("<i8").tobytes())


def _steps(ticks: Table, ticks_per_quarter: int) -> Table:
    """`ticks` in steps of 1 / GRID quarter, rounded half up."""
    return (2 * GRID * ticks + ticks_per_quarter) // (2 * ticks_per_quarter)


def top_voice(song: Song) -> Table:
    """The highest sounding voice of `song`, shape (notes, 2): onset in 1 / GRID quarters, pitch.

    Of notes that start together, or up to ROLLED apart, the highest, unless a higher one still sounds. Drums are left
    out.
    """
    notes = song.notes[song.notes[:, PROGRAM] != DRUMS]
    onset = _steps(notes[:, ONSET], song.ticks_per_quarter)
    order = np.lexsort([-notes[:, PITCH], onset])
    first = order[np.diff(onset[order], prepend=-1) != 0]
    end = onset[first] + np.maximum(_steps(notes[first, DURATION], song.ticks_per_quarter), 1)
    voice: list[tuple[int, int]] = []
    until, highest = 0, -1
    for start, pitch, stop in zip(onset[first].tolist(), notes[first, PITCH].tolist(), end.tolist()):
        # a voice held by a pedal or a player overlaps its next note a little: only a note that starts inside is covered
        if start < until - 1 and pitch < highest:
            continue
        if voice and start - voice[-1][0] <= ROLLED and pitch > highest:
            start = voice.pop()[0]
        voice.append((start, pitch))
        until, highest = stop, pitch
    return table(voice, 2)


def phrases(voice: Table, notes: int) -> Hashes:
    """Hashes of the phrases of `notes` intervals in `voice`, without scales and drones.

    A phrase is its intervals in semitones and the ratios of neighbouring onset distances in powers of two.
    """
    if len(voice) <= notes:
        return np.zeros(0, dtype=np.uint64)
    ratios = np.diff(np.log2(np.diff(voice[:, 0])))
    rhythm = np.clip(np.rint(ratios), -LONGEST_RATIO, LONGEST_RATIO).astype(np.int64)
    intervals = sliding_window_view(np.diff(voice[:, 1]), notes)
    return _hashes(np.hstack([intervals, sliding_window_view(rhythm, notes - 1)])[_kinds(intervals) > PLAIN_INTERVALS])


def outline(voice: Table, beats: int) -> Hashes:
    """Hashes of the phrases of `beats` intervals between the pitches of `voice` on the quarters, ornaments left out.

    Scales and phrases with many repeated pitches are left out.
    """
    if not len(voice):
        return np.zeros(0, dtype=np.uint64)
    quarters = np.arange(-(-voice[0, 0] // GRID), voice[-1, 0] // GRID + 1) * GRID
    pitches = voice[np.searchsorted(voice[:, 0], quarters, side="right") - 1, 1]
    if len(pitches) <= beats:
        return np.zeros(0, dtype=np.uint64)
    intervals = sliding_window_view(np.diff(pitches), beats)
    moves = (intervals != 0).sum(axis=1)
    return _hashes(intervals[(moves >= OUTLINE_MOVES * beats) & (_kinds(intervals) > PLAIN_INTERVALS)])


def runs(voice: Table, intervals: int, kinds: int) -> Hashes:
    """Hashes of the runs of `intervals` intervals in `voice`, repeated notes as one, with `kinds` different ones."""
    steps = np.diff(voice[:, 1])
    steps = steps[steps != 0]
    if len(steps) < intervals:
        return np.zeros(0, dtype=np.uint64)
    windows = sliding_window_view(steps, intervals)
    return _hashes(windows[_kinds(windows) >= kinds])


def _kinds(windows: Table) -> Table:
    """How many different intervals each row of `windows` has; a repeated pitch is none."""
    steps = np.diff(np.sort(windows, axis=1), axis=1) != 0
    kinds: Table = 1 + np.count_nonzero(steps, axis=1) - (windows == 0).any(axis=1)
    return kinds


def _hashes(rows: Table) -> Hashes:
    """A hash of each row: a sum of its values, each by a random odd weight, modulo 2**64."""
    weights = np.random.default_rng(0).integers(1, 2**63, rows.shape[1], dtype=np.uint64) | np.uint64(1)
    return np.unique((rows.astype(np.uint64) * weights).sum(axis=1, dtype=np.uint64))


def title_key(title: str, letters: int) -> str | None:
    """`title` without case, accents, marks, leading numbers and a trailing "(2)"; None below `letters` letters."""
    plain = unicodedata.normalize("NFKD", re.sub(r"\s*\(\d+\)\s*$", "", title)).casefold()
    words = re.findall(r"[^\W_]+", "".join(letter for letter in plain if not unicodedata.combining(letter)))
    while words and words[0].isdecimal():
        words = words[1:]
    key = " ".join(words)
    return key if sum(letter.isalpha() for letter in key) >= letters else None


def named_works(files: Sequence[Keys], similarity: Similarity) -> set[str]:
    """The titles that name a work: at most `title_works` different pieces bear them, or a source says it is one."""
    pieces: dict[str, set[str]] = defaultdict(set)
    for file in files:
        for title in file.titles:
            pieces[title].add(file.content)
    few = {title for title, contents in pieces.items() if len(contents) <= similarity.title_works}
    return few | {file.work for file in files if file.work}


def overlaps(files: Sequence[Keys], containment: float) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of files whose tunes or whose outlines share phrases: at least FEWEST_SHARED, and the share
    `containment` of the phrases of the one with fewer."""
    found = (
        _overlaps([file.phrases for file in files], containment),
        _overlaps([file.outline for file in files], containment),
    )
    return sorted(set().union(*found))


def _overlaps(files: Sequence[Hashes], containment: float) -> list[tuple[int, int]]:
    if not files:
        return []
    sizes = np.array([len(file) for file in files])
    _, phrase = np.unique(np.concatenate(files), return_inverse=True)
    by_phrase = np.argsort(phrase, kind="stable")
    holders = np.repeat(np.arange(len(files)), sizes)[by_phrase]
    starts = np.searchsorted(phrase[by_phrase], np.arange(phrase.max(initial=-1) + 2))
    pairs = []
    for file, (stop, size) in enumerate(zip(np.cumsum(sizes).tolist(), sizes.tolist())):
        mine = phrase[stop - size : stop]
        counts = starts[mine + 1] - starts[mine]
        inside = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        shared = np.bincount(holders[np.repeat(starts[mine], counts) + inside], minlength=len(files))[:file]
        enough = (shared >= FEWEST_SHARED) & (shared >= containment * np.minimum(sizes[:file], size))
        pairs += [(other, file) for other in np.flatnonzero(enough).tolist()]
    return pairs


def groups(files: Sequence[Keys], similarity: Similarity) -> list[int]:
    """For each file the index of the first one of its group: files that share a key, a run or enough phrases, or that
    are linked by others that do."""
    parent = list(range(len(files)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def join(one: int, other: int) -> None:
        low, high = sorted((root(one), root(other)))
        parent[high] = low

    works = named_works(files, similarity)
    first: dict[tuple[str, str], int] = {}
    for index, file in enumerate(files):
        for key in links(file, works):
            join(index, first.setdefault(key, index))
    holder: dict[int, int] = {}
    for index, file in enumerate(files):
        for run in file.runs.tolist():
            join(index, holder.setdefault(run, index))
    for one, other in overlaps(files, similarity.containment):
        join(one, other)
    return [root(index) for index in range(len(files))]


def links(file: Keys, works: set[str]) -> list[tuple[str, str]]:
    """The keys by which `file` is joined to others with the same one; of its titles those in `works`."""
    found = {"content": file.content, "melody": file.melody, "work": file.work}
    titles = [("title", title) for title in file.titles if title in works]
    return [*((kind, key) for kind, key in found.items() if key), *titles]
