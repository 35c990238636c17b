"""Tempo and key of a track, measured from its sound, each with how sure they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.lofi import media

Wave = NDArray[np.float32]  # shape (samples,), full scale is 1
Floats = NDArray[np.float64]

RATE_HZ = 22_050  # beats and notes lie below 11 kHz
SILENT = 1e-4  # -80 dBFS: below it nothing is heard
HOP, WINDOW = 512, 2048  # samples of an onset frame: 23 ms apart
TUNED_HZ, TUNED_LEAST = (150.0, 4000.0), 0.1  # where tuning is heard, and how high a peak is beside the highest
CHROMA_HOP, CHROMA_WINDOW = 4096, 8192  # 2.7 Hz a bin tells semitones apart from F2 on
# A lofi drummer counts 60 to 100 beats a minute. The prior is normal over log2 of the tempo, as in librosa's
# feature.tempo, but narrower: half and double of a tempo in it lose.
BEAT_BPM = (60.0, 100.0)
PRIOR_OCTAVES = 0.4
RANGE_BPM = (40.0, 180.0)
STEP_BPM = 0.1
BEATS = (1, 2, 4)  # a beat, half a bar, a bar: a pulse of swung or dotted notes comes again in fewer of them
LEAST_S = 8.0  # four beats of the slowest tempo, and a third more
# How well each note fits a key of C, major and minor: the profiles of C. Krumhansl and E. Kessler, "Tracing the dynamic
# changes in perceived tonal organization", Psychological Review 89 (1982); compared with the notes of a piece by
# correlation, which is the algorithm of Krumhansl and Schmuckler (Cognitive Foundations of Musical Pitch, 1990, ch. 4).
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
# From C on, spelled with the fewest sharps or flats.
MAJOR_KEYS = tuple(f"{note} major" for note in ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"))
MINOR_KEYS = tuple(f"{note} minor" for note in ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"))
MARGIN = 0.1  # of correlation over the next key that is as clear as can be asked for
# Deviation over mean of the twelve notes from which on there is a key to speak of, since noise correlates by chance
# with some key too: 0.01 in white noise, 0.06 in drums alone, 0.12 in chords and noise, 0.22 to 0.47 in recordings.
CONTRAST = 0.2


@dataclass(frozen=True)
class Measured:
    """What was found; None, with confidence 0, where there is nothing to find."""

    tempo_bpm: float | None
    tempo_confidence: float  # 0 to 1: how alike the onsets are to themselves a beat, two and four later
    key: str | None  # such as A minor
    key_confidence: float  # 0 to 1: correlation with the key's profile, less if another is near or notes are alike


NOTHING = Measured(None, 0.0, None, 0.0)


def measured_file(path: Path, most_s: float, limit_s: float) -> Measured:
    """Tempo and key of the first `most_s` seconds of the file at `path`; decoding it ends after `limit_s`.

    Raises media.Unreadable if it can't be decoded.
    """
    with media.decoding(path, most_s, limit_s) as sound:
        parts = [block.mean(axis=1, dtype=np.float32) for block in sound.blocks()]
    return measured(np.concatenate(parts), sound.rate_hz) if parts else NOTHING


def measured(mono: Wave, rate_hz: int) -> Measured:
    """Tempo and key of `mono`, shape (samples,), in [-1, 1].

    The tempo is the beat in the octave that lofi is counted in; the figures are rounded to what they are good for.
    """
    from threadpoolctl import threadpool_limits

    if len(mono) < LEAST_S * rate_hz or float(np.abs(mono).max()) < SILENT:
        return NOTHING
    with threadpool_limits(1):  # sums in one order
        wave = _resampled(np.asarray(mono, np.float32), rate_hz)
        return Measured(*_tempo(wave), *_key(wave))


def _resampled(mono: Wave, rate_hz: int) -> Wave:
    """`mono` at RATE_HZ, with its highest sample at full scale."""
    import soxr

    wave = soxr.resample(mono, rate_hz, RATE_HZ, quality="HQ") if rate_hz != RATE_HZ else mono
    scaled: Wave = wave / np.abs(wave).max()
    return scaled


def _spectra(wave: Wave, window: int, hop: int) -> Iterator[NDArray[np.float32]]:
    """Magnitudes of `wave`, shape (window / 2 + 1, frames), a thousand frames at a time to save memory."""
    import librosa

    frames = (len(wave) - window) // hop + 1
    for first in range(0, frames, 1000):
        last = min(first + 1000, frames) - 1
        part = wave[first * hop : last * hop + window]
        yield np.abs(librosa.stft(part, n_fft=window, hop_length=hop, center=False))


def _tempo(wave: Wave) -> tuple[float | None, float]:
    """Beats per minute of `wave`, and how sure they are."""
    import librosa
    import librosa.filters as filters
    import librosa.onset as onset

    bands = filters.mel(sr=RATE_HZ, n_fft=WINDOW, n_mels=64)
    mel = np.concatenate([bands @ np.square(part) for part in _spectra(wave, WINDOW, HOP)], axis=1)
    level_db = librosa.power_to_db(mel, ref=np.max, top_db=60.0)
    onsets = onset.onset_strength(S=level_db, sr=RATE_HZ, hop_length=HOP, detrend=False)
    onsets = np.convolve(onsets.astype(np.float64), np.hanning(7) / np.hanning(7).sum(), "same")
    onsets -= onsets.mean()
    frame_s = HOP / RATE_HZ
    longest = int(max(BEATS) * 60 / RANGE_BPM[0] / frame_s) + 2
    alike = librosa.autocorrelate(onsets, max_size=longest)
    if alike[0] <= 1e-9 * len(onsets):
        return None, 0.0
    # a longer lag has fewer pairs
    alike = alike / alike[0] * len(onsets) / (len(onsets) - np.arange(longest))
    bpm = np.arange(RANGE_BPM[0], RANGE_BPM[1], STEP_BPM)
    lags = 60 / bpm / frame_s
    score = np.mean([_between(alike, lags * beats) for beats in BEATS], axis=0).clip(0, 1)
    middle = np.mean(np.log2(BEAT_BPM))
    prior = np.exp(-0.5 * np.square((np.log2(bpm) - middle) / PRIOR_OCTAVES))
    # squared, so that two thirds of a tempo, which shares every other beat, doesn't win by the prior
    best = int(np.argmax(np.square(score) * prior))
    if score[best] <= 0:
        return None, 0.0
    return round(float(bpm[best]), 1), round(float(score[best]), 2)


def _between(values: Floats, places: Floats) -> Floats:
    """`values` at `places` between them, by a cubic spline: a peak between two frames isn't flattened."""
    from scipy.interpolate import CubicSpline

    found: Floats = CubicSpline(np.arange(len(values)), values)(places)
    return found


