"""Make the model that adapters start from: a tiny one of Qwen2's architecture, trained here, or one from the hub."""

import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stages import progress
from stages.files import replacing_folder, write_json
from stages.lora import blas, checkpoints, loop, tokenizer
from stages.lora.curve import draw
from stages.lora.metadata import write_origin
from stages.lora.recipe import pass_on_recipe
from stages.lora.rows import check_enough, count, read, texts
from stages.params import Params
from stages.run import StageError, run

TINY = "tiny"
# A piece of text in this share of the rows becomes one token of the tiny tokenizer: the words around every answer.
FREQUENT = 0.05
ROWS_LOOKED_AT = 1000
SMALLEST = 300  # ids of a tokenizer that learns its pieces


class TinyParams(loop.FitParams):
    """Shape of the tiny model, and how it is pretrained (see FitParams). Quantizing needs multiples of 128."""

    hidden_size: int = Field(ge=128, multiple_of=128)
    intermediate_size: int = Field(ge=128, multiple_of=128)
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    rope_theta: float = Field(gt=1)  # longest wavelength of the position code, in tokens over 2 pi
    vocabulary: int = Field(ge=0)  # ids, for rows whose dataset lists no words: pieces are learned from the rows


class BaseParams(Params):
    """Where the base comes from. `revision` and `bits` are for a hub repo, `tiny` for the tiny one."""

    source: str  # "tiny", or a repo of the hub such as Qwen/Qwen2.5-14B-Instruct
    revision: str  # branch, tag or commit of the repo
    bits: Literal[4, 8, 16]  # 16 keeps the repo's precision
    tiny: TinyParams


def base(dataset: Path, model: Path, loss: Path, curve: Path, speed: Path, params: BaseParams) -> dict[str, object]:
    """Write a model folder that mlx-lm and transformers read to `model`, its losses to `loss` and, drawn, to `curve`.

    The tiny model learns the rows of `dataset`; its tokenizer holds each line of dataset/words.txt whole, or has pieces
    learned from the rows where there is no such file. `speed` gets its target tokens per second. A hub repo's model has
    learned already: all three say so by being empty.
    Raises StageError if a hub repo can't be had.
    """
    if params.source == TINY:
        fitted, metrics = _tiny(dataset, model, params.tiny)
        loop.write_points(loss, fitted.points)
        loop.write_speeds(speed, fitted.state.speeds)
        draw(fitted.points, fitted.state.start_loss, curve, fitted.published)
        return {"source": TINY, **metrics}
    from stages.lora.hub import download

    found = download(params.source, params.revision, params.bits, model)
    loop.write_points(loss, ())
    loop.write_speeds(speed, ())
    draw((), None, curve)
    return {"source": params.source, **found}


def _tiny(dataset: Path, model: Path, params: TinyParams) -> tuple[loop.Fitted, dict[str, object]]:
    """Make, pretrain and write the tiny model; how its training went."""
    checkpoints.wanted()  # a wrong word is said before anything is read
    if params.gradient_checkpointing:
        blas.walk_in_depth()
    blas_name = blas.load()
    import mlx.core as mx
    from mlx_lm.models import qwen2
    from mlx_lm.utils import save_model
    from transformers import AutoTokenizer

    with tempfile.TemporaryDirectory() as scratch:
        files = Path(scratch)
        size = _write_tokenizer(dataset, files, params.vocabulary)
        config = tiny_config(params, size)
        write_json(files / "config.json", config)
        ends = [config["eos_token_id"], config["pad_token_id"]]
        write_json(files / "generation_config.json", {"eos_token_id": ends, "pad_token_id": config["pad_token_id"]})
        words = AutoTokenizer.from_pretrained(files)
        limits = (params.row_tokens, params.long_rows, params.mask_prompt)
        train, refused = read(dataset / "train.jsonl", words, *limits)
        valid, unused = read(dataset / "valid.jsonl", words, *limits)
        check_enough(dataset, train, valid)
        counts = count(train, valid, refused, unused)
        mx.random.seed(params.seed)
        network = qwen2.Model(qwen2.ModelArgs.from_dict(config))
        _initialise(network, params)
        fitted = loop.fit(network, train, valid, params)
        with replacing_folder(model) as folder:
            shutil.copytree(files, folder, dirs_exist_ok=True)
            save_model(folder, network)
            write_origin(folder, TINY, None, [])
            pass_on_recipe(dataset, folder)
    progress.at_end(adapter_path=model.as_posix())
    return fitted, {
        **fitted.metrics(),
        "rows": counts,
        "parameters": loop.trainable(network),
        "vocabulary": size,
        "blas": blas_name,
    }


