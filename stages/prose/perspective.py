"""First-person narrative in another person, by rule: we, the observer, or one. What is said in quotes stays.

A text becomes a target of training, so what the rules can't settle is refused with a reason rather than guessed.

- `first_plural`: the editorial we. A narrator's we and I fall together. Nouns keep their number (our hand), so
  that "I was a boy" is refused.
- `third`: "the observer" wherever a pronoun stood. Only the reflexive needs a pronoun of its own: it is "themself",
  which is singular and supposes no gender, where "himself" would be wrong for every other narrator.
- `impersonal`: "one", "one's", "oneself", and "one's own" for mine.

A text that also says "we" can't become third or impersonal: who is meant (two people, or everyone) isn't known.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from stages.prose import verbs
from stages.prose.lexicon import TOKEN, Token, tagged
from stages.prose.subjects import Finder
from stages.prose.text import sentence_spans, speech_spans, unclear_speech
from stages.prose.verbs import Ambiguous, Sentence, forms, listed, plain, sentences_of

Perspective = Literal["as_written", "first_plural", "third", "impersonal"]
PERSPECTIVES: tuple[Perspective, ...] = ("as_written", "first_plural", "third", "impersonal")

__all__ = ["PERSPECTIVES", "Ambiguous", "Perspective", "converted", "narrator", "residue"]

SINGULAR = ("i", "me", "my", "mine", "myself")
PLURAL = ("we", "us", "our", "ours", "ourselves", "ourself")
# What each pronoun becomes. An apostrophe is made the text's own.
PRONOUNS: dict[str, dict[str, str]] = {
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
ANY = re.compile(r"\b(?:I|[Mm](?:e|y|ine|yself)|M(?:E|Y|INE|YSELF)|[Ww]e|WE|[Uu]s|US|[Oo]ur(?:s|selves|self)?|OURS?)\b")
OLD = re.compile(
    r"\b(?:me(?:thinks|thought|seems|self)|mesilf|i'?faith|thou|thee|thy|thine|ye|thilke|yew)\b", re.IGNORECASE
)
# Outside of quotes, and yet somebody's speech: it began before the text does.
DIALECT = re.compile(
    r"\b(?:an|th|wi|ol|ter|jest|\w{2,}in)[’'](?![\w-])|\b(?:ain[’']t|hain[’']t|dun[’']t|suthin|sez|allus)\b|"
    r"\b(?:he|she|it) don[’']t\b|\b(?:you|they|we) was\b",
    re.IGNORECASE,
)
CLOSERS = ("”", "’", "»", '"', "'")
SPEECH_MARKS = "“‘«.,!?…—" + "".join(CLOSERS)

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
DEMONSTRATIVES = listed("this these those each every")
EPITHETS = listed("poor dear unhappy wretched real miserable luckless")
OATHS = listed("god lord word goodness heaven heavens stars")
NOT_ONE = listed("not no only but save except even just")  # "only one" counts
SAID = listed(
    "said cried asked replied answered exclaimed whispered muttered shouted thought murmured repeated inquired "
    "called added screamed continued began shrieked returned gasped ejaculated interrupted demanded say cry ask"
)
BE = listed("am 'm was were be been become became remain remained")
ARTICLES = listed("a an the no another his her its their our my such")
OFFICES = listed(
    "master mistress keeper captain king queen witness host heir sole guardian author"
)  # I am master of it
CALLING = listed(
    "called call thought think made make deemed considered named believed found held appointed left leaving"
)
MEASURES = listed(
    "little bit trifle good great mile foot inch long short moment hour while way time distance week month day night "
    "year first last only same evening morning"
)
PERSONS = listed(
    "boy girl child youth man woman lad youngster infant baby student scholar keeper sailor guest stranger prisoner "
    "witness physician doctor lawyer priest soldier writer poet painter sceptic skeptic bachelor orphan visitor"
)
BEFORE_OBJECTS = listed("and or than like but save except nor neither both was is")


def narrator(text: str) -> Literal["first", "first_plural", "third"]:
    """Who tells `text`: "first" if it says I outside of speech, "first_plural" if it says we and never I."""
    if not ANY.search(text):
        return "third"
    tokens = _tokens(_masked(text))
    if _places(tokens, SINGULAR):
        return "first"
    return "first_plural" if _places(tokens, PLURAL) else "third"


def residue(text: str, perspective: Perspective) -> list[str]:
    """The words outside of speech that `text` can't have in `perspective`: the narrator's pronouns, and "am"."""
    if perspective == "as_written":
        return []
    tokens = _tokens(_masked(text))
    wanted = SINGULAR if perspective == "first_plural" else SINGULAR + PLURAL
    places = set(_places(tokens, wanted))
    return [token.text for index, token in enumerate(tokens) if index in places or _is_am(tokens, index)]


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
    if DIALECT.search(masked) or _has_singular_do(tokens):
        raise Ambiguous("dialect")
    if any(token.text == "I" and _label(tokens, index) is None for index, token in enumerate(tokens)):
        raise Ambiguous("numeral")
    if to != "first_plural" and _places(tokens, PLURAL):
        raise Ambiguous("plural")
    if _unclear_mine(tokens):
        raise Ambiguous("mine")
    past = to == "first_plural" or _tells_the_past(tokens)
    apostrophe = "'" if "’" not in text and ("'" in text or '"' in text) else "’"
    changes: list[tuple[int, int, str]] = []
    for sentence in sentences_of(tokens, sentence_spans(masked)):
        changes += _changes(sentence, to, past, apostrophe, text)
    pieces, end = [], 0
    for start, stop, word in sorted(changes):
        pieces += [text[end:start], word]
        end = stop
    return "".join([*pieces, text[end:]])


def _has_singular_do(tokens: Sequence[Token]) -> bool:
    """Whether a noun in the singular has "don't": that kind of story don't go down with me."""
    return any(
        plain(token.text) == "do"
        and _word(tokens, index + 1) == "n't"
        and tokens[index - 1].tag in ("NN", "NNP")
        and tokens[index - 1].text != "I"
        and _word(tokens, index - 2) not in ("and", "or", "nor", ",")
        for index, token in enumerate(tokens)
        if index
    )


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


