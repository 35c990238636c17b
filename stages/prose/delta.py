"""Whose prose it is, by how often the most frequent words come: Burrows' Delta and cosine Delta.

Burrows 2002 takes the mean absolute difference of z-scores; Smith and Aldridge 2011 the angle between them, which Evert
et al. 2017 found the better of the two. Both need about 1,000 words a text, below that there is no result but a reason.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
import numpy.typing as npt

from stages.prose.content import FUNCTION
from stages.prose.text import words

AUTHOR, SOURCE = "author", "source"  # the groups between which a text is placed
STEPS = 4  # windows that a word is in

Vector = npt.NDArray[np.float64]
Words = Sequence[str]

# Whose story it is told as decides these, not whose style: the perspectives change them (Burrows left them out too).
PERSONAL = frozenset(
    words(
        "i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her "
        "hers herself it its itself they them their theirs themselves one oneself thou thee thy thine thyself ye am "
        "i'm i've i'd i'll we're we've we'd we'll you're you've you'd you'll he's he'd he'll she's she'd she'll it's "
        "it'd it'll they're they've they'd they'll"
    )
)


def segments(texts: Sequence[str], size: int) -> list[Words]:
    """The words of all `texts` in order, cut into as many equal parts of at least `size` words as they give.

    None if they have fewer words together.
    """
    found = list(chain.from_iterable(words(text) for text in texts))
    count = len(found) // size
    bounds = [index * len(found) // count for index in range(count + 1)] if count else []
    return [found[start:end] for start, end in pairwise(bounds)]


def windows(texts: Sequence[str], size: int) -> list[Words]:
    """Windows of `size` words over the words of all `texts` in order, evenly spread, STEPS or more to a size.

    So texts of any length are compared by one size, and no chance of where a segment ends decides. None if they have
    fewer words together.
    """
    found = list(chain.from_iterable(words(text) for text in texts))
    rest = len(found) - size
    if rest < 0:
        return []
    count = -(-rest * STEPS // size)
    starts = [index * rest // max(count, 1) for index in range(count + 1)]
    return [found[start : start + size] for start in starts]


@dataclass(frozen=True)
class Scale:
    """The most frequent words, with the mean and the standard deviation of their relative frequencies."""

    words: tuple[str, ...]
    mean: Vector  # shape (words,), fractions of 1
    deviation: Vector  # above 0

    def scores(self, text: Words) -> Vector:
        """z-scores of the relative frequencies in `text`, shape (words,). It has at least one word."""
        return (_frequencies(text, self.words) - self.mean) / self.deviation


def fitted(groups: Mapping[str, Sequence[Words]], most: int, among: Collection[str] | None = None) -> Scale:
    """A scale of the `most` frequent words over the documents of `groups`, which are authors or kinds of text.

    If `among` is given no other words are counted.

    Every group has the same weight and every document in it, whatever their number: else the mean would be that of the
    author with the most text, and this author's own z-scores, all near 0, would have no direction. The documents are
    segments, not whole authors: with two authors the z-scores of their totals are 0.71 or -0.71 for every word. The
    variance is the unbiased one for weighted documents (with one document a group: that over n - 1). Frequent means
    the mean relative frequency; personal pronouns and words that are equally frequent in all documents are left out.
    Raises ValueError with fewer than two documents.
    """
    documents = [(document, 1 / len(group)) for group in groups.values() for document in group]
    if len(documents) < 2:
        raise ValueError(f"{len(documents)} documents, expected two or more to have a standard deviation")
    weights = np.array([weight for _, weight in documents])
    weights /= weights.sum()
    usual: dict[str, float] = {}
    for (document, _), weight in zip(documents, weights.tolist()):
        for word, times in Counter(document).items():
            usual[word] = usual.get(word, 0) + weight * times / len(document)
    allowed = [word for word in usual if word not in PERSONAL and (among is None or word in among)]
    names = sorted(allowed, key=lambda word: (-usual[word], word))[:most]
    table = np.array([_frequencies(document, names) for document, _ in documents])
    mean = weights @ table
    variance = weights @ (table - mean) ** 2 / (1 - (weights**2).sum())
    varies = variance > 1e-18  # fractions of 1: below this it is rounding
    return Scale(tuple(np.array(names)[varies].tolist()), mean[varies], np.sqrt(variance[varies]))


def _frequencies(text: Words, names: Sequence[str]) -> Vector:
    counts = Counter(text)
    return np.array([counts[name] for name in names], dtype=float) / len(text)


def burrows(scores: Vector, others: Vector) -> float:
    """Burrows' Delta: the mean absolute difference of the z-scores. 0 for equal ones; no upper bound."""
    return float(np.abs(scores - others).mean())


