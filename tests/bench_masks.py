"""Seconds per token of sampling under the grammar's mask and without, in turn in one process, on a tiny random model.

    python -m tests.bench_masks

Ends with 1 if a masked token takes more than BAR times as long.
"""

from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.lora import blas
from stages.lora.generate import Masks, sample
from stages.midi.grammar import Grammar
from stages.midi.masks import MaskState, TokenMask
from stages.midi.vocabulary import Vocabulary

BAR = 1.1
ROWS = 16
TOKENS = 100
ROUNDS = 15
LAYERS = 4
WIDTH = 128


class Endless:
    """A grammar's masks without the end of the song, so that each row has as many tokens as an unmasked one."""

    def __init__(self, masks: TokenMask, end: int) -> None:
        self.masks = masks
        self.end = end
        self.ample = masks.minimum + 1000  # far from the end, where rows spend most of their time

    def start(self) -> MaskState:
        return self.masks.start()

    def mask(self, state: MaskState, remaining: int) -> NDArray[np.bool_]:
        allowed = self.masks.mask(state, max(remaining, self.ample))
        allowed[self.end] = False
        return allowed

    def advance(self, state: MaskState, token_id: int) -> MaskState:
        return self.masks.advance(state, token_id)


class Words:
    """A stand-in for a tokenizer: any prompt is eight ids."""

    eos_token_ids = frozenset[int]()

    def encode(self, prompt: str, **_: object) -> list[int]:
        return [len(prompt)] * 8


def model(vocabulary: int) -> Any:
    """A random Qwen2, `WIDTH` wide, `LAYERS` deep."""
    import mlx.core as mx
    from mlx_lm.models import qwen2

    config = {
        "model_type": "qwen2",
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "intermediate_size": 3 * WIDTH,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-6,
        "vocab_size": vocabulary,
        "rope_theta": 10000.0,
    }
    mx.random.seed(0)
    made = qwen2.Model(qwen2.ModelArgs.from_dict(config))
    mx.eval(made.parameters())
    return made


def main() -> int:
    """Print tokens per second and the ratio."""
    name = blas.load()
    vocabulary = Vocabulary.model(12)
    size = -(-len(vocabulary) // 128) * 128
    pieces = [[token] for token in range(len(vocabulary))]
    masks = TokenMask(Grammar(vocabulary), pieces, size, [size - 1])
    network = model(size)

    def seconds(given: Masks[Any] | None, seed: int) -> tuple[float, float]:
        start = perf_counter(), process_time()
        settings: dict[str, Any] = {"max_tokens": TOKENS, "temperature": 1.0, "top_p": 1.0, "end_ids": []}
        found = sample(network, Words(), ["x"] * ROWS, given, seed=seed, rows_at_once=ROWS, **settings)
        assert [len(row) for row in found] == [TOKENS] * ROWS
        return perf_counter() - start[0], process_time() - start[1]

    endless = Endless(masks, vocabulary.ids_by_name["SONG_END"])
    seconds(None, 0), seconds(endless, 0)
    times = np.array([(seconds(None, seed), seconds(endless, seed)) for seed in range(ROUNDS)])
    (plain, plain_cpu), (masked, masked_cpu) = times.min(axis=0)  # the best: what else runs here only ever adds
    ratio = masked / plain
    rate = ROWS * TOKENS
    print(f"{name}; {ROWS} rows of {TOKENS} tokens, {WIDTH} wide, {LAYERS} layers, {size} ids, best of {ROUNDS}")
    print(f"unmasked {rate / plain:,.0f} tokens/s, masked {rate / masked:,.0f} tokens/s; time per token x {ratio:.3f}")
    print(f"CPU time per token, with the mask work that overlaps: x {masked_cpu / plain_cpu:.3f}")
    return int(ratio > BAR)


if __name__ == "__main__":
    raise SystemExit(main())
