"""First-person narrative in another person, by rule: we, the observer, or one. What is said in quotes stays.

A text becomes a target of training, so what the rules can't settle is refused with a reason rather than guessed.

- `first_plural`: the editorial we. A narrator's we and I fall together. Nouns keep their number (our hand), so
  that "I was a boy" is refused.
- `third`: "the observer" wherever a pronoun stood. Only the reflexive needs a pronoun of its own: it is "themself",
  which is singular and supposes no gender, where "himself" would be wrong for every other narrator.
  A "myself" that isn't reflexive is "the observer" too. I shall and I should are he will and he would.
- `impersonal`: "one", "one's", "oneself", and "one's own" for mine; one will and one would.

A text that also says "we" can't become third or impersonal: who is meant (two people, or everyone) isn't known.
"""

import re
from collections.abc import Sequence
from typing import Literal

from stages.prose import verbs
from stages.prose.agreement import agreed
from stages.prose.lexicon import TOKEN, Token, tagged
from stages.prose.pronouns import (
    CLOSERS,
    PERSPECTIVES,
    PLURAL,
    PRONOUNS,
    SINGULAR,
    Perspective,
    cased,
    has_unclear_mine,
    is_am,
    label,
    places_of,
)
from stages.prose.reflexives import is_reflexive
from stages.prose.refusals import DIALECT, OLD, has_singular_do, is_counted, refuse
from stages.prose.subjects import Finder
from stages.prose.text import sentence_spans, speech_spans, unclear_speech
from stages.prose.verbs import Ambiguous, Sentence, forms, plain, sentences_of

__all__ = ["PERSPECTIVES", "Ambiguous", "Perspective", "converted", "narrator", "residue"]

ANY = re.compile(r"\b(?:I|[Mm](?:e|y|ine|yself)|M(?:E|Y|INE|YSELF)|[Ww]e|WE|[Uu]s|US|[Oo]ur(?:s|selves|self)?|OURS?)\b")
SPEECH_MARKS = "“‘«.,!?…—" + "".join(CLOSERS)


def narrator(text: str) -> Literal["first", "first_plural", "third"]:
    """Who tells `text`: "first" if it says I outside of speech, "first_plural" if it says we and never I."""
    if not ANY.search(text):
        return "third"
    tokens = _tokens(_masked(text))
    if places_of(tokens, SINGULAR):
        return "first"
    return "first_plural" if places_of(tokens, PLURAL) else "third"


def residue(text: str, perspective: Perspective) -> list[str]:
    """The words outside of speech that `text` can't have in `perspective`: the narrator's pronouns, and "am"."""
    if perspective == "as_written":
        return []
    tokens = _tokens(_masked(text))
    wanted = SINGULAR if perspective == "first_plural" else SINGULAR + PLURAL
    places = set(places_of(tokens, wanted))
    return [token.text for index, token in enumerate(tokens) if index in places or is_am(tokens, index)]


def converted(text: str, to: Perspective) -> str:
    """`text` told in the person of `to`; "as_written" gives it back.

    Nothing but pronouns of the narrator and their verbs changes, nothing in quotes does. Raises Ambiguous if it isn't
    told in the first person ("not_first_person"; for third and impersonal also one that says "we": "plural"), or if
    a rule isn't sure.
    """
    if to == "as_written":
        return text
    teller = narrator(text)
    if teller == "third":
        raise Ambiguous("not_first_person")
    if teller == "first_plural":
        if to == "first_plural":
            return text
        raise Ambiguous("plural")
    masked = _masked(text)
    if OLD.search(masked):
        raise Ambiguous("archaic")
    if unclear_speech(text):
        raise Ambiguous("unclear_speech")
    tokens = tagged(masked)
    if DIALECT.search(masked) or has_singular_do(tokens):
        raise Ambiguous("dialect")
    if any(token.text == "I" and label(tokens, index) is None for index, token in enumerate(tokens)):
        raise Ambiguous("numeral")
    if to != "first_plural" and places_of(tokens, PLURAL):
        raise Ambiguous("plural")
    if has_unclear_mine(tokens):
        raise Ambiguous("mine")
    past = to == "first_plural" or tells_the_past(tokens)
    apostrophe = "'" if "’" not in text and ("'" in text or '"' in text) else "’"
    changes: list[tuple[int, int, str]] = []
    for sentence in sentences_of(tokens, sentence_spans(masked)):
        changes += _changes(sentence, to, past, apostrophe, text)
    pieces, end = [], 0
    for start, stop, word in sorted(changes):
        pieces += [text[end:start], word]
        end = stop
    return "".join([*pieces, text[end:]])


def _masked(text: str) -> str:
    """`text` with blanks for all that is said or quoted, but for the quotes and the mark before the last one."""
    pieces, end = [], 0
    for start, stop in speech_spans(text):
        inner = text[start + 1 : stop]
        kept = len(inner) - len(inner.rstrip(SPEECH_MARKS)) if inner.endswith(CLOSERS) else 0
        blank = re.sub(r"\S", " ", inner[: len(inner) - kept])
        pieces += [text[end:start], text[start], blank, inner[len(inner) - kept :]]
        end = stop
    return "".join([*pieces, text[end:]])


def _tokens(masked: str) -> list[Token]:
    """The tokens of `masked` without their classes."""
    return [Token(match.group(), *match.span(), "") for match in TOKEN.finditer(masked)]


def tells_the_past(tokens: Sequence[Token]) -> bool:
    """Whether the finite verbs of a text are mostly past ones."""
    past = present = 0
    for token in tokens:
        word = plain(token.text)
        if word in ("was", "were", "had", "did", "could", "would"):
            past += 1
        elif word in ("is", "are", "am", "has", "does", "can", "'m"):
            present += 1
        elif token.tag == "VBD" and forms(word) >= {"past"} and "bare" not in forms(word):
            past += 1
        elif token.tag == "VBZ":
            present += 1
    return past >= 1 and past >= 2 * present


def _changes(sentence: Sentence, to: Perspective, past: bool, apostrophe: str, text: str) -> list[tuple[int, int, str]]:
    """(first character, the one after the last, new text) for all that changes in one sentence."""
    tokens, low = sentence.tokens, sentence.low
    places = places_of(tokens, SINGULAR)
    if not places:
        if "am" in low and any(is_am(tokens, index) for index in range(len(low))):
            raise Ambiguous("no_subject")
        return []
    refuse(sentence, places, to)
    narrators = [index for index in places if low[index] == "i"]
    objects = [index for index in places if low[index] in ("me", "myself")]
    plural = to == "first_plural"
    finder = Finder(sentence, narrators, plural, past)
    governed = finder.verbs(objects)
    if plural and is_counted(sentence, places, governed):
        raise Ambiguous("singular_noun")
    if not plural:
        for index in objects:
            if low[index] == "me" and index - 1 in governed and governed[index - 1] != verbs.MODAL:
                raise Ambiguous("reflexive")  # I laid me down
    changes = []
    for index in places:
        word = PRONOUNS[to][low[index]].replace("'", apostrophe)
        if low[index] == "mine" and sentence.at(index + 1) == "own":
            word = PRONOUNS[to]["my"].replace("'", apostrophe)
        elif low[index] == "myself" and to == "third" and not is_reflexive(sentence, index, narrators, governed):
            word = PRONOUNS[to]["me"]
        changes.append((tokens[index].start, tokens[index].end, cased(word, sentence, index, text)))
    for index, kind in governed.items():
        changed = agreed(sentence, index, kind, finder.subject[index], plural)
        if changed != tokens[index].text:
            changes.append((tokens[index].start, tokens[index].end, changed))
    return changes
