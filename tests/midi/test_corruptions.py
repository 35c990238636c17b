"""What each way of spoiling a piece changes, and what it leaves."""

from itertools import pairwise

import numpy as np
import pytest

from stages.midi import corruptions
from stages.midi.song import DURATION, ONSET, PITCH, Song, Table, bars, normal, table
from tests.midi.tunes import tune

PIECE = tune(1)
RNG = [7, 1]


def changed(column: int, other: Song) -> float:
    """Share of notes that differ, the notes of both in one order."""
    return float((PIECE.notes[:, column] != other.notes[:, column]).mean())


def spoiled(name: str) -> Song:
    found = getattr(corruptions, name)(PIECE, np.random.default_rng(RNG))
    assert isinstance(found, Song)
    return found


@pytest.mark.parametrize("corruption", corruptions.CORRUPTIONS)
def test_every_corruption_gives_a_normal_form_with_all_notes_and_the_same_one_again(corruption: object) -> None:
    name = corruption.__name__  # type: ignore[attr-defined]
    found = spoiled(name)
    assert found == normal(found) and found == spoiled(name)
    assert found != PIECE
    if name != "bar_looped":
        assert len(found.notes) == len(PIECE.notes)


def histogram(notes: Table, *columns: int) -> list[list[int]]:
    return sorted(notes[:, list(columns)].tolist())


def test_shuffled_pitches_keep_their_histogram_and_the_rhythm() -> None:
    found = spoiled("pitch_shuffle")
    assert histogram(found.notes, PITCH) == histogram(PIECE.notes, PITCH)
    assert histogram(found.notes, ONSET, DURATION) == histogram(PIECE.notes, ONSET, DURATION)


def test_one_note_in_ten_is_wrong() -> None:
    found = spoiled("wrong_notes")
    before, after = (set(map(tuple, song.notes[:, [ONSET, PITCH, DURATION]].tolist())) for song in (PIECE, found))
    assert len(before - after) == pytest.approx(len(PIECE.notes) / 10, abs=4)


def test_jitter_moves_onsets_by_a_sixth_of_a_quarter_at_most() -> None:
    assert np.abs(np.sort(spoiled("timing_jitter").notes[:, ONSET]) - PIECE.notes[:, ONSET]).max() <= 2


def test_only_the_lowest_of_notes_that_begin_together_are_late() -> None:
    found = spoiled("voices_out_of_step")
    late = set(map(tuple, found.notes[:, :4].tolist())) - set(map(tuple, PIECE.notes[:, :4].tolist()))
    bass = {
        min(PIECE.notes[PIECE.notes[:, ONSET] == onset, PITCH].tolist()) for onset in np.unique(PIECE.notes[:, ONSET])
    }
    assert late and {pitch for _, _, pitch, _ in late} <= bass


def test_a_melody_alone_has_no_voices_to_put_out_of_step() -> None:
    melody = normal(Song(12, table([(12 * beat, 0, 60 + beat, 64, 12) for beat in range(8)], 5)))
    assert corruptions.voices_out_of_step(melody, np.random.default_rng(0)) is None


def test_a_looped_bar_is_every_bar() -> None:
    found = spoiled("bar_looped")
    lines = bars(found)[:, 0]
    which = np.searchsorted(lines, found.notes[:, ONSET], side="right") - 1
    contents = [
        (found.notes[which == bar] - np.array([line, 0, 0, 0, 0])).tolist() for bar, line in enumerate(lines.tolist())
    ]
    assert len(lines) == 16
    assert all(content == contents[0] for content in contents)


def test_keys_are_cut_every_two_bars() -> None:
    found = spoiled("key_cuts")
    shifts = found.notes[:, PITCH] - PIECE.notes[:, PITCH]
    block = PIECE.notes[:, ONSET] // (2 * 48)
    by_block = [set(shifts[block == number].tolist()) for number in range(8)]
    assert all(len(found) == 1 for found in by_block)
    assert all(a != b for a, b in pairwise(by_block))


def test_shuffled_bars_are_the_same_bars_with_the_first_and_the_last_in_place() -> None:
    found = spoiled("bar_shuffle")

    def contents(song: Song) -> list[list[list[int]]]:
        return [
            sorted([onset - 48 * bar, *rest] for onset, *rest in song.notes.tolist() if onset // 48 == bar)
            for bar in range(16)
        ]

    before, after = contents(PIECE), contents(found)
    assert sorted(before) == sorted(after) and before != after
    assert before[0] == after[0] and before[-1] == after[-1]


def test_what_is_too_short_is_left_alone() -> None:
    short = tune(2, bars=3)
    assert corruptions.key_cuts(short, np.random.default_rng(0)) is None
    assert corruptions.bar_shuffle(short, np.random.default_rng(0)) is None
