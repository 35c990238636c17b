"""How much better the bars of a piece follow one another as they stand than in another order.

A small model, fitted on real pieces, tells pairs of bars that stand next to each other (or 2, 4 or 8 bars apart) from
other pairs of the same piece: by the melody and bass intervals and scale steps over the bar line, voice leading,
rhythm and likeness. Summed over the piece and compared with the same sum over random orders of its own bars, this is a
measure that doesn't depend on style or on which notes there are, only on their order. Shuffled bars give about 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stages.midi.song import DURATION, ONSET, PITCH, Song
from stages.midi.statistics import Bools, Floats, Ints, View, unit

LAGS = (1, 2, 4, 8)  # bars from one to the other; 4 and 8 are the usual lengths of phrases
PERMUTATIONS = 100
FEWEST_BARS = 4
WIDEST = 13  # semitones; larger intervals count as one
RIDGE = 1e-3
PSEUDO_COUNT = 1.5  # of the expected count of a cell, which keeps rare cells near even odds
SLOTS = 4  # places in a quarter that onsets are put into


@dataclass(frozen=True)
class BarView:
    """What the bars of one song begin and end with. Arrays have a row per bar."""

    view: View

    @cached_property
    def count(self) -> int:
        """Number of bars."""
        return len(self.view.lines)

    @cached_property
    def edges(self) -> tuple[Ints, Ints, Bools]:
        """Of each bar the first and the last of view.times, and whether it has any."""
        which = np.searchsorted(self.view.lines, self.view.times, side="right") - 1
        filled = np.isin(np.arange(self.count), which)
        first = np.searchsorted(which, np.arange(self.count))
        last = np.searchsorted(which, np.arange(self.count), side="right") - 1
        return np.where(filled, first, 0), np.where(filled, last, 0), filled

    @cached_property
    def others(self) -> Bools:
        """Which pairs of bars can be compared: two different bars, both with notes."""
        filled = self.edges[2]
        return filled[:, None] & filled[None, :] & ~np.eye(self.count, dtype=np.bool_)

    @cached_property
    def onsets(self) -> Floats:
        """Which pitches begin where in the bar, flattened, every bar scaled to length 1."""
        view = self.view
        slot = (view.notes[:, ONSET] - view.lines[view.bar]) * SLOTS // view.song.ticks_per_quarter
        used, column = np.unique(slot * 128 + view.notes[:, PITCH], return_inverse=True)
        found = np.zeros((self.count, len(used)))
        found[view.bar, column] = 1
        return unit(found)

    @cached_property
    def cells(self) -> list[tuple[Ints, int]]:
        """For each pair of bars, six times a cell number and the number of cells: what the bar line is crossed with."""
        view, (first, last, _) = self.view, self.edges
        top, bottom, (tonic, _) = view.top, view.bottom, view.key
        beat = np.minimum((view.times[last] - view.lines) * 2 // view.song.ticks_per_quarter, 11)
        return [
            (_interval(top[last], top[first]), 2 * WIDEST + 1),
            (_interval(bottom[last], bottom[first]), 2 * WIDEST + 1),
            (_steps(top[last] - tonic, top[first] - tonic), 144),
            (_steps(bottom[last] - tonic, bottom[first] - tonic), 144),
            (_steps(bottom[last] - tonic, top[first] - tonic), 144),
            (_steps(beat, beat), 144),
        ]

    @cached_property
    def likeness(self) -> list[Floats]:
        """For each pair of bars: how alike they are in harmony, rhythm, notes, register and number of notes."""
        view, onsets = self.view, self.onsets
        top = view.top[self.edges[0]]
        notes = np.bincount(view.bar, minlength=self.count)
        same = onsets @ onsets.T
        return [
            view.chroma @ view.chroma.T,
            view.rhythm @ view.rhythm.T,
            same,
            (same > 0.99).astype(np.float64),
            -np.abs(top[:, None] - top[None, :]) / 4,
            -np.abs(notes[:, None] - notes[None, :]) / 4,
        ]

    @cached_property
    def leading(self) -> list[Floats]:
        """For each pair of bars: how the last chord of one leads to the first chord of the other."""
        view, (first, last, _) = self.view, self.edges
        pitches = np.zeros((len(view.times), 128), dtype=np.bool_)
        time, note = np.nonzero(view.sounding)
        pitches[time, view.notes[note, PITCH]] = True
        before, after = pitches[last], pitches[first]
        to_after = _shares(after) @ _nearest(before).T  # semitones from each new pitch to the nearest old one, [j, i]
        to_before = _shares(before) @ _nearest(after).T  # and back, [i, j]
        ends = np.zeros(self.count)
        stops = np.append(view.lines[1:], np.iinfo(np.int64).max)
        held = (view.notes[:, ONSET] + view.notes[:, DURATION] - stops[view.bar]) / view.song.ticks_per_quarter
        np.maximum.at(ends, view.bar, held)
        begins = (view.times[first] - view.lines) / view.song.ticks_per_quarter
        return [
            -to_after.T,
            -to_before,
            (to_after.T < 1e-9).astype(np.float64),
            (before.astype(np.float64) @ after.T) / 2,
            -np.abs(ends[:, None] - begins[None, :]) / 2,
        ]


@dataclass(frozen=True)
class BarOrder:
    """The fitted model: log-odds of the cells, and per lag the offset, scale and weight of every feature."""

    odds: tuple[Floats, ...]
    lags: tuple[tuple[Floats, Floats, Floats], ...]

    def order(self, bars: BarView) -> float:
        """Standard deviations by which `bars` follow one another better than in random order; 0 if it can't be told."""
        count = bars.count
        if count < FEWEST_BARS or not bars.others.any():
            return 0.0
        rng = np.random.default_rng(0)
        orders = np.vstack([np.arange(count), np.argsort(rng.random((PERMUTATIONS, count)), axis=1)])
        sums = np.zeros(len(orders))
        for lag, (offset, scale, weights) in zip(LAGS, self.lags, strict=True):
            if lag + 1 >= count:
                continue
            fit = ((_features(bars, lag, self.odds) - offset) / scale) @ weights
            fit = np.where(bars.others, fit - fit[bars.others].mean(), 0)
            sums += fit[orders[:, :-lag], orders[:, lag:]].sum(axis=1)
        spread = float(sums[1:].std())
        return float(sums[0] - sums[1:].mean()) / spread if spread > 1e-9 else 0.0


