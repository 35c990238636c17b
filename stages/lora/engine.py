"""The functions of a training: gradients of micro-batches side by side, losses, and the optimizer's step.

How many micro-batches run at a time does not decide a bit: each is computed by itself, on a stream of its own, and the
gradients are added in the order of the plan.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

import numpy as np
from pydantic import Field

from stages.lora import batches, dropout, kernels, packing
from stages.lora.optimizers import optimizer
from stages.lora.rows import Row
from stages.params import Params
from stages.run import StageError

Array = Any  # an mlx.core.array
Network = Any  # an mlx.nn.Module: token ids [rows, tokens] to logits [rows, tokens, vocabulary]
Tree = Any  # nested dicts and lists of arrays
Batch = Sequence[Sequence[Row]]  # a micro-batch: lines of rows


class StepParams(Params):
    """What one optimizer step does."""

    batch_rows: int = Field(ge=1)  # rows of one micro-batch; with packing, lines of row_tokens
    accumulation: int = Field(ge=1)  # micro-batches of one optimizer step; on a CPU they run side by side
    packing: bool  # rows end to end in lines of row_tokens; else one to a line, those of like length together
    row_tokens: int = Field(ge=8)  # longest row, in tokens
    optimizer: Literal["adamw", "muon"]
    weight_decay: float = Field(ge=0)
    clip: float = Field(gt=0)  # longest gradient; a longer one is shortened to it
    gradient_checkpointing: bool  # less memory, about a third more time
    seed: int = Field(ge=0, lt=1 << 63)


class Engine:
    """A context manager. Its functions are pure in the weights, which it holds; the model gets them when it ends."""

    def __init__(
        self, model: Network, params: StepParams | None, streams: int | None = None, compiled: bool = False
    ) -> None:
        """Without `params` it only evaluates. `streams` are stream_count(params) if None; `compiled`: see loop.py."""
        import mlx.core as mx

        self.model, self.params = model, params
        self.streams = _lanes(stream_count(params) if streams is None else streams)
        self.packed = None if params is None else packed_width(model, params)
        self.context = ExitStack()
        self.weights: Tree = model.trainable_parameters()
        self.places: packing.Places | None = None

        def loss(weights: Tree, key: Array, given: Mapping[str, Array]) -> Array:
            model.update(weights)
            dropout.give_keys(self.dropouts, key)
            if self.places is not None:
                self.places.give(given["rows"], given["positions"])
            entropy = self.entropy(model(given["inputs"]).astype(mx.float32), given["nexts"])
            return (entropy * given["weights"]).sum()

        gradients = mx.value_and_grad(loss)
        self.loss = loss
        # one compiled function per stream: a trace belongs to the stream it was made on
        self.gradients = [mx.compile(lambda *given: gradients(*given)) if compiled else gradients for _ in self.streams]
        if params is not None:
            self.optimizer = optimizer(params.optimizer, params.weight_decay, self.streams)
            self.optimizer.init(self.weights)

    def __enter__(self) -> "Engine":
        checkpointing = self.params is not None and self.params.gradient_checkpointing
        self.context.enter_context(_gradient_checkpointing(self.model, checkpointing))
        self.entropy = self.context.enter_context(kernels.in_place(self.model))
        self.dropouts = self.context.enter_context(dropout.keyed(self.model))
        if self.packed is not None:
            self.places = self.context.enter_context(packing.packed(self.model))
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()
        self.model.update(self.weights)
        self.model.eval()

    def step(self, number: int, step: Sequence[Batch], rate: float) -> tuple[float, int, float]:
        """The optimizer's step of this `number`, with the learning rate `rate`, on the micro-batches of `step`.

        A micro-batch is lines of rows: of one row each, unless they are packed. Gives the sum of the losses, over how
        many target tokens, and the norm of the gradient of their mean.
        """
        import mlx.core as mx
        from mlx.utils import tree_map

        assert self.params is not None
        self.model.train()
        losses: list[Array] = []
        waiting: list[Tree] = []
        total: Tree | None = None
        for micro, lines in enumerate(step):
            with mx.stream(self.streams[micro % len(self.streams)]):
                key = mx.random.key(_seed(self.params.seed, number, micro))
                given = self._arrays(lines, self.params.batch_rows)
                loss, gradient = self.gradients[micro % len(self.streams)](self.weights, key, given)
            losses.append(loss)
            waiting.append(gradient)
            # As many at once as there are streams: work that was started before would have to end first (see blas.py).
            # They are added as they come, so that memory doesn't grow with accumulation.
            if len(waiting) == len(self.streams) or micro + 1 == len(step):
                mx.eval(losses, waiting)
                for gradient in waiting:
                    total = gradient if total is None else tree_map(mx.add, total, gradient)
                mx.eval(total)
                waiting = []
        tokens = sum(row.targets for lines in step for line in lines for row in line)
        norm = self._update(total, tokens, rate)
        mx.eval(self.weights, self.optimizer.state, norm)
        return math.fsum(loss.item() for loss in losses), tokens, norm.item()

    def _update(self, total: Tree, tokens: int, rate: float) -> Array:
        """Move the weights against `total`, the gradient of the loss over `tokens`; the norm of its mean."""
        import mlx.core as mx
        from mlx.optimizers import clip_grad_norm
        from mlx.utils import tree_flatten, tree_map, tree_unflatten

        assert self.params is not None
        clipped, norm = clip_grad_norm(tree_map(lambda gradient: gradient / tokens, total), self.params.clip)
        self.optimizer.learning_rate = mx.array(rate)
        moved = dict(tree_flatten(self.optimizer.apply_gradients(clipped, self.weights)))
        # mlx merges the parts of a MultiOptimizer by way of sets: back in the order of the weights, so that the sums of
        # the next step, such as the norm of its gradient, don't depend on Python's hash seed
        self.weights = tree_unflatten([(name, moved[name]) for name, _ in tree_flatten(self.weights)])
        return norm

    def evaluate(self, rows: Sequence[Row], batch_rows: int | None = None) -> float:
        """Mean loss per target token of `rows`."""
        import mlx.core as mx

        size = batch_rows or (self.params.batch_rows if self.params else 1)
        self.model.eval()
        lines = [[row] for row in sorted(rows, key=lambda row: len(row.ids))]
        if self.packed is not None:
            packed = packing.lines([len(row.ids) - 1 for row in rows], self.packed)
            lines = [[rows[number] for number in line] for line in packed]
        sums: list[Array] = []
        for number, start in enumerate(range(0, len(lines), size)):
            with mx.stream(self.streams[number % len(self.streams)]):
                given = self._arrays(lines[start : start + size], size)
                sums.append(self.loss(self.weights, mx.random.key(0), given))
            if len(sums) % len(self.streams) == 0:
                mx.eval(sums[-len(self.streams) :])
        return math.fsum(loss.item() for loss in sums) / sum(row.targets for row in rows)

    def state(self) -> dict[str, Array]:
        """All arrays that the next step depends on, by name."""
        from mlx.utils import tree_flatten

        return dict(tree_flatten({"weights": self.weights, "optimizer": self.optimizer.state}))

    def set_state(self, arrays: Mapping[str, Array]) -> None:
        """Go on from what `state` gave. Raises StageError if it is not of this training."""
        from mlx.utils import tree_map_with_path

        here = self.state()
        different = sorted(set(here) ^ set(arrays)) or [
            name for name in here if (here[name].shape, here[name].dtype) != (arrays[name].shape, arrays[name].dtype)
        ]
        if different:
            raise StageError(f"a checkpoint of another training: it differs in {', '.join(different[:3])}")
        tree = tree_map_with_path(
            lambda name, _: arrays[name], {"weights": self.weights, "optimizer": self.optimizer.state}
        )
        self.weights, self.optimizer.state = tree["weights"], tree["optimizer"]

    def finite(self) -> bool:
        """Whether each number of the state is one."""
        import mlx.core as mx

        flags = [mx.isfinite(array).all() for array in self.state().values() if mx.issubdtype(array.dtype, mx.inexact)]
        return bool(mx.stack(flags).all().item())

    def _arrays(self, lines: Batch, count: int) -> dict[str, Array]:
        """What the model and the loss need of `lines`, as `count` of them."""
        import mlx.core as mx

        laid = vars(batches.arrays(lines, count, self.packed))
        needed = laid if self.packed is not None else ("inputs", "nexts", "weights")
        return {name: mx.array(laid[name]) for name in needed}


def _seed(*numbers: int) -> int:
    """One seed of 64 bits from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def packed_width(model: Network, params: StepParams) -> int | None:
    """Positions of a line that rows share; None if each has a line of its own."""
    return batches.width(params.row_tokens) if params.packing and packing.fits(model) else None


