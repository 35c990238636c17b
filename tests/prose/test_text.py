from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.prose.text import narration, sentence_spans, sentences, speech_spans, unclear_speech, words

PROSE = st.lists(
    st.sampled_from(
        [
            "Mr.",
            "He",
            "went",
            "home",
            ".",
            "!",
            "?",
            "…",
            "“",
            "”",
            "‘",
            "’",
            '"',
            "'",
            "«",
            "»",
            "'tis",
            "boys'",
            "(",
            ")",
            " ",
            "\n",
            "\n\n",
            "e.g.",
            "—",
            "。",
            "中",
        ]
    ),
    max_size=40,
).map("".join)


def test_words_are_lower_case_with_straight_apostrophes() -> None:
    assert words("The keeper’s half-open door, at 9 o’clock.") == [
        "the",
        "keeper's",
        "half",
        "open",
        "door",
        "at",
        "o'clock",
    ]


def test_abbreviations_and_initials_end_no_sentence() -> None:
    text = "Mr. A. B. Hale came at noon, i.e. late. He met Dr. West. Nobody spoke."
    assert sentences(text) == ["Mr. A. B. Hale came at noon, i.e. late.", "He met Dr. West.", "Nobody spoke."]


@pytest.mark.parametrize(
    "sentence",
    ["The U.S. Army came with H.P. Lovecraft at its head.", "J.R.R. Tolkien went to Washington, D.C. Monday last.",
     "In 300 A.D. Rome stood.", "Ruth Hale, Ph.D. Princeton, rose.", "On Jan. 5 and Sept. 12 it snowed.",
     "Mt. Hood and Ft. Henry are far.", "Hale & Co. Limited and Dean Inc. Boston met.", "Adm. Byrd saw Cpl. Hale.",
     "A.B.C.D.E.F. Hale wrote."],
)  # fmt: skip
def test_dotted_initials_months_and_titles_end_no_sentence(sentence: str) -> None:
    assert sentences(f"{sentence} Nobody spoke.") == [sentence, "Nobody spoke."]


@pytest.mark.parametrize("word", ["He", "She", "It", "The", "We", "They", "But", "And", "In", "“They"])
@pytest.mark.parametrize("end", ["the U.S.", "Washington, D.C.", "Hale & Co.", "a Ph.D."])
def test_a_word_that_needs_no_capital_begins_a_sentence_after_initials(end: str, word: str) -> None:
    assert sentences(f"I came to {end} {word} stayed.") == [f"I came to {end}", f"{word} stayed."]


def test_a_month_without_a_day_and_o_k_may_end_a_sentence() -> None:
    assert sentences("It was Jan. Rain fell.") == ["It was Jan.", "Rain fell."]
    assert sentences("It was O.K. Rain fell.") == ["It was O.K.", "Rain fell."]


def test_an_ellipsis_before_a_small_letter_ends_no_sentence() -> None:
    assert sentences("I saw … nothing. And then… Nothing.") == ["I saw … nothing.", "And then…", "Nothing."]


def test_a_mark_in_speech_before_who_spoke_ends_no_sentence() -> None:
    assert sentences("“Who is it?” said he. “Go!” They went.") == ["“Who is it?” said he.", "“Go!”", "They went."]


def test_closing_quotes_belong_to_their_sentence() -> None:
    assert sentences('He said "Go." Then he left.') == ['He said "Go."', "Then he left."]


def test_speech_is_found_in_curly_straight_and_british_quotes() -> None:
    for text, said in [
        ("He said, “Go.” I went.", "“Go.”"),
        ('He said, "Go." I went.', '"Go."'),
        ("He said, ‘Don’t go.’ I went.", "‘Don’t go.’"),
    ]:
        assert [text[a:b] for a, b in speech_spans(text)] == [said]


def test_apostrophes_open_and_close_nothing() -> None:
    assert speech_spans("’Twas the keepers’ lamp; it wasn’t mine, 'tis said.") == []


