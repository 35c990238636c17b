import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stages.lofi import media, tempo
from stages.lofi.tempo import (
    CHROMA_HOP,
    CHROMA_WINDOW,
    MAJOR_KEYS,
    MINOR_KEYS,
    Measured,
    measured,
    measured_file,
)
from tests.conftest import ROOT

RATE_HZ = 22_050
Wave = NDArray[np.float32]
Progression = list[tuple[int, ...]]


def clicks(tempo_bpm: float, seconds: float = 20, rate_hz: int = RATE_HZ) -> Wave:
    """A short 1 kHz blip on each beat."""
    time = np.arange(rate_hz // 20) / rate_hz
    blip = 0.8 * np.sin(2 * np.pi * 1000 * time) * np.exp(-80 * time)
    wave = np.zeros(int(seconds * rate_hz) + len(blip))
    for beat in range(int(seconds * tempo_bpm / 60)):
        start = round(beat * 60 / tempo_bpm * rate_hz)
        wave[start : start + len(blip)] += blip
    return wave.astype(np.float32)


def drums(tempo_bpm: float, seconds: float = 24) -> Wave:
    """Kick, snare and swung hats: more onsets between the beats than on them."""
    rng = np.random.default_rng(1)
    time = np.arange(RATE_HZ // 5) / RATE_HZ
    kick = 0.9 * np.sin(2 * np.pi * 55 * time) * np.exp(-20 * time)
    snare = 0.3 * rng.normal(size=len(time)) * np.exp(-25 * time)
    hat = 0.1 * rng.normal(size=len(time)) * np.exp(-90 * time)
    bar = [
        (0, kick),
        (2.66, kick),
        (1, snare),
        (3, snare),
        *((beat + swing, hat) for beat in range(4) for swing in (0, 0.62)),
    ]
    wave = np.zeros(int(seconds * RATE_HZ) + 2 * RATE_HZ * 4)
    beats = int(seconds * tempo_bpm / 60)
    for first in range(0, beats, 4):
        for beat, sound in bar:
            start = round((first + beat) * 60 / tempo_bpm * RATE_HZ)
            wave[start : start + len(sound)] += sound
    return wave[: int(seconds * RATE_HZ)].astype(np.float32)


# Semitones over the tonic: I IV V I and i iv V i in triads; ii V I vi and i bVI iv v with sevenths, as lofi has them.
KEYS = {"major": MAJOR_KEYS, "minor": MINOR_KEYS}
TRIADS: dict[str, Progression] = {
    "major": [(0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7)],
    "minor": [(0, 3, 7), (5, 8, 12), (7, 11, 14), (0, 3, 7)],
}
SEVENTHS: dict[str, Progression] = {
    "major": [(2, 5, 9, 12), (7, 11, 14, 17), (0, 4, 7, 11), (9, 12, 16, 19)],
    "minor": [(0, 3, 7, 10), (8, 12, 15, 19), (5, 8, 12, 15), (7, 10, 14, 17)],
}


def chords(tonic: float, progression: Progression) -> Wave:
    """The chords with their roots in the bass, twice, 1.5 s each, tones of five partials; `tonic` is a MIDI pitch."""
    time = np.arange(int(1.5 * RATE_HZ)) / RATE_HZ

    def tone(pitch: float) -> NDArray[np.float64]:
        hertz = 440 * 2 ** ((pitch - 69) / 12)
        partials = [np.sin(2 * np.pi * hertz * partial * time) / partial**1.5 for partial in range(1, 6)]
        return np.asarray(np.sum(partials, axis=0) * np.exp(-1.2 * time))

    parts = [np.sum([tone(tonic + step) for step in (chord[0] - 12, *chord)], axis=0) for chord in progression]
    wave = np.concatenate(2 * parts)
    return np.asarray(0.8 * wave / np.abs(wave).max(), np.float32)


@pytest.mark.parametrize("tempo_bpm", [60, 64.5, 70, 75, 82, 87.3, 90, 95, 100])
def test_tempo_of_a_click_track_is_right_within_two_percent(tempo_bpm: float) -> None:
    found = measured(clicks(tempo_bpm), RATE_HZ)
    assert found.tempo_bpm == pytest.approx(tempo_bpm, rel=0.02)
    assert found.tempo_confidence > 0.9


@pytest.mark.parametrize(("played", "counted"), [(120, 60), (140, 70), (160, 80), (45, 90), (110, 55)])
def test_a_tempo_outside_is_counted_in_the_octave_of_lofi(played: float, counted: float) -> None:
    # 110 is as far from the middle of the prior, 77.5, as 55 is; a style of fast tempos doubles it again
    assert measured(clicks(played), RATE_HZ).tempo_bpm == pytest.approx(counted, rel=0.02)


@pytest.mark.parametrize("tempo_bpm", [68, 76, 85, 92])
def test_swung_drums_have_the_tempo_of_their_beat(tempo_bpm: float) -> None:
    found = measured(drums(tempo_bpm), RATE_HZ)
    assert found.tempo_bpm == pytest.approx(tempo_bpm, rel=0.02)
    assert found.tempo_confidence > 0.8


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("steps", [0, 1, 3, 6, 8, 9])
def test_key_of_a_cadence(steps: int, mode: str) -> None:
    for progressions in (TRIADS, SEVENTHS):
        found = measured(chords(48 + steps, progressions[mode]), RATE_HZ)
        assert found.key == KEYS[mode][steps]
        assert found.key_confidence > 0.5


def test_keys_are_named_from_c_on_in_their_usual_spelling() -> None:
    assert (MAJOR_KEYS[0], MAJOR_KEYS[1], MAJOR_KEYS[8], MAJOR_KEYS[11]) == (
        "C major",
        "Db major",
        "Ab major",
        "B major",
    )
    assert (MINOR_KEYS[0], MINOR_KEYS[1], MINOR_KEYS[8], MINOR_KEYS[11]) == (
        "C minor",
        "C# minor",
        "G# minor",
        "B minor",
    )


def test_a_detuned_tape_has_the_same_key() -> None:
    assert measured(chords(57.3, TRIADS["minor"]), RATE_HZ).key == "A minor"


def test_drums_do_not_hide_the_key_nor_chords_the_tempo() -> None:
    band = chords(57, SEVENTHS["minor"])
    found = measured(0.4 * band + drums(80)[: len(band)] * 0.6, RATE_HZ)
    assert found.tempo_bpm == pytest.approx(80, rel=0.02)
    assert found.key == "A minor"


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_has_neither(level: float) -> None:
    wave = (level * np.random.default_rng(1).uniform(-1, 1, 20 * RATE_HZ)).astype(np.float32)
    assert measured(wave, RATE_HZ) == Measured(None, 0.0, None, 0.0)


@pytest.mark.parametrize("samples", [0, 1, 1000])
def test_what_is_too_short_to_tell_has_neither(samples: int) -> None:
    assert measured(np.ones(samples, np.float32), RATE_HZ) == Measured(None, 0.0, None, 0.0)


def test_noise_and_a_steady_tone_are_unsure() -> None:
    noise = measured(np.random.default_rng(1).normal(0, 0.1, 20 * RATE_HZ).astype(np.float32), RATE_HZ)
    assert noise.tempo_confidence < 0.2
    assert noise.key_confidence < 0.2
    tone = np.sin(2 * np.pi * 440 * np.arange(20 * RATE_HZ) / RATE_HZ).astype(np.float32)
    steady = measured(tone, RATE_HZ)
    assert steady.tempo_confidence < 0.2
    # one note fits its major and its minor key alike
    assert steady.key_confidence < 0.2


def test_rate_and_level_do_not_matter_and_a_repeat_is_equal() -> None:
    low = measured(clicks(82), RATE_HZ)
    high = measured(0.01 * clicks(82, rate_hz=48_000), 48_000)
    assert high.tempo_bpm == pytest.approx(low.tempo_bpm, rel=0.005)
    assert measured(clicks(82), RATE_HZ) == low


def test_a_file_gives_what_its_samples_give(tmp_path: Path) -> None:
    mono = clicks(75, seconds=12, rate_hz=48_000)
    media.encode(np.stack([mono, mono], axis=1), 48_000, 0, tmp_path / "a.flac")
    assert measured_file(tmp_path / "a.flac", 240.0, 60.0) == measured(mono, 48_000)
    # nothing but the first seconds: too short to tell
    assert measured_file(tmp_path / "a.flac", 5.0, 60.0) == Measured(None, 0.0, None, 0.0)


@pytest.mark.parametrize("hz", [440.0, 445.0, 430.0, 452.0])
def test_tuning_is_heard_to_a_hundredth_of_a_semitone(hz: float) -> None:
    wave = np.sum(
        [np.sin(2 * np.pi * hz * 2 ** (step / 12) * np.arange(RATE_HZ * 8) / RATE_HZ) for step in (0, 4, 7)], 0
    )
    magnitudes = np.concatenate(list(tempo._spectra(wave.astype(np.float32), CHROMA_WINDOW, CHROMA_HOP)), axis=1)
    # 445 Hz is 12 log2(445 / 440) = 0.196 semitones over A4
    assert tempo._tuning(magnitudes) == pytest.approx(12 * np.log2(hz / 440), abs=0.02)
    code = "import librosa.core.pitch as pitch\npitch._pi_wrapper = None\n"
    code += "import numpy as np\nfrom stages.lofi.tempo import measured\n"
    code += (
        "noise = np.random.default_rng(1).standard_normal(22050 * 10).astype('f4')\nprint(measured(noise, 22050).key)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True).stdout
