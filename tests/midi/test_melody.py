import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stages.midi import melody
from stages.midi.melody import Keys, Similarity
from stages.midi.song import DRUMS, PITCH, VELOCITY, Song, normal, table, transposed

SIMILARITY = Similarity(
    melody_notes=12,
    phrase_notes=6,
    phrase_beats=8,
    containment=0.25,
    common_intervals=14,
    common_kinds=5,
    title_letters=6,
    title_works=8,
)


def tune(seed: int, notes: int = 40, ticks: int = 12, program: int = 0) -> Song:
    """A random walk in eighths and quarters over a bass of whole notes."""
    rng = np.random.default_rng(seed)
    lengths = rng.choice([ticks // 2, ticks], notes)
    onsets = np.cumsum(lengths) - lengths
    pitches = 72 + np.clip(np.cumsum(rng.integers(-4, 5, notes)), -12, 12)
    rows = [(int(o), program, int(p), 80, int(n)) for o, p, n in zip(onsets, pitches, lengths)]
    rows += [(start, program, 40, 60, 4 * ticks) for start in range(0, int(onsets[-1]), 4 * ticks)]
    return normal(Song(ticks, table(rows, 5)))


def keys(song: Song, *titles: str, work: str = "") -> Keys:
    return melody.keys(song, titles, work, SIMILARITY)


def scaled(song: Song, factor: int) -> Song:
    """The same music at `factor` times the resolution."""
    notes = song.notes * np.array([factor, 1, 1, 1, factor])
    return Song(song.ticks_per_quarter * factor, table(notes, 5), metres=song.metres * np.array([factor, 1, 1]))


def test_content_is_the_same_at_another_resolution_velocity_tempo_and_start() -> None:
    song = tune(1)
    quiet = song.notes.copy()
    quiet[:, VELOCITY] = 20
    late = song.notes.copy()
    late[:, 0] += 48
    assert melody.content(scaled(song, 40)) == melody.content(song)
    assert melody.content(replace(song, notes=table(quiet, 5))) == melody.content(song)
    assert melody.content(replace(song, tempos=table([(0, 700_000)], 2))) == melody.content(song)
    assert melody.content(replace(song, notes=table(late, 5))) == melody.content(song)


def test_content_is_another_with_another_note_program_or_key() -> None:
    song = tune(1)
    wrong = song.notes.copy()
    wrong[7, PITCH] += 1
    others = [replace(song, notes=table(wrong, 5)), tune(1, program=5), transposed(song, 1), tune(2)]
    assert len({melody.content(other) for other in [song, *others]}) == 5


def test_onsets_a_tick_late_are_the_same_content() -> None:
    # abc2midi writes notes one tick of 480 late and one short
    song = scaled(tune(3), 40)
    late = song.notes + np.array([1, 0, 0, 0, -1])
    assert melody.content(replace(song, notes=table(late, 5))) == melody.content(song)


def test_the_top_voice_is_the_highest_note_that_starts_unless_a_higher_one_sounds() -> None:
    rows = [
        (0, 0, 72, 80, 24),  # held over the two below
        (0, 0, 60, 80, 12),
        (12, 0, 64, 80, 12),
        (24, 0, 67, 80, 12),  # the highest when 72 has ended
        (24, DRUMS, 81, 80, 12),
        (36, 0, 74, 80, 12),
    ]
    assert melody.top_voice(normal(Song(24, table(rows, 5)))).tolist() == [[0, 72], [24, 67], [36, 74]]


def test_a_chord_whose_top_note_is_late_has_that_note_as_its_top_voice() -> None:
    # 2 of 24 steps a quarter are one chord, 3 are two notes
    chords = [(0, 0, 60, 80, 24), (2, 0, 64, 80, 22), (24, 0, 62, 80, 24), (27, 0, 65, 80, 21)]
    assert melody.top_voice(normal(Song(24, table(chords, 5)))).tolist() == [[0, 64], [24, 62], [27, 65]]


def test_melody_and_phrases_do_not_change_when_transposed() -> None:
    one, other = keys(tune(4)), keys(transposed(tune(4), 5))
    assert one.melody == other.melody
    assert one.content != other.content
    assert np.array_equal(one.phrases, other.phrases)
    assert len(one.phrases) > 20


def test_a_voice_of_few_notes_has_no_melody() -> None:
    short = keys(tune(5, notes=11))
    assert short.melody is None
    assert not len(short.phrases)
    assert keys(tune(5, notes=12)).melody


def test_scales_and_drones_have_no_phrases() -> None:
    for pitches in (range(60, 84), [60] * 24, [60, 62] * 12):
        rows = [(12 * i, 0, pitch, 80, 12) for i, pitch in enumerate(pitches)]
        assert not len(keys(normal(Song(12, table(rows, 5)))).phrases)


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("001-i-sing-the-mighty-power", "i sing the mighty power"),
        ("Früh_am Morgen!", "fruh am morgen"),
        ("Amazing Grace (2)", "amazing grace"),
        ("Symphony No. 5", "symphony no 5"),
        ("12 34", None),
        ("Gigue", None),  # five letters
        ("", None),
    ],
)
def test_titles_are_compared_by_their_words(title: str, key: str | None) -> None:
    assert melody.title_key(title, 6) == key


