import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from stages.files import sha256_tree, write_json
from stages.lora.model import load, logits, save
from stages.lora.quantize import smaller
from stages.lora.to_peft import rule, to_peft
from stages.run import StageError, run
from tests.lora import tiny

# peft 0.21 asks a model for what transformers 5.23 calls by another name; for a later peft this can go
OLD_NAME = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
IDS = np.random.default_rng(7).integers(0, 512, (3, 40))
NAMES = [f"model.layers.{layer}.{key}" for layer in range(3) for key in ("attn.q", "attn.o", "mlp.o")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # logits up to 3: the larger they are, the further apart mlx and torch round, the base alone just as much
    return tiny.model_folder(tmp_path_factory.mktemp("peft") / "base", scale=0.06)


def last_layer(folder: Path, base: Path) -> Path:
    """An adapter, its matrices random, on one module of the last layer; its alpha is not a whole number."""
    import mlx.core as mx

    settings = {"rank": 6, "scale": 1.25, "dropout": 0.0, "keys": ["self_attn.o_proj"]}
    write_json(folder / "adapter_config.json", {"fine_tune_type": "lora", "num_layers": 1, "lora_parameters": settings})
    rng = np.random.default_rng(3)
    drawn = {"lora_a": rng.normal(0, 0.1, (128, 6)), "lora_b": rng.normal(0, 0.1, (6, 128))}
    weights = {f"model.layers.1.self_attn.o_proj.{part}": mx.array(drawn[part], mx.float32) for part in drawn}
    mx.save_safetensors(str(folder / "adapters.safetensors"), weights)
    return folder


def with_peft(base: Path, peft: Path) -> Any:
    """The model that transformers and peft read, in 32 bits."""
    torch, theirs = pytest.importorskip("torch"), pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return theirs.PeftModel.from_pretrained(model, str(peft)).eval()


def peft_logits(base: Path, peft: Path) -> Any:
    torch, model = pytest.importorskip("torch"), with_peft(base, peft)
    with torch.no_grad():
        return model(torch.tensor(IDS)).logits.numpy()


@OLD_NAME
@pytest.mark.parametrize("kind", ["lora", "dora", "last layer"])
def test_transformers_with_the_copy_gives_the_logits_of_mlx_with_the_adapter(
    base: Path, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "adapter"
    adapter = last_layer(folder, base) if kind == "last layer" else tiny.adapter_folder(folder, base, kind=kind)
    to_peft(base, adapter, tmp_path / "peft")
    expected = np.array(logits(load(base, adapter).model, IDS))
    assert np.abs(expected - np.array(logits(load(base).model, IDS))).max() > 0.1  # the adapter does something
    assert np.abs(peft_logits(base, tmp_path / "peft") - expected).max() < 1e-5


@OLD_NAME
@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_peft_merges_to_the_weights_that_mlx_merges_to(base: Path, tmp_path: Path, kind: str) -> None:
    adapter = tiny.adapter_folder(tmp_path / "adapter", base, kind=kind)
    to_peft(base, adapter, tmp_path / "peft")
    merged = dict(with_peft(base, tmp_path / "peft").merge_and_unload().named_parameters())
    layers = [(name, layer) for name, layer in load(base, adapter).model.named_modules() if hasattr(layer, "fuse")]
    assert len(layers) == 6
    for name, layer in layers:
        found = merged[f"{name}.weight"].detach().numpy()
        assert np.abs(found - np.array(layer.fuse().weight)).max() < 1e-7
        assert np.abs(found - np.array(layer.linear.weight)).max() > 1e-2


def test_the_copy_says_scale_keys_and_layers_as_peft_does(base: Path, tmp_path: Path) -> None:
    figures = to_peft(base, tiny.adapter_folder(tmp_path / "all", base), tmp_path / "peft")
    config = json.loads((tmp_path / "peft" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (4, 8, 0.1)  # scale 2 * rank 4
    assert config["target_modules"] == ["down_proj", "q_proj", "v_proj"]
    assert config["layers_to_transform"] is None
    assert figures["modules"] == 6  # three keys in two layers
    assert figures["parameters"] == 2 * 4 * ((128 + 128) + (128 + 64) + (256 + 128))
    to_peft(base, last_layer(tmp_path / "last", base), tmp_path / "peft")
    config = json.loads((tmp_path / "peft" / "adapter_config.json").read_text())
    assert (config["lora_alpha"], config["target_modules"], config["layers_to_transform"]) == (7.5, ["o_proj"], [1])


def test_the_matrices_are_the_transposes(base: Path, tmp_path: Path) -> None:
    adapter = tiny.adapter_folder(tmp_path / "adapter", base, kind="dora")
    to_peft(base, adapter, tmp_path / "peft")
    ours = load_file(adapter / "adapters.safetensors")
    theirs = load_file(tmp_path / "peft" / "adapter_model.safetensors")
    name = "model.layers.0.mlp.down_proj"
    assert len(theirs) == len(ours) == 18
    assert np.array_equal(theirs[f"base_model.model.{name}.lora_A.weight"], ours[f"{name}.lora_a"].T)
    assert np.array_equal(theirs[f"base_model.model.{name}.lora_B.weight"], ours[f"{name}.lora_b"].T)
    assert np.array_equal(theirs[f"base_model.model.{name}.lora_magnitude_vector"], ours[f"{name}.m"])


def test_the_command_writes_the_same_bytes_each_time(base: Path, tmp_path: Path) -> None:
    adapter = tiny.adapter_folder(tmp_path / "adapter", base)
    for name in "ab":
        assert run(to_peft, [str(base), str(adapter), str(tmp_path / name), "--metrics", str(tmp_path / "m.json")]) == 0
    assert sha256_tree(tmp_path / "a") == sha256_tree(tmp_path / "b")
    assert json.loads((tmp_path / "m.json").read_text())["modules"] == 6


@OLD_NAME
def test_an_adapter_of_a_quantized_base_goes_onto_the_base_in_full_precision(base: Path, tmp_path: Path) -> None:
    from mlx_lm.utils import dequantize_model

    four = smaller(base, 4, 64)
    save(four, base, tmp_path / "four")
    dequantize_model(four.model)
    four.config.pop("quantization")
    four.config.pop("quantization_config", None)
    save(four, base, tmp_path / "full")
    adapter = tiny.adapter_folder(tmp_path / "adapter", tmp_path / "four")
    to_peft(tmp_path / "four", adapter, tmp_path / "peft")
    expected = np.array(logits(load(tmp_path / "four", adapter).model, IDS))
    assert np.abs(peft_logits(tmp_path / "full", tmp_path / "peft") - expected).max() < 1e-4


def test_weights_in_16_bits_become_32_without_loss(base: Path, tmp_path: Path) -> None:
    import mlx.core as mx

    adapter = tiny.adapter_folder(tmp_path / "adapter", base)
    file = adapter / "adapters.safetensors"
    halved = {name: mx.array(tensor).astype(mx.bfloat16) for name, tensor in load_file(file).items()}
    mx.save_safetensors(str(file), halved)
    to_peft(base, adapter, tmp_path / "peft")
    name = "model.layers.1.self_attn.v_proj"
    found = load_file(tmp_path / "peft" / "adapter_model.safetensors")[f"base_model.model.{name}.lora_A.weight"]
    assert np.array_equal(found, np.array(halved[f"{name}.lora_a"].astype(mx.float32)).T)


def test_a_full_fine_tuning_is_refused_in_one_line(base: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"fine_tune_type": "full", "num_layers": -1}')
    (adapter / "adapters.safetensors").write_bytes((base / "model.safetensors").read_bytes())
    with pytest.raises(StageError, match="a full fine-tuning has no PEFT form; merge it"):
        to_peft(base, adapter, tmp_path / "peft")
    assert not (tmp_path / "peft").exists()


def test_an_adapter_of_another_base_is_refused(base: Path, tmp_path: Path) -> None:
    other = tiny.model_folder(tmp_path / "other", intermediate=384)
    adapter = tiny.adapter_folder(tmp_path / "adapter", other)
    with pytest.raises(StageError, match=r"down_proj is \(128, 256\), but .* is for \(128, 384\): not its base"):
        to_peft(base, adapter, tmp_path / "peft")


def test_an_adapter_of_another_base_of_the_same_shapes_is_refused(base: Path, tmp_path: Path) -> None:
    adapter = tiny.adapter_folder(tmp_path / "adapter", base)
    write_json(adapter / "metadata.json", {"baseHash": "0" * 64})
    with pytest.raises(StageError, match=r"metadata\.json: baseHash is 0{16}\.\.\., but .*base has another"):
        to_peft(base, adapter, tmp_path / "peft")
    assert not (tmp_path / "peft").exists()


def test_an_adapter_that_lacks_a_part_is_refused(base: Path, tmp_path: Path) -> None:
    import mlx.core as mx

    adapter = tiny.adapter_folder(tmp_path / "adapter", base)
    file = adapter / "adapters.safetensors"
    kept = {
        name: mx.array(tensor)
        for name, tensor in load_file(file).items()
        if not name.endswith("0.mlp.down_proj.lora_b")
    }
    mx.save_safetensors(str(file), kept)
    with pytest.raises(StageError, match=r"layers\.0\.mlp\.down_proj has lora_a, expected lora_a, lora_b"):
        to_peft(base, adapter, tmp_path / "peft")


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (lambda name: name.endswith("attn.q"), (["q"], None)),
        (lambda name: name.endswith(".o"), (["o"], None)),
        (lambda name: name.endswith("attn.o"), (["attn.o"], None)),  # "o" alone would find mlp.o as well
        (lambda name: name in ("model.layers.1.attn.q", "model.layers.2.attn.q"), (["q"], [1, 2])),
        (lambda name: name == "model.layers.0.mlp.o", (["mlp.o"], [0])),
    ],
)
def test_the_shortest_rule_that_finds_just_these_modules_is_taken(chosen: Any, expected: Any) -> None:
    assert rule([name for name in NAMES if chosen(name)], [*NAMES, "model.embed"]) == expected


def test_modules_that_no_rule_finds_are_named_in_full() -> None:
    uneven = ["model.layers.0.attn.q", "model.layers.1.mlp.o"]
    assert rule(uneven, NAMES) == (uneven, None)
