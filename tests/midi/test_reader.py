import io
import random
import struct
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import mido
import numpy as np
import pytest
import symusic
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.midi import chords
from stages.midi.reader import Caps, Reading, Refusal, read
from stages.midi.song import DRUMS, Song, normal, table
from stages.midi.writer import write
from tests.midi.midi_bytes import END, chunk, header, meta, midi, off, on, program, track, variable

CAPS = Caps(bytes=16_000_000, ticks=10_000_000, notes=100_000, bars=10_000, seconds=36_000)
NOTE = on(0, 60) + off(96, 60)
ROW = (0, 0, 60, 100, 96)
ONE = midi(track(NOTE))
TWO = midi(track(NOTE), track(on(0, 64) + off(96, 64)))
ROWS = [ROW, (0, 0, 64, 100, 96)]
LATE = on(96, 62) + off(96, 62)  # after NOTE
TEXT = meta(0, 1, b"x" * 20)
CUT = {"hanging_notes": 1, "zero_length_notes": 1}
RMID = b"RIFF" + struct.pack("<I", len(ONE) + 12) + b"RMIDdata" + struct.pack("<I", len(ONE)) + ONE

REFUSED = {
    "no bytes": (b"", "empty"),
    "one byte": (b"M", "not_midi"),
    "text": (b"Dear Sir or Madam,\n" * 50, "not_midi"),
    "zeros": (bytes(10_000), "not_midi"),
    "another kind of RIFF": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(20), "not_midi"),
    "a header's name only": (b"MThd", "short_header"),
    "a header cut short": (header()[:11], "short_header"),
    "a header that says 4 bytes": (b"MThd\0\0\0\4\0\1\0\1" + track(NOTE), "short_header"),
    "a header that says 0 bytes": (b"MThd\0\0\0\0" + bytes([0, 1, 0, 1, 0, 96]) + track(NOTE), "short_header"),
    "a header only": (header(), "no_tracks"),
    "no tracks and none declared": (header(tracks=0), "no_tracks"),
    "chunks of other kinds only": (header() + chunk(b"XFIH", b"abc") + chunk(b"XFKM", b""), "no_tracks"),
    "a header and junk": (header() + bytes(range(200, 256)) * 9, "no_tracks"),
    "a million empty tracks": (header() + b"MTrk\0\0\0\0" * 1_000_000, "too_many_tracks"),
    "24 frames a second": (header(division=0xE878) + track(NOTE), "smpte_division"),
    "30 frames a second": (header(division=0xE250) + track(NOTE), "smpte_division"),
    "0 ticks per quarter": (header(division=0) + track(NOTE), "zero_division"),
    "type 2": (midi(track(NOTE), track(NOTE), form=2), "type_2"),
    "type 3": (midi(track(NOTE), form=3), "unknown_type"),
    "type 65535": (midi(track(NOTE), form=65535), "unknown_type"),
    "an empty track": (header() + chunk(b"MTrk", b""), "no_notes"),
    "a track with an end only": (midi(track()), "no_notes"),
    "a lyric only": (midi(track(meta(0, 5, b"la"))), "no_notes"),
    "note-offs only": (midi(track(off(0, 60), off(9, 61))), "no_notes"),
    "note-ons of velocity 0 only": (midi(track(on(0, 60, 0))), "no_notes"),
    "controls only": (midi(track(b"\0\xb0\x07\x64")), "no_notes"),
    "a track that begins with data": (midi(track(b"\0\x3c\x64\x60\x3c\0")), "no_notes"),
    "a first delta that never ends": (midi(track(b"\xff" * 500)), "no_notes"),
    "an end of track before the notes": (header() + chunk(b"MTrk", END + NOTE), "no_notes"),
    "a bar of 3/128 at 1 tick": (midi(track(meta(0, 0x58, b"\3\7\x18\x08"), NOTE), division=1), "metre_resolution"),
    "a bar of 1/64 at 5 ticks": (midi(track(meta(0, 0x58, b"\1\6\x18\x08"), NOTE), division=5), "metre_resolution"),
    "a bar of 3/2^30": (midi(track(meta(0, 0x58, b"\3\x1e\x18\x08"), NOTE)), "metre_resolution"),
    "a metre twice, not whole ticks": (
        midi(track(meta(0, 0x58, b"\1\3\x18\x08"), NOTE, meta(0, 0x58, b"\1\3\x18\x08"), LATE), division=1),
        "metre_resolution",
    ),
    "17 million bytes": (ONE + bytes(17_000_000), "too_many_bytes"),
    "100 megabytes of junk": (random.Random(0).randbytes(1 << 20) * 100, "too_many_bytes"),
    "a note after a delta of 1e9": (midi(track(variable(1_000_000_000) + NOTE[1:])), "too_many_ticks"),
    "a note after four deltas of 2^28": (midi(track(*[meta((1 << 28) - 1, 1, b"")] * 4, NOTE)), "too_many_ticks"),
    "a note of 1e9 ticks": (midi(track(on(0, 60), off(1_000_000_000, 60))), "too_many_ticks"),
    "a hanging note before an end 1e9 ticks later": (
        midi(track(on(0, 60), end=variable(1_000_000_000) + END[1:])),
        "too_many_ticks",
    ),
    "a tempo of 16 seconds per quarter": (
        midi(track(meta(0, 0x51, b"\xff\xff\xff"), on(0, 60), off(9_000_000, 60))),
        "too_many_seconds",
    ),
    "ten million bars of 1 tick": (
        midi(track(meta(0, 0x58, b"\1\4\x18\x08"), on(9_999_000, 60)), division=4),
        "too_many_bars",
    ),
    "a million notes": (midi(track(b"\0\x90\x3c\x64" + b"\1\x3c\0\0\x3c\x64" * 1_000_000)), "too_many_notes"),
    "a million notes, none of them ending": (
        midi(track(b"\0\x90\x3c\x64" + b"\0\x3c\x64" * 1_000_000)),
        "too_many_notes",
    ),
    "a million texts": (midi(track(b"\0\xff\x01\0" * 1_000_000)), "too_many_events"),
    "a million program changes": (midi(track(b"\0\xc0\1" * 1_000_000)), "too_many_events"),
    "a million clock bytes": (midi(track(b"\0\xf8" * 1_000_000)), "too_many_events"),
    "a million notes with bad velocities": (midi(track(b"\0\x90\x3c\xff" * 1_000_000)), "too_many_events"),
}

