"""The bare-noun probe: does the name of a plain modern thing alone get a figure of speech?

A model that learned a style and not only its topics writes of a parking ticket as the author would. The rules find
what is said openly: similes, and "is a beast" where the noun is one of the images below. They don't find other nouns,
metaphors in verbs or adjectives ("the market bleeds"), personification or irony, and they take an "as if" that is meant
literally for a simile: the share is a figure to compare between texts, no judgement of one. Of 20 figurative and 20
plain answers that were written after the rules, they find a figure in 12 and in 1. WordNet's fields wouldn't help: a
coffin and an elevator are both artifacts, and so is a light bulb, but not the glass that it is of.
"""

import re
from collections.abc import Sequence
from typing import Literal

from stages.prose.content import FUNCTION
from stages.prose.text import words

Figure = Literal["simile", "metaphor"]

PROBES = (
    "The stock market",
    "A parking ticket",
    "The office printer",
    "A traffic jam",
    "The tax return",
    "A vending machine",
    "The waiting room",
    "A phone charger",
    "The supermarket checkout",
    "A spreadsheet",
    "The bus timetable",
    "A bank loan",
    "The photocopier",
    "A video call",
    "The car park",
    "A job interview",
    "The washing machine",
    "A train ticket",
    "The insurance policy",
    "A shopping trolley",
    "The airport security line",
    "A password",
    "The electricity bill",
    "A microwave oven",
    "The school cafeteria",
    "A business card",
    "The elevator",
    "A delivery van",
    "The dentist’s appointment",
    "A plastic bag",
    "The weather forecast",
    "A cash machine",
    "The staff meeting",
    "A light bulb",
    "The recycling bin",
    "A credit card",
    "The news website",
    "A dishwasher",
    "The petrol station",
    "A library card",
)

# What nobody says in earnest that a machine, a paper or an office is.
IMAGES = words(
    # creatures
    "angel animal ape basilisk bat beast bee beetle bird bull cat cobra creature crocodile crow demon devil dog "
    "dragon eagle elephant fish fox ghost ghoul giant god goddess horse hound hydra insect jackal leech leviathan "
    "lion monster moth mule octopus oracle oyster parasite phantom phoenix predator python rat raven serpent shark "
    "sheep siren snail snake specter spectre sphinx spider spirit titan toad vampire viper vulture whale wolf worm "
    # people, and what they are in stories
    "beggar bride confessor executioner gaoler hangman hermit jailer judge king knight mistress monk mother nun "
    "orphan pharaoh pilgrim priest priestess prophet queen saint sorcerer spectator thief tyrant widow witch wizard "
    # body, life and death
    "blood bone bruise cadaver cancer catacomb cemetery coffin corpse crypt eye fang fever fist grave graveyard "
    "heart jaw lung mausoleum maw mouth nerve sarcophagus scar sepulchre shroud skeleton skull soul throat tomb "
    "tombstone tongue tooth vein womb wound "
    # nature
    "abyss avalanche blossom bog cave cavern chasm cloud comet constellation desert earthquake ember fire flame "
    "flood flower fog forest furnace garden glacier hurricane island jungle lake leaf lightning marsh mist moon "
    "mountain ocean orchard planet precipice quicksand river root sea seed shadow star storm sun swamp tempest "
    "thorn thunder tide torrent tree valley volcano vortex waterfall wave weed whirlpool wilderness wind "
    # faith, war and old stone
    "altar arena army battle battlefield castle cathedral chant church citadel cloister confession cross crown "
    "curse dagger duel dungeon fortress gallows gospel guillotine heaven hell hymn idol incense labyrinth litany "
    "maze monastery monument omen pagoda palace parable paradise penance pilgrimage poem prayer prison procession "
    "prophecy psalm purgatory pyramid relic rite ritual ruin sacrament sacrifice scripture sermon shield shrine "
    "siege spear spell sword talisman temple theater theatre throne tower trial veil war "
    # other images
    "anchor ballet beacon bell carnival cauldron chain circus clock compass dance dream echo fable harp illusion "
    "kingdom lantern lie lighthouse lullaby mask miracle mirage mirror myth nightmare opera orchestra poison puppet "
    "riddle song symphony tale tapestry toll trap whisper "
)

