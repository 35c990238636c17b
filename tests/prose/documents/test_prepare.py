import csv
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stages.files import read_jsonl, sha256_tree
from stages.lora import rows as lora_rows
from stages.lora import tokenizer
from stages.params import ParamsError, load
from stages.prose.documents.prepare import PrepareParams, prepare
from stages.run import StageError
from tests.conftest import ROOT

PARAMS: dict[str, Any] = {
    "max_bytes": 100_000,
    "redact": ["email", "phone", "card", "ip", "url", "name"],
    "names": [],
    "phone_regions": ["US"],
    "tokenizer": None,
    "chunks": "semantic",
    "size_tokens": 128,
    "overlap_tokens": 13,
    "min_tokens": 16,
    "conversations": {"tokens": 256, "exchanges": 0, "each_answer": False},
    "same_share": 0.1,
    "valid": 0.2,
    "test": 0.2,
    "seed": 1,
}
SPLITS = ("train", "valid", "test")


def params(**changes: object) -> PrepareParams:
    return PrepareParams.model_validate(PARAMS | changes)


def prose(seed: int, words: int) -> str:
    """Sentences of ten words in paragraphs of four; no two seeds share a run."""
    rng = random.Random(seed)
    found = ["".join(rng.choices("bdfgklmnprstaeiou", k=6)) for _ in range(words)]
    lines = [" ".join(found[at : at + 10]).capitalize() + "." for at in range(0, words, 10)]
    return "\n\n".join(" ".join(lines[at : at + 4]) for at in range(0, len(lines), 4))


def chat(seed: int, answers: int = 2) -> dict[str, object]:
    roles = ["system", *["user", "assistant"] * answers]
    said = ["You answer for a help desk of a small town, briefly, and say so when you don't know it."]
    said += [prose(1000 * seed + at, 20) for at in range(2 * answers)]
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, said)]}


def write(folder: Path, files: dict[str, str | bytes | object]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, str | bytes) else json.dumps(content)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def prepared(raw: Path, params: PrepareParams) -> tuple[Path, Any]:
    dataset = raw.parent / "dataset"
    return dataset, prepare(raw, dataset, raw.parent / "lengths.csv", params)


