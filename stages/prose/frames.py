"""What a plain verb or adjective needs around it: an object or none, the active voice, a place after a verb."""

import re

from stages.prose.clauses import SPELLED
from stages.prose.lexicon import inflected, listed
from stages.prose.pieces import ADVERBS, HAVE, NOUNS, OBJECTS, Sentence

# Prepositions at the end of a plain verb that need an object: look at, wait for.
TAKING = listed("know at for to of with about into like after through beyond over")
NEEDING = listed("raise put get throw surround find free")  # plain verbs that need one, too
# Plain verbs that take no object, and what to say where there is one; "" for nothing.
ALONE = {
    **dict.fromkeys(listed("act agree come die disappear fight go happen live look sit sleep stand stay talk"), ""),
    **dict.fromkeys(("come out", "come up", "do well", "fall apart", "fall down", "get less", "lie", "move on"), ""),
    "get away": "get away from",
    "go back": "give back",
    "go on": "go on with",
    "grow": "add to",
    "think": "think about",
    "fall": "let fall",
    **dict.fromkeys(("go out of sight", "go by ship"), ""),
}
WITHOUT = {
    "go into": "go in",
    "live through": "live on",
    "tell of": "tell",
    "look at": "look on",
    "bring together": "come together",
}  # what to say where no object is
TRANSITIVE = listed("await contemplate describe discuss examine mention scrutinize seek")  # always have an object
ENDING = frozenset(("IN", "CC", "RB"))
ACTIVE = listed("be act agree appear become come fall get go happen have lie live look sit sleep stand stay talk")
# In the passive they mean something else than their plain verbs.
ACTIVE_ONLY = listed("overcome assume absorb attend rise draw mount")
PASSIVE_ONLY = listed("compel constrain force")  # made to go; but not: made him to go
CLAUSE = r"(?:that|he|she|they|we|i|it (?:was|is|to)|there|\w+sel(?:f|ves))\b"
# What must follow a verb for its plain one to mean the same.
ONLY_BEFORE = {
    "argue": r"that\b|,",
    "assure": r"(?:him|her|them|me|us|you|the|my|his)\b",
    "assume": r"(?:an?|the|his|her|its|their|my) ",
    "believe": CLAUSE,
    "determine": r"(?!,|[.;:])",
    "lack": r"(?!in\b|the\b|an?\b|any\b|all\b|his\b|my\b|her\b|its\b|their\b)\w",
    "occur": r"(?!to\b)",
    "pick": r"(?:\w+ )?up\b",
    "prove": r"(?:an?|so|too|very|quite|more|most|less|of|\w+(?:less|ful|ible|able|ous|ive|al|ic|ent|ant))\b",
    "spy": r"(?:an?|the|his|him|her|them|it|us|me|my)\b",
    "reflect": r"(?:that|on|upon)\b|,",
    "study": r"(?:the|this|these|it|his|their|its)\b",
    "suffer": r"(?:an?|the|his|many|no|some|these|such)\b",
}
# What must not follow it.
NOT_BEFORE = {
    "abide": r"by\b",
    "address": r"\w+sel(?:f|ves)\b",
    "advance": r"(?:an?|the)\b",
    "apply": r"(?:to|for|himself|myself)\b",
    "carry": r"(?:\w+ )?(?:on|out|off|through|about)\b",
    "bind": r"(?:for|from|to)\b",
    "bury": r"(?:him|her|it|them|me|us|you)\b",
    "cast": r"(?:in|of|about|for)\b",
    "conceive": r"(?:of|a|the|an|my|his)\b",
    "conclude": r"(?:that|from)\b",
    "consider": r"[.,;:!?]",
    "declare": r"(?:him|her|it|them|me|war)\b",
    "deliver": r"(?:\w+ )?from\b",
    "describe": r"as\b",
    "desire": r"(?:that|of)\b",
    "drop": r"(?:in|off|out|the (?:subject|matter|idea))\b",
    "draw": r"(?:up|out|near|nigh|on|upon|attention|breath|lots|lines?|pictures|conclusions|closer|together|level)\b|"
    r"(?:a|the|his|my) (?:line|map|breath|picture|sketch|moral|conclusion|curtain)",
    "dwell": r"(?:up)?on\b",
    "mock": r"at\b",
    **dict.fromkeys(("whisper", "murmur", "mutter"), r"of\b"),
    "enter": r"(?:on|upon)\b",
    "insist": r"(?:on|upon)\b",
    "lay": r"(?:out|up|off|by|aside|bare|waste|siege|claim|eggs?|hold|awake|table|in wait|hands?|stress)\b|"
    r"(?:a|the) (?:table|siege)\b",
    "learn": r"to\b|(?:from|about) \w|by heart|(?:\w+ )?(?:language|lesson|trade|art|song|tongue|craft)s?\b",
    "finish": r"(?:an?|the|his|her|my|its|their|our)\b",
    "observe": r"that\b",
    "hint": r"(?:at|of)\b",
    "pass": r"(?:away|out|for|up|him|her|them|me|us|it|muster|judgment|sentence|a|many|some|several)\b|"
    r"(?:the|my|his|their|that) (?:whole )?(?:night|day|time|week|winter|summer|evening|hours?|days|test|life)\b",
    "suggest": r"that\b|,",
    "present": r"(?:him|her|them|me|us|you|to)\b",
    **dict.fromkeys(("presume", "fancy", "suppose", "reckon"), r"(?:on|to|upon)\b|[.,;:!?]|$"),
    "receive": r"with\b",
    "relate": r"to\b",
    "remain": r"(?:of|to|but|only)\b",
    "remove": r"to\b",
    "repair": r"to\b",
    "spring": r"(?:from|up)\b",
    "succeed": r"(?:in|to|at)\b|[.,;:!?]|$",
    "suspect": r"(?:him|her|them|me|us|you)\b",
    "watch": r"(?:for|over|out|while|as)\b|(?:him|her|them|it|me|us) \w",
    "wish": r"(?:that|him|her|them|me|you|us|it|well|a|i|he|she|they|we|there)\b",
}
# Other plain verbs before something.
INSTEAD = {
    "arrive": (r"at\b", "come"),
    "determine": (r"(?:to|upon|on|that)\b", "decide"),
    "gain": (r"the\b", "get to"),
    "lay": (r"down\b", "put"),
    "utter": (r"(?:\w+ ){0,2}(?:words?|names?|syllables?|sentences?|prayers?)\b", "say"),
    "yield": (r"to\b", "give in"),
}
GERUND = {"continue": "go on", "cease": "stop"}  # "ceased to flow" is "stopped flowing"
_STRIKES = listed(
    "clock clocks hour hours match matches matchbox bell chime root bargain sail tent camp balance pose o’clock"
)
_RECORDS = listed("log book books ledger register plea figure figures name names column number entry note date")
# Words beside which a verb means something else than its plain one.
BESIDE = {
    "strike": _STRIKES | SPELLED,
    "enter": _RECORDS,
    "pass": listed("sentence law exam examination"),
    "sail": listed("set"),
    "row": listed("boat oar oars"),
}
# Prepositions and adverbs of direction: only one of them goes with a verb.
DIRECTIONS = listed("up down out off over away back around in on into through by")
PARTICLES = listed(
    "cold weak sick safe known sure bigger dark together up down out off over away back in on apart clear less ready"
)
STAYING = listed("go come live get talk speak")  # their particles come before a pronoun: went up it
PRONOUNS = listed("it me him them us you")
PREDICATIVE = frozenset((*listed("afraid asleep aware like sure"), "in sight", "hard to believe"))  # after a verb only
NOUNS_TOO = listed("inside outside top whole east west north south dark cold good evil")
ATTRIBUTIVE = listed("other city country sea home night main north south east west")  # before a noun
NOT_BESIDE = {"fresh": listed("air water breath food fish wind breeze start"), "familiar": listed("with")}
BEFORE_OF = listed("nature variety species sum")
NOT_BEFORE_OF = listed("existence passage reputation servant pillar")
MASS = listed("matter dirt clothes sadness nonsense thinking weather grief anger news money rain love beauty")  # no "a"
IDIOMS = listed("action effect detail question possession circuit conjunction consequence connection succession")
SINGULAR = listed("condition bottom strength intelligence")
PLURAL = listed("ruin depth column being bit acquaintance")  # one of them is another thing
LINKING = listed("of the for with in a")
GRADING = listed("very so as not too pretty")
MODALS = listed("can could may might cannot not n't n’t")
NO_OBJECT = listed("that home there all")  # though their tags are those of one
LEFT = listed("there nothing little what which that only alone all what")  # before "remained", which is "was left"
MORE = {"more": "JJR", "most": "JJS"}