ARTICLE = r"(?:an?|the|some|one|any|those|these|that|so\s+many)"
# What is measured or sorted, not likened: "as soon as the", "as early as the 1900s", "as large as the old one".
MEASURE = r"(?:soon|well|long|far|much|many|often|early|late|little|few|recently|frequently|good|same)"
OTHER = r"(?:\d|(?:old|new|other|others|first|second|last|next|previous|rest|ones?|\w+\s+one)\b)"
# Who likes what, or names an example: "people like a", "would like some", "things like the kettle".
LIKING = "".join(
    rf"(?<!\b{word}\s)"
    for word in words("i you we they who people would should to do does did not might may also things items")
)
SIMILES = (
    re.compile(rf"{LIKING}(?<!['’]d\s)(?<!n['’]t\s)\blike\s+{ARTICLE}\s+(?!{OTHER})\w", re.I),
    re.compile(rf"\bas\s+(?!{MEASURE}\b)\w+(?:\s+and\s+\w+)?\s+as\s+{ARTICLE}\s+(?!{OTHER})\w", re.I),
    re.compile(r"\bas\s+(?:if|though)\b", re.I),
    re.compile(r"\b(?:resembl(?:es?|ed|ing)|reminiscent\s+of|akin\s+to)\b", re.I),
)
# What may follow a noun that ends its phrase. Any other word may be the noun that is meant: "is a star network".
AFTER = (
    r"(?:of|that|which|who|whose|whom|where|wherein|when|in|on|with|without|within|upon|from|for|to|and|or|but|at|by|beneath|"
    r"under|over|above|before|behind|between|among|amid|beyond|into|through|against|made|torn|shut|born|grown|hung|\w+ed|"
    r"\w+ing)"
)
METAPHOR = re.compile(
    r"\b(?:is|was|are|were|becomes?|became|remains?|remained)\s+(?:(?:now|but|only|no\s+less\s+than|\w+ly)\s+)?"
    r"(?:an?\s+(?:kind|sort|species|manner)\s+of\s+(?:an?\s+)?|(?:an?|the)\s+)"
    r"(?:[^\W\d_]+(?:-|,?\s+)){0,3}?"  # its adjectives
    rf"(?P<image>{'|'.join(IMAGES)})(?=\s*(?:[,.;:!?)…—–]|$)|\s+{AFTER}\b)",
    re.I,
)


def figures(answer: str) -> list[Figure]:
    """The figures of speech that the rules find in `answer`: the similes, then the metaphors."""
    return [figure for figure, _ in _found(answer)]


def _found(answer: str) -> list[tuple[Figure, str]]:
    """The figures in `answer`, each with its image: "as if the sea held its breath" has the sea."""
    similes: list[tuple[Figure, str]] = [
        ("simile", _image(answer, match.start(), match.end())) for rule in SIMILES for match in rule.finditer(answer)
    ]
    metaphors: list[tuple[Figure, str]] = [
        ("metaphor", _image(answer, match.start("image"), match.end("image"))) for match in METAPHOR.finditer(answer)
    ]
    return similes + metaphors


def _image(answer: str, start: int, end: int) -> str:
    """The first content word from the last word of `answer`[`start`:`end`] on, within its clause; "" if none."""
    while end > start and answer[end - 1].isalnum():
        end -= 1
    clause = re.split(r"[,;:.!?()…—–]", answer[end:], maxsplit=1)[0]
    said = (word for word in words(clause) if word not in FUNCTION and not word.startswith("resembl"))
    return next(said, "")


def metaphor_share(answers: Sequence[str]) -> float | None:
    """Share of `answers` to the probes that hold a figure of speech which none before has, from 0 to 1.

    A figure is the same if its image is: a model that calls all things a tomb has one figure, and not as many as there
    are things. None if there are no answers.
    """
    seen, count = set[tuple[Figure, str]](), 0
    for answer in answers:
        found = set(_found(answer))
        count += not found <= seen
        seen |= found
    return count / len(answers) if answers else None