def _places(tokens: Sequence[Token], pronouns: Sequence[str]) -> list[int]:
    """Where `tokens` has one of `pronouns`: no numeral, initial or label, no mine of coal, no country."""
    found = []
    for index, token in enumerate(tokens):
        word = plain(token.text)
        if word not in pronouns:
            continue
        if word == "i":
            is_one = token.text == "I" and not _label(tokens, index)
        elif word == "mine":
            is_one = _is_mine(tokens, index)
        else:
            is_one = not (
                token.text == "US" or (word == "me" and _word(tokens, index + 1) == "." and token.text == "Me")
            )
        if is_one:
            found.append(index)
    return found


def _word(tokens: Sequence[Token], index: int) -> str:
    return plain(tokens[index].text) if 0 <= index < len(tokens) else ""


def _is_am(tokens: Sequence[Token], index: int) -> bool:
    """Whether the word at `index` is the verb am: no hour of the morning."""
    word = plain(tokens[index].text)
    if word == "'m":
        return _word(tokens, index - 1) == "i"
    return word == "am" and not _word(tokens, index - 1)[:1].isdigit()


def _is_verbal(word: str) -> bool:
    """Whether `word` may go on after the pronoun I: a verb, an adverb, a contraction."""
    return bool(verbs.kind(word)) or word in verbs.ADVERBS | {"who"} or word.endswith("ly") or word.startswith("'")


def _label(tokens: Sequence[Token], index: int) -> bool | None:
    """Whether the "I" at `index` is a numeral, an initial or a label; None if it may be one or the pronoun."""
    before, following = _word(tokens, index - 1), _word(tokens, index + 1)
    earlier = _word(tokens, index - 2)
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
        origin = _word(tokens, index - 3) if titled else earlier
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
    return following == "beam" or (following == "-" and _word(tokens, index + 2) == "beam")


