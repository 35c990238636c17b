"""Small random models of the true architecture, for tests: a Qwen2 of 2 layers, an adapter for it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from stages.files import write_json
from stages.lora import tokenizer
from stages.params import Params
from tests.conftest import ROOT

WORDS = ["X", "Y", "is", *(f"N{first}{second}" for first in "abcdefgh" for second in "abcdefgh")]
KEYS = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"]


def model_folder(folder: Path, seed: int = 0, scale: float = 0.1, intermediate: int = 256) -> Path:
    """A model 128 wide with 2 layers; its weights are drawn from a normal distribution, around 1 for the norms."""
    import mlx.core as mx
    from mlx.utils import tree_map_with_path
    from mlx_lm.models import qwen2
    from mlx_lm.utils import save_model

    backend: Any = tokenizer.make(WORDS)
    tokenizer.write(backend, folder)
    config = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": 128,
        "num_hidden_layers": 2,
        "intermediate_size": intermediate,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-6,
        "vocab_size": 512,
        "max_position_embeddings": 512,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "hidden_act": "silu",
        "eos_token_id": backend.token_to_id("<|im_end|>"),
        "bos_token_id": None,
    }
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", {"eos_token_id": config["eos_token_id"]})
    model = qwen2.Model(qwen2.ModelArgs.from_dict(config))
    rng = np.random.default_rng(seed)

    def drawn(name: str, weight: mx.array) -> mx.array:
        return mx.array(rng.normal(name.endswith("norm.weight"), scale, weight.shape).astype(np.float32))

    model.update(tree_map_with_path(drawn, model.parameters()))
    mx.eval(model.parameters())
    save_model(folder, model)
    return folder


def adapter_folder(folder: Path, base: Path, seed: int = 1, kind: str = "lora") -> Path:
    """An adapter for `base` whose two matrices are random, so that it changes every layer it is on."""
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.tuner.utils import linear_to_lora_layers

    from stages.lora.model import load

    config = {"rank": 4, "scale": 2.0, "dropout": 0.1, "keys": KEYS}
    write_json((folder / "adapter_config.json"), {"fine_tune_type": kind, "num_layers": 2, "lora_parameters": config})
    model = load(base).model
    model.freeze()
    linear_to_lora_layers(model, 2, config, use_dora=kind == "dora")
    rng = np.random.default_rng(seed)
    weights = {
        name: mx.array(rng.normal(0, 0.05, weight.shape).astype(np.float32)) if name.endswith(("_a", "_b")) else weight
        for name, weight in tree_flatten(model.trainable_parameters())
    }
    mx.save_safetensors(str(folder / "adapters.safetensors"), weights)
    return folder


def command(stage: str, paths: list[Path], params: Params, folder: Path) -> Any:
    """The metrics of `stage` run as dvc.yaml runs it, in a process of its own, with its files in `folder`."""
    write_json(folder / "params.yaml", {"section": params.model_dump()})  # JSON is YAML
    files = ["--params-file", str(folder / "params.yaml"), "--metrics", str(folder / "metrics.json")]
    subprocess.run(
        [sys.executable, "-m", f"stages.lora.{stage}", *map(str, paths), "--params", "section", *files],
        cwd=ROOT,
        check=True,
    )
    return json.loads((folder / "metrics.json").read_text())
