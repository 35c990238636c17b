"""Recordings made in code, and files of them."""

import struct
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.lofi.media import Samples, decoding, ffmpeg


def sine(seconds: float, hz: float = 440.0, dbfs: float = -6.0, rate_hz: int = 48_000, channels: int = 2) -> Samples:
    """A sine with its peak at `dbfs`, the same in all channels."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * at)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def music(seconds: float, seed: int = 1, rate_hz: int = 48_000) -> Samples:
    """Stereo noise of many tones that change every half second: enough to have a fingerprint of its own."""
    rng = np.random.default_rng(seed)
    step = rate_hz // 2
    at = np.arange(step) / rate_hz
    fade = np.minimum(1, np.minimum(at, at[::-1]) * 100)
    parts = []
    for _ in range(int(np.ceil(seconds * 2))):
        tones = 220 * 2 ** (rng.integers(0, 36, 5) / 12)
        wave = sum(np.sin(2 * np.pi * tone * at + rng.random()) for tone in tones) * fade
        side = 0.2 * np.sin(2 * np.pi * tones[0] * 1.5 * at) * fade
        parts.append(np.stack([wave + side, wave - side], axis=1))
    found = np.concatenate(parts)[: round(seconds * rate_hz)]
    return np.asarray(found / np.abs(found).max() * 0.5, np.float32)


def wav(path: Path, samples: NDArray[np.generic], rate_hz: int = 48_000, mask: int = 0) -> Path:
    """`samples`, shape (samples, channels), of 8-bit (uint8), 16-bit (int16) or float numbers, as a WAV file."""
    kind = 3 if samples.dtype.kind == "f" else 1
    size, channels = samples.dtype.itemsize, samples.shape[1]
    form = struct.pack("<HHIIHH", kind, channels, rate_hz, rate_hz * channels * size, channels * size, size * 8)
    if mask:
        guid = struct.pack("<HHHH", kind, 0, 0, 0x10) + bytes.fromhex("800000aa00389b71")
        form = struct.pack("<H", 0xFFFE) + form[2:] + struct.pack("<HHI", 22, size * 8, mask) + guid
    data = samples.tobytes()
    head = b"RIFF" + struct.pack("<I", 20 + len(form) + len(data)) + b"WAVEfmt " + struct.pack("<I", len(form)) + form
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + b"data" + struct.pack("<I", len(data)) + data)
    return path


def int16(samples: Samples) -> NDArray[np.int16]:
    return np.round(np.clip(samples, -1, 32767 / 32768) * 32768).astype(np.int16)


def encoded(path: Path, source: Path, *options: str) -> Path:
    """`source` in another form, by ffmpeg."""
    command = [ffmpeg(), "-v", "error", "-nostdin", "-y", "-i", f"file:{source}", *options, f"file:{path}"]
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(command, check=True)
    return path


def good(path: Path, seed: int = 1, seconds: float = 3.0) -> Path:
    """Music that nothing is wrong with."""
    return wav(path, int16(music(seconds, seed)))


def decoded(path: Path) -> Samples:
    """All of a file, at its own rate."""
    with decoding(path, 600, 60) as sound:
        return np.concatenate(list(sound.blocks()))
