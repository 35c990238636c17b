"""What an adapter is and what it was made from: metadata.json of its folder, without a time, so that bytes repeat."""

import json
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

from stages.files import sha256_tree, write_json
from stages.lora.recipe import recipe_hash
from stages.lora.whole import read_object
from stages.run import StageError

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


def check_pair(adapter: Path, base: Path, found: str | None = None) -> None:
    """Raise StageError if the adapter folder `adapter` says that it was trained on another base than `base`.

    `found` is the hash of `base` where it is known already. An adapter without metadata, such as one of mlx-lm's own,
    is taken at its word.
    """
    path = adapter / "metadata.json"
    if not path.is_file():
        return
    expected = read_object(path).get("baseHash")
    if not isinstance(expected, str):
        raise StageError(f"{path}: baseHash is {expected!r}, expected the hash of a base; train the adapter again")
    if (found or sha256_tree(base)) != expected:
        raise StageError(
            f"{path}: baseHash is {expected[:16]}..., but {base} has another; give the base that it was trained on"
        )


def describe(base: Path, dataset: Path, name: str) -> dict[str, Any]:
    """What the adapter `name` is made from, as it is now: `base`, `dataset` and what computes.

    Hashes are of whole folders, so that a folder that changes later shows.
    """
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
        "versions": {package: version(package) for package in ("mlx", "mlx-lm", "numpy")}
        | {"python": python_version()},
    }
