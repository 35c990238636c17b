import csv
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.files import read_jsonl, sha256_tree, write_jsonl
from stages.lora import chatml
from stages.midi import request, tokens
from stages.midi.prepare import (
    HEADER,
    PrepareParams,
    cuts,
    prepare,
    prompt_cost,
    stretches,
    words,
)
from stages.midi.song import DRUMS, ONSET, Rows, Song, from_json, normal, table, to_json, transposed
from stages.midi.vocabulary import Kind, Vocabulary
from stages.run import StageError

PARAMS = {
    "ticks_per_quarter": 12,
    "chords": "none",
    "format": "text",
    "row_tokens": 128,
    "prompt_tokens": 40,
    "tokens_per_name": 1.0,
    "transpositions": [-2, 0, 3],
    "plain_share": 0.25,
    "seed": 1,
}
VOCABULARY = Vocabulary.model(12)


def params(**changes: object) -> PrepareParams:
    return PrepareParams.model_validate(PARAMS | changes)


def piece(seed: int, bars: int = 16, metres: Rows = (), ticks: int = 480) -> Song:
    """Two voices: random quarters over whole notes."""
    pitches = np.random.default_rng(seed).integers(60, 85, 4 * bars)
    rows = [(ticks * i, 0, int(pitch), 80, ticks) for i, pitch in enumerate(pitches)]
    rows += [(4 * ticks * bar, 32, 40, 60, 4 * ticks) for bar in range(bars)]
    return normal(Song(ticks, table(rows, 5), metres=table(metres, 3)))


def write_songs(folder: Path, songs: dict[str, Song]) -> Path:
    """A dataset as curate writes it; the split of a song is the beginning of its name."""
    rows = [
        {"id": name, "genre": "chorale", "title": "", "group": name, "split": name.split("-")[0], "song": to_json(song)}
        for name, song in songs.items()
    ]
    write_jsonl(folder / "general.jsonl", rows)
    return folder / "general.jsonl"


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    names = ["train-a", "train-b", "valid-a", "test-a"]
    return write_songs(tmp_path, {name: piece(seed) for seed, name in enumerate(names)})


def prepared(songs: Path, params: PrepareParams) -> tuple[Path, Any]:
    dataset = songs.parent / "dataset"
    return dataset, prepare(songs, dataset, songs.parent / "lengths.csv", params)


def music(row: dict[str, Any]) -> Song:
    """The song in a row of the format text; a row that its piece goes on after has no end of its own."""
    names = answer(row)
    text = " ".join(names if names[-1] == "E" else [*names, "E"])
    return tokens.decode(tokens.from_text(text, VOCABULARY, compact=True), VOCABULARY)


def question(row: dict[str, Any]) -> str:
    line: str = row["text"].split("<|im_start|>user\n")[1].split("<|im_end|>")[0]
    return line


def test_every_note_of_every_piece_is_in_one_row_and_no_row_is_too_long(songs: Path) -> None:
    dataset, metrics = prepared(songs, params())
    for split in ("train", "valid", "test"):
        rows = [row for row in read_jsonl(dataset / f"{split}.jsonl") if row["transpose"] == 0]
        for name in {row["id"] for row in rows}:
            mine = [row for row in rows if row["id"] == name]
            assert [row["row"] for row in mine] == list(range(len(mine)))
            # 16 bars of five notes
            assert sum(len(music(row).notes) for row in mine) == sum(row["notes"] for row in mine) == 80
            assert all(prompt_cost(question(row)) + len(answer(row)) <= 128 for row in mine)
    assert metrics["notes_not_transposed"] == 4 * 80
    assert metrics["notes_left_out"] == 0
    assert metrics["tokens"]["max"] <= metrics["row_names"] == 128 - 40


def answer(row: dict[str, Any]) -> list[str]:
    names: list[str] = row["text"].rpartition("<|im_start|>assistant\n")[2].removesuffix("<|im_end|>\n").split()
    return names


