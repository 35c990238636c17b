"""Measures of a piece of music: what pitches, textures and rhythms it has, and how its bars relate.

All times are in quarters. Drums count for onsets and rhythm only. A piece without pitched notes has 0 for every measure
of pitch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stages.midi.song import DRUMS, DURATION, ONSET, PITCH, PROGRAM, Song, bars

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 11)  # harmonic
# how well each pitch class above the tonic fits a major and a minor key: Krumhansl and Kessler 1982
PROFILES = (
    (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
)
RHYTHM_SLOTS = 4  # per quarter


@dataclass(frozen=True)
class View:
    """What several measures of one song share. Notes are the pitched ones, in the order of their onsets."""

    song: Song

    @cached_property
    def notes(self) -> Ints:
        """Pitched notes, the columns of song.notes."""
        return np.asarray(self.song.notes[self.song.notes[:, PROGRAM] != DRUMS])

    @cached_property
    def lengths(self) -> Floats:
        """Duration of each pitched note in quarters."""
        return self.notes[:, DURATION] / self.song.ticks_per_quarter

    @cached_property
    def lines(self) -> Ints:
        """Start of each bar in ticks."""
        return bars(self.song)[:, 0]

    @cached_property
    def bar(self) -> Ints:
        """The bar of each pitched note's onset."""
        return np.asarray(np.searchsorted(self.lines, self.notes[:, ONSET], side="right") - 1)

    @cached_property
    def times(self) -> Ints:
        """The different onsets of pitched notes, in ticks."""
        return np.unique(self.notes[:, ONSET])

    @cached_property
    def sounding(self) -> Bools:
        """Which notes sound at each of `times`, shape (times, notes)."""
        start = self.notes[:, ONSET]
        return (start <= self.times[:, None]) & (self.times[:, None] < start + self.notes[:, DURATION])

    @cached_property
    def top(self) -> Ints:
        """The highest pitch that sounds at each of `times`."""
        return np.asarray(np.where(self.sounding, self.notes[:, PITCH], -1).max(axis=1, initial=-1))

    @cached_property
    def bottom(self) -> Ints:
        """The lowest pitch that sounds at each of `times`."""
        return np.asarray(np.where(self.sounding, self.notes[:, PITCH], 128).min(axis=1, initial=128))

    @cached_property
    def weights(self) -> Floats:
        """How long each pitch class sounds, in quarters, shape (bars, 12). A note belongs to the bar of its onset."""
        slots = self.bar * 12 + self.notes[:, PITCH] % 12
        return np.bincount(slots, self.lengths, minlength=12 * len(self.lines)).reshape(-1, 12).astype(np.float64)

    @cached_property
    def chroma(self) -> Floats:
        """`weights` with every bar scaled to length 1; a bar without notes is all zeros."""
        return unit(self.weights)

    @cached_property
    def key(self) -> tuple[int, bool]:
        """The tonic's pitch class and whether the key is minor, by correlation with `PROFILES`."""
        return key(self.weights.sum(axis=0))

    @cached_property
    def rhythm(self) -> Floats:
        """Onsets of all notes, drums too, by place in the bar, shape (bars, slots), every bar scaled to length 1."""
        onset = self.song.notes[:, ONSET]
        bar = np.searchsorted(self.lines, onset, side="right") - 1
        slot = (onset - self.lines[bar]) * RHYTHM_SLOTS // self.song.ticks_per_quarter
        found = np.zeros((len(self.lines), int(slot.max()) + 1))
        found[bar, slot] = 1
        return unit(found)


def key(weights: Floats) -> tuple[int, bool]:
    """The tonic's pitch class and whether the key is minor, for how much of each of the 12 pitch classes there is."""
    profiles = np.array([np.roll(profile, tonic) for profile in PROFILES for tonic in range(12)])
    profiles -= profiles.mean(axis=1, keepdims=True)
    fit = unit(profiles) @ (weights - weights.mean())
    minor, tonic = divmod(int(fit.argmax()), 12)
    return tonic, bool(minor)


