"""A song as the bytes of a MIDI file of type 1."""

import heapq
import struct

import numpy as np

from stages.midi import chords
from stages.midi.container import END_OF_TRACK, HEADER, TRACK
from stages.midi.events import MARKER, META, METRE, PORT, PROGRAM_CHANGE, TEMPO, Column
from stages.midi.pairing import DRUM_CHANNEL
from stages.midi.reader import CHORD
from stages.midi.song import DRUMS, DURATION, ONSET, PITCH, PROGRAM, VELOCITY, Song, Table

CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)  # for pitched programs
_NOTE_OFF, _NOTE_ON = 0x80, 0x90
_LONGEST_DELTA = (1 << 28) - 1  # four bytes of seven bits, all that the standard allows


def write(song: Song) -> bytes:
    """`song`, which is in normal form, as a file that `reader.read` makes the same song of.

    The first track has tempos, metres and chords (markers such as "chord:Cmaj7"). Each program has a track, and more
    where notes of one pitch overlap: in one track nobody could tell which of them an end belongs to. Programs have a
    channel each while there are channels; the sixteenth pitched program begins again at channel 1, on the next MIDI
    port. Players that know neither ports nor programs by track play programs of one channel with one sound.
    Raises ValueError for what MIDI has no bytes for.
    """
    _check(song)
    notes = song.notes
    lanes = _lanes(notes)
    voices, track = np.unique(notes[:, PROGRAM] * len(notes) + lanes, return_inverse=True)
    if len(voices) > 0xFFFE:
        raise ValueError(f"{len(voices)} tracks, a MIDI file has at most 65535")
    played = (voices // len(notes)).tolist()
    places = _places(played)
    channel = np.array([places[program][1] for program in played], dtype=np.int64)[track]
    bodies = _messages(track, channel, notes)
    ports = max(port for port, _ in places.values()) > 0
    tracks = [_conductor(song)]
    for program, body in zip(played, bodies):
        port, number = places[program]
        head = _meta(0, PORT, bytes([port])) if ports else b""
        if program != DRUMS:
            head += bytes([0, PROGRAM_CHANGE | number, program])
        tracks.append(head + body)
    header = HEADER + struct.pack(">IHHH", 6, 1, len(tracks), song.ticks_per_quarter)
    ended = [body + b"\0" + END_OF_TRACK for body in tracks]
    return header + b"".join(TRACK + struct.pack(">I", len(body)) + body for body in ended)


def _check(song: Song) -> None:
    """Raises ValueError, naming the first number that a MIDI file can't hold."""
    notes, metres = song.notes, song.metres
    for name, values, low, high in (
        ("ticks per quarter", np.array([song.ticks_per_quarter]), 1, 0x7FFF),
        ("onset", notes[:, ONSET], 0, None),
        ("program", notes[:, PROGRAM], 0, DRUMS),
        ("pitch", notes[:, PITCH], 0, 127),
        ("velocity", notes[:, VELOCITY], 1, 127),
        ("duration", notes[:, DURATION], 1, None),
        ("tempo", song.tempos[:, 1], 1, 0xFFFFFF),
        ("numerator", metres[:, 1], 1, 255),
        ("denominator", metres[:, 2], 1, 1 << 30),
    ):
        wrong = values[(values < low) | (values > (high if high is not None else values))]
        if len(wrong):
            raise ValueError(f"{name} {wrong[0]} doesn't fit into a MIDI file")
    for denominator in set(metres[:, 2].tolist()):
        if denominator & (denominator - 1):
            raise ValueError(f"denominator {denominator} doesn't fit into a MIDI file: it isn't a power of two")


def _lanes(notes: Table) -> Column:
    """A number for each note, such that notes of one program, pitch and lane overlap only if they are equally long."""
    lanes = np.zeros(len(notes), dtype=np.int64)
    voice = notes[:, PROGRAM] << 7 | notes[:, PITCH]
    order = np.lexsort((notes[:, DURATION], notes[:, ONSET], voice))
    onset, end = notes[order, ONSET], notes[order, ONSET] + notes[order, DURATION]
    same = voice[order][1:] == voice[order][:-1]
    if not (same & (onset[1:] < end[:-1])).any():
        return lanes
    rows = zip(order.tolist(), [False, *same.tolist()], onset.tolist(), end.tolist())
    free: list[tuple[int, int]] = []  # (end of its last note, lane)
    before = (0, 0)
    lane = 0
    for note, again, start, stop in rows:
        if not again:
            free = []
        if not again or (start, stop) != before:
            lane = heapq.heappop(free)[1] if free and free[0][0] <= start else len(free)
            heapq.heappush(free, (stop, lane))
        lanes[note] = lane
        before = start, stop
    return lanes


def _places(programs: list[int]) -> dict[int, tuple[int, int]]:
    """Port and channel of each program."""
    pitched = sorted({program for program in programs if program != DRUMS})
    places = {
        program: (index // len(CHANNELS), CHANNELS[index % len(CHANNELS)]) for index, program in enumerate(pitched)
    }
    return places | {DRUMS: (0, DRUM_CHANNEL)}


def _messages(track: Column, channel: Column, notes: Table) -> list[bytes]:
    """The notes of each track as messages: at one tick first the ends, then the beginnings."""
    onset = notes[:, ONSET]
    tick = np.concatenate([onset + notes[:, DURATION], onset])
    tracks = np.concatenate([track, track])
    on = np.repeat([0, 1], len(notes))
    order = np.lexsort((on, tick, tracks))
    tick, tracks = tick[order], tracks[order]
    opening = np.flatnonzero(np.diff(tracks, prepend=-1))
    delta = np.diff(tick, prepend=0)
    delta[opening] = tick[opening]
    if delta.max() > _LONGEST_DELTA:
        raise ValueError(f"{delta.max()} ticks without an event, a MIDI file has at most {_LONGEST_DELTA}")
    status = np.concatenate([_NOTE_OFF | channel, _NOTE_ON | channel])[order]
    pitch = np.concatenate([notes[:, PITCH], notes[:, PITCH]])[order]
    velocity = np.concatenate([np.zeros_like(onset), notes[:, VELOCITY]])[order]
    high = [delta >> 7 * digit for digit in (3, 2, 1)]  # digits of a delta but the last, to be left out while 0
    columns = np.column_stack([*(digit | 0x80 for digit in high), delta & 127, status, pitch, velocity]).astype(
        np.uint8
    )
    present = np.ones(columns.shape, dtype=bool)
    present[:, :3] = np.column_stack(high) > 0
    data = columns[present].tobytes()
    stops = np.cumsum(np.add.reduceat(present.sum(axis=1), opening)).tolist()
    return [data[start:stop] for start, stop in zip([0, *stops], stops)]


def _conductor(song: Song) -> bytes:
    """The track of what concerns all: at one tick metre, tempo, chord."""
    rows = [
        *(
            (tick, 0, METRE, bytes([upper, lower.bit_length() - 1, 24, 8]))
            for tick, upper, lower in song.metres.tolist()
        ),
        *((tick, 1, TEMPO, tempo.to_bytes(3, "big")) for tick, tempo in song.tempos.tolist()),
        *((tick, 2, MARKER, CHORD + chords.name(*chord).encode()) for tick, *chord in song.chords.tolist()),
    ]
    parts, now = [], 0
    for tick, _, kind, data in sorted(rows):
        parts.append(_meta(tick - now, kind, data))
        now = tick
    return b"".join(parts)


def _meta(delta: int, kind: int, data: bytes) -> bytes:
    """A meta event with less than 128 bytes of data, `delta` ticks after the event before it."""
    digits = [delta & 127]
    while delta := delta >> 7:
        digits.insert(0, delta & 127 | 0x80)
    if len(digits) > 4:
        raise ValueError(f"a MIDI file has at most {_LONGEST_DELTA} ticks without an event")
    return bytes([*digits, META, kind, len(data)]) + data
