"""A model from the Hugging Face hub, in mlx-lm's form."""

import json
import shutil
from pathlib import Path

from stages.lora import blas
from stages.lora.metadata import write_origin
from stages.run import StageError

ANSWER_S = 10  # a hub that doesn't answer a question about a repo by then can't be reached


def download(repo: str, revision: str, bits: int, model: Path) -> dict[str, object]:
    """Write `repo` at `revision` to the folder `model`, quantized to `bits` (16: as it is); what was found.

    Files that the hub's own cache holds are not fetched again, and then no network is needed.
    Raises StageError at once, without retries, if the repo can't be had.
    """
    blas_name = blas.load()
    from huggingface_hub import HfApi, snapshot_download
    from mlx_lm.convert import convert

    patterns = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
    try:
        commit = HfApi().model_info(repo, revision=revision, timeout=ANSWER_S).sha
    except Exception as error:
        try:
            snapshot = Path(snapshot_download(repo, revision=revision, allow_patterns=patterns, local_files_only=True))
        except Exception:
            raise StageError(
                f"base {repo} at {revision} can't be had: {_reason(error)}; check source, revision, network and "
                "`hf auth login`, or set source to tiny"
            ) from error
        commit = snapshot.name
    else:
        try:
            snapshot = Path(snapshot_download(repo, revision=commit, allow_patterns=patterns))
        except Exception as error:
            raise StageError(f"base {repo} at {commit}: the download broke off: {_reason(error)}; run again") from error
    if bits < 16 and "quantization" in json.loads((snapshot / "config.json").read_text()):
        raise StageError(f"base {repo} is quantized already: set bits to 16 to keep it as it is")
    shutil.rmtree(model, ignore_errors=True)
    model.parent.mkdir(parents=True, exist_ok=True)
    convert(str(snapshot), str(model), quantize=bits < 16, q_bits=bits if bits < 16 else None)
    write_origin(model, repo, commit, [])
    return {"revision": commit, "bits": bits, "blas": blas_name}


def _reason(error: BaseException) -> str:
    """The first line of `error`, after its kind."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__} {lines[0][:160]}".strip()