def test_only_train_is_transposed_and_its_requests_name_the_key_of_the_row(songs: Path) -> None:
    dataset, metrics = prepared(songs, params(plain_share=0.0))
    assert metrics["transpositions"] == {str(shift): metrics["rows"]["train"] // 3 for shift in (-2, 0, 3)}
    rows = {(row["id"], row["row"], row["transpose"]): row for row in read_jsonl(dataset / "train.jsonl")}
    for (name, index, shift), row in rows.items():
        original = rows[name, index, 0]
        assert music(row) == transposed(music(original), shift)
    whole = {row["id"]: from_json(row["song"]) for row in read_jsonl(dataset / "songs.jsonl")}
    for (name, _, shift), row in rows.items():
        assert question(row) == request.sentence(request.facts(whole[name], "chorale").transposed(shift))
    for split in ("valid", "test"):
        assert {row["transpose"] for row in read_jsonl(dataset / f"{split}.jsonl")} == {0}


def test_shifts_that_leave_the_range_of_pitches_are_left_out(tmp_path: Path) -> None:
    high = normal(Song(12, table([(12 * i, 0, 120 + i % 8, 80, 12) for i in range(32)], 5)))  # up to 127
    _, metrics = prepared(write_songs(tmp_path, {"train-high": high}), params())
    assert metrics["transpositions"]["3"] == 0
    assert metrics["transpositions"]["-2"] == metrics["transpositions"]["0"] > 0


def test_a_song_of_drums_alone_is_not_repeated_as_transposed(tmp_path: Path) -> None:
    drums = normal(Song(12, table([(12 * i, DRUMS, 36, 80, 12) for i in range(32)], 5)))
    _, metrics = prepared(write_songs(tmp_path, {"train-drums": drums}), params())
    assert metrics["transpositions"] == {"-2": 0, "0": metrics["rows"]["train"], "3": 0}


def join(system: str, user: str, answer: str) -> str:
    return chatml.prompt(system, user) + answer


def test_the_song_and_the_turn_end_only_in_the_last_row_of_a_piece(songs: Path) -> None:
    dataset, _ = prepared(songs, params())
    rows = read_jsonl(dataset / "valid.jsonl")
    assert len(rows) > 1
    ends = [row["text"].endswith(" E<|im_end|>\n") for row in rows]
    assert ends == [False] * (len(rows) - 1) + [True]
    assert [answer(row).count("E") for row in rows] == [0] * (len(rows) - 1) + [1]


def test_the_four_formats_hold_the_same_request_and_answer(songs: Path) -> None:
    found: dict[str, list[Any]] = {}
    for kind in ("text", "messages", "completions", "alpaca"):
        dataset, _ = prepared(songs, params(format=kind))
        found[kind] = read_jsonl(dataset / "train.jsonl")
    rows = zip(found["text"], found["messages"], found["completions"], found["alpaca"], strict=True)
    for text, messages, completions, alpaca in rows:
        system, user, assistant = (message["content"] for message in messages["messages"])
        assert [message["role"] for message in messages["messages"]] == ["system", "user", "assistant"]
        is_last = assistant.endswith(" E")
        assert text["text"] == (chatml.document if is_last else join)(system, user, assistant)
        assert (completions["prompt"], completions["completion"]) == (f"{system}\n\n{user}", assistant)
        assert (alpaca["system"], alpaca["instruction"], alpaca["input"], alpaca["output"]) == (
            system,
            user,
            "",
            assistant,
        )
        assert assistant.startswith(" S B ")


def test_the_plain_request_is_asked_in_its_share_of_the_rows(tmp_path: Path) -> None:
    songs = write_songs(tmp_path, {f"train-{seed}": piece(seed) for seed in range(20)})
    dataset, metrics = prepared(songs, params())
    asked = Counter(question(row) == request.PLAIN for row in read_jsonl(dataset / "train.jsonl"))
    assert metrics["plain_share"] == round(asked[True] / asked.total(), 4)
    # 0.25 of 360 rows with a standard deviation of 0.023
    assert abs(metrics["plain_share"] - 0.25) < 0.09


def test_names_that_cost_two_ids_halve_the_music_in_a_row(songs: Path) -> None:
    _, metrics = prepared(songs, params(tokens_per_name=2.0, row_tokens=216))
    assert metrics["row_names"] == 88
    assert metrics["tokens"]["max"] <= 88


def test_a_bar_longer_than_a_row_is_left_out_and_counted(tmp_path: Path) -> None:
    # bar 2 of 4 has 48 chords of two notes, at least 96 tokens where a row has 88
    rows = [(48 * bar + 12 * i, 0, 60 + i, 80, 12) for bar in (0, 2, 3) for i in range(4)]
    rows += [(48 + i, 0, pitch, 80, 1) for i in range(48) for pitch in (60, 64)]
    song = normal(Song(12, table(rows, 5)))
    _, metrics = prepared(write_songs(tmp_path, {"train-a": song, "valid-a": piece(1)}), params())
    assert metrics["notes_left_out"] == 96
    assert metrics["notes_not_transposed"] == 12 + 80


def test_a_metre_without_a_token_is_counted_and_listed(tmp_path: Path) -> None:
    odd = piece(2, metres=[(0, 1, 64)])
    songs = write_songs(tmp_path, {"train-a": piece(1), "train-odd": odd})
    dataset, metrics = prepared(songs, params())
    assert metrics["reasons"] == {"metre_without_token": 1}
    assert (metrics["songs"], metrics["songs_kept"]) == (2, 1)
    with (dataset / "loss.csv").open() as file:
        losses = {row["id"]: row for row in csv.DictReader(file)}
    assert losses["train-odd"]["reason"] == "metre_without_token"
    assert (losses["train-a"]["notes"], losses["train-a"]["exact"]) == ("80", "80")


def test_the_songs_beside_the_rows_are_whole_and_on_the_grid(songs: Path) -> None:
    dataset, _ = prepared(songs, params(chords="bar"))
    rows = read_jsonl(dataset / "songs.jsonl")
    assert [(row["id"], row["split"]) for row in rows] == [
        ("train-a", "train"),
        ("train-b", "train"),
        ("valid-a", "valid"),
        ("test-a", "test"),
    ]
    for row in rows:
        song = from_json(row["song"])
        assert song.ticks_per_quarter == 12
        assert len(song.notes) == 80
        assert len(song.chords)
        assert not (song.chords[:, 0] % 48).any()
        assert tokens.decode(tokens.encode(song, VOCABULARY), VOCABULARY) == song


def test_chords_are_in_the_rows_when_asked_for(songs: Path) -> None:
    for grid, expected in (("none", False), ("beat", True)):
        dataset, _ = prepared(songs, params(chords=grid))
        rows = read_jsonl(dataset / "valid.jsonl")
        assert all((len(music(row).chords) > 0) == expected for row in rows)


def test_words_hold_all_names_and_the_words_of_all_requests(songs: Path) -> None:
    dataset, metrics = prepared(songs, params())
    lines = (dataset / "words.txt").read_text().splitlines()
    assert tuple(lines[: len(VOCABULARY)]) == VOCABULARY.compacts
    assert len(set(lines)) == len(lines)
    for split in ("train", "valid", "test"):
        for row in read_jsonl(dataset / f"{split}.jsonl"):
            assert set(answer(row)) <= set(lines)
            known = [word for word in question(row).replace(",", "").split() if word.isalpha()]
            assert set(known) <= set(lines)
    assert "chorale" in lines
    table_ = json.loads((dataset / "vocabulary.json").read_text())
    assert table_["digest"] == VOCABULARY.digest == metrics["vocabulary"]["digest"]
    assert tuple(table_["compact"]) == VOCABULARY.compacts


def test_a_prompt_costs_what_the_tiny_tokenizer_needs_for_it() -> None:
    tokenizer = pytest.importorskip("stages.lora.tokenizer")
    lines = [request.PLAIN, "Generate a chorale in F# minor, 12/8, 96 BPM"]
    texts = [chatml.document(request.SYSTEM, line, "") for line in lines]
    backend = tokenizer.make(words(VOCABULARY, lines), tokenizer.frequent_pieces(texts, 0.5))
    for line, text in zip(lines, texts):
        assert prompt_cost(line) == len(backend.encode(text).ids)


def test_a_prompt_that_needs_more_than_is_kept_for_it_stops_the_stage(songs: Path) -> None:
    with pytest.raises(StageError, match=r"prompt_tokens is 16, but 'Generate a chorale in .*' needs \d+; raise"):
        prepared(songs, params(prompt_tokens=16))


def test_a_row_without_room_for_music_stops_the_stage(songs: Path) -> None:
    with pytest.raises(StageError, match="row_tokens 64 less prompt_tokens 40 leaves 24 names"):
        prepared(songs, params(row_tokens=64))


def test_no_piece_for_train_stops_the_stage(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="no piece for train"):
        prepared(write_songs(tmp_path, {"valid-a": piece(1)}), params())


@pytest.mark.parametrize("shifts", [[], [1, 2], [0, 0], [1, 0]])
def test_transpositions_ascend_and_hold_zero(shifts: list[int]) -> None:
    with pytest.raises(ValueError, match="ascending semitones with 0 among them"):
        params(transpositions=shifts)


def test_the_histogram_counts_every_row(songs: Path) -> None:
    _, metrics = prepared(songs, params())
    with (songs.parent / "lengths.csv").open() as file:
        bins = list(csv.DictReader(file))
    for split, count in metrics["rows"].items():
        assert sum(int(row["rows"]) for row in bins if row["split"] == split) == count


def test_two_runs_write_the_same_bytes_with_one_worker_and_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    songs = write_songs(tmp_path, {f"train-{seed}": piece(seed) for seed in range(10)})
    hashes = set()
    for workers in ("1", "2"):
        monkeypatch.setenv("REFRAIN_WORKERS", workers)
        dataset, _ = prepared(songs, params(chords="beat"))
        hashes.add(sha256_tree(dataset))
    assert len(hashes) == 1


@given(st.lists(st.integers(1, 20)), st.integers(1, 30))
def test_cuts_fill_up_to_the_limit(costs: list[int], limit: int) -> None:
    starts = cuts(costs, limit)
    parts = [costs[start:stop] for start, stop in zip(starts, [*starts[1:], len(costs)])]
    assert [cost for part in parts for cost in part] == costs
    assert all(sum(part) <= limit or len(part) == 1 for part in parts)
    # no part could have taken the first item of the next one
    assert all(sum(part) + after[0] > limit for part, after in itertools.pairwise(parts))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(4 * HEADER, 400), st.sampled_from([(), [(0, 3, 4)], [(0, 4, 4), (100, 6, 8)]])
)
def test_stretches_hold_each_note_once_within_the_budget(seed: int, budget: int, metres: Rows) -> None:
    rng = np.random.default_rng(seed)
    onsets = np.sort(rng.integers(0, 600, 60))
    programs = rng.choice([0, 0, 0, 40, DRUMS], 60)
    notes = np.column_stack(
        [onsets, programs, rng.integers(20, 100, 60), rng.choice([20, 80], 60), rng.integers(1, 90, 60)]
    )
    tempos = table([(0, 600_000), (300, 500_000)], 2)
    song, _ = tokens.quantised(normal(Song(12, table(notes, 5), tempos, table(metres, 3))), VOCABULARY)
    found, left_out = stretches(song, VOCABULARY, budget)
    parts = [part for part, _ in found]
    assert not any(is_last for _, is_last in found[:-1])
    ids = [tokens.encode(part, VOCABULARY) for part in parts]
    assert all(len(one) <= budget for one in ids)
    assert all(tokens.decode(one, VOCABULARY) == part for one, part in zip(ids, parts))
    assert sum(len(part.notes) for part in parts) + left_out == 60
    kept = Counter(tuple(note) for part in parts for note in part.notes[:, ONSET + 1 :].tolist())
    assert kept <= Counter(tuple(note) for note in song.notes[:, ONSET + 1 :].tolist())
    assert VOCABULARY.id(Kind.START) == ids[0][0] if ids else left_out == 60