READ: dict[str, tuple[bytes, Sequence[tuple[int, ...]], dict[str, int], tuple[str, ...]]] = {
    "nothing wrong": (ONE, [ROW], {}, ()),
    "type 0": (midi(track(NOTE), form=0), [ROW], {}, ()),
    "RIFF": (RMID, [ROW], {}, ("riff",)),
    "RIFF with sizes of 0": (RMID[:4] + bytes(4) + RMID[8:16] + bytes(4) + RMID[20:], [ROW], {}, ("riff",)),
    "RIFF with sizes of 4 GB": (RMID[:4] + b"\xff" * 4 + RMID[8:16] + b"\xff" * 4 + RMID[20:], [ROW], {}, ("riff",)),
    "RIFF in RIFF in RIFF": (RMID[:12] + RMID[:12] + RMID, [ROW], {}, ("riff",)),
    "RIFF with a list after the music": (RMID + b"LIST\x06\0\0\0INFO\0\0", [ROW], {}, ("riff",)),
    "RIFF with a list before the music": (RMID[:12] + b"LIST\x06\0\0\0INFO\0\0" + RMID[12:], [ROW], {}, ("riff",)),
    "128 bytes of MacBinary before": (bytes(128) + ONE, [ROW], {}, ("junk_prefix",)),
    "mail before": (b"Content-Type: audio/midi\r\n\r\n" + ONE, [ROW], {}, ("junk_prefix",)),
    "a megabyte of junk before": (b"\x90\x3c\x64" * 350_000 + ONE, [ROW], {}, ("junk_prefix",)),
    "zeros after": (ONE + bytes(999), [ROW], {}, ()),
    "junk after": (ONE + b"\xfe\x90\x3c" * 99, [ROW], {}, ()),
    "a text after": (ONE + b"downloaded from somewhere", [ROW], {}, ()),
    "the file twice": (ONE + ONE, [ROW], {}, ("second_file",)),
    "a header of 8 bytes": (b"MThd\0\0\0\x08\0\1\0\1\0\x60\xaa\xbb" + track(NOTE), [ROW], {}, ()),
    "a header that says 8 bytes and has 6": (
        b"MThd\0\0\0\x08\0\1\0\1\0\x60" + track(NOTE),
        [ROW],
        {},
        ("header_length",),
    ),
    "a header that says 4 GB": (b"MThd\xff\xff\xff\xff\0\1\0\1\0\x60" + track(NOTE), [ROW], {}, ("header_length",)),
    "0 tracks declared": (header(tracks=0) + track(NOTE), [ROW], {}, ("track_count",)),
    "65535 tracks declared": (header(tracks=65535) + track(NOTE), [ROW], {}, ("track_count",)),
    "1 track declared, 2 there": (header(tracks=1) + TWO[14:], ROWS, {}, ("track_count",)),
    "type 0 with 2 tracks": (midi(track(NOTE), track(on(0, 64) + off(96, 64)), form=0), ROWS, {}, ()),
    "an unknown chunk first": (header() + chunk(b"XFIH", b"abc") + track(NOTE), [ROW], {}, ()),
    "an unknown chunk last": (ONE + chunk(b"XFKM", b"abc"), [ROW], {}, ()),
    "an unknown chunk with a lying length": (
        header() + chunk(b"XFIH", b"abc", 1 << 30) + track(NOTE),
        [ROW],
        {},
        ("junk_chunk",),
    ),
    "junk between tracks": (
        header(tracks=2) + track(NOTE) + b"\xfe\0\1" + TWO[14 + len(ONE[14:]) :],
        ROWS,
        {},
        ("junk_chunk",),
    ),
    "a track length of 0": (header() + chunk(b"MTrk", NOTE + END, 0), [ROW], {}, ("track_length",)),
    "a track length of 4 GB": (header() + chunk(b"MTrk", NOTE + END, (1 << 32) - 1), [ROW], {}, ("truncated_track",)),
    "a track length of 4 GB before another track": (
        header(tracks=2) + chunk(b"MTrk", NOTE + END, (1 << 32) - 1) + track(on(0, 64) + off(96, 64)),
        ROWS,
        {},
        ("track_length",),
    ),
    "a track length 1 too long": (
        header(tracks=2) + chunk(b"MTrk", NOTE + END, len(NOTE) + 5) + track(on(0, 64) + off(96, 64)),
        ROWS,
        {},
        ("track_length",),
    ),
    "a track length 3 too short": (
        header(tracks=2) + chunk(b"MTrk", NOTE + END, len(NOTE) + 1) + track(on(0, 64) + off(96, 64)),
        ROWS,
        {},
        ("track_length",),
    ),
    "no end of track": (midi(track(NOTE, end=b"")), [ROW], {}, ("no_end_of_track",)),
    "an end of track with 5 bytes": (midi(track(NOTE, end=b"\0\xff\x2f\5abcde")), [ROW], {}, ()),
    "an end of track that promises 5 bytes": (midi(track(NOTE, end=b"\0\xff\x2f\5")), [ROW], {}, ()),
    "notes after the end of track": (midi(track(NOTE, END, LATE)), [ROW], {}, ("data_after_end",)),
    "the end after a delta of 1e9": (midi(track(NOTE, end=variable(1_000_000_000) + END[1:])), [ROW], {}, ()),
    "a text after a delta of 1e9": (midi(track(NOTE, meta(1_000_000_000, 1, b"far"))), [ROW], {"text": 1}, ()),
    "cut in the middle of a note": (midi(track(NOTE, LATE))[:-9], [ROW], {}, ("truncated_track",)),
    "cut in the middle of a delta": (midi(track(NOTE, b"\x81", end=b"")), [ROW], {}, ("truncated_track",)),
    "cut while a note sounds": (
        midi(track(NOTE, LATE))[:-8],
        [ROW, (192, 0, 62, 100, 1)],
        CUT,
        ("truncated_track", "no_end_of_track"),
    ),
    "cut in the middle of a text": (midi(track(NOTE, TEXT))[:-20], [ROW], {}, ("truncated_track",)),
    "a text that promises more than there is": (midi(track(NOTE, b"\0\xff\1\x7fabc")), [ROW], {}, ("truncated_track",)),
    "a text that promises 256 MB": (midi(track(NOTE, b"\0\xff\1\xff\xff\xff\x7fabc")), [ROW], {}, ("truncated_track",)),
    "a length that never ends": (midi(track(NOTE, b"\0\xff\1" + b"\xff" * 99)), [ROW], {}, ("broken_track",)),
    "a delta of 5 bytes": (midi(track(b"\x80\x80\x80\x80\0" + NOTE[1:])), [ROW], {}, ()),
    "a delta of 9 bytes": (midi(track(NOTE, b"\x80" * 8 + LATE)), [ROW], {}, ("broken_track",)),
    "data without a status": (midi(track(b"\0\x40\x40", NOTE), track(NOTE)), [ROW], {}, ("broken_track",)),
    "running status": (midi(track(b"\0\x90\x3c\x64\x60\x3c\0")), [ROW], {}, ()),
    "running status across a text": (midi(track(b"\0\x90\x3c\x64", TEXT, b"\x60\x3c\0")), [ROW], {"text": 1}, ()),
    "running status across a sysex": (midi(track(b"\0\x90\x3c\x64\0\xf0\2\1\xf7\x60\x3c\0")), [ROW], {"sysex": 1}, ()),
    "running status of programs": (midi(track(b"\0\xc0\5\0\6", NOTE)), [(0, 6, 60, 100, 96)], {}, ()),
    "running status of channel pressure": (midi(track(b"\0\xd0\5\0\6", NOTE)), [ROW], {"aftertouch": 2}, ()),
    "a velocity of 255": (
        midi(track(b"\0\x90\x3c\xff" + NOTE[4:])),
        [(0, 0, 60, 127, 96)],
        {"clipped_data_bytes": 1},
        (),
    ),
    "a velocity of 200 in running status": (
        midi(track(b"\0\x90\x3c\x64\x60\x3c\0\0\x3e\xc8\x60\x3e\0")),
        [ROW, (96, 0, 62, 127, 96)],
        {"clipped_data_bytes": 1},
        (),
    ),
    "a release velocity of 255": (midi(track(NOTE[:-1] + b"\xff")), [ROW], {"clipped_data_bytes": 1}, ()),
    "a pitch of 188": (
        midi(track(b"\0\x90\xbc\x64\x60\x80\xbc\0", NOTE)),
        [(96, 0, 60, 100, 96)],
        {"clipped_data_bytes": 2},
        (),
    ),
    "a program of 200": (midi(track(b"\0\xc0\xc8", NOTE)), [ROW], {"clipped_data_bytes": 1}, ()),
    "a bend of 255 255": (midi(track(b"\0\xe0\xff\xff", NOTE)), [ROW], {"clipped_data_bytes": 2}, ()),
    "clock and song position": (midi(track(b"\0\xf8\0\xf2\1\2\0\xfe", NOTE)), [ROW], {"system_messages": 3}, ()),
    "a sysex that is cut": (midi(track(NOTE, b"\0\xf0\x7f\1\2")), [ROW], {"sysex": 1}, ("truncated_track",)),
    "a tempo of 2 bytes": (midi(track(meta(0, 0x51, b"\7\xa1"), NOTE)), [ROW], {"bad_tempo": 1}, ()),
    "a tempo of 0": (midi(track(meta(0, 0x51, bytes(3)), NOTE)), [ROW], {"bad_tempo": 1}, ()),
    "a tempo of no bytes": (midi(track(meta(0, 0x51, b""), NOTE)), [ROW], {"bad_tempo": 1}, ()),
    "a tempo of 4 bytes": (midi(track(meta(0, 0x51, b"\7\xa1\x20\0"), NOTE)), [ROW], {}, ()),
    "a metre of 0/4": (midi(track(meta(0, 0x58, b"\0\2\x18\x08"), NOTE)), [ROW], {"bad_time_signature": 1}, ()),
    "a metre of 4/2^255": (midi(track(meta(0, 0x58, b"\4\xff\x18\x08"), NOTE)), [ROW], {"bad_time_signature": 1}, ()),
    "a metre of 1 byte": (midi(track(meta(0, 0x58, b"\4"), NOTE)), [ROW], {"bad_time_signature": 1}, ()),
    "a key of 99 sharps": (midi(track(meta(0, 0x59, b"\x63\x09"), NOTE)), [ROW], {"key_signature": 1}, ()),
    "a key of no bytes": (midi(track(meta(0, 0x59, b""), NOTE)), [ROW], {"key_signature": 1}, ()),
    "a meta event of type 255": (midi(track(meta(0, 0xFF, b"abc"), NOTE)), [ROW], {"other_meta": 1}, ()),
    "text in no encoding": (midi(track(meta(0, 1, b"\xff\xfe\0\x80"), NOTE)), [ROW], {"text": 1}, ()),
    "a chord that isn't one": (midi(track(meta(0, 6, b"chord:H"), NOTE)), [ROW], {"markers": 1}, ()),
    "a marker": (midi(track(meta(0, 6, b"Cmaj7"), meta(0, 6, b"\xff"), NOTE)), [ROW], {"markers": 2}, ()),
    "a note that never ends": (midi(track(on(0, 60), end=b"\x60\xff\x2f\0")), [ROW], {"hanging_notes": 1}, ()),
    "a note-off too many": (midi(track(off(0, 60), NOTE, off(0, 60))), [ROW], {"stray_note_offs": 2}, ()),
    "a note of no length": (midi(track(on(0, 60), off(0, 60))), [(0, 0, 60, 100, 1)], {"zero_length_notes": 1}, ()),
    "a note-off before its note-on at one tick": (
        midi(track(NOTE, on(0, 60), off(9, 60))),
        [ROW, (96, 0, 60, 100, 9)],
        {},
        (),
    ),
    "pedal, bends, controls, pressure": (
        midi(track(b"\0\xb0\x40\x7f\0\xb0\7\x64\0\xe0\0\x40\0\xa0\x3c\1\0\xd0\1", NOTE)),
        [ROW],
        {"pedal": 1, "control_change": 1, "pitch_bend": 1, "aftertouch": 2},
        (),
    ),
    "a drum kit": (
        midi(track(program(0, 8, 9), on(0, 36, 100, 9), off(96, 36, 9))),
        [(0, DRUMS, 36, 100, 96)],
        {"drum_kits": 1},
        (),
    ),
}


