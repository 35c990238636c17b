"""The one training loop, for a base's pretraining and for adapters: mlx-lm's layers, a loop of our own.

What decides the result is params, rows, the weights at the start, the code, and the machine's arithmetic: together they
are the key that checkpoints are kept under. A run that was ended at any moment goes on from the newest, and ends with
the same bytes as one that never was: each step is a function of the state before it and of its number.
"""

import hashlib
import math
import platform
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, astuple, dataclass, field, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from stages.files import write_csv
from stages.lora import batches, blas, checkpoints, memory
from stages.lora.checkpoints import Checkpoint, Checkpoints
from stages.lora.engine import Batch, Engine, Network, StepParams, packed_width, stream_count
from stages.lora.guard import LASTS, WINDOW, RecoverParams, Trouble, trouble
from stages.lora.rows import Row, spread
from stages.progress import Progress
from stages.run import StageError, Stopped, signals
from stages.store import code_digest, digest

# Compiling a gradient takes 15 s of g++, once a machine, and makes a step a sixth faster without changing a bit of it.
COMPILED_FROM = 150  # steps

Publish = Literal["last", "best"] | Annotated[int, Field(ge=1)]


class FitParams(StepParams):
    """What the loop does; adapters and tiny bases add their own."""

    epochs: float = Field(gt=0)  # passes over the rows; 0.5 ends half-way through the first
    max_steps: int = Field(
        ge=0
    )  # training ends here if `epochs` would take longer, and the schedule with it; 0: no limit
    long_rows: Literal["cut", "refuse"]  # what happens to a row of more than row_tokens
    mask_prompt: bool  # the loss counts the answer only
    learning_rate: float = Field(gt=0)
    schedule: Literal["cosine", "linear", "constant"]
    warmup: float = Field(ge=0, le=1)  # share of the steps in which the rate rises from zero
    final_rate: float = Field(ge=0, le=1)  # where the schedule ends, as a share of learning_rate
    evaluate_every: int = Field(ge=1)  # steps from one row of the loss table to the next
    evaluate_rows: int = Field(ge=0)  # validation rows used for it, evenly spread; 0 for all
    patience: int = Field(ge=0)  # training ends after so many evaluations without a lower loss; 0: never early
    recover: RecoverParams
    save_every: int = Field(ge=1)  # steps from one checkpoint to the next
    keep: int = Field(ge=2)  # newest checkpoints that stay, beside the first and the published one
    publish: Publish  # which checkpoint is the result: last, best by validation loss, or that of a step


# These choose among checkpoints and decide nothing in them: change one, and nothing is trained again.
UNDECIDING = {"keep", "publish"}


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
class State:
    """Where a training stands, beside its weights and its optimizer's state."""

    start_loss: float  # on the validation rows, before the first step
    step: int = 0
    tokens: int = 0  # target tokens trained on
    since_tokens: int = 0  # the same, since the last point
    since_loss: float = 0.0
    points: tuple[Point, ...] = ()
    losses: tuple[float, ...] = ()  # mean losses of the last steps, WINDOW at most
    lowered: tuple[int, ...] = ()  # the steps after which the rate was lowered, once for each time
    speeds: tuple[tuple[int, float], ...] = field(
        default=(), compare=False
    )  # target tokens per second up to each point; decides nothing

    def best(self) -> Point | None:
        """The point of the lowest validation loss, the first of several."""
        return min(self.points, key=lambda point: point.valid_loss, default=None)

    def waited(self) -> int:
        """Points since the best one."""
        best = self.best()
        return 0 if best is None else len(self.points) - 1 - self.points.index(best)


