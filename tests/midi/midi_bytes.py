"""MIDI files put together byte by byte, so that they can be wrong in any place."""

import struct

END = b"\x00\xff\x2f\x00"


def variable(value: int) -> bytes:
    """A number of variable length."""
    digits = [value & 127]
    while value := value >> 7:
        digits.insert(0, value & 127 | 0x80)
    return bytes(digits)


def chunk(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    """A chunk, whose length may be told wrongly."""
    return kind + struct.pack(">I", len(body) if length is None else length) + body


def track(*events: bytes, end: bytes = END) -> bytes:
    """A track chunk with an end."""
    return chunk(b"MTrk", b"".join(events) + end)


def header(form: int = 1, tracks: int = 1, division: int = 96) -> bytes:
    """A header chunk, at 96 ticks per quarter where nothing else is said."""
    return chunk(b"MThd", struct.pack(">HHH", form, tracks, division))


def midi(*tracks: bytes, form: int = 1, division: int = 96) -> bytes:
    """A file of these track chunks."""
    return header(form, len(tracks), division) + b"".join(tracks)


def meta(delta: int, kind: int, data: bytes) -> bytes:
    """A meta event."""
    return variable(delta) + bytes([0xFF, kind]) + variable(len(data)) + data


def on(delta: int, pitch: int, velocity: int = 100, channel: int = 0) -> bytes:
    """A note-on."""
    return variable(delta) + bytes([0x90 | channel, pitch, velocity])


def off(delta: int, pitch: int, channel: int = 0) -> bytes:
    """A note-off."""
    return variable(delta) + bytes([0x80 | channel, pitch, 64])


def program(delta: int, number: int, channel: int = 0) -> bytes:
    """A program change."""
    return variable(delta) + bytes([0xC0 | channel, number])