def rows(reading: Reading) -> list[tuple[int, ...]]:
    return [tuple(row) for row in reading.song.notes.tolist()]


def test_over_sixty_broken_files_are_tried() -> None:
    assert len(REFUSED) + len(READ) > 100


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_without_readable_music_is_refused_with_its_reason(name: str) -> None:
    data, reason = REFUSED[name]
    with pytest.raises(Refusal) as caught:
        read(data, CAPS)
    assert caught.value.reason == reason
    assert caught.value.detail


@pytest.mark.parametrize("name", READ)
def test_a_damaged_file_gives_its_notes_and_says_what_was_done(name: str) -> None:
    data, notes, dropped, repairs = READ[name]
    reading = read(data, CAPS)
    assert rows(reading) == [*notes]
    assert reading.dropped == dropped
    assert reading.repairs == repairs


def test_notes_of_one_pitch_end_in_the_order_they_began() -> None:
    # on at 0, 10 and 20; off at 30, 50 and 60
    events = on(0, 60, 1), on(10, 60, 2), on(10, 60, 3), off(10, 60), off(20, 60), off(10, 60)
    assert rows(read(midi(track(*events)), CAPS)) == [(0, 0, 60, 1, 30), (10, 0, 60, 2, 40), (20, 0, 60, 3, 40)]


