"""Acoustic fingerprints by chromaprint, and an index that finds the same recording re-encoded or trimmed.

A fingerprint is a row of 32-bit words, one for every 0.124 s. Two of one recording differ in few bits where they are
laid over each other; unrelated ones in nearly half.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stages.lofi.media import Samples, ffmpeg
from stages.run import StageError

Print = NDArray[np.uint32]

RATE_HZ = 11_025  # what chromaprint works at
LONGEST_S = 120.0  # of a track; as much as AcoustID takes
SHIFT = 4  # low bits that the index leaves out: those that encoding changes first
SHORTEST = 40  # words that two prints must have in common: five seconds
OFFSETS = 1 << 31  # added to an offset, so that it and its track are one number
CANDIDATES = 16  # tracks and offsets that are compared in full, those with the most words in common


def fingerprint(mono: Samples) -> Print:
    """The words of `mono`, shape (samples,) at 11,025 Hz; at most its first two minutes count."""
    command = [
        *(ffmpeg(), "-hide_banner", "-nostdin", "-v", "error", "-f", "f32le", "-ar", f"{RATE_HZ}", "-ac", "1"),
        *("-i", "pipe:0", "-f", "chromaprint", "-fp_format", "raw", "pipe:1"),
    ]
    data = np.ascontiguousarray(mono[: round(LONGEST_S * RATE_HZ)], np.float32).tobytes()
    done = subprocess.run(command, input=data, capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().replace("\n", "; ")
        raise StageError(
            f"{ffmpeg()} makes no fingerprint, expected one with chromaprint: {said}; install another ffmpeg"
        )
    return np.frombuffer(done.stdout[: len(done.stdout) // 4 * 4], np.uint32)


def similarity(one: Print, other: Print, offset: int) -> float:
    """Share of equal bits where `other` is laid over `one` from its word `offset` on; 0 if they have too few in common.

    A negative offset begins before `one`.
    """
    first = one[max(offset, 0) :]
    second = other[max(-offset, 0) :]
    count = min(len(first), len(second))
    if count < SHORTEST:
        return 0.0
    different = np.bitwise_count(first[:count] ^ second[:count]).sum()
    return float(1 - different / (32 * count))


@dataclass(frozen=True)
class Match:
    """Another track that sounds the same."""

    track: int
    similarity: float
    offset: int  # words by which it begins later


@dataclass
class Index:
    """Fingerprints in the order they came, and where each word occurs in them."""

    prints: list[Print] = field(default_factory=list)
    _words: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    _places: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    _starts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))

    @classmethod
    def of(cls, prints: Sequence[Print]) -> "Index":
        """An index of all `prints`."""
        lengths = np.array([len(one) for one in prints], np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        words = (np.concatenate([*prints, np.zeros(0, np.uint32)]) >> SHIFT).astype(np.uint32)
        places = np.argsort(words, kind="stable").astype(np.uint32)
        return cls(list(prints), words[places], places, starts)

    def matches(self, one: Print, least: float, besides: int = -1) -> list[Match]:
        """The tracks that are like `one` in at least `least` of the bits, the most similar first; not `besides`."""
        words, at = np.unique(one >> SHIFT, return_index=True)
        left = np.asarray(np.searchsorted(self._words, words, "left"), np.int64)
        right = np.asarray(np.searchsorted(self._words, words, "right"), np.int64)
        # a word of a thousand tracks, such as that of silence, says nothing
        usual = right - left <= max(64, len(self.prints) // 64)
        counts = (right - left)[usual]
        if not counts.sum():
            return []
        where = np.concatenate([self._places[a:b] for a, b in zip(left[usual], right[usual])]).astype(np.int64)
        tracks = np.searchsorted(self._starts, where, "right") - 1
        offsets = np.repeat(at[usual], counts) - (where - self._starts[tracks])
        both = np.asarray((tracks.astype(np.int64) << 32) + offsets + OFFSETS, np.int64)
        pairs, votes = np.unique(both, return_counts=True)
        found: dict[int, Match] = {}
        for place in np.argsort(-votes, kind="stable")[:CANDIDATES]:
            track, offset = int(pairs[place] >> 32), int(pairs[place] & 0xFFFFFFFF) - OFFSETS
            if track == besides:
                continue
            share = similarity(one, self.prints[track], offset)
            if share >= least and share > (found[track].similarity if track in found else 0.0):
                found[track] = Match(track, share, offset)
        return sorted(found.values(), key=lambda match: (-match.similarity, match.track))
