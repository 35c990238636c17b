"""LoRA, DoRA or whole layers in a model, and the adapter folder that mlx-lm itself loads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from stages.files import write_json
from stages.params import Params
from stages.run import StageError

Network = Any  # an mlx.nn.Module


class LoraParams(Params):
    """Where the adapter sits, and how large it is. `full` trains the modules themselves: no rank, scale or dropout."""

    fine_tune: Literal["lora", "dora", "full"]
    rank: int = Field(ge=1, le=256)
    # The update is multiplied by scale, which is alpha / rank. One of the two is given: hence the only defaults.
    scale: float | None = Field(default=None, gt=0)
    alpha: float | None = Field(default=None, gt=0)
    dropout: float = Field(ge=0, lt=1)  # share of a layer's input that the adapter doesn't see, in training
    keys: list[str] = Field(min_length=1)  # modules of a layer, such as self_attn.q_proj
    num_layers: int = Field(ge=-1)  # the last so many layers; -1 for all

    @model_validator(mode="after")
    def _one_of_scale_and_alpha(self) -> "LoraParams":
        if (self.scale is None) == (self.alpha is None):
            raise ValueError("either scale or alpha (scale = alpha / rank), and not both")
        return self

    def multiplier(self) -> float:
        """What the update is multiplied by: mlx-lm's `scale`, PEFT's lora_alpha / r."""
        if self.scale is not None:
            return self.scale
        assert self.alpha is not None
        return self.alpha / self.rank


def apply(model: Network, params: LoraParams) -> list[str]:
    """Freeze `model` but for the adapter that `params` describe, and give the full names of the modules it is on.

    An update starts as zero. Raises StageError for a name that matches nothing, for more layers than there are, and
    for full fine-tuning of a quantized module.
    """
    from mlx_lm.tuner.utils import linear_to_lora_layers

    _check(model, params)
    model.freeze()
    if params.fine_tune != "full":
        dora = params.fine_tune == "dora"
        linear_to_lora_layers(model, params.num_layers, _parameters(params), use_dora=dora)
        return sorted(name for name, module in model.named_modules() if "lora_a" in module)
    for layer in _layers(model, params):
        for name, module in layer.named_modules():
            if name in params.keys:
                module.unfreeze()
    return sorted(name for name, module in model.named_modules() if _own(module) and module.trainable_parameters())


def write(folder: Path, model: Network, params: LoraParams) -> None:
    """Write the trained weights of `model` to `folder` as adapters.safetensors and adapter_config.json."""
    import mlx.core as mx
    from mlx.utils import tree_flatten

    folder.mkdir(parents=True, exist_ok=True)
    mx.save_safetensors(str(folder / "adapters.safetensors"), dict(tree_flatten(model.trainable_parameters())))
    config = {
        "fine_tune_type": params.fine_tune,
        "num_layers": params.num_layers,
        "lora_parameters": _parameters(params),
    }
    write_json(folder / "adapter_config.json", config)


def settings(params: LoraParams) -> dict[str, Any]:
    """What metadata.json says of `params`; whole modules have no rank, scale or dropout."""
    low_rank = params.fine_tune != "full"
    return {
        "fineTuneType": params.fine_tune,
        "rank": params.rank if low_rank else None,
        "alpha": params.multiplier() * params.rank if low_rank else None,
        "scale": params.multiplier() if low_rank else None,
        "dropout": params.dropout if low_rank else None,
    }


def adaptable(model: Network, fine_tune: Literal["lora", "dora", "full"] = "lora") -> Sequence[str]:
    """Names, relative to a layer, of the modules that can be trained so."""
    import mlx.nn as nn

    kinds = (nn.Linear, nn.QuantizedLinear)
    layers = [layer.named_modules() for layer in model.layers]
    fit = {name for layer in layers for name, module in layer if isinstance(module, kinds) or fine_tune == "full"}
    whole = {name for layer in model.layers for name, module in layer.named_modules() if _own(module)}
    return sorted(fit & whole)


def _own(module: Network) -> bool:
    """Whether `module` has weights that are not those of a module inside it."""
    import mlx.core as mx

    return any(isinstance(value, mx.array) for value in module.values())


def _layers(model: Network, params: LoraParams) -> Sequence[Network]:
    """The layers that the adapter is on."""
    layers: Sequence[Network] = model.layers
    return layers if params.num_layers == -1 else layers[-params.num_layers :]


def _parameters(params: LoraParams) -> dict[str, Any]:
    """What mlx-lm calls lora_parameters. Its `scale` multiplies the update as it is."""
    return {"rank": params.rank, "scale": params.multiplier(), "dropout": params.dropout, "keys": list(params.keys)}


def _check(model: Network, params: LoraParams) -> None:
    import mlx.nn as nn

    layers = model.layers
    if params.num_layers == 0 or params.num_layers > len(layers):
        raise StageError(f"num_layers is {params.num_layers}, expected -1 (all) or 1 to {len(layers)}")
    known = adaptable(model, params.fine_tune)
    for key in params.keys:
        if key not in known:
            raise StageError(f"keys: {key} matches no module of a layer; there are {', '.join(known)}")
    if params.fine_tune == "full":
        modules = dict(_layers(model, params)[0].named_modules())
        for key in params.keys:
            if isinstance(modules[key], nn.QuantizedLinear):
                raise StageError(f"fine_tune is full, but {key} of the base is quantized; choose lora or dora")
