"""The plain word for a literary one: tables for what stories are full of, WordNet's first sense for the rest."""

import math
from functools import cache

from stages.prose.lexicon import Sense, Synset, frequency, inflected, senses, stem, synset
from stages.prose.misleading import EMPTY, KEPT, TOUCHED, WRONG
from stages.prose.plain_modifiers import ADJECTIVES, ADVERBS
from stages.prose.plain_nouns import NOUNS
from stages.prose.plain_verbs import VERBS

PLAIN = {"VERB": VERBS, "NOUN": NOUNS, "ADJ": ADJECTIVES, "ADV": ADVERBS}
UPOS = {"N": "NOUN", "V": "VERB", "J": "ADJ", "R": "ADV"}  # by the first letter of a Penn tag
USUAL = 5.0  # Zipf frequency from which a word that the tables don't name is plain enough
PLAIN_ENOUGH = 3.5  # frequency below which no word of WordNet's takes another's place
BROADER = 0.5  # how much more usual a broader word must be
FIRST = 0.75  # share of a word's uses, where tagged, that its first sense must have: any other would be a guess
TRUSTED = 0.4  # share of its uses that a substitute must have in the meaning at hand
ITSELF = 0.6  # and a broader word, which says less
SHORT = 4  # letters; WordNet has abbreviations and marks of elements for what is shorter
LINKS = (" of ", " to ", " in ", " for ", " on ")  # before them stands the noun of several words that is inflected


@cache
def _table() -> dict[tuple[str, str], str]:
    """The plain word for (class, lemma)."""
    found: dict[tuple[str, str], str] = {}
    for upos, groups in PLAIN.items():
        for line in groups.strip().split("\n"):
            target, _, sources = line.partition(": ")
            found |= {(upos, source): target for source in sources.split()}
    return found


@cache
def _targets() -> frozenset[tuple[str, str]]:
    """What the tables lead to; it stays as it is."""
    return frozenset((upos, target) for (upos, _), target in _table().items())


@cache
def plain_root(word: str, tag: str) -> str | None:
    """The dictionary form of the plainer word for `word`, of the class that the Penn `tag` says; None without one."""
    upos = UPOS.get(tag[:1])
    word = word.lower()
    if upos is None or tag in ("RP", "NNP", "NNPS"):
        return None
    root = stem(word, tag)
    if found := _table().get((upos, root)):
        return found
    verbal = upos == "ADJ" and word.endswith(("ing", "ed"))  # WordNet's "prying" isn't that of "they were prying"
    if (
        verbal
        or len(root) < SHORT
        or upos == "ADV"
        or frequency(word) >= USUAL
        or root in KEPT[upos]
        or (upos, root) in _targets()
    ):
        return None
    better = _of_wordnet(root, upos, frequency(word))
    # what is only better than a rare word may have a plain one in its turn
    return _table().get((upos, better), better) if better else None


def plainer(word: str, tag: str) -> str | None:
    """The plainer word for `word` in the form that the Penn `tag` asks for, in lower case; None if there is none."""
    root = plain_root(word, tag)
    form = in_form(root, tag) if root else None
    return form if form != word.lower() else None


@cache
def _of_wordnet(root: str, upos: str, usual: float) -> str | None:
    """The most usual word for the first sense of `root`, or for what is just broader, if more so."""
    meanings = senses(root, upos)
    if not meanings or _share(meanings, meanings[0].offset) < FIRST or (upos == "VERB" and len(meanings) > 1):
        return None
    own = synset(upos, meanings[0].offset)
    best = _best(own, root, usual, TRUSTED)
    if best is None and len(meanings) == 1 and own.field in TOUCHED and own.hypernyms:
        broader = synset(upos, own.hypernyms[0])
        best = _best(broader, root, usual + BROADER, ITSELF) if broader.field == own.field else None
    return best


def _best(of: Synset, root: str, least: float, trusted: float) -> str | None:
    """The word of a synset most usual in that meaning, from the frequency `least` on."""
    found = []
    for word in of.words:
        clipped = root.startswith(word)  # prof, flu
        if not clipped and word.isalpha() and word.islower() and word not in EMPTY and word not in WRONG:
            held = _share(senses(word, of.upos), of.offset)
            if held >= trusted:
                found.append((frequency(word) + math.log10(held), word))
    score, word = max(found, default=(0.0, ""))
    return word if score >= max(least, PLAIN_ENOUGH) else None


def _share(meanings: tuple[Sense, ...], offset: int) -> float:
    """How much of the use of a word falls to one of its meanings; half a use is added to each, as many have none."""
    total = sum(sense.count + 0.5 for sense in meanings)
    return sum(sense.count + 0.5 for sense in meanings if sense.offset == offset) / total if total else 0.0


@cache
def in_form(root: str, tag: str) -> str | None:
    """`root` inflected as the Penn tag says: a verb's first word; a noun's last one, or that before "of"."""
    if tag in ("JJ", "RB", "NN", "VB", "VBP"):
        return root
    if tag[0] == "V":
        first, _, rest = root.partition(" ")
        form = inflected(first, tag)
        return f"{form} {rest}".strip() if form else None
    link = next((link for link in LINKS if link in root), "\0")
    head, link, rest = root.partition(link)
    *before, noun = head.split()
    form = inflected(noun, tag)
    return " ".join([*before, form]) + link + rest if form else None
