"""Three facts, learned by heart, are known to every form that the adapter takes afterwards."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stages.files import write_jsonl
from stages.lora.export import ExportParams, export
from stages.lora.fuse import FuseParams, fuse
from stages.lora.generate import sample
from stages.lora.model import Loaded, load
from stages.lora.quantize import QuantizeParams, quantize
from tests.lora import tiny
from tests.lora.test_train import trained

FACTS = {"Naa is": " Nfg", "Nbc is": " Ncd", "Nhh is": " Nab"}
KEYS = [*(f"self_attn.{name}_proj" for name in "qkvo"), *(f"mlp.{name}_proj" for name in ("gate", "up", "down"))]
HELD_OUT = {"rows": 3, "row_tokens": 16, "mask_prompt": True}
# a wrong answer would be worlds away from these
NEAR = {"max_logit_difference": 5.0, "max_mean_kl": 0.01, "min_argmax_agreement": 1.0, "max_lost_share": 10.0}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with base, adapter, fused, quantized and exported models that were taught FACTS."""
    folder = tmp_path_factory.mktemp("recall")
    tiny.model_folder(folder / "base")
    rows = [{"prompt": prompt, "target": target} for prompt, target in FACTS.items()]
    for split in ("train", "valid"):  # learning by heart is the point
        write_jsonl(folder / "data" / f"{split}.jsonl", rows)
    settings = {"rank": 16, "alpha": 32.0, "dropout": 0.0, "keys": KEYS, "batch_rows": 3, "accumulation": 1}
    found = trained(folder / "base", folder / "data", folder, epochs=60.0, **settings)
    none: dict[str, dict[str, int]] = {"train": {}, "valid": {}}
    assert found["rows"] == {"train": 3, "valid": 3, "valid_in_train": 3, "refused_or_cut": none}
    fuse(
        folder / "base",
        folder / "adapter",
        folder / "data",
        folder / "fused",
        FuseParams.model_validate(HELD_OUT | NEAR | {"dequantize": False}),
    )
    widths = {"group_size": 64, "widths": [NEAR | {"bits": 8}]}
    quantize(folder / "fused", folder / "data", folder / "quantized", QuantizeParams.model_validate(HELD_OUT | widths))
    precisions = {"precisions": [NEAR | {"precision": name} for name in ("fp32", "int8")]}
    export(folder / "fused", folder / "data", folder / "exported", ExportParams.model_validate(HELD_OUT | precisions))
    return folder


def answers(loaded: Loaded) -> dict[str, str]:
    """What the likeliest ids after each prompt say, up to the end."""
    found = sample(loaded.model, loaded.tokenizer, list(FACTS), None, max_tokens=8, temperature=0.0, top_p=1.0, seed=0)
    return {prompt: loaded.tokenizer.decode(ids) for prompt, ids in zip(FACTS, found)}


def test_the_base_knows_nothing_of_it(models: Path) -> None:
    said = answers(load(models / "base"))
    assert not any(said[prompt] == target for prompt, target in FACTS.items())


def test_the_adapter_recalls_every_fact(models: Path) -> None:
    assert answers(load(models / "base", models / "adapter")) == FACTS


@pytest.mark.parametrize("name", ["fused", "quantized/8bit"])
def test_the_merged_and_the_8_bit_model_recall_every_fact(models: Path, name: str) -> None:
    assert answers(load(models / name)) == FACTS


@pytest.mark.parametrize("name", ["fp32", "int8"])
def test_the_exported_model_recalls_every_fact(models: Path, name: str) -> None:
    from stages.lora import onnx_runtime

    folder = models / "exported" / name
    ids = onnx_runtime.sample(folder, list(FACTS), None, max_tokens=8, temperature=0.0, top_p=1.0, seed=0)
    tokenizer = onnx_runtime.exported(folder).tokenizer
    assert {prompt: tokenizer.decode(found) for prompt, found in zip(FACTS, ids)} == FACTS


@pytest.mark.parametrize("given", [["--model", "base", "--adapter-path", "adapter"], ["--model", "fused"]])
def test_mlx_lms_own_command_recalls_a_fact(models: Path, given: list[str]) -> None:
    prompt, target = next(iter(FACTS.items()))
    options = ["--prompt", prompt, "--max-tokens", "8", "--temp", "0", "--ignore-chat-template", "--verbose", "False"]
    command = [sys.executable, "-m", "mlx_lm", "generate", *given, *options]
    done = subprocess.run(command, cwd=models, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == target.strip()


def test_the_adapter_says_what_it_was_made_from(models: Path) -> None:
    metadata = json.loads((models / "adapter" / "metadata.json").read_text())
    assert metadata["trainingDataset"] == (models / "data").as_posix()
    assert (metadata["rank"], metadata["alpha"], metadata["scale"]) == (16, 32.0, 2.0)
    assert (metadata["trainingSteps"], metadata["epochs"], metadata["batchSize"]) == (60, 60.0, 3)
    assert metadata["recipeHash"] is None
    assert "createdAt" not in metadata
    origin = json.loads((models / "fused" / "origin.json").read_text())
    assert len(origin["adapters"]) == 1
