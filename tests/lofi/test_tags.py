import itertools

import pytest

from stages.lofi.styles import STYLES
from stages.lofi.tags import Counts, prompt

COUNTS = Counts(genre=2, moods=2, instruments=3, production=2, atmosphere=1)
JAZZ, RAIN, SAX, HUMMING = (STYLES[code] for code in ("CORE-02", "SEASON-06", "INST-05", "VOCAL-05"))


def tags(*styles: str, seed: int = 1, track: str = "raw/a.wav") -> list[str]:
    return prompt([STYLES[code] for code in styles], 82.4, "A minor", COUNTS, seed, track).split(", ")


def test_tags_come_in_the_order_of_the_columns() -> None:
    found = tags("CORE-02")
    # 2 genres, 2 moods, 3 instruments, tempo, key, 2 of production, 1 of atmosphere, the vocal type
    assert len(found) == 13
    assert found[0] == "jazz lofi"
    assert found[1] in JAZZ.genre
    assert set(found[2:4]) <= set(JAZZ.moods)
    assert set(found[4:7]) <= set(JAZZ.instruments)
    assert found[7:9] == ["82 bpm", "A minor"]
    assert set(found[9:11]) <= set(JAZZ.production)
    assert found[11] in JAZZ.atmosphere
    assert found[12] == "instrumental"


def test_an_unknown_tempo_or_key_is_left_out() -> None:
    found = prompt([JAZZ], None, None, COUNTS, 1, "a").split(", ")
    assert len(found) == 11
    assert not any("bpm" in tag or "minor" in tag for tag in found)


def test_the_same_seed_and_track_give_the_same_tags_and_others_vary() -> None:
    assert tags("CORE-02") == tags("CORE-02")
    assert len({tuple(tags("CORE-02", track=f"raw/{number}.wav")) for number in range(20)}) == 20
    assert len({tuple(tags("CORE-02", seed=seed)) for seed in range(20)}) == 20


@pytest.mark.parametrize("code", STYLES)
def test_no_tag_comes_twice_in_any_style_alone_or_with_another(code: str) -> None:
    for other, seed in itertools.product(("CORE-01", "SEASON-06", "VOCAL-03"), range(3)):
        found = tags(code, *([other] if other != code else []), seed=seed)
        assert len(found) == len(set(found))


def test_an_instrument_that_names_the_style_is_always_there() -> None:
    for seed in range(10):
        assert "saxophone" in tags("INST-05", seed=seed)
        assert {"jazz lofi", "saxophone lofi", "saxophone"} <= set(tags("CORE-02", "INST-05", seed=seed))


def test_a_second_style_adds_its_name_and_its_voice() -> None:
    found = tags("SEASON-06", "VOCAL-05")
    assert found[:2] == ["rainy day lofi", "wordless vocal lofi"]
    assert found[-1] in HUMMING.vocals
    assert {tag for seed in range(20) for tag in tags("SEASON-06", "CORE-02", seed=seed)} & set(JAZZ.moods)


def test_more_tags_than_there_are_gives_all() -> None:
    many = Counts(genre=99, moods=99, instruments=99, production=99, atmosphere=99)
    found = prompt([RAIN], None, None, many, 1, "a").split(", ")
    all_of = [*RAIN.genre, *RAIN.moods, *RAIN.instruments, *RAIN.production, *RAIN.atmosphere, *RAIN.vocals]
    assert found == all_of
