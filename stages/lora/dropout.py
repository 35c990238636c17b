"""Dropout that draws from a given key, so that a step's numbers depend on nothing but the step.

mlx's own layer draws from one generator for all: streams would wait for each other to pass it on, and a layer that is
computed again for its gradient (gradient checkpointing) would drop other numbers than before.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

Array = Any  # an mlx.core.array
Network = Any  # an mlx.nn.Module


@contextmanager
def keyed(model: Network) -> Iterator[list[Any]]:
    """The dropout layers of `model`, which within the block draw from the keys of `give_keys`."""
    import mlx.core as mx
    import mlx.nn as nn

    class Keyed(nn.Dropout):  # type: ignore[misc]
        def __call__(self, x: Array) -> Array:
            if self._p_1 == 1 or not self.training:
                return x
            return mx.random.bernoulli(self._p_1, x.shape, key=self._key) * x * (1 / self._p_1)

    layers = [module for _, module in sorted(model.named_modules()) if type(module) is nn.Dropout and module._p_1 < 1]
    for layer in layers:
        layer.__class__ = Keyed
    try:
        yield layers
    finally:
        for layer in layers:
            layer.__class__ = nn.Dropout
            layer.__dict__.pop("_key", None)
            layer.pop("_key", None)


def give_keys(layers: Sequence[Any], key: Array) -> None:
    """Give each of `layers` a key of its own, made from `key`."""
    import mlx.core as mx

    for layer, own in zip(layers, mx.random.split(key, len(layers)) if layers else []):
        layer._key = own
