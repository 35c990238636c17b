"""What a rewritten text keeps of its source: words of content, names, numbers, order and length.

Source and output are compared by lemmas: another tense or number of a word is the same content, a synonym isn't.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

from stages.prose.lexicon import frequency, senses, synset
from stages.prose.numerals import NUMBERS, Number, numbers_in
from stages.prose.text import WORD, sentence_spans, sentences, words

# The closed classes of English: articles, pronouns, prepositions, conjunctions, auxiliaries and adverbs of their kind.
FUNCTION = frozenset(
    words(
        "a an the this that these those i me my mine myself we us our ours ourselves you your yours yourself "
        "yourselves he him his himself she her hers herself it its itself they them their theirs themselves one ones "
        "oneself thou thee thy thine who whom whose which what whoever whomever whatever whichever some any no none "
        "each every either neither both all such same other others another much many more most less least few fewer "
        "several own enough anybody anyone anything everybody everyone everything nobody nothing somebody someone "
        "something about above across after against along amid amidst among amongst around as at before behind below "
        "beneath beside besides between beyond but by concerning despite down during except for from in inside into "
        "like near of off on onto out outside over past per since through throughout till to toward towards under "
        "underneath until unto up upon via with within without and or nor so yet if unless although though because "
        "while whilst whereas whether lest than be am is are was were been being have has had having do does did "
        "doing done can could may might must shall should will would ought cannot not never ever also too very quite "
        "rather just only even still already again almost perhaps then there here where when why how now thus hence "
        "therefore however moreover nevertheless nonetheless indeed once else away back well oh ah mr mrs ms dr prof "
        "rev sir"
    )
)
TITLES = frozenset(words("mr mrs ms messrs mme mlle dr prof rev hon capt col gen lieut lt sgt maj st esq"))
# Interjections, auxiliaries and adverbs that no dictionary here has.
ARCHAIC = frozenset(
    words(
        "aha ahoy alack amen avast bah begone egad eh fie gramercy ha hallo halloa heh heigho hey hillo hist hmm ho "
        "humph huzza lackaday lo o och oho pooh prithee pshaw ugh welladay whoa zounds aint canst couldst didst dost "
        "doth durst hadst hast hath mayst meseemed meseems methinks methought mightst mought quoth shalt shouldst tis "
        "twas twere twould wast wert wouldst albeit ay certes ere erewhile hitherward howbeit howsoever natheless "
        "nathless sith thenceforward thereat thereunto thitherward whencesoever whensoever wherefrom whereon whereto "
        "whereunto wherewith whilom yestereve yestreen"
    )
)
VOCATIVE = frozenset({"o"})  # O ye gods: a capital wherever it stands
OPENING = "“‘\"'([{«「:"
CLITIC = re.compile(r"'(?:s|m|re|ve|ll|d)$", re.I)


@dataclass(frozen=True, slots=True)
class Placed:
    """A word as it is written, and whether it opens a sentence or speech and would have its capital anyway."""

    text: str
    opens: bool


def placed(text: str) -> list[Placed]:
    """The words of `text` in order."""
    matches = list(WORD.finditer(text))
    starts = [match.start() for match in matches]
    firsts = {bisect_left(starts, start) for start, _ in sentence_spans(text)}
    return [
        Placed(match.group(), index in firsts or _before(text, match.start()) in OPENING)
        for index, match in enumerate(matches)
    ]


def _before(text: str, place: int) -> str:
    """The last character before `place` that is no white space; a space if there is none."""
    while place and text[place - 1].isspace():
        place -= 1
    return text[place - 1] if place else " "


@cache
def _lemmas(word: str) -> frozenset[str]:
    """All dictionary forms that the lower-case `word` may have; empty if it isn't known."""
    import lemminflect

    return frozenset(form for forms in lemminflect.getAllLemmas(word).values() for form in forms)


@cache
def _is_usual(word: str) -> bool:
    """Whether the lower-case `word` is a word of the dictionary, and not a name alone.

    WordNet has names, too, with their capitals: a noun that is also a name (a john, a carter) counts as one.
    """
    if word in ARCHAIC or _lemmas(word):
        return True
    if any(word in _forms(word, upos) for upos in ("ADV", "ADJ", "VERB")):
        return True
    nouns = _forms(word, "NOUN")
    return word in nouns and word.capitalize() not in nouns


def _forms(word: str, upos: str) -> set[str]:
    """All words, as WordNet writes them, that mean what `word` may mean."""
    return {form for sense in senses(word, upos) for form in synset(upos, sense.offset).words}


def _plain(word: str) -> str:
    """`word` without what may be joined to it: keeper's, I'm, they'll."""
    return CLITIC.sub("", word.replace("’", "'"))


def _key(word: str) -> str:
    """What `word` is compared by; "not" for all that end in n't."""
    key = _plain(word).lower()
    return "not" if key.endswith("n't") else key


def content_words(text: str) -> list[frozenset[str]]:
    """Every content word of `text` as the set of lemmas it may be ("saw" is see or saw), then its numbers as figures.

    Names and words that aren't in the dictionary are their own lemma.
    """
    keys = [_key(word) for word in words(text)]
    found = [_lemmas(key) or frozenset({key}) for key in keys if key not in FUNCTION and key not in NUMBERS]
    return found + list(dict.fromkeys(number.readings for number in numbers_in(text) if number.counts))


def content_recall(source: str, output: str) -> float | None:
    """Share of the different content words of `source` that `output` has in some form, from 0 to 1.

    None if the source has no content words. Swap the arguments for the share of the output that is from the source.
    """
    wanted = list(dict.fromkeys(content_words(source)))
    there = frozenset[str]().union(*content_words(output))
    return sum(not lemmas.isdisjoint(there) for lemmas in wanted) / len(wanted) if wanted else None


