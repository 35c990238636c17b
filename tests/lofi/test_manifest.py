"""Files have a name in tables that is one line and their own, and links are told apart."""

import csv
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.lofi import manifest
from stages.run import StageError

# file names as Linux has them: any bytes but a slash and a zero
NAMES = st.binary(min_size=1, max_size=30).map(lambda data: os.fsdecode(data.replace(b"/", b"x").replace(b"\0", b"y")))


@given(NAMES, NAMES)
def test_a_name_in_a_table_is_one_line_of_text_and_no_other_files(one: str, other: str) -> None:
    shown = manifest.printable(one)
    assert shown.isprintable()
    assert shown.encode()  # a lone surrogate could not be written as UTF-8
    assert list(csv.reader(io.StringIO(f'"{shown.replace(chr(34), chr(34) * 2)}"'))) == [[shown]]
    assert (shown == manifest.printable(other)) == (one == other)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("rain.wav", "rain.wav"), ("é 雨.wav", "é 雨.wav"), ("a\nb", r"a\nb"), (r"a\nb", r"a\\nb"), ("\udcff", r"\udcff")],
)
def test_what_can_be_shown_is_shown(name: str, shown: str) -> None:
    assert manifest.printable(name) == shown


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    manifest.write(
        tmp_path, [{"file": "raw/a.wav", "status": "ok", "quality": 81.5}, {"file": "b", "status": "corrupt"}]
    )
    first, second = manifest.read(tmp_path)
    assert (first["file"], first["quality"], second["quality"]) == ("raw/a.wav", "81.5", "")
    assert [row["file"] for row in manifest.accepted(tmp_path)] == ["raw/a.wav"]


def test_a_table_of_another_time_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        StageError, match=r"manifest\.csv is not there, expected what lofi_curate writes; run dvc repro"
    ):
        manifest.read(tmp_path)
    (tmp_path / "manifest.csv").write_text("file,status\n")
    with pytest.raises(StageError, match=r"manifest\.csv has no column detail, name"):
        manifest.read(tmp_path)


def test_a_link_leads_out_unless_it_stays_below_or_is_dvcs(tmp_path: Path) -> None:
    root, cache = tmp_path / "raw", tmp_path / "cache" / "files" / "md5" / "ab"
    (root / "sub").mkdir(parents=True)
    (root / "file").touch()
    targets = {
        "in": root / "file",
        "out": tmp_path / "outside",
        "up": Path("../raw/file"),
        "away": Path("../outside"),
        "dvc": cache / ("0" * 30),
        "nearly": cache / "../../../etc",
        "circle": Path("circle"),
    }
    for name, target in targets.items():
        (root / name).symlink_to(target)
    found = {name: manifest.leads_out(root / name, root) for name in [*targets, "file"]}
    assert found == dict.fromkeys(("in", "up", "dvc", "circle", "file"), False) | dict.fromkeys(
        ("out", "away", "nearly"), True
    )
