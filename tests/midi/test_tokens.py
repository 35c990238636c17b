from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.midi import tokens
from stages.midi.grammar import Grammar, GrammarError
from stages.midi.reader import Caps, Refusal, read
from stages.midi.song import DRUMS, Song
from stages.midi.vocabulary import Kind, Vocabulary
from tests.midi.songs import song, songs, vocabularies

TWELVE = Vocabulary.model(12)
CAPS = Caps(bytes=1_000_000, ticks=1 << 24, notes=100_000, bars=10_000, seconds=36_000)
NOTE = (0, 0, 60, 64, 12)
# a bar, its metre and its first position with the tempo, then the first note
OPENING = "SONG_START BAR_START TIME_SIG_4/4 POS_0 TEMPO_120"
FIRST = f"{OPENING} PROGRAM_0 NOTE_ON_60 VEL_64 DUR_12"


def text(one: Song) -> str:
    return tokens.to_text(tokens.encode(one, TWELVE), TWELVE, compact=False)


def test_one_note_takes_ten_tokens() -> None:
    assert text(song([NOTE])) == f"{FIRST} SONG_END"
    ids = tokens.encode(song([NOTE]), TWELVE)
    assert tokens.to_text(ids, TWELVE, compact=True) == "S B Mam Paa Tbf Iaa Nci Vap Lal E"


def test_program_and_velocity_are_given_where_they_change() -> None:
    rows = [
        NOTE,
        (0, 0, 64, 64, 12),
        (0, 0, 67, 80, 12),
        (12, 7, 60, 80, 6),
        (12, DRUMS, 36, 80, 1),
        (24, DRUMS, 36, 64, 1),
    ]
    assert text(song(rows)) == (
        f"{FIRST} NOTE_ON_64 DUR_12 NOTE_ON_67 VEL_80 DUR_12 "
        "POS_12 PROGRAM_7 NOTE_ON_60 DUR_6 PROGRAM_DRUMS DRUM_36 DUR_1 POS_24 DRUM_36 VEL_64 DUR_1 SONG_END"
    )


def test_unisons_are_said_twice() -> None:
    assert text(song([NOTE, NOTE])) == f"{FIRST} NOTE_ON_60 DUR_12 SONG_END"


def test_bars_without_an_onset_are_empty() -> None:
    assert text(song([NOTE, (144, 0, 60, 64, 12)])) == (
        f"{FIRST} BAR_START BAR_START BAR_START POS_0 NOTE_ON_60 DUR_12 SONG_END"
    )


def test_a_song_may_begin_with_rests() -> None:
    assert text(song([(60, 0, 60, 64, 12)])) == (
        f"{OPENING} BAR_START POS_12 PROGRAM_0 NOTE_ON_60 VEL_64 DUR_12 SONG_END"
    )


def test_a_change_has_a_position_even_without_a_note() -> None:
    changed = song([NOTE, (36, *NOTE[1:])], tempos=[(12, 300_000)], marks=[(0, 0, 0), (12, 7, 1), (36, 9, 1)])
    assert text(changed) == (
        f"{OPENING} CHORD_Cmaj PROGRAM_0 NOTE_ON_60 VEL_64 DUR_12 POS_12 TEMPO_200 CHORD_Gmin "
        "POS_36 CHORD_Amin NOTE_ON_60 DUR_12 SONG_END"
    )


def test_a_metre_off_the_bar_line_cuts_the_bar() -> None:
    cut = song([NOTE, (60, *NOTE[1:]), (72, *NOTE[1:])], metres=[(60, 3, 4), (72, 3, 4)])
    assert text(cut) == (
        f"{FIRST} BAR_START POS_12 "  # the second bar has 12 ticks
        "BAR_START TIME_SIG_3/4 POS_0 NOTE_ON_60 DUR_12 POS_12 "  # and so has the third
        "BAR_START POS_0 NOTE_ON_60 DUR_12 SONG_END"
    )


def test_changes_at_a_cut_belong_to_the_bar_that_starts_there() -> None:
    cut = song([NOTE, (60, *NOTE[1:])], tempos=[(6, 300_000)], metres=[(6, 4, 4)])
    assert text(cut) == f"{FIRST} POS_6 BAR_START POS_0 TEMPO_200 BAR_START POS_6 NOTE_ON_60 DUR_12 SONG_END"