def stream_count(params: StepParams | None) -> int:
    """How many micro-batches are computed side by side: 1 to a core, at most 2, on a CPU, and 1 on a GPU.

    With gradient checkpointing it is 1, because two would have to be walked in breadth (see blas.py).
    """
    import mlx.core as mx

    if mx.default_device().type != mx.DeviceType.cpu or (params is not None and params.gradient_checkpointing):
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 2)


def _lanes(count: int) -> list[Any]:
    """So many streams to compute on; a GPU has one."""
    import mlx.core as mx

    if mx.default_device().type != mx.DeviceType.cpu:
        return [mx.default_stream(mx.default_device())]
    return [mx.new_stream(mx.cpu) for _ in range(count)]


@contextmanager
def _gradient_checkpointing(model: Network, wanted: bool) -> Iterator[None]:
    """Within the block the layers keep only their inputs and compute the rest again for the gradient."""
    import mlx.core as mx

    if not wanted:
        yield
        return
    forwards: dict[Any, Callable[..., Array]] = {type(layer): type(layer).__call__ for layer in model.layers}

    def checkpointed(layer: Network, *given: Any, **named: Any) -> Array:
        def inner(weights: Tree, *given: Any) -> Array:
            layer.update(weights)
            return forwards[type(layer)](layer, *given, **named)

        return mx.checkpoint(inner)(layer.trainable_parameters(), *given)

    for kind in forwards:
        kind.__call__ = checkpointed
    try:
        yield
    finally:
        for kind, forward in forwards.items():
            kind.__call__ = forward
