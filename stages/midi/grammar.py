"""The automaton of token strings: which token may follow, whether a string is right, and random right strings.

It accepts exactly the strings that `tokens.encode` gives, one for each song in normal form: see `tokens`.
"""

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from stages.midi.song import DRUMS
from stages.midi.vocabulary import Ints, Kind, Vocabulary

Ids: TypeAlias = Sequence[int] | Ints
Flags: TypeAlias = npt.NDArray[np.bool_]
Span: TypeAlias = tuple[int, int]
NONE = -1


def within(token: int, spans: Sequence[Span]) -> bool:
    """Whether a token is in one of the ranges."""
    for low, stop in spans:  # noqa: SIM110  # half the time of any(), at the heart of masked generation
        if low <= token < stop:
            return True
    return False


class Step(IntEnum):
    """What was read last; PITCH is a note's or a drum's, NOTE a complete note."""

    BEFORE, START, BAR, METRE, POSITION, TEMPO, CHORD, PROGRAM, PITCH, VELOCITY, NOTE, END = range(12)


METRE, POSITION, TEMPO, CHORD, PROGRAM, PITCH, VELOCITY, NOTE = (
    *(Step.METRE, Step.POSITION, Step.TEMPO, Step.CHORD, Step.PROGRAM, Step.PITCH, Step.VELOCITY, Step.NOTE),
)
# the step after a token, by its kind
STEPS = (
    *(Step.START, Step.END, Step.BAR, POSITION, TEMPO, METRE, CHORD, PROGRAM),
    *(PITCH, PITCH, VELOCITY, NOTE),
)


class State(NamedTuple):
    """All that decides what may follow. Values are indexes within their kind, NONE before the first."""

    step: Step = Step.BEFORE
    metre: int = NONE
    tempo: int = NONE
    chord: int = NONE
    program: int = NONE
    velocity: int = NONE
    position: int = NONE  # in this bar
    pitch: int = NONE  # of the last note at this position with this program; while reading a note, the note's own
    duration: int = NONE  # of the last note that has the pitch above at this position
    is_again: bool = False  # while reading a note: its pitch is the last note's, so it must not sort before that


class GrammarError(ValueError):
    """A token that the grammar doesn't allow where it is, or a string that ends too early."""

    def __init__(self, index: int, token: str, expected: str) -> None:
        super().__init__(f"token {index} is {token}, expected {expected}")
        self.index, self.token, self.expected = index, token, expected