def test_a_hanging_note_lasts_until_its_track_ends() -> None:
    reading = read(midi(track(on(0, 60), on(0, 64), off(96, 64), end=b"\x60\xff\x2f\0"), track(NOTE, LATE, LATE)), CAPS)
    assert rows(reading)[:3] == [(0, 0, 60, 100, 96), (0, 0, 60, 100, 192), (0, 0, 64, 100, 96)]
    assert reading.dropped == {"hanging_notes": 1}


def test_a_hanging_note_lasts_until_the_last_message_of_a_track_without_an_end() -> None:
    reading = read(midi(track(TEXT, meta(50, 1, b""), on(10, 60), on(0, 64), off(96, 64), end=b"")), CAPS)
    assert rows(reading) == [(60, 0, 60, 100, 96), (60, 0, 64, 100, 96)]


def test_tracks_and_channels_dont_end_each_others_notes() -> None:
    data = midi(track(on(0, 60), on(0, 60, channel=1), off(96, 60, 1), off(96, 60)), track(on(0, 60), off(48, 60)))
    assert rows(read(data, CAPS)) == [(0, 0, 60, 100, length) for length in (48, 96, 192)]


def test_a_note_has_the_program_in_force_at_its_beginning() -> None:
    data = midi(track(program(0, 5), on(0, 60), program(48, 6), off(48, 60), on(0, 62), program(0, 7), off(96, 62)))
    assert rows(read(data, CAPS)) == [(0, 5, 60, 100, 96), (96, 6, 62, 100, 96)]