def _key(wave: Wave) -> tuple[str | None, float]:
    """Key of `wave`, and how sure it is."""
    chroma = _chroma(wave)
    if chroma is None or np.ptp(chroma) < 1e-9:
        return None, 0.0
    fits = {
        key: float(np.corrcoef(chroma, np.roll(profile, steps))[0, 1])
        for keys, profile in ((MAJOR_KEYS, MAJOR), (MINOR_KEYS, MINOR))
        for steps, key in enumerate(keys)
    }
    best, second = sorted(fits, key=fits.__getitem__, reverse=True)[:2]
    clear = min((fits[best] - fits[second]) / MARGIN, 1.0) * min(float(chroma.std() / chroma.mean()) / CONTRAST, 1.0)
    return best, round(max(fits[best], 0.0) * clear, 2)


def _chroma(wave: Wave) -> Floats | None:
    """How much of each note is in `wave`, from C on, shape (12,). Each moment counts the same, but for quiet ones."""
    import librosa.filters as filters

    spectra = list(_spectra(wave, CHROMA_WINDOW, CHROMA_HOP))
    if not spectra:
        return None
    magnitudes = np.concatenate(spectra, axis=1)
    tuning = _tuning(magnitudes[:, ::4])  # a quarter of the moments are enough for it, and as much less memory
    # most weight on the octaves around A4, which is 4 above 27.5 Hz: drums lie below, hiss above
    to_notes = filters.chroma(sr=RATE_HZ, n_fft=CHROMA_WINDOW, tuning=tuning, ctroct=4.0, octwidth=1.5)
    notes = to_notes @ magnitudes
    loud = notes.sum(axis=0)
    notes = notes[:, loud > loud.max() / 100]
    return np.asarray((notes / notes.sum(axis=0)).mean(axis=1), np.float64)


def _tuning(magnitudes: NDArray[np.float32]) -> float:
    """How far notes are from those of A4 = 440 Hz, in semitones from -0.5 to 0.5, by `magnitudes` of CHROMA_WINDOW.

    As librosa's estimate_tuning, but without its compiled function: two processes that are the first to compile it can
    leave a cache by which each later call ends in a segmentation fault. None of librosa's is called here.
    """
    below, inner, above = magnitudes[:-2], magnitudes[1:-1], magnitudes[2:]
    hz = np.arange(1, len(magnitudes) - 1) * RATE_HZ / CHROMA_WINDOW
    heard = ((hz >= TUNED_HZ[0]) & (hz < TUNED_HZ[1]))[:, None] & (inner > TUNED_LEAST * magnitudes.max(axis=0))
    at = np.nonzero(heard & (inner > below) & (inner >= above))
    # the top of a parabola through a peak and its neighbours
    bend, slope = above[at] + below[at] - 2 * inner[at], (above[at] - below[at]) / 2
    shift = np.where(np.abs(slope) < np.abs(bend), -slope / np.where(bend, bend, 1), 0)
    height = inner[at] + slope * shift / 2
    if not len(height):
        return 0.0
    pitch = (at[0] + 1 + shift)[height >= np.median(height)] * RATE_HZ / CHROMA_WINDOW
    off = np.mod(12 * np.log2(pitch / 440) + 0.5, 1) - 0.5
    counts, edges = np.histogram(off, np.linspace(-0.5, 0.5, 101))
    return float(edges[np.argmax(counts)])
