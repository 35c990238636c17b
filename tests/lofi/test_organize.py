"""Tracks lie by category with what is said of them, and what there is too little of has a name."""

import csv
from pathlib import Path
from typing import Any

import pytest

from stages.files import sha256, sha256_tree, write_bytes, write_csv
from stages.lofi import manifest
from stages.lofi.caption import COLUMNS as CAPTION_COLUMNS
from stages.lofi.organize import OrganizeParams, organize
from stages.lofi.styles import CATEGORIES, STYLES
from stages.run import StageError

PARAMS: dict[str, Any] = {
    "rendered": True,
    "min_quality": 0.0,
    "min_rating": 1,
    "min_tracks": {"category": 1, "style": 1},
}


class Folders:
    """What curate and caption have written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: list[dict[str, object]] = []
        self.captions: list[dict[str, object]] = []

    def add(
        self, name: str, style: str = "CORE-01", prompt: bytes = b"lofi\n", suffix: str = ".mp3", **more: Any
    ) -> None:
        write_bytes(self.root / "curated" / f"{name}{suffix}", name.encode())
        write_bytes(self.root / "captioned" / f"{name}_prompt.txt", prompt)
        write_bytes(self.root / "captioned" / f"{name}_lyrics.txt", b"[Instrumental]\n")
        row = {"file": f"raw/{name}.wav", "status": "ok", "name": name, "group": name, "sha256": sha256(name.encode())}
        self.rows.append(
            row | {"samples": 48_000 * 40, "quality": 90.0, "loudness_lufs": -14.0, "bandwidth_hz": 9000} | more
        )
        self.captions.append({"name": name, "style": style, "category": STYLES[style].category} | more)
        self.write()

    def write(self) -> None:
        manifest.write(self.root / "curated", self.rows)
        lines = [[row.get(column, "") for column in CAPTION_COLUMNS] for row in self.captions]
        write_csv(self.root / "captioned" / "captions.csv", CAPTION_COLUMNS, lines)

    def organize(self, **changes: Any) -> Any:
        curated, captioned, organized = (self.root / name for name in ("curated", "captioned", "organized"))
        params = OrganizeParams.model_validate(PARAMS | changes)
        styles, drawn, measures = (self.root / name for name in ("styles.csv", "styles.png", "measures.png"))
        return organize(curated, captioned, organized, styles, drawn, measures, params)

    def files(self) -> list[str]:
        organized = self.root / "organized"
        return sorted(str(path.relative_to(organized)) for path in organized.rglob("*") if path.is_file())


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_each_track_lies_in_its_category_with_its_prompt_and_lyrics(folders: Folders) -> None:
    folders.add("rain", "SEASON-06")
    folders.add("piano", "INST-01", suffix=".flac")
    metrics = folders.organize()
    assert folders.files() == [
        *(f"instrumental/piano{end}" for end in (".flac", "_lyrics.txt", "_prompt.txt")),
        "left_out.csv",
        *(f"seasonal/rain{end}" for end in (".mp3", "_lyrics.txt", "_prompt.txt")),
        "tracks.csv",
    ]
    assert (folders.root / "organized" / "seasonal" / "rain.mp3").read_bytes() == b"rain"
    with (folders.root / "organized" / "tracks.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"], row["style"], row["seconds"]) for row in rows] == [
        ("seasonal/rain.mp3", "SEASON-06", "40.000"),
        ("instrumental/piano.flac", "INST-01", "40.000"),
    ]
    assert (metrics["tracks"], metrics["seconds"]) == (2, 80.0)
    assert all((folders.root / f"{name}.png").read_bytes().startswith(b"\x89PNG") for name in ("styles", "measures"))


def test_what_there_is_too_little_of_is_named(folders: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "abc":
        folders.add(name, "CORE-02")
    folders.add("d", "VOCAL-05")
    metrics = folders.organize(min_tracks={"category": 2, "style": 3})
    assert metrics["categories"] == {"core": 3, "seasonal": 0, "thematic": 0, "instrumental": 0, "vocal": 1}
    assert metrics["under_represented"]["categories"] == ["seasonal", "thematic", "instrumental", "vocal"]
    assert metrics["under_represented"]["styles"] == [code for code in STYLES if code != "CORE-02"]
    assert "categories with under 2 tracks: seasonal, thematic" in capsys.readouterr().err
    with (folders.root / "styles.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["style"]: row for row in csv.DictReader(file)}
    assert (rows["CORE-02"]["tracks"], rows["CORE-02"]["seconds"], rows["CORE-02"]["missing"]) == ("3", "120.0", "0")
    assert (rows["VOCAL-05"]["tracks"], rows["VOCAL-05"]["missing"]) == ("1", "2")


def test_poor_recordings_and_what_the_user_rates_low_are_left_out_and_counted(folders: Folders) -> None:
    folders.add("good", quality=80.0)
    folders.add("poor", quality=49.9)
    folders.add("disliked", rating=2)
    folders.add("liked", rating=3)
    folders.add("latin", prompt="café".encode("latin-1"))
    folders.add("empty", prompt=b"\xef\xbb\xbf \n")
    metrics = folders.organize(min_quality=50.0, min_rating=3)
    assert metrics["left_out"] == {"rendered": 0, "low_quality": 1, "low_rating": 1, "not_utf8": 1, "empty_prompt": 1}
    assert metrics["tracks"] == 2
    with (folders.root / "organized" / "left_out.csv").open(newline="", encoding="utf-8") as file:
        reasons = {row["name"]: row["reason"] for row in csv.DictReader(file)}
    expected = {"poor": "low_quality", "disliked": "low_rating", "latin": "not_utf8", "empty": "empty_prompt"}
    assert reasons == expected
    assert not any("poor" in name or "disliked" in name for name in folders.files())


def test_the_users_own_can_be_had_alone(folders: Folders) -> None:
    folders.add("mine")
    folders.add("ours", file="collected/CORE-01/ours.wav")
    assert folders.organize()["tracks"] == 2
    metrics = folders.organize(rendered=False)
    assert (metrics["tracks"], metrics["left_out"]["rendered"]) == (1, 1)
    assert not any("ours" in name for name in folders.files())


def test_a_second_run_gives_the_same_bytes_and_what_is_gone_is_gone(folders: Folders) -> None:
    folders.add("a")
    folders.add("b")
    folders.organize()
    first = sha256_tree(folders.root / "organized")
    folders.organize()
    assert sha256_tree(folders.root / "organized") == first
    folders.rows.pop()
    folders.write()
    folders.organize()
    assert not any(name.startswith("core/b") for name in folders.files())


def test_no_tracks_are_no_fault(folders: Folders) -> None:
    folders.write()
    metrics = folders.organize()
    assert metrics["tracks"] == 0
    assert metrics["under_represented"]["categories"] == list(CATEGORIES)


def test_captions_of_other_tracks_are_one_line(folders: Folders) -> None:
    folders.add("a")
    folders.captions[0]["name"] = "b"
    folders.write()
    with pytest.raises(StageError, match=r"captions.csv has no row for a, expected one for each track; run dvc repro"):
        folders.organize()
    (folders.root / "curated" / "manifest.csv").write_text("file,status\n")
    with pytest.raises(StageError, match=r"manifest.csv has no column detail"):
        folders.organize()
    (folders.root / "captioned" / "captions.csv").unlink()
    with pytest.raises(StageError, match=r"captions.csv is not there"):
        folders.organize()
