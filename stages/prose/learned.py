"""What is known of how a model of the prose track was trained: its recipe, and the rows that it mustn't recite."""

import sys
from pathlib import Path

from stages.files import read_jsonl
from stages.lora.recipe import RECIPE, recipe_hash
from stages.lora.whole import read_object
from stages.prose import persona
from stages.prose.checks import Trained
from stages.prose.persona import Recipe
from stages.run import StageError

DATASET = Path("data/prose/author")  # whose rows nothing should be copied from, if it is there


def checked_recipe(folder: Path, adapter: Path | None, dataset: Path | None, any_recipe: bool) -> Recipe:
    """The recipe that the model was trained with: the adapter's, or that of the model in `folder` if there is none.

    Raises StageError if there is no recipe, if it was changed, if this code makes other prompts by it, or if the
    adapter's metadata doesn't name it. With `any_recipe` that is a warning; where there is none that of `dataset` is
    taken then.
    """
    place = adapter or folder
    complaints = []
    if not (place / RECIPE).is_file():
        if not (any_recipe and dataset):
            advice = "copy it from what the model was made of, or give --any-recipe and, as --dataset, what it learned"
            raise StageError(
                f"{place / RECIPE} is not there, and without it nobody knows how to prompt this model; {advice}"
            )
        complaints.append(f"{place / RECIPE} is not there; taking that of {dataset}")
        place = dataset
    recipe = persona.read_recipe(place)
    try:
        persona.check_recipe(place)
    except StageError as error:
        if not any_recipe:
            raise StageError(f"{error}; or give --any-recipe") from error
        complaints.append(str(error))
    if adapter and (complaint := _other_hash(adapter, place)):
        if not any_recipe:
            raise StageError(f"{complaint}; or give --any-recipe")
        complaints.append(complaint)
    if complaints:
        print(f"infer: warning: {'; '.join(complaints)}; going on because of --any-recipe", file=sys.stderr)
    return recipe


def _other_hash(adapter: Path, place: Path) -> str | None:
    """What is wrong if the metadata of `adapter` doesn't say that it was trained with the recipe in `place`."""
    path = adapter / "metadata.json"
    told = read_object(path).get("recipeHash") if path.is_file() else None
    found = recipe_hash(place)
    if told is None:
        return f"{path} names no recipeHash, so nobody knows whether {place / RECIPE} is the one it was trained with"
    if told == found:
        return None
    return (
        f"{path}: recipeHash is {str(told)[:12]}, but {place / RECIPE} has {str(found)[:12]}: it isn't the one that "
        "the adapter was trained with; copy the adapter's folder again"
    )


def trained_rows(dataset: Path | None) -> tuple[Trained | None, Path | None]:
    """What is known of the training rows in `dataset`, and the folder that is meant; (None, None) if none is there."""
    folder = dataset or DATASET
    path = folder / "train.jsonl"
    if not path.is_file():
        if dataset:
            raise StageError(f"{path} is not there; name a dataset of prose_prepare, or leave --dataset out")
        print(
            f"infer: {path} is not there, so copies of training rows aren't looked for; --dataset names another",
            file=sys.stderr,
        )
        return None, None
    try:
        targets = [persona.target_of(row) for row in read_jsonl(path)]
    except (ValueError, TypeError) as error:  # a row may be no object at all
        raise StageError(f"{path}: {error}; make it anew with prose_prepare") from error
    return Trained.of(list(dict.fromkeys(targets))), folder
