"""How well the notes of a piece sit where they are, against the same notes a little higher, lower, earlier or later.

A conditional logit model, fitted on real pieces, tells a note's pitch from the pitches around it by key, melody,
harmony and what else the bar holds, and its onset from onsets around it by place in the bar and by what begins and ends
together. The mean log-probability of the notes as they stand says how much a piece makes sense in detail.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from stages.midi.song import DURATION, ONSET, PITCH, Song
from stages.midi.statistics import Floats, Ints, View

SEMITONES = (0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6)  # the pitch itself, then the others
QUARTERS = (0, 1 / 12, -1 / 12, 1 / 6, -1 / 6, 1 / 4, -1 / 4, 1 / 2, -1 / 2, 1, -1)  # the onset itself, then the others
WIDEST = 13
RIDGE = 0.02  # per note, against weights without bound where a genre never leaves the grid
FADE = 0.02  # share of a bar that a pitch class absent from it counts as having
PSEUDO_COUNT = 5.0

Cells: TypeAlias = tuple[Ints, int]  # shape (notes, alternatives): a cell number each; and how many cells there are
Options: TypeAlias = tuple[list[Cells], list[Floats]]  # what odds are counted of, and plain features


def pitch_options(view: View) -> Options:
    """What is known of each pitched note at each of the pitches SEMITONES away."""
    notes, rows = view.notes, np.arange(len(view.notes))
    pitch = notes[:, PITCH]
    candidates = np.clip(pitch[:, None] + np.array(SEMITONES), 0, 127)
    time = np.searchsorted(view.times, notes[:, ONSET])
    after = np.searchsorted(view.times, notes[:, ONSET] + notes[:, DURATION])
    sounding = np.zeros((len(view.times) + 2, 128), dtype=np.int64)
    begun = np.zeros_like(sounding)
    when, which = np.nonzero(view.sounding)
    np.add.at(sounding, (when + 1, pitch[which]), 1)  # a row of silence before the first and after the last
    np.add.at(begun, (time + 1, pitch), 1)
    others = sounding[time + 1]
    others[rows, pitch] -= 1

    tonic, minor = view.key
    is_top = pitch == view.top[time]
    is_bottom = pitch == view.bottom[time]
    before = np.where(time > 0, view.top[np.maximum(time - 1, 0)], -1)
    step = np.clip(candidates - before[:, None], -WIDEST, WIDEST) + WIDEST
    cells = [
        ((candidates - tonic) % 12 + 12 * minor, 24),
        (_nearest(sounding)[time][rows[:, None], candidates], WIDEST + 2),
        (_nearest(begun)[after + 1][rows[:, None], candidates], WIDEST + 2),
        (np.where((is_top & (before >= 0))[:, None], step, 2 * WIDEST + 1), 2 * WIDEST + 2),
        (np.where(is_bottom[:, None], 12, (candidates - view.bottom[time][:, None]) % 12), 13),
        (np.minimum(others[rows[:, None], candidates], 1), 2),
    ]
    classes = others.reshape(len(rows), -1, 4)  # 128 pitches are 32 groups of 4; three groups are an octave
    octaves = np.concatenate([classes, np.zeros((len(rows), 1, 4), dtype=np.int64)], axis=1).reshape(len(rows), 11, 12)
    chord = octaves.sum(axis=1)
    voices = np.maximum(chord.sum(axis=1), 1)
    against = [
        np.take_along_axis(chord, (candidates + interval) % 12, axis=1) / voices[:, None] for interval in range(12)
    ]
    own = np.zeros((len(rows), 12))
    own[rows, pitch % 12] = view.lengths
    around = np.pad(view.weights, ((1, 1), (0, 0)))
    contexts = (
        view.weights[view.bar] - own,
        around[view.bar] + around[view.bar + 2],
        view.weights.sum(axis=0) - own,
    )
    local = [np.take_along_axis(_log_shares(context), candidates % 12, axis=1) for context in contexts]
    return cells, [*local, *against]


def onset_options(view: View) -> Options:
    """What is known of each pitched note at each of the onsets QUARTERS away."""
    notes, quarter = view.notes, view.song.ticks_per_quarter
    shifts = np.array([round(quarters * quarter) for quarters in QUARTERS])
    onset = notes[:, ONSET][:, None] + shifts
    end = onset + notes[:, DURATION][:, None]
    moved = shifts != 0
    place = onset - view.lines[view.bar][:, None]
    half = np.where(place * 2 % quarter == 0, np.clip(place * 2 // quarter, -1, 15) + 1, 17)
    starts, ends = notes[:, ONSET], notes[:, ONSET] + notes[:, DURATION]
    itself = (~moved)[None, :].astype(np.int64)
    cells = [
        (place % quarter * 12 // quarter, 12),
        (half, 18),
        (np.clip(_how_many(starts, onset) - itself, 0, 4), 5),
        (np.clip(_how_many(ends, onset), 0, 4), 5),
        (np.clip(_how_many(starts, end), 0, 4), 5),
        (np.clip(_how_many(ends, end) - itself, 0, 4), 5),
    ]
    return cells, []


@dataclass(frozen=True)
class NoteFit:
    """The fitted model: log-odds of the cells; offset, scale and weight of every feature."""

    odds: tuple[Floats, ...]
    offset: Floats
    scale: Floats
    weights: Floats

    def log_probabilities(self, options: Options) -> Floats:
        """Of each pitched note, that it is where it is; `options` are of the kind that the model was fitted on."""
        logits = ((_features(options, self.odds) - self.offset) / self.scale) @ self.weights
        return np.asarray(logits[:, 0] - np.logaddexp.reduce(logits, axis=1))


def fitted(songs: Sequence[Song], options: Callable[[View], Options]) -> NoteFit:
    """The model of where the notes of `songs` are, songs in normal form."""
    found = [options(view) for view in (View(song) for song in songs) if len(view.notes)]
    if not found:
        raise ValueError("no notes to fit a model of their places on")
    odds = tuple(_odds([cells[index] for cells, _ in found]) for index in range(len(found[0][0])))
    features = np.concatenate([_features(one, odds) for one in found])
    flat = features.reshape(-1, features.shape[-1])
    offset, scale = flat.mean(axis=0), flat.std(axis=0) + 1e-9
    features = (features - offset) / scale
    weights = np.zeros(features.shape[-1])
    penalty = RIDGE * len(features) * np.eye(len(weights))
    for _ in range(6):
        logits = features @ weights
        chance = np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])
        mean = np.einsum("na,naf->nf", chance, features)
        slope = (mean - features[:, 0]).sum(axis=0) + penalty @ weights
        flat = (features * np.sqrt(chance)[..., None]).reshape(-1, len(weights))
        weights -= np.linalg.solve(flat.T @ flat - mean.T @ mean + penalty, slope)
    return NoteFit(odds, offset, scale, weights)


def _features(options: Options, odds: Sequence[Floats]) -> Floats:
    """Shape (notes, alternatives, features)."""
    cells, plain = options
    return np.stack([*(table[cell] for (cell, _), table in zip(cells, odds, strict=True)), *plain], axis=-1)


def _odds(cells: Sequence[Cells]) -> Floats:
    """Log of how much more often a cell is that of a note as it stands than of a note moved."""
    size = cells[0][1]
    stands = sum(np.bincount(cell[:, 0], minlength=size) for cell, _ in cells)
    moved = sum(np.bincount(cell[:, 1:].ravel(), minlength=size) for cell, _ in cells) / (cells[0][0].shape[1] - 1)
    return np.asarray(np.log((stands + PSEUDO_COUNT) / (moved + PSEUDO_COUNT)))


def _nearest(counts: Ints) -> Ints:
    """Semitones from each pitch to the nearest one counted in each row, at most WIDEST; WIDEST + 1 in an empty row."""
    pitches = np.arange(128)
    below = np.maximum.accumulate(np.where(counts > 0, pitches, -WIDEST), axis=1)
    above = np.minimum.accumulate(np.where(counts > 0, pitches, 127 + WIDEST)[:, ::-1], axis=1)[:, ::-1]
    far = np.minimum(np.minimum(pitches - below, above - pitches), WIDEST)
    far[~counts.any(axis=1)] = WIDEST + 1
    return np.asarray(far)


def _log_shares(weights: Floats) -> Floats:
    """Log of the share of each pitch class, and of FADE."""
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(np.log(np.maximum(weights, 0) / total + FADE))


def _how_many(ticks: Ints, at: Ints) -> Ints:
    """How many of `ticks` equal each of `at`."""
    ordered = np.sort(ticks)
    return np.asarray(np.searchsorted(ordered, at, side="right") - np.searchsorted(ordered, at, side="left"))
