import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stages.lora import blas

blas.load()
import mlx.core as mx  # noqa: E402  the BLAS comes first
import mlx.nn as nn  # noqa: E402
from mlx.utils import tree_flatten  # noqa: E402
from mlx_lm.models import qwen2  # noqa: E402

from stages.lora import kernels  # noqa: E402

pytestmark = pytest.mark.skipif(
    sys.platform == "darwin" or mx.default_device().type != mx.DeviceType.cpu, reason="mlx's own are fast here"
)


def test_the_exponential_of_what_is_not_positive_is_right_to_5e_6() -> None:
    x = np.linspace(-40, 0, 20001).astype(np.float32)
    found = np.array(kernels.exp_negative(mx.array(x)))
    assert np.abs(found - np.exp(x.astype(np.float64))).max() < 5e-6
    assert kernels.exp_negative(mx.array([-1e9, -1e30, -np.inf, 0.0])).tolist() == [0, 0, 0, 1]


def test_the_sigmoid_is_right_to_1e_6() -> None:
    x = np.linspace(-60, 60, 20001)
    assert np.abs(np.array(kernels.sigmoid(mx.array(x))) - 1 / (1 + np.exp(-x))).max() < 1e-6


def network(heads: int, kv_heads: int) -> Any:
    mx.random.seed(0)
    arguments = qwen2.ModelArgs(
        model_type="qwen2",
        hidden_size=64,
        num_hidden_layers=2,
        intermediate_size=96,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        rms_norm_eps=1e-6,
        vocab_size=50,
        rope_theta=1e4,
    )
    model = qwen2.Model(arguments)
    model.update({"model": {"embed_tokens": {"weight": mx.random.normal((50, 64))}}})  # so that attention is not flat
    return model


def loss_and_gradient(model: Any, entropy: Callable[[Any, Any], Any]) -> tuple[Any, dict[str, Any]]:
    ids = mx.array(np.random.default_rng(0).integers(0, 50, (3, 41)))
    weights = mx.array(np.random.default_rng(1).random((3, 40)).astype(np.float32))
    value = nn.value_and_grad(model, lambda model: (entropy(model(ids[:, :-1]), ids[:, 1:]) * weights).sum())
    loss, gradient = value(model)
    return loss.item(), dict(tree_flatten(gradient))


@pytest.mark.parametrize(("heads", "kv_heads"), [(2, 2), (4, 2), (4, 1)])
def test_loss_and_gradient_are_those_of_mlx(heads: int, kv_heads: int) -> None:
    model = network(heads, kv_heads)
    expected, slopes = loss_and_gradient(model, nn.losses.cross_entropy)
    with kernels.in_place(model) as entropy:
        found, gradient = loss_and_gradient(model, entropy)
    assert found == pytest.approx(expected, rel=2e-6)
    for name, slope in slopes.items():
        error, largest = (float(mx.abs(values).max()) for values in (gradient[name] - slope, slope))
        # a key's bias changes no softmax, so that its true gradient is zero and any ratio to it is rounding
        assert error < 1e-4 * largest + 1e-5, name


def test_the_architecture_is_as_before_after_the_block() -> None:
    model = network(2, 2)
    before = qwen2.swiglu, qwen2.scaled_dot_product_attention
    with kernels.in_place(model):
        assert qwen2.swiglu is not before[0]
    assert (qwen2.swiglu, qwen2.scaled_dot_product_attention) == before


def test_no_token_sees_a_later_one() -> None:
    model = network(4, 2)
    ids = np.random.default_rng(2).integers(0, 50, (1, 30))
    changed = ids.copy()
    changed[0, 20:] = 7
    with kernels.in_place(model):
        one, other = model(mx.array(ids)), model(mx.array(changed))
    assert mx.array_equal(one[:, :20], other[:, :20])
