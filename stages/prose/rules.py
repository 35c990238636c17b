"""Styled prose to plain prose with the same content, by rules alone: same text, same bytes, no model.

What an author is known by goes: long sentences, asides, rare adjectives and adverbs, literary words and phrases. What
is told stays, and names, numbers and speech stay to the byte. The result is rough: it is what a model learns to turn
back into the author's prose, not something for people to read.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

from stages.prose import apertium
from stages.prose.content import SCALES, TENS, UNITS
from stages.prose.lexicon import Token, frequency, lemma, listed, senses, synset, tagged
from stages.prose.synonyms import plainer
from stages.prose.text import Span, sentence_spans, speech_spans

Variant = Literal["standard", "info_dropout", "abstract"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
RARE = 5.0  # Zipf frequency below which an adjective that has no plainer word goes
USUAL_ADVERB = 5.0  # Zipf frequency from which an adverb in -ly is nothing particular
SPELLED = frozenset([*UNITS, *TENS, *SCALES]) - {"one"}
ASIDE = 12  # words that an aside may have to be dropped; a longer one tells something


class Piece(NamedTuple):
    """A word or mark of a sentence, or speech as a whole."""

    text: str
    tag: str  # of the Penn Treebank; "speech"
    start: int  # in the text
    gap: bool  # whether white space goes before it
    fixed: bool  # a name, number or speech: stays to the byte
    changed: bool = False


Sentence = list[Piece]

# Literary phrases and function words, and what is said today. Longer ones first where one starts another.
PHRASES = """
in the course of=during; for the purpose of=for; with the exception of=except; in spite of=despite; in order
to=to; so as to=to; by means of=with; by dint of=with; by virtue of=because of; on account of=because of; by
reason of=because of; in consequence of=because of; in regard to=about; with regard to=about; with respect
to=about; in respect to=about; as regards=about; in reference to=about; with reference to=about; in relation
to=about; a great deal of=much; a good deal of=much; a vast deal of=much; a great many=many; a good many=many; a
multitude of=many; a number of=some; the whole of=all of; in the meantime=meanwhile; from time to
time=sometimes; now and then=sometimes; now and again=sometimes; ere long=soon; as yet=yet; for the most
part=mostly; so much so that=so that; insomuch that=so that; inasmuch as=because; in so far as=as far as; for
ever=forever; a sort of=a kind of; caught sight of=saw; catch sight of=see; catching sight of=seeing; made his
way=went; made my way=went; made their way=went; made her way=went; made its way=went; made our way=went; make
his way=go; make my way=go; make their way=go; took his leave=left; took my leave=left; gave vent to=let out;
was wont to=used to; were wont to=used to; am wont to=often; was compelled to=had to; were compelled to=had to;
was forced to=had to; were forced to=had to; sought to=tried to; seeking to=trying to; seek to=try to; ventured
to=dared to; endeavored to=tried to; endeavoured to=tried to; proceeded to=went on to; composed of=made of; rose
to his feet=got up; rose to my feet=got up; sprang to my feet=got up; sprang to his feet=got up; would
fain=would like to; must needs=must; as though=as if; even as=as; upon which=on which; all save=all but; nothing
save=nothing but; near unto=near; whereas=while; amid=among; amidst=among; amongst=among; upon=on; unto=to;
whilst=while; beneath=under; betwixt=between; atop=on top of; athwart=across; albeit=though; although=though;
lest=in case; hitherto=until now; heretofore=before; henceforth=from now on; henceforward=from now on;
thenceforth=from then on; thenceforward=from then on; whence=from where; thence=from there; thither=there;
whither=where; wherein=in which; whereof=of which; whereby=by which; whereat=at which; whereon=on which;
wherefore=so; whereupon=and then; therein=in it; thereof=of it; thereby=by this; thereon=on it; thereto=to it;
therewith=with it; thereupon=then; thereafter=after that; herein=in this; hereby=by this; hereof=of this;
nay=no; yea=yes; aye=yes; naught=nothing; nought=nothing; aught=anything; oft=often; ere=before; anon=soon;
perchance=maybe; mayhap=maybe; methinks=I think; methought=I thought; doth=does; hath=has; hast=have; dost=do;
didst=did; wast=were; wert=were; shalt=will; wilt=will; canst=can; thou=you; thee=you; thy=your; thine=your;
ye=you; ’tis=it is; ’twas=it was; ’twere=it were; ’twould=it would; o’er=over; e’er=ever; ne’er=never; 'tis=it
is; 'twas=it was; o'er=over; e'er=ever; ne'er=never; burthen=burden; shew=show; shewed=showed; shewn=shown;
to-day=today; to-morrow=tomorrow; to-night=tonight; till=until; grew more=became more; grew less=became less;
grew to=came to; drew near=came near; draw near=come near; drawing near=coming near; it seemed that=it looked as
if; it seemed to me that=I thought; it seemed as if=it looked as if; stood up=got up; the bulk of=most of; was
convinced=was sure; am convinced=am sure; became convinced=became sure; accustomed to=used to; twofold=double;
ought to=should; notwithstanding=despite; nobody=no one; everybody=everyone; somebody=someone; in the midst
of=in the middle of; in accordance with=according to; a mere=just a; the mere=just the; throughout=all through;
of late years=in recent years; beside=next to; owing to=because of; in vain=without success; was by no means=was
not; were by no means=were not; is by no means=is not; are by no means=are not; the greater part of=most of; was
filled with=was full of; were filled with=were full of; is filled with=is full of; consisting of=made up of; to
put an end to=to end; put an end to=ended; sought for=looked for; sought out=looked for; sought after=looked
for; much sought after=much sought after; sought the=looked for the; sought my=looked for my; sought his=looked
for his; sought a=looked for a; from thence=from there; from whence=from where; ever and anon=sometimes; hither
and thither=here and there; hither=here; once upon a time=once upon a time; none save=none but; no one save=no
one but; nobody save=no one but; nowhere save=nowhere but; everything save=everything but; save for the=except
for the; save for a=except for a; save for my=except for my; save for his=except for his; save that=except that;
save when=except when; was obliged to=had to; were obliged to=had to; in the mean time=meanwhile;
toward=towards; whom=who; beyond=past; concerning=about; farther=further; colour=color; colours=colors;
coloured=colored; grey=gray; harbour=harbor; harbours=harbors; nearer=closer; nearest=closest; persons=people;
centuries=hundreds of years; lucent=bright; unquiet=restless; sallow=yellowish; indifference=lack of interest;
in the lee of=in the shelter of; under the lee of=in the shelter of; brine=salt water; flagstaff=flagpole;
commonly=usually; gradually=bit by bit; ashore=on land; lit=lighted; rime=frost; none but=only; sunset=sundown;
dawn=daybreak; neighbour=neighbor; neighbours=neighbors; to the leeward=away from the wind; aboard=on board;
learned that=found out that; learned what=found out what;
learned of=heard of; in the distance=far away; somehow=in some way; somewhere=in some place; anywhere=in any
place; proved to be=turned out to be; at length=at last; overlooking=looking out on; vigil=watch;
underbrush=undergrowth; ancestors=forefathers; ancestor=forefather; traveling=travelling; whenever=every time;
seeking the=looking for the; seeking a=looking for a; seeking my=looking for my; none of=not one of;
alive=living; apart from=except for
"""
# Said in passing: they go where marks set them off.
PASSING_BY = """
as it were; so to speak; to be sure; in fact; in truth; in short; in a word; of course; at any rate; indeed;
in particular; in general; alas
"""
# Plain words for what means the same only where it opens a sentence or stands between marks.
SET_OFF = """
of late=recently; at times=sometimes; all at once=suddenly; in consequence=so
"""
# What must not come after a phrase for it to mean that.
NOT_BEFORE = {
    "at length": r"\s*[.;:!?]| (?:about|of|on|with|upon|to|in)\b",
    "overlooking": r"(?! (?:the|a|an|my|his|her|its|our|their|this|that|these|those|it|them)\b)",
    "somewhere": r" (?:about|around|between|near|over|under|in|on|at|else)\b",
    "anywhere": r" (?:about|around|between|near|over|under|in|on|at|else)\b",
    "beyond": r"\s*[^\w\s]|\s*$| (?:and|or|but|which|was|is|were|are|lay|lies|came|had|stood|rose|"
    r"doubt|question|measure|all|description|belief|hope|repair|words|reach|the reach|recognition|dispute|"
    r"control|that|there|where|it)\b",
    "alive": r" (?:with|to)\b",
    "concerning": r"(?! (?:the|a|an|my|his|her|its|our|their|this|these|those|which|it|them|him|me|us|what)\b)",
    "lit": r" (?:up|out|by|with|in|from|like|on|upon|only)\b",
    "colour": r" ?-",
    "grey": r" ?-",
    **dict.fromkeys(
        ("was obliged to", "were obliged to"),
        r" (?:him|her|them|me|us|you|it|the|an?|my|his|their|our|your|no|\w+ing)\b",
    ),
    "was convinced": r" by\b",
    "am convinced": r" by\b",
    "became convinced": r" by\b",
    "notwithstanding": r" that\b|\s*[,.;:!?]",
    "beside": r" (?:\w+sel(?:f|ves)|the (?:point|mark|question))\b|\s*[,.;:!?]",
    "beneath": r"\s*[,.;:!?]| (?:contempt|notice|him to|me to|her to|them to)\b",
    "throughout": r"\s*[,.;:!?]",
    "amid": r"\s*[,.;:!?]",
    "a sort of": r"\s*[,.;:!?]",
    "in vain": r" (?:attempt|effort|hope|endeavou?r|search|pursuit|struggle|imagining|pride|show)",
    "at times": r" (?:of|when|like|that)\b",
    "now and then": r" (?:the|a|an|he|she|it|they|we|I|there)\b",
    "for ever": r" (?:so|and)\b",
    "till": r" (?:the (?:soil|ground|land|earth|field)|was|is|had)",
}
# What must not come before it.
NOT_AFTER = {
    "alive": r"\b(?:buried|burn(?:ed|t)|skinned|eaten|keep|kept|still|and|or) $",
    "apart from": r"\b(?:far|set|stood|lived|stand|live|sat|lay|kept|held) $",
    "at length": r"\b(?:talk|spoke|speak|writ|wrote|discours|descri|explain|report|dwel|told|tell)\w*(?: \w+){0,3} $",
    "overlooking": r"\b(?:and|without|not) $",
    "somewhere": r"\b(?:from|in|to|for|near|get|got|gets|getting) $",
    "anywhere": r"\b(?:from|in|to|for|near|get|got|gets|getting) $",
    "whom": r"\b(?:to|of|from|with|for|by|in|on|upon|at|before|after|against|than|about|under|over|between|among) $",
    "concerning": r"\b(?:is|was|were|be|are|more|most|very|a|the) $",
    "lit": r"\b(?:was|were|been|be|is|are|dimly|well|half|a|the|by|ill) $",
    "centuries": r"\b(?:\w+(?:teen|ty)|two|three|four|five|six|seven|eight|nine|ten|several|few|many|some|hundred) $",
    "dawn": r"\b(?:to|would|not|could|did) $",
    "nearer": r"\b(?:much|far|the) $",
    "a number of": r"\b(?:great|large|small|such|vast|considerable|what|not) $",
    "a multitude of": r"\b(?:great|large|small|such|vast|considerable|what|not) $",
    "upon": r"\b(?:once|there|where|put) $",
    "in vain": r"\b(?:names?|nor|not|it was) $",
    "owing to": r"\b(?:money|sums?|debts?|rent|pounds?|pence|shillings?|wages|was|is|were|still|amount) $",
    "till": r"\b(?:to|the|a|his|my|not|could|would|who|they|we|and) $",
    "put an end to": r"\b(?:to|not|would|could|should|will|shall|must|might|may|can|did|do|does|and) $",
    "thence": r"\bfrom $",
    "whence": r"\bfrom $",
    "sought after": r"\b(?:was|were|be|been|is|are) $",
    "wherefore": r"\b(?:the|a|why and) $",
    "composed of": r"\b(?:who|he|she|they|I|we) $",
}
# Of a verb after have: the form that the plain one has there.
HAD = re.compile(r"\b(?:have|has|had|having|[’'](?:ve|d))(?: (?:\w+ly|not|never|just|already|once|since|now))? $")
AFTER_HAVE = {"saw": "seen", "went": "gone", "came": "come", "got": "got", "became": "become", "grew": "grown"}
# Adverbs in -ly that a sentence needs: they deny, limit or place what is said.
NEEDED = listed(
    "only hardly barely scarcely nearly almost merely solely early daily nightly weekly monthly yearly rarely seldom "
    "finally recently exactly probably possibly likely unlikely equally partly mostly supposedly allegedly "
    "approximately roughly lonely reply family supply rely apply bodily"
)
DEGREE = listed("very quite rather most exceedingly extremely highly pretty")  # go with what they grade
GRADED = listed("so too as how more less such not n't n’t never than no most least")  # these need what they grade
DENIAL = listed("not n't n’t never no neither nor as so than how when where why there")  # not dropped
BE = listed("be am is are was were been being 's ’s 're ’re 'm ’m")
HAVE = listed("have has had having 've ’ve")
COPULAS = BE | listed(
    "seem seems seemed look looks looked become becomes became grow grows grew feel feels felt get gets got appear "
    "appeared appears remain remained remains keep kept make makes made turned sound sounded smell smelled"
)
BECOMING = {"grow": "become", "grows": "becomes", "grew": "became", "grown": "become", "growing": "becoming"}
PASSING = {"pass": ("go", "go"), "passes": ("goes", "goes"), "passed": ("went", "gone"), "passing": ("going", "going")}
COMPARED = frozenset(("JJ", "JJR", "RBR", "VBN"))  # after them "grow" means that
SUBORDINATE = listed(
    "when while if though although as since because unless until till after before where whenever wherever whether "
    "that which who whose whom what lest once than so and or nor but"
)
TAIL = 8  # words that a phrase at the end of a sentence may have to be dropped
SHORT = 6  # pieces; in a sentence as short as this what follows may be what it says: "he was not, he said, going"
RELATIVE = listed("which who whose whom whereof wherein whereon whereby whereat where that of")  # needs what it follows
# What makes the contrary of what is said: it never goes unseen.
NEGATIVE = listed(
    "not n't n’t no never nor neither none nothing nobody nowhere cannot without hardly scarcely barely naught"
)
BORDERS = frozenset((";", ":", "—", "–"))  # no phrase between commas goes over one of these
OBJECTS = frozenset(("DT", "PRP", "PRP$", "NN", "NNS", "NNP", "NNPS", "CD", "JJ", "PDT", "speech"))  # begin an object
# Prepositions at the end of a plain verb that need an object: look at, wait for.
TAKING = listed("know at for to of with about into like after")
_STRIKES = listed(
    "clock clocks hour hours match matches matchbox bell chime root bargain sail tent camp balance pose o’clock"
)
_RECORDS = listed("log book books ledger register plea figure figures name names column number entry note date")
# Words beside which a verb means something else than its plain one.
ELSEWHERE = {
    **dict.fromkeys(("strike", "strikes", "struck", "striking"), _STRIKES | SPELLED),
    **dict.fromkeys(("enter", "enters", "entered", "entering"), _RECORDS),
    **dict.fromkeys(("pass", "passes", "passed", "passing"), listed("away time days hours evening winter sentence on")),
    **dict.fromkeys(("sail", "sails"), listed("set")),
    **dict.fromkeys(("row", "rows"), listed("boat oar oars")),
}
# How a phrase between commas begins that a sentence can spare.
INSERTED = listed("as like with in at by from of on after before during under to")
FINITE = frozenset(("VBD", "VBZ", "VBP", "MD"))
NOUNS = frozenset(("NN", "NNS", "NNP", "NNPS"))
ADJECTIVES = frozenset(("JJ", "JJR", "JJS"))
ADVERBS = frozenset(("RB", "RBR", "RBS"))
OPENING_TAGS = NOUNS | ADJECTIVES | frozenset(("PRP", "PRP$", "EX", "DT", "CD", "speech"))  # of a subject
JOINTS = frozenset(("and", "but", "yet", "so"))  # between clauses
# Adjectives that count or point: without them something else is told.
COUNTING = listed(
    "other same own such first second third last next many few several only whole more most less least much little "
    "another certain former latter one two three half all any some enough dead alive"
)
ORDINAL = re.compile(r"(?:teenth|tieth|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|hundredth)$")
END_MARKS = frozenset((".", "!", "?", "…", "..", "...", "....", ".....", ":"))
BREAKING = "—;"  # a dash that may end a sentence
SOFT = frozenset((",", ";", BREAKING))
OPENING = frozenset(("(", "[", "“", "‘", '"'))
DASHES = frozenset(("—", "–"))
HYPHENS = frozenset(("-", "\u2011"))
CLOSERS = "”’\"')]"
BREAK = re.compile(r"(\s*\n\s*\n\s*)")
DASH = re.compile(r"\s*--+\s*")
NOTHING = "\x01"  # where a word in mid-sentence was
GONE = re.compile(r"\0[\s,]*(.?)")  # where a phrase at the start of a sentence was
# Fields of nouns that can be touched or tasted.
CONCRETE = listed("noun.artifact noun.object noun.animal noun.plant noun.food noun.body noun.substance")
THING = "[THING]"
VOWEL = re.compile(r"(?i)(?!uni[^n]|use|usu|eu|one\b|once|ut[ie]|ubi)[aeiou]|hour|honest|honou?r|heir")
ARTICLES = {"a": ("a", "an"), "an": ("a", "an"), "A": ("A", "An"), "An": ("A", "An")}


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


# Pieces of a text


def _by_paragraph(text: str, plain: Callable[[str], str]) -> str:
    """`text` with each of its paragraphs rewritten; the breaks between them stay."""
    parts = BREAK.split(text)  # paragraphs at even places, breaks at odd ones
    return "".join(part if index % 2 or not part.strip() else plain(part) for index, part in enumerate(parts))


def _sentences(text: str) -> list[Sentence]:
    """The sentences of a paragraph in pieces; a mark within speech ends none."""
    speech = [*speech_spans(text), (len(text), len(text))]
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
            elif (token.tag == "VBN" and word in ("i", "he", "she", "it", "we", "they", "who")) or (
                token.tag == "VBN" and before.tag in NOUNS and after and after.tag in ("DT", "PRP", "PRP$", "RB")
            ):
                token = replace(token, tag="VBD")
            elif token.tag == "NN" and word == "to" and after and after.tag in ("DT", "PRP", "PRP$"):
                token = replace(token, tag="VB")
            elif (
                token.tag in ("VB", "VBP")
                and before.tag in ("DT", "PRP$")
                and word not in ("that", "this", "all", "both")
            ):
                token = replace(token, tag="NN")
            elif token.text == "fancy" and token.tag == "JJ" and before.tag in ("PRP", "MD", "TO"):
                token = replace(token, tag="VBP" if before.tag == "PRP" else "VB")
            elif token.tag == "VBZ" and before.tag in ("DT", "PRP$") and word not in ("that", "this", "it", "all"):
                token = replace(token, tag="NNS")
        found.append(token)
    return found


def _capital(word: str) -> bool:
    """Whether `word` is written as names are."""
    return word[0].isupper() and word != "I"


def fixed_spans(text: str) -> list[Span]:
    """Names, numbers and speech of `text`, which no rewriting may touch; in order."""
    pieces = [piece for sentence in _sentences(text) for piece in sentence]
    return [(piece.start, piece.start + len(piece.text)) for piece in pieces if piece.fixed]


def _written(sentence: Sentence, whole: bool) -> str:
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


# The rewriting


def _standard(text: str) -> str:
    """A paragraph in plain words and short sentences."""
    found = []
    for sentence in _sentences(_phrased(text)):
        parts = _split(_plain_words(_without_insertions(_without_asides(sentence)), bare=False))
        found += [_written(_without_tail(part), whole=part is parts[-1]) for part in parts]
    return _joined(text, found)


def _bare(text: str) -> str:
    """A paragraph without adjectives and adverbs."""
    return _joined(text, [_written(_plain_words(sentence, bare=True), whole=True) for sentence in _sentences(text)])


def _abstract(text: str) -> str:
    """A paragraph in which every noun for what can be touched is [THING]."""
    found = []
    for sentence in _sentences(text):
        things: Sentence = []
        for piece in sentence:
            if piece.tag in ("NN", "NNS") and not piece.fixed and _concrete(piece.text.lower()):
                if things and things[-1].text == THING and piece.gap:
                    continue  # a stone bridge is one thing
                piece = piece._replace(text=THING, changed=True, fixed=True)
            things.append(piece)
        found.append(_written(things, whole=True))
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


@cache
def _phrases() -> tuple[re.Pattern[str], dict[str, str], dict[str, str]]:
    """A pattern of the literary phrases; what is said for each; and what for those that must be set off by marks."""
    table, marked = (
        {key: value for key, _, value in (entry.strip().partition("=") for entry in rows.split(";")) if key}
        for rows in (" ".join(PHRASES.split()), " ".join(f"{SET_OFF.strip()}; {PASSING_BY}".split()))
    )
    keys = "|".join(re.escape(key) for key in sorted(table | marked, key=lambda key: (-len(key), key)))
    # Only where a word starts; first letters are looked at before the long list is tried.
    return re.compile(rf"(, )?(?<![\w’'-])\b({keys})(?![\w’'-])(,)?", re.IGNORECASE), table, marked


def _guarded(key: str, before: str, after: str) -> bool:
    """Whether what is around a phrase says that it means something else there."""
    left, right = NOT_AFTER.get(key), NOT_BEFORE.get(key)
    return bool((left and re.search(left, before, re.IGNORECASE)) or (right and re.match(right, after, re.IGNORECASE)))


def _phrased(text: str) -> str:
    """`text` with plain phrases for literary ones, outside speech; what has capitals in mid-sentence is a name."""
    pattern, table, marked = _phrases()
    text = text.replace("\0", "").replace(NOTHING, "")
    if "--" in text:
        said = speech_spans(text)
        text = DASH.sub(lambda match: match.group() if any(a < match.end() <= b for a, b in said) else "—", text)
    speech = speech_spans(text)

    def plain(match: re.Match[str]) -> str:
        before, phrase, after = match.group(1) or "", match.group(2), match.group(3) or ""
        start = match.start(2)
        if any(a < match.end() and match.start() < b for a, b in speech):
            return match.group()
        opening = not text[:start].rstrip() or text[:start].rstrip()[-1] in ".!?…”—"
        if phrase != phrase.lower() and not (opening and phrase[1:] == phrase[1:].lower()):
            return match.group()
        key, rest = phrase.lower(), text[match.end(2) :]
        if _guarded(key, text[max(0, start - 40) : start], rest[:40]):
            return match.group()
        if key == "indeed" and not opening and not (before and after):
            return before + NOTHING + after
        if key in marked:
            ended = bool(after) or rest[:1] in tuple(".;:!?—")
            if not (ended if before else opening and (after or marked[key])):
                return match.group()
            if not marked[key]:
                return "\0" if opening else ""
        said = table.get(key) or marked[key]
        first, _, others = said.partition(" ")
        if first in AFTER_HAVE and HAD.search(text[max(0, start - 30) : start]):
            said = f"{AFTER_HAVE[first]} {others}".strip()
        return before + (said[0].upper() + said[1:] if phrase[0].isupper() else said) + after

    text = re.sub(rf",?\s*{NOTHING}(?=[.;:!?—])|\s*{NOTHING}", "", pattern.sub(plain, text))
    return GONE.sub(lambda match: match.group(1).upper(), text)


def _without_asides(sentence: Sentence) -> Sentence:
    """The sentence without what is said in passing: short asides between brackets or dashes, without names, go.

    Other dashes become commas, or the end of a sentence.
    """
    found: Sentence = []
    index, size = 0, len(sentence)
    while index < size:
        piece = sentence[index]
        if piece.text == "(" or _dash(sentence, index):
            close = next((k for k in range(index + 1, size) if _closes(sentence, k, piece.text)), None)
            inner = sentence[index + 1 : close] if close else []
            if close and sum(p.text[0].isalpha() for p in inner) <= ASIDE and not any(map(_says, inner)):
                index = close + 1
                if index < size and not sentence[index].gap and sentence[index].text[0].isalpha():
                    found.append(sentence[index]._replace(gap=True))
                    index += 1
                continue
            if piece.text != "(":
                found.append(piece._replace(text=BREAKING, gap=False))
                index += 1
                if index < size:
                    sentence = [*sentence[:index], sentence[index]._replace(gap=True), *sentence[index + 1 :]]
                continue
        found.append(piece)
        index += 1
    return found


def _without_insertions(sentence: Sentence) -> Sentence:
    """The sentence without short phrases between two commas that nothing depends on, if they hold no name or number."""
    commas = [index for index, piece in enumerate(sentence) if piece.text == ","]
    found: Sentence = []
    at = 0
    for left, right in pairwise(commas):
        inner = sentence[left + 1 : right]
        after = sentence[right + 1] if right + 1 < len(sentence) else None
        if left < at or not inner or len(inner) > ASIDE or after is None or after.tag == "CC" or after.gap is False:
            continue
        opens = inner[0].text.lower() in INSERTED or inner[0].tag in ("VBG", "VBN")
        if after.text.lower() in RELATIVE or any(piece.text in BORDERS for piece in inner):
            continue
        if not opens or not _spare(inner) or inner[0].tag == after.tag:
            continue  # "in rags, in tears, in chains" is a list
        found += sentence[at:left]
        if sentence[0].text.lower() in SUBORDINATE or sentence[0].tag in ("IN", "VBG", "VBN", "TO"):
            found.append(sentence[left])  # what comes first ends with a comma
        at = right + 1
    return found + sentence[at:]


def _spare(inner: Sentence) -> bool:
    """Whether an inserted phrase may go: no name, number or negation in it, no clause and no verb with an object."""
    told = any(piece.tag in FINITE or piece.text in BORDERS for piece in inner)
    if inner[0].tag in ("VBG", "VBN"):
        told = told or any(piece.tag in OBJECTS for piece in inner[1:2])
    cut = inner[-1].tag in ADJECTIVES or inner[-1].tag in ("DT", "IN", "PRP$")  # at a comma between adjectives
    return not told and not cut and not any(map(_says, inner))


def _says(piece: Piece) -> bool:
    """Whether a piece is of a name, number or speech, or a negation: what no one can guess again."""
    return piece.fixed or piece.text.lower() in SPELLED or piece.text.lower() in NEGATIVE


def _without_tail(sentence: Sentence) -> Sentence:
    """The sentence without a short phrase that trails after its last comma, if it can stand without."""
    comma = next((index for index in range(len(sentence) - 1, 0, -1) if sentence[index].text == ","), 0)
    inner = [piece for piece in sentence[comma + 1 :] if piece.text not in END_MARKS]
    if not comma or not inner or len(inner) > TAIL or not _spare(inner):
        return sentence
    opens = inner[0].text.lower() in INSERTED or inner[0].tag in ("VBG", "VBN")
    if not opens or comma <= SHORT or not _stands(sentence[:comma]):
        return sentence
    return sentence[:comma] + sentence[comma + 1 + len(inner) :]


def _dash(sentence: Sentence, index: int) -> bool:
    """Whether a piece is a dash that sets something off; one between numbers joins them."""
    piece = sentence[index]
    if piece.text not in DASHES:
        return False
    return piece.text == "—" or (piece.gap and index + 1 < len(sentence) and sentence[index + 1].gap)


def _closes(sentence: Sentence, index: int, opened: str) -> bool:
    """Whether the piece at `index` ends an aside that began with `opened`."""
    return sentence[index].text == ")" if opened == "(" else _dash(sentence, index)


def _split(sentence: Sentence) -> list[Sentence]:
    """The sentence as several, cut at semicolons, dashes and conjunctions where both sides can stand alone."""
    parts: list[Sentence] = [[]]
    for index, piece in enumerate(sentence):
        if piece.text in (";", BREAKING, ","):
            after = sentence[index + 1 :]
            joint = after[0].text.lower() if after else ""
            cut = piece.text != "," or joint in ("and", "but", "yet", "so")
            if cut and _clause(after[joint in JOINTS :]) and _stands(parts[-1]):
                parts.append([])
                continue
            piece = piece._replace(text=",", gap=False)
        if not parts[-1] and len(parts) > 1 and piece.text.lower() == "and":
            continue
        parts[-1].append(piece)
    return parts


def _stands(part: Sentence) -> bool:
    """Whether a part of a sentence can stand alone: one of the stretches between its commas is a clause."""
    stretch: Sentence = []
    for piece in [*part, None]:
        if piece is None or piece.text == ",":
            if _clause(stretch[bool(stretch) and stretch[0].text.lower() in JOINTS :]):
                return True
            stretch = []
        else:
            stretch.append(piece)
    return False


def _clause(part: Sentence) -> bool:
    """Whether `part` begins with a subject and its verb comes before the next comma."""
    if not part or part[0].text.lower() in SUBORDINATE or part[0].tag not in OPENING_TAGS:
        return False
    relative = False
    for piece in part:
        if piece.text in (",", ";", BREAKING):
            return False
        if piece.tag in ("WDT", "WP", "WRB") or piece.text.lower() in ("that", "which", "who"):
            relative = piece is not part[0]
        elif piece.tag in FINITE:
            if not relative:
                return True
            relative = False
    return False


# Words


def _plain_words(sentence: Sentence, bare: bool) -> Sentence:
    """The sentence with plain words for literary ones and without rare adjectives and adverbs; `bare`: without any."""
    words = [_plain_word(sentence, index) for index in range(len(sentence))] if not bare else list(sentence)
    for index in range(1, len(words)):
        if (words[index].changed or words[index - 1].changed) and words[index].text.lower() == words[
            index - 1
        ].text.lower():
            words[index - 1 : index + 1] = sentence[index - 1 : index + 1]  # not "light light" for "lantern light"
    dropped = [False] * len(words)
    index = 0
    while index < len(words):
        end = _modifiers(words, index)
        if end > index:
            _thin(words, index, end, dropped, bare)
            index = end
        else:
            dropped[index] = _needless(words, index, bare)
            if dropped[index] and index and words[index - 1].text.lower() in DEGREE:
                dropped[index - 1] = True
            index += 1
    _tidy(words, dropped)
    kept = []
    for index, piece in enumerate(words):
        if not dropped[index]:
            kept.append(piece._replace(changed=True) if index and dropped[index - 1] else piece)
    return kept


def _plain_word(sentence: Sentence, index: int) -> Piece:
    """The piece in plain words; part of a hyphened word stays."""
    piece = sentence[index]
    if piece.fixed or not piece.text[0].isalpha() or _hyphened(sentence, index):
        return piece
    after = sentence[index + 1].tag if index + 1 < len(sentence) else ""
    before = sentence[index - 1].tag if index else ""
    if piece.text == "rose" and piece.tag == "VBD" and before == "PRP" and sentence[index - 1].text.lower() != "it":
        return piece._replace(text="got up", changed=True)
    if piece.text in BECOMING and after in COMPARED:
        return piece._replace(text=BECOMING[piece.text], changed=True)
    if piece.text in PASSING and after in ("IN", "RP", "TO"):
        return piece._replace(text=PASSING[piece.text][piece.tag == "VBN"], changed=True)
    if piece.text.lower() in ELSEWHERE and any(
        other.text.lower() in ELSEWHERE[piece.text.lower()] for other in sentence
    ):
        return piece
    plain = plainer(piece.text.lower(), piece.tag)
    if plain and piece.tag[0] == "V" and not _has_object(plain, piece.tag, sentence[index + 1 : index + 2]):
        return piece
    if plain is None or (" " in plain and piece.tag in ("VBN", "VBG") and after in NOUNS):
        return piece  # not "their thought of faces" for "their pictured faces"
    if " " in plain and index + 1 < len(sentence) and sentence[index + 1].text == plain.rpartition(" ")[2]:
        plain = plain.rpartition(" ")[0]  # "climbed up" is "went up"
    return piece._replace(text=plain.capitalize() if piece.text[0].isupper() else plain, changed=True)


def _has_object(plain: str, tag: str, after: Sentence) -> bool:
    """Whether what `plain` asks for follows: "looked for" needs something, "went down" doesn't."""
    if plain.rpartition(" ")[2] not in TAKING or " " not in plain:
        return True
    if tag == "VBN" and after and after[0].text.lower() == "by":
        return True  # "was looked at by"
    return bool(after) and (after[0].tag in OBJECTS or after[0].tag in ("PRP$", "WP", "VBG", "JJR", "JJS"))


