"""English verbs as agreement sees them: what a word can be, and what surrounds it in its sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from stages.prose.lexicon import Token, inflected


def listed(words: str) -> frozenset[str]:
    """The words of a line."""
    return frozenset(words.split())


def phrases(words: str) -> frozenset[tuple[str, ...]]:
    """The phrases of a line, with a comma between them, as their words."""
    return frozenset(tuple(phrase.split()) for phrase in words.split(","))


# What a verb's form says: am, was, have, do and a bare present change with their subject, the rest never does.
# "either" is a past and a bare present alike (read, put; saw, lay): what is around it has to tell.
AM, WAS, HAVE, DO, PRESENT, EITHER, PAST, MODAL = "am", "was", "have", "do", "present", "either", "past", "modal"

AUXILIARIES = {
    **dict.fromkeys(("am", "'m"), AM),
    "was": WAS,
    **dict.fromkeys(("have", "'ve"), HAVE),
    "do": DO,
    **dict.fromkeys(("had", "did", "were", "'d"), PAST),
    **dict.fromkeys(("can", "could", "may", "might", "shall", "should", "will", "would", "must", "ought"), MODAL),
    **dict.fromkeys(("cannot", "ca", "wo", "sha", "'ll", "durst", "ai", "be", "quoth"), MODAL),
}
# Forms that only another subject takes.
OTHERS = frozenset(("is", "are", "has", "does", "art", "'re"))
# Past forms that are also some rare verb's bare present.
PASTS = listed("saw felt found fell bore bound ground wound rent stove dove wove lay left thought")
# Spellings of the past that lemminflect doesn't know.
OLD_PASTS = listed("awaked betook bethought bade leaped leapt forebore spake wrought clomb drave dreamt dared")

ADVERBS = listed(
    "never ever now then still soon often always also too even just only quite almost already once again alone "
    "first last half well therefore thus however indeed perhaps sometimes hardly scarcely merely both all each "
    "myself here there later rather not n't yet next no more longer less least most very so much far forthwith "
    "meanwhile maybe afterward afterwards somehow likewise nevertheless nonetheless otherwise besides further "
    "hence thence thereafter thereupon twice seldom neither somewhat straightway fain together altogether instead "
    "ourselves themself oneself"
)
# What several words say together as one adverb: I now and then sleep; I at times weep.
PHRASES = phrases(
    "now and then, now and again, again and again, over and over, over and over again, more and more, less and less, "
    "first and foremost, first and last, by and by, on and on, here and there, here and now, there and then, "
    "then and there, far and wide, ever and anon, ever and again, once and again, time and again, "
    "time and time again, once and for all, off and on, on and off, through and through, round and round, "
    "up and down, to and fro, in and out, back and forth, more or less, once or twice, twice or thrice, "
    "sooner or later, little by little, day by day, night by night, hour by hour, year by year, day after day, "
    "night after night, year after year, hour after hour, one by one, bit by bit, step by step, night and day, "
    "day and night, early and late, every now and then, every now and again, from time to time, at times, at last, "
    "at length, at once, at first, at least, of course, of late, in truth, in fact, in vain, for ever, for once, "
    "seldom if ever, rarely if ever, seldom or never, rarely or never, no doubt, to this day, all the while, "
    "all the same, none the less, as ever, as yet"
)
# Bare verbs to a dictionary, and here never a narrator's.
PARTICLES = listed("over up down")
# Before a verb they are adverbs: I long had known.
VERBS_OR_ADVERBS = listed("long further near like best better right close fast oft clean full second")
# Adverbs that may themselves be what the next verb tells of, or part of that: all was dark, there was.
HEADS = listed("all both each myself last first half much more most less least there here no alone ourselves")


class Ambiguous(Exception):  # noqa: N818  a normal outcome of converting, not a programming error
    """A text that the rules can't put into another person without guessing; `reason` is a code that can be counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@cache
def forms(word: str) -> frozenset[str]:
    """What `word`, in lower case, can be: "bare", "past", "participle", "third" or "ing" of a verb, or "other"."""
    import lemminflect

    lemmas = lemminflect.getAllLemmas(word)
    found = set()
    for verb in (*lemmas.get("VERB", ()), *lemmas.get("AUX", ())):
        for form, tag in (("bare", "VB"), ("past", "VBD"), ("participle", "VBN"), ("third", "VBZ"), ("ing", "VBG")):
            if word in lemminflect.getInflection(verb, tag, inflect_oov=False):
                found.add(form)
    if set(lemmas) - {"VERB", "AUX"}:
        found.add("other")
    if word in OLD_PASTS or (not found and word.endswith(("ed", "'d"))):
        found |= {"past", "participle"}
    return frozenset(found)


