"""Pictures show where a track sounds, how high, and how loud; sheets show every file."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.lofi.contact_sheet import Tile, folded, pages, write
from stages.lofi.picture import BANDS, COLUMNS, Picture, picture
from tests.lofi.sounds import music, sine

RATE_HZ = 48_000


def image(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def test_a_sine_is_one_line_at_its_pitch() -> None:
    low, high = (picture(sine(4.0, hz), RATE_HZ) for hz in (200.0, 5000.0))
    assert low and high
    # Bands are equal steps of pitch from 40 Hz to 20 kHz, but at least a bin wide: 200 Hz lies between bins 8 and 9 of
    # 23.4 Hz, and the lowest band is bin 2.
    for seen, band in ((low, 6.5), (high, BANDS * np.log(5000 / 40) / np.log(500))):
        loudest = seen.spectrum.argmax(axis=0)
        assert set(loudest.tolist()) == {int(loudest[0])}
        assert loudest[0] == pytest.approx(band, abs=1)
    assert low.wave == pytest.approx(np.full(COLUMNS, 128), abs=1)  # -6 dBFS is half of full scale


def test_a_rest_is_dark_and_time_goes_from_left_to_right() -> None:
    half = np.concatenate([np.zeros((RATE_HZ * 2, 2), np.float32), music(2.0)])
    seen = picture(half, RATE_HZ)
    assert seen
    assert seen.spectrum[:, : COLUMNS // 2 - 2].max() == 0
    assert seen.spectrum[:, COLUMNS // 2 + 2 :].max(axis=0).min() > 100
    assert seen.wave[: COLUMNS // 2 - 1].max() == 0


def test_silence_and_what_is_too_short_are_no_fault() -> None:
    silent = picture(np.zeros((RATE_HZ, 2), np.float32), RATE_HZ)
    assert silent and not silent.spectrum.any() and not silent.wave.any()
    assert picture(np.zeros((2047, 2), np.float32), RATE_HZ) is None


def test_a_picture_goes_through_text() -> None:
    seen = picture(music(3.0), RATE_HZ)
    assert seen
    again = Picture.of_text(seen.text())
    assert (again.spectrum == seen.spectrum).all() and (again.wave == seen.wave).all()


def test_all_files_are_on_pages_of_thirty(tmp_path: Path) -> None:
    tiles = [Tile(f"{number}.wav", ("ok",), picture(music(1.0, number), RATE_HZ)) for number in range(61)]
    found = pages(tiles, "61 accepted")
    assert len(found) == 3
    assert [image(page).height for page in found][:2] == [image(found[0]).height] * 2
    assert image(found[2]).height < image(found[0]).height
    assert write(tiles, "61 accepted", tmp_path, "accepted") == found[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"accepted-00{n}.png" for n in (1, 2, 3)]
    assert pages(tiles, "61 accepted") == found


def test_no_files_are_a_page_too() -> None:
    assert len(pages([], "0 refused")) == 1


def test_a_long_reason_is_on_two_lines() -> None:
    assert folded("one two three four") == ("one two", "three four")
    assert folded("corrupt") == ("corrupt", "")
    assert folded("") == ("", "")


@pytest.mark.parametrize(
    "name", ["雨の日のローファイ" * 9, "a" * 255, "new\nline", "\udcff\udcfe.wav", "", "%s%n", "…"]
)
def test_any_name_fits_its_tile(name: str) -> None:
    tiles = [Tile(name, (name, name), None, is_refused=True), Tile("next", (), None)]
    page = np.asarray(image(pages(tiles, "2 refused")[0]))
    # between a tile and the next one all is paper
    assert (page[28:, 10 + 161 : 10 + 169] == 255).all()