def test_a_program_set_in_another_track_holds_on_its_channel_from_its_tick_on() -> None:
    data = midi(
        track(program(0, 5, 3), program(96, 6, 3)),
        track(NOTE, LATE),
        track(on(95, 60, channel=3), on(1, 62, channel=3)),
    )
    assert [row[:3] for row in rows(read(data, CAPS))] == [(0, 0, 60), (95, 5, 60), (96, 6, 62), (192, 0, 62)]


def test_a_tracks_own_program_comes_before_what_other_tracks_set_on_its_channel() -> None:
    data = midi(track(program(0, 5), NOTE, LATE), track(program(0, 6), NOTE), track(program(50, 7)))
    assert [row[:3] for row in rows(read(data, CAPS))] == [(0, 5, 60), (0, 6, 60), (192, 5, 62)]


def test_a_program_of_one_port_doesnt_hold_on_another() -> None:
    data = midi(track(program(0, 5)), track(meta(0, 0x21, b"\1"), NOTE), track(on(0, 64), off(96, 64)))
    assert [row[1] for row in rows(read(data, CAPS))] == [0, 5]


def test_channel_10_is_drums_whatever_its_program() -> None:
    data = midi(track(program(0, 5, 9), program(0, 5), on(0, 36, channel=9), off(96, 36, 9), NOTE))
    assert [row[1] for row in rows(read(data, CAPS))] == [DRUMS, 5]


