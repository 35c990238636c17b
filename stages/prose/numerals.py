"""The numbers in a text, in figures or spelled out, cardinal or ordinal, as figures."""

import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from stages.prose.text import words

LOW = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
UNITS = {word: value for value, word in enumerate(LOW)}
TENS = {
    word: 10 * value for value, word in enumerate(words("twenty thirty forty fifty sixty seventy eighty ninety"), 2)
}
SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
GROUPS = {"dozen": 12, "score": 20}  # numbers only after another, or after "a": there are scores of music
# Ordinals by the number that each is of.
UNIT_ORDINALS = dict(
    zip(
        words(
            "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
            "fifteenth sixteenth seventeenth eighteenth nineteenth"
        ),
        range(1, 20),
    )
)
TEN_ORDINALS = {f"{word[:-1]}ieth": value for word, value in TENS.items()}
SCALE_ORDINALS = {f"{word}th": value for word, value in SCALES.items()}
# Six-and-twenty, and six and twentieth; but between six and twenty are two numbers.
TURNED = re.compile(
    rf"(?<!between )(?<!from )\b({'|'.join(LOW[1:10])})[\s-]+and[\s-]+({'|'.join([*TENS, *TEN_ORDINALS])})\b"
)
PHRASE = re.compile(
    r"(?P<figures>\d+(?:[.,:]\d+)*)(?:(?P<ordinal>(?:st|nd|rd|th)\b)|"
    rf"(?P<scales>(?:(?:-|[^\S\n]+|\n)(?:{'|'.join([*SCALES, *GROUPS])})\b)+))?|"
    r"[^\W\d_]+(?:(?:-|\s+(?:and\s+)?)[^\W\d_]+)*",
    re.I,
)
# Chapter V, Louis XIV, up to 89: C, D and M are initials as often. A Part I is no pronoun, but counts for nothing.
ROMAN = re.compile(
    r"\b(?:(?i:chapter|book|part|volume|act|scene|canto)\s+(?=[IVXL])|[^\W\d_a-z]\w*\s+(?=[IVXL]{2}))"
    r"((?:XL|L?X{0,3})(?:IX|IV|V?I{0,3}))\b"
)
ROMANS = {"I": 1, "V": 5, "X": 10, "L": 50}
_ORDINALS = frozenset(UNIT_ORDINALS) | frozenset(TEN_ORDINALS) | frozenset(SCALE_ORDINALS)
NUMBERS = frozenset(UNITS) | frozenset(TENS) | frozenset(SCALES)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text, and whether it counts by itself or is what an ordinal, "a hundred" or "one" may stand for."""

    figures: str
    counts: bool
    year: str = ""  # 1845, if this is a half of "eighteen forty-five", which may be two numbers, too
    is_loose: bool = False  # a time, or something and a half: there are too many ways to say it to compare them

    @property
    def readings(self) -> frozenset[str]:
        """The figures that say the same."""
        return frozenset({self.figures, self.year} - {""})


def numbers(text: str) -> list[str]:
    """The different numbers in `text` as figures, in order: "1,204", "twenty-five", "six-and-twenty" and "a hundred and
    six" are 1204, 25, 26 and 106. Left out are ordinals (12th, twenty-first), "a hundred", and "one" on its own, which
    is a pronoun more often than a number.
    """
    return list(dict.fromkeys(number.figures for number in numbers_in(text) if number.counts))


def numbers_in(text: str) -> list[Number]:
    """Every number in `text`, in order, ordinals and those that count for nothing by themselves among them."""
    found = []
    for match in PHRASE.finditer(text):
        if match["figures"]:
            found += _in_figures(re.sub(r",(?=\d{3})", "", match["figures"]), match["ordinal"], match["scales"])
        else:
            found += _spelled(match.group().lower())
            found += [Number(_roman(roman[1]), False) for roman in ROMAN.finditer(match.group()) if roman[1]]
    return found


def _in_figures(figures: str, ordinal: str | None, scales: str | None) -> list[Number]:
    """The number that `figures` and words such as million after them are, and those that it has where it is spelled."""
    if time := re.fullmatch(r"(\d{1,2}):([0-5]\d)", figures):
        return [
            Number(figures, True, is_loose=True),
            *(Number(part, False) for part in _time(*map(int, time.groups()))),
        ]
    if not re.fullmatch(r"\d+(?:\.\d+)?", figures):
        return [Number(figures, not ordinal)]
    parts = [Number(figures[:-2], False)] if figures.endswith(".5") else []
    if scales:
        value = Decimal(figures)
        for word in re.findall(r"\w+", scales.lower()):
            value *= SCALES.get(word) or GROUPS[word]
        figures = str(int(value)) if value == int(value) else str(value.normalize())
    return [Number(figures, not ordinal, is_loose=bool(parts)), *parts]


def _time(hour: int, minute: int) -> list[str]:
    """The numbers in all that a time is called: 15:50 is fifteen fifty, ten to four, or three fifty."""
    return list(dict.fromkeys(map(str, (hour, minute, (hour - 1) % 12 + 1, hour % 12 + 1, 60 - minute))))


def _roman(letters: str) -> str:
    values = [ROMANS[letter] for letter in letters]
    return str(sum(-one if one < other else one for one, other in pairwise([*values, 0])))


def _spelled(phrase: str) -> list[Number]:
    """The numbers that are spelled out in `phrase`."""
    tokens = re.findall(r"[^\W\d_]+", re.sub(r"\b(three|four)(?=score\b)", r"\1 ", TURNED.sub(_in_order, phrase)))
    places = _read(tokens)
    found = [number for number, _ in places]
    for index, ((one, (_, before)), (other, (after, _))) in enumerate(pairwise(places)):
        year = _year(one, other, tokens[before + 1 : after])
        if year:
            found[index : index + 2] = [Number(part.figures, part.counts, year) for part in (one, other)]
    return found


def _year(one: Number, other: Number, between: list[str]) -> str:
    """1845 for eighteen forty-five, 1905 for nineteen oh five; else nothing."""
    century, rest = int(one.figures), int(other.figures)
    is_pair = (not between and 10 <= rest < 100) or (between in (["oh"], ["o"]) and 1 <= rest < 10)
    return str(100 * century + rest) if one.counts and other.counts and 10 <= century <= 20 and is_pair else ""


def _read(tokens: list[str]) -> list[tuple[Number, tuple[int, int]]]:
    """The numbers that `tokens` spell, with the places of the first and the last word of each."""
    found, total, part, run, places = list[tuple[Number, tuple[int, int]]](), 0, 0, list[str](), list[int]()

    def close(counts: bool = True) -> None:
        nonlocal total, part
        if run:
            is_vague = run in (["one"], ["one", "score"]) or all(word in SCALES or word in GROUPS for word in run)
            found.append((Number(str(total + part), counts and not is_vague), (places[0], places[-1])))
        total, part = 0, 0
        run.clear()
        places.clear()

    def scale(value: int) -> None:
        nonlocal total, part
        if value == 100:
            part = (part or 1) * 100
        else:
            total, part = total + (part or 1) * value, 0

    for index, word in enumerate(tokens):
        before = tokens[max(index - 2, 0) : index]
        after = tokens[index + 1] if index + 1 < len(tokens) else ""
        if word == "and" and run and (run[-1] in SCALES or run[-1] == "score") and after in NUMBERS | _ORDINALS:
            continue
        if run and run[-1] in GROUPS and before[-1] != "and":
            close()  # two dozen, three of them
        if word in SCALES:
            scale(SCALES[word])
        elif word in GROUPS and (run or before[-1:] in (["a"], ["half"])):
            is_half = "half" in before and not run
            total, part = (total + part or 1) * GROUPS[word] // (2 if is_half else 1), 0
        elif word in TENS or word in TEN_ORDINALS:
            if part % 100:
                close()
            part += TENS.get(word, 0) or TEN_ORDINALS[word]
        elif word in UNITS or word in UNIT_ORDINALS:
            value = UNITS[word] if word in UNITS else UNIT_ORDINALS[word]
            # the two first chapters, twenty twelve, a thousand one by one
            if run and (
                run[-1] in UNITS
                or (run[-1] in TENS and value > 9)
                or (word == "one" and run[0] in SCALES and before[-1] != "and")
            ):
                close()
            part += value
        elif word in SCALE_ORDINALS:
            scale(SCALE_ORDINALS[word])
        else:
            close()
            continue
        run.append(word)
        places.append(index)
        if word in _ORDINALS:
            close(counts=False)
    close()
    return found


def _in_order(match: re.Match[str]) -> str:
    """Twenty six for six and twenty, twenty sixth for six and twentieth."""
    unit, tens = match.groups()
    return f"{tens} {unit}" if tens in TENS else f"{tens[:-4]}y {list(UNIT_ORDINALS)[UNITS[unit] - 1]}"
