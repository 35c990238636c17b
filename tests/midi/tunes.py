"""Made-up four-part pieces with a key, phrases, cadences and voice leading, for tests that need many pieces alike."""

import random

from stages.midi.song import Song, normal, table

QUARTER = 12
CHORDS = {"I": (0, 4, 7), "ii": (2, 5, 9), "IV": (5, 9, 0), "V": (7, 11, 2), "vi": (9, 0, 4)}
NEXT = {"I": ("IV", "V", "vi", "ii"), "ii": ("V",), "IV": ("V", "I", "ii"), "V": ("I", "vi"), "vi": ("IV", "ii")}


def tune(seed: int, bars: int = 16, program: int = 0) -> Song:
    """A piece in four voices, two chords to the bar, every fourth bar I held; every other phrase returns."""
    rng = random.Random(seed)
    tonic = rng.randrange(-5, 7)
    phrases = [_phrase(rng), _phrase(rng)]
    rows: list[tuple[int, int, int, int, int]] = []
    top = 72
    for bar in range(bars):
        chords = phrases[bar // 4 % 2][bar % 4]
        for place, name in enumerate(chords):
            start = (4 * bar + 2 * place) * QUARTER
            held = len(chords) == 1
            classes = CHORDS[name]
            top = min((p for p in range(64, 82) if p % 12 in classes), key=lambda p: (abs(p - top + 1), p))
            below = [max(p for p in range(40, top) if p % 12 == pitch_class) for pitch_class in classes]
            bass = max(p for p in range(36, 50) if p % 12 == classes[0])
            length = (4 if held else 2) * QUARTER
            voices = [top, *sorted(set(below) - {top}, reverse=True)[:2], bass]
            rows += [(start, program, pitch + tonic, 80, length) for pitch in voices[1:]]
            if held:
                rows.append((start, program, top + tonic, 80, length))
            else:
                step = min((p for p in SCALE if p > top), default=top)
                rows += [
                    (start, program, top + tonic, 80, QUARTER),
                    (start + QUARTER, program, step + tonic, 80, QUARTER),
                ]
    return normal(Song(QUARTER, table(rows, 5)))


SCALE = tuple(pitch for pitch in range(60, 90) if pitch % 12 in (0, 2, 4, 5, 7, 9, 11))


def _phrase(rng: random.Random) -> list[tuple[str, ...]]:
    """Chords of four bars: two in each, and one in the last."""
    chain = ["I"]
    while len(chain) < 6:
        chain.append(rng.choice(NEXT[chain[-1]]))
    return [(chain[0], chain[1]), (chain[2], chain[3]), (chain[4], "V"), ("I",)]
