"""Acoustic fingerprints by chromaprint, and an index that finds the same recording re-encoded or trimmed.

A fingerprint is a row of 32-bit words, one for every 0.124 s. Two of one recording differ in few bits where they are
laid over each other; unrelated ones in nearly half.
"""

import base64
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.lofi import levels
from stages.lofi.media import Samples, ffmpeg
from stages.run import StageError

Print = NDArray[np.uint32]

RATE_HZ = 11_025  # what chromaprint works at
LONGEST_S = 100.0  # of a track, from its beginning
SHIFT = 4  # low bits that the index leaves out: those that encoding changes first
EVERY = 8  # of the words of a track so many-th is in the index; of a track that is looked for all are looked up
PLACE_BITS = np.uint64(32)
SHORTEST = 40  # words that two prints must have in common, five seconds, and
COMMON = 0.5  # so much of the shorter one: a rest at the end of one and the start of another is no recording
OFFSETS = 1 << 31  # added to an offset, so that it and its track are one number
CANDIDATES, TURNS = 16, 4  # tracks that are compared in full, at so many offsets: those with the most words in common
MOST = 1 << 14  # entries of a word, beyond which it is not looked at


def of_stereo(stereo: Samples, rate_hz: int) -> Print:
    """The words of `stereo`, shape (samples, 2) at `rate_hz`."""
    import soxr

    part = stereo[: round((LONGEST_S + 1) * rate_hz)]  # a second more, for the resampler to end on
    return fingerprint(soxr.resample(levels.mono(part[:, 0], part[:, 1]), rate_hz, RATE_HZ, "HQ"))


def fingerprint(mono: Samples) -> Print:
    """The words of `mono`, shape (samples,) at 11,025 Hz; at most its first 100 seconds count."""
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


def text(one: Print) -> str:
    """`one` as ASCII."""
    return base64.b64encode(one.astype("<u4").tobytes()).decode()


def of_text(text: str) -> Print:
    """The fingerprint that `text` was made of."""
    return np.frombuffer(base64.b64decode(text), "<u4").astype(np.uint32)


def similarity(one: Print, other: Print, offset: int) -> float:
    """Share of equal bits where `other` is laid over `one` from its word `offset` on; 0 if they have too few in common.

    A negative offset begins before `one`.
    """
    first = one[max(offset, 0) :]
    second = other[max(-offset, 0) :]
    count = min(len(first), len(second))
    if count < max(SHORTEST, COMMON * min(len(one), len(other))):
        return 0.0
    different = np.bitwise_count(first[:count] ^ second[:count]).sum()
    return float(1 - different / (32 * count))


@dataclass(frozen=True)
class Match:
    """Another track that sounds the same."""

    track: int
    similarity: float
    offset: int  # words by which it begins later


class Index:
    """Fingerprints in the order they came, and where some of their words occur in them.

    Of 100,000 tracks it takes 385 MiB: all words, 4 bytes each, and 8 bytes for every eighth of them.
    """

    def __init__(self, words: Print, lengths: Sequence[int]) -> None:
        """An index of fingerprints that lie end to end in `words`, so many words each."""
        self._all = words
        self._starts = np.concatenate([[0], np.cumsum(np.asarray(lengths, np.int64))]).astype(np.int64)
        # a word and its place are one number: sorted in place, found by its upper half
        keys = words[::EVERY].astype(np.uint64)
        keys >>= np.uint64(SHIFT)
        keys <<= PLACE_BITS
        keys |= np.arange(0, len(words), EVERY, dtype=np.uint32)
        keys.sort()
        self._keys = keys

    @classmethod
    def of(cls, prints: Sequence[Print]) -> "Index":
        """An index of all `prints`."""
        return cls(np.concatenate([*prints, np.zeros(0, np.uint32)]), [len(one) for one in prints])

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, track: int) -> Print:
        return self._all[self._starts[track] : self._starts[track + 1]]

    def matches(self, one: Print, least: float, besides: int = -1) -> list[Match]:
        """The tracks that are like `one` in at least `least` of the bits, the most similar first; not `besides`."""
        tracks, offsets = self._places_of(one)
        there = tracks != besides
        pairs, votes = np.unique((tracks[there] << 32) + offsets[there] + OFFSETS, return_counts=True)
        found: dict[int, Match] = {}
        tried: Counter[int] = Counter()
        # A loop has as many words in common at each of its turns: few offsets of a track are tried, those that lay
        # most of both over each other, so that many tracks are.
        nearness = np.abs((pairs & 0xFFFFFFFF) - OFFSETS)
        for place in np.lexsort((nearness, -votes)):
            track, offset = int(pairs[place] >> 32), int(pairs[place] & 0xFFFFFFFF) - OFFSETS
            if len(tried) == CANDIDATES and track not in tried:
                break
            tried[track] += 1
            if tried[track] > TURNS:
                continue
            share = similarity(one, self[track], offset)
            if share >= least and share > (found[track].similarity if track in found else 0.0):
                found[track] = Match(track, share, offset)
        return sorted(found.values(), key=lambda match: (-match.similarity, match.track))

    def _places_of(self, one: Print) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the words of `one` are in the index: the tracks, and by how many words these then begin later."""
        words, at = np.unique(one >> np.uint32(SHIFT), return_index=True)
        left = np.searchsorted(self._keys, words.astype(np.uint64) << PLACE_BITS)
        right = np.searchsorted(self._keys, (words.astype(np.uint64) + np.uint64(1)) << PLACE_BITS)
        some = (right > left) & (right - left <= MOST)
        counts = (right - left)[some]
        if not len(counts):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        keys = np.concatenate([self._keys[a:b] for a, b in zip(left[some], right[some])])
        where = (keys & np.uint64((1 << 32) - 1)).astype(np.int64)
        tracks = np.asarray(np.searchsorted(self._starts, where, "right") - 1, np.int64)
        offsets = np.repeat(at[some], counts) - (where - self._starts[tracks])
        # a word of many tracks, such as that of silence, says nothing; one that a steady track has all over does
        word = np.repeat(np.arange(len(counts)), counts)
        new = np.concatenate([[True], (word[1:] != word[:-1]) | (tracks[1:] != tracks[:-1])])
        usual = np.bincount(word[new], minlength=len(counts)) > max(64, len(self) // 64)
        return tracks[~usual[word]], offsets[~usual[word]]
