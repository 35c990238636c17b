"""The music of a MIDI file as notes in beats: its melody, its bass, and what sounds in each beat.

Only what a loop of whole bars can be cut from is read: scores that stay in one metre of two or four quarters or halves.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BAR = 4  # beats: quarters. Two bars of 2/4 make one
METRES = {(4, 4), (2, 2), (2, 4)}
DRUMS = 9  # MIDI channel, from 0
SHORTEST = 1 / 16  # beats; what is left of a note that the next one cuts off is at least so long


class Note(NamedTuple):
    """A note of a score."""

    onset: float  # beats
    duration: float  # beats
    pitch: int  # MIDI
    channel: int  # from 0


@dataclass(frozen=True)
class Score:
    """Notes by onset, then pitch, and the number of whole bars that they begin in."""

    notes: tuple[Note, ...]
    bars: int


class Unfit(Exception):  # noqa: N818  a normal outcome of reading, not a programming error
    """A file that no loop can be cut from. `reason` is not_midi, metre or no_notes."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


def read(path: Path) -> Score:
    """The pitched notes of the MIDI file `path`. A note ends where its pitch ends or begins again. Raises Unfit."""
    from mido import MidiFile

    try:
        file = MidiFile(path)
    except (OSError, EOFError, ValueError, IndexError, KeyError) as error:  # what mido meets damage with
        raise Unfit("not_midi", str(error)) from error
    notes: list[Note] = []
    metres: set[tuple[int, int]] = set()
    for track in file.tracks:
        sounding: dict[tuple[int, int], int] = {}
        ticks = 0
        for message in track:
            ticks += message.time
            if message.type == "time_signature":
                metres.add((message.numerator, message.denominator))
            if message.type not in ("note_on", "note_off") or message.channel == DRUMS:
                continue
            key = message.channel, message.note
            if key in sounding:
                start = sounding.pop(key)
                if ticks > start:
                    beats = start / file.ticks_per_beat, (ticks - start) / file.ticks_per_beat
                    notes.append(Note(*beats, message.note, message.channel))
            if message.type == "note_on" and message.velocity:
                sounding[key] = ticks
    if len(metres or {(4, 4)}) > 1 or not (metres or {(4, 4)}) <= METRES:
        raise Unfit("metre", " ".join(f"{above}/{below}" for above, below in sorted(metres)))
    if not notes:
        raise Unfit("no_notes", "no note sounds")
    notes.sort(key=lambda note: (note.onset, note.pitch))
    return Score(tuple(notes), int(notes[-1].onset // BAR) + 1)


def melody(notes: tuple[Note, ...]) -> list[Note]:
    """The top voice of `notes`: those that nothing higher sounds over, each ended by the next one."""
    highest: dict[float, Note] = {}
    for note in notes:
        if note.onset not in highest or note.pitch > highest[note.onset].pitch:
            highest[note.onset] = note
    top: list[Note] = []
    for note in sorted(highest.values()):
        before = top[-1] if top else None
        if before and before.pitch > note.pitch and before.onset + before.duration > note.onset + SHORTEST:
            continue
        if before:
            top[-1] = before._replace(duration=min(before.duration, note.onset - before.onset))
        top.append(note)
    return top


def loop(score: Score, first: int, bars: int) -> tuple[Note, ...]:
    """The notes that begin in `bars` bars from bar `first` on, from beat 0 on; none sounds beyond the last bar."""
    start, beats = first * BAR, bars * BAR
    inside = (note._replace(onset=note.onset - start) for note in score.notes)
    return tuple(
        note._replace(duration=min(note.duration, beats - note.onset)) for note in inside if 0 <= note.onset < beats
    )


def loops(score: Score, bars: int) -> list[int]:
    """First bars that a loop of `bars` bars may begin at: in each of its bars two notes begin or more."""
    begun = Counter(int(note.onset // BAR) for note in score.notes)
    last = score.bars - bars
    return [first for first in range(last + 1) if all(begun[first + bar] > 1 for bar in range(bars))]


def sounding(notes: tuple[Note, ...], beats: int) -> NDArray[np.float64]:
    """How long each pitch class sounds in each beat, in beats, shape (beats, 12); two octaves of it count twice."""
    table = np.zeros((beats, 12))
    for note in notes:
        end = min(note.onset + note.duration, beats)
        for beat in range(int(note.onset), int(np.ceil(end))):
            table[beat, note.pitch % 12] += min(end, beat + 1) - max(note.onset, beat)
    return table


def lowest(notes: tuple[Note, ...], beats: int) -> list[int | None]:
    """The lowest pitch that sounds in each beat; None in a beat of rest."""
    found: list[int | None] = [None] * beats
    for note in notes:
        for beat in range(int(note.onset), min(int(np.ceil(note.onset + note.duration)), beats)):
            here = found[beat]
            found[beat] = note.pitch if here is None else min(here, note.pitch)
    return found
