"""What a text in the first person may say that has no form in another person, so that it is refused."""

import re
from collections.abc import Mapping, Sequence

from stages.prose import verbs
from stages.prose.lexicon import Token
from stages.prose.pronouns import SAID, Perspective, word_at
from stages.prose.verbs import Ambiguous, Sentence, forms, listed, plain

OLD = re.compile(
    r"\b(?:me(?:thinks|thought|seems|self)|mesilf|i'?faith|thou|thee|thy|thine|ye|thilke|yew)\b", re.IGNORECASE
)
# Outside of quotes, and yet somebody's speech: it began before the text does.
DIALECT = re.compile(
    r"\b(?:an|th|wi|ol|ter|jest|\w{2,}in)[’'](?![\w-])|\b(?:ain[’']t|hain[’']t|dun[’']t|suthin|sez|allus|summat|percave|yur|jist|wid|spalpeen)\b|"
    r"\b(?:he|she|it) don[’']t\b|\b(?:you|they|we) was\b",
    re.IGNORECASE,
)
DEMONSTRATIVES = listed("this these those each every")
EPITHETS = listed("poor dear unhappy wretched real miserable luckless")
BLESSING = listed("bless pardon pity confound damn hang save help preserve")  # God bless me
POWERS = listed("god lord heaven heavens oh o ah well pray and")
OATHS = listed("god lord word goodness heaven heavens stars")
BEFORE_ONES = listed("any every some each another this one")  # any I had heard isn't any one had heard
NOT_ONE = listed("not no only but save except even just")  # "only one" counts
BE = listed("am 'm was were be been become became remain remained")
ARTICLES = listed("a an the no another his her its their our my such")
OFFICES = listed(
    "master mistress keeper captain king queen witness host heir sole guardian author"
)  # I am master of it
CALLING = listed(
    "called call thought think made make deemed considered named believed found held appointed left leaving"
)
STANDINGS = listed("name life career youth fame reputation work role duty duties days years time")
MEASURES = listed(
    "little bit trifle good great mile foot inch long short moment hour while way time distance week month day night "
    "year first last same evening morning"
)
PERSONS = listed(
    "boy girl child youth man woman lad youngster infant baby student scholar keeper sailor guest stranger prisoner "
    "witness physician doctor lawyer priest soldier writer poet painter sceptic skeptic bachelor orphan visitor"
)


def refuse(sentence: Sentence, places: Sequence[int], to: Perspective) -> None:
    """Raise Ambiguous for uses of a pronoun that have no form in `to`."""
    if to == "impersonal" and _says_one(sentence):
        raise Ambiguous("one_counts")
    for index in places:
        word, before, following = sentence.low[index], sentence.at(index - 1), sentence.at(index + 1)
        if to == "impersonal" and before == "one":
            raise Ambiguous("one_counts")  # the one my mind wished for
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
        if word == "me" and before in BLESSING and (not beyond[0][:1].isalpha() or beyond[0] in POWERS):
            raise Ambiguous("interjection")
        if to != "first_plural" and word == "i" and following in ("“", "‘", "«", '"') and before not in SAID:
            raise Ambiguous("quoted_verb")  # I “have yet to learn”
        if to == "third" and word == "my" and before in DEMONSTRATIVES:
            raise Ambiguous("determiner")
        if to == "impersonal" and word in ("i", "me"):
            is_clause = before in ("but", "save") and word == "i" and sentence.kind(sentence.after(index))
            is_cleft = before in ("was", "is") and sentence.at(index - 2) in ("it", "'t", "this", "that")
            if is_cleft or before in BEFORE_ONES or (before in NOT_ONE and not is_clause):
                raise Ambiguous("one_counts")  # not one, only one, it was one
        if word == "i" and following in ("'s", "'st", "'se"):
            raise Ambiguous("contraction")


def _says_one(sentence: Sentence) -> bool:
    """Whether somebody else is "one" and did something: two came, and one wore a crown. Of everyone it is no matter."""
    for place, word in enumerate(sentence.low):
        following = sentence.after(place)
        is_one = word == "one" and sentence.at(place - 1) not in ("no", "any", "every", "some", "each")
        if is_one and following < len(sentence.low) and sentence.is_past(following):
            return True
    return False


def _is_noun(sentence: Sentence, index: int) -> bool:
    return sentence.tags[index].startswith(("NN", "JJ"))


def has_singular_do(tokens: Sequence[Token]) -> bool:
    """Whether a noun in the singular has "don't": that kind of story don't go down with me."""
    return any(
        plain(token.text) == "do"
        and word_at(tokens, index + 1) == "n't"
        and tokens[index - 1].tag in ("NN", "NNP")
        and tokens[index - 1].text != "I"
        and word_at(tokens, index - 2) not in ("and", "or", "nor", ",")
        for index, token in enumerate(tokens)
        if index
    )


def is_counted(sentence: Sentence, places: Sequence[int], governed: Mapping[int, str]) -> bool:
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
                    if low[place] in BE and sentence.at(following) in CALLING:
                        ends.append(sentence.after(following))  # I was called a fool
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
        if low[index] == "myself" and sentence.at(index + 1) == "," == sentence.at(index + 3):
            ends.append(index + 4)  # I consider myself, therefore, a made man
    if any(_is_singular(sentence, place) for place in ends):
        return True
    for place in range(len(low) - 2):
        if low[place] in ("as", "when", "while") and low[place + 1] in ("a", "an"):
            near = range(place + 2, min(place + 6, len(low)))
            noun = next((at for at in near if sentence.tags[at].startswith("NN")), 0)
            if low[noun] in PERSONS or (low[place] == "as" and place - 1 in governed):  # I served as a nurse
                return True
        is_one = low[place + 1] in ("a", "an") or low[place + 1 : place + 3] in (["the", "only"], ["the", "sole"])
        is_called = sentence.at(place - 2) == "my" and sentence.at(place - 1) in STANDINGS  # my name as a sailor
        if low[place] == "as" and is_one and (is_called or _is_me_near(sentence, place)):
            return True  # they would stamp me as a madman
    return False


def _is_me_near(sentence: Sentence, place: int) -> bool:
    """Whether "me" or "myself" is shortly before `place`, with no mark between."""
    for at in range(place - 1, max(place - 7, -1), -1):
        if sentence.low[at] in ("me", "myself"):
            return True
        if not sentence.low[at][0].isalpha():
            break
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
        if word == "one" and sentence.at(place) == "the":
            return True  # the only one up
        if tag.startswith("NN") and not sentence.tags[min(index + 1, len(sentence.low) - 1)].startswith("NN"):
            return tag in ("NN", "NNP")
        if not word[0].isalpha() and word != "-":
            break
    return sentence.at(place) in ("a", "an") and sentence.at(place + 1) not in MEASURES
