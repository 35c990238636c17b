import hashlib
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.midi.song import DRUMS
from stages.midi.vocabulary import Kind, Value, Vocabulary

MODELS = [Vocabulary.model(12), Vocabulary.model(24)]
TWELVE = MODELS[0]
NATIVE = Vocabulary.native(480)
EXAMPLES: list[tuple[Kind, Value, str, str]] = [
    (Kind.START, 0, "SONG_START", "S"),
    (Kind.END, 0, "SONG_END", "E"),
    (Kind.BAR, 0, "BAR_START", "B"),
    (Kind.POSITION, 36, "POS_36", "Pbk"),  # 36 = 1 * 26 + 10
    (Kind.TEMPO, 500_000, "TEMPO_120", "Tbf"),
    (Kind.METRE, (6, 8), "TIME_SIG_6/8", "Mba"),  # 3 of /1, 6 of /2, 12 of /4, then 1/8 ... 5/8: 26 before it
    (Kind.CHORD, (0, 3), "CHORD_Caug", "Cad"),
    (Kind.PROGRAM, 0, "PROGRAM_0", "Iaa"),
    (Kind.PROGRAM, DRUMS, "PROGRAM_DRUMS", "Iey"),
    (Kind.NOTE, 60, "NOTE_ON_60", "Nci"),
    (Kind.DRUM, 36, "DRUM_36", "Dbk"),
    (Kind.VELOCITY, 64, "VEL_64", "Vap"),  # 4, 8, ... 64: the sixteenth
    (Kind.DURATION, 12, "DUR_12", "Lal"),
]


@pytest.mark.parametrize("kind, value, name, compact", EXAMPLES, ids=[example[2] for example in EXAMPLES])
def test_a_token_has_a_kind_a_value_and_two_names(kind: Kind, value: Value, name: str, compact: str) -> None:
    token = TWELVE.id(kind, value)
    assert (TWELVE.kind(token), TWELVE.value(token)) == (kind, value)
    assert (TWELVE.name(token), TWELVE.compact(token)) == (name, compact)
    assert TWELVE.find(name) == TWELVE.find(compact, compact=True) == token


@pytest.mark.parametrize("vocabulary", MODELS, ids=["12", "24"])
def test_ids_values_long_and_compact_names_are_one_to_one(vocabulary: Vocabulary) -> None:
    every = range(len(vocabulary))
    assert len(every) > 600
    assert [vocabulary.id(vocabulary.kind(token), vocabulary.value(token)) for token in every] == list(every)
    assert len(set(vocabulary.names)) == len(set(vocabulary.compacts)) == len(every)
    assert [vocabulary.find(name) for name in vocabulary.names] == list(every)


@pytest.mark.parametrize("vocabulary", MODELS, ids=["12", "24"])
def test_compact_names_are_words_of_letters_and_none_begins_another(vocabulary: Vocabulary) -> None:
    names = sorted(vocabulary.compacts)
    assert all(re.fullmatch("[A-Z][a-z]*", name) for name in names)
    assert not any(after.startswith(before) for before, after in pairwise(names))


def test_the_size_at_12_follows_from_the_table() -> None:
    # start, end, bar; 12 quarters of positions; tempos; metres; 12 roots of 18 qualities; programs; pitches; drums;
    # velocities; 1 ... 96 ticks exactly and 9 ... 32 quarters
    metres = 3 + 6 + 12 + 24 + 24  # n/1, n/2, n/4 of at most 12 quarters; n/8 and n/16 up to 24
    assert len(TWELVE) == 3 + 144 + 50 + metres + 12 * 18 + 129 + 128 + 128 + 32 + (96 + 24)


@pytest.mark.parametrize("vocabulary", MODELS, ids=["12", "24"])
def test_bars_of_a_model_are_whole_and_fit_the_positions(vocabulary: Vocabulary) -> None:
    usual = {(4, 4), (12, 8), (9, 8), (6, 4), (3, 2), (4, 2), (6, 2), (12, 4), (2, 1), (3, 1), (5, 16), (24, 16)}
    assert usual <= set(vocabulary.metres)
    assert not {(13, 4), (4, 1), (5, 32), (0, 4), (4, 3)} & set(vocabulary.metres)
    positions = vocabulary.starts[Kind.POSITION + 1] - vocabulary.starts[Kind.POSITION]
    for (numerator, denominator), length in zip(vocabulary.metres, vocabulary.bar_lengths):
        assert length * denominator == 4 * vocabulary.ticks_per_quarter * numerator
        assert 0 < length <= positions