def _hyphened(sentence: Sentence, index: int) -> bool:
    """Whether a hyphen joins the piece to its neighbour."""
    after = index + 1 < len(sentence) and sentence[index + 1].text in HYPHENS and not sentence[index + 1].gap
    return after or (index > 0 and sentence[index - 1].text in HYPHENS and not sentence[index].gap)


def _modifiers(words: Sentence, start: int) -> int:
    """Where the noun is whose adjectives begin at `start`; `start` if there are none."""
    if not _modifies(words[start]):
        return start
    before = words[start - 1] if start else None
    if words[start].tag in ("VBN", "VBG") and not _in_noun_phrase(words, start):
        return start
    end = start
    while end < len(words) and (
        _modifies(words[end]) or words[end].text in (",", *HYPHENS) or words[end].tag in ("CC", *ADVERBS)
    ):
        end += 1
    if end == len(words) or words[end].tag not in NOUNS or not _modifies(words[end - 1]):
        return start
    if before and before.text.lower() in COPULAS and any(p.text == "," or p.tag == "CC" for p in words[start:end]):
        return start  # "was old, and dark men came": what follows the verb belongs to it
    return end


def _in_noun_phrase(words: Sentence, index: int) -> bool:
    """Whether a participle stands where only a modifier can: after an article or the like, not after have or a verb."""
    while index and words[index - 1].tag in ADVERBS:
        index -= 1
    before = words[index - 1] if index else None
    if before is None or before.text.lower() in HAVE or before.text.lower() in COPULAS:
        return False
    return before.tag in ("DT", "PRP$", "POS", "CD", "PDT", "WP$", *ADJECTIVES) or (
        before.tag == "IN" and words[index].tag != "VBG"
    )


