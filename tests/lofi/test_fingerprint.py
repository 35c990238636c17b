"""The same recording is found however it was cut or encoded, and another one isn't."""

from pathlib import Path

import numpy as np
import pytest

from stages.lofi.fingerprint import Index, Print, of_stereo, of_text, similarity, text
from tests.lofi.sounds import decoded, encoded, int16, music, wav

RATE_HZ = 48_000


def random(seed: int, words: int = 400) -> Print:
    return np.random.default_rng(seed).integers(0, 2**32, words, dtype=np.uint32)


def flipped(one: Print, share: float, seed: int) -> Print:
    """`one` with `share` of its bits changed."""
    flips = np.random.default_rng(seed).random((len(one), 32)) < share
    changed: Print = one ^ (flips * (1 << np.arange(32, dtype=np.uint64))).sum(axis=1).astype(np.uint32)
    return changed


def test_a_fingerprint_goes_through_text() -> None:
    one = random(1)
    assert (of_text(text(one)) == one).all()
    assert len(of_text(text(one[:0]))) == 0


def test_similarity_is_the_share_of_equal_bits_where_both_have_words() -> None:
    one = random(1, 80)
    assert similarity(one, one, 0) == 1.0
    assert similarity(one, one[10:], 10) == 1.0
    assert similarity(one[10:], one, -10) == 1.0
    other = one.copy()
    other[0] ^= np.uint32(0b1111)
    assert similarity(one, other, 0) == 1 - 4 / (32 * 80)
    assert similarity(one, one[41:], 41) == 0.0  # 39 words are too few


def test_the_index_finds_each_track_altered_and_cut_among_many() -> None:
    prints = [random(seed) for seed in range(300)]
    index = Index.of(prints)
    for seed in range(0, 300, 7):
        query = flipped(prints[seed], 0.06, seed)[seed % 40 :]
        matches = index.matches(query, 0.85)
        assert [match.track for match in matches] == [seed]
        assert matches[0].offset == -(seed % 40)  # the track begins so many words before what is looked for
        assert matches[0].similarity == pytest.approx(0.94, abs=0.01)
        assert index.matches(prints[seed], 0.85, besides=seed) == []
    assert index.matches(random(999), 0.85) == []


def test_an_empty_index_finds_nothing() -> None:
    assert Index.of([]).matches(random(1), 0.85) == []
    assert Index.of([random(1, 0), random(2, 0)]).matches(random(1), 0.85) == []


def test_what_all_tracks_have_says_nothing() -> None:
    silence = np.full(300, 627_964_279, np.uint32)  # chromaprint's word for it
    index = Index.of([np.concatenate([silence, random(seed, 200)]) for seed in range(100)])
    assert index.matches(np.concatenate([silence, random(777, 200)]), 0.85) == []


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".mp3", ("-c:a", "libmp3lame", "-b:a", "96k")),
        (".ogg", ("-c:a", "libvorbis", "-q:a", "1")),
        (".m4a", ("-c:a", "aac", "-b:a", "96k")),
        (".wav", ("-ss", "4", "-af", "volume=0.3")),
        (".flac", ("-ar", "22050", "-ac", "1")),
    ],
)
def test_a_copy_in_another_form_is_the_same_and_other_music_is_not(
    tmp_path: Path, suffix: str, options: tuple[str, ...]
) -> None:
    source = wav(tmp_path / "source.wav", int16(music(25.0, 3)))
    copy = encoded(tmp_path / f"copy{suffix}", source, *options)
    samples = decoded(copy)
    rate_hz = 22_050 if suffix == ".flac" else RATE_HZ
    query = of_stereo(np.repeat(samples, 2, axis=1)[:, :2] if samples.shape[1] == 1 else samples, rate_hz)
    others = [of_stereo(music(25.0, seed), RATE_HZ) for seed in range(10, 13)]
    index = Index.of([*others, of_stereo(decoded(source), RATE_HZ)])
    assert [match.track for match in index.matches(query, 0.85)] == [3]
