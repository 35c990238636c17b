"""A small synthesiser for lofi hip hop: a performance in seconds becomes samples, the same ones every time.

Keys, lead and bass are sums of partials or FM, drums are noise and sine sweeps. The mix is ducked under the kick, goes
through a room, a tape (saturation, wow and flutter), a record's crackle and hiss, and last through a low pass.

Samples are float64 until they are rounded to 16 bits. No BLAS, no FFT: elementwise arithmetic and recursions of fixed
order. Sine and exponential may differ in their last bit from one CPU to another (numpy has SIMD code for each), which
moves one 16-bit sample in about 10^10; noise is made of the generator's raw uniform numbers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stages.params import Params

Wave = NDArray[np.float64]  # shape (samples,), or (2, samples) for left and right
Pcm = NDArray[np.int16]  # shape (samples, channels)

SLOWEST_BPM, FASTEST_BPM = 70, 90  # of lofi hip hop

InstrumentName = Literal["rhodes", "piano", "guitar", "pad", "strings", "flute", "hum"]
DrumName = Literal["kick", "snare", "rim", "brush", "hat", "open_hat"]
PatternName = Literal["boom_bap", "half_time", "brushes", "rims", "none"]


class Sound(Params):
    """How a style is played and recorded."""

    tempo_bpm: int = Field(ge=SLOWEST_BPM, le=FASTEST_BPM)
    swing: float = Field(ge=0.5, le=0.75)  # where in a beat its second eighth falls: 0.5 straight, 0.667 a triplet
    keys: InstrumentName  # what plays the chords
    lead: InstrumentName | None  # what plays the melody
    drums: PatternName
    cutoff_hz: int = Field(ge=500, le=10000)  # of the low pass, 24 dB per octave
    crackle_db: float = Field(le=0)  # peak of the loudest crackles, against the peak of the music
    hiss_db: float = Field(le=0)  # RMS, against the peak of the music
    wow_cents: float = Field(ge=0, le=50)  # how far the slow change of speed detunes
    flutter_cents: float = Field(ge=0, le=20)  # and the fast one
    duck_db: float = Field(ge=0, le=24)  # how far the kick pushes everything else down
    width: float = Field(ge=0, le=1)  # of the keys between left and right; 0 is mono
    room: float = Field(ge=0, le=1)  # how much of the room is heard


class Tone(NamedTuple):
    """A note to play."""

    onset_s: float
    duration_s: float
    pitch: int  # MIDI
    velocity: float  # over 0, up to 1


class Hit(NamedTuple):
    """A stroke on a drum."""

    onset_s: float
    velocity: float


@dataclass(frozen=True)
class Performance:
    """All that sounds, and for how long."""

    seconds: float
    keys: Sequence[Tone]
    lead: Sequence[Tone]
    bass: Sequence[Tone]
    drums: Mapping[DrumName, Sequence[Hit]]


@dataclass(frozen=True)
class Instrument:
    """A sum of harmonic partials under one envelope, or FM where `index` is over 0."""

    partials: tuple[float, ...]  # amplitude of each harmonic
    attack_s: float
    decay_s: float  # time constant; math.inf holds the level
    release_s: float  # time constant
    damping: float = 0.0  # how much faster each further partial decays
    index: float = 0.0  # of a modulator at the same frequency, in radians
    bell: float = 0.0  # amplitude of the short tine at BELL times the frequency
    vibrato_cents: float = 0.0


BELL, BELL_S, INDEX_S = 7, 0.09, 0.5  # ratio and decay of the tine, decay of the index
VIBRATO_HZ = 5.2
INSTRUMENTS: dict[InstrumentName, Instrument] = {
    "rhodes": Instrument((1.0,), 0.003, 1.6, 0.09, index=1.3, bell=0.16),
    "piano": Instrument((1, 0.55, 0.36, 0.24, 0.15, 0.1, 0.06, 0.04), 0.002, 1.3, 0.08, damping=0.35),
    # a string that is plucked at a fifth of its length: its fifth partial is missing
    "guitar": Instrument((0.59, 0.48, 0.32, 0.15, 0.0, 0.1, 0.14, 0.12), 0.002, 0.9, 0.06, damping=0.3),
    "pad": Instrument((1, 0.5, 0.3, 0.2, 0.12, 0.08), 0.35, math.inf, 0.6, vibrato_cents=4),
    "strings": Instrument((1, 0.6, 0.42, 0.3, 0.22, 0.16, 0.12, 0.08), 0.16, math.inf, 0.25, vibrato_cents=9),
    "flute": Instrument((1, 0.35, 0.12, 0.04), 0.06, math.inf, 0.08, vibrato_cents=12),
    "hum": Instrument((1, 0.7, 0.2, 0.05, 0.06, 0.04), 0.09, math.inf, 0.12, vibrato_cents=16),
}
BASS = Instrument((1, 0.28, 0.08), 0.008, 1.2, 0.05)

# Levels in the mix and into the tape, set by measuring: RMS of keys and bass near -20 dB, kick -22, lead -24
KEYS, LEAD, BASS_LEVEL = 0.15, 0.26, 0.31
LEVELS: dict[DrumName, float] = {"kick": 0.88, "snare": 0.7, "rim": 0.53, "brush": 0.44, "hat": 0.6, "open_hat": 0.46}
WOW_HZ, FLUTTER_HZ = 0.55, 6.3
DUCK_ATTACK_S, DUCK_RELEASE_S = 0.006, 0.11
FADE_S = 2.5  # at the end
BLOCK = 1 << 14  # samples that the tape is read by: what a cache holds
CRACKLES_PER_S = 11.0
ROOM_MS = ((29.7, 37.1, 41.1, 43.7), (30.3, 36.5, 42.1, 44.9))  # combs of left and right, after Schroeder 1962
DIFFUSION_MS = (5.0, 1.7)
ROOM_GAIN = 0.72


def render(performance: Performance, sound: Sound, rate_hz: int, rng: np.random.Generator) -> Wave:
    """`performance` as it sounds by `sound`, shape (2, samples), its highest sample at 1; all 0 if nothing plays."""
    length = round(performance.seconds * rate_hz)
    kick, rest = drums(performance.drums, length, rate_hz, rng)
    duck = ducking(performance.drums.get("kick", ()), sound.duck_db, length, rate_hz)
    keys = part(performance.keys, INSTRUMENTS[sound.keys], length, rate_hz)
    keys *= KEYS
    lead = part(performance.lead, INSTRUMENTS[sound.lead], length, rate_hz) if sound.lead else np.zeros(length)
    lead *= LEAD
    middle = part(performance.bass, BASS, length, rate_hz)
    middle *= BASS_LEVEL
    middle += lead
    lead += keys
    lead += 0.5 * rest
    wet = room(lead, rate_hz)
    keys *= duck
    middle *= duck
    middle += kick
    middle += rest
    duck *= sound.room
    wet *= duck
    stereo = spread(keys, sound.width, rate_hz)
    stereo += middle
    stereo += wet

    stereo = wobble(saturated(stereo), sound.wow_cents, sound.flutter_cents, rate_hz, rng)
    noise = record(length, sound.crackle_db, sound.hiss_db, rate_hz, rng)
    noise *= peak(stereo) or 1
    stereo += noise
    stereo = low_pass(stereo, sound.cutoff_hz, rate_hz)
    fade = round(min(FADE_S * rate_hz, length))
    stereo[:, length - fade :] *= np.square(np.arange(fade)[::-1] / (FADE_S * rate_hz))
    stereo /= peak(stereo) or 1
    return stereo


def peak(wave: Wave) -> float:
    """The highest absolute sample of `wave`."""
    return max(float(wave.max(initial=0.0)), -float(wave.min(initial=0.0)))


def pcm(wave: Wave, peak_db: float, channels: int) -> Pcm:
    """`wave`, shape (2, samples), as 16 bits, its highest sample at `peak_db` dBFS. What is over 0 dBFS is clipped."""
    mixed = wave if channels == 2 else wave.mean(axis=0, keepdims=True)
    scaled = mixed * (10 ** (peak_db / 20) / (peak(mixed) or 1) * 32767)
    np.clip(np.rint(scaled, out=scaled), -32767, 32767, out=scaled)
    return np.ascontiguousarray(scaled.T.astype(np.int16))


def part(tones: Sequence[Tone], instrument: Instrument, length: int, rate_hz: int) -> Wave:
    """`tones` on `instrument`, shape (length,). Equal notes are made once: a loop has many."""
    out = np.zeros(length)
    made: dict[tuple[int, int], Wave] = {}
    for tone in tones:
        key = tone.pitch, round(tone.duration_s * rate_hz)
        if key not in made:
            made[key] = voice(instrument, *key, rate_hz)
        _add(out, made[key], round(tone.onset_s * rate_hz), tone.velocity)
    return out


def voice(instrument: Instrument, pitch: int, held: int, rate_hz: int) -> Wave:
    """One note of MIDI `pitch`, held for `held` samples and then released, at full velocity."""
    frequency = 440.0 * 2.0 ** ((pitch - 69) / 12)
    t = np.arange(held + round(5 * instrument.release_s * rate_hz)) / rate_hz
    phase = (2 * math.pi * frequency) * t
    if instrument.vibrato_cents:
        # a phase that swings by this much moves the frequency by so many cents
        swing = frequency / VIBRATO_HZ * instrument.vibrato_cents * math.log(2) / 1200
        phase += swing * np.sin((2 * math.pi * VIBRATO_HZ) * t) * np.minimum(t / 0.4, 1)
    wave: Wave
    if instrument.index:
        wave = np.sin(phase + instrument.index * np.exp(t / -INDEX_S) * np.sin(phase))
        if BELL * frequency < 0.45 * rate_hz:
            wave += instrument.bell * np.exp(t / -BELL_S) * np.sin(BELL * phase)
    else:
        wave = _partials(instrument, phase, t, int(0.45 * rate_hz / frequency))
    envelope = np.minimum(t / instrument.attack_s, 1.0)
    if math.isfinite(instrument.decay_s):
        # high strings ring shorter
        envelope *= np.exp(t * (-(2.0 ** ((pitch - 60) / 24)) / instrument.decay_s))
    envelope[held:] *= np.exp((t[held:] - t[held : held + 1]) / -instrument.release_s)
    wave *= envelope
    return wave


def _partials(instrument: Instrument, phase: Wave, t: Wave, most: int) -> Wave:
    """The sum of the first `most` partials. sin(nx) = 2 cos(x) sin((n-1)x) - sin((n-2)x) spares a sine for each."""
    before, here, twice = np.zeros(len(phase)), np.sin(phase), 2 * np.cos(phase)
    wave: Wave = instrument.partials[0] * here
    damping = np.exp(t * (-instrument.damping / instrument.decay_s)) if instrument.damping else None
    damped = damping
    for amplitude in instrument.partials[1:most]:
        before, here = here, twice * here - before
        wave += amplitude * here if damped is None else amplitude * here * damped
        damped = None if damped is None or damping is None else damped * damping
    return wave


def drums(
    hits: Mapping[DrumName, Sequence[Hit]], length: int, rate_hz: int, rng: np.random.Generator
) -> tuple[Wave, Wave]:
    """The kick, and all other drums together, shape (length,) each."""
    kick, rest = np.zeros(length), np.zeros(length)
    for name in LEVELS:  # a fixed order: each drum takes its noise from `rng`
        sample = drum(name, rate_hz, rng)
        for hit in hits.get(name, ()):
            _add(kick if name == "kick" else rest, sample, round(hit.onset_s * rate_hz), hit.velocity * LEVELS[name])
    return kick, rest


def drum(name: DrumName, rate_hz: int, rng: np.random.Generator) -> Wave:
    """One stroke, with its peak at about 1."""
    t = np.arange(round(0.5 * rate_hz)) / rate_hz
    noise = rng.random(len(t)) * 2 - 1
    attack = np.minimum(t / 0.001, 1)
    match name:
        case "kick":  # from 135 Hz down to 48 Hz: the phase is the integral of the frequency
            sweep = 48 * t + (87 * 0.028) * (1 - np.exp(t / -0.028))
            return attack * (np.sin((2 * math.pi) * sweep) * np.exp(t / -0.13) + 0.1 * noise * np.exp(t / -0.004))
        case "snare":
            body = np.sin((2 * math.pi * 185) * t) * np.exp(t / -0.05)
            return attack * (0.5 * body + 0.7 * low_pass(noise, 5200, rate_hz) * np.exp(t / -0.085))
        case "rim":
            knock = np.sin((2 * math.pi * 1720) * t) + 0.6 * np.sin((2 * math.pi * 810) * t)
            return attack * (0.6 * knock * np.exp(t / -0.013) + 0.3 * noise * np.exp(t / -0.006))
        case "brush":
            return 0.8 * low_pass(noise, 4200, rate_hz) * np.minimum(t / 0.03, 1) * np.exp(t / -0.1)
        case "hat":
            return attack * _bright(noise) * np.exp(t / -0.032)
        case "open_hat":
            return attack * _bright(noise) * np.exp(t / -0.16)


def _bright(noise: Wave) -> Wave:
    """`noise` without its low end: its second difference, which has zeros at 0 Hz."""
    bright = noise.copy()
    bright[1:-1] -= 0.5 * (noise[:-2] + noise[2:])
    bright *= 0.5
    return bright


def _add(out: Wave, sample: Wave, start: int, gain: float) -> None:
    """Mix `sample` into `out` from `start` on, as far as `out` goes."""
    end = min(start + len(sample), len(out))
    if end > start:
        out[start:end] += gain * sample[: end - start]


def ducking(kicks: Sequence[Hit], depth_db: float, length: int, rate_hz: int) -> Wave:
    """Gain of everything but the kick, shape (length,): it falls by `depth_db` at each kick, and comes back."""
    gain = np.ones(length)
    t = np.arange(round(6 * DUCK_RELEASE_S * rate_hz)) / rate_hz
    shape = np.minimum(t / DUCK_ATTACK_S, 1) * np.exp(t / -DUCK_RELEASE_S)
    dip = 1 - (1 - 10 ** (-depth_db / 20)) * shape
    for kick in kicks:
        start = round(kick.onset_s * rate_hz)
        here = gain[start : start + len(dip)]
        np.minimum(here, dip[: len(here)], out=here)
    return gain


def spread(mono: Wave, width: float, rate_hz: int) -> Wave:
    """`mono` between left and right, shape (2, samples): a slow tremolo from side to side, and a late copy as side."""
    late = round(0.011 * rate_hz)
    side = np.arange(len(mono)) * (2 * math.pi * 1.1 / rate_hz)
    np.sin(side, out=side)
    side *= mono
    side *= 0.35
    side[late:] += 0.6 * mono[: max(len(mono) - late, 0)]
    side *= width
    return np.stack([mono + side, mono - side])


def room(mono: Wave, rate_hz: int) -> Wave:
    """What a small room answers to `mono`, shape (2, samples): four combs and two all-passes for each side."""
    sides = np.zeros((2, len(mono)))
    for wet, delays in zip(sides, ROOM_MS):
        for delay in delays:
            wet += _comb(mono, round(delay * rate_hz / 1000), ROOM_GAIN)
        wet *= 0.25
        for delay in DIFFUSION_MS:
            samples = round(delay * rate_hz / 1000)
            inner = _comb(wet, samples, 0.7)
            wet[:samples] = 0
            wet[samples:] = inner[:-samples]
            inner *= 0.7
            wet -= inner
    return sides


def _comb(wave: Wave, delay: int, gain: float) -> Wave:
    """y[n] = x[n] + gain y[n - delay], a row of `delay` samples at a time."""
    rows = np.zeros((-(-len(wave) // delay), delay))
    rows.reshape(-1)[: len(wave)] = wave
    for row in range(1, len(rows)):
        rows[row] += gain * rows[row - 1]
    return rows.reshape(-1)[: len(wave)]


def saturated(wave: Wave) -> Wave:
    """`wave` through a soft curve that stays within 1. A root is rounded correctly everywhere; a tanh is not."""
    root: Wave = np.square(wave)
    root += 1
    np.sqrt(root, out=root)
    np.divide(wave, root, out=root)
    return root


def wobble(stereo: Wave, wow_cents: float, flutter_cents: float, rate_hz: int, rng: np.random.Generator) -> Wave:
    """`stereo` on a tape of uneven speed: read at a delay that swings slowly and fast, between samples by cubics."""
    swings = []
    for cents, rate in ((wow_cents, WOW_HZ), (flutter_cents, FLUTTER_HZ)):
        depth = cents * math.log(2) / 1200 / (2 * math.pi * rate) * rate_hz  # samples; its slope is the change of speed
        swings.append((depth, 2 * math.pi * rate / rate_hz, 2 * math.pi * rng.random()))
    length = stereo.shape[1]
    padded = np.concatenate([stereo[:, :1], stereo, stereo[:, -1:], stereo[:, -1:]], axis=1)  # sample n is at n + 1
    out = np.empty_like(stereo)
    for first in range(0, length, BLOCK):
        at = np.arange(first, min(first + BLOCK, length), dtype=np.float64)
        delay = sum((depth * (1 + np.sin(turn * at + start)) for depth, turn, start in swings), np.zeros(len(at)))
        at = np.maximum(at - delay, 0)
        whole = at.astype(np.int64)
        x = at - whole
        for wave, written in zip(padded, out):
            a, b, c, d = (wave.take(whole + step) for step in range(4))
            # Catmull and Rom 1974
            cubic = b + 0.5 * x * (c - a + x * (2 * a - 5 * b + 4 * c - d + x * (3 * (b - c) + d - a)))
            written[first : first + BLOCK] = cubic
    return out


def record(length: int, crackle_db: float, hiss_db: float, rate_hz: int, rng: np.random.Generator) -> Wave:
    """Crackle and hiss, shape (2, length). Most crackles are faint, few are loud, and each is nearer one side."""
    from scipy.signal import sosfilt

    count = round(CRACKLES_PER_S * length / rate_hz)
    places = np.sort(rng.integers(0, max(length, 1), count))
    loudness, pan = np.power(rng.random(count), 4) * 10 ** (crackle_db / 20), rng.random(count)
    clicks = np.zeros((2, length))
    for place, loud, right in zip(places.tolist(), loudness.tolist(), pan.tolist()):
        clicks[:, place] += loud * (1 - right), loud * right
    # a click rings for about half a millisecond around 2.4 kHz
    pole = math.exp(-1 / (0.0004 * rate_hz))
    turn = 2 * math.pi * 2400 / rate_hz
    ring = np.array([[1, -1, 0, 1, -2 * pole * math.cos(turn), pole * pole]])
    sounding: Wave = sosfilt(ring, clicks)
    hiss = rng.random((2, length))
    hiss -= 0.5
    hiss *= 2 * math.sqrt(3) * 10 ** (hiss_db / 20)  # the RMS of uniform noise is its peak by the root of 3
    sounding += hiss
    return sounding


def low_pass(wave: Wave, cutoff_hz: float, rate_hz: int) -> Wave:
    """`wave` through a Butterworth low pass of order 4, 24 dB per octave, along its last axis."""
    from scipy.signal import sosfilt

    turn = 2 * math.pi * min(cutoff_hz, 0.45 * rate_hz) / rate_hz
    sections = []
    for quality in (0.54119610, 1.30656296):  # of the two pairs of poles: 1 / (2 cos 22.5°), 1 / (2 cos 67.5°)
        alpha, c = math.sin(turn) / (2 * quality), math.cos(turn)  # R. Bristow-Johnson's cookbook, LPF
        a = 1 + alpha
        sections.append([(1 - c) / 2 / a, (1 - c) / a, (1 - c) / 2 / a, 1.0, -2 * c / a, (1 - alpha) / a])
    filtered: Wave = sosfilt(np.array(sections), wave)
    return filtered
