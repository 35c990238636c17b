"""A loop of a score as a lofi track: its melody over seventh chords, a bass, and a drum pattern, on a swung grid.

The loop is repeated with variations: keys alone first, then with drums and melody; passes with fewer notes, a bar
without the kick before each new pass, and the keys alone again at the end.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.lofi import scores
from stages.lofi.scores import BAR, Note
from stages.lofi.synth import DrumName, Hit, PatternName, Performance, Sound, Tone

SPAN = 2  # beats that a chord lasts
EIGHTH = 0.5  # beats
MAJOR = (0, 2, 4, 5, 7, 9, 11)  # semitones above the tonic
ALONE = 2  # bars of keys without drums at each end
TAIL_S = 3.0  # that the last chord rings
STRUM_S = 0.011  # from one note of a chord to the next
KEYS_FROM, LEAD_FROM, BASS_FROM = 54, 67, 31  # lowest pitches: F#3, G4 and G1
# Krumhansl and Kessler 1982: how well each pitch class fits a major key. Its relative minor has the same scale.
FIT = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
WORTH = (1.3, 1.0, 0.9, 0.35)  # of sound on a chord's root, third, fifth and seventh
IN_BASS = 0.8  # worth of the root as lowest note
RARE = 0.75  # what a chord that lofi seldom rests on is worth against the others
COMPING: tuple[tuple[tuple[float, float], ...], ...] = (  # onset and duration of the chords in a bar, in beats
    ((0.0, 2.0), (2.0, 2.0)),
    ((0.0, 1.5), (1.5, 0.5), (2.0, 2.0)),
    ((0.0, 1.0), (1.5, 2.5)),
    ((0.0, 2.0), (2.5, 1.5)),
)
PATTERNS: dict[PatternName, dict[DrumName, tuple[float, ...]]] = {  # onsets in a bar, in beats
    "boom_bap": {"kick": (0, 1.5, 2.5), "snare": (1, 3), "hat": tuple(n / 2 for n in range(8))},
    "half_time": {"kick": (0, 2.5), "snare": (2,), "hat": (0, 1, 2, 3), "open_hat": (3.5,)},
    "brushes": {"kick": (0, 2.5), "brush": (0, 1, 1.5, 2, 3, 3.5), "hat": (1, 3)},
    "rims": {"kick": (0, 1.5, 2), "rim": (1, 3), "hat": tuple(n / 2 for n in range(8))},
    "none": {},
}


class Chord(NamedTuple):
    """A seventh chord, with its ninth where that is a whole tone over the root."""

    root: int  # pitch class
    tones: tuple[int, ...]  # pitch classes: root, third, fifth, seventh, and the ninth


def seconds(beats: float, tempo_bpm: float, swing: float) -> float:
    """When `beats` of the score sound: the second eighth of each beat begins at `swing` of it."""
    whole = math.floor(beats)
    inside = beats - whole
    swung = inside * 2 * swing if inside <= EIGHTH else swing + (inside - EIGHTH) * 2 * (1 - swing)
    return (whole + swung) * 60 / tempo_bpm


def tonic(weights: NDArray[np.float64]) -> int:
    """The pitch class whose major scale fits `weights`, shape (12,), best."""
    fits = [sum(weight * FIT[(pitch - key) % 12] for pitch, weight in enumerate(weights.tolist())) for key in range(12)]
    return fits.index(max(fits))


def chords(notes: tuple[Note, ...], bars: int) -> list[Chord]:
    """The seventh chord of the loop's scale for every half bar that has most of what sounds there.

    Beyond the scale's own there is the dominant of its relative minor. A half bar of rest keeps the chord before it.
    """
    table = scores.sounding(notes, bars * BAR)
    bass = scores.lowest(notes, bars * BAR)
    key = tonic(table.sum(axis=0))
    scale = [(key + step) % 12 for step in MAJOR]
    known = [
        Chord(scale[n], tuple(scale[(n + step) % 7] for step in ((0, 2, 4, 6) if n in (2, 6) else (0, 2, 4, 6, 8))))
        for n in range(7)
    ]
    third = known[2]
    known.append(Chord(third.root, (third.root, (third.root + 4) % 12, *third.tones[2:])))
    found: list[Chord] = []
    for first in range(0, bars * BAR, SPAN):
        heard = table[first : first + SPAN].sum(axis=0).tolist()
        # a melody alone says little in two beats: what comes before and after helps
        around = table[max(first - SPAN, 0) : first + 2 * SPAN].sum(axis=0).tolist()
        if not any(heard) and found:
            found.append(found[-1])
            continue
        worth = []
        for n, chord in enumerate(known):
            sound = sum(w * (heard[tone] + 0.25 * around[tone]) for w, tone in zip(WORTH, chord.tones))
            low = bass[first]
            sound += IN_BASS * (low is not None and low % 12 == chord.root)
            worth.append(sound * (RARE if n >= 6 else 1))
        found.append(known[worth.index(max(worth))])
    return found


def voicing(chord: Chord) -> list[int]:
    """The chord within one octave, so that each voice moves little, and without its root, which the bass has."""
    return sorted(KEYS_FROM + (tone - KEYS_FROM) % 12 for tone in set(chord.tones[1:]))


def lead(notes: tuple[Note, ...]) -> list[Note]:
    """The melody of the loop on the grid of eighths, in the octave of the lead."""
    top = [note for note in scores.melody(notes) if note.onset % EIGHTH == 0]
    if not top:
        return []
    middle = sorted(note.pitch for note in top)[len(top) // 2]
    octaves = -(-(LEAD_FROM - middle) // 12)
    ends = [note.onset for note in top[1:]] + [math.inf]
    return [
        note._replace(pitch=note.pitch + 12 * octaves, duration=max(min(note.duration, end - note.onset), EIGHTH))
        for note, end in zip(top, ends)
    ]


def perform(
    notes: tuple[Note, ...], loop_bars: int, sound: Sound, tempo_bpm: float, most_s: float, rng: np.random.Generator
) -> Performance:
    """The loop `notes` of `loop_bars` bars, repeated for at most `most_s` seconds."""
    bar_s = BAR * 60 / tempo_bpm
    bars = max(int((most_s - TAIL_S) / bar_s), 1)
    harmony = chords(notes, loop_bars)
    tune = lead(notes)

    def at(beats: float) -> float:
        return seconds(beats, tempo_bpm, sound.swing)

    def tone(onset: float, duration: float, pitch: int, velocity: float, late_s: float = 0.0) -> Tone:
        return Tone(at(onset) + late_s, at(onset + duration) - at(onset), pitch, velocity)

    keys: list[Tone] = []
    bass: list[Tone] = []
    melody: list[Tone] = []
    drums: dict[DrumName, list[Hit]] = {name: [] for name in PATTERNS[sound.drums]}
    comping, dropped = COMPING[0], 0.0
    for bar in range(bars):
        inside, start = bar % loop_bars, bar * BAR
        if inside == 0:  # a new pass of the loop
            comping = COMPING[int(rng.integers(len(COMPING)))]
            dropped = (0.0, 0.25, 0.45)[int(rng.integers(3))]
        plays = ALONE <= bar < bars - ALONE
        for onset, duration in comping:
            chord = harmony[(inside * BAR + int(onset)) // SPAN]
            velocity = (0.95 if onset == 0 else 0.75) + 0.1 * rng.random()
            keys += [
                tone(start + onset, duration, pitch, velocity - 0.04 * n, n * STRUM_S)
                for n, pitch in enumerate(voicing(chord))
            ]
        if plays:
            bass += [tone(*note) for note in _bass(harmony[inside * 2 : inside * 2 + 2], start, rng)]
            melody += [
                tone(start + note.onset - inside * BAR, note.duration, note.pitch, 0.75 + 0.25 * rng.random())
                for note in tune
                if inside * BAR <= note.onset < (inside + 1) * BAR and rng.random() >= dropped
            ]
            for name, hits in _bar_of_drums(sound.drums, inside == loop_bars - 1, rng).items():
                drums[name] += [Hit(at(start + onset), velocity) for onset, velocity in hits]
    last = bars * BAR
    keys += [tone(last, BAR, pitch, 0.9, 2 * n * STRUM_S) for n, pitch in enumerate(voicing(harmony[0]))]
    return Performance(at(last) + TAIL_S, keys, melody, bass, drums)


def _bass(pair: list[Chord], start: float, rng: np.random.Generator) -> list[tuple[float, float, int, float]]:
    """Onset, duration, pitch and velocity of a bar's bass: the roots of its two chords, and steps towards the next."""
    one, two = (BASS_FROM + (chord.root - BASS_FROM) % 12 for chord in pair)
    notes = [(start, 1.4, one, 1.0), (start + 2, 1.3, two, 0.9)]
    if rng.random() < 0.5:
        notes.append((start + 1.5, 0.45, one, 0.7))
    if rng.random() < 0.35:
        notes.append((start + 3.5, 0.45, two + 12 if two + 12 < 48 else two, 0.65))
    return sorted(notes)


def _bar_of_drums(
    pattern: PatternName, last: bool, rng: np.random.Generator
) -> dict[DrumName, list[tuple[float, float]]]:
    """Onset and velocity of each stroke in a bar. The last bar of a pass has no kick after its first beat."""
    bar: dict[DrumName, list[tuple[float, float]]] = {}
    for name, onsets in PATTERNS[pattern].items():
        strokes = []
        for onset in onsets:
            if name == "kick" and last and onset > 0:
                continue
            accent = 1.0 if onset % 1 == 0 else 0.7
            strokes.append((float(onset), accent * (0.85 + 0.15 * rng.random())))
        if name in ("snare", "rim") and rng.random() < 0.25:  # a ghost note
            strokes.append((3.5, 0.3))
        bar[name] = strokes
    return bar