def test_tempos_metres_and_chords_of_all_tracks_are_kept_and_the_last_of_a_tick_stands() -> None:
    events = meta(0, 0x58, b"\3\2\x18\x08"), meta(0, 0x58, b"\6\3\x18\x08"), meta(0, 6, b"chord:Cmaj7"), NOTE, LATE
    song = read(midi(track(meta(0, 0x51, b"\6\0\0"), meta(96, 0x51, b"\7\0\0")), track(*events)), CAPS).song
    assert song.ticks_per_quarter == 96
    assert song.metres.tolist() == [[0, 6, 8]]
    assert song.tempos.tolist() == [[0, 0x60000], [96, 0x70000]]
    assert song.chords.tolist() == [[0, *chords.parse("Cmaj7")]]


@pytest.mark.parametrize(
    ("events", "title"),
    [
        ((meta(0, 1, b"first text"), meta(0, 3, b" Ein'  feste\nBurg ")), "Ein' feste Burg"),
        ((meta(0, 3, b"\0 "), meta(0, 1, b""), meta(0, 1, b"Gl\xe4nzend")), "Gl\xe4nzend"),
        ((meta(0, 5, b"la"),), None),
    ],
)
def test_the_title_is_the_first_tracks_name_or_its_first_text(events: tuple[bytes, ...], title: str | None) -> None:
    assert read(midi(track(*events, NOTE), track(meta(0, 3, b"Piano"), NOTE)), CAPS).title == title