def _initial(tokens: Sequence[Token], index: int) -> bool | None:
    """Whether the "I" at `index`, before a full stop, is an initial or the number of a section; None if it may be."""
    before = _word(tokens, index - 1)
    upper = tokens[index - 1].text[:1].isupper() if index else False
    if before in ("mr", "mrs", "miss", "dr"):
        return True
    second = tokens[index + 2].text if index + 2 < len(tokens) else ""
    if len(second) == 1 and second.isupper() and second != "I" and _word(tokens, index + 3) == ".":
        return True  # I. M. Pei
    if before == "" and second[:1].isupper() and second != "I":
        return True  # I. The House
    if before in ("", ".", "!", "?", "”", '"', ":", ";", "("):
        return None
    return None if upper and before not in BEFORE_LAST else False


def _is_mine(tokens: Sequence[Token], index: int) -> bool:
    """Whether the "mine" at `index` is surely the pronoun."""
    before, following = _word(tokens, index - 1), _word(tokens, index + 1)
    if before in DETERMINERS:
        return False
    if (
        following == "own"
        or before in BEFORE_MINE
        or following in ("was", "is", "were", "are", "had", "has", "also", "alone")
    ):
        return True
    return before in ("", ".", "—", "–", ";", ",", ":") and following not in ("of",)


def _unclear_mine(tokens: Sequence[Token]) -> bool:
    """Whether a "mine" may be a pronoun or a noun."""
    return any(
        plain(token.text) == "mine" and not _is_mine(tokens, index) and _word(tokens, index - 1) not in DETERMINERS
        for index, token in enumerate(tokens)
    )


def _tells_the_past(tokens: Sequence[Token]) -> bool:
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
    places = _places(tokens, SINGULAR)
    if not places:
        if "am" in low and any(_is_am(tokens, index) for index in range(len(low))):
            raise Ambiguous("no_subject")
        return []
    _refuse(sentence, places, to)
    narrators = [index for index in places if low[index] == "i"]
    objects = [index for index in places if low[index] in ("me", "myself")]
    plural = to == "first_plural"
    governed = Finder(sentence, narrators, plural, past).verbs(objects)
    if plural and _is_counted(sentence, places, governed):
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
        elif low[index] == "myself" and to == "third" and not narrators and sentence.at(index - 1) in BEFORE_OBJECTS:
            word = PRONOUNS[to]["me"]
        changes.append((tokens[index].start, tokens[index].end, _cased(word, sentence, index, text)))
    for index, kind in governed.items():
        changed = _agreed(sentence, index, kind, plural)
        if changed != tokens[index].text:
            changes.append((tokens[index].start, tokens[index].end, changed))
    return changes


def _refuse(sentence: Sentence, places: Sequence[int], to: Perspective) -> None:
    """Raise Ambiguous for uses of a pronoun that have no form in `to`."""
    for index in places:
        word, before, following = sentence.low[index], sentence.at(index - 1), sentence.at(index + 1)
        if word == "me" and before in ("it", "them", "this", "that", "these", "those"):
            raise Ambiguous("dialect")  # he told it me
        beyond = sentence.at(index - 2), sentence.at(index + 2)
        if word in ("i", "me", "myself") and (
            (before in ("and", "or", "nor") and beyond[0] == "you")
            or (following in ("and", "or", "nor") and beyond[1] == "you")
        ):
            raise Ambiguous("you")  # who hears it is one of those it tells of
        if word in ("i", "me") and (before in EPITHETS or before in ("the", "a", "an", "every", "another")):
            raise Ambiguous("noun")
        if word == "mine" and following != "own" and following[:1].isalpha() and _is_noun(sentence, index + 1):
            raise Ambiguous("mine")  # before mine eyes
        is_oath = following in OATHS and sentence.at(index + 2) in ("!", ",", "—", "–", "", "?", ".")
        if word == "my" and is_oath and (not before[:1].isalpha() or before in ("oh", "o", "ah", "good")):
            raise Ambiguous("interjection")
        if word == "me" and before in ("ah", "dear", "oh", "ay", "o", "alas"):
            raise Ambiguous("interjection")
        if to == "third" and word == "my" and before in DEMONSTRATIVES:
            raise Ambiguous("determiner")
        if to == "impersonal" and word in ("i", "me"):
            is_clause = before in ("but", "save") and word == "i" and sentence.kind(sentence.after(index))
            is_cleft = before in ("was", "is") and sentence.at(index - 2) in ("it", "'t", "this", "that")
            if is_cleft or (before in NOT_ONE and not is_clause):
                raise Ambiguous("one_counts")  # not one, only one, it was one
        if word == "i" and following in ("'s", "'st", "'se"):
            raise Ambiguous("contraction")


