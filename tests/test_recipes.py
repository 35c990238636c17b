"""Each recipe is a list of `--set-param key=value` for `dvc exp run`, with keys that exist and values that fit."""

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import parse_yaml
from ruamel.yaml import YAML

from stages.files import write_jsonl
from stages.lora import chatml
from stages.lora.base import BaseParams
from stages.lora.export import ExportParams, export
from stages.lora.fuse import FuseParams, fuse
from stages.lora.model import load as load_model
from stages.lora.quantize import QuantizeParams, quantize
from stages.lora.train import TrainParams, train
from stages.midi.collect import CollectParams
from stages.midi.curate import CurateParams
from stages.midi.evaluate import EvaluateParams
from stages.midi.prepare import PrepareParams
from stages.params import Params, load
from stages.prose import curate, evaluate, prepare, primer, rewrite
from stages.prose.documents import prepare as documents
from tests.conftest import ROOT
from tests.lora import tiny

SECTIONS: dict[str, type[Params]] = {
    "documents.prepare": documents.PrepareParams,
    "prose.curate": curate.CurateParams,
    "prose.rewrite": rewrite.RewriteParams,
    "prose.prepare": prepare.PrepareParams,
    "prose.primer": primer.PrimerParams,
    "prose.evaluate": evaluate.EvaluateParams,
    "base.prose": BaseParams,
    "train.prose_author": TrainParams,
    "midi.collect": CollectParams,
    "midi.curate": CurateParams,
    "midi.prepare": PrepareParams,
    "midi.evaluate": EvaluateParams,
    "base.midi": BaseParams,
    "train.midi_general": TrainParams,
    "train.midi_gospel": TrainParams,
    "fuse": FuseParams,
    "quantize": QuantizeParams,
    "export": ExportParams,
}
RECIPES = sorted((ROOT / "recipes").iterdir())


def sections(path: Path) -> dict[str, Any]:
    return {name: load(path, name, model) for name, model in SECTIONS.items()}


def cooked(recipe: Path, target: Path) -> dict[str, Any]:
    """The sections of params.yaml after `recipe`."""
    params = YAML(typ="safe").load(ROOT / "params.yaml")
    words = shlex.split(recipe.read_text())
    assert set(words[::2]) == {"--set-param"}
    for setting in words[1::2]:
        key, _, value = setting.partition("=")
        *parents, last = key.split(".")
        section = params
        for parent in parents:
            section = section[parent]
        assert last in section, f"{recipe.name}: params.yaml has no {key}"
        section[last] = parse_yaml(value, target)  # as DVC reads it
    YAML().dump(params, target)
    return sections(target)


def test_the_shipped_params_fit_their_stages() -> None:
    sections(ROOT / "params.yaml")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_a_recipe_names_keys_that_exist_with_values_that_fit(recipe: Path, tmp_path: Path) -> None:
    cooked(recipe, tmp_path / "params.yaml")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_the_readme_gives_a_recipe_to_dvc_as_it_is_written(recipe: Path, tmp_path: Path) -> None:
    line = next(
        line for line in (ROOT / "README.md").read_text().splitlines() if line.endswith(f"recipes/{recipe.name}")
    )
    stub = tmp_path / "dvc"
    stub.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done\n')
    stub.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", line.replace(".venv/bin/dvc", str(stub))], cwd=ROOT, capture_output=True, text=True, check=True
    )
    given = done.stdout.splitlines()
    assert given[:2] == ["exp", "run"]
    words = shlex.split(recipe.read_text())
    assert given[-len(words) :] == words


def test_the_style_recipe_has_the_settings_that_it_is_named_for(tmp_path: Path) -> None:
    adapter = cooked(ROOT / "recipes" / "prose-qwen2.5-14b", tmp_path / "params.yaml")["train.prose_author"]
    assert (adapter.rank, adapter.alpha / adapter.rank, adapter.dropout, len(adapter.keys)) == (64, 2.0, 0.1, 7)
    assert (adapter.learning_rate, adapter.epochs, adapter.batch_rows, adapter.accumulation) == (1e-5, 2.2, 1, 4)
    assert adapter.gradient_checkpointing
    assert adapter.num_layers == -1


def test_a_quantized_base_passes_the_gates_of_the_recipe(tmp_path: Path) -> None:
    """A small model in 16 bits, quantized to 4 as the recipe's base is, through train, fuse, quantize and export."""
    from mlx_lm.convert import convert

    found = cooked(ROOT / "recipes" / "midi-qwen2.5-14b", tmp_path / "params.yaml")
    plain = tiny.model_folder(tmp_path / "plain", scale=0.02)
    convert(str(plain), str(tmp_path / "base"), quantize=True, q_bits=4, dtype="bfloat16")
    names = [word for word in tiny.WORDS if word.startswith("N")]
    for split in ("train", "valid"):
        rows = [{"text": chatml.document("", "X", " " + " ".join(names[n : n + 8]))} for n in range(0, 48, 4)]
        write_jsonl(tmp_path / "data" / f"{split}.jsonl", rows)

    section = found["train.midi_general"].model_copy(update={"max_steps": 12, "keys": tiny.KEYS, "row_tokens": 64})
    outs = (tmp_path / "adapter", tmp_path / "a.csv", tmp_path / "a.png", tmp_path / "speed.csv")
    train(tmp_path / "base", tmp_path / "data", *outs, section)
    fused = fuse(tmp_path / "base", tmp_path / "adapter", tmp_path / "data", tmp_path / "fused", found["fuse"])
    assert fused["mean_kl"] < found["fuse"].max_mean_kl
    quantize(tmp_path / "fused", tmp_path / "data", tmp_path / "quantized", found["quantize"])
    for name in ("8bit", "mixed_4_6", "4bit"):
        assert load_model(tmp_path / "quantized" / name).config["quantization"]["group_size"] == 64
    export(tmp_path / "fused", tmp_path / "data", tmp_path / "exported", found["export"])
    assert sorted(path.name for path in (tmp_path / "exported").iterdir()) == ["int4", "int8"]


def test_qwen_14b_is_trained_as_the_original_was(tmp_path: Path) -> None:
    found = cooked(ROOT / "recipes" / "midi-qwen2.5-14b", tmp_path / "params.yaml")
    assert (found["base.midi"].source, found["base.midi"].bits) == ("Qwen/Qwen2.5-14B-Instruct", 4)
    for adapter, rate, steps in (("midi_general", 2e-4, 10_000), ("midi_gospel", 5e-5, 5_000)):
        train = found[f"train.{adapter}"]
        assert (train.rank, train.alpha, train.dropout) == (32, 64, 0.1)
        assert (train.learning_rate, train.max_steps) == (rate, steps)
        assert (train.batch_rows, train.accumulation, train.row_tokens) == (1, 8, 4096)
        # the defaults would evaluate all rows every few steps
        assert (train.evaluate_every, train.evaluate_rows, train.save_every) == (200, 64, 500)
    assert found["midi.prepare"].row_tokens == found["midi.evaluate"].row_tokens == 4096