def test_caps_are_the_largest_values_that_are_read() -> None:
    # 2 notes; the last ends at tick 384, in the second bar; 4 quarters at the default tempo take 2 seconds
    data = midi(track(NOTE, on(192, 62), off(96, 62)))
    exact = Caps(bytes=len(data), ticks=384, notes=2, bars=1, seconds=2)
    assert len(read(data, exact).song.notes) == 2
    for cap in ("bytes", "ticks", "notes", "seconds"):
        with pytest.raises(Refusal, match=f"too_many_{cap}: "):
            read(data, exact.model_copy(update={cap: getattr(exact, cap) - 1}))
    short_bars = midi(track(meta(0, 0x58, b"\3\2\x18\x08"), NOTE, on(192, 62), off(96, 62)))
    with pytest.raises(Refusal, match="too_many_bars: 2 bars, at most 1"):
        read(short_bars, exact.model_copy(update={"bytes": 1000}))


Event = tuple[int, bytes]  # delta, then status and data


@st.composite
def streams(draw: st.DrawFn) -> list[list[Event]]:
    """Tracks of events as the standard allows them, with voices that meet often."""
    data = st.integers(0, 127)
    pitch = st.integers(60, 62)
    channel = st.sampled_from([0, 0, 1, 9])
    delta = st.sampled_from([0, 0, 0, 1, 2, 5, 96, 127, 128, 300, 16383, 16384, 2097151, 2097152])
    event = st.one_of(
        st.builds(lambda c, p, v: bytes([0x90 | c, p, v]), channel, pitch, st.integers(0, 127)),
        st.builds(lambda c, p: bytes([0x80 | c, p, 64]), channel, pitch),
        st.builds(lambda c, p: bytes([0x90 | c, p, 0]), channel, pitch),
        st.builds(lambda c, p: bytes([0xC0 | c, p]), channel, st.integers(0, 3)),
        st.builds(lambda c, p, v: bytes([c, p, v]), st.sampled_from([0xA0, 0xB1, 0xB2, 0xE0]), data, data),
        st.builds(lambda text: meta(0, 5, text)[1:], st.binary(max_size=300)),
        st.builds(lambda us: meta(0, 0x51, us.to_bytes(3, "big"))[1:], st.integers(1, 0xFFFFFF)),
        st.builds(lambda n, d: meta(0, 0x58, bytes([n, d, 24, 8]))[1:], st.integers(1, 20), st.integers(0, 5)),
        st.builds(lambda name: meta(0, 6, b"chord:" + name.encode())[1:], st.sampled_from(chords.NAMES)),
        st.just(b"\xd0\5"),
        st.just(b"\xf0\3\1\x10\xf7"),
        st.just(meta(0, 0x21, b"\1")[1:]),
    )
    return draw(st.lists(st.lists(st.tuples(delta, event), max_size=40), min_size=1, max_size=4))


def serialised(tracks: list[list[Event]], rng: random.Random) -> bytes:
    """The file of these tracks, with running status here and there."""
    chunks = []
    for events in tracks:
        running, parts = 0, []
        for delta, event in events:
            implied = event[0] == running and rng.random() < 0.7
            parts.append(variable(delta) + (event[1:] if implied else event))
            running = event[0] if event[0] < 0xF0 else 0
        chunks.append(track(*parts))
    return midi(*chunks)


def expected(tracks: list[list[Event]]) -> Song | None:
    """What these tracks mean, note by note; None if they have no note."""
    programs: dict[tuple[int, int], list[tuple[int, int, int, int]]] = defaultdict(list)  # (port, channel)
    ports = [1 if any(event[:2] == b"\xff\x21" for _, event in events) else 0 for events in tracks]
    timed = [list(zip(np.cumsum([delta for delta, _ in events]).tolist(), [e for _, e in events])) for events in tracks]
    for number, events in enumerate(timed):
        for index, (tick, event) in enumerate(events):
            if event[0] >> 4 == 0xC:
                programs[ports[number], event[0] & 15].append((tick, number, index, event[1]))
    notes, tempos, metres, names = [], [], [], []
    for number, events in enumerate(timed):
        sounding: dict[tuple[int, int], list[list[int]]] = defaultdict(list)
        for index, (tick, event) in enumerate(events):
            status, channel = event[0] >> 4, event[0] & 15
            if status == 9 and event[2]:
                changes = sorted(programs[ports[number], channel])
                own = [row[3] for row in changes if row[1] == number and row[2] < index]
                others = [row[3] for row in changes if row[1] != number and row[0] <= tick]
                number_of_program = DRUMS if channel == 9 else (own or others or [0])[-1]
                sounding[channel, event[1]].append([tick, number_of_program, event[1], event[2]])
            elif status in (8, 9) and sounding[channel, event[1]]:
                note = sounding[channel, event[1]].pop(0)
                notes.append((*note, tick - note[0]))
            elif event[:2] == b"\xff\x51":
                tempos.append((tick, int.from_bytes(event[3:], "big")))
            elif event[:2] == b"\xff\x58":
                metres.append((tick, event[3], 2 ** event[4]))
            elif event[:2] == b"\xff\6":
                names.append((tick, *chords.parse(event[9:].decode())))
        for waiting in sounding.values():
            notes += [(*note, events[-1][0] - note[0]) for note in waiting]
    return normal(Song(96, *map(table, (notes, tempos, metres, names), (5, 2, 3, 3)))) if notes else None


