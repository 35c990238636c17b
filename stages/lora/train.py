"""Train a LoRA adapter on a base."""

from pathlib import Path

from stages.files import replacing_folder
from stages.lora import adapter as lora
from stages.lora import loop
from stages.lora.curve import draw
from stages.lora.model import load
from stages.lora.rows import read
from stages.run import run


class TrainParams(lora.LoraParams, loop.FitParams):
    """An adapter's settings: where it sits (LoraParams), and how it is trained (FitParams)."""


def train(base: Path, dataset: Path, adapter: Path, loss: Path, curve: Path, params: TrainParams) -> dict[str, object]:
    """Write an adapter for the model folder `base`, trained on dataset/train.jsonl, to `adapter`.

    Its losses go to `loss` as a table, to `curve` as a picture. On a CPU the base computes in 32 bits; a quantized one
    stays quantized. Raises StageError if a setting doesn't fit the base, if no row is left to train on, or if the loss
    is no longer a number.
    """
    loaded = load(base)
    import mlx.core as mx

    model = loaded.model
    if mx.default_device().type == mx.DeviceType.cpu:
        model.set_dtype(mx.float32)
    limits = (params.row_tokens, params.long_rows, params.mask_prompt)
    rows, refused = read(dataset / "train.jsonl", loaded.tokenizer, *limits)
    held_out, _ = read(dataset / "valid.jsonl", loaded.tokenizer, *limits)
    mx.random.seed(params.seed)
    adapted = lora.apply(model, params)
    fitted = loop.fit(model, rows, held_out, params)
    with replacing_folder(adapter) as folder:
        lora.write(folder, model, params)
    loop.write_points(loss, fitted.points)
    draw(fitted.points, fitted.start_loss, curve)
    return {
        **fitted.metrics(),
        "rows": {"train": len(rows), "valid": len(held_out), **refused},
        "modules": len(adapted),
        "parameters": loop.trainable(model),
        "blas": loaded.blas,
    }


if __name__ == "__main__":
    raise SystemExit(run(train))
