import csv
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.io import wavfile

from stages.files import sha256_tree, write_csv
from stages.lofi.collect import CollectParams, Form, collect
from stages.lofi.media import ffmpeg
from stages.run import StageError
from tests.lofi.test_scores import midi

SOURCE = ("file", "source_id", "title", "licence", "package_date")
SOUND = {
    "tempo_bpm": 88,
    "swing": 0.6,
    "keys": "rhodes",
    "lead": "flute",
    "drums": "boom_bap",
    "cutoff_hz": 4000,
    "crackle_db": -14.0,
    "hiss_db": -50.0,
    "wow_cents": 8.0,
    "flutter_cents": 2.0,
    "duck_db": 6.0,
    "width": 0.5,
    "room": 0.3,
}
FORMS: list[dict[str, Any]] = [
    {"format": "wav16", "rate_hz": 22050, "channels": 1},
    {"format": "wav24", "rate_hz": 32000, "channels": 2},
    {"format": "wav_float", "rate_hz": 96000, "channels": 1},
    {"format": "flac", "rate_hz": 48000, "channels": 2},
    {"format": "mp3", "rate_hz": 44100, "channels": 2},
    {"format": "m4a", "rate_hz": 44100, "channels": 1},
    {"format": "ogg", "rate_hz": 22050, "channels": 2},
]
FAULTS = {
    "too_short": {"format": "mp3", "rate_hz": 22050, "channels": 2},
    "clipped": {"format": "wav16", "rate_hz": 22050, "channels": 2},
    "silent": {"format": "flac", "rate_hz": 22050, "channels": 2},
    "mostly_silent": {"format": "ogg", "rate_hz": 22050, "channels": 1},
    "truncated": {"format": "m4a", "rate_hz": 22050, "channels": 2},
    "noise": {"format": "flac", "rate_hz": 22050, "channels": 2},
}
PARAMS = CollectParams.model_validate(
    {
        "seed": 1,
        "loop_bars": [4],
        "seconds": [18.0, 22.0],
        "tempo_spread_bpm": 2,
        "peak_db": [-6.0, -3.0],
        "licences_refused": ["BY-SA"],
        "forms": FORMS,
        "styles": {
            "CORE-01": {**SOUND, "tracks": 4, "scores": "chorale"},
            "INST-07": {**SOUND, "tracks": 3, "scores": "fiddle", "lead": None, "drums": "none", "tempo_bpm": 74},
        },
        "faults": {
            "short_s": 8.0,
            "overdrive_db": 6.0,
            "music_s": 5.0,
            "kept_share": 0.5,
            "noise_bytes": 50000,
            "forms": FAULTS,
        },
    }
)


def scores(folder: Path, count: int = 9) -> Path:
    """A folder of `count` scores in four bars and more for each of two genres, and two that can't be used."""
    rows = []
    for genre in ("chorale", "fiddle"):
        for n in range(count):
            notes = [(float(beat), 1.0, 60 + (beat * (n + 2)) % 12, 0) for beat in range(24)]
            notes += [(4.0 * bar, 4.0, 43 + (bar * 5) % 12, 1) for bar in range(6)]
            midi(folder / genre / f"tune.{n}.mid", notes)
            rows.append((f"{genre}/tune.{n}.mid", f"x/{n}.abc", f"Tune {n}" if n else "", "old", "2020-01-02"))
        midi(folder / genre / "waltz.mid", [(0.0, 1.0, 60, 0)], (3, 4))
        midi(folder / genre / "mine.mid", [(float(beat), 1.0, 60, 0) for beat in range(24)])
        rows.append((f"{genre}/waltz.mid", "x/w", "Waltz", "old", "2020-01-02"))
        rows.append((f"{genre}/mine.mid", "x/m", "Mine", "CC BY-SA 4.0", "2020-01-02"))
    write_csv(folder / "sources.csv", SOURCE, rows)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    """The folder of scores, that of tracks, and the metrics."""
    folder = tmp_path_factory.mktemp("lofi")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REFRAIN_WORKERS", "1")
        metrics = collect(scores(folder / "scores"), folder / "collected", PARAMS)
    return folder / "scores", folder / "collected", metrics


