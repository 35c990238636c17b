"""Train a LoRA adapter on a base."""

import sys
from pathlib import Path

from stages import progress
from stages.files import replacing_folder, write_json
from stages.lora import adapter as lora
from stages.lora import blas, checkpoints, loop, metadata
from stages.lora.curve import draw
from stages.lora.model import load
from stages.lora.recipe import pass_on_recipe
from stages.lora.rows import check_enough, count, read
from stages.run import run


class TrainParams(lora.LoraParams, loop.FitParams):
    """An adapter's settings: where it sits (LoraParams), and how it is trained (FitParams)."""


def train(
    base: Path, dataset: Path, adapter: Path, loss: Path, curve: Path, speed: Path, params: TrainParams
) -> dict[str, object]:
    """Write an adapter for the model folder `base`, trained on dataset/train.jsonl, to `adapter`.

    Its losses go to `loss` as a table, to `curve` as a picture; target tokens per second, which another run has
    others of, to `speed`. On a CPU the base computes in 32 bits; a quantized one stays quantized. A run that was ended
    goes on from its last checkpoint (see loop.py).
    Raises StageError if a setting doesn't fit the base, if too few rows are left, or if the loss goes wrong.
    """
    checkpoints.wanted()  # a wrong word is said before anything is read
    if params.gradient_checkpointing:
        blas.walk_in_depth()
    about = metadata.describe(base, dataset, adapter.resolve().parent.name)  # as they are now, before they are read
    loaded = load(base)
    import mlx.core as mx

    model = loaded.model
    if mx.default_device().type == mx.DeviceType.cpu:
        model.set_dtype(mx.float32)
        if "quantization" in loaded.config:
            print("a quantized base trains some ten times slower on a CPU than one in 32 bits", file=sys.stderr)
    limits = (params.row_tokens, params.long_rows, params.mask_prompt)
    rows, refused = read(dataset / "train.jsonl", loaded.tokenizer, *limits)
    held_out, unused = read(dataset / "valid.jsonl", loaded.tokenizer, *limits)
    check_enough(dataset, rows, held_out)
    counts = count(rows, held_out, refused, unused)
    mx.random.seed(params.seed)
    adapted = lora.apply(model, params)
    fitted = loop.fit(model, rows, held_out, params)
    settings = {
        **lora.settings(params),
        "epochs": fitted.epochs * fitted.published / fitted.state.step,
        "learningRate": params.learning_rate,
        "batchSize": params.batch_rows * params.accumulation,
        "trainingSteps": fitted.published,
        "finalLoss": fitted.valid_loss,
        "layerCount": len(model.layers),
        "parameterCount": loop.trainable(model),
        "blas": loaded.blas,
    }
    with replacing_folder(adapter) as folder:
        lora.write(folder, model, params)
        write_json(folder / "metadata.json", about | settings)
        pass_on_recipe(dataset, folder)
    loop.write_points(loss, fitted.points)
    loop.write_speeds(speed, fitted.state.speeds)
    draw(fitted.points, fitted.state.start_loss, curve, fitted.published)
    progress.at_end(adapter_path=adapter.as_posix())
    return {
        **fitted.metrics(),
        "rows": counts,
        "modules": len(adapted),
        "parameters": loop.trainable(model),
        "blas": loaded.blas,
    }


if __name__ == "__main__":
    raise SystemExit(run(train))
