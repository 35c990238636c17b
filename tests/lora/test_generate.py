from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stages.lora.generate import Masks, Seed, decoded, pick, sample
from stages.lora.model import Loaded, load, logits
from tests.lora import tiny

PROMPTS = ["X is", " Naa Nab Nac Nad Nae Naf Nag Nah", "X", "<|im_start|>user\nX is Y"]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load(tiny.model_folder(tmp_path_factory.mktemp("generate") / "base"))


def run(
    loaded: Loaded, prompts: Sequence[str] = PROMPTS, masks: Masks[Any] | None = None, **changed: Any
) -> list[list[int]]:
    settings: dict[str, Any] = {"max_tokens": 30, "temperature": 1.0, "top_p": 1.0, "seed": 5, "end_ids": []}
    return sample(loaded.model, loaded.tokenizer, prompts, masks, **settings | changed)


def test_without_temperature_each_token_is_the_likeliest_after_all_before_it(loaded: Loaded) -> None:
    for prompt, found in zip(PROMPTS, run(loaded, temperature=0.0)):
        ids = loaded.tokenizer.encode(prompt)
        whole = logits(loaded.model, np.array([ids + found]))[0]  # at once, without padding or cache
        assert found == whole.argmax(axis=-1).tolist()[len(ids) - 1 : -1]


def test_the_seed_decides(loaded: Loaded) -> None:
    assert run(loaded) == run(loaded)
    assert run(loaded) != run(loaded, seed=6)


def test_a_row_does_not_depend_on_those_beside_it(loaded: Loaded) -> None:
    together = run(loaded)
    assert run(loaded, PROMPTS[:1]) == together[:1]
    assert run(loaded, rows_at_once=3) == together
    # equal prompts draw apart
    assert len({tuple(row) for row in run(loaded, ["X is"] * 4)}) == 4


def test_a_row_with_a_seed_of_its_own_owes_nothing_to_its_place(loaded: Loaded) -> None:
    seeds = [5, 6, 5, 8]
    together = run(loaded, seed=seeds)
    order = [3, 0, 2]
    assert run(loaded, [PROMPTS[at] for at in order], seed=[seeds[at] for at in order]) == [
        together[at] for at in order
    ]
    assert run(loaded, seed=seeds, rows_at_once=1) == together
    assert [run(loaded, [prompt], seed=seed)[0] for prompt, seed in zip(PROMPTS, seeds)] == together
    same = run(loaded, ["X is"] * 3, seed=[7, 9, 7])
    assert same[0] == same[2] != same[1]


def test_the_draws_of_one_seed_for_all_are_those_of_the_seed_and_the_row() -> None:
    class Even:
        """Logits that are all the same, so that a row says which numbers it drew."""

        vocabulary = 1000

        def begin(self, prompts: Sequence[Sequence[int]]) -> Any:
            return np.zeros((len(prompts), self.vocabulary), np.float32)

        def after(self, chosen: Any) -> Any:
            return np.zeros((len(chosen), self.vocabulary), np.float32)

        def keep(self, logits: Any, rows: Sequence[int]) -> Any:
            return logits[list(rows)]

    def drawn_by(seed: Seed, rows: int) -> list[list[int]]:
        settings: dict[str, Any] = {"max_tokens": 4, "temperature": 1.0, "top_p": 1.0, "rows_at_once": 16}
        return decoded(Even(), [[1]] * rows, None, ends=frozenset(), seed=seed, **settings)

    def expected(seed: int, row: int) -> list[int]:
        return [int(draw * 1000) for draw in np.random.default_rng([seed, row]).random(4, np.float32)]

    assert drawn_by(5, 3) == [expected(5, row) for row in range(3)]
    assert drawn_by([5, 6, 5], 3) == [expected(5, 0), expected(6, 0), expected(5, 0)]


@pytest.mark.parametrize("seeds", [[], [1], [1, 2, 3]])
def test_seeds_are_as_many_as_prompts(loaded: Loaded, seeds: list[int]) -> None:
    with pytest.raises(ValueError, match=f"{len(seeds)} seeds for 2 prompts, expected one for each"):
        run(loaded, ["X", "Y"], seed=seeds)