def verb_in_frame(source: str, plain: str, tag: str, sentence: Sentence, index: int) -> str | None:
    """The plain verb, or another that suits what is around the verb `source` at `index`; None where none does."""
    after = sentence[index + 1 : index + 5]
    rest = " ".join(piece.text.lower() for piece in after)
    following = rest.partition(" ")[0]
    passive = tag == "VBN" and not _perfect(sentence, index)
    if not _may_follow(source, rest, passive):
        return None
    if source in BESIDE and any(piece.text.lower() in BESIDE[source] for piece in sentence):
        return None
    if source == "remain" and index and sentence[index - 1].text.lower() in LEFT:
        return None
    pattern, other = INSTEAD.get(source, (None, ""))
    plain = other if pattern and re.match(pattern, rest) else plain
    head, _, last = plain.rpartition(" ")
    if head and (following == last or (last in DIRECTIONS and following in DIRECTIONS and not passive)):
        return head  # climbed down: went down
    ends = not after or after[0].tag in ENDING or not following[:1].isalpha()
    if passive:
        if plain == "grow":
            return "raise" if source != "develop" else None
        if source in PASSIVE_ONLY and following != "to":
            return None
        if source in ACTIVE_ONLY or intransitive(plain):
            return None
        return plain if not head or last not in TAKING or ends else None  # "was looked for in the house"
    if source in PASSIVE_ONLY:
        return None
    if plain == "go by" and after and after[0].tag in ("IN", "RP", "TO"):
        return "go"
    object_follows = bool(after) and after[0].tag in OBJECTS and following not in NO_OBJECT
    if plain == "think" and re.match(CLAUSE, rest):
        return plain
    if plain in ALONE and object_follows:
        if source in ("develop", "cultivate"):
            return None
        return ALONE[plain] or None
    if plain == "be" and tag == "VBD":
        return None  # was or were
    if not object_follows and plain in WITHOUT and tag in ("VBD", "VBG"):
        return WITHOUT[plain]
    needs = plain in NEEDING or (head and last in TAKING)
    suits = object_follows or (bool(after) and after[0].tag in ("WP", "VBG", "JJR", "JJS"))
    if not suits and source in TRANSITIVE:
        suits = ends  # what it is about came before: "which he had sought"
    return plain if suits or not needs else None


