import pytest

from stages.prose.pieces import in_pieces


def tag(text: str, word: str) -> str:
    """The class of `word` in `text`."""
    return next(piece.tag for sentence in in_pieces(text) for piece in sentence if piece.text == word)


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("The men who found it went.", "found", "VBD"),
        ("It was found there.", "found", "VBN"),
        ("They had flowed.", "flowed", "VBN"),
        ("I was quick to notice two things.", "notice", "VB"),
        ("He began to despair of it.", "despair", "VB"),
        ("He burst the door.", "burst", "VBD"),
        ("After that terrible ride they slept.", "ride", "NN"),
        ("He was solitary and melancholy.", "melancholy", "JJ"),
        ("The noisome hole was there.", "noisome", "JJ"),  # the tagger doesn't know it, and says NN
    ],
)
def test_neighbours_tell_the_class_of_a_word(text: str, word: str, expected: str) -> None:
    assert tag(text, word) == expected
