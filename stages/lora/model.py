"""A model folder in memory, and what it says of token ids that are given: logits and log-probabilities."""

import functools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.lora import blas, kernels
from stages.lora.whole import check_adapter, check_base
from stages.run import StageError

Array = Any  # an mlx.core.array; mlx is imported inside the functions, and its types are not strict
Network = Any  # an mlx.nn.Module: token ids [rows, tokens] to logits [rows, tokens, vocabulary]
Ids = Sequence[int] | NDArray[np.integer]  # token ids of one row
Tokenizer = Any  # mlx-lm's wrapper of a transformers tokenizer

# How many logits one scoring batch may hold: 6 MB in 32 bits. Larger batches are slower on a CPU: they leave its cache.
BATCH_LOGITS = 3 << 19


@dataclass(frozen=True)
class Loaded:
    """A model folder in memory."""

    model: Network
    tokenizer: Tokenizer
    config: dict[str, Any]  # config.json, with the end ids of generation_config.json
    blas: str  # the matrix product in use; another one changes the last bits of every result


def load(folder: Path, adapter: Path | None = None, lazy: bool = False) -> Loaded:
    """The model of `folder` on mlx's default device, with the adapter of `adapter` if given; dropout is off.

    Raises StageError with one line if a file is missing, or if the adapter is not one of this model's.
    `lazy` leaves weights on disk until they are needed.
    """
    name = blas.load()
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.utils import load_adapters, load_model, load_tokenizer

    if mx.default_device().type != mx.DeviceType.cpu:
        name = blas.device()  # a card's own products, whatever BLAS the processor has

    check_base(folder)
    try:
        model, config = load_model(folder, lazy=lazy)
        tokenizer = load_tokenizer(folder, eos_token_ids=config.get("eos_token_id"))
    except Exception as error:  # what a damaged config or tokenizer raises is of many kinds, some of no narrower one
        raise StageError(f"{folder}: not a model that mlx-lm reads: {_line(error)}") from error
    if adapter is not None:
        given = check_adapter(adapter)
        try:
            load_adapters(model, str(adapter))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StageError(f"{adapter}: not an adapter of {folder}: {_line(error)}") from error
        parts = (name for name, _ in tree_flatten(model.parameters()) if name.endswith((".lora_a", ".lora_b", ".m")))
        for name in sorted(set(parts) - set(given)):  # mlx-lm would leave it as it was drawn
            raise StageError(f"{adapter / 'adapters.safetensors'} lacks {name}; copy it or train the adapter again")
    model.eval()
    return Loaded(model, tokenizer, config, name)


def _line(error: Exception) -> str:
    """The message of `error` on one line of bearable length."""
    return " ".join(str(error).split())[:300]


def save(loaded: Loaded, source: Path, target: Path) -> None:
    """Write `loaded` as a folder that mlx-lm and transformers read; the files that are not weights come from `source`.

    The bytes depend on the weights, the config and the files of `source` alone.
    """
    from mlx_lm.utils import save_config, save_model

    save_model(target, loaded.model)
    save_config(dict(loaded.config), target / "config.json")
    for file in sorted(source.iterdir()):
        own = file.name == "config.json" or file.name.endswith((".safetensors", ".safetensors.index.json"))
        if file.is_file() and not own and not file.name.startswith("."):
            shutil.copyfile(file, target / file.name)


def size(model: Network) -> dict[str, int]:
    """Parameters (a quantized weight counts as the weights it stands for) and bytes in memory of `model`."""
    from mlx.utils import tree_flatten
    from mlx_lm.utils import get_total_parameters

    weights = [weight for _, weight in tree_flatten(model.parameters())]
    return {"parameters": get_total_parameters(model), "bytes": sum(weight.nbytes for weight in weights)}


def vocabulary_size(model: Network) -> int:
    """How many logits `model` gives per token; at least as many as its tokenizer has ids."""
    return int(model.args.vocab_size)


def logits(model: Network, ids: NDArray[np.integer]) -> Array:
    """Logits [rows, tokens, vocabulary] in 32 bits for `ids` [rows, tokens]; not computed until they are needed."""
    import mlx.core as mx

    return model(mx.array(ids)).astype(mx.float32)


def token_logprobs(model: Network, rows: Sequence[Ids], lanes: int = 2) -> list[NDArray[np.float32]]:
    """Natural log-probability of every token but the first of each row, given those before it.

    One array per row, in the order of `rows`; entry i is that of token i + 1, so its length is one less than the row's.
    On a CPU the batches take turns on `lanes` streams, each computing by itself; that changes the time, not a result.
    On Linux a model in 32 bits computes with kernels.py, which is off by up to 1e-5.
    """
    import mlx.core as mx

    found = [np.zeros(0, np.float32) for _ in rows]

    def collect(batch: list[int], ids: NDArray[np.int32], scores: Array) -> None:
        for row, line in zip(batch, _logprobs(np.asarray(scores), ids[:, 1:])):
            found[row] = line[: len(rows[row]) - 1].copy()

    streams = _streams(lanes)
    width = max(BATCH_LOGITS // vocabulary_size(model), 1)
    with kernels.in_place(model):
        batches = length_batches([len(row) for row in rows], width)
        under_way: list[tuple[list[int], NDArray[np.int32], Array]] = []
        for start in range(0, len(batches), len(streams)):
            group = []
            for batch, stream in zip(batches[start : start + len(streams)], streams):
                ids = padded([rows[row] for row in batch])
                with mx.stream(stream):
                    group.append((batch, ids, logits(model, ids[:, :-1])))
            # started together, or one would wait for the other (see blas.py); meanwhile numpy does the group before
            mx.async_eval([scores for _, _, scores in group])  # type: ignore[no-untyped-call]
            for done in under_way:
                collect(*done)
            under_way = group
        for done in under_way:
            collect(*done)
    return found


def _logprobs(logits: NDArray[np.float32], ids: NDArray[np.int32]) -> NDArray[np.float32]:
    """Log-probability [rows, tokens] of `ids` under `logits`: each one's logit less the log of the sum of all.

    By numpy, which has vector code for exp where mlx on a Linux CPU has none, while mlx computes the next logits.
    """
    top = logits.max(axis=-1, keepdims=True)
    powers = logits - top
    chosen = np.take_along_axis(powers, ids[..., None], axis=-1)[..., 0]
    np.exp(powers, out=powers)
    found: NDArray[np.float32] = chosen - np.log(powers.sum(axis=-1))
    return found


@functools.cache
def _streams(count: int) -> list[Any]:
    """`count` streams of the CPU if mlx computes there, else the one stream of the device."""
    import mlx.core as mx

    if mx.default_device().type != mx.DeviceType.cpu:
        return [mx.default_stream(mx.default_device())]
    return [mx.new_stream(mx.cpu) for _ in range(count)]


def length_batches(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """The indices of `lengths` that are 2 or more, in batches of like length, the longest first.

    Rows times the longest row of a batch is at most `tokens`, unless one row alone is longer.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        if lengths[index] < 2:
            continue
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def padded(rows: Sequence[Ids]) -> NDArray[np.int32]:
    """`rows` as one array, zeros after the shorter ones: later tokens change nothing for earlier ones."""
    ids = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for row, line in zip(ids, rows):
        row[: len(line)] = line
    return ids