def alone(plain: str) -> bool:
    """Whether a plain verb, and so the one it stands for, takes no object."""
    words = plain.split()
    return plain in ALONE or (words[0] in ("come", "go") and words[-1] in ("by", "down", "in", "out", "up"))


def intransitive(plain: str) -> bool:
    """Whether a plain verb has no passive."""
    return (plain in ALONE and plain != "think") or plain.split()[0] in ACTIVE


def _may_follow(source: str, rest: str, passive: bool) -> bool:
    """Whether `rest` may come after the verb `source` if that is to mean the same as its plain one."""
    wanted, refused = None if passive else ONLY_BEFORE.get(source), NOT_BEFORE.get(source)
    return not (wanted and not re.match(wanted, rest)) and not (refused and re.match(refused, rest))


def _perfect(sentence: Sentence, index: int) -> bool:
    """Whether a participle goes with have."""
    before = next((piece for piece in reversed(sentence[:index]) if piece.tag not in ADVERBS), None)
    return before is not None and before.text.lower() in HAVE


def parted(plain: str, after: Sentence) -> bool:
    """Whether a pronoun that follows comes before the last word of a plain verb: gave it up."""
    words = plain.split()
    joined = len(words) == 1 or words[-1] not in PARTICLES or words[0] in STAYING
    return not joined and bool(after) and after[0].text.lower() in PRONOUNS


