import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.midi import masks as module
from stages.midi import tokens
from stages.midi.grammar import Grammar
from stages.midi.masks import MaskState, TokenMask
from stages.midi.vocabulary import Vocabulary

VOCABULARY = Vocabulary.model(12)
GRAMMAR = Grammar(VOCABULARY)
END_IDS = (1, 2)
WHOLE = [[7 + 2 * token] for token in range(len(VOCABULARY))]  # one id for each name, and some ids for none
LETTERS = [[3, *map(ord, name)] for name in VOCABULARY.compacts]  # a space, then letter by letter
MIXED = [[200 + token] if token % 3 else LETTERS[token] for token in range(len(VOCABULARY))]
MASKS = {
    "an id a name": TokenMask(GRAMMAR, WHOLE, 2100, END_IDS),
    "an id a letter": TokenMask(GRAMMAR, LETTERS, 128, END_IDS),
    "some of both": TokenMask(GRAMMAR, MIXED, 1300, END_IDS),
}
PIECES = {"an id a name": WHOLE, "an id a letter": LETTERS, "some of both": MIXED}
names = st.sampled_from(sorted(MASKS))


def parsed(name: str, model_ids: list[int]) -> list[int]:
    """The REMI tokens whose pieces follow each other in `model_ids`."""
    by_piece = {tuple(piece): token for token, piece in enumerate(PIECES[name])}
    found, piece = [], []
    for model_id in model_ids:
        piece.append(model_id)
        if tuple(piece) in by_piece:
            found.append(by_piece[tuple(piece)])
            piece = []
    assert not piece
    return found


@settings(deadline=None)
@given(name=names, over=st.integers(0, 60), seed=st.integers(0, 1 << 32))
def test_any_choice_under_the_mask_ends_a_song_within_the_budget(name: str, over: int, seed: int) -> None:
    masks, rng = MASKS[name], random.Random(seed)
    remaining, state, written = masks.minimum + over, masks.start(), list[int]()
    while not masks.mask(state, remaining)[list(END_IDS)].any():
        assert remaining > 0
        written.append(rng.choice(masks.mask(state, remaining).nonzero()[0].tolist()))
        state = masks.advance(state, written[-1])
        remaining -= 1
    string = parsed(name, written)
    assert GRAMMAR.accepts(string)
    assert tokens.encode(tokens.decode(string, VOCABULARY), VOCABULARY).tolist() == string


@settings(deadline=None)
@given(name=names, seed=st.integers(0, 1 << 32))
def test_a_mask_is_the_next_ids_of_the_pieces_that_may_follow(name: str, seed: int) -> None:
    masks, pieces = MASKS[name], PIECES[name]
    state, inner = masks.start(), GRAMMAR.start()
    for token in GRAMMAR.random_ids(random.Random(seed), 40).tolist():
        allowed = [pieces[one] for one in GRAMMAR.allowed(inner).nonzero()[0]]
        for depth, model_id in enumerate(pieces[token]):
            following = {piece[depth] for piece in allowed if piece[:depth] == pieces[token][:depth]}
            assert masks.mask(state).nonzero()[0].tolist() == sorted(following)
            state = masks.advance(state, model_id)
        inner = GRAMMAR.advance(inner, token)
        assert (state.grammar, state.node) == (inner, 0)


@pytest.mark.parametrize("name", sorted(MASKS))
def test_only_end_ids_follow_the_song(name: str) -> None:
    masks, state = MASKS[name], MASKS[name].start()
    for token in GRAMMAR.random_ids(random.Random(0), 20):
        for model_id in PIECES[name][token]:
            state = masks.advance(state, model_id)
    for remaining in (None, 0, 9):
        assert masks.mask(state, remaining).nonzero()[0].tolist() == list(END_IDS)
    closed = masks.advance(state, 2)
    assert closed.is_closed
    assert not state.is_closed
    assert masks.mask(closed).nonzero()[0].tolist() == list(END_IDS)
    with pytest.raises(ValueError, match=r"after the song's end, expected one of \[1, 2\]"):
        masks.advance(state, 9)


