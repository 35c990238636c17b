"""Make small copies of a merged model, and hold each to what it may lose on held-out rows."""

import copy
import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from stages.files import replacing_folder
from stages.lora.model import (
    BATCH_LOGITS,
    Loaded,
    Network,
    length_batches,
    load,
    logits,
    padded,
    save,
    size,
    vocabulary_size,
)
from stages.lora.parity import Parity, compare, gate
from stages.lora.rows import Row, read
from stages.params import Params
from stages.run import StageError, run


class Width(Params):
    """One quantized copy, and what it may lose against the merged model per target token."""

    bits: Literal[2, 3, 4, 5, 6, 8]
    max_loss_increase: float  # nats
    max_mean_kl: float = Field(gt=0)  # nats
    min_argmax_agreement: float = Field(ge=0, le=1)  # share of tokens with the same first choice


class QuantizeParams(Params):
    """The copies to make, and the rows to hold them to."""

    group_size: Literal[32, 64, 128]  # weights that share a scale
    rows: int = Field(ge=1)  # rows of valid.jsonl to compare on, spread evenly over the file
    row_tokens: int = Field(ge=2)  # longer rows are cut here
    mask_prompt: bool  # compare where the answer is alone
    widths: list[Width] = Field(min_length=1)


def quantize(fused: Path, dataset: Path, quantized: Path, params: QuantizeParams) -> dict[str, object]:
    """Write `fused` as MLX folders `quantized/8bit`, `quantized/4bit`, ..., one for each of `params.widths`.

    Raises StageError with the figure, and leaves no `quantized`, if a copy loses more than its gates allow.
    """
    whole = load(fused)
    found, _ = read(dataset / "valid.jsonl", whole.tokenizer, params.row_tokens, "cut", params.mask_prompt)
    if not found:
        raise StageError(f"{dataset / 'valid.jsonl'} has no row with a target; the gates need some")
    rows = spread(found, params.rows)
    metrics: dict[str, object] = {"fused": size(whole.model), "rows": len(rows), "blas": whole.blas}
    with replacing_folder(quantized) as folder:
        for width in params.widths:
            name = f"{width.bits}bit"
            save(smaller(fused, width.bits, params.group_size), fused, folder / name)
            written = load(folder / name)
            figures = parity(whole.model, written.model, rows).figures()
            gate(f"{quantized / name}", figures, width.model_dump(exclude={"bits"}))
            metrics[name] = {**figures, **size(written.model)}
    return metrics


def smaller(fused: Path, bits: int, group_size: int) -> Loaded:
    """The model of `fused` with every matrix in `bits` bits; weights are read as they are needed.

    A `fused` that is quantized already is made full precision first.
    Raises StageError if a matrix has a width that `group_size` doesn't divide: mlx-lm would leave it as it is.
    """
    from mlx_lm.utils import dequantize_model, quantize_model

    loaded = load(fused, lazy=True)
    config = copy.deepcopy(loaded.config)
    if config.pop("quantization", None) is not None:
        config.pop("quantization_config", None)
        dequantize_model(loaded.model)
    for name, layer in loaded.model.named_modules():
        if hasattr(layer, "to_quantized") and layer.weight.shape[-1] % group_size:
            width = layer.weight.shape[-1]
            raise StageError(f"{fused}: {name} is {width} wide, expected a multiple of group_size {group_size}")
    with redirect_stdout(io.StringIO()):  # mlx-lm prints the bits per weight
        model, config = quantize_model(loaded.model, config, group_size, bits)
    return Loaded(model, loaded.tokenizer, config, loaded.blas)


def spread(rows: Sequence[Row], count: int) -> Sequence[Row]:
    """At most `count` of `rows`, evenly spread over all of them."""
    step = max(len(rows) / count, 1)
    return [rows[int(index * step)] for index in range(min(count, len(rows)))]


def parity(reference: Network, other: Network, rows: Sequence[Row]) -> Parity:
    """Parity of two models over the target tokens of `rows`."""
    total = Parity()
    for batch in length_batches([len(row.ids) for row in rows], max(BATCH_LOGITS // vocabulary_size(other), 1)):
        ids = padded([rows[index].ids for index in batch])
        positions = np.arange(1, ids.shape[1])
        counted = np.array([(rows[at].first <= positions) & (positions < len(rows[at].ids)) for at in batch])
        one, two = (logits(model, ids[:, :-1]) for model in (reference, other))
        total += compare(one, two, ids[:, 1:], counted)
    return total


if __name__ == "__main__":
    raise SystemExit(run(quantize))
