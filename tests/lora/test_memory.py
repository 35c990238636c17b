import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages.lora import blas

blas.load()
import mlx.core as mx  # noqa: E402  the BLAS comes first
import mlx.nn as nn  # noqa: E402
from mlx.utils import tree_flatten  # noqa: E402
from mlx_lm.models import llama, qwen2  # noqa: E402
from mlx_lm.tuner.utils import linear_to_lora_layers  # noqa: E402

from stages.lora import loop, memory  # noqa: E402
from stages.lora.engine import Engine  # noqa: E402
from stages.lora.rows import Row  # noqa: E402
from stages.run import StageError  # noqa: E402
from tests.conftest import ROOT  # noqa: E402
from tests.lora.test_loop import params as fit_params  # noqa: E402

KEYS = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"]
GB = 10**9


def network(vocabulary: int = 512, layers: int = 2, rank: int = 8, dropout: float = 0.0, bits: int = 0) -> Any:
    """A Qwen2 that is 128 wide; all of it trains if `rank` is 0."""
    config = {
        "model_type": "qwen2",
        "hidden_size": 128,
        "num_hidden_layers": layers,
        "intermediate_size": 256,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-6,
        "vocab_size": vocabulary,
    }
    mx.random.seed(0)
    model = qwen2.Model(qwen2.ModelArgs.from_dict(config))
    if bits:
        nn.quantize(model, 64, bits)
    if rank:
        model.freeze()
        linear_to_lora_layers(model, layers, {"rank": rank, "scale": 2.0, "dropout": dropout, "keys": KEYS})
    mx.eval(model.parameters())
    return model


def settings(**changed: Any) -> Any:
    given = {"batch_rows": 4, "row_tokens": 65, "accumulation": 2, "gradient_checkpointing": False}
    return SimpleNamespace(**given | {"optimizer": "adamw", "rank": 8} | changed)


def estimated(model: Any, params: Any, streams: int = 1) -> memory.Estimate:
    found = memory.estimate(model, params, memory.tokens_at_once(params, streams), streams)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("shape", "streams", "changed"),
    [
        ({}, 1, {}),
        ({"rank": 0}, 2, {"batch_rows": 2}),
        ({"vocabulary": 4096}, 1, {"row_tokens": 33}),
        ({"layers": 4, "rank": 32, "dropout": 0.1}, 2, {"row_tokens": 129}),
    ],
)
def test_the_estimate_is_within_a_factor_of_two_of_the_peak(
    shape: dict[str, Any], streams: int, changed: dict[str, Any]
) -> None:
    model = network(**shape)
    params = fit_params(
        **{"batch_rows": 4, "row_tokens": 65, "max_steps": 2, "epochs": 1.0, "evaluate_rows": 1} | changed
    )
    rng = np.random.default_rng(0)
    length = params.row_tokens
    rows = [Row(rng.integers(0, 500, length).astype(np.int32), 4) for _ in range(4 * params.batch_rows)]
    expected = estimated(model, params, streams)
    mx.clear_cache()
    before = mx.get_active_memory() - expected.weights  # of other tests
    mx.reset_peak_memory()
    loop.fit(model, rows, rows[:2], params, streams)
    assert 0.5 < expected.total / (mx.get_peak_memory() - before) < 2


def test_weights_gradients_and_optimizer_are_counted_exactly() -> None:
    model = network(rank=8)
    # per layer 8 x (inputs + outputs) numbers of 4 bytes: q 128 + 128, v 128 + 64, down 256 + 128
    adapter = 2 * 8 * (256 + 192 + 384) * 4
    found = estimated(model, settings())
    assert found.weights == sum(weight.nbytes for _, weight in tree_flatten(model.parameters()))
    assert (found.gradients, found.optimizer) == (adapter, 2 * adapter)
    assert estimated(model, settings(optimizer="muon")).optimizer == adapter
    assert found.total == found.weights + found.more