def _modifies(piece: Piece) -> bool:
    """Whether a piece may be an adjective before a noun."""
    return piece.tag in ADJECTIVES or (piece.tag in ("VBN", "VBG") and not piece.fixed)


def _thin(words: Sentence, start: int, end: int, dropped: list[bool], bare: bool) -> None:
    """Mark which of the adjectives in words[start:end] go, with the adverbs, commas and conjunctions they leave."""
    last, joints, adverbs, seen = None, list[int](), list[int](), set[str]()
    for index in range(start, end):
        piece = words[index]
        if piece.tag in ADVERBS:
            adverbs.append(index)
        elif not _modifies(piece):
            if piece.text not in HYPHENS:
                joints.append(index)
        else:
            before = words[adverbs[-1]].text.lower() if adverbs else words[index - 1].text.lower() if index else ""
            goes = _drops(words, index, bare) and before not in GRADED
            if piece.text.lower() in seen and not _hyphened(words, index):
                goes = True
            seen.add(piece.text.lower())
            dropped[index] = goes
            for adverb in adverbs:
                dropped[adverb] = goes or _needless(words, adverb, bare)
            if not goes:
                keep = next((k for k in joints if words[k].tag == "CC"), joints[0] if joints else None)
                for joint in joints:
                    dropped[joint] = last is None or joint != keep
                last, joints = index, []
            adverbs = []
    for joint in joints:
        dropped[joint] = True
    if not bare and all(dropped[start:end]) and start > 1 and words[start - 2].text.lower() in COPULAS:
        dropped[end - 1] = False  # "it was a day" says nothing without its gray


