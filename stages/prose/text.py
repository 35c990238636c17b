"""Words, sentences and speech in English prose, as spans of the text: nothing is normalised, nothing is lost."""

import re
from collections.abc import Iterator, Sequence

Span = tuple[int, int]  # first character, and the one after the last

# Letters, with apostrophes between them: keeper’s, o’clock. A hyphen joins nothing: half-open is two words.
WORD = re.compile(r"[^\W\d_]+(?:[’'][^\W\d_]+)*")
# Where a sentence may end: its marks, what closes after them, and white space before something that can open one.
END = re.compile(r"(?:[.!?…]+[”’\"')\]]*|[。！？]+[」』”]*)(?:\s+(?=[“‘\"'(\[—–-]*[^\W_])|(?<=[。！？」』]))")
# What is in `last` may end a sentence as well: he came from the U.S. He left.
ABBREVIATION = re.compile(
    r"(?:^|[^\w.])(?:[A-Z]|Mr|Mrs|Ms|Messrs|Mme|Mlle|Dr|Prof|Rev|Hon|Capt|Col|Gen|Lieut|Lt|Sgt|Sergt|Maj|St|Sr|Jr|Esq|"
    r"Gov|Sen|Supt|Insp|Adm|Brig|Cmdr|Cpl|Pvt|Pres|Msgr|Rt|Mt|Ft|Vol|Fig|Ch|pp|p|cf|viz|vs|i\.e|e\.g|etc|"
    r"(?P<last>(?!O\.K)(?:[A-Z]\.)+[A-Z]|Ph\.D|LL\.D|Co|Inc|Ltd|Bros))\.$"
)
# Words whose capital after such an abbreviation can only be that of a sentence.
BEGINNING = re.compile(
    r"(?:He|She|It|We|They|You|The|This|That|These|Those|There|Then|His|Her|Its|My|Our|Their|Your|But|And|Or|Nor|Yet|"
    r"So|In|On|At|As|For|From|To|With|By|After|Before|When|Where|While|If|Though|Although|Once|Now|What|Why|How|Who|"
    r"Nobody|Nothing|Some|Every|Each|All|One|An|A(?!\.))\b"
)
SELF = re.compile(r"(?<![a-z])(?:said|cried|asked|was|am|than|as|did|do|had|have|could|nor|but|not) I\.$")  # no initial
INITIAL = re.compile(r"[A-Z]\.")  # it was I. M. Pei
BREAK = re.compile(r"\n\s*\n")  # an abbreviation that ends a paragraph ends its sentence
# No. 5 and Jan. 5, but not: No. No.
NUMBER = re.compile(r"(?:^|[^\w.])(?:Nos?|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.$")
DIGIT = re.compile(r"\d")
HOUR, PRONOUN = re.compile(r"\b[ap]\.m\.$"), re.compile(r"I\b")  # at 5 a.m. I rose: its capital opens nothing
# At the end of a line or paragraph, before the marks of footnotes there may be.
SENTENCE_END = re.compile(r"[.!?…。！？][”’\"')\]」』_]*(?: ?\^?\[\^?[\w*†‡]+\]|\{\*?\d+\}|\^\d+|[*†‡¹²³⁰⁴-⁹]+)?$")
RAGGED = 30  # characters by which a hard-wrapped line may be shorter than the longest: a long word and its hyphen
OPENERS = "“‘\"'([—–-"
# Speech between quotes. One that stays open goes to the end of its paragraph, as speech of several paragraphs does.
OPEN = re.compile(r"[“«\"‘'](?:(?<=[“«])|(?<!\w.)(?=[\w“—…‘’'«])|(?<=\")(?<!\w.))")
DOUBLE = {
    mark: re.compile(rf"(?:[^{left}{right}\n]|\n(?!\s*\n))*(?:{right}|\n\s*\n|\Z)")
    for mark, left, right in (("“", "“", "”"), ("«", "«", "»"), ('"', '"', '"'))
}
# What may end a single quote or speak against its end: a closing mark, the next opening one, the paragraph's end.
TURN = {
    "‘": re.compile(r"(?<=\S)’(?!\w)|(?<!\w)‘(?=\w)|\n\s*\n"),
    "'": re.compile(r"(?<=\S)'(?!\w)|(?<!\w)'(?=\w)|\n\s*\n"),
}
# Words whose first apostrophe opens nothing.
ELIDED = re.compile(
    r"[‘'](?:(?i:t(?:is|was|were|will|would|ixt|wixt|ween|ain|isn|wasn|wouldn|won)|em|til|tain|neath|gainst|sblood|"
    r"sdeath|zounds|n)\b|\d\d|"
    r"(?:e|im|er|ers|ad|ave|ere|ow|oo|un|ud|ull|ould|cos|cuz|coz|bout|mong|mongst|cept|ead|eads|ouse|ome|ell|eard|"
    r"eart|alf|undred|nuff|spose|scuse|stead|fraid|lectric|lowed|gator|possum|coon|fess|prentice|pon|nother|d|ll|s|t|"
    r"ve|re|m)\b)"
)
# The same if they are small and the mark is a straight one; else they may well begin a quotation.
DOUBTFUL = re.compile(
    r"'(?:as|is|at|it|and|a|an|till?|cause|round|mid|midst|fore|hind|way|long|side|kay|bus|phone|plane|flu|cello|ware|"
    r"board|most|low|nigh|ole|ope|orse|ear|ard|ands)\b"
)
# Words that may end in an apostrophe: the boys’ boat, goin’, o’ the sea.
SHORTENED = re.compile(r"(?:\w\ws|\w\win|\b(?:o|an|th|wi|ol|t|n|po|mo|lo|tho|thro|ha|gi|ma|d|s)|\d)\Z", re.IGNORECASE)
# A line that opens with a dash is somebody's; where it goes over to who tells it, nothing says.
DASHED = re.compile(r"(?:^|(?<=[\n.!?…”’\"']\n))[ \t]*(?:[—–―]|--)[ \t]*(?=[^\W\d_a-z]|[¿¡])[^\n]*")
STRAY = re.compile(r"[“”«»]|[.,!?…;:—–][’'](?!\w)|(?<!\w)[‘'](?=\w)")


