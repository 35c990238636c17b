"""Every kind of file has its status, and nothing that one of them is stops the others."""

import csv
import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.files import sha256_file, sha256_tree
from stages.lofi import manifest, media
from stages.lofi.curate import CurateParams, File, curate
from stages.lofi.media import Samples
from stages.run import StageError
from tests.conftest import ROOT
from tests.lofi.sounds import decoded, encoded, good, int16, music, sine, wav

TRACK: dict[str, Any] = {
    "min_s": 2.0,
    "max_s": 5.0,
    "max_clipping": 0.001,
    "max_silence": 0.5,
    "peak_dbfs": -1.0,
    "peak_tolerance_db": 0.2,
    "kbit": 320,
    "limit_s": 30.0,
}
PICTURES = ("tracks", "refused")
PARAMS: dict[str, Any] = {"track": TRACK, "same": 0.85}


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REFRAIN_ENGINE", "sequential")  # workers of an earlier test would keep its environment
    (tmp_path / "collected").mkdir()
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def curated(raw: Path, out: str = "curated", **changes: Any) -> tuple[dict[str, dict[str, str]], Any]:
    """Rows of the manifest by file, and the metrics."""
    params = CurateParams.model_validate(PARAMS | {"track": TRACK | changes})
    folder = raw.parent / out
    tracks, refused = (raw.parent / f"{name}.png" for name in PICTURES)
    metrics = curate(raw.parent / "collected", raw, folder, tracks, refused, params)
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return {row["file"].removeprefix("raw/"): row for row in csv.DictReader(file)}, metrics


def picture(path: Path) -> Path:
    command = [media.ffmpeg(), "-v", "error", "-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", "1", str(path)]
    subprocess.run(command, check=True)
    return path


def with_picture(path: Path, scratch: Path) -> None:
    cover = picture(scratch / "cover.png")
    source = good(scratch / "source.wav", 30)
    command = [media.ffmpeg(), "-v", "error", "-i", str(source), "-i", str(cover), "-map", "0", "-map", "1"]
    subprocess.run([*command, "-c:v", "copy", "-disposition:v", "attached_pic", str(path)], check=True)


def chained(path: Path, scratch: Path) -> None:
    parts = [
        encoded(scratch / f"{n}.ogg", good(scratch / f"{n}.wav", 40 + n, 1.5), "-c:a", "libvorbis") for n in (0, 1)
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))


def end_to_end(path: Path, scratch: Path) -> None:
    """Three whole files in one, whose time stamps begin anew."""
    parts = [
        encoded(scratch / f"{n}{path.suffix}", good(scratch / f"{n}.wav", 45 + n), "-c:a", "flac") for n in range(3)
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))


def half_numbers(path: Path, _: Path) -> None:
    samples = music(3, 56)
    samples[::2] = np.nan
    wav(path, samples)


def headless_vbr(path: Path, scratch: Path) -> None:
    source = good(scratch / "source.wav", 50, 4.0)
    encoded(path, source, "-c:a", "libmp3lame", "-q:a", "4", "-write_xing", "0", "-id3v2_version", "0")


def rotten(path: Path, scratch: Path) -> None:
    data = bytearray(encoded(scratch / "a.mp3", good(scratch / "a.wav", 51, 4.0), "-b:a", "128k").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 700] = b"\xff" * 700
    path.write_bytes(data)


