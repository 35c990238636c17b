import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlx_lm import utils
from safetensors.numpy import load_file

from stages.files import sha256, sha256_tree, write_json, write_jsonl
from stages.lora.fuse import FuseParams, fuse
from stages.lora.metadata import write_origin
from stages.lora.model import load, logits, save
from stages.lora.quantize import smaller
from stages.run import StageError
from tests.lora import tiny

IDS = np.random.default_rng(7).integers(0, 512, (3, 40))


def params(**changed: Any) -> FuseParams:
    settings: dict[str, Any] = {"dequantize": False, "rows": 8, "row_tokens": 64, "mask_prompt": True}
    gates = {"max_logit_difference": 1e-3, "max_mean_kl": 1e-6, "min_argmax_agreement": 0.99, "max_lost_share": 1e-5}
    return FuseParams(**settings | gates | changed)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model_folder(tmp_path_factory.mktemp("fuse") / "base")


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    return tiny.adapter_folder(base.parent / "adapter", base)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    words = [[tiny.WORDS[word] for word in rng.integers(3, 67, 20)] for _ in range(12)]
    folder = tmp_path_factory.mktemp("dataset")
    write_jsonl(folder / "valid.jsonl", [{"prompt": row[0], "completion": " ".join(row[1:])} for row in words])
    return folder


@pytest.fixture(scope="module")
def base_in_4_bits(base: Path) -> Path:
    folder = base.parent / "base4"
    save(smaller(base, 4, 64), base, folder)
    return folder


def test_the_merged_model_gives_the_logits_of_base_and_adapter(
    base: Path, adapter: Path, dataset: Path, tmp_path: Path
) -> None:
    metrics = fuse(base, adapter, dataset, tmp_path / "fused", params())
    apart, _ = utils.load(str(base), adapter_path=str(adapter))[:2]
    merged, tokenizer = utils.load(str(tmp_path / "fused"))[:2]
    assert np.abs(logits(apart, IDS) - logits(merged, IDS)).max() < 1e-4
    assert tokenizer.encode(" Naa") == load(base).tokenizer.encode(" Naa")
    assert metrics["layers"] == 6  # three keys in two layers
    assert 0 < float(str(metrics["max_logit_difference"])) < 1e-4


def test_a_merged_weight_is_the_sum_worked_out_by_hand(
    base: Path, adapter: Path, dataset: Path, tmp_path: Path
) -> None:
    fuse(base, adapter, dataset, tmp_path / "fused", params())
    name = "model.layers.1.mlp.down_proj"
    weights = load_file(base / "model.safetensors")
    change = load_file(adapter / "adapters.safetensors")
    merged = load_file(tmp_path / "fused" / "model.safetensors")
    expected = weights[f"{name}.weight"] + 2.0 * (change[f"{name}.lora_a"] @ change[f"{name}.lora_b"]).T  # scale 2
    assert merged[f"{name}.weight"] == pytest.approx(expected, abs=1e-6)
    assert sorted(merged) == sorted(weights)
    assert all(np.array_equal(merged[key], weights[key]) for key in weights if "up_proj" in key or "norm" in key)


def test_transformers_reads_the_config_and_the_tokenizer(
    base: Path, adapter: Path, dataset: Path, tmp_path: Path
) -> None:
    from transformers import AutoConfig, AutoTokenizer

    fuse(base, adapter, dataset, tmp_path / "fused", params())
    config = AutoConfig.from_pretrained(tmp_path / "fused")
    assert (config.model_type, config.hidden_size, config.num_hidden_layers) == ("qwen2", 128, 2)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "fused")
    assert tokenizer.encode("X is Y<|im_end|>") == load(base).tokenizer.encode("X is Y<|im_end|>")


def test_twice_the_same_bytes(base: Path, adapter: Path, dataset: Path, tmp_path: Path) -> None:
    first, second = (fuse(base, adapter, dataset, tmp_path / name, params()) for name in ("one", "two"))
    assert sha256_tree(tmp_path / "one") == sha256_tree(tmp_path / "two")
    assert first == second


