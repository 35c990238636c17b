import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlx_lm import utils

from stages.files import sha256_tree, write_json, write_jsonl
from stages.lora.model import Loaded, load, logits, save, size
from stages.lora.quantize import QuantizeParams, quantize, smaller
from stages.params import ParamsError
from stages.params import load as load_params
from stages.run import StageError
from tests.lora import tiny

LOOSE = {"max_logit_difference": 99.0, "max_mean_kl": 5.0, "min_argmax_agreement": 0.0, "max_lost_share": 1.0}


def on_disk(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def params(widths: list[dict[str, Any]], **changed: Any) -> QuantizeParams:
    settings = {"group_size": 64, "rows": 8, "row_tokens": 64, "mask_prompt": True, "widths": widths}
    return QuantizeParams.model_validate(settings | changed)


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model_folder(tmp_path_factory.mktemp("quantize") / "fused")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    words = [[tiny.WORDS[word] for word in rng.integers(3, 67, 20)] for _ in range(12)]
    folder = tmp_path_factory.mktemp("dataset")
    write_jsonl(
        folder / "valid.jsonl", [{"prompt": " ".join(row[:5]), "completion": " ".join(row[5:])} for row in words]
    )
    return folder


def test_the_copies_load_and_the_narrower_is_smaller_and_further_off(
    fused: Path, dataset: Path, tmp_path: Path
) -> None:
    metrics: Any = quantize(fused, dataset, tmp_path / "q", params([{"bits": 8, **LOOSE}, {"bits": 4, **LOOSE}]))
    for name, bits in (("8bit", 8), ("4bit", 4)):
        _, tokenizer, config = utils.load(str(tmp_path / "q" / name), return_config=True)
        assert config["quantization"] == {"group_size": 64, "bits": bits, "mode": "affine"}
        assert tokenizer.encode(" Naa") == load(fused).tokenizer.encode(" Naa")
    assert metrics["4bit"]["bytes"] < metrics["8bit"]["bytes"] < metrics["fused"]["bytes"]
    assert 0 < metrics["8bit"]["mean_kl"] < 0.01 < metrics["4bit"]["mean_kl"]
    assert metrics["4bit"]["argmax_agreement"] < metrics["8bit"]["argmax_agreement"] <= 1
    assert metrics["8bit"]["reference_loss"] == metrics["4bit"]["reference_loss"]


def test_the_size_is_the_one_worked_out_by_hand(fused: Path, dataset: Path, tmp_path: Path) -> None:
    metrics: Any = quantize(fused, dataset, tmp_path / "q", params([{"bits": 4, **LOOSE}]))
    # per layer: q 128 x 128, k and v 64 x 128, o 128 x 128, three of 256 x 128
    matrices = 512 * 128 + 2 * (128 * 128 * 2 + 2 * 64 * 128 + 3 * 256 * 128)
    vectors = 128 + 2 * (2 * 128 + 128 + 64 + 64)  # norms and the biases of q, k, v
    sizes = {"parameters": matrices + vectors, "bytes": 4 * (matrices + vectors)}
    assert metrics["fused"] == sizes | {"bytes_on_disk": on_disk(fused)}
    # half a byte a weight, and a scale and an offset of 4 bytes for each group of 64
    assert metrics["4bit"]["bytes"] == matrices // 2 + matrices // 64 * 8 + 4 * vectors
    assert metrics["4bit"]["parameters"] == metrics["fused"]["parameters"]
    assert metrics["4bit"]["bytes_on_disk"] == on_disk(tmp_path / "q" / "4bit") > metrics["4bit"]["bytes"]


def test_a_mixture_is_between_its_widths_and_its_layers_are_those_of_mlx_lm(
    fused: Path, dataset: Path, tmp_path: Path
) -> None:
    widths = [{"bits": bits, **LOOSE} for bits in (6, "mixed_4_6", 4)]
    metrics: Any = quantize(fused, dataset, tmp_path / "q", params(widths))
    _, _, config = utils.load(str(tmp_path / "q" / "mixed_4_6"), return_config=True)
    wide = {name for name, found in config["quantization"].items() if isinstance(found, dict) and found["bits"] == 6}
    # mlx-lm's rule gives the values and the way down of the last eighth and of every third layer more: here the last
    assert wide == {"model.layers.1.self_attn.v_proj", "model.layers.1.mlp.down_proj"}
    assert (config["quantization"]["bits"], config["quantization"]["group_size"]) == (4, 64)
    # two more bits for 64 x 128 and 128 x 256 weights
    assert metrics["mixed_4_6"]["bytes"] == metrics["4bit"]["bytes"] + (64 * 128 + 128 * 256) * 2 // 8
    assert metrics["mixed_4_6"]["bytes"] < metrics["6bit"]["bytes"]
    again = load(tmp_path / "q" / "mixed_4_6")
    assert size(again.model)["bytes"] == metrics["mixed_4_6"]["bytes"]


def test_a_mixture_needs_layers_that_it_knows(fused: Path, tmp_path: Path) -> None:
    from mlx_lm.models import gpt2
    from mlx_lm.utils import save_model

    folder = tmp_path / "gpt2"
    sizes = {"n_ctx": 64, "n_embd": 128, "n_head": 2, "n_layer": 1, "n_positions": 64, "vocab_size": 512}
    config = {"model_type": "gpt2", "layer_norm_epsilon": 1e-5, **sizes}
    save_model(folder, gpt2.Model(gpt2.ModelArgs.from_dict(config)))
    write_json(folder / "config.json", config)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(fused / name, folder / name)
    with pytest.raises(
        StageError, match=r"gpt2: not a model for mixed_4_6, which mlx-lm mixes by down_proj and v_proj$"
    ):
        smaller(folder, "mixed_4_6", 64)


def test_twice_the_same_bytes(fused: Path, dataset: Path, tmp_path: Path) -> None:
    first, second = (quantize(fused, dataset, tmp_path / name, params([{"bits": 8, **LOOSE}])) for name in "ab")
    assert sha256_tree(tmp_path / "a") == sha256_tree(tmp_path / "b")
    assert first == second


def test_another_process_writes_the_same_bytes(fused: Path, dataset: Path, tmp_path: Path) -> None:
    settings = params([{"bits": 4, **LOOSE}])
    metrics = quantize(fused, dataset, tmp_path / "here", settings)
    assert tiny.command("quantize", [fused, dataset, tmp_path / "there"], settings, tmp_path) == metrics
    assert sha256_tree(tmp_path / "here") == sha256_tree(tmp_path / "there")


@pytest.mark.parametrize(
    ("limit", "value", "figure"),
    [
        ("max_logit_difference", 1e-3, "max_logit_difference"),
        ("max_mean_kl", 1e-9, "mean_kl"),
        ("min_argmax_agreement", 1.0, "argmax_agreement"),
    ],
)
def test_a_gate_fails_with_the_figure_and_leaves_nothing(
    limit: str, value: float, figure: str, fused: Path, dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match=rf"4bit: {figure} is \d\.\d+, {limit} in the params is {value:g}$"):
        quantize(fused, dataset, tmp_path / "q", params([{"bits": 4, **LOOSE, limit: value}]))
    assert list(tmp_path.iterdir()) == []


def test_a_width_that_the_group_size_does_not_divide_is_an_error(fused: Path, tmp_path: Path) -> None:
    folder = tiny.model_folder(tmp_path / "odd", intermediate=96)
    with pytest.raises(
        StageError, match=r"layers\.\d\.mlp\.down_proj is 96 wide, expected a multiple of group_size 64$"
    ):
        smaller(folder, 4, 64)


def test_a_model_in_4_bits_goes_to_8_by_way_of_full_precision(fused: Path, tmp_path: Path) -> None:
    save(smaller(fused, 4, 64), fused, tmp_path / "four")
    save(smaller(tmp_path / "four", 8, 64), fused, tmp_path / "eight")
    config = json.loads((tmp_path / "eight" / "config.json").read_text())
    assert config["quantization"] == config["quantization_config"] == {"group_size": 64, "bits": 8, "mode": "affine"}
    ids = np.array([[5, 6, 7, 300, 301]])
    whole, four, eight = (logits(load(folder).model, ids) for folder in (fused, tmp_path / "four", tmp_path / "eight"))
    # 8 bits hold what 4 left: much nearer to the 4-bit model than that is to the first one
    assert np.abs(eight - four).max() < np.abs(four - whole).max() / 5


def test_two_copies_of_the_same_width_are_refused(tmp_path: Path) -> None:
    section = params([{"bits": 8, **LOOSE}, {"bits": 4, **LOOSE}]).model_dump()
    section["widths"][1]["bits"] = 8
    write_json(tmp_path / "params.yaml", {"quantize": section})
    with pytest.raises(ParamsError, match=r"quantize\.widths is .*, expected each of the bits once$"):
        load_params(tmp_path / "params.yaml", "quantize", QuantizeParams)


def test_the_gates_hold_what_was_written(
    fused: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected: Any = quantize(fused, dataset, tmp_path / "two", params([{"bits": 2, **LOOSE}]))

    def other(_: Loaded, source: Path, target: Path) -> None:
        save(smaller(source, 2, 64), source, target)

    monkeypatch.setattr("stages.lora.quantize.save", other)  # on disk is another model than in memory
    found: Any = quantize(fused, dataset, tmp_path / "q", params([{"bits": 8, **LOOSE}]))
    assert found["8bit"] == expected["2bit"]
