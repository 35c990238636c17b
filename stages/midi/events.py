"""The events of a MIDI file's tracks as arrays.

Nearly all of a file is messages with two data bytes: notes, controls, bends. A regular expression walks over runs of
them, and numpy takes the runs of all tracks apart at once. That works because such a message has exactly three bytes
below 128, whatever the length of its delta time and whether or not it has a status byte: the last byte of the delta and
the two data bytes. Python looks only at what stands between the runs.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.midi.container import Refusal

Column = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

META = 0xFF
PROGRAM_CHANGE = 0xC0
TEXT, NAME, LYRIC, MARKER, PORT, END, TEMPO, METRE, KEY = 0x01, 0x03, 0x05, 0x06, 0x21, 0x2F, 0x51, 0x58, 0x59
LIMIT = 100_000  # events between the runs: a file of nothing else is refused or read in about 0.2 seconds
IGNORED = 0xF0
ANY_STATUS = 0x80  # stands for all statuses of messages with two data bytes

# Atomic groups, not possessive quantifiers of groups: Python before 3.11.5 lets those match too much (cpython #106052).
_DELTA = rb"[\x80-\xff]{0,3}+[\x00-\x7f]"
_MORE = rb"(?>(?:" + _DELTA + rb"(?>[\x80-\xbf\xe0-\xef]?)[\x00-\x7f]{2})*)"
_RUNNING = re.compile(_MORE).match
_EXPLICIT = re.compile(rb"(?>(?:" + _DELTA + rb"[\x80-\xbf\xe0-\xef][\x00-\x7f]{2}" + _MORE + rb")?)").match
_KEPT = frozenset({MARKER, PORT, TEMPO, METRE})
_KEPT_FIRST = _KEPT | {TEXT, NAME}  # in the first track they may be the title
_COUNTED = dict.fromkeys(range(256), "other_meta") | dict.fromkeys(range(1, 16), "text")
_COUNTED |= {LYRIC: "lyrics", KEY: "key_signature"}
# What a byte adds to a delta as its last one, and as the one before that, and so on (there only if it is over 127).
_DIGIT = [np.arange(256) % 128, *(np.where(np.arange(256) > 127, np.arange(256) % 128 << 7 * n, 0) for n in (1, 2, 3))]
_SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # data bytes of messages that have no place in a file


class Other(NamedTuple):
    """An event that isn't a message with two data bytes."""

    track: int
    tick: int
    before: int  # messages in the file before it
    status: int  # META, or PROGRAM_CHANGE + channel
    kind: int  # type of a meta event, program of a program change
    data: bytes


class Events(NamedTuple):
    """Messages with two data bytes (arrays of equal length, in file order), the other events, and what was left out."""

    track: Column
    tick: Column  # from the track's start
    status: Bytes  # IGNORED for a message whose note or control has no valid number
    first: Bytes
    second: Bytes
    others: list[Other]
    ends: list[int]  # tick at which each track ends
    dropped: Counter[str]
    repairs: list[str]


class _BrokenError(Exception):
    """Nothing after this point of a track can be understood."""


@dataclass
class _Scan:
    """What a walk over the tracks has found so far; a run is a row of messages with two data bytes."""

    runs: list[bytes] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)  # ticks of other events before each run
    ignored: list[int] = field(default_factory=list)  # runs of one message that is kept for its delta and status only
    others: list[tuple[int, int, int, int, int, bytes]] = field(default_factory=list)  # track, runs before, gap, ...
    ends: list[tuple[int, int]] = field(default_factory=list)  # of each track: runs up to there, gap
    metas: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))  # how many of each type
    dropped: Counter[str] = field(default_factory=Counter)
    repairs: list[str] = field(default_factory=list)
    gap: int = 0  # ticks of other events since the last run of the track
    room: Iterator[int] = field(default_factory=lambda: iter(range(LIMIT)))  # one for each event between runs to come


def events(data: bytes, tracks: tuple[tuple[int, int], ...]) -> Events:
    """Events of `tracks`, the (start, stop) of each in `data`.

    A track that can't be understood any further ends there. Raises Refusal too_many_events.
    """
    scan = _Scan()
    for number, (start, stop) in enumerate(tracks):
        scan.gap = 0
        try:
            _walk(scan, number, data[start:stop])
        except IndexError:
            scan.repairs.append("truncated_track")
        except _BrokenError:
            scan.repairs.append("broken_track")
        scan.ends.append((len(scan.runs), scan.gap))
    for kind, count in scan.metas.items():
        if kind not in _KEPT:
            scan.dropped[_COUNTED[kind]] += count
    return _decode(scan)


