"""Which adjectives and adverbs of a sentence go, with the marks and conjunctions that they leave."""

import re

from stages.prose.lexicon import frequency, listed, senses
from stages.prose.pieces import ADJECTIVES, ADVERBS, BE, HAVE, HYPHENS, NOUNS, SOFT, Piece, Sentence, hyphened

RARE = 5.0  # Zipf frequency below which an adjective that has no plainer word goes
RARE_NOUN = 5.0  # and a noun before another
USUAL_ADVERB = 5.0  # Zipf frequency from which an adverb in -ly is nothing particular
# Adverbs in -ly that a sentence needs: they deny, limit or place what is said.
NEEDED = listed(
    "only hardly barely scarcely nearly almost merely solely early daily nightly weekly monthly yearly rarely seldom "
    "finally recently exactly probably possibly likely unlikely equally partly mostly supposedly allegedly "
    "approximately roughly lonely reply family supply rely apply bodily"
)
DEGREE = listed("very quite rather most exceedingly extremely highly pretty")  # go with what they grade
GRADED = listed("so too as how more less such not n't n’t never than no most least")  # these need what they grade
DENIAL = listed("not n't n’t never no neither nor as so than how when where why there")  # not dropped
COPULAS = BE | listed(
    "seem seems seemed look looks looked become becomes became grow grows grew feel feels felt get gets got appear "
    "appeared appears remain remained remains keep kept make makes made turned sound sounded smell smelled"
)
# Adjectives that count or point: without them something else is told.
COUNTING = listed(
    "other same own such first second third last next many few several only whole more most less least much little "
    "nearer nearest closer closest "
    "another certain former latter one two three half all any some enough dead alive"
)
ORDINAL = re.compile(r"(?:teenth|tieth|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|hundredth)$")


def modifiers(words: Sentence, start: int) -> int:
    """Where the noun is whose adjectives begin at `start`; `start` if there are none."""
    if not _modifies(words[start]):
        return start
    before = words[start - 1] if start else None
    if words[start].tag in ("VBN", "VBG") and not _in_noun_phrase(words, start):
        return start
    end = start
    while end < len(words) and (
        _modifies(words[end]) or words[end].text in (",", *HYPHENS) or words[end].tag in ("CC", *ADVERBS)
    ):
        end += 1
    if end == len(words) or words[end].tag not in NOUNS or not _modifies(words[end - 1]):
        return start
    if before and before.text.lower() in COPULAS and any(p.text == "," or p.tag == "CC" for p in words[start:end]):
        return start  # "was old, and dark men came": what follows the verb belongs to it
    return end


def _in_noun_phrase(words: Sentence, index: int) -> bool:
    """Whether a participle stands where only a modifier can: after an article or the like, not after have or a verb."""
    while index and words[index - 1].tag in ADVERBS:
        index -= 1
    before = words[index - 1] if index else None
    if before is None or before.text.lower() in HAVE or before.text.lower() in COPULAS:
        return False
    return before.tag in ("DT", "PRP$", "POS", "CD", "PDT", "WP$", *ADJECTIVES) or (
        before.tag == "IN" and words[index].tag != "VBG"
    )


def _modifies(piece: Piece) -> bool:
    """Whether a piece may be an adjective before a noun."""
    return piece.tag in ADJECTIVES or (piece.tag in ("VBN", "VBG") and not piece.fixed)


def thin(words: Sentence, start: int, end: int, dropped: list[bool], bare: bool) -> None:
    """Mark which of the adjectives in words[start:end] go, with the adverbs, commas and conjunctions they leave."""
    last, joints, adverbs, seen = None, list[int](), list[int](), set[str]()
    for index in range(start, end):
        piece = words[index]
        if piece.tag in ADVERBS:
            adverbs.append(index)
        elif not _modifies(piece):
            if piece.text not in HYPHENS:
                joints.append(index)
        else:
            before = words[adverbs[-1]].text.lower() if adverbs else words[index - 1].text.lower() if index else ""
            goes = _drops(words, index, bare) and before not in GRADED
            if piece.text.lower() in seen and not hyphened(words, index):
                goes = True
            seen.add(piece.text.lower())
            dropped[index] = goes
            for adverb in adverbs:
                dropped[adverb] = goes or needless(words, adverb, bare)
            if not goes:
                keep = next((k for k in joints if words[k].tag == "CC"), joints[0] if joints else None)
                for joint in joints:
                    dropped[joint] = last is None or joint != keep
                last, joints = index, []
            adverbs = []
    for joint in joints:
        dropped[joint] = True
    if not bare and all(dropped[start:end]) and start > 1 and words[start - 2].text.lower() in COPULAS:
        dropped[end - 1] = False  # "it was a day" says nothing without its gray


