"""How much memory a training will take, before its first step, and what to change when that is more than there is.

On a CPU nothing can be caught later: mlx doesn't look at what malloc gives, so a training that runs out of memory ends
by a signal (SIGSEGV, or SIGKILL from Linux itself). On Metal and CUDA it is a RuntimeError; see `is_out_of_memory`.

The figures come from peaks of mx.get_peak_memory() on a Linux CPU in 32 bits: 72 trainings of Qwen2 models with 1 to 15
million parameters, vocabularies of 512 to 8192, rows of 64 to 512 tokens. There the estimate is 0.8 to 1.3 times the
peak. For 16 bits it rests on two, and no GPU was measured.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from stages.lora import batches

Network = Any  # an mlx.nn.Module that mlx-lm made

FULL = 0.9  # share of what is free that an estimate may take: it can be too low itself

# How many copies of each array are alive at the peak. The layers' arrays and the logits wait for the backward pass;
# `working` is what the layer under way holds besides. Uncompiled, the exponential of the cross-entropy is computed an
# operation at a time, with ten of them under way; compiled, it is one.
COPIES = {
    "plain": {"layers": 0.69, "working": 1.21, "logits": 12.3},
    "compiled": {"layers": 0.98, "working": 1.29, "logits": 3.65},
    "foreign": {"layers": 0.98, "working": 1.7, "logits": 6.5},  # mlx's own cross-entropy: 16 bits, or not a Linux CPU
}
# With gradient checkpointing, when mlx walks the graph in breadth (see blas.py): it computes all layers again at once.
AGAIN = {"plain": 1.65, "compiled": 1.0, "foreign": 1.65}
DROPPED = 1.7  # dropout keeps what it drew, and the input that is left


class Settings(Protocol):
    """What is asked of the params of a training; loop.FitParams has it."""

    @property
    def batch_rows(self) -> int: ...  # noqa: D102
    @property
    def row_tokens(self) -> int: ...  # noqa: D102
    @property
    def accumulation(self) -> int: ...  # noqa: D102
    @property
    def gradient_checkpointing(self) -> bool: ...  # noqa: D102
    @property
    def optimizer(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Estimate:
    """Bytes at the peak of a training."""

    weights: int  # as they are, quantized or not
    gradients: int  # the sum over a step's micro-batches
    optimizer: int  # its state
    activations: int  # of the micro-batches under way
    transient: int  # old and new weights side by side, a gradient that waits to be added
    streams: int = 1  # micro-batches that may be under way together
    compiled: bool = False

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimizer + self.activations + self.transient

    @property
    def more(self) -> int:
        """What training takes besides a model that is loaded."""
        return self.total - self.weights


@dataclass(frozen=True)
class _Shape:
    """The numbers that a training's memory follows from."""

    weights: int  # bytes
    trainable: int  # bytes
    adapter: int  # bytes of it that grow with the rank
    item: int  # bytes of a number of the activations
    layer: int  # numbers a token leaves in a layer, without attention and adapter
    heads: int
    hidden: int
    vocabulary: int
    layers: int  # from the lowest that trains to the top: those below leave nothing for the backward pass
    ranks: int  # sum of the ranks of all adapted modules
    dropped: int  # sum of the widths of the inputs that dropout is applied to
    foreign: bool  # kernels.py isn't in place
    deep: bool  # mlx walks the graph in depth, so that gradient checkpointing computes a layer at a time


@dataclass(frozen=True)
class _Setting:
    """What can be changed about a training."""

    rows: int
    width: int
    accumulation: int
    checkpointing: bool
    rank_share: float = 1.0


def tokens_at_once(params: Settings, streams: int) -> int:
    """Tokens of the micro-batches that are under way together, padding included."""
    return params.batch_rows * batches.width(params.row_tokens) * min(streams, params.accumulation)


def estimate(
    model: Network, params: Settings, tokens_at_once: int, streams: int = 1, compiled: bool = False
) -> Estimate | None:
    """Bytes that training what is not frozen in `model` will take at its peak.

    `streams` is how many micro-batches may be under way together, `tokens_at_once` how many tokens they have then,
    `compiled` as in loop.py. None for an architecture whose args don't have the usual names (hidden_size,
    num_attention_heads and so on).
    """
    shape = _shape(model)
    return (
        None if shape is None else _estimate(shape, _now(params), params.optimizer, streams, compiled, tokens_at_once)
    )


def free() -> int | None:
    """Bytes that are free for mlx's default device now; None if nothing says so."""
    try:
        import mlx.core as mx

        device = mx.default_device()
        if device.type == mx.DeviceType.cpu:
            return _free_of_processor()
        info: Any = mx.device_info(device)
        if "free_memory" in info:  # CUDA
            return int(info["free_memory"])
        if "max_recommended_working_set_size" in info:  # Metal
            return max(int(info["max_recommended_working_set_size"]) - mx.get_active_memory(), 0)
    except Exception:  # a figure for a warning: whatever is odd about a machine must not end a training
        return None
    return None


