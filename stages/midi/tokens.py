"""Songs to REMI tokens and back, one token string per song, and songs onto a vocabulary's grid.

    song   = SONG_START bar+ SONG_END
    bar    = BAR_START [TIME_SIG] place* [POS]     TIME_SIG where it changes; a bare POS: the bar is cut there
    place  = POS [TEMPO] [CHORD] note*             rising; POS_0 TEMPO opens the first bar; not empty
    note   = [PROGRAM] (NOTE_ON | DRUM) [VEL] DUR  PROGRAM and VEL where they change; sorted as in `Song.notes`

`grammar` is this as an automaton. SONG_END follows a note.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.midi import chords
from stages.midi.grammar import Grammar
from stages.midi.song import DRUMS, DURATION, ONSET, PITCH, PROGRAM, VELOCITY, Song, normal, table
from stages.midi.vocabulary import OPEN, Ints, Kind, Vocabulary

BAR, METRE, PLACE, TEMPO, CHORD = range(5)  # columns of the rows that `encode` fills; then a note's four
COLUMNS = 9


def encode(song: Song, vocabulary: Vocabulary) -> Ints:
    """Ids of a song in normal form. Raises ValueError if a value of the song has no token.

    Every note, and every tick, cut or empty bar without a note, becomes a row; tokens that a row lacks are -1.
    """
    if song.ticks_per_quarter != vocabulary.ticks_per_quarter:
        raise ValueError(
            f"{song.ticks_per_quarter} ticks per quarter, the vocabulary has {vocabulary.ticks_per_quarter}"
        )
    first = vocabulary.starts
    onsets, block = _note_ids(song.notes, vocabulary)
    bar_starts, signatures, cuts = _bars(song, vocabulary)
    edges = onsets.searchsorted(bar_starts)  # notes before each bar
    sizes = np.empty_like(edges)
    np.subtract(edges[1:], edges[:-1], out=sizes[:-1])
    sizes[-1] = len(onsets) - edges[-1]
    block[0] = onsets - (bar_starts - first[Kind.POSITION]).repeat(sizes)
    block[0, 1:][onsets[1:] == onsets[:-1]] = -1
    marks = _marks(song, vocabulary)
    before = onsets.searchsorted(list(marks))  # notes before each
    extra = _extra_rows(marks, onsets[before].tolist(), before.tolist(), cuts, sizes, bar_starts, edges)
    rows = len(onsets) + len(extra)
    ids = np.full(rows * COLUMNS + 2, -1)
    ids[0], ids[-1] = first[Kind.START], first[Kind.END]
    grid = ids[1:-1].reshape(rows, COLUMNS)
    if extra:
        _, bars, stops, _ = zip(*extra)
        note_rows = np.bincount(stops, minlength=len(onsets)).cumsum()
        note_rows += np.arange(len(onsets))
        grid[note_rows, PLACE:] = block.T
        owned = np.bincount(bars, minlength=len(edges))
        edges = edges + owned.cumsum() - owned
        before = note_rows[before]
    else:
        grid[:, PLACE:] = block.T
    grid[edges, BAR] = first[Kind.BAR]
    for bar, token in signatures:
        grid[edges[bar], METRE] = token
    row_of = dict(zip(marks, before.tolist()))
    for rank, (key, _, stop, position) in enumerate(extra):
        if position >= 0:
            grid[stop + rank, PLACE] = position + first[Kind.POSITION]
        if key % 2 and key // 2 in marks:
            row_of[key // 2] = stop + rank
    for tick, (tempo, chord) in marks.items():
        grid[row_of[tick], TEMPO : CHORD + 1] = tempo, chord
    return ids[ids >= 0]


def _marks(song: Song, vocabulary: Vocabulary) -> dict[int, tuple[int, int]]:
    """Tempo and chord tokens by tick, -1 where only the other changes."""
    marks = {tick: (vocabulary.id(Kind.TEMPO, tempo), -1) for tick, tempo in song.tempos.tolist()}
    for tick, root, quality in song.chords.tolist():
        marks[tick] = (marks.get(tick, (-1,))[0], vocabulary.id(Kind.CHORD, (root, quality)))
    return marks


def _extra_rows(
    ticks: Iterable[int],
    onsets: list[int],
    before: list[int],
    cuts: list[int],
    sizes: Ints,
    bar_starts: Ints,
    edges: Ints,
) -> list[tuple[int, int, int, int]]:
    """Rows without a note, in order: key, bar, notes before, position or -1.

    They are those of `ticks` without an onset, for each of which the next onset and the notes before are given, of
    bars cut short, and of bars without a note. A key is 2 * tick + 1; that of a cut is even, as it comes before what
    is at the same tick.
    """
    rows = []
    silent = [(tick, stop) for tick, onset, stop in zip(ticks, onsets, before) if tick != onset]
    empty = (sizes == 0).nonzero()[0].tolist()
    if silent or cuts or empty:
        starts, notes = bar_starts.tolist(), edges.tolist()
        for tick, stop in silent:
            bar = bisect_right(starts, tick) - 1
            rows.append((2 * tick + 1, bar, stop, tick - starts[bar]))
        rows += [(2 * starts[bar + 1], bar, notes[bar + 1], starts[bar + 1] - starts[bar]) for bar in cuts]
        used = {bar for _, bar, _, _ in rows}
        rows += [(2 * starts[bar] + 1, bar, notes[bar], -1) for bar in empty if bar not in used]
    return sorted(rows)


def _note_ids(notes: Ints, vocabulary: Vocabulary) -> tuple[Ints, Ints]:
    """Onsets, and ids of shape (7, notes): room for three, then program, pitch, velocity, duration.

    -1 stands where nothing is to be said, as for a program or velocity already in force.
    """
    first = vocabulary.starts
    columns = notes.T.copy()
    onset, program, _, velocity, duration = columns
    # the bits set in any number bound all of them, from below too
    bits = np.bitwise_or.reduce(columns, axis=1).tolist()
    in_range = 0 <= bits[ONSET] < OPEN and 0 <= bits[PITCH] < 128 and bits[VELOCITY] < 128 and bits[DURATION] < OPEN
    has_drums = bits[PROGRAM] >= DRUMS
    if not in_range or bits[PROGRAM] < 0 or (has_drums and program.max() > DRUMS) or columns[VELOCITY:].min() < 1:
        raise ValueError("a note's onset, program, pitch, velocity or duration is out of range")
    ids = np.full((7, len(notes)), -1)
    np.add(columns[PROGRAM:], vocabulary.note_offsets, out=ids[3:])
    if has_drums:
        ids[4, program == DRUMS] += first[Kind.DRUM] - first[Kind.NOTE]
    if not vocabulary.is_native:
        ids[5] = vocabulary.ids(Kind.VELOCITY, velocity)
        ids[6] = vocabulary.ids(Kind.DURATION, duration)
    is_same = columns[PROGRAM : VELOCITY + 1 : 2, 1:] == columns[PROGRAM : VELOCITY + 1 : 2, :-1]
    ids[3:6:2, 1:][is_same] = -1  # programs and velocities
    return onset, ids


def _bars(song: Song, vocabulary: Vocabulary) -> tuple[Ints, list[tuple[int, int]], list[int]]:
    """Start of each bar; (bar, token) of each change of metre; bars that the next one cuts short."""
    end = int(song.notes[-1, ONSET])
    metres = song.metres.tolist()
    starts: list[Ints] = []
    signatures: list[tuple[int, int]] = []
    cuts: list[int] = []
    count, current = 0, -1
    for i, (tick, numerator, denominator) in enumerate(metres):
        token = vocabulary.id(Kind.METRE, (numerator, denominator))
        length = vocabulary.bar_lengths[token - vocabulary.starts[Kind.METRE]]
        stop = metres[i + 1][0] if i + 1 < len(metres) else end + 1
        if token != current:
            signatures.append((count, token))
        starts.append(np.arange(tick, stop, length))
        count += len(starts[-1])
        current = token
        if i + 1 < len(metres) and (stop - tick) % length:
            cuts.append(count - 1)
    return starts[0] if len(starts) == 1 else np.concatenate(starts), signatures, cuts


def decode(ids: Any, vocabulary: Vocabulary) -> Song:
    """The song, in normal form, that `encode` gives these ids for. Raises GrammarError at the first wrong token.

    The tokens are read as if they were right. As a song has one token string, encoding the result tells if they were.
    """
    array = np.asarray(ids, dtype=np.int64)
    song = _read(array, vocabulary)
    if song is None or not np.array_equal(encode(song, vocabulary), array):
        Grammar(vocabulary).check(array)
        raise AssertionError("the grammar accepts a string that isn't that of its song")
    return song


def _read(ids: Ints, vocabulary: Vocabulary) -> Song | None:
    """The song of an accepted string; some other song, or None, of one that isn't accepted."""
    first = vocabulary.arrays["starts"]
    if len(ids) < 10 or ids.min() < 0 or ids.max() >= first[-1]:
        return None
    kinds = np.searchsorted(first, ids, side="right") - 1
    values = ids - first[kinds]
    if kinds[:5].tolist() != [Kind.START, Kind.BAR, Kind.METRE, Kind.POSITION, Kind.TEMPO]:
        return None
    if kinds[-2] != Kind.DURATION or kinds[-1] != Kind.END:
        return None
    at = {kind: np.flatnonzero(kinds == kind) for kind in Kind}
    pitches = np.flatnonzero((kinds == Kind.NOTE) | (kinds == Kind.DRUM))
    durations = at[Kind.DURATION]
    if len(pitches) != len(durations) or not len(at[Kind.PROGRAM]) or not len(at[Kind.VELOCITY]):
        return None
    bars, places = at[Kind.BAR], at[Kind.POSITION]
    is_changed = kinds[bars + 1] == Kind.METRE
    changes = np.flatnonzero(is_changed)
    metres = values[bars[changes] + 1][np.cumsum(is_changed) - 1]
    lengths = vocabulary.arrays["bar_lengths"][metres]
    is_cut = kinds[bars[1:] - 1] == Kind.POSITION
    used = lengths[:-1].copy()
    used[is_cut] = values[bars[1:] - 1][is_cut]
    bar_starts = np.concatenate([[0], np.cumsum(used)])
    place_bars = np.searchsorted(bars, places) - 1
    ticks = bar_starts[place_bars] + values[places]
    if (values[places] >= lengths[place_bars]).any() or (ticks[1:] < ticks[:-1]).any():
        return None

    def latest(kind: Kind, rows: Ints) -> Ints:
        """Values of the last token of `kind` before each of `rows`."""
        found: Ints = values[at[kind]][np.searchsorted(at[kind], rows) - 1]
        return found

    def tick(rows: Ints) -> Ints:
        found: Ints = ticks[np.searchsorted(places, rows) - 1]
        return found

    tempos, chord_rows = at[Kind.TEMPO], at[Kind.CHORD]
    velocity = vocabulary.values(Kind.VELOCITY, latest(Kind.VELOCITY, durations))
    duration = vocabulary.values(Kind.DURATION, values[durations])
    notes = np.column_stack([tick(pitches), latest(Kind.PROGRAM, pitches), values[pitches], velocity, duration])
    microseconds = values[tempos] + 1 if vocabulary.is_native else vocabulary.arrays["tempos"][values[tempos]]
    starting = np.flatnonzero(np.concatenate([[True], is_changed[1:] | is_cut]))
    metre_rows = vocabulary.arrays["metres"][metres[starting]]
    roots, qualities = np.divmod(values[chord_rows], len(chords.QUALITIES))
    return normal(
        Song(
            vocabulary.ticks_per_quarter,
            table(notes, 5),
            table(np.column_stack([tick(tempos), microseconds]), 2),
            table(np.column_stack([bar_starts[starting], metre_rows]), 3),
            table(np.column_stack([tick(chord_rows), roots, qualities]), 3),
        )
    )


