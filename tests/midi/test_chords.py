from typing import Literal

import numpy as np
import pytest

from stages.midi import chords
from stages.midi.chords import QUALITIES, TONES, with_chords
from stages.midi.song import DRUMS, Song, normal, table, transposed

TICKS = 12
Label = tuple[int, int, int]


def progression(rng: np.random.Generator, busy: bool, count: int = 32) -> tuple[Song, list[Label]]:
    """A song of `count` chords of two quarters each and its labels (tick, root, quality).

    A bass with the root three times of four, then the chord as a block or broken. A busy one has a melody of eighths
    above, three of ten of them on any pitch.
    """
    weights = {"maj": 35, "min": 25, "7": 15, "maj7": 5, "min7": 10, "dim": 3, "hdim7": 2, "dim7": 1, "sus4": 4}
    rows, labels = [], []
    for place in range(count):
        quality = str(rng.choice(list(weights), p=np.array(list(weights.values())) / 100))
        root, tick = int(rng.integers(12)), 2 * TICKS * place
        labels.append((tick, root, QUALITIES.index(quality)))
        tones = [(root + step) % 12 for step in TONES[quality]]
        bass = 0 if rng.random() < 0.75 else int(rng.integers(len(tones)))
        rows.append((tick, 0, 36 + tones[bass], 80, 2 * TICKS))
        if rng.random() < 0.5:
            rows += [(tick, 0, 60 + tone, 70, 2 * TICKS) for tone in tones]
        else:
            order = rng.permutation(len(tones))
            rows += [(tick + 6 * i, 0, 60 + tones[order[i % len(tones)]], 70, TICKS) for i in range(4)]
        for i in range(4 if busy else 0):
            pitch = 72 + (tones[int(rng.integers(len(tones)))] if rng.random() < 0.7 else int(rng.integers(12)))
            rows.append((tick + 6 * i, 0, pitch, 90, 6))
    return normal(Song(TICKS, table(rows, 5))), labels


def accuracy(song: Song, labels: list[Label]) -> tuple[float, float]:
    """Share of beats with the right root, and with the right root and quality."""
    found = with_chords(song, "beat").chords
    beats = [(tick + step, root, quality) for tick, root, quality in labels for step in (0, TICKS)]
    rows = [found[np.searchsorted(found[:, 0], tick, side="right") - 1] for tick, *_ in beats]
    roots = np.array([row[1] == root for row, (_, root, _) in zip(rows, beats)])
    qualities = np.array([row[2] == quality for row, (*_, quality) in zip(rows, beats)])
    return float(roots.mean()), float((roots & qualities).mean())


def block(*chord: int, start: int = 0, length: int = 4 * TICKS, program: int = 0) -> list[tuple[int, ...]]:
    return [(start, program, pitch, 80, length) for pitch in chord]


def names(song: Song, grid: Literal["beat", "bar"]) -> list[tuple[int, str]]:
    return [(tick, chords.name(root, quality)) for tick, root, quality in with_chords(song, grid).chords.tolist()]


def test_names_are_one_to_one_with_roots_and_qualities() -> None:
    assert len(set(chords.NAMES)) == 12 * len(QUALITIES)
    assert all(chords.name(*chords.parse(name)) == name for name in chords.NAMES)
    assert chords.name(0, QUALITIES.index("maj7")) == "Cmaj7"
    with pytest.raises(KeyError):
        chords.parse("Hmaj7")


@pytest.mark.parametrize("quality", [quality for quality in QUALITIES if quality not in ("9", "maj9", "min9")])
def test_a_plain_chord_over_its_root_is_found_on_every_root(quality: str) -> None:
    for root in range(12):
        song = normal(Song(TICKS, table(block(36 + root, *(60 + root + step for step in TONES[quality])), 5)))
        assert names(song, "bar") == [(0, chords.name(root, QUALITIES.index(quality)))]


def test_only_changes_of_chord_get_a_row() -> None:
    # bars of C, C, G7, C: two quarters of each bar, then the same again
    bars = [(48, 60, 64, 67), (48, 60, 64, 67), (43, 59, 62, 65), (48, 60, 64, 67)]
    rows = [row for bar, chord in enumerate(bars) for row in block(*chord, start=48 * bar)]
    song = normal(Song(TICKS, table(rows, 5)))
    assert names(song, "beat") == [(0, "Cmaj"), (96, "G7"), (144, "Cmaj")]
    assert names(song, "bar") == [(0, "Cmaj"), (96, "G7"), (144, "Cmaj")]


def test_the_bass_tells_c_sixth_from_a_minor_seventh() -> None:
    assert names(normal(Song(TICKS, table(block(36, 60, 64, 67, 69), 5))), "bar") == [(0, "C6")]
    assert names(normal(Song(TICKS, table(block(45, 60, 64, 67, 69), 5))), "bar") == [(0, "Amin7")]


def test_a_silent_bar_keeps_the_chord_before_it() -> None:
    rows = block(48, 52, 55) + block(48, 52, 55, start=3 * 48)
    assert names(normal(Song(TICKS, table(rows, 5))), "bar") == [(0, "Cmaj")]


def test_drums_have_no_chords_and_change_none() -> None:
    drums = block(36, 42, program=DRUMS)
    assert not len(with_chords(normal(Song(TICKS, table(drums, 5))), "beat").chords)
    chord = block(48, 52, 55)
    assert names(normal(Song(TICKS, table(chord + drums, 5))), "beat") == [(0, "Cmaj")]


def test_beats_follow_the_metre_also_after_a_cut_bar() -> None:
    # 6/8 has two beats of 18 ticks; its first bar of 36 ends after one of them, where 3/4 starts with beats of 12
    rows = block(48, 52, 55, length=18) + block(43, 47, 50, start=18, length=36)
    metres = table([(0, 6, 8), (18, 3, 4)], 3)
    assert names(normal(Song(TICKS, table(rows, 5), metres=metres)), "beat") == [(0, "Cmaj"), (18, "Gmaj")]


def test_chords_found_before_are_replaced() -> None:
    song = with_chords(normal(Song(TICKS, table(block(48, 52, 55), 5), chords=table([(0, 6, 1)], 3))), "beat")
    assert song.chords.tolist() == [[0, 0, 0]]


def test_transposed_songs_have_transposed_chords() -> None:
    song, _ = progression(np.random.default_rng(0), busy=True)
    for shift in (1, 5, 11):
        assert with_chords(transposed(song, shift), "beat") == transposed(with_chords(song, "beat"), shift)


@pytest.mark.parametrize(("busy", "least_root", "least"), [(False, 0.95, 0.91), (True, 0.95, 0.90)])
def test_most_beats_of_made_progressions_are_named_right(busy: bool, least_root: float, least: float) -> None:
    # 20 songs of 64 beats; measured: plain 0.965 root and 0.927 in full, busy 0.963 and 0.916
    found = [accuracy(*progression(np.random.default_rng(seed), busy)) for seed in range(20)]
    root, full = np.mean(found, axis=0)
    assert root >= least_root
    assert full >= least