def truncated(path: Path, scratch: Path) -> None:
    data = encoded(scratch / "a.flac", good(scratch / "a.wav", 52, 4.5)).read_bytes()
    path.write_bytes(data[: len(data) // 2])


def encrypted(path: Path, scratch: Path) -> None:
    key = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb")
    kid = ("-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")
    encoded(path, good(scratch / "a.wav", 53), "-c:a", "aac", *key, *kid)


def lying_header(path: Path, scratch: Path) -> None:
    data = bytearray(good(scratch / "a.wav", 54).read_bytes())
    data[40:44] = (48_000 * 4 * 3600).to_bytes(4, "little")  # an hour
    path.write_bytes(data)


def shouting(path: Path, _: Path) -> None:
    wav(path, np.asarray(music(3, 55) * 6, np.float32))  # float samples may go over full scale


def broken_floats(path: Path, _: Path) -> None:
    samples = music(3, 56)
    samples[1000:1010] = np.nan
    samples[2000] = np.inf
    wav(path, samples)


def to(*options: str, seed: int = 60, seconds: float = 3.0) -> Callable[[Path, Path], object]:
    def make(path: Path, scratch: Path) -> None:
        encoded(path, good(scratch / "source.wav", seed, seconds), *options)

    return make


def of(make: Callable[[], Samples], rate_hz: int = 48_000, mask: int = 0) -> Callable[[Path, Path], object]:
    return lambda path, _: wav(path, int16(make()), rate_hz, mask)


def holding(data: bytes) -> Callable[[Path, Path], object]:
    return lambda path, _: path.write_bytes(data)


def quiet_half(silent: float, loud: float) -> Samples:
    return np.concatenate([np.zeros((round(silent * 48_000), 2), np.float32), music(loud, 57)])


def loudest(channels: int) -> Samples:
    return np.repeat(music(3, 58)[:, :1], channels, axis=1) * np.linspace(1, 0.5, channels, dtype=np.float32)


NOISE = np.random.default_rng(1).integers(0, 256, 60_000, np.uint8).tobytes()

# name: how it is made, status
FILES: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "empty.wav": (holding(b""), "corrupt"),
    "noise.mp3": (holding(NOISE), "corrupt"),
    "noise.wav": (holding(b"RIFF\xff\xff\xff\xffWAVE" + NOISE), "corrupt"),
    "words.flac": (holding(b"no music at all\n" * 500), "corrupt"),
    "archive.ogg": (holding(b"PK\x03\x04" + NOISE), "corrupt"),
    "song.mid": (holding(b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0"), "unsupported"),
    "list.m3u8": (holding(b"#EXTM3U\n#EXTINF:3,\n../outside.wav\n"), "unsupported"),
    "list.m3u": (holding(b"../outside.wav\n" * 20), "unsupported"),
    "list.mp3": (holding(b"ffconcat version 1.0\nfile ../outside.wav\n"), "unsupported"),
    "wave.mp3": (lambda path, _: good(path, 2), "ok"),
    "free.wav": (to("-c:a", "flac", "-f", "flac"), "ok"),
    "a.mp3": (to("-b:a", "192k", seed=61), "ok"),
    "a.m4a": (to("-c:a", "aac", seed=62), "ok"),
    "a.ogg": (to("-c:a", "libvorbis", seed=63), "ok"),
    "a.opus": (to("-c:a", "libopus", seed=64), "ok"),
    "a.flac": (to("-c:a", "flac", seed=65), "ok"),
    "a.aiff": (to("-c:a", "pcm_s16be", seed=66), "ok"),
    "sub/a.mp3": (to("-b:a", "192k", seed=67), "ok"),
    "A.MP3": (to("-b:a", "192k", "-f", "mp3", seed=68), "ok"),
    "two\nlines.wav": (lambda path, _: good(path, 3), "ok"),
    "-i dash.wav": (lambda path, _: good(path, 4), "ok"),
    'quote\'s "double" $HOME `id`.wav': (lambda path, _: good(path, 5), "ok"),
    "100%d %s.wav": (lambda path, _: good(path, 6), "ok"),
    "é" * 118 + ".wav": (lambda path, _: good(path, 7), "ok"),
    "concat:a|b.wav": (lambda path, _: good(path, 8), "ok"),
    "8bit.wav": (lambda path, _: wav(path, (128 + 100 * music(3, 9)).astype(np.uint8)), "ok"),
    "24bit.wav": (to("-c:a", "pcm_s24le", seed=69), "ok"),
    "float.wav": (shouting, "ok"),
    "nan.wav": (broken_floats, "ok"),
    "192k.wav": (to("-ar", "192000", seed=70), "ok"),
    "8k.wav": (to("-ar", "8000", seed=71), "ok"),
    "mono.wav": (of(lambda: loudest(1)), "ok"),
    "5.1.wav": (of(lambda: loudest(6), mask=0x3F), "ok"),
    "7.1.wav": (of(lambda: loudest(8), mask=0x63F), "ok"),
    "picture.mp3": (with_picture, "ok"),
    "chained.ogg": (chained, "ok"),
    "headless.mp3": (headless_vbr, "ok"),
    "rotten.mp3": (rotten, "ok"),
    "truncated.flac": (truncated, "corrupt"),
    "encrypted.m4a": (encrypted, "corrupt"),
    "hour.wav": (lying_header, "ok"),
    "short.wav": (of(lambda: music(1.9)), "too_short"),
    "long.wav": (of(lambda: music(8, 72)), "ok"),
    "clipped.wav": (of(lambda: music(3) * 8), "excessive_clipping"),
    "silent.wav": (of(lambda: np.zeros((3 * 48_000, 2), np.float32)), "excessive_silence"),
    "hum.wav": (of(lambda: sine(3, 100, -70.0)), "excessive_silence"),
    "pause.wav": (of(lambda: quiet_half(2.0, 1.5)), "excessive_silence"),
    "album.flac": (end_to_end, "ok"),
    "album.mka": (end_to_end, "ok"),
    "half.wav": (half_numbers, "corrupt"),
    "x [error] y.wav": (lambda path, _: good(path, 10), "ok"),
    "encrypted/noise.mp3": (holding(NOISE[:-1]), "corrupt"),
    "back\\slash.wav": (lambda path, _: good(path, 11), "ok"),
    "back\nslash.wav": (lambda path, _: good(path, 12), "ok"),
    "back\\nslash.wav": (lambda path, _: good(path, 13), "ok"),
    "rest.wav": (of(lambda: quiet_half(1.0, 2.0)), "ok"),
}


def test_every_kind_of_file_has_its_status(raw: Path, tmp_path: Path) -> None:
    good(tmp_path / "outside.wav", 99)
    for number, (name, (make, _)) in enumerate(FILES.items()):
        scratch = tmp_path / f"scratch{number}"
        scratch.mkdir()
        (raw / name).parent.mkdir(exist_ok=True)
        make(raw / name, scratch)
    os.mkfifo(raw / "fifo.wav")
    (raw / "loop.wav").symlink_to("loop.wav")
    (raw / "gone.wav").symlink_to("nowhere.wav")
    (raw / "out.wav").symlink_to(tmp_path / "outside.wav")
    (raw / "in.wav").symlink_to("a.flac")
    (raw / "folder.wav").mkdir()
    (raw / "linked").symlink_to(tmp_path / "scratch0")
    (raw / ".hidden.wav").write_bytes(b"x")
    (raw / "cover.jpg").write_bytes(b"x")
    expected = {name: status for name, (_, status) in FILES.items()}
    expected |= dict.fromkeys(("fifo.wav", "loop.wav", "gone.wav", "out.wav", "linked"), "skipped") | {"in.wav": "ok"}
    assert len(expected) >= 40

    rows, metrics = curated(raw)
    found = {name: row["status"] for name, row in rows.items()}
    assert found == {manifest.printable(name): status for name, status in expected.items()}
    accepted = [row for row in rows.values() if row["status"] == "ok"]
    assert len({row["name"].lower() for row in accepted}) == len(accepted) == metrics["files_ok"]
    assert {path.name for path in (raw.parent / "curated").iterdir()} == {
        *("manifest.csv", "sheets"),
        *(f"{row['name']}.mp3" for row in accepted),
    }
    for row in accepted:
        samples = decoded(raw.parent / "curated" / f"{row['name']}.mp3")
        assert samples.shape == (int(row["samples"]), 2)
        assert 20 * np.log10(np.abs(samples).max()) == pytest.approx(-1.0, abs=0.3)
    assert metrics["peak_error_db_max"] <= 0.3
    assert all(row["detail"] for row in rows.values() if row["status"] != "ok")
    for name, seconds, frames in (
        ("long.wav", 5, 0),
        ("chained.ogg", 3, 1),
        ("hour.wav", 3, 0),
        ("album.flac", 5, 0),
        ("album.mka", 5, 0),
        ("headless.mp3", 4, 2),  # without its header nobody knows how much the encoder put before and after
    ):
        assert int(rows[name]["samples"]) == pytest.approx(seconds * 48_000, abs=frames * 1152)
    warned = {name: row["warnings"] for name, row in rows.items() if row["warnings"] and row["status"] == "ok"}
    assert warned == {
        "rotten.mp3": "decode_errors",
        "a.flac": "duplicate",
        "in.wav": "duplicate",  # a link to it
        "nan.wav": "no_numbers",
        **dict.fromkeys(("long.wav", "album.flac", "album.mka"), "cut"),
    }
    assert rows["nan.wav"]["taken_errors"] == "10.0"
    assert not any(str(tmp_path) in row["detail"] for row in rows.values())  # what a file is doesn't hang on its place


def test_a_recording_that_was_encoded_again_or_trimmed_is_told_of_and_kept(raw: Path) -> None:
    source = wav(raw / "a.wav", int16(music(16, 80)))
    encoded(raw / "b.mp3", source, "-b:a", "96k")
    wav(raw / "c.wav", int16(music(16, 80)[2 * 48_000 :]))
    wav(raw / "other.wav", int16(music(16, 81)))
    rows, metrics = curated(raw, max_s=20.0)
    assert metrics["duplicates"] == 3 and metrics["files_ok"] == 4
    assert {rows[name]["group"] for name in ("a.wav", "b.mp3", "c.wav")} == {rows["a.wav"]["name"]}
    assert rows["b.mp3"]["same_as"] in ("raw/a.wav", "raw/c.wav") and rows["b.mp3"]["warnings"] == "duplicate"
    assert (rows["other.wav"]["same_as"], rows["other.wav"]["group"]) == ("", rows["other.wav"]["name"])


def test_a_result_lies_over_its_source_to_the_millisecond(raw: Path) -> None:
    source = music(3.5, 5)
    wav(raw / "a.wav", int16(source))
    rows, _ = curated(raw)
    result = decoded(raw.parent / "curated" / f"{rows['a.wav']['name']}.mp3")
    assert abs(len(result) - len(source)) <= 1152
    one, other = (wave[:96_000, 0].astype(float) for wave in (source, result))
    lag = int(np.argmax(np.correlate(one[2000:-2000], other, "valid"))) - 2000
    assert abs(lag) <= 48


@pytest.mark.parametrize("kbit", [320, 0])
def test_one_worker_and_two_give_the_same_bytes_and_so_does_the_store(raw: Path, tmp_path: Path, kbit: int) -> None:
    for seed in range(9):
        good(raw / f"{seed}.wav", seed)
    _, metrics = curated(raw, kbit=kbit)
    first = sha256_tree(tmp_path / "curated")
    (tmp_path / "params.yaml").write_text(json.dumps({"curate": PARAMS | {"track": TRACK | {"kbit": kbit}}}))
    pictures = [tmp_path / f"{name}.png" for name in PICTURES]
    drawn = [path.read_bytes() for path in pictures]
    paths = [*(str(tmp_path / name) for name in ("collected", "raw", "again")), *map(str, pictures)]
    command = ["stages.lofi.curate", *paths, "--params", "curate", "--params-file", str(tmp_path / "params.yaml")]
    environment = os.environ | {
        "REFRAIN_ENGINE": "loky",
        "REFRAIN_WORKERS": "2",
        "REFRAIN_SCRATCH": str(tmp_path / "other"),
    }
    subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environment, check=True)
    assert sha256_tree(tmp_path / "again") == first
    assert [path.read_bytes() for path in pictures] == drawn
    _, again = curated(raw, kbit=kbit)  # all of it from the store
    assert sha256_tree(tmp_path / "curated") == first
    assert again == metrics


def test_what_is_in_the_store_is_not_decoded_again(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(3):
        good(raw / f"{seed}.wav", seed)
    curated(raw)
    read: list[Path] = []
    really = media.decoding

    def watched(path: Path, *arguments: float) -> Any:
        read.append(path)
        return really(path, *arguments)

    monkeypatch.setattr(media, "decoding", watched)
    shutil.move(raw / "1.wav", raw / "moved.wav")
    curated(raw)
    assert read == []
    good(raw / "2.wav", 777)
    curated(raw)
    assert [path.name for path in read if path.parent == raw] == ["2.wav"]


def test_names_are_safe_and_their_own() -> None:
    names = [File(f"raw/{name}", Path(name)).name for name in ("a.wav", "a.mp3", "A.wav", "é/ü.wav", "🎵.wav", "..")]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and name == name.lower() and "/" not in name for name in names)
    assert names[0].startswith("a-") and names[4].startswith("track-")


def test_without_ffmpeg_one_line_says_what_to_install(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    media.ffmpeg.cache_clear()
    media.identity.cache_clear()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(StageError, match=r"install ffmpeg \(apt install"):
        curated(raw)
    monkeypatch.undo()
    media.ffmpeg.cache_clear()
    media.identity.cache_clear()


def test_a_disk_that_is_full_is_one_line_and_leaves_nothing(raw: Path, tmp_path: Path) -> None:
    good(raw / "a.wav")
    with pytest.raises(OSError, match="can't be written by ffmpeg"):
        media.encode(music(1), 48_000, 320, Path("/dev/full"))


@pytest.mark.parametrize(
    ("samples", "warning"),
    [
        (lambda: music(3) * np.array([1, 0], np.float32), "dead_channel"),
        (lambda: music(3)[:, :1] * np.array([1, -1], np.float32), "antiphase"),
        (lambda: music(3) + np.float32(0.1), "dc_offset"),
    ],
)
def test_what_is_wrong_with_channels_is_a_warning(raw: Path, samples: Callable[[], Samples], warning: str) -> None:
    wav(raw / "a.wav", int16(samples()))
    rows, metrics = curated(raw)
    assert (rows["a.wav"]["status"], rows["a.wav"]["warnings"]) == ("ok", warning)
    assert metrics["warnings"] == {warning: 1}
    assert float(rows["a.wav"]["quality"]) < 100


def test_a_disk_that_fills_ends_the_stage_in_one_line_and_leaves_what_was_there(raw: Path, tmp_path: Path) -> None:
    good(raw / "a.wav", 1)
    curated(raw)
    before = sha256_tree(tmp_path / "curated")
    good(raw / "b.wav", 2)
    (tmp_path / "params.yaml").write_text(json.dumps({"curate": PARAMS}))
    paths = [
        *(str(tmp_path / name) for name in ("collected", "raw", "curated")),
        *(str(tmp_path / n) for n in PICTURES),
    ]
    command = [sys.executable, "-m", "stages.lofi.curate", *paths, "--params", "curate"]
    done = subprocess.run(
        [*command, "--params-file", str(tmp_path / "params.yaml")],
        cwd=ROOT,
        # no file may grow beyond 20 kB: to who writes it is as on a disk that is full
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("curate: ")]
    assert len(lines) == 1 and ".mp3" in lines[0] and "Traceback" not in done.stderr
    assert sha256_tree(tmp_path / "curated") == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".curated")]


@pytest.mark.parametrize(
    ("suffix", "options", "found"),
    [
        (".mp3", ("-metadata", "TBPM=85", "-metadata", "TKEY=Am"), ("85.0", "A minor")),
        (".flac", ("-metadata", "BPM=77.5", "-metadata", "INITIALKEY=8A"), ("77.5", "A minor")),
        (".ogg", ("-metadata", "bpm=fast", "-metadata", "key=F#m"), ("", "F# minor")),
        (".wav", (), ("", "")),
    ],
)
def test_the_tempo_and_key_of_a_files_metadata_are_in_the_manifest(
    raw: Path, tmp_path: Path, suffix: str, options: tuple[str, ...], found: tuple[str, str]
) -> None:
    encoded(raw / f"a{suffix}", good(tmp_path / "source.wav"), *options)
    rows, _ = curated(raw)
    assert (rows[f"a{suffix}"]["tempo_tag"], rows[f"a{suffix}"]["key_tag"]) == found


@pytest.mark.skipif(sys.platform == "darwin", reason="the file system refuses such names")
def test_a_name_that_is_no_text_is_curated_and_written_with_escapes(raw: Path) -> None:
    good(raw / "a.wav", 1)
    (raw / "a.wav").rename(raw / os.fsdecode(b"caf\xe9 \xff\nx.wav"))
    rows, _ = curated(raw)
    assert [(name, row["status"]) for name, row in rows.items()] == [(r"caf\udce9 \udcff\nx.wav", "ok")]


def test_every_file_is_on_a_sheet_the_refused_ones_with_why(raw: Path, tmp_path: Path) -> None:
    good(raw / "a.wav", 1)
    wav(raw / "short.wav", int16(music(1.0)))
    (raw / "broken.mp3").write_bytes(b"no sound")
    curated(raw)
    sheets = tmp_path / "curated" / "sheets"
    assert sorted(path.name for path in sheets.iterdir()) == ["accepted-001.png", "refused-001.png"]
    assert (sheets / "accepted-001.png").read_bytes() == (tmp_path / "tracks.png").read_bytes()
    assert (sheets / "refused-001.png").read_bytes() == (tmp_path / "refused.png").read_bytes()


@pytest.mark.parametrize("names", [("a.mp3", "b.xyz"), ("b.xyz", "a.mp3")])
def test_a_status_does_not_depend_on_what_was_seen_before(raw: Path, names: tuple[str, str]) -> None:
    for name in names:  # the same bytes under two names, one after the other
        (raw / name).write_bytes(NOISE)
        rows, _ = curated(raw)
    assert {name: row["status"] for name, row in rows.items()} == {"a.mp3": "corrupt", "b.xyz": "unsupported"}


def test_a_decoder_that_was_killed_is_asked_again(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good(raw / "a.wav", 4711)  # nothing that the store has from another test
    flag, program = tmp_path / "flag", tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    killed = f'case "$*" in *wav*pipe:1) test ! -e "{flag}" || kill -9 $$;; esac'
    program.write_text(f'#!/bin/sh\n{killed}\nexec "{media.ffmpeg()}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    media.ffmpeg.cache_clear()
    try:
        flag.touch()
        rows, _ = curated(raw)
        assert (rows["a.wav"]["status"], rows["a.wav"]["detail"]) == ("corrupt", "ffmpeg was ended by signal 9")
        flag.unlink()
        rows, _ = curated(raw)
        assert rows["a.wav"]["status"] == "ok"
    finally:
        media.ffmpeg.cache_clear()


def test_a_file_that_dvc_has_put_a_link_in_place_of_is_read(raw: Path, tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "files" / "md5" / "ab" / ("c" * 30)
    kept.parent.mkdir(parents=True)
    good(kept)
    (raw / "a.wav").symlink_to(kept)
    rows, _ = curated(raw)
    assert rows["a.wav"]["status"] == "ok"


def test_a_file_that_the_disk_does_not_give_stops_no_other(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good(raw / "a.wav", 1)
    good(raw / "bad.wav", 2)
    really = sha256_file

    def failing(path: Path) -> str:
        if path.name == "bad.wav":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return really(path)

    monkeypatch.setattr("stages.lofi.curate.sha256_file", failing)
    rows, _ = curated(raw)
    found = {name: (row["status"], row["detail"]) for name, row in rows.items()}
    assert found == {"a.wav": ("ok", ""), "bad.wav": ("skipped", "can't be read: Input/output error")}


def loop(turns: int, words: int, seed: int) -> Samples:
    """A bar of `words` of a fingerprint, again and again, under a little hiss."""
    bar = music(words * 0.1238, seed)
    hiss = np.random.default_rng(seed).standard_normal((len(bar) * turns, 2)) * 1e-3
    return np.tile(bar, (turns, 1)) + hiss.astype(np.float32)


def drone(seconds: float, seed: int) -> Samples:
    tones = 220 * 2 ** (np.random.default_rng(seed).integers(0, 24, 4) / 12)
    return np.asarray(sum(sine(seconds, hz, -20.0) for hz in tones.tolist()), np.float32)


@pytest.mark.parametrize("kind", ["loop of 8", "loop of 24", "drone", "music"])
def test_copies_of_steady_and_turning_music_are_found_both_ways(raw: Path, kind: str) -> None:
    kinds: dict[str, Callable[[int], Samples]] = {
        "loop of 8": lambda seed: loop(20, 8, seed),
        "loop of 24": lambda seed: loop(7, 24, seed),
        "drone": lambda seed: drone(20.0, seed),
        "music": lambda seed: music(20.0, seed),
    }
    make = kinds[kind]
    source = wav(raw / "a.wav", int16(make(1)))
    shutil.copyfile(source, raw / "copy.wav")
    encoded(raw / "b.mp3", source, "-b:a", "128k")
    wav(raw / "other.wav", int16(make(2)))
    rows, metrics = curated(raw, max_s=30.0)
    assert [row["group"] for row in rows.values()] == [rows["a.wav"]["name"]] * 3 + [rows["other.wav"]["name"]]
    assert all(
        rows[name]["same_as"] and rows[name]["warnings"] == "duplicate" for name in ("a.wav", "b.mp3", "copy.wav")
    )
    assert metrics["duplicates"] == 3


def test_a_rest_that_two_tracks_share_makes_them_no_copies(raw: Path) -> None:
    rest = np.zeros((8 * 48_000, 2), np.float32)
    wav(raw / "a.wav", int16(np.concatenate([music(20, 1), rest])))
    wav(raw / "b.wav", int16(np.concatenate([rest, music(20, 2)])))
    _, metrics = curated(raw, max_s=30.0)
    assert metrics["duplicates"] == 0


def test_sides_that_cancel_each_other_out_are_heard(raw: Path) -> None:
    for seed in (1, 2):
        wav(raw / f"{seed}.wav", int16(music(12, seed)[:, :1] * np.array([1, -1], np.float32)))
    rows, metrics = curated(raw, max_s=20.0)
    assert metrics["duplicates"] == 0
    assert all(float(row["bandwidth_hz"]) > 1000 for row in rows.values())