def to_text(ids: Any, vocabulary: Vocabulary, compact: bool) -> str:
    """Names of the tokens with a space between. Raises ValueError for an id outside the vocabulary."""
    if not vocabulary.is_native:
        names = vocabulary.compacts if compact else vocabulary.names
        if len(ids) and not (min(ids) >= 0 and max(ids) < len(names)):
            raise ValueError(f"ids from {min(ids)} to {max(ids)}, expected 0 to {len(names) - 1}")
        return " ".join([names[token] for token in ids])
    name = vocabulary.compact if compact else vocabulary.name
    return " ".join([name(int(token)) for token in ids])


def from_text(text: str, vocabulary: Vocabulary, compact: bool) -> Ints:
    """Ids of names with white space between. Raises ValueError for an unknown name."""
    return np.array([vocabulary.find(name, compact) for name in text.split()], dtype=np.int64)


class GridError(ValueError):
    """A song that can't be put on a grid: `reason` is a code, `detail` says what is wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Loss:
    """What a song lost on its way to a vocabulary's grid. Onset errors are in quarters."""

    notes: int
    exact: int  # notes whose onset and duration are exactly kept
    near: int  # notes whose onset and end moved by less than NEAR quarters each, which nobody hears
    mean_onset_error: float
    max_onset_error: float
    clipped: int  # notes longer than the longest duration
    velocities: int  # notes with another velocity
    tempos: int  # tempo changes to another tempo, or lost to the next one at the same tick
    metres: int  # metre changes lost to the next one at the same tick
    merged: int  # notes that now equal another one in everything; they are kept


