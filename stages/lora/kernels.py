"""Softmax attention, SwiGLU and cross-entropy for training on a CPU without vector code for `exp` in mlx.

On such a machine (every Linux CPU) mlx computes exp, sigmoid and softmax one number at a time, each with seven calls of
libm's `fmaf`: 20-35 ns a number, where a multiplication takes 0.2 ns. Half the time of a training step was spent there.
Here they are made of additions, multiplications and divisions, which `mx.compile` hands to the C++ compiler as loops
that it vectorises. An exponential differs by at most 5e-6 (of 1, its largest value), and so does a loss; the gradients
are those of the exact functions.
"""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Array = Any  # an mlx.core.array
Network = Any  # an mlx.nn.Module


@contextmanager
def in_place(model: Network) -> Iterator[Callable[[Array, Array], Array]]:
    """Within the block the architecture of `model` computes with the functions below, where they are the faster ones.

    Gives the cross-entropy to use: from logits [..., vocabulary] and ids [...] to nats [...].
    """
    if not wanted(model):
        yield _plain_cross_entropy
        return
    module: Any = sys.modules[type(model).__module__]  # each architecture of mlx-lm is a module with these names in it
    kept = {name: getattr(module, name) for name in ("swiglu", "scaled_dot_product_attention") if hasattr(module, name)}
    if "swiglu" in kept:
        module.swiglu = _functions()[0]
    if "scaled_dot_product_attention" in kept:
        module.scaled_dot_product_attention = functools.partial(_attention, kept["scaled_dot_product_attention"])
    try:
        yield _functions()[2]
    finally:
        for name, function in kept.items():
            setattr(module, name, function)


def wanted(model: Network) -> bool:
    """Whether mlx computes on a Linux CPU, and no weight of `model` has 16 bits: too few for the series below."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    if sys.platform == "darwin" or mx.default_device().type != mx.DeviceType.cpu:
        return False
    return all(weight.dtype not in (mx.float16, mx.bfloat16) for _, weight in tree_flatten(model.parameters()))


def exp_negative(x: Array) -> Array:
    """e to the power of `x` at most 0: one over the 32nd power of the series of exp at -x / 32, all terms positive.

    Goes to 0, as the power goes to infinity, where the float ends.
    """
    y = x * (-1 / 32)
    square = y * y
    power = (1 + y) + square * ((0.5 + y * (1 / 6)) + square * (1 / 24))
    for _ in range(5):
        power = power * power
    return 1 / power


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), with exp as the 16th power of its Padé approximant [2/2] at x / 16: within 1e-6."""
    square = x * x * (1 / 256)
    ratio = ((12 + square) - x * (6 / 16)) / ((12 + square) + x * (6 / 16))
    for _ in range(4):
        ratio = ratio * ratio
    return 1 / (1 + ratio)


@functools.cache
def _functions() -> tuple[Callable[..., Array], Callable[..., Array], Callable[..., Array]]:
    """SwiGLU, the softmax-weighted mean of values, and cross-entropy, each with its gradient.

    Only the elementwise parts are compiled here: each becomes a loop of C++, half a second of g++ once a machine.
    """
    import mlx.core as mx

    @mx.compile
    def gated(gate: Array, x: Array) -> Array:
        return gate * sigmoid(gate) * x

    @mx.compile
    def gated_slopes(gate: Array, x: Array, cotangent: Array) -> tuple[Array, Array]:
        share = sigmoid(gate)
        return cotangent * x * (share * (1 + gate * (1 - share))), cotangent * (gate * share)

    @mx.compile
    def below(scores: Array, top: Array) -> Array:
        return exp_negative(scores - top)

    @mx.compile
    def weighted_slopes(weights: Array, slopes: Array, shift: Array) -> Array:
        return weights * (slopes - shift)

    @mx.custom_function
    def swiglu(gate: Array, x: Array) -> Array:
        return gated(gate, x)

    @swiglu.vjp
    def _(given: tuple[Array, Array], cotangent: Array, _output: Array) -> tuple[Array, Array]:
        return gated_slopes(*given, cotangent)

    @mx.custom_function
    def weigh(scores: Array, mask: Array, values: Array) -> tuple[Array, Array, Array]:
        masked = scores + mask
        weights = below(masked, masked.max(axis=-1, keepdims=True))
        shares = 1 / weights.sum(axis=-1, keepdims=True)
        return (weights @ values) * shares, weights, shares

    @weigh.vjp
    def _(given: tuple[Array, ...], cotangents: tuple[Array, ...], outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        _, mask, values = given
        mean, weights, shares = outputs
        scaled = cotangents[0] * shares
        shift = (scaled * mean).sum(axis=-1, keepdims=True)
        scores = weighted_slopes(weights, scaled @ values.swapaxes(-1, -2), shift)
        return scores, mx.zeros_like(mask), weights.swapaxes(-1, -2) @ scaled

    @mx.custom_function
    def entropy(logits: Array, ids: Array) -> tuple[Array, Array, Array]:
        top = logits.max(axis=-1, keepdims=True)
        weights = below(logits, top)
        total = weights.sum(axis=-1, keepdims=True)
        chosen = mx.take_along_axis(logits, ids[..., None], axis=-1)
        return (mx.log(total) + top - chosen).squeeze(-1), weights, total

    @entropy.vjp
    def _(given: tuple[Array, ...], cotangents: tuple[Array, ...], outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        _, ids = given
        _, weights, total = outputs
        cotangent = cotangents[0][..., None]
        spread = weights * (cotangent / total)
        chosen = mx.take_along_axis(spread, ids[..., None], axis=-1) - cotangent
        return mx.put_along_axis(spread, ids[..., None], chosen, axis=-1), mx.zeros_like(ids)

    def cross_entropy(logits: Array, ids: Array) -> Array:
        outputs: Any = entropy(logits, ids)
        return outputs[0]

    return swiglu, weigh, cross_entropy


def _attention(
    otherwise: Callable[..., Array],
    queries: Array,
    keys: Array,
    values: Array,
    cache: Any,
    scale: float,
    mask: Any,
    **more: Any,
) -> Array:
    """Attention [rows, heads, tokens, size] without a cache, causal or by a mask of truths; the rest to `otherwise`."""
    import mlx.core as mx

    known = isinstance(mask, mx.array) and mask.dtype == mx.bool_ and mask.ndim == 4 and mask.shape[1] == 1
    if cache is not None or more or not (known or mask == "causal"):
        return otherwise(queries, keys, values, cache=cache, scale=scale, mask=mask, **more)
    rows, heads, tokens, size = queries.shape
    groups = heads // keys.shape[1]
    # the query heads that share a key head become rows of one product
    together = (queries * scale).reshape(rows, keys.shape[1], groups * tokens, size)
    allowed = mask if known else mx.tril(mx.ones((tokens, tokens), mx.bool_))
    masked = mx.tile(mx.where(allowed, 0.0, -1e9), (groups, 1))
    mean = _functions()[1](together @ keys.swapaxes(-1, -2), masked, values)[0]
    return mean.reshape(rows, heads, tokens, size)


def _plain_cross_entropy(logits: Array, ids: Array) -> Array:
    import mlx.nn as nn

    return nn.losses.cross_entropy(logits, ids)
