"""What `make bench` measures runs: the same command as the stage's, on files as long as it takes."""

from pathlib import Path

from tests import bench_lofi
from tests.lofi.sounds import int16, music, wav


def test_both_programs_curate_the_same_files(tmp_path: Path) -> None:
    songs, scratch = tmp_path / "songs", tmp_path / "scratch"
    scratch.mkdir()
    for seed in (1, 2):
        wav(songs / f"{seed}.wav", int16(music(31.0, seed)))
    for cpu, clock in (bench_lofi.ours(songs, scratch, "store", 1), bench_lofi.normalize(songs, scratch)):
        assert cpu > 0 and clock > 0
    assert len(list((scratch / "ours").glob("*.mp3"))) == len(list((scratch / "theirs").glob("*.mp3"))) == 2
