import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.lofi.clipping import DROP, DROP_8_BIT, Clipping
from stages.lofi.media import Samples
from tests.lofi.sounds import music, sine


def ratio(samples: Samples, beyond: bool = False, block: int = 1 << 16, drop: float = DROP) -> float:
    found = Clipping(samples.shape[1], beyond, drop)
    for first in range(0, len(samples), block):
        found.add(samples[first : first + block])
    return found.ratio


def sixteen(samples: Samples) -> Samples:
    return (np.round(np.clip(samples, -1, 32767 / 32768) * 32768) / 32768).astype(np.float32)


@pytest.mark.parametrize("hz", [20, 50, 77, 110, 440, 997, 5000, 12_000])
def test_a_full_scale_sine_is_not_clipped(hz: float) -> None:
    assert ratio(sixteen(sine(2, hz, 0.0))) == 0


@given(st.floats(20, 12_000), st.floats(0, 2 * np.pi), st.floats(0.3, 1.0), st.sampled_from([8, 16]))
def test_no_sine_is_clipped_whatever_its_phase_and_depth(hz: float, phase: float, level: float, bits: int) -> None:
    full = 2 ** (bits - 1)
    wave = level * np.sin(2 * np.pi * hz * np.arange(24_000) / 48_000 + phase)
    codes = np.clip(np.round(wave * full), -full, full - 1)[:, None] / full
    assert ratio(codes.astype(np.float32), drop=DROP if bits == 16 else DROP_8_BIT) == 0


@pytest.mark.parametrize("samples", [96, 48, 6, 4])  # of a period; two of them are as high as each other
def test_a_sine_sampled_evenly_about_its_crest_is_not_clipped(samples: int) -> None:
    wave = np.sin(2 * np.pi * np.arange(4800) / samples + np.pi / 2 - np.pi / samples)
    wave = np.round(wave, 6)[:, None].astype(np.float32)
    assert np.count_nonzero(wave == wave.max()) >= 2 * 4800 // samples
    assert ratio(wave) == 0


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