def unit(rows: Floats) -> Floats:
    """Every row scaled to length 1, rows of zeros as they are."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0))


def entropy(counts: Floats) -> float:
    """Entropy in bits of the distribution that `counts` are in proportion to; 0 if there are none."""
    shares = counts[counts > 0] / max(counts.sum(), 1e-12)
    return float(-(shares * np.log2(shares)).sum())


def pitch_class_entropy(view: View) -> float:
    """Bits, 0 to 3.58: how evenly the twelve pitch classes are used, weighted by how long they sound."""
    return entropy(view.weights.sum(axis=0))


def scale_consistency(view: View) -> float:
    """Share of the sounding time that lies in the best fitting major or harmonic minor scale (Mogren 2016)."""
    weights = view.weights.sum(axis=0)
    fits = [float(np.roll(weights, -tonic)[list(scale)].sum()) for scale in (MAJOR, MINOR) for tonic in range(12)]
    return max(fits) / max(float(weights.sum()), 1e-12)


def local_key_fit(view: View) -> float:
    """Mean cosine between the pitch classes of two bars on end and those of the whole piece."""
    pairs = view.weights[:-1] + view.weights[1:] if len(view.weights) > 1 else view.weights
    whole = unit(view.weights.sum(axis=0, keepdims=True))[0]
    return float((unit(pairs[pairs.any(axis=1)]) @ whole).mean()) if pairs.any() else 0.0


def consonance(view: View) -> float:
    """Share of consonant intervals among the pairs of notes that sound at an onset; 1 if there are no pairs."""
    pairs = dissonant = 0
    together = view.sounding.astype(np.int64)
    classes = np.zeros((len(view.times), 12), dtype=np.int64)
    for pitch_class in range(12):
        classes[:, pitch_class] = together[:, view.notes[:, PITCH] % 12 == pitch_class].sum(axis=1)
    for interval in range(1, 7):
        found = int((classes * np.roll(classes, -interval, axis=1)).sum()) // (2 if interval == 6 else 1)
        pairs += found
        dissonant += found if interval in (1, 2, 6) else 0
    return 1 - dissonant / pairs if pairs else 1.0


def melodic_interval(view: View) -> float:
    """Mean size in semitones of the steps of the highest line, without repeated pitches."""
    steps = np.abs(np.diff(view.top))
    return float(steps[steps > 0].mean()) if steps.any() else 0.0


def bass_interval(view: View) -> float:
    """Mean size in semitones of the steps of the lowest line, without repeated pitches."""
    steps = np.abs(np.diff(view.bottom))
    return float(steps[steps > 0].mean()) if steps.any() else 0.0


def pitch_range(view: View) -> float:
    """Semitones between the lowest and the highest pitch."""
    pitches = view.notes[:, PITCH]
    return float(np.ptp(pitches)) if len(pitches) else 0.0


def polyphony(view: View) -> float:
    """Mean number of notes that sound at an onset."""
    return float(view.sounding.sum(axis=1).mean()) if len(view.times) else 0.0


def note_density(view: View) -> float:
    """Notes per quarter, drums too, from the first onset to the end of the last note."""
    notes = view.song.notes
    span = (notes[:, ONSET] + notes[:, DURATION]).max() - notes[0, ONSET]
    return float(len(notes) * view.song.ticks_per_quarter / span)


def note_length(view: View) -> float:
    """Mean duration of the pitched notes in quarters."""
    return float(view.lengths.mean()) if len(view.lengths) else 0.0


def length_entropy(view: View) -> float:
    """Bits: how many different durations there are, and how evenly they are used."""
    return entropy(np.unique(view.notes[:, DURATION], return_counts=True)[1].astype(float))


def on_beat(view: View) -> float:
    """Share of the onsets, of all notes, that fall on a quarter."""
    onset = view.song.notes[:, ONSET]
    bar = np.searchsorted(view.lines, onset, side="right") - 1
    return float(((onset - view.lines[bar]) % view.song.ticks_per_quarter == 0).mean())


def onset_entropy(view: View) -> float:
    """Bits: over how many places in the bar the onsets are spread, at the song's own resolution."""
    onset = view.song.notes[:, ONSET]
    bar = np.searchsorted(view.lines, onset, side="right") - 1
    return entropy(np.unique(onset - view.lines[bar], return_counts=True)[1].astype(float))


def together(view: View) -> float:
    """Share of the notes that begin when another one begins."""
    counts = np.unique(view.song.notes[:, ONSET], return_counts=True)[1]
    return float(counts[counts > 1].sum() / counts.sum())


def silence(view: View) -> float:
    """Share of the time between the first onset and the last in which no note sounds."""
    notes = view.song.notes
    ends = np.maximum.accumulate(notes[:, ONSET] + notes[:, DURATION])
    gaps = np.maximum(notes[1:, ONSET] - ends[:-1], 0).sum()
    return float(gaps / max(int(notes[-1, ONSET] - notes[0, ONSET]), 1))


def next_bar_harmony(view: View) -> float:
    """Mean cosine between the pitch classes of a bar and those of the next."""
    return float((view.chroma[:-1] * view.chroma[1:]).sum(axis=1).mean()) if len(view.chroma) > 1 else 0.0


def next_bar_rhythm(view: View) -> float:
    """Mean cosine between the onset places of a bar and those of the next."""
    return float((view.rhythm[:-1] * view.rhythm[1:]).sum(axis=1).mean()) if len(view.rhythm) > 1 else 0.0


def self_similarity(view: View) -> float:
    """Mean, over all pairs of different bars, of the cosines of pitch classes and of onset places multiplied."""
    count = len(view.chroma)
    if count < 2:
        return 0.0
    alike = (view.chroma @ view.chroma.T) * (view.rhythm @ view.rhythm.T)
    return float((alike.sum() - np.trace(alike)) / (count * (count - 1)))


MEASURES: tuple[Callable[[View], float], ...] = (
    pitch_class_entropy,
    scale_consistency,
    local_key_fit,
    consonance,
    melodic_interval,
    bass_interval,
    pitch_range,
    polyphony,
    note_density,
    note_length,
    length_entropy,
    on_beat,
    onset_entropy,
    together,
    silence,
    next_bar_harmony,
    next_bar_rhythm,
    self_similarity,
)


def measures(song: Song) -> dict[str, float]:
    """Every measure of a song in normal form."""
    view = View(song)
    return {measure.__name__: measure(view) for measure in MEASURES}


def compared(songs: Sequence[Song], real: Sequence[Song]) -> dict[str, dict[str, float]]:
    """Per measure: mean over `songs`, mean over `real`, and the distance between both distributions.

    The distance is the area between the cumulative distributions (Wasserstein 1) in standard deviations of `real`, but
    a deviation counts as at least a fiftieth of the mean: four voices throughout have none.
    """
    found, expected = ([measures(song) for song in group] for group in (songs, real))
    table = {}
    for measure in MEASURES:
        name = measure.__name__
        ours, theirs = (np.array([row[name] for row in rows]) for rows in (found, expected))
        quantiles = (np.arange(200) + 0.5) / 200
        area = np.abs(np.quantile(ours, quantiles) - np.quantile(theirs, quantiles)).mean()
        table[name] = {
            "samples": round(float(ours.mean()), 4),
            "real": round(float(theirs.mean()), 4),
            "distance": round(float(area / max(float(theirs.std()), abs(float(theirs.mean())) / 50, 1e-6)), 4),
        }
    return table
