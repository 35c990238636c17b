"""Short sentences of long ones: asides and insertions go, and clauses that can stand alone do."""

from itertools import pairwise

from stages.prose.lexicon import listed
from stages.prose.numerals import SCALES, TENS, UNITS
from stages.prose.pieces import ADJECTIVES, BREAKING, DASHES, END_MARKS, FINITE, NOUNS, OBJECTS, Piece, Sentence

SPELLED = frozenset([*UNITS, *TENS, *SCALES]) - {"one"}
ASIDE = 12  # words that an aside may have to be dropped; a longer one tells something
SUBORDINATE = listed(
    "when while if though although as since because unless until till after before where whenever wherever whether "
    "that which who whose whom what lest once than so and or nor but"
)
TAIL = 8  # words that a phrase at the end of a sentence may have to be dropped
SHORT = 6  # pieces; in a sentence as short as this what follows may be what it says: "he was not, he said, going"
LISTED = 2  # pieces that a part of a list has, mostly
RELATIVE = listed("which who whose whom whereof wherein whereon whereby whereat where that of")  # needs what it follows
# What makes the contrary of what is said: it never goes unseen.
NEGATIVE = listed(
    "not n't n’t no never nor neither none nothing nobody nowhere cannot without hardly scarcely barely naught"
)
BORDERS = frozenset((";", ":", "—", "–"))  # no phrase between commas goes over one of these
# How a phrase between commas begins that a sentence can spare.
INSERTED = listed("as like with in at by from of on after before during under to")
ADVERBIAL = listed("longer more sooner doubt")  # "no" before them begins no subject: and no longer asked
OPENING_TAGS = NOUNS | ADJECTIVES | frozenset(("PRP", "PRP$", "EX", "DT", "CD", "speech"))  # of a subject
JOINTS = frozenset(("and", "but", "yet", "so"))  # between clauses


def without_asides(sentence: Sentence) -> Sentence:
    """The sentence without what is said in passing: short asides between brackets or dashes, without names, go.

    Other dashes become commas, or the end of a sentence.
    """
    found: Sentence = []
    index, size = 0, len(sentence)
    while index < size:
        piece = sentence[index]
        if piece.text == "(" or _dash(sentence, index):
            close = next((k for k in range(index + 1, size) if _closes(sentence, k, piece.text)), None)
            inner = sentence[index + 1 : close] if close else []
            short = sum(p.text[0].isalpha() for p in inner) <= ASIDE
            asks = bool(inner) and inner[0].tag in ("VB", "VBP")  # "have another drink"
            if close and short and not asks and not any(map(_says, inner)):
                index = close + 1
                if index < size and not sentence[index].gap and sentence[index].text[0].isalpha():
                    found.append(sentence[index]._replace(gap=True))
                    index += 1
                continue
            if close and short and piece.text != "(":
                sentence = [*sentence]
                sentence[close] = sentence[close]._replace(text=",", gap=False)
                sentence[close + 1 : close + 2] = [p._replace(gap=True) for p in sentence[close + 1 : close + 2]]
            if piece.text != "(":
                found.append(piece._replace(text="," if close and short else BREAKING, gap=False))
                index += 1
                if index < size:
                    sentence = [*sentence[:index], sentence[index]._replace(gap=True), *sentence[index + 1 :]]
                continue
        found.append(piece)
        index += 1
    return found


def without_insertions(sentence: Sentence) -> Sentence:
    """The sentence without short phrases between two commas that nothing depends on, if they hold no name or number."""
    commas = [index for index, piece in enumerate(sentence) if piece.text == ","]
    found: Sentence = []
    at = 0
    for left, right in pairwise(commas):
        inner = sentence[left + 1 : right]
        after = sentence[right + 1] if right + 1 < len(sentence) else None
        if left < at or not inner or len(inner) > ASIDE or after is None or after.tag == "CC" or after.gap is False:
            continue
        opens = inner[0].text.lower() in INSERTED or inner[0].tag in ("VBG", "VBN")
        if after.text.lower() in RELATIVE or any(piece.text in BORDERS for piece in inner):
            continue
        if not opens or not _spare(inner) or inner[0].tag == after.tag:
            continue  # "in rags, in tears, in chains" is a list
        found += sentence[at:left]
        if sentence[0].text.lower() in SUBORDINATE or sentence[0].tag in ("IN", "VBG", "VBN", "TO"):
            found.append(sentence[left])  # what comes first ends with a comma
        at = right + 1
    return found + sentence[at:]


