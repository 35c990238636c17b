"""What a pair of plain and styled prose must be, one reason for each fault.

A text is held against the one that it was made from, so that nothing an author wrote counts as a fault of rewriting.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from pydantic import Field

from stages.params import Params
from stages.prose import instructions
from stages.prose.content import content_recall, names_kept, numbers_kept
from stages.prose.perspective import Perspective, narrator, residue
from stages.prose.rules import Variant
from stages.prose.text import sentences, words

Share = Annotated[float, Field(ge=0, le=1)]

ECHO = 8  # words in common with an instruction that are no chance
THING = "[THING]"
MASK = re.compile(r"__\w*ENT|__[A-Z]\w*__")
LEADING = re.compile(r"^\s*(?:[,;:!?)\]”]|\.(?!\.)|[-*#>]+\s|```|\*\*\S|\[(?!THING\]))", re.MULTILINE)
END = re.compile(r"[.!?…—–][”’\"')\]*_]*$")
REFUSAL = re.compile(
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b|"
    r"\bI(?:['’]m| am) (?:sorry|afraid|unable|not able|not comfortable)\b[^.!?]{0,60}"
    r"\b(?:assist|help|comply|provide|fulfil|fulfill|rewrite|process)\b|"
    r"\bI (?:can(?:not|['’]t| not)|won['’]t|will not|must decline to) "
    r"(?:assist|help with|help you with|comply|provide|fulfil|fulfill|rewrite|do that|continue with)\b|"
    r"\bI (?:can(?:not|['’]t| not)|won['’]t|will not) (?:create|generate|reproduce) (?:\w+ ){0,4}"
    r"(?:content|text|material|passages?|works?)\b|"
    r"\bI (?:must |have to )?apologi[sz]e\b[^.!?]{0,40}\bI(?:['’]m| am| can|['’]ve| have| do)|"
    r"\bI(?:['’]m| am) (?:unable|not able) to (?:do|write|create|generate|produce|complete|continue|respond|answer)\b|"
    r"\b(?:violates?|against) (?:my|our|the) (?:guidelines|policy|policies|programming)\b",
    re.IGNORECASE,
)
ASSISTANT = re.compile(
    r"\A\W*(?:sure|certainly|of course|absolutely|okay|ok|great|no problem)[,!.:]|"
    r"\A\W*(?:here(?:['’]s| is| are)|below is|this is) (?:the|a|an|your|my|how)\b|"
    r"\A\W*(?:the|this) (?:text|passage|excerpt|paragraph) (?:describes|depicts|discusses|tells|is about)\b|"
    r"\A\W*(?:the )?(?:rewritten|rewrite|neutral|revised|converted|plain)\b[^.\n]{0,40}:|"
    r"\b(?:let me know if|I hope this helps|feel free to|would you like me to)\b|"
    r"\bword count\s*:|\(\s*(?:about |approximately )?\d+ words\W*\Z|"
    r"^\W*(?:note|notes|explanation|changes made)\s*:",
    re.IGNORECASE | re.MULTILINE,
)
THOUGHTS = re.compile(r"</?(?:think|thinking|reasoning)>", re.IGNORECASE)
NEGATION = re.compile(
    r"\b(?:not|cannot|never|none|nor|nothing|nobody|nowhere|neither|without|in vain|vainly|"
    r"no(?! sooner\b|[.,]? ?\d))\b|n['’]t\b",
    re.IGNORECASE,
)
# Of the words of English prose two in five are among these; of other languages, one in twenty.
SMALL_WORDS = (
    "the of and to in that was he it his with as had is for at by but they which were from this or have be an are my "
    "their we not so there when what who if all would one you her she them its into him our been no has will me on "
    "could i"
)
ENGLISH = frozenset(SMALL_WORDS.split())
FOREIGN = 0.15  # share of such words in a text; one under it is another language, if its origin has twice as many
TIMES, LONG = 3, 4  # a sentence of so many words that comes so often is a loop
NARRATORS: Mapping[Perspective, str] = {"first_plural": "first_plural", "third": "third", "impersonal": "third"}


class Limits(Params):
    """How far a pair may go."""

    min_length_ratio: float = Field(ge=0)  # words of a text over words of that which it was made from
    max_length_ratio: float = Field(gt=0)
    min_sentences: int = Field(ge=1)
    max_names_lost: Share  # of the names of the target, those that the source lacks
    max_numbers_lost: Share
    max_negations_changed: int = Field(ge=0)  # words such as not, more or fewer, in a pair to learn from
    min_content: Share  # of the content words of a text, those that what was made from it keeps
    max_bleed: float = Field(gt=0)  # a pair to learn from with so much or more is dropped; over 1 keeps all


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts, and how they came about."""

    origin: str  # the author's text, or the snowflake, that the target was made from
    source: str
    target: str
    perspective: Perspective
    variant: Variant
    bleed: float
    held_out: bool  # to measure with: whatever is asked in use has the bleed that it has


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a pair is dropped."""

    reason: str
    detail: str = ""


def fault(pair: Pair, limits: Limits) -> Fault | None:
    """The first fault of `pair`; None if it has none. The target is held against its origin, the source against it."""
    return (
        text_fault(pair.target, pair.origin, limits)
        or text_fault(pair.source, pair.target, limits, things=pair.variant == "abstract")
        or _identical(pair)
        or _person(pair)
        or _lost(pair, limits)
        or content_fault(pair.source, pair.target, limits)
        or _polarity(pair, limits)
        or _bleed(pair, limits)
    )


def text_fault(text: str, origin: str, limits: Limits, things: bool = False) -> Fault | None:
    """The first fault of `text`, which was made from `origin`; `things` may stand for nouns in it."""
    if not text.strip():
        return Fault("empty")
    for reason, pattern in (
        ("refusal", REFUSAL),
        ("assistant_speak", ASSISTANT),
        ("thoughts", THOUGHTS),
        ("entity_mark", MASK),
        ("leading_mark", LEADING),
    ):
        if (match := pattern.search(text)) and not pattern.search(origin):
            return Fault(reason, match.group().strip()[:40])
    if echo := prompt_echo(text, origin):
        return Fault("prompt_echo", echo)
    if (share := _english(text)) < FOREIGN and _english(origin) >= 2 * FOREIGN:
        return Fault("language", f"{share:.2f}")
    if THING in text and not things and THING not in origin:
        return Fault("thing")
    if unclosed(text) and not unclosed(origin):
        return Fault("unclosed_quote")
    count = len(sentences(text))
    if count < min(limits.min_sentences, len(sentences(origin))):
        return Fault("few_sentences", str(count))
    if END.search(origin.rstrip()) and not END.search(text.rstrip()):
        return Fault("no_end_mark", text.rstrip()[-20:])
    ratio = len(words(text)) / max(len(words(origin)), 1)
    if not limits.min_length_ratio <= ratio <= limits.max_length_ratio:
        return Fault("length_ratio", f"{ratio:.2f}")
    if loop := _loop(text, origin):
        return Fault("loop", loop)
    return None


def content_fault(text: str, origin: str, limits: Limits) -> Fault | None:
    """A fault if `text` says something else than `origin`, from which it was made: it has next to none of its words.

    Bleed alone would favour it: what shares no word with its target can't give it away.
    """
    share = content_recall(origin, text)
    return Fault("content_lost", f"{share:.2f}") if share is not None and share < limits.min_content else None


def _english(text: str) -> float:
    """Share of the words of `text` that are small words of English."""
    found = words(text)
    return sum(word in ENGLISH for word in found) / max(len(found), 1)


def _loop(text: str, origin: str) -> str:
    """The start of a sentence that `text` says over and over, and more often than `origin`; "" if there is none."""
    counts, usual = (Counter(tuple(words(sentence)) for sentence in sentences(one)) for one in (text, origin))
    for sentence, count in counts.items():
        if count >= TIMES and len(sentence) >= LONG and count > usual[sentence]:
            return " ".join(sentence[:6])
    return ""


def unclosed(text: str) -> bool:
    """Whether double quotes are open or closed without the other.

    Of paragraphs that begin with a quote and don't close it, which is how long speech is printed, the last one counts.
    """
    depth = 0
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("“"):
            depth = 0
        for mark in re.findall("[“”]", paragraph):
            depth += 1 if mark == "“" else -1
            if depth < 0:
                return True
    return depth != 0 or text.count('"') % 2 == 1


@cache
def _instruction_runs() -> frozenset[tuple[str, ...]]:
    """Each run of ECHO words of an instruction."""
    texts = [*instructions.TABLE.values(), instructions.ONLY]
    return frozenset(run for text in texts for run in _runs(text))


def _runs(text: str) -> list[tuple[str, ...]]:
    found = words(text)
    return [tuple(found[at : at + ECHO]) for at in range(len(found) - ECHO + 1)]


def prompt_echo(text: str, origin: str) -> str:
    """What of an instruction or its mark is in `text` and not in `origin`; "" if nothing is."""
    for mark in (instructions.MARK.strip(), "<|im_"):
        if re.search(rf"^\s*{re.escape(mark)}", text, re.MULTILINE) and mark not in origin:
            return mark
    known = _instruction_runs()
    found = next((run for run in _runs(text) if run in known), None)
    return " ".join(found) if found and found not in _runs(origin) else ""


def _identical(pair: Pair) -> Fault | None:
    """A fault if there is nothing to learn from a pair; what is held out is as it will be in use."""
    same = not pair.held_out and words(pair.source) == words(pair.target)
    return Fault("identical") if same else None


def _person(pair: Pair) -> Fault | None:
    """A fault if the texts don't keep to the perspective, or not to the same one."""
    if pair.perspective != "as_written":
        for text in (pair.target, pair.source):
            if left := residue(text, pair.perspective):
                return Fault("person", " ".join(Counter(left)))
    ours, theirs = narrator(pair.source), narrator(pair.target)
    expected = NARRATORS.get(pair.perspective, theirs)
    if ours != theirs or theirs != expected:
        return Fault("narrator", f"source {ours}, target {theirs}, expected {expected}")
    return None


