"""The command as a user runs it: text, JSON and MIDI from each kind of model, and one line for what can't be."""

import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stages.files import sha256_tree, write_json, write_jsonl, write_text
from stages.generate import main
from stages.lora import blas
from stages.lora.fuse import merge
from stages.lora.model import load, save
from stages.midi import prepare, request, tokens
from stages.midi.reader import read
from stages.midi.vocabulary import Vocabulary
from stages.midi.written import CAPS
from tests.conftest import ROOT
from tests.lora import tiny
from tests.midi.test_evaluate import random_model

MODEL = Vocabulary.model(12)
CHORALE = "Generate a chorale in G major, 4/4"
RECIPE = {"ticks_per_quarter": 12, "digest": MODEL.digest, "format": "text"}
SHORT = ["--max-tokens", "20"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    blas.load()
    return tiny.model_folder(tmp_path_factory.mktemp("text") / "base")


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    """A random adapter for `base`, with what train says of it."""
    folder = base.parent / "adapter"
    folder.mkdir()
    tiny.adapter_folder(folder, base)
    write_json(folder / "metadata.json", {"adapterName": "made up", "baseHash": sha256_tree(base)})
    return folder


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model whose tokenizer knows the words of music."""
    folder = tmp_path_factory.mktemp("music")
    write_text(folder / "words.txt", "\n".join(prepare.words(MODEL, [request.PLAIN, CHORALE])))
    random_model(folder / "model", folder)
    write_json(folder / "model" / "recipe.json", RECIPE)
    return folder / "model"


@pytest.fixture(scope="module")
def exported(music: Path) -> Path:
    """The export of `music` in full precision."""
    for package in ("onnxruntime_genai", "onnx_ir", "torch"):
        pytest.importorskip(package, reason=f"{package} isn't installed: there is nothing to export with")
    folder = music.parent / "exported"
    command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-p", "fp32", "-e", "cpu"]
    paths = ["-i", str(music), "-o", str(folder), "-c", str(music.parent / "cache")]
    done = subprocess.run([*command, *paths], capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    assert done.returncode == 0, done.stderr
    shutil.copyfile(music / "recipe.json", folder / "recipe.json")
    return folder


def rows(capsys: pytest.CaptureFixture[str], *words: object) -> list[dict[str, Any]]:
    """What the command says as JSON."""
    assert main([*map(str, words), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """Exit status and message of a command that must fail, which says nothing else."""
    try:
        status = main([*map(str, words)])
    except SystemExit as end:
        assert isinstance(end.code, int)
        status = end.code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("generate: ") and said.err.count("\n") == 1
    return status, said.err.removeprefix("generate: ").rstrip()


def test_one_json_object_per_sample_and_figures_apart(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(base), "--prompt", "X is", "--prompt", "Y", "--samples", "2", *SHORT, "--json"]) == 0
    said = capsys.readouterr()
    found = [json.loads(line) for line in said.out.splitlines()]
    assert [row["prompt"] for row in found] == ["X is", "X is", "Y", "Y"]
    assert all(set(row) == {"prompt", "text", "tokens", "ended", "midi"} for row in found)
    assert all(row["ended"] == (row["tokens"] < 20) and row["midi"] is None for row in found)
    assert len({row["text"] for row in found}) == 4  # equal prompts draw apart
    total = sum(row["tokens"] for row in found)
    assert said.err.startswith(f"4 samples, {total} tokens: ") and said.err.endswith(" tokens per second\n")


def test_the_seed_decides(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [base, "--prompt", "X is", *SHORT]
    first = rows(capsys, *words)
    assert rows(capsys, *words) == first
    assert rows(capsys, *words, "--seed", "2") != first
    assert rows(capsys, *words, "--samples", "3")[0] == first[0]


def test_one_text_stands_alone_and_several_have_a_line_each(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [base, "--prompt", "X is", *SHORT]
    found = rows(capsys, *words, "--samples", "2")
    main([*map(str, words)])
    assert capsys.readouterr().out.rstrip("\n") == found[0]["text"].rstrip("\n")
    main([*map(str, words), "--samples", "2"])
    out = capsys.readouterr().out
    assert "--- 1/2: X is\n" in out and "--- 2/2: X is\n" in out
    assert all(row["text"].rstrip("\n") in out for row in found)


def test_a_prompt_is_a_users_turn_unless_it_is_raw(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    greedy = ["--temperature", "0", *SHORT]
    turn = "<|im_start|>user\nX is<|im_end|>\n<|im_start|>assistant\n"  # as rows with a prompt and a completion have it
    (chat,) = rows(capsys, base, "--prompt", "X is", *greedy)
    (whole,) = rows(capsys, base, "--prompt", turn, "--raw", *greedy)
    (raw,) = rows(capsys, base, "--prompt", "X is", "--raw", *greedy)
    assert chat["text"] == whole["text"] != raw["text"]
    assert rows(capsys, base, "--prompt", "X is", "--chat", *greedy) == [chat]


def test_without_a_template_a_prompt_is_raw_and_chat_is_refused(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(base, tmp_path / "plain")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    del config["chat_template"]
    write_json(folder / "tokenizer_config.json", config)
    greedy = ["--prompt", "X is", "--temperature", "0", *SHORT]
    assert rows(capsys, folder, *greedy) == rows(capsys, base, *greedy, "--raw")
    assert refused(capsys, folder, *greedy, "--chat") == (1, "--chat, but the model has no chat template; give --raw")
    write_json(folder / "recipe.json", RECIPE | {"format": "messages"})
    status, line = refused(capsys, folder, "--prompt", CHORALE, "--midi", "--out", tmp_path / "out")
    assert status == 1 and "the base has no chat template" in line


def test_prompts_come_from_rows_or_lines_of_a_file(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = rows(capsys, base, "--prompt", "X is", "--prompt", '{"Y"}', *SHORT)
    write_jsonl(tmp_path / "rows.jsonl", [{"prompt": "X is", "completion": "Y"}, {"prompt": '{"Y"}'}])
    (tmp_path / "lines.txt").write_bytes(b'X is\r\n\r\n{"Y"}\r\n')
    assert rows(capsys, base, "--prompts", tmp_path / "rows.jsonl", *SHORT) == expected
    assert rows(capsys, base, "--prompts", tmp_path / "lines.txt", *SHORT) == expected


def test_texts_are_written_to_the_folder(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys, base, "--prompt", "X is", "--samples", "2", *SHORT, "--out", tmp_path / "out")
    assert [(tmp_path / "out" / f"{number}.txt").read_bytes().decode() for number in (1, 2)] == [
        row["text"] for row in found
    ]
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_the_groups_change_no_sample(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [base, "--prompt", "X is", "--prompt", "Y", "--samples", "3", *SHORT]
    expected = rows(capsys, *words)
    for count in (1, 4):
        assert rows(capsys, *words, "--rows-at-once", count) == expected


def test_one_sample_is_no_samples(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(base), "--prompt", "X is", *SHORT]) == 0
    assert capsys.readouterr().err.startswith("1 sample, ")


def test_a_sample_ends_where_the_context_does(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # the frame is 19 tokens (see below), which with 480 leaves 13 of 512
    (found,) = rows(capsys, base, "--prompt", "X" * 480, "--temperature", "0")
    assert (found["tokens"], found["ended"]) == (13, False)


def test_ctrl_c_keeps_what_was_sampled_and_is_one_line(base: Path, tmp_path: Path) -> None:
    words = ["--prompt", "X is", "--samples", "20000", *SHORT, "--rows-at-once", "2", "--json", "--out"]
    line = [sys.executable, "-m", "stages.generate", str(base), *words, str(tmp_path / "o")]
    heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # what a shell starts in the background ignores it
    with subprocess.Popen(
        line, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heeded
    ) as process:
        assert process.stdout
        assert process.stderr
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        said = [json.loads(line) for line in [first, *process.stdout.read().splitlines()]]
        assert process.stderr.read() == "generate: stopped by SIGINT; what was sampled before is printed and written\n"
    assert process.returncode == 130
    assert len(said) < 20000
    for number, row in enumerate(said, start=1):
        assert (tmp_path / "o" / f"{number}.txt").read_bytes().decode() == row["text"]


def test_a_reader_that_goes_ends_it_without_a_word(base: Path) -> None:
    words = ["--prompt", "X is", "--samples", "20000", *SHORT, "--rows-at-once", "2", "--json"]
    line = [sys.executable, "-m", "stages.generate", str(base), *words]
    with subprocess.Popen(line, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_a_folder_that_cant_take_the_samples_is_refused_before_any(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = [base, "--prompt", "X is", *SHORT, "--out"]
    rows(capsys, *words, out)
    held = (out / "1.txt").read_bytes()
    status, line = refused(capsys, *words, out, "--seed", "2")
    assert (status, line) == (1, f"{out} holds 1.txt of an earlier run; give another --out, or remove it")
    assert (out / "1.txt").read_bytes() == held
    (out / "1.txt").rename(out / "12.mid")
    assert "holds 12.mid of an earlier run" in refused(capsys, *words, out)[1]
    (out / "12.mid").rename(out / "notes.txt")
    rows(capsys, *words, out)
    assert "notes.txt" in refused(capsys, *words, out / "notes.txt")[1]


def test_prompts_are_utf_8_with_or_without_a_byte_order_mark(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = rows(capsys, base, "--prompt", "X is", *SHORT)
    for name, content in (("lines.txt", "X is\n"), ("rows.jsonl", '{"prompt": "X is"}\n')):
        (tmp_path / name).write_bytes(content.encode("utf-8-sig"))
        assert rows(capsys, base, "--prompts", tmp_path / name, *SHORT) == expected
    (tmp_path / "latin.txt").write_bytes("X \u00e9".encode("latin-1"))
    status, line = refused(capsys, base, "--prompts", tmp_path / "latin.txt")
    assert (status, line) == (1, f"{tmp_path / 'latin.txt'}: byte 2 isn't UTF-8; save the file as UTF-8")
    status, line = refused(capsys, base, "--prompt", "X", "--prompt", b"Y\xff".decode("utf-8", "surrogateescape"))
    assert (status, line) == (1, "--prompt 2 isn't valid Unicode, expected UTF-8; write it in UTF-8")
    (tmp_path / "half.jsonl").write_text('{"prompt": "\\ud800"}\n')
    assert "half.jsonl:1 isn't valid Unicode" in refused(capsys, base, "--prompts", tmp_path / "half.jsonl")[1]


def test_an_adapter_writes_what_the_merged_model_writes(
    base: Path, adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--prompt", "X is", *SHORT]
    whole = load(base, adapter)
    merge(whole.model, dequantize=False)
    save(whole, base, tmp_path)
    found = rows(capsys, base, *words, "--adapter", adapter)
    assert found == rows(capsys, tmp_path, *words) != rows(capsys, base, *words)


def test_an_adapter_of_the_registry_brings_its_base(
    base: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from stages.lora import registry

    monkeypatch.setenv("REFRAIN_REGISTRY", str(tmp_path))
    entry, _ = registry.add(adapter, base)
    words = ["--prompt", "X is", *SHORT]
    expected = rows(capsys, base, "--adapter", adapter, *words)
    assert rows(capsys, f"lora/{entry.id}", *words) == expected
    assert rows(capsys, "LoRA: made up", *words) == expected
    status, line = refused(capsys, "LoRA: made up", "--adapter", adapter, *words)
    assert status == 1 and "is an adapter already" in line
    status, line = refused(capsys, "LoRA: another", *words)
    assert status == 1 and "LoRA: another" in line


def test_an_adapter_of_another_base_is_refused(
    base: Path, adapter: Path, music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tiny.model_folder(tmp_path / "other", seed=9)  # of the same shape
    words = ["--prompt", "X", "--adapter"]
    status, line = refused(capsys, other, *words, adapter)
    assert status == 1
    assert f"metadata.json: baseHash is {sha256_tree(base)[:16]}" in line and str(other) in line
    plain = shutil.copytree(adapter, tmp_path / "adapter")
    (plain / "metadata.json").unlink()
    status, line = refused(capsys, music, *words, plain)
    assert status == 1 and "not an adapter of" in line
    assert refused(capsys, base, *words, tmp_path / "none")[0] == 1


def test_music_becomes_midi_files_that_read_back_to_their_text(
    music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [music, "--prompt", CHORALE, "--samples", "3", "--max-tokens", "60", "--midi", "--out"]
    found = rows(capsys, *words, tmp_path / "one")
    assert [row["midi"] for row in found] == [str(tmp_path / "one" / f"{number}.mid") for number in (1, 2, 3)]
    for row in found:
        song = read(Path(row["midi"]).read_bytes(), CAPS).song
        assert song.ticks_per_quarter == 12
        ids = tokens.encode(song, MODEL)
        assert tokens.from_text(row["text"], MODEL, compact=False).tolist() == ids.tolist()
        assert row["tokens"] == len(ids) <= 60  # each token is one id, as the tokenizer knows the words
        assert row["ended"]
        assert Path(row["midi"]).with_suffix(".txt").read_text() == row["text"]
    assert len({row["text"] for row in found}) == 3
    rows(capsys, *words, tmp_path / "other")
    assert sha256_tree(tmp_path / "one") == sha256_tree(tmp_path / "other")


def test_a_request_stands_where_it_stood_in_the_rows(
    music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def words(out: str) -> list[object]:
        return ["--max-tokens", "40", "--midi", "--out", tmp_path / out]

    turn = "<|im_end|>\n<|im_start|>assistant\n"
    prompt = f"<|im_start|>system\n{request.SYSTEM}<|im_end|>\n<|im_start|>user\n{CHORALE}{turn}"
    (asked,) = rows(capsys, music, "--prompt", CHORALE, *words("asked"))
    (whole,) = rows(capsys, music, "--prompt", prompt, "--raw", *words("raw"))
    assert whole["text"] == asked["text"]
    folder = shutil.copytree(music, tmp_path / "completions")
    write_json(folder / "recipe.json", RECIPE | {"format": "completions"})
    prompt = f"<|im_start|>user\n{request.SYSTEM}\n\n{CHORALE}{turn}"
    (asked,) = rows(capsys, folder, "--prompt", CHORALE, *words("completions"))
    (whole,) = rows(capsys, music, "--prompt", prompt, "--raw", *words("last"))
    assert whole["text"] == asked["text"]


def test_an_adapters_recipe_goes_before_its_bases(
    music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    write_json(adapter / "recipe.json", RECIPE | {"digest": "0" * 64})
    write_json(adapter / "metadata.json", {"baseHash": sha256_tree(music)})
    words = [music, "--adapter", adapter, "--prompt", CHORALE, "--midi", "--out", tmp_path / "out"]
    status, line = refused(capsys, *words)
    assert status == 1
    assert f"digest 000000000000, expected {MODEL.digest[:12]}: the vocabulary has changed" in line


def test_an_exported_model_writes_the_same_music(
    music: Path, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--prompt", CHORALE, "--prompt", "Generate a hymn", "--samples", "2", "--max-tokens", "60", "--midi"]
    expected = rows(capsys, music, *words, "--out", tmp_path / "mlx")
    found = rows(capsys, exported, *words, "--out", tmp_path / "onnx")
    assert [row["text"] for row in found] == [row["text"] for row in expected]
    assert sha256_tree(tmp_path / "onnx") == sha256_tree(tmp_path / "mlx")


def test_an_exported_model_takes_no_adapter(exported: Path, adapter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, line = refused(capsys, exported, "--prompt", "X", "--adapter", adapter)
    assert status == 1 and line.endswith("takes no --adapter; fuse the adapter, then export")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "one of the arguments --prompt --prompts is required"),
        (["--prompt", "X", "--samples", "0"], "argument --samples: 0, expected a whole number from 1 on"),
        (["--prompt", "X", "--max-tokens", "1.5"], "argument --max-tokens: 1.5, expected a whole number from 1 on"),
        (["--prompt", "X", "--seed", "-1"], "argument --seed: -1, expected a whole number from 0 on"),
        (["--prompt", "X", "--temperature", "nan"], "argument --temperature: nan, expected a number from 0 on"),
        (["--prompt", "X", "--top-p", "0"], "argument --top-p: 0, expected a number above 0, and 1 at most"),
        (["--prompt", "X", "--chat", "--raw"], "argument --raw: not allowed with argument --chat"),
        (["--prompt", "X", "--midi"], "--midi needs --out FOLDER, where the files go"),
        (["--prompt", "X" * 600], "a prompt of 619 tokens, but the model's context is 512; shorten it"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(
    base: Path, capsys: pytest.CaptureFixture[str], words: list[str], line: str
) -> None:
    assert refused(capsys, base, *words) == (2, f"{line}; see --help")


def test_a_set_up_that_cant_work_is_one_line_and_status_1(
    base: Path, music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def line(*words: object) -> str:
        status, said = refused(capsys, *words)
        assert status == 1
        return said

    (tmp_path / "empty").mkdir()
    (tmp_path / "none.txt").write_text("\n\n")
    (tmp_path / "rows.jsonl").write_text('{"prompt": "X"}\n{"text": "X"}\n')
    (tmp_path / "empty.jsonl").write_text('{"prompt": " "}\n')
    (tmp_path / "lines.jsonl").write_text("X is\n")
    assert line(tmp_path / "nowhere", "--prompt", "X").startswith(f"{tmp_path / 'nowhere'} is no model folder")
    assert "config.json is missing" in line(tmp_path / "empty", "--prompt", "X")
    assert line(base, "--prompt", "X", "--prompt", "") == "--prompt 2 is empty, expected a prompt"
    assert "No such file" in line(base, "--prompts", tmp_path / "nowhere.txt")
    assert "none.txt has no prompt" in line(base, "--prompts", tmp_path / "none.txt")
    assert "rows.jsonl:2: no prompt" in line(base, "--prompts", tmp_path / "rows.jsonl")
    assert "empty.jsonl:1 is empty" in line(base, "--prompts", tmp_path / "empty.jsonl")
    assert "lines.jsonl:1: not JSON" in line(base, "--prompts", tmp_path / "lines.jsonl")
    # "X" is 1 token; the frame is 3 marks, 3 line ends, and "user" and "assistant" by letters: 19
    assert "less a prompt of 20 leaves 492; lower it" in line(base, "--prompt", "X", "--max-tokens", "493")
    out = ["--midi", "--out", tmp_path / "out"]
    assert f"{base / 'recipe.json'} is missing" in line(base, "--prompt", "X", *out)
    assert "the shortest song has" in line(music, "--prompt", "X", "--max-tokens", "5", *out)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", [{"ticks_per_quarter": 13}, {"format": "poem"}])
def test_a_recipe_that_says_something_else_is_refused(
    music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: dict[str, object]
) -> None:
    folder = shutil.copytree(music, tmp_path / "model")
    write_json(folder / "recipe.json", RECIPE | wrong)
    status, line = refused(capsys, folder, "--prompt", CHORALE, "--midi", "--out", tmp_path / "out")
    assert status == 1 and "expected one of 12, 24 and one of text, messages, completions, alpaca" in line
