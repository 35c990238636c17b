"""Rows of a jsonl file as token ids, and which of them are targets, in any of the formats that mlx-lm users write."""

import json
import reprlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stages.run import StageError

Tokenizer = Any  # a transformers tokenizer, or mlx-lm's wrapper of one
Json = Mapping[str, Any]

ASSISTANT = "<|im_start|>assistant\n"  # ChatML: what follows is the model's to say
CHUNK = 4096  # texts encoded at once: a list of ids takes nine times the memory of their array
MOST_TOO_LONG = 0.05  # share of the rows; more, and the rows were cut for another tokenizer or another length
FORMATS = "text, messages, prompt and completion, prompt and target (raw), or instruction and output"


@dataclass(frozen=True)
class Row:
    """Token ids; those from `first` (at least 1) on are targets, each predicted from all before it."""

    ids: NDArray[np.int32]
    first: int

    @property
    def targets(self) -> int:
        """How many tokens of the row the loss counts."""
        return len(self.ids) - self.first


def read(
    path: Path, tokenizer: Tokenizer, row_tokens: int, long_rows: Literal["cut", "refuse"], mask_prompt: bool
) -> tuple[list[Row], Counter[str]]:
    """The rows of the jsonl file `path` in its order, and how many were refused or cut, by reason.

    A row longer than `row_tokens` is refused (`too_long`) or cut at its end (`cut`); one that keeps no target is
    refused (`no_targets`, or `prompt_fills_row` after the cut). Raises StageError, naming file and line, for a line
    that isn't a row, and if more than MOST_TOO_LONG of the rows are refused as too long.
    """
    plain = tokenizer if callable(tokenizer) else tokenizer._tokenizer  # mlx-lm wraps one that encodes lists
    parts = list(texts(path, plain))
    # prompt and answer apart: that is what the model sees when it answers, a prompt's tokens and then its own
    different = list(dict.fromkeys(prompt for prompt, _ in parts))
    prompts = dict(zip(different, _encoded(plain, different)))
    answers = _encoded(plain, [answer for _, answer in parts])
    rows: list[Row] = []
    reasons: Counter[str] = Counter()
    for (text, _), answer in zip(parts, answers):
        prompt = prompts[text]
        if not text:  # a plain text has no start and end token of its own
            prompt = np.array([] if plain.bos_token_id is None else [plain.bos_token_id], np.int32)
            answer = np.append(answer, np.int32(plain.eos_token_id)) if len(answer) else answer
        ids = np.concatenate([prompt, answer])
        first = max(len(prompt), 1) if mask_prompt else 1
        if len(answer) == 0 or len(ids) <= first:
            reasons["no_targets"] += 1
        elif len(ids) <= row_tokens:
            rows.append(Row(ids, first))
        elif long_rows == "refuse":
            reasons["too_long"] += 1
        elif first >= row_tokens:
            reasons["prompt_fills_row"] += 1
        else:
            reasons["cut"] += 1
            rows.append(Row(ids[:row_tokens], first))
    if reasons["too_long"] > MOST_TOO_LONG * len(parts):
        raise StageError(
            f"{path}: {reasons['too_long']} of {len(parts)} rows have more than row_tokens {row_tokens}; raise it, "
            "prepare shorter rows (for a hub base: tokens_per_name), or set long_rows to cut"
        )
    return rows, reasons


def check_enough(dataset: Path, train: Sequence[Row], valid: Sequence[Row]) -> None:
    """Raise StageError unless there is something to learn from, and something else to measure with."""
    if len(train) < 2 or not valid:
        raise StageError(
            f"{dataset}: {len(train)} rows to train on and {len(valid)} to validate with, expected at least 2 and 1; "
            "add rows, or see why they were refused"
        )


def count(
    train: Sequence[Row], valid: Sequence[Row], refused: Mapping[str, int], unused: Mapping[str, int]
) -> dict[str, object]:
    """For the metrics: how many rows there are, and what was refused or cut of each file, by reason."""
    both = {"train": len(train), "valid": len(valid), "valid_in_train": shared(train, valid)}
    return {**both, "refused_or_cut": {"train": dict(sorted(refused.items())), "valid": dict(sorted(unused.items()))}}