def test_quantized_weights_count_as_they_are() -> None:
    # the linear layers and the embedding in 4 bits with a scale and a bias of 32 bits per 64 weights: 5 bits, not 32
    plain, quantized = (network(vocabulary=4096, rank=0, bits=bits) for bits in (0, 4))
    quantized.freeze()
    shares = [estimated(model, settings()).weights for model in (quantized, plain)]
    assert shares[0] / shares[1] == pytest.approx(5 / 32, rel=0.05)


def test_more_of_anything_takes_more() -> None:
    found = estimated(network(), settings()).total
    for larger in ({"vocabulary": 1024}, {"layers": 3}, {"rank": 16}, {"dropout": 0.1}):
        assert estimated(network(**larger), settings()).total > found
    for larger in ({"batch_rows": 5}, {"row_tokens": 97}):
        assert estimated(network(), settings(**larger)).total > found
    assert estimated(network(), settings(), streams=2).total > found
    assert estimated(network(), settings(accumulation=1), streams=2).total == found  # nothing to do for the second


def test_layers_below_the_lowest_adapter_leave_nothing_behind() -> None:
    model = network(layers=4)
    found = estimated(model, settings()).activations
    for layer in model.layers[:2]:
        layer.freeze()
    assert estimated(model, settings()).activations < 0.9 * found


def test_checkpointing_in_depth_spares_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLX_BFS_MAX_WIDTH", "20")
    model = network(layers=8)
    plain, spared = (estimated(model, settings(gradient_checkpointing=on)) for on in (False, True))
    assert spared.activations < 0.7 * plain.activations


def test_another_architecture_is_estimated_by_the_names_of_its_fields() -> None:
    config = {
        "model_type": "llama",
        "hidden_size": 128,
        "num_hidden_layers": 2,
        "intermediate_size": 256,
        "num_attention_heads": 4,
        "rms_norm_eps": 1e-6,
        "vocab_size": 512,
    }
    assert estimated(llama.Model(llama.ModelArgs.from_dict(config)), settings()).activations > 0
    assert memory.estimate(nn.Linear(4, 4), settings(), 64) is None


def test_no_advice_while_it_fits_or_nothing_is_known() -> None:
    model, params = network(), settings()
    found = estimated(model, params)
    assert memory.advice(model, params, found, found.more * 2) is None
    assert memory.advice(model, params, found, None) is None
    assert memory.advice(model, params, None, 1) is None
    # nine tenths of what is free is the limit
    assert memory.advice(model, params, found, int(found.more / 0.89)) is None
    assert memory.advice(model, params, found, int(found.more / 0.91)) is not None


def test_advice_names_what_would_fit_the_least_harm_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLX_BFS_MAX_WIDTH", "20")
    model, params = network(layers=8), settings()
    found = estimated(model, params)
    line = memory.advice(model, params, found, int(0.8 * found.more))
    assert line is not None and "\n" not in line
    assert (
        "(rank 8, batch_rows 4, accumulation 2, row_tokens 65, optimizer adamw, gradient_checkpointing false)" in line
    )
    fitting = line.split("what would fit: ")[1].split(", or ")
    assert [change.split(" (")[0] for change in fitting] == [
        "gradient_checkpointing: true",
        "batch_rows: 2 with accumulation: 4",
        "row_tokens: 32",  # half the rank would not do
    ]
    halved = estimated(model, settings(batch_rows=2, accumulation=4))
    assert f"({memory._size(halved.more)})" in fitting[1]


def test_advice_counts_the_second_stream_that_smaller_batches_bring() -> None:
    model, params = network(), settings(batch_rows=2, accumulation=1)
    found = estimated(model, params, streams=2)
    line = memory.advice(model, params, found, found.more)
    assert line is not None and "batch_rows:" not in line  # half the rows twice is as much


def test_half_the_rank_is_what_an_adapter_of_half_the_rank_takes() -> None:
    model, params = network(rank=64), settings(rank=64, batch_rows=1, accumulation=1, row_tokens=9)
    found, half = (estimated(each, params) for each in (model, network(rank=32)))
    line = memory.advice(model, params, found, round(half.more / 0.9) + 1)
    assert line is not None and f"rank: 32 ({memory._size(half.more)})" in line


def test_advice_says_when_nothing_is_enough() -> None:
    model, params = network(), settings()
    line = memory.advice(model, params, estimated(model, params), 1000)
    assert line is not None and "no setting by itself makes it fit; most helps" in line


