"""Random songs for hypothesis: short, with much at the same tick, and every odd thing a song may have."""

from hypothesis import strategies as st

from stages.midi import chords
from stages.midi.song import DRUMS, Rows, Song, normal, table
from stages.midi.vocabulary import Vocabulary


def song(notes: Rows, resolution: int = 12, tempos: Rows = (), metres: Rows = (), marks: Rows = ()) -> Song:
    """A song in normal form from rows of its tables."""
    return normal(Song(resolution, table(notes, 5), table(tempos, 2), table(metres, 3), table(marks, 3)))


def vocabularies() -> st.SearchStrategy[Vocabulary]:
    """Model vocabularies, and native ones at usual and odd resolutions."""
    models = [Vocabulary.model(12), Vocabulary.model(24)]
    return st.sampled_from([*models, *map(Vocabulary.native, (1, 7, 12, 96, 480, 32767))])


@st.composite
def songs(draw: st.DrawFn, vocabulary: Vocabulary) -> Song:
    """A song in normal form on the vocabulary's grid: chords, unisons, drums, cut and empty bars, changes anywhere."""
    quarter = vocabulary.ticks_per_quarter
    tick = st.one_of(st.integers(0, 3), st.integers(0, 9 * quarter), st.sampled_from([0, quarter, 4 * quarter]))
    program, pitch = st.sampled_from([0, 0, 7, 127, DRUMS]), st.sampled_from([0, 59, 60, 61, 127])
    if vocabulary.is_native:
        velocity, duration = st.integers(1, 127), st.integers(1, 1 << 30)
        tempo, odd = st.integers(1, (1 << 24) - 1), st.sampled_from(vocabulary.metres)
    else:
        velocity = st.sampled_from(vocabulary.velocities.tolist())
        duration = st.sampled_from(vocabulary.durations.tolist())
        tempo, odd = st.sampled_from(vocabulary.tempos), st.sampled_from(vocabulary.metres)
    usual = st.sampled_from([metre for metre in [(4, 4), (3, 4), (6, 8)] if metre in vocabulary.metres])
    metre = st.one_of(usual, odd)
    soft = st.one_of(st.just(64), velocity)
    notes = draw(st.lists(st.tuples(tick, program, pitch, soft, duration), min_size=1, max_size=12))
    tempos = draw(st.lists(st.tuples(tick, tempo), max_size=3))
    metres = draw(st.lists(st.tuples(tick, metre), max_size=4))
    chord = st.tuples(tick, st.integers(0, 11), st.integers(0, len(chords.QUALITIES) - 1))
    marks = draw(st.lists(chord, max_size=4))
    return song(notes, quarter, tempos, [(at, *what) for at, what in metres], marks)
