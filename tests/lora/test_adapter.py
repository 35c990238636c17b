import json
from pathlib import Path
from typing import Any

import pytest

from stages.lora import adapter, model
from stages.run import StageError
from tests.lora import tiny

PARAMS: dict[str, Any] = {"rank": 4, "alpha": 8.0, "dropout": 0.1, "keys": tiny.KEYS, "num_layers": -1}


def params(**changed: Any) -> adapter.LoraParams:
    return adapter.LoraParams(**PARAMS | changed)


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
