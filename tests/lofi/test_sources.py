from pathlib import Path

import pytest

from stages.files import write_text
from stages.lofi.sources import COLUMNS, Source, check, read
from stages.run import StageError

GOOD = "core/a.wav,Somebody,CC-BY 4.0,4.99,2026-01-31,CORE-02;SEASON-06,5"
TRACKS = ("core/a.wav", "b.mp3")


def faults(tmp_path: Path, *rows: str, required: bool = False, header: str = ",".join(COLUMNS)) -> list[str]:
    """The faults of a file with these rows, without its path."""
    write_text(tmp_path / "sources.csv", "\n".join([header, *rows]) + "\n")
    found = check(tmp_path, TRACKS, [], required).faults
    assert all("\n" not in fault for fault in found)
    return [fault.removeprefix(f"{tmp_path / 'sources.csv'}:").replace(str(tmp_path), "FOLDER") for fault in found]


def test_a_row_is_read_with_its_types(tmp_path: Path) -> None:
    assert faults(tmp_path, GOOD) == []
    found = read(tmp_path, TRACKS, [], required=False)
    styles = ("CORE-02", "SEASON-06")
    expected = Source("core/a.wav", "Somebody", "CC-BY 4.0", 4.99, "2026-01-31", styles, 5, None, None)
    assert found.rows == {"core/a.wav": expected}
    assert found.missing == ("b.mp3",)


def test_styles_and_rating_may_be_empty(tmp_path: Path) -> None:
    assert faults(tmp_path, "b.mp3,Me,own,0,2026-01-31,,") == []
    row = read(tmp_path, TRACKS, [], required=False).rows["b.mp3"]
    assert (row.styles, row.rating, row.cost) == ((), None, 0.0)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            "b.mp3,,own,0,2026-01-31,,",
            "2: provider is '', expected a name; write whom it is from and under what terms",
        ),
        (
            "b.mp3,Me,,0,2026-01-31,,",
            "2: license is '', expected a name; write whom it is from and under what terms",
        ),
        (
            "b.mp3,Me,own,€5,2026-01-31,,",
            "2: cost is '€5', expected a number such as 0 or 4.99; write the number alone",
        ),
        (
            "b.mp3,Me,own,nan,2026-01-31,,",
            "2: cost is 'nan', expected a number such as 0 or 4.99; write the number alone",
        ),
        ("b.mp3,Me,own,0,31.1.2026,,", "2: date is '31.1.2026', expected a day such as 2026-01-31; correct it"),
        ("b.mp3,Me,own,0,2026-02-30,,", "2: date is '2026-02-30', expected a day such as 2026-01-31; correct it"),
        ("b.mp3,Me,own,0,20260131,,", "2: date is '20260131', expected a day such as 2026-01-31; correct it"),
        (
            "b.mp3,Me,own,0,2026-01-31,CORE-01;JAZZ,",
            "2: styles has 'JAZZ', expected codes such as CORE-01 parted by ;; correct it",
        ),
        ("b.mp3,Me,own,0,2026-01-31,,6", "2: rating is '6', expected 1 to 5, or nothing; correct it"),
        ("b.mp3,Me,own,0,2026-01-31,,4.5", "2: rating is '4.5', expected 1 to 5, or nothing; correct it"),
        ("b.mp3,Me,own,0", "2: 4 cells, expected 7; quote a cell that holds a comma"),
        (
            "c.mp3,Me,own,0,2026-01-31,,",
            "2: track is 'c.mp3', expected the path of a track below FOLDER; correct it or remove the row",
        ),
        (
            "../b.mp3,Me,own,0,2026-01-31,,",
            "2: track is '../b.mp3', expected the path of a track below FOLDER; correct it or remove the row",
        ),
    ],
)
def test_a_fault_names_line_value_and_what_to_do(tmp_path: Path, row: str, expected: str) -> None:
    assert faults(tmp_path, row) == [expected]


def test_a_track_may_have_one_row(tmp_path: Path) -> None:
    expected = "3: track is 'core/a.wav', expected one row per track, and line 2 is about it; remove one"
    assert faults(tmp_path, GOOD, GOOD) == [expected]


