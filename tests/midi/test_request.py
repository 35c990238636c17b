import numpy as np
import pytest

from stages.midi import request
from stages.midi.song import DRUMS, Rows, Song, normal, table, transposed

# the scale up and down, ending on the tonic, in eighths at 12 ticks per quarter
MAJOR = [0, 2, 4, 5, 7, 9, 11, 12, 11, 9, 7, 5, 4, 2, 0, 0]
HARMONIC_MINOR = [0, 2, 3, 5, 7, 8, 11, 12, 11, 8, 7, 5, 3, 2, 0, 0]


def tune(pitches: list[int], tonic: int = 60, tempos: Rows = (), metres: Rows = ()) -> Song:
    rows = [(6 * i, 0, tonic + pitch, 80, 6) for i, pitch in enumerate(pitches)]
    return normal(Song(12, table(rows, 5), tempos=table(tempos, 2), metres=table(metres, 3)))


@pytest.mark.parametrize("tonic", range(12))
def test_a_scale_has_the_key_of_its_tonic(tonic: int) -> None:
    assert request.key(tune(MAJOR, 60 + tonic)) == (tonic, "major")
    assert request.key(tune(HARMONIC_MINOR, 60 + tonic)) == (tonic, "minor")


def test_drums_and_evenly_used_pitches_have_no_key() -> None:
    drums = normal(Song(12, table([(0, DRUMS, 36, 80, 6), (6, DRUMS, 38, 80, 6)], 5)))
    assert request.key(drums) is None
    assert request.key(tune(list(range(12)))) is None


def test_the_request_names_genre_key_and_metre() -> None:
    song = tune(MAJOR, 67, metres=[(0, 4, 4)])
    assert request.sentence(request.facts(song, "chorale")) == "Generate a chorale in G major, 4/4"


def test_a_tempo_is_named_unless_it_is_what_midi_assumes() -> None:
    # 600,000 microseconds a quarter: 60 s / 0.6 s = 100 BPM
    song = tune(HARMONIC_MINOR, 66, tempos=[(0, 600_000)], metres=[(0, 6, 8)])
    assert request.sentence(request.facts(song, "fiddle")) == "Generate a fiddle tune in F# minor, 6/8, 100 BPM"
    assert request.facts(tune(MAJOR, tempos=[(0, 500_000)]), "fiddle").tempo is None


def test_metre_and_tempo_are_those_in_force_longest() -> None:
    # onsets up to tick 90: 3/4 and 100 BPM for 36 ticks, then 2/4 and 60 BPM for 55
    song = tune(MAJOR, tempos=[(0, 600_000), (36, 1_000_000)], metres=[(0, 3, 4), (36, 2, 4)])
    facts = request.facts(song, "fiddle")
    assert (facts.metre, facts.tempo) == ((2, 4), 60)


def test_articles_and_unknown_genres_read_as_english() -> None:
    facts = request.facts(tune(MAJOR), "old_time")
    assert request.sentence(facts) == "Generate an old time piece in C major, 4/4"


@pytest.mark.parametrize("shift", [-5, 1, 6])
def test_facts_of_the_transposed_song_are_the_transposed_facts(shift: int) -> None:
    for song in (
        tune(MAJOR, 62),
        tune(HARMONIC_MINOR, 64),
        tune(np.random.default_rng(1).integers(0, 20, 40).tolist()),
    ):
        moved = request.facts(transposed(song, shift), "chorale")
        assert moved == request.facts(song, "chorale").transposed(shift)
