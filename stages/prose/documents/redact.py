"""E-mail addresses, phone and card numbers, IP addresses, URLs and names in a text, replaced by a mark of their kind.

What looks like one of them and isn't stays as it is: versions, dates, times, prices, ISBN, DOI, numbers of sections.
Addresses and numbers are checked (ipaddress, Luhn, phonenumbers). Names are found by rule: after a title, a greeting or
"my name is", under a closing, and those of a given list. A name in running text that the list lacks is not found.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, get_args

Kind = Literal["email", "phone", "card", "ip", "url", "name"]
Span = tuple[int, int]
Found = tuple[int, int, str]  # a span and what it is: a Kind, or "" for what must stay

KINDS: tuple[Kind, ...] = get_args(Kind)
MARKS = {kind: f"[{kind.upper()}]" for kind in KINDS}
MARK = re.compile("|".join(map(re.escape, MARKS.values())))

REST = r"[^\s<>\"“”|\\^`{}]*"  # of a URL
PAIRS = (("(", ")"), ("[", "]"))
HOST = r"(?:[a-z0-9-]+\.)+"
URL = re.compile(
    rf"(?<![\w@.-])(?:(?:https?|ftps?)://[^\s]{REST}|www\.[\w-]+(?:\.[\w-]+)+{REST}|"
    rf"{HOST}(?:com|org|net|edu|gov|io|dev|info|test|example)/{REST}|{HOST}(?:com|org|edu|gov)(?![\w@-]|\.\w))",
    re.IGNORECASE,
)
EMAIL = re.compile(r"(?<![\w.+%-])[\w+%-][\w.+%-]{0,63}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,24}(?![\w-])")
IPV4 = re.compile(
    r"(?<![^\W\d]-)(?<![\w./])\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?!\w|-[^\W\d]|\.\w|/\d)|"
    r"(?<=//)\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"
)
IPV6 = re.compile(r"(?<![\w:.])[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:.]*(?:%\w+)?(?:/\d{1,3})?(?![\w:])", re.IGNORECASE)

# What parts the groups of a number: a blank or a dash, and the end of a line there.
BLANK, DASH = r"[ \t\xa0\u202f]", r"[-\u2010\u2011\u2013]"
GAP = rf"(?>{BLANK}?{DASH}{BLANK}?\n?{BLANK}{{0,8}}|{BLANK}{{0,2}}\n{BLANK}{{0,8}}|{BLANK}{{1,2}})"

# Looked for from each group on, or the number before a card would hide it.
CARDS = tuple(
    re.compile(rf"(?<![\w.-])(?=({digits})(?![\w-]|\.\d))")
    for digits in (
        r"\d{13,19}",
        rf"\d{{4}}(?:{GAP}\d{{4}}){{3}}{GAP}\d{{1,3}}",
        rf"\d{{4}}(?:{GAP}\d{{4}}){{3}}",
        rf"\d{{4}}{GAP}\d{{6}}{GAP}\d{{4,5}}",
    )
)
# How the numbers of each brand begin, and how many digits they have (ISO/IEC 7812, and what the brands publish).
BRANDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|"  # Visa
    r"(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|"  # Mastercard
    r"3[47]\d{13}|"  # American Express
    r"3(?:0[0-5]|[68]\d)\d{11}|"  # Diners
    r"(?:6011|64[4-9]\d|65\d\d)\d{12}|"  # Discover
    r"35(?:2[89]|[3-8]\d)\d{12}|"  # JCB
    r"62\d{14,17}|"  # UnionPay
    r"(?:5[06-8]|6[37])\d{11,17}"  # Maestro
)

# A number after these words, or after a name and a slash as browsers write it, is no address.
VERSION = re.compile(
    r"(?<!\w)(?:v|ver|version|release|build|rev|revision|firmware|sections?|sec|clause|chapter|fig|figure|table|step|"
    r"§{1,2})\.? ?(?:\d+[a-z]?\.)*\d+[\w.-]*\w|\b[A-Za-z][\w-]*/\d+(?:\.\d+)+",
    re.IGNORECASE,
)
# What has the digits of a phone number and is another thing.
NO_PHONES = (
    VERSION,
    re.compile(r"\b10\.\d{4,9}/[^\s<>\"]+"),  # DOI
    re.compile(r"\bISBN(?:-1[03])?:?\s*\d[\d -]{8,15}[\dX]\b", re.IGNORECASE),
    re.compile(
        r"\b97[89]-\d{1,5}-\d{1,7}-\d{1,6}-\d\b|\b\d{1,5}-\d{1,7}-\d{1,7}-[\dX]\b(?!-)"
    ),  # ISBN without its name
    re.compile(r"\bISSN:?\s*\d{4}-\d{3}[\dX]\b", re.IGNORECASE),
    re.compile(
        r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?\b"
    ),  # date, time
    re.compile(r"\b\d{1,2}([./-])\d{1,2}\1\d{2,4}\b(?![./-]\d)"),  # date
    re.compile(r"(?<![\d:])\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?![\d:])"),  # time
    re.compile(r"[$€£¥]\s?\d[\d,. ]*\d|\b\d[\d,.]*\s?(?:USD|EUR|GBP|JPY|dollars|euros|pounds)\b"),  # price
    re.compile(r"(?<![\d-])\d+(?:\.\d+)? ?[x\u00d7] ?\d+(?:\.\d+)?(?: ?[x\u00d7] ?\d+(?:\.\d+)?)?(?![\d-])"),  # size
)
# Digits without a space or mark between them, or without an area code, are a phone number only where the text says so.
PHONE_WORD = re.compile(
    r"\b(?:phone|tel|telephone|calls?|ring|dial|mobile|cell|fax|text|sms|whatsapp|hotline)\b[^\n\d]{0,24}$",
    re.IGNORECASE,
)
LOCAL = re.compile(rf"(?<![\w.-])(?<!\d{BLANK})\d{{3}}(?:{GAP}|\.)\d{{4}}(?![\w-]|\.\d|{BLANK}\d)")
# Groups of digits after one of these words are a phone number whatever the regions are. "Ring" and "text" are too often
# other things.
SURE_WORD = re.compile(
    r"\b(?:phone|tel|telephone|calls?|dial|mobile|cell|fax|sms|whatsapp|hotline)\b(?:(?!\n\s*\n)\D){0,24}$",
    re.IGNORECASE,
)
AREA = r"\((?=\+?\d{1,5}\))"  # opens a bracket around an area code, not around the number
JOIN = rf"(?:\)?{GAP}(?:{AREA})?|{AREA}|\)|\.(?=\d{{2,4}}(?!\d)))"
GROUPED = re.compile(rf"(?<![\w.])(?:{AREA})?\+?\d{{1,8}}(?:{JOIN}\d{{1,8}}){{1,20}}(?!(?!x\d)[\w-]|[.:/]\d)")
YEAR = r"(?:1[5-9]|20)\d\d"
YEARS = re.compile(rf"{YEAR}(?:{GAP}{YEAR})+")

NAME = r"(?:[^\W\d_a-z][\w’'-]*[^\W_]|[^\W\d_a-z]\.)"
FULL = rf"(?P<name>{NAME}(?:[ ](?:(?:van|von|der|den|de|da|di|del|la|le|al|bin|ibn|y)[ ])*{NAME}){{0,3}})"
POSSESSIVE = re.compile(r"[’']s\b")
TITLES = (
    "Mr Mrs Ms Mx Miss Dr Prof Professor Doctor Sir Madam Lady Lord Capt Captain Sgt Lt Col Gen Rev Hon Señor Señora "
    "Herr Frau Monsieur Madame"
)
TITLE = rf"(?:{'|'.join(TITLES.split())})\b\.?[ ]"
OPENING = r"(?i:dear|hi|hello|hey|good (?:morning|afternoon|evening)|thanks|thank you),?[ ]"
TELLING = (
    r"\b(?i:(?:my|his|her|their) (?:full |first |last |maiden )?name is|my name['’]s|names? ?:|i am called|"
    r"i['’]m called|(?:people|please) call me|(?:is|was) (?:named|called)|signed(?: by)?,?:?|contact person:|attn:?|"
    r"attention:)[ ]"
)
CLOSING = (
    r"^[ \t>]*(?i:(?:(?:best|kind|warm|kindest|warmest) )?(?:regards|wishes)|sincerely(?: yours)?|"
    r"yours(?: sincerely| truly| faithfully)?|cheers|(?:many )?thanks|thank you|best|respectfully|love)"
    r"[,.!]?[ \t]*\n\s*"
)
NAMED = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        rf"\b{TITLE}{FULL}",
        rf"(?:^|[“\"(]|[.!?] )[ \t>*]*{OPENING}(?:{TITLE})?{FULL}(?=[ ]*(?:[,.!:;–—-]|$| and | here))",
        rf"{TELLING}(?:{TITLE})?{FULL}",
        rf"\b(?i:this is|it['’]s)[ ](?:{TITLE})?{FULL}(?=[ ]*,?[ ](?:speaking|calling|from|here|again|at)\b)",
        rf"{CLOSING}(?:[-–—~][ ]?)?{FULL}(?=[ \t]*(?:,|$))",
        rf"^[ \t>]*(?i:from|to|cc|bcc):[ ]*{FULL}(?=[ ]*(?:[<,\[]|$))",
    )
)
# Words with a capital that stand where a name would.
NO_NAME = """
a admin administrator again all an and any anyone april august billing board both caretaker client clients colleague
colleagues committee community concern customer customers dear december department desk dispatch everybody everyone
everything february folks friday friend friends front gentlemen good guest guests guys he headquarters hello help here
hi hiring how i if in it january july june keeper ladies librarian madam maintenance manager march may member members
monday neighbor neighbour neighbours next no november october office operator our parent parents patient pepper please
reader readers reception recipient resident residents room sales saturday security september service services sir sirs
so someone speaking staff student students subscriber sunday support team teams tenant thanks that the their there
they this thursday to today tuesday unit user users valued we wednesday welcome what when where whom with world yes
you your
"""
NO_NAMES = frozenset([*NO_NAME.split(), *TITLES.lower().split()])


def redacted(
    text: str, kinds: Sequence[Kind], names: Sequence[str], regions: Sequence[str]
) -> tuple[str, Counter[str]]:
    """`text` with all that is of `kinds` replaced by marks such as [EMAIL], and how many were replaced of each kind.

    `names` are to be found wherever they stand as whole words, in any case and over the end of a line; one of a single
    word as it is written, with a capital or in capitals. `regions` are the countries (ISO 3166, as "US") whose
    phone numbers may stand without a country code. Redacting once more changes nothing: the marks are left alone, and
    what shows only once its neighbour has become a mark is found, too.
    """
    counts: Counter[str] = Counter()
    while chosen := [one for one in spans(text, kinds, names, regions) if one[2] in kinds]:
        counts.update(kind for _, _, kind in chosen)
        parts, at = [], 0
        for start, end, kind in chosen:
            parts += [text[at:start], MARKS[kind]]  # type: ignore[index]
            at = end
        text = "".join([*parts, text[at:]])
    return text, counts


def spans(text: str, kinds: Sequence[Kind], names: Sequence[str], regions: Sequence[str]) -> list[Found]:
    """What in `text` is of any kind, in order, nothing twice; "" is what looks like one and is another thing.

    Addresses are found even if they aren't among `kinds`: a number inside a URL is no phone number.
    """
    found: list[Found] = []
    taken = bytearray(len(text))

    def take(kind: str, candidates: Iterable[Span]) -> None:
        for start, end in candidates:
            if start < end and not any(taken[start:end]):
                found.append((start, end, kind))
                taken[start:end] = b"\1" * (end - start)

    take("", (match.span() for match in MARK.finditer(text)))
    # what is inside a URL goes with it, or alone where URLs stay
    if "url" in kinds:
        take("url", _urls(text))
    take("email", (match.span() for match in EMAIL.finditer(text)))
    if any(letter.isdigit() or letter == ":" for letter in text):
        take("ip", _addresses(text))
    take("url", _urls(text))
    if any(letter.isdigit() for letter in text):
        take("card", _cards(text))
        if "phone" in kinds:
            for pattern in NO_PHONES:
                take("", (match.span() for match in pattern.finditer(text)))
            take("phone", _phones(text, regions))
            take("phone", _said_phones("".join("\0" if hit else letter for letter, hit in zip(text, taken))))
    if "name" in kinds:
        take("name", _names(text, names))
    return sorted(found)


def _urls(text: str) -> Iterator[Span]:
    """URLs without the marks that end the sentence or the bracket around them."""
    for match in URL.finditer(text):
        url = match.group()
        while url[-1:] and (
            url[-1] in ".,;:!?'’*_~" or any(url[-1] == b and url.count(b) > url.count(a) for a, b in PAIRS)
        ):
            url = url[:-1]
        yield match.start(), match.start() + len(url)


def _addresses(text: str) -> Iterator[Span]:
    versions = [match.span() for match in VERSION.finditer(text)]
    for pattern in (IPV6, IPV4):
        for match in pattern.finditer(text):
            start, end = match.start(), match.start() + len(match.group().rstrip(".:" if "." in match.group() else "."))
            if any(first < end and start < last for first, last in versions):
                continue
            if _is_address(text[start:end]):
                yield start, end
            elif text[start:end].endswith(":") and _is_address(text[start : end - 1]):
                yield start, end - 1


def _is_address(text: str) -> bool:
    """Whether `text` is an IP address or a network; `::` between two words, or a slice of Python, is none."""
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return "::" not in text or text == "::1" or sum(letter in "0123456789abcdefABCDEF" for letter in text) >= 5


def _cards(text: str) -> Iterator[Span]:
    for pattern in CARDS:
        for match in pattern.finditer(text):
            digits = re.sub(r"\D", "", match[1])
            if BRANDS.fullmatch(digits) and luhn(digits) and _is_one(match[1]):
                yield match.span(1)


def _is_one(number: str) -> bool:
    """Whether the groups of `number` are parted by one mark, and a line ends once at most: a column is no number."""
    gaps = re.findall(r"\D+", number)
    lines = sum("\n" in gap for gap in gaps)
    return lines <= 1 and len({gap for gap in gaps if "\n" not in gap}) <= 1


def luhn(digits: str) -> bool:
    """Whether the last of `digits` is the check digit of those before it (ISO/IEC 7812-1, annex B)."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(int(digit) for digit in digits[::-2])) % 10 == 0


