"""Seconds per token of sampling under the grammar's mask and without, in turn in one process, on the shipped adapter.

    python -m tests.bench_masks

Sixteen held-out requests at once. Ends with 1 if a masked token takes more than BAR times as long, and says so if there
is no model yet: `make repro` makes it.
"""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.files import read_jsonl
from stages.lora.generate import Masks, sample
from stages.lora.model import load, vocabulary_size
from stages.lora.rows import prompt_and_answer
from stages.midi.grammar import Grammar
from stages.midi.masks import MaskState, TokenMask
from stages.midi.vocabulary import Vocabulary
from tests.conftest import ROOT

MODEL, DATASET = ROOT / "models" / "midi_gospel" / "fused", ROOT / "data" / "midi" / "gospel"
BAR = 1.05
ROWS = 16
TOKENS = 100
ROUNDS = 15


class Endless:
    """A grammar's masks without the end of the song, so that each row has as many tokens as an unmasked one."""

    def __init__(self, masks: TokenMask, end: int) -> None:
        self.grammar = masks
        self.end = end
        self.ample = masks.minimum + 1000  # far from the end, where rows spend most of their time

    def start(self) -> MaskState:
        return self.grammar.start()

    def masks(self, states: Sequence[MaskState], remaining: int) -> NDArray[np.bool_]:
        allowed = self.grammar.masks(states, max(remaining, self.ample))
        allowed[:, self.end] = False
        return allowed

    def advance(self, state: MaskState, token_id: int) -> MaskState:
        return self.grammar.advance(state, token_id)


def prompts(dataset: Path, tokenizer: Any) -> list[str]:
    """The requests of the first ROWS held-out rows, as the model reads them."""
    rows = read_jsonl(dataset / "test.jsonl")[:ROWS]
    return [prompt_and_answer(row, tokenizer)[0] for row in rows]


def main() -> int:
    """Print tokens per second and the ratio."""
    if not (MODEL / "config.json").is_file():
        print(f"{MODEL.relative_to(ROOT)} is not there yet; run `make repro` first")
        return 1
    loaded = load(MODEL)
    vocabulary = Vocabulary.model(12)
    pieces = [loaded.tokenizer.encode(f" {name}", add_special_tokens=False) for name in vocabulary.compacts]
    size = vocabulary_size(loaded.model)
    masks = TokenMask(Grammar(vocabulary), pieces, size, sorted(loaded.tokenizer.eos_token_ids))
    endless = Endless(masks, pieces[vocabulary.ids_by_name["SONG_END"]][0])
    asked = prompts(DATASET, loaded.tokenizer)

    def seconds(given: Masks[Any] | None, seed: int, top_p: float) -> float:
        start = perf_counter()
        settings: dict[str, Any] = {"max_tokens": TOKENS, "temperature": 1.0, "top_p": top_p, "end_ids": []}
        found = sample(loaded.model, loaded.tokenizer, asked, given, seed=seed, rows_at_once=ROWS, **settings)
        assert [len(row) for row in found] == [TOKENS] * ROWS
        return perf_counter() - start

    print(f"{loaded.blas}; {ROWS} rows of {TOKENS} tokens, {size} ids, median of {ROUNDS} pairs")
    ratios = []
    for top_p in (1.0, 0.95):
        seconds(None, 0, top_p), seconds(endless, 0, top_p)
        times = np.array([(seconds(None, seed, top_p), seconds(endless, seed, top_p)) for seed in range(ROUNDS)])
        plain, masked = ROWS * TOKENS / np.median(times, axis=0)
        ratios.append(float(np.median(times[:, 1] / times[:, 0])))
        print(
            f"top-p {top_p}: unmasked {plain:,.0f} tokens/s, masked {masked:,.0f}; "
            f"time per token x {ratios[-1]:.3f} (bar {BAR})"
        )
    return int(max(ratios) > BAR)


if __name__ == "__main__":
    raise SystemExit(main())
