"""Levels that are known by hand: silence, bandwidth, and what is wrong with channels."""

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from stages.lofi import levels
from stages.lofi.media import Samples
from tests.lofi.sounds import music, sine

RATE_HZ = 48_000


def joined(*parts: Samples) -> Samples:
    return np.concatenate(parts)


def test_full_scale_is_zero_decibels_and_nothing_has_no_level() -> None:
    assert levels.dbfs(1.0) == 0.0
    assert levels.dbfs(0.5) == pytest.approx(-6.0206, abs=1e-4)
    assert levels.dbfs(0.0) == -np.inf


def test_the_rms_of_a_sine_is_three_decibels_below_its_peak() -> None:
    rms = levels.frames(sine(1.0, dbfs=-6.0), RATE_HZ).rms
    assert len(rms) == 20  # frames of 50 ms
    assert 20 * np.log10(rms) == pytest.approx(np.full(20, -9.0103), abs=0.01)


def test_a_constant_offset_is_silence() -> None:
    assert levels.silence_ratio(levels.frames(np.full((RATE_HZ, 2), 0.25, np.float32), RATE_HZ).rms) == 1.0


def test_energy_is_averaged_over_both_channels() -> None:
    one_side = sine(1.0, dbfs=0.0) * np.array([1, 0], np.float32)
    assert levels.frames(one_side, RATE_HZ).rms == pytest.approx(np.full(20, 0.5), rel=1e-3)  # sqrt((1/2 + 0) / 2)


def test_the_share_of_silence_is_that_of_its_frames() -> None:
    quiet = sine(3.0, dbfs=-60.0)  # RMS of -63 dBFS
    assert levels.silence_ratio(levels.frames(joined(sine(1.0), quiet), RATE_HZ).rms) == 0.75
    assert levels.silence_ratio(levels.frames(sine(1.0, dbfs=-55.0), RATE_HZ).rms) == 0.0
    assert levels.silence_ratio(levels.frames(np.zeros((10, 2), np.float32), RATE_HZ).rms) == 1.0  # no whole frame


@pytest.mark.parametrize("cut_hz", [4000, 8000, 16_000])
def test_the_bandwidth_is_where_a_steep_filter_cuts(cut_hz: int) -> None:
    noise = np.random.default_rng(1).standard_normal((4 * RATE_HZ, 2)) * 0.1
    cut = sosfiltfilt(butter(20, cut_hz, fs=RATE_HZ, output="sos"), noise, axis=0).astype(np.float32)
    assert levels.bandwidth_hz(cut, RATE_HZ) == pytest.approx(cut_hz, rel=0.25)
    assert levels.bandwidth_hz(noise.astype(np.float32), RATE_HZ) == RATE_HZ / 2
    assert levels.bandwidth_hz(cut[:100], RATE_HZ) == 0.0


def test_channel_faults_are_named_and_good_channels_are_not() -> None:
    def faults(samples: Samples) -> list[str]:
        return levels.channel_faults(levels.frames(samples, RATE_HZ))

    good = music(2.0)
    assert faults(good) == []
    assert faults(good * np.array([1, 0], np.float32)) == ["dead_channel"]
    assert faults(good * np.array([1, 0.0011], np.float32)) == []  # -59.2 dB
    assert faults(good * np.array([1, 0.0009], np.float32)) == ["dead_channel"]  # -60.9 dB
    assert faults(good[:, :1] * np.array([1, -1], np.float32)) == ["antiphase"]
    assert faults(good[:, :1] * np.array([1, 1], np.float32)) == []
    assert faults(good + np.float32(0.02)) == ["dc_offset"]
    assert faults(good * np.array([1, 0], np.float32) + np.array([0.02, 0], np.float32)) == [
        "dead_channel",
        "dc_offset",
    ]