def _spare(inner: Sentence) -> bool:
    """Whether an inserted phrase may go: no name, number or negation in it, no clause and no verb with an object."""
    told = any(piece.tag in FINITE or piece.text in BORDERS for piece in inner)
    if inner[0].tag in ("VBG", "VBN"):
        told = told or any(piece.tag in OBJECTS for piece in inner[1:2])
    cut = inner[-1].tag in ADJECTIVES or inner[-1].tag in ("DT", "IN", "PRP$")  # at a comma between adjectives
    return not told and not cut and not any(map(_says, inner))


def _says(piece: Piece) -> bool:
    """Whether a piece is of a name, number or speech, or a negation: what no one can guess again."""
    return piece.fixed or piece.text.lower() in SPELLED or piece.text.lower() in NEGATIVE


def without_tail(sentence: Sentence) -> Sentence:
    """The sentence without a short phrase that trails after its last comma, if it can stand without."""
    comma = next((index for index in range(len(sentence) - 1, 0, -1) if sentence[index].text == ","), 0)
    inner = [piece for piece in sentence[comma + 1 :] if piece.text not in END_MARKS]
    if not comma or not inner or len(inner) > TAIL or not _spare(inner):
        return sentence
    opens = inner[0].text.lower() in INSERTED or inner[0].tag in ("VBG", "VBN")
    if not opens or comma <= SHORT or not _stands(sentence[:comma]):
        return sentence
    return sentence[:comma] + sentence[comma + 1 + len(inner) :]


def _dash(sentence: Sentence, index: int) -> bool:
    """Whether a piece is a dash that sets something off; one between numbers joins them."""
    piece = sentence[index]
    if piece.text not in DASHES:
        return False
    return piece.text == "—" or (piece.gap and index + 1 < len(sentence) and sentence[index + 1].gap)


def _closes(sentence: Sentence, index: int, opened: str) -> bool:
    """Whether the piece at `index` ends an aside that began with `opened`."""
    return sentence[index].text == ")" if opened == "(" else _dash(sentence, index)


def split(sentence: Sentence) -> list[Sentence]:
    """The sentence as several, cut at semicolons, dashes and conjunctions where both sides can stand alone."""
    parts: list[Sentence] = [[]]
    for index, piece in enumerate(sentence):
        if piece.text in (";", BREAKING, ","):
            after = sentence[index + 1 :]
            joint = after[0].text.lower() if after else ""
            cut = piece.text != "," or joint in ("and", "but", "yet", "so")
            if (
                cut
                and not _passing(after)
                and not _listed(parts[-1])
                and _clause(after[joint in JOINTS :])
                and _stands(parts[-1])
            ):
                parts.append([])
                continue
            piece = piece._replace(text=",", gap=False)
        if not parts[-1] and len(parts) > 1 and piece.text.lower() == "and":
            continue
        parts[-1].append(piece)
    return parts


def _listed(part: Sentence) -> bool:
    """Whether a part ends in a list: pain, defeat."""
    commas = [index for index, piece in enumerate(part) if piece.text == ","]
    last = part[commas[-1] + 1 :] if commas else []
    return 0 < len(last) <= LISTED and all(piece.tag in NOUNS | ADJECTIVES for piece in last)


def _passing(after: Sentence) -> bool:
    """Whether what follows is no more than "so they said" between commas."""
    return len(after) > 3 and after[0].text.lower() in ("so", "and") and after[3].text == ","


def _stands(part: Sentence) -> bool:
    """Whether a part of a sentence can stand alone: one of the stretches between its commas is a clause."""
    stretch: Sentence = []
    for piece in [*part, None]:
        if piece is None or piece.text == ",":
            if _clause(stretch[bool(stretch) and stretch[0].text.lower() in JOINTS :]):
                return True
            stretch = []
        else:
            stretch.append(piece)
    return False


def _clause(part: Sentence) -> bool:
    """Whether `part` begins with a subject and its verb comes before the next comma."""
    if not part or part[0].text.lower() in SUBORDINATE or part[0].tag not in OPENING_TAGS:
        return False
    if part[0].text.lower() == "no" and len(part) > 1 and part[1].text.lower() in ADVERBIAL:
        return False
    relative = False
    for piece in part:
        if piece.text in (",", ";", BREAKING):
            return False
        if piece.tag in ("WDT", "WP", "WRB") or piece.text.lower() in ("that", "which", "who"):
            relative = piece is not part[0]
        elif piece.tag in FINITE:
            if not relative:
                return True
            relative = False
    return False