@settings(deadline=None)
@given(name=names, seed=st.integers(0, 1 << 32))
def test_rows_of_a_batch_are_the_masks_of_its_states(name: str, seed: int) -> None:
    masks = MASKS[name]
    states: list[MaskState] = [masks.start()]
    for token in GRAMMAR.random_ids(random.Random(seed), 12):
        for model_id in PIECES[name][token]:
            states.append(masks.advance(states[-1], model_id))
    for remaining in (None, 100, [90 + at for at in range(len(states))]):
        lefts = remaining if isinstance(remaining, list) else [remaining] * len(states)
        expected = [masks.mask(state, left) for state, left in zip(states, lefts)]
        assert np.array_equal(masks.masks(states, remaining), expected)


def walk(masks: TokenMask, seed: int) -> list[MaskState]:
    """The states along a random song, an id a name."""
    states = [masks.start()]
    for token in GRAMMAR.random_ids(random.Random(seed), 40).tolist():
        states.append(masks.advance(states[-1], WHOLE[token][0]))
    return states


def test_a_full_table_changes_no_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TABLE_BYTES", 3 * 2100)  # 3 rows
    small = TokenMask(GRAMMAR, WHOLE, 2100, END_IDS)
    for seed in range(3):
        states, expected = walk(small, seed), walk(MASKS["an id a name"], seed)
        assert {state.row for state in states} == {-1, 0, 1, 2}
        for one, other in zip(states, expected):
            assert np.array_equal(small.masks([one], 10_000), MASKS["an id a name"].masks([other], 10_000))
        assert np.array_equal(small.masks(states, 10_000), MASKS["an id a name"].masks(expected, 10_000))


def test_states_that_are_forgotten_change_no_mask_and_hold_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KNOWN", 5)
    for seed in range(3):
        small = TokenMask(GRAMMAR, WHOLE, 2100, END_IDS)
        states, expected = walk(small, seed), walk(MASKS["an id a name"], seed)
        assert len(small._known) <= 5
        assert not states[0].after  # it led to the next one, which nothing else would have let go of
        assert [state.grammar for state in states] == [state.grammar for state in expected]
        assert np.array_equal(small.masks(states, 10_000), MASKS["an id a name"].masks(expected, 10_000))


def test_the_minimum_is_that_of_the_longest_names() -> None:
    assert MASKS["an id a name"].minimum == 10
    # a space and a letter for the three bare names, a space and three letters for seven
    assert MASKS["an id a letter"].minimum == 3 * 2 + 7 * 4


def test_a_budget_too_small_is_refused() -> None:
    masks = MASKS["an id a name"]
    with pytest.raises(ValueError, match="9 more ids can't end the song"):
        masks.mask(masks.start(), 9)


@pytest.mark.parametrize("name", sorted(MASKS))
def test_an_id_that_may_not_come_next_is_refused(name: str) -> None:
    masks, state = MASKS[name], MASKS[name].start()
    for model_id in range(masks.vocabulary_size):
        if not masks.mask(state)[model_id]:
            with pytest.raises(ValueError, match=f"id {model_id} doesn't continue"):
                masks.advance(state, model_id)


def test_pieces_must_tell_the_names_apart_and_fit() -> None:
    with pytest.raises(ValueError, match="the pieces of S and E can't be told apart"):
        TokenMask(GRAMMAR, [[5], [5], *WHOLE[2:]], 2100, END_IDS)
    with pytest.raises(ValueError, match="can't be told apart: one begins the other"):
        TokenMask(GRAMMAR, [[9999], [9999, 5], *WHOLE[2:]], 10_000, END_IDS)
    with pytest.raises(ValueError, match="from 0 to 99"):
        TokenMask(GRAMMAR, WHOLE, 100, END_IDS)
    with pytest.raises(ValueError, match="must not be empty"):
        TokenMask(GRAMMAR, [[], *WHOLE[1:]], 2100, END_IDS)
    with pytest.raises(ValueError, match="1 pieces for 1019"):
        TokenMask(GRAMMAR, [[5]], 2100, END_IDS)
