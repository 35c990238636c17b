"""Keys and tempos of tags become ours, or nothing."""

import pytest

from stages.lofi.keys import key_of_tag, tempo_of_tag


@pytest.mark.parametrize(
    ("tag", "key"),
    [
        ("Am", "A minor"),
        ("a minor", "A minor"),
        ("F#m", "F# minor"),
        ("F♯ min", "F# minor"),
        ("Bbm", "Bb minor"),
        ("bbm", "Bb minor"),
        ("B", "B major"),
        ("BM", "B major"),
        ("E♭", "Eb major"),
        (" Dbmaj ", "Db major"),
        ("C Major", "C major"),
        ("8A", "A minor"),
        ("8b", "C major"),
        ("1A", "Ab minor"),
        ("12B", "E major"),
        ("13A", ""),
        ("0B", ""),
        ("o", ""),
        ("", ""),
        ("Hm", ""),
        ("A dorian", ""),
    ],
)
def test_a_key_is_known_however_it_is_written(tag: str, key: str) -> None:
    assert key_of_tag(tag) == key


@pytest.mark.parametrize(
    ("tag", "tempo"),
    [("85", 85.0), ("84,5", 84.5), (" 90.25 ", 90.25), ("0", 0.0), ("999", 0.0), ("nan", 0.0), ("fast", 0.0)],
)
def test_a_tempo_is_a_number_that_music_has(tag: str, tempo: float) -> None:
    assert tempo_of_tag(tag) == tempo