@dataclass(frozen=True)
class Fitted:
    """What a training did; the model itself holds the weights of the published checkpoint."""

    state: State  # at the end
    total: int  # steps that epochs and max_steps allow
    epochs: float  # passes over the rows that `state.step` steps are
    published: int  # the step whose weights the model holds
    valid_loss: float  # of these weights
    packed: bool
    tokens_per_second: float = field(compare=False)  # in this process; evaluation and the first step left out
    saving_share: float = field(compare=False)  # of this process's time, that went into checkpoints

    @property
    def points(self) -> tuple[Point, ...]:
        """The loss table."""
        return self.state.points

    def metrics(self) -> dict[str, object]:
        """For the metrics file: all but the timings, so that the same training writes the same file."""
        best = self.state.best()
        return {
            "steps": self.state.step,
            "epochs": self.epochs,
            "target_tokens": self.state.tokens,
            "train_loss": self.points[-1].train_loss,
            "valid_loss": self.valid_loss,
            "start_valid_loss": self.state.start_loss,
            "published_step": self.published,
            "best_step": best.step if best else 0,
            "stopped_early": self.state.step < self.total,
            "rate_lowered": len(self.state.lowered),
            "packed": self.packed,
        }


def write_points(path: Path, points: Sequence[Point]) -> None:
    """Write the loss table to `path` as CSV, for a DVC plot."""
    write_csv(path, [column.name for column in fields(Point)], [astuple(point) for point in points])


def write_speeds(path: Path, speeds: Sequence[tuple[int, float]]) -> None:
    """Write target tokens per second by step to `path` as CSV, for a DVC plot."""
    write_csv(path, ["step", "tokens_per_second"], speeds)


def fit(
    model: Network, train: Sequence[Row], valid: Sequence[Row], params: FitParams, streams: int | None = None
) -> Fitted:
    """Train what is not frozen in `model` on `train`, in place, and say how it went.

    `streams`, the number of micro-batches computed side by side, changes the time but not a bit of the result; by
    default one per core, at most two, on a CPU, and one on a GPU. REFRAIN_RESUME says where to begin: auto (at the
    newest checkpoint of the same training), none (anew), or a step.
    Raises StageError if the loss goes wrong more often than `params.recover` allows, if no checkpoint can be written,
    or if memory runs out where mlx can tell; Stopped after SIGTERM or Ctrl-C, with a checkpoint.
    """
    import mlx.core as mx

    checkpoints.wanted()  # a wrong word is said before anything is computed
    plan = _Plan(train, params, packed_width(model, params))
    if params.packing and plan.packed is None:
        print("packing: rows can't be packed for this architecture; rows of like length go together", file=sys.stderr)
    asked = params.publish if isinstance(params.publish, int) else 0
    if asked > plan.total:
        raise StageError(f"publish is step {asked}, but training has {plan.total}; choose last, best, or one of them")
    lanes, compiled = streams or stream_count(params), plan.total >= COMPILED_FROM
    expected = memory.estimate(model, params, memory.tokens_at_once(params, lanes), lanes, compiled)
    memory.tell(model, params, expected)
    try:
        with ExitStack() as stack:
            kept = stack.enter_context(checkpoints.keeping(key(model, train, valid, params)))
            engine = stack.enter_context(Engine(model, params, lanes, compiled))
            caught = stack.enter_context(signals())
            training = _Training(engine, kept, caught, plan, spread(valid, params.evaluate_rows), params)
            training.begin()
            training.finish()
            fitted = training.publish()
    except (MemoryError, RuntimeError) as error:
        if memory.is_out_of_memory(error):
            raise StageError(memory.out_of_memory(model, params, expected, error)) from error
        raise
    mx.clear_cache()
    return fitted


def evaluate(model: Network, rows: Sequence[Row], batch_rows: int, streams: int | None = None) -> float:
    """Mean loss of `model` in nats per target token of `rows`, all of them; dropout is off."""
    with Engine(model, None, streams) as engine:
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


