import json
import math
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm import utils

from stages.files import sha256_tree, write_jsonl
from stages.lora.model import load, save
from stages.lora.parity import compare, gate
from stages.lora.quantize import QuantizeParams, quantize, smaller, spread
from stages.lora.rows import Row
from stages.run import StageError
from tests.lora import tiny

LOOSE = {"max_loss_increase": 1.0, "max_mean_kl": 5.0, "min_argmax_agreement": 0.0}


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
    assert metrics["fused"] == {"parameters": matrices + vectors, "bytes": 4 * (matrices + vectors)}
    # half a byte a weight, and a scale and an offset of 4 bytes for each group of 64
    assert metrics["4bit"]["bytes"] == matrices // 2 + matrices // 64 * 8 + 4 * vectors
    assert metrics["4bit"]["parameters"] == metrics["fused"]["parameters"]


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
    [("max_mean_kl", 1e-9, "mean_kl"), ("min_argmax_agreement", 1.0, "argmax_agreement")],
)
def test_a_gate_fails_with_the_figure_and_leaves_nothing(
    limit: str, value: float, figure: str, fused: Path, dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match=rf"4bit: {figure} is 0\.\d+, {limit} in the params is {value:g}$"):
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
    load(tmp_path / "eight")


def test_a_dataset_without_targets_is_an_error(fused: Path, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "valid.jsonl", [{"text": ""}])
    with pytest.raises(StageError, match=r"valid.jsonl has no row with a target"):
        quantize(fused, tmp_path, tmp_path / "q", params([{"bits": 4, **LOOSE}]))


def test_rows_are_spread_over_the_whole_file() -> None:
    rows = [Row(np.array([index, 0]), 1) for index in range(10)]
    assert [int(row.ids[0]) for row in spread(rows, 4)] == [0, 2, 5, 7]
    assert len(spread(rows, 99)) == 10


def test_figures_worked_out_by_hand() -> None:
    # one row of three tokens, of which the last two count; shares 1/2, 1/4, 1/4 against 1/4, 1/2, 1/4
    one = np.log([[[0.98, 0.01, 0.01], [0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]]).astype(np.float32)
    two = np.log([[[0.01, 0.98, 0.01], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25]]]).astype(np.float32)
    found = compare(mx.array(one), mx.array(two), np.array([[0, 0, 2]]), np.array([[False, True, True]]))
    figures = found.figures()
    assert found.tokens == 2
    assert figures["reference_loss"] == pytest.approx((math.log(2) + math.log(4)) / 2)
    assert figures["loss_increase"] == pytest.approx(math.log(2) / 2)  # log 4 for log 2 at one of two tokens
    assert figures["mean_kl"] == pytest.approx((math.log(2) / 4) / 2)  # 1/2 log 2 - 1/4 log 2 at one of two
    assert figures["argmax_agreement"] == 0.5
    assert figures["max_logit_difference"] == pytest.approx(math.log(2))


def test_the_sum_of_two_batches_is_the_whole() -> None:
    rng = np.random.default_rng(0)
    one, two = (mx.array(rng.normal(size=(4, 6, 9)).astype(np.float32)) for _ in range(2))
    targets, counted = rng.integers(0, 9, (4, 6)), rng.random((4, 6)) < 0.5
    whole = compare(one, two, targets, counted).figures()
    halves = [compare(one[part], two[part], targets[part], counted[part]) for part in (slice(0, 2), slice(2, 4))]
    assert (halves[0] + halves[1]).figures() == pytest.approx(whole)


def test_logits_that_are_not_numbers_fail_every_gate() -> None:
    logits = mx.zeros((1, 2, 3))
    broken = logits.at[0, 1, 1].add(mx.nan)
    figures = compare(logits, broken, np.zeros((1, 2), int), np.ones((1, 2), bool)).figures()
    for limits in ({"max_mean_kl": 9.0}, {"max_logit_difference": 9.0}, {"max_loss_increase": 9.0}):
        with pytest.raises(StageError, match="is nan"):
            gate("copy", figures, limits)
