"""The narrator's pronouns in a text, which many an "I" and "mine" isn't, and what they become in another person."""

import re
from collections.abc import Sequence
from typing import Literal

from stages.prose import verbs
from stages.prose.lexicon import Token
from stages.prose.verbs import Sentence, listed, plain

Perspective = Literal["as_written", "first_plural", "third", "impersonal"]
PERSPECTIVES: tuple[Perspective, ...] = ("as_written", "first_plural", "third", "impersonal")

SINGULAR = ("i", "me", "my", "mine", "myself")
PLURAL = ("we", "us", "our", "ours", "ourselves", "ourself")
# What each pronoun becomes. An apostrophe is made the text's own.
PRONOUNS: dict[Perspective, dict[str, str]] = {
    "first_plural": {"i": "we", "me": "us", "my": "our", "mine": "ours", "myself": "ourselves"},
    "third": {
        "i": "the observer",
        "me": "the observer",
        "my": "the observer's",
        "mine": "the observer's",
        "myself": "themself",
    },
    "impersonal": {"i": "one", "me": "one", "my": "one's", "mine": "one's own", "myself": "oneself"},
}
CLOSERS = ("”", "’", "»", '"', "'")
NUMBERED = listed(
    "chapter part book volume act scene section canto number class type appendix figure plate table phase war stage "
    "grade category letter"
)
SHORT_LABELS = listed("vol fig ch bk pl sec no")  # with a full stop before their numeral
KINDS = listed("class type phase war stage grade category letter number")  # the letter I was carved
TITLES = listed("king queen emperor tsar czar pope prince")
REGNAL = listed(
    "charles james george william henry edward elizabeth richard francis frederick nicholas alexander napoleon "
    "leopold ferdinand philip mary peter otto darius xerxes artaxerxes ptolemy seti rameses ramses thutmose "
    "psammetichus mithridates constantine justinian theodosius leo pius gregory john paul louis umberto victor "
    "wilhelm friedrich"
)
BEFORE_NAMES = listed("with to at for from by after near beside behind and or like in than as when")
BEFORE_LAST = listed("than as and but nor not neither or only even so save except was am said")  # Not I.
DETERMINERS = listed("a an the this that these those each every another other some any no his her their its your")
# After these "mine" is the pronoun.
BEFORE_MINE = listed(
    "of to than as like with is was were be been and or but on in into upon from by for at near above below "
    "before beside behind beyond against toward towards under over between among about not if that become became "
    "met even partly wholly touched seized saw took got knew did except save"
)
SAID = listed(
    "said cried asked replied answered exclaimed whispered muttered shouted thought murmured repeated inquired "
    "called added screamed continued began shrieked returned gasped ejaculated interrupted demanded say cry ask"
)


def places_of(tokens: Sequence[Token], pronouns: Sequence[str]) -> list[int]:
    """Where `tokens` has one of `pronouns`: no numeral, initial or label, no mine of coal, no country."""
    found = []
    for index, token in enumerate(tokens):
        word = plain(token.text)
        if word not in pronouns or _is_hyphened(tokens, index):
            continue
        if word == "i":
            is_one = token.text == "I" and not label(tokens, index)
        elif word == "mine":
            is_one = _is_mine(tokens, index)
        else:
            is_one = not (
                token.text == "US" or (word == "me" and word_at(tokens, index + 1) == "." and token.text == "Me")
            )
        if is_one:
            found.append(index)
    return found


def _is_hyphened(tokens: Sequence[Token], index: int) -> bool:
    """Whether the token at `index` is the middle of a word: forget-me-not."""
    if not 0 < index < len(tokens) - 1:
        return False
    before, token, following = tokens[index - 1 : index + 2]
    return (before.text, following.text) == ("-", "-") and before.end == token.start and token.end == following.start


def word_at(tokens: Sequence[Token], index: int) -> str:
    """The word at `index`, as `plain` has it; "" outside of the tokens."""
    return plain(tokens[index].text) if 0 <= index < len(tokens) else ""


def is_am(tokens: Sequence[Token], index: int) -> bool:
    """Whether the word at `index` is the verb am: no hour of the morning."""
    word = plain(tokens[index].text)
    if word == "'m":
        return word_at(tokens, index - 1) == "i"
    return word == "am" and not word_at(tokens, index - 1)[:1].isdigit()


