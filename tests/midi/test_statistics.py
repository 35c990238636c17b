"""Measures of pieces small enough to work out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.midi import statistics
from stages.midi.song import DRUMS, Song, normal, table, transposed
from stages.midi.statistics import View

QUARTER = 12


def song(*notes: tuple[float, int, float], program: int = 0, metre: tuple[int, int] = (4, 4)) -> Song:
    """Notes as onset in quarters, pitch, length in quarters."""
    rows = [(round(onset * QUARTER), program, pitch, 64, round(length * QUARTER)) for onset, pitch, length in notes]
    return normal(Song(QUARTER, table(rows, 5), metres=table([(0, *metre)], 3)))


SCALE = song(*((float(place), pitch, 1.0) for place, pitch in enumerate([60, 62, 64, 65, 67, 69, 71, 72])))


def test_pitch_classes_are_weighted_by_how_long_they_sound() -> None:
    # C sounds 3 quarters and G 1: entropy of (3/4, 1/4) = 0.811 bits
    assert statistics.pitch_class_entropy(View(song((0, 60, 3), (3, 67, 1)))) == pytest.approx(0.8113, abs=1e-4)


def test_a_major_scale_is_consistent_and_a_wrong_note_counts_by_its_length() -> None:
    assert statistics.scale_consistency(View(SCALE)) == 1
    # seven notes of C major and C sharp, one quarter each: no scale holds all, C major holds 7 of 8
    wrong = song(*((float(place), pitch, 1.0) for place, pitch in enumerate([60, 62, 64, 65, 67, 69, 71, 61])))
    assert statistics.scale_consistency(View(wrong)) == pytest.approx(7 / 8)


def test_key_is_found_from_the_scale_and_moves_with_it() -> None:
    minor = song(*((float(place), pitch, 1.0) for place, pitch in enumerate([57, 59, 60, 62, 64, 65, 68, 69, 57, 64])))
    assert View(SCALE).key == (0, False)
    assert View(transposed(SCALE, 5)).key == (5, False)
    assert View(minor).key == (9, True)


def test_consonance_counts_pairs_of_notes_that_sound_together() -> None:
    # C-E-G: three consonant pairs. C-D: one dissonant. Three of four.
    assert statistics.consonance(View(song((0, 60, 1), (0, 64, 1), (0, 67, 1), (1, 60, 1), (1, 62, 1)))) == 3 / 4
    assert statistics.consonance(View(song((0, 60, 1), (0, 66, 1)))) == 0  # a tritone, counted once
    assert statistics.consonance(View(SCALE)) == 1


def test_lines_are_the_highest_and_lowest_that_sound() -> None:
    # top: 72 held over both onsets, then 74; bottom: 60, 57, 50
    held = song((0, 72, 2), (0, 60, 1), (1, 57, 1), (2, 74, 1), (2, 50, 1))
    view = View(held)
    assert view.top.tolist() == [72, 72, 74]
    assert view.bottom.tolist() == [60, 57, 50]
    assert statistics.melodic_interval(view) == 2
    assert statistics.bass_interval(view) == (3 + 7) / 2


def test_texture_and_rhythm() -> None:
    view = View(song((0, 60, 1), (0, 64, 1), (1.5, 67, 0.5), (3, 60, 1)))
    assert statistics.polyphony(view) == pytest.approx((2 + 1 + 1) / 3)
    assert statistics.together(view) == 2 / 4
    assert statistics.on_beat(view) == 3 / 4
    assert statistics.note_density(view) == 4 / 4
    assert statistics.note_length(view) == pytest.approx(3.5 / 4)
    assert statistics.silence(view) == pytest.approx((0.5 + 1) / 3)
    assert statistics.pitch_range(view) == 7


def test_a_repeated_bar_is_as_like_itself_as_can_be_and_a_foreign_one_is_not() -> None:
    bar = [(0.0, 60, 1.0), (1.0, 64, 1.0), (2.0, 67, 2.0)]
    looped = View(song(*((onset + 4 * index, pitch, length) for index in range(4) for onset, pitch, length in bar)))
    assert statistics.self_similarity(looped) == pytest.approx(1)
    assert statistics.next_bar_harmony(looped) == pytest.approx(1)
    # C, E, G against C sharp, F, A flat: no pitch class in common
    other = View(song(*bar, *((onset + 4, pitch + 1, length) for onset, pitch, length in bar)))
    assert statistics.next_bar_harmony(other) == pytest.approx(0)
    assert statistics.next_bar_rhythm(other) == pytest.approx(1)
    assert statistics.self_similarity(other) == pytest.approx(0)


def test_drums_alone_have_no_pitch() -> None:
    found = statistics.measures(song((0, 36, 0.5), (1, 38, 0.5), (2, 36, 0.5), program=DRUMS))
    assert found["pitch_range"] == found["polyphony"] == found["pitch_class_entropy"] == 0
    assert found["on_beat"] == 1
    assert all(np.isfinite(list(found.values())))


notes = st.lists(
    st.tuples(st.integers(0, 200), st.sampled_from([0, 40, DRUMS]), st.integers(0, 120), st.integers(1, 60)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=80, deadline=None)
@given(notes, st.sampled_from([(4, 4), (3, 4), (6, 8)]))
def test_measures_of_any_song_are_finite_and_transposition_moves_only_what_it_may(
    rows: list[tuple[int, int, int, int]], metre: tuple[int, int]
) -> None:
    any_song = normal(
        Song(QUARTER, table([(onset, program, pitch, 64, length) for onset, program, pitch, length in rows], 5),
             metres=table([(0, *metre)], 3))
    )  # fmt: skip
    found, moved = statistics.measures(any_song), statistics.measures(transposed(any_song, 5))
    assert all(np.isfinite(list(found.values())))
    assert moved == pytest.approx(found, abs=1e-9)


def test_compared_gives_no_distance_between_equal_groups_and_the_shift_in_deviations() -> None:
    songs = [song((0, 60, 1), (1, 60 + reach, 1)) for reach in (4, 8)]
    wider = [song((0, 60, 1), (1, 60 + reach, 1)) for reach in (10, 14)]
    assert all(row["distance"] == 0 for row in statistics.compared(songs, songs).values())
    # ranges 4 and 8 against 10 and 14: every quantile is 6 lower, and 10 and 14 deviate by 2
    assert statistics.compared(songs, wider)["pitch_range"] == {"samples": 6, "real": 12, "distance": 3}