def fitted(songs: Sequence[Song]) -> BarOrder:
    """The model of how bars follow one another in `songs`, each in normal form with at least one pitched note."""
    every = [BarView(View(song)) for song in songs]
    pieces = [bars for bars in every if bars.count >= FEWEST_BARS and bars.others.any()]
    if not pieces:
        raise ValueError(f"no piece has {FEWEST_BARS} bars to fit their order on")
    odds = tuple(_odds([bars.cells[index] for bars in pieces], pieces) for index in range(len(pieces[0].cells)))
    return BarOrder(odds, tuple(_weights(pieces, lag, odds) for lag in LAGS))


def _interval(before: Ints, after: Ints) -> Ints:
    """Cell of the interval from each of `before` to each of `after`."""
    return np.asarray(np.clip(after[None, :] - before[:, None], -WIDEST, WIDEST) + WIDEST)


def _steps(before: Ints, after: Ints) -> Ints:
    """Cell of each of `before`, modulo 12, with each of `after`."""
    return np.asarray((before % 12)[:, None] * 12 + (after % 12)[None, :])


def _nearest(chords: Bools) -> Floats:
    """Semitones from each pitch to the nearest in each chord, shape (chords, 128); 0 for an empty chord."""
    pitches = np.arange(128)
    below = np.maximum.accumulate(np.where(chords, pitches, -128), axis=1)
    above = np.minimum.accumulate(np.where(chords, pitches, 256)[:, ::-1], axis=1)[:, ::-1]
    far = np.minimum(pitches - below, above - pitches)
    far[~chords.any(axis=1)] = 0
    return np.asarray(far.astype(np.float64))


def _shares(chords: Bools) -> Floats:
    """Every chord's pitches with weights that add up to 1."""
    return np.asarray(chords / np.maximum(chords.sum(axis=1, keepdims=True), 1))


def _adjacent(bars: BarView, lag: int) -> Bools:
    """Which of the pairs that can be compared are `lag` bars apart."""
    return bars.others & np.eye(bars.count, k=lag, dtype=np.bool_)


def _odds(cells: Sequence[tuple[Ints, int]], pieces: Sequence[BarView]) -> Floats:
    """Log of how much more often each cell is met in bars that follow one another than in any two bars of a piece."""
    size = cells[0][1]
    found, expected = np.zeros(size), np.zeros(size)
    for (cell, _), bars in zip(cells, pieces, strict=True):
        follow = np.bincount(cell[_adjacent(bars, 1)], minlength=size)
        others = np.bincount(cell[bars.others], minlength=size)
        found += follow
        expected += others * follow.sum() / max(int(others.sum()), 1)
    prior = PSEUDO_COUNT * size * (expected + 0.1) / (expected.sum() + 0.1 * size) + 0.5
    return np.asarray(np.log((found + prior) / (expected + prior)))


def _features(bars: BarView, lag: int, odds: Sequence[Floats]) -> Floats:
    """Shape (bars, bars, features): how well each bar would follow each other one at this lag."""
    columns = list(bars.likeness)
    if lag == 1:
        columns += [*bars.leading, *(table[cell] for (cell, _), table in zip(bars.cells, odds, strict=True))]
    return np.stack(columns, axis=-1)


def _weights(pieces: Sequence[BarView], lag: int, odds: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    """Offset, scale and weight of each feature: ridge logistic regression by Newton's method, balanced classes."""
    rows, labels, shares = [], [], []
    for bars in pieces:
        true = _adjacent(bars, lag)[bars.others]
        if true.any() and not true.all():
            rows.append(_features(bars, lag, odds)[bars.others])
            labels.append(true.astype(np.float64))
            shares.append(np.where(true, 1.0, true.sum() / (~true).sum()))
    if not rows:
        width = _features(pieces[0], lag, odds).shape[-1]
        return np.zeros(width), np.ones(width), np.zeros(width)
    features, label, share = np.concatenate(rows), np.concatenate(labels), np.concatenate(shares)
    share /= share.sum()
    offset, scale = features.mean(axis=0), features.std(axis=0) + 1e-9
    columns = np.column_stack([np.ones(len(features)), (features - offset) / scale])
    weights = np.zeros(columns.shape[1])
    penalty = RIDGE * np.eye(len(weights))
    for _ in range(8):
        chance = 1 / (1 + np.exp(-columns @ weights))
        slope = columns.T @ (share * (chance - label)) + penalty @ weights
        curve = (columns * (share * chance * (1 - chance))[:, None]).T @ columns + penalty
        weights -= np.linalg.solve(curve, slope)
    return offset, scale, weights[1:]
