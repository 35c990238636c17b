import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.midi import tokens
from stages.midi.grammar import Grammar, GrammarError, State, Step
from stages.midi.vocabulary import Ints, Kind, Vocabulary
from tests.midi.songs import vocabularies

TWELVE = Vocabulary.model(12)
GRAMMAR = Grammar(TWELVE)
OPENING = "SONG_START BAR_START TIME_SIG_4/4 POS_0 TEMPO_120"
NOTE = "NOTE_ON_60 VEL_64 DUR_12"
FIRST = f"{OPENING} PROGRAM_5 {NOTE}"
lengths = st.integers(10, 60)


def ids(text: str) -> Ints:
    return tokens.from_text(text, TWELVE, compact=False)


ACCEPTED = [
    FIRST,
    f"{FIRST} NOTE_ON_60 DUR_12",  # a unison
    f"{FIRST} NOTE_ON_60 DUR_13",
    f"{FIRST} NOTE_ON_60 VEL_68 DUR_1",
    f"{FIRST} NOTE_ON_61 VEL_60 DUR_1",
    f"{FIRST} PROGRAM_6 NOTE_ON_0 DUR_1",
    f"{FIRST} PROGRAM_DRUMS DRUM_0 DUR_1",
    f"{FIRST} POS_1 PROGRAM_4 NOTE_ON_0 DUR_1",
    f"{FIRST} POS_47 NOTE_ON_0 DUR_1",
    f"{FIRST} POS_1 TEMPO_60 POS_2 CHORD_Cmaj BAR_START BAR_START POS_0 NOTE_ON_1 DUR_1",
    f"{FIRST} POS_1 TEMPO_60 CHORD_Cmaj NOTE_ON_1 DUR_1",
    f"{FIRST} POS_1 BAR_START POS_1 BAR_START TIME_SIG_3/4 BAR_START TIME_SIG_4/4 POS_0 NOTE_ON_1 DUR_1",
    f"{OPENING} BAR_START POS_0 PROGRAM_5 {NOTE}",
    f"{OPENING} POS_3 PROGRAM_5 {NOTE}",
    f"{OPENING} POS_3 BAR_START TIME_SIG_3/4 POS_0 PROGRAM_5 {NOTE}",
]
REJECTED = [  # what follows * may not be there
    ("a song without a bar", "SONG_START *SONG_END"),
    ("a second start", "SONG_START *SONG_START"),
    ("a first bar without its metre", "SONG_START BAR_START *POS_0"),
    ("a first bar that is empty", "SONG_START BAR_START TIME_SIG_4/4 *BAR_START"),
    ("a first position that isn't 0", "SONG_START BAR_START TIME_SIG_4/4 *POS_1"),
    ("a first position without a tempo", "SONG_START BAR_START TIME_SIG_4/4 POS_0 *PROGRAM_5"),
    ("an end without a note", f"{OPENING} *SONG_END"),
    ("an end after an empty bar", f"{FIRST} BAR_START *SONG_END"),
    ("an end after a tempo", f"{FIRST} POS_1 TEMPO_60 *SONG_END"),
    ("anything after the end", f"{FIRST} SONG_END *BAR_START"),
    ("the metre in force", f"{FIRST} BAR_START *TIME_SIG_4/4"),
    ("a metre in the middle of a bar", f"{FIRST} *TIME_SIG_3/4"),
    ("two metres", f"{FIRST} BAR_START TIME_SIG_3/4 *TIME_SIG_4/4"),
    ("the tempo in force", f"{FIRST} POS_1 *TEMPO_120"),
    ("a tempo after a note", f"{FIRST} *TEMPO_60"),
    ("a tempo after a chord", f"{FIRST} POS_1 CHORD_Cmaj *TEMPO_60"),
    ("the chord in force", f"{OPENING} CHORD_Cmaj POS_1 *CHORD_Cmaj"),
    ("two chords", f"{OPENING} CHORD_Cmaj *CHORD_Gmaj"),
    ("a position again", f"{FIRST} *POS_0"),
    ("a position that falls", f"{FIRST} POS_9 NOTE_ON_60 DUR_1 *POS_8"),
    ("a position past the bar", f"{FIRST} *POS_48"),
    ("a position past a shorter bar", f"{FIRST} BAR_START TIME_SIG_3/4 *POS_36"),
    ("a position with nothing at it", f"{FIRST} POS_1 *POS_2"),
    ("a cut of nothing", f"{FIRST} BAR_START POS_0 *BAR_START"),
    ("a note without a program", f"{OPENING} *NOTE_ON_60"),
    ("a note without a velocity", f"{OPENING} PROGRAM_5 NOTE_ON_60 *DUR_12"),
    ("a note without a pitch", f"{OPENING} PROGRAM_5 *VEL_64"),
    ("a pitch without a duration", f"{FIRST} NOTE_ON_61 *NOTE_ON_62"),
    ("two velocities", f"{OPENING} PROGRAM_5 NOTE_ON_60 VEL_64 *VEL_68"),
    ("two durations", f"{FIRST} *DUR_13"),
    ("the velocity in force", f"{FIRST} NOTE_ON_61 *VEL_64"),
    ("the program in force", f"{FIRST} POS_1 *PROGRAM_5"),
    ("two programs", f"{OPENING} PROGRAM_5 *PROGRAM_6"),
    ("a drum of a pitched program", f"{FIRST} *DRUM_60"),
    ("a pitch of the drums", f"{OPENING} PROGRAM_DRUMS *NOTE_ON_60"),
    ("a lower program at the same position", f"{FIRST} *PROGRAM_4"),
    ("a lower pitch at the same position", f"{FIRST} *NOTE_ON_59"),
    ("a lower velocity of the same pitch", f"{FIRST} NOTE_ON_60 *VEL_60"),
    ("a shorter duration of the same note", f"{FIRST} NOTE_ON_60 *DUR_11"),
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_a_right_string_is_accepted_and_is_that_of_its_song(text: str) -> None:
    string = ids(f"{text} SONG_END")
    assert GRAMMAR.accepts(string)
    assert tokens.encode(tokens.decode(string, TWELVE), TWELVE).tolist() == string.tolist()


@pytest.mark.parametrize("text", [text for _, text in REJECTED], ids=[name for name, _ in REJECTED])
def test_a_wrong_string_is_rejected_where_it_goes_wrong(text: str) -> None:
    right, wrong = text.split("*")
    string = ids(right + wrong)
    assert GRAMMAR.first_error(string) == len(string) - 1
    assert GRAMMAR.errors(string) == 1
    state = GRAMMAR.start()
    for token in string[:-1].tolist():
        state = GRAMMAR.advance(state, token)
    assert not GRAMMAR.allowed(state)[string[-1]]
    with pytest.raises(ValueError, match="expected"):
        GRAMMAR.advance(state, int(string[-1]))


@settings(deadline=None)
@given(vocabulary=vocabularies(), seed=st.integers(0, 1 << 32), length=lengths)
def test_random_strings_are_accepted_and_come_back_from_their_songs(
    vocabulary: Vocabulary, seed: int, length: int
) -> None:
    grammar = Grammar(vocabulary)
    string = grammar.random_ids(random.Random(seed), length)
    assert 10 <= len(string) <= length
    assert grammar.first_error(string) is None
    song = tokens.decode(string, vocabulary)
    assert tokens.encode(song, vocabulary).tolist() == string.tolist()
    assert grammar.repair(string).tolist() == string.tolist()
    assert grammar.errors(string) == 0


@settings(deadline=None)
@given(data=st.data(), vocabulary=vocabularies(), seed=st.integers(0, 1 << 32), length=lengths)
def test_a_changed_string_is_rejected_or_is_another_song(
    data: st.DataObject, vocabulary: Vocabulary, seed: int, length: int
) -> None:
    grammar = Grammar(vocabulary)
    string = grammar.random_ids(random.Random(seed), length).tolist()
    at = data.draw(st.integers(0, len(string) - 1))
    kind = data.draw(st.sampled_from([*Kind, vocabulary.kind(string[at])]))
    near = st.integers(string[at] - 2, string[at] + 2)
    low, stop = vocabulary.starts[kind : kind + 2]
    token = data.draw(near | st.integers(low, min(stop - 1, low + 200)))
    put = data.draw(st.sampled_from([[], [token], [token, string[at]]]))  # left out, replaced, inserted
    changed = string[:at] + put + string[at + 1 :]
    if changed == string:
        return
    if not grammar.accepts(changed):
        with pytest.raises(GrammarError) as caught:
            tokens.decode(changed, vocabulary)
        assert caught.value.index == grammar.first_error(changed)
        return
    song = tokens.decode(changed, vocabulary)
    assert song != tokens.decode(string, vocabulary)
    assert tokens.encode(song, vocabulary).tolist() == changed


@settings(deadline=None)
@given(data=st.data(), seed=st.integers(0, 1 << 32))
def test_any_string_is_repaired_or_has_no_note(data: st.DataObject, seed: int) -> None:
    rng = random.Random(seed)
    string = GRAMMAR.random_ids(rng, 60).tolist()
    for _ in range(data.draw(st.integers(0, 6))):
        string[rng.randrange(len(string))] = rng.randrange(-1, len(TWELVE) + 1)
    try:
        repaired = GRAMMAR.repair(string)
    except ValueError as error:
        assert "no complete note" in str(error)
        return
    assert GRAMMAR.accepts(repaired)
    assert len(repaired) <= len(string) + 1


def test_repair_drops_what_may_not_be_there_and_what_is_after_the_last_note() -> None:
    string = f"{OPENING} POS_0 PROGRAM_5 PROGRAM_6 {NOTE} DUR_1 POS_9 NOTE_ON_60 DUR_1 BAR_START POS_3 NOTE_ON_61"
    assert GRAMMAR.errors(ids(string)) == 3  # POS_0, PROGRAM_6, DUR_1
    assert GRAMMAR.repair(ids(string)).tolist() == ids(f"{FIRST} POS_9 NOTE_ON_60 DUR_1 SONG_END").tolist()
    with pytest.raises(ValueError, match="no complete note"):
        GRAMMAR.repair(ids(OPENING))


def test_nearly_all_random_tokens_are_errors() -> None:
    string = np.random.default_rng(0).integers(0, len(TWELVE), 1000)
    assert GRAMMAR.errors(string) > 990  # only SONG_START could begin it


def walk(length: int, seed: int) -> list[tuple[State, int]]:
    """The states of a random string, and the token that follows each."""
    states = [GRAMMAR.start()]
    string = GRAMMAR.random_ids(random.Random(seed), length).tolist()
    for token in string:
        states.append(GRAMMAR.advance(states[-1], token))
    return list(zip(states, string))


def shortest(state: State) -> int:
    """The fewest tokens to SONG_END, by trying the first and last token of every range that may follow."""
    states, steps = {state}, 0
    while not any(one.step is Step.END for one in states):
        ends = {(one, token) for one in states for low, stop in GRAMMAR.spans(one) for token in (low, stop - 1)}
        states, steps = {GRAMMAR.advance(one, token) for one, token in ends}, steps + 1
    return steps


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 1 << 32))
def test_allowed_is_what_may_follow_and_leaves_a_way_to_the_end(seed: int) -> None:
    for state, token in walk(40, seed):
        row = GRAMMAR.allowed(state)
        assert row.nonzero()[0].tolist() == [one for one in range(len(TWELVE)) if GRAMMAR.allows(state, one)]
        assert row[token]
        needed = GRAMMAR.distance(state)
        assert not GRAMMAR.allowed(state, needed - 1).any()
        for remaining in (needed, needed + 1, needed + 3):
            inside = GRAMMAR.allowed(state, remaining).nonzero()[0].tolist()
            reach = [
                one for one in row.nonzero()[0].tolist() if GRAMMAR.distance(GRAMMAR.advance(state, one)) < remaining
            ]
            assert inside == reach
            assert inside


