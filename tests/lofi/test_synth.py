import math
from typing import get_args

import numpy as np
import pytest

from stages.lofi.arrangement import PATTERNS, perform, seconds
from stages.lofi.scores import BAR, Note
from stages.lofi.synth import (
    BASS,
    DUCK_ATTACK_S,
    INSTRUMENTS,
    DrumName,
    Hit,
    InstrumentName,
    PatternName,
    Sound,
    Tone,
    Wave,
    drum,
    drums,
    ducking,
    low_pass,
    part,
    pcm,
    peak,
    record,
    render,
    spread,
    voice,
    wobble,
)

RATE = 22050
SOUND = Sound(
    tempo_bpm=80,
    swing=0.6,
    keys="rhodes",
    lead="guitar",
    drums="boom_bap",
    cutoff_hz=3000,
    crackle_db=-14.0,
    hiss_db=-50.0,
    wow_cents=8.0,
    flutter_cents=2.0,
    duck_db=6.0,
    width=0.5,
    room=0.3,
)
# C, A minor, F, G with a melody on top
LOOP = tuple(
    Note(bar * BAR + beat, 1.0, pitch, 0)
    for bar, triad in enumerate([(48, 64, 67, 76), (45, 64, 69, 72), (41, 60, 69, 77), (43, 62, 71, 74)])
    for beat in range(BAR)
    for pitch in triad
)


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def track(sound: Sound = SOUND, seed: int = 1, most_s: float = 20.0) -> Wave:
    rng = generator(seed)
    return render(perform(LOOP, 4, sound, sound.tempo_bpm, most_s, rng), sound, RATE, rng)