class Grammar:
    """The automaton over a vocabulary.

    `costs` gives each token's length in some unit, by default 1 each: what `remaining` and `distance` count in.
    """

    def __init__(self, vocabulary: Vocabulary, costs: Ints | None = None) -> None:
        self.vocabulary = vocabulary
        self.costs = costs
        self.first = first = vocabulary.starts
        self.spans_of = [(first[kind], first[kind + 1]) for kind in Kind]
        # the longest token of each kind: a way to the end that is sure to fit
        self.longest = [1 if costs is None else int(costs[low:stop].max()) for low, stop in self.spans_of]
        # by step, and whether there is a tempo, a program and a velocity already
        self.distances = np.array([[self._distance(step, *known) for known in np.ndindex(2, 2, 2)] for step in Step])
        self.distances = self.distances.reshape(-1, 2, 2, 2)
        self.ample = max(self.longest) + int(self.distances.max())  # leaves enough after any token

    def start(self) -> State:
        """The state before the first token."""
        return State()

    def spans(self, state: State) -> list[Span]:
        """Ids that may follow, as ascending ranges (first, stop)."""
        return RULES[state.step](self, state)

    def allows(self, state: State, token: int) -> bool:
        """Whether `token` may follow."""
        return within(token, self.spans(state))

    def allowed(self, state: State, remaining: int | None = None, spans: Sequence[Span] | None = None) -> Flags:
        """Whether each token may follow, shape (vocabulary,), and SONG_END can still be had within `remaining`.

        `remaining` includes the token itself. Nothing is allowed if it is below `distance(state)`. Whoever has the
        state's spans at hand saves time by giving them. Raises ValueError for a native vocabulary, which is open.
        """
        if self.vocabulary.is_native:
            raise ValueError("the native vocabulary is too large for a mask: ask spans or allows")
        row = np.zeros(self.first[-1], dtype=bool)
        spans = self.spans(state) if spans is None else spans
        if remaining is None or remaining >= self.ample:
            for low, stop in spans:
                row[low:stop] = True
            return row
        for low, stop in spans:
            room = remaining - self.distance_after(state, self.vocabulary.kind(low))
            row[low:stop] = room >= (1 if self.costs is None else self.costs[low:stop])
        return row

    def advance(self, state: State, token: int) -> State:
        """The state after `token`. Raises ValueError if it may not follow."""
        if not self.allows(state, token):
            raise ValueError(f"token {token} after {state.step.name}, expected {self.expected(state)}")
        return self.after(state, token)

    def after(self, state: State, token: int) -> State:
        """The state after a token that may follow, which isn't checked."""
        _, metre, tempo, chord, program, velocity, position, pitch, duration, _ = state
        kind = bisect_right(self.first, token) - 1
        value = token - self.first[kind]
        step = STEPS[kind]
        if step is PITCH:
            again = value == pitch
            last = duration if again else NONE
            return State(step, metre, tempo, chord, program, velocity, position, value, last, again)
        if step is NOTE:
            return State(step, metre, tempo, chord, program, velocity, position, pitch, value)
        if step is VELOCITY:
            return State(step, metre, tempo, chord, program, value, position, pitch)
        if step is POSITION:
            return State(step, metre, tempo, chord, program, velocity, value)
        if step is PROGRAM:
            return State(step, metre, tempo, chord, value, velocity, position)
        if step is TEMPO:
            return State(step, metre, value, chord, program, velocity, position)
        if step is CHORD:
            return State(step, metre, tempo, value, program, velocity, position)
        return State(step, value if step is METRE else metre, tempo, chord, program, velocity)

    def distance(self, state: State) -> int:
        """Cost of the tokens that are sure to end a song from here."""
        return int(self.distances[state.step, int(state.tempo >= 0), int(state.program >= 0), int(state.velocity >= 0)])

    def distance_after(self, state: State, kind: Kind) -> int:
        """`distance` after a token of `kind`."""
        has_tempo = state.tempo >= 0 or kind is Kind.TEMPO
        has_program = state.program >= 0 or kind is Kind.PROGRAM
        has_velocity = state.velocity >= 0 or kind is Kind.VELOCITY
        return int(self.distances[STEPS[kind], int(has_tempo), int(has_program), int(has_velocity)])

    def _distance(self, step: Step, has_tempo: int, has_program: int, has_velocity: int) -> int:
        longest = self.longest
        close = longest[Kind.DURATION] + longest[Kind.END]
        if not has_velocity:
            close += longest[Kind.VELOCITY]
        pitch = max(longest[Kind.NOTE], longest[Kind.DRUM]) + close
        note = pitch + (0 if has_program else longest[Kind.PROGRAM])
        event = note + (0 if has_tempo else longest[Kind.TEMPO])
        place = event + longest[Kind.POSITION]
        bar = place + (0 if has_tempo else longest[Kind.METRE])  # only the first bar has no tempo yet
        start = bar + longest[Kind.BAR]
        return {
            Step.BEFORE: start + longest[Kind.START],
            Step.START: start,
            Step.BAR: bar,
            Step.METRE: place,
            Step.POSITION: event,
            Step.TEMPO: note,
            Step.CHORD: note,
            Step.PROGRAM: pitch,
            Step.PITCH: close,
            Step.VELOCITY: longest[Kind.DURATION] + longest[Kind.END],
            Step.NOTE: longest[Kind.END],
            Step.END: 0,
        }[step]

    def expected(self, state: State) -> str:
        """What may follow, in words."""
        name = self.vocabulary.name
        spans = [name(low) if stop == low + 1 else f"{name(low)}..{name(stop - 1)}" for low, stop in self.spans(state)]
        return " or ".join(spans) or "nothing more"

    def first_error(self, ids: Ids) -> int | None:
        """Index of the first token that may not be there, the length of a string that ends too early, or None."""
        error = self.error(ids)
        return None if error is None else error.index

    def error(self, ids: Ids) -> GrammarError | None:
        """What is wrong first, or None."""
        state = State()
        for index, token in enumerate(_list(ids)):
            if not self.allows(state, token):
                name = self.vocabulary.name(token) if 0 <= token < self.first[-1] else f"unknown ({token})"
                return GrammarError(index, name, self.expected(state))
            state = self.after(state, token)
        return None if state.step is Step.END else GrammarError(len(ids), "missing", self.expected(state))

    def check(self, ids: Ids) -> None:
        """Raises GrammarError at what is wrong first."""
        if error := self.error(ids):
            raise error

    def accepts(self, ids: Ids) -> bool:
        """Whether `ids` is the token string of a song."""
        return self.error(ids) is None

    def errors(self, ids: Ids) -> int:
        """Number of tokens that may not be where they are, each one skipped. A missing end is no error here."""
        return len(ids) - len(self._kept(ids)[0])

    def repair(self, ids: Ids) -> Ints:
        """`ids` without the tokens that may not be there, up to the last complete note, and closed.

        Accepted strings stay as they are. Raises ValueError if no note is left.
        """
        kept, notes_end = self._kept(ids)
        if not notes_end:
            raise ValueError("no complete note can be kept")
        return np.array([*kept[:notes_end], self.first[Kind.END]], dtype=np.int64)

    def _kept(self, ids: Ids) -> tuple[list[int], int]:
        """The tokens left after skipping each that may not follow those before; how many end the last note."""
        state, kept, notes_end = State(), list[int](), 0
        for token in _list(ids):
            if self.allows(state, token):
                state = self.after(state, token)
                kept.append(token)
                if state.step is Step.NOTE:
                    notes_end = len(kept)
        return kept, notes_end

    def random_ids(self, rng: random.Random, length: int) -> Ints:
        """A random string that the grammar accepts, of at most `length` tokens and often near it.

        Ties and ends of ranges come up more often than by chance. Raises ValueError if `length` is below 10.
        """
        state = State()
        if length < self.distance(state):
            raise ValueError(f"no song has {length} tokens, expected at least {self.distance(state)}")
        ids: list[int] = []
        while state.step is not Step.END:
            room = length - len(ids) - 1
            spans = [
                span for span in self.spans(state) if self.distance_after(state, self.vocabulary.kind(span[0])) <= room
            ]
            weights = [WEIGHTS.get(self.vocabulary.kind(low), 1.0) for low, _ in spans]
            low, stop = rng.choices(spans, weights)[0]
            ids.append(_drawn(rng, low, stop))
            state = self.after(state, ids[-1])
        return np.array(ids, dtype=np.int64)

    def _others(self, kind: Kind, value: int) -> list[Span]:
        """All ids of `kind` but that of `value`."""
        low, stop = self.spans_of[kind]
        if value < 0:
            return [(low, stop)]
        return [span for span in ((low, low + value), (low + value + 1, stop)) if span[0] < span[1]]

    def _pitches(self, program: int, lowest: int) -> list[Span]:
        """Pitches from `lowest` on, of drums or other notes as `program` asks for; none without a program."""
        if program < 0:
            return []
        low, stop = self.spans_of[Kind.DRUM if program == DRUMS else Kind.NOTE]
        return [(low + lowest, stop)]

    def _later(self, state: State) -> list[Span]:
        """A new bar, and the positions left in this one."""
        low = self.first[Kind.POSITION]
        stop = low + self.vocabulary.bar_lengths[state.metre]
        low += state.position + 1
        return [self.spans_of[Kind.BAR], (low, stop)] if low < stop else [self.spans_of[Kind.BAR]]

    def _after_before(self, _state: State) -> list[Span]:
        return [self.spans_of[Kind.START]]

    def _after_start(self, _state: State) -> list[Span]:
        return [self.spans_of[Kind.BAR]]

    def _after_bar(self, state: State) -> list[Span]:
        if state.metre < 0:
            return [self.spans_of[Kind.METRE]]
        return [*self._later(state), *self._others(Kind.METRE, state.metre)]

    def _after_metre(self, state: State) -> list[Span]:
        if state.tempo < 0:
            return [(self.first[Kind.POSITION], self.first[Kind.POSITION] + 1)]
        return self._later(state)

    def _after_position(self, state: State) -> list[Span]:
        if state.tempo < 0:
            return [self.spans_of[Kind.TEMPO]]
        cut = [self.spans_of[Kind.BAR]] if state.position else []
        chords = self._others(Kind.CHORD, state.chord)
        return [*cut, *self._others(Kind.TEMPO, state.tempo), *chords, *self._notes(state)]

    def _after_tempo(self, state: State) -> list[Span]:
        return [*self._later(state), *self._others(Kind.CHORD, state.chord), *self._notes(state)]

    def _after_chord(self, state: State) -> list[Span]:
        return [*self._later(state), *self._notes(state)]

    def _notes(self, state: State) -> list[Span]:
        """What the first note at a position begins with."""
        return [*self._others(Kind.PROGRAM, state.program), *self._pitches(state.program, 0)]

    def _after_program(self, state: State) -> list[Span]:
        return self._pitches(state.program, 0)

    def _after_pitch(self, state: State) -> list[Span]:
        durations = low, stop = self.spans_of[Kind.DURATION]
        if state.velocity < 0:
            return [self.spans_of[Kind.VELOCITY]]
        if not state.is_again:
            return [*self._others(Kind.VELOCITY, state.velocity), durations]
        louder = self.first[Kind.VELOCITY] + state.velocity + 1
        longer = (low + state.duration, stop)
        return [(louder, self.first[Kind.VELOCITY + 1]), longer] if louder < self.first[Kind.VELOCITY + 1] else [longer]

    def _after_velocity(self, _state: State) -> list[Span]:
        return [self.spans_of[Kind.DURATION]]

    def _after_note(self, state: State) -> list[Span]:
        low, stop = self.spans_of[Kind.PROGRAM]
        low += state.program + 1
        programs = [(low, stop)] if low < stop else []
        pitches = self._pitches(state.program, state.pitch)
        return [self.spans_of[Kind.END], *self._later(state), *programs, *pitches]

    def _after_end(self, _state: State) -> list[Span]:
        return []


