"""The tracks inside the bytes of a MIDI file, also where the container around them is damaged."""

import struct
from typing import NamedTuple

HEADER = b"MThd"
TRACK = b"MTrk"
END_OF_TRACK = b"\xff\x2f\x00"
MOST_TRACKS = 0xFFFF  # a header can't declare more
_ASCII = frozenset(range(0x20, 0x7F))


class Refusal(Exception):  # noqa: N818  a normal outcome of reading, not a programming error
    """Why a file can't be read: a reason code for manifests, and a detail for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Container(NamedTuple):
    """Resolution, the bytes of each track as (start, stop), and what had to be repaired to find them."""

    ticks_per_quarter: int
    tracks: tuple[tuple[int, int], ...]
    repairs: tuple[str, ...]


def container(data: bytes) -> Container:
    """Find the tracks of a type 0 or type 1 file; the chunk layout is that of the Standard MIDI File 1.0, section 2.

    Anything before the header (RIFF, MacBinary, mail headers ...) and chunks of other kinds are passed over, and chunk
    lengths are believed only if something sensible comes after them. Raises Refusal with the reason empty, not_midi,
    short_header, type_2, unknown_type, smpte_division, zero_division,
    no_tracks or too_many_tracks.
    """
    if not data:
        raise Refusal("empty", "the file has no bytes")
    start = data.find(HEADER)
    if start < 0:
        raise Refusal("not_midi", "no MThd header")
    if len(data) < start + 14:
        raise Refusal("short_header", "the file ends inside its header")
    length, form, declared, division = struct.unpack_from(">IHHH", data, start + 4)
    if length < 6:
        raise Refusal("short_header", f"a header of {length} bytes, expected 6")
    if form == 2:
        raise Refusal("type_2", "independent patterns, not one piece")
    if form > 2:
        raise Refusal("unknown_type", f"type {form}, expected 0 or 1")
    if division & 0x8000:
        raise Refusal("smpte_division", "times are in film frames, not in quarter notes")
    if not division:
        raise Refusal("zero_division", "0 ticks per quarter")
    repairs = []
    if start:
        repairs.append("riff" if data.startswith(b"RIFF") else "junk_prefix")
    after = start + 8 + length
    if after != start + 14 and data[start + 14 : start + 18] == TRACK and data[after : after + 4] != TRACK:
        after = start + 14
        repairs.append("header_length")
    tracks, found = _tracks(data, after)
    if not tracks:
        raise Refusal("no_tracks", "a header without a track")
    if len(tracks) != declared:
        found.append("track_count")
    return Container(division, tuple(tracks), tuple(repairs + sorted(set(found))))


def _tracks(data: bytes, position: int) -> tuple[list[tuple[int, int]], list[str]]:
    """The tracks from `position` on, and the repairs made on the way."""
    tracks: list[tuple[int, int]] = []
    repairs = []
    while position + 8 <= len(data):
        kind = data[position : position + 4]
        stop = position + 8 + int.from_bytes(data[position + 4 : position + 8], "big")
        if kind == HEADER:
            repairs.append("second_file")
            break
        if kind == TRACK:
            if not _credible(data, stop):
                following = data.find(TRACK, position + 8)
                repairs.append("track_length" if following >= 0 or stop <= len(data) else "truncated_track")
                stop = following if following >= 0 else len(data)
            tracks.append((position + 8, stop))
            if len(tracks) > MOST_TRACKS:
                raise Refusal("too_many_tracks", f"over {MOST_TRACKS} tracks")
        elif not _printable(kind) or not _credible(data, stop):
            following = data.find(TRACK, position + 1)
            if following >= 0 or not tracks:
                repairs.append("junk_chunk")
            stop = following if following >= 0 else len(data)
        position = stop
    return tracks, repairs


def _credible(data: bytes, stop: int) -> bool:
    """Whether a chunk may end at `stop`: with the file, before another chunk, or after an end of track."""
    if stop >= len(data):
        return stop == len(data)
    return _printable(data[stop : stop + 4]) or data[stop - 3 : stop] == END_OF_TRACK


def _printable(kind: bytes) -> bool:
    """Whether `kind` looks like the name of a chunk."""
    return len(kind) == 4 and _ASCII.issuperset(kind)
