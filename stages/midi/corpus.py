"""A score that music21 reads, as a song with the bar lines of the score.

Repeats are not expanded: every bar is played once, in the order of the page. Grace notes are dropped and counted.
Where the score gives no tempo it is 120 quarters a minute, what MIDI assumes; where it gives no dynamics, mezzo-forte.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from stages.midi.song import Song, normal, table

BASE_TICKS = 24  # per quarter at least: the finest grid that all but odd tuplets and 64ths fall on
MAX_TICKS = 32767  # per quarter: 15 bits in a MIDI header
MAX_TEMPO = 2**24 - 1  # microseconds per quarter: 3 bytes in a MIDI file

# Program by the first pattern found in a part's name: many files keep the piano that their editor began with.
PROGRAMS: Sequence[tuple[str, int]] = (
    (r"sopran|cantus|canto|alt(o|us)\b|tenor|\bbass(us|o)?\b|choir|voice|vocal|quintus|sextus", 52),
    (r"contrabass|double ?bass", 43),
    (r"violoncello|cello", 42),
    (r"viola", 41),
    (r"violin|fiddle", 40),
    (r"piccolo", 72),
    (r"flute|flauto", 73),
    (r"oboe", 68),
    (r"clarinet", 71),
    (r"bassoon|fagott", 70),
    (r"trumpet|tromba|clarino", 56),
    (r"trombone", 57),
    (r"\bhorn|corno", 60),
    (r"timpani", 47),
    (r"organ", 19),
    (r"harpsichord|cembalo", 6),
    (r"guitar|lute", 24),
    (r"piano", 0),
)
# As MuseScore plays them. Other marks (sf, fp, hairpins) say nothing about the notes after them.
VELOCITIES = {"ppp": 16, "pp": 33, "p": 49, "mp": 64, "mf": 80, "f": 96, "ff": 112, "fff": 126}
LICENCE = re.compile(r"©|\(c\)|copyright|licen[cs]e|CC.?BY|public domain|permission", re.IGNORECASE)
DEFAULT_VELOCITY = VELOCITIES["mf"]


class Unfit(Exception):  # noqa: N818  a normal outcome of reading, not a programming error
    """A score that can't become a song: a short reason code, and what was found."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Piece:
    """A song and what its source says about it. Text is empty where the source says nothing."""

    song: Song
    title: str
    work: str  # the cycle that it is a movement of, or the hymn tune that it sets
    composer: str
    licence: str
    parts: int
    dropped: dict[str, int]


class Note(NamedTuple):
    """A note in quarters from the start of the score."""

    onset: Fraction
    program: int
    pitch: int
    velocity: int
    stop: Fraction


class Bar(NamedTuple):
    """A bar in quarters from the start of the score, with the metre in force, which it may not fill."""

    start: Fraction
    length: Fraction
    metre: tuple[int, int]

    @property
    def stop(self) -> Fraction:
        """Where the next bar starts."""
        return self.start + self.length


def read(path: Path, program: int) -> Piece:
    """The score in the file `path`; parts of unknown instruments play `program`.

    Raises Unfit if it can't be read or has no notes.
    """
    score = _parsed(path)
    staves = list(score.parts)
    dropped: Counter[str] = Counter()
    bars = _bars(staves)
    notes = [note for staff in staves for note in _notes(staff, bars, _dynamics(staff, staves, bars), program, dropped)]
    if not notes:
        raise Unfit("no_notes")
    if path.suffix == ".abc" and len({bar.metre for bar in bars}) > _metre_fields(path):
        raise Unfit("overfull_bars", "bars that hold more than their metre")
    song = _song(notes, bars, _tempos(staves, bars))
    return Piece(song=song, parts=len(staves), dropped=dict(sorted(dropped.items())), **_about(score, path))


def _parsed(path: Path) -> Any:
    """The music21 score of `path`, at sounding pitch."""
    import warnings

    from music21 import converter, environment, stream

    environment.Environment()["warnings"] = 0  # in this process alone: nothing is written to the user's settings
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = converter.parse(path, forceSource=True, storePickle=False)
            if isinstance(score, stream.Score) and any(
                instrument.transposition for instrument in score.recurse().getElementsByClass("Instrument")
            ):
                score.toSoundingPitch(inPlace=True)
    except Exception as error:  # music21 meets a bad score with exceptions of all types
        raise Unfit("unreadable", _plain(error)) from error
    if not isinstance(score, stream.Score):
        raise Unfit("not_one_score", type(score).__name__)
    return score


def _plain(error: Exception) -> str:
    """`error` in one line that is the same on every run: without addresses and folders."""
    text = re.sub(r"0x[0-9a-f]+|\d{9,}", "#", " ".join(str(error).split()))
    return f"{type(error).__name__}: {re.sub(r'/[^ ]*/', '', text)}"[:200]


def _measures(staff: Any) -> list[Any]:
    measures = list(staff.getElementsByClass("Measure"))
    if not measures:
        raise Unfit("no_bars", str(staff.partName or ""))
    return measures


