"""Target tokens per second of training one adapter: our loop, mlx-lm's as installed and with our BLAS, and PEFT's.

    python -m tests.bench_train

Same base (1 M parameters, made on the spot), same rows of 30 to 256 tokens, same rank, modules, optimizer and rows of
a step. Each run is a process of its own, and the runs take turns. A run's first pass over its batches is not timed: it
compiles. mlx-lm's own clock is used for it, which leaves out reading rows and printing, and its token counts less one a
row, the padding it counts. As installed it is so slow that it does a few of the batches, untimed the first. PEFT's rows
are in batches of like length and padded no wider than their longest. Ends with 1 if a ratio is below its bar.
"""

import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np

from stages.files import write_json, write_jsonl
from tests.conftest import ROOT

ROUNDS = 3
ROWS = 64  # a multiple of what a step takes: mlx-lm drops the rest
STEP_ROWS = 8
STEPS = ROWS // STEP_ROWS  # of one pass
SLOW_STEPS = 2  # timed steps of mlx-lm as installed
ROW_TOKENS = 257
RANK, SCALE = 16, 2.0
KEYS = [*(f"self_attn.{name}_proj" for name in "qkvo"), *(f"mlp.{name}_proj" for name in ("gate", "up", "down"))]
LORA = {"rank": RANK, "scale": SCALE, "dropout": 0.0, "keys": KEYS}  # as mlx-lm has it; num_layers -1 there means all
RATE = 1e-3
THREADS = 2
BARS = {"installed": 5.0, "blas": 1.5, "threads": 1.5}
SAVE_EVERY = 60  # steps, as in params.yaml
SAVING = 0.02  # of the time, at most
Measured = tuple[int, float]  # target tokens, seconds


def make(folder: Path) -> tuple[int, int]:
    """Write a random base and the rows to `folder`; number of parameters, and of targets in all rows."""
    from stages.lora import base, blas, rows, tokenizer

    blas.load()
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.models import qwen2
    from mlx_lm.utils import save_model
    from transformers import AutoTokenizer

    letters = "abcdefghij"
    words = [f"N{a}{b}{c}" for a in letters for b in letters for c in letters]
    backend: Any = tokenizer.make(words)
    tokenizer.write(backend, folder / "base")
    shape: Any = SimpleNamespace(
        hidden_size=128, intermediate_size=384, layers=4, heads=2, kv_heads=1, rope_theta=1e4, row_tokens=ROW_TOKENS
    )
    config = base.tiny_config(shape, backend.get_vocab_size())
    write_json(folder / "base" / "config.json", config)
    mx.random.seed(0)
    model = qwen2.Model(qwen2.ModelArgs.from_dict(config))
    save_model(folder / "base", model)

    rng = np.random.default_rng(0)
    made = [
        {
            "prompt": "".join(f" {word}" for word in rng.choice(words, 4)),
            "completion": " ".join(rng.choice(words, size)),
        }
        for size in rng.integers(5, 220, ROWS)
    ]
    write_jsonl(folder / "data" / "train.jsonl", made)
    write_jsonl(folder / "data" / "valid.jsonl", made[:STEP_ROWS])
    words_of: Any = AutoTokenizer.from_pretrained(folder / "base")
    read, _ = rows.read(folder / "data" / "train.jsonl", words_of, ROW_TOKENS, "cut", True)
    lengths = [len(row.ids) for row in read]
    print(f"{ROWS} rows of {min(lengths)} to {max(lengths)} tokens, {STEP_ROWS} a step, rank {RANK}")
    return sum(weight.size for _, weight in tree_flatten(model.parameters())), sum(row.targets for row in read)


def ours(folder: Path) -> Measured:
    """stages.lora.loop, with all a step costs there: from the end of one to the end of the next."""
    from stages.lora import engine, loop, rows
    from stages.lora.model import load

    loop.COMPILED_FROM = 1  # as in a training of usual length
    loaded = load(folder / "base")
    from mlx_lm.tuner.utils import linear_to_lora_layers

    read, _ = rows.read(folder / "data" / "train.jsonl", loaded.tokenizer, ROW_TOKENS, "cut", True)
    loaded.model.freeze()
    linear_to_lora_layers(loaded.model, -1, LORA)
    ends: list[Measured] = []
    step: Callable[..., tuple[float, int, float]] = engine.Engine.step

    def timed(self: engine.Engine, *given: Any) -> tuple[float, int, float]:
        done = step(self, *given)
        ends.append((done[1], perf_counter()))
        return done

    engine.Engine.step = timed  # type: ignore[assignment, method-assign]
    loop.fit(loaded.model, read, read[:STEP_ROWS], fit_params())
    return sum(tokens for tokens, _ in ends[STEPS:]), ends[-1][1] - ends[STEPS - 1][1]


