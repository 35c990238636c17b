import csv
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from stages.files import sha256_tree
from stages.midi.collect import CollectParams, Genre, collect, licences
from stages.midi.corpus import Bar, Piece, Unfit, bar_lines, chorale_tune, read
from stages.midi.reader import Caps
from stages.midi.reader import read as read_midi
from stages.midi.song import bars
from stages.run import StageError
from tests.conftest import ROOT

CAPS = Caps(bytes=10**6, ticks=10**7, notes=10**5, bars=10**4, seconds=10**4)


def corpus_folder() -> Path:
    import music21

    return Path(music21.__file__).parent / "corpus"


def abc(tmp_path: Path, music: str, head: str = "M:3/4\nL:1/4\n") -> Piece:
    (tmp_path / "tune.abc").write_text(f"X:1\nT:A Tune\n{head}K:C\n{music}\n")
    return read(tmp_path / "tune.abc", program=40)


def step(pitch: str, quarters: str, more: str = "") -> str:
    """A MusicXML note at 24 divisions per quarter; `pitch` is a letter and an octave."""
    duration = Fraction(quarters) * 24
    height = f"<pitch><step>{pitch[0]}</step><octave>{pitch[1]}</octave></pitch>"
    return f"<note>{height}<duration>{duration}</duration>{more}</note>"


def loud(mark: str) -> str:
    return f"<direction><direction-type><dynamics><{mark}/></dynamics></direction-type></direction>"


def xml(tmp_path: Path, parts: dict[str, list[str]], about: str = "", transpose: str = "") -> Piece:
    """The piece of a MusicXML score in 4/4 with the bars of `parts`, by the parts' names."""
    names = list(parts)
    listed = "".join(
        f'<score-part id="P{n}"><part-name>{name}</part-name></score-part>' for n, name in enumerate(names)
    )
    metre = "<time><beats>4</beats><beat-type>4</beat-type></time>"
    text = f'<?xml version="1.0"?><score-partwise>{about}<part-list>{listed}</part-list>'
    for n, name in enumerate(names):
        text += f'<part id="P{n}">'
        for number, bar in enumerate(parts[name], start=1):
            first = f"<attributes><divisions>24</divisions>{metre}{transpose}</attributes>" if number == 1 else ""
            text += f'<measure number="{number}">{first}{bar}</measure>'
        text += "</part>"
    (tmp_path / "score.xml").write_text(text + "</score-partwise>")
    return read(tmp_path / "score.xml", program=0)


def test_a_pickup_is_filled_up_on_its_left_so_that_bar_lines_are_those_of_the_score(tmp_path: Path) -> None:
    song = abc(tmp_path, "G | c d e | c3 |]").song
    assert song.ticks_per_quarter == 24
    # 3/4 is 72 ticks; the pickup is its last quarter, at 48
    assert song.notes[:, [0, 2, 4]].tolist() == [[48, 67, 24], [72, 72, 24], [96, 74, 24], [120, 76, 24], [144, 72, 72]]
    assert song.metres.tolist() == [[0, 3, 4]]
    assert bars(song)[:, 0].tolist() == [0, 72, 144]


def test_a_strain_that_ends_short_before_a_pickup_keeps_the_bar_lines(tmp_path: Path) -> None:
    song = abc(tmp_path, "G | c d e | c2 :: G | e d c | c2 |]").song
    # pickup 1, bar 3, then 2 + 1 quarters make one bar, bar 3, bar 2
    assert song.metres.tolist() == [[0, 3, 4]]
    assert song.notes[:, 0].tolist() == [48, 72, 96, 120, 144, 192, 216, 240, 264, 288]


def test_repeats_are_played_once(tmp_path: Path) -> None:
    assert len(abc(tmp_path, "|: c d e :|[1 c d e :|[2 g3 |]").song.notes) == 7


def test_tied_notes_are_one_note_and_equal_notes_are_two(tmp_path: Path) -> None:
    song = abc(tmp_path, "c c c- | c2 c | c3 |]").song
    # 1 + 2 quarters are 72 ticks
    assert song.notes[:, [0, 4]].tolist() == [[0, 24], [24, 24], [48, 72], [120, 24], [144, 72]]


