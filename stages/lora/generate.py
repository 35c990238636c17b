"""Sample from a model: many prompts at once, each token chosen among those that a grammar allows."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from stages.lora.model import Array, Network, Tokenizer, vocabulary_size

State = TypeVar("State")


class Masks(Protocol[State]):
    """What may come next, as an automaton over the model's token ids."""

    def start(self) -> State:
        """The state before the first token."""

    def mask(self, state: State, remaining: int) -> NDArray[np.bool_]:
        """The ids [vocabulary] that may come next when `remaining` tokens, the next included, are left to come."""

    def advance(self, state: State, token_id: int) -> State:
        """The state after `token_id`."""


def sample(
    model: Network,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    masks: Masks[Any] | None,
    *,
    max_tokens: int,
    temperature: float,
    top_p: float,
    seed: int,
    end_ids: Sequence[int] | None = None,
    rows_at_once: int = 16,
) -> list[list[int]]:
    """The token ids that follow each of `prompts`, without the id that ended them; at most `max_tokens` each.

    `end_ids` are those of `tokenizer` if None. Temperature 0 takes the likeliest token; `top_p` keeps the likeliest
    tokens that reach that share of probability, 1 keeps all. Row i draws from a generator of its own, seeded with
    (`seed`, i): what it becomes depends on the others only through rounding in the matrix products.
    Raises ValueError if a prompt has no tokens, or a mask allows none.
    """
    from tqdm import tqdm

    ends = frozenset(tokenizer.eos_token_ids if end_ids is None else end_ids)
    rows = [tokenizer.encode(prompt, add_special_tokens=False) for prompt in prompts]
    for number, row in enumerate(rows):
        if not row:
            raise ValueError(f"prompt {number} has no tokens")
    draws = [np.random.default_rng([seed, row]).random(max_tokens, np.float32) for row in range(len(rows))]
    found: list[list[int]] = []
    with tqdm(total=len(rows), desc="sample", unit="piece", disable=None, leave=False) as bar:
        for first in range(0, len(rows), rows_at_once):
            part = slice(first, first + rows_at_once)
            found += _batch(model, rows[part], masks, np.array(draws[part]), temperature, top_p, ends)
            bar.update(len(rows[part]))
    return found


def _batch(
    model: Network,
    prompts: list[list[int]],
    masks: Masks[Any] | None,
    draws: NDArray[np.float32],
    temperature: float,
    top_p: float,
    ends: frozenset[int],
) -> list[list[int]]:
    """What follows each of `prompts`, decoded together; `draws` [rows, tokens] decides each choice.

    While the device computes the logits of a step, Python works out the masks for them.
    """
    import mlx.core as mx

    found: list[list[int]] = [[] for _ in prompts]
    states = [masks.start() for _ in prompts] if masks else []
    table = np.empty((len(prompts), vocabulary_size(model)), np.bool_)
    going = list(range(len(prompts)))  # the rows still in the batch, in its order
    caches, logits = _begin(model, prompts)
    mx.async_eval(logits)  # type: ignore[no-untyped-call]
    steps = draws.shape[1]
    for step in range(steps):
        allowed = _allowed(masks, [states[row] for row in going], steps - step, table) if masks else None
        chosen = pick(logits, allowed, draws[going, step], temperature, top_p)
        if step + 1 < steps:
            logits = model(chosen[:, None], cache=caches)[:, -1]
        mx.async_eval(chosen, logits)  # type: ignore[no-untyped-call]
        tokens = chosen.tolist()
        kept = [at for at, token in enumerate(tokens) if token not in ends]
        for at in kept:
            found[going[at]].append(tokens[at])
            if masks:
                states[going[at]] = masks.advance(states[going[at]], tokens[at])
        if not kept:
            break
        if len(kept) < len(going):
            rows = mx.array(kept)
            logits = logits[rows]
            for cache in caches:
                cache.filter(rows)
            going = [going[at] for at in kept]
    return found


def _begin(model: Network, prompts: list[list[int]]) -> tuple[list[Any], Array]:
    """The KV caches of `prompts`, shorter ones padded on the left, and the logits [rows, vocabulary] after them."""
    import mlx.core as mx
    from mlx_lm.models.cache import BatchKVCache

    width = max(map(len, prompts))
    padding = [width - len(prompt) for prompt in prompts]
    ids = mx.array([[0] * pad + prompt for pad, prompt in zip(padding, prompts)])
    caches = [BatchKVCache(padding) for _ in model.layers]
    if width > 1:
        model(ids[:, :-1], cache=caches)
        mx.eval([cache.state for cache in caches])  # the logits of these positions are never computed
    return caches, model(ids[:, -1:], cache=caches)[:, -1]


def _allowed(masks: Masks[Any], states: list[Any], remaining: int, table: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The masks of `states` as the first rows of `table`."""
    allowed = table[: len(states)]
    for row, state in zip(allowed, states):
        mask = masks.mask(state, remaining)
        if len(mask) != len(row):
            raise ValueError(f"a mask has {len(mask)} ids, the model {len(row)}")
        row[:] = mask
    if not allowed.any(axis=1).all():
        raise ValueError("a mask allows no token")
    return allowed


def pick(
    logits: Array, allowed: NDArray[np.bool_] | None, draws: NDArray[np.float32], temperature: float, top_p: float
) -> Array:
    """One token id per row of `logits` [rows, vocabulary], among those `allowed`; `draws` [rows] are in [0, 1).

    With the shares of all ids laid end to end on a line, a draw points at the id that is taken, so that one number
    per token is enough and the same number gives the same id in any batch.
    """
    import mlx.core as mx

    logits = logits.astype(mx.float32)
    if allowed is not None:
        logits = mx.where(mx.array(allowed), logits, -mx.inf)
    if temperature == 0:
        return logits.argmax(axis=-1)
    shares = mx.softmax(logits * (1 / temperature), axis=-1)
    if top_p < 1:
        rising = mx.sort(shares, axis=-1)
        rare = mx.cumsum(rising, axis=-1) <= 1 - top_p
        least = mx.where(rare, mx.inf, rising).min(axis=-1, keepdims=True)
        shares = mx.where(shares < least, 0, shares)
    # Only ids with a share count: a parallel sum may round up where nothing is added. A draw below 1 - 2^-20 keeps
    # the product below the end of the line, so that one id always lies beyond it.
    ends = mx.where(shares > 0, mx.cumsum(shares, axis=-1), 0)
    points = mx.array(np.minimum(draws, 1 - 2**-20))[:, None] * ends.max(axis=-1, keepdims=True)
    return (ends > points).argmax(axis=-1)