def label(tokens: Sequence[Token], index: int) -> bool | None:
    """Whether the "I" at `index` is a numeral, an initial or a label; None if it may be one or the pronoun."""
    before, following = word_at(tokens, index - 1), word_at(tokens, index + 1)
    earlier = word_at(tokens, index - 2)
    upper = tokens[index - 1].text[:1].isupper() if index else False
    if before in NUMBERED:
        if _is_verbal(following):
            doubted = upper or (before in KINDS and following in (*verbs.AUXILIARIES,) and following[:2] != "ha")
            return None if doubted else False
        return True if upper and earlier not in DETERMINERS else None
    if before == "." and earlier in SHORT_LABELS:
        return None if _is_verbal(following) else True
    if before in REGNAL and upper:
        titled = earlier in TITLES
        origin = word_at(tokens, index - 3) if titled else earlier
        if following.startswith("'") and following != "'s":
            return False
        if _is_verbal(following):
            return True if titled and origin not in BEFORE_NAMES else None
        if following == "," or following[:1].isalpha():
            return None if origin in BEFORE_NAMES and not titled else True
        return True
    if following == ")":
        return True if before in ("(", "") else None if before in (".", ";", ",", ":") else False
    if following == ".":
        return _initial(tokens, index)
    return following == "beam" or (following == "-" and word_at(tokens, index + 2) == "beam")


def _initial(tokens: Sequence[Token], index: int) -> bool | None:
    """Whether the "I" at `index`, before a full stop, is an initial or the number of a section; None if it may be."""
    before = word_at(tokens, index - 1)
    upper = tokens[index - 1].text[:1].isupper() if index else False
    if before in ("mr", "mrs", "miss", "dr"):
        return True
    second = tokens[index + 2].text if index + 2 < len(tokens) else ""
    if len(second) == 1 and second.isupper() and second != "I" and word_at(tokens, index + 3) == ".":
        return True  # I. M. Pei
    if before == "" and second[:1].isupper() and second != "I":
        return True  # I. The House
    if before in ("", ".", "!", "?", "”", '"', ":", ";", "("):
        return None
    return None if upper and before not in BEFORE_LAST else False


def _is_verbal(word: str) -> bool:
    """Whether `word` may go on after the pronoun I: a verb, an adverb, a contraction."""
    return bool(verbs.kind(word)) or word in verbs.ADVERBS | {"who"} or word.endswith("ly") or word.startswith("'")


def _is_mine(tokens: Sequence[Token], index: int) -> bool:
    """Whether the "mine" at `index` is surely the pronoun."""
    before, following = word_at(tokens, index - 1), word_at(tokens, index + 1)
    if before in DETERMINERS:
        return False
    if (
        following == "own"
        or before in BEFORE_MINE
        or following in ("was", "is", "were", "are", "had", "has", "also", "alone")
    ):
        return True
    return before in ("", ".", "—", "–", ";", ",", ":") and following not in ("of",)


def has_unclear_mine(tokens: Sequence[Token]) -> bool:
    """Whether a "mine" may be a pronoun or a noun."""
    return any(
        plain(token.text) == "mine" and not _is_mine(tokens, index) and word_at(tokens, index - 1) not in DETERMINERS
        for index, token in enumerate(tokens)
    )


def cased(word: str, sentence: Sentence, index: int, text: str) -> str:
    """`word` with a capital where the pronoun at `index` begins a sentence, in capitals where all is."""
    token = sentence.tokens[index]
    if (len(token.text) > 1 and token.text.isupper()) or (token.text == "I" and _is_shouted(sentence, index)):
        return word.upper()
    if token.text == "I":
        return word[0].upper() + word[1:] if _begins(sentence, index, text) else word
    return word[0].upper() + word[1:] if token.text[0].isupper() else word


def _is_shouted(sentence: Sentence, index: int) -> bool:
    """Whether the words on both sides of `index` are in capitals."""
    near = [sentence.tokens[place].text for place in (index - 1, index + 1) if 0 <= place < len(sentence.tokens)]
    near = [word for word in near if word[0].isalpha()]
    return bool(near) and all(len(word) > 1 and word.isupper() for word in near)


def _begins(sentence: Sentence, index: int, text: str) -> bool:
    """Whether the "I" at `index` is where a sentence begins, so that another pronoun would have a capital."""
    before = sentence.tokens[index - 1] if index else None
    if before is not None:
        if before.text in ("!", "?", "."):
            return True
        opened = [token.text for token in sentence.tokens[:index]]
        is_after_speech = opened.count(before.text) == 2 and before.text in CLOSERS  # "So" I said
        return not is_after_speech and all(mark in ("“", '"', "‘", "(", "[", "'", "_", "*", "«") for mark in opened)
    lead = text[: sentence.tokens[0].start].rstrip()
    if lead.endswith(CLOSERS):
        # “Go!” I said; but “Go.” I went.
        said = plain(sentence.at(index + 1)) in SAID
        return lead[-2:-1] not in (",", "—", "–") and not said
    # After three dots a sentence may go on; a fourth one ended it.
    return not re.search(r"(?<![.!?…])(?:…|\.{3})$", lead)
