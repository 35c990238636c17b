"""Sample from an exported model, by the runtime of ONNX that keeps the KV cache itself."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.lora.export import QUIET
from stages.lora.generate import Done, Masks, Seed, decoded, encoded
from stages.run import StageError

Tokenizer = Any  # a transformers tokenizer

CONFIG = "genai_config.json"  # what marks the folder of an exported model
OUT = np.float32(-1e9)  # a logit that is never taken


@dataclass(frozen=True)
class Exported:
    """What the folder of an exported model says of it."""

    folder: Path
    tokenizer: Tokenizer
    vocabulary: int  # logits per row
    context: int  # the most tokens, those of the prompt included
    ends: tuple[int, ...]


def exported(folder: Path) -> Exported:
    """The model in `folder`, not in memory yet. Raises StageError with one line if a file is missing or wrong."""
    from transformers import AutoTokenizer

    for file in (CONFIG, "tokenizer.json", "tokenizer_config.json"):
        if not (folder / file).is_file():
            raise StageError(f"{folder / file} is missing; {folder} is not a whole exported model")
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["model"]
        network = folder / config["decoder"]["filename"]
        ends = config["eos_token_id"]
        sizes = int(config["vocab_size"]), int(config["context_length"])
    except (ValueError, KeyError, TypeError) as error:
        raise StageError(f"{folder / CONFIG}: not a config of onnxruntime-genai: {error!r}; export again") from error
    if not network.is_file():
        raise StageError(f"{network} is missing; {folder} is not a whole exported model")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except Exception as error:  # of any kind: what is damaged decides, and tokenizers has none of its own
        raise StageError(
            f"{folder / 'tokenizer.json'}: not a tokenizer: {type(error).__name__}: {_line(error)}; export again"
        ) from error
    return Exported(folder, tokenizer, *sizes, tuple(ends) if isinstance(ends, list) else (ends,))


def sample(
    folder: Path,
    prompts: Sequence[str],
    masks: Masks[Any] | None,
    *,
    max_tokens: int,
    temperature: float,
    top_p: float,
    seed: Seed,
    rows_at_once: int = 16,
    done: Done | None = None,
) -> list[list[int]]:
    """What `generate.sample` gives, with the same draws, of the exported model in `folder`.

    The end ids are those of the folder: the runtime knows no others. `seed` and `done` are as there. The network stays
    in memory for the next call.
    Raises ValueError as that does, and if a row may outgrow the model's context.
    """
    about = exported(folder)
    rows = encoded(about.tokenizer, prompts)
    if not rows:
        return []
    longest = max(map(len, rows))
    if longest + max_tokens > about.context:
        raise ValueError(f"a prompt of {longest} tokens and {max_tokens} more, expected at most {about.context}")
    return decoded(
        OnnxDecoder(about, _unused(rows, about.vocabulary), max_tokens),
        rows,
        masks,
        ends=frozenset(about.ends),
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
        rows_at_once=rows_at_once,
        done=done,
    )


def _unused(rows: Sequence[Sequence[int]], vocabulary: int) -> int:
    """The last id that is in none of `rows`: most vocabularies have ids at their end that stand for nothing."""
    used = set().union(*rows)
    found = next((token for token in range(vocabulary - 1, -1, -1) if token not in used), None)
    if found is None:
        raise ValueError(f"the prompts use each of the {vocabulary} ids, which leaves none to pad with")
    return found


def _network(about: Exported, padding: int) -> Any:
    """The network of an exported model, loaded again only for another padding id or if its files have changed."""
    files = tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in sorted(about.folder.iterdir()))
    return _loaded(about.folder.resolve(), files, padding)


@lru_cache(maxsize=1)  # no more: a network may fill most of the memory
def _loaded(folder: Path, _files: tuple[tuple[str, int, int], ...], padding: int) -> Any:
    """The network in `folder`, whose `_files` are no more than a mark of what was loaded."""
    os.environ.update(QUIET)
    import onnxruntime_genai as runtime

    config = runtime.Config(str(folder))
    # An id that no prompt has: the runtime finds where a prompt ends by the padding after it, and wouldn't see the
    # folder's own padding id inside of a prompt.
    config.overlay(json.dumps({"model": {"pad_token_id": padding}}))
    try:
        return runtime.Model(config)
    except RuntimeError as error:
        raise StageError(f"{folder}: not a model that onnxruntime reads: {_line(error)}") from error


class OnnxDecoder:
    """A generator of onnxruntime-genai per batch. It takes logits from outside, and goes on with the likeliest id."""

    def __init__(self, about: Exported, padding: int, max_tokens: int) -> None:
        self.model = _network(about, padding)
        self.vocabulary = about.vocabulary
        self.padding = padding
        self.max_tokens = max_tokens
        self.generator: Any = None
        self.wanted = np.zeros((0, 0), np.float32)  # logits for the runtime: OUT but for the chosen ids
        self.going = np.arange(0)  # lines of the runtime's batch that are still asked for

    def begin(self, prompts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """See Decoder. Shorter prompts are padded on the right, as the attention of exported models needs it."""
        import onnxruntime_genai as runtime

        width = max(map(len, prompts))
        ids = np.full((len(prompts), width), self.padding, np.int32)
        for line, prompt in zip(ids, prompts):
            line[: len(prompt)] = prompt
        settings = runtime.GeneratorParams(self.model)
        # nothing but the likeliest of the given logits, which are those chosen here
        settings.set_search_options(
            batch_size=len(prompts),
            max_length=width + self.max_tokens,
            min_length=0,
            do_sample=False,
            num_beams=1,
            repetition_penalty=1.0,
            no_repeat_ngram_size=0,
        )
        self.generator = runtime.Generator(self.model, settings)
        self.generator.append_tokens(ids)
        self.wanted = np.full((len(prompts), self.vocabulary), OUT)
        self.going = np.arange(len(prompts))
        return self._logits()

    def after(self, chosen: NDArray[np.integer]) -> NDArray[np.float32]:
        """See Decoder. Rows that have ended stay in the runtime's batch, and nobody looks at them."""
        self.wanted.fill(OUT)
        self.wanted[self.going, chosen] = 0
        self.generator.set_logits(self.wanted)
        self.generator.generate_next_token()
        return self._logits()

    def keep(self, logits: NDArray[np.float32], rows: Sequence[int]) -> NDArray[np.float32]:
        """See Decoder."""
        self.going = self.going[list(rows)]
        return logits[list(rows)]

    def _logits(self) -> NDArray[np.float32]:
        """The logits [rows, vocabulary] of the rows that go on."""
        found: NDArray[np.float32] = self.generator.get_logits()[:, -1]
        return found[self.going]


def _line(error: Exception) -> str:
    """The message of `error` on one line of bearable length."""
    return " ".join(str(error).split())[:300]