def noun_in_frame(source: str, plain: str, sentence: Sentence, index: int) -> str | None:
    """The plain noun; None where the noun `source` means something else."""
    before = sentence[index - 1] if index else None
    if before and before.tag in NOUNS and " " in plain and plain.split()[-2] in LINKING:
        return None  # not "garden door in the wall"
    following = sentence[index + 1].text.lower() if index + 1 < len(sentence) else ""
    if source == "surface":
        return "face" if following == "of" else "top" if before and before.text.lower() == "the" else None
    if source == "figure" and any(letter.isdigit() for piece in sentence for letter in piece.text):
        return None
    if source == "vision" and before and (before.tag == "PRP$" or before.text == "of"):
        return None
    if source == "passage" and (following in ("in", "from", "through") or (index and sentence[index - 1].text == "of")):
        return None  # of a book or a journey
    article = next((p.text.lower() for p in reversed(sentence[:index]) if p.tag not in ("JJ", "RB")), "")
    if source == "youth" and article in ("a", "the", "this", "that", ""):
        return "young man" if article else None
    if (plain in MASS and article in ("a", "an")) or (before and before.text == "in" and source in IDIOMS):
        return None
    if source == "effort" and any(
        p.text.lower() in ("with", "by", "without") for p in sentence[max(0, index - 3) : index]
    ):
        return None
    if source in SINGULAR and sentence[index].tag == "NNS":
        return None
    if source in PLURAL and sentence[index].tag != "NNS":
        return None
    if (source in BEFORE_OF and following != "of") or (source in NOT_BEFORE_OF and following == "of"):
        return None
    return plain


def adverb_in_frame(plain: str, sentence: Sentence, index: int) -> str | None:
    """The plain adverb; None where it can't stand."""
    if plain == "maybe" and index and sentence[index - 1].text.lower() in MODALS:
        return None
    before = sentence[index - 1].text.lower() if index else ""
    if (plain == "a little" and before in ("a", "an", "the")) or (plain == "almost" and before in GRADING):
        return None
    if plain == "for good" and index + 1 < len(sentence) and sentence[index + 1].tag[0] in "VJ":
        return "always"
    return plain


def adjective_in_frame(source: str, plain: str, sentence: Sentence, index: int) -> str | None:
    """The plain adjective; None before a noun, or after a verb, for one that can't stand there."""
    after = sentence[index + 1] if index + 1 < len(sentence) else None
    attributive = after is not None and (after.tag in NOUNS or after.tag == "JJ")
    article = index > 0 and sentence[index - 1].tag == "DT"
    if article and (after is None or after.tag in ("IN", ".", ",")) and plain not in NOUNS_TOO:
        return None  # a plain, the grave of: a noun
    if after and after.text.lower() in NOT_BESIDE.get(source, ()):
        return None
    predicative = plain in PREDICATIVE or source == "plain"
    return None if (predicative if attributive else plain in ATTRIBUTIVE) else plain


def compared(plain: str, before: str) -> str | None:
    """The comparative or superlative in one word that `plain` has after more or most; None if it has none."""
    return inflected(plain, MORE[before]) if before in MORE else None