def _drops(words: Sentence, index: int, bare: bool) -> bool:
    """Whether an adjective before a noun goes: a rare one without a plain word, or any if `bare`."""
    piece = words[index]
    word = piece.text.lower()
    if piece.fixed or _hyphened(words, index) or word in COUNTING or ORDINAL.search(word):
        return False
    return bare or not (piece.changed or frequency(word) >= RARE)


def _needless(words: Sentence, index: int, bare: bool) -> bool:
    """Whether an adverb goes: an unusual one in -ly, or any that the sentence can spare if `bare`."""
    piece = words[index]
    word = piece.text.lower()
    if piece.tag not in ADVERBS or piece.fixed or word in NEEDED or word in DENIAL or _hyphened(words, index):
        return False
    before = words[index - 1] if index else None
    after = words[index + 1] if index + 1 < len(words) else None
    if before and (before.text.lower() in GRADED or before.tag in ("IN", "TO")):
        return False
    if before and before.text.lower() in COPULAS and (after is None or not after.text[0].isalpha()):
        return False
    if bare:
        return after is None or (after.tag not in ("IN", "TO") and after.text.lower() not in ("that", "ago"))
    return word.endswith("ly") and frequency(word) < USUAL_ADVERB and bool(senses(word, "ADV"))


def _tidy(words: Sentence, dropped: list[bool]) -> None:
    """Mark the commas and conjunctions that only joined or set off what has gone."""
    for index, piece in enumerate(words):
        if piece.tag == "CC" and 0 < index < len(words) - 1 and not dropped[index]:
            if words[index + 1].changed and words[index - 1].text.lower() == words[index + 1].text.lower():
                dropped[index] = dropped[index + 1] = True  # "fear and fear" was "awe and terror"
                continue
            left, right = words[index - 1].tag in ADVERBS, words[index + 1].tag in ADVERBS
            if left and right and (dropped[index - 1] or dropped[index + 1]):
                dropped[index] = True
        elif piece.text == "," and index > 0 and dropped[index - 1] and words[index - 1].tag in ADVERBS:
            first = index - 1
            while first > 0 and dropped[first - 1]:
                first -= 1
            opens = first == 0 or words[first - 1].text in SOFT
            if opens and (first == 0 or words[min(index + 1, len(words) - 1)].tag != "CC"):
                dropped[index] = True
                if first > 0 and words[first - 1].text == ",":
                    dropped[first - 1] = True
