"""Whether a model folder or an adapter folder is whole, found from its headers before anything large is read."""

import json
import math
import re
from pathlib import Path
from typing import Any, TypeGuard

from stages.run import StageError

Shapes = dict[str, tuple[int, ...]]  # of each tensor, by its name

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
LONGEST_HEADER = 100_000_000  # bytes; what safetensors itself reads, and no text read as a length is this short
POINTER = b"version "  # what a Git LFS pointer begins with, where a safetensors file has the length of its header


def check_base(folder: Path) -> Shapes:
    """Shapes of the weights of the model folder `folder`; a quantized one's as they are packed.

    Raises StageError, naming the file, unless there is a config, a tokenizer and each weight file as long as its header
    says, with the tensors that the index names in it.
    """
    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        read_object(_there(folder, file, "a whole model folder"))
    places = _places(folder)
    found = {shard: shapes(_there(folder, shard, "a whole model folder")) for shard in sorted({*places.values()})}
    for name, shard in places.items():
        if name and name not in found[shard]:
            raise StageError(f"{folder / shard} lacks {name}, which {INDEX} names; copy or make {folder} again")
    return {name: shape for shard in found.values() for name, shape in shard.items()}


def check_adapter(folder: Path) -> Shapes:
    """Shapes of the weights of the adapter folder `folder`.

    Raises StageError, naming the file and the key, unless there is a config with what mlx-lm needs of it, and a weight
    file as long as its header says.
    """
    file = _there(folder, "adapter_config.json", "an adapter folder")
    config = read_object(file)
    kind = config.get("fine_tune_type")
    if kind not in ("lora", "dora", "full"):
        raise StageError(f"{file}: fine_tune_type is {kind!r}, expected lora, dora or full; train the adapter again")
    if kind != "full":
        _check_settings(file, config)
    found = shapes(_there(folder, "adapters.safetensors", "an adapter folder"))
    if not found:
        raise StageError(f"{folder / 'adapters.safetensors'} holds no weights; train the adapter again")
    return found


def check_fit(base: Path, weights: Shapes, adapter: Path, updates: Shapes) -> None:
    """Raise StageError unless each tensor of `adapter` has a place of its size in `base`, by the shapes of both.

    Tensors of more than two dimensions are passed over: mlx-lm stacks experts that lie one by one in the base's files.
    """
    for name, shape in sorted(updates.items()):
        module, _, part = name.rpartition(".")
        if len(shape) > 2:
            continue
        if part not in ("lora_a", "lora_b", "m"):  # a full fine-tuning's, which takes the weight's place
            if weights.get(name) != shape:
                raise StageError(f"{base}: {name} is {weights.get(name)}, but {adapter} is for {shape}: not its base")
            continue
        for other in ("lora_a", "lora_b"):
            if len(updates.get(f"{module}.{other}", ())) != 2:
                raise StageError(f"{adapter}: {module} has no matrix {other}; train it again")
        place = (updates[f"{module}.lora_b"][1], updates[f"{module}.lora_a"][0])
        if re.search(r"\.\d+\.", module) is None and "embed" in module:
            place = place[::-1]  # an embedding's rows are what a linear layer has as columns
        found = weights.get(f"{module}.weight")
        packed = f"{module}.scales" in weights  # a quantized weight holds several columns in one
        if found is None or found[0] != place[0] or not (packed or found == place):
            raise StageError(f"{base}: {module} is {found}, but {adapter} is for {place}: not its base")


def shapes(file: Path) -> Shapes:
    """Shapes of the tensors of the safetensors file `file`, by its header.

    The file is the header's length in 8 bytes, little-endian, the header in JSON, and the tensors, whose places in what
    follows the header are its `data_offsets`. Raises StageError unless the file is as long as that.
    """
    length = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(8)
        size = int.from_bytes(start, "little") if len(start) == 8 else 0
        if start == POINTER:
            raise StageError(f"{file} is a Git LFS pointer, expected the weights; fetch them with `git lfs pull`")
        if size > LONGEST_HEADER:
            raise StageError(f"{file} begins with {start!r}, expected a safetensors header; copy or download it again")
        header = opened.read(size)
    if length < 8 + size:
        raise StageError(f"{file} has {length} bytes, expected at least {8 + size}; copy or download it again")
    try:
        tensors = json.loads(header)
        tensors.pop("__metadata__", None)
        found = {name: tuple(map(int, tensor["shape"])) for name, tensor in tensors.items()}
        expected = 8 + size + max((int(tensor["data_offsets"][1]) for tensor in tensors.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise StageError(f"{file}: its safetensors header can't be read; copy or download it again") from error
    if length != expected:
        raise StageError(f"{file} has {length} bytes, expected {expected}; copy or download it again")
    return found


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object in `file`. Raises StageError if it is something else."""
    try:
        found = json.loads(file.read_bytes())
    except ValueError as error:
        raise StageError(f"{file}: not JSON: {error}; copy or make it again") from error
    if not isinstance(found, dict):
        raise StageError(f"{file}: {type(found).__name__}, expected a JSON object; copy or make it again")
    return found


def _there(folder: Path, file: str, what: str) -> Path:
    if not (folder / file).is_file():
        raise StageError(f"{folder / file} is missing; copy or make it again: {folder} is not {what}")
    return folder / file


def _places(folder: Path) -> dict[str, str]:
    """The file of each tensor as the index of `folder` has it; without an index one file, of a tensor with no name."""
    if not (folder / INDEX).is_file():
        return {"": WEIGHTS}
    places = read_object(folder / INDEX).get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(shard, str) for shard in places.values()):
        raise StageError(f"{folder / INDEX}: no weight_map of tensors to files; copy or make it again")
    return places


def _check_settings(file: Path, config: dict[str, Any]) -> None:
    """Raise StageError unless `config` says how the update of a LoRA or DoRA adapter is shaped and scaled."""
    layers = config.get("num_layers")
    if not _whole_number(layers):
        raise StageError(f"{file}: num_layers is {layers!r}, expected a number of layers, or -1 for all; add it")
    settings = config.get("lora_parameters")
    if not isinstance(settings, dict):
        raise StageError(f"{file}: lora_parameters is {settings!r}, expected an object with rank and scale; add it")
    rank, scale, dropout = (settings.get(key) for key in ("rank", "scale", "dropout"))
    if not _whole_number(rank) or rank < 1:
        raise StageError(f"{file}: lora_parameters.rank is {rank!r}, expected a whole number of 1 or more; correct it")
    if not _number(scale):
        hint = "alpha / rank" if "alpha" in settings else "what multiplies the update"
        raise StageError(f"{file}: lora_parameters.scale is {scale!r}, expected a number; set it to {hint}")
    if not _number(dropout) or not 0 <= dropout < 1:
        raise StageError(f"{file}: lora_parameters.dropout is {dropout!r}, expected 0 or more and under 1; correct it")
    keys = settings.get("keys", [])  # without any, mlx-lm adapts every module that it can
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise StageError(f"{file}: lora_parameters.keys is {keys!r}, expected a list of modules; correct it")


def _whole_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
