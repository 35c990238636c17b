"""Merge an adapter into its base: a plain model folder that gives the same logits without the adapter."""

import json
from functools import partial
from pathlib import Path

from stages.files import replacing_folder, sha256_file
from stages.lora import blas
from stages.lora.held_out import HeldOut, held_out, parity, row_count, scored
from stages.lora.metadata import check_pair, origin, write_origin
from stages.lora.model import Network, load, logits, save, size, vocabulary_size
from stages.lora.parity import Gates, gate
from stages.lora.recipe import pass_on_recipe
from stages.run import StageError, run


class FuseParams(HeldOut, Gates):
    """How to merge, the rows to compare on, and how far the merged model may be from base and adapter."""

    dequantize: bool  # a quantized base gives a full-precision model; else it is quantized again as it was


def fuse(base: Path, adapter: Path, dataset: Path, fused: Path, params: FuseParams) -> dict[str, object]:
    """Write `base` with `adapter` merged into it to the folder `fused`.

    Raises StageError with the figure, and leaves no `fused`, if what was written differs by more than `params` allow;
    and if `adapter` says that it was trained on another base.
    """
    blas.walk_in_depth()  # one layer's products in memory at a time
    apart = load(base, adapter)
    check_pair(adapter, base)
    batches = held_out(dataset, apart.tokenizer, vocabulary_size(apart.model), params)
    expected = scored(partial(logits, apart.model), batches)

    layers = merge(apart.model, params.dequantize)
    if layers == 0 and json.loads((adapter / "adapter_config.json").read_text()).get("fine_tune_type") != "full":
        raise StageError(f"{adapter} changes no layer of {base}: nothing to merge")
    if params.dequantize:
        for key in ("quantization", "quantization_config"):
            apart.config.pop(key, None)
    with replacing_folder(fused) as folder:
        save(apart, base, folder)
        came = origin(base)
        merged = sha256_file(adapter / "adapters.safetensors")
        write_origin(folder, came["source"], came["revision"], [*came["adapters"], merged])
        pass_on_recipe(adapter, folder)
        del apart  # what is compared is what was written, and two large models may not fit in memory
        written = load(folder)
        figures = parity(expected, partial(logits, written.model), batches).figures()
        gate(f"{fused} against {base} and {adapter}", figures, params)
    return {
        **figures,
        "rows": row_count(batches),
        "layers": layers,
        **size(written.model),
        "blas": written.blas,
    }


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