def _is_counted(sentence: Sentence, places: Sequence[int], governed: Mapping[int, str]) -> bool:
    """Whether the narrator is called by a noun that "we" would need in the plural: I was a fool."""
    low = sentence.low
    ends = []
    for index in governed:
        place = index
        while True:
            if low[place] in BE or (low[place] not in verbs.AUXILIARIES and forms(low[place]) & {"participle"}):
                following = sentence.after(place)
                if following in places:  # was I a fool
                    following = sentence.after(following)
                if sentence.at(following) not in BE:
                    if low[place] in BE:
                        ends.append(following)
                    break
                place = following
            elif low[place] in verbs.AUXILIARIES:
                place = sentence.after(place)
                if place in places:
                    place = sentence.after(place)
                if place >= len(low):
                    break
            else:
                break
    for index in places:
        if low[index] in ("i", "me", "myself") and sentence.at(index + 1) in (",", "—", "("):
            ends.append(index + 2)
        if low[index] == "myself" or (low[index] == "me" and sentence.at(index - 1) in CALLING):
            ends.append(index + 1)
    if any(_is_singular(sentence, place) for place in ends):
        return True
    for place in range(len(low) - 2):
        if low[place] in ("as", "when", "while") and low[place + 1] in ("a", "an"):
            near = range(place + 2, min(place + 6, len(low)))
            noun = next((at for at in near if sentence.tags[at].startswith("NN")), 0)
            if low[noun] in PERSONS or (low[place] == "as" and place - 1 in governed):  # I served as a nurse
                return True
    return False


def _is_singular(sentence: Sentence, place: int) -> bool:
    """Whether a noun in the singular, with its article, begins at `place`."""
    while sentence.at(place) in ("but", "such", "only", "still", "as", "quite", "like"):
        place += 1
    if sentence.at(place) in OFFICES:
        return True
    if sentence.at(place) not in ARTICLES:
        return place < len(sentence.low) and sentence.tags[place] == "NNP" and sentence.low[place] not in ("i", "me")
    for index in range(place + 1, min(place + 7, len(sentence.low))):
        tag, word = sentence.tags[index], sentence.low[index]
        if word in MEASURES:
            return False
        if tag.startswith("NN") and not sentence.tags[min(index + 1, len(sentence.low) - 1)].startswith("NN"):
            return tag in ("NN", "NNP")
        if not word[0].isalpha() and word != "-":
            break
    return sentence.at(place) in ("a", "an") and sentence.at(place + 1) not in MEASURES


def _is_noun(sentence: Sentence, index: int) -> bool:
    return sentence.tags[index].startswith(("NN", "JJ"))


def _agreed(sentence: Sentence, index: int, kind: str, plural: bool) -> str:
    """The verb at `index` as its new subject asks for, in the case it had."""
    token, word = sentence.tokens[index], sentence.low[index]
    if plural:
        new = {"am": "are", "was": "were", "'m": token.text[0] + "re"}.get(word, word)
    elif word == "'d":
        new = " " + _had_or_would(sentence, index)
    elif word in ("'m", "'ve", "'ll"):
        new = {"'m": " is", "'ve": " has", "'ll": " will"}[word]
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


def _cased(word: str, sentence: Sentence, index: int, text: str) -> str:
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
