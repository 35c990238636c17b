"""A paragraph as sentences of words, marks and speech, and sentences written as text again."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from stages.prose.lexicon import Token, inflected, listed, senses, tagged
from stages.prose.text import Span, sentence_spans, speech_spans

BE = listed("be am is are was were been being 's ’s 're ’re 'm ’m")
HAVE = listed("have has had having 've ’ve")
# Before "to" and a verb.
BEFORE_VERB = listed(
    "began begun begin beginning start started seem seemed seems appear appeared try tried want wanted "
    "wish wished ought able ready likely about continue continued cease ceased left forced compelled "
    "quick first unable"
)
FINITE = frozenset(("VBD", "VBZ", "VBP", "MD"))
NOUNS = frozenset(("NN", "NNS", "NNP", "NNPS"))
ADJECTIVES = frozenset(("JJ", "JJR", "JJS"))
ADVERBS = frozenset(("RB", "RBR", "RBS"))
OBJECTS = frozenset(("DT", "PRP", "PRP$", "NN", "NNS", "NNP", "NNPS", "CD", "JJ", "PDT", "speech"))  # begin an object
END_MARKS = frozenset((".", "!", "?", "…", "..", "...", "....", ".....", ":"))
BREAKING = "—;"  # a dash that may end a sentence
SOFT = frozenset((",", ";", BREAKING))
OPENING = frozenset(("(", "[", "“", "‘", '"'))
DASHES = frozenset(("—", "–"))
HYPHENS = frozenset(("-", "\u2011"))
CLOSERS = "”’\"')]"
VOWEL = re.compile(r"(?i)(?!uni[^n]|use|usu|eu|one\b|once|ut[ie]|ubi)[aeiou]|hour|honest|honou?r|heir")
# Links, 5;30 and &amp;: one word each, whose marks part nothing.
WHOLE = re.compile(r"(?:https?://|www\.)[^\s”»\"]*[^\s”»\".,;:!?)\]’']|\d+;\d+|&#?\w+;")
ARTICLES = {"a": ("a", "an"), "an": ("a", "an"), "A": ("A", "An"), "An": ("A", "An")}


class Piece(NamedTuple):
    """A word or mark of a sentence, or speech as a whole, as a link is, too."""

    text: str
    tag: str  # of the Penn Treebank; "speech"
    start: int  # in the text
    gap: bool  # whether white space goes before it
    fixed: bool  # a name, number, link or speech: stays to the byte
    changed: bool = False


Sentence = list[Piece]


def in_pieces(text: str) -> list[Sentence]:
    """The sentences of a paragraph in pieces; a mark within speech ends none."""
    said = speech_spans(text)
    whole = [
        match.span()
        for match in WHOLE.finditer(text)
        if not any(a < match.end() and match.start() < b for a, b in said)
    ]
    speech = [*sorted([*said, *whole]), (len(text), len(text))]
    starts = [start for start, _ in sentence_spans(text) if not any(a < start < b for a, b in speech)]
    tokens = _retagged(tagged(text))
    names = {word.text for before, word in pairwise(tokens) if _capital(word.text) and before.text.islower()}
    found: list[Sentence] = []
    span, first, end = 0, True, 0
    for token in tokens:
        if token.start < end:  # within speech that is already there
            continue
        if len(found) < len(starts) and token.start >= starts[len(found)]:
            found.append([])
            first = True
        while speech[span][1] <= token.start:
            span += 1
        gap = token.start > 0 and text[token.start - 1].isspace()
        end = max(speech[span][1], token.end) if speech[span][0] < token.end else token.end
        if speech[span][0] < token.end:
            piece = Piece(text[token.start : end], "speech", token.start, gap, fixed=True)
        elif _capital(token.text):
            fixed = not first or token.text in names or token.tag in ("NNP", "NNPS")
            piece = Piece(token.text, token.tag, token.start, gap, fixed)
        else:
            piece = Piece(token.text, token.tag, token.start, gap, any(letter.isdigit() for letter in token.text))
        found[-1].append(piece)
        first = first and not token.text[0].isalpha()
    return found


def _retagged(tokens: Sequence[Token]) -> list[Token]:
    """The tokens with the tags of verbs that their neighbours tell better: had flowed, the remains, he burst."""
    found: list[Token] = []
    for token, after in zip(tokens, [*tokens[1:], None]):
        before = next((other for other in reversed(found[-4:]) if other.tag not in ADVERBS), None)
        if before:
            word = before.text.lower()
            if token.tag == "VBD" and (word in HAVE or word in BE):
                token = replace(token, tag="VBN")
            elif (token.tag == "VBN" and word in ("i", "he", "she", "it", "we", "they", "who", "which", "that")) or (
                token.tag == "VBN" and before.tag in NOUNS and after and after.tag in ("DT", "PRP", "PRP$", "RB")
            ):
                token = replace(token, tag="VBD")
            elif token.tag == "NN" and word == "to" and after and after.tag in ("DT", "PRP", "PRP$", "CD"):
                token = replace(token, tag="VB")
            elif (
                token.tag in ("VB", "VBP")
                and before.tag in ("DT", "PRP$")
                and word not in ("that", "this", "all", "both")
            ):
                token = replace(token, tag="NN")
            elif token.tag == "NN" and word == "to" and _verb(token, found):
                token = replace(token, tag="VB")
            elif token.tag == "NN" and word in ("i", "he", "she", "we", "they", "who") and senses(token.text, "VERB"):
                token = replace(token, tag="VBD" if inflected(token.text, "VBD") == token.text else "VBP")
            elif token.text == "fancy" and token.tag == "JJ" and before.tag in ("PRP", "MD", "TO"):
                token = replace(token, tag="VBP" if before.tag == "PRP" else "VB")
            elif token.tag == "VBZ" and before.tag in ("DT", "PRP$") and word not in ("that", "this", "it", "all"):
                token = replace(token, tag="NNS")
            elif token.tag in ("VB", "VBP") and before.tag == "JJ" and found[-1] is before:
                token = replace(token, tag="NN")
        paired = len(found) > 1 and found[-1].tag == "CC" and found[-2].tag == "JJ"
        if (
            token.tag == "NN"
            and paired
            and (after is None or not after.text[0].isalpha())
            and senses(token.text, "ADJ")
        ):
            token = replace(token, tag="JJ")  # solitary and melancholy
        if token.tag == "NN" and token.text.islower() and _adjective(token.text):
            token = replace(token, tag="JJ")
        found.append(token)
    return found


def _verb(token: Token, before: Sequence[Token]) -> bool:
    """Whether what stands after "to", taken for a noun, is a verb by what goes before: began to despair."""
    return len(before) > 1 and before[-2].text.lower() in BEFORE_VERB and bool(senses(token.text, "VERB"))


@cache
def _adjective(word: str) -> bool:
    """Whether a word that the tagger doesn't know, and so takes for a noun, is an adjective and nothing else."""
    return bool(senses(word, "ADJ")) and not senses(word, "NOUN") and not senses(word, "VERB")


