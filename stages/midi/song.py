"""A piece of music as four small tables, and its normal form.

Times are ticks from the start. The tables are read-only int64 arrays, a row per event, in the order of their columns
from left to right:

    notes   onset, program, pitch, velocity, duration     program 0-127 is General MIDI, DRUMS is the drum channel
    tempos  tick, microseconds per quarter
    metres  tick, numerator, denominator                  each starts a new bar, also in the middle of the bar before
    chords  tick, root (pitch class), quality             an index into chords.QUALITIES; an annotation, not sound
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Table: TypeAlias = npt.NDArray[np.int64]
Rows: TypeAlias = Iterable[Sequence[int]]

DRUMS = 128
DEFAULT_TEMPO = 500_000  # microseconds per quarter: 120 beats per minute, what the MIDI standard assumes
DEFAULT_METRE = (4, 4)
ONSET, PROGRAM, PITCH, VELOCITY, DURATION = range(5)


def table(rows: Rows, columns: int) -> Table:
    """`rows` as a read-only array of shape (rows, columns)."""
    array = np.array(rows if isinstance(rows, np.ndarray) else list(rows), dtype=np.int64).reshape(-1, columns)
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Song:
    """The tables described above, at `ticks_per_quarter` ticks for a quarter note."""

    ticks_per_quarter: int
    notes: Table
    tempos: Table = field(default_factory=lambda: table([(0, DEFAULT_TEMPO)], 2))
    metres: Table = field(default_factory=lambda: table([(0, *DEFAULT_METRE)], 3))
    chords: Table = field(default_factory=lambda: table([], 3))

    def __eq__(self, other: object) -> bool:
        """Whether both have the same tables. Compare normal forms to ask whether both are the same music."""
        if not isinstance(other, Song):
            return NotImplemented
        return self.ticks_per_quarter == other.ticks_per_quarter and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("notes", "tempos", "metres", "chords")
        )

    __hash__ = None  # type: ignore[assignment]  # arrays can't be hashed; compare or use to_json


def normal(song: Song) -> Song:
    """The one form of all songs that sound and are notated alike: what `decode(encode(song))` gives back.

    Notes are sorted by all columns and last at least one tick. Of several tempos, metres or chords at one tick the
    last stands. A tempo or chord equal to the one before it is dropped; so is an equal metre on its predecessor's bar
    line. Tempo and metre are given from tick 0 on, 120 and 4/4 where nothing else is said. Nothing but sounding notes
    comes after the last onset. Raises ValueError if there are no notes.
    """
    if not len(song.notes):
        raise ValueError("a song without notes has no normal form")
    notes = song.notes
    if notes[:, DURATION].min() < 1:
        notes = notes.copy()
        np.maximum(notes[:, DURATION], 1, out=notes[:, DURATION])
    notes = notes[np.lexsort(notes.T[::-1])]
    notes.flags.writeable = False
    end = int(notes[-1, ONSET])
    tempos, metres, chords = song.tempos, song.metres, song.chords
    if len(tempos) != 1 or tempos[0, 0]:
        tempos = table(_changes([(0, DEFAULT_TEMPO), *tempos.tolist()], end), 2)
    if len(metres) != 1 or metres[0, 0]:
        metres = table(_bar_lines(song.ticks_per_quarter, [(0, *DEFAULT_METRE), *metres.tolist()], end), 3)
    if len(chords):
        chords = table(_changes(chords.tolist(), end), 3)
    return Song(song.ticks_per_quarter, notes, tempos, metres, chords)


def _bar_lines(ticks_per_quarter: int, rows: Rows, end: int) -> list[tuple[int, ...]]:
    """The rows of `_latest` but for a metre that is already in force, on one of its bar lines."""
    metres: list[tuple[int, ...]] = []
    for row in _latest(rows, end):
        if (
            metres
            and row[1:] == metres[-1][1:]
            and not (row[0] - metres[-1][0]) % bar_ticks(ticks_per_quarter, *row[1:])
        ):
            continue
        metres.append(row)
    return metres


def _latest(rows: Rows, end: int) -> list[tuple[int, ...]]:
    """`rows` up to tick `end` in the order of their ticks, the last of each tick."""
    last = {row[0]: tuple(row) for row in rows if row[0] <= end}
    return [last[tick] for tick in sorted(last)]


def _changes(rows: Rows, end: int) -> list[tuple[int, ...]]:
    """The rows of `_latest` that differ from the row before them."""
    latest = _latest(rows, end)
    return [row for before, row in zip([(), *latest], latest) if row[1:] != before[1:]]


def bar_ticks(ticks_per_quarter: int, numerator: int, denominator: int) -> int:
    """Length of a bar in ticks. Raises ValueError if it isn't a whole number of ticks."""
    ticks, rest = divmod(4 * ticks_per_quarter * numerator, denominator)
    if rest or not ticks:
        raise ValueError(f"a bar of {numerator}/{denominator} isn't whole at {ticks_per_quarter} ticks per quarter")
    return ticks


