"""The form of a narrator's verb that another subject asks for."""

from stages.prose import verbs
from stages.prose.verbs import Ambiguous, Sentence, forms, listed

# Before these "I should" is what another subject would.
LIKE = listed("like think say suppose judge imagine guess fancy prefer conceive")
CONDITIONS = listed("if unless otherwise else")
# After these "should" is one for every subject: lest he should, before he should.
KEEPING = listed("if lest unless case until till before")
FORESEEN = listed(
    "felt feel knew know feared fear hoped hope thought think believed believe assured swore vowed promised said "
    "expected doubted sure certain afraid aware foresaw supposed decided resolved answered replied dreamed doubt"
)
ASKED = listed(
    "demanded demand insisted insist suggested suggest proposed requested ordered required asked ask begged urged "
    "recommended desired necessary essential important imperative better best advised proper agreed decreed natural "
    "strange odd right fitting possible impossible wonder surprising meant intended willing anxious wished wish "
    "arranged wise well"
)


def agreed(sentence: Sentence, index: int, kind: str, subject: int, plural: bool) -> str:
    """The verb at `index`, of the "I" at `subject`, as its new subject asks for, in the case it had.

    What shall and should say of an I, will and would say of others. Raises Ambiguous.
    """
    token, word = sentence.tokens[index], sentence.low[index]
    if plural:
        new = {"am": "are", "was": "were", "'m": token.text[0] + "re"}.get(word, word)
    elif word == "'d":
        new = " " + _had_or_would(sentence, index)
    elif word in ("'m", "'ve", "'ll"):
        new = {"'m": " is", "'ve": " has", "'ll": " will"}[word]
    elif word in ("shall", "sha") and subject < index:
        new = {"shall": "will", "sha": "wo"}[word]
    elif word == "should" and subject < index:
        new = _should_or_would(sentence, index, subject)
    elif word == "are":
        new = "is"
    elif kind in (verbs.AM, verbs.HAVE, verbs.DO):
        new = {"am": "is", "have": "has", "do": "does"}[word]
    elif kind == verbs.PRESENT:
        new = verbs.with_s(word)
    else:
        new = word
    if new == word:
        return token.text
    if len(word) > 1 and token.text.isupper():
        return new.upper()
    return new[0].upper() + new[1:] if token.text[0].isupper() else new


def _had_or_would(sentence: Sentence, index: int) -> str:
    """What the contraction at `index` stands for, by what follows. Raises Ambiguous("contraction")."""
    following = sentence.at(sentence.after(index))
    if "better" in sentence.low[index + 1 : index + 3] or "best" in sentence.low[index + 1 : index + 3]:
        return "had"
    if "rather" in sentence.low[index + 1 : index + 3] or "sooner" in sentence.low[index + 1 : index + 3]:
        return "would"
    if following in ("be", "have", "do"):
        return "would"
    found = forms(following)
    if following in ("been", "had") or ("participle" in found and "bare" not in found):
        return "had"
    if "bare" in found and "participle" not in found:
        return "would"
    raise Ambiguous("contraction")


def _should_or_would(sentence: Sentence, index: int, subject: int) -> str:
    """What the should at `index` is for another subject than the "I" at `subject`. Raises Ambiguous("should")."""
    low = sentence.low
    before = sentence.at(sentence.before(subject))
    near = low[max(0, subject - 6) : subject]
    if before in KEEPING:
        return "should"
    if "perhaps" in near:
        raise Ambiguous("should")
    turned = any(low[place] in ("had", "were") and sentence.at(place - 1) in ("", ",", ";") for place in range(index))
    if turned or sentence.at(sentence.after(index)) in LIKE or CONDITIONS.intersection(low):
        return "would"
    if any(low[place : place + 2] == ["but", "for"] for place in range(len(low))):
        return "would"
    if ASKED.intersection(near):
        return "should"
    if "be" not in near and (before in FORESEEN or (before == "that" and FORESEEN.intersection(near))):
        return "would"
    raise Ambiguous("should")  # a duty, or what would be