def _placed(staff: Any, kind: str, bars: list[Bar]) -> Iterator[tuple[Bar, Fraction, Any]]:
    """The elements of `kind` in the bars of `staff` and their voices, with their bar and onset in quarters."""
    for measure, bar in zip(_measures(staff), bars):
        for holder, shift in [(measure, Fraction(0)), *((voice, Fraction(voice.offset)) for voice in measure.voices)]:
            for element in holder.getElementsByClass(kind):
                yield bar, bar.start + shift + Fraction(element.offset), element


def _notes(
    staff: Any, bars: list[Bar], dynamics: list[tuple[Fraction, int]], default_program: int, dropped: Counter[str]
) -> Iterator[Note]:
    """The sounding notes of `staff`, tied ones joined."""
    program = _program(staff, default_program)
    tied: dict[tuple[int, Fraction], Note] = {}  # notes whose tie is open, by pitch and end
    for bar, onset, element in sorted(_placed(staff, "NotRest", bars), key=lambda place: place[1]):
        members = element.notes if element.isChord else [element]
        reason = _why_silent(element, onset, bar)
        if reason:
            dropped[reason] += 1 if reason == "chord_symbols" else len(members)
            continue
        velocity = next((level for start, level in reversed(dynamics) if start <= onset), DEFAULT_VELOCITY)
        stop = min(onset + Fraction(element.duration.quarterLength), bar.stop)
        for member in members:
            pitch = round(member.pitch.ps)
            if not 0 <= pitch <= 127:
                raise Unfit("pitch_range", f"pitch {pitch}")
            tie = member.tie.type if member.tie else ""
            before = tied.pop((pitch, onset), None) if tie in ("stop", "continue") else None
            note = (before or Note(onset, program, pitch, velocity, stop))._replace(stop=stop)
            if tie in ("start", "continue"):
                unison = tied.pop((pitch, stop), None)  # another voice ties the same pitch on
                tied[pitch, stop] = note
                if unison:
                    yield unison
            else:
                yield note
    yield from tied.values()


def _why_silent(element: Any, onset: Fraction, bar: Bar) -> str | None:
    """Why `element` gives no note, as a key of `Piece.dropped`; None if it sounds."""
    if "Harmony" in element.classes:
        return "chord_symbols"
    if not element.pitches:
        return "unpitched"
    if element.duration.isGrace or not element.duration.quarterLength:
        return "grace_notes"
    return "past_bar_line" if onset >= bar.stop else None


def _program(staff: Any, default: int) -> int:
    """The General MIDI program of `staff`: by its name, else by the instrument the file gives, else `default`."""
    instrument = next(iter(staff.recurse().getElementsByClass("Instrument")), None)
    names = [staff.partName] + ([instrument.partName, instrument.instrumentName] if instrument else [])
    for name in names:
        for pattern, program in PROGRAMS:
            if re.search(pattern, name or "", re.IGNORECASE):
                return program
    return default if instrument is None or instrument.midiProgram is None else int(instrument.midiProgram)


def _dynamics(staff: Any, staves: list[Any], bars: list[Bar]) -> list[tuple[Fraction, int]]:
    """Velocities by their onsets: the marks of `staff` and of the other staves of its instrument (a piano's two)."""
    instrument = str(staff.id).partition("-Staff")[0]
    marks = [
        (onset, VELOCITIES[mark.value])
        for other in staves
        if other is staff or str(other.id).startswith(f"{instrument}-Staff")
        for _, onset, mark in _placed(other, "Dynamic", bars)
        if mark.value in VELOCITIES
    ]
    return sorted(marks)


def _bars(staves: list[Any]) -> list[Bar]:
    """The bars of the score.

    music21 lays out each staff for itself, so that a note too many puts it out of step with the others from there on.
    Here a bar starts at the same time in all: it is full if it is so in any staff, else as long as in most of them.
    """
    bars: list[Bar] = []
    start, metre = Fraction(0), (4, 4)
    for column in zip_longest(*(zip(_measures(staff), _lengths(_measures(staff))) for staff in staves)):
        present = [cell for cell in column if cell]
        signature = next((measure.timeSignature for measure, _ in present if measure.timeSignature), None)
        if signature:
            metre = (signature.numerator, signature.denominator)
        lengths = Counter(length for _, length in present)
        full = _full(metre)
        length = full if full in lengths else max(lengths, key=lambda length: (lengths[length], length))
        bars.append(Bar(start, length, metre))
        start += length
    return bars


def _lengths(measures: list[Any]) -> list[Fraction]:
    """Lengths of the bars of one staff, in quarters."""
    starts = [Fraction(measure.offset) for measure in measures]
    return [*(stop - start for start, stop in pairwise(starts)), Fraction(measures[-1].highestTime)]


def _full(metre: tuple[int, int]) -> Fraction:
    """Length of a bar of `metre` in quarters."""
    return Fraction(4 * metre[0], metre[1])


