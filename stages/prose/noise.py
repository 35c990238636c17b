"""Noise for the input of a rewriter, so that it learns to write afresh and not to copy: part of the prompt's recipe.

A changed word is a word of the text that was substituted (a synonym, a typing error), dropped (an article) or moved (a
swap of neighbours moves two). So the number of changed words is the word-level edit distance of the two texts.
"""

import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Literal, NamedTuple, TypeAlias

from stages.prose.content import FUNCTION
from stages.prose.lexicon import Token, frequency, inflected, lemma, senses, synset, tagged
from stages.prose.text import WORD, speech_spans

Kind: TypeAlias = Literal["synonym", "article", "swap", "typo"]

ARTICLES = ("a", "an", "the")
# "a few" isn't "few", and "a hundred" isn't "hundred".
COUNTED = frozenset({"few", "little", "lot", "deal", "number", "good", "great", "many", "bit"})
NUMBER = re.compile(
    r"(?:thir|four|fif|six|seven|eigh|nine)teen(?:th)?|(?:twen|thir|for|fif|six|seven|eigh|nine)t(?:y|ies|ieth)|"
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|thousand|million|billion|dozen|score)s?|"
    r"first|second|third|(?:four|fif|six|seven|eigh|nin|ten|eleven|twelf|hundred|thousand)th|hal[fv]e?s?|quarters?|"
    r"once|twice|thrice"
)
COUNT = re.compile(rf"(?:\d|\b(?:{NUMBER.pattern})) $")
LONGEST = 13  # letters of a number word and a space
JOINED = re.compile(r"[\w@/\\'\u2019\u2010\u2011-]")  # makes a word part of something longer: 12th, half-open, a@b
# Swapped with a neighbour, one of these would deny something else.
FIXED = frozenset({"not", "no", "nor", "never", "neither", "none", "nothing", "nobody", "without"})
BRACKETS = re.compile(r"\[[^\]\n]*\]|\{[^}\n]*\}|<[^>\n]*>")  # [THING], [12], tags
UPOS = {"N": "NOUN", "V": "VERB", "J": "ADJ", "R": "ADV"}  # by the first letter of a Penn tag
KNOWN = 3.5  # Zipf frequency of a synonym, at least: the noise stays plain
MAIN = 0.5  # share of a word's uses that fall to its first meaning, at least: else the synonym is a guess
MIN_SYNONYM = 3  # letters: a shorter one is an abbreviation
MIN_TYPO = 5  # letters: a shorter word may become another one


class Perturbed(NamedTuple):
    """A text with noise, and how much of it: changed / words is the realised rate."""

    text: str
    changed: int
    words: int


class Edit(NamedTuple):
    """What becomes of the words from `first` to `last`: `text` in place of the characters from `start` to `end`."""

    first: int
    last: int
    start: int
    end: int
    text: str
    changed: int


@dataclass(frozen=True)
class Words:
    """The words of a text, and which of them may change."""

    text: str
    found: Sequence[re.Match[str]]
    free: Sequence[bool]
    tokens: Mapping[int, Token]  # by the place in the text, for synonyms


def perturbed(text: str, rate: float, rng: Random, kinds: Mapping[Kind, float]) -> Perturbed:
    """`text` with round(`rate` x its words) words changed, by `kinds` in proportion to their weights.

    How many words are to change is set first. Then each change draws its kind and a place for it; a kind that has no
    place left leaves the rest to the others. Changes keep an unchanged word between them as long as there are such
    places. If all places are used up fewer words change: the caller sees it in the realised rate. Capitalised words (so
    all names), numbers, speech, what is in brackets, marks and white space stay as they are, but for the space after a
    dropped article.
    """
    words = _words(text, kinds.get("synonym", 0) > 0)
    wanted = round(rate * len(words.found))
    order = [place for place, is_free in enumerate(words.free) if is_free]
    rng.shuffle(order)
    edits: dict[int, Edit] = {}
    taken: set[int] = set()
    changed = 0
    for gap in (1, 0):  # in the second round changes may touch
        waiting = {kind: list(order) for kind in KINDS if kinds.get(kind, 0) > 0}
        while changed < wanted and waiting:
            kind = rng.choices(list(waiting), [kinds[one] for one in waiting])[0]
            fitting: list[Edit] = []
            while waiting[kind] and not fitting:
                fitting = KINDS[kind](words, waiting[kind].pop())
                fitting = [
                    edit for edit in fitting if edit.changed <= wanted - changed and not _touches(edit, taken, gap)
                ]
            if not fitting:
                del waiting[kind]
                continue
            edit = rng.choice(fitting)
            edits[edit.first] = edit
            taken.update(range(edit.first, edit.last + 1))
            changed += edit.changed
    return Perturbed(_applied(text, [edits[place] for place in sorted(edits)]), changed, len(words.found))


