"""Works to curate, made in code, and params that suit them."""

import random
from typing import Any

PARAMS: dict[str, Any] = {
    "author": "keeper",
    "filters": {
        "min_words": 60,
        "other_script_share": 0.2,
        "artifact_run": 3,
        "special_share": 0.1,
        "sentence_words": 3,
        "min_sentences": 2,
        "fragment_share": 0.5,
        "repetition_share": 0.15,
    },
    "max_words": 1000,
    "similarity": {"run_words": 5, "near_share": 0.5},
    "splits": {"valid": 0.08, "test": 0.1, "min_test_words": 1000, "shared_run": 12, "seed": 1},
    "budget": {"tokens": 900_000, "tokens_per_word": 1.3, "clusters": 40, "embedding": "none", "seed": 1},
}
SYLLABLES = (
    "ba",
    "cor",
    "del",
    "fin",
    "gar",
    "hol",
    "lan",
    "mer",
    "nor",
    "pel",
    "rus",
    "sil",
    "tam",
    "ver",
    "wen",
    "yol",
)


def paragraph(seed: int, words: int = 80) -> str:
    """Sentences of 10 made-up words each, no two paragraphs alike."""
    rng = random.Random(seed)
    made = ["".join(rng.choices(SYLLABLES, k=3)) for _ in range(words)]
    sentences = [" ".join(made[start : start + 10]).capitalize() + "." for start in range(0, words, 10)]
    return " ".join(sentences)


def work(seed: int, paragraphs: int = 8, words: int = 80) -> str:
    """A text of such paragraphs."""
    return "\n\n".join(paragraph(seed * 1000 + place, words) for place in range(paragraphs))
