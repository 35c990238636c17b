import csv
import re
from pathlib import Path

import pytest

from stages.lofi.styles import (
    ALSO,
    CATEGORIES,
    DEFAULT,
    STYLES,
    Style,
    first_of_category,
    named,
    style_of_folder,
)

COLUMNS = ("genre", "moods", "instruments", "production", "atmosphere", "vocals")
FACTS = Path(__file__).parents[3] / "shared" / "facts" / "lofi_styles.csv"


def columns(style: Style) -> dict[str, tuple[str, ...]]:
    return {column: getattr(style, column) for column in COLUMNS}


def test_there_are_38_styles_in_five_categories() -> None:
    counts = {category: sum(style.category == category for style in STYLES.values()) for category in CATEGORIES}
    assert counts == {"core": 7, "seasonal": 9, "thematic": 10, "instrumental": 7, "vocal": 5}
    assert len(STYLES) == 38
    assert DEFAULT in STYLES


@pytest.mark.skipif(not FACTS.is_file(), reason="the list of styles is not part of the repo")
def test_codes_names_and_categories_are_those_of_the_list() -> None:
    with FACTS.open(encoding="utf-8", newline="") as file:
        rows = [(row["code"], row["name"], row["category"]) for row in csv.DictReader(file)]
    assert [(style.code, style.name, style.category) for style in STYLES.values()] == rows


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_tags_are_short_lower_case_and_in_one_column_each(style: Style) -> None:
    tags = [tag for column in columns(style).values() for tag in column]
    assert len(tags) == len(set(tags))
    for tag in tags:
        assert re.fullmatch(r"[a-z0-9é&' -]{3,40}", tag), tag
        assert tag == tag.strip()


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_columns_leave_a_choice(style: Style) -> None:
    few = {name for name, tags in columns(style).items() if name != "vocals" and len(tags) < 4}
    assert not few
    assert (style.vocals == ("instrumental",)) == (style.category != "vocal")


def test_tempos_are_ranges_that_lofi_is_played_in() -> None:
    for style in STYLES.values():
        slow, fast = style.tempo_bpm
        assert 60 <= slow < fast <= 125
        assert fast < 2 * slow  # one octave at most holds a tempo, so that halving or doubling is no question


def test_words_are_sung_or_spoken_in_vocal_styles_alone() -> None:
    assert [style.code for style in STYLES.values() if style.has_words] == ["VOCAL-02", "VOCAL-03", "VOCAL-04"]


@pytest.mark.parametrize(
    ("folder", "code"),
    [
        ("CORE-02", "CORE-02"),
        ("core_02", "CORE-02"),
        ("Core 2", "CORE-02"),
        ("season-09", "SEASON-09"),
        ("theme10", "THEME-10"),
        ("Jazz Lofi", "CORE-02"),
        ("jazz_lofi", "CORE-02"),
        ("lo-fi jazz", "CORE-02"),
        ("LOFI-HOUSE", "CORE-04"),
        ("Classic Lofi Hip Hop", "CORE-01"),
        ("autumn", "SEASON-05"),
        ("Fall Lofi", "SEASON-05"),
        ("autumn-fall lofi", "SEASON-05"),
        ("golden hour", "THEME-09"),
        ("R&B Lofi", "VOCAL-03"),
        ("rnb", "VOCAL-03"),
        ("Wurlitzer", "INST-04"),
        ("core", "CORE-01"),
        ("Seasonal", "SEASON-01"),
        ("thematic", "THEME-01"),
        ("Instrumental Lofi", "INST-01"),
        ("vocal", "VOCAL-01"),
        ("my tracks", None),
        ("lofi", None),
        ("core-8", None),
        ("雨", None),
        ("", None),
    ],
)
def test_a_folder_is_read_by_code_name_or_category(folder: str, code: str | None) -> None:
    assert style_of_folder([folder]) == code


def test_the_innermost_folder_counts_and_a_name_before_a_category() -> None:
    assert style_of_folder(["Jazz Lofi", "winter"]) == "SEASON-01"
    assert style_of_folder(["Jazz Lofi", "disc 1"]) == "CORE-02"
    assert style_of_folder(["jazz", "vocal"]) == "CORE-02"
    assert style_of_folder([]) is None
    assert named(["seasonal"]) is None
    assert first_of_category(["seasonal", "thematic"]) == "THEME-01"


def test_every_code_and_name_leads_to_its_own_style() -> None:
    for style in STYLES.values():
        for name in (style.code, style.name, *style.name.split("/"), *ALSO.get(style.code, ())):
            assert named([name]) == style.code
