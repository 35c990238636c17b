from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.prose import instructions
from stages.prose.validate import ECHO, Fault, Limits, Pair, fault, negations, prompt_echo, text_fault, unclosed

LIMITS = Limits(
    min_length_ratio=0.5,
    max_length_ratio=2.0,
    min_sentences=2,
    max_names_lost=0.5,
    max_numbers_lost=0.0,
    max_negations_changed=0,
    min_content=0.2,
    max_bleed=0.5,
)
TARGET = "I beheld old Marsh and Gilman by the wharf at 7. My lantern threw a sickly gleam on the 12 stones."
SOURCE = "I saw old Marsh and Gilman near the docks at 7. My lamp put a weak light on the 12 rocks."
GOOD = Pair(TARGET, SOURCE, TARGET, "as_written", "standard", 0.2, held_out=False)


def reason(pair: Pair) -> str:
    found = fault(pair, LIMITS)
    return found.reason if found else ""


def test_a_good_pair_has_no_fault() -> None:
    assert fault(GOOD, LIMITS) is None


# what the source became: the one reason it is dropped for
SOURCES = [
    ("", "empty"),
    ("  \n", "empty"),
    ("I'm sorry, but I can't assist with that. Please send another text.", "refusal"),
    ("I’m unable to rewrite this passage. It is too long for me to do so.", "refusal"),
    ("As an AI language model, I saw old Marsh and Gilman at 7. My lamp lit the 12 rocks.", "refusal"),
    ("I cannot assist with requests of this kind at all. I hope that you understand.", "refusal"),
    ("Sure, I can do that. " + SOURCE, "assistant_speak"),
    ("Here is the rewritten text:\n\n" + SOURCE, "assistant_speak"),
    ("Here’s a neutral version. " + SOURCE, "assistant_speak"),
    ("Rewritten text: " + SOURCE, "assistant_speak"),
    (SOURCE + "\n\nLet me know if you want it shorter.", "assistant_speak"),
    (SOURCE + "\n\nNote: I kept the names.", "assistant_speak"),
    (SOURCE + "\n\n(Word count: 23.)", "assistant_speak"),
    (SOURCE + " (23 words).", "assistant_speak"),
    ("I apologize, but I am not able to do what you ask. Please send another text to me.", "refusal"),
    ("I’m not able to write that. Marsh and Gilman were near the docks at 7 with 12 rocks.", "refusal"),
    ("I can’t create content that reproduces copyrighted text. I hope that 7 and 12 will do.", "refusal"),
    ("[Your text here] " + SOURCE, "leading_mark"),
    ("**I saw** old Marsh" + SOURCE.removeprefix("I saw old Marsh"), "leading_mark"),
    ("The text describes how Marsh and Gilman stood by the wharf at 7. It tells of 12 stones.", "assistant_speak"),
    ("<think>He wants it plain.</think> " + SOURCE, "thoughts"),
    (
        "Je voyais Marsh et Gilman sur le quai à 7 heures. Ma lampe jetait une lueur faible sur les 12 pierres.",
        "language",
    ),
    ("I saw Marsh and Gilman at 7 near 12 rocks. " * 3, "loop"),
    ("I saw __ENT and Gilman near the docks at 7. My lamp put a weak light on the 12 rocks.", "entity_mark"),
    ("I saw __ENT0__ and Gilman near the docks at 7. My lamp put a weak light on the 12 rocks.", "entity_mark"),
    (". " + SOURCE, "leading_mark"),
    (", and " + SOURCE, "leading_mark"),
    ("- " + SOURCE, "leading_mark"),
    ("```\n" + SOURCE, "leading_mark"),
    (SOURCE.replace("docks", "[THING]"), "thing"),
    (SOURCE.replace("old Marsh", "“old Marsh"), "unclosed_quote"),
    (SOURCE.replace("old Marsh", 'old "Marsh'), "unclosed_quote"),
    (SOURCE.replace(". My", ", and my"), "few_sentences"),
    (SOURCE.removesuffix("."), "no_end_mark"),
    ("I saw Marsh and Gilman at 7. My 12 rocks.", "length_ratio"),
    ((SOURCE + " ") * 3, "length_ratio"),
    (TARGET, "identical"),
    (TARGET.upper().replace(".", "!"), "identical"),
    (SOURCE.replace("I saw", "He saw").replace("My", "His"), "narrator"),
    (SOURCE.replace("Marsh and Gilman", "the men and boys"), "names_lost"),
    (SOURCE.replace("12", "many"), "numbers_lost"),
    ("Rewrite the text below in plain, neutral modern English. " + SOURCE, "prompt_echo"),
    ("Text:\n" + SOURCE, "prompt_echo"),
]