def advice(model: Network, params: Settings, estimate: Estimate | None, free: int | None) -> str | None:
    """One line if training will not fit into FULL of the `free` bytes beside the loaded model, else None.

    It names the changes that would make it fit, each by itself, the one with the least harm to the result first; if
    none would, the one that helps most.
    """
    shape = _shape(model)
    if estimate is None or shape is None or free is None or estimate.more <= FULL * free:
        return None
    tried = [
        (change, _estimate(shape, setting, params.optimizer, estimate.streams, estimate.compiled).more)
        for change, setting in _alternatives(params, shape)
    ]
    fitting: dict[str, str] = {}
    for change, more in tried:
        if more <= FULL * free:
            fitting.setdefault(change.split(":")[0], f"{change} ({_size(more)})")  # the least change of each kind
    keys = ("rank", "batch_rows", "accumulation", "row_tokens", "optimizer", "gradient_checkpointing")
    settings = ", ".join(f"{key} {str(getattr(params, key)).lower()}" for key in keys if hasattr(params, key))
    line = f"training takes about {_size(estimate.more)} beside the model, {_size(free)} are free ({settings}); "
    if fitting:
        return f"{line}what would fit: {', or '.join(fitting.values())}"
    change, more = min(tried, key=lambda one: one[1], default=("", estimate.more))
    if more >= estimate.more:
        return f"{line}no setting makes it fit: take a smaller base"
    return f"{line}no setting by itself makes it fit; most helps {change} ({_size(more)})"


def tell(model: Network, params: Settings, estimate: Estimate | None) -> None:
    """Say on standard error what training will take, what is free, and what to change if that is not enough.

    It is said before the first step: on a CPU the system ends a process that takes too much, without a word.
    """
    if estimate is None:
        return
    left = free()
    line = advice(model, params, estimate, left)
    known = "" if left is None else f", {_size(left)} are free"
    print(f"memory: {line or f'training takes about {_size(estimate.more)} beside the model{known}'}", file=sys.stderr)