def test_durations_are_exact_to_eight_quarters_and_then_whole_quarters() -> None:
    durations = TWELVE.durations.tolist()
    assert durations[:96] == list(range(1, 97))
    assert durations[96:] == [12 * quarters for quarters in range(9, 33)]


def test_the_digest_is_the_hash_of_all_names_in_order() -> None:
    lines = [f"{long} {compact}" for long, compact in zip(TWELVE.names, TWELVE.compacts)]
    assert TWELVE.digest == hashlib.sha256("\n".join(lines).encode()).hexdigest()
    digests = {vocabulary.digest for vocabulary in [*MODELS, NATIVE, Vocabulary.native(12)]}
    assert len(digests) == 4


def test_equal_vocabularies_are_one_object() -> None:
    assert Vocabulary.model(12) is TWELVE
    assert Vocabulary.native(480) is NATIVE


def test_other_resolutions_have_no_model() -> None:
    with pytest.raises(ValueError, match="no model vocabulary at 10"):
        Vocabulary.model(10)
    with pytest.raises(ValueError, match="expected at least 1"):
        Vocabulary.native(0)


@pytest.mark.parametrize(
    "kind, value",
    [
        (Kind.POSITION, 144),
        (Kind.POSITION, -1),
        (Kind.TEMPO, 499_999),
        (Kind.METRE, (13, 4)),
        (Kind.CHORD, (12, 0)),
        (Kind.PROGRAM, 129),
        (Kind.NOTE, 128),
        (Kind.VELOCITY, 5),
        (Kind.DURATION, 97),
        (Kind.DURATION, 0),
    ],
)
def test_a_value_off_the_table_has_no_token(kind: Kind, value: Value) -> None:
    with pytest.raises(ValueError, match=r"no \w+ token for"):
        TWELVE.id(kind, value)


@pytest.mark.parametrize("token", [-1, len(TWELVE)])
def test_ids_outside_the_table_are_refused(token: int) -> None:
    with pytest.raises(ValueError, match="expected one of 1019"):
        TWELVE.name(token)


@pytest.mark.parametrize("vocabulary", [TWELVE, NATIVE], ids=["model", "native"])
@pytest.mark.parametrize(
    "name",
    ["", "BAR", "POS_", "POS_036", "POS_x", "POS_-1", "NOTE_ON_128", "TIME_SIG_0/4", "CHORD_Hmaj", "VEL_0", "DUR_12 "],
)
def test_unknown_long_names_are_refused(vocabulary: Vocabulary, name: str) -> None:
    with pytest.raises(ValueError, match="no "):
        vocabulary.find(name)


@pytest.mark.parametrize("vocabulary", [TWELVE, NATIVE], ids=["model", "native"])
@pytest.mark.parametrize("name", ["", "b", "Ba", "P", "Pa", "Nzz", "Xaa", "Naa ", "Ñaa"])
def test_unknown_compact_names_are_refused(vocabulary: Vocabulary, name: str) -> None:
    with pytest.raises(ValueError, match="no token is named"):
        vocabulary.find(name, compact=True)


@settings(deadline=None)
@given(token=st.integers(0, len(NATIVE) - 1) | st.integers(0, 1 << 18))
def test_native_tokens_round_trip_through_value_and_names(token: int) -> None:
    assert NATIVE.id(NATIVE.kind(token), NATIVE.value(token)) == token
    assert NATIVE.find(NATIVE.name(token)) == token
    assert NATIVE.find(NATIVE.compact(token), compact=True) == token


def test_native_names_say_ticks_and_microseconds() -> None:
    assert NATIVE.name(NATIVE.id(Kind.DURATION, 479)) == "DUR_479"
    assert NATIVE.name(NATIVE.id(Kind.TEMPO, 461_538)) == "TEMPO_461538us"


def test_the_native_table_is_never_listed() -> None:
    assert len(NATIVE) > 1 << 40
    with pytest.raises(ValueError, match="can't be listed"):
        _ = NATIVE.names
