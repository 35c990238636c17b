"""Train, valid and test by group, so that adding files moves as few of the others as can be; and what splits share."""

import heapq
from collections.abc import Mapping, Sequence, Set
from typing import Literal

import numpy as np
from pydantic import Field

from stages.files import sha256
from stages.midi.song import DRUMS, DURATION, ONSET, PITCH, PROGRAM, Song, Table
from stages.params import Params

Split = Literal["train", "valid", "test"]
UNEVEN = 12  # a 12th of a quarter is how far apart the notes of one chord may start, and how far a note may hang over
NEEDED: tuple[Split, ...] = ("train", "test", "valid")  # what a genre of one, two, three groups must have


class Shares(Params):
    """How groups are dealt out."""

    valid: float = Field(ge=0, lt=0.5)  # share of the groups
    test: float = Field(ge=0, lt=0.5)
    held_out_size: int = Field(ge=1)  # files; a larger group goes to train, or a single tune would be most of a test
    seed: int


def assign(sizes: Mapping[str, int], cells: Sequence[Set[str]], shares: Shares) -> dict[str, Split]:
    """The split of each group in `sizes`, which gives its number of files.

    A group's split comes from the hash of its name alone. Then each of `cells`, the groups of one genre in one dataset,
    that has a group for it gets one in train, test and valid: the nearest that no other cell misses is moved.
    """
    split: dict[str, Split] = {}
    for group, size in sorted(sizes.items()):
        place = _place(group, shares.seed)
        held_out: Split = "test" if place < shares.test else "valid"
        split[group] = held_out if place < shares.test + shares.valid and size <= shares.held_out_size else "train"
    while move := _first_move(split, sizes, cells, shares):
        group, target = move
        split[group] = target
    return split


def _place(group: str, seed: int) -> float:
    """A number in [0, 1) that depends on `group` and `seed` only."""
    return int(sha256(f"{seed}:{group}".encode())[:13], 16) / 16**13


def _first_move(
    split: Mapping[str, Split], sizes: Mapping[str, int], cells: Sequence[Set[str]], shares: Shares
) -> tuple[str, Split] | None:
    """A group and the split to move it to, so that a cell misses one split less and no other cell misses one more."""
    counts = [{name: sum(split[group] == name for group in cell) for name in NEEDED} for cell in cells]
    at_home: dict[str, list[int]] = {}
    for index, cell in enumerate(cells):
        for group in cell:
            at_home.setdefault(group, []).append(index)

    def spare(group: str) -> bool:
        mine = split[group]
        return all(counts[i][mine] > 1 or mine not in NEEDED[: len(cells[i])] for i in at_home[group])

    for index, cell in enumerate(cells):
        for target in NEEDED[: len(cell)]:
            if counts[index][target]:
                continue
            candidates = [group for group in cell if spare(group)]
            if candidates:
                small = [group for group in candidates if sizes[group] <= shares.held_out_size]
                # the fullest split gives; the hash decides among its groups, so that the same one goes each time
                best = max(
                    candidates if target == "train" else small or candidates,
                    key=lambda group: (counts[index][split[group]], -_place(group, shares.seed)),
                )
                return best, target
    return None


def highest_line(song: Song) -> list[int]:
    """The highest pitch that sounds at each onset of `song`, drums aside, each once while it stays the highest.

    Onsets up to a quarter / UNEVEN apart are one, and a note ends so much earlier than it says.
    """
    slack = song.ticks_per_quarter // UNEVEN
    line: list[int] = []
    sounding: list[tuple[int, int]] = []  # a heap of (-pitch, end)
    rows = sorted(row for row in song.notes.tolist() if row[PROGRAM] != DRUMS)
    for index, row in enumerate(rows):
        heapq.heappush(sounding, (-row[PITCH], row[ONSET] + max(row[DURATION] - slack, 1)))
        if index + 1 < len(rows) and rows[index + 1][ONSET] - row[ONSET] <= slack:
            continue
        while sounding[0][1] <= row[ONSET]:
            heapq.heappop(sounding)
        if not line or line[-1] != -sounding[0][0]:
            line.append(-sounding[0][0])
    return line


def shared_runs(
    lines: Sequence[Sequence[int]], places: Sequence[str], intervals: int, kinds: int
) -> tuple[set[int], int]:
    """Which of `lines`, of pitches, share a run of at least `intervals` intervals with one in another of `places`; and
    how many intervals the longest run has that two places share.

    Runs whose first `intervals` intervals have fewer than `kinds` different ones don't count. All starts of runs are
    sorted by what follows (a suffix array, Manber and Myers 1993): those that begin alike are neighbours.
    """
    if not lines:
        return set(), 0
    ends = range(128, 128 + len(lines))  # a mark after each line, which no interval and no other line has
    text = np.concatenate([np.append(np.diff(np.array(line, dtype=np.int64)), end) for line, end in zip(lines, ends)])
    owner = np.repeat(np.arange(len(lines)), [max(len(line), 1) for line in lines])
    place = np.unique(places, return_inverse=True)[1][owner]
    order = _sorted_suffixes(text)
    apart = np.diff(place[order]) != 0
    alike = np.zeros(len(order) - 1, dtype=np.int64)  # how long neighbours go on alike; up to `intervals` in one place
    active = np.arange(len(order) - 1)
    while len(active):
        one, other = order[active] + alike[active], order[active + 1] + alike[active]
        active = active[text[one] == text[other]]
        alike[active] += 1
        active = active[apart[active] | (alike[active] < intervals)]
    longest, crossed, first = 0, set(), 0
    for index in np.flatnonzero(apart).tolist():
        run = text[order[index] :][: min(alike[index], intervals)]
        if alike[index] > longest and len(set(run.tolist())) >= kinds:
            longest = int(alike[index])
    for stop in [*np.flatnonzero(alike < intervals).tolist(), len(order) - 1]:
        block = order[first : stop + 1]
        if len(set(place[block].tolist())) > 1 and len(set(text[block[0] :][:intervals].tolist())) >= kinds:
            crossed |= set(owner[block].tolist())
        first = stop + 1
    return crossed, longest


def _sorted_suffixes(text: Table) -> Table:
    """The starts of all suffixes of `text` in the order of what follows them; its last number is the only such one."""
    rank = np.unique(text, return_inverse=True)[1].astype(np.int64)
    length = 1
    while rank.max() < len(text) - 1:
        after = np.append(rank[length:], np.zeros(min(length, len(text)), dtype=np.int64))
        rank = np.unique(rank * len(text) + after, return_inverse=True)[1].astype(np.int64)
        length *= 2
    order: Table = np.argsort(rank)
    return order
