import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.lofi.clipping import Clipping
from stages.lofi.media import Samples
from tests.lofi.sounds import music, sine


def ratio(samples: Samples, beyond: bool = False, block: int = 1 << 16) -> float:
    found = Clipping(samples.shape[1], beyond)
    for first in range(0, len(samples), block):
        found.add(samples[first : first + block])
    return found.ratio


def sixteen(samples: Samples) -> Samples:
    return (np.round(np.clip(samples, -1, 32767 / 32768) * 32768) / 32768).astype(np.float32)


@pytest.mark.parametrize("hz", [20, 50, 77, 110, 440, 997, 5000, 12_000])
def test_a_full_scale_sine_is_not_clipped(hz: float) -> None:
    assert ratio(sixteen(sine(2, hz, 0.0))) == 0


@pytest.mark.parametrize("gain", [1.5, 2.0, 4.0])
@pytest.mark.parametrize("quieter", [1.0, 0.5])
def test_planted_clipping_is_found_within_5_percent_also_when_it_was_turned_down(gain: float, quieter: float) -> None:
    wave = music(3) * 2 * gain
    share = float((np.abs(wave) >= 1).mean())
    assert ratio(sixteen(np.clip(wave, -1, 1)) * np.float32(quieter)) == pytest.approx(share, rel=0.05)


def test_samples_beyond_full_scale_count_in_lossy_files_alone() -> None:
    wave = music(1) * 3
    assert ratio(wave) == 0
    assert ratio(wave, beyond=True) == pytest.approx(float((np.abs(wave) >= 1).mean()))


def test_silence_and_an_offset_are_not_clipped() -> None:
    assert ratio(np.zeros((1000, 2), np.float32)) == 0
    assert ratio(np.full((1000, 1), 0.25, np.float32)) == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(50, 70_000))
def test_the_blocks_that_it_comes_in_change_nothing(block: int) -> None:
    wave = sixteen(np.clip(music(1) * 4, -1, 1))
    assert ratio(wave, block=block) == ratio(wave, block=len(wave))
