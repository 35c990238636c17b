"""The score tells real pieces from spoiled ones; each of its parts notices what it is there for."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from stages.midi import bar_order, coherence, corruptions, note_fit
from stages.midi.reader import Caps, Refusal, read
from stages.midi.song import DRUMS, Song, excerpt, normal, table, transposed
from stages.midi.statistics import View
from stages.midi.tokens import quantised
from stages.midi.vocabulary import Vocabulary
from tests.midi.tunes import tune


@cache
def real() -> tuple[Song, ...]:
    return tuple(tune(seed) for seed in range(52))


@cache
def model() -> coherence.Coherence:
    return coherence.fitted({"tune": real()[:40]})


def test_tails_are_shares_of_real_values_at_least_as_far_out() -> None:
    known = coherence.Tail(np.array([1.0, 2.0, 3.0, 4.0]))
    # two-sided, 4: (1 + 0.5) of 5, twice; one-sided, 1: (1 + 0.5) of 5; the middle: no more than all
    assert np.exp(known.log(4.0, True)) == pytest.approx(0.6)
    assert np.exp(known.log(1.0, False)) == pytest.approx(0.3)
    assert known.log(9.0, False) == pytest.approx(np.log(4.5 / 5))
    assert known.log(2.5, True) == 0


def test_tails_keep_falling_beyond_the_furthest_real_value_down_to_a_floor() -> None:
    known = coherence.Tail(np.linspace(0, 1, 101))
    near, far, very_far = (known.log(value, True) for value in (1.1, 1.5, 1e9))
    assert 0 > near > far > very_far == pytest.approx(np.log(coherence.SMALLEST))
    assert known.log(-np.inf, False) == pytest.approx(np.log(coherence.SMALLEST))


def test_area_under_the_curve_by_hand() -> None:
    # of six pairs, 3 > 1, 3 > 2, 2 > 1 and 4 > 1, 4 > 2 ... : (2, 3, 4) against (1, 2): 5 above, 1 equal
    assert coherence.area_under_curve([2, 3, 4], [1, 2]) == pytest.approx(5.5 / 6)


def test_every_corruption_of_made_up_pieces_is_noticed() -> None:
    power = coherence.power(model(), real()[40:], ["tune"] * 12, seed=0)
    assert set(power["auc"]) == {corruption.__name__ for corruption in corruptions.CORRUPTIONS}
    assert min(power["auc"].values()) > 0.85
    assert np.mean(list(power["auc"].values())) > 0.95
    assert power["score"]["real"] > 6
    assert all(0 <= score <= 10 for score in power["score"].values())


def test_the_score_does_not_depend_on_the_key_and_is_the_same_each_time() -> None:
    piece = real()[41]
    assert model().score(transposed(piece, 2), "tune") == pytest.approx(model().score(piece, "tune"))
    assert coherence.fitted({"tune": real()[:40]}).score(piece, "tune") == model().score(piece, "tune")


def test_short_pieces_are_compared_with_short_pieces() -> None:
    parts = [excerpt(song, 0, 8) for song in real()[40:]]
    assert np.mean([model().score(part, "tune") for part in parts if part]) > 6
    assert set(model().references["tune"].known) >= {8}


def test_a_piece_of_drums_alone_has_a_low_score_and_is_no_error() -> None:
    drums = normal(Song(12, table([(12 * beat, DRUMS, 36, 64, 6) for beat in range(32)], 5)))
    assert 0 < model().score(drums, "tune") < 2


def test_one_note_alone_is_no_error() -> None:
    assert 0 < model().score(normal(Song(12, table([(0, 0, 60, 64, 12)], 5))), "tune") < 5


def test_small_genres_are_put_together_and_too_few_pieces_are_refused() -> None:
    def sizes(**genres: int) -> dict[str, int]:
        found = coherence.fitted({genre: real()[:count] for genre, count in genres.items()})
        return {genre: len(one.fitted_on) + len(one.songs) for genre, one in found.references.items()}

    assert sizes(a=24, b=11, c=12) == {"a": 24, "others": 23}
    assert sizes(a=24, b=6) == {"a": 24, "others": 30}  # 6 are too few, so all pieces are compared with
    assert sizes(a=9) == {"others": 9}
    with pytest.raises(ValueError, match="3 pieces, expected at least 8"):
        sizes(a=3)


def test_a_genre_without_a_reference_of_its_own_is_compared_with_the_others() -> None:
    found = coherence.fitted({"a": real()[:20], "b": real()[20:26], "c": real()[26:42]})
    piece = real()[45]
    assert found.score(piece, "b") == found.score(piece, "never heard of") != found.score(piece, "a")


def test_bars_of_a_piece_follow_better_as_they_stand_and_shuffled_ones_no_better_than_chance() -> None:
    order = bar_order.fitted(real()[:20])

    def mean(songs: list[Song]) -> float:
        return float(np.mean([order.order(bar_order.BarView(View(song))) for song in songs]))

    shuffled = [corruptions.bar_shuffle(song, np.random.default_rng(seed)) for seed, song in enumerate(real()[20:40])]
    assert mean(list(real()[20:40])) > 2
    assert abs(mean([song for song in shuffled if song])) < 1


def test_a_looped_bar_has_no_order() -> None:
    order = bar_order.fitted(real()[:20])
    looped = corruptions.bar_looped(real()[20], np.random.default_rng(0))
    assert looped is not None
    assert order.order(bar_order.BarView(View(looped))) == 0


def test_wrong_notes_are_less_likely_where_they_are_and_jitter_is_seen_in_onsets_alone() -> None:
    views = [View(song) for song in real()[20:30]]
    pitches = note_fit.fitted(real()[:20], note_fit.pitch_options)
    onsets = note_fit.fitted(real()[:20], note_fit.onset_options)
    for index, view in enumerate(views):
        rng = np.random.default_rng(index)
        wrong, jitter = (View(spoil(view.song, rng)) for spoil in (corruptions.wrong_notes, corruptions.timing_jitter))
        right = pitches.log_probabilities(note_fit.pitch_options(view)).mean()
        assert right > pitches.log_probabilities(note_fit.pitch_options(wrong)).mean()
        in_time = onsets.log_probabilities(note_fit.onset_options(view)).mean()
        assert in_time > onsets.log_probabilities(note_fit.onset_options(jitter)).mean() + 0.5
        assert in_time == pytest.approx(onsets.log_probabilities(note_fit.onset_options(wrong)).mean(), abs=0.05)


def test_real_hymns_are_told_from_spoiled_ones(hymns: Path) -> None:
    caps = Caps(bytes=10**7, ticks=10**9, notes=10**5, bars=10**4, seconds=10**5)
    songs = []
    for path in sorted(hymns.glob("*.mid"))[:60]:
        try:
            songs.append(quantised(read(path.read_bytes(), caps).song, Vocabulary.model(12))[0])
        except (Refusal, ValueError):
            continue
    power = coherence.power(coherence.fitted({"hymn": songs[:40]}), songs[40:54], ["hymn"] * 14, seed=0)
    assert power["score"]["real"] > 6
    assert np.mean(list(power["auc"].values())) > 0.9
    assert power["auc"]["bar_shuffle"] > 0.8