def test_another_process_writes_the_same_bytes(base: Path, adapter: Path, dataset: Path, tmp_path: Path) -> None:
    fuse(base, adapter, dataset, tmp_path / "here", params())
    tiny.command("fuse", [base, adapter, dataset, tmp_path / "there"], params(), tmp_path)
    assert sha256_tree(tmp_path / "here") == sha256_tree(tmp_path / "there")


def test_a_gate_fails_with_the_figure_and_leaves_nothing(
    base: Path, adapter: Path, dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match=r"fused against .*: max_logit_difference is \d.*e-0\d, .* is 1e-09$"):
        fuse(base, adapter, dataset, tmp_path / "fused", params(max_logit_difference=1e-9))
    assert list(tmp_path.iterdir()) == []


def test_a_quantized_base_can_become_full_precision(
    base_in_4_bits: Path, adapter: Path, dataset: Path, tmp_path: Path
) -> None:
    metrics = fuse(base_in_4_bits, adapter, dataset, tmp_path / "fused", params(dequantize=True))
    assert "quantization" not in json.loads((tmp_path / "fused" / "config.json").read_text())
    assert metrics["bytes"] == 4 * int(str(metrics["parameters"]))  # 32 bits each


def test_a_quantized_base_stays_quantized_and_then_is_further_off(
    base_in_4_bits: Path, adapter: Path, dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match="max_logit_difference"):
        fuse(base_in_4_bits, adapter, dataset, tmp_path / "fused", params())
    loose = params(max_logit_difference=10.0, max_mean_kl=1.0, min_argmax_agreement=0.5, max_lost_share=0.5)
    metrics = fuse(base_in_4_bits, adapter, dataset, tmp_path / "fused", loose)
    assert json.loads((tmp_path / "fused" / "config.json").read_text())["quantization"]["bits"] == 4
    assert 1e-4 < float(str(metrics["mean_kl"])) < 1


def test_dora_is_merged_as_well(base: Path, dataset: Path, tmp_path: Path) -> None:
    adapter = tiny.adapter_folder(tmp_path / "adapter", base, kind="dora")
    assert fuse(base, adapter, dataset, tmp_path / "fused", params())["layers"] == 6


def test_a_full_fine_tuning_replaces_weights(base: Path, dataset: Path, tmp_path: Path) -> None:
    other = tiny.model_folder(tmp_path / "other", seed=5)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"fine_tune_type": "full", "num_layers": -1}')
    (other / "model.safetensors").rename(adapter / "adapters.safetensors")
    metrics = fuse(base, adapter, dataset, tmp_path / "fused", params())
    assert (metrics["layers"], metrics["max_logit_difference"]) == (0, 0.0)


def test_an_adapter_of_another_base_of_the_same_shapes_is_refused(base: Path, dataset: Path, tmp_path: Path) -> None:
    adapter = tiny.adapter_folder(tmp_path / "adapter", base)
    write_json(adapter / "metadata.json", {"baseHash": sha256_tree(base)})
    fuse(base, adapter, dataset, tmp_path / "fused", params())
    other = tiny.model_folder(tmp_path / "other", seed=5)
    with pytest.raises(StageError, match=r"metadata\.json: baseHash is .*other has another; give the base"):
        fuse(other, adapter, dataset, tmp_path / "wrong", params())
    assert not (tmp_path / "wrong").exists()


def test_the_recipe_of_the_adapter_and_all_adapters_merged_go_with_the_model(dataset: Path, tmp_path: Path) -> None:
    base = tiny.model_folder(tmp_path / "base")
    write_origin(base, "someone/model", "abc", ["first"])
    adapter = tiny.adapter_folder(tmp_path / "adapter", base)
    (adapter / "recipe.json").write_text('{"ticks_per_quarter": 12}')
    fuse(base, adapter, dataset, tmp_path / "fused", params())
    assert (tmp_path / "fused" / "recipe.json").read_text() == '{"ticks_per_quarter": 12}'
    assert json.loads((tmp_path / "fused" / "origin.json").read_text()) == {
        "source": "someone/model",
        "revision": "abc",
        "adapters": ["first", sha256((adapter / "adapters.safetensors").read_bytes())],
    }
