"""Sound in and out by ffmpeg: what it reads becomes blocks of samples, and samples an MP3 of the same bytes each time.

Only the file that is named is opened: no playlist, no link to another file, no network. The same file gives the same
samples on every processor, which takes ffmpeg without its SIMD code: its decoders differ with it in the last bits.
"""

import fcntl
import re
import shutil
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from stages.run import StageError

Samples = NDArray[np.float32]  # shape (samples, channels), full scale is 1

BLOCK = 1 << 16  # samples of a block
PIPE = 1 << 20  # bytes that a pipe holds
LINES = 200  # of what ffmpeg says, that are kept
# Demuxers that read one file and nothing that it names. Playlists (hls, dash, concat) and devices aren't among them.
FORMATS = (
    "aac ac3 adts aiff amr ape asf au avi caf dsf dts eac3 flac flv g722 gsm matroska mov mp3 mpeg oga ogg oma "
    "rm s8 sox spdif tak truehd tta voc w64 wav webm wv xwma"
).replace(" ", ",")
SUFFIXES = frozenset(
    (
        *(".mp3", ".wav", ".flac", ".m4a", ".ogg", ".oga", ".opus", ".aac", ".aif", ".aiff", ".wma", ".mka", ".webm"),
        *(".mp4", ".ac3", ".eac3", ".ape", ".wv", ".tta", ".caf", ".au", ".amr", ".w64", ".mp2", ".dsf"),
    )
)
UNSUPPORTED = ("whitelist", "matches no streams", "Decoder not found", "Unknown decoder", "no decoder", "encrypted")
LOSSY = frozenset(
    [
        "aac",
        "ac3",
        "amrnb",
        "amrwb",
        "atrac1",
        "atrac3",
        "atrac3p",
        "cook",
        "dts",
        "eac3",
        "mp1",
        "mp2",
        "mp3",
        "opus",
        "vorbis",
        "wmapro",
        "wmav1",
        "wmav2",
    ]
)
# Speakers in the order of a WAV header's mask, and what each gives to left and right (ITU-R BS.775, without the bass).
SPEAKERS = ("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR")
HALF = 0.5**0.5
TAG = re.compile(r"(?:^|\])\s*(tbpm|bpm|tmpo|tkey|initialkey|initial_key|key)\s*: (.+)$", re.IGNORECASE)
TEMPO_TAGS, KEY_TAGS = ("tbpm", "bpm", "tmpo"), ("tkey", "initialkey", "initial_key", "key")  # by ID3, Vorbis, MP4
# What ffmpeg says at the beginning of a line, before anything that a file's name or tags could hold.
COMPLAINT = re.compile(r"(?:\[[^\[\]]* @ 0x[0-9a-f]+\] )*\[(?:error|fatal)\] ")
DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d\.\d+)")
SIDES = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (HALF, HALF),
    "LFE": (0.0, 0.0),
    "BC": (0.5, 0.5),
    **dict.fromkeys(("BL", "SL", "FLC"), (HALF, 0.0)),
    **dict.fromkeys(("BR", "SR", "FRC"), (0.0, HALF)),
}


class Unreadable(Exception):  # noqa: N818  a normal outcome of reading, not a programming error
    """A file that gives no sound. `reason` is corrupt or unsupported; if it isn't `lasting`, try again."""

    def __init__(self, reason: str, detail: str, lasting: bool = True) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.lasting = lasting


