"""Pictures that are the same each time, small, and show every note."""

import io

import numpy as np
import pytest

from stages.midi.pianoroll import COLOURS, VOICES, Panel, pitch_name, sheet, voices
from stages.midi.song import DRUMS, Song, normal, table

CHORALE = normal(Song(12, table([(12 * beat, 0, pitch, 80, 12) for beat in range(8) for pitch in (48, 55, 64, 72)], 5)))


def test_pitches_have_their_usual_names() -> None:
    assert [pitch_name(pitch) for pitch in (0, 60, 61, 69, 127)] == ["C-1", "C4", "C♯4", "A4", "G9"]


def test_voices_are_counted_from_the_top_of_what_sounds() -> None:
    # a held 72, then 60 and 50 below it; a drum; then 60 alone
    rows = [(0, 0, 72, 64, 24), (0, 0, 60, 64, 12), (12, 0, 50, 64, 12), (12, DRUMS, 36, 64, 6), (24, 0, 60, 64, 12)]
    song = normal(Song(12, table(rows, 5)))
    assert song.notes[:, 2].tolist() == [60, 72, 50, 36, 60]
    assert voices(song.notes).tolist() == [1, 0, 1, VOICES.index("drums"), 0]


def test_there_is_a_colour_for_each_voice() -> None:
    assert len(COLOURS) == len(VOICES) == len(set(COLOURS))


def test_a_sheet_is_a_small_png_with_the_same_bytes_each_time() -> None:
    panels = [Panel("one", CHORALE), Panel("two", CHORALE), Panel("three", CHORALE)]
    picture = sheet(panels)
    assert picture.startswith(b"\x89PNG") and len(picture) < 300_000
    assert sheet(panels) == picture
    assert b"Software" not in picture and b"tEXt" not in picture


def test_every_voice_leaves_its_colour_on_the_picture() -> None:
    from matplotlib import image

    pixels = image.imread(io.BytesIO(sheet([Panel("", CHORALE)], columns=1)), format="png")[..., :3]
    for colour in COLOURS[:4]:
        wanted = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        # velocity 80 covers 0.55 + 0.45 * 80 / 127 = 83 % of what is below, white or pale grey
        seen = 0.8335 * np.array(wanted) + 0.1665 * np.ones(3)
        assert (np.abs(pixels - seen).max(axis=-1) < 0.02).sum() > 500


@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_number_of_panels_fits(count: int) -> None:
    assert sheet([Panel(str(index), CHORALE) for index in range(count)]).startswith(b"\x89PNG")