@pytest.mark.parametrize("length", [10, 30])
def test_the_distance_is_that_of_the_shortest_way(length: int) -> None:
    seen = set()
    for state, _ in walk(length, 3):
        if GRAMMAR.distance(state) <= 4 and state.step not in seen:
            seen.add(state.step)
            assert shortest(state) == GRAMMAR.distance(state)
    assert GRAMMAR.distance(GRAMMAR.start()) == 10  # FIRST and SONG_END
    assert len(seen) >= 4


def test_states_of_equal_strings_are_equal_and_hashable() -> None:
    assert [hash(state) for state, _ in walk(30, 1)] == [hash(state) for state, _ in walk(30, 1)]
    assert max(len(state) for state, _ in walk(30, 1)) == len(State())


def test_random_strings_need_ten_tokens() -> None:
    assert GRAMMAR.random_ids(random.Random(0), 10).tolist()[-1] == TWELVE.id(Kind.END)
    with pytest.raises(ValueError, match="at least 10"):
        GRAMMAR.random_ids(random.Random(0), 9)


def test_equal_seeds_give_equal_strings() -> None:
    first, second = (GRAMMAR.random_ids(random.Random(5), 200).tolist() for _ in range(2))
    assert first == second


def test_the_native_vocabulary_has_ranges_but_no_mask() -> None:
    native = Grammar(Vocabulary.native(480))
    assert native.spans(native.start()) == [(0, 1)]
    with pytest.raises(ValueError, match="too large for a mask"):
        native.allowed(native.start())