def key(model: Network, train: Sequence[Row], valid: Sequence[Row], params: FitParams) -> str:
    """The hash of all that decides a training: settings, weights, rows, code, and what computes."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    weights = hashlib.sha256()
    for name, weight in tree_flatten(model.parameters()):
        weights.update(f"{name} {weight.shape} {weight.dtype}\n".encode())
        weights.update(memoryview(weight.reshape(-1).view(mx.uint8)))
    rows = [hashlib.sha256(), hashlib.sha256()]
    for seen, part in zip(rows, (train, valid)):
        for row in part:
            seen.update(f"{row.first} {len(row.ids)}\n".encode())
            seen.update(row.ids.tobytes())
    return digest(
        params.model_dump(exclude=UNDECIDING),
        str(model),
        repr(getattr(model, "args", None)),
        sorted(name for name, _ in tree_flatten(model.trainable_parameters())),
        weights.hexdigest(),
        [seen.hexdigest() for seen in rows],
        code_digest(__name__),
        [blas.load(), blas.device(), platform.machine()],
        {package: version(package) for package in ("mlx", "mlx-lm", "numpy")},
    )


def trainable(model: Network) -> int:
    """How many numbers of `model` are not frozen."""
    from mlx.utils import tree_flatten

    return sum(weight.size for _, weight in tree_flatten(model.trainable_parameters()))


class _Plan:
    """The micro-batches of each step: those of epoch after epoch."""

    def __init__(self, rows: Sequence[Row], params: FitParams, packed: int | None) -> None:
        self.rows, self.params, self.packed = rows, params, packed
        self.lengths = [len(row.ids) for row in rows]
        self.epoch, self.steps = 0, self._of(0)
        self.per_epoch = len(self.steps)
        total = max(round(params.epochs * self.per_epoch), 1)
        self.total = min(total, params.max_steps or total)

    def _of(self, epoch: int) -> list[batches.Step]:
        params = self.params
        return batches.plan(self.lengths, params.batch_rows, params.accumulation, params.seed, epoch, self.packed)

    def micro_batches(self, step: int) -> list[Batch]:
        """Those of the 1-based `step`."""
        epoch, place = divmod(step - 1, self.per_epoch)
        if epoch != self.epoch:
            self.epoch, self.steps = epoch, self._of(epoch)
        return [[[self.rows[number] for number in line] for line in batch] for batch in self.steps[place]]


class _Training:
    """A training under way: the engine holds the arrays, `state` the rest."""

    def __init__(
        self,
        engine: Engine,
        kept: Checkpoints,
        caught: Sequence[int],
        plan: "_Plan",
        held_out: Sequence[Row],
        params: FitParams,
    ) -> None:
        self.engine, self.kept, self.caught, self.params = engine, kept, caught, params
        self.plan, self.held_out, self.total = plan, held_out, plan.total
        self.warm, self.tokens, self.seconds = False, 0, 0.0  # of this process, without its first step: it compiles
        self.saving, self.started = 0.0, time.perf_counter()

    def begin(self) -> None:
        """Take the state to go on from: a checkpoint's, as REFRAIN_RESUME says, or that before the first step."""
        wanted = checkpoints.wanted()
        if wanted == "none":
            self.kept.drop(lambda _: True)
        found = self.kept.newest() if wanted == "auto" else None
        if isinstance(wanted, int):
            found = self.kept.load(wanted)
            if found is None:
                saved = ", ".join(map(str, self.kept.steps())) or "none"
                raise StageError(
                    f"{checkpoints.VARIABLE} is {wanted}, but the checkpoints of this training are: {saved}"
                )
        if found is None:
            self.state = State(self.engine.evaluate(self.held_out))
            if not math.isfinite(self.state.start_loss):
                raise StageError(
                    f"the loss of the base is {self.state.start_loss:g} before the first step; see its weights"
                )
            self._save()
        else:
            self._take(found)
            if self._over():
                print(f"trained already, {found.step} steps: its checkpoints are kept", file=sys.stderr)
            elif found.step:
                print(f"going on after step {found.step} of {self.total}", file=sys.stderr)

    def finish(self) -> None:
        """Train to the last step, or to the end of patience."""
        self._train(self.total)
        if self.warm:
            spent = time.perf_counter() - self.started
            print(
                f"{self.state.step} steps, {self.state.tokens} target tokens: {self.speed():.0f} tokens/s; "
                f"{self.saving / spent:.1%} of {spent:.0f} s went into checkpoints",
                file=sys.stderr,
            )

    def _train(self, until: int) -> None:
        """Train up to the step `until`, or to the end of patience."""
        with Progress(until, self.state.step) as shown:
            while self.state.step < until and not self._over():
                step = self.state.step + 1
                began = time.perf_counter()
                summed, tokens, norm = self._step(step)
                wrong = trouble(summed / tokens, norm, self.state.losses, self.params.recover)
                if self.warm:
                    self.tokens, self.seconds = self.tokens + tokens, self.seconds + time.perf_counter() - began
                self.warm = True
                if wrong is None:
                    self._count(step, summed, tokens)
                    due = step % self.params.evaluate_every == 0 or step == self.total
                    wrong = self._evaluate(norm, shown) if due else None
                if wrong is None and (self._due() or self.caught) and not self.engine.finite():
                    wrong = Trouble("a weight is no longer a number")
                if wrong is not None:
                    self._go_back(step, wrong)
                    shown.back_to(self.state.step)
                    continue
                shown.step(step, summed / tokens, self.speed())
                if self._due() or self.caught:
                    self._save()
                self._heed(f"stopped after step {step} of {until}")

    def publish(self) -> Fitted:
        """Put the weights of the checkpoint to publish in place."""
        end, best = self.state, self.state.best()
        wanted = self.params.publish
        step = end.step if wanted == "last" else best.step if wanted == "best" and best else int(wanted)
        if step > end.step:
            raise StageError(
                f"publish is step {step}, but training ended early, after {end.step}; choose one before it"
            )
        if step != end.step:
            self._replay(step, end.lowered)
        loss = next((point.valid_loss for point in end.points if point.step == step), None)
        if loss is None:
            loss = self.engine.evaluate(self.held_out)
        self._prune(end, step)
        self._heed(f"trained, with the checkpoint of step {step} to publish")
        return Fitted(
            end,
            self.total,
            end.step / self.plan.per_epoch,
            step,
            loss,
            self.engine.packed is not None,
            self.speed(),
            self.saving / (time.perf_counter() - self.started),
        )

    def speed(self) -> float:
        """Target tokens per second so far; 0 before it is known."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def _heed(self, where: str) -> None:
        """Stop if a signal asked for it; `where` says how far training is."""
        if self.caught:
            raise Stopped(self.caught[0], f"{where}; run it again to go on from there")

    def _over(self) -> bool:
        patience = self.params.patience
        return self.state.step >= self.total or (patience > 0 and self.state.waited() >= patience)

    def _step(self, step: int) -> tuple[float, int, float]:
        rate = rate_at(step, self.total, self.params) * self._lowered(step)
        return self.engine.step(step, self.plan.micro_batches(step), rate)

    def _lowered(self, step: int) -> float:
        """What the rate of `step` is multiplied by: a checkpoint that is taken again later is followed as it was."""
        return self.params.recover.rate ** sum(at < step for at in self.state.lowered)

    def _count(self, step: int, summed: float, tokens: int) -> None:
        state = self.state
        self.state = replace(
            state,
            step=step,
            tokens=state.tokens + tokens,
            since_tokens=state.since_tokens + tokens,
            since_loss=state.since_loss + summed,
            losses=(*state.losses, summed / tokens)[-WINDOW:],
        )

    def _evaluate(self, norm: float, shown: Progress) -> Trouble | None:
        """Add a point to the loss table; what is wrong with it, if anything."""
        state = self.state
        loss = self.engine.evaluate(self.held_out)
        if not math.isfinite(loss):
            return Trouble(f"the validation loss is {loss:g}")
        shown.validation(loss)
        rate = rate_at(state.step, self.total, self.params) * self._lowered(state.step)
        point = Point(state.step, state.tokens, state.since_loss / state.since_tokens, loss, rate, norm)
        self.state = replace(
            state,
            points=(*state.points, point),
            speeds=(*state.speeds, (state.step, round(self.speed(), 1))),
            since_tokens=0,
            since_loss=0.0,
        )
        return None

    def _due(self) -> bool:
        """Whether the step that was just done is one whose checkpoint is kept for later."""
        step, publish, best = self.state.step, self.params.publish, self.state.best()
        new_best = publish == "best" and best is not None and best.step == step
        return step % self.params.save_every == 0 or self._over() or step == publish or new_best

    def _save(self) -> None:
        began = time.perf_counter()
        self.kept.save(Checkpoint(self.state.step, self.engine.state(), asdict(self.state)))
        self._prune(self.state, self.params.publish if isinstance(self.params.publish, int) else None)
        self.saving += time.perf_counter() - began

    def _prune(self, state: State, published: int | None) -> None:
        """Keep the first checkpoint, the newest ones, the one to go back to, and the one to publish."""
        best = state.best()
        needed = {0, published, self._saved_before(state.step + 1, 1), self._saved_before(state.step + 1, LASTS)}
        needed |= {best.step} if best and self.params.publish == "best" else set()
        newest = self.kept.steps()[-self.params.keep :]
        self.kept.drop(lambda step: step not in needed and step not in newest)

    def _go_back(self, step: int, wrong: Trouble) -> None:
        """After `step` went `wrong`, go on from the last good checkpoint with a lower rate."""
        recover = self.params.recover
        lowered = self.state.lowered
        rate = rate_at(step, self.total, self.params) * self._lowered(step)
        if len(lowered) >= recover.times:
            raise StageError(
                f"{wrong.reason} at step {step} of {self.total}, with rate {rate:.2g}, after the rate was lowered "
                f"{len(lowered)} times; lower learning_rate (now {self.params.learning_rate:g}) or clip "
                f"(now {self.params.clip:g}), or look at the rows"
            )
        back = self._saved_before(step, wrong.steps)
        print(f"{wrong.reason} at step {step}: back to step {back}, with {recover.rate:g} of the rate", file=sys.stderr)
        self.kept.drop(lambda saved: saved > back)
        self._take(self._newest(back), (*lowered, back))

    def _saved_before(self, step: int, steps: int) -> int:
        """The last regular checkpoint before the `steps` steps that end with `step`; 0 is the first."""
        return max(step - steps, 0) // self.params.save_every * self.params.save_every

    def _newest(self, most: int) -> Checkpoint:
        found = self.kept.newest(most)
        if found is None:
            raise StageError(
                f"no checkpoint up to step {most} is left in {self.kept.folder}; run it again to begin anew"
            )
        return found

    def _take(self, checkpoint: Checkpoint, lowered: tuple[int, ...] | None = None) -> None:
        self.engine.set_state(checkpoint.arrays)
        found = dict(checkpoint.state)
        found["points"] = tuple(Point(**point) for point in found["points"])
        for name in ("losses", "lowered"):
            found[name] = tuple(found[name])
        found["speeds"] = tuple((step, speed) for step, speed in found["speeds"])
        self.state = State(**found)
        if lowered is not None:
            self.state = replace(self.state, lowered=lowered)

    def _replay(self, step: int, lowered: tuple[int, ...]) -> None:
        """Put the weights after `step` in place; what no checkpoint holds is computed again, as it was, and kept."""
        self._take(self._newest(step), lowered)
        if self.state.step < step:
            print(f"no checkpoint of step {step} is left: computing it again from {self.state.step}", file=sys.stderr)
            self._train(step)
