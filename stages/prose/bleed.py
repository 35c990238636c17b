"""How much of an author's vocabulary is still in the plain text that is to be turned back into it."""

from stages.prose.lexicon import frequency
from stages.prose.text import words

UNCOMMON = 5.0  # Zipf frequency below which a word is one: all but the thousand most usual ones


def uncommon(text: str) -> frozenset[str]:
    """The uncommon words of `text`, names included, in lower case; each counts once."""
    return frozenset(word for word in words(text) if frequency(word) < UNCOMMON)


def bleed(source: str, target: str) -> float:
    """Share of the uncommon words of `target` that `source` has too, in the same form; 0.0 if `target` has none."""
    wanted = uncommon(target)
    return len(wanted & uncommon(source)) / len(wanted) if wanted else 0.0
