"""What shares text lies in one split: groups of documents and conversations, their splits, and the runs in two.

A run is 12 words in a row, in lower case and without marks and numbers; a text with fewer words is one run.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from stages.files import sha256
from stages.prose import shingles
from stages.prose.documents.chunks import WIDE
from stages.prose.shingles import Hashes, Places, among, ascending, hashed, whole

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")

RUN = 12  # words; shorter runs are shared by people who never met (facts: the longest of a held-out story has 9)
APART = re.compile(rf"[{WIDE}]")  # each of these letters is a word


@dataclass(frozen=True)
class Group:
    """Documents or conversations that share text."""

    name: str
    kind: str  # of its first member
    size: int  # words


def keys(texts: Sequence[str]) -> list[Hashes]:
    """A number for each different run of each text, ascending: numbers are equal if the runs are (see shingles)."""
    words = hashed([APART.sub(r" \g<0> ", text) for text in texts])
    found, owners = shingles.runs(words, RUN)
    parts = np.split(found, np.searchsorted(owners, np.arange(1, len(texts))))
    lengths = np.diff(words.borders)
    return [
        np.array([one] if 0 < length < RUN else ascending(part), dtype=np.uint64)
        for part, one, length in zip(parts, whole(words), lengths)
    ]


def same(keys: Sequence[Hashes], share: float) -> list[int]:
    """For each text, given its runs, the first one of its group.

    A text belongs to the group of the first one that has a run of it, where they share at least `share` of the runs of
    the one with fewer.
    """
    first = list(range(len(keys)))
    every, owner = _together(keys)
    order = np.argsort(every, kind="stable")  # equal runs stay in the order of their texts
    every, owner = every[order], owner[order]
    begins = np.flatnonzero(np.diff(every, prepend=every[:1] - np.uint64(1)))
    holder = np.repeat(owner[begins], np.diff(np.append(begins, len(every))))
    pairs, counts = np.unique(np.stack([holder, owner])[:, holder != owner], axis=1, return_counts=True)

    def root(text: int) -> int:
        while first[text] != text:
            text = first[text]
        return text

    for (one, other), count in zip(pairs.T.tolist(), counts.tolist()):
        if count >= share * min(len(keys[one]), len(keys[other])):
            one, other = sorted((root(one), root(other)))
            first[other] = one
    return [root(text) for text in range(len(keys))]


def assign(groups: Sequence[Group], valid: float, test: float, seed: int) -> dict[str, Split]:
    """The split of each group by name: shares of the groups of each kind, at least one, drawn by the hash of the names.

    A kind with fewer than three groups is for train, if another one has three; else all are dealt as one kind.
    The largest group of a kind is for train.
    """
    kinds = sorted({group.kind for group in groups})
    enough = {kind for kind in kinds if sum(group.kind == kind for group in groups) >= len(SPLITS)}
    split: dict[str, Split] = {group.name: "train" for group in groups}
    for members in [[group for group in groups if group.kind == kind] for kind in kinds if kind in enough] or [
        [*groups]
    ]:
        largest = max(members, key=lambda group: (group.size, group.name))
        drawn = sorted((sha256(f"{seed}:{group.name}".encode()), group.name) for group in members if group != largest)
        tests = min(max(round(test * len(members)), 1), len(drawn) - 1)
        valids = min(max(round(valid * len(members)), 1), len(drawn) - tests)
        split |= {name: "test" for _, name in drawn[:tests]}
        split |= {name: "valid" for _, name in drawn[tests : tests + valids]}
    return split


def leaking(texts: Mapping[Split, Sequence[str]]) -> dict[Split, list[bool]]:
    """Which texts of valid share a run with train, and which of test with train or with what is left of valid."""
    seen = np.array([], np.uint64)
    found: dict[Split, list[bool]] = {}
    for split in SPLITS:
        runs = keys(texts[split])
        every, owners = _together(runs)
        leaks = np.zeros(len(runs), dtype=bool)
        leaks[owners[among(every, seen)[0]]] = True
        seen = ascending(np.concatenate([seen, every[~leaks[owners]]]))
        found[split] = leaks.tolist()
    return found


def shared_runs(texts: Mapping[Split, Sequence[str]]) -> int:
    """How many different runs are in two splits."""
    train, valid, test = (ascending(_together(keys(texts[split]))[0]) for split in SPLITS)
    held_out = ascending(np.concatenate([valid, test]))
    return len(ascending(np.concatenate([train[among(train, held_out)[0]], valid[among(valid, test)[0]]])))


def _together(runs: Sequence[Hashes]) -> tuple[Hashes, Places]:
    """The runs of all texts, and which text each is of."""
    lengths = np.array([len(one) for one in runs], dtype=np.int64)
    return np.concatenate([np.array([], np.uint64), *runs]), np.repeat(np.arange(len(runs)), lengths)


def spoken(row: dict[str, Any]) -> str:
    """The text of a row that two splits must not share: all but its system messages, which any number may have."""
    if "text" in row:
        return str(row["text"])
    return said(row["messages"])


def said(messages: Iterable[dict[str, str]]) -> str:
    """What users and assistant say."""
    return "\n".join(message["content"] for message in messages if message["role"] != "system")
