"""Measure a model of music: how well it predicts pieces it hasn't seen, and what it writes.

Prediction: bits per note, perplexity and accuracy on the test split, beside the same figures of the model it started
from and of an n-gram model trained on the same rows, all on the same tokens. Writing: pieces sampled with the grammar's
mask (files that read back, tokens that encode back, statistics and coherence beside real pieces) and without it
(grammar errors). Notes per second are said on standard error: in the metrics they would differ from run to run.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from stages.files import read_jsonl, write_bytes, write_csv, write_text
from stages.midi import coherence, ngram, request, scoring, statistics, tokens, written
from stages.midi.grammar import Grammar
from stages.midi.masks import TokenMask
from stages.midi.pianoroll import Panel, sheet
from stages.midi.prepare import formatted
from stages.midi.song import Song, bars, excerpt, from_json
from stages.midi.vocabulary import Ints, Vocabulary
from stages.midi.writer import write
from stages.params import Params
from stages.run import StageError, run

FORMATS = {"text": "text", "messages": "messages", "prompt": "completions", "instruction": "alpaca"}


class EvaluateParams(Params):
    """What is measured, and on how much."""

    row_tokens: int = Field(ge=64)  # model ids in a window, the prompt included: as long as the rows of training
    test_songs: int = Field(ge=1)  # at most so many pieces of the test split
    ngram_order: int = Field(ge=1, le=12)  # tokens in the longest gram
    reference_songs: int = Field(ge=20)  # at most so many real pieces of each genre that coherence compares with
    samples: int = Field(ge=1)  # pieces to write, with the mask and again without it
    sample_tokens: int = Field(ge=32)  # model ids of a sample at most
    temperature: float = Field(ge=0)  # 0 takes the likeliest token
    top_p: float = Field(gt=0, le=1)  # share of probability that samples are drawn from; 1 is all
    pictures: int = Field(ge=1, le=12)  # samples on the sheet, beside as many held-out pieces
    seed: int


@dataclass(frozen=True)
class Piece:
    """A piece of the dataset."""

    name: str
    genre: str
    song: Song


@dataclass(frozen=True)
class Data:
    """What the stage reads of a dataset."""

    vocabulary: Vocabulary
    format: str  # of the rows
    pieces: Mapping[str, list[Piece]]  # by split
    rows: Mapping[str, list[Ints]]  # REMI tokens of the rows, by split


def evaluate(
    base: Path, model: Path, dataset: Path, samples: Path, picture: Path, params: EvaluateParams
) -> dict[str, object]:
    """Measure `model`, which started from `base`, on the test split of `dataset`.

    `samples` gets the sampled pieces as MIDI files and as text, and tables for plots: kinds.csv, pieces.csv,
    statistics.csv, coherence.csv. `picture` shows some of them beside held-out pieces, as a PNG.
    Raises StageError if the dataset has no test pieces, or was written by another vocabulary.
    """
    from stages.lora.model import load

    loaded = load(model)
    data = _data(dataset, loaded.tokenizer)
    test = _spread(data.pieces["test"], params.test_songs)
    prediction = _prediction(base, loaded, data, test, samples, params)
    return {**prediction, **_writing(loaded, data, test, samples, picture, params), "blas": loaded.blas}


def _data(dataset: Path, tokenizer: Any) -> Data:
    """The dataset that `prepare` wrote. Raises StageError if it can't be used."""
    from stages.lora.rows import prompt_and_answer

    table = json.loads((dataset / "vocabulary.json").read_text())
    vocabulary = Vocabulary.model(table["ticks_per_quarter"])
    if vocabulary.digest != table["digest"]:
        raise StageError(
            f"{dataset}/vocabulary.json: digest {table['digest'][:12]}, expected {vocabulary.digest[:12]}: the "
            "vocabulary has changed; run midi.prepare again"
        )
    pieces: dict[str, list[Piece]] = {"train": [], "valid": [], "test": []}
    for row in sorted(read_jsonl(dataset / "songs.jsonl"), key=lambda row: (row["group"], row["id"])):
        pieces[row["split"]].append(Piece(row["id"], row["genre"], from_json(row["song"])))
    if not pieces["test"]:
        raise StageError(f"{dataset}/songs.jsonl has no piece of the test split; add pieces or raise splits.test")
    rows: dict[str, list[Ints]] = {}
    kinds = set()
    for split in ("train", "valid"):
        rows[split] = []
        for row in read_jsonl(dataset / f"{split}.jsonl"):
            kinds.add(next(kind for key, kind in FORMATS.items() if key in row))
            _, answer = prompt_and_answer(row, tokenizer)
            names = [vocabulary.ids_by_compact[name] for name in answer.partition("<|")[0].split()]
            rows[split].append(np.array(names, dtype=np.int64))
    return Data(vocabulary, kinds.pop(), pieces, rows)