@pytest.mark.parametrize(
    "one, message",
    [
        (song([NOTE], resolution=24), "24 ticks per quarter"),
        (song([(0, 0, 60, 65, 12)]), "no VEL token for 65"),
        (song([(0, 0, 60, 64, 97)]), "no DUR token for 97"),
        (song([(0, 0, 60, 64, 385)]), "no DUR token for 385"),
        (song([NOTE], tempos=[(0, 500_001)]), "no TEMPO token for 500001"),
        (song([NOTE], metres=[(0, 13, 4)]), "no TIME_SIG token"),
        (song([(0, 129, 60, 64, 12)]), "out of range"),
        (song([(0, 0, 128, 64, 12)]), "out of range"),
        (song([(0, 0, 60, 0, 12)]), "out of range"),
    ],
)
def test_what_has_no_token_is_refused(one: Song, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tokens.encode(one, TWELVE)


@settings(deadline=None)
@given(data=st.data(), vocabulary=vocabularies())
def test_songs_come_back_from_their_tokens(data: st.DataObject, vocabulary: Vocabulary) -> None:
    one = data.draw(songs(vocabulary))
    ids = tokens.encode(one, vocabulary)
    assert tokens.decode(ids, vocabulary) == one
    assert Grammar(vocabulary).accepts(ids)


@settings(deadline=None)
@given(data=st.data(), vocabulary=vocabularies(), compact=st.booleans())
def test_tokens_come_back_from_their_names(data: st.DataObject, vocabulary: Vocabulary, compact: bool) -> None:
    ids = tokens.encode(data.draw(songs(vocabulary)), vocabulary)
    names = tokens.to_text(ids, vocabulary, compact)
    assert tokens.from_text(names, vocabulary, compact).tolist() == ids.tolist()


def test_names_of_no_token_are_refused() -> None:
    with pytest.raises(ValueError, match="no token is named 'BAR'"):
        tokens.from_text("SONG_START BAR", TWELVE, compact=False)
    with pytest.raises(ValueError, match="ids from -1 to 3"):
        tokens.to_text(np.array([3, -1]), TWELVE, compact=False)


@pytest.mark.parametrize(
    "wrong, index, token, expected",
    [
        ("", 0, "missing", "SONG_START"),
        ("BAR_START", 0, "BAR_START", "SONG_START"),
        (FIRST, 9, "missing", "SONG_END or BAR_START"),
        (f"{FIRST} SONG_END SONG_END", 10, "SONG_END", "nothing more"),
        (f"{OPENING} NOTE_ON_60", 5, "NOTE_ON_60", "BAR_START or POS_1..POS_47"),
    ],
)
def test_decoding_names_the_first_wrong_token(wrong: str, index: int, token: str, expected: str) -> None:
    with pytest.raises(GrammarError, match=expected) as caught:
        tokens.decode(tokens.from_text(wrong, TWELVE, compact=False), TWELVE)
    assert (caught.value.index, caught.value.token) == (index, token)


def test_decoding_names_an_unknown_id() -> None:
    with pytest.raises(GrammarError, match=r"token 1 is unknown \(99999\), expected BAR_START"):
        tokens.decode([0, 99_999], TWELVE)


@settings(deadline=None)
@given(ids=st.lists(st.integers(-1, len(TWELVE)), max_size=30))
def test_any_ids_decode_or_are_refused(ids: list[int]) -> None:
    with pytest.raises(GrammarError):
        tokens.decode(ids, TWELVE)


@settings(deadline=None)
@given(data=st.data(), vocabulary=vocabularies())
def test_a_song_on_the_grid_stays_as_it_is(data: st.DataObject, vocabulary: Vocabulary) -> None:
    one = data.draw(songs(vocabulary))
    moved, loss = tokens.quantised(one, vocabulary)
    assert moved == one
    assert loss.exact == loss.near == loss.notes
    assert not any([loss.max_onset_error, loss.clipped, loss.velocities, loss.tempos, loss.metres, loss.merged])


@settings(deadline=None)
@given(data=st.data(), source=vocabularies(), target=st.sampled_from([TWELVE, Vocabulary.model(24)]))
def test_any_song_on_the_grid_can_be_encoded(data: st.DataObject, source: Vocabulary, target: Vocabulary) -> None:
    one = data.draw(songs(source))
    try:
        moved, loss = tokens.quantised(one, target)
    except tokens.GridError as error:
        assert error.reason == "metre_without_token"
        return
    assert tokens.decode(tokens.encode(moved, target), target) == moved
    assert tokens.quantised(moved, target)[0] == moved
    assert len(moved.notes) == len(one.notes) == loss.notes
    assert 0 <= loss.exact <= loss.near <= loss.notes
    assert loss.mean_onset_error <= loss.max_onset_error


def test_notes_a_tick_late_and_short_come_out_right_at_12_per_quarter() -> None:
    # as abc2midi writes two bars of crotchets: from tick 1, for 479 of 480 ticks, the metre at tick 1
    late = song([(480 * at + 1, 0, 60, 64, 479) for at in range(8)], 480, [(1, 500_000)], [(1, 4, 4)])
    moved, loss = tokens.quantised(late, TWELVE)
    assert moved.notes[:, [0, 4]].tolist() == [[12 * at, 12] for at in range(8)]
    assert moved.metres.tolist() == [[0, 4, 4]]
    assert (loss.exact, loss.near) == (0, 8)
    assert loss.max_onset_error == pytest.approx(1 / 480)


def test_the_ends_of_a_note_are_rounded_so_that_what_touched_still_touches() -> None:
    # at 480 a tick of 12 per quarter is 40: quintuplets of 96 ticks are 2.4 each
    fives = song([(96 * at, 0, 60, 64, 96) for at in range(5)], 480)
    moved, loss = tokens.quantised(fives, TWELVE)
    assert moved.notes[:, [0, 4]].tolist() == [[0, 2], [2, 3], [5, 2], [7, 3], [10, 2]]
    assert loss.exact == 0  # the first one's end moved
    assert loss.max_onset_error == pytest.approx(0.4 / 12)  # 2.4 to 2


def test_triplets_and_sixteenths_are_exact_at_12() -> None:
    grid = song([(160 * at, 0, 60, 64, 160) for at in range(3)] + [(120 * at, 1, 60, 64, 120) for at in range(4)], 480)
    _, loss = tokens.quantised(grid, TWELVE)
    assert loss.exact == loss.notes == 7


def test_what_has_no_token_goes_to_the_nearest_and_is_counted() -> None:
    one = song(
        [(0, 0, 60, 65, 97), (0, 0, 62, 126, 500), (0, 0, 64, 64, 12)],
        tempos=[(0, 499_000)],  # 120.24 BPM
    )
    moved, loss = tokens.quantised(one, TWELVE)
    assert moved.notes[:, 3:].tolist() == [[64, 96], [127, 384], [64, 12]]
    assert moved.tempos.tolist() == [[0, 500_000]]
    assert (loss.velocities, loss.clipped, loss.tempos, loss.exact) == (2, 1, 1, 1)


def test_tempos_are_nearest_by_ratio() -> None:
    # between 20 and 24 BPM the middle is 21.909, by microseconds it would be 21.818
    for bpm, nearest in ((21.89, 20), (21.93, 24)):
        moved, _ = tokens.quantised(song([NOTE], tempos=[(0, round(60e6 / bpm))]), TWELVE)
        assert moved.tempos[0, 1] == round(60e6 / nearest)


def test_notes_that_become_equal_are_kept_and_counted() -> None:
    moved, loss = tokens.quantised(song([(0, 0, 60, 64, 480), (9, 0, 60, 64, 471), (0, 0, 62, 64, 9)], 480), TWELVE)
    assert moved.notes.tolist() == [[0, 0, 60, 64, 12], [0, 0, 60, 64, 12], [0, 0, 62, 64, 1]]
    assert loss.merged == 1


def test_changes_at_one_tick_after_rounding_are_counted() -> None:
    one = song([(0, 0, 60, 64, 9), (960, 0, 60, 64, 9)], 480, [(0, 500_000), (1, 300_000)], [(0, 3, 4), (1, 4, 4)])
    moved, loss = tokens.quantised(one, TWELVE)
    assert (moved.tempos.tolist(), moved.metres.tolist()) == ([[0, 300_000]], [[0, 4, 4]])
    assert (loss.tempos, loss.metres) == (1, 1)


def test_bar_lines_stay_whole_after_a_cut_that_is_off_the_grid_and_errors_do_not_add_up() -> None:
    # at 480 a bar of 3/4 has 1,440 ticks and one of 4/4 has 1,920; both are followed by one that is cut after 60 ticks,
    # which is 1.5 at 12 per quarter: 36 + 1.5 is 38 as halves go up, and (1,500 + 1,980) / 40 is 87
    rows = [(1500, 0, 60, 64, 480), (1620, 0, 60, 64, 480), (3480, 0, 62, 64, 480)]
    moved, loss = tokens.quantised(song(rows, 480, metres=[(0, 3, 4), (1500, 4, 4), (3480, 3, 4)]), TWELVE)
    assert moved.metres.tolist() == [[0, 3, 4], [38, 4, 4], [87, 3, 4]]
    assert moved.notes[:, [0, 4]].tolist() == [[38, 12], [38 + 3, 12], [87, 12]]
    assert loss.max_onset_error == pytest.approx(0.5 / 12)


def test_a_metre_without_a_token_is_named() -> None:
    with pytest.raises(tokens.GridError, match="metre_without_token: 5/32 at tick 1920") as caught:
        tokens.quantised(song([(1920, 0, 60, 64, 480)], 480, metres=[(1920, 5, 32)]), TWELVE)
    assert caught.value.reason == "metre_without_token"


def test_every_hymn_comes_back_exactly_and_at_12_every_onset_within_a_grace_note(hymns: Path) -> None:
    notes = near = kept = 0
    for path in sorted(hymns.glob("*.mid")):
        try:
            one = read(path.read_bytes(), CAPS).song
        except Refusal as refusal:
            assert refusal.reason == "no_notes"  # one file is empty
            continue
        native = Vocabulary.native(one.ticks_per_quarter)
        kept += tokens.decode(tokens.encode(one, native), native) == one
        moved, loss = tokens.quantised(one, TWELVE)
        ids = tokens.encode(moved, TWELVE)
        assert tokens.decode(ids, TWELVE) == moved
        assert np.count_nonzero(ids == TWELVE.id(Kind.BAR)) >= 4
        assert loss.max_onset_error < 0.04
        notes, near = notes + loss.notes, near + loss.near
    assert kept == 246
    assert near / notes > 0.98  # the others begin 10 to 30 of 480 ticks after another voice
