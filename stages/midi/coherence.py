"""How much a piece is like real ones, 0 to 10, and how well that score tells real pieces from spoiled ones.

A piece is compared with real pieces of one genre. Each of its measures (statistics.py) gets a two-sided tail
probability: the share of real pieces that are at least as far out. Three terms that are fitted on other real pieces get
one-sided ones, because no piece is too well put together: how well its bars follow one another (bar_order.py), how well
the worst placed tenth of its pitches fit, and how well its onsets fit (note_fit.py). The score is ten times the cube
root of their weighted geometric mean, which puts a typical real piece above 7.

Real and other pieces are cut to the same number of bars first, because short pieces vary more. The weights were chosen
on hymns, chorales and fiddle tunes, so that every way of spoiling them in corruptions.py is noticed. The score finds
what is broken; it has not been compared with what listeners say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from stages.midi import bar_order, note_fit
from stages.midi.corruptions import CORRUPTIONS
from stages.midi.song import Song, bars, excerpt
from stages.midi.statistics import MEASURES, Floats, View

LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)  # bars; a piece is cut to the longest it fills, and so are the real ones
FEWEST_SONGS = 20  # a genre with fewer is put together with other such genres
FEWEST_IN_ALL = 8
OTHERS = "others"
WEIGHTS = {"measures": 3, "bar_order": 2, "worst_pitches": 2, "onsets": 1}
FITTED = ("bar_order", "worst_pitches", "onsets")
SMALLEST = 1e-6  # no single tail probability is smaller


@dataclass(frozen=True)
class Piece:
    """What is worked out of the first bars of a piece, as many as LENGTHS allows."""

    song: Song

    @cached_property
    def length(self) -> int:
        """Which of LENGTHS it is cut to."""
        count = len(bars(self.song))
        return max(length for length in LENGTHS if length <= count)

    @cached_property
    def view(self) -> View:
        """The first bars; all of them if these hold no note."""
        return View(excerpt(self.song, 0, self.length) or self.song)

    @cached_property
    def measures(self) -> dict[str, float]:
        """What statistics.py measures."""
        return {measure.__name__: measure(self.view) for measure in MEASURES}

    @cached_property
    def order(self) -> bar_order.BarView:
        """What bar_order.py looks at."""
        return bar_order.BarView(self.view)

    @cached_property
    def pitches(self) -> note_fit.Options:
        """What note_fit.py looks at, for pitches."""
        return note_fit.pitch_options(self.view)

    @cached_property
    def onsets(self) -> note_fit.Options:
        """What note_fit.py looks at, for onsets."""
        return note_fit.onset_options(self.view)


@dataclass(frozen=True)
class Tail:
    """How a term is spread over real pieces: its values, sorted."""

    values: Floats

    @cached_property
    def spread(self) -> float:
        """A standard deviation, if the values are normal, from the 10th and the 90th percentile; never 0."""
        low, middle, high = np.quantile(self.values, [0.1, 0.5, 0.9])
        return float(max((high - low) / 2.56, 1e-3 * max(1.0, abs(middle))))

    def log(self, value: float, two_sided: bool) -> float:
        """Log of the share of real pieces as far out as `value`; one-sided counts low values only as out.

        Beyond the furthest of them the tail falls by e per standard deviation, which tells far from very far.
        """
        if not np.isfinite(value):
            return float(np.log(SMALLEST))
        count = len(self.values)
        below = np.searchsorted(self.values, value + 1e-9, side="right") + 0.5
        above = count - np.searchsorted(self.values, value - 1e-9) + 0.5
        share = min(1.0, (2 * min(below, above) if two_sided else below) / (count + 1))
        beyond = max(self.values[0] - value, value - self.values[-1] if two_sided else 0.0, 0.0) / self.spread
        return float(max(np.log(share) - beyond, np.log(SMALLEST)))


@dataclass(frozen=True)
class Reference:
    """The real pieces of one genre: some that the models are fitted on, and others to compare with.

    What takes time is worked out when it is first asked for.
    """

    fitted_on: tuple[Song, ...]
    songs: tuple[Song, ...]
    known: dict[int, dict[str, Tail]] = field(default_factory=dict)  # by length

    @cached_property
    def first_bars(self) -> list[Song]:
        """The pieces to fit on, as long as LENGTHS allows."""
        return [Piece(song).view.song for song in self.fitted_on]

    @cached_property
    def order(self) -> bar_order.BarOrder:
        """How bars follow one another."""
        return bar_order.fitted(self.first_bars)

    @cached_property
    def pitches(self) -> note_fit.NoteFit:
        """Which pitches fit."""
        return note_fit.fitted(self.first_bars, note_fit.pitch_options)

    @cached_property
    def onsets(self) -> note_fit.NoteFit:
        """Which onsets fit."""
        return note_fit.fitted(self.first_bars, note_fit.onset_options)

    def terms(self, piece: Piece) -> dict[str, float]:
        """The measures and the fitted terms of `piece`."""
        if not len(piece.view.notes):
            return piece.measures | dict.fromkeys(FITTED, -np.inf)
        pitches = np.sort(self.pitches.log_probabilities(piece.pitches))
        return piece.measures | {
            "bar_order": self.order.order(piece.order),
            "worst_pitches": float(pitches[: max(len(pitches) // 10, 1)].mean()),
            "onsets": float(self.onsets.log_probabilities(piece.onsets).mean()),
        }

    def at(self, length: int) -> dict[str, Tail]:
        """How every term is spread over the real pieces cut to `length` bars."""
        if length not in self.known:
            pieces = [Piece(excerpt(song, 0, length) or song) for song in self.songs]
            rows = [self.terms(piece) for piece in pieces]
            self.known[length] = {name: Tail(np.sort([row[name] for row in rows])) for name in rows[0]}
        return self.known[length]

    def score(self, piece: Piece) -> float:
        """0 to 10."""
        real = self.at(piece.length)
        logs = {name: real[name].log(value, name not in FITTED) for name, value in self.terms(piece).items()}
        parts = {name: logs[name] for name in FITTED}
        parts["measures"] = float(np.mean([logs[measure.__name__] for measure in MEASURES]))
        mean = sum(WEIGHTS[name] * part for name, part in parts.items()) / sum(WEIGHTS.values())
        return 10 * float(np.exp(mean / 3))


@dataclass(frozen=True)
class Coherence:
    """References by genre; OTHERS is that of the genres with few pieces, and of genres unheard of."""

    references: Mapping[str, Reference]

    def score(self, song: Song, genre: str) -> float:
        """0 to 10, for a piece of that genre."""
        return self.references[genre if genre in self.references else OTHERS].score(Piece(song))


def fitted(songs: Mapping[str, Sequence[Song]]) -> Coherence:
    """The score against real `songs` by genre, in normal form.

    Songs that are alike, such as arrangements of one tune, should stand together: the first half of each list fits the
    models and the second half is compared with. Raises ValueError for fewer than FEWEST_IN_ALL songs.
    """
    halves = {
        genre: (tuple(found[: len(found) // 2]), tuple(found[len(found) // 2 :])) for genre, found in songs.items()
    }
    small = {genre for genre, found in songs.items() if len(found) < FEWEST_SONGS}
    if sum(len(songs[genre]) for genre in small) < FEWEST_SONGS:
        small = set(songs)
    count = sum(map(len, songs.values()))
    if count < FEWEST_IN_ALL:
        raise ValueError(f"{count} pieces, expected at least {FEWEST_IN_ALL}")
    large = {genre: Reference(*half) for genre, half in halves.items() if len(songs[genre]) >= FEWEST_SONGS}
    pool = [halves[genre] for genre in sorted(small)]
    first, second = (tuple(song for half in pool for song in half[part]) for part in (0, 1))
    return Coherence(large | {OTHERS: Reference(first, second)})


def area_under_curve(higher: Sequence[float], lower: Sequence[float]) -> float:
    """Chance that one of `higher` is above one of `lower`, equals counting half (Mann and Whitney 1947)."""
    first, second = np.asarray(higher)[:, None], np.asarray(lower)[None, :]
    return float((first > second).mean() + (first == second).mean() / 2)


def power(coherence: Coherence, songs: Sequence[Song], genres: Sequence[str], seed: int) -> dict[str, dict[str, float]]:
    """How the score tells real `songs` from the same songs spoiled: mean `score` and `auc`, by kind of corruption.

    `songs` are pieces that `coherence` hasn't seen. A kind that suits none of them is left out.
    """
    real = [coherence.score(song, genre) for song, genre in zip(songs, genres, strict=True)]
    scores = {"real": float(np.mean(real))}
    auc = {}
    for number, corruption in enumerate(CORRUPTIONS):
        spoiled = [corruption(song, np.random.default_rng([seed, number, index])) for index, song in enumerate(songs)]
        found = [coherence.score(song, genre) for song, genre in zip(spoiled, genres) if song is not None]
        if found:
            name = corruption.__name__
            scores[name] = float(np.mean(found))
            auc[name] = area_under_curve(real, found)
    return {"score": scores, "auc": auc}
