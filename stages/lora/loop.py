"""The one training loop, for a base's pretraining and for adapters: mlx-lm's layers, a loop of our own.

What decides the result is params, rows and the weights at the start. How many micro-batches run at a time does not:
each is computed by itself, on a stream of its own, and the gradients are added in the order of the plan.
"""

import csv
import io
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stages.files import write_text
from stages.lora import batches, dropout, kernels
from stages.lora.batches import Step
from stages.lora.optimizers import optimizer
from stages.lora.rows import Row
from stages.params import Params
from stages.run import StageError

Array = Any  # an mlx.core.array
Network = Any  # an mlx.nn.Module: token ids [rows, tokens] to logits [rows, tokens, vocabulary]
Tree = Any  # nested dicts and lists of arrays

# Compiling a gradient takes 15 s of g++, once a machine, and makes a step a sixth faster without changing a bit of it.
COMPILED_FROM = 150  # steps

COLUMNS = ("step", "tokens", "train_loss", "valid_loss", "rate", "gradient_norm")


class FitParams(Params):
    """What the loop does; adapters and tiny bases add their own."""

    epochs: float = Field(gt=0)  # passes over the rows; 0.5 ends half-way through the first
    max_steps: int = Field(
        ge=0
    )  # training ends here if `epochs` would take longer, and the schedule with it; 0: no limit
    batch_rows: int = Field(ge=1)  # rows of one micro-batch
    accumulation: int = Field(ge=1)  # micro-batches of one optimizer step; on a CPU they run side by side
    row_tokens: int = Field(ge=8)  # longest row, in tokens
    long_rows: Literal["cut", "refuse"]  # what happens to a longer one
    mask_prompt: bool  # the loss counts the answer only
    optimizer: Literal["adamw", "muon"]
    learning_rate: float = Field(gt=0)
    schedule: Literal["cosine", "linear", "constant"]
    warmup: float = Field(ge=0, le=1)  # share of the steps in which the rate rises from zero
    final_rate: float = Field(ge=0, le=1)  # where the schedule ends, as a share of learning_rate
    weight_decay: float = Field(ge=0)
    clip: float = Field(gt=0)  # longest gradient; a longer one is shortened to it
    evaluate_every: int = Field(ge=1)  # steps from one row of the loss table to the next
    evaluate_rows: int = Field(ge=0)  # validation rows used for it, evenly spread; 0 for all
    gradient_checkpointing: bool  # less memory, about a third more time
    seed: int = Field(ge=0)


@dataclass(frozen=True)
class Point:
    """A row of the loss table: losses in nats per target token."""

    step: int
    tokens: int  # target tokens trained on so far
    train_loss: float  # since the point before
    valid_loss: float
    rate: float
    gradient_norm: float  # before clipping, at this step


@dataclass(frozen=True)
class Fitted:
    """What a training did; the model itself holds the weights."""

    points: tuple[Point, ...]
    steps: int
    epochs: float
    tokens: int  # target tokens trained on
    tokens_per_second: float  # target tokens, evaluation and the first step's compilation left out
    seconds: float  # all of it
    start_loss: float  # on the validation rows, before the first step

    def metrics(self) -> dict[str, object]:
        """For the metrics file: all but the timings, so that the same training writes the same file."""
        last = self.points[-1]
        return {
            "steps": self.steps,
            "epochs": self.epochs,
            "target_tokens": self.tokens,
            "train_loss": last.train_loss,
            "valid_loss": last.valid_loss,
            "start_valid_loss": self.start_loss,
        }