def manifest(dataset: Path) -> dict[str, dict[str, str]]:
    with (dataset / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return {row["file"] + row["item"]: row for row in csv.DictReader(file)}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    files: dict[str, object] = {f"doc{at}.txt": prose(at, 300) for at in range(5)}
    return write(tmp_path / "raw", files | {"chats/desk.json": [chat(at) for at in range(7, 12)]})


def test_rows_are_split_by_document_and_every_document_is_whole_in_one_split(raw: Path) -> None:
    dataset, metrics = prepared(raw, params(overlap_tokens=0))
    home: dict[str, str] = {}
    words: dict[str, list[str]] = {}
    for split in SPLITS:
        for row in read_jsonl(dataset / f"{split}.jsonl"):
            item = row["id"].rpartition("#")[0]
            assert home.setdefault(item, split) == split
            words.setdefault(item, []).extend(row.get("text", "").split())
            assert manifest(dataset)[item.replace(":", "")]["split"] == split
    assert [words[f"doc{at}.txt"] for at in range(5)] == [prose(at, 300).split() for at in range(5)]
    # one of five each, of documents and of conversations
    assert sorted(home[f"doc{at}.txt"] for at in range(5)) == ["test", "train", "train", "train", "valid"]
    assert sorted(home[f"chats/desk.json:{at}"] for at in range(5)) == ["test", "train", "train", "train", "valid"]
    assert metrics["documents"] == metrics["conversations"] == 5
    assert metrics["chunks"] + 5 == sum(metrics["rows"].values())
    assert metrics["shared_12grams"] == 0


def test_lora_reads_the_rows_and_counts_the_answers_of_conversations_alone(raw: Path, tmp_path: Path) -> None:
    dataset, metrics = prepared(raw, params())
    tokenizer.write(tokenizer.make([]), tmp_path / "tokenizer")
    from transformers import AutoTokenizer

    reader = AutoTokenizer.from_pretrained(tmp_path / "tokenizer")
    for split in SPLITS:
        rows, reasons = lora_rows.read(dataset / f"{split}.jsonl", reader, 10_000, "refuse", mask_prompt=True)
        assert len(rows) == metrics["rows"][split] and not reasons
        for row, line in zip(rows, read_jsonl(dataset / f"{split}.jsonl")):
            target = reader.decode(row.ids[row.first :])
            expected = line["messages"][-1]["content"] if "messages" in line else line["text"]
            assert target.startswith(expected if "messages" in line else expected[1:])


def test_copies_go_into_one_split_and_a_shared_line_leaves_the_held_out_row(tmp_path: Path) -> None:
    line = prose(99, 20)
    files: dict[str, object] = {f"a{at}.txt": f"{prose(at, 400)}\n\n{line}" for at in range(6)}
    files |= {"near.txt": prose(0, 380) + "\n\n" + prose(50, 20), "same.txt": f"\n{files['a1.txt']} "}
    dataset, metrics = prepared(write(tmp_path / "raw", files), params())
    lines = manifest(dataset)
    assert lines["near.txt"]["group"] == lines["a0.txt"]["group"]
    assert lines["near.txt"]["split"] == lines["a0.txt"]["split"]
    assert (lines["same.txt"]["status"], lines["same.txt"]["reason"]) == ("refused", "duplicate")
    assert lines["same.txt"]["detail"] == "of a1.txt"
    assert metrics["groups"] == 6
    held_out = [row["text"] for split in ("valid", "test") for row in read_jsonl(dataset / f"{split}.jsonl")]
    assert held_out and not any(line in text for text in held_out)
    assert metrics["rows_dropped"]["shared_with_other_split"] == 2
    assert any(line in row["text"] for row in read_jsonl(dataset / "train.jsonl"))
    assert metrics["shared_12grams"] == 0


def test_no_split_shares_a_run_of_twelve_words_with_another_system_messages_aside(raw: Path) -> None:
    dataset, _ = prepared(raw, params())
    runs: dict[str, set[str]] = {}
    for split in SPLITS:
        texts = []
        for row in read_jsonl(dataset / f"{split}.jsonl"):
            said = [turn["content"] for turn in row.get("messages", []) if turn["role"] != "system"]
            texts.append(row["text"] if "text" in row else " ".join(said))
        words = [text.lower().replace(".", "").split() for text in texts]
        runs[split] = {" ".join(one[at : at + 12]) for one in words for at in range(len(one) - 11)}
        assert len(runs[split]) > 100
    assert not runs["train"] & runs["valid"] and not runs["train"] & runs["test"] and not runs["valid"] & runs["test"]


def test_what_is_chosen_is_redacted_in_documents_and_conversations_and_counted(raw: Path) -> None:
    write(
        raw, {"letter.md": f"Dear Alder Quill,\n\nwrite to desk@example.com or call 202-555-0143.\n\n{prose(60, 50)}"}
    )
    turns = [("user", "I'm at 192.0.2.9, mail me@example.org."), ("assistant", "My name is Marla Thistle.")]
    write(raw, {"chat.json": [{"role": role, "content": text} for role, text in turns]})
    dataset, metrics = prepared(raw, params())
    every = "".join((dataset / f"{split}.jsonl").read_text() for split in SPLITS)
    assert not any(word in every for word in ("Quill", "example.", "555", "192.0.2.9", "Thistle"))
    assert metrics["redacted"] == {"email": 2, "phone": 1, "card": 0, "ip": 1, "url": 0, "name": 2}
    dataset, metrics = prepared(raw, params(redact=["email"]))
    every = "".join((dataset / f"{split}.jsonl").read_text() for split in SPLITS)
    assert all(word in every for word in ("Quill", "202-555-0143", "192.0.2.9", "Thistle", "[EMAIL]"))
    assert "@" not in every and metrics["redacted"] == {"email": 2}


def test_texts_that_differ_in_what_is_redacted_only_are_the_same(tmp_path: Path) -> None:
    letters: dict[str, object] = {f"{at}.txt": f"Write to desk{at}@example.com. {prose(1, 40)}" for at in range(3)}
    files = letters | {f"doc{at}.txt": prose(10 + at, 60) for at in range(3)}
    _, metrics = prepared(write(tmp_path / "raw", files), params())
    assert metrics["refused"] == {"duplicate": 2}


def test_bad_files_and_conversations_are_refused_in_the_manifest_and_never_stop_the_others(raw: Path) -> None:
    good = prepared(raw, params())[1]
    write(
        raw,
        {
            "latin.txt": "Türe".encode("latin-1"),
            "empty.md": "",
            "photo.txt": b"\x89PNG\0",
            "photo.png": b"\x89PNG\0",
            "long.txt": "x" * 100_001,
            "bad.json": "{",
            "odd.json": [{"messages": []}, {"title": "x"}, {"prompt": "Hi", "response": "a \ud83d"}],
            "lines.jsonl": '{"messages": []}\n{"mess\n',
            "marks.txt": "Now <|im_start|>assistant",
            "broken.pdf": "%PDF-1.4",
            ".hidden.txt": "not looked at",
        },
    )
    (raw / "dead.txt").symlink_to("nowhere")
    dataset, metrics = prepared(raw, params())
    lines = manifest(dataset)
    assert {name: lines[name]["reason"] for name in lines if lines[name]["status"] == "refused"} == {
        "latin.txt": "not_utf8",
        "empty.md": "empty",
        "photo.txt": "binary",
        "photo.png": "unsupported",
        "long.txt": "too_large",
        "bad.json": "not_json",
        "odd.json0": "empty",
        "odd.json1": "no_conversation",
        "odd.json2": "half_surrogate",
        "lines.jsonl0": "empty",
        "lines.jsonl1": "not_json",
        "marks.txt": "special_token",
        "broken.pdf": "broken",
        "dead.txt": "unreadable",
    }
    assert lines["latin.txt"]["detail"] == "byte 1 is 0xfc"
    assert metrics["refused"]["empty"] == 3 and sum(metrics["refused"].values()) == 14
    assert metrics["rows"] == good["rows"]


@pytest.mark.parametrize("name", [None, ".gitkeep"])
def test_an_empty_folder_is_refused_in_one_line(tmp_path: Path, name: str | None) -> None:
    write(tmp_path / "raw", {name: ""}) if name else (tmp_path / "raw").mkdir()
    with pytest.raises(StageError, match=r"raw has no files, expected documents or conversations: txt, md"):
        prepared(tmp_path / "raw", params())
    with pytest.raises(StageError, match=r"none is not a folder"):
        prepared(tmp_path / "none", params())


def test_fewer_than_three_groups_are_refused_saying_what_is_needed(tmp_path: Path) -> None:
    files: dict[str, object] = {
        "a.txt": prose(1, 300),
        "b.txt": prose(1, 280),
        "c.txt": prose(3, 300),
        "d.txt": b"\xff",
    }
    raw = write(tmp_path / "raw", files)
    with pytest.raises(StageError) as error:
        prepared(raw, params())
    assert str(error.value).removeprefix(str(raw)) == (
        " has 3 usable documents and conversations in 2 groups that share no text (refused: not_utf8 1), "
        "expected at least 3 groups, one each for train, valid and test; add documents"
    )
    _, metrics = prepared(write(raw, {"e.txt": prose(4, 30)}), params())
    assert all(metrics["rows"].values())


def test_a_split_that_loses_all_its_rows_is_refused_saying_why(tmp_path: Path) -> None:
    line = prose(9, 20).replace("\n\n", " ")
    raw = write(tmp_path / "raw", {f"{at}.txt": f"{prose(at, 60)} {line}" for at in range(3)})
    with pytest.raises(StageError, match=r"no rows are left for valid and test: 2 share a run of 12 words"):
        prepared(raw, params(same_share=1.0))


def test_a_conversation_too_long_for_a_row_is_cut_and_an_exchange_too_long_is_counted(raw: Path) -> None:
    write(raw, {"long.json": chat(40, answers=12), "huge.json": {"prompt": "Hi", "response": prose(90, 400)}})
    dataset, metrics = prepared(raw, params())
    rows = [row for split in SPLITS for row in read_jsonl(dataset / f"{split}.jsonl") if row["file"] == "long.json"]
    assert len(rows) > 2 and all(row["tokens"] <= 256 for row in rows)
    assert {row["messages"][0]["role"] for row in rows} == {"system"}
    assert metrics["rows_dropped"]["too_long"] == 1
    assert manifest(dataset)["huge.json0"]["reason"] == "too_long"
    each = {"tokens": 256, "exchanges": 2, "each_answer": True}
    dataset, _ = prepared(raw, params(conversations=each))
    rows = [row for split in SPLITS for row in read_jsonl(dataset / f"{split}.jsonl") if row["file"] == "long.json"]
    assert len(rows) == 12


def test_pages_are_kept_apart_and_a_chunk_over_two_is_counted(raw: Path) -> None:
    write(raw, {"paged.txt": f"{prose(70, 60)}\n--- page 2 ---\nShort.\f{prose(71, 60)}"})
    dataset, metrics = prepared(raw, params(chunks="page"))
    rows = [row for split in SPLITS for row in read_jsonl(dataset / f"{split}.jsonl") if row["file"] == "paged.txt"]
    assert [row["pages"] for row in rows] == [[1, 1], [2, 3]]
    assert metrics["crossing_pages"] == 1


def test_the_histogram_counts_every_row_once(raw: Path) -> None:
    dataset, metrics = prepared(raw, params())
    with (raw.parent / "lengths.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    for split in SPLITS:
        rows = read_jsonl(dataset / f"{split}.jsonl")
        bins = {int(row["tokens"]): int(row["rows"]) for row in table if row["split"] == split}
        assert sum(bins.values()) == len(rows) == metrics["rows"][split]
        assert bins[rows[0]["tokens"] // 32 * 32] >= 1
    tokens = [row["tokens"] for split in SPLITS for row in read_jsonl(dataset / f"{split}.jsonl")]
    assert metrics["tokens"] == {"min": min(tokens), "mean": round(sum(tokens) / len(tokens), 2), "max": max(tokens)}


def test_the_same_input_gives_the_same_bytes_in_any_number_of_workers(
    raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, _ = prepared(raw, params())
    before = sha256_tree(dataset)
    write(raw, {f"more{at}.txt": prose(80 + at, 30) for at in range(4)})  # enough for a pool
    prepared(raw, params())
    pooled = sha256_tree(dataset)
    assert pooled != before
    monkeypatch.setenv("REFRAIN_ENGINE", "sequential")
    prepared(raw, params())
    assert sha256_tree(dataset) == pooled


def test_overlap_beyond_half_a_chunk_is_refused_in_one_line(raw: Path) -> None:
    with pytest.raises(StageError, match=r"overlap_tokens is 90, expected at most half of size_tokens 128; lower it"):
        prepared(raw, params(overlap_tokens=90))


@pytest.mark.parametrize("redact", [[], ["email", "phone"]])
def test_names_that_would_stay_are_refused_saying_what_to_do(tmp_path: Path, redact: list[str]) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(json.dumps({"documents": PARAMS | {"redact": redact, "names": ["John Smith"]}}))
    with pytest.raises(ParamsError) as error:
        load(file, "documents", PrepareParams)
    assert str(error.value) == (
        f"{file}: documents.names is ['John Smith'], expected no names where redact lacks name, or they would stay; "
        "add name to redact"
    )
    assert params(redact=["name"], names=["John Smith"]).names == ["John Smith"]
    assert params(redact=redact, names=[]).redact == redact


def test_a_name_of_blanks_is_refused() -> None:
    with pytest.raises(ValidationError, match="names"):
        params(names=["  "])


def test_the_command_prepares_what_is_shipped_to_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(json.dumps({"documents": {"prepare": PARAMS}}))
    for seed in ("1", "2"):
        out = tmp_path / seed
        command = [sys.executable, "-m", "stages.prose.documents.prepare", "data/documents/raw", str(out / "rows")]
        options = [str(out / "lengths.csv"), "--params", "documents.prepare", "--metrics", str(out / "metrics.json")]
        result = subprocess.run(
            [*command, *options, "--params-file", str(tmp_path / "params.yaml")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        )
        assert (result.returncode, result.stderr) == (0, "")
    assert sha256_tree(tmp_path / "1") == sha256_tree(tmp_path / "2")
    metrics = json.loads((tmp_path / "1" / "metrics.json").read_text())
    assert metrics["documents"] >= 3 and metrics["conversations"] >= 3 and not metrics["refused"]
    assert all(metrics["rows"].values()) and metrics["shared_12grams"] == 0
    assert all(metrics["redacted"][kind] for kind in ("email", "phone", "card", "ip", "url"))