def test_chords_give_every_note_and_only_the_tied_one_is_held(tmp_path: Path) -> None:
    tied = step("C4", "4", '<tie type="start"/>') + step("E4", "4").replace("<note>", "<note><chord/>")
    after = step("C4", "4", '<tie type="stop"/>') + step("E4", "4").replace("<note>", "<note><chord/>")
    song = xml(tmp_path, {"Piano": [tied, after]}).song
    assert song.notes[:, [0, 2, 4]].tolist() == [[0, 60, 192], [0, 64, 96], [96, 64, 96]]


def test_grace_notes_are_dropped_and_counted_and_chord_symbols_too(tmp_path: Path) -> None:
    piece = abc(tmp_path, '{ga}c "Am"d e | c3 | c3 |]')
    assert piece.song.notes[:, 2].tolist() == [72, 74, 76, 72, 72]
    assert piece.dropped == {"chord_symbols": 1, "grace_notes": 2}


def test_triplets_are_exact_and_odd_tuplets_make_the_grid_finer(tmp_path: Path) -> None:
    assert abc(tmp_path, "(3c/d/e/ c d | c3 | c3 |]").song.notes[:3, [0, 4]].tolist() == [
        [0, 8],
        [8, 8],
        [16, 8],
    ]  # 24 / 3
    song = abc(tmp_path, "(7:4:7c/4d/4e/4f/4g/4a/4b/4 c d | c3 | c3 |]").song
    assert song.ticks_per_quarter == 168  # 7 in the time of 4 sixteenths: lcm(24, 7)
    assert song.notes[:8, 0].tolist() == [0, 24, 48, 72, 96, 120, 144, 168]


def test_the_tempo_is_that_of_the_score_or_120(tmp_path: Path) -> None:
    assert abc(tmp_path, "c d e | c3 | c3 |]").song.tempos.tolist() == [[0, 500_000]]
    # a dotted quarter at 60 is 90 quarters a minute: 60e6 / 90
    head = "M:6/8\nL:1/8\nQ:3/8=60\n"
    assert abc(tmp_path, "c2d e2f | c6 | c6 |]", head).song.tempos.tolist() == [[0, 666_667]]


def test_a_tune_plays_the_program_it_is_given_and_named_parts_play_their_own(tmp_path: Path) -> None:
    assert set(abc(tmp_path, "c d e | c3 | c3 |]").song.notes[:, 1].tolist()) == {40}
    names = ["Violin 1", "Viola", "Violoncello", "Soprano", "Contrabass", "Bass", "Thing"]
    song = xml(tmp_path, {name: [step("C4", "4")] for name in names}).song
    assert sorted(song.notes[:, 1].tolist()) == [0, 40, 41, 42, 43, 52, 52]


def test_dynamics_are_velocities_from_their_mark_on_and_mezzo_forte_without(tmp_path: Path) -> None:
    bar = step("C4", "1") + loud("p") + step("D4", "1") + loud("sf") + step("E4", "1") + loud("ff") + step("F4", "1")
    assert xml(tmp_path, {"Piano": [bar, step("G4", "4")]}).song.notes[:, 3].tolist() == [80, 49, 49, 112, 112]


def test_a_part_with_a_note_too_many_stays_in_step_with_the_others(tmp_path: Path) -> None:
    parts = {
        "Violin": [step("C5", "4") + step("D5", "1"), step("E5", "4")],
        "Viola": [step("C4", "4"), step("E4", "4")],
    }
    piece = xml(tmp_path, parts)
    assert piece.song.notes[:, [0, 2]].tolist() == [[0, 72], [0, 60], [96, 76], [96, 64]]  # both second bars at 96
    assert piece.song.metres.tolist() == [[0, 4, 4]]
    assert piece.dropped == {"past_bar_line": 1}
    assert piece.parts == 2


def test_a_transposing_instrument_is_at_its_sounding_pitch(tmp_path: Path) -> None:
    transpose = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
    assert xml(tmp_path, {"Clarinet in B-flat": [step("D4", "4")]}, transpose=transpose).song.notes[0, 2] == 60


def test_title_composer_and_licence_are_the_files(tmp_path: Path) -> None:
    about = (
        "<work><work-title>Duo</work-title></work><identification><creator type='composer'>A. N. Other</creator>"
        "<rights>CC0</rights></identification>"
    )
    piece = xml(tmp_path, {"Piano": [step("C4", "4")]}, about)
    assert (piece.title, piece.work, piece.composer, piece.licence) == ("Duo", "", "A. N. Other", "CC0")
    assert xml(tmp_path, {"Piano": [step("C4", "4")]}).title == ""  # not the file's name, which music21 gives