@pytest.mark.parametrize(("source", "expected"), SOURCES)
def test_a_fault_of_the_source_has_its_reason(source: str, expected: str) -> None:
    assert reason(replace(GOOD, source=source)) == expected


@pytest.mark.parametrize(
    "words",
    [
        "“I cannot assist you,” said Marsh.",
        "I am sorry that I could not help him.",
        "“Sure, I can,” said Marsh.",
        "... and there he stood.",
        "‘Tis night.",
        "Of course he went.",
        "“Here is the key,” said Marsh.",
        "He spoke of [THING] and of __ENT0__.",
    ],
)
def test_what_the_author_wrote_is_no_fault_of_rewriting(words: str) -> None:
    assert (
        reason(replace(GOOD, origin=f"{words} {TARGET}", target=f"{words} {TARGET}", source=f"{words} {SOURCE}")) == ""
    )


def test_things_stand_in_the_abstract_variant_alone() -> None:
    pair = replace(GOOD, source=SOURCE.replace("docks", "[THING]"))
    assert reason(replace(pair, variant="abstract")) == ""
    assert reason(replace(pair, variant="info_dropout")) == "thing"


def test_bleed_of_the_limit_is_too_much() -> None:
    assert reason(replace(GOOD, bleed=0.499)) == ""
    assert fault(replace(GOOD, bleed=0.5), LIMITS) == Fault("bleed", "0.500")
    assert fault(replace(GOOD, bleed=1.0), LIMITS.model_copy(update={"max_bleed": 1.01})) is None


NIGHT = ("No man saw it, and I did not sleep. It wasn’t late.", "No man beheld it, and I slept not. It was not late.")


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        (NIGHT[0], None),
        ("A man saw it, and I did not sleep. It wasn’t late.", "-1: no"),
        ("No man saw it, and I slept. It was late.", "-2: not"),
        ("No man saw it, and I did not sleep. It wasn’t late, nor dark.", "+1: nor"),
        ("No one saw it, and I couldn't sleep. It was never late.", None),  # as many, in other words
    ],
)
def test_a_pair_to_learn_from_says_as_often_that_something_is_not_so(source: str, detail: str | None) -> None:
    pair = replace(GOOD, source=source, target=NIGHT[1], origin=NIGHT[1])
    found = fault(pair, LIMITS)
    assert (found and (found.reason, found.detail)) == (detail and ("polarity_lost", detail))
    assert fault(replace(pair, held_out=True), LIMITS) is None
    assert fault(pair, LIMITS.model_copy(update={"max_negations_changed": 2})) is None


def test_words_that_negate_are_counted_once_each_and_numbers_are_none() -> None:
    text = "No. 7 had no sooner come than nobody, neither he nor she, cried in vain; they can’t, cannot, without it."
    expected = {"nobody": 1, "neither": 1, "nor": 1, "in vain": 1, "not": 2, "without": 1}
    assert negations(text) == expected


def test_what_an_author_says_over_and_over_or_in_french_is_no_fault() -> None:
    refrain = "The sea takes what it takes. " * 3 + "The sea keeps it."
    assert text_fault(refrain, refrain, LIMITS) is None
    french = "Je voyais Marsh sur le quai. Ma lampe jetait une lueur faible."
    assert text_fault(french, french, LIMITS) is None