def out_of_memory(model: Network, params: Settings, estimate: Estimate | None, error: BaseException) -> str:
    """One line for `error`, which ended a training for want of memory: its settings, and what would spare much."""
    # whatever the estimate was, it was too much: what would take two thirds of it is worth a try
    line = advice(model, params, estimate, None if estimate is None else round(0.6 * estimate.more / FULL))
    return f"out of memory: {_line(error)}; {line or 'take shorter rows or a smaller base'}; then run again to go on"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether mlx or Python raised `error` for want of memory.

    Metal: an allocation (`[malloc] Unable to allocate`), one larger than the largest buffer (`[metal::malloc]
    Attempting to allocate`), or a command buffer (`Insufficient Memory`; before mlx 0.32, pull request 3523, that one
    ended the process). CUDA: `out of memory` of whichever function it was. A CPU raises nothing at all.
    """
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    signs = ("unable to allocate", "attempting to allocate", "insufficient memory", "out of memory", "erroroutofmemory")
    return isinstance(error, RuntimeError) and any(sign in text for sign in signs)


def _estimate(
    shape: _Shape, setting: _Setting, optimizer: str, streams: int, compiled: bool, tokens: int | None = None
) -> Estimate:
    kind = "foreign" if shape.foreign else "compiled" if compiled else "plain"
    copies = COPIES[kind]
    spared = round(shape.adapter * (1 - setting.rank_share))
    trainable = shape.trainable - spared
    adapters = 2 * shape.ranks * setting.rank_share + DROPPED * shape.dropped
    layers = shape.layers * (shape.layer + shape.heads * setting.width) + adapters
    working = copies["working"] * layers / shape.layers
    logits = shape.vocabulary * 4 / shape.item  # in 32 bits, whatever the rest is in
    per_token = copies["layers"] * layers + working + copies["logits"] * logits
    if setting.checkpointing:
        # each layer's input stays, twice; the rest is there while it is computed again
        per_token = 2 * shape.layers * shape.hidden + working + copies["logits"] * logits
        if not shape.deep:
            per_token = max(per_token, AGAIN[kind] * layers + 2.5 * logits)
    state = trainable * (1 if optimizer == "muon" else 2)
    if tokens is None:
        tokens = setting.rows * setting.width * min(streams, setting.accumulation)
    return Estimate(
        weights=shape.weights - spared,
        gradients=trainable,
        optimizer=state,
        activations=round(tokens * per_token * shape.item),
        transient=round(3.9 * trainable) - state,  # muon has half the state, and as much more to compute with
        streams=streams,
        compiled=compiled,
    )


def _now(params: Settings) -> _Setting:
    width = batches.width(params.row_tokens)
    return _Setting(params.batch_rows, width, params.accumulation, params.gradient_checkpointing)


def _alternatives(params: Settings, shape: _Shape) -> Iterator[tuple[str, _Setting]]:
    """Changes as `key: value`, and what they make of the settings; the least harm first, small ones before large."""
    now = _now(params)
    if not now.checkpointing:
        yield "gradient_checkpointing: true", replace(now, checkpointing=True)
    rows = now.rows
    while rows > 1:
        rows = (rows + 1) // 2
        accumulation = -(-now.rows * now.accumulation // rows)  # as many rows of a step as before
        yield (
            f"batch_rows: {rows} with accumulation: {accumulation}",
            replace(now, rows=rows, accumulation=accumulation),
        )
    full: int = getattr(params, "rank", 1) if shape.ranks else 1
    rank = full
    while rank > 1:
        rank //= 2
        yield f"rank: {rank}", replace(now, rank_share=rank / full)
    tokens = params.row_tokens
    while tokens >= 16:  # FitParams asks for 8 at least
        tokens //= 2
        yield f"row_tokens: {tokens}", replace(now, width=batches.width(tokens))


def _shape(model: Network) -> _Shape | None:
    import mlx.core as mx
    from mlx.utils import tree_flatten

    from stages.lora import kernels

    args: Any = getattr(model, "args", None)
    try:
        hidden, heads, inner = int(args.hidden_size), int(args.num_attention_heads), int(args.intermediate_size)
        vocabulary, layers = int(args.vocab_size), list(model.layers)
    except (AttributeError, TypeError):
        return None
    size = int(getattr(args, "head_dim", None) or hidden // heads)
    queries, keys = heads * size, int(getattr(args, "num_key_value_heads", None) or heads) * size
    everything = tree_flatten(model.parameters())
    trainable = tree_flatten(model.trainable_parameters())
    floats = [weight.dtype.size for _, weight in everything if mx.issubdtype(weight.dtype, mx.floating)]
    adapted = [module for _, module in model.named_modules() if "lora_a" in module]
    # the arrays of linear_to_lora_layers: inputs x rank
    inputs = [module.lora_a.shape[-2] for module in adapted if _drops(module)]
    return _Shape(
        weights=sum(weight.nbytes for _, weight in everything),
        trainable=sum(weight.nbytes for _, weight in trainable),
        adapter=sum(weight.nbytes for name, weight in trainable if name.endswith(("lora_a", "lora_b"))),
        item=min(floats, default=4),
        # input and output of the block and of its halves, queries, keys and values before and after they turn, and the
        # three arrays of the MLP, one of them twice
        layer=5 * hidden + 3 * queries + 4 * keys + 4 * inner,
        heads=heads,
        hidden=hidden,
        vocabulary=vocabulary,
        layers=len(layers) - _lowest(layers, trainable),
        ranks=sum(module.lora_a.shape[-1] for module in adapted),
        dropped=sum(inputs),
        foreign=not kernels.wanted(model),
        deep=mx.default_device().type != mx.DeviceType.cpu or int(os.environ.get("MLX_BFS_MAX_WIDTH", "20")) <= 20,
    )


def _drops(module: Any) -> bool:
    """Whether an adapter's dropout does anything; a module without parts is false, so `or` won't do."""
    return "dropout" in module and float(module.dropout._p_1) < 1


def _lowest(layers: list[Any], trainable: list[tuple[str, Any]]) -> int:
    """The first of `layers` that the backward pass reaches: 0 if something below them trains as well."""
    from mlx.utils import tree_flatten

    training = [number for number, layer in enumerate(layers) if tree_flatten(layer.trainable_parameters())]
    above = ("lm_head", "norm.")  # of what lies outside the layers, all else is below them
    outside = [name for name, _ in trainable if ".layers." not in f".{name}"]
    if any(not name.removeprefix("model.").startswith(above) for name in outside):
        return 0
    return training[0] if training else len(layers) - 1


def _free_of_processor() -> int:
    """What the system can hand out, or what the control group of this process leaves, if that is less."""
    import psutil

    found = [int(psutil.virtual_memory().available)]
    for line in _text(Path("/proc/self/cgroup")).splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            found += _left(Path("/sys/fs/cgroup"), path, "memory.max", "memory.current", "inactive_file")
        elif controllers == "memory":
            root = Path("/sys/fs/cgroup/memory")
            found += _left(root, path, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    return max(min(found), 0)


def _left(root: Path, path: str, limit: str, usage: str, cached: str) -> Iterator[int]:
    """What each control group from `path` up to `root` leaves of its limit; file cache that can go counts as free."""
    inner = root / path.lstrip("/")
    for group in (inner, *inner.parents):
        most, used = _text(group / limit).strip(), _text(group / usage).strip()
        if most.isdigit() and used.isdigit():
            stat = dict(line.split(" ", 1) for line in _text(group / "memory.stat").splitlines() if " " in line)
            yield int(most) - int(used) + int(stat.get(cached, "0"))
        if group == root:
            return


def _text(path: Path) -> str:
    """What `path` holds; nothing if it can't be read."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
