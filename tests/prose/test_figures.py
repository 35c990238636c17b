"""Pictures: the same bytes for the same numbers, and something to see for every input."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from stages.prose.figures import draw_bars, draw_histograms, draw_lengths

LENGTHS = {"source": [4, 6, 9, 9], "author": [20, 31, 24], "output": [18, 90, 300]}
RATES: dict[str, dict[str, float | None]] = {
    "comma": {"source": 3.0, "author": 70.0, "output": 64.0},
    "dash": {"source": 0.0, "author": 5.5, "output": None},
}
SOURCE, AUTHOR, OUTPUT = "#8a8a8a", "#0072b2", "#d55e00"


def pixels(path: Path) -> npt.NDArray[np.float32]:
    from matplotlib.image import imread

    return np.asarray(imread(path), dtype=np.float32)


def share(path: Path, colour: str) -> float:
    """The share of the pixels in `path` that have exactly this colour."""
    wanted = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    return float((np.abs(pixels(path)[..., :3] - wanted) < 0.005).all(axis=-1).mean())


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw_lengths(LENGTHS, tmp_path / f"{name}.png")
        draw_bars(RATES, "marks in 1,000 words", tmp_path / f"{name}2.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a2.png").read_bytes() == (tmp_path / "b2.png").read_bytes()
    assert b"matplotlib" not in (tmp_path / "a.png").read_bytes().lower()  # its version isn't written into the file


def test_each_text_is_drawn_in_its_colour(tmp_path: Path) -> None:
    draw_lengths(LENGTHS, tmp_path / "all.png")
    draw_lengths({"author": LENGTHS["author"], "output": []}, tmp_path / "one.png")
    for colour, alone in ((SOURCE, False), (AUTHOR, True), (OUTPUT, False)):
        assert share(tmp_path / "all.png", colour) > 0.001
        assert (share(tmp_path / "one.png", colour) > 0.001) == alone


def test_bars_are_as_long_as_their_values(tmp_path: Path) -> None:
    draw_bars({"comma": {"source": 10.0, "author": 20.0, "output": 5.0}}, "", tmp_path / "bars.png")
    source, author, output = (share(tmp_path / "bars.png", colour) for colour in (SOURCE, AUTHOR, OUTPUT))
    # Each key of the legend adds the same to all three, so that only differences are in proportion: 5 to 15
    assert author > source > output > 0
    assert (source - output) / (author - output) == pytest.approx(1 / 3, abs=0.05)


@pytest.mark.parametrize("lengths", [{}, {"author": []}, {"author": [5]}, {"output": [81, 500]}])
def test_few_sentences_or_none_still_give_a_picture(tmp_path: Path, lengths: Mapping[str, list[int]]) -> None:
    draw_lengths(lengths, tmp_path / "new" / "lengths.png")
    assert pixels(tmp_path / "new" / "lengths.png").shape[:2] == (352, 880)


@pytest.mark.parametrize(
    "panels", [{}, {"comma": {}}, {"comma": {"source": None}}, {str(key): {} for key in range(11)}]
)
def test_few_measures_or_none_still_give_a_sheet(
    tmp_path: Path, panels: Mapping[str, Mapping[str, float | None]]
) -> None:
    draw_bars(panels, "nothing", tmp_path / "sheet.png")
    assert pixels(tmp_path / "sheet.png").shape[1] == 880


def test_a_histogram_has_a_curve_for_each_kind_that_has_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    draw_histograms({"bleed": {"train": [0.5, 0.6, 0.6], "held out": [0.4, 0.7]}, "tau": {"train": []}}, path)
    assert share(path, SOURCE) > 0.001 and share(path, AUTHOR) > 0.001 and share(path, OUTPUT) == 0
    draw_histograms({"bleed": {"train": [0.5, 0.5]}}, path)  # one value has a width of its own
    assert share(path, SOURCE) > 0.001 and share(path, AUTHOR) == 0
