"""What a model of an author's style is asked: a text made plain, disturbed and framed as the rows that it learned from.

There is no model here, and nothing that opens one: whoever only wants the prompts imports no more.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stages.prose import persona
from stages.prose.persona import Prompt, Recipe
from stages.prose.rules import Variant
from stages.prose.text import words

VARIANT: Variant = "standard"  # of the neutral form that a model is asked with

Neutral = Callable[[Sequence[str]], list[str]]  # plain prose for each text; "" where there is none


@dataclass(frozen=True)
class Request:
    """What the model is asked, and with what."""

    plain: str
    words: int  # asked for
    seed: int
    prompt: Prompt


def requests(
    texts: Sequence[str],
    seeds: Sequence[int],
    neutral: Neutral,
    recipe: Recipe,
    lengths: Sequence[int] | None = None,
    rate: float | None = None,
) -> list[Request | None]:
    """What the model is asked for each of `texts`: neutralised, disturbed and framed; None where that gives nothing.

    `lengths` are the words asked for and `rate` the share of changed words; by default they are those of `recipe`.
    """
    found: list[Request | None] = []
    share = recipe.persona.noise.rate if rate is None else rate
    made = iter(neutral([text for text in texts if words(text)]))
    for number, (text, seed) in enumerate(zip(texts, seeds, strict=True)):
        plain = next(made) if words(text) else ""
        if not words(plain):
            found.append(None)
            continue
        count = recipe.words_target(plain, VARIANT) if lengths is None else lengths[number]
        found.append(Request(plain, count, seed, persona.prompt(plain, count, share, seed, recipe)))
    return found


def part_seeds(texts: Sequence[str], seed: int) -> list[int]:
    """A seed for each of `texts` that its words decide, and not its place, so that a paragraph put before the others
    changes none of them. Of equal texts each has another one.
    """
    seen: Counter[str] = Counter()
    found = []
    for text in texts:
        found.append(persona.row_seed(seed, text, seen[text]))
        seen[text] += 1
    return found