def write_points(path: Path, points: Sequence[Point]) -> None:
    """Write the loss table to `path` as CSV, for a DVC plot."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows([getattr(point, column) for column in COLUMNS] for point in points)
    write_text(path, text.getvalue())


def fit(
    model: Network, train: Sequence[Row], valid: Sequence[Row], params: FitParams, streams: int | None = None
) -> Fitted:
    """Train what is not frozen in `model` on `train`, in place, and say how it went.

    `streams`, the number of micro-batches computed side by side, changes the time but not a bit of the result; by
    default one per core, at most two, on a CPU, and one on a GPU.
    Raises StageError if there is nothing to train on or to validate with, or if the loss is no longer a number.
    """
    import mlx.core as mx

    if not train or not valid:
        raise StageError(f"{len(train)} rows to train on and {len(valid)} to validate with, expected at least 1 each")
    started = time.perf_counter()
    per_epoch = batches.steps_per_epoch(len(train), params.batch_rows, params.accumulation)
    total = max(round(params.epochs * per_epoch), 1)
    total = min(total, params.max_steps or total)
    held_out = _spread(valid, params.evaluate_rows)
    points: list[Point] = []
    tokens, since, since_loss, seconds, timed = 0, 0, 0.0, 0.0, 0
    with (
        _checkpointing(model, params.gradient_checkpointing),
        _Engine(model, params, _lanes(streams), total >= COMPILED_FROM) as engine,
    ):
        start_loss = engine.evaluate(held_out)
        bar = _bar(total)
        for step, rows in zip(range(1, total + 1), _steps(train, params)):
            began = time.perf_counter()
            rate = rate_at(step, total, params)
            loss, counted, norm = engine.step(step, rows, rate)
            if not math.isfinite(loss) or not math.isfinite(norm):
                raise StageError(
                    f"the loss is {loss / counted:g} at step {step} of {total}, with rate {rate:.2g} and gradient norm "
                    f"{norm:.3g}; lower learning_rate (now {params.learning_rate:g}) or clip (now {params.clip:g})"
                )
            tokens, since, since_loss = tokens + counted, since + counted, since_loss + loss
            if step > 1 or total == 1:
                seconds, timed = seconds + time.perf_counter() - began, timed + counted
            bar.set_postfix_str(f"loss {loss / counted:.3f}, {timed / max(seconds, 1e-9):.0f} tokens/s", refresh=False)
            bar.update()
            if step % params.evaluate_every == 0 or step == total:
                points.append(Point(step, tokens, since_loss / since, engine.evaluate(held_out), rate, norm))
                since, since_loss = 0, 0.0
        bar.close()
    mx.clear_cache()
    rate, spent = timed / max(seconds, 1e-9), time.perf_counter() - started
    print(f"{total} steps, {tokens} target tokens in {spent:.0f} s: {rate:.0f} tokens/s", file=sys.stderr)
    return Fitted(tuple(points), total, total / per_epoch, tokens, rate, spent, start_loss)


def evaluate(model: Network, rows: Sequence[Row], batch_rows: int, streams: int | None = None) -> float:
    """Mean loss of `model` in nats per target token of `rows`, all of them; dropout is off."""
    with _Engine(model, None, _lanes(streams)) as engine:
        return engine.evaluate(rows, batch_rows)


def rate_at(step: int, total: int, params: FitParams) -> float:
    """Learning rate of the 1-based `step` of `total`: up to `learning_rate` in a line, then down as scheduled."""
    rising = round(params.warmup * total)
    if step <= rising:
        return params.learning_rate * step / rising
    done = (step - rising) / max(total - rising, 1)
    match params.schedule:
        case "cosine":
            left = (1 + math.cos(math.pi * done)) / 2
        case "linear":
            left = 1 - done
        case "constant":
            left = 1.0
    return params.learning_rate * (params.final_rate + (1 - params.final_rate) * left)


def trainable(model: Network) -> int:
    """How many numbers of `model` are not frozen."""
    from mlx.utils import tree_flatten

    return sum(weight.size for _, weight in tree_flatten(model.trainable_parameters()))


class _Engine:
    """The functions of one training: gradients per stream, losses, and the update.

    They are pure: weights go in and come out. The model's own arrays are put back when the block ends.
    """

    def __init__(self, model: Network, params: FitParams | None, streams: list[Any], compiled: bool = False) -> None:
        import mlx.core as mx

        self.model, self.params, self.streams = model, params, streams
        self.context = ExitStack()
        self.weights: Tree = model.trainable_parameters()

        def loss(weights: Tree, key: Array, inputs: Array, nexts: Array, counted: Array) -> Array:
            model.update(weights)
            dropout.give_keys(self.dropouts, key)
            return (self.entropy(model(inputs).astype(mx.float32), nexts) * counted).sum()

        gradients = mx.value_and_grad(loss)
        self.loss = loss
        # one compiled function per stream: a trace belongs to the stream it was made on
        self.gradients = [mx.compile(lambda *given: gradients(*given)) if compiled else gradients for _ in streams]
        if params is not None:
            self.optimizer = optimizer(params.optimizer, params.weight_decay, streams)
            self.optimizer.init(self.weights)

    def __enter__(self) -> "_Engine":
        self.entropy = self.context.enter_context(kernels.in_place(self.model))
        self.dropouts = self.context.enter_context(dropout.keyed(self.model))
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()
        self.model.update(self.weights)
        self.model.eval()

    def step(self, number: int, step: Sequence[Sequence[Row]], rate: float) -> tuple[float, int, float]:
        """One update; the sum of the losses, over how many target tokens, and the norm of their mean's gradient."""
        import mlx.core as mx
        from mlx.utils import tree_map

        assert self.params is not None
        self.model.train()
        losses: list[Array] = []
        waiting: list[Tree] = []
        total: Tree | None = None
        for micro, rows in enumerate(step):
            with mx.stream(self.streams[micro % len(self.streams)]):
                key = mx.random.key((self.params.seed << 40) + (number << 12) + micro)
                given = [mx.array(array) for array in batches.arrays(rows, self.params.batch_rows)]
                loss, gradient = self.gradients[micro % len(self.streams)](self.weights, key, *given)
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
        tokens = sum(row.targets for rows in step for row in rows)
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
        ordered = sorted(rows, key=lambda row: len(row.ids))
        sums: list[Array] = []
        for number, start in enumerate(range(0, len(ordered), size)):
            with mx.stream(self.streams[number % len(self.streams)]):
                given = [mx.array(array) for array in batches.arrays(ordered[start : start + size], size)]
                sums.append(self.loss(self.weights, mx.random.key(0), *given))
            if len(sums) % len(self.streams) == 0:
                mx.eval(sums[-len(self.streams) :])
        return math.fsum(loss.item() for loss in sums) / sum(row.targets for row in rows)


