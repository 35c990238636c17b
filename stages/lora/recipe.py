"""How the prompts of a dataset are made: recipe.json, which goes along with the adapter and every model made of it.

Whoever prompts the model has to make them so, and to read its answers so: training and use can't drift apart unseen.
"""

import shutil
from pathlib import Path

from stages.files import sha256

RECIPE = "recipe.json"  # in the folder of a dataset, an adapter or a model


def recipe_hash(folder: Path) -> str | None:
    """SHA-256 of the recipe in `folder`; None if it has none."""
    path = folder / RECIPE
    return sha256(path.read_bytes()) if path.is_file() else None


def pass_on_recipe(source: Path, folder: Path) -> None:
    """Give `folder` the recipe of the folder `source`, or none if that has none."""
    if (source / RECIPE).is_file():
        shutil.copyfile(source / RECIPE, folder / RECIPE)
    else:
        (folder / RECIPE).unlink(missing_ok=True)
