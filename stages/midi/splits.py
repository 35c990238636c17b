"""Train, valid and test by group, so that adding files moves as few of the others as can be."""

from collections.abc import Mapping, Sequence, Set
from typing import Literal

from pydantic import Field

from stages.files import sha256
from stages.params import Params

Split = Literal["train", "valid", "test"]
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
