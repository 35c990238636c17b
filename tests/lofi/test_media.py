"""What ffmpeg reads comes sample by sample, and what it writes has the same bytes each time."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.lofi import media
from stages.lofi.media import BLOCK, SPEAKERS, Unreadable, decoding, encode, sides
from tests.lofi.sounds import decoded, encoded, good, music, wav

RATE_HZ = 48_000


@pytest.mark.parametrize("samples", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_samples_come_as_they_are_in_the_file(tmp_path: Path, samples: int, channels: int) -> None:
    noise = np.random.default_rng(samples).integers(-(2**15), 2**15, (samples, channels)).astype(np.int16)
    found = decoded(wav(tmp_path / "a.wav", noise))
    assert found.shape == noise.shape
    assert (found * 32768 == noise).all()


def test_a_long_file_is_read_up_to_a_time_alone(tmp_path: Path) -> None:
    path = good(tmp_path / "a.wav", seconds=3.0)
    with decoding(path, 1.5, 60) as sound:
        length = sum(map(len, sound.blocks()))
    assert length == sound.samples == 1.5 * RATE_HZ
    assert (sound.rate_hz, sound.channels, sound.codec, sound.errors) == (RATE_HZ, 2, "pcm_s16le", 0)
    assert sound.stated_s == pytest.approx(3.0, abs=0.01)


def test_only_the_first_sound_of_a_file_is_read(tmp_path: Path) -> None:
    first, second = good(tmp_path / "1.wav", 1), good(tmp_path / "2.wav", 2, 2.0)
    both = encoded(tmp_path / "both.mka", first, "-i", f"file:{second}", "-map", "0", "-map", "1", "-c", "copy")
    assert (decoded(both) == decoded(first)).all()


def test_a_file_that_takes_too_long_is_ended_and_says_so(tmp_path: Path) -> None:
    with (
        pytest.raises(Unreadable, match=r"corrupt: decoding took over 0\.001 s"),
        decoding(good(tmp_path / "a.wav", seconds=60.0), 600, 0.001),
    ):
        pass


def test_leaving_early_ends_ffmpeg(tmp_path: Path) -> None:
    with decoding(good(tmp_path / "a.wav", seconds=60.0), 600, 60) as sound:
        next(sound.blocks())
        process = sound._watch.process
    assert process.returncode is not None


def test_speakers_go_to_their_sides() -> None:
    assert sides(1, 0).tolist() == [[1, 1]]
    assert sides(2, 0b11).tolist() == [[1, 0], [0, 1]]
    half = float(np.float32(0.5**0.5))
    front_and_back = sides(6, 0b111111)  # FL FR FC LFE BL BR
    assert front_and_back.tolist() == [[1, 0], [0, 1], [half, half], [0, 0], [half, 0], [0, half]]
    assert sides(3, 0).tolist() == [[1, 0], [0, 1], [1, 0]]  # nobody says where they are: by turns


@given(st.integers(2, 11), st.integers(0, 2 ** len(SPEAKERS) - 1))
def test_any_speakers_have_a_side(channels: int, mask: int) -> None:
    found = sides(channels, mask)
    assert found.shape == (channels, 2)
    assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("kbit", [320, 128, 0])
def test_the_same_samples_give_the_same_bytes(tmp_path: Path, kbit: int) -> None:
    samples = music(2.0)
    for name in ("a", "b"):
        encode(samples, RATE_HZ, kbit, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found = decoded(tmp_path / "a")
    assert found.shape == samples.shape
    loss = np.abs(found - samples).max()
    assert loss <= 2**-23 if kbit == 0 else loss < 0.1


def test_what_cant_be_written_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"nowhere/a\.mp3 can't be written by ffmpeg: .*No such file"):
        encode(music(1.0), RATE_HZ, 320, tmp_path / "nowhere" / "a.mp3")


def test_the_tool_names_its_version() -> None:
    assert media.identity()
