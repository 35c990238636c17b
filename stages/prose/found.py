"""The narrator's verbs in a sentence as far as they are found, with the tense of each."""

from collections.abc import Iterable
from functools import cache

from stages.prose.lexicon import senses
from stages.prose.verbs import (
    AUXILIARIES,
    EITHER,
    OTHERS,
    PAST,
    PASTS,
    Ambiguous,
    Sentence,
    forms,
    kind,
    listed,
)

PRESENT_MODALS = frozenset(("can", "may", "shall", "will", "must", "do", "cannot"))
# A bare verb that is a noun or an adjective too is taken for a verb if WordNet's texts have it as one this often.
VERBAL = 0.3
OBJECTS = listed("the a an my his her its their our this these those him them it me us what how myself")
# With these even a sentence that also tells of the past may tell of a habit: I read it every night still.
HABITS = listed("every still always often now sometimes never usually daily nightly each today nowadays ever")


@cache
def verbal(word: str) -> float:
    """How often, of all times, the texts that WordNet's makers tagged have `word` as a verb."""
    counts = [(upos, sense.count) for upos in ("VERB", "NOUN", "ADJ", "ADV") for sense in senses(word, upos)]
    return sum(count for upos, count in counts if upos == "VERB") / max(sum(count for _, count in counts), 1)


class Found:
    """The narrator's verbs in one sentence: at first none."""

    def __init__(self, sentence: Sentence, narrators: Iterable[int], plural: bool, past: bool) -> None:
        """`narrators` are the places of "I"; with `plural` only am and was matter, else only what takes an -s.

        `past` says that the text around tells of the past.
        """
        self.sentence, self.narrators, self.plural, self.past = sentence, frozenset(narrators), plural, past
        self.found: dict[int, str] = {}  # place of a verb: its kind
        self.subject: dict[int, int] = {}  # place of a verb: of its "I"

    def add(self, index: int, subject: int, word_kind: str) -> None:
        """Note that the verb at `index` has the narrator at `subject`, with its tense settled."""
        if word_kind == EITHER:
            word_kind = self._settled(index)
        self.found[index], self.subject[index] = word_kind, subject

    def _settled(self, index: int) -> str:
        """The tense of a verb whose form is a past and a bare present. Raises Ambiguous("tense")."""
        word = self.sentence.low[index]
        if self.plural or (self.past and word in PASTS and not (word == "lay" and self.may_be_present(index))):
            return PAST
        if self.past and not self.may_be_present(index):
            others = [place for place in range(len(self.sentence.low)) if place != index]
            if any(self.sentence.is_past(place) for place in others):
                return PAST
        raise Ambiguous("tense")

    def may_be_present(self, index: int) -> bool:
        """Whether anything else in the sentence of the verb at `index` tells of the present or of a habit."""
        sentence = self.sentence
        for place, word in enumerate(sentence.low):
            if place == index or sentence.at(place - 1) == "to":
                continue
            if word in HABITS or word in OTHERS or word in PRESENT_MODALS or word in ("am", "'m", "have", "'ve", "'ll"):
                return True
            if sentence.tags[place] in ("VBZ", "VBP") and forms(word) & {"third", "bare"} and kind(word) != EITHER:
                return True
        return False

    def has_object(self, index: int) -> bool:
        """Whether what follows the word at `index` fits a verb rather than a noun."""
        return self.sentence.at(index + 1) in OBJECTS

    def fits(self, index: int) -> bool:
        """Whether the word at `index`, where a verb may stand, is rather a verb than anything else."""
        sentence = self.sentence
        following = sentence.at(index + 1)
        if following in OTHERS or (following in AUXILIARIES and following not in ("have", "do")):
            return False  # As I walk, fear has me
        if following in OBJECTS or following in ("to", "that", "him", "her"):
            return True
        if index + 1 < len(sentence.low) and sentence.tags[index + 1] in ("VBZ", "VBD"):
            return False
        return verbal(sentence.low[index]) >= VERBAL

    def may_be_noun(self, index: int) -> bool:
        """Whether the word at `index` may be no verb at all."""
        tag, word = self.sentence.tags[index], self.sentence.low[index]
        return word not in AUXILIARIES and "other" in forms(word) and not tag.startswith("VB")
