"""A plain word stands only where its place lets it: each case had a wrong word once."""

import pytest

from stages.prose.rules import neutralized


@pytest.mark.parametrize(
    ("styled", "plain"),
    [
        # Verbs without an object, and with one.
        ("The noise increased.", "The sound grew."),
        ("It increased the fear.", "It added to the fear."),
        ("The fear was increased.", "The fear was raised."),
        ("He returned the book.", "He gave back the book."),
        ("He escaped the house.", "He got away from the house."),
        # Only what has a passive stands in it.
        ("He was received with joy.", "He was received with joy."),
        ("The room was entered.", "The room was entered."),
        ("He was forced to go.", "He had to go."),
        # A pronoun comes before the last word.
        ("He restored it.", "He brought it back."),
        ("He ascended it.", "He went up it."),
        # One direction only.
        ("He climbed down.", "He went down."),
        ("He climbed up.", "He went up."),
        # Infinitives after what asks for a gerund.
        ("He ceased to speak.", "He stopped speaking."),
        ("It continued to fall.", "It went on falling."),
        # What belongs to a verb makes it mean something else.
        ("He insisted on it.", "He insisted on it."),
        ("He laid the table.", "He laid the table."),
        ("The line is drawn from it.", "The line is drawn from it."),
        ("I know which to believe.", "I know which to believe."),
        ("He believed that it was so.", "He thought that it was so."),
        ("The rest was applied to the wall.", "The rest was applied to the wall."),
        # What it is about came before.
        ("I saw the man whom he had sought.", "I saw the man who he had looked for."),
    ],
)
def test_a_verb_suits_what_is_around_it(styled: str, plain: str) -> None:
    assert neutralized(styled, "standard") == plain


@pytest.mark.parametrize(
    ("styled", "plain"),
    [
        ("Nothing was more terrible.", "Nothing was worse."),  # not "more bad"
        ("The terrified man went.", "The man went."),  # not "the afraid man"
        ("The man was frightened and went.", "The man was scared and went."),
        ("The road was familiar with him.", "The road was at home with him."),
        ("It was a somewhat old house.", "It was a somewhat old house."),  # not "a a little"
        ("It was very nearly done.", "It was very nearly done."),  # not "very almost"
    ],
)
def test_an_adjective_or_adverb_suits_its_place(styled: str, plain: str) -> None:
    assert neutralized(styled, "standard") == plain


@pytest.mark.parametrize(
    ("styled", "plain"),
    [
        ("The lantern lamps were old.", "The lights were old."),  # not "light lights"
        ("They told old legends.", "They told old stories."),  # not "old old stories"
        ("He saw the ruins.", "He saw the broken walls."),
        ("It was his ruin.", "It was his ruin."),
        ("The surface of the water was dark.", "The face of the water was dark."),
        ("It was a soft substance.", "It was a soft substance."),  # "a matter" is another thing
        ("It was in his early youth.", "It was in his early life."),
        ("The youth was old.", "The young man was old."),
        ("The garden gate was old.", "The gate was old."),  # no "garden door in the wall"
    ],
)
def test_a_noun_suits_its_place(styled: str, plain: str) -> None:
    assert neutralized(styled, "standard") == plain


def test_what_stands_like_a_noun_gets_no_adjective() -> None:
    assert neutralized("He dug in the grave of a man.", "standard") == "He dug in the grave of a man."
