import pytest

from stages.prose.rules import neutralized


@pytest.mark.parametrize(
    ("styled", "plain"),
    [
        ("He saw the gambrel roof.", "He saw the roof."),
        ("He told it shudderingly.", "He told it."),  # no dictionary has the word
        ("The house was nearer to us than the sea.", "The house was closer to us than the sea."),
        ("He had a larger house than mine.", "He had a larger house than mine."),  # what is compared stays
    ],
)
def test_what_is_rare_goes_and_what_a_sentence_needs_stays(styled: str, plain: str) -> None:
    assert neutralized(styled, "standard") == plain


def test_an_adverb_goes_with_the_participle_that_it_graded() -> None:
    assert neutralized("The rapidly increasing storm came.", "standard") == "The storm came."
