from pathlib import Path

import pytest
from mido import Message, MetaMessage, MidiFile, MidiTrack

from stages.lofi.arrangement import chords, lead, tonic, voicing
from stages.lofi.scores import BAR, Note, Score, Unfit, loop, loops, lowest, melody, read, sounding

TICKS = 96  # per quarter


def midi(path: Path, notes: list[tuple[float, float, int, int]], metre: tuple[int, int] = (4, 4)) -> Path:
    """A MIDI file with `notes` (onset and duration in beats, pitch, channel) in one track."""
    path.parent.mkdir(parents=True, exist_ok=True)
    track = MidiTrack([MetaMessage("time_signature", numerator=metre[0], denominator=metre[1])])
    events = []
    for onset, duration, pitch, channel in notes:
        events.append((round(onset * TICKS), 1, Message("note_on", note=pitch, channel=channel, velocity=80)))
        events.append((round((onset + duration) * TICKS), 0, Message("note_off", note=pitch, channel=channel)))
    before = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - before))
        before = tick
    file = MidiFile(ticks_per_beat=TICKS)
    file.tracks.append(track)
    file.save(path)
    return path


def notes(*rows: tuple[float, float, int]) -> tuple[Note, ...]:
    return tuple(Note(*row, 0) for row in rows)


def test_notes_are_in_beats_and_drums_are_left_out(tmp_path: Path) -> None:
    score = read(
        midi(tmp_path / "a.mid", [(0, 1, 60, 0), (0, 4, 48, 1), (1, 0.5, 62, 0), (2, 1, 38, 9), (5, 1, 64, 0)])
    )
    assert score.notes == (Note(0, 4, 48, 1), Note(0, 1, 60, 0), Note(1, 0.5, 62, 0), Note(5, 1, 64, 0))
    assert score.bars == 2  # the last onset, 5, is in the second bar


def test_a_pitch_that_begins_again_ends_the_one_before(tmp_path: Path) -> None:
    path = midi(tmp_path / "a.mid", [(0, 1, 60, 0), (1, 1, 60, 0)])
    assert read(path).notes == (Note(0, 1, 60, 0), Note(1, 1, 60, 0))


@pytest.mark.parametrize(
    ("rows", "metre", "reason"),
    [([(0.0, 1.0, 60, 0)], (3, 4), "metre"), ([(0.0, 1.0, 36, 9)], (4, 4), "no_notes")],
)
def test_unfit_scores_say_why(
    tmp_path: Path, rows: list[tuple[float, float, int, int]], metre: tuple[int, int], reason: str
) -> None:
    with pytest.raises(Unfit) as error:
        read(midi(tmp_path / "a.mid", rows, metre))
    assert error.value.reason == reason


@pytest.mark.parametrize("data", [b"", b"no MIDI at all", b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\x20\0\x90"])
def test_what_is_no_midi_is_unfit(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.mid").write_bytes(data)
    with pytest.raises(Unfit, match="not_midi"):
        read(tmp_path / "a.mid")


def test_the_melody_is_the_top_voice() -> None:
    # 67 sounds to beat 2: 60 at 1 lies under it; 72 at 1.5 ends it
    found = melody(notes((0, 2, 48), (0, 2, 67), (1, 1, 60), (1.5, 1, 72), (3, 1, 65)))
    assert [note[:3] for note in found] == [(0, 1.5, 67), (1.5, 1, 72), (3, 1, 65)]


def test_a_loop_begins_at_zero_and_ends_with_its_last_bar() -> None:
    score = Score(notes((3, 1, 60), (4, 1, 62), (7, 4, 64), (8, 1, 65)), 3)
    assert [note[:3] for note in loop(score, 1, 1)] == [(0, 1, 62), (3, 1, 64)]


def test_a_loop_has_two_notes_in_each_of_its_bars() -> None:
    full = [(bar * BAR + beat, 1, 60) for bar in (0, 1, 2, 4, 5) for beat in (0, 2)]
    assert loops(Score(notes(*full, (12, 1, 60)), 6), 2) == [0, 1, 4]  # bar 3 has one note


def test_sounding_counts_beats_by_pitch_class_and_beat() -> None:
    table = sounding(notes((0, 1.5, 60), (0.5, 1, 72), (1, 3, 67)), 3)
    # C: beat 0 has 1 + 0.5, beat 1 has 0.5 + 0.5; G: beats 1 and 2, and no further
    assert table[:, 0].tolist() == [1.5, 1, 0]
    assert table[:, 7].tolist() == [0, 1, 1]
    assert table.sum() == 4.5
    assert lowest(notes((0, 1.5, 60), (0.5, 1, 72), (1, 3, 67)), 5) == [60, 60, 67, 67, None]


def test_chords_are_sevenths_of_the_scale() -> None:
    # C, F, G and A minor in C major, half a bar each
    triads = [(48, 60, 64, 67), (53, 60, 65, 69), (43, 62, 67, 71), (45, 60, 64, 69)]
    music = notes(*((2 * n, 2, pitch) for n, triad in enumerate(triads) for pitch in triad))
    assert tonic(sounding(music, 8).sum(axis=0)) == 0
    found = chords(music, 2)
    assert [chord.root for chord in found] == [0, 5, 7, 9]
    assert [chord.tones[:4] for chord in found] == [(0, 4, 7, 11), (5, 9, 0, 4), (7, 11, 2, 5), (9, 0, 4, 7)]


def test_a_half_bar_of_rest_keeps_its_chord() -> None:
    music = notes((0, 2, 60), (0, 2, 64), (0, 2, 67), (4, 4, 53), (4, 4, 57), (4, 4, 60))
    assert [chord.root for chord in chords(music, 2)] == [0, 0, 5, 5]


def test_a_voicing_lies_within_an_octave_without_the_root() -> None:
    chord = chords(notes((0, 4, 48), (0, 4, 64), (0, 4, 67)), 1)[0]
    # C maj9 from F#3 on: G3 B3 D4 E4
    assert voicing(chord) == [55, 59, 62, 64]


def test_the_lead_is_on_eighths_in_its_octave() -> None:
    music = notes((0, 0.25, 48), (0.25, 0.25, 50), (0.5, 0.5, 52), (1, 1, 55))
    # up by two octaves: the middle one, 52, to the first E over G4
    assert [note[:3] for note in lead(music)] == [(0, 0.5, 72), (0.5, 0.5, 76), (1, 1, 79)]
