"""What a language model is told for each task: one table, so that a changed word changes the key of each answer."""

import random

from stages.prose.perspective import Perspective
from stages.prose.rules import Variant

MARK = "\n\nText:\n"  # between the instruction and the text
ONLY = "Answer with the rewritten text alone: no introduction, no notes, no quotation marks around it."
PLAIN = (
    "Rewrite the text below in plain, neutral modern English, as a careful report would put it. Keep every fact, the "
    "order of the facts, all names, all numbers, and what is said in quotation marks; keep the grammatical person and "
    "the tense. Use short, simple sentences and common words. Take out imagery, archaic words, rhetoric and anything "
    "that would show who wrote it."
)

# (task, variant or perspective): the instruction. A task without either has "".
TABLE: dict[tuple[str, str], str] = {
    ("neutralize", "standard"): PLAIN,
    ("neutralize", "info_dropout"): (
        f"{PLAIN} Leave out adjectives, adverbs and asides wherever a sentence still says what happened without them."
    ),
    ("neutralize", "abstract"): (
        f"{PLAIN} Write [THING] in place of each concrete noun, such as house, knife or river; keep names of people "
        "and places, and nouns for people, time and ideas."
    ),
    ("perspective", "first_plural"): (
        "Rewrite the text below so that its narrator is we instead of I: I becomes we, me becomes us, my becomes our. "
        "Change verbs only where they must agree, and nothing else: every other word, mark and line break stays. What "
        "stands in quotation marks stays as it is."
    ),
    ("perspective", "third"): (
        "Rewrite the text below so that its narrator is called the observer, in the third person, in place of I. "
        "Change pronouns, and verbs where they must agree, and nothing else: every other word, mark and line break "
        "stays. What stands in quotation marks stays as it is."
    ),
    ("perspective", "impersonal"): (
        "Rewrite the text below so that nobody narrates it: no I, we, me, us, my or our outside quotation marks. Use "
        "one, the passive, or a noun in their place. Keep the vocabulary, the order and the rhythm of the sentences, "
        "their marks and the line breaks. What stands in quotation marks stays as it is."
    ),
    ("snowflake", ""): (
        "Rewrite the text below so that it is about {topic}. Keep the structure of each sentence, the rhythm, the "
        "marks, the line breaks, the narrator's person, the tense and the author's manner, with the same number of "
        "sentences of about the same length; replace what it is about, so that no name, place or event of the text is "
        "left. Treat the mundane subject with full earnestness."
    ),
    ("narrativize", "as_written"): (
        "Rewrite the text below, which explains or argues, as a narrative: somebody meets each fact in turn, in the "
        "past tense. Keep every fact, name and number in its order and invent none. The narrator is I."
    ),
    ("narrativize", "first_plural"): (
        "Rewrite the text below, which explains or argues, as a narrative: the narrators meet each fact in turn, in "
        "the past tense. Keep every fact, name and number in its order and invent none. The narrators are we."
    ),
    ("narrativize", "third"): (
        "Rewrite the text below, which explains or argues, as a narrative: somebody meets each fact in turn, in the "
        "past tense. Keep every fact, name and number in its order and invent none. The one it happens to is called "
        "the observer."
    ),
    ("narrativize", "impersonal"): (
        "Rewrite the text below, which explains or argues, as a narrative: each fact comes to light in turn, in the "
        "past tense. Keep every fact, name and number in its order and invent none. Nobody narrates it."
    ),
    ("expand", ""): (
        "Rewrite the text below, which is short or in note form, as whole sentences and paragraphs of plain English, "
        "about twice as long. Say what it says more fully; invent no names, numbers or events."
    ),
}

TOPICS = (
    *("doing the laundry", "waiting for a bus", "repotting a house plant", "queueing at the post office"),
    *("changing a bicycle tyre", "baking a loaf of bread", "sorting old receipts", "cleaning out a refrigerator"),
    *("assembling a bookshelf", "walking a dog in the rain", "a dripping kitchen tap", "choosing a new mattress"),
    *("painting a garden fence", "a village swimming lesson", "renewing a library card", "packing a school lunch"),
    *("a staff meeting about parking", "mending a torn coat", "learning to use a new telephone", "a supermarket sale"),
    *("raking leaves", "a dentist's waiting room", "setting up a tent", "a neighbourhood football match"),
    *("an allotment of potatoes", "filling in a tax form", "a delayed train", "washing a car"),
    *("a broken vending machine", "a weekly vegetable market", "ironing shirts", "a parents' evening at a school"),
    *("organising a spice rack", "a rehearsal of an amateur choir", "descaling a kettle", "a town council's minutes"),
)


def topic(seed: str) -> str:
    """A mundane topic, drawn by `seed`."""
    return random.Random(seed).choice(TOPICS)


def prompt(task: str, text: str, variant: Variant, perspective: Perspective, topic: str) -> str:
    """All that a model is told: the instruction of the task, and `text` below it.

    Raises KeyError for a perspective that nothing has to be done for.
    """
    option = {"neutralize": variant, "perspective": perspective, "narrativize": perspective}.get(task, "")
    return f"{TABLE[task, option].replace('{topic}', topic)} {ONLY}{MARK}{text}"
