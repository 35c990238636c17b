"""The words of an author: those that mark the author beside other text, and how soon words come back.

Marker words are found as Monroe, Colaresi and Quinn do in "Fightin' Words" (2008).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import log, sqrt

from stages.prose.content import placed, unknown_words
from stages.prose.lexicon import frequency
from stages.prose.text import words

MTLD_THRESHOLD = 0.72  # McCarthy and Jarvis 2010
FEWEST = 10  # markers whose rate says something


@dataclass(frozen=True)
class Marker:
    """A word that an author uses more than other text does."""

    word: str
    log_odds: float  # natural logarithm of the ratio of its odds in the author to those in plain prose
    z: float  # log_odds over its standard deviation
    works: int  # of the author that have it


def markers(
    works: Mapping[str, str],
    plain: Sequence[str],
    others: Mapping[str, Sequence[str]],
    *,
    most: int,
    prior_words: float,
    min_works: int,
    min_z: float,
    below_zipf: float,
) -> list[Marker]:
    """The `most` words that mark the author of `works` beside `plain` and `others`, highest z-score first.

    `plain` are the same works in plain prose: what tells them apart is no topic. `others` are other authors, each with
    their texts: what tells an author from plain prose is often what others write too.

    Log-odds with an informative Dirichlet prior (Monroe et al. 2008), shared out as in both texts together: it draws
    what was counted a few times only towards "no difference". It is worth `prior_words` words, but no more than the
    smaller text has: else the prior would decide, and of two small texts nothing would mark either. A marker has a
    z-score of `min_z` or more beside `plain`, and of half of that beside each of `others`, who may have little text.
    It stands in at least `min_works` works. It is less frequent in English than `below_zipf` (6 leaves out the 100 most
    frequent words: they are what Delta measures, and would be most of the rate), and it isn't a name: a word that is
    capitalised within sentences more often than it is written in lower case. Groups of `others` without words are
    passed over; without `plain` there are no markers.
    """
    author, beside = _counted(works.values()), _counted(plain)
    if not beside:
        return []
    in_works = Counter(word for text in works.values() for word in dict.fromkeys(words(text)))
    lower = _common_words(works.values())
    usable = [word for word in author if in_works[word] >= min_works and word in lower and frequency(word) < below_zipf]
    rest = [counted for counted in map(_counted, others.values()) if counted]
    found = []
    for word in usable:
        odds = _log_odds(word, author, beside, prior_words)
        if odds is None or odds[1] < min_z:
            continue
        scores = [_log_odds(word, author, other, prior_words) for other in rest]
        if all(score is not None and score[1] >= min_z / 2 for score in scores):
            found.append(Marker(word, *odds, in_works[word]))
    return sorted(found, key=lambda marker: (-marker.z, marker.word))[:most]


def _counted(texts: Iterable[str]) -> Counter[str]:
    return Counter(chain.from_iterable(words(text) for text in texts))


def _log_odds(word: str, author: Counter[str], other: Counter[str], prior_words: float) -> tuple[float, float] | None:
    """The log-odds-ratio of `word` and its z-score. None if one of the texts has no other word, and so no odds."""
    size, rest = author.total(), other.total()
    prior_words = min(prior_words, size, rest)
    prior = prior_words * (author[word] + other[word]) / (size + rest)
    mine, theirs = author[word] + prior, other[word] + prior
    if mine >= size + prior_words or theirs >= rest + prior_words:
        return None
    odds = log(mine / (size + prior_words - mine)) - log(theirs / (rest + prior_words - theirs))
    return odds, odds / sqrt(1 / mine + 1 / theirs)


def _common_words(texts: Iterable[str]) -> set[str]:
    """The words that are written in lower case more often than with a capital within a sentence."""
    lower, capital = Counter[str](), Counter[str]()
    for text in texts:
        for word in placed(text):
            key = word.text.lower().replace("’", "'")
            if word.text[0].islower():
                lower[key] += 1
            elif not word.opens:
                capital[key] += 1
    return {word for word, times in lower.items() if times > capital[word]}


def marker_rate(text: str, marked: Collection[str]) -> float | None:
    """Share of the words of `text` that are in `marked`, from 0 to 1.

    None if it has no words, or if fewer than FEWEST mark the author: the rate would be that of a word or two.
    """
    found = words(text)
    return sum(word in marked for word in found) / len(found) if found and len(marked) >= FEWEST else None


def unknown_word_rate(texts: Sequence[str], known: Sequence[str]) -> float | None:
    """Share of the words of all `texts` that nobody writes and the `known` text of each hasn't, from 0 to 1.

    What a model spells that is no word: see content.unknown_words. None if there are no words.
    """
    count = sum(len(words(text)) for text in texts)
    unknown = sum(len(unknown_words(beside, text)) for text, beside in zip(texts, known, strict=True))
    return unknown / count if count else None


def mtld(text: str) -> float | None:
    """Measure of textual lexical diversity: the mean length of a run of words whose type-token ratio stays above 0.72.

    McCarthy and Jarvis 2010: the number of words over the number of such runs (factors), the last one counted as the
    part of its way from 1 to 0.72; the mean of reading forward and backward. From 100 words up it hardly depends on the
    length of the text: Lovecraft's stories have 112, Poe's 89. None if no word comes twice: there is no part of a
    factor to divide by.
    """
    found = words(text)
    forward, backward = _factors(found), _factors(found[::-1])
    return (len(found) / forward + len(found) / backward) / 2 if forward and backward else None


def _factors(found: Sequence[str]) -> float:
    whole, types, length = 0, set[str](), 0
    for word in found:
        types.add(word)
        length += 1
        if len(types) / length <= MTLD_THRESHOLD:
            whole, types, length = whole + 1, set(), 0
    rest = (1 - len(types) / length) / (1 - MTLD_THRESHOLD) if length else 0
    return whole + rest
