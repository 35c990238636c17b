import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages import store
from stages.files import sha256_tree, write_bytes, write_csv, write_text
from stages.lofi import manifest, media
from stages.lofi.caption import FLAGS, CaptionParams, caption
from stages.lofi.sources import COLUMNS
from stages.lofi.styles import CATEGORIES, STYLES
from stages.run import StageError
from tests.lofi.test_tempo import TRIADS, chords, clicks

PARAMS = {
    "sources_required": False,
    "tags": {"genre": 2, "moods": 2, "instruments": 3, "production": 2, "atmosphere": 1},
    "measure_s": 240.0,
    "min_tempo_confidence": 0.3,
    "min_key_confidence": 0.3,
    "seed": 1,
}
RATE_HZ = 22_050


def params(**changes: object) -> CaptionParams:
    return CaptionParams.model_validate(PARAMS | changes)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """FLACs by what is in them: 80 beats a minute in A minor, or noise that has neither."""
    band = chords(57, TRIADS["minor"])
    band = 0.5 * band + 0.5 * clicks(80)[: len(band)]
    noise = np.random.default_rng(1).normal(0, 0.1, 10 * RATE_HZ).astype(np.float32)
    found = {}
    for name, wave in (("band", band), ("noise", noise)):
        path = tmp_path_factory.mktemp("sounds") / f"{name}.flac"
        media.encode(np.stack([wave, wave], axis=1), RATE_HZ, 0, path)
        found[name] = path.read_bytes()
    return found


class Folders:
    """Where the stage reads and writes."""

    def __init__(self, root: Path, sounds: dict[str, bytes]) -> None:
        self.curated, self.raw, self.collected, self.captioned = (
            root / name for name in ("curated", "raw", "collected", "captioned")
        )
        for folder in (self.raw, self.collected):
            folder.mkdir(parents=True)
        self.sounds = sounds
        self.rows: list[dict[str, object]] = []

    def add(self, file: str, name: str, sound: str = "band", **more: object) -> None:
        """A track such as raw/core/a.wav that curate accepted as `name`."""
        write_bytes(self.curated / f"{name}.flac", self.sounds[sound])
        self._row({"file": file, "status": "ok", "name": name} | more)

    def refuse(self, file: str) -> None:
        self._row({"file": file, "status": "too_short"})

    def _row(self, row: dict[str, object]) -> None:
        self.rows.append(row)
        manifest.write(self.curated, self.rows)

    def sources(self, *rows: str, origin: str = "raw", columns: tuple[str, ...] = COLUMNS) -> None:
        write_text(self.raw.parent / origin / "sources.csv", "\n".join([",".join(columns), *rows]) + "\n")

    def caption(self, **changes: object) -> Any:
        return caption(self.curated, self.raw, self.collected, self.captioned, params(**changes))

    def captions(self) -> dict[str, dict[str, str]]:
        with (self.captioned / "captions.csv").open(encoding="utf-8", newline="") as file:
            return {row["name"]: row for row in csv.DictReader(file)}

    def prompt(self, name: str) -> list[str]:
        return (self.captioned / f"{name}_prompt.txt").read_text(encoding="utf-8").removesuffix("\n").split(", ")

    def lyrics(self, name: str) -> str:
        return (self.captioned / f"{name}_lyrics.txt").read_text(encoding="utf-8")


@pytest.fixture
def folders(tmp_path: Path, sounds: dict[str, bytes]) -> Folders:
    return Folders(tmp_path, sounds)


def test_a_track_has_a_prompt_with_its_tempo_and_key_and_lyrics(folders: Folders) -> None:
    folders.add("raw/jazz lofi/a.wav", "a")
    folders.caption()
    found = folders.prompt("a")
    assert found[0] == "jazz lofi"
    assert found[7:9] == ["80 bpm", "A minor"]
    assert found[-1] == "instrumental"
    assert folders.lyrics("a") == "[Instrumental]\n"
    row = folders.captions()["a"]
    assert (row["style"], row["category"], row["style_from"]) == ("CORE-02", "core", "folder")
    assert float(row["tempo_bpm"]) == pytest.approx(80, rel=0.02)
    assert row["key"] == "A minor"
    assert row["review_flags"] == ""


