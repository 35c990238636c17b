"""Tokens per second that each form of the shipped adapter generates, in turns in one process; and its size on disk.

    python -m tests.bench_models [FILE]

Sixteen held-out requests at once, through the code of `python -m stages.generate`. FILE gets the figures as JSON: `make
bench` writes metrics/speed.json, so that `dvc metrics` shows them; no stage does, because each run has others.
"""

import statistics
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from stages.files import write_json
from stages.lora import onnx_runtime
from stages.lora.generate import sample
from stages.lora.model import load
from stages.lora.quantize import bytes_on_disk
from tests.bench_masks import DATASET, ROWS, prompts
from tests.conftest import ROOT

ADAPTER = ROOT / "models" / "midi_gospel"
TOKENS = 64
ROUNDS = 5


def forms(adapter: Path) -> dict[str, Path]:
    """The folders of the merged, the quantized and the exported models of `adapter`, by name."""
    copies = [folder for kind in ("quantized", "exported") for folder in sorted((adapter / kind).iterdir())]
    return {"fused": adapter / "fused"} | {str(folder.relative_to(adapter)): folder for folder in copies}


def sampler(folder: Path) -> Callable[..., list[list[int]]]:
    """What samples from the model of `folder`, which is in memory from then on if mlx computes it."""
    if (folder / onnx_runtime.CONFIG).is_file():
        return partial(onnx_runtime.sample, folder)
    loaded = load(folder)
    return partial(sample, loaded.model, loaded.tokenizer)


def main(arguments: Sequence[str]) -> int:
    """Print the table, and write it to the file of the command line."""
    if not (ADAPTER / "exported").is_dir():
        print(f"{ADAPTER.relative_to(ROOT)} is not whole yet; run `make repro` first")
        return 1
    folders = forms(ADAPTER)
    samplers = {name: sampler(folder) for name, folder in folders.items()}
    asked = prompts(DATASET, load(folders["fused"]).tokenizer)
    settings: dict[str, Any] = {"temperature": 1.0, "top_p": 1.0}
    speeds: dict[str, list[float]] = {name: [] for name in folders}
    for seed in range(ROUNDS + 1):
        for name, take in samplers.items():
            began = perf_counter()
            found = take(asked, None, max_tokens=TOKENS, seed=seed, **settings)
            if seed:  # the first turn warms up
                speeds[name].append(sum(map(len, found)) / (perf_counter() - began))
    figures = {
        name: {"tokens_per_second": round(statistics.median(speeds[name])), "bytes_on_disk": bytes_on_disk(folder)}
        for name, folder in folders.items()
    }
    whole = figures["fused"]
    print(f"midi_gospel, {ROWS} requests at once, {TOKENS} tokens each at most, median of {ROUNDS}")
    print(f"{'form':<20}{'tokens/s':>10}{'ratio':>8}{'kB on disk':>12}{'ratio':>8}")
    for name, row in figures.items():
        speed, size = row["tokens_per_second"], row["bytes_on_disk"]
        faster, smaller = speed / whole["tokens_per_second"], size / whole["bytes_on_disk"]
        print(f"{name:<20}{speed:>10,}{faster:>8.2f}{size / 1000:>12,.0f}{smaller:>8.2f}")
    for file in arguments:
        write_json(Path(file), {"midi_gospel": figures})
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
