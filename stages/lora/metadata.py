"""What an adapter is and what it was made from: metadata.json of its folder, without a time, so that bytes repeat."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

from stages.files import sha256_tree, write_json
from stages.lora.recipe import recipe_hash

ORIGIN = "origin.json"  # in a model folder: where its weights come from


def origin(model: Path) -> dict[str, Any]:
    """Where the model folder `model` comes from: `source` (a hub repo, or tiny), `revision` and `adapters`.

    A folder that was not made here says nothing: it is its own source.
    """
    path = model / ORIGIN
    if not path.is_file():
        return {"source": model.as_posix(), "revision": None, "adapters": []}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def write_origin(model: Path, source: str, revision: str | None, adapters: list[str]) -> None:
    """Note in the model folder `model` where it comes from; `adapters` are the hashes of those merged into it."""
    write_json(model / ORIGIN, {"source": source, "revision": revision, "adapters": adapters})


def describe(base: Path, dataset: Path, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of the adapter `name` for `base`, trained on `dataset`; `settings` are those of its training."""
    came = origin(base)
    return {
        "adapterName": name,
        "baseModelId": came["source"],
        "baseRevision": came["revision"],
        "baseAdapters": came["adapters"],
        "baseHash": sha256_tree(base),
        "trainingDataset": dataset.as_posix(),
        "datasetHash": sha256_tree(dataset),
        "recipeHash": recipe_hash(dataset),
        **settings,
        "versions": {
            **{package: version(package) for package in ("mlx", "mlx-lm", "numpy")},
            "python": python_version(),
        },
    }