def test_the_style_is_that_of_sources_then_of_the_folder_then_the_default(folders: Folders) -> None:
    folders.add("raw/jazz lofi/a.wav", "a")
    folders.add("raw/jazz lofi/b.wav", "b")
    folders.add("raw/seasonal/c.wav", "c")
    folders.add("raw/d.wav", "d")
    folders.add("collected/THEME-03/e.flac", "e")
    folders.sources("jazz lofi/a.wav,Me,own,0,2026-01-31,SEASON-06;CORE-02,4")
    folders.caption()
    rows = folders.captions()
    assert [(row["style"], row["style_from"], row["review_flags"]) for row in rows.values()] == [
        ("THEME-03", "folder", ""),  # in the order of the files: collected before raw
        ("CORE-01", "default", "no_style"),
        ("SEASON-06", "sources", ""),
        ("CORE-02", "folder", ""),
        ("SEASON-01", "category", "style_of_category"),
    ]
    assert rows["a"]["other_styles"] == "CORE-02"
    assert folders.prompt("a")[:2] == ["rainy day lofi", "jazz lofi"]


def test_an_unsure_tempo_or_key_is_flagged_and_not_taught(folders: Folders) -> None:
    folders.add("raw/jazz/a.wav", "a", "noise")
    folders.caption()
    assert folders.captions()["a"]["review_flags"] == "tempo key"
    assert not any("bpm" in tag or tag.endswith((" major", " minor")) for tag in folders.prompt("a"))
    folders.caption(min_tempo_confidence=0.0, min_key_confidence=0.0)
    assert "tempo" not in folders.captions()["a"]["review_flags"].split()
    assert len(folders.prompt("a")) == 13


def test_a_tempo_that_the_style_has_in_another_octave_is_counted_so(folders: Folders) -> None:
    header = (*COLUMNS, "tempo_bpm")
    folders.add("raw/lofi house/a.wav", "a")  # 110 to 125: neither 80 nor 160 nor 40
    folders.add("raw/lofi house/b.wav", "b")
    folders.add("raw/sleep/c.wav", "c")  # 60 to 72
    folders.sources("lofi house/b.wav,Me,own,0,2026-01-31,,,120", columns=header)
    folders.caption()
    rows = folders.captions()
    assert {name: row["review_flags"] for name, row in rows.items()} == {
        "a": "tempo_range",
        "b": "",
        "c": "tempo_range",
    }
    assert "120 bpm" in folders.prompt("b")
    assert (rows["b"]["tempo_bpm"], rows["b"]["tempo_confidence"]) == ("120.0", "1.00")


def test_half_of_a_fast_style_s_tempo_is_doubled(folders: Folders, tmp_path: Path) -> None:
    wave = clicks(116, seconds=12)
    media.encode(np.stack([wave, wave], axis=1), RATE_HZ, 0, tmp_path / "fast.flac")
    folders.sounds = {"fast": (tmp_path / "fast.flac").read_bytes()}
    folders.add("raw/lofi house/a.wav", "a", "fast")
    folders.caption(min_key_confidence=0.0)
    assert float(folders.captions()["a"]["tempo_bpm"]) == pytest.approx(116, rel=0.02)


def test_the_key_of_sources_stands_before_the_measured_one(folders: Folders) -> None:
    folders.add("raw/a.wav", "a")
    folders.sources("a.wav,Me,own,0,2026-01-31,CORE-03,,C major", columns=(*COLUMNS, "key"))
    folders.caption()
    assert "C major" in folders.prompt("a")
    assert folders.captions()["a"]["key_confidence"] == "1.00"


def test_the_user_s_files_are_kept_byte_for_byte(folders: Folders) -> None:
    folders.add("raw/core/my song.v2.wav", "my_song")
    folders.add("raw/core/other.wav", "other")
    prompt, lyrics = "\ufeffMy  tags,no space\r\n".encode(), b"[Verse]\r\nla la\r\n\r\n"
    write_bytes(folders.raw / "core" / "my song.v2_prompt.txt", prompt)
    write_bytes(folders.raw / "core" / "my song.v2_lyrics.txt", lyrics)
    metrics = folders.caption()
    assert (folders.captioned / "my_song_prompt.txt").read_bytes() == prompt
    assert (folders.captioned / "my_song_lyrics.txt").read_bytes() == lyrics
    assert (metrics["kept_prompts"], metrics["kept_lyrics"]) == (1, 1)
    assert folders.lyrics("other") == "[Instrumental]\n"


