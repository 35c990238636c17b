import re
import shutil

import pytest

from stages.prose import apertium, rules
from stages.run import StageError

needs_apertium = pytest.mark.skipif(
    apertium.identity() is None, reason="Apertium isn't installed: apt-get install apertium apertium-eng-spa"
)
TEXT = "He looked at the old house of Abner Vale. She said, “Go home; now!” It was in 1926."


@needs_apertium
def test_names_numbers_and_speech_come_back_to_the_byte_and_the_wording_changes() -> None:
    plain = rules.neutralized(TEXT, "standard", round_trip=True)
    for kept in ("Abner Vale", "“Go home; now!”", "1926"):
        assert kept in plain
    assert plain != rules.neutralized(TEXT, "standard")
    assert not re.search(r"[*#@]|xq", plain, re.IGNORECASE)


@needs_apertium
def test_the_pronouns_that_spanish_leaves_out_come_back() -> None:
    plain = rules.neutralized("He saw the house. She went home.", "standard", round_trip=True)
    assert re.search(r"\bHe saw\b", plain)


@needs_apertium
def test_a_batch_gives_what_each_text_gives_alone() -> None:
    texts = [TEXT, "The man went home.\n\nHe slept; nobody came.", "", "No mark at the end"]
    batch = rules.neutralized_all(texts, "standard", round_trip=True)
    assert batch == [rules.neutralized(text, "standard", round_trip=True) for text in texts]
    assert batch[2] == ""
    assert batch[1].count("\n\n") == 1


@needs_apertium
def test_a_sentence_with_marks_of_its_stream_format_stays() -> None:
    text = "The *old* house {was} big."
    assert apertium.round_trip([text], rules.fixed_spans) == [text]


@needs_apertium
def test_identity_names_the_version_and_the_pair() -> None:
    assert re.fullmatch(r"Apertium [\d.]+, eng-spa [0-9a-f]{12}", apertium.identity() or "")
    assert rules.apertium_identity() == apertium.identity()


def test_a_missing_apertium_is_one_line_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert shutil.which("apertium") is None
    apertium._data.cache_clear()
    apertium.identity.cache_clear()
    try:
        with pytest.raises(StageError, match="apt-get install apertium apertium-eng-spa"):
            rules.neutralized("He went home.", "standard", round_trip=True)
        assert rules.apertium_identity() is None
    finally:
        apertium._data.cache_clear()
        apertium.identity.cache_clear()
