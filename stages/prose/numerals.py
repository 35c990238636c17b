"""The numbers in a text, in figures or spelled out, cardinal or ordinal, as figures."""

import re
from dataclasses import dataclass

from stages.prose.text import words

PHRASE = re.compile(
    r"(?P<figures>\d+(?:[.,:]\d+)*)(?P<ordinal>(?:st|nd|rd|th)\b)?|[^\W\d_]+(?:(?:-|\s+(?:and\s+)?)[^\W\d_]+)*", re.I
)
LOW = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
UNITS = {word: value for value, word in enumerate(LOW)}
TENS = {
    word: 10 * value for value, word in enumerate(words("twenty thirty forty fifty sixty seventy eighty ninety"), 2)
}
SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
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
_ORDINALS = frozenset(UNIT_ORDINALS) | frozenset(TEN_ORDINALS) | frozenset(SCALE_ORDINALS)
NUMBERS = frozenset(UNITS) | frozenset(TENS) | frozenset(SCALES)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text, and whether it counts by itself or is what an ordinal, "a hundred" or "one" may stand for."""

    figures: str
    counts: bool


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
            found.append(Number(re.sub(r",(?=\d{3})", "", match["figures"]), not match["ordinal"]))
        else:
            found += _spelled(match.group().lower())
    return found


def _spelled(phrase: str) -> list[Number]:
    """The numbers that are spelled out in `phrase`."""
    values, total, part, run = list[Number](), 0, 0, list[str]()

    def close(counts: bool = True) -> None:
        nonlocal total, part
        if run:
            is_vague = run == ["one"] or all(word in SCALES for word in run)
            values.append(Number(str(total + part), counts and not is_vague))
        total, part = 0, 0
        run.clear()

    def scale(value: int) -> None:
        nonlocal total, part
        if value == 100:
            part = (part or 1) * 100
        else:
            total, part = total + (part or 1) * value, 0

    tokens = re.findall(r"[^\W\d_]+", TURNED.sub(_in_order, phrase))
    for index, word in enumerate(tokens):
        after = tokens[index + 1] if index + 1 < len(tokens) else ""
        if word == "and" and run and run[-1] in SCALES and after in NUMBERS | _ORDINALS:
            continue
        if word in SCALES:
            scale(SCALES[word])
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
                or (word == "one" and run[0] in SCALES and tokens[index - 1] != "and")
            ):
                close()
            part += value
        elif word in SCALE_ORDINALS:
            scale(SCALE_ORDINALS[word])
        else:
            close()
            continue
        run.append(word)
        if word in _ORDINALS:
            close(counts=False)
    close()
    return values


def _in_order(match: re.Match[str]) -> str:
    """Twenty six for six and twenty, twenty sixth for six and twentieth."""
    unit, tens = match.groups()
    return f"{tens} {unit}" if tens in TENS else f"{tens[:-4]}y {list(UNIT_ORDINALS)[UNITS[unit] - 1]}"
