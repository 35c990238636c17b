"""A model in whichever form it has: base, with an adapter, merged, quantized, exported, or by its registry name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stages.lora import onnx_runtime
from stages.lora.generate import sample
from stages.lora.metadata import check_pair
from stages.lora.model import load, vocabulary_size
from stages.run import StageError

REFERENCES = ("lora/", "LoRA:")


@dataclass(frozen=True)
class Model:
    """A model of either kind, ready to sample from."""

    tokenizer: Any
    vocabulary: int  # logits per token
    context: int | None  # the most tokens, those of the prompt included; None if the folder doesn't say
    ends: list[int]
    sample: Callable[..., list[list[int]]]  # of prompts, masks, and settings as keywords


def folders(model: str, adapter: Path | None) -> tuple[Path, Path | None]:
    """The folders of the model and of the adapter on it. Raises StageError if they don't belong together."""
    folder = Path(model)
    if folder.is_dir():
        if adapter is not None:
            _check_adapter(folder, adapter)
        return folder, adapter
    if not model.startswith(REFERENCES):
        raise StageError(f"{model} is no model folder, and no adapter of the registry: lora/UUID or 'LoRA: name'")
    if adapter is not None:
        raise StageError(f"{model} is an adapter already; give --adapter with the folder of a model")
    from stages.lora import registry

    entry = registry.find(model)  # its base has the hash that the adapter was trained on
    return entry.base, entry.folder


def _check_adapter(folder: Path, adapter: Path) -> None:
    """Raise StageError if `adapter` says that it was trained on another model than that of `folder`.

    Adapters of one shape fit each other's bases, and write nonsense on them.
    """
    if (folder / onnx_runtime.CONFIG).is_file():
        raise StageError(f"{folder} is an exported model, which takes no --adapter; fuse the adapter, then export")
    check_pair(adapter, folder)


def opened(folder: Path, adapter: Path | None) -> Model:
    """The model of `folder`, by whichever runtime reads it."""
    if (folder / onnx_runtime.CONFIG).is_file():
        about = onnx_runtime.exported(folder)
        by_onnx = partial(onnx_runtime.sample, folder)
        return Model(about.tokenizer, about.vocabulary, about.context, sorted(about.ends), by_onnx)
    loaded = load(folder, adapter)
    by_mlx = partial(sample, loaded.model, loaded.tokenizer)
    context = loaded.config.get("max_position_embeddings")
    return Model(
        loaded.tokenizer, vocabulary_size(loaded.model), context, sorted(loaded.tokenizer.eos_token_ids), by_mlx
    )