def fit_params(**changed: Any) -> Any:
    """Settings of our loop for two passes over the rows."""
    from stages.lora import guard, loop

    settings: dict[str, Any] = {
        "epochs": 2.0,
        "max_steps": 0,
        "batch_rows": STEP_ROWS // 2,
        "accumulation": 2,
        "packing": False,
        "row_tokens": ROW_TOKENS,
        "long_rows": "cut",
        "mask_prompt": True,
        "optimizer": "adamw",
        "learning_rate": RATE,
        "schedule": "constant",
        "warmup": 0.0,
        "final_rate": 1.0,
        "weight_decay": 0.01,
        "clip": 1.0,
        "evaluate_every": 10_000,
        "evaluate_rows": 0,
        "patience": 0,
        "recover": guard.RecoverParams(loss_ratio=1e6, rate=0.5, times=1),
        "save_every": 10_000,
        "keep": 2,
        "publish": "last",
        "gradient_checkpointing": False,
        "seed": 1,
    }
    return loop.FitParams(**settings | changed)


def theirs(folder: Path) -> Measured:
    """mlx_lm.lora on the BLAS of its own wheel."""
    return mlx_lm_lora(folder, untimed=1, timed=SLOW_STEPS)


def theirs_with_our_blas(folder: Path) -> Measured:
    """mlx_lm.lora on our BLAS as it is loaded for the loop, with one thread."""
    from stages.lora import blas

    blas.load()
    return mlx_lm_lora(folder, untimed=STEPS, timed=STEPS)


def theirs_with_threads(folder: Path) -> Measured:
    """The same with a thread to each core: mlx-lm has one stream, which would leave the others idle."""
    from stages.lora import blas

    blas.load()
    for library in (Path(np.__file__).parent.parent / "numpy.libs").glob("libscipy_openblas64_*.so*"):
        ctypes.CDLL(str(library)).scipy_openblas_set_num_threads64_(THREADS)
    return mlx_lm_lora(folder, untimed=STEPS, timed=STEPS)


def mlx_lm_lora(folder: Path, untimed: int, timed: int) -> Measured:
    """What `mlx_lm.lora --train` does, with a callback that keeps its reports."""
    from mlx_lm import lora
    from mlx_lm.tuner.callbacks import TrainingCallback
    from mlx_lm.tuner.datasets import load_dataset
    from mlx_lm.utils import load

    reports: list[dict[str, float]] = []

    class Keep(TrainingCallback):  # type: ignore[misc]
        def on_train_loss_report(self, train_info: dict[str, float]) -> None:
            reports.append(train_info)

    given = {
        "model": str(folder / "base"),
        "data": str(folder / "data"),
        "adapter_path": str(folder / "adapter"),
        "train": True,
        "optimizer": "adamw",
        "mask_prompt": True,
        "num_layers": -1,
        "batch_size": STEP_ROWS,
        "iters": untimed + timed,
        "val_batches": 1,
        "learning_rate": RATE,
        "steps_per_report": 1,
        "steps_per_eval": 10_000,
        "save_every": 10_000,
        "max_seq_length": 512,
        "lora_parameters": LORA,
    }
    options = SimpleNamespace(**lora.CONFIG_DEFAULTS | given)
    np.random.seed(options.seed)
    model, tokenizer = load(str(folder / "base"))
    train, _, _ = load_dataset(options, tokenizer)
    lora.train_model(options, model, train, [], Keep())
    counted = reports[-1]["trained_tokens"] - reports[untimed - 1]["trained_tokens"]
    seconds = sum(1 / report["iterations_per_second"] for report in reports[untimed:])
    return round(counted) - timed * STEP_ROWS, seconds


