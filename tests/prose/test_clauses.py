import pytest

from stages.prose.rules import neutralized


@pytest.mark.parametrize(
    ("styled", "plain"),
    [
        # "So they said" is no clause of its own.
        ("They went, so they said, to the old house.", "They went, so they said, to the old house."),
        # An imperative between dashes is no aside.
        ("Here—have another drink—I need one!", "Here, have another drink, I need one!"),
        # What dashes enclose is no sentence, nor is what follows.
        ("The day after that—it was in 1882—the men went.", "The day after that, it was in 1882, the men went."),
        # The last part of a list begins no sentence.
        (
            "He saw her look of pain, grief, and the house was old.",
            "He saw her look of pain, grief, and the house was old.",
        ),
        # "No longer" is no subject.
        ("He had been dead, and no longer asked any of us.", "He had been dead, and no longer asked any of us."),
    ],
)
def test_a_sentence_is_cut_only_between_clauses(styled: str, plain: str) -> None:
    assert neutralized(styled, "standard") == plain
