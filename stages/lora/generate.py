"""Sample from a model: many prompts at once, each token chosen among those that a grammar allows."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from stages.lora.model import Array, Network, Tokenizer, vocabulary_size

State = TypeVar("State")

COLDEST = 1e-6  # a temperature below it is taken as 0: its inverse times a logit may leave the range of float32
Done = Callable[[list[list[int]]], None]  # is told what was sampled
Seed = int | Sequence[int]  # of all rows, or one for each


class Masks(Protocol[State]):
    """What may come next, as an automaton over the model's token ids."""

    def start(self) -> State:
        """The state before the first token."""

    def masks(self, states: Sequence[State], remaining: int) -> NDArray[np.bool_]:
        """The ids [states, vocabulary] that may come next when `remaining` tokens, the next included, are to come."""

    def advance(self, state: State, token_id: int) -> State:
        """The state after `token_id`."""


class Decoder(Protocol):
    """A model that reads the rows of a batch token by token, with caches of its own."""

    vocabulary: int  # logits per row

    def begin(self, prompts: Sequence[Sequence[int]]) -> Array:
        """Start a new batch: the logits [rows, vocabulary] after each of `prompts`."""

    def after(self, chosen: Array) -> Array:
        """The logits after one more token of each row."""

    def keep(self, logits: Array, rows: Sequence[int]) -> Array:
        """The lines of `logits` for these rows of the batch, which goes on with them alone."""


def sample(
    model: Network,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    masks: Masks[Any] | None,
    *,
    max_tokens: int,
    temperature: float,
    top_p: float,
    seed: Seed,
    end_ids: Sequence[int] | None = None,
    rows_at_once: int = 16,
    done: Done | None = None,
) -> list[list[int]]:
    """The token ids that follow each of `prompts`, without the id that ended them; at most `max_tokens` each.

    `end_ids` are those of `tokenizer` if None. Temperature 0 takes the likeliest token; `top_p` keeps the likeliest
    tokens that reach that share of probability, 1 keeps all. Row i draws from a generator of its own, seeded with
    (`seed`, i), or with (`seed[i]`, 0) where each row has its seed, so that its place doesn't count: what it becomes
    depends on the others only through rounding in the matrix products. `done` is called with each `rows_at_once` of the
    rows as soon as they are written.
    Raises ValueError if a prompt has no tokens, a mask allows none, or there are more or fewer seeds than prompts.
    """
    return decoded(
        MlxDecoder(model),
        encoded(tokenizer, prompts),
        masks,
        ends=frozenset(tokenizer.eos_token_ids if end_ids is None else end_ids),
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
        rows_at_once=rows_at_once,
        done=done,
    )


def encoded(tokenizer: Tokenizer, prompts: Sequence[str]) -> list[list[int]]:
    """The token ids of each of `prompts`. Raises ValueError if one has none."""
    rows = [list(tokenizer.encode(prompt, add_special_tokens=False)) for prompt in prompts]
    for number, row in enumerate(rows):
        if not row:
            raise ValueError(f"prompt {number} has no tokens")
    return rows


def decoded(
    decoder: Decoder,
    rows: Sequence[Sequence[int]],
    masks: Masks[Any] | None,
    *,
    ends: frozenset[int],
    max_tokens: int,
    temperature: float,
    top_p: float,
    seed: Seed,
    rows_at_once: int,
    done: Done | None = None,
) -> list[list[int]]:
    """What `sample` gives, by any decoder: the same draws for the same row, seed and number."""
    from tqdm import tqdm

    seeds = [(seed, row) for row in range(len(rows))] if isinstance(seed, int) else [(one, 0) for one in seed]
    if len(seeds) != len(rows):
        raise ValueError(f"{len(seeds)} seeds for {len(rows)} prompts, expected one for each")
    draws = [np.random.default_rng(pair).random(max_tokens, np.float32) for pair in seeds]
    found: list[list[int]] = []
    hidden = len(rows) <= rows_at_once or None  # a bar of one step says nothing; None: shown on a terminal
    with tqdm(total=len(rows), desc="sample", unit="piece", disable=hidden, leave=False) as bar:
        for first in range(0, len(rows), rows_at_once):
            part = slice(first, first + rows_at_once)
            found += _batch(decoder, rows[part], masks, np.array(draws[part]), temperature, top_p, ends)
            bar.update(len(rows[part]))
            if done:
                with tqdm.external_write_mode():  # what `done` prints doesn't run into the bar
                    done(found[part])
    return found


