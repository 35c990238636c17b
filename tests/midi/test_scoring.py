"""Windows score every token of a piece once; models are asked what they would be asked one token at a time."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.midi import scoring, tokens
from stages.midi.scoring import Window, windows
from stages.midi.song import Song, bars
from stages.midi.vocabulary import Kind, Vocabulary
from tests.midi.songs import songs
from tests.midi.tunes import tune

MODEL = Vocabulary.model(12)
ONES = np.ones(len(MODEL), dtype=np.int64)


def scored(found: list[Window]) -> np.ndarray:
    return np.concatenate([window.ids[window.first :] for window in found])


def kinds(ids: np.ndarray) -> list[Kind]:
    return [MODEL.kind(int(token)) for token in ids]


def test_a_piece_that_fits_is_one_window_of_all_its_tokens() -> None:
    piece = tune(1, bars=4)
    [window] = windows(piece, MODEL, ONES, 1000)
    assert window.first == 0
    assert window.ids.tolist() == tokens.encode(piece, MODEL).tolist()


def test_later_windows_score_new_bars_after_half_a_window_of_context() -> None:
    piece = tune(2, bars=16)
    found = windows(piece, MODEL, ONES, 160)
    assert len(found) > 2
    assert all(len(window.ids) <= 160 for window in found)
    for window in found[1:]:
        assert 30 <= window.first <= 90
        assert window.ids[window.first] == MODEL.id(Kind.BAR)
    ends = [window.ids[-1] == MODEL.id(Kind.END) for window in found]
    assert ends == [False] * (len(found) - 1) + [True]


def test_model_ids_count_and_not_tokens() -> None:
    piece = tune(3, bars=16)
    twice = windows(piece, MODEL, 2 * ONES, 320)
    assert [window.ids.tolist() for window in twice] == [w.ids.tolist() for w in windows(piece, MODEL, ONES, 160)]


@settings(max_examples=150, deadline=None)
@given(songs(MODEL), st.integers(24, 200))
def test_every_bar_and_every_note_is_scored_once(song: Song, budget: int) -> None:
    found = windows(song, MODEL, ONES, budget)
    said = kinds(scored(found))
    assert said.count(Kind.BAR) == len(bars(song))
    assert said.count(Kind.NOTE) + said.count(Kind.DRUM) == len(song.notes)
    assert said.count(Kind.START) == said.count(Kind.END) == 1
    for window in found:
        new_bars = kinds(window.ids[window.first :]).count(Kind.BAR)
        with_notes = kinds(window.ids[window.first :]).count(Kind.DURATION)
        assert (
            len(window.ids) <= budget or new_bars == 1 or not with_notes or kinds(window.ids)[-2:].count(Kind.DURATION)
        )


def test_bits_per_note_by_hand() -> None:
    # two tokens at probability 1/2 and one at 1/4: 1 + 1 + 2 bits for two notes
    assert scoring.bits_per_note([np.log([0.5, 0.5]), np.log([0.25])], 2) == pytest.approx(2)


def test_accuracy_is_counted_by_kind_over_scored_tokens() -> None:
    ids = tokens.encode(tune(1, bars=2), MODEL)
    window = Window(ids, 3)
    hits = np.array([MODEL.kind(int(token)) is Kind.NOTE for token in ids[3:]])
    table = scoring.accuracy([hits], [window], MODEL)
    assert table["note"][0] == table["note"][1] == hits.sum()
    assert table["duration"][0] == 0 < table["duration"][1]
    assert table["all"] == (hits.sum(), len(ids) - 3)
    assert sum(count for kind, (_, count) in table.items() if kind != "all") == len(ids) - 3


def test_a_token_of_several_ids_has_the_product_of_their_probabilities(tmp_path: Path) -> None:
    from stages.lora.model import load, token_logprobs
    from tests.lora.tiny import model_folder

    model = load(model_folder(tmp_path)).model
    pieces = [[number % 7, 7 + number % 5][: 1 + number % 2] for number in range(len(MODEL))]
    found = [Window(np.array([3, 4, 5, 6]), 2), Window(np.array([8, 3]), 0)]
    scores = scoring.model_scores(model, pieces, [[20, 21], [22]], found)

    # tokens 3, 4, 5, 6 are the ids [3, 10], [4], [5, 7], [6]; 8 and 3 are [1] and [3, 10]
    assert [pieces[token] for token in (3, 4, 5, 6, 8)] == [[3, 10], [4], [5, 7], [6], [1]]
    rows = [[20, 21, 3, 10, 4, 5, 7, 6], [22, 1, 3, 10]]
    first, second = token_logprobs(model, rows)
    assert scores.log_probabilities[0] == pytest.approx([first[4] + first[5], first[6]], abs=1e-5)
    assert scores.log_probabilities[1] == pytest.approx([second[0], second[1] + second[2]], abs=1e-5)
    assert [hits.shape for hits in scores.hits] == [(2,), (2,)]


def test_the_likeliest_tokens_are_hits(tmp_path: Path) -> None:
    from stages.lora.model import load, logits
    from tests.lora.tiny import model_folder

    model = load(model_folder(tmp_path)).model
    row = [5]
    for _ in range(6):
        row.append(int(np.array(logits(model, np.array([row])))[0, -1].argmax()))
    row[4] = (row[4] + 1) % 100
    pieces = [[number % 512] for number in range(len(MODEL))]
    [hits] = scoring.model_scores(model, pieces, [row[:1]], [Window(np.array(row[1:]), 0)]).hits
    assert hits[:4].tolist() == [True, True, True, False]