def test_rows_end_at_an_end_id_and_the_others_go_on(loaded: Loaded) -> None:
    free = run(loaded)
    end = free[1][4]
    ended = run(loaded, end_ids=[end])
    for row, whole in zip(ended, free):
        assert row == (whole[: whole.index(end)] if end in whole else whole)
    assert len(ended[1]) <= 4 < max(map(len, ended))


def test_the_end_ids_are_those_of_the_tokenizer(loaded: Loaded) -> None:
    end = loaded.config["eos_token_id"]
    likely = [row for row in run(loaded, ["X"] * 40, max_tokens=60) if end in row]
    assert likely
    assert all(end not in row for row in run(loaded, ["X"] * 40, max_tokens=60, end_ids=None))


class Alternating:
    """Ids below and from 100 on in turn, but the end id alone where one token remains."""

    def __init__(self, vocabulary: int, end: int) -> None:
        self.vocabulary = vocabulary
        self.end = end
        self.remaining: list[int] = []

    def start(self) -> int:
        return 0

    def masks(self, states: Sequence[int], remaining: int) -> NDArray[np.bool_]:
        self.remaining.append(remaining)
        ids = np.arange(self.vocabulary)
        rows = [ids == self.end if remaining == 1 else (ids < 100) == (state == 0) for state in states]
        return np.array(rows)

    def advance(self, state: int, token_id: int) -> int:
        assert (token_id < 100) == (state == 0)
        return 1 - state


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.0}, {"top_p": 0.5}, {"temperature": 3.0}])
def test_only_what_the_mask_allows_is_taken(loaded: Loaded, settings: dict[str, Any]) -> None:
    masks = Alternating(512, 511)
    found = run(loaded, masks=masks, max_tokens=12, end_ids=[511], **settings)
    for row in found:
        assert len(row) <= 11
        assert all((token < 100) == (at % 2 == 0) for at, token in enumerate(row))
    assert sorted(set(masks.remaining)) == list(range(1, 13))


def test_a_mask_that_allows_nothing_is_an_error(loaded: Loaded) -> None:
    with pytest.raises(ValueError, match="a mask allows no token"):
        run(loaded, masks=Alternating(512, end=-1))  # the end id that must come last is none


def test_a_mask_of_another_vocabulary_is_an_error(loaded: Loaded) -> None:
    with pytest.raises(ValueError, match="a mask has 300 ids, the model 512"):
        run(loaded, masks=Alternating(300, 299))


def test_a_prompt_without_tokens_is_an_error(loaded: Loaded) -> None:
    with pytest.raises(ValueError, match="prompt 1 has no tokens"):
        run(loaded, ["X", ""])


def test_no_prompts_give_no_rows(loaded: Loaded) -> None:
    assert run(loaded, []) == []


Library = Callable[..., Any]  # what makes logits: mlx, or numpy as for exported models


def drawn(
    library: Library, shares: Sequence[float], draw: float, top_p: float = 1.0, allowed: Sequence[bool] | None = None
) -> int:
    mask = None if allowed is None else np.array([allowed])
    logits = library(np.log(np.array([shares], np.float32)))
    return int(pick(logits, mask, np.array([draw], np.float32), 1.0, top_p).item())


@pytest.mark.parametrize("library", [mx.array, np.array])
def test_a_draw_points_at_the_id_whose_share_it_falls_in(library: Library) -> None:
    def each(*draws: float, **settings: Any) -> list[int]:
        return [drawn(library, [0.5, 0.2, 0.3], draw, **settings) for draw in draws]

    assert each(0.0, 0.49, 0.51, 0.69, 0.71, 0.999999) == [0, 0, 1, 1, 2, 2]  # ends at 0.5, 0.7, 1.0
    # without the first: 0.4, 0.6
    assert each(0.0, 0.39, 0.41, allowed=[False, True, True]) == [1, 1, 2]
    # the likeliest that reach 0.6 are the first and the last: 0.625, 0.375
    assert each(0.0, 0.62, 0.63, 0.999999, top_p=0.6) == [0, 0, 2, 2]
    assert each(0.0, 0.5, 0.999999, top_p=0.4) == [0, 0, 0]