def test_files_with_the_same_content_melody_or_title_are_one_group() -> None:
    files = [keys(tune(6), "First tune"), keys(tune(7)), keys(transposed(tune(6), 3)), keys(tune(8), "first-tune (2)")]
    assert melody.groups(files, SIMILARITY) == [0, 1, 0, 0]


def test_a_title_of_many_pieces_is_no_evidence() -> None:
    files = [keys(tune(seed), "Kyrie eleison") for seed in range(20, 29)]
    assert melody.groups(files[:8], SIMILARITY) == [0] * 8
    assert melody.groups(files, SIMILARITY) == list(range(9))


def test_movements_of_a_work_are_one_group_however_many() -> None:
    files = [keys(tune(seed), f"Movement {seed}", work="Palestrina Missa brevis") for seed in range(20, 32)]
    assert melody.groups(files, SIMILARITY) == [0] * 12


def test_a_tune_with_changed_notes_or_inside_a_longer_one_is_found() -> None:
    song = tune(9, notes=60)
    changed = song.notes.copy()
    changed[[20, 45], PITCH] += 1
    whole = tune(10, notes=80)
    first_half = replace(whole, notes=table(whole.notes[whole.notes[:, 0] < whole.notes[-1, 0] // 2], 5))
    files = [keys(song), keys(whole), keys(tune(11)), keys(replace(song, notes=table(changed, 5))), keys(first_half)]
    assert files[0].melody != files[3].melody
    assert melody.groups(files, SIMILARITY) == [0, 1, 2, 0, 1]


def test_groups_are_linked_through_others() -> None:
    # 0 and 1 share a title, 1 and 2 another
    files = [keys(tune(1), "one tune"), keys(tune(2), "one tune", "two tune"), keys(tune(3), "two tune")]
    assert melody.groups(files, SIMILARITY) == [0, 0, 0]


def test_an_ornamented_tune_has_the_outline_of_the_plain_one() -> None:
    rng = np.random.default_rng(12)
    pitches = 72 + np.clip(np.cumsum(rng.choice([-4, -3, -2, -1, 1, 2, 3, 4], 40)), -12, 12)
    plain = [(12 * i, 0, int(pitch), 80, 12) for i, pitch in enumerate(pitches)]
    # every quarter becomes two eighths, the second a step away
    ornamented = [
        row
        for onset, *_, pitch, velocity, _ in plain
        for row in (
            (onset, 0, pitch, velocity, 6),
            (onset + 6, 0, pitch + int(rng.choice([-2, -1, 1, 2])), velocity, 6),
        )
    ]
    one, other = (keys(normal(Song(12, table(rows, 5)))) for rows in (plain, ornamented))
    assert not np.intersect1d(one.phrases, other.phrases).size
    assert np.array_equal(one.outline, other.outline)
    assert melody.groups([one, keys(tune(13)), other], SIMILARITY) == [0, 1, 0]


def test_two_settings_of_a_tune_in_different_rhythms_are_one_group() -> None:
    rng = np.random.default_rng(5)
    pitches = [72, *(72 + np.cumsum(rng.choice([-4, -3, -2, -1, 1, 2, 3, 4], 15))).tolist()]  # 15 intervals

    def setting(seed: int, shift: int, first: list[int], last: list[int]) -> Song:
        """The tune between other notes, a rhythm of its own with repeated notes."""
        rng = np.random.default_rng(seed)
        voice = [pitch for pitch in [*first, *pitches, *last] for _ in range(rng.integers(1, 3))]
        onsets = np.cumsum(rng.choice([3, 6, 12, 24, 48], len(voice)))
        ends = [*onsets[1:], onsets[-1] + 12]
        rows = [(int(o), 0, p + shift, 80, int(e - o)) for o, p, e in zip(onsets, voice, ends)]
        return normal(Song(12, table(rows, 5)))

    others = np.random.default_rng(6).integers(60, 90, (4, 30)).tolist()
    one, other = (keys(setting(n, 5 * n, others[2 * n], others[2 * n + 1])) for n in range(2))
    assert not melody.overlaps([one, other], SIMILARITY.containment)  # what linked pieces before
    assert melody.groups([one, keys(tune(13)), other], SIMILARITY) == [0, 1, 0]


def test_scales_and_figures_are_no_common_run() -> None:
    scale = [60, 62, 64, 65, 67, 69, 71, 72, 71, 69, 67, 65, 64, 62] * 4
    for pitches in (scale, [60, 64, 67, 64] * 10):
        rows = [(12 * i, 0, pitch, 80, 12) for i, pitch in enumerate(pitches)]
        assert not len(keys(normal(Song(12, table(rows, 5)))).runs)


def test_a_tune_that_a_source_names_is_one_group_however_many_bear_its_title() -> None:
    files = [keys(tune(seed), "Jesu, meine Freude", work="Jesu, meine Freude") for seed in range(20, 30)]
    assert melody.groups([*files, keys(tune(30), "jesu meine freude")], SIMILARITY) == [0] * 11


def test_overlaps_are_what_comparing_every_pair_finds() -> None:
    rng = np.random.default_rng(0)
    none = np.zeros(0, dtype=np.uint64)
    sets = [np.unique(rng.integers(0, 60, rng.integers(0, 30)).astype(np.uint64)) for _ in range(60)]
    files = [Keys("", None, (), None, phrases, none, none) for phrases in sets]
    shared = {(i, j): len(np.intersect1d(sets[i], sets[j])) for i, j in itertools.combinations(range(60), 2)}
    expected = [(i, j) for (i, j), count in shared.items() if count >= max(4, 0.25 * min(len(sets[i]), len(sets[j])))]
    assert melody.overlaps(files, 0.25) == expected
    assert len(expected) > 100
    assert melody.overlaps([], 0.25) == []


def test_sixty_five_hymns_share_a_tune_with_another_in_thirty_groups(hymns: Path) -> None:
    # the collection's own count is 61: 106 and 107 have the same title and tune, but not note for note;
    # and 133 and 159 are one, but for top notes that start late
    from stages.midi.reader import Caps, Refusal, read

    caps = Caps(bytes=10**7, ticks=10**8, notes=10**6, bars=10**4, seconds=10**4)
    files = []
    for path in sorted(hymns.glob("*.mid")):
        try:
            files.append(melody.keys(read(path.read_bytes(), caps).song, [path.stem], "", SIMILARITY))
        except Refusal:
            continue
    sizes = [size for size in Counter(melody.groups(files, SIMILARITY)).values() if size > 1]
    assert (sum(sizes), len(sizes)) == (65, 30)