def _lost(pair: Pair, limits: Limits) -> Fault | None:
    """A fault if the source lacks too many names or numbers of the target."""
    for reason, kept, most in (
        ("names_lost", names_kept(pair.target, pair.source), limits.max_names_lost),
        ("numbers_lost", numbers_kept(pair.target, pair.source), limits.max_numbers_lost),
    ):
        share = kept.kept_share
        if share is not None and 1 - share > most:
            return Fault(reason, " ".join(kept.lost[:5]))
    return None


def negations(text: str) -> Counter[str]:
    """The words of `text` that say that something is not so. "No sooner" and "No. 7" say nothing of the kind."""
    found = (match.group().lower().replace("’", "'") for match in NEGATION.finditer(text))
    return Counter("not" if word in ("n't", "cannot") else word for word in found)


def _polarity(pair: Pair, limits: Limits) -> Fault | None:
    """A fault if a pair to learn from says more or fewer times that something is not so."""
    target, source = negations(pair.target), negations(pair.source)
    changed = source.total() - target.total()
    if pair.held_out or abs(changed) <= limits.max_negations_changed:
        return None
    return Fault("polarity_lost", f"{changed:+d}: {' '.join(target - source if changed < 0 else source - target)}")


def _bleed(pair: Pair, limits: Limits) -> Fault | None:
    is_copied = not pair.held_out and pair.bleed >= limits.max_bleed
    return Fault("bleed", f"{pair.bleed:.3f}") if is_copied else None
