"""What a language model says of music that it hasn't seen: the same tokens in the same windows for every model.

A piece is scored in windows of whole bars. Each window is an excerpt with tokens of its own, so that it begins as the
rows of training begin; the first bars of it, about half a window, are context only. Probabilities are over the whole
vocabulary of a model, and a token that is several model ids has the product of theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from stages.midi import tokens
from stages.midi.song import Song, bars, excerpt
from stages.midi.vocabulary import Ints, Kind, Vocabulary

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]

HEADER = 8  # most tokens that an excerpt has and its bars don't; see prepare.py


@dataclass(frozen=True)
class Window:
    """Tokens of some bars of a piece; those from `first` on are scored."""

    ids: Ints
    first: int


@dataclass(frozen=True)
class Scores:
    """Of each scored token of each window: its natural log-probability, and whether it was the likeliest."""

    log_probabilities: list[Floats]
    hits: list[Bools]


def windows(song: Song, vocabulary: Vocabulary, costs: Ints, budget: int) -> list[Window]:
    """Windows of at most `budget` model ids, where token t is `costs`[t] of them, that score every bar of `song` once.

    `song` is on the vocabulary's grid. A bar that is too long for a window has one of its own, longer than that.
    SONG_END is only in the last window.
    """
    whole = tokens.encode(song, vocabulary)
    line = vocabulary.id(Kind.BAR)
    costs_of_bars = np.bincount(np.cumsum(whole == line), costs[whole])[1:]
    end = len(bars(song))
    room = budget - HEADER * int(costs.max())
    found, scored = [], 0
    while scored < end:
        start = scored
        while start and costs_of_bars[start - 1 : scored].sum() <= room // 2:
            start -= 1
        stop = scored + 1
        while stop < end and costs_of_bars[start : stop + 1].sum() <= room:
            stop += 1
        if costs_of_bars[start:stop].sum() > room:
            start = scored  # the new bar needs the room of its context
        part = excerpt(song, start, stop)
        while stop < end and (part is None or len(bars(part)) <= scored - start):
            stop += 1  # bars without notes can't end an excerpt
            part = excerpt(song, start, stop)
        assert part is not None  # a song in normal form has a note in its last bar
        ids = tokens.encode(part, vocabulary)
        places = np.flatnonzero(ids == line)
        first = int(places[scored - start]) if scored else 0
        scored = start + len(places)
        found.append(Window(ids if scored >= end else ids[:-1], first))
    return found


def pieces(tokenizer: Any, vocabulary: Vocabulary) -> list[list[int]]:
    """The model ids of each token's compact name, with the space before it."""
    return [tokenizer.encode(f" {name}", add_special_tokens=False) for name in vocabulary.compacts]


def model_scores(
    model: Any, pieces: Sequence[Sequence[int]], prompts: Sequence[Sequence[int]], windows: Sequence[Window]
) -> Scores:
    """What `model` says of `windows`, each after the model ids of its prompt."""
    rows, firsts, groups = [], [], []
    for prompt, window in zip(prompts, windows, strict=True):
        parts = [pieces[token] for token in window.ids.tolist()]
        before = sum(map(len, parts[: window.first]))
        rows.append([*prompt, *chain.from_iterable(parts)])
        firsts.append(len(prompt) + before - 1)  # nothing is said of a row's first id
        groups.append(np.cumsum([0, *map(len, parts[window.first :])])[:-1])
    scores = Scores([], [])
    for (logs, hits), first, group in zip(_said(model, rows), firsts, groups):
        scores.log_probabilities.append(np.add.reduceat(logs[first:].astype(np.float64), group))
        scores.hits.append(np.logical_and.reduceat(hits[first:], group))
    return scores


def _said(model: Any, rows: Sequence[Sequence[int]]) -> list[tuple[npt.NDArray[np.float32], Bools]]:
    """Of every id of each row but the first: its natural log-probability, and whether it has the highest."""
    import mlx.core as mx

    from stages.lora.model import BATCH_LOGITS, length_batches, logits, padded, vocabulary_size

    found: list[tuple[npt.NDArray[np.float32], Bools]] = [(np.zeros(0, np.float32), np.zeros(0, np.bool_))] * len(rows)
    # two streams, because one mlx stream uses one core of a CPU
    on_cpu = mx.default_device().type == mx.DeviceType.cpu
    streams = [mx.new_stream(mx.cpu), mx.new_stream(mx.cpu)] if on_cpu else [mx.default_stream(mx.default_device())]
    batches = length_batches([len(row) for row in rows], max(BATCH_LOGITS // vocabulary_size(model), 1))
    for at in range(0, len(batches), len(streams)):
        running = []
        for stream, batch in zip(streams, batches[at : at + len(streams)]):
            with mx.stream(stream):
                ids = padded([rows[row] for row in batch])
                values = logits(model, ids[:, :-1])
                chosen = mx.take_along_axis(values, mx.array(ids[:, 1:, None]), axis=-1)[..., 0]
                logs, hits = chosen - mx.logsumexp(values, axis=-1), chosen >= values.max(axis=-1)
                mx.async_eval(logs, hits)  # type: ignore[no-untyped-call]
            running.append((batch, logs, hits))
        for batch, logs, hits in running:
            for row, log, hit in zip(batch, np.array(logs), np.array(hits)):
                found[row] = (log[: len(rows[row]) - 1], hit[: len(rows[row]) - 1])
    return found


def bits_per_note(log_probabilities: Sequence[Floats], notes: int) -> float:
    """Bits that it takes to write the scored tokens, divided by the notes they write."""
    return float(-sum(logs.sum() for logs in log_probabilities) / np.log(2) / max(notes, 1))


def accuracy(hits: Sequence[Bools], windows: Sequence[Window], vocabulary: Vocabulary) -> Mapping[str, tuple[int, int]]:
    """Per kind of token, and for `all`: how many of the scored tokens were the likeliest, and how many there were."""
    found = np.concatenate(hits)
    scored = np.concatenate([window.ids[window.first :] for window in windows])
    kinds = np.searchsorted(vocabulary.starts, scored, side="right") - 1
    table = {"all": (int(found.sum()), len(found))}
    for kind in Kind:
        of_kind = found[kinds == kind]
        if len(of_kind):
            table[kind.name.lower()] = (int(of_kind.sum()), len(of_kind))
    return table
