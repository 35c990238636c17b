import json
from itertools import chain
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.lora.model import Loaded, length_batches, load, logits, token_logprobs
from stages.run import StageError
from tests.lora import tiny

ROWS = [[5, 6, 7, 8, 9, 10], [1, 2], [300, 301, 302], [4], [], [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model_folder(tmp_path_factory.mktemp("model") / "base")


@pytest.fixture(scope="module")
def loaded(base: Path) -> Loaded:
    return load(base)


def test_a_log_probability_is_that_of_the_softmax_over_all_ids(loaded: Loaded) -> None:
    for row, found in zip(ROWS, token_logprobs(loaded.model, ROWS)):
        assert found.shape == (max(len(row) - 1, 0),)
        if len(row) > 1:
            alone = np.array(logits(loaded.model, np.array([row]))[0], np.float64)[:-1]
            powers = np.exp(alone)
            expected = np.log(powers[range(len(row) - 1), row[1:]] / powers.sum(axis=1))
            assert found == pytest.approx(expected, abs=3e-5)


def test_a_model_in_16_bits_is_scored_by_mlx_alone(base: Path) -> None:
    halved = load(base).model
    halved.set_dtype(mx.bfloat16)
    row = list(range(100, 140))
    whole = np.array(logits(halved, np.array([row]))[0], np.float64)[:-1]
    expected = (whole - np.log(np.exp(whole).sum(axis=1, keepdims=True)))[range(39), row[1:]]
    assert token_logprobs(halved, [row])[0] == pytest.approx(expected, abs=1e-4)


def test_the_number_of_streams_changes_no_bit(loaded: Loaded) -> None:
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 512, length).tolist() for length in rng.integers(2, 300, 30)]
    one, two = (token_logprobs(loaded.model, rows, lanes) for lanes in (1, 2))
    assert all(np.array_equal(left, right) for left, right in zip(one, two))


@given(st.lists(st.integers(0, 50)), st.integers(1, 200))
def test_batches_hold_each_row_of_two_or_more_once_and_stay_within_their_size(lengths: list[int], tokens: int) -> None:
    batches = length_batches(lengths, tokens)
    assert sorted(chain(*batches)) == [index for index, length in enumerate(lengths) if length > 1]
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= tokens


def test_an_adapter_changes_the_logits_and_dropout_is_off(base: Path, loaded: Loaded, tmp_path: Path) -> None:
    adapted = load(base, tiny.adapter_folder(tmp_path / "adapter", base))
    ids = np.array([[1, 2, 3]])
    first, again = (logits(adapted.model, ids) for _ in range(2))
    assert mx.array_equal(first, again)
    assert np.abs(first - logits(loaded.model, ids)).max() > 0.1


def test_the_end_id_is_the_one_of_the_folder(loaded: Loaded) -> None:
    assert loaded.tokenizer.eos_token_ids == {loaded.config["eos_token_id"]}


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named_in_one_line(name: str, tmp_path: Path) -> None:
    folder = tiny.model_folder(tmp_path / "base")
    (folder / name).unlink()
    with pytest.raises(StageError, match=rf"^{folder / name} is missing; .* is not a whole model folder$"):
        load(folder)


def test_a_shard_that_only_the_index_names_is_missed(tmp_path: Path) -> None:
    folder = tiny.model_folder(tmp_path / "base")
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    index["weight_map"]["model.norm.weight"] = "model-00002-of-00002.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(StageError, match=r"model-00002-of-00002.safetensors is missing"):
        load(folder)


def test_an_adapter_of_another_shape_is_refused_in_one_line(base: Path, tmp_path: Path) -> None:
    adapter = tiny.adapter_folder(tmp_path / "adapter", base)
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["lora_parameters"]["rank"] = 8
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(StageError, match=r"^.*adapter: not an adapter of .*\(128, 4\).*\(128, 8\)") as raised:
        load(base, adapter)
    assert "\n" not in str(raised.value)


def test_a_folder_without_an_adapter_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"adapter_config.json is missing; .* is not an adapter folder"):
        load(base, tmp_path)


@pytest.mark.parametrize("part", ["lora_a", "lora_b", "m"])
def test_an_adapter_that_lacks_a_tensor_is_refused_in_one_line(base: Path, tmp_path: Path, part: str) -> None:
    adapter = tiny.adapter_folder(tmp_path / "adapter", base, kind="dora")
    name = f"model.layers.1.mlp.down_proj.{part}"
    tensors = mx.load(str(adapter / "adapters.safetensors"))
    assert isinstance(tensors, dict)
    mx.save_safetensors(str(adapter / "adapters.safetensors"), {key: tensors[key] for key in tensors if key != name})
    with pytest.raises(StageError, match=rf"^.*adapters\.safetensors lacks {name}; .*$"):
        load(base, adapter)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"num_attention_heads": 0}),
        ("config.json", {"model_type": "nobodys"}),
        ("config.json", {"hidden_size": "128"}),
        ("tokenizer.json", {"model": None}),
        ("tokenizer.json", {"added_tokens": 3}),
        ("tokenizer_config.json", {"tokenizer_class": 5}),
    ],
)
def test_a_damaged_config_or_tokenizer_is_one_line(tmp_path: Path, file: str, change: dict[str, object]) -> None:
    folder = tiny.model_folder(tmp_path / "base")
    (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | change))
    with pytest.raises(StageError, match=r"^[^\n]*base: not a model that mlx-lm reads: [^\n]+$"):
        load(folder)