def bars(song: Song) -> Table:
    """Bars of a song in normal form, shape (bars, 4): start tick, length, numerator, denominator.

    The last bar holds the last onset. A bar that a new metre cuts short keeps its full length here: it ends where the
    next one starts.
    """
    end = int(song.notes[-1, ONSET])
    starts = [int(row[0]) for row in song.metres]
    parts = []
    for (tick, numerator, denominator), stop in zip(song.metres.tolist(), [*starts[1:], end + 1]):
        length = bar_ticks(song.ticks_per_quarter, numerator, denominator)
        begin = np.arange(tick, stop, length, dtype=np.int64)
        parts.append(np.column_stack([begin, np.broadcast_to([length, numerator, denominator], (len(begin), 3))]))
    return table(np.concatenate(parts), 4)


def transposed(song: Song, semitones: int) -> Song:
    """`song` with its pitched notes and chord roots moved by `semitones`. Raises ValueError past pitch 0 or 127."""
    notes = song.notes.copy()
    pitched = notes[:, PROGRAM] != DRUMS
    notes[pitched, PITCH] += semitones
    if ((notes[:, PITCH] < 0) | (notes[:, PITCH] > 127)).any():
        raise ValueError(f"transposing by {semitones} semitones leaves the range of MIDI pitches")
    chords = song.chords.copy()
    chords[:, 1] = (chords[:, 1] + semitones) % 12
    # moving pitches alone keeps the order of notes: drums and pitched notes are apart, and equal shifts keep ranks
    return replace(song, notes=table(notes, 5), chords=table(chords, 3))


def excerpt(song: Song, first_bar: int, stop_bar: int) -> Song | None:
    """Bars `first_bar` up to `stop_bar` (excluded) of a song in normal form, starting at tick 0; None without an onset.

    Notes belong to the bar of their onset and keep their duration. Tempo, metre and chord in force are carried in.
    """
    lines = bars(song)[:, 0].tolist()
    start = lines[first_bar]
    stop = lines[stop_bar] if stop_bar < len(lines) else int(song.notes[-1, ONSET]) + 1
    low, high = np.searchsorted(song.notes[:, ONSET], [start, stop])
    if low == high:
        return None
    notes = song.notes[low:high].copy()
    notes[:, ONSET] -= start
    carried = {
        name: [(max(tick - start, 0), *rest) for tick, *rest in getattr(song, name).tolist() if tick < stop]
        for name in ("tempos", "chords")
    }
    metres = []
    for tick, numerator, denominator in song.metres.tolist():
        if tick < stop:
            metres.append((max(tick - start, 0), numerator, denominator))
    return normal(
        Song(
            song.ticks_per_quarter,
            table(notes, 5),
            table(carried["tempos"], 2),
            table(metres, 3),
            table(carried["chords"], 3),
        )
    )


def to_json(song: Song) -> dict[str, object]:
    """`song` as JSON values."""
    tables = {name: getattr(song, name).tolist() for name in ("notes", "tempos", "metres", "chords")}
    return {"ticks_per_quarter": song.ticks_per_quarter, **tables}


def from_json(value: dict[str, list[list[int]]]) -> Song:
    """The song that `to_json` was given."""
    columns = {"notes": 5, "tempos": 2, "metres": 3, "chords": 3}
    tables = {name: table(value[name], width) for name, width in columns.items()}
    return Song(int(value["ticks_per_quarter"]), **tables)  # type: ignore[call-overload]