def words(text: str) -> list[str]:
    """The words of `text` in lower case, apostrophes straight."""
    return [word.lower().replace("’", "'") for word in WORD.findall(text)]


def sentence_spans(text: str) -> list[Span]:
    """The sentences of `text` without the white space between them.

    Marks before a lower-case word end nothing (“Who?” said he), nor does the full stop of an abbreviation or initial.
    """
    return list(_sentence_spans(text))


def _sentence_spans(text: str) -> Iterator[Span]:
    start = 0
    for match in END.finditer(text):
        after = match.end()
        opened = after
        while opened < len(text) and text[opened] in OPENERS:
            opened += 1
        if match.group().rstrip()[:1] in ".!?…" and text[opened : opened + 1].islower():
            continue
        if match.group().rstrip() == "." and not BREAK.search(match.group()):
            # no more than the longest abbreviation: a sentence that never ends would be read again for each mark
            marks = text[max(start, match.start() - 9) : match.start() + 1]
            short = ABBREVIATION.search(marks)
            if short and short["last"]:
                is_end = BEGINNING.match(text, opened) is not None
            elif short:
                is_end = SELF.search(marks) is not None and not INITIAL.match(text, after)
            else:  # what follows is looked at first: that is quick, and seldom so
                is_hour = PRONOUN.match(text, after) and HOUR.search(marks)
                is_end = not is_hour and not (DIGIT.match(text, after) and NUMBER.search(marks))
            if not is_end:
                continue
        end = match.start() + len(match.group().rstrip())
        if text[start:end].strip():
            yield _trimmed(text, start, end)
        start = after
    if text[start:].strip():
        yield _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> Span:
    """The span without white space at its ends."""
    while text[start].isspace():
        start += 1
    while text[end - 1].isspace():
        end -= 1
    return start, end


def sentences(text: str) -> list[str]:
    """The sentences of `text`."""
    return [text[start:end] for start, end in sentence_spans(text)]