@pytest.mark.parametrize("library", [mx.array, np.array])
def test_temperature_2_takes_the_square_root_of_the_odds(library: Library) -> None:
    # 0.8 to 0.2 is 4 to 1; its root is 2 to 1, so the first share ends at 2/3
    logits = library(np.log(np.array([[0.8, 0.2]], np.float32)))
    draws = [np.array([draw], np.float32) for draw in (0.66, 0.67)]
    assert [pick(logits, None, draw, 2.0, 1.0).item() for draw in draws] == [0, 1]


@pytest.mark.parametrize("top_p", [1.0, 0.9, 0.3])
def test_numpy_takes_what_mlx_takes(top_p: float) -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(0, 3, (500, 300)).astype(np.float32)
    draws = rng.random(500, np.float32)
    allowed = rng.random((500, 300)) < 0.3
    by_mlx, by_numpy = (pick(library(values), allowed, draws, 0.8, top_p) for library in (mx.array, np.array))
    assert isinstance(by_numpy, np.ndarray)
    assert by_mlx.tolist() == by_numpy.tolist()


@pytest.mark.parametrize("library", [mx.array, np.array])
@given(st.integers(0, 2**32), st.floats(0, 1, exclude_max=True, width=32), st.sampled_from([1.0, 0.9, 0.1, 1e-6]))
def test_what_is_taken_is_always_allowed(library: Library, seed: int, draw: float, top_p: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 20, (4, 300)).astype(np.float32)
    allowed = rng.random((4, 300)) < 0.02
    allowed[:, rng.integers(300)] = True
    found = pick(library(values), allowed, np.full(4, draw, np.float32), 1.0, top_p).tolist()
    assert all(row[token] for row, token in zip(allowed, found))


@pytest.mark.parametrize("library", [mx.array, np.array])
@pytest.mark.parametrize("top_p", [1e-3, 1e-5, 1e-8])
def test_the_likeliest_id_stays_however_small_the_share_that_is_asked_for(library: Library, top_p: float) -> None:
    # 150,000 shares, nearly equal, add up to less than 1 by rounding: all of them would be too rare for 1e-5 and less
    values = np.random.default_rng(0).normal(0, 0.01, (4, 150_000)).astype(np.float32)
    allowed = np.ones(values.shape, bool)
    allowed[:, 0] = False
    draws = np.array([0, 0.3, 0.6, 0.999999], np.float32)
    found = np.array(pick(library(values), allowed, draws, 1.0, top_p))
    assert (found != 0).all()
    values[:, 7] = 0.2  # by far the likeliest, and still less than 1e-5
    if top_p < 1e-5:
        assert pick(library(values), allowed, draws, 1.0, top_p).tolist() == [7] * 4


@pytest.mark.parametrize("library", [mx.array, np.array])
@pytest.mark.parametrize("temperature", [1e-6, 1e-7, 1e-39, 5e-324])
def test_a_temperature_near_0_takes_the_likeliest(library: Library, temperature: float) -> None:
    values = np.array([[9.0, 2.0, 8.0, -3.0], [9.0, -50.0, -60.0, -70.0]], np.float32)  # 1e-39 of float32: 1/t is inf
    allowed = np.array([[False, True, True, True]] * 2)
    draws = np.array([0.0, 0.9], np.float32)
    assert pick(library(values), allowed, draws, temperature, 0.95).tolist() == [2, 1]


@pytest.mark.parametrize("library", [mx.array, np.array])
def test_a_draw_that_was_rounded_to_1_points_at_the_last_id(library: Library) -> None:
    assert np.float32(1 - 2**-26) == 1
    assert drawn(library, [0.5, 0.2, 0.3], 1 - 2**-26) == 2
    assert drawn(library, [0.5, 0.2, 0.3], 1 - 2**-26, allowed=[False, True, False]) == 1


def test_each_batch_is_told_when_it_is_done(loaded: Loaded) -> None:
    told: list[list[list[int]]] = []
    found = run(loaded, rows_at_once=3, done=told.append)
    assert told == [found[:3], found[3:]]
