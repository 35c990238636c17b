import numpy as np
import pytest

from stages.lofi.loudness import integrated_lufs, true_peak_dbtp
from tests.lofi.sounds import music, sine


# Cases of EBU Tech 3341, table 1 (2016), whose signals are a stereo sine of 1 kHz: seconds and dBFS of each part, LUFS.
@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(20, -23)], -23.0),  # 1
        ([(20, -33)], -33.0),  # 2
        ([(10, -36), (60, -23), (10, -36)], -23.0),  # 3
        ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], -23.0),  # 4
        ([(20, -26), (20.1, -20), (20, -26)], -23.0),  # 5
    ],
)
def test_loudness_is_that_of_ebu_r128(parts: list[tuple[float, float]], expected: float) -> None:
    stereo = np.concatenate([sine(seconds, 1000, dbfs) for seconds, dbfs in parts])
    assert integrated_lufs(stereo) == pytest.approx(expected, abs=0.1)


def test_silence_and_what_is_shorter_than_a_block_have_no_loudness() -> None:
    assert integrated_lufs(np.zeros((48_000, 2), np.float32)) == float("-inf")
    assert integrated_lufs(sine(0.3)) == float("-inf")


def test_one_channel_alone_is_3_lu_quieter() -> None:
    stereo = sine(5, 1000, -20)
    both = integrated_lufs(stereo)
    stereo[:, 1] = 0
    assert integrated_lufs(stereo) == pytest.approx(both - 3.01, abs=0.02)


def test_a_peak_between_samples_is_found() -> None:
    # a quarter of the rate, 45 degrees off: every sample is 3 dB below the wave's peak
    at = np.arange(48_000)
    wave = (0.5 * np.sin(np.pi / 2 * at + np.pi / 4)).astype(np.float32)
    stereo = np.stack([wave, wave], axis=1)
    assert true_peak_dbtp(stereo) == pytest.approx(-6.02, abs=0.3)  # BS.1770-5 allows 0.5 dB for fourfold oversampling
    assert true_peak_dbtp(np.zeros((100, 2), np.float32)) == float("-inf")


def test_stretches_that_are_left_out_hold_no_peak() -> None:
    from scipy.signal import resample_poly

    stereo = music(2)
    whole = 20 * np.log10(np.abs(resample_poly(stereo, 4, 1, axis=0)).max())
    assert true_peak_dbtp(stereo) == pytest.approx(whole, abs=0.05)