# What is said is between braces; the braces are no part of the text.
SPEECH = """
{'I am ill,'} said the man to my brother.
{‘I am ill’} said the man to my brother.
He said {‘I am ill’}, and left.
He said {'I am ill'}, and left.
{«I am ill,»} said the man.
{« I am ill »}, said the man.
{'I don't know,'} he said. {'I can't.'} I left.
{‘I don’t know,’} he said. {‘I can’t.’} I left.
{‘The boys’ boat is mine,’} said he.
{'The boys' boat is mine,'} said he.
{'Is it I?'} he asked.
({‘I am’}) he said.
He ran—{'I am here!'}—and fell.
He called it {‘my light’} and I was silent.
He said: {'It's the boys' boat.'} I left.
The words {'I am'} and {'You are'} were there.
{‘He said “I am” to me,’} said he.
{“He said ‘I am’ to me,”} said he.
It was {‘my rooms’}, as he called them.
{‘Rock ’n’ roll at nine o’clock,’} said he.
{— I am ill, said the man to my brother.}
{—I am ill, said the man to my brother.}
{-- I am ill, said the man to my brother.}
"""
APOSTROPHES = """
’Tis the boys’ boat.
'Tis the boys' boat.
'Twas the girls' hats and the boys' boat.
Rock ’n’ roll at nine o’clock.
Rock 'n' roll at nine o'clock.
It was the keepers' lamp, and the sailors' lamp.
It was the keepers’ lamp, and the sailors’ lamp.
In the '90s he came.
In the ’90s he came.
They were James' and Charles' boats.
They were James’ and Charles’ boats.
He saw 'em go.
He saw ’em go.
He was goin' home an' I went.
He was goin’ home an’ I went.
A pint o' beer an' a loaf.
The 'ead of 'im was red.
The ’ead of ’im was red.
Up 'gainst the wall and 'neath the eaves.
Up ’gainst the wall and ’neath the eaves.
He waited 'til noon.
'Twixt the rocks he lay.
The hens' eggs and the cows' milk.
It wasn't mine; it was his brother's.
It wasn’t mine; it was his brother’s.
He had no more 'n a loaf.
Three weeks' wages were the boys'.
Three weeks’ wages were the boys’.
'Twould be late, and 'twill rain.
The ships' bells, the ships' boats.
The will-o'-the-wisp went ten miles' distance.
"""


@pytest.mark.parametrize("marked", SPEECH.strip().split("\n"))
def test_speech_is_found_in_every_kind_of_quotes(marked: str) -> None:
    text = marked.replace("{", "").replace("}", "")
    said = [piece.split("}")[0] for piece in marked.split("{")[1:]]
    assert [text[a:b] for a, b in speech_spans(text)] == said


@pytest.mark.parametrize("text", APOSTROPHES.strip().split("\n"))
def test_no_apostrophe_opens_or_closes_speech(text: str) -> None:
    assert speech_spans(text) == []
    assert narration(text) == text
    assert not unclear_speech(text)


def test_speech_without_its_other_quote_or_after_a_dash_is_unclear() -> None:
    for text in (
        "I am ill,’ said he.", "I am ill,' said he.", "I am ill,” said he.", "He said, ‘I am ill to me.",
        "I am ill» said he.", "— I am ill, said he.", "One.\n\n—I am ill, said he.",
        "He called them 'my boys' and left.",
        "'Tis I who am ill,' said he.", "'and I am ill,' said he.", "'and I am' he said to me.", "“I said “Go” now.",
    ):  # fmt: skip
        assert unclear_speech(text), text
    for text in ("“I am ill,” said he—and left.", "He—I think—left.", "He left.\n\n“I am ill.\n\n“So am I.” He left."):
        assert not unclear_speech(text), text


def test_many_quotes_that_never_close_are_read_once() -> None:
    assert len(speech_spans("He said 'no more " * 20_000)) == 0  # quadratic, this took minutes
    assert not unclear_speech("'a s' " * 20_000)


def test_speech_over_line_ends_is_one_and_over_paragraphs_ends_with_its_own() -> None:
    wrapped = "He said, “Go\nhome.” I went."
    assert [wrapped[a:b] for a, b in speech_spans(wrapped)] == ["“Go\nhome.”"]
    longer = "“One.\n\n“Two.” He left."
    assert narration(longer).split() == ["He", "left."]


@settings(max_examples=300)
@given(PROSE)
def test_sentences_cover_everything_but_white_space(text: str) -> None:
    spans = sentence_spans(text)
    assert [a for a, _ in spans] == sorted(a for a, _ in spans)
    assert all(a < b <= c for (a, b), (c, _) in zip(spans, [*spans[1:], (len(text), 0)]))
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    assert all(text[a:b] == text[a:b].strip() for a, b in spans)


@settings(max_examples=300)
@given(PROSE)
def test_speech_spans_are_in_order_and_apart(text: str) -> None:
    spans = speech_spans(text)
    assert all(a < b for a, b in spans)
    assert all(b <= c for (_, b), (c, _) in pairwise(spans))


def test_a_number_sign_and_an_hour_end_a_sentence_only_where_nothing_belongs_to_them() -> None:
    assert sentences("He slept. No. No. He woke.") == ["He slept.", "No.", "No.", "He woke."]
    assert sentences("He took No. 5 home.") == ["He took No. 5 home."]
    assert sentences("At 5 a.m. I rose. It was 6 p.m. The sun set.") == [
        "At 5 a.m. I rose.",
        "It was 6 p.m.",
        "The sun set.",
    ]


def test_a_sentence_without_end_is_read_once() -> None:
    text = "I saw " + "Mr. Smith and " * 20_000
    assert len(sentences(text)) == 1  # quadratic, this took minutes


def test_the_pronoun_and_the_end_of_a_paragraph_end_a_sentence_where_an_initial_does_not() -> None:
    assert sentences("“Go!” said I. “Stay,” said he.") == ["“Go!” said I.", "“Stay,” said he."]
    assert sentences("He was older than I. We met I. Newton.") == ["He was older than I.", "We met I. Newton."]
    assert sentences("He lived in the house of Dr.\n\nIt was dark.") == ["He lived in the house of Dr.", "It was dark."]