def shared(train: Sequence[Row], valid: Sequence[Row]) -> int:
    """How many rows of `valid` are in `train` as well: their loss says what was learned by heart. Said aloud if any."""
    known = {row.ids.tobytes() for row in train}
    found = sum(row.ids.tobytes() in known for row in valid)
    if found:
        print(f"{found} of {len(valid)} validation rows are training rows, too", file=sys.stderr)
    return found


def spread(rows: Sequence[Row], most: int) -> Sequence[Row]:
    """At most `most` of `rows`, evenly spread over all of them; all if it is 0."""
    if not most or most >= len(rows):
        return rows
    return [rows[number * len(rows) // most] for number in range(most)]


def prompt_and_answer(row: Json, tokenizer: Tokenizer) -> tuple[str, str]:
    """The text before and from the first target on; the prompt is empty if the row is a text without ChatML.

    Raises ValueError if `row` is in none of the formats.
    """
    match row:
        case {"text": str(text)}:
            prompt, mark, answer = text.rpartition(ASSISTANT)
            return prompt + mark, answer
        case {"messages": [*before, {"role": "assistant", "content": str()} as last]}:
            return _chat(tokenizer, before, last)
        case {"prompt": str(prompt), "target": str(answer)}:
            return prompt, answer + tokenizer.eos_token if answer else ""
        case {"prompt": str(prompt), "completion": str(answer)}:
            return _chat(tokenizer, [_message("user", prompt)], _message("assistant", answer))
        case {"instruction": str(instruction), "output": str(answer)}:
            given, about = row.get("input") or "", row.get("system") or ""
            if isinstance(given, str) and isinstance(about, str):
                user = "\n\n".join(part for part in (instruction, given) if part)
                system = [_message("system", about)] if about else []
                return _chat(tokenizer, [*system, _message("user", user)], _message("assistant", answer))
    kinds = ", ".join(f"{key} ({type(value).__name__})" for key, value in row.items())
    raise ValueError(f"keys {kinds or 'none'}, expected {FORMATS}, each a text")


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _chat(tokenizer: Tokenizer, before: Sequence[Json], last: Json) -> tuple[str, str]:
    from jinja2 import TemplateError

    if tokenizer.chat_template is None:
        raise ValueError("a chat, but the base has no chat template; write text rows")
    for message in before:
        match message:
            case {"role": str(), "content": str()}:
                continue
        raise ValueError(f"a message is {reprlib.repr(message)}, expected role and content, each a text")
    try:
        whole: str = tokenizer.apply_chat_template([*before, last], tokenize=False)
        prompt: str = tokenizer.apply_chat_template(before, tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        raise ValueError(f"the chat template refuses it: {error}") from error
    if not whole.startswith(prompt):
        raise ValueError("the chat template changes the prompt once an answer follows; write text rows")
    return prompt, whole[len(prompt) :]


def texts(path: Path, tokenizer: Tokenizer) -> Iterator[tuple[str, str]]:
    """Prompt and answer of each row of `path`. Raises StageError, naming file and line, for a line that isn't a row."""
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode())
            if not isinstance(row, dict):
                raise ValueError(f"{type(row).__name__}, expected an object")
            parts = prompt_and_answer(row, tokenizer)
            "".join(parts).encode()  # half a surrogate pair is JSON, but no text
        except ValueError as error:
            raise StageError(f"{path}:{number}: {error}") from error
        yield parts


def _encoded(tokenizer: Tokenizer, texts: Sequence[str]) -> list[NDArray[np.int32]]:
    """Token ids of each of `texts`, without what a tokenizer adds around them."""
    found: list[NDArray[np.int32]] = []
    for start in range(0, len(texts), CHUNK):
        ids = tokenizer(list(texts[start : start + CHUNK]), add_special_tokens=False)["input_ids"]
        found.extend(np.array(line, np.int32) for line in ids)
    return found