def names(text: str) -> list[str]:
    """The different words of names in `text`, in order, without 's.

    A capital within a sentence makes a name, and so it does at the start of one if the word isn't in the dictionary or
    stands elsewhere as a name. Titles (Mr), numbers, "I" and other function words (They, of gods) are none, nor is what
    opens a sentence and stands elsewhere in lower case. A name that is also a usual word is missed where it only opens
    sentences ("Marsh was old.").
    """
    every = placed(text)
    capital = [word for word in every if word.text[0].isupper()]
    capital = [word for word in capital if _key(word.text) not in FUNCTION | TITLES | NUMBERS | VOCATIVE]
    inner = {_key(word.text) for word in capital if not word.opens}
    low = {_key(word.text) for word in every if word.text.islower()}
    keys = ((word, _key(word.text)) for word in capital)
    return list(
        dict.fromkeys(_plain(word.text) for word, key in keys if key in inner or not (key in low or _is_usual(key)))
    )


@dataclass(frozen=True)
class Kept:
    """What became of the names or numbers of a source."""

    kept: tuple[str, ...]
    lost: tuple[str, ...]
    invented: tuple[str, ...]  # in the output and nowhere in the source

    @property
    def kept_share(self) -> float | None:
        """Of the source's, from 0 to 1; None if it has none."""
        return len(self.kept) / (len(self.kept) + len(self.lost)) if self.kept or self.lost else None

    @property
    def invented_share(self) -> float | None:
        """Of the output's, from 0 to 1; None if it has none."""
        return len(self.invented) / (len(self.kept) + len(self.invented)) if self.kept or self.invented else None


def names_kept(source: str, output: str) -> Kept:
    """The names of `source` that `output` has with a capital, those it lacks, and those that are only in the output."""
    wanted = names(source)
    there = {_key(word.text) for word in placed(output) if word.text[0].isupper()}
    said = {_key(word) for word in words(source)}
    return Kept(
        tuple(name for name in wanted if _key(name) in there),
        tuple(name for name in wanted if _key(name) not in there),
        tuple(name for name in names(output) if _key(name) not in said),
    )


def numbers_kept(source: str, output: str) -> Kept:
    """The numbers of `source` that `output` has, spelled out or in figures, those it lacks, and its own.

    Kept is what may stand for the same: 100 and "a hundred", 1 and "one", 12 May and "the twelfth of May", 1845 and
    "eighteen forty-five". Times and halves (3:30, 2.5) are never lost or invented: "half past three" has no figures.
    """
    wanted, there = numbers_in(source), numbers_in(output)
    lost, invented = _missing(wanted, there), _missing(there, wanted)
    all_wanted = dict.fromkeys(number.figures for number in _compared(wanted))
    return Kept(tuple(figures for figures in all_wanted if figures not in lost), tuple(lost), tuple(invented))


def _compared(numbers: Sequence[Number]) -> list[Number]:
    return [number for number in numbers if number.counts and not number.is_loose]


def _missing(wanted: Sequence[Number], there: Sequence[Number]) -> dict[str, None]:
    """The figures of those of `wanted` that `there` has in no reading."""
    said = frozenset[str]().union(*(number.readings for number in there))
    return dict.fromkeys(number.figures for number in _compared(wanted) if said.isdisjoint(number.readings))


def unknown_words(source: str, output: str) -> list[str]:
    """The words of `output`, in order and in lower case, that nobody writes: they are in no list of English words and
    in no dictionary, are no names, and aren't in `source`.

    An author has some, by the dialect or the age: of the paragraphs of Lovecraft and of Poe, each of 60 words or more,
    98 in 100 have such words for at most 0.02 and 0.05 of all.
    """
    given = {_key(word) for word in words(source)}
    keys = [_key(word.text) for word in placed(output) if word.opens or not word.text[0].isupper()]
    return [key for key in keys if key.isalpha() and key not in given and not frequency(key) and not _is_usual(key)]


def length_ratio(source: str, output: str) -> float | None:
    """Words of `output` over words of `source`; None if the source has none."""
    length = len(words(source))
    return len(words(output)) / length if length else None


def chrf(outputs: Sequence[str], references: Sequence[str]) -> float | None:
    """chrF2 of all `outputs` against their `references`, from 0 to 1; None if there are none.

    F-score of character 1- to 6-grams with recall counted twice as much, over the corpus (Popović 2015; sacrebleu).
    """
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().corpus_score(list(outputs), [list(references)]).score) / 100 if outputs else None


def order_tau(source: str, output: str) -> float | None:
    """Kendall's tau-b between the order of the sentences in `source` and that in `output`, from -1 to 1 (the same).

    Each sentence of the output belongs to the source sentence most like it: the highest Dice coefficient of their
    content words, of equals the first; one that shares none belongs to none. The place of a source sentence in the
    output is the mean of its sentences there, so that splitting sentences in two changes no order.
    None with fewer than two source sentences found, or if all have the same place.
    """
    from scipy.stats import kendalltau

    sources = [set(content_words(sentence)) for sentence in sentences(source)]
    places: dict[int, list[int]] = {}
    for place, sentence in enumerate(sentences(output)):
        mine = set(content_words(sentence))
        there = frozenset[str]().union(*mine)
        shared = [sum(not word.isdisjoint(there) for word in words) for words in sources]
        alike = [2 * count / (len(words) + len(mine) or 1) for count, words in zip(shared, sources)]
        best = max(alike, default=0.0)
        if best:
            places.setdefault(alike.index(best), []).append(place)
    if len(places) < 2:
        return None
    order = sorted(places)
    tau = float(kendalltau(order, [fmean(places[index]) for index in order]).statistic)
    return tau if tau == tau else None
