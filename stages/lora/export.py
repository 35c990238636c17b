"""Write a merged model as ONNX folders that onnxruntime-genai runs, and hold each to what it may lose."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from stages.files import replacing_folder
from stages.lora import blas
from stages.lora.held_out import HeldOut, Scores, held_out, parity, row_count, scored
from stages.lora.metadata import ORIGIN
from stages.lora.model import Array, load, logits, save, vocabulary_size
from stages.lora.parity import Gates, gate
from stages.lora.quantize import bytes_on_disk, full_precision
from stages.lora.recipe import pass_on_recipe
from stages.run import StageError, run

# Both libraries keep telemetry for their maker: without this, which they read when loaded, they write an id of the
# machine and a database to the user's cache folder.
QUIET = {"ORT_DISABLE_TELEMETRY": "1"}
PACKAGES = {"onnxruntime_genai": "onnxruntime-genai", "onnx_ir": "onnx-ir", "onnx": "onnx", "torch": "torch"}


class Precision(Gates):
    """One exported copy, and what it may lose against the merged model."""

    precision: Literal["fp32", "int8", "int4"]  # of the matrices; fp16 builds but does not run on a CPU


class ExportParams(HeldOut):
    """The copies to make, and the rows to hold them to."""

    precisions: list[Precision] = Field(min_length=1)

    @field_validator("precisions")
    @classmethod
    def _each_once(cls, precisions: list[Precision]) -> list[Precision]:
        """`precisions` if no two of them go to the same folder, where the second would replace the first."""
        if len({row.precision for row in precisions}) < len(precisions):
            raise ValueError("each precision once")
        return precisions


def export(fused: Path, dataset: Path, exported: Path, params: ExportParams) -> dict[str, object]:
    """Write `fused` as ONNX folders `exported/fp32`, `exported/int4`, ..., one for each of `params.precisions`.

    Each holds model, tokenizer and genai_config.json. A quantized `fused` is made full precision first. Raises
    StageError with the figure, and leaves no `exported`, if a copy loses more than its gates allow.
    """
    for module, package in PACKAGES.items():
        if importlib.util.find_spec(module) is None:
            raise StageError(f"the package {package} is missing, which exporting needs; run pip install {package}")
    blas.walk_in_depth()  # one layer's products in memory at a time
    whole = load(fused)
    batches = held_out(dataset, whole.tokenizer, vocabulary_size(whole.model), params)
    expected = scored(partial(logits, whole.model), batches)
    metrics: dict[str, object] = {"rows": row_count(batches), "blas": whole.blas}
    metrics["versions"] = {name: version(name) for name in ("onnxruntime-genai", "onnxruntime")}
    exported.parent.mkdir(parents=True, exist_ok=True)
    with (
        # beside the result, where room is needed anyway
        tempfile.TemporaryDirectory(dir=exported.parent, prefix=f".{exported.name}.") as scratch,
        replacing_folder(exported) as folder,
    ):
        source = fused
        if "quantization" in whole.config:
            source = Path(scratch) / "plain"
            save(full_precision(whole), fused, source)
        del whole
        for row in params.precisions:
            name = row.precision
            build(fused, source, folder / name, name, Path(scratch))
            pass_on_recipe(fused, folder / name)
            if (fused / ORIGIN).is_file():  # the adapters that are in it
                shutil.copyfile(fused / ORIGIN, folder / name / ORIGIN)
            figures = parity(expected, session(folder / name), batches).figures()
            gate(f"{exported / name}", figures, row)
            files = sum(file.is_file() for file in (folder / name).rglob("*"))
            metrics[name] = {**figures, "bytes_on_disk": bytes_on_disk(folder / name), "files": files}
    return metrics


def build(fused: Path, source: Path, target: Path, precision: str, scratch: Path) -> None:
    """Write the plain model folder `source` to `target` in ONNX by onnxruntime-genai's builder, in its own process.

    The bytes depend on `source`, `precision` and the versions of the packages alone.
    Raises StageError, naming `fused`, with the first line of the builder's complaint.
    """
    options = ["-i", str(source), "-o", str(target), "-p", precision, "-e", "cpu", "-c", str(scratch / "cache")]
    environment = {
        **os.environ,
        **QUIET,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(scratch / "hub"),
        # it would stamp the model with the commit of whatever repo the Python environment lies in: this one's
        "GIT_DIR": str(scratch / "no-repo"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "onnxruntime_genai.models.builder", *options],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode == 0:
        return
    what = complaint(done.stderr) or f"ended with status {done.returncode}"
    if "not currently supported" in what:
        names = json.loads((source / "config.json").read_text()).get("architectures")
        what = f"architecture {names} is unknown to it; leave this adapter out of the export stage"
    # the builder has seen `source`, which may be gone by the time that the line is read
    what = what.replace(str(source), str(fused))
    raise StageError(f"{fused}: onnxruntime-genai {version('onnxruntime-genai')} can't export {precision}: {what}")


def complaint(errors: str) -> str:
    """The first line of the exception that the last traceback in `errors` ends with; empty if there is none."""
    _, traceback, after = errors.rpartition("Traceback (most recent call last):\n")
    lines = [line for line in after.splitlines() if line and not line[0].isspace()]
    return lines[0][:300] if traceback and lines else ""


def session(folder: Path) -> Scores:
    """What the ONNX model of `folder` says of ids [rows, tokens]: its logits through onnxruntime on the CPU.

    Each call starts with an empty cache. Logits at padding mean nothing.
    """
    os.environ.update(QUIET)
    import mlx.core as mx
    import onnxruntime

    running = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    config = json.loads((folder / "genai_config.json").read_text())["model"]["decoder"]
    pasts = [node.name for node in running.get_inputs() if node.name.startswith("past")]

    def scores(ids: NDArray[np.int32]) -> Array:
        empty = np.zeros((len(ids), config["num_key_value_heads"], 0, config["head_size"]), np.float32)
        given = {"input_ids": ids.astype(np.int64), "attention_mask": np.ones(ids.shape, np.int64)}
        return mx.array(running.run(["logits"], given | dict.fromkeys(pasts, empty))[0])

    return scores


if __name__ == "__main__":
    raise SystemExit(run(export))
