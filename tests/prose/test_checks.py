from typing import get_args

import pytest

from stages.prose.checks import (
    SAID,
    Fault,
    Kind,
    Source,
    Trained,
    faults,
)
from stages.prose.mending import mended
from stages.prose.text import sentences, words

TEXT = (
    "Peter Marsh rowed to the island in the morning. He found 12 letters in a box, and nobody answered when he called. "
    "Then he went back to Marlow and told his sister about it."
)
PLAIN = "Peter Marsh rowed to the island. He found 12 letters. He went to Marlow. He told his sister."
FRAME = "Tell this in the voice of an old keeper who trusts no one, in about 40 words. Keep every name and number."
GOOD = (
    "At break of day did Peter Marsh take to his oars, and gain that island; and there, within a box, lay twelve "
    "letters, though no voice replied to his. So to Marlow he returned, and to a sister’s ear confided all."
)
SOURCE = Source(TEXT, PLAIN, FRAME, 40)


def kinds(output: str, source: Source = SOURCE, trained: Trained | None = None) -> list[str]:
    return [fault.kind for fault in faults(output, source, trained)]


def test_a_passage_without_fault_has_none() -> None:
    assert faults(GOOD, SOURCE, Trained.of(["Something else entirely was written by the author. " * 3])) == []


@pytest.mark.parametrize("output", ["", " \n ", "… ***"])
def test_a_passage_without_words_is_empty_and_nothing_more(output: str) -> None:
    assert faults(output, SOURCE, None) == [Fault("empty")]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Marlow", "the town", Fault("names_lost", "Marlow")),
        ("Peter Marsh", "Peter Carter", Fault("names_lost", "Marsh")),
        ("Peter Marsh", "Peter Carter", Fault("names_invented", "Carter")),
        ("twelve letters", "some letters", Fault("numbers_lost", "12")),
        ("twelve letters", "thirteen letters", Fault("numbers_invented", "13")),
        ("all.", "all. [THING]", Fault("leftover", "[THING]")),
        ("all.", "all. ###", Fault("leftover", "###")),
        ("So to", "In the voice of an old keeper, so to", Fault("leftover", "in the voice of an old")),
        ("So to", "As an AI language model, so to", Fault("refusal", "As an AI")),
        ("box", "b\ufffdx", Fault("unreadable", "1 characters, the first U+FFFD")),
        (" all.", " all to her who was", Fault("unfinished", "to her who was")),
    ],
)
def test_each_fault_is_found_with_its_detail(old: str, new: str, expected: Fault) -> None:
    assert old in GOOD
    assert expected in faults(GOOD.replace(old, new), SOURCE, None)


GIBBERISH = (
    "The sume and I was difted and shast the log of Peter Marsh, and shere in the box were 12 letters, and nobbedy "
    "ansered when he caled. So to Marlow he returned and to his sisster told of it all in the mornign."
)
CELLAR = (
    "I went down into the cellar with a candle and looked for the door that my uncle had closed. The wall was damp, "
    "and behind the barrels there was a smell of earth. Something moved there, and I dropped the light and ran."
)
MEADOW = (
    "Sweet was the noonday upon the meadow, where amid clover the lambs lay sleeping; and the brook sang, and larks "
    "made merry in the blue, until all of us forgot the town and its labours, and lay dreaming beneath the willows."
)
STYLED = (
    "With a taper did I descend to the cellar, and sought that door which my uncle had made fast. Damp was the wall, "
    "and from behind the barrels crept a smell as of earth; something moved, and, dropping my light, I ran."
)


def test_gibberish_is_words_that_nobody_writes() -> None:
    detail = "difted, shast, nobbedy, ansered, sisster and 1 more"
    assert Fault("unknown_words", detail) in faults(GIBBERISH, SOURCE, None)
    # 2 words are too few to tell, whatever their share
    assert "unknown_words" not in kinds("The lettrers of the oarsers were read in Marlow.")
    assert "unknown_words" not in kinds(GIBBERISH, Source(GIBBERISH, GIBBERISH, FRAME, 40))  # the user's own


def test_a_passage_that_tells_something_else_is_none_of_its_source() -> None:
    source = Source(CELLAR, CELLAR, FRAME, 40)
    (fault,) = faults(MEADOW, source, None)
    assert fault.kind == "content"
    assert kinds(STYLED, source) == []
    # what it was made from is the plain form, which may have other words than the user's
    assert kinds(STYLED, Source(MEADOW, CELLAR, FRAME, 40)) == []


