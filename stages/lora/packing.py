"""Several rows in one line of a batch: none sees another, and each counts its positions from zero.

The mask is block-diagonal and causal, so a packed row has the very loss that it has alone. This needs to know how an
architecture makes its mask and its positions: FITS lists those of mlx-lm that were tried; others are batched by length.
"""

import sys
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

Array = Any  # an mlx.core.array
Network = Any  # an mlx.nn.Module

FITS = ("llama", "qwen2", "qwen3")


def fits(model: Network) -> bool:
    """Whether rows can be packed for `model`: a known architecture, plain rotary positions, no sliding window."""
    import mlx.nn as nn

    ropes = [module for name, module in model.named_modules() if name.rpartition(".")[2] == "rope"]
    sliding = getattr(getattr(model, "args", None), "sliding_window", None)
    known = type(model).__module__ in [f"mlx_lm.models.{name}" for name in FITS]
    return known and not sliding and all(type(rope) is nn.RoPE for rope in ropes)


def lines(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """The indices of `lengths` in lines of at most `capacity`: the longest first, each where it leaves least room.

    How many lines there are follows from the lengths alone, not from their order. Best-fit decreasing takes at most
    11/9 of the fewest possible, and four more (Johnson et al. 1974, theorem 2.1 and what follows it).
    Raises ValueError if one is longer than `capacity`.
    """
    found: list[list[int]] = []
    by_room: dict[int, list[int]] = {}  # the lines that have so much room left
    rooms: list[int] = []  # the keys of by_room, ascending
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        length = lengths[index]
        if length > capacity:
            raise ValueError(f"a row of {length} tokens, expected at most {capacity}")
        at = bisect_left(rooms, length)
        if at == len(rooms):
            room, line = capacity, len(found)
            found.append([])
        else:
            room = rooms[at]
            line = by_room[room].pop()
            if not by_room[room]:
                del by_room[room], rooms[at]
        found[line].append(index)
        left = room - length
        if left not in by_room:
            insort(rooms, left)
        by_room.setdefault(left, []).append(line)
    return found


class Places:
    """Where the tokens of the batch under way belong. `give` before each call of the model."""

    def __init__(self, ropes: Sequence[Any]) -> None:
        self.mask: Array = None  # [lines, 1, tokens, tokens], true where a token sees another
        self.turns: dict[tuple[int, float, float], tuple[Array, Array]] = {}
        self._kinds = {_kind(rope) for rope in ropes}

    def give(self, rows: Array, positions: Array) -> None:
        """`rows` [lines, tokens] numbers the row that a token is of, `positions` [lines, tokens] its place in it.

        From positions come the cosine and sine [lines, 1, tokens, dims / 2] of the angles that each rope turns by.
        """
        import mlx.core as mx

        self.mask = mx.tril(rows[:, None, :, None] == rows[:, None, None, :])
        for dims, base, scale in sorted(self._kinds):
            speeds = mx.array(scale * np.power(base, -np.arange(0, dims, 2) / dims), mx.float32)
            angles = positions[:, None, :, None].astype(mx.float32) * speeds
            self.turns[dims, base, scale] = mx.cos(angles), mx.sin(angles)


def _kind(rope: Any) -> tuple[int, float, float]:
    return (rope.dims, float(rope.base), float(rope.scale))


@contextmanager
def packed(model: Network) -> Iterator[Places]:
    """Within the block `model`, one that fits, computes with the mask and the positions of the places it gives."""
    import mlx.core as mx
    import mlx.nn as nn

    ropes = [layer for _, layer in model.named_modules() if type(layer) is nn.RoPE]
    places = Places(ropes)
    module: Any = sys.modules[type(model).__module__]
    make_mask = module.create_attention_mask

    class Placed(nn.RoPE):  # type: ignore[misc]
        """Rotary positions (Su et al. 2021, equation 34) at given places; mlx's own start every line at zero."""

        def __call__(self, x: Array, offset: int = 0) -> Array:
            assert offset == 0, "a packed batch has no cache"
            cosine, sine = (turn.astype(x.dtype) for turn in places.turns[_kind(self)])
            turned, rest = x[..., : self.dims], x[..., self.dims :]
            if self.traditional:
                first, second = turned[..., ::2], turned[..., 1::2]
            else:
                first, second = turned[..., : self.dims // 2], turned[..., self.dims // 2 :]
            parts = [first * cosine - second * sine, first * sine + second * cosine]
            whole = mx.stack(parts, -1).reshape(turned.shape) if self.traditional else mx.concatenate(parts, -1)
            return whole if self.dims == x.shape[-1] else mx.concatenate([whole, rest], -1)

    for rope in ropes:
        rope.__class__ = Placed
    module.create_attention_mask = lambda *_, **__: places.mask
    try:
        yield places
    finally:
        module.create_attention_mask = make_mask
        for rope in ropes:
            rope.__class__ = nn.RoPE
