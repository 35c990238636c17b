"""A copy of an adapter in the form of PEFT, for transformers and what builds on it."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from stages.files import replacing_folder, write_bytes, write_json
from stages.lora import blas
from stages.lora.metadata import check_pair
from stages.lora.whole import Shapes, check_adapter, check_base, check_fit, read_object
from stages.run import StageError, run

# What mlx-lm calls the parts of an update, and PEFT. PEFT's two matrices are the transposes.
NAMES = {"lora_a": "lora_A.weight", "lora_b": "lora_B.weight", "m": "lora_magnitude_vector"}
PARTS = {"lora": {"lora_a", "lora_b"}, "dora": {"lora_a", "lora_b", "m"}}
LAYER = re.compile(r".*?\.[^.]*\.(\d+)\.")  # PEFT's own, see its check_target_module_exists: the first number is meant

Rule = tuple[list[str], list[int] | None]  # target_modules and layers_to_transform


def to_peft(base: Path, adapter: Path, peft: Path) -> dict[str, object]:
    """Write `adapter`, trained on `base`, to the folder `peft`, which PeftModel.from_pretrained loads.

    It goes onto a model that transformers reads: `base` itself, dequantized if it is quantized. The weights are in 32
    bits, and the same on every machine. Raises StageError if the adapter doesn't fit the base, or has no PEFT form.
    """
    shapes, weights = check_adapter(adapter), check_base(base)
    config = read_object(adapter / "adapter_config.json")
    kind, settings = config["fine_tune_type"], config.get("lora_parameters", {})
    if kind == "full":
        raise StageError(f"{adapter}: a full fine-tuning has no PEFT form; merge it by `python -m stages.lora.fuse`")
    modules = _modules(adapter, shapes, kind, settings["rank"])
    check_fit(base, weights, adapter, shapes)
    check_pair(adapter, base)
    targets, layers = rule(modules, {name.removesuffix(".weight") for name in weights if name.endswith(".weight")})

    alpha = settings["scale"] * float(settings["rank"])  # PEFT divides it by r
    tensors = dict(_tensors(adapter / "adapters.safetensors"))
    from safetensors.numpy import save

    with replacing_folder(peft) as folder:
        # safetensors orders by type and name; "pt" marks the file as one that torch's readers expect
        write_bytes(folder / "adapter_model.safetensors", save(tensors, {"format": "pt"}))
        write_json(
            folder / "adapter_config.json",
            {
                "base_model_name_or_path": base.as_posix(),
                "bias": "none",
                "fan_in_fan_out": False,
                "inference_mode": True,
                "layers_to_transform": layers,
                "lora_alpha": int(alpha) if alpha.is_integer() else alpha,
                "lora_dropout": settings["dropout"],
                "peft_type": "LORA",
                "r": settings["rank"],
                "target_modules": targets,
                "task_type": "CAUSAL_LM",
                "use_dora": kind == "dora",
                "use_rslora": False,
            },
        )
    parameters = sum(tensor.size for tensor in tensors.values())
    return {"modules": len(modules), "parameters": parameters, "target_modules": targets, "layers_to_transform": layers}


def rule(modules: Collection[str], known: Collection[str]) -> Rule:
    """The shortest rule by which PEFT finds `modules`, and no other, among `known`.

    The last part of a name is what programs other than PEFT expect, without layers if all have it; full names, which
    always fit, are the last resort.
    """
    keys = {_key(module) for module in modules}
    layers = sorted({int(found[1]) for module in modules if (found := LAYER.match(module))})
    rules: list[Rule] = [
        (sorted(names), chosen)
        for names in ({key.rpartition(".")[2] for key in keys}, keys)
        for chosen in (None, layers)
    ]
    wanted = set(modules)
    return next(
        (one for one in rules if {name for name in known if _hits(one, name)} == wanted), (sorted(wanted), None)
    )


def _hits(rule: Rule, name: str) -> bool:
    """Whether PEFT puts an adapter on the module `name`."""
    targets, layers = rule
    found = LAYER.match(name)
    here = layers is None or (found is not None and int(found[1]) in layers)
    return here and any(name.endswith(f".{target}") for target in targets)


def _key(module: str) -> str:
    """The name of `module` within its layer."""
    found = LAYER.match(module)
    return module[found.end() :] if found else module


def _modules(adapter: Path, shapes: Shapes, kind: str, rank: int) -> list[str]:
    """Names of the modules that the tensors of `adapter` change, each with all its parts."""
    parts: dict[str, set[str]] = {}
    for name in shapes:
        module, _, part = name.rpartition(".")
        parts.setdefault(module, set()).add(part)
    for module, found in sorted(parts.items()):
        if LAYER.match(module) is None:  # an embedding's update has other names and another order in PEFT
            raise StageError(f"{adapter}: {module} isn't a module of a layer; only those are copied to PEFT")
        if found != PARTS[kind]:
            expected = ", ".join(sorted(PARTS[kind]))
            raise StageError(f"{adapter}: {module} has {', '.join(sorted(found))}, expected {expected}; train it again")
        a, b = shapes[f"{module}.lora_a"], shapes[f"{module}.lora_b"]
        if len(a) != 2 or len(b) != 2 or a[1] != rank or b[0] != rank:
            raise StageError(f"{adapter}: {module} is {a} by {b}, expected two matrices of rank {rank}: no PEFT form")
    return sorted(parts)


def _tensors(file: Path) -> Iterator[tuple[str, Any]]:
    """PEFT's names and arrays of the tensors in `file`."""
    blas.load()
    import mlx.core as mx
    import numpy as np

    loaded = mx.load(str(file))
    assert isinstance(loaded, dict)  # what mlx gives for a safetensors file
    for name, tensor in loaded.items():
        module, _, part = name.rpartition(".")
        # by mlx, since numpy has no bfloat16; .T is the same vector for DoRA's magnitudes
        array = np.array(tensor.astype(mx.float32))
        yield f"base_model.model.{module}.{NAMES[part]}", np.ascontiguousarray(array.T)


if __name__ == "__main__":
    raise SystemExit(run(to_peft))