def test_faulty_lyrics_and_prompts_are_kept_and_flagged(folders: Folders) -> None:
    for name in ("a", "b", "c"):
        folders.add(f"raw/jazz/{name}.wav", name)
    write_bytes(folders.raw / "jazz" / "a_lyrics.txt", b"[Verse]\nla\n[Hook]\nla\n")
    write_bytes(folders.raw / "jazz" / "b_lyrics.txt", b"[Verse]\n\xff\n")
    write_bytes(folders.raw / "jazz" / "c_prompt.txt", b" \n")
    metrics = folders.caption()
    rows = folders.captions()
    assert {name: row["review_flags"] for name, row in rows.items()} == {"a": "lyrics", "b": "lyrics", "c": "prompt"}
    assert rows["a"]["notes"].startswith("3: [Hook] is no known section")
    assert rows["b"]["notes"] == "1: not UTF-8; save it as that"
    assert folders.lyrics("a") == "[Verse]\nla\n[Hook]\nla\n"
    assert (metrics["review_flags"]["lyrics"], metrics["review_flags"]["prompt"]) == (2, 1)


def test_a_link_beside_a_track_is_not_followed(folders: Folders, tmp_path: Path) -> None:
    folders.add("raw/a.wav", "a")
    write_text(tmp_path / "secret.txt", "secret")
    (folders.raw / "a_prompt.txt").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(folders.raw / "a_lyrics.txt")
    assert folders.caption()["kept_prompts"] == 0
    assert "secret" not in folders.prompt("a")


def test_a_style_with_words_and_without_lyrics_is_flagged(folders: Folders) -> None:
    folders.add("raw/r&b lofi/a.wav", "a")
    folders.add("raw/humming/b.wav", "b")
    folders.caption()
    rows = folders.captions()
    assert (rows["a"]["review_flags"], rows["b"]["review_flags"]) == ("no_lyrics", "")
    assert folders.prompt("a")[-1] in STYLES["VOCAL-03"].vocals


def test_refused_tracks_have_no_caption(folders: Folders) -> None:
    folders.add("raw/core/a.wav", "a")
    folders.refuse("raw/core/short.wav")
    folders.caption()
    assert sorted(path.name for path in folders.captioned.iterdir()) == ["a_lyrics.txt", "a_prompt.txt", "captions.csv"]


def test_metrics_count_categories_styles_and_flags(folders: Folders) -> None:
    folders.add("raw/jazz/a.wav", "a")
    folders.add("raw/winter/b.wav", "b")
    folders.add("raw/c.wav", "c", "noise")
    metrics = folders.caption()
    assert metrics["tracks"] == 3
    assert metrics["categories"] == dict(zip(CATEGORIES, (2, 1, 0, 0, 0)))
    assert {code: count for code, count in metrics["styles"].items() if count} == {
        "CORE-01": 1,
        "CORE-02": 1,
        "SEASON-01": 1,
    }
    assert set(metrics["review_flags"]) == set(FLAGS)
    assert {flag: count for flag, count in metrics["review_flags"].items() if count} == {
        "no_style": 1,
        "tempo": 1,
        "key": 1,
    }
    assert metrics["tracks_to_review"] == 1
    assert metrics["tracks_without_source"] == 3
    assert metrics["different_prompts"] == 3


