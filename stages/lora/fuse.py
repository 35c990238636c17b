"""Merge an adapter into its base: a plain model folder that gives the same logits without the adapter."""

import json
from pathlib import Path

import numpy as np
from pydantic import Field

from stages.files import replacing_folder
from stages.lora.model import Network, load, logits, save, size, vocabulary_size
from stages.lora.parity import compare, gate
from stages.params import Params
from stages.run import StageError, run


class FuseParams(Params):
    """How to merge, and how far the merged model may be from base and adapter."""

    dequantize: bool  # a quantized base gives a full-precision model; else it is quantized again as it was
    rows: int = Field(ge=1)  # rows of random token ids that both models are compared on
    tokens: int = Field(ge=2)  # ids per row
    seed: int = Field(ge=0)
    max_logit_difference: float = Field(gt=0)  # absolute, over every row, position and logit
    max_mean_kl: float = Field(gt=0)  # Kullback-Leibler divergence in nats of the merged model from base and adapter


def fuse(base: Path, adapter: Path, fused: Path, params: FuseParams) -> dict[str, object]:
    """Write `base` with `adapter` merged into it to the folder `fused`.

    Raises StageError with the figure, and leaves no `fused`, if what was written differs by more than `params` allow.
    """
    apart = load(base, adapter)
    import mlx.core as mx  # only now: load() puts the BLAS under it

    shape = (params.rows, params.tokens + 1)
    ids = np.random.default_rng(params.seed).integers(0, vocabulary_size(apart.model), shape)
    expected = logits(apart.model, ids[:, :-1])
    mx.eval(expected)

    layers = merge(apart.model, params.dequantize)
    if layers == 0 and json.loads((adapter / "adapter_config.json").read_text()).get("fine_tune_type") != "full":
        raise StageError(f"{adapter} changes no layer of {base}: nothing to merge")
    if params.dequantize:
        for key in ("quantization", "quantization_config"):
            apart.config.pop(key, None)
    with replacing_folder(fused) as folder:
        save(apart, base, folder)
        del apart  # what is compared is what was written, and two large models may not fit in memory
        written = load(folder)
        parity = compare(expected, logits(written.model, ids[:, :-1]), ids[:, 1:], np.ones(ids[:, 1:].shape, bool))
        figures = parity.figures()
        limits = {"max_logit_difference": params.max_logit_difference, "max_mean_kl": params.max_mean_kl}
        gate(f"{fused} against {base} and {adapter}", figures, limits)
    kept = {name: figures[name] for name in ("max_logit_difference", "mean_kl", "argmax_agreement")}
    return {**kept, "layers": layers, **size(written.model), "blas": written.blas}


def merge(model: Network, dequantize: bool) -> int:
    """Replace each layer of `model` that has an adapter by the sum of both; how many there were.

    With `dequantize` the rest of a quantized model is made full precision as well.
    """
    from mlx.utils import tree_unflatten
    from mlx_lm.utils import dequantize_model

    merged = [(name, layer.fuse(dequantize)) for name, layer in model.named_modules() if hasattr(layer, "fuse")]
    model.update_modules(tree_unflatten(merged))
    if dequantize:
        dequantize_model(model)
    return len(merged)


if __name__ == "__main__":
    raise SystemExit(run(fuse))