def cosine(scores: Vector, others: Vector) -> float:
    """Cosine Delta: 1 - the cosine of the angle between the z-scores, from 0 (same direction) to 2 (opposite).

    1 for texts that have nothing to do with each other, and if one of them is the mean of the scale.
    """
    norm = float(np.linalg.norm(scores) * np.linalg.norm(others))
    return 1 - float(scores @ others) / norm if norm else 1.0


def nearest(scores: Vector, profiles: Mapping[str, Vector]) -> str:
    """The name of the profile with the least cosine Delta to `scores`; of equals the first by name."""
    return min(sorted(profiles), key=lambda name: cosine(scores, profiles[name]))


def profile(scale: Scale, documents: Sequence[Words]) -> Vector:
    """The mean z-scores of `documents`, shape (words,), that stand for an author or a kind of text."""
    mean: Vector = np.array([scale.scores(document) for document in documents]).mean(axis=0)
    return mean


@dataclass(frozen=True)
class Closeness:
    """How near texts are to the author and to plain prose, as means over windows of a fixed size.

    Each Delta is from 0 to 2, see `cosine`. Windows of another size give other figures: more words, less noise, less
    distance. Without enough words the values are None, which is null in JSON, and `insufficient` says why.
    """

    delta_cosine_author: float | None
    delta_cosine_source: float | None
    attributed: dict[str, float] | None  # the share of windows that is nearest to each group
    segments: int  # that the texts fill; there are more windows, but they overlap
    insufficient: str  # "" if there is a result


@dataclass(frozen=True)
class Space:
    """Authors and plain prose as profiles on one scale, between which texts are placed."""

    size: int  # words of a segment or window
    words: dict[str, int]  # of each group
    left_out: list[str]  # groups with fewer words than a segment
    insufficient: str  # why nothing can be placed; "" if it can
    scale: Scale | None
    profiles: dict[str, Vector]

    def closeness(self, texts: Sequence[str]) -> Closeness:
        """Where `texts` are, all pooled."""
        tested, count = windows(texts, self.size), len(segments(texts, self.size))
        reason = self.insufficient or ("" if tested else f"the texts have less than {self.size} words")
        if reason or self.scale is None:
            return Closeness(None, None, None, count, reason)
        scores = [self.scale.scores(found) for found in tested]
        nearests = Counter(nearest(found, self.profiles) for found in scores)
        author, source = (
            float(np.mean([cosine(found, self.profiles[name]) for found in scores])) for name in (AUTHOR, SOURCE)
        )
        return Closeness(author, source, {name: nearests[name] / len(scores) for name in self.profiles}, count, "")


def spanned(groups: Mapping[str, Sequence[str]], size: int, most: int) -> Space:
    """The space of `groups`, each with its texts: AUTHOR, SOURCE, which is plain prose, and any reference authors.

    AUTHOR and SOURCE must tell the same things, other things than the texts that are placed between them: else what
    copies its plain source is near to the author for the topic alone. For the same reason function words are all that
    is counted, at most the `most` frequent ones. SOURCE belongs there: beside Poe alone all of Lovecraft's plain source
    is attributed to Lovecraft. `size` is the words of a segment, 1,000 for figures to rely on. A reference author with
    fewer words is left out; without AUTHOR or SOURCE nothing can be placed.
    """
    cut = {name: segments(texts, size) for name, texts in sorted(groups.items())}
    usable = {name: found for name, found in cut.items() if found}
    count = {name: sum(len(words(text)) for text in groups[name]) for name in cut}
    left_out = [name for name in cut if name not in usable]
    reason = "; ".join(
        f"{name} has {count.get(name, 0)} words, expected {size} or more"
        for name in (AUTHOR, SOURCE)
        if name not in usable
    )
    scale = None if reason else fitted(usable, most, FUNCTION)
    if scale is not None and not scale.words:
        reason, scale = "the groups use all function words alike", None
    profiles = {name: profile(scale, found) for name, found in usable.items()} if scale else {}
    return Space(size, count, left_out, reason, scale, profiles)