def spectrum(mono: Wave) -> tuple[Wave, Wave]:
    """Frequencies in Hz and power."""
    power: Wave = np.square(np.abs(np.fft.rfft(mono * np.hanning(len(mono))))).astype(np.float64)
    return np.fft.rfftfreq(len(mono), 1 / RATE).astype(np.float64), power


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    one, again, other = (pcm(track(seed=seed), -3.0, 2).tobytes() for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_little_sounds_over_the_cut_off() -> None:
    hz, power = spectrum(track()[0])
    # 24 dB per octave: what is an octave over it has lost 24 dB, and had little before
    assert power[hz > 2 * SOUND.cutoff_hz].sum() < 1e-5 * power.sum()
    assert power[(hz > 60) & (hz < 1000)].sum() > 0.5 * power.sum()


def test_the_low_pass_falls_by_24_db_in_an_octave() -> None:
    t = np.arange(RATE) / RATE
    below, at, above = (low_pass(np.sin(2 * math.pi * hz * t), 1000, RATE)[RATE // 2 :] for hz in (100, 1000, 2000))
    assert peak(below) == pytest.approx(1, abs=0.001)
    assert 20 * math.log10(peak(at)) == pytest.approx(-3.01, abs=0.05)  # 1 / root of 2
    # 10 log10(1 + 2^8) = 24.1; the bilinear transform bends 2000 Hz at this rate to tan(.285) / tan(.1425) = 2.04
    assert 20 * math.log10(peak(above)) == pytest.approx(-10 * math.log10(1 + 2.043**8), abs=0.1)


def test_the_second_eighth_comes_late_by_the_swing() -> None:
    # at 60 BPM a beat is a second
    assert [seconds(beat, 60, 0.6) for beat in (0, 0.25, 0.5, 0.75, 1, 3.5)] == pytest.approx(
        [0, 0.3, 0.6, 0.8, 1, 3.6]
    )
    assert seconds(2.5, 80, 0.5) == pytest.approx(2.5 * 0.75)


def test_strokes_fall_on_the_swung_grid() -> None:
    performance = perform(LOOP, 4, SOUND, 80, 40.0, generator())
    beat_s = 60 / 80
    grid = {round((beat + late) * beat_s, 6) for beat in range(60) for late in (0, SOUND.swing)}
    for hits in performance.drums.values():
        assert hits and {round(hit.onset_s, 6) for hit in hits} <= grid
    for tones in (performance.lead, performance.bass):
        assert tones and {round(tone.onset_s, 6) for tone in tones} <= grid
    off = [hit for hit in performance.drums["hat"] if hit.onset_s / beat_s % 1 > 0.1 and hit.onset_s / beat_s % 1 < 0.9]
    assert {round(hit.onset_s / beat_s % 1, 6) for hit in off} == {0.6}


def test_a_stroke_sounds_at_its_onset_to_the_sample() -> None:
    kick, rest = drums({"kick": [Hit(0.5, 1)], "hat": [Hit(0.25, 0.5)]}, RATE, RATE, generator())
    # the attack begins at 0, so that the first sample that sounds is the next one
    assert np.flatnonzero(kick)[0] == RATE // 2 + 1
    assert np.flatnonzero(rest)[0] == round(RATE / 4) + 1


def test_onsets_of_the_track_are_on_the_grid() -> None:
    # Drums and nothing else: energy of 5 ms rises where a stroke is. The tape is late by 1 ms at most.
    performance = perform(LOOP, 4, SOUND, 80, 30.0, generator())
    kick, rest = drums(performance.drums, round(30 * RATE), RATE, generator())
    heard = wobble(np.stack([kick + rest] * 2), 8.0, 2.0, RATE, generator())[0]
    hop = RATE // 200
    level = np.sqrt(np.square(heard[: len(heard) // hop * hop]).reshape(-1, hop).mean(axis=1))
    onsets = np.flatnonzero((level[1:] > 0.03) & (level[1:] > 4 * level[:-1] + 0.01)) + 1
    beats = onsets * hop / RATE / 0.75
    near = np.minimum.reduce([np.abs(beats % 1 - at) for at in (0, SOUND.swing, 1)])
    assert len(onsets) > 20
    assert near.max() * 0.75 < 0.012


def test_a_performance_is_within_its_time_and_ends_in_its_keys() -> None:
    performance = perform(LOOP, 4, SOUND, 80, 40.0, generator())
    # a bar is 3 s: 12 bars and the tail of 3 s are 39 s
    assert performance.seconds == pytest.approx(39)
    drummed = [hit.onset_s for hits in performance.drums.values() for hit in hits]
    assert min(drummed) == pytest.approx(6)
    assert max(drummed) < 30  # the last two bars are the keys alone
    assert max(tone.onset_s for tone in performance.keys) > 36


@pytest.mark.parametrize("name", PATTERNS)
def test_every_pattern_is_played_as_it_is_written(name: PatternName) -> None:
    sound = SOUND.model_copy(update={"drums": name})
    performance = perform(LOOP, 4, sound, 80, 40.0, generator())
    assert set(performance.drums) == set(PATTERNS[name])


@pytest.mark.parametrize("name", get_args(InstrumentName))
def test_an_instrument_sounds_its_pitch(name: InstrumentName) -> None:
    wave = voice(INSTRUMENTS[name], 69, RATE, RATE)
    hz, power = spectrum(wave[:RATE])
    assert hz[power.argmax()] == pytest.approx(440, abs=3)
    assert np.abs(wave).max() < 4
    assert np.abs(wave[-10:]).max() < 0.02  # released


def test_equal_notes_are_equal_and_lie_where_they_should() -> None:
    out = part([Tone(0.0, 0.2, 40, 1.0), Tone(1.0, 0.2, 40, 0.5)], BASS, 2 * RATE, RATE)
    assert np.allclose(out[RATE : RATE + 4000], 0.5 * out[:4000])


def test_the_kick_ducks_everything_by_its_depth() -> None:
    gain = ducking([Hit(0.1, 1.0)], 6.0, RATE, RATE)
    assert gain[: round(0.1 * RATE)].min() == 1
    # after the attack of 6 ms the release of 110 ms is at exp(-6 / 110) = 0.947: 1 - (1 - 0.501) 0.947 = 0.527
    assert gain.min() == pytest.approx(0.527, abs=0.002)
    assert gain.argmin() / RATE == pytest.approx(0.1 + DUCK_ATTACK_S, abs=0.001)
    assert gain[-1] == 1


def test_wow_detunes_by_its_cents() -> None:
    t = np.arange(6 * RATE) / RATE
    tape = wobble(np.stack([np.sin(2 * math.pi * 440 * t)] * 2), 20.0, 0.0, RATE, generator())[0]
    rising = np.flatnonzero((tape[:-1] < 0) & (tape[1:] >= 0))
    exact = rising - tape[rising] / (tape[rising + 1] - tape[rising])
    cents = 1200 * np.log2(RATE / np.diff(exact[10::4]) * 4 / 440)
    assert cents.max() == pytest.approx(20, abs=1.5)
    assert cents.min() == pytest.approx(-20, abs=1.5)


def test_without_wow_and_flutter_the_tape_changes_nothing() -> None:
    noise = generator().random((2, 1000))
    assert np.array_equal(wobble(noise, 0.0, 0.0, RATE, generator()), noise)


def test_hiss_and_crackle_have_their_levels() -> None:
    hiss = record(RATE, -200.0, -40.0, RATE, generator())
    assert 20 * math.log10(np.sqrt(np.square(hiss).mean())) == pytest.approx(-40, abs=0.1)
    crackle = record(20 * RATE, -10.0, -200.0, RATE, generator())
    # the loudest of 220, where the loudness is a fourth power of what is evenly spread: near its limit
    assert -16 < 20 * math.log10(peak(crackle)) <= -8
    assert (np.abs(crackle) > 0.01).mean() < 0.01  # it is sparse


def test_width_0_is_mono() -> None:
    left, right = spread(generator().random(1000), 0.0, RATE)
    assert np.array_equal(left, right)


def test_samples_are_rounded_to_16_bits_at_their_peak() -> None:
    wave = np.array([[0.5, -1.0, 0.0], [0.5, 0.0, 0.25]])
    # 32767 * 10^(-6 / 20) = 16422.3
    assert pcm(wave, -6.0, 2).tolist() == [[8211, 8211], [-16422, 0], [0, 4106]]
    # mono: 0.5, -0.5, 0.125
    assert pcm(wave, 0.0, 1).tolist() == [[32767], [-32767], [8192]]
    assert pcm(wave, 12.0, 2).min() == -32767


@pytest.mark.parametrize("name", get_args(DrumName))
def test_a_drum_stays_near_full_scale_and_dies_away(name: DrumName) -> None:
    wave = drum(name, RATE, generator())
    assert 0.2 < np.abs(wave).max() < 1.3
    assert np.abs(wave[-100:]).max() < 0.06


def test_a_good_track_does_not_clip_and_is_loud_enough() -> None:
    samples = pcm(track(), -3.0, 2)
    assert np.abs(samples.astype(int)).max() == 23197  # 32767 * 10^(-3 / 20) = 23197.1
    rms_db = 20 * math.log10(np.sqrt(np.square(samples / 32768).mean()))
    assert -22 < rms_db < -10