def _steps(rows: Sequence[Row], params: FitParams) -> Iterator[list[list[Row]]]:
    """The steps of epoch after epoch, without end."""
    lengths = [len(row.ids) for row in rows]
    for epoch in count():
        plan: list[Step] = batches.plan(lengths, params.batch_rows, params.accumulation, params.seed, epoch)
        yield from ([[rows[number] for number in batch] for batch in step] for step in plan)


def _spread(rows: Sequence[Row], limit: int) -> Sequence[Row]:
    """`limit` of `rows`, evenly spread; all of them if it is 0."""
    if not limit or limit >= len(rows):
        return rows
    return [rows[number * len(rows) // limit] for number in range(limit)]


def _lanes(streams: int | None) -> list[Any]:
    """The streams to compute on."""
    import mlx.core as mx

    if mx.default_device().type != mx.DeviceType.cpu:
        return [mx.default_stream(mx.default_device())]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return [mx.new_stream(mx.cpu) for _ in range(streams or min(cores, 2))]


def _bar(total: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, desc="training", unit="step", file=sys.stderr, disable=None, leave=False)


@contextmanager
def _checkpointing(model: Network, wanted: bool) -> Iterator[None]:
    """Within the block the layers keep only their inputs and compute the rest again for the gradient."""
    import mlx.core as mx

    if not wanted:
        yield
        return
    kind = type(model.layers[0])
    forward: Callable[..., Array] = kind.__call__

    def checkpointed(layer: Network, *given: Any) -> Array:
        def inner(weights: Tree, *given: Any) -> Array:
            layer.update(weights)
            return forward(layer, *given)

        return mx.checkpoint(inner)(layer.trainable_parameters(), *given)

    kind.__call__ = checkpointed
    try:
        yield
    finally:
        kind.__call__ = forward