def peft(folder: Path) -> Measured:
    """transformers and PEFT, in the plainest loop of torch."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from stages.lora import rows

    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder / "base")
    read, _ = rows.read(folder / "data" / "train.jsonl", tokenizer, ROW_TOKENS, "cut", True)
    read.sort(key=lambda row: len(row.ids))
    batches = [read[start : start + STEP_ROWS] for start in range(0, ROWS, STEP_ROWS)]
    base: Any = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
    modules = [key.rpartition(".")[2] for key in KEYS]
    model: Any = get_peft_model(base, LoraConfig(r=RANK, lora_alpha=round(SCALE * RANK), target_modules=modules))
    model.train()
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=RATE)
    rng = np.random.default_rng(1)
    began = 0.0
    for _ in ("untimed", "timed"):
        began = perf_counter()
        for number in rng.permutation(len(batches)):
            batch = batches[number]
            ids = torch.zeros(len(batch), max(len(row.ids) for row in batch), dtype=torch.long)
            labels = torch.full_like(ids, -100)
            for line, row in enumerate(batch):
                ids[line, : len(row.ids)] = torch.from_numpy(row.ids)
                labels[line, row.first : len(row.ids)] = torch.from_numpy(row.ids[row.first :])
            # no attention mask: what comes after a row changes nothing in it, and the causal kernel is the faster one
            model(input_ids=ids, labels=labels).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    return sum(row.targets for row in read), perf_counter() - began


def saving(folder: Path) -> Measured:
    """Our loop with a checkpoint every SAVE_EVERY steps; here: its steps, and the share of its time."""
    from stages.lora import loop, rows
    from stages.lora.model import load

    loaded = load(folder / "base")
    from mlx_lm.tuner.utils import linear_to_lora_layers

    read, _ = rows.read(folder / "data" / "train.jsonl", loaded.tokenizer, ROW_TOKENS, "cut", True)
    loaded.model.freeze()
    linear_to_lora_layers(loaded.model, -1, LORA)
    params = fit_params(epochs=4 * SAVE_EVERY / STEPS, save_every=SAVE_EVERY, evaluate_every=30, publish="best")
    fitted = loop.fit(loaded.model, read, read[:STEP_ROWS], params)
    return fitted.state.step, fitted.saving_share


RUNS: dict[str, tuple[str, Callable[[Path], Measured]]] = {
    "ours": ("stages.lora.loop", ours),
    "installed": ("mlx_lm.lora as installed", theirs),
    "blas": ("mlx_lm.lora with our BLAS", theirs_with_our_blas),
    "threads": (f"mlx_lm.lora with our BLAS, {THREADS} threads", theirs_with_threads),
    "peft": (f"transformers and peft, {THREADS} threads", peft),
}


def run(name: str, folder: Path) -> Measured:
    """`name` of RUNS in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    environment |= {"REFRAIN_SCRATCH": str(folder / "scratch"), "REFRAIN_RESUME": "none", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "tests.bench_train", name, str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    tokens, seconds = json.loads(done.stdout.splitlines()[-1])
    return tokens, seconds


def main(arguments: Sequence[str]) -> int:
    """Print the table; or, given a name of RUNS and a folder, run that one and print what it measured."""
    if arguments:
        name, folder = arguments
        function = saving if name == "saving" else RUNS[name][1]
        print("\n" + json.dumps(function(Path(folder))))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        parameters, targets = make(place)
        found: dict[str, list[float]] = {name: [] for name in RUNS}
        for _ in range(ROUNDS):
            for name in RUNS:
                tokens, seconds = run(name, place)
                # all but the slow one go over every row once
                assert tokens == targets or name == "installed", (name, tokens, targets)
                found[name].append(tokens / seconds)
                print(f"{name}: {tokens} in {seconds:.1f} s", file=sys.stderr)
        steps, share = run("saving", place)
    median = {name: statistics.median(rates) for name, rates in found.items()}
    ratios = {name: median["ours"] / median[name] for name in RUNS}
    print(f"base of {parameters / 1e6:.1f} M parameters; target tokens per second, median of {ROUNDS} (and each)")
    print(f"{'ours is':>9} {'bar':>4}  {'tokens/s':>8}")
    for name, (title, _) in RUNS.items():
        each = " ".join(f"{rate:,.0f}" for rate in found[name])
        bar = f"{BARS[name]:.1f}" if name in BARS else ""
        print(f"{ratios[name]:8.2f}x {bar:>4}  {median[name]:8,.0f}  {title} ({each})")
    print(
        f"checkpoints, every {SAVE_EVERY} steps and at each best one, take {share:.2%} of {steps} steps' time (bar 2%)"
    )
    return int(share > SAVING or any(ratios[name] < bar for name, bar in BARS.items()))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