PLURAL = (
    "We saw the lamp at our door. We went on to the docks.",
    "We beheld the light at our door. We fled to the quay.",
)
THIRD = (
    "The observer saw the lamp at the door. The observer went on to the docks.",
    "The observer beheld the light at the door. The observer fled to the quay.",
)


def test_bleed_drops_what_is_learned_from_and_not_what_is_measured_with() -> None:
    assert fault(replace(GOOD, bleed=0.5), LIMITS) == Fault("bleed", "0.500")
    assert fault(replace(GOOD, bleed=0.5, held_out=True), LIMITS) is None


def test_both_sides_keep_to_the_perspective() -> None:
    plural = Pair("x " * 11, *PLURAL, "first_plural", "standard", 0.1, held_out=False)
    third = Pair("x " * 14, *THIRD, "third", "standard", 0.1, held_out=False)
    assert reason(plural) == reason(third) == reason(replace(third, perspective="impersonal")) == ""
    assert fault(replace(third, source=THIRD[0].replace("The observer went", "I went")), LIMITS) == Fault("person", "I")
    assert reason(replace(third, target=THIRD[1].replace("at the door", "at my door"))) == "person"
    assert reason(replace(plural, source=PLURAL[0].replace("We went", "I went"))) == "person"
    assert reason(replace(plural, source=THIRD[0], target=THIRD[1], origin="x " * 14)) == "narrator"  # nobody is we


def test_a_target_of_a_model_is_held_against_the_text_it_was_made_from() -> None:
    third = Pair("x " * 14, *THIRD, "third", "standard", 0.1, held_out=False)
    assert reason(replace(third, target="Sure! " + THIRD[1])) == "assistant_speak"
    assert reason(replace(third, origin="x " * 60)) == "length_ratio"


def test_speech_that_goes_over_paragraphs_is_closed_by_its_end() -> None:
    assert not unclosed("“One.\n\n“Two.”")
    assert unclosed("“One.\n\nTwo.”\n\nThree.”")
    assert unclosed("One.”")
    assert not unclosed("“One,” he said, “and two.”")


def test_a_text_may_stay_open_where_its_origin_does() -> None:
    open_end = "“I saw it,” he said. “There it was."
    assert text_fault(open_end, open_end, LIMITS) is None
    assert text_fault(open_end, open_end + "”", LIMITS) == Fault("unclosed_quote")


@pytest.mark.parametrize("text", ["He had this to tell them all, and they listened:", "He stood there alone."])
def test_one_sentence_or_an_open_end_is_no_fault_where_the_author_has_it(text: str) -> None:
    assert text_fault(text, text, LIMITS) is None


def test_a_source_that_tells_something_else_is_dropped_though_it_shares_no_word() -> None:
    target = "I beheld the ancient lighthouse upon the cliff. Its sickly lantern burned through the storm."
    other = "I bought some bread and milk in the shop today. My sister paid for all of it there."
    plain = "I saw the old lighthouse on the cliff. Its weak light burned through the bad weather."
    pair = replace(GOOD, origin=target, target=target, source=other, bleed=0.0)
    assert reason(pair) == "content_lost"
    assert reason(replace(pair, source=plain)) == ""


def test_what_is_held_out_may_be_as_it_was() -> None:
    assert reason(replace(GOOD, source=TARGET)) == "identical"
    assert reason(replace(GOOD, source=TARGET, held_out=True)) == ""


@given(st.integers(0, 40))
def test_any_run_of_an_instruction_is_an_echo(start: int) -> None:
    words = instructions.PLAIN.split()
    run = " ".join(words[start : start + ECHO + 4])
    assert prompt_echo(f"He said it. {run}", "He said it.")
    assert not prompt_echo(run, run)


@given(st.text(), st.text())
def test_any_text_has_a_fault_or_none(text: str, origin: str) -> None:
    found = text_fault(text, origin, LIMITS)
    assert found is None or found.reason