def _drops(words: Sentence, index: int, bare: bool) -> bool:
    """Whether an adjective before a noun goes: a rare one without a plain word, or any if `bare`."""
    piece = words[index]
    word = piece.text.lower()
    if piece.tag == "JJR" and any(other.text == "than" for other in words[index:]):
        return False
    if piece.fixed or hyphened(words, index) or word in COUNTING or ORDINAL.search(word):
        return False
    return bare or not (piece.changed or frequency(word) >= RARE)


def needless(words: Sentence, index: int, bare: bool) -> bool:
    """Whether an adverb goes: an unusual one in -ly, or any that the sentence can spare if `bare`."""
    piece = words[index]
    word = piece.text.lower()
    if piece.tag not in ADVERBS or piece.fixed or word in NEEDED or word in DENIAL or hyphened(words, index):
        return False
    before = words[index - 1] if index else None
    after = words[index + 1] if index + 1 < len(words) else None
    if before and (before.text.lower() in GRADED or before.tag in ("IN", "TO")):
        return False
    if before and before.text.lower() in COPULAS and (after is None or not after.text[0].isalpha()):
        return False
    if bare:
        return after is None or (after.tag not in ("IN", "TO") and after.text.lower() not in ("that", "ago"))
    adverb = bool(senses(word, "ADV")) or not senses(word, "ADJ")  # no dictionary has "shudderingly"
    return word.endswith("ly") and frequency(word) < USUAL_ADVERB and adverb


def graded_by(words: Sentence, start: int) -> bool:
    """Whether an adverb stands before `start` that says nothing without the modifier there: rapidly increasing."""
    if start < 2 or words[start - 1].tag not in ADVERBS or words[start - 1].fixed:
        return False
    adverb = words[start - 1].text.lower()
    return words[start - 2].tag in ("DT", "PRP$") and adverb not in NEEDED | DENIAL | GRADED


def rare_noun(words: Sentence, index: int) -> bool:
    """Whether a noun only says of what kind the next one is, and is rare: the gambrel roof."""
    piece, after = words[index], words[index + 1] if index + 1 < len(words) else None
    if piece.tag != "NN" or piece.fixed or piece.changed or after is None or after.tag not in ("NN", "NNS"):
        return False
    before = words[index - 1] if index else None
    opens = after.tag == "NNS" or (before is not None and before.tag in ("DT", "PRP$", "POS", "CD", "IN", *ADJECTIVES))
    joined = after.fixed or not after.gap or hyphened(words, index) or hyphened(words, index + 1)
    return (
        opens
        and not joined
        and after.text[0].isalpha()
        and frequency(piece.text) < RARE_NOUN
        and bool(senses(piece.text, "NOUN"))
    )


def tidy(words: Sentence, dropped: list[bool]) -> None:
    """Mark the commas and conjunctions that only joined or set off what has gone."""
    for index, piece in enumerate(words):
        if piece.tag == "CC" and 0 < index < len(words) - 1 and not dropped[index]:
            if words[index + 1].changed and words[index - 1].text.lower() == words[index + 1].text.lower():
                dropped[index] = dropped[index + 1] = True  # "fear and fear" was "awe and terror"
                continue
            left, right = words[index - 1].tag in ADVERBS, words[index + 1].tag in ADVERBS
            if left and right and (dropped[index - 1] or dropped[index + 1]):
                dropped[index] = True
        elif piece.text == "," and index > 0 and dropped[index - 1] and words[index - 1].tag in ADVERBS:
            first = index - 1
            while first > 0 and dropped[first - 1]:
                first -= 1
            opens = first == 0 or words[first - 1].text in SOFT
            if opens and (first == 0 or words[min(index + 1, len(words) - 1)].tag != "CC"):
                dropped[index] = True
                if first > 0 and words[first - 1].text == ",":
                    dropped[first - 1] = True