def _prompt(line: str, data: Data, tokenizer: Any) -> str:
    """All that the model reads before it answers the request `line`."""
    from stages.lora.rows import prompt_and_answer

    prompt, _ = prompt_and_answer(formatted(data.format, line, " "), tokenizer)
    return prompt


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many of `items`, evenly spread over them."""
    return [
        items[index] for index in np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int))
    ]


def _prediction(
    base: Path, loaded: Any, data: Data, test: Sequence[Piece], samples: Path, params: EvaluateParams
) -> dict[str, object]:
    """Figures of how well the test pieces are predicted, by the model, its base and the n-gram model."""
    from stages.lora.model import load

    vocabulary, tokenizer = data.vocabulary, loaded.tokenizer
    pieces = scoring.pieces(tokenizer, vocabulary)
    costs = np.array([len(piece) for piece in pieces])

    def ids(line: str) -> list[int]:
        return list(tokenizer.encode(_prompt(line, data, tokenizer), add_special_tokens=False))

    plain = ids(request.PLAIN)
    asked = [ids(request.sentence(request.facts(piece.song, piece.genre))) for piece in test]
    budget = params.row_tokens - max(map(len, [plain, *asked]))
    cut = [scoring.windows(piece.song, vocabulary, costs, budget) for piece in test]
    windows = [window for found in cut for window in found]
    owner = np.repeat(np.arange(len(test)), [len(found) for found in cut])
    notes = np.array([len(piece.song.notes) for piece in test])

    scores = scoring.model_scores(loaded.model, pieces, [plain] * len(windows), windows)
    with_request = scoring.model_scores(loaded.model, pieces, [asked[index] for index in owner], windows)
    before = load(base)
    base_pieces = scoring.pieces(before.tokenizer, vocabulary)
    base_plain = list(before.tokenizer.encode(_prompt(request.PLAIN, data, before.tokenizer), add_special_tokens=False))
    base_scores = scoring.model_scores(before.model, base_pieces, [base_plain] * len(windows), windows)
    grams, ngram_valid = ngram.tuned(data.rows["train"], data.rows["valid"], len(vocabulary), params.ngram_order)
    said = [logs[window.first :] for logs, window in zip(grams.log_probabilities([w.ids for w in windows]), windows)]

    def bits(logs: Sequence[scoring.Floats], chosen: npt.NDArray[np.bool_]) -> float:
        picked = [log for log, index in zip(logs, owner) if chosen[index]]
        return round(scoring.bits_per_note(picked, int(notes[chosen].sum())), 4)

    everything = np.ones(len(test), dtype=np.bool_)
    genres = np.array([piece.genre for piece in test])
    lists = {
        "bits_per_note": scores.log_probabilities,
        "bits_per_note_with_request": with_request.log_probabilities,
        "base_bits_per_note": base_scores.log_probabilities,
        "ngram_bits_per_note": said,
    }
    figures: dict[str, Any] = {name: bits(logs, everything) for name, logs in lists.items()}
    table = scoring.accuracy(scores.hits, windows, vocabulary)
    right, count = table["all"]
    kinds = [[kind, round(hit / of, 4), of] for kind, (hit, of) in table.items() if kind != "all"]
    write_csv(samples / "kinds.csv", ["kind", "accuracy", "tokens"], kinds)
    rows = []
    for index, piece in enumerate(test):
        own = np.arange(len(test)) == index
        rows.append([piece.name, piece.genre, int(notes[index]), *(bits(logs, own) for logs in lists.values())])
    write_csv(samples / "pieces.csv", ["piece", "genre", "notes", *lists], rows)
    nats = -sum(float(logs.sum()) for logs in scores.log_probabilities)
    return {
        **figures,
        "ratio_to_ngram": round(figures["bits_per_note"] / figures["ngram_bits_per_note"], 4),
        "perplexity": round(float(np.exp(nats / count)), 4),
        "token_accuracy": round(right / count, 4),
        "accuracy": {kind: share for kind, share, _ in kinds},
        "genres": {
            str(genre): {
                "pieces": int((genres == genre).sum()),
                "notes": int(notes[genres == genre].sum()),
                **{name: bits(logs, genres == genre) for name, logs in lists.items()},
            }
            for genre in np.unique(genres)
        },
        "test_pieces": len(test),
        "test_notes": int(notes.sum()),
        "scored_tokens": count,
        "ngram": {
            "smoothing": grams.smoothing,
            "order": len(grams.orders),
            "valid_bits_per_token": {smoothing: round(found, 4) for smoothing, found in ngram_valid.items()},
        },
    }


def _writing(
    loaded: Any, data: Data, test: Sequence[Piece], samples: Path, picture: Path, params: EvaluateParams
) -> dict[str, object]:
    """Figures of what the model writes, and the pieces themselves as files."""
    from stages.lora.generate import sample
    from stages.lora.model import vocabulary_size

    tokenizer, grammar = loaded.tokenizer, Grammar(data.vocabulary)
    pieces = scoring.pieces(tokenizer, data.vocabulary)
    masks = TokenMask(grammar, pieces, vocabulary_size(loaded.model), sorted(tokenizer.eos_token_ids))
    models = _spread(test, params.samples)
    models = [models[index % len(models)] for index in range(params.samples)]
    facts = [request.facts(piece.song, piece.genre) for piece in models]
    lines = [request.sentence(one) for one in facts]
    prompts = [_prompt(line, data, tokenizer) for line in lines]

    def wrote(masks: TokenMask | None) -> list[list[int]]:
        return sample(
            loaded.model,
            tokenizer,
            prompts,
            masks,
            max_tokens=params.sample_tokens,
            temperature=params.temperature,
            top_p=params.top_p,
            seed=params.seed,
        )

    started = time.perf_counter()
    masked = wrote(masks)
    seconds = time.perf_counter() - started
    free = wrote(None)

    rows = [written.named(ids, pieces) for ids in masked]
    songs = [tokens.decode(row, data.vocabulary) for row in rows]
    files = [write(song) for song in songs]
    for index, (row, file, line) in enumerate(zip(rows, files, lines)):
        write_bytes(samples / f"{index:02}.mid", file)
        write_text(samples / f"{index:02}.txt", f"{line}\n\n{written.lines(row, data.vocabulary)}")
    lengths = [len(bars(song)) for song in songs]
    titles = [line.split(" ", 2)[2] for line in lines]  # without "Generate a"
    pairs = _spread(list(zip(models, songs, titles)), params.pictures)
    write_bytes(picture, sheet([panel for pair in pairs for panel in _beside(*pair)]))

    real = [_beginning(piece, int(np.median(lengths))) for piece in test]
    notes = sum(len(song.notes) for song in songs)
    print(f"{len(songs)} samples, {notes} notes: {notes / seconds:.0f} notes per second", file=sys.stderr)
    return {
        "samples": {
            "pieces": len(songs),
            "notes": notes,
            "median_bars": float(np.median(lengths)),
            "median_bars_real": float(np.median([len(bars(piece.song)) for piece in test])),
        },
        **written.restored(files, rows, data.vocabulary),
        **written.loose([written.named(ids, pieces) for ids in free], grammar, params.sample_tokens),
        "request_followed": written.followed(songs, facts),
        **_likeness(
            [Piece(line, one.genre, song) for line, one, song in zip(lines, facts, songs)],
            real,
            data,
            test,
            samples,
            params,
        ),
    }


def _beginning(piece: Piece, count: int) -> Piece:
    """The first `count` bars of a piece; all of it if they hold no note."""
    return replace(piece, song=excerpt(piece.song, 0, min(count, len(bars(piece.song)))) or piece.song)


def _beside(model: Piece, song: Song, what: str) -> list[Panel]:
    """Panels of the beginning of a held-out piece, and of the sample that was asked for with its facts."""
    return [Panel(f"held out: {what}", _beginning(model, len(bars(song))).song), Panel(f"sample: {what}", song)]


def _likeness(
    made: Sequence[Piece],
    real: Sequence[Piece],
    data: Data,
    test: Sequence[Piece],
    samples: Path,
    params: EvaluateParams,
) -> dict[str, object]:
    """Statistics and coherence of the sampled pieces beside `real` test pieces cut to their length.

    The power of coherence is measured on whole test pieces.
    """
    genres: dict[str, list[Song]] = {}
    for piece in data.pieces["train"]:
        genres.setdefault(piece.genre, []).append(piece.song)
    try:
        model = coherence.fitted({genre: _spread(found, params.reference_songs) for genre, found in genres.items()})
    except ValueError as error:
        raise StageError(f"coherence can't be measured: the train split has {error}; add pieces") from error
    power = coherence.power(model, [piece.song for piece in test], [piece.genre for piece in test], params.seed)
    auc = power["auc"]
    write_csv(
        samples / "coherence.csv",
        ["corruption", "coherence", "auc"],
        [[name, round(score, 4), round(auc.get(name, 0.5), 4)] for name, score in power["score"].items()],
    )
    compared = statistics.compared([piece.song for piece in made], [piece.song for piece in real])
    columns = ["samples", "real", "distance"]
    write_csv(
        samples / "statistics.csv",
        ["measure", *columns],
        [[name, *(row[column] for column in columns)] for name, row in compared.items()],
    )
    least = min(auc, key=lambda name: auc[name])
    return {
        "coherence": round(float(np.mean([model.score(piece.song, piece.genre) for piece in made])), 4),
        "coherence_real": round(float(np.mean([model.score(piece.song, piece.genre) for piece in real])), 4),
        "coherence_auc": round(float(np.mean(list(auc.values()))), 4),
        "coherence_auc_min": round(auc[least], 4),
        "coherence_auc_min_of": least,
        "coherence_auc_of": {name: round(value, 4) for name, value in auc.items()},
        "coherence_of": {name: round(value, 4) for name, value in power["score"].items()},
        "statistics": compared,
        "statistics_distance": round(float(np.mean([row["distance"] for row in compared.values()])), 4),
    }


if __name__ == "__main__":
    raise SystemExit(run(evaluate))
