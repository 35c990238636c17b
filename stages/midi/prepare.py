"""Turn a dataset of pieces into rows of text that mlx-lm trains on, cut at bar lines to the length of a row.

Each piece goes onto the model's grid, gets chords if asked, is cut into stretches of whole bars, and each stretch is
written as compact REMI text with a request for the piece before it. Train alone is transposed.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field

from stages.files import read_jsonl, sha256, write_csv, write_json, write_jsonl, write_text
from stages.lora import chatml
from stages.lora.recipe import RECIPE
from stages.midi import request, tokens
from stages.midi.chords import with_chords
from stages.midi.song import Song, excerpt, from_json, table, to_json, transposed
from stages.midi.vocabulary import Kind, Vocabulary
from stages.params import Params
from stages.run import StageError, run
from stages.workers import map_items

SPLITS = ("train", "valid", "test")
# Most tokens that a stretch has and its bars don't: start, end, metre, position, tempo, chord, program, velocity.
HEADER = 8
BIN = 32  # tokens, in the histogram of row lengths
LETTERS = re.compile(r"[^\W\d_]+")
QWEN_PIECES = re.compile(r"<\|im_(?:start|end)\|>|[^\r\n\w]?[^\W\d_]+|\d| ?(?:[^\s\w]|_)+[\r\n]*|\s*[\r\n]+|\s+")


def _shifts(values: list[int]) -> list[int]:
    if 0 not in values or sorted(set(values)) != values:
        raise ValueError("ascending semitones with 0 among them, each once")
    return values


class PrepareParams(Params):
    """How pieces become rows."""

    ticks_per_quarter: Literal[12, 24]  # the model's grid
    chords: Literal["none", "bar", "beat"]  # at most one chord for each
    format: Literal["text", "messages", "completions", "alpaca"]
    row_tokens: int = Field(ge=64)  # model ids in a row, the prompt and the end of the answer included
    prompt_tokens: int = Field(ge=16)  # model ids of them kept for prompt and end
    tokens_per_name: float = Field(ge=1)  # model ids of a compact name: 1 for the tiny base, which knows each
    transpositions: Annotated[list[int], AfterValidator(_shifts)]  # semitones, in train
    plain_share: float = Field(ge=0, le=1)  # of the rows, those that ask for a piece of music and say no more
    seed: int  # decides which rows those are


@dataclass(frozen=True)
class Prepared:
    """What became of one piece."""

    song: Song | None  # on the model's grid, with chords
    loss: Mapping[str, object]
    reason: str = ""  # why there is no song
    rows: list[dict[str, Any]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)  # REMI tokens of each row
    requests: frozenset[str] = frozenset()
    plain: int = 0  # rows with the plain request
    notes_left_out: int = 0  # in bars longer than a row


def prepare(songs: Path, dataset: Path, lengths: Path, params: PrepareParams) -> dict[str, object]:
    """Write the rows of the pieces in `songs` to `dataset`/train, valid and test.jsonl, and what belongs to them.

    Beside the rows, `dataset` gets songs.jsonl (the pieces on the model's grid, whole and not transposed), loss.csv
    (what the grid cost each piece), words.txt (what a tokenizer should hold whole), vocabulary.json, and recipe.json,
    which goes along with the adapter and the models made of it. `lengths` is the histogram of row lengths.
    Raises StageError if a row has no room for music or train has no rows.
    """
    budget = int((params.row_tokens - params.prompt_tokens) / params.tokens_per_name)
    if budget < 4 * HEADER:
        raise StageError(
            f"row_tokens {params.row_tokens} less prompt_tokens {params.prompt_tokens} leaves {budget} names of "
            f"tokens_per_name {params.tokens_per_name} for music, expected at least {4 * HEADER}; raise row_tokens"
        )
    pieces = read_jsonl(songs)
    done: list[Prepared] = map_items(partial(prepared, budget=budget, params=params), pieces, "prepare")
    requests = {request.PLAIN}.union(*(one.requests for one in done))
    prompt_ids = {line: prompt_cost(line) for line in sorted(requests)}
    longest = max(prompt_ids, key=lambda line: prompt_ids[line])
    if prompt_ids[longest] > params.prompt_tokens:
        raise StageError(
            f"prompt_tokens is {params.prompt_tokens}, but {longest!r} needs {prompt_ids[longest]}; raise prompt_tokens"
        )

    rows: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    sizes: dict[str, list[int]] = {split: [] for split in SPLITS}
    for piece, one in zip(pieces, done):
        rows[piece["split"]] += one.rows
        sizes[piece["split"]] += one.lengths
    if not rows["train"]:
        raise StageError(f"{songs} has no piece for train; add files, or see why curate dropped them in its manifest")

    kept = [(piece, one) for piece, one in zip(pieces, done) if one.song]
    for split in SPLITS:
        write_jsonl(dataset / f"{split}.jsonl", rows[split])
    about = ("id", "genre", "group", "split")
    whole = [{**{name: piece[name] for name in about}, "song": to_json(one.song)} for piece, one in kept if one.song]
    write_jsonl(dataset / "songs.jsonl", whole)
    kinds = list(kept[0][1].loss)
    losses = [
        [piece["id"], one.reason, *(one.loss.get(kind, "") for kind in kinds)] for piece, one in zip(pieces, done)
    ]
    write_csv(dataset / "loss.csv", ["id", "reason", *kinds], losses)
    vocabulary = Vocabulary.model(params.ticks_per_quarter)
    write_text(dataset / "words.txt", "".join(f"{word}\n" for word in words(vocabulary, requests)))
    names = {"names": vocabulary.names, "compact": vocabulary.compacts}
    about_table = {"ticks_per_quarter": params.ticks_per_quarter, "digest": vocabulary.digest}
    write_json(dataset / "vocabulary.json", {**about_table, **names})
    # what whoever prompts the model, and reads what it writes, has to know
    write_json(dataset / RECIPE, {**about_table, "format": params.format, "chords": params.chords})
    write_csv(lengths, ["split", "tokens", "rows"], histogram(sizes))
    return {
        "songs": len(pieces),
        "songs_kept": len(kept),
        "reasons": dict(sorted(Counter(one.reason for one in done if one.reason).items())),
        "vocabulary": {"tokens": len(vocabulary), "digest": vocabulary.digest},
        "row_names": budget,
        "prompt_ids": {"plain": prompt_ids[request.PLAIN], "max": prompt_ids[longest]},
        "rows": {split: len(rows[split]) for split in SPLITS},
        **_row_metrics(rows, sizes, params),
        "plain_share": round(sum(one.plain for one in done) / sum(map(len, rows.values())), 4),
        "notes_left_out": sum(one.notes_left_out for one in done),
        "loss": _loss_metrics([one.loss for _, one in kept]),
    }


def prepared(piece: Mapping[str, Any], budget: int, params: PrepareParams) -> Prepared:
    """The rows of `piece`, a row of curate, with at most `budget` REMI tokens each."""
    vocabulary = Vocabulary.model(params.ticks_per_quarter)
    try:
        song, loss = tokens.quantised(from_json(piece["song"]), vocabulary)
    except ValueError:
        return Prepared(None, {}, "metre_without_token")
    song = replace(song, chords=table([], 3)) if params.chords == "none" else with_chords(song, params.chords)
    facts = request.facts(song, piece["genre"])
    pitched = facts.tonic is not None  # a song of drums moved is the same song
    shifts = params.transpositions if piece["split"] == "train" and pitched else [0]
    parts, left_out = stretches(song, vocabulary, budget)
    rows, lengths, requests, plain = [], [], set(), 0
    for index, (part, is_last) in enumerate(parts):
        for shift in shifts:
            try:
                moved = transposed(part, shift)
            except ValueError:  # leaves the range of MIDI pitches
                continue
            ids = tokens.encode(moved, vocabulary)
            line = request.sentence(facts.transposed(shift))
            requests.add(line)
            if _share(f"{params.seed}:{piece['id']}:{index}:{shift}") < params.plain_share:
                line = request.PLAIN
                plain += 1
            about = {name: piece[name] for name in ("id", "genre", "group")}
            counts = {"row": index, "transpose": shift, "notes": len(part.notes)}
            # only where the piece ends does the row: a model that saw an end every few bars would write short pieces
            answer = " " + tokens.to_text(ids if is_last else ids[:-1], vocabulary, compact=True)
            rows.append({**about, **counts, **formatted(params.format, line, answer, is_last)})
            lengths.append(len(ids) - (not is_last))
    return Prepared(song, asdict(loss), "", rows, lengths, frozenset(requests), plain, left_out)


def _share(text: str) -> float:
    """A number in [0, 1) that depends on `text` only."""
    return int(sha256(text.encode())[:13], 16) / 16**13


def formatted(kind: str, line: str, answer: str, is_whole: bool = True) -> dict[str, object]:
    """A row in which a user asks `line` of the system and gets `answer`, in one of the formats of mlx-lm's users.

    Where the answer goes on after the row (not `is_whole`), a text ends without the end of the turn; in the other
    formats the chat template adds it all the same.
    """
    match kind:
        case "text":
            text = chatml.document(request.SYSTEM, line, answer)
            return {"text": text if is_whole else chatml.prompt(request.SYSTEM, line) + answer}
        case "messages":
            roles = {"system": request.SYSTEM, "user": line, "assistant": answer}
            return {"messages": [{"role": role, "content": content} for role, content in roles.items()]}
        case "completions":  # this format has no place for a system line
            return {"prompt": f"{request.SYSTEM}\n\n{line}", "completion": answer}
        case "alpaca":
            return {"system": request.SYSTEM, "instruction": line, "input": "", "output": answer}
    raise ValueError(f"no format {kind}")


def stretches(song: Song, vocabulary: Vocabulary, budget: int) -> tuple[list[tuple[Song, bool]], int]:
    """`song`, on the grid and in normal form, in stretches of whole bars of at most `budget` tokens.

    The last one is as long as what is left: a model of stretches all alike would end its songs where a row ends. With
    each stretch goes whether the song ends with it. Every note is in one stretch, but for those in a bar that is
    too long alone; their number is the second value.
    """
    bar = np.cumsum(tokens.encode(song, vocabulary) == vocabulary.id(Kind.BAR))
    costs = np.bincount(bar)[1:].tolist()
    limit = budget - HEADER
    starts = cuts(costs, limit)
    parts: list[tuple[Song, bool]] = []
    left_out = 0
    for start, stop in zip(starts, [*starts[1:], len(costs)]):
        part = excerpt(song, start, stop)
        if part is None:
            continue
        if len(tokens.encode(part, vocabulary)) <= budget:
            parts.append((part, stop == len(costs)))
        else:
            left_out += len(part.notes)
    return parts, left_out


def cuts(costs: Sequence[int], limit: int) -> list[int]:
    """Where stretches start that are filled from left to right up to a sum of `limit`; a longer item stands alone."""
    starts, total = [], limit + 1
    for index, cost in enumerate(costs):
        if total + cost > limit:
            starts.append(index)
            total = 0
        total += cost
    return starts


def words(vocabulary: Vocabulary, requests: Iterable[str]) -> list[str]:
    """The compact names in the order of their ids, then the words of the system line and `requests`, sorted.

    Qwen's pre-tokeniser cuts text into runs of letters with the space before them, so these are runs of letters.
    """
    names = vocabulary.compacts
    found = {word for line in [request.SYSTEM, *requests] for word in LETTERS.findall(line)}
    return [*names, *sorted(found.difference(names))]


def prompt_cost(line: str) -> int:
    """Model ids of a row beside its music, where `line` is the request and the model knows each of its words.

    The prompt is cut as Qwen's pre-tokeniser cuts it (runs of letters, single digits, marks); the end of the answer has
    two ids.
    """
    return len(QWEN_PIECES.findall(chatml.prompt(request.SYSTEM, line))) + 2


def histogram(sizes: Mapping[str, Sequence[int]]) -> list[tuple[str, int, int]]:
    """(split, lower edge of a bin of row lengths in tokens, rows in it), for every split all bins up to the last."""
    bins = range(max((max(lengths) for lengths in sizes.values() if lengths), default=0) // BIN + 1)
    counts = {split: Counter(length // BIN for length in lengths) for split, lengths in sizes.items()}
    return [(split, index * BIN, count[index]) for split, count in counts.items() for index in bins]


def _row_metrics(
    rows: Mapping[str, Sequence[Mapping[str, Any]]], sizes: Mapping[str, Sequence[int]], params: PrepareParams
) -> dict[str, object]:
    """What the rows hold, per split and in all."""
    every = [row for split in SPLITS for row in rows[split]]
    lengths = [length for split in SPLITS for length in sizes[split]]
    notes = sum(row["notes"] for row in every)
    return {
        "notes": {split: sum(row["notes"] for row in rows[split]) for split in SPLITS},
        "notes_not_transposed": sum(row["notes"] for row in every if row["transpose"] == 0),
        "tokens": {"min": min(lengths), "mean": round(sum(lengths) / len(lengths), 2), "max": max(lengths)},
        "tokens_per_note": round(sum(lengths) / notes, 4),
        "transpositions": {
            str(shift): sum(row["transpose"] == shift for row in rows["train"]) for shift in params.transpositions
        },
    }


def _loss_metrics(losses: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """What the grid cost all pieces together; loss.csv has each one's."""
    notes = sum(loss["notes"] for loss in losses)
    total = {kind: sum(loss[kind] for loss in losses) for kind in losses[0]}
    return {
        "exact_share": round(total["exact"] / notes, 6),
        "songs_with_loss": sum(loss["exact"] < loss["notes"] for loss in losses),
        "mean_onset_error_quarters": round(sum(loss["mean_onset_error"] * loss["notes"] for loss in losses) / notes, 6),
        "max_onset_error_quarters": round(max(loss["max_onset_error"] for loss in losses), 6),
        **{f"{kind}_changed": total[kind] for kind in ("clipped", "velocities", "tempos", "metres", "merged")},
    }


if __name__ == "__main__":
    raise SystemExit(run(prepare))
