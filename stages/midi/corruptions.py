"""Ways to spoil a piece of music, to see whether a measure notices."""

from collections.abc import Callable

import numpy as np

from stages.midi.song import DRUMS, ONSET, PITCH, PROGRAM, Song, Table, bars, normal, table


def with_notes(song: Song, notes: Table) -> Song:
    """`song` with other notes, in normal form. Its chord labels are left out: they described the old notes."""
    return normal(Song(song.ticks_per_quarter, table(notes, 5), song.tempos, song.metres))


def random_pitch(song: Song, rng: np.random.Generator) -> Song:
    """Every pitch drawn evenly from the piece's range."""
    notes, pitched = _writable(song)
    pitches = notes[pitched, PITCH]
    notes[pitched, PITCH] = rng.integers(pitches.min(), pitches.max() + 1, len(pitches))
    return with_notes(song, notes)


def pitch_shuffle(song: Song, rng: np.random.Generator) -> Song:
    """The pitches dealt anew to the notes."""
    notes, pitched = _writable(song)
    notes[pitched, PITCH] = rng.permutation(notes[pitched, PITCH])
    return with_notes(song, notes)


def wrong_notes(song: Song, rng: np.random.Generator) -> Song:
    """One pitch in ten moved by 1 to 6 semitones up or down."""
    notes, pitched = _writable(song)
    places = np.flatnonzero(pitched)
    chosen = rng.choice(places, max(len(places) // 10, 1), replace=False)
    steps = rng.integers(1, 7, len(chosen)) * rng.choice([-1, 1], len(chosen))
    notes[chosen, PITCH] = np.clip(notes[chosen, PITCH] + steps, 0, 127)
    return with_notes(song, notes)


def timing_jitter(song: Song, rng: np.random.Generator) -> Song:
    """Every onset moved by up to a sixth of a quarter."""
    notes, _ = _writable(song)
    reach = song.ticks_per_quarter // 6
    notes[:, ONSET] = np.maximum(notes[:, ONSET] + rng.integers(-reach, reach + 1, len(notes)), 0)
    return with_notes(song, notes)


def voices_out_of_step(song: Song, rng: np.random.Generator) -> Song | None:
    """The lowest of the notes that begin together half a quarter or a quarter late; None where too few do."""
    notes, pitched = _writable(song)
    order = np.lexsort((notes[:, PITCH], notes[:, ONSET], ~pitched))[: int(pitched.sum())]
    onsets = notes[order, ONSET]
    first = np.concatenate([[True], onsets[1:] != onsets[:-1]])
    joined = np.concatenate([onsets[1:] == onsets[:-1], [False]])
    if 2 * int((first & joined).sum()) < int(first.sum()):
        return None
    notes[order[first], ONSET] += song.ticks_per_quarter // int(rng.integers(1, 3))
    return with_notes(song, notes)


def bar_looped(song: Song, rng: np.random.Generator) -> Song | None:
    """One bar in the place of every bar; None if no bar has three notes."""
    lines, which = _bars(song)
    full = np.flatnonzero(np.bincount(which, minlength=len(lines)) >= 3)
    if not len(full):
        return None
    chosen = int(rng.choice(full))
    return _rebuilt(song, np.full(len(lines), chosen))


def key_cuts(song: Song, rng: np.random.Generator) -> Song | None:
    """Every two bars in another key, up to six semitones from the one before; None if there are under four bars."""
    notes, pitched = _writable(song)
    lines, which = _bars(song)
    if len(lines) < 4:
        return None
    steps = rng.integers(1, 7, len(lines) // 2 + 1) * rng.choice([-1, 1], len(lines) // 2 + 1)
    shifts = (np.cumsum(steps) + 5) % 12 - 5
    notes[pitched, PITCH] = np.clip(notes[pitched, PITCH] + shifts[which[pitched] // 2], 0, 127)
    return with_notes(song, notes)


def bar_shuffle(song: Song, rng: np.random.Generator) -> Song | None:
    """The bars in another order, but for the first and the last; None if that leaves under three to deal."""
    lines, _ = _bars(song)
    if len(lines) < 5:
        return None
    order = np.arange(len(lines))
    while (order == np.arange(len(lines))).all():
        order[1:-1] = rng.permutation(order[1:-1])
    return _rebuilt(song, order)


CORRUPTIONS: tuple[Callable[[Song, np.random.Generator], Song | None], ...] = (
    random_pitch,
    pitch_shuffle,
    wrong_notes,
    timing_jitter,
    voices_out_of_step,
    bar_looped,
    key_cuts,
    bar_shuffle,
)


def _writable(song: Song) -> tuple[Table, Table]:
    """A copy of the notes, and which of them have a pitch."""
    return song.notes.copy(), song.notes[:, PROGRAM] != DRUMS


def _bars(song: Song) -> tuple[Table, Table]:
    """The bars as song.bars gives them, and the bar of each note."""
    lines = bars(song)
    return lines, np.searchsorted(lines[:, 0], song.notes[:, ONSET], side="right") - 1


def _rebuilt(song: Song, order: Table) -> Song:
    """The bars `order` of `song` one after another, each with its own length and metre."""
    lines, which = _bars(song)
    stops = np.append(lines[1:, 0], lines[-1, 0] + lines[-1, 1])
    start = 0
    notes, metres = [], []
    for bar in order.tolist():
        part = song.notes[which == bar].copy()
        part[:, ONSET] += start - lines[bar, 0]
        notes.append(part)
        metres.append((start, int(lines[bar, 2]), int(lines[bar, 3])))
        start += int(stops[bar] - lines[bar, 0])
    found = np.concatenate(notes)
    if not len(found):
        raise ValueError("the chosen bars have no notes")
    return normal(Song(song.ticks_per_quarter, table(found, 5), song.tempos, table(metres, 3)))
