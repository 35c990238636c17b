"""Works of a made-up author as paragraphs.jsonl, and params to rewrite them."""

import random
from pathlib import Path
from typing import Any

from stages.files import write_jsonl
from stages.prose.rewrite import RewriteParams
from stages.prose.text import words

NOUNS = ("lantern", "promontory", "bannister", "parchment", "threshold", "lighthouse", "chandelier", "cobblestone")
VERBS = ("beheld", "clutched", "abhorred", "scrutinised", "forsook", "remembered", "extinguished", "illumined")
WAYS = ("with trembling dread", "beneath gibbous clouds", "amid the tumult", "in leaden twilight", "without remorse")


def story(seed: int, paragraphs: int = 6, sentences: int = 5) -> list[str]:
    """Paragraphs told by I in the past tense, without names: a sentence has 16 to 18 words."""
    rng = random.Random(seed)
    found = []
    for _ in range(paragraphs):
        lines = []
        for _ in range(sentences):
            way, noun, verb, other = rng.choice(WAYS), rng.choice(NOUNS), rng.choice(VERBS), rng.choice(NOUNS)
            lines.append(f"I {verb} the {noun} {way}, and my heart sank as I {rng.choice(VERBS)} the {other}.")
        found.append(" ".join(lines))
    return found


def rows(work: str, texts: list[str], split: str = "train") -> list[dict[str, Any]]:
    """Rows of paragraphs.jsonl, without a gap."""
    about = {"author": "somebody", "work": work, "split": split}
    return [{**about, "index": index, "words": len(words(text)), "text": text} for index, text in enumerate(texts)]


def curated(folder: Path, works: int = 3, paragraphs: int = 6) -> Path:
    """A folder as curate writes it: one work of test, one of valid, the others of train, and another author's."""
    splits = ["test", "valid", *["train"] * (works - 2)]
    found = [row for seed, split in enumerate(splits) for row in rows(f"work{seed}", story(seed, paragraphs), split)]
    found += rows("elsewhere", story(99), "reference")
    write_jsonl(folder / "paragraphs.jsonl", found)
    return folder


def settings(**rewriter: Any) -> dict[str, Any]:
    """A section of params as a file has it; `rewriter` changes that of the rewriter, a table at a time."""
    tables: dict[str, Any] = {
        "backend": "rules",
        "by_task": {},
        "rules": {"round_trip": False},
        "mlx": {"model": "none", "max_tokens": 16, "temperature": 1.0, "top_p": 1.0, "rows_at_once": 4},
        "openai": {
            "base_url": "http://127.0.0.1:9/v1",
            "model": "m",
            "key_variable": "REFRAIN_TEST_KEY",
            "temperature": 0.0,
            "max_tokens": 1000,
            "requests_per_minute": 0,
            "concurrency": 2,
            "timeout": 30.0,
            "retries": 1,
        },
    }
    for name, value in rewriter.items():
        tables[name] = {**tables[name], **value} if isinstance(value, dict) and name != "by_task" else value
    every = ["as_written", "first_plural", "third", "impersonal"]
    return {
        "min_words": 30,
        "max_words": 90,
        "overlap_sentences": 1,
        "perspectives": {"train": every, "valid": ["as_written", "third"], "test": ["as_written"]},
        "variants": {
            "train": {"standard": 1.0, "abstract": 1.0},
            "valid": {"standard": 1.0},
            "test": {"standard": 1.0},
        },
        "snowflake_share": 0.5,
        "seed": 1,
        "rewriter": tables,
        "limits": {
            "min_length_ratio": 0.3,
            "max_length_ratio": 2.0,
            "min_sentences": 2,
            "max_names_lost": 0.25,
            "max_numbers_lost": 0.0,
            "max_negations_changed": 0,
            "min_content": 0.2,
            "max_bleed": 0.5,
        },
    }


def params(**rewriter: Any) -> RewriteParams:
    return RewriteParams.model_validate(settings(**rewriter))
