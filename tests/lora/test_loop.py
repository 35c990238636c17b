import csv
import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.lora import blas

blas.load()
import mlx.core as mx  # noqa: E402  the BLAS comes first
import mlx.nn as nn  # noqa: E402
from mlx.utils import tree_flatten  # noqa: E402

from stages.lora import batches, loop  # noqa: E402
from stages.lora.rows import Row  # noqa: E402
from stages.run import StageError  # noqa: E402

VOCABULARY = 11


class Layer(nn.Module):  # type: ignore[misc]
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(16, 16)
        self.dropout = nn.Dropout(dropout)

    def __call__(self, x: Any) -> Any:
        return x + self.dropout(mx.maximum(self.linear(x), 0))


class Network(nn.Module):  # type: ignore[misc]
    """Enough of a language model for the loop: each token is guessed from the one before."""

    def __init__(self, seed: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        mx.random.seed(seed)
        self.embed = nn.Embedding(VOCABULARY, 16)
        self.layers = [Layer(dropout), Layer(dropout)]

    def __call__(self, ids: Any) -> Any:
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return self.embed.as_linear(x)


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRAIN_RESUME", "none")


def params(**changed: Any) -> loop.FitParams:
    settings: dict[str, Any] = {
        "epochs": 2.0,
        "max_steps": 0,
        "batch_rows": 4,
        "accumulation": 2,
        "row_tokens": 128,
        "long_rows": "cut",
        "mask_prompt": True,
        "optimizer": "adamw",
        "learning_rate": 0.01,
        "schedule": "cosine",
        "warmup": 0.1,
        "final_rate": 0.1,
        "weight_decay": 0.01,
        "clip": 1.0,
        "evaluate_every": 3,
        "evaluate_rows": 0,
        "patience": 0,
        "recover": {"loss_ratio": 5.0, "rate": 0.5, "times": 2},
        "save_every": 100,
        "keep": 2,
        "publish": "last",
        "packing": False,
        "gradient_checkpointing": False,
        "seed": 7,
    }
    return loop.FitParams(**settings | changed)


def counting_rows(count: int, seed: int = 0) -> list[Row]:
    """Rows that count upwards from a random start, of 5 to 90 tokens, after a prompt of 1 to 3."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(5, 90, count)
    starts = rng.integers(0, VOCABULARY, count)
    return [
        Row(((start + np.arange(length)) % VOCABULARY).astype(np.int32), int(rng.integers(1, 4)))
        for start, length in zip(starts, lengths)
    ]


def weights(model: Any) -> dict[str, bytes]:
    return {name: np.array(weight).tobytes() for name, weight in tree_flatten(model.parameters())}


def fitted(streams: int | None = None, dropout: float = 0.0, **changed: Any) -> tuple[loop.Fitted, Any]:
    model = Network(dropout=dropout)
    return loop.fit(model, counting_rows(30), counting_rows(5, seed=1), params(**changed), streams), model


def test_the_loss_falls() -> None:
    done, _ = fitted(epochs=12.0)
    assert done.points[-1].valid_loss < 0.5 * done.state.start_loss


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_one_and_two_streams_give_the_same_bits(optimizer: str) -> None:
    (one, model), (two, other) = (fitted(streams, dropout=0.2, optimizer=optimizer) for streams in (1, 2))
    assert one.points == two.points
    assert weights(model) == weights(other)


def test_compiling_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, model = fitted(dropout=0.2, epochs=1.0)
    monkeypatch.setattr(loop, "COMPILED_FROM", 1)
    compiled, other = fitted(dropout=0.2, epochs=1.0)
    assert plain.points == compiled.points
    assert weights(model) == weights(other)


def test_the_seed_decides_and_evaluation_does_not() -> None:
    _, model = fitted(dropout=0.2)
    _, again = fitted(dropout=0.2)
    _, evaluated = fitted(dropout=0.2, evaluate_every=1)
    _, other = fitted(dropout=0.2, seed=8)
    assert weights(model) == weights(again) == weights(evaluated)
    assert weights(model) != weights(other)


def test_gradient_checkpointing_changes_nothing_but_rounding() -> None:
    plain, _ = fitted(dropout=0.2)
    spared, _ = fitted(dropout=0.2, gradient_checkpointing=True)
    assert spared.points[-1].train_loss == pytest.approx(plain.points[-1].train_loss, rel=1e-5)
    assert "checkpointed" not in Layer.__call__.__qualname__


def test_accumulation_weighs_by_tokens() -> None:
    # one step over all rows, as one micro-batch or as eight: the gradient of the mean over all targets either way
    whole, _ = fitted(epochs=1.0, batch_rows=32, accumulation=1)
    parts, _ = fitted(epochs=1.0, batch_rows=4, accumulation=8)
    assert whole.state.step == parts.state.step == 1
    assert parts.points[0].train_loss == pytest.approx(whole.points[0].train_loss, rel=1e-5)
    assert parts.points[0].gradient_norm == pytest.approx(whole.points[0].gradient_norm, rel=1e-5)


def test_the_loss_counts_targets_only() -> None:
    # a model whose logits are all zero loses log(vocabulary) at each target, and padding and prompt add nothing
    model = Network()
    model.update({"embed": {"weight": mx.zeros((VOCABULARY, 16))}})
    assert loop.evaluate(model, counting_rows(7), batch_rows=3) == pytest.approx(math.log(VOCABULARY), rel=1e-5)


def test_steps_come_from_epochs() -> None:
    done, _ = fitted(epochs=1.5)
    # 30 rows in micro-batches of 4 are 8, in steps of 2 are 4 an epoch
    assert (done.state.step, done.epochs) == (6, 1.5)
    rows = counting_rows(30)
    step_of_half_epoch = batches.plan([len(row.ids) for row in rows], 4, 2, 7, 1)[:2]
    half = sum(rows[number].targets for step in step_of_half_epoch for batch in step for (number,) in batch)
    assert done.state.tokens == sum(row.targets for row in rows) + half


def test_max_steps_ends_training_and_its_schedule() -> None:
    done, _ = fitted(epochs=1000.0, max_steps=4, final_rate=0.25)
    assert (done.state.step, done.points[-1].step) == (4, 4)
    assert done.points[-1].rate == pytest.approx(0.25 * 0.01)


def test_frozen_weights_stay() -> None:
    model = Network()
    model.freeze()
    model.layers[1].unfreeze()
    before = weights(model)
    loop.fit(model, counting_rows(8), counting_rows(2), params())
    changed = {name for name, found in weights(model).items() if found != before[name]}
    assert changed == {"layers.1.linear.weight", "layers.1.linear.bias"}


def test_the_rate_rises_and_falls() -> None:
    settings = params(warmup=0.2, learning_rate=1.0, final_rate=0.1, schedule="cosine")
    # 10 steps: 2 of warm-up, then 8 of a half cosine from 1 to 0.1, whose middle is 0.55
    assert [loop.rate_at(step, 10, settings) for step in (1, 2, 6, 10)] == pytest.approx([0.5, 1.0, 0.55, 0.1])
    line = params(warmup=0.0, learning_rate=1.0, final_rate=0.0, schedule="linear")
    assert [loop.rate_at(step, 4, line) for step in (1, 2, 3, 4)] == pytest.approx([0.75, 0.5, 0.25, 0.0])
    flat = params(warmup=0.0, learning_rate=1.0, schedule="constant")
    assert loop.rate_at(9, 10, flat) == 1.0


def test_a_loss_that_is_no_number_stops_in_one_line() -> None:
    with pytest.raises(StageError, match=r"the loss is .* at step \d+ of 100, .*lower learning_rate") as error:
        fitted(epochs=25.0, learning_rate=1e30)
    assert "\n" not in str(error.value)


def test_the_loss_table_has_no_gaps(tmp_path: Path) -> None:
    done, _ = fitted()
    loop.write_points(tmp_path / "loss.csv", done.points)
    table = list(csv.DictReader((tmp_path / "loss.csv").read_text().splitlines()))
    assert [row["step"] for row in table] == ["3", "6", "8"]  # every 3 steps, and the last
    assert list(table[0]) == [column.name for column in dataclasses.fields(loop.Point)]
    assert all(math.isfinite(float(value)) for row in table for value in row.values())