def _capital(word: str) -> bool:
    """Whether `word` is written as names are."""
    return word[0].isupper() and word != "I"


def fixed_spans(text: str) -> list[Span]:
    """Names, numbers and speech of `text`, which no rewriting may touch; in order."""
    pieces = [piece for sentence in in_pieces(text) for piece in sentence]
    return [(piece.start, piece.start + len(piece.text)) for piece in pieces if piece.fixed]


def written(sentence: Sentence, whole: bool) -> str:
    """A sentence as text: a capital first, marks in order, an article that suits its word.

    `whole` says that a sentence ended here before too, so that a missing end mark is the author's.
    """
    kept = _marked(sentence, whole)
    parts = []
    for index, piece in enumerate(kept):
        word = piece.text
        if index == 0 and not piece.fixed:
            word = word[:1].upper() + word[1:]
        if word in ARTICLES and index + 1 < len(kept) and (piece.changed or kept[index + 1].changed):
            word = ARTICLES[word][bool(VOWEL.match(kept[index + 1].text))]
        parts.append(f" {word}" if piece.gap and index else word)
    return "".join(parts)


def _marked(sentence: Sentence, whole: bool) -> Sentence:
    """A sentence whose marks are in order: none before its first word, no two in a row, one at its end."""
    kept: Sentence = []
    for piece in sentence:
        if piece.text in SOFT:
            if not kept or kept[-1].text in OPENING:
                continue
            if piece.text == "," and kept[-1].tag in ("DT", "PRP$"):
                continue  # it stood between two adjectives
            if kept[-1].text in SOFT:
                kept[-1] = kept[-1] if piece.text == "," else piece._replace(gap=False)
                continue
            piece = piece._replace(gap=piece.gap and piece.text in DASHES)
        elif piece.text in END_MARKS:
            while kept and kept[-1].text in SOFT:
                kept.pop()
            if not kept or (piece.changed and kept[-1].text in END_MARKS):
                continue
        kept.append(piece)
    if not any(piece.text[0].isalnum() or piece.fixed for piece in kept):
        return []
    if not whole:
        while kept[-1].text in SOFT:
            kept.pop()
        last = kept[-1].text.rstrip(CLOSERS)[-1:]
        if kept[-1].text not in END_MARKS and last not in END_MARKS:
            kept.append(Piece(".", ".", kept[-1].start, gap=False, fixed=False))
    return kept


def hyphened(sentence: Sentence, index: int) -> bool:
    """Whether a hyphen joins the piece to its neighbour."""
    after = index + 1 < len(sentence) and sentence[index + 1].text in HYPHENS and not sentence[index + 1].gap
    return after or (index > 0 and sentence[index - 1].text in HYPHENS and not sentence[index].gap)