def test_what_the_page_says_of_rights_is_the_licence_on_one_line(tmp_path: Path) -> None:
    said = ("A. N. Other", "Typeset by\n  Someone under the CC BY-SA 4.0 license.", "\u00a9 2004 Publisher")
    credit = "".join(f"<credit page='1'><credit-words>{words}</credit-words></credit>" for words in said)
    rights = "<identification><rights>\u00a9 2004 Publisher</rights></identification>"
    piece = xml(tmp_path, {"Piano": [step("C4", "4")]}, rights + credit)
    assert piece.licence == "\u00a9 2004 Publisher Typeset by Someone under the CC BY-SA 4.0 license."


@pytest.mark.parametrize(
    ("stem", "tune"),
    [
        ("bwv269", "Aus meines Herzens Grunde"),
        ("bwv10.7", "Meine Seel\u2019 erhebt den Herren"),
        ("bwv248.35-3c", "Wir Christenleut\u2019"),  # a variant of 248.35-3
        ("bwv66.6", ""),  # in no list
        ("opus18", ""),
    ],
)
def test_a_chorale_sets_the_tune_of_its_number(stem: str, tune: str) -> None:
    assert chorale_tune(stem) == tune


def test_the_tune_of_a_chorale_is_its_title_and_its_work() -> None:
    pieces = [read(corpus_folder() / "bach" / f"{name}.mxl", program=52) for name in ("bwv153.1", "bwv77.6")]
    assert {(piece.title, piece.work) for piece in pieces} == {("Ach Gott, vom Himmel sieh\u2019 darein",) * 2}
    assert {piece.licence for piece in pieces} == {"PDF © 2004 Margaret Greentree used by permission"}


def test_licences_are_counted_and_the_rare_ones_together() -> None:
    texts = ["b", "b", "a", "a", "a", *(f"rare {n:02}" for n in range(20))]
    counts = list(licences(texts).items())
    assert counts[:3] == [("a", 3), ("b", 2), ("rare 00", 1)]
    # 12 lines: a, b, nine rare ones, and the other 11
    assert (len(counts), counts[-1]) == (12, ("others", 11))
    assert licences(["b", "a", "a"]) == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.abc", "X:1\nT:A\nM:3/4\nL:1/4\nK:C\nz3 | z3 | z3 |]\n", "no_notes"),
        ("a.abc", "X:1\nT:A\nM:2/4\nL:1/4\nK:C\nc d e/ | c d | c d |]\n", "overfull_bars"),
        ("a.abc", "X:1\nT:A\nM:2/4\nK:C\nc2 |]\n\nX:2\nT:B\nM:2/4\nK:C\nc2 |]\n", "not_one_score"),
        ("a.xml", "<score-partwise>", "unreadable"),
        ("a.mxl", "no zip", "unreadable"),
        ("a.krn", "**kern\n", None),
        ("a.abc", "", None),
    ],
)
def test_what_cannot_become_a_song_has_a_reason(tmp_path: Path, name: str, content: str, reason: str | None) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(Unfit) as caught:
        read(tmp_path / name, program=0)
    assert reason in (None, caught.value.reason)
    assert str(tmp_path) not in caught.value.detail
    assert "\n" not in caught.value.detail


def lines(metre: tuple[int, int], *lengths: str) -> list[tuple[float, int, int]]:
    start, row = Fraction(0), []
    for length in map(Fraction, lengths):
        row.append(Bar(start, length, metre))
        start += length
    return [(float(start), *metre) for start, *metre in bar_lines(row)]  # type: ignore[misc]


def test_bars_of_full_length_need_one_metre() -> None:
    assert lines((3, 4), "3", "3", "3") == [(0, 3, 4)]


def test_a_short_bar_that_nothing_completes_is_cut() -> None:
    assert lines((4, 4), "4", "3", "4", "4") == [(0, 4, 4), (7, 4, 4)]  # the bar at 4 ends at 7


def test_short_bars_that_make_a_full_one_together_are_one_bar() -> None:
    assert lines((4, 4), "4", "5/2", "3/2", "4", "1", "2", "1", "4") == [(0, 4, 4)]