def kind(word: str) -> str | None:
    """What `word` is as the finite verb of a narrator; None if it can't be one."""
    if word in AUXILIARIES:
        return AUXILIARIES[word]
    if word in OTHERS:
        return None
    if not word or word in ADVERBS | PARTICLES:
        return None
    found = forms(word)
    if "bare" in found:
        return EITHER if "past" in found or word in PASTS else PRESENT
    # I seen, I done: no subject changes it.
    return PAST if found & {"past", "participle"} or word.endswith("ed") else None


@cache
def with_s(word: str) -> str:
    """The form of the bare present `word` after he."""
    found = inflected(word, "VBZ")
    if found:
        return found
    if word.endswith(("s", "x", "z", "ch", "sh", "o")):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2:-1] not in "aeiou" else word + "s"


@dataclass(frozen=True, slots=True)
class Sentence:
    """The tokens of a sentence's narration, the same in lower case with straight apostrophes, and their classes."""

    tokens: Sequence[Token]
    low: Sequence[str]
    tags: Sequence[str]

    def at(self, index: int) -> str:
        """The word at `index`; "" outside of the sentence."""
        return self.low[index] if 0 <= index < len(self.low) else ""

    def kind(self, index: int) -> str | None:
        """What the word at `index` is as the finite verb of a narrator; None if it can't be one."""
        word = self.at(index)
        if self.at(index + 1) == "'d" and word not in AUXILIARIES and "bare" in forms(word):
            return PAST  # mourn'd
        return kind(word) if word else None

    def is_adverb(self, index: int) -> bool:
        """Whether the word at `index` can stand between a subject and its verb."""
        word = self.at(index)
        if word in ADVERBS:
            return True
        if not word or word in AUXILIARIES or word in OTHERS:
            return False
        if word == "than":
            return self.at(index - 1) in ("more", "rather", "less")
        if word == "but":
            return self.at(index - 1) == "all"
        if word.endswith("ly") and word not in (
            "apply",
            "reply",
            "rely",
            "supply",
            "imply",
            "comply",
            "fly",
            "multiply",
        ):
            return True
        return self.tags[index].startswith("RB") and not forms(word) & {"bare", "past"}

    def before(self, index: int) -> int:
        """The first place left of `index` that has no adverb; -1 if there is none."""
        index -= 1
        while index >= 0:
            length = max(
                (n for n in (3, 4, 2) if tuple(self.low[max(index - n + 1, 0) : index + 1]) in PHRASES), default=0
            )
            if not length and (not self.is_adverb(index) or self.low[index] in HEADS):
                break
            index -= length or 1
        return index

    def after(self, index: int) -> int:
        """The first place right of `index` that has no adverb."""
        index += 1
        while index < len(self.low):
            length = max((n for n in (2, 3, 4) if tuple(self.low[index : index + n]) in PHRASES), default=0)
            if not length and not self.is_adverb(index):
                break
            index += length or 1
        return index

    def is_past(self, index: int) -> bool:
        """Whether the word at `index` is surely a past one."""
        word = self.low[index]
        return word in ("was", "were", "had", "did") or (self.tags[index] == "VBD" and kind(word) == PAST)

    def is_finite(self, index: int) -> bool:
        """Whether the word at `index` is surely or probably a finite verb of some subject."""
        word, tag = self.low[index], self.tags[index]
        if word in OTHERS or (word in AUXILIARIES and word != "be"):
            return self.at(index - 1) != "to"
        if self.at(index - 1) == "to":
            return False
        return tag in ("VBD", "VBZ", "VBP", "MD") and bool(forms(word) & {"bare", "past", "third"})


def sentences_of(tokens: Sequence[Token], spans: Sequence[tuple[int, int]]) -> Iterator[Sentence]:
    """The sentences of `spans` with those of `tokens` that lie in them."""
    index = 0
    for start, end in spans:
        while index < len(tokens) and tokens[index].start < start:
            index += 1
        first = index
        while index < len(tokens) and tokens[index].end <= end:
            index += 1
        held = tokens[first:index]
        yield Sentence(held, [plain(token.text) for token in held], [token.tag for token in held])


def plain(word: str) -> str:
    """`word` in lower case with straight apostrophes."""
    return word.lower().replace("’", "'")
