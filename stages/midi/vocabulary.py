"""The table of REMI tokens: ids, kinds, values, and two names for each.

Ids are contiguous per kind, in the order of `Kind`, and ascend with the token's value (tempos: with the BPM). Two
tables share this layout: `Vocabulary.model` is finite, coarse and what a language model sees; `Vocabulary.native` has
a token for every value a MIDI file can hold, so its names are computed when asked for and never listed.

    kind      value                        long name         compact name
    START     0                            SONG_START        S
    END       0                            SONG_END          E
    BAR       0                            BAR_START         B
    POSITION  ticks since the bar line     POS_36            Pbk
    TEMPO     microseconds per quarter     TEMPO_120 (BPM)   Tbf       natively TEMPO_500000us
    METRE     (numerator, denominator)     TIME_SIG_6/8      Mba
    CHORD     (root, quality)              CHORD_Cmaj7       Caj
    PROGRAM   0-127, or song.DRUMS         PROGRAM_0         Iaa       for the drums PROGRAM_DRUMS
    NOTE      MIDI pitch                   NOTE_ON_60        Nci
    DRUM      MIDI pitch of a drum         DRUM_36           Dbk
    VELOCITY  1-127                        VEL_64            Vap
    DURATION  ticks                        DUR_12            Lal

A compact name is a capital for the kind and the value's index in base 26, letters only: with the space before it, it
is one word to Qwen's pre-tokeniser. In a model's vocabulary no compact name begins another.
"""

import hashlib
import re
from bisect import bisect_right
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stages.midi import chords
from stages.midi.song import DRUMS, bar_ticks


class Kind(IntEnum):
    """What a token says, in the order of the ids."""

    START, END, BAR, POSITION, TEMPO, METRE, CHORD, PROGRAM, NOTE, DRUM, VELOCITY, DURATION = range(12)


Value: TypeAlias = int | tuple[int, int]
Ints: TypeAlias = npt.NDArray[np.int64]

KINDS = tuple(Kind)
LETTERS = dict(zip(Kind, "SEBPTMCINDVL", strict=True))
LONG = {
    Kind.START: "SONG_START",
    Kind.END: "SONG_END",
    Kind.BAR: "BAR_START",
    Kind.POSITION: "POS",
    Kind.TEMPO: "TEMPO",
    Kind.METRE: "TIME_SIG",
    Kind.CHORD: "CHORD",
    Kind.PROGRAM: "PROGRAM",
    Kind.NOTE: "NOTE_ON",
    Kind.DRUM: "DRUM",
    Kind.VELOCITY: "VEL",
    Kind.DURATION: "DUR",
}
BARE = (Kind.START, Kind.END, Kind.BAR)  # kinds without a value
FROM_ONE = (Kind.TEMPO, Kind.VELOCITY, Kind.DURATION)  # kinds whose native values begin with 1
MODEL_RESOLUTIONS = (12, 24)
LONGEST_BAR = 12  # quarters: 12/4, 6/2, 3/1
EXACT_QUARTERS = 8  # durations are exact up to here, then whole quarters
LONGEST_QUARTERS = 32
VELOCITIES = (*range(4, 128, 4), 127)
# beats per minute: the marks of Maelzel's metronome, 40 to 208, and a few on either side
TEMPOS = (*(20, 24, 28, 32, 36), *range(40, 60, 2), *range(60, 72, 3), *range(72, 120, 4), *range(120, 144, 6))
TEMPOS += (*range(144, 208, 8), 208, 220, 232, 244, 260, 280, 300)
OPEN = 1 << 40  # ticks that native positions and durations stay below
OPEN_TEMPO = 1 << 24  # MIDI gives three bytes to a tempo
OPEN_METRES = tuple(
    (n, 1 << power) for power in range(24) for n in range(1, 256)
)  # whole at some resolution of a MIDI file