@cache
def ffmpeg() -> str:
    """The program: that of the PATH, else the one that imageio-ffmpeg brings. Raises StageError if there is none."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise StageError(
            "ffmpeg is not on the PATH, and the package imageio-ffmpeg brings none here; install ffmpeg (apt install "
            "ffmpeg, brew install ffmpeg)"
        ) from error


@cache
def identity() -> str:
    """The version of ffmpeg: another one encodes to other bytes."""
    said = subprocess.run([ffmpeg(), "-version"], capture_output=True, text=True, check=True).stdout
    return said.split(" Copyright")[0].removeprefix("ffmpeg version ").strip()


@dataclass
class Sound:
    """An open file: its form, and its samples as they come."""

    rate_hz: int
    channels: int
    mask: int  # of the speakers, as in a WAV header; 0 if the file doesn't say
    _most_s: float
    _pipe: BufferedReader
    _said: "_Said"
    _watch: "_Watch"
    samples: int = field(default=0, init=False)  # that were read so far

    def blocks(self) -> Iterator[Samples]:
        """All samples in their order. Afterwards `errors` is whole."""
        frame = 4 * self.channels
        # ffmpeg counts by time stamps, which begin anew in files that are several files end to end
        left = round(self._most_s * self.rate_hz)
        while True:
            block = np.empty((BLOCK, self.channels), np.float32)
            count = self._pipe.readinto(block.data.cast("B")) // frame
            if not count:
                break
            if left:
                self.samples += min(count, left)
                yield block[: min(count, left)]
                left -= min(count, left)
        self._watch.process.wait()
        self._said.join()

    @property
    def errors(self) -> int:
        """Complaints of the decoder: it goes on after damage, and exits with 0."""
        return self._said.errors

    @property
    def codec(self) -> str:
        """Name of the audio codec, such as mp3, vorbis or pcm_s16le."""
        return self._said.codec

    @property
    def tempo_tag(self) -> str:
        """What the file's metadata give as its tempo; empty if they don't."""
        return self._said.tag(TEMPO_TAGS)

    @property
    def key_tag(self) -> str:
        """What the file's metadata give as its key; empty if they don't."""
        return self._said.tag(KEY_TAGS)

    @property
    def complaint(self) -> str:
        """The first error, in ffmpeg's words; empty if there was none. What follows is often its consequence alone."""
        return self._said.complaint

    @property
    def stated_s(self) -> float | None:
        """The length that the file's header states, if it does; it may be wrong."""
        return self._said.stated_s

    @property
    def cut_off(self) -> str:
        """Why decoding was ended before the file's end, which may be otherwise next time; empty if it wasn't."""
        return self._watch.why

    @property
    def is_lossy(self) -> bool:
        """Whether samples may go beyond full scale, as those of a lossy codec do where the source was clipped."""
        return self.codec in LOSSY


