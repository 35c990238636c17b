import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.midi.song import DRUMS, Song, bar_ticks, bars, excerpt, from_json, normal, table, to_json, transposed
from stages.midi.vocabulary import Vocabulary
from tests.midi.songs import song, songs

NATIVE = Vocabulary.native(12)
NOTE = (0, 0, 60, 64, 12)


def test_notes_are_sorted_by_all_columns_and_last_a_tick() -> None:
    rows = [
        (5, 1, 60, 64, 3),
        (5, 0, 61, 64, 3),
        (5, 0, 60, 64, 4),
        (5, 0, 60, 64, 0),
        (5, 0, 60, 32, 9),
        (0, 9, 99, 1, 1),
    ]
    assert song(rows).notes.tolist() == [
        [0, 9, 99, 1, 1],
        [5, 0, 60, 32, 9],
        [5, 0, 60, 64, 1],  # lasted 0 ticks
        [5, 0, 60, 64, 4],
        [5, 0, 61, 64, 3],
        [5, 1, 60, 64, 3],
    ]


def test_a_song_without_notes_has_no_normal_form() -> None:
    with pytest.raises(ValueError, match="without notes"):
        song([])


def test_tempo_and_metre_are_120_and_four_four_where_nothing_is_said() -> None:
    assert song([NOTE]).tempos.tolist() == [[0, 500_000]]
    assert song([NOTE]).metres.tolist() == [[0, 4, 4]]
    late = song([NOTE, (50, *NOTE[1:])], tempos=[(48, 400_000)], metres=[(48, 3, 4)])
    assert late.tempos.tolist() == [[0, 500_000], [48, 400_000]]
    assert late.metres.tolist() == [[0, 4, 4], [48, 3, 4]]


def test_of_several_changes_at_a_tick_the_last_stands_and_repeats_go() -> None:
    changed = song(
        [NOTE, (96, *NOTE[1:])],
        tempos=[(0, 1), (0, 2), (12, 2), (24, 3), (97, 4)],
        marks=[(0, 0, 1), (6, 0, 1), (12, 5, 1), (12, 0, 1), (48, 0, 2), (97, 7, 0)],
    )
    assert changed.tempos.tolist() == [[0, 2], [24, 3]]  # nothing is told after the last onset
    assert changed.chords.tolist() == [[0, 0, 1], [48, 0, 2]]


def test_an_equal_metre_goes_only_on_a_bar_line() -> None:
    # 4/4 has 48 ticks: 48 is a bar line, 60 isn't; 108 is one of the bars counted from 60
    metres = [(48, 4, 4), (60, 4, 4), (108, 4, 4), (156, 3, 4)]
    assert song([NOTE, (200, *NOTE[1:])], metres=metres).metres.tolist() == [[0, 4, 4], [60, 4, 4], [156, 3, 4]]


def test_bars_start_at_metres_and_end_with_the_last_onset() -> None:
    three = song([NOTE, (100, *NOTE[1:])], metres=[(0, 4, 4), (60, 3, 4)])
    assert bars(three).tolist() == [[0, 48, 4, 4], [48, 48, 4, 4], [60, 36, 3, 4], [96, 36, 3, 4]]  # the second is cut
    assert bars(song([NOTE])).tolist() == [[0, 48, 4, 4]]


def test_bars_must_be_whole() -> None:
    assert bar_ticks(12, 6, 8) == 36
    with pytest.raises(ValueError, match="5/32 isn't whole at 12"):
        bar_ticks(12, 5, 32)


def test_transposing_moves_pitches_and_roots_but_no_drums() -> None:
    moved = transposed(song([NOTE, (0, DRUMS, 36, 64, 3)], marks=[(0, 11, 2)]), 2)
    assert moved.notes.tolist() == [[0, 0, 62, 64, 12], [0, DRUMS, 36, 64, 3]]
    assert moved.chords.tolist() == [[0, 1, 2]]
    with pytest.raises(ValueError, match="leaves the range"):
        transposed(song([NOTE]), 68)


def test_an_excerpt_carries_what_is_in_force_and_starts_at_0() -> None:
    whole = song(
        [(0, 0, 60, 64, 99), (50, 0, 62, 64, 12), (100, 0, 64, 64, 12)],
        tempos=[(0, 300_000), (20, 400_000)],
        metres=[(0, 4, 4), (84, 3, 4)],
        marks=[(40, 2, 0)],
    )
    part = excerpt(whole, 1, 3)  # bars begin at 0, 48 and 84
    assert part is not None
    assert part.notes.tolist() == [[2, 0, 62, 64, 12], [52, 0, 64, 64, 12]]
    assert part.tempos.tolist() == [[0, 400_000]]
    assert part.metres.tolist() == [[0, 4, 4], [36, 3, 4]]
    assert part.chords.tolist() == [[0, 2, 0]]
    assert excerpt(song([NOTE, (100, *NOTE[1:])]), 1, 2) is None


@settings(deadline=None)
@given(data=st.data())
def test_the_normal_form_of_a_normal_form_is_itself(data: st.DataObject) -> None:
    one = data.draw(songs(NATIVE))
    assert normal(one) == one


@settings(deadline=None)
@given(data=st.data(), seed=st.integers(0, 99))
def test_the_order_of_the_notes_does_not_matter(data: st.DataObject, seed: int) -> None:
    one = data.draw(songs(NATIVE))
    shuffled = np.random.default_rng(seed).permutation(one.notes)
    assert normal(Song(12, table(shuffled, 5), one.tempos, one.metres, one.chords)) == one


@settings(deadline=None)
@given(data=st.data())
def test_excerpts_of_single_bars_hold_every_note_once(data: st.DataObject) -> None:
    one = data.draw(songs(NATIVE))
    lines = bars(one)[:, 0].tolist()
    if len(lines) > 300:  # bars of a tick
        return
    rows: list[list[int]] = []
    for index, line in enumerate(lines):
        part = excerpt(one, index, index + 1)
        rows += [] if part is None else np.add(part.notes, (line, 0, 0, 0, 0)).tolist()
    assert rows == one.notes.tolist()


@settings(deadline=None)
@given(data=st.data())
def test_songs_round_trip_through_json(data: st.DataObject) -> None:
    one = data.draw(songs(NATIVE))
    assert from_json(to_json(one)) == one  # type: ignore[arg-type]


def test_songs_are_compared_by_their_tables_and_have_no_hash() -> None:
    assert song([NOTE]) == song([NOTE])
    assert song([NOTE]) != song([NOTE], tempos=[(0, 1)])
    assert song([NOTE]) != song([NOTE], resolution=24)
    assert song([NOTE]) != "a song"
    with pytest.raises(TypeError):
        hash(song([NOTE]))
    with pytest.raises(ValueError, match="read-only"):
        song([NOTE]).notes[0, 0] = 1