def test_what_is_free_is_known_here() -> None:
    found = memory.free()
    assert found is None or 0 <= found < 10**16


def test_the_tightest_control_group_counts_and_its_file_cache_is_free(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")  # no limit of its own
    (inner / "memory.current").write_text("1000\n")
    (inner.parent / "memory.max").write_text(f"{4 * GB}\n")
    (inner.parent / "memory.current").write_text(f"{3 * GB}\n")
    (inner.parent / "memory.stat").write_text(f"anon 5\ninactive_file {GB}\n")
    left = memory._left(tmp_path, "/outer/inner", "memory.max", "memory.current", "inactive_file")
    assert list(left) == [2 * GB]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[malloc] Unable to allocate 1073741824 bytes."),
        RuntimeError(
            "[metal::malloc] Attempting to allocate 9 bytes which is greater than the maximum allowed buffer size"
        ),
        RuntimeError("[METAL] Command buffer execution failed: Insufficient Memory (00000008:kIOGPU...OutOfMemory)"),
        RuntimeError("cudaMallocAsync(&data, size, stream) failed: out of memory"),
    ],
)
def test_out_of_memory_is_recognised(error: BaseException) -> None:
    assert memory.is_out_of_memory(error)


@pytest.mark.parametrize(
    "error", [RuntimeError("[matmul] shapes (2,3) and (4,5)"), ValueError("out of memory"), OSError()]
)
def test_other_errors_are_not_taken_for_it(error: BaseException) -> None:
    assert not memory.is_out_of_memory(error)


PEAK = """
import sys
from stages.lora import blas
if sys.argv[1] == "true":
    blas.walk_in_depth()
blas.load()
import mlx.core as mx
from stages.lora.engine import Engine, stream_count
from tests.lora.test_loop import counting_rows, params
from tests.lora.test_memory import network
settings = params(batch_rows=8, row_tokens=96, gradient_checkpointing=sys.argv[1] == "true")
model = network(vocabulary=128, layers=12)
held = mx.get_active_memory()
with Engine(model, settings, 1) as engine:
    engine.step(1, [[[row] for row in counting_rows(8)]], 1e-3)
print(mx.get_peak_memory() - held)
"""


def test_gradient_checkpointing_spares_memory_on_a_cpu() -> None:
    peaks = {}
    for wanted in ("false", "true"):  # each in a process of its own: mlx reads how to walk the graph once
        line = [sys.executable, "-c", PEAK, wanted]
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
        peaks[wanted] = int(done.stdout)
    assert peaks["true"] < 0.6 * peaks["false"]


def test_what_is_expected_is_said_before_the_first_step(capsys: pytest.CaptureFixture[str]) -> None:
    model = network()
    memory.tell(model, settings(), estimated(model, settings()))
    assert re.fullmatch(
        r"memory: training takes about \d+ MB beside the model, [\d.]+ [GM]B are free\n", capsys.readouterr().err
    )


def test_out_of_memory_names_the_settings_and_what_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    # no CPU raises it (see memory.py), so a step here says what Metal's does
    def fails(*_: object) -> None:
        raise RuntimeError("[metal::malloc] Attempting to allocate 9000000000 bytes which is greater than ...")

    monkeypatch.setattr(Engine, "step", fails)
    rows = [Row(np.arange(60, dtype=np.int32), 1) for _ in range(8)]
    given = fit_params(batch_rows=4, row_tokens=64, seed=11)
    with pytest.raises(
        StageError, match=r"out of memory: \[metal::malloc\] .*batch_rows 4, .*what would fit: "
    ) as error:
        loop.fit(network(), rows, rows[:2], given)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith("then run again to go on")


def test_any_other_error_of_a_step_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("[matmul] shapes don't match")

    monkeypatch.setattr(Engine, "step", fails)
    rows = [Row(np.arange(60, dtype=np.int32), 1) for _ in range(8)]
    with pytest.raises(RuntimeError, match="shapes"):
        loop.fit(network(), rows, rows[:2], fit_params(seed=12))