@contextmanager
def decoding(path: Path, most_s: float, limit_s: float) -> Iterator[Sound]:
    """The first audio stream of `path`, at most `most_s` seconds of it. ffmpeg is ended after `limit_s`.

    Raises Unreadable if there is none, or nothing of it can be decoded.
    """
    command = [
        *(ffmpeg(), "-hide_banner", "-nostdin", "-v", "level+info", "-cpuflags", "0"),
        *("-protocol_whitelist", "file,pipe", "-format_whitelist", FORMATS, "-i", f"file:{path.absolute()}"),
        *("-map", "0:a:0", "-t", f"{most_s}", "-c:a", "pcm_f32le", "-f", "wav", "-fflags", "+bitexact", "pipe:1"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert isinstance(process.stdout, BufferedReader) and process.stderr
        _widen(process.stdout)
        said = _Said(process.stderr, path)
        with _Watch(process, limit_s) as watch:
            header = _header(process.stdout)
            if header is None:
                process.wait()
                said.join()
                if watch.why:
                    raise Unreadable("corrupt", watch.why, lasting=False)
                known = path.suffix.lower() in SUFFIXES and not said.is_unsupported
                raise Unreadable("corrupt" if known else "unsupported", said.complaint or "no sound in it")
            yield Sound(*header, most_s, process.stdout, said, watch)


class _Watch:
    """Ends `process` after `limit_s`, and when the block ends."""

    def __init__(self, process: "subprocess.Popen[bytes]", limit_s: float) -> None:
        self.process, self.limit_s, self.late = process, limit_s, False
        self._timer = threading.Timer(limit_s, self._end)

    def __enter__(self) -> "_Watch":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self.process.kill()

    def _end(self) -> None:
        self.late = True
        self.process.kill()

    @property
    def why(self) -> str:
        """Why the process has ended, if not by itself; empty otherwise."""
        code = self.process.returncode
        if code is None or code >= 0:
            return ""
        return f"decoding took over {self.limit_s:g} s" if self.late else f"ffmpeg was ended by signal {-code}"


def _widen(pipe: IO[bytes]) -> None:
    """Let `pipe` hold more, for fewer turns of both sides. Not everywhere can it, and not every user may."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE)


class _Said(threading.Thread):
    """What ffmpeg says of `path`, read as it comes, so that it never waits: first lines, and how many errors."""

    def __init__(self, pipe: IO[bytes], path: Path) -> None:
        super().__init__(daemon=True)
        self.pipe, self.path, self.lines, self.complaints = pipe, path, list[str](), list[str]()
        self.errors = 0
        self.start()

    def run(self) -> None:
        for raw in self.pipe:
            line = raw[:500].decode(errors="replace").strip()
            if len(self.lines) < LINES:
                self.lines.append(line)
            if found := COMPLAINT.match(line):
                self.errors += 1
                # the same file elsewhere is the same complaint
                if len(self.complaints) < LINES:
                    self.complaints.append(line[found.end() :].replace(f"file:{self.path.absolute()}", "the file"))

    @property
    def codec(self) -> str:
        for line in list(self.lines):
            if "Stream #0" in line and " Audio: " in line:
                return line.partition(" Audio: ")[2].replace(",", " ").split()[0]
        return ""

    @property
    def complaint(self) -> str:
        return next(iter(self.complaints), "")

    def tag(self, names: Sequence[str]) -> str:
        found = filter(None, map(TAG.search, list(self.lines)))
        return next((one[2].strip() for one in found if one[1].lower() in names), "")

    @property
    def stated_s(self) -> float | None:
        found = next(filter(None, map(DURATION.search, list(self.lines))), None)
        return None if found is None else 3600 * int(found[1]) + 60 * int(found[2]) + float(found[3])

    @property
    def is_unsupported(self) -> bool:
        """Whether ffmpeg knows what it is, and it is no sound that we read."""
        text = "\n".join(self.complaints)
        return any(word in text for word in UNSUPPORTED)


def _header(pipe: IO[bytes]) -> tuple[int, int, int] | None:
    """Rate, channels and mask of the WAV that begins in `pipe`, read up to its first sample; None if there is none."""
    if len(pipe.read(12)) < 12:
        return None
    found = None
    while len(head := pipe.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            return found
        body = pipe.read(size)
        if name == b"fmt ":
            _, channels, rate_hz = struct.unpack_from("<HHI", body)
            found = rate_hz, channels, struct.unpack_from("<I", body, 20)[0] if len(body) >= 40 else 0
    return None


def sides(channels: int, mask: int) -> Samples:
    """What each channel gives to left and right, shape (channels, 2). One channel goes to both as it is."""
    if channels == 1:
        return np.ones((1, 2), np.float32)
    names: Sequence[str] = [name for bit, name in enumerate(SPEAKERS) if mask >> bit & 1]
    if len(names) != channels:  # nobody says where they are: by turns
        names = ["FL" if place % 2 == 0 else "FR" for place in range(channels)]
    return np.array([SIDES[name] for name in names], np.float32)


def encode(stereo: Samples, rate_hz: int, kbit: int, path: Path) -> None:
    """Write `stereo`, shape (samples, 2), to `path` as an MP3 of `kbit` kbit/s, or as 24-bit FLAC where that is 0.

    Raises OSError if it can't be written, as on a full disk.
    """
    mp3 = ("-c:a", "libmp3lame", "-b:a", f"{kbit}k", "-id3v2_version", "0", "-f", "mp3")
    flac = ("-c:a", "flac", "-sample_fmt", "s32", "-bits_per_raw_sample", "24", "-f", "flac")
    command = [
        *(ffmpeg(), "-hide_banner", "-nostdin", "-v", "error", "-y"),
        *("-f", "f32le", "-ar", f"{rate_hz}", "-ac", "2", "-i", "pipe:0", "-map_metadata", "-1"),
        *(mp3 if kbit else flac),
        *("-fflags", "+bitexact", "-flags:a", "+bitexact", f"file:{path.absolute()}"),
    ]
    with tempfile.TemporaryFile() as said:
        process: Any = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said)
        _widen(process.stdin)
        try:
            process.stdin.write(np.ascontiguousarray(stereo, np.float32).data)
        except BrokenPipeError:
            pass  # it says why
        finally:
            process.stdin.close()
        if process.wait():
            said.seek(0)
            line = said.read(2000).decode(errors="replace").strip().replace("\n", "; ")
            raise OSError(f"{path} can't be written by ffmpeg: {line or f'it ended with {process.returncode}'}")
