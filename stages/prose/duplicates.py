"""Which paragraphs say again what another one says, word for word or nearly."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stages.params import Params
from stages.prose.shingles import Hashes, Places, Words, among, ascending, runs, whole
from stages.prose.text import words


class Similarity(Params):
    """When two paragraphs are nearly the same."""

    run_words: int = Field(ge=1)  # what is compared: runs of so many words
    near_share: float = Field(gt=0, le=1)  # of a paragraph's runs in one other: it is a near duplicate of that


@dataclass(frozen=True)
class Twin:
    """What a duplicate repeats."""

    of: int  # place of the paragraph that stands
    share: float  # of the duplicate's runs; 1.0 if all words are the same


def exact(texts: Sequence[str], hashed: Words) -> dict[int, Twin]:
    """The texts that have the same words as one before, whatever their case and punctuation, by their places."""
    first: dict[int, int] = {}
    twins = {}
    for place, key in enumerate(whole(hashed).tolist()):
        stands = first.setdefault(key, place)
        if stands != place and words(texts[stands]) == words(texts[place]):
            twins[place] = Twin(stands, 1.0)
    return twins


def near(hashed: Words, similarity: Similarity, first: int = 0) -> dict[int, Twin]:
    """The texts of which `near_share` of the runs are in one text that stands, by their places.

    The longest stands, of texts as long the first, so that a shorter version goes, and a part of a longer text too;
    but none of the `first` texts goes for the sake of one that comes after them. Exact: a text with too many runs that
    no other has can't be a duplicate, the few others are compared run by run.
    """
    found, owners = runs(hashed, similarity.run_words)
    shared, owner, sizes = _shared(found, owners, len(hashed.borders) - 1)
    needed = np.ceil(sizes * similarity.near_share - 1e-9).astype(np.int64)
    suspect = (np.bincount(owner, minlength=len(sizes)) >= needed) & (sizes > 0)
    if not suspect.any():
        return {}
    # of interest are the runs of suspects alone
    inside, _ = among(shared, ascending(shared[suspect[owner]]))
    shared, owner = shared[inside], owner[inside]
    places = np.arange(len(sizes))
    order = np.lexsort((places, -sizes, places >= first))
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[order] = np.arange(len(sizes))
    by_rank = np.argsort(rank[owner], kind="stable")
    return _resolved(shared[by_rank], owner[by_rank], suspect, needed, sizes)


def _resolved(
    shared: Hashes, owner: Places, suspect: NDArray[np.bool_], needed: Places, sizes: Places
) -> dict[int, Twin]:
    """The duplicates among texts whose `shared` runs come in the order in which the texts are to stand."""
    count = len(sizes)
    run = np.unique(shared, return_inverse=True)[1]
    by_run = np.argsort(run, kind="stable")  # the places of each run side by side, in the order of the texts
    at = np.empty(len(run), dtype=np.int64)
    at[by_run] = np.arange(len(run))
    first = np.searchsorted(run[by_run], run)
    owners = owner[by_run]
    stands = np.ones(count, dtype=bool)
    twins: dict[int, Twin] = {}
    borders = np.flatnonzero(np.diff(owner, prepend=-1, append=-1)).tolist()
    for start, stop in pairwise(borders):
        text = int(owner[start])
        if not suspect[text]:
            continue
        before = owners[_ranges(first[start:stop], at[start:stop])]
        before = before[stands[before]]
        if len(before) < needed[text]:
            continue
        # of texts with as many runs in common the first
        if len(before) * 8 > count:
            common = np.bincount(before)
            other = int(common.argmax())
            most = int(common[other])
        else:
            others, found = np.unique(before, return_counts=True)
            other, most = int(others[found.argmax()]), int(found.max())
        if most >= needed[text]:
            twins[text] = Twin(other, round(most / int(sizes[text]), 4))
            stands[text] = False
    return twins


def _ranges(starts: Places, stops: Places) -> Places:
    """All numbers from each start to its stop."""
    lengths = stops - starts
    ends = np.cumsum(lengths)
    numbers: Places = np.arange(int(ends[-1])) + np.repeat(starts - ends + lengths, lengths)
    return numbers


def _shared(found: Hashes, owners: Places, count: int) -> tuple[Hashes, Places, Places]:
    """The different runs of each text that other texts have too, whose they are, and how many different ones each has.

    A run and its text are sorted as one number: the upper bits of the hash, which tell runs apart just as well in
    one corpus, and the text.
    """
    bits = max(count - 1, 1).bit_length()
    mask = np.uint64((1 << bits) - 1)
    keys = ascending((found & ~mask) | owners.astype(np.uint64))
    owner = (keys & mask).astype(np.int64)
    sizes = np.bincount(owner, minlength=count)
    run = keys & ~mask
    several = np.zeros(len(run), dtype=bool)
    several[1:] = run[1:] == run[:-1]
    several[:-1] |= several[1:]
    return run[several], owner[several], sizes