@dataclass(frozen=True)
class Vocabulary:
    """Tokens at `ticks_per_quarter`. Make one with `model` or `native`; equal arguments give the same object."""

    ticks_per_quarter: int
    is_native: bool

    @staticmethod
    def model(ticks_per_quarter: int) -> "Vocabulary":
        """The finite table for a language model. Raises ValueError for a resolution other than 12 or 24."""
        if ticks_per_quarter not in MODEL_RESOLUTIONS:
            raise ValueError(f"no model vocabulary at {ticks_per_quarter} ticks per quarter, expected 12 or 24")
        return _vocabulary(ticks_per_quarter, False)

    @staticmethod
    def native(ticks_per_quarter: int) -> "Vocabulary":
        """The open table for songs at any resolution. Raises ValueError unless `ticks_per_quarter` is positive."""
        if ticks_per_quarter < 1:
            raise ValueError(f"{ticks_per_quarter} ticks per quarter, expected at least 1")
        return _vocabulary(ticks_per_quarter, True)

    @cached_property
    def metres(self) -> tuple[tuple[int, int], ...]:
        """Metres with a token: their bars are whole on the grid."""
        grid = 4 * self.ticks_per_quarter
        if self.is_native:
            return tuple((n, d) for n, d in OPEN_METRES if not grid * n % d)
        every = ((n, 1 << power) for power in range(5) for n in range(1, 25))
        return tuple((n, d) for n, d in every if not grid * n % d and 4 * n <= LONGEST_BAR * d)

    @cached_property
    def bar_lengths(self) -> tuple[int, ...]:
        """Ticks of a bar of each metre in `metres`."""
        return tuple(bar_ticks(self.ticks_per_quarter, *metre) for metre in self.metres)

    @cached_property
    def arrays(self) -> dict[str, Ints]:
        """`starts`, `metres`, `bar_lengths` and `tempos` as arrays."""
        return {name: np.array(getattr(self, name)) for name in ("starts", "metres", "bar_lengths", "tempos")}

    @cached_property
    def tempos(self) -> tuple[int, ...]:
        """Microseconds per quarter of each tempo of a model's vocabulary, slow to fast; empty natively."""
        return () if self.is_native else tuple(round(60_000_000 / bpm) for bpm in TEMPOS)

    @cached_property
    def velocities(self) -> Ints:
        """Velocities with a token, ascending."""
        return np.arange(1, 128) if self.is_native else np.array(VELOCITIES)

    @cached_property
    def durations(self) -> Ints:
        """Durations with a token in ticks, ascending; empty natively, where every one from 1 on has a token."""
        if self.is_native:
            return np.arange(0)
        exact = EXACT_QUARTERS * self.ticks_per_quarter
        longest = LONGEST_QUARTERS * self.ticks_per_quarter
        return np.concatenate([np.arange(1, exact), np.arange(exact, longest + 1, self.ticks_per_quarter)])

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """First token of each kind, then the number of ids."""
        sizes = {Kind.START: 1, Kind.END: 1, Kind.BAR: 1, Kind.PROGRAM: DRUMS + 1, Kind.NOTE: 128, Kind.DRUM: 128}
        sizes[Kind.POSITION] = OPEN if self.is_native else LONGEST_BAR * self.ticks_per_quarter
        sizes[Kind.TEMPO] = OPEN_TEMPO if self.is_native else len(self.tempos)
        sizes[Kind.METRE] = len(self.metres)
        sizes[Kind.CHORD] = len(chords.NAMES)
        sizes[Kind.VELOCITY] = len(self.velocities)
        sizes[Kind.DURATION] = OPEN if self.is_native else len(self.durations)
        starts = [0]
        for kind in Kind:
            starts.append(starts[-1] + sizes[kind])
        return tuple(starts)

    @cached_property
    def note_offsets(self) -> Ints:
        """What to add to a note's program, pitch, velocity and duration to get their native ids, shape (4, 1)."""
        kinds = (Kind.PROGRAM, Kind.NOTE, Kind.VELOCITY, Kind.DURATION)
        return np.array([[self.starts[kind] - (kind in FROM_ONE)] for kind in kinds])

    def __len__(self) -> int:
        """Number of tokens."""
        return self.starts[-1]

    @cached_property
    def _indexes(self) -> dict[Kind, dict[Value, int]]:
        """Index of a value within its kind, for the kinds with a table."""
        tables: dict[Kind, dict[Value, int]] = {Kind.METRE: {metre: i for i, metre in enumerate(self.metres)}}
        if not self.is_native:
            tables[Kind.TEMPO] = {tempo: i for i, tempo in enumerate(self.tempos)}
            tables[Kind.VELOCITY] = {int(velocity): i for i, velocity in enumerate(self.velocities)}
            tables[Kind.DURATION] = {int(duration): i for i, duration in enumerate(self.durations)}
        return tables

    def id(self, kind: Kind, value: Value = 0) -> int:
        """Id of the token of `kind` that says `value`. Raises ValueError if there is none."""
        index: int | None
        if kind in self._indexes:
            index = self._indexes[kind].get(value)
        elif isinstance(value, tuple):
            index = value[0] * len(chords.QUALITIES) + value[1]
        else:
            index = value - 1 if kind in FROM_ONE else value
        if index is None or not 0 <= index < self.starts[kind + 1] - self.starts[kind]:
            raise ValueError(f"no {LONG[kind]} token for {value} at {self.ticks_per_quarter} ticks per quarter")
        return self.starts[kind] + index

    def kind(self, token: int) -> Kind:
        """Kind of a token. Raises ValueError outside the vocabulary."""
        if not 0 <= token < self.starts[-1]:
            raise ValueError(f"token {token}, expected one of {self.starts[-1]}")
        return KINDS[bisect_right(self.starts, token) - 1]

    def value(self, token: int) -> Value:
        """Value of a token: see the table above."""
        kind = self.kind(token)
        index = token - self.starts[kind]
        if kind is Kind.METRE:
            return self.metres[index]
        if kind is Kind.CHORD:
            return divmod(index, len(chords.QUALITIES))
        if self.is_native:
            return index + 1 if kind in FROM_ONE else index
        if kind is Kind.TEMPO:
            return self.tempos[index]
        if kind is Kind.VELOCITY:
            return int(self.velocities[index])
        return int(self.durations[index]) if kind is Kind.DURATION else index

    @cached_property
    def _grids(self) -> dict[Kind, tuple[Ints, Ints]]:
        """Of velocities and durations of a model's vocabulary: value by index, and index by value or -1."""
        grids = {}
        for kind, values in ((Kind.VELOCITY, self.velocities), (Kind.DURATION, self.durations)):
            indexes = np.full(values.max() + 1, -1)
            indexes[values] = np.arange(len(values))
            grids[kind] = (values, indexes)
        return grids

    def ids(self, kind: Kind, values: Ints) -> Ints:
        """Ids of many velocities or durations, at least 1 each. Raises ValueError if one has no token."""
        if self.is_native:
            return values + (self.starts[kind] - 1)
        _, indexes = self._grids[kind]
        if values.max() >= len(indexes) or (found := indexes[values]).min() < 0:
            missing = np.setdiff1d(values, self._grids[kind][0])[0]
            raise ValueError(f"no {LONG[kind]} token for {missing} at {self.ticks_per_quarter} ticks per quarter")
        return found + self.starts[kind]

    def values(self, kind: Kind, indexes: Ints) -> Ints:
        """Velocities or durations by their index within the kind."""
        return indexes + 1 if self.is_native else self._grids[kind][0][indexes]

    def name(self, token: int) -> str:
        """Long name of a token."""
        kind, value = self.kind(token), self.value(token)
        if kind in BARE:
            return LONG[kind]
        text = str(value)
        if isinstance(value, tuple):
            text = f"{value[0]}/{value[1]}" if kind is Kind.METRE else chords.name(*value)
        elif kind is Kind.TEMPO:
            text = f"{value}us" if self.is_native else str(TEMPOS[token - self.starts[kind]])
        elif kind is Kind.PROGRAM and value == DRUMS:
            text = "DRUMS"
        return f"{LONG[kind]}_{text}"

    def compact(self, token: int) -> str:
        """Compact name of a token."""
        kind = self.kind(token)
        if kind in BARE:
            return LETTERS[kind]
        index, digits = token - self.starts[kind], ""
        while index or len(digits) < 2:
            index, digit = divmod(index, 26)
            digits = chr(ord("a") + digit) + digits
        return LETTERS[kind] + digits

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Long names in the order of the ids. Raises ValueError natively."""
        return tuple(map(self.name, self._every))

    @cached_property
    def compacts(self) -> tuple[str, ...]:
        """Compact names in the order of the ids. Raises ValueError natively."""
        return tuple(map(self.compact, self._every))

    @cached_property
    def ids_by_name(self) -> dict[str, int]:
        """Ids by long name. Raises ValueError natively."""
        return {name: token for token, name in enumerate(self.names)}

    @cached_property
    def ids_by_compact(self) -> dict[str, int]:
        """Ids by compact name. Raises ValueError natively."""
        return {name: token for token, name in enumerate(self.compacts)}

    @property
    def _every(self) -> range:
        if self.is_native:
            raise ValueError("the native vocabulary is open: it can't be listed")
        return range(len(self))

    def find(self, name: str, compact: bool = False) -> int:
        """Id of the token with that long or compact name. Raises ValueError if there is none."""
        if not self.is_native:
            found = (self.ids_by_compact if compact else self.ids_by_name).get(name)
        else:
            found = self._parsed_compact(name) if compact else self._parsed(name)
        if found is None or (self.compact(found) if compact else self.name(found)) != name:
            raise ValueError(f"no token is named {name!r}")
        return found

    def _parsed(self, name: str) -> int | None:
        for kind, prefix in LONG.items():
            if name == prefix and kind in BARE:
                return self.starts[kind]
            if kind in BARE or not name.startswith(prefix + "_"):
                continue
            text = name[len(prefix) + 1 :]
            value: Value
            if kind is Kind.CHORD:
                if text not in chords.NAMES:
                    return None
                value = chords.parse(text)
            elif kind is Kind.PROGRAM and text == "DRUMS":
                value = DRUMS
            elif not (numbers := re.fullmatch(r"([0-9]{1,20})(?:us|/([0-9]{1,20}))?", text)):
                return None
            else:
                value = (int(numbers[1]), int(numbers[2] or 0)) if kind is Kind.METRE else int(numbers[1])
            return self.id(kind, value)
        return None

    def _parsed_compact(self, name: str) -> int | None:
        if not re.fullmatch(r"[A-Z][a-z]{0,12}", name) or name[0] not in LETTERS.values():
            return None
        kind = next(kind for kind, letter in LETTERS.items() if letter == name[0])
        index = 0
        for letter in name[1:]:
            index = 26 * index + ord(letter) - ord("a")
        return self.starts[kind] + index if index < self.starts[kind + 1] - self.starts[kind] else None

    @cached_property
    def digest(self) -> str:
        """Hash of the names in the order of the ids; natively of what the names follow from."""
        if self.is_native:
            lines = [f"native {self.ticks_per_quarter}", *map(str, self.starts), *map(str, self.metres), *chords.NAMES]
        else:
            lines = [f"{name} {compact}" for name, compact in zip(self.names, self.compacts, strict=True)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@cache
def _vocabulary(ticks_per_quarter: int, is_native: bool) -> Vocabulary:
    return Vocabulary(ticks_per_quarter, is_native)
