import io
import random
import struct
from pathlib import Path

import mido
import pytest
import symusic
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.midi import chords
from stages.midi.reader import Caps, read
from stages.midi.song import DRUMS, Rows, Song, normal, table, transposed
from stages.midi.writer import write

CAPS = Caps(bytes=1 << 30, ticks=1 << 40, notes=1 << 20, bars=1 << 40, seconds=1 << 40)


def song(notes: Rows, tempos: Rows = (), metres: Rows = (), names: Rows = (), division: int = 24) -> Song:
    return normal(Song(division, *map(table, (notes, tempos, metres, names), (5, 2, 3, 3))))


@st.composite
def songs(draw: st.DrawFn) -> Song:
    """Songs in normal form; few pitches, programs and ticks, so that notes meet, or very many."""
    tick = draw(st.sampled_from([st.integers(0, 12), st.integers(0, 1000), st.integers(0, (1 << 27) - 1)]))
    program = draw(st.sampled_from([st.sampled_from([0, 40, DRUMS]), st.integers(0, DRUMS)]))
    pitch = draw(st.sampled_from([st.integers(60, 61), st.integers(0, 127)]))
    note = st.tuples(tick, program, pitch, st.integers(1, 127), st.one_of(st.integers(1, 12), tick))
    chord = st.tuples(tick, st.integers(0, 11), st.integers(0, len(chords.QUALITIES) - 1))
    division = draw(st.sampled_from([12, 24, 96, 480, 0x7FFF]))
    metre = st.tuples(tick, st.integers(1, 255), st.sampled_from([1, 2, 4] if division == 0x7FFF else [1, 2, 4, 8, 16]))
    return song(
        draw(st.lists(note, min_size=1, max_size=60)),
        draw(st.lists(st.tuples(tick, st.integers(1, 0xFFFFFF)), max_size=5)),
        draw(st.lists(metre, max_size=5)),
        draw(st.lists(chord, max_size=5)),
        division,
    )


@settings(max_examples=250, deadline=None)
@given(songs())
def test_every_song_in_normal_form_is_read_back_exactly(written: Song) -> None:
    reading = read(write(written), CAPS)
    assert reading.song == written
    assert reading.dropped == {}
    assert reading.repairs == ()


@settings(max_examples=50, deadline=None)
@given(songs())
def test_mido_and_symusic_find_the_same_notes(written: Song) -> None:
    data = write(written)
    found = sorted(
        (note.time, DRUMS if part.is_drum else part.program, note.pitch, note.velocity, note.duration)
        for part in symusic.Score.from_midi(data).tracks
        for note in part.notes
    )
    assert found == [tuple(row) for row in written.notes.tolist()]
    messages = [message for track in mido.MidiFile(file=io.BytesIO(data)).tracks for message in track]
    assert sum(message.type == "note_on" for message in messages) == len(written.notes)
    assert sum(message.type == "set_tempo" for message in messages) == len(written.tempos)
    assert sum(message.type == "time_signature" for message in messages) == len(written.metres)


def test_a_file_of_one_note_has_these_bytes() -> None:
    conductor = (
        bytes.fromhex("00 ff58 04 03 03 18 08  00 ff51 03 07a120  00 ff06 0b")
        + b"chord:Cmaj7"
        + bytes.fromhex("00 ff2f 00")
    )
    # program 5, then after 200 = 0x81 0x48 ticks the note, which lasts 24
    notes = bytes.fromhex("00 c0 05  8148 90 3c 64  18 80 3c 00  00 ff2f 00")
    chunks = b"".join(b"MTrk" + struct.pack(">I", len(body)) + body for body in (conductor, notes))
    one = song([(200, 5, 60, 100, 24)], metres=[(0, 3, 8)], names=[(0, *chords.parse("Cmaj7"))])
    assert write(one) == b"MThd" + struct.pack(">IHHH", 6, 1, 2, 24) + chunks


