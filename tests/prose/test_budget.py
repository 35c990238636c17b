import random
from collections import Counter
from pathlib import Path

import pytest

from stages.prose.budget import Budget, chosen, clusters
from stages.prose.text import words
from stages.run import StageError
from tests.prose.works import PARAMS

SUBJECTS = {
    "sea": "reef tide keel harbour anchor gale spray helm lantern mast",
    "garden": "rose hedge spade seedling orchard trellis compost blossom gravel ivy",
    "law": "statute tribunal plaintiff verdict clause counsel appeal jury decree oath",
}


def about(subject: str, place: int) -> str:
    """Five sentences with ten names of the subject, all of the same number of words."""
    names = random.Random(place).choices(SUBJECTS[subject].split(), k=10)
    return " ".join(f"The {one} was of the {other}." for one, other in zip(names[::2], names[1::2]))


TEXTS = [about("sea", place) for place in range(80)] + [about("garden", place) for place in range(10)]
TEXTS += [about("law", place) for place in range(10)]
COUNTS = [len(words(text)) for text in TEXTS]


def budget(**changes: object) -> Budget:
    return Budget.model_validate(PARAMS["budget"] | {"clusters": 3} | changes)


def test_what_fits_is_kept_whole_without_a_look_at_it() -> None:
    # a folder that isn't there would be an error
    assert chosen(TEXTS, COUNTS, budget(tokens=10**6, embedding="nowhere")) == [True] * 100


def test_kinds_of_paragraphs_are_taken_from_in_turn() -> None:
    allowed = budget(tokens=round(sum(COUNTS[:30]) * 1.3), clusters=8)
    kept = chosen(TEXTS, COUNTS, allowed)
    assert sum(kept) == 30  # all are of the same length
    kinds = clusters(TEXTS, allowed)
    given = Counter(kind for kind, is_kept in zip(kinds, kept) if is_kept)
    most = max(given.values())
    assert len(given) == 8
    assert all(count >= most - 1 or count == kinds.count(kind) for kind, count in given.items())


def test_a_rare_kind_is_kept() -> None:
    texts = [*TEXTS[:80], *TEXTS[90:92]]
    kept = chosen(texts, COUNTS[:82], budget(tokens=round(sum(COUNTS[:8]) * 1.3), clusters=8))
    assert sum(kept) == 8  # a tenth, by chance 0.2 of the two
    assert any(kept[80:])


def test_the_budget_is_filled_but_not_overrun() -> None:
    for tokens in (0 + 1, 100, 777, 1500):
        kept = chosen(TEXTS, COUNTS, budget(tokens=tokens))
        total = round(sum(count for count, is_kept in zip(COUNTS, kept) if is_kept) * 1.3)
        assert total <= tokens < total + round(max(COUNTS) * 1.3) + 1


def test_the_choice_is_the_same_each_time_and_another_with_another_seed() -> None:
    one = chosen(TEXTS, COUNTS, budget(tokens=1000))
    assert one == chosen(TEXTS, COUNTS, budget(tokens=1000))
    assert one != chosen(TEXTS, COUNTS, budget(tokens=1000, seed=2))


def test_a_text_with_nothing_to_tell_it_by_is_no_error() -> None:
    assert sum(chosen(["the of and"] * 4, [3] * 4, budget(tokens=8))) == 2


def test_the_folder_of_an_embedding_must_be_there() -> None:
    with pytest.raises(StageError, match=r"embedding is 'nowhere', expected none or the folder of a model"):
        chosen(TEXTS, COUNTS, budget(tokens=100, embedding="nowhere"))


def test_an_embedding_needs_its_package(tmp_path: Path) -> None:
    try:
        import sentence_transformers  # noqa: F401
    except ImportError:
        with pytest.raises(StageError, match=r"sentence-transformers is not installed; run `pip install"):
            chosen(TEXTS, COUNTS, budget(tokens=100, embedding=str(tmp_path)))
