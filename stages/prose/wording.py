"""The words of a sentence in plain ones, each where its place in the sentence lets it."""

from stages.prose.frames import (
    GERUND,
    adjective_in_frame,
    adverb_in_frame,
    alone,
    compared,
    noun_in_frame,
    parted,
    verb_in_frame,
)
from stages.prose.lexicon import listed, stem
from stages.prose.modifiers import DEGREE, graded_by, modifiers, needless, rare_noun, thin, tidy
from stages.prose.pieces import ADVERBS, NOUNS, Piece, Sentence, hyphened
from stages.prose.synonyms import in_form, plain_root

BECOMING = listed("grow grows grew grown growing")
COMPARED = frozenset(("JJ", "JJR", "RBR", "VBN"))  # after them "grow" means that


def plain_words(sentence: Sentence, bare: bool) -> Sentence:
    """The sentence with plain words for literary ones and without rare adjectives and adverbs; `bare`: without any."""
    words = list(sentence) if bare else _in_plain_words(sentence)
    rare = [rare_noun(words, index) for index in range(len(words))]
    if any(rare):
        words = [p._replace(changed=p.changed or gone) for p, gone in zip(words, [False, *rare])]
        words = [piece for piece, gone in zip(words, rare) if not gone]
    dropped = [False] * len(words)
    index = 0
    while index < len(words):
        end = modifiers(words, index)
        if end > index:
            thin(words, index, end, dropped, bare)
            if dropped[index] and graded_by(words, index):
                dropped[index - 1] = True
            index = end
        else:
            dropped[index] = needless(words, index, bare)
            if dropped[index] and index and words[index - 1].text.lower() in DEGREE:
                dropped[index - 1] = True
            index += 1
    tidy(words, dropped)
    kept = []
    for index, piece in enumerate(words):
        if not dropped[index]:
            kept.append(piece._replace(changed=True) if index and dropped[index - 1] else piece)
    return kept


def _in_plain_words(sentence: Sentence) -> Sentence:
    """The sentence with plain words for literary ones."""
    words: Sentence = []
    while len(words) < len(sentence):
        index = len(words)
        piece, after = sentence[index], sentence[index + 1 : index + 2]
        root = _plain_root(sentence, index)
        form = in_form(root, _tag(sentence, index)) if root else None
        before = words[-1] if words else None
        if root and before and piece.tag == "JJ" and (one := compared(root, before.text)):
            form, words[-1] = one, before._replace(text="")  # "more terrible" is "worse"
        if form and before and before.tag[0] == "J" and before.text.lower() == form.partition(" ")[0]:
            form = form.partition(" ")[2] or form  # not "old old stories"
        if _gerund(sentence, index):
            verb = in_form(GERUND[stem(piece.text, piece.tag)], piece.tag) or piece.text
            words += [_said(piece, verb), after[0]._replace(text="")]
            words.append(_said(sentence[index + 2], in_form(sentence[index + 2].text, "VBG") or ""))
        elif not root or not form:
            words.append(piece)
        elif piece.tag[0] == "V" and parted(root, after):
            first, _, last = form.rpartition(" ")
            words.append(_said(piece, first))
            words.append(after[0]._replace(text=f"{after[0].text} {last}", changed=True))
        else:
            words.append(_said(piece, form))
    for index in range(1, len(words)):
        before, piece = words[index - 1], words[index]
        if before.text and (before.changed or piece.changed) and _alike(before, piece):
            if before.changed and before.tag in NOUNS and piece.tag in NOUNS:
                words[index - 1] = before._replace(text="")  # "lantern light" is "light", not "light light"
            else:
                words[index - 1 : index + 1] = sentence[index - 1 : index + 1]
    return [piece for piece in words if piece.text]


def _gerund(sentence: Sentence, index: int) -> bool:
    """Whether a verb and its infinitive become a plain verb with a gerund."""
    piece, after = sentence[index], sentence[index + 1 : index + 3]
    if piece.fixed or piece.tag[0] != "V" or stem(piece.text, piece.tag) not in GERUND or len(after) < 2:
        return False
    return after[0].tag == "TO" and after[1].tag == "VB" and in_form(after[1].text, "VBG") is not None


def _said(piece: Piece, word: str) -> Piece:
    """The piece with another word, with a capital where it had one."""
    return piece._replace(text=word.capitalize() if piece.text[0].isupper() else word, changed=True)


def _tag(sentence: Sentence, index: int) -> str:
    """The class of a piece: JJ for a participle before a noun, VBD for one that has no passive after its subject."""
    piece = sentence[index]
    if piece.tag not in ("VBN", "VBD"):
        return piece.tag
    after = sentence[index + 1].tag if index + 1 < len(sentence) else ""
    before = next((other.tag for other in reversed(sentence[:index]) if other.tag not in ADVERBS), "")
    if (after in NOUNS or before in ("DT", "PRP$")) and plain_root(piece.text, "JJ"):
        return "JJ"
    if piece.tag == "VBN" and (before in NOUNS or before == "PRP" or before in ("WDT", "WP")):
        plain = plain_root(piece.text, "VBN")
        return "VBD" if plain and alone(plain) else "VBN"
    return piece.tag


def _plain_root(sentence: Sentence, index: int) -> str | None:
    """The dictionary form of the plain word for a piece, if it suits its place; part of a hyphened word stays."""
    piece = sentence[index]
    if piece.fixed or not piece.text[0].isalpha() or hyphened(sentence, index):
        return None
    after = sentence[index + 1].tag if index + 1 < len(sentence) else ""
    if piece.text == "rose" and piece.tag == "VBD" and index and sentence[index - 1].tag == "PRP":
        return "get up" if sentence[index - 1].text.lower() != "it" else None
    if piece.text in BECOMING and after in COMPARED:
        return "become"
    tag = _tag(sentence, index)
    plain = plain_root(piece.text, tag)
    if plain is None:
        return None
    if " " in plain and after in NOUNS and tag[0] in "NV":
        return None  # not "their thought of faces" for "their pictured faces"
    if " " in plain and tag == "VBG" and after in (",", "JJ") and sentence[index - 1].tag in ("DT", "IN", "JJ", "PRP$"):
        return None
    source = stem(piece.text, tag)
    match tag[0]:
        case "V":
            found = verb_in_frame(source, plain, tag, sentence, index)
            modifier = after in NOUNS and tag in ("VBN", "VBG")
            modifier |= tag == "VBG" and after == "JJ" and sentence[index - 1].tag in ("DT", "PRP$")
            return None if found and " " in found and modifier else found
        case "J":
            return adjective_in_frame(source, plain, sentence, index)
        case "N":
            return noun_in_frame(source, plain, sentence, index)
        case _:
            return adverb_in_frame(plain, sentence, index)


def _alike(piece: Piece, other: Piece) -> bool:
    """Whether two words are the same, their number aside."""
    return piece.text.lower() == other.text.lower() or (
        other.tag == "NNS" and other.text.lower() == f"{piece.text.lower()}s"
    )