def test_a_passage_has_as_many_paragraphs_as_its_source() -> None:
    two = CELLAR.replace(". The", ".\n\nThe")
    styled = STYLED.replace(". Damp", ".\n\nDamp")
    assert faults(styled, Source(two, two, FRAME, 40), None) == []
    assert faults(STYLED, Source(two, two, FRAME, 40), None) == [Fault("paragraphs", "1, expected 2")]
    assert faults(styled, Source(CELLAR, CELLAR, FRAME, 40), None) == [Fault("paragraphs", "2, expected 1")]


def test_what_the_user_wrote_is_no_leftover_of_the_prompt() -> None:
    text = f"{TEXT} Marks are ### and [THING]; it was in the voice of an old keeper."
    source = Source(text, PLAIN, FRAME, 40)
    assert kinds(f"{GOOD} So ### and [THING] in the voice of an old keeper.", source) == []


def test_a_loop_is_a_fault() -> None:
    assert kinds(GOOD + " It was the sea that called to him." * 2) == ["loop"]


def test_many_names_are_counted() -> None:
    invented = ", ".join(
        f"the learned {name}" for name in ("Abbott", "Brown", "Cole", "Drake", "Eliot", "Ford", "Gray")
    )
    (fault,) = faults(f"{GOOD} And {invented}.", SOURCE, None)
    assert fault == Fault("names_invented", "Abbott, Brown, Cole, Drake, Eliot and 2 more")
    assert str(fault) == "names invented: Abbott, Brown, Cole, Drake, Eliot and 2 more"


def test_each_fault_is_said_in_words() -> None:
    assert str(Fault("loop")) == "repeats itself"
    assert str(Fault("length", "12 words, asked for about 40")) == "length: 12 words, asked for about 40"
    assert set(SAID) == set(get_args(Kind))


def test_twelve_words_of_a_training_row_are_copied_and_eleven_are_not() -> None:
    row = "Long before, and though no voice replied to his. So to Marlow he returned, alas, in the rain."
    # "though no voice replied to his so to Marlow he returned" are 11 words in a row
    assert faults(GOOD, SOURCE, Trained.of([row])) == []
    assert faults(GOOD, SOURCE, Trained.of([row.replace("returned, alas", "returned, and")])) == [
        Fault("copied_training", "12 words in a row")
    ]


def test_more_than_half_of_the_input_word_for_word_is_copied() -> None:
    # 21 words of the input and 21 others: 42 - 11 = 31 runs of 12 words, of them 21 - 11 = 10 copied, which is 0.32
    two = " ".join(sentences(TEXT)[:2])
    rest = (
        "Thence, with a heart that no man envied, did he win back Marlow, where a sister’s ear alone would receive it."
    )
    assert (len(words(two)), len(words(rest))) == (21, 21)
    assert kinds(f"{two} {rest}") == []
    # all of its 33 words and one more: 34 - 11 = 23 runs, of them 33 - 11 = 22 copied, which is 0.96
    fault = Fault("copied_input", "0.96 of its runs of 12 words, the longest has 33")
    assert faults(f"{TEXT} Thus.", SOURCE, None) == [fault]


def test_so_is_more_than_half_of_its_plain_form() -> None:
    plain = "Somebody went to an island in a boat and looked for a house there, but he found nothing and he went back."
    assert kinds(plain, Source("He rowed.", plain, FRAME, 22)) == ["copied_input"]


def test_speech_has_to_be_copied() -> None:
    speech = "“I shall come back to the island in the spring, and I shall bring my brother with me,” said Peter."
    assert faults(f"Thus {speech}", Source(speech, speech, FRAME, 21), None) == []


@pytest.mark.parametrize(("asked", "expected"), [(20, ["length"]), (21, []), (41, []), (82, []), (83, ["length"])])
def test_half_to_twice_the_words_asked_for_are_right(asked: int, expected: list[str]) -> None:
    assert len(words(GOOD)) == 41
    assert kinds(GOOD, Source(TEXT, PLAIN, FRAME, asked)) == expected


def test_a_mark_that_ends_the_source_ends_what_is_made_of_it() -> None:
    source, output = "He read what stood there on the wall:", "He read what was graven upon that wall. It ran:"
    assert mended(output, source) == output
    assert kinds(output, Source(source, source, FRAME, 10)) == []
    assert mended(output, TEXT) == "He read what was graven upon that wall."
    assert kinds("He read what it said", Source("He read it", "He read it", FRAME, 5)) == ["unfinished"]


def test_what_is_mended_has_no_fault_left_of_that_kind() -> None:
    broken = f"{GOOD} It was the sea that called to him. It was the sea that called to him. It was"
    assert mended(broken, TEXT) == f"{GOOD} It was the sea that called to him."
    assert kinds(mended(broken, TEXT)) == []
