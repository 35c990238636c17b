import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages.files import sha256_tree
from stages.lora import chatml
from stages.lora.base import BaseParams, base
from stages.run import StageError
from tests.conftest import ROOT

TINY: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 128,
    "layers": 1,
    "heads": 2,
    "kv_heads": 1,
    "rope_theta": 10000.0,
    "vocabulary": 0,
    "epochs": 8.0,
    "max_steps": 0,
    "batch_rows": 4,
    "accumulation": 2,
    "row_tokens": 64,
    "long_rows": "refuse",
    "mask_prompt": True,
    "optimizer": "muon",
    "learning_rate": 0.01,
    "schedule": "linear",
    "warmup": 0.1,
    "final_rate": 0.0,
    "weight_decay": 0.1,
    "clip": 1.0,
    "evaluate_every": 10,
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
WORDS = [f"N{a}{b}" for a in "abc" for b in "abcdefgh"]


def params(source: str = "tiny", **changed: Any) -> BaseParams:
    return BaseParams.model_validate({"source": source, "revision": "main", "bits": 4, "tiny": TINY | changed})


def made(dataset: Path, model: Path, params: BaseParams) -> dict[str, object]:
    """Make the base `model`, its tables and picture beside it."""
    tables = (model.with_suffix(".csv"), model.with_suffix(".png"), model.with_suffix(".speed.csv"))
    return base(dataset, model, *tables, params)


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRAIN_RESUME", "none")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "words.txt").write_text("\n".join(WORDS) + "\n")
    for name, start in (("train", 0), ("valid", 1)):
        answers = [" " + " ".join(WORDS[(start + row + n) % 24] for n in range(9)) for row in range(0, 48, 2)]
        rows = [{"text": chatml.document("Count.", "Go on", answer)} for answer in answers]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_tiny_base_learns_loads_and_has_the_same_bytes_each_time(dataset: Path, tmp_path: Path) -> None:
    import mlx.core as mx
    import mlx_lm
    from transformers import AutoTokenizer

    found = made(dataset, tmp_path / "a", params())
    made(dataset, tmp_path / "b", params())
    assert sha256_tree(tmp_path / "a") == sha256_tree(tmp_path / "b")
    for kind in ("csv", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert found["valid_loss"] < 0.5 * found["start_valid_loss"]  # type: ignore[operator]

    model, tokenizer = mlx_lm.load(str(tmp_path / "a"))
    ids = tokenizer.encode("".join(f" {word}" for word in WORDS))
    assert len(ids) == len(WORDS)
    assert AutoTokenizer.from_pretrained(tmp_path / "a").encode(" Nab Nac") == tokenizer.encode(" Nab Nac")
    assert model(mx.array([ids])).shape == (1, 24, model.args.vocab_size)
    assert model.args.vocab_size % 128 == 0
    # 6 words around the answer are whole too: <|im_start|> system \n Count . <|im_end|> \n ...
    assert len(tokenizer.encode("system")) == len(tokenizer.encode("Count")) == 1


def test_where_no_words_are_listed_the_tokenizer_learns_its_pieces(dataset: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    plain = tmp_path / "plain"
    shutil.copytree(dataset, plain, ignore=shutil.ignore_patterns("words.txt"))
    found = made(plain, tmp_path / "a", params(vocabulary=304, epochs=1.0))
    assert found["vocabulary"] == 304
    words = AutoTokenizer.from_pretrained(tmp_path / "a")
    assert len(words.encode("<|im_start|>system\nCount.<|im_end|>")) < 9
    for folder, size, words in (
        (plain, 0, "vocabulary is 0, expected their number"),
        (plain, 200, "is 200, expected at least 300"),
        (dataset, 320, "vocabulary is 0, not 320"),
    ):
        with pytest.raises(StageError, match=words):
            made(folder, tmp_path / "b", params(vocabulary=size))


def test_another_hash_seed_gives_the_same_bytes(dataset: Path, tmp_path: Path) -> None:
    section = {"base": params(epochs=4.0).model_dump()}
    YAML().dump(section, tmp_path / "params.yaml")
    for seed in ("1", "2"):
        outs = [str(tmp_path / f"{seed}{ending}") for ending in ("", ".csv", ".png", ".speed.csv")]
        command = [sys.executable, "-m", "stages.lora.base", str(dataset), *outs, "--params", "base"]
        command += ["--params-file", str(tmp_path / "params.yaml")]
        subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": seed})
    assert sha256_tree(tmp_path / "1") == sha256_tree(tmp_path / "2")
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()


def test_heads_that_do_not_divide_the_width_are_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="hidden_size 128, heads 3, kv_heads 1"):
        base(
            dataset,
            tmp_path / "model",
            tmp_path / "loss.csv",
            tmp_path / "loss.png",
            tmp_path / "loss.speed.csv",
            params(heads=3),
        )


def test_a_repo_that_cannot_be_had_is_one_line_at_once(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(StageError, match=r"base nobody/nothing at main can't be had: .*set source to tiny") as error:
        base(
            dataset,
            tmp_path / "model",
            tmp_path / "loss.csv",
            tmp_path / "loss.png",
            tmp_path / "loss.speed.csv",
            params(source="nobody/nothing"),
        )
    assert "\n" not in str(error.value)
