from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.lora import blas

blas.load()
import mlx.core as mx  # noqa: E402  the BLAS comes first
from mlx.utils import tree_map_with_path  # noqa: E402

from stages.lora import packing  # noqa: E402
from stages.lora.engine import Engine  # noqa: E402
from stages.lora.rows import Row  # noqa: E402
from tests.lora.test_loop import Network, params  # noqa: E402

SMALL = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "vocab_size": 97,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "head_dim": 16,
    "max_position_embeddings": 512,
}


def network(architecture: str, **more: Any) -> Any:
    """A small random model of `architecture`, far enough from zero that positions and masks matter."""
    from importlib import import_module

    module = import_module(f"mlx_lm.models.{architecture}")
    model = module.Model(module.ModelArgs.from_dict(SMALL | {"model_type": architecture} | more))
    rng = np.random.default_rng(0)

    def drawn(name: str, weight: Any) -> Any:
        return mx.array(rng.normal(name.endswith("norm.weight"), 0.3, weight.shape).astype(np.float32))

    model.update(tree_map_with_path(drawn, model.parameters()))
    return model


def rows(count: int) -> list[Row]:
    rng = np.random.default_rng(1)
    lengths = rng.integers(3, 120, count)
    return [Row(rng.integers(0, 97, length).astype(np.int32), int(rng.integers(1, length))) for length in lengths]


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(50, 90))
def test_every_row_lies_in_one_line_and_no_line_overflows(lengths: list[int], capacity: int) -> None:
    lines = packing.lines(lengths, capacity)
    assert sorted(index for line in lines for index in line) == list(range(len(lengths)))
    assert all(sum(lengths[index] for index in line) <= capacity for line in lines)
    assert len(lines) <= 2 * sum(lengths) / capacity + 1  # two lines that are half empty would have become one
    assert len(lines) == len(packing.lines(lengths[::-1], capacity))


def test_a_row_longer_than_a_line_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of 60 tokens, expected at most 50"):
        packing.lines([60], 50)


@pytest.mark.parametrize("architecture", packing.FITS)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_packed_and_padded_rows_have_the_same_loss_and_gradient(architecture: str, checkpointing: bool) -> None:
    alone = [[row] for row in rows(8)]
    lines = [[rows(8)[number] for number in line] for line in packing.lines([len(row.ids) for row in rows(8)], 160)]
    assert 1 < len(lines) < 8
    figures = []
    for packed, step in ((False, [alone]), (True, [lines])):
        settings = params(batch_rows=8, packing=packed, row_tokens=161, gradient_checkpointing=checkpointing)
        with Engine(network(architecture), settings, 1) as engine:
            assert engine.packed == (160 if packed else None)
            before = engine.evaluate(rows(8))
            loss, tokens, norm = engine.step(1, step, 0.01)
            figures.append((before, loss / tokens, norm, engine.evaluate(rows(8))))
    assert figures[1][:2] == pytest.approx(figures[0][:2], abs=1e-5)
    assert figures[1][2] == pytest.approx(figures[0][2], rel=1e-4)
    assert figures[1][3] == pytest.approx(figures[0][3], abs=1e-4)  # after a step of AdamW, which magnifies rounding


def test_little_of_packed_lines_is_empty() -> None:
    lengths = np.random.default_rng(0).integers(20, 256, 2000).tolist()  # the longest ones leave less than any needs
    assert sum(lengths) > 0.97 * 255 * len(packing.lines(lengths, 255))


def test_no_row_sees_another() -> None:
    model = network("qwen2")
    first, second = rows(2)
    other = Row((second.ids + 1) % 97, second.first)
    with packing.packed(model) as places:
        seen = []
        for beside in (second, other):
            numbers = np.array([[0] * len(first.ids) + [1] * len(beside.ids)])
            positions = np.concatenate([np.arange(len(first.ids)), np.arange(len(beside.ids))])[None]
            places.give(mx.array(numbers), mx.array(positions))
            seen.append(model(mx.array(np.concatenate([first.ids, beside.ids])[None])))
    assert mx.array_equal(seen[0][:, : len(first.ids)], seen[1][:, : len(first.ids)])
    assert not mx.allclose(seen[0][:, len(first.ids) :], seen[1][:, len(first.ids) :])


def test_what_does_not_fit_is_batched_by_length() -> None:
    assert packing.fits(network("qwen2"))
    assert not packing.fits(Network())  # no architecture of mlx-lm
    scaled = {"rope_scaling": {"type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}}
    assert not packing.fits(network("qwen2", **scaled | {"max_position_embeddings": 512}))
    with Engine(Network(), params(packing=True), 1) as engine:
        assert engine.packed is None


def test_the_model_is_left_as_it_was() -> None:
    from mlx_lm.models import qwen2

    model = network("qwen2")
    mask, before = qwen2.create_attention_mask, model(mx.array([[1, 2, 3]]))
    with Engine(model, params(packing=True, row_tokens=160), 1):
        assert qwen2.create_attention_mask is not mask
    assert qwen2.create_attention_mask is mask
    assert mx.array_equal(model(mx.array([[1, 2, 3]])), before)