def test_sources_are_needed_for_a_release_alone(folders: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    folders.add("raw/core/a.wav", "a")
    folders.refuse("raw/core/short.wav")
    folders.caption()
    assert "sources.csv: 1, such as core/a.wav; a release needs them" in capsys.readouterr().err
    with pytest.raises(StageError, match=r"sources\.csv is missing"):
        folders.caption(sources_required=True)
    folders.sources("core/a.wav,Me,own,0,2026-01-31,,")
    folders.caption(sources_required=True)


def test_a_fault_in_sources_stops_the_stage_before_anything_is_written(folders: Folders) -> None:
    folders.add("raw/core/a.wav", "a")
    folders.sources("core/a.wav,Me,own,free,2026-01-31,,")
    with pytest.raises(StageError, match=r"sources\.csv:2: cost is 'free', expected a number"):
        folders.caption()
    assert not folders.captioned.exists()


def test_a_broken_set_up_is_one_line(folders: Folders) -> None:
    folders.add("raw/core/a.wav", "a")
    write_bytes(folders.curated / "a.flac", b"not music")
    with pytest.raises(StageError, match=r"a\.flac is corrupt: .*; remove it and run dvc repro"):
        folders.caption()
    (folders.curated / "a.flac").unlink()
    with pytest.raises(StageError, match=r"a\.mp3 is missing"):
        folders.caption()
    write_csv(folders.curated / "manifest.csv", ["file", "status"], [])
    with pytest.raises(StageError, match=r"manifest\.csv has no column detail, name, "):
        folders.caption()


def test_an_unchanged_track_is_not_decoded_again(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFRAIN_SCRATCH", str(tmp_path / "scratch"))
    folders.add("raw/core/a.wav", "a")
    folders.caption()
    before = sha256_tree(folders.captioned)
    (kept,) = [path for path in (store.scratch() / "lofi_tempo").rglob("*") if path.is_file()]
    # the store's word is taken for it
    store.put(
        "lofi_tempo", kept.name, b'{"tempo_bpm":77.0,"tempo_confidence":1.0,"key":"D major","key_confidence":1.0}'
    )
    folders.caption()
    assert {"77 bpm", "D major"} <= set(folders.prompt("a"))
    # other seconds are another question
    folders.caption(measure_s=239.0)
    assert sha256_tree(folders.captioned) == before


def test_one_worker_or_two_give_the_same_bytes(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        folders.add(f"raw/{list(STYLES.values())[4 * number].name.replace('/', ' ')}/{number}.wav", f"t{number}")
        # tracks of their own, so that nothing is in the store: the end of a FLAC may hold what is no sound
        sound = folders.sounds["band" if number % 2 else "noise"] + bytes([number])
        write_bytes(folders.curated / f"t{number}.flac", sound)
    hashes, metrics = set(), []
    for count, engine in enumerate(("sequential", "loky"), 1):
        monkeypatch.setenv("REFRAIN_SCRATCH", str(tmp_path / f"scratch{count}"))
        monkeypatch.setenv("REFRAIN_ENGINE", engine)
        monkeypatch.setenv("REFRAIN_WORKERS", str(count))
        metrics.append(folders.caption())
        hashes.add(sha256_tree(folders.captioned))
    assert len(hashes) == 1
    assert metrics[0] == metrics[1]
    assert len({(folders.captioned / f"t{number}_prompt.txt").read_bytes() for number in range(8)}) == 8


def test_the_files_own_tempo_and_key_count_before_what_is_heard_and_after_sources(folders: Folders) -> None:
    folders.add("raw/jazz lofi/a.wav", "a", tempo_tag=164.0, key_tag="F# minor")
    folders.add("raw/jazz lofi/b.wav", "b", tempo_tag=84.0, key_tag="F# minor")
    columns = (*COLUMNS, "tempo_bpm", "key")
    folders.sources("jazz lofi/b.wav,Me,own,0,2026-01-31,CORE-02,4,71,C major", columns=columns)
    folders.caption()
    rows = folders.captions()
    assert [(rows[name]["tempo_bpm"], rows[name]["key"]) for name in "ab"] == [
        ("82.0", "F# minor"),
        ("71.0", "C major"),
    ]
    assert (rows["a"]["tempo_confidence"], rows["b"]["provider"], rows["b"]["license"]) == ("1.00", "Me", "own")


def test_a_prompt_beside_a_file_whose_name_has_escapes_is_found(folders: Folders) -> None:
    for number, stem in enumerate(("two\nlines", "back\\slash")):
        folders.add(manifest.printable(f"raw/core/{stem}.wav"), f"{number}")
        write_bytes(folders.raw / "core" / f"{stem}_prompt.txt", b"mine\n")
    assert folders.caption()["kept_prompts"] == 2
