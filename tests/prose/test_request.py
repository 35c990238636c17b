import subprocess
import sys
from collections.abc import Sequence

import pytest

from stages.prose.persona import make_recipe, prompt
from stages.prose.request import part_seeds, requests
from stages.prose.rules import neutralized
from stages.prose.text import words
from tests.conftest import ROOT
from tests.prose.test_persona import RULES, persona_params

TEXT = "I beheld the ancient lighthouse with trembling dread, and my heart sank as I remembered Peter Marsh."


def neutral(texts: Sequence[str]) -> list[str]:
    return [neutralized(text, "standard") for text in texts]


def test_words_and_noise_are_those_of_the_recipe_by_default() -> None:
    recipe = make_recipe("raw", persona_params(), RULES, {"standard": 2.0}, 300)
    (request,) = requests([TEXT], [7], neutral, recipe)
    (plain,) = neutral([TEXT])
    assert request is not None
    assert request.words == 2 * len(words(plain))
    assert request.prompt == prompt(plain, request.words, 0.08, 7, recipe)


def test_what_says_nothing_or_becomes_nothing_is_not_asked_and_moves_no_other() -> None:
    recipe = make_recipe("raw", persona_params(), RULES, {"standard": 2.0}, 300)
    found = requests(["", TEXT, "…", "Gone."], [1, 2, 3, 4], lambda texts: [*neutral(texts[:1]), ""], recipe)
    assert found == [None, *requests([TEXT], [2], neutral, recipe), None, None]


def test_the_words_of_a_text_and_not_its_place_decide_its_seed() -> None:
    seeds = part_seeds(["a", "b", "a"], 1)
    assert len(set(seeds)) == 3
    assert part_seeds(["c", "a", "b", "a"], 1)[1:] == seeds
    assert part_seeds(["a", "b"], 2) != seeds[:2]


@pytest.mark.parametrize("module", ["request", "mending", "heldout", "measures", "output"])
def test_what_writes_nothing_loads_nothing_that_does(module: str) -> None:
    heavy = ("stages.lora.generate", "stages.lora.forms", "stages.prose.backends", "stages.prose.rewriter", "mlx")
    code = f"import sys, stages.prose.{module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
