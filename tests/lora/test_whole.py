import json
from pathlib import Path
from typing import Any

import pytest

from stages.lora.whole import Shapes, check_adapter, check_base, check_fit
from stages.run import StageError
from tests.lora import tiny


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny.model_folder(tmp_path / "base")


@pytest.fixture
def adapter(base: Path) -> Path:
    return tiny.adapter_folder(base.parent / "adapter", base)


def header(tensors: dict[str, Any], data: int) -> bytes:
    """A safetensors file of a header for `tensors` and `data` bytes after it."""
    text = json.dumps(tensors).encode()
    return len(text).to_bytes(8, "little") + text + bytes(data)


def test_a_whole_base_gives_the_shapes_of_its_weights(base: Path) -> None:
    found = check_base(base)
    assert found["model.layers.1.mlp.down_proj.weight"] == (128, 256)
    assert len(found) == 2 + 2 * 12  # embedding and last norm; 7 weights, 3 biases and 2 norms a layer


def test_a_base_in_one_file_needs_no_index(base: Path) -> None:
    (base / "model.safetensors.index.json").unlink()
    assert len(check_base(base)) == 26


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"])
def test_a_missing_file_is_named(base: Path, name: str) -> None:
    (base / name).unlink()
    with pytest.raises(StageError, match=rf"^{base / name} is missing; .* is not a whole model folder$"):
        check_base(base)


def test_a_folder_that_does_not_exist_is_not_a_model_folder(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"none/config\.json is missing"):
        check_base(tmp_path / "none")


@pytest.mark.parametrize(("text", "said"), [("{", "not JSON: "), ("[1]", "list, expected a JSON object")])
def test_a_config_that_is_no_object_is_named(base: Path, text: str, said: str) -> None:
    (base / "config.json").write_text(text)
    with pytest.raises(StageError, match=rf"base/config\.json: {said}"):
        check_base(base)


def test_each_shard_that_the_index_names_must_be_there(base: Path) -> None:
    index = json.loads((base / "model.safetensors.index.json").read_text())
    index["weight_map"]["model.norm.weight"] = "model-00002-of-00002.safetensors"
    (base / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(StageError, match=r"model-00002-of-00002\.safetensors is missing"):
        check_base(base)
    (base / "model-00002-of-00002.safetensors").write_bytes(header({}, 0))
    with pytest.raises(StageError, match=r"00002\.safetensors lacks model\.norm\.weight, which .*index\.json names"):
        check_base(base)


def test_an_index_without_a_map_is_named(base: Path) -> None:
    (base / "model.safetensors.index.json").write_text('{"metadata": {}}')
    with pytest.raises(StageError, match=r"index\.json: no weight_map"):
        check_base(base)


def test_a_download_that_broke_off_says_how_much_is_there_and_should_be(base: Path) -> None:
    weights = base / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    with pytest.raises(StageError, match=rf"^{weights} has {len(whole) - 100} bytes, expected {len(whole)}; .* again$"):
        check_base(base)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has 0 bytes, expected at least 8;"),
        (b"\x10\0\0", "has 3 bytes, expected at least 8;"),
        ((1000).to_bytes(8, "little") + b"{", "has 9 bytes, expected at least 1008;"),
        (header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, 8) + b"x", r"has \d+ bytes, expected"),
        (bytes(8), "header can't be read"),
        (header({"a": {"dtype": "F32"}}, 0), "header can't be read"),
        (b"<html><body>404</body></html>", "begins with b'<html><b', expected a safetensors header"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer, .*git lfs pull"),
    ],
)
def test_a_file_that_is_no_whole_safetensors_file_is_named(base: Path, content: bytes, said: str) -> None:
    (base / "model.safetensors").write_bytes(content)
    with pytest.raises(StageError, match=rf"model\.safetensors:? .*{said}|model\.safetensors {said}") as raised:
        check_base(base)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_a_whole_adapter_gives_the_shapes_of_its_weights(base: Path, tmp_path: Path, kind: str) -> None:
    found = check_adapter(tiny.adapter_folder(tmp_path / kind, base, kind=kind))
    assert found["model.layers.0.mlp.down_proj.lora_a"] == (256, 4)
    assert len(found) == 6 * (2 if kind == "lora" else 3)


@pytest.mark.parametrize("name", ["adapter_config.json", "adapters.safetensors"])
def test_a_missing_file_of_an_adapter_is_named(adapter: Path, name: str) -> None:
    (adapter / name).unlink()
    with pytest.raises(StageError, match=rf"^{adapter / name} is missing; .* is not an adapter folder$"):
        check_adapter(adapter)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fine_tune_type": None}, "fine_tune_type is None, expected lora, dora or full"),
        ({"num_layers": "2"}, "num_layers is '2', expected a number of layers"),
        ({"lora_parameters": None}, "lora_parameters is None, expected an object"),
        ({"lora_parameters": {"scale": 2.0, "dropout": 0.0}}, r"lora_parameters\.rank is None"),
        ({"lora_parameters": {"rank": 4, "alpha": 8, "dropout": 0.0}}, r"scale is None, .* set it to alpha / rank"),
        ({"lora_parameters": {"rank": 4, "scale": 2.0, "dropout": 1.5}}, r"lora_parameters\.dropout is 1\.5"),
        ({"lora_parameters": {"rank": 4, "scale": 2.0, "dropout": 0.0, "keys": "q"}}, r"keys is 'q', expected a list"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(adapter: Path, change: dict[str, Any], said: str) -> None:
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(StageError, match=rf"adapter_config\.json: .*{said}"):
        check_adapter(adapter)


def test_a_full_fine_tuning_needs_no_lora_settings(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"fine_tune_type": "full", "num_layers": -1}')
    (base / "model.safetensors").rename(folder / "adapters.safetensors")
    assert len(check_adapter(folder)) == 26


def test_an_adapter_without_weights_is_refused(adapter: Path) -> None:
    (adapter / "adapters.safetensors").write_bytes(header({}, 0))
    with pytest.raises(StageError, match="holds no weights"):
        check_adapter(adapter)


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_an_adapter_fits_the_base_that_it_was_made_for(base: Path, tmp_path: Path, kind: str) -> None:
    adapter = tiny.adapter_folder(tmp_path / kind, base, kind=kind)
    check_fit(base, check_base(base), adapter, check_adapter(adapter))


def test_an_update_of_an_embedding_and_weights_in_full_fit_where_their_sizes_do(base: Path, adapter: Path) -> None:
    weights = check_base(base)  # the embedding is 512 x 128
    check_fit(base, weights, adapter, {"model.embed_tokens.lora_a": (512, 4), "model.embed_tokens.lora_b": (4, 128)})
    check_fit(base, weights, adapter, {"model.norm.weight": (128,)})
    wrong: list[Shapes] = [
        {"model.embed_tokens.lora_a": (500, 4), "model.embed_tokens.lora_b": (4, 128)},
        {"model.norm.weight": (64,)},
        {"model.layers.2.mlp.down_proj.lora_a": (256, 4), "model.layers.2.mlp.down_proj.lora_b": (4, 128)},
    ]
    for updates in wrong:
        with pytest.raises(StageError, match=r"not its base$"):
            check_fit(base, weights, adapter, updates)
    with pytest.raises(StageError, match="down_proj has no matrix lora_b"):
        check_fit(base, weights, adapter, {"model.layers.1.mlp.down_proj.lora_a": (256, 4)})
