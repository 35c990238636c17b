"""The rhythm of prose: how long its sentences are, how much that varies, and its marks.

Every figure is of one text or one pool of texts; nothing here knows what the words mean.
"""

import re
from collections.abc import Sequence
from random import Random
from statistics import fmean, pstdev

from stages.prose.text import sentences, speech_spans, words

RESAMPLED = 400

# A mark within a number (1,204 or 3:15 or 1914–18) or within a word (half-open) is not the writer's punctuation.
MARKS = {
    "comma": re.compile(r"(?<!\d),|,(?!\d)|[，、]"),
    "semicolon": re.compile(r"[;；]"),
    "colon": re.compile(r"(?<!\d):|:(?!\d)|："),
    "dash": re.compile(r"[—―]+|(?<![-\d])--+|(?<!\d)–|–(?!\d)|(?<=\s)-(?=\s)"),
    "ellipsis": re.compile(r"(?:…\s?)+|\.(?:\s?\.){2,}"),
    "exclamation": re.compile(r"[!！]"),
    "question": re.compile(r"[?？]"),
    "parenthesis": re.compile(r"[(（]"),
}


def sentence_lengths(text: str) -> list[int]:
    """Words in each sentence of `text`; a sentence without words, such as a line of stars, is left out."""
    return [length for sentence in sentences(text) if (length := len(words(sentence)))]


def distance(lengths: Sequence[int], others: Sequence[int]) -> float | None:
    """Wasserstein-1 distance between two distributions of sentence lengths, in words; None if one of them is empty.

    The area between the two cumulative distributions: how many words the average sentence would have to grow or shrink
    to turn one into the other (Ramdas et al. 2017). 0 for equal distributions; no upper bound.
    """
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance(lengths, others)) if lengths and others else None


def interval(texts: Sequence[Sequence[int]], others: Sequence[Sequence[int]], seed: int) -> tuple[float, float] | None:
    """Where 95 of 100 distances lie if both pools of texts, given as sentence lengths, are drawn anew RESAMPLED times.

    Texts are drawn, and not sentences: those of one text are no independent draws (a bootstrap of clusters). The
    distance of a few sentences is always above 0, so that its floor isn't 0 either: that of the author to the author's
    own other works. None if one pool has no sentences.
    """
    rng = Random(seed)
    mine, theirs = ([lengths for lengths in pool if lengths] for pool in (texts, others))
    if not mine or not theirs:
        return None
    found = []
    for _ in range(RESAMPLED):
        one, other = ([n for lengths in rng.choices(pool, k=len(pool)) for n in lengths] for pool in (mine, theirs))
        found.append(distance(one, other) or 0.0)
    found.sort()
    return found[round(0.025 * (RESAMPLED - 1))], found[round(0.975 * (RESAMPLED - 1))]


def variation(lengths: Sequence[int]) -> float | None:
    """Coefficient of variation: standard deviation over mean. 0 if all are alike; None if there are none."""
    return pstdev(lengths) / fmean(lengths) if lengths else None


def marks_per_1000_words(text: str) -> dict[str, float | None]:
    """How often each mark stands in 1,000 words of `text`; every value is None if it has no words.

    Parentheses and quotes are counted once a pair.
    """
    count = len(words(text))
    found = {name: len(mark.findall(text)) for name, mark in MARKS.items()} | {"quote": len(speech_spans(text))}
    return {name: 1000 * times / count if count else None for name, times in found.items()}