def _phones(text: str, regions: Sequence[str]) -> Iterator[Span]:
    from phonenumbers import UNKNOWN_REGION, Leniency, PhoneNumberMatcher

    def called(start: int) -> bool:
        return PHONE_WORD.search(text, max(start - 48, 0), start) is not None

    for region in regions or [UNKNOWN_REGION]:
        for match in PhoneNumberMatcher(text, region, leniency=Leniency.VALID, max_tries=2**31):
            grouped = not match.raw_string.isdigit()
            if grouped or called(match.start):
                yield match.start, match.end
    for local in LOCAL.finditer(text):
        if called(local.start()):
            yield local.span()


def _said_phones(text: str) -> Iterator[Span]:
    """Groups of digits that the words before them call a phone number; all that is known is blotted out."""
    for match in GROUPED.finditer(text):
        if SURE_WORD.search(text, max(match.start() - 48, 0), match.start()):
            number = _first_number(match.group())
            if 7 <= sum(letter.isdigit() for letter in number) <= 15 and not YEARS.fullmatch(number):  # 15: ITU E.164
                yield match.start(), match.start() + len(number)


def _first_number(groups: str) -> str:
    """The first of the phone numbers in `groups`, or all: with ten digits it ends where a gap is wider than the last.

    "555-867-5309 12 men" and "555 867 5309", a line end, "1200 men" end at 5309. A number that goes on after the end of
    a line does so with three digits or more.
    """
    digits = end = width = 0
    for group in re.finditer(r"(\D*)(\d+)", groups):
        gap = group[1].strip("()+")
        before, width = width, 2 if "\n" in gap and gap.isspace() else 1 if gap.isspace() else 0
        if (digits >= 10 and width > before) or (digits >= 7 and width == 2 and len(group[2]) < 3):
            break
        digits, end = digits + len(group[2]), group.end()
    return groups[:end]


def _names(text: str, names: Sequence[str]) -> Iterator[Span]:
    if names:
        longest = sorted(names, key=lambda name: (-len(name), name))
        listed = re.compile(rf"(?<!\w)(?:{'|'.join(map(_listed, longest))})(?!\w)")
        yield from (match.span() for match in listed.finditer(text))
    for pattern in NAMED:
        for match in pattern.finditer(text):
            name = POSSESSIVE.split(match["name"], maxsplit=1)[0]  # of Quill's Lamp, the first word
            words = name.split(" ")
            while words and not _may_name(words[-1]):
                words.pop()
            if words and all(_may_name(word) or word.islower() for word in words):
                start = match.start("name")
                yield start, start + len(" ".join(words))


def _listed(name: str) -> str:
    """A pattern for `name` of the list. In lower case a name of one word may be a usual word: rose, will, mark."""
    first, *others = name.split()
    if others:
        return "(?i:" + r"\s+".join(map(re.escape, [first, *others])) + ")"
    return "|".join(re.escape(one) for one in (first, first[0].upper() + first[1:], first.upper()))


def _may_name(word: str) -> bool:
    return word[0].isupper() and word.lower() not in NO_NAMES
