"""Make small copies of a merged model, and hold each to what it may lose on held-out rows."""

import copy
import io
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from stages.files import replacing_folder
from stages.lora import blas
from stages.lora.held_out import HeldOut, held_out, parity, row_count, scored
from stages.lora.model import Loaded, load, logits, save, size, vocabulary_size
from stages.lora.parity import Gates, gate
from stages.run import StageError, run

# of every weight, or mlx-lm's own mixtures: the larger number for the layers that rounding hurts most
Bits = Literal[2, 3, 4, 5, 6, 8, "mixed_2_6", "mixed_3_4", "mixed_3_6", "mixed_4_6"]


class Width(Gates):
    """One quantized copy, and what it may lose against the merged model."""

    bits: Bits


class QuantizeParams(HeldOut):
    """The copies to make, and the rows to hold them to."""

    group_size: Literal[32, 64, 128]  # weights that share a scale
    widths: list[Width] = Field(min_length=1)

    @field_validator("widths")
    @classmethod
    def _each_once(cls, widths: list[Width]) -> list[Width]:
        """`widths` if no two of them go to the same folder, where the second would replace the first."""
        if len({width.bits for width in widths}) < len(widths):
            raise ValueError("each of the bits once")
        return widths


def quantize(fused: Path, dataset: Path, quantized: Path, params: QuantizeParams) -> dict[str, object]:
    """Write `fused` as MLX folders `quantized/8bit`, `quantized/mixed_4_6`, ..., one for each of `params.widths`.

    Raises StageError with the figure, and leaves no `quantized`, if a copy loses more than its gates allow.
    """
    blas.walk_in_depth()  # one layer's products in memory at a time
    whole = load(fused)
    batches = held_out(dataset, whole.tokenizer, vocabulary_size(whole.model), params)
    expected = scored(partial(logits, whole.model), batches)
    metrics: dict[str, object] = {"rows": row_count(batches), "blas": whole.blas}
    metrics["fused"] = {**size(whole.model), "bytes_on_disk": bytes_on_disk(fused)}
    del whole  # or two models would be in memory
    with replacing_folder(quantized) as folder:
        for width in params.widths:
            name = width.bits if isinstance(width.bits, str) else f"{width.bits}bit"
            save(smaller(fused, width.bits, params.group_size), fused, folder / name)
            written = load(folder / name)
            figures = parity(expected, partial(logits, written.model), batches).figures()
            gate(f"{quantized / name}", figures, width)
            metrics[name] = {**figures, **size(written.model), "bytes_on_disk": bytes_on_disk(folder / name)}
            del written
    return metrics


def smaller(fused: Path, bits: Bits, group_size: int) -> Loaded:
    """The model of `fused` with every matrix in `bits` bits; weights are read as they are needed.

    A `fused` that is quantized already is made full precision first.
    Raises StageError if a matrix has a width that `group_size` doesn't divide: mlx-lm would leave it as it is; and if
    the model has no layers of the kind that a mixture asks for.
    """
    from mlx_lm.convert import mixed_quant_predicate_builder
    from mlx_lm.utils import quantize_model

    loaded = full_precision(load(fused, lazy=True))
    for name, layer in loaded.model.named_modules():
        if hasattr(layer, "to_quantized") and layer.weight.shape[-1] % group_size:
            width = layer.weight.shape[-1]
            raise StageError(f"{fused}: {name} is {width} wide, expected a multiple of group_size {group_size}")
    width, predicate = bits, None
    if isinstance(bits, str):
        try:
            predicate = mixed_quant_predicate_builder(bits, loaded.model, group_size)
        except ValueError as error:  # it looks for the layers by the names that most models give them
            raise StageError(f"{fused}: not a model for {bits}, which mlx-lm mixes by down_proj and v_proj") from error
        width = int(bits.split("_")[1])  # what the config gives where it names no layer
    with redirect_stdout(io.StringIO()):  # mlx-lm prints the bits per weight
        model, config = quantize_model(loaded.model, loaded.config, group_size, width, quant_predicate=predicate)
    return Loaded(model, loaded.tokenizer, config, loaded.blas)


def full_precision(loaded: Loaded) -> Loaded:
    """`loaded` with quantized weights replaced by those they stand for; the model is changed in place."""
    from mlx_lm.utils import dequantize_model

    config = copy.deepcopy(loaded.config)
    if config.pop("quantization", None) is None:
        return loaded
    config.pop("quantization_config", None)
    return Loaded(dequantize_model(loaded.model), loaded.tokenizer, config, loaded.blas)


def bytes_on_disk(folder: Path) -> int:
    """Bytes of all files below `folder`."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    raise SystemExit(run(quantize))
