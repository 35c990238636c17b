import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.prose.filters import Filters, reasons, whole_sentences
from stages.prose.shingles import hashed
from stages.prose.text import sentence_spans, words
from tests.prose.works import PARAMS, paragraph

GOOD = paragraph(1)  # 8 sentences of 10 words


def reason(text: str, **changes: object) -> str:
    return reasons([text], hashed([text]), Filters.model_validate(PARAMS["filters"] | changes))[0]


def test_a_paragraph_is_kept_whatever_its_dashes_quotes_and_accents() -> None:
    assert reason(GOOD) == ""
    assert reason(GOOD.replace(". ", "…”— “‘").replace("a", "å") + " Two sentences more. And two.") == ""


@pytest.mark.parametrize(("words", "expected"), [(59, "short"), (60, "")])
def test_short_has_fewer_words_than_the_threshold(words: int, expected: str) -> None:
    assert reason(paragraph(1, words)) == expected


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("â€œ", "artifacts"),  # a quote read in the wrong encoding: a letter, but two that are none
        ("���", "artifacts"),
        ("��", ""),
        ("►►►", "artifacts"),
        ("———“‘…", ""),
        ("éèêœ", ""),
        ("Ἀνερ", "artifacts"),
    ],
)
def test_artifacts_are_runs_that_are_no_accented_letters_dashes_or_quotes(broken: str, expected: str) -> None:
    text = f"{GOOD} And {broken} then."
    if broken == "â€œ":
        expected = ""  # â and œ are letters, so that € stands alone
    assert reason(text) == expected


def test_special_characters_are_more_than_a_tenth() -> None:
    assert len(GOOD) == 785
    assert reason(GOOD + "|" * 87) == ""  # 87 of 872 are 9.98 %
    assert reason(GOOD + "|" * 88) == "special_characters"  # 88 of 873 are 10.1 %


def test_no_sentences_are_fewer_than_two_of_three_words() -> None:
    one = GOOD.replace(". ", " ")
    assert reason(one) == "no_sentences"
    assert reason(f"{one} He fell.") == "no_sentences"
    assert reason(f"{one} Then he fell.") == ""
    assert reason(f"{one} Then he fell", fragment_share=1.0) == "no_sentences"  # nothing ends it
    assert reason(one, min_sentences=1) == ""


def test_fragments_are_more_than_half_of_the_sentences() -> None:
    four = paragraph(1, 40)
    assert reason(f"{four} {'He fell. ' * 4}" + paragraph(2, 20), fragment_share=0.4) == ""  # 4 of 10
    assert reason(f"{paragraph(1)} {'He fell. ' * 8}") == ""  # 8 of 16
    assert reason(f"{paragraph(1)} {'He fell. ' * 9}") == "fragments"
    assert reason(f"{paragraph(1)} {'Oh! ' * 9}") == "fragments"


def test_repetition_is_one_word_that_is_more_than_15_percent_of_all() -> None:
    assert reason(f"{paragraph(1, 80)} {'Go on, then go. ' * 7}") == ""  # 14 go in 108: 13 %
    # beside 80 + 5 words: 15 of 100 are not more than 15 %, 16 of 101 are
    assert reason(f"{paragraph(1, 80)} {'sea ' * 15}and no more of it.") == ""
    assert reason(f"{paragraph(1, 80)} {'Sea, ' * 16}and no more of it.") == "repetition"
    # 80 words in 64 buckets: some hold three, which are 3.75 %, but no word is there more than twice
    assert reason(GOOD, repetition_share=0.03) == ""


@pytest.mark.parametrize(
    "text",
    [
        "夜深了。燈塔的光照在海上。" * 20,
        "كان البحر هادئا. وكان الليل طويلا. " * 20,
        "Море было тихо. Ночь была длинной. " * 20,
    ],
)
def test_text_in_another_script_is_told_as_such(text: str) -> None:
    assert reason(text) == "script"


def test_a_name_in_another_script_does_not_make_another_language() -> None:
    assert reason(f"{GOOD} The word Ψυχη was cut.", artifact_run=9) == ""


def test_reasons_come_in_the_order_of_the_texts_and_the_first_one_counts() -> None:
    texts = [GOOD, "夜。", "Short ►►► one.", GOOD + " ►►►" + "|" * 99, "", GOOD]
    found = reasons(texts, hashed(texts), Filters.model_validate(PARAMS["filters"]))
    assert found == ["", "script", "short", "artifacts", "short", ""]


def test_texts_in_many_blocks_get_their_own_reasons() -> None:
    texts = [GOOD, GOOD + " ►►►"] * 300  # 340,000 characters
    assert reasons(texts, hashed(texts), Filters.model_validate(PARAMS["filters"])) == ["", "artifacts"] * 300


PIECES = [
    "It", "was", "cold.", "He", "fell!", "Mr.", "Lantern.", "lanterns.”", "“What", "why?", "...", "…", "no", "i.e.",
    "1845.", "lighthouses.", "lighthouses.’", "?!", "—", "etc.", "‘Go", "A.", "end。", "",
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=25), min_size=1, max_size=3))
def test_what_is_told_without_a_look_at_each_sentence_is_what_the_sentences_tell(of: list[list[str]]) -> None:
    texts = [" ".join(pieces).strip() for pieces in of]
    lax = {"min_words": 1, "artifact_run": 99, "special_share": 1.0, "other_script_share": 1.0, "repetition_share": 1.0}
    found = reasons(texts, hashed(texts), Filters.model_validate(PARAMS["filters"] | lax))
    for text, reason in zip(texts, found):
        spans = sentence_spans(text)
        whole = whole_sentences(text, spans, 3)
        fragments = "fragments" if len(spans) - whole > len(spans) / 2 else ""
        assert reason == ("short" if not words(text) else "no_sentences" if whole < 2 else fragments)


def test_no_text_has_no_reason() -> None:
    assert reasons([], hashed([]), Filters.model_validate(PARAMS["filters"])) == []