def _touches(edit: Edit, taken: Container[int], gap: int) -> bool:
    """Whether a word of `edit`, or one of the `gap` words on either side of it, has changed already."""
    return any(place in taken for place in range(edit.first - gap, edit.last + gap + 1))


def _words(text: str, are_tagged: bool) -> Words:
    """The words of `text`; those may change that are no part of a name, a number, speech or something in brackets."""
    found = list(WORD.finditer(text))
    inside = bytearray(len(text))
    for start, end in [*speech_spans(text), *(match.span() for match in BRACKETS.finditer(text))]:
        inside[start:end] = b"\1" * (end - start)
    free = [
        match.group().islower()  # a capitalised word may be a name, wherever it stands
        and not NUMBER.fullmatch(match.group())
        and not any(inside[match.start() : match.end()])
        and not JOINED.search(text[max(match.start() - 1, 0) : match.start()])
        and not JOINED.match(text[match.end() : match.end() + 1])
        for match in found
    ]
    return Words(text, found, free, {token.start: token for token in tagged(text)} if are_tagged else {})


def _synonyms(words: Words, place: int) -> list[Edit]:
    match = words.found[place]
    token = words.tokens.get(match.start())
    other = synonym(match.group(), token.tag) if token and token.end == match.end() else None
    return [Edit(place, place, *match.span(), other, 1)] if other else []


@cache
def synonym(word: str, tag: str) -> str | None:
    """The most usual other word for the main meaning of `word`, in the form of the Penn `tag`; None if there is none.

    The main meaning is WordNet's first one, if MAIN of the uses that its makers tagged have it. It must be the first
    one of the other word, too: a "hammer" is no "cock".
    """
    upos = UPOS.get(tag[:1])
    if upos is None or word in FUNCTION or tag in ("RP", "NNP", "NNPS"):
        return None
    root = lemma(word, upos)
    meanings = senses(root, upos)
    if not meanings or meanings[0].count < max(1, MAIN * sum(meaning.count for meaning in meanings)):
        return None
    own = synset(upos, meanings[0].offset)
    others = [one for one in own.words if one != root and len(one) >= MIN_SYNONYM and one.isalpha() and one.islower()]
    fitting = [one for one in others if one not in FUNCTION and senses(one, upos)[0].offset == own.offset]
    best = max(fitting, key=lambda one: (frequency(one), one), default="")
    if frequency(best) < KNOWN:
        return None
    form = best if tag in ("NN", "JJ", "RB", "VB", "VBP") else inflected(best, tag)
    return form if form and form != word and WORD.fullmatch(form) else None


def _dropped_articles(words: Words, place: int) -> list[Edit]:
    match = words.found[place]
    if match.group() not in ARTICLES or place + 1 == len(words.found) or _is_counted(words, place):
        return []
    after = words.found[place + 1]
    if words.text[match.end() : after.start()] != " ":
        return []
    return [Edit(place, place, match.start(), after.start(), "", 1)]


def _is_counted(words: Words, place: int) -> bool:
    """Whether an article stands at `place` that is part of a number."""
    after = words.found[place + 1].group() if place + 1 < len(words.found) else ""
    return words.found[place].group() in ARTICLES and (after in COUNTED or bool(NUMBER.fullmatch(after)))


def _swaps(words: Words, place: int) -> list[Edit]:
    if place + 1 == len(words.found) or not words.free[place + 1]:
        return []
    one, two = words.found[place], words.found[place + 1]
    here, there = one.group(), two.group()
    if words.text[one.end() : two.start()] != " " or here == there or here in FIXED or there in FIXED:
        return []
    # 12 ships stay together, and so does a hundred
    if COUNT.search(words.text, max(0, one.start() - LONGEST), one.start()) or _is_counted(words, place + 1):
        return []
    return [Edit(place, place + 1, one.start(), two.end(), f"{there} {here}", 2)]


def _typos(words: Words, place: int) -> list[Edit]:
    match = words.found[place]
    word = match.group()
    if len(word) < MIN_TYPO:
        return []
    # first and last letter stay, which a reader goes by
    slips = [i for i in range(1, len(word) - 2) if word[i] != word[i + 1] and word[i : i + 2].isalpha()]
    wrong = [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in slips] + [
        word[:i] + word[i] + word[i:] for i in slips
    ]
    return [Edit(place, place, *match.span(), one, 1) for one in wrong]


Maker: TypeAlias = Callable[[Words, int], list[Edit]]  # what a kind can do at a place
KINDS: Mapping[Kind, Maker] = {"synonym": _synonyms, "article": _dropped_articles, "swap": _swaps, "typo": _typos}


def _applied(text: str, edits: Sequence[Edit]) -> str:
    """`text` with `edits`, which follow each other and don't overlap."""
    parts, here = [], 0
    for edit in edits:
        parts += [text[here : edit.start], edit.text]
        here = edit.end
    return "".join([*parts, text[here:]])