def test_a_missing_column_is_named_and_rows_are_left(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "b.mp3,Me,own,0,2026-01-31,", header="track,provider,license,cost,date,styles")
    assert fault == (
        "1: column rating is missing, the line has track, provider, license, cost, date, styles; "
        "add it, parted by commas"
    )


def test_an_empty_file_lacks_all_columns(tmp_path: Path) -> None:
    (tmp_path / "sources.csv").touch()
    assert len(check(tmp_path, TRACKS, [], required=False).faults) == len(COLUMNS)


def test_lines_are_counted_over_cells_of_several_lines_and_empty_ones(tmp_path: Path) -> None:
    long = 'core/a.wav,"Some\nbody",own,0,2026-01-31,,'
    # header 1, the row 2 and 3, an empty line 4, the fault 5
    assert faults(tmp_path, long, "", "b.mp3,Me,own,0,2026-01-31,,9")[0].startswith("5: rating")


def test_a_release_needs_a_row_for_each_track(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, GOOD, required=True)
    assert fault == " track 'b.mp3' has no row, expected one; add it"
    with pytest.raises(StageError, match=r"sources\.csv: track 'b\.mp3' has no row"):
        read(tmp_path, TRACKS, [], required=True)


def test_without_a_file_a_try_goes_on_and_a_release_does_not(tmp_path: Path) -> None:
    assert check(tmp_path, TRACKS, [], required=False).missing == tuple(sorted(TRACKS))
    assert read(tmp_path, [], [], required=True).missing == ()
    with pytest.raises(StageError, match=r"sources\.csv is missing, expected a row for each of 2 tracks; write track,"):
        read(tmp_path, TRACKS, [], required=True)


def test_a_spreadsheet_s_mark_and_line_ends_are_read(tmp_path: Path) -> None:
    lines = [",".join(COLUMNS), GOOD, ""]
    (tmp_path / "sources.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert set(read(tmp_path, TRACKS, [], required=False).rows) == {"core/a.wav"}


def test_other_encodings_are_a_fault(tmp_path: Path) -> None:
    (tmp_path / "sources.csv").write_bytes(b"track,\xe9\n")
    (fault,) = check(tmp_path, TRACKS, [], required=False).faults
    assert fault.endswith("byte 6 is not UTF-8, expected a CSV in UTF-8; save it as that")


def test_accents_count_as_the_same_however_they_are_written(tmp_path: Path) -> None:
    write_text(tmp_path / "sources.csv", ",".join(COLUMNS) + "\ncafe\u0301.wav,Me,own,0,2026-01-31,,\n")
    assert set(read(tmp_path, ["caf\u00e9.wav"], [], required=True).rows) == {"caf\u00e9.wav"}


def test_a_known_tempo_and_key_are_read_and_checked(tmp_path: Path) -> None:
    header = ",".join([*COLUMNS, "tempo_bpm", "key"])
    assert faults(tmp_path, f"{GOOD},82.5,F# minor", header=header) == []
    row = read(tmp_path, TRACKS, [], required=False).rows["core/a.wav"]
    assert (row.tempo_bpm, row.key) == (82.5, "F# minor")
    assert faults(tmp_path, f"{GOOD},fast,Am", header=header) == [
        "2: tempo_bpm is 'fast', expected beats per minute such as 82, or nothing; correct it",
        "2: key is 'Am', expected a key such as A minor or Bb major, or nothing; correct it",
    ]


def test_of_several_faults_all_are_listed_and_the_first_is_raised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faults(tmp_path, *(f"{number}.mp3,Me,own,0,2026-01-31,," for number in range(3)))
    with pytest.raises(StageError, match=r"sources\.csv:2: track is '0\.mp3'.*row \(2 more are listed above\)$"):
        read(tmp_path, TRACKS, [], required=False)
    assert [line.split(":")[1] for line in capsys.readouterr().err.splitlines()] == ["2", "3", "4"]


def test_what_was_refused_may_have_a_row_and_needs_none(tmp_path: Path) -> None:
    write_text(tmp_path / "sources.csv", f"{','.join(COLUMNS)}\n{GOOD}\n")
    assert read(tmp_path, [], ["core/a.wav", "short.wav"], required=True).missing == ()


def test_a_cell_without_end_is_a_fault(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, f'"{"x" * 200_000}')
    assert fault.startswith("2: field larger than field limit")