def test_a_new_metre_starts_where_its_bar_does() -> None:
    row = [
        Bar(Fraction(0), Fraction(4), (4, 4)),
        Bar(Fraction(4), Fraction(3), (3, 4)),
        Bar(Fraction(7), Fraction(3), (3, 4)),
    ]
    assert bar_lines(row) == [(Fraction(0), 4, 4), (Fraction(4), 3, 4)]


def test_a_chorale_is_what_music21_itself_plays() -> None:
    from music21 import converter

    path = corpus_folder() / "bach" / "bwv66.6.mxl"  # in 4/4 with a pickup of one quarter: all is 3 quarters later
    song = read(path, program=52).song
    score = converter.parse(path, forceSource=True, storePickle=False).stripTies().flatten()
    expected = [
        (Fraction(note.offset) + 3, pitch.midi, Fraction(note.quarterLength))
        for note in score.notes
        for pitch in note.pitches
    ]
    found = [(Fraction(on, 24), pitch, Fraction(length, 24)) for on, _, pitch, _, length in song.notes.tolist()]
    assert sorted(found) == sorted(expected)
    assert song.metres.tolist() == [[0, 4, 4]]


def test_two_encodings_of_a_movement_by_different_hands_agree() -> None:
    folder = corpus_folder() / "beethoven" / "opus18no1"
    one, other = (
        {(on / song.ticks_per_quarter, pitch) for on, _, pitch, _, _ in song.notes.tolist()}
        for song in (read(folder / f"movement3.{suffix}", program=0).song for suffix in ("mxl", "krn"))
    )
    # music21's own layout has parts out of step from bar 22 on, where only 0.3 agree
    assert len(one & other) / len(one | other) > 0.99


def params(**genres: dict[str, Any]) -> CollectParams:
    table_ = {name: Genre(**({"parts": None, "program": 0} | genre)) for name, genre in genres.items()}
    return CollectParams(seed=1, max_source_bytes=50_000, max_notes=5_000, genres=table_)


