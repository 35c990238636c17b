import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from stages.files import sha256_tree
from stages.lora import chatml, loop
from stages.lora.rows import read
from stages.lora.train import TrainParams, train
from stages.run import StageError
from tests.lora import test_loop, tiny

PARAMS: dict[str, Any] = {
    "fine_tune": "lora",
    "rank": 4,
    "alpha": 8.0,
    "dropout": 0.1,
    "keys": ["self_attn.q_proj", "mlp.down_proj"],
    "num_layers": -1,
    "epochs": 6.0,
    "max_steps": 0,
    "batch_rows": 2,
    "accumulation": 2,
    "row_tokens": 64,
    "long_rows": "refuse",
    "mask_prompt": True,
    "optimizer": "adamw",
    "learning_rate": 0.01,
    "schedule": "cosine",
    "warmup": 0.1,
    "final_rate": 0.0,
    "weight_decay": 0.0,
    "clip": 1.0,
    "evaluate_every": 4,
    "evaluate_rows": 0,
    "patience": 0,
    "recover": {"loss_ratio": 5.0, "rate": 0.5, "times": 2},
    "save_every": 100,
    "keep": 2,
    "publish": "last",
    "packing": False,
    "gradient_checkpointing": False,
    "seed": 0,
}


def params(**changed: Any) -> TrainParams:
    return TrainParams(**PARAMS | changed)


def trained(base: Path, dataset: Path, folder: Path, **changed: Any) -> dict[str, object]:
    """Train anew, everything into `folder`."""
    tables = (folder / "loss.csv", folder / "loss.png", folder / "speed.csv")
    return train(base, dataset, folder / "adapter", *tables, params(**changed))


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRAIN_RESUME", "none")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model_folder(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    names = [word for word in tiny.WORDS if word.startswith("N")]
    texts = [chatml.document("", "X", " " + " ".join(names[n : n + 8])) for n in range(0, 48, 4)]
    (folder / "train.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts[:10]))
    (folder / "valid.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts[10:]))
    return folder


def test_an_adapter_learns_and_has_the_same_bytes_each_time(base: Path, dataset: Path, tmp_path: Path) -> None:
    found = trained(base, dataset, tmp_path / "a")
    trained(base, dataset, tmp_path / "b")
    assert found["train_loss"] < 0.9 * found["start_valid_loss"]  # type: ignore[operator]
    assert found["steps"] == 18  # 10 rows in micro-batches of 2 and steps of 2 are 3 an epoch
    assert found["rows"] == {"train": 10, "valid": 2, "valid_in_train": 0, "refused_or_cut": {"train": {}, "valid": {}}}
    assert found["parameters"] == 2 * 4 * ((128 + 128) + (256 + 128))  # layers, rank, both sides of each module
    names = ("adapter/adapters.safetensors", "adapter/adapter_config.json", "loss.csv", "loss.png")
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_mlx_lm_loads_the_adapter_and_it_has_the_loss_that_was_measured(
    base: Path, dataset: Path, tmp_path: Path
) -> None:
    import mlx_lm

    found = trained(base, dataset, tmp_path)
    model, tokenizer = mlx_lm.load(str(base), adapter_path=str(tmp_path / "adapter"))
    rows, _ = read(dataset / "valid.jsonl", tokenizer, 64, "refuse", mask_prompt=True)
    assert loop.evaluate(model, rows, 2) == pytest.approx(found["valid_loss"], rel=1e-6)


def test_a_quantized_base_stays_quantized(base: Path, dataset: Path, tmp_path: Path) -> None:
    from mlx_lm.convert import convert

    convert(str(base), str(tmp_path / "base"), quantize=True, q_bits=4)
    found = trained(tmp_path / "base", dataset, tmp_path, epochs=2.0)
    assert found["train_loss"] < found["start_valid_loss"]  # type: ignore[operator]


def test_no_row_left_stops_in_one_line(base: Path, dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="10 of 10 rows have more than row_tokens 8; raise it"):
        trained(base, dataset, tmp_path, row_tokens=8)


def test_metadata_names_what_was_read_and_not_what_lies_there_later(
    base: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(dataset, tmp_path / "data"))
    expected = sha256_tree(copy)
    fit = loop.fit

    def edited(*given: Any) -> loop.Fitted:
        (copy / "train.jsonl").write_text("")
        return fit(*given)

    monkeypatch.setattr(loop, "fit", edited)
    trained(base, copy, tmp_path / "author", epochs=1.0)
    metadata = json.loads((tmp_path / "author" / "adapter" / "metadata.json").read_text())
    assert metadata["datasetHash"] == expected != sha256_tree(copy)
    assert metadata["baseHash"] == sha256_tree(base)
    assert metadata["adapterName"] == "author"


def test_the_metadata_of_whole_modules_has_no_rank(base: Path, dataset: Path, tmp_path: Path) -> None:
    trained(base, dataset, tmp_path, epochs=1.0, fine_tune="full", keys=["mlp.up_proj"])
    metadata = json.loads((tmp_path / "adapter" / "metadata.json").read_text())
    assert (metadata["fineTuneType"], metadata["rank"], metadata["scale"]) == ("full", None, None)


def test_any_seed_will_do(base: Path, dataset: Path, tmp_path: Path) -> None:
    found = trained(base, dataset, tmp_path, epochs=1.0, seed=20261121)
    assert found["steps"] == 3


def test_rows_that_can_not_be_packed_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    settings = test_loop.params(packing=True, epochs=1.0)
    done = loop.fit(test_loop.Network(), test_loop.counting_rows(8), test_loop.counting_rows(2), settings)
    assert "packing: rows can't be packed for this architecture" in capsys.readouterr().err
    assert done.metrics()["packed"] is False