NEAR = 0.01  # quarters: 5 ms at 120 beats per minute
_FAR = 1 << 60  # ticks: later than any


def quantised(song: Song, vocabulary: Vocabulary) -> tuple[Song, Loss]:
    """`song`, in normal form, on the grid of a vocabulary, and what that cost.

    Metres go to the nearest tick, and from there on ticks are counted from the metre and rounded: bars keep their
    length, what is on a bar line stays on it, and only a bar that a metre cuts short may change. Both ends of a note
    are rounded, not its duration, so what touched still touches. A song on the grid stays as it is. Raises GridError
    if a metre has no token.
    """
    ours, theirs = vocabulary.ticks_per_quarter, song.ticks_per_quarter
    before = song.metres[:, 0]
    for tick, *metre in song.metres.tolist():
        if tuple(metre) not in vocabulary.metres:
            raise GridError("metre_without_token", f"{metre[0]}/{metre[1]} at tick {tick}")
    after = _rounded(before, ours, theirs)
    latest = np.append(after[1:], _FAR)

    def moved(ticks: Ints) -> Ints:
        part = np.searchsorted(before, ticks, side="right") - 1
        ticks_on_grid: Ints = np.minimum(after[part] + _rounded(ticks - before[part], ours, theirs), latest[part])
        return ticks_on_grid

    notes, tempos, metres, marks = song.notes.copy(), song.tempos.copy(), song.metres.copy(), song.chords.copy()
    notes[:, ONSET] = moved(song.notes[:, ONSET])
    ends = moved(song.notes[:, ONSET] + song.notes[:, DURATION])
    notes[:, DURATION] = np.maximum(ends - notes[:, ONSET], 1)
    for rows in (tempos, metres, marks):
        rows[:, 0] = moved(rows[:, 0])
    clipped = 0
    if not vocabulary.is_native:
        clipped = int(np.count_nonzero(notes[:, DURATION] > vocabulary.durations[-1]))
        notes[:, DURATION] = _nearest(notes[:, DURATION], vocabulary.durations)
        notes[:, VELOCITY] = _nearest(notes[:, VELOCITY], vocabulary.velocities)
        # on a scale of ratios, as tempos are heard
        tempos[:, 1] = vocabulary.arrays["tempos"][
            _nearest_index(-np.log(tempos[:, 1]), -np.log(vocabulary.arrays["tempos"]))
        ]
    on_grid = Song(ours, table(notes, 5), table(tempos, 2), table(metres, 3), table(marks, 3))
    result = normal(on_grid)
    return result, _loss(song, on_grid, _repeats(result.notes) - _repeats(song.notes), clipped)