FIDDLE: dict[str, Any] = {"count": 3, "files": ["ryansMammoth/A*.abc"], "program": 40}
SMALL = params(
    fiddle=FIDDLE,
    chorale={
        "count": 2,
        "files": ["bach/bwv1.6.mxl", "bach/bwv66.6.mxl", "bach/bwv36*.mxl"],
        "parts": 4,
        "program": 52,
    },
    renaissance={"count": 2, "files": ["palestrina/Agnus_0*.krn"], "program": 52},
    classical={"count": 9, "files": ["schumann_clara/polonaise_op1n*.mxl", "beethoven/opus132.mxl"]},
)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def collected(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    path = tmp_path_factory.mktemp("collected")
    return path, collect(path, SMALL)


def test_every_genre_has_its_count_or_all_there_is(collected: tuple[Path, dict[str, Any]]) -> None:
    path, metrics = collected
    found = {genre: (counts["asked"], counts["found"]) for genre, counts in metrics["genres"].items()}
    assert found == {"fiddle": (3, 3), "chorale": (2, 2), "renaissance": (2, 2), "classical": (9, 4)}
    assert {folder.name: len(list(folder.glob("*.mid"))) for folder in path.iterdir() if folder.is_dir()} == {
        "fiddle": 3,
        "chorale": 2,
        "renaissance": 2,
        "classical": 4,
    }
    assert metrics["files"] == 11
    assert metrics["failed"]["source_too_large"] == 1
    assert sum(metrics["licences"].values()) == 11


def test_failures_are_listed_with_their_reason(collected: tuple[Path, dict[str, Any]]) -> None:
    path, metrics = collected
    failures = rows(path / "failures.csv")
    assert sum(metrics["failed"].values()) == len(failures)
    large = next(row for row in failures if row["source_id"] == "beethoven/opus132.mxl")
    assert (large["reason"], large["detail"]) == ("source_too_large", "210801 bytes, at most 50000 taken")


def test_every_file_says_where_it_is_from(collected: tuple[Path, dict[str, Any]]) -> None:
    path, metrics = collected
    sources = rows(path / "sources.csv")
    assert [row["file"] for row in sources] == sorted(str(file.relative_to(path)) for file in path.glob("*/*.mid"))
    by_genre = {row["file"].partition("/")[0]: row for row in sources}
    assert by_genre["renaissance"]["licence"].startswith("Copyright 2000, John Miller Rights to all derivative")
    assert by_genre["renaissance"]["title"].startswith(by_genre["renaissance"]["work"] + ": Agnus")
    assert by_genre["fiddle"]["licence"] == "not stated; see music21 corpus/license.txt"
    assert by_genre["fiddle"]["title"]
    # movements that lie in a folder of their work are of that work
    assert {row["work"] for row in sources if row["source_id"].count("/") > 1} == {
        row["source_id"].rpartition("/")[0] for row in sources if row["source_id"].count("/") > 1
    }
    for row in sources:
        assert (row["provider"], row["cost"], row["package"]) == ("music21 corpus", "0", "music21")
        assert (row["package_version"], row["package_date"]) == (metrics["package_version"], metrics["package_date"])
        assert (corpus_folder() / row["source_id"]).is_file()
    assert sum(int(row["notes"]) for row in sources) == metrics["notes"]


def test_the_files_are_the_scores(collected: tuple[Path, dict[str, Any]]) -> None:
    path, _ = collected
    for row in rows(path / "sources.csv"):
        song = read_midi((path / row["file"]).read_bytes(), CAPS).song
        genre = row["file"].partition("/")[0]
        program = SMALL.genres[genre].program
        assert song == read(corpus_folder() / row["source_id"], program).song


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_run_converts_nothing_and_gives_the_same_bytes(
    collected: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    workers: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("REFRAIN_WORKERS", workers)
    path, metrics = collected
    assert collect(tmp_path, SMALL) == metrics
    assert sha256_tree(tmp_path) == sha256_tree(path)
    assert capsys.readouterr().err.startswith("collect: 0 of ")


def test_an_empty_store_a_home_that_takes_no_files_and_another_hash_seed_give_the_same_bytes(
    collected: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    code = f"""
from pathlib import Path
from stages.midi.collect import *
collect(Path({str(tmp_path / "out")!r}), CollectParams.model_validate({SMALL.model_dump()!r}))
"""
    environment = os.environ | {
        "HOME": "/dev/null",
        "PYTHONHASHSEED": "7",
        "REFRAIN_SCRATCH": str(tmp_path / "scratch"),
    }
    environment["REFRAIN_WORKERS"] = "2"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sha256_tree(tmp_path / "out") == sha256_tree(collected[0])


def test_a_larger_count_keeps_what_a_smaller_one_drew(tmp_path: Path) -> None:
    collect(tmp_path / "small", params(fiddle=FIDDLE))
    collect(tmp_path / "large", params(fiddle=FIDDLE | {"count": 6}))
    small, large = ({row["source_id"] for row in rows(tmp_path / name / "sources.csv")} for name in ("small", "large"))
    assert (len(small), len(large)) == (3, 6)
    assert small < large


def test_a_file_of_an_earlier_run_goes(tmp_path: Path) -> None:
    collect(tmp_path, params(fiddle=FIDDLE))
    collect(tmp_path, params(fiddle=FIDDLE | {"count": 1}))
    assert len(list(tmp_path.glob("*/*.mid"))) == len(rows(tmp_path / "sources.csv")) == 1


def test_a_cap_on_notes_and_a_count_of_parts_refuse_with_the_figures(tmp_path: Path) -> None:
    genre = {"count": 1, "files": ["bach/bwv1.6.mxl"], "parts": 4}
    metrics = collect(tmp_path, params(chorale=genre))
    assert metrics["failed"] == {"parts": 1}
    assert rows(tmp_path / "failures.csv")[0]["detail"] == "5 parts, expected 4"
    capped = params(chorale=genre | {"parts": None}).model_copy(update={"max_notes": 100})
    assert collect(tmp_path, capped)["failed"] == {"too_many_notes": 1}


@pytest.mark.parametrize(
    ("files", "line"),
    [
        (["nowhere/*.abc"], "midi.collect.genres.x.files: 'nowhere/*.abc' matches no file below"),
        (
            ["beethoven/opus18no1/*"],
            "midi.collect.genres.x.files: two scores would be written to x/beethoven_opus18no1_",
        ),
    ],
)
def test_patterns_that_cannot_be_meant_are_one_line(tmp_path: Path, files: list[str], line: str) -> None:
    with pytest.raises(StageError) as caught:
        collect(tmp_path, params(x={"count": 1, "files": files}))
    assert str(caught.value).startswith(line)


def test_a_genre_name_that_is_no_folder_name_is_refused() -> None:
    with pytest.raises(ValueError, match="pattern"):
        params(**{"../up": FIDDLE})