def channels(written: Song) -> list[set[int]]:
    tracks = mido.MidiFile(file=io.BytesIO(write(written))).tracks
    return [{message.channel for message in track if not message.is_meta} for track in tracks[1:]]


def test_fifteen_pitched_programs_and_drums_have_a_channel_each() -> None:
    written = song([(0, program, 60, 100, 24) for program in [*range(15), DRUMS]])
    assert channels(written) == [{channel} for channel in [*range(9), *range(10, 16), 9]]
    assert b"\xff\x21" not in write(written)


def test_the_sixteenth_pitched_program_is_on_the_next_port() -> None:
    written = song([(0, program, 60, 100, 24) for program in range(16)])
    assert channels(written)[-1] == {0}
    assert write(written).count(b"\xff\x21\1\0") == 15
    assert write(written).count(b"\xff\x21\1\1") == 1


def test_all_programs_at_once_are_read_back() -> None:
    written = song([(program % 7, program, 60, 100, 24) for program in range(129)])
    assert read(write(written), CAPS).song == written
    assert len(channels(written)) == 129


def test_overlapping_notes_of_one_pitch_go_to_tracks_of_their_own_on_one_channel() -> None:
    # 0-24 and 24-48 follow each other; 5-10 and 12-20 lie within the first
    written = song([(0, 0, 60, 1, 24), (5, 0, 60, 2, 5), (12, 0, 60, 3, 8), (24, 0, 60, 4, 24)])
    assert channels(written) == [{0}, {0}]
    assert read(write(written), CAPS).song == written


def test_equally_long_unisons_share_a_track() -> None:
    written = song([(0, 0, 60, velocity, 24) for velocity in (1, 1, 50, 127)] * 200)
    assert channels(written) == [{0}]
    assert read(write(written), CAPS).song == written


def test_a_metre_off_the_bar_line_is_read_back() -> None:
    written = song([(0, 0, 60, 64, 24), (200, 0, 60, 64, 24)], metres=[(0, 4, 4), (40, 4, 4), (53, 3, 8)])
    assert written.metres.tolist() == [[0, 4, 4], [40, 4, 4], [53, 3, 8]]
    assert read(write(written), CAPS).song == written


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (song([(0, 0, 60, 0, 24)]), "velocity 0"),
        (song([(0, 129, 60, 64, 24)]), "program 129"),
        (song([(0, 0, 128, 64, 24)]), "pitch 128"),
        (song([(-1, 0, 60, 64, 24)]), "onset -1"),
        (song([(0, 0, 60, 64, 24)], division=0x8000), "ticks per quarter 32768"),
        (song([(0, 0, 60, 64, 24)], tempos=[(0, 1 << 24)]), "tempo 16777216"),
        (song([(0, 0, 60, 64, 24)], metres=[(0, 256, 4)]), "numerator 256"),
        (song([(0, 0, 60, 64, 24)], metres=[(0, 3, 6)]), "denominator 6"),
        (song([(1 << 28, 0, 60, 64, 24)]), "268435456 ticks without an event"),
        (song([(1 << 28, 0, 60, 64, 24)], tempos=[(1 << 28, 1)]), "ticks without an event"),
    ],
)
def test_what_midi_has_no_bytes_for_is_refused(broken: Song, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write(broken)


def test_a_song_of_thousands_of_notes_is_read_back() -> None:
    rng = random.Random(1)
    notes = [
        (
            rng.randrange(50_000),
            rng.choice([0, 33, DRUMS]),
            rng.randrange(30, 90),
            rng.randrange(1, 128),
            rng.randrange(1, 900),
        )
        for _ in range(20_000)
    ]
    written = song(notes, division=480)
    assert read(write(written), CAPS).song == written


def test_every_hymn_is_written_and_read_back_exactly(hymns: Path) -> None:
    for path in sorted(hymns.glob("*.mid")):
        data = path.read_bytes()
        if b"\x90" in data:
            found = read(data, CAPS).song
            assert read(write(found), CAPS).song == found, path.name
            assert write(transposed(found, 1)) != write(found)
