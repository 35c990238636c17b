import csv
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.prose.perspective import PERSPECTIVES, Ambiguous, Perspective, converted, narrator, residue
from stages.prose.text import narration, speech_spans, words
from stages.prose.verbs import forms, with_s

# textblob's tagger leaves its lexicon's file to be closed by the interpreter.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

OTHERS: tuple[Perspective, ...] = PERSPECTIVES[1:]
TABLE = Path(__file__).with_name("sentences_person.tsv")
# What may stand in a converted text and not in its source, and the other way round.
PRONOUNS = {"i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "ourselves", "the", "observer", "observer's"}
PRONOUNS |= {"themself", "one", "one's", "own", "oneself"}
CONTRACTED = {"i'm", "i've", "i'll", "i'd", "we're", "we've", "we'll", "we'd", "is", "has", "will", "had", "would"}


def rows() -> list[dict[str, str]]:
    """Sentences and what they should become, worked out by hand; !reason where they should be refused."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def outcome(text: str, to: Perspective) -> str:
    try:
        return converted(text, to)
    except Ambiguous as ambiguous:
        return f"!{ambiguous.reason}"


@pytest.mark.parametrize("to", OTHERS)
def test_the_table_holds(to: Perspective) -> None:
    wrong = [(row["source"], found, row[to]) for row in rows() if (found := outcome(row["source"], to)) != row[to]]
    assert not wrong


def test_the_table_is_long_and_no_source_stands_twice() -> None:
    sources = [row["source"] for row in rows()]
    assert len(sources) == len(set(sources)) >= 440
    assert sum(not row["third"].startswith("!") for row in rows()) >= 200


@pytest.mark.parametrize("to", OTHERS)
def test_nothing_of_the_first_person_is_left_in_the_table(to: Perspective) -> None:
    assert not [row[to] for row in rows() if not row[to].startswith("!") and residue(row[to], to)]


@pytest.mark.parametrize("row", rows()[::10], ids=lambda row: row["source"])
def test_a_sentence_is_converted_the_same_within_a_paragraph(row: dict[str, str]) -> None:
    for to in OTHERS:
        if not row[to].startswith("!"):
            around = "The sea was calm. {} The tide had turned."
            assert outcome(around.format(row["source"]), to) == around.format(row[to])


def first_person(text: str, to: Perspective) -> list[str]:
    """The first person outside of speech with the word before it, by no rule of the module's own."""
    pronouns = "I|[Mm]y|[Mm]e|[Mm]yself" if to == "first_plural" else "I|[Mm]y|[Mm]e|[Mm]yself|[Ww]e|[Oo]ur|[Uu]s"
    return re.findall(rf"(?:[\w.]+ )?\b(?:{pronouns})\b", narration(text))


# All that may look like the first person in what was converted.
NUMERALS = {"Charles I", "Part I", "Chapter I", "I", "Act I", "Vol. I"}
NUMERAL_SOURCES = ("Charles I", "Part I", "Chapter I", "Act I", "Vol. I", "I. M. Pei", "forget-me-not")


@pytest.mark.parametrize("to", OTHERS)
def test_no_i_my_or_me_is_left_in_the_table_but_true_numerals(to: Perspective) -> None:
    for row in rows():
        if not row[to].startswith("!"):
            left = first_person(row[to], to)
            assert not left or any(numeral in row["source"] for numeral in NUMERAL_SOURCES), (row[to], left)
            assert len(left) <= 1, row[to]


LABELS = "book act stage letter plate number part table class queen king George Charles Boston section war scene type"
AFTER = ["had been reading was old", "was shown", "could not see", "never saw", "alone knew", "read", "who am ill"]


@pytest.mark.parametrize("to", OTHERS)
def test_no_i_is_left_after_a_word_that_may_be_numbered(to: Perspective) -> None:
    for label in LABELS.split():
        for word in sorted({label, label.capitalize()}):
            for after in AFTER:
                for before in ("In the very", "The", "Of", "He told", "With King", "Upon one"):
                    changed = outcome(f"{before} {word} I {after}, and I was cold, for it was late.", to)
                    assert changed.startswith("!") or not first_person(changed, to), changed


def test_a_chunk_from_the_midst_of_somebodys_speech_is_refused() -> None:
    for text in (
        "I come from Panton, and that kind of story don’t go down with me.",
        "This dun’t mean no good, an’ I think as all the menfolks ought to git up a party.",
        "I knew you was there.",
        "I’ll learn ye how to dance.",
        "I was ill,” said the man to me.",
    ):
        for to in OTHERS:
            assert outcome(text, to) in ("!dialect", "!archaic", "!unclear_speech"), text


def test_as_written_is_the_text_itself_whoever_tells_it() -> None:
    for text in ("I am.", "We are.", "He is.", ""):
        assert converted(text, "as_written") == text


def test_the_narrator_is_who_tells_it_outside_of_speech() -> None:
    assert narrator("I was alone, and we were lost.") == "first"
    assert narrator("It was my lamp.") == "first"
    assert narrator("Our lamp was out.") == "first_plural"
    assert narrator("“I am here,” he said. “We are.”") == "third"
    assert narrator("They met Charles I in a mine; see Part I, and the US coast.") == "third"
    assert narrator("") == "third"


def test_residue_is_the_words_of_the_narrator_outside_of_speech() -> None:
    text = "I said “I am here” to me, and we laughed at our lamp; it was mine."
    assert residue(text, "as_written") == []
    assert residue(text, "first_plural") == ["I", "me", "mine"]
    assert residue(text, "third") == ["I", "me", "we", "our", "mine"]
    assert residue("The observer am here at 5 am.", "third") == ["am"]
    assert residue("We’re in Part I of the mine.", "first_plural") == []


def test_a_text_in_third_person_is_refused_so_nothing_is_converted_twice() -> None:
    text = "I know my lamp, and I was glad."
    assert converted(converted(text, "first_plural"), "first_plural") == converted(text, "first_plural")
    for to in ("third", "impersonal"):
        assert outcome(converted(text, to), to) == "!not_first_person"


def test_quotes_dashes_and_capitals_stay_as_they_are() -> None:
    assert (
        converted("I—old as I am—laughed… “My God!”", "third")
        == "The observer—old as the observer is—laughed… “My God!”"
    )
    assert (
        converted('"My lamp," I said; it\'s my lamp.', "third")
        == "\"My lamp,\" the observer said; it's the observer's lamp."
    )
    assert (
        converted("IT WAS WHAT I HAD SEEN IN MY LAMP", "third")
        == "IT WAS WHAT THE OBSERVER HAD SEEN IN THE OBSERVER’S LAMP"
    )
    assert converted("“Who?” I asked. “Me.” I ran.", "third") == "“Who?” the observer asked. “Me.” The observer ran."


def test_a_sentence_goes_on_after_three_dots_and_begins_after_four() -> None:
    assert converted("It was there… I ran.", "third") == "It was there… the observer ran."
    assert converted("It was there... I ran.", "third") == "It was there... the observer ran."
    assert converted("It was there.… I ran.", "third") == "It was there.… The observer ran."
    assert converted("It was there.... I ran.", "third") == "It was there.... The observer ran."


def test_speech_that_stays_open_to_the_end_of_a_paragraph_is_left_alone() -> None:
    text = "“I was ill.\n\n“I was well,” said he; and I was glad."
    assert converted(text, "first_plural") == "“I was ill.\n\n“I was well,” said he; and we were glad."


def test_a_past_that_may_be_a_present_follows_the_tense_around_it() -> None:
    assert outcome("I found it. It is old, it has a door, and there are rats.", "third") == "!tense"
    assert outcome("I found it. It was old, and it had a door.", "third").startswith("The observer found it.")


def test_the_third_person_of_a_verb_is_spelled_right() -> None:
    pairs = {"go": "goes", "pass": "passes", "try": "tries", "pray": "prays", "watch": "watches", "dare": "dares"}
    assert {verb: with_s(verb) for verb in pairs} == pairs


def test_forms_tell_a_past_from_a_bare_verb() -> None:
    assert forms("walked") >= {"past", "participle"} and "bare" not in forms("walked")
    assert {"bare", "past"} <= forms("read") and {"bare", "past"} <= forms("saw")
    assert "bare" in forms("walk") and "past" not in forms("walk")


PIECES = st.sampled_from(
    ["I", "me", "my", "mine", "myself", "am", "was", "have", "do", "walk", "knew", "saw", "and", "but", "who", "not",
     "never", "the lamp", "he", "“I am mine,”", "‘My own,’", ",", ";", "—", ".", "?", "I’m", "I’d", "don’t", "to",
     "could", "that"]
)  # fmt: skip
TEXTS = st.lists(PIECES, min_size=1, max_size=16).map(" ".join)


@settings(deadline=None)  # the first call loads the dictionaries
@given(TEXTS, st.sampled_from(OTHERS))
def test_whatever_is_converted_keeps_its_speech_and_all_but_pronouns_and_verbs(text: str, to: Perspective) -> None:
    try:
        changed = converted(text, to)
    except Ambiguous as ambiguous:
        assert re.fullmatch(r"[a-z_]+", ambiguous.reason)
        return
    spoken = [text[start:end] for start, end in speech_spans(text)]
    assert [changed[start:end] for start, end in speech_spans(changed)] == spoken
    assert residue(changed, to) == []
    verbs = {"am", "are", "is", "was", "were", "have", "has", "do", "does", "don't", "doesn't", "walk", "walks"}
    may_change = PRONOUNS | CONTRACTED | verbs
    assert [word for word in words(changed) if word not in may_change] == [
        word for word in words(text) if word not in may_change
    ]
    assert re.sub(r"[\w’']+", "", changed).split() == re.sub(r"[\w’']+", "", text).split()


@settings(deadline=None)  # the first call loads the dictionaries
@given(TEXTS)
def test_converted_to_first_plural_twice_is_converted_once(text: str) -> None:
    once = outcome(text, "first_plural")
    if not once.startswith("!"):
        assert converted(once, "first_plural") == once


@settings(deadline=None)  # the first call loads the dictionaries
@given(st.text())
def test_any_text_is_converted_or_refused(text: str) -> None:
    for to in PERSPECTIVES:
        changed = outcome(text, to)
        assert changed == text if to == "as_written" else changed is not None


def test_lovecraft_is_converted_for_the_most_part_and_nothing_is_left(lovecraft: Path) -> None:
    told = []
    for path in sorted(lovecraft.glob("*.txt")):
        paragraphs = re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))
        told += [text for text in paragraphs if len(words(text)) >= 60 and narrator(text) == "first"]
    shares: dict[Perspective, float] = {"first_plural": 0.85, "third": 0.65, "impersonal": 0.65}
    for to, least in shares.items():
        changed = [outcome(text, to) for text in told[::4]]  # one in four, to be quick
        kept = [text for text in changed if not text.startswith("!")]
        assert not [text for text in kept if residue(text, to)]
        assert not [(found, text) for text in kept for found in first_person(text, to) if found not in NUMERALS]
        assert len(kept) / len(changed) >= least
        wrong = re.compile(r"\bwe (?:am|was|is|has)\b|\bobserver (?:am|are)\b")
        assert not [text for text in kept if wrong.search(narration(text))]