def bar_lines(bars: list[Bar]) -> list[tuple[Fraction, int, int]]:
    """Rows of `Song.metres`, in quarters, that draw the bar lines of `bars`.

    A metre given again in the middle of a bar cuts that bar. Short bars that make a full one together (the end of a
    strain and the pickup of the next) are not cut.
    """
    rows: list[tuple[Fraction, int, int]] = []
    for index, bar in enumerate(bars):
        full = _full(bar.metre)
        if rows and rows[-1][1:] == bar.metre:
            past = (bar.start - rows[-1][0]) % full
            if not past or _completes(bars[index:], full - past):
                continue
        rows.append((bar.start, *bar.metre))
    return rows


def _completes(bars: list[Bar], missing: Fraction) -> bool:
    """Whether the first few of `bars` last `missing` quarters together, in one metre."""
    total = Fraction(0)
    for bar in bars:
        if total >= missing or bar.metre != bars[0].metre:
            break
        total += bar.length
    return total == missing


def _tempos(staves: list[Any], bars: list[Bar]) -> list[tuple[Fraction, int]]:
    """Microseconds per quarter by their onsets; at one onset the first part's mark stands."""
    found: dict[Fraction, int] = {}
    for staff in staves:
        for _, onset, mark in _placed(staff, "MetronomeMark", bars):
            beats = mark.getQuarterBPM()
            if beats:
                found.setdefault(onset, min(round(60e6 / beats), MAX_TEMPO))
    return sorted(found.items())


def _song(notes: list[Note], bars: list[Bar], tempos: list[tuple[Fraction, int]]) -> Song:
    """The song in normal form on the coarsest grid that all its times lie on; a pickup bar is filled up on its left."""
    # A first bar that is short is a pickup, as `paddingLeft` says in the scores that give it.
    pad = max(_full(bars[0].metre) - bars[0].length, Fraction(0)) if len(bars) > 1 else Fraction(0)
    bars = [bars[0]._replace(length=bars[0].length + pad), *(bar._replace(start=bar.start + pad) for bar in bars[1:])]
    metres = bar_lines(bars)
    for _, numerator, denominator in metres:
        if denominator & (denominator - 1) or not 0 < numerator < 256:
            raise Unfit("metre", f"{numerator}/{denominator}")
    times = [time for note in notes for time in (note.onset, note.stop)]
    times += [pad, *(row[0] for row in metres), *(row[0] for row in tempos), *(_full(bar.metre) for bar in bars)]
    ticks = math.lcm(BASE_TICKS, *(time.denominator for time in times))
    if ticks > MAX_TICKS:
        raise Unfit("grid_too_fine", f"{ticks} ticks per quarter, at most {MAX_TICKS} taken")
    return normal(
        Song(
            ticks,
            table(
                [
                    (int((on + pad) * ticks), program, pitch, velocity, int((off - on) * ticks))
                    for on, program, pitch, velocity, off in notes
                ],
                5,
            ),
            table([(int((onset + pad) * ticks) if onset else 0, tempo) for onset, tempo in tempos], 2),
            table([(int(start * ticks), *metre) for start, *metre in metres], 3),
        )
    )


def _metre_fields(path: Path) -> int:
    """How many metres the ABC file `path` names."""
    fields = re.findall(rb"^M:\s*(\S+)", path.read_bytes(), re.MULTILINE)
    return len(set(fields))


def _about(score: Any, path: Path) -> dict[str, str]:
    """Title, work, composer and licence, as the file gives them."""
    metadata = score.metadata
    if metadata is None:
        return dict.fromkeys(("title", "work", "composer", "licence"), "")
    title = metadata.title or metadata.movementName or ""
    if title.endswith(path.suffix):  # music21 fills in the file's name
        title = ""
    work = metadata.parentTitle or ""
    tune = chorale_tune(path.stem)
    licence = [metadata.copyright, *(str(line) for line in metadata.getCustom("humdrum:YEM")), *_page_licence(score)]
    about = {
        "title": f"{work}: {title}" if work else title or tune,
        "work": work or tune,
        "composer": metadata.composer,
        "licence": " ".join(dict.fromkeys(text for text in licence if text)),
    }
    return {name: " ".join(str(text or "").split()) for name, text in about.items()}


def _page_licence(score: Any) -> list[str]:
    """What the page of `score` says of its rights, outside the music."""
    lines = (" ".join(str(box.content).split()) for box in score.recurse().getElementsByClass("TextBox"))
    return [line for line in lines if LICENCE.search(line)]


def chorale_tune(stem: str) -> str:
    """The hymn tune of Bach's chorale in the file `stem`, such as bwv10.7 or bwv248.35-3c; empty if none is listed."""
    from music21.corpus.chorales import ChoraleList, ChoraleListRKBWV

    listed = {str(number): row for number, row in ChoraleList().byBWV.items()}
    listed |= ChoraleListRKBWV().byBWV  # this one has the cantatas too; where both have a number its spelling stands
    # the corpus marks variants with letters: bwv112.5-sc is 112.5
    known = [number for number in listed if re.fullmatch(rf"bwv{re.escape(number)}(-?[a-z]+)?", stem)]
    return str(listed[max(known, key=len)]["title"]) if known else ""