def _batch(
    decoder: Decoder,
    prompts: Sequence[Sequence[int]],
    masks: Masks[Any] | None,
    draws: NDArray[np.float32],
    temperature: float,
    top_p: float,
    ends: frozenset[int],
) -> list[list[int]]:
    """What follows each of `prompts`, decoded together; `draws` [rows, tokens] decides each choice.

    Where the decoder computes the logits of a step in the background, Python works out the masks for them meanwhile.
    """
    found: list[list[int]] = [[] for _ in prompts]
    states = [masks.start() for _ in prompts] if masks else []
    going = list(range(len(prompts)))  # the rows still in the batch, in its order
    logits = decoder.begin(prompts)
    steps = draws.shape[1]
    for step in range(steps):
        allowed = _allowed(masks, [states[row] for row in going], steps - step, decoder.vocabulary) if masks else None
        chosen = pick(logits, allowed, draws[going, step], temperature, top_p)
        if step + 1 < steps:
            logits = decoder.after(chosen)
        tokens = chosen.tolist()
        kept = [at for at, token in enumerate(tokens) if token not in ends]
        for at in kept:
            found[going[at]].append(tokens[at])
            if masks:
                states[going[at]] = masks.advance(states[going[at]], tokens[at])
        if not kept:
            break
        if len(kept) < len(going):
            logits = decoder.keep(logits, kept)
            going = [going[at] for at in kept]
    return found


class MlxDecoder:
    """A model in mlx, whose work is started before its result is asked for."""

    def __init__(self, model: Network) -> None:
        self.model = model
        self.vocabulary = vocabulary_size(model)
        self.caches: list[Any] = []

    def begin(self, prompts: Sequence[Sequence[int]]) -> Array:
        """See Decoder. Shorter prompts are padded on the left."""
        import mlx.core as mx
        from mlx_lm.models.cache import BatchKVCache

        width = max(map(len, prompts))
        padding = [width - len(prompt) for prompt in prompts]
        ids = mx.array([[0] * pad + list(prompt) for pad, prompt in zip(padding, prompts)])
        self.caches = [BatchKVCache(padding) for _ in self.model.layers]
        if width > 1:
            self.model(ids[:, :-1], cache=self.caches)
            mx.eval([cache.state for cache in self.caches])  # the logits of these positions are never computed
        logits = self.model(ids[:, -1:], cache=self.caches)[:, -1]
        mx.async_eval(logits)  # type: ignore[no-untyped-call]
        return logits

    def after(self, chosen: Array) -> Array:
        """See Decoder."""
        import mlx.core as mx

        logits = self.model(chosen[:, None], cache=self.caches)[:, -1]
        mx.async_eval(chosen, logits)  # type: ignore[no-untyped-call]
        return logits

    def keep(self, logits: Array, rows: Sequence[int]) -> Array:
        """See Decoder."""
        import mlx.core as mx

        kept = mx.array(list(rows))
        for cache in self.caches:
            cache.filter(kept)
        return logits[kept]


def _allowed(masks: Masks[Any], states: list[Any], remaining: int, vocabulary: int) -> NDArray[np.bool_]:
    """The masks of `states`, which must allow something."""
    allowed = masks.masks(states, remaining)
    if allowed.shape[1] != vocabulary:
        raise ValueError(f"a mask has {allowed.shape[1]} ids, the model {vocabulary}")
    if not allowed.any(axis=1).all():
        raise ValueError("a mask allows no token")
    return allowed


def pick(
    logits: Array, allowed: NDArray[np.bool_] | None, draws: NDArray[np.float32], temperature: float, top_p: float
) -> Array:
    """One token id per row of `logits` [rows, vocabulary], among those `allowed`; `draws` [rows] are in [0, 1).

    With the shares of all ids laid end to end on a line, a draw points at the id that is taken, so that one number
    per token is enough and the same number gives the same id in any batch. Logits of mlx are taken by mlx, and those
    of numpy by numpy.
    """
    library, softmax = _arithmetic(logits)
    logits = logits.astype(library.float32)
    if allowed is not None:
        logits = library.where(library.array(allowed), logits, -library.inf)
    if temperature < COLDEST:
        return logits.argmax(axis=-1)
    shares = softmax(logits * (1 / temperature), axis=-1)
    if top_p < 1:
        rising = library.sort(shares, axis=-1)
        rare = library.cumsum(rising, axis=-1) <= 1 - top_p
        least = library.where(rare, library.inf, rising).min(axis=-1, keepdims=True)
        # The likeliest stays, even where many rounded shares add up to less than 1, which would make all of them rare.
        least = library.minimum(least, rising[:, -1:])
        shares = library.where(shares < least, 0, shares)
    # Only ids with a share count: a parallel sum may round up where nothing is added. A draw below 1 - 2^-20 keeps
    # the product below the end of the line, so that one id always lies beyond it.
    ends = library.where(shares > 0, library.cumsum(shares, axis=-1), 0)
    points = library.array(np.minimum(draws, 1 - 2**-20))[:, None] * ends.max(axis=-1, keepdims=True)
    return (ends > points).argmax(axis=-1)


def _arithmetic(logits: Array) -> tuple[Any, Callable[..., Array]]:
    """The library that computes with `logits`, and its softmax. What else `pick` needs has one name in both."""
    if isinstance(logits, np.ndarray):
        return np, _softmax
    import mlx.core as mx

    return mx, mx.softmax


def _softmax(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Shares that add up to 1 along `axis`."""
    powers = np.exp(values - values.max(axis=axis, keepdims=True))
    shares: NDArray[np.float32] = powers / powers.sum(axis=axis, keepdims=True)
    return shares
