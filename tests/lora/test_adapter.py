import json
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import ValidationError

from stages.lora import adapter, model
from stages.run import StageError
from tests.lora import tiny

PARAMS: dict[str, Any] = {
    "fine_tune": "lora",
    "rank": 4,
    "alpha": 8.0,
    "dropout": 0.1,
    "keys": tiny.KEYS,
    "num_layers": -1,
}


def params(**changed: Any) -> adapter.LoraParams:
    return adapter.LoraParams(**PARAMS | changed)


def test_scale_is_alpha_over_rank_and_only_one_of_them_is_given() -> None:
    assert params(alpha=8.0).multiplier() == 2.0  # 8 / 4
    assert params(alpha=None, scale=2.0).multiplier() == 2.0
    for wrong in ({"alpha": 8.0, "scale": 2.0}, {"alpha": None}):
        with pytest.raises(ValidationError, match="either scale or alpha"):
            params(**wrong)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model_folder(tmp_path_factory.mktemp("base"))


def test_only_the_adapter_can_learn(folder: Path) -> None:
    from mlx.utils import tree_flatten

    network = model.load(folder).model
    names = adapter.apply(network, params())
    assert len(names) == 6  # three modules of two layers
    learning = {name.rsplit(".", 1)[-1] for name, _ in tree_flatten(network.trainable_parameters())}
    assert learning == {"lora_a", "lora_b"}


def test_a_number_of_layers_counts_from_the_last(folder: Path) -> None:
    network = model.load(folder).model
    assert all(".layers.1." in name for name in adapter.apply(network, params(num_layers=1)))


def test_a_key_that_matches_nothing_names_what_exists(folder: Path) -> None:
    network = model.load(folder).model
    with pytest.raises(StageError, match=r"keys: q_proj matches no module of a layer; there are .*self_attn\.q_proj"):
        adapter.apply(network, params(keys=["q_proj"]))


@pytest.mark.parametrize("layers", [0, 3])
def test_layers_that_do_not_exist_are_refused(folder: Path, layers: int) -> None:
    network = model.load(folder).model
    with pytest.raises(StageError, match=f"num_layers is {layers}, expected -1"):
        adapter.apply(network, params(num_layers=layers))


@pytest.mark.parametrize(("fine_tune", "keys"), [("dora", tiny.KEYS), ("full", ["mlp.up_proj", "input_layernorm"])])
def test_mlx_lm_loads_dora_and_whole_modules(
    folder: Path, tmp_path: Path, fine_tune: Literal["dora", "full"], keys: list[str]
) -> None:
    import mlx.core as mx
    import mlx_lm
    from mlx.utils import tree_map

    network = model.load(folder).model
    settings = params(fine_tune=fine_tune, keys=keys, num_layers=1)
    names = adapter.apply(network, settings)
    assert [name.split(".", 3)[3] for name in names] == sorted(keys)
    assert all(".layers.1." in name for name in names)
    network.update(tree_map(lambda weight: weight + 0.01, network.trainable_parameters()))
    adapter.write(tmp_path / "adapter", network, settings)
    theirs, _ = mlx_lm.load(str(folder), adapter_path=str(tmp_path / "adapter"))
    ids = mx.array([[5, 6, 7, 8]])
    network.eval()
    assert mx.array_equal(theirs(ids), network(ids))
    assert not mx.allclose(theirs(ids), model.load(folder).model(ids))


def test_whole_modules_of_a_quantized_base_are_refused(folder: Path, tmp_path: Path) -> None:
    from mlx_lm.convert import convert

    convert(str(folder), str(tmp_path / "base"), quantize=True, q_bits=4)
    network = model.load(tmp_path / "base").model
    with pytest.raises(StageError, match=r"fine_tune is full, but self_attn\.q_proj of the base is quantized"):
        adapter.apply(network, params(fine_tune="full"))


def test_mlx_lm_loads_what_was_written(folder: Path, tmp_path: Path) -> None:
    import mlx.core as mx
    import mlx_lm

    network = model.load(folder).model
    adapter.apply(network, params())
    network.update({"model": {"layers": [{"mlp": {"down_proj": {"lora_b": mx.ones((4, 128)) / 9}}} for _ in range(2)]}})
    adapter.write(tmp_path / "adapter", network, params())
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["lora_parameters"] == {"rank": 4, "scale": 2.0, "dropout": 0.1, "keys": tiny.KEYS}  # 8 / 4
    theirs, _ = mlx_lm.load(str(folder), adapter_path=str(tmp_path / "adapter"))
    ids = mx.array([[5, 6, 7, 8]])
    network.eval()
    assert mx.array_equal(theirs(ids), network(ids))
    assert not mx.allclose(theirs(ids), model.load(folder).model(ids))