HUGE = Caps(bytes=1 << 30, ticks=1 << 40, notes=1 << 20, bars=1 << 40, seconds=1 << 40)


@settings(max_examples=150, deadline=None)
@given(streams(), st.randoms(use_true_random=False))
def test_every_valid_file_is_read_as_it_is_meant(tracks: list[list[Event]], rng: random.Random) -> None:
    data = serialised(tracks, rng)
    song = expected(tracks)
    if song is None:
        with pytest.raises(Refusal, match="no_notes"):
            read(data, HUGE)
    else:
        assert read(data, HUGE).song == song


def damaged(data: bytes, rng: random.Random) -> bytes:
    """`data` with some bytes changed, left out, doubled or cut off."""
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(data) + 1)
        stop = place + rng.choice([1, 1, 2, 5, 40])
        piece = rng.choice([b"", rng.randbytes(stop - place), data[place:stop] * 2, b"MTrk", b"MThd", b"\xff\x2f\0"])
        data = data[:place] + piece + (b"" if rng.random() < 0.05 else data[stop:])
    return data


@settings(max_examples=200, deadline=None)
@given(streams(), st.randoms(use_true_random=False))
def test_every_damaged_file_ends_in_a_song_that_can_be_written_or_a_refusal(
    tracks: list[list[Event]], rng: random.Random
) -> None:
    data = damaged(serialised(tracks, rng), rng)
    try:
        song = read(data, CAPS).song
    except Refusal:
        return
    assert normal(song) == song
    assert read(write(song), CAPS).song == song


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_every_byte_string_after_a_header_ends_in_a_song_or_a_refusal(data: bytes) -> None:
    for start in (b"", header(), header() + chunk(b"MTrk", b"", 1 << 20), header() + chunk(b"MTrk", b"", len(data))):
        try:
            assert len(read(start + data, CAPS).song.notes)
        except Refusal as refusal:
            assert refusal.reason


@settings(max_examples=50, deadline=None)
@given(streams(), st.randoms(use_true_random=False))
def test_mido_finds_as_many_notes(tracks: list[list[Event]], rng: random.Random) -> None:
    data = serialised(tracks, rng)
    messages = [message for each in mido.MidiFile(file=io.BytesIO(data)).tracks for message in each]
    count = sum(message.type == "note_on" and message.velocity > 0 for message in messages)
    assert count == (len(read(data, HUGE).song.notes) if count else 0)


def test_every_hymn_is_read_with_the_notes_that_symusic_finds(hymns: Path) -> None:
    empty = []
    for path in sorted(hymns.glob("*.mid")):
        data = path.read_bytes()
        oracle = symusic.Score.from_midi(data)
        notes = [note for part in oracle.tracks for note in part.notes]  # symusic knows a track's own programs only
        found = Counter((note.time, note.pitch, note.velocity, note.duration) for note in notes)
        if not found:
            empty.append(path.name)
            continue
        reading = read(data, CAPS)
        assert Counter((onset, *rest) for onset, _, *rest in rows(reading)) == found, path.name
        assert reading.repairs == ()
        assert reading.title
    assert empty == ["137-i-bind-unto-myself-today.mid"]
