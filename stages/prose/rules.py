"""Styled prose to plain prose with the same content, by rules alone: same text, same bytes, no model.

What an author is known by goes: long sentences, asides, rare adjectives and adverbs, literary words and phrases. What
is told stays, and names, numbers and speech stay to the byte. The result is rough: it is what a model learns to turn
back into the author's prose, not something for people to read.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal, get_args

from stages.prose import apertium
from stages.prose.clauses import split, without_asides, without_insertions, without_tail
from stages.prose.lexicon import lemma, listed, senses, synset
from stages.prose.phrases import phrased
from stages.prose.pieces import Sentence, fixed_spans, in_pieces, written
from stages.prose.wording import plain_words

__all__ = ["THING", "VARIANTS", "Variant", "apertium_identity", "fixed_spans", "neutralized", "neutralized_all"]

Variant = Literal["standard", "info_dropout", "abstract"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
BREAK = re.compile(r"(\s*\n\s*\n\s*)")
# Fields of nouns that can be touched or tasted.
CONCRETE = listed("noun.artifact noun.object noun.animal noun.plant noun.food noun.body noun.substance")
THING = "[THING]"


def neutralized(text: str, variant: Variant, round_trip: bool = False) -> str:
    """`text` in plain words and short sentences; paragraphs stay paragraphs.

    standard: literary words and phrases replaced, rare adjectives and adverbs dropped, sentences split. info_dropout:
    besides, no adjective before a noun and no adverb but those that deny or compare (an adjective that is all a
    sentence says, as in "he was old", stays). abstract: besides standard, nouns for what can be touched are [THING].
    `round_trip` sends what isn't protected to Spanish and back by Apertium in between: StageError if it is missing.
    """
    return neutralized_all([text], variant, round_trip)[0]


def neutralized_all(texts: Sequence[str], variant: Variant, round_trip: bool = False) -> list[str]:
    """`neutralized` of each text, with one start of Apertium for all of them."""
    if variant not in VARIANTS:
        raise ValueError(f"the variant is {variant!r}, expected one of {', '.join(VARIANTS)}")
    found = [_by_paragraph(text, _standard) for text in texts]
    if round_trip:
        found = apertium.round_trip(found, fixed_spans)
    if variant == "info_dropout":
        return [_by_paragraph(text, _bare) for text in found]
    if variant == "abstract":
        return [_by_paragraph(text, _abstract) for text in found]
    return found


def apertium_identity() -> str | None:
    """The versions of Apertium and its language pair; None if they aren't installed."""
    return apertium.identity()


def _by_paragraph(text: str, plain: Callable[[str], str]) -> str:
    """`text` with each of its paragraphs rewritten; the breaks between them stay."""
    parts = BREAK.split(text)  # paragraphs at even places, breaks at odd ones
    return "".join(part if index % 2 or not part.strip() else plain(part) for index, part in enumerate(parts))


def _standard(text: str) -> str:
    """A paragraph in plain words and short sentences."""
    found = []
    for sentence in in_pieces(phrased(text)):
        parts = split(plain_words(without_insertions(without_asides(sentence)), bare=False))
        found += [written(without_tail(part), whole=part is parts[-1]) for part in parts]
    return _joined(text, found)


def _bare(text: str) -> str:
    """A paragraph without adjectives and adverbs."""
    return _joined(text, [written(plain_words(sentence, bare=True), whole=True) for sentence in in_pieces(text)])


def _abstract(text: str) -> str:
    """A paragraph in which every noun for what can be touched is [THING]."""
    found = []
    for sentence in in_pieces(text):
        things: Sentence = []
        for piece in sentence:
            if piece.tag in ("NN", "NNS") and not piece.fixed and _concrete(piece.text.lower()):
                if things and things[-1].text == THING and piece.gap:
                    continue  # a stone bridge is one thing
                piece = piece._replace(text=THING, changed=True, fixed=True)
            things.append(piece)
        found.append(written(things, whole=True))
    return _joined(text, found)


def _joined(text: str, sentences: Sequence[str]) -> str:
    """The sentences in the place of `text`, with the white space around it."""
    body = text.strip()
    start = text.index(body)
    return text[:start] + " ".join(sentence for sentence in sentences if sentence) + text[start + len(body) :]


@cache
def _concrete(word: str) -> bool:
    """Whether the first sense of a noun is a thing."""
    meanings = senses(lemma(word, "NOUN"), "NOUN")
    return bool(meanings) and synset("NOUN", meanings[0].offset).field in CONCRETE
