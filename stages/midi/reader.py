"""A MIDI file as a song, or the reason why it isn't one.

Every file ends in its notes or in a Refusal, within a second and within caps; nothing is repaired or left out without
being named. Damage inside a track ends that track where it can't be understood any further.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from stages.midi import chords
from stages.midi.container import Refusal, container
from stages.midi.events import MARKER, META, METRE, NAME, PORT, TEMPO, TEXT, Events, Other, events
from stages.midi.pairing import DRUM_CHANNEL, pairs, programs
from stages.midi.song import DURATION, ONSET, PITCH, PROGRAM, VELOCITY, Song, Table, bar_ticks, normal, table
from stages.params import Params

__all__ = ["Caps", "Reading", "Refusal", "read"]

CHORD = b"chord:"  # beginning of a marker that names a chord


class Caps(Params):
    """The largest file that is still read."""

    bytes: int = Field(ge=1)
    ticks: int = Field(ge=1)  # end of the last note
    notes: int = Field(ge=1)
    bars: int = Field(ge=1)
    seconds: int = Field(ge=1)  # end of the last note


@dataclass(frozen=True)
class Reading:
    """What a file holds."""

    song: Song  # in normal form, at the file's own resolution
    dropped: dict[str, int]  # what isn't in the song, by kind; also notes and numbers that had to be changed
    repairs: tuple[str, ...]  # what was wrong with the file's form
    title: str | None  # name of the first track, else its first text


def read(data: bytes, caps: Caps) -> Reading:
    """The music in the bytes of a MIDI file of type 0 or 1.

    Notes are paired within a track, channel and pitch, the first to sound is the first to end. A note that never ends
    lasts until its track does. See `pairing.programs` for a note's program. Markers such as "chord:Cmaj7" are chords.
    Raises Refusal.
    """
    if len(data) > caps.bytes:
        raise Refusal("too_many_bytes", f"{len(data)} bytes, at most {caps.bytes}")
    found = container(data)
    inside = events(data, found.tracks)
    dropped = inside.dropped
    notes = _notes(inside, caps, dropped)
    song = Song(found.ticks_per_quarter, notes, *_annotations(inside.others, dropped))
    try:
        song = normal(song)
        _check(song, caps)
    except ValueError as error:
        raise Refusal("metre_resolution", str(error)) from error
    return Reading(
        song,
        {kind: count for kind, count in sorted(dropped.items()) if count},
        tuple(dict.fromkeys([*found.repairs, *inside.repairs])),
        _title(inside.others),
    )


def _notes(inside: Events, caps: Caps, dropped: Counter[str]) -> Table:
    """The notes, unsorted. Counts all other messages as dropped. Raises Refusal if there are too many notes or none."""
    track, tick, status, first, second = inside[:5]
    place = None  # of the notes among all messages, where there are others
    if len(status) and status.max() >= 0xA0:
        kinds = np.bincount(status >> 4, minlength=16).tolist()
        pedal = int(np.count_nonzero((first == 64) & (status >> 4 == 0xB)))
        dropped.update(pedal=pedal, control_change=kinds[0xB] - pedal, pitch_bend=kinds[0xE], aftertouch=kinds[0xA])
        place = (status < 0xA0).nonzero()[0]
        track, tick = track[place], tick[place]
        status, first, second = status[place], first[place], second[place]
    on = (status >= 0x90) & (second > 0)
    count = int(np.count_nonzero(on))
    if count > caps.notes:
        raise Refusal("too_many_notes", f"{count} notes, at most {caps.notes}")
    if not count:
        raise Refusal("no_notes", "no note sounds in this file")
    slot = track << 4 | status & 15
    start, stop, stray = pairs(slot << 7 | first, on)
    onset, end = tick[start], tick[stop]
    if stray or len(on) != 2 * count:
        hanging = stop < 0
        end = np.where(hanging, np.array(inside.ends, dtype=np.int64)[track[start]], end)
        dropped.update(hanging_notes=int(np.count_nonzero(hanging)), stray_note_offs=stray)
    changes = [other for other in inside.others if other.status != META]
    dropped["drum_kits"] += sum(change.status & 15 == DRUM_CHANNEL for change in changes)
    where = start if place is None else place[start]
    length = end - onset
    if not length.min():
        dropped["zero_length_notes"] += int(np.count_nonzero(length == 0))
    notes = np.empty((count, 5), dtype=np.int64)
    notes[:, ONSET] = onset
    notes[:, PROGRAM] = programs(slot[start], onset, where, changes, _ports(inside))
    notes[:, PITCH] = first[start]
    notes[:, VELOCITY] = second[start]
    notes[:, DURATION] = length
    last = int(end.max())
    if last > caps.ticks:
        raise Refusal("too_many_ticks", f"the last note ends at tick {last}, at most {caps.ticks}")
    return notes


def _check(song: Song, caps: Caps) -> None:
    """Raises Refusal if `song` is longer than `caps` allow, ValueError if the bars of a metre aren't whole ticks."""
    last = int(song.notes[-1, ONSET])
    bars = 0
    starts = [row[0] for row in song.metres.tolist()]
    for (tick, numerator, denominator), stop in zip(song.metres.tolist(), [*starts[1:], last + 1]):
        bars -= (tick - stop) // bar_ticks(song.ticks_per_quarter, numerator, denominator)
    if bars > caps.bars:
        raise Refusal("too_many_bars", f"{bars} bars, at most {caps.bars}")
    end = int((song.notes[:, ONSET] + song.notes[:, DURATION]).max())
    starts = [row[0] for row in song.tempos.tolist()]
    pace = sum((stop - tick) * tempo for (tick, tempo), stop in zip(song.tempos.tolist(), [*starts[1:], end]))
    seconds = pace / song.ticks_per_quarter / 1e6
    if seconds > caps.seconds:
        raise Refusal("too_many_seconds", f"{seconds:.0f} seconds, at most {caps.seconds}")


def _ports(inside: Events) -> list[int]:
    """The port of each track: what MIDI files with more than 16 channels use, 0 where nothing is said."""
    ports = [0] * len(inside.ends)
    for other in inside.others:
        if other.status == META and other.kind == PORT and other.data:
            ports[other.track] = other.data[0]
    return ports


def _annotations(others: list[Other], dropped: Counter[str]) -> tuple[Table, Table, Table]:
    """Tempos, metres and chords of all tracks in file order; what says none of them is counted as dropped."""
    tempos, metres, names = [], [], []
    for _, tick, _, status, kind, data in others:
        if status != META:
            continue
        if kind == TEMPO:
            microseconds = int.from_bytes(data[:3], "big")
            if len(data) < 3 or not microseconds:
                dropped["bad_tempo"] += 1
            else:
                tempos.append((tick, microseconds))
        elif kind == METRE:
            if len(data) < 2 or not data[0] or data[1] > 30:
                dropped["bad_time_signature"] += 1
            else:
                metres.append((tick, data[0], 1 << data[1]))
        elif kind == MARKER:
            try:
                names.append((tick, *chords.parse(_text(data.removeprefix(CHORD)) if data.startswith(CHORD) else "")))
            except KeyError:
                dropped["markers"] += 1
    return table(tempos, 2), table(metres, 3), table(names, 3)


def _title(others: list[Other]) -> str | None:
    """Name of the first track, else its first text."""
    for wanted in (NAME, TEXT):
        for other in others:
            if other.track == 0 and other.status == META and other.kind == wanted and (title := _text(other.data)):
                return title
    return None


def _text(data: bytes) -> str:
    """`data` in UTF-8 or else Latin-1, on one line."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