def speech_spans(text: str) -> list[Span]:
    """What is said or quoted in `text`, quotes included; a line that opens with a dash is all said.

    Apostrophes open and close nothing.
    """
    return [(start, end) for start, end, _ in _speech(text)]


def unclear_speech(text: str) -> bool:
    """Whether nobody can say where speech in `text` begins or ends: a quote without its other, a dash for both."""
    pieces, last = [], 0
    for start, end, is_sure in _speech(text):
        if not is_sure:
            return True
        pieces.append(text[last:start])
        last = end
    rest = " ".join([*pieces, text[last:]])
    doubtful = -1
    for match in STRAY.finditer(rest):
        place = match.start()
        if DOUBTFUL.match(rest, place):
            doubtful = place if doubtful < 0 else doubtful
        elif not ELIDED.match(rest, place):
            return True
    closers = TURN["'"].finditer(rest, doubtful + 1) if doubtful >= 0 else ()
    return any(rest[end.start() - 1].isalnum() and not _is_shortened(rest, end.start()) for end in closers)


def narration(text: str) -> str:
    """`text` with everything said or quoted left out."""
    pieces, last = [], 0
    for start, end, _ in _speech(text):
        pieces.append(text[last:start])
        last = end
    return " ".join([*pieces, text[last:]])


def _speech(text: str) -> Iterator[tuple[int, int, bool]]:
    """Each span of speech, and whether its ends are sure."""
    # Dashes are rare, so lines are looked at only where there may be one.
    dashed = [match.span() for match in DASHED.finditer(text)] if text[:1] in "—–―- \t" or "\n" in text else []
    last = 0
    while opened := OPEN.search(text, last):
        start = opened.start()
        while dashed and dashed[0][0] <= start:
            begin, end = dashed.pop(0)
            if begin >= last:
                yield begin, end, False
                last = end
        if start < last:
            continue
        found = _end(text, start)
        if found is None:
            last = start + 1
            continue
        end, is_sure = found
        yield start, end, is_sure
        last = end
    for begin, end in dashed:
        if begin >= last:
            yield begin, end, False


def _end(text: str, start: int) -> tuple[int, bool] | None:
    """The end of the speech that opens at `start`, and whether it is sure; None if it opens none."""
    mark = text[start]
    if mark in DOUBLE:
        found = DOUBLE[mark].match(text, start + 1)
        return (found.end(), True) if found else None
    if ELIDED.match(text, start) or DOUBTFUL.match(text, start):
        return None
    likely: list[int] = []
    for turn in TURN[mark].finditer(text, start + 1):
        place = turn.start()
        if text[place] == "\n":
            break
        if text[place] == mark and not text[place - 1].isalnum() and text[place + 1 : place + 2].isalnum():
            if ELIDED.match(text, place) or DOUBTFUL.match(text, place):
                continue
            break
        is_marked = not text[place - 1].isalnum()
        if is_marked or not _is_shortened(text, place):
            return turn.end(), True
        if text[place - 1] == "s" and text[turn.end() : turn.end() + 1] in (",", ".", ";", ":", "!", "?", ")"):
            return turn.end(), True
        likely.append(turn.end())
    if likely:
        return likely[0], mark == "‘" and len(likely) == 1
    if mark == "‘" and (start == 0 or text[start - 1] == "\n"):
        closed = re.compile(r"\n\s*\n|\Z").search(text, start)
        assert closed
        return closed.end(), True
    return None


def _is_shortened(text: str, place: int) -> bool:
    """Whether the word before `place` may end in an apostrophe."""
    return SHORTENED.search(text, max(place - 4, 0), place) is not None


def is_wrapped(lines: Sequence[str]) -> bool:
    """Whether most of `lines` end where the page does, within a sentence; the last one may end anywhere.

    A line longer than any page is wide is a paragraph of its own, unless they do.
    """
    bare = [line.strip() for line in lines]
    least = max(map(len, bare)) - RAGGED
    full = sum(len(line) >= least and not SENTENCE_END.search(line[-60:]) for line in bare[:-1])
    return 2 * full > len(lines) - 1