def table(collected: Path) -> list[dict[str, str]]:
    with (collected / "sources.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def decoded(path: Path, tmp_path: Path) -> tuple[int, NDArray[np.int16]] | None:
    """Rate in Hz, and samples, shape (samples, channels); None if there are none."""
    target = tmp_path / "decoded.wav"
    target.unlink(missing_ok=True)
    flags = ["-v", "quiet", "-nostdin", "-fflags", "+bitexact", "-c:a", "pcm_s16le"]
    subprocess.run([ffmpeg(), "-i", str(path), *flags, str(target)], check=False)
    if not target.exists() or target.stat().st_size <= 100:  # a header
        return None
    rate_hz, samples = wavfile.read(target)
    return rate_hz, samples.reshape(len(samples), -1)


def fault(collected: Path, name: str, tmp_path: Path) -> tuple[int, NDArray[np.int16]] | None:
    (path,) = collected.glob(f"*/{name}_*")
    return decoded(path, tmp_path)


def test_two_workers_write_the_same_bytes(
    made: tuple[Path, Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFRAIN_WORKERS", "2")
    metrics = collect(made[0], tmp_path / "collected", PARAMS)
    assert sha256_tree(tmp_path / "collected") == sha256_tree(made[1])
    assert metrics == made[2]


def test_metrics_count_tracks_and_faults(made: tuple[Path, Path, dict[str, Any]]) -> None:
    metrics = made[2]
    assert metrics["tracks"] == 7
    assert 7 * 18 <= metrics["seconds"] <= 7 * 22
    assert metrics["formats"] == {form["format"]: 1 for form in sorted(FORMS, key=lambda form: form["format"])}
    assert metrics["rates_hz"] == {"22050": 2, "32000": 1, "44100": 2, "48000": 1, "96000": 1}
    assert metrics["channels"] == {"1": 3, "2": 4}
    assert metrics["styles"] == {"CORE-01": 4, "INST-07": 3}
    assert metrics["scores"] == {"chorale": 4, "fiddle": 3}
    assert metrics["faults"] == dict.fromkeys(sorted(FAULTS), 1)


def test_every_file_has_a_row_and_no_score_is_taken_twice(made: tuple[Path, Path, dict[str, Any]]) -> None:
    _, collected, _ = made
    rows = table(collected)
    assert [row["track"] for row in rows] == sorted(
        path.relative_to(collected).as_posix() for path in collected.glob("*/*")
    )
    assert {row["date"] for row in rows} == {"2020-01-02"}
    assert {row["license"] for row in rows} == {"rendering CC0; score: old", "CC0"}
    assert all(row["track"].startswith(row["styles"] + "/") for row in rows)
    taken = [row["track"].rpartition("-")[2].partition(".")[0] + row["track"][:5] for row in rows]
    assert len(set(taken)) == 13


def test_scores_that_must_be_shared_alike_and_other_metres_are_not_taken(tmp_path: Path) -> None:
    params = PARAMS.model_copy(update={"styles": {"CORE-01": PARAMS.styles["CORE-01"]}})
    with pytest.raises(StageError, match="has 9 scores that loops can be cut from"):
        collect(scores(tmp_path / "scores"), tmp_path / "collected", params)  # 10 are needed: 4 and 6 faults
    assert not (tmp_path / "collected").exists()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form["format"])
def test_formats_decode_to_their_rate_channels_and_length(
    made: tuple[Path, Path, dict[str, Any]], tmp_path: Path, form: dict[str, Any]
) -> None:
    _, collected, _ = made
    suffix = Form.model_validate(form).suffix
    paths = [path for genre in ("chorale", "fiddle") for path in sorted(collected.glob(f"*/{genre}_*{suffix}"))]
    if suffix == ".wav":  # bits of a sample, from its header (RFC 2361)
        bits = {"wav16": 16, "wav24": 24, "wav_float": 32}[form["format"]]
        paths = [path for path in paths if int.from_bytes(path.read_bytes()[34:36], "little") == bits]
        assert len(paths) == 1
    found = [decoded(path, tmp_path) for path in paths]
    matching = [
        sound for sound in found if sound and (sound[0], sound[1].shape[1]) == (form["rate_hz"], form["channels"])
    ]
    assert len(matching) == 1
    rate_hz, samples = matching[0]
    assert 18 - 0.1 <= len(samples) / rate_hz <= 22 + 0.1  # a codec's frame more or less
    assert np.abs(samples.astype(int)).max() < 32767
    assert np.abs(samples.astype(int)).max() > 32767 * 10 ** (-7.5 / 20)


def test_the_planted_faults_are_what_they_say(made: tuple[Path, Path, dict[str, Any]], tmp_path: Path) -> None:
    _, collected, _ = made
    short = fault(collected, "too_short", tmp_path)
    assert short and len(short[1]) / short[0] == pytest.approx(8, abs=0.1)
    clipped = fault(collected, "clipped", tmp_path)
    assert clipped and 0.002 < (np.abs(clipped[1].astype(int)) >= 32767).mean() < 0.2
    silent = fault(collected, "silent", tmp_path)
    assert silent and len(silent[1]) / silent[0] > 17 and not silent[1].any()
    mostly = fault(collected, "mostly_silent", tmp_path)
    assert mostly
    frame = mostly[0] // 20
    frames = mostly[1][: len(mostly[1]) // frame * frame].reshape(-1, frame).astype(float)
    assert 0.6 < (np.sqrt(np.square(frames).mean(axis=1)) < 32.768).mean() < 0.8  # -60 dBFS; 13 of 18 s or 17 of 22 s
    (truncated,) = collected.glob("*/truncated_*")
    assert truncated.stat().st_size > 10000
    assert decoded(truncated, tmp_path) is None


def test_noise_is_no_audio(made: tuple[Path, Path, dict[str, Any]], tmp_path: Path) -> None:
    (noise,) = made[1].glob("*/noise_*")
    assert noise.stat().st_size == 50000
    assert noise.read_bytes()[:4] != b"fLaC"
    assert decoded(noise, tmp_path) is None


def test_what_no_file_can_be_is_refused_with_the_params() -> None:
    with pytest.raises(ValidationError, match="at most 48000 Hz"):
        Form(format="mp3", rate_hz=96000, channels=2)
    with pytest.raises(ValidationError, match="the lower number first"):
        CollectParams.model_validate({**PARAMS.model_dump(), "seconds": [60.0, 35.0]})
    with pytest.raises(ValidationError, match="CORE-01 to be 90 BPM or less"):
        CollectParams.model_validate({**PARAMS.model_dump(), "tempo_spread_bpm": 3})  # 88 + 3