def tiny_config(params: TinyParams, tokens: int) -> dict[str, Any]:
    """config.json of a Qwen2 model for a tokenizer of `tokens` ids, the last three of them special."""
    if params.hidden_size % params.heads or params.heads % params.kv_heads:
        raise StageError(
            f"hidden_size {params.hidden_size}, heads {params.heads}, kv_heads {params.kv_heads}: "
            "each must be a multiple of the next"
        )
    end_of_text, _, end = range(tokens - 3, tokens)
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "attention_dropout": 0.0,
        "bos_token_id": end_of_text,
        "eos_token_id": end,
        "hidden_act": "silu",
        "hidden_size": params.hidden_size,
        "initializer_range": 0.02,
        "intermediate_size": params.intermediate_size,
        "max_position_embeddings": max(2048, params.row_tokens),
        "model_type": "qwen2",
        "num_attention_heads": params.heads,
        "num_hidden_layers": params.layers,
        "num_key_value_heads": params.kv_heads,
        "pad_token_id": end_of_text,
        "rms_norm_eps": 1e-6,
        "rope_theta": params.rope_theta,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
        "use_cache": True,
        "use_sliding_window": False,
        "vocab_size": -(-tokens // 128) * 128,
    }


def _initialise(network: Any, params: TinyParams) -> None:
    """Draw the weights anew: normal, narrower where a layer adds to the stream, biases zero (Radford et al. 2019)."""
    import mlx.core as mx
    from mlx.utils import tree_map_with_path

    def drawn(path: str, weight: mx.array) -> mx.array:
        if weight.ndim < 2:
            return mx.zeros_like(weight) if path.endswith("bias") else weight
        deep = path.endswith(("o_proj.weight", "down_proj.weight"))
        return mx.random.normal(weight.shape) * (0.02 / (2 * params.layers) ** 0.5 if deep else 0.02)

    network.update(tree_map_with_path(drawn, network.parameters()))


def _write_tokenizer(dataset: Path, folder: Path, size: int) -> int:
    """Make the tokenizer of `dataset`, write it, and say how many ids it has: `size` if it has to learn its pieces."""
    from transformers import AutoTokenizer

    listed = dataset / "words.txt"
    if listed.exists() == bool(size):
        raise StageError(
            f"{listed} lists the words of the tokenizer, so tiny.vocabulary is 0, not {size}"
            if size
            else f"{listed} is not there, so pieces are learned: tiny.vocabulary is 0, expected their number"
        )
    if size and size < SMALLEST:
        raise StageError(
            f"tiny.vocabulary is {size}, expected at least {SMALLEST}: 256 bytes, the marks and some pieces"
        )
    words = [line for line in listed.read_text(encoding="utf-8").split("\n") if line] if not size else []
    tokenizer.write(tokenizer.make(words), folder)
    seen = [prompt + answer for prompt, answer in texts(dataset / "train.jsonl", AutoTokenizer.from_pretrained(folder))]
    if size:
        backend = tokenizer.learned(seen, size)
    else:
        known = {f" {word}" for word in words}
        frequent = tokenizer.frequent_pieces(seen[:ROWS_LOOKED_AT], FREQUENT)
        backend = tokenizer.make(words, [piece for piece in frequent if piece not in known])
    tokenizer.write(backend, folder)
    return int(backend.get_vocab_size())


if __name__ == "__main__":
    raise SystemExit(run(base))