def _walk(scan: _Scan, track: int, data: bytes) -> None:
    """Add the events of a track to `scan`. Raises IndexError where the track ends inside an event, or _BrokenError."""
    runs, gaps, metas = scan.runs, scan.gaps, scan.metas
    kept = _KEPT if track else _KEPT_FIRST
    size = len(data)
    position = gap = 0  # gap is always scan.gap
    running = 0  # status in force, ANY_STATUS for those that runs are made of
    for _ in scan.room:
        run = (_RUNNING if running == ANY_STATUS else _EXPLICIT)(data, position)
        if run is not None and (end := run.end()) > position:
            runs.append(data[position:end])
            gaps.append(gap)
            scan.gap = gap = 0
            position = end
            running = ANY_STATUS
        if position == size:
            scan.repairs.append("no_end_of_track")
            return
        delta = data[position]
        position += 1
        if delta > 127:
            delta, position = _variable(data, position - 1)
        scan.gap = gap = gap + delta
        status = data[position]
        if status == META:
            kind = data[position + 1]
            length = data[position + 2]
            position += 3
            if kind == END:
                if position + length < size:
                    scan.repairs.append("data_after_end")
                return
            if length > 127:
                length, position = _variable(data, position - 1)
            position += length
            if position > size:
                raise IndexError
            metas[kind] += 1
            if kind in kept:
                scan.others.append((track, len(runs), gap, META, kind, data[position - length : position]))
        elif status > 0xEF:
            position = _system(scan, data, position)
        else:
            running, position = _channel(scan, track, data, position, running)
            gap = scan.gap
    raise Refusal("too_many_events", f"over {LIMIT} events that aren't notes or controls")


def _variable(data: bytes, position: int) -> tuple[int, int]:
    """The number of variable length at `position` and the position after it; up to 6 bytes, the standard has 4."""
    value = 0
    for index in range(position, position + 6):
        byte = data[index]
        value = value << 7 | byte & 127
        if byte < 128:
            return value, index + 1
    raise _BrokenError


def _system(scan: _Scan, data: bytes, position: int) -> int:
    """The position after the system message at `position`, which is only counted."""
    if data[position] in (0xF0, 0xF7):
        scan.dropped["sysex"] += 1
        length, position = _variable(data, position + 1)
        position += length
        if position > len(data):
            raise IndexError
        return position
    scan.dropped["system_messages"] += 1
    return position + 1 + _SYSTEM_BYTES.get(data[position], 0)


def _channel(scan: _Scan, track: int, data: bytes, position: int, running: int) -> tuple[int, int]:
    """Take the channel message at `position` that no run could hold; its status as running status, and what's next."""
    status = data[position]
    explicit = status > 127
    if explicit:
        position += 1
    elif running:
        status = running
    else:
        raise _BrokenError
    first = data[position]
    if 0xC0 <= status < 0xE0:
        if first > 127:
            scan.dropped["clipped_data_bytes"] += 1
        elif status >= 0xD0:
            scan.dropped["aftertouch"] += 1
        else:
            scan.others.append((track, len(scan.runs), scan.gap, status, first, b""))
        return status, position + 1
    second = data[position + 1]
    scan.dropped["clipped_data_bytes"] += (first > 127) + (second > 127)
    if first > 127:  # no pitch or control has this number; a velocity over 127 can only mean 127
        scan.ignored.append(len(scan.runs))
    scan.runs.append(
        bytes([0, status, min(first, 127), min(second, 127)] if explicit else [0, first, min(second, 127)])
    )
    scan.gaps.append(scan.gap)
    scan.gap = 0
    return ANY_STATUS, position + 2


def _decode(scan: _Scan) -> Events:
    """The messages in the runs of `scan`, and the ticks of everything between them."""
    data = np.frombuffer(b"".join(scan.runs), np.uint8)
    places = (data < 128).nonzero()[0]
    low = data[places].reshape(-1, 3)
    delta_end, first = places[::3], places[1::3]
    count = len(low)
    run_starts = places[2::3].searchsorted([0, *accumulate(map(len, scan.runs))]).tolist()  # in messages; and the end
    track_starts = [0, *(run_starts[runs] for runs, _ in scan.ends)]

    # The two bytes before the end of a delta are over 127 only where they belong to it, else they are data of the
    # message before (for the first message, by wrapping around, of the last). The third may be a status byte.
    delta = _DIGIT[0][low[:, 0]]
    delta += _DIGIT[1][data[delta_end - 1]]
    further = data[delta_end - 2]
    if count and further.max() > 127:
        delta += _DIGIT[2][further]
        rows = (further > 127).nonzero()[0]
        delta[rows] += _DIGIT[3][data[delta_end[rows] - 3]]
    gaps = [(start, gap) for start, gap in zip(run_starts, scan.gaps) if gap]
    if gaps:
        delta[[start for start, _ in gaps]] += [gap for _, gap in gaps]
    tick = delta.cumsum()
    totals = [int(tick[start - 1]) if start else 0 for start in track_starts[:-1]]  # ticks of all tracks before
    sizes = np.array([stop - start for start, stop in pairwise(track_starts)], dtype=np.int64)
    tick -= np.array(totals, dtype=np.int64).repeat(sizes)

    status = data[first - 1]
    if count and status.min() < 128:
        status = status[np.maximum.accumulate(np.where(status < 128, 0, np.arange(count)))]
    if scan.ignored:
        status[[run_starts[run] for run in scan.ignored]] = IGNORED

    def at(track: int, runs: int, gap: int) -> int:
        """The tick after so many runs and then `gap` ticks in a track."""
        before = run_starts[runs]
        return gap + (int(tick[before - 1]) if before > track_starts[track] else 0)

    return Events(
        track=np.arange(len(sizes)).repeat(sizes),
        tick=tick,
        status=status,
        first=low[:, 1],
        second=low[:, 2],
        others=[
            Other(track, at(track, runs, gap), run_starts[runs], mark, kind, body)
            for track, runs, gap, mark, kind, body in scan.others
        ],
        ends=[at(track, runs, gap) for track, (runs, gap) in enumerate(scan.ends)],
        dropped=scan.dropped,
        repairs=scan.repairs,
    )