def _rounded(ticks: Ints, ours: int, theirs: int) -> Ints:
    """`ticks` at `theirs` per quarter, at `ours` per quarter; halves go up."""
    return (2 * ours * ticks + theirs) // (2 * theirs)


def _nearest_index(values: npt.NDArray[Any], grid: npt.NDArray[Any]) -> Ints:
    """Index of the nearest of an ascending grid."""
    return np.searchsorted((grid[1:] + grid[:-1]) / 2, values)


def _nearest(values: Ints, grid: Ints) -> Ints:
    """The nearest of an ascending grid."""
    return grid[_nearest_index(values, grid)]


def _repeats(notes: Ints) -> int:
    """Notes of a normal form that equal the one before them."""
    return int(np.count_nonzero((notes[1:] == notes[:-1]).all(axis=1)))


def _loss(song: Song, on_grid: Song, merged: int, clipped: int) -> Loss:
    """What was lost, from two songs with the same rows in the same order."""
    ours, theirs = on_grid.ticks_per_quarter, song.ticks_per_quarter
    shift = on_grid.notes * theirs - song.notes * ours  # of ticks; the other columns are compared below
    onset_shift, end_shift = shift[:, ONSET], shift[:, ONSET] + shift[:, DURATION]
    errors = np.abs(onset_shift) / (ours * theirs)
    near = (errors < NEAR) & (np.abs(end_shift) < NEAR * ours * theirs)

    def lost(before: Ints, after: Ints) -> int:
        covered = np.append(after[1:, 0] == after[:-1, 0], False)
        return int(np.count_nonzero(covered | (before[:, 1:] != after[:, 1:]).any(axis=1)))

    return Loss(
        notes=len(song.notes),
        exact=int(np.count_nonzero((onset_shift == 0) & (end_shift == 0))),
        near=int(np.count_nonzero(near)),
        mean_onset_error=float(errors.mean()),
        max_onset_error=float(errors.max()),
        clipped=clipped,
        velocities=int(np.count_nonzero(song.notes[:, VELOCITY] != on_grid.notes[:, VELOCITY])),
        tempos=lost(song.tempos, on_grid.tempos),
        metres=lost(song.metres, on_grid.metres),
        merged=merged,
    )
