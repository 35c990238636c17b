"""LoRA layers in a model, and the adapter folder that mlx-lm itself loads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from stages.files import write_json
from stages.params import Params
from stages.run import StageError

Network = Any  # an mlx.nn.Module


class LoraParams(Params):
    """Where the adapter sits, and how large it is."""

    rank: int = Field(ge=1, le=256)
    alpha: float = Field(gt=0)  # the update is multiplied by alpha / rank, as PEFT does
    dropout: float = Field(ge=0, lt=1)  # share of a layer's input that the adapter doesn't see, in training
    keys: list[str] = Field(min_length=1)  # modules of a layer, such as self_attn.q_proj
    num_layers: int = Field(ge=-1)  # the last so many layers; -1 for all


def apply(model: Network, params: LoraParams) -> list[str]:
    """Freeze `model`, put LoRA beside the modules that `params` name, and give their full names.

    An update starts as zero. Raises StageError for a name that matches nothing, and for more layers than there are.
    """
    import mlx.nn as nn
    from mlx_lm.tuner.utils import linear_to_lora_layers

    _check(model, params)
    model.freeze()
    linear_to_lora_layers(model, params.num_layers, _parameters(params))
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Module) and "lora_a" in module]
    return sorted(names)


def write(folder: Path, model: Network, params: LoraParams) -> None:
    """Write the trained weights of `model` to `folder` as adapters.safetensors and adapter_config.json."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    folder.mkdir(parents=True, exist_ok=True)
    mx.save_safetensors(str(folder / "adapters.safetensors"), dict(tree_flatten(model.trainable_parameters())))
    config = {
        "fine_tune_type": "lora",
        "num_layers": params.num_layers,
        "lora_parameters": _parameters(params),
    }
    write_json(folder / "adapter_config.json", config)


def _parameters(params: LoraParams) -> dict[str, Any]:
    """What mlx-lm calls lora_parameters. Its `scale` multiplies the update as it is."""
    scale = params.alpha / params.rank
    return {"rank": params.rank, "scale": scale, "dropout": params.dropout, "keys": list(params.keys)}


def _check(model: Network, params: LoraParams) -> None:
    layers = model.layers
    if params.num_layers == 0 or params.num_layers > len(layers):
        raise StageError(f"num_layers is {params.num_layers}, expected -1 (all) or 1 to {len(layers)}")
    known = adaptable(model)
    for key in params.keys:
        if key not in known:
            raise StageError(f"keys: {key} matches no module of a layer; there are {', '.join(known)}")


def adaptable(model: Network) -> Sequence[str]:
    """Names, relative to a layer, of the modules that LoRA can sit beside."""
    import mlx.nn as nn

    kinds = (nn.Linear, nn.QuantizedLinear)
    names = {name for layer in model.layers for name, module in layer.named_modules() if isinstance(module, kinds)}
    return sorted(names)