RULES: tuple[Callable[[Grammar, State], list[Span]], ...] = (  # by step
    Grammar._after_before,
    Grammar._after_start,
    Grammar._after_bar,
    Grammar._after_metre,
    Grammar._after_position,
    Grammar._after_tempo,
    Grammar._after_chord,
    Grammar._after_program,
    Grammar._after_pitch,
    Grammar._after_velocity,
    Grammar._after_note,
    Grammar._after_end,
)
WEIGHTS = {Kind.END: 0.05, Kind.BAR: 2.0, Kind.POSITION: 2.0, Kind.TEMPO: 0.3, Kind.METRE: 0.5, Kind.CHORD: 0.3}
WEIGHTS |= {Kind.PROGRAM: 0.7, Kind.NOTE: 4.0, Kind.DRUM: 4.0, Kind.DURATION: 3.0}


def _list(ids: Ids) -> list[int]:
    return ids.tolist() if isinstance(ids, np.ndarray) else list(ids)


def _drawn(rng: random.Random, low: int, stop: int) -> int:
    """A random token of a range: sometimes its first or last, and in a long one more often a low one."""
    draw = rng.random()
    if draw < 0.2:
        return low
    if draw < 0.25 and stop - low < 1 << 16:
        return stop - 1
    if stop - low < 1 << 10:
        return rng.randrange(low, stop)
    return low + rng.getrandbits(rng.randint(1, (stop - low).bit_length() - 1))
