"""An exported model samples what the model in mlx samples: the builder and the runtime are the real ones."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from stages.files import write_json
from stages.lora import generate, onnx_runtime
from stages.lora.generate import Masks
from stages.lora.model import Loaded, load
from stages.run import StageError
from tests.lora import tiny
from tests.lora.test_generate import PROMPTS, Alternating

SETTINGS: dict[str, Any] = {"max_tokens": 30, "temperature": 1.0, "top_p": 1.0, "seed": 5}
Both = tuple[Loaded, Path]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    """A random model in mlx, and the folder of its export in full precision."""
    for package in ("onnxruntime_genai", "onnx_ir", "torch"):
        pytest.importorskip(package, reason=f"{package} isn't installed: there is nothing to export with")
    folder = tmp_path_factory.mktemp("onnx")
    base = tiny.model_folder(folder / "base")
    command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-p", "fp32", "-e", "cpu"]
    paths = ["-i", str(base), "-o", str(folder / "fp32"), "-c", str(folder / "cache")]
    done = subprocess.run([*command, *paths], capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    assert done.returncode == 0, done.stderr
    return load(base), folder / "fp32"


def pair(
    both: Both, prompts: Sequence[str] = PROMPTS, masks: Masks[Any] | None = None, **changed: Any
) -> tuple[list[list[int]], list[list[int]]]:
    """What is sampled with the same settings by mlx, and by the exported model."""
    loaded, folder = both
    settings = SETTINGS | changed
    expected = generate.sample(loaded.model, loaded.tokenizer, prompts, masks, **settings)
    return expected, onnx_runtime.sample(folder, prompts, masks, **settings)


@pytest.mark.parametrize("rows_at_once", [1, 3, 16])
@pytest.mark.parametrize("changed", [{"temperature": 0.0}, {}, {"top_p": 0.8, "temperature": 1.5, "seed": 8}])
def test_the_same_ids_as_in_mlx_alone_and_in_a_batch(both: Both, changed: dict[str, Any], rows_at_once: int) -> None:
    expected, found = pair(both, rows_at_once=rows_at_once, **changed)
    assert found == expected
    assert [len(row) for row in found] == [30] * len(PROMPTS)


def test_a_seed_for_each_row_draws_as_in_mlx(both: Both) -> None:
    expected, found = pair(both, seed=[8, 5, 8, 1])
    assert found == expected
    assert pair(both, PROMPTS[::-1], seed=[1, 8, 5, 8], rows_at_once=3)[1] == expected[::-1]


def test_the_network_is_loaded_once_until_its_files_change(both: Both, tmp_path: Path) -> None:
    folder = shutil.copytree(both[1], tmp_path / "model")
    onnx_runtime._loaded.cache_clear()
    for seed in (5, 6):
        onnx_runtime.sample(folder, ["X"], None, **SETTINGS | {"seed": seed})
    assert onnx_runtime._loaded.cache_info().misses == 1
    onnx_runtime.sample(both[1], ["X"], None, **SETTINGS)
    (folder / "model.onnx").write_bytes(b"no model")
    with pytest.raises(StageError, match="not a model that onnxruntime reads"):
        onnx_runtime.sample(folder, ["X"], None, **SETTINGS)


def test_rows_end_at_the_end_id_and_the_others_go_on(both: Both) -> None:
    expected, found = pair(both, ["X"] * 40, max_tokens=60)
    assert found == expected
    assert len({len(row) for row in found}) > 2  # some ended in the middle, at different places


def test_a_mask_applies(both: Both) -> None:
    end = both[0].config["eos_token_id"]
    expected, found = pair(both, masks=Alternating(512, end), max_tokens=12)
    assert found == expected
    assert all((token < 100) == (at % 2 == 0) for row in found for at, token in enumerate(row))


def test_the_padding_id_in_a_prompt_is_a_token_like_any_other(both: Both) -> None:
    padding = json.loads((both[1] / "genai_config.json").read_text())["model"]["pad_token_id"]
    assert both[0].tokenizer.decode([padding]) == "<|endoftext|>"
    expected, found = pair(both, ["X<|endoftext|> is", "X is Y<|endoftext|>", "X"], temperature=0.0)
    assert found == expected


def test_any_id_in_a_prompt_may_be_the_last_of_a_shorter_one(both: Both) -> None:
    assert both[0].tokenizer.decode([0]) == "!"
    expected, found = pair(both, ["X!", "!", "X is Y", "X!!"], temperature=0.0)
    assert found == expected


def test_each_batch_is_told_when_it_is_done(both: Both) -> None:
    told: list[list[list[int]]] = []
    found = onnx_runtime.sample(both[1], PROMPTS, None, **SETTINGS, rows_at_once=3, done=told.append)
    assert told == [found[:3], found[3:]]


def test_no_prompts_give_no_rows(both: Both) -> None:
    assert onnx_runtime.sample(both[1], [], None, **SETTINGS) == []


def test_more_tokens_than_the_context_holds_are_an_error(both: Both) -> None:
    # "X" is 1 token, and the context 512
    assert len(onnx_runtime.sample(both[1], ["X"], None, **SETTINGS | {"max_tokens": 511})[0]) <= 511
    with pytest.raises(ValueError, match="a prompt of 1 tokens and 512 more, expected at most 512"):
        onnx_runtime.sample(both[1], ["X"], None, **SETTINGS | {"max_tokens": 512})


def test_prompts_that_leave_no_id_to_pad_with_are_an_error() -> None:
    assert onnx_runtime._unused([[0, 3], [2]], 4) == 1
    with pytest.raises(ValueError, match="each of the 4 ids"):
        onnx_runtime._unused([[0, 3], [2, 1]], 4)


@pytest.mark.parametrize("file", ["tokenizer.json", "tokenizer_config.json", "model.onnx"])
def test_a_missing_file_is_named(both: Both, tmp_path: Path, file: str) -> None:
    folder = shutil.copytree(both[1], tmp_path / "model")
    (folder / file).unlink()
    with pytest.raises(StageError, match=rf"{file} is missing; .* is not a whole exported model"):
        onnx_runtime.exported(folder)


@pytest.mark.parametrize("content", [b"{}", b'{"model"', b"[]", b"null", b"\xff"])
def test_a_tokenizer_that_is_damaged_is_one_line(both: Both, tmp_path: Path, content: bytes) -> None:
    folder = shutil.copytree(both[1], tmp_path / "model")
    (folder / "tokenizer.json").write_bytes(content)
    with pytest.raises(StageError, match=r"tokenizer\.json: not a tokenizer: .*; export again") as caught:
        onnx_runtime.exported(folder)
    assert "\n" not in str(caught.value)


def test_a_config_or_a_network_that_is_damaged_is_one_line(both: Both, tmp_path: Path) -> None:
    folder = shutil.copytree(both[1], tmp_path / "model")
    (folder / "model.onnx").write_bytes(b"no model")
    with pytest.raises(StageError, match="not a model that onnxruntime reads") as caught:
        onnx_runtime.sample(folder, ["X"], None, **SETTINGS)
    assert "\n" not in str(caught.value)
    write_json(folder / "genai_config.json", {"model": {}})
    with pytest.raises(StageError, match="not a config of onnxruntime-genai: KeyError"):
        onnx_runtime.exported(folder)
