"""What a user asks for when they want a piece like this one, from facts measured in it."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from stages.midi.song import DEFAULT_TEMPO, DRUMS, DURATION, ONSET, PITCH, PROGRAM, Song, Table

Mode: TypeAlias = Literal["major", "minor"]

SYSTEM = "You write music as REMI tokens"
PLAIN = "Generate a piece of music"

MAJOR_KEYS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
MINOR_KEYS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
# Krumhansl and Kessler 1982, as in Krumhansl 1990, "Cognitive Foundations of Musical Pitch", p. 30.
PROFILES: dict[Mode, tuple[float, ...]] = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
NOUNS = {
    "blues": "blues",
    "chorale": "chorale",
    "classical": "classical piece",
    "contemporary_gospel": "contemporary gospel song",
    "fiddle": "fiddle tune",
    "gospel": "gospel song",
    "gospel_jazz": "gospel jazz piece",
    "hymn": "hymn",
    "jazz": "jazz piece",
    "neo_soul": "neo soul song",
    "renaissance": "renaissance piece",
    "traditional_gospel": "traditional gospel song",
    "worship": "worship song",
}  # of other genres "NAME piece"


@dataclass(frozen=True)
class Facts:
    """What was measured in a piece. None is what the piece doesn't say."""

    genre: str
    tonic: int | None  # pitch class
    mode: Mode | None
    metre: tuple[int, int]  # in force for the longest time
    tempo: int | None  # beats per minute, likewise; None for 120, which MIDI assumes where no tempo is given

    def transposed(self, semitones: int) -> "Facts":
        """The facts of the piece moved by `semitones`."""
        return self if self.tonic is None else replace(self, tonic=(self.tonic + semitones) % 12)


def facts(song: Song, genre: str) -> Facts:
    """Facts of `song`, in normal form."""
    tonic, mode = key(song) or (None, None)
    end = int(song.notes[-1, ONSET]) + 1
    metre = _longest(song.metres[:, 0], song.metres[:, 1:], end)
    tempo = _longest(song.tempos[:, 0], song.tempos[:, 1:], end)[0]
    return Facts(
        genre, tonic, mode, (metre[0], metre[1]), None if tempo == DEFAULT_TEMPO else round(60_000_000 / tempo)
    )


def sentence(facts: Facts) -> str:
    """A request for such a piece: "Generate a chorale in G major, 4/4, 96 BPM"."""
    noun = NOUNS.get(facts.genre, f"{facts.genre.replace('_', ' ')} piece")
    article = "an" if noun[0] in "aeiou" else "a"
    keys = MAJOR_KEYS if facts.mode == "major" else MINOR_KEYS
    place = "" if facts.tonic is None else f" in {keys[facts.tonic]} {facts.mode}"
    tempo = "" if facts.tempo is None else f", {facts.tempo} BPM"
    return f"Generate {article} {noun}{place}, {facts.metre[0]}/{facts.metre[1]}{tempo}"


def key(song: Song) -> tuple[int, Mode] | None:
    """Tonic and mode whose profile the sounding time of the pitch classes of `song` correlates with most.

    The method of Krumhansl and Schmuckler. None if the song has no pitched notes, or all pitch classes sound alike.
    """
    notes = song.notes[song.notes[:, PROGRAM] != DRUMS]
    sound = np.bincount(notes[:, PITCH] % 12, weights=notes[:, DURATION], minlength=12)
    if np.ptp(sound) == 0:
        return None
    # rolled by k, a profile has its tonic at pitch class k
    candidates = [(tonic, mode) for mode in PROFILES for tonic in range(12)]
    profiles = [np.roll(PROFILES[mode], tonic) for tonic, mode in candidates]
    fits = np.corrcoef([sound, *profiles])[0, 1:].round(9)  # so that ties don't depend on the last bits of a sum
    return candidates[int(fits.argmax())]


def _longest(ticks: Table, values: Table, end: int) -> list[int]:
    """The row of `values` that is in force for the longest time before `end`; of equals the first."""
    spans: Counter[tuple[int, ...]] = Counter()
    for value, length in zip(map(tuple, values.tolist()), np.diff(ticks, append=end).tolist()):
        spans[value] += length
    longest = max(spans, key=spans.__getitem__)
    return list(longest)
