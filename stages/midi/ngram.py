"""An interpolated n-gram model of token rows: the baseline that a language model of music has to beat.

A k-gram is a number: its rank among the k-grams of the training rows, sorted by (number of its first k-1 tokens, last
token). So the grams that end at each place of a row are found by one binary search per order, for any vocabulary and
any order, without hashing. Grams never reach over the start of a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Ids: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Smoothing: TypeAlias = Literal["kneser_ney", "absolute", "witten_bell"]
SMOOTHINGS: tuple[Smoothing, ...] = ("kneser_ney", "absolute", "witten_bell")
CLASSES = 3  # grams counted once, twice, three times or more have discounts of their own (Chen and Goodman 1999, 4.1)


@dataclass(frozen=True)
class Order:
    """What is known of the k-grams of one length: sorted keys, counts, and sums over the grams that share a context."""

    keys: Ids  # context number * vocabulary size + token
    counts: Ids
    totals: Ids  # per context: the counts of its grams added up
    classes: Ids  # shape (contexts, CLASSES): how many of its grams are counted once, twice, three times or more


@dataclass(frozen=True)
class Ngram:
    """Counts of a set of rows, and the weights by which orders are mixed.

    `orders[k - 1]` holds the k-grams, `weights[k - 1]` their discounts by count class; for Witten-Bell the first entry
    is the weight of a context's distinct grams.
    """

    size: int
    smoothing: Smoothing
    orders: tuple[Order, ...]
    weights: Floats  # shape (orders, CLASSES)

    def log_probabilities(self, rows: Sequence[Ids]) -> list[Floats]:
        """Natural log-probability of every token of each row, given the tokens before it in the row."""
        stream, starts = _joined(rows)
        if not len(stream):
            return [np.zeros(0) for _ in rows]
        probabilities = _mixed(_evidence(self.orders, self.size, stream, starts), self)
        return np.split(np.log(probabilities), starts[1:])

    def distribution(self, context: Sequence[int]) -> Floats:
        """Probability of each token of the vocabulary after a row that begins with `context`."""
        rows = [np.array([*context, token], dtype=np.int64) for token in range(self.size)]
        return np.exp([float(row[-1]) for row in self.log_probabilities(rows)])


def counted(rows: Sequence[Ids], size: int, order: int, smoothing: Smoothing) -> Ngram:
    """The model of `rows`, ids below `size`, with grams up to `order` tokens and weights estimated from the counts."""
    return _model(_counts(rows, size, order), size, order, smoothing)


def tuned(train: Sequence[Ids], valid: Sequence[Ids], size: int, order: int) -> tuple[Ngram, dict[str, float]]:
    """The model counted on `train` that fits `valid` best, and the bits per token there of the best of each smoothing.

    Tries every smoothing with every order up to `order`, and then moves the weights from their estimates.
    """
    counts = _counts(train, size, order)
    stream, starts = _joined(valid)
    if not len(stream):
        raise ValueError("no valid tokens to choose the smoothing of an n-gram model by")
    raw, continued = (_evidence([pair[kind] for pair in counts], size, stream, starts) for kind in (0, 1))
    found: dict[Smoothing, tuple[float, Ngram]] = {}
    for smoothing in SMOOTHINGS:
        lower = continued if smoothing == "kneser_ney" else raw
        tries = []
        for length in range(1, len(counts) + 1):
            model, evidence = _model(counts, size, length, smoothing), [*lower[: length - 1], raw[length - 1]]
            tries.append((_bits(model, evidence), length, model, evidence))
        _, _, model, evidence = min(tries, key=lambda item: item[:2])
        found[smoothing] = _moved(model, evidence)
    _, best = min(found.values(), key=lambda pair: pair[0])
    return best, {smoothing: bits for smoothing, (bits, _) in found.items()}


def _model(counts: Sequence[tuple[Order, Order]], size: int, order: int, smoothing: Smoothing) -> Ngram:
    """The model with grams up to `order` tokens, its weights estimated. Only Kneser-Ney counts continuations."""
    raw = [pair[0] for pair in counts[:order]]
    orders = [*(pair[1] for pair in counts[: len(raw) - 1]), raw[-1]] if smoothing == "kneser_ney" else raw
    return Ngram(size, smoothing, tuple(orders), _estimated(orders, smoothing))


def _counts(rows: Sequence[Ids], size: int, order: int) -> list[tuple[Order, Order]]:
    """Per length up to `order` or the longest row: the grams by how often they occur and by how many tokens before.

    A gram at the start of a row has no token before it: there both are how often it occurs.
    """
    stream, starts = _joined(rows)
    if not len(stream):
        raise ValueError("no tokens to count n-grams of")
    depth = _depths(len(stream), starts)
    grams: list[tuple[Ids, Ids, Ids, Ids]] = []  # keys, counts, a place where each ends; per place, the gram that ends
    for length in range(1, order + 1):
        key = stream.copy()
        if length > 1:
            key[1:] += grams[-1][3][:-1] * size
        whole = np.flatnonzero(depth >= length - 1)
        if not len(whole):
            break  # no row is this long
        keys, last, inverse, count = _ranked(key[whole])
        number = np.full(len(stream), -1, dtype=np.int64)
        number[whole] = inverse
        grams.append((keys, count, whole[last], number))
    pairs = []
    for index, (keys, count, _, number) in enumerate(grams):
        contexts = len(grams[index - 1][0]) if index else 1
        raw = continued = _order(keys, count, size, contexts)
        if index + 1 < len(grams):
            before = np.bincount(number[grams[index + 1][2]], minlength=len(keys))
            continued = _order(keys, np.where(before, before, count), size, contexts)
        pairs.append((raw, continued))
    return pairs


def _ranked(values: Ids) -> tuple[Ids, Ids, Ids, Ids]:
    """The different `values` in rising order, a place where each stands, the rank of each of `values`, and counts.

    What np.unique gives, in a fraction of its time: value and place are sorted as one number. Raises ValueError if
    they don't fit into one.
    """
    bits = len(values).bit_length()
    if int(values.max()).bit_length() + bits > 63:
        raise ValueError(f"{len(values)} tokens in rows are too many to count n-grams of")
    packed = (values << bits) + np.arange(len(values))
    packed.sort()
    order = packed & ((1 << bits) - 1)
    packed >>= bits
    is_new = np.concatenate([[True], packed[1:] != packed[:-1]])
    starts = np.flatnonzero(is_new)
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[order] = np.cumsum(is_new) - 1
    return packed[starts], order[starts], ranks, np.diff(starts, append=len(values))


def _moved(model: Ngram, evidence: list[Floats]) -> tuple[float, Ngram]:
    """The bits per token of `model` on `evidence` after a coordinate search over its weights, and the model."""
    best = _bits(model, evidence)
    for factor in (2.0, 1.3, 1.1):
        for _ in range(3):
            before = best
            for place in np.ndindex(len(model.orders), 1 if model.smoothing == "witten_bell" else CLASSES):
                for step in (factor, 1 / factor):
                    weights = model.weights.copy()
                    weights[place] *= step
                    candidate = replace(model, weights=_bounded(weights, model.smoothing))
                    bits = _bits(candidate, evidence)
                    if bits < best:
                        best, model = bits, candidate
            if before - best < 1e-4:
                break
    return best, model


def _joined(rows: Sequence[Ids]) -> tuple[Ids, Ids]:
    """All tokens of `rows` in one array, and the place where each row starts."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    stream = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows]) if len(rows) else np.zeros(0, np.int64)
    return stream, np.cumsum(lengths) - lengths


def _depths(length: int, starts: Ids) -> Ids:
    """How many tokens of the same row come before each place."""
    places = np.arange(length, dtype=np.int64)
    return places - starts[np.searchsorted(starts, places, side="right") - 1]


def _order(keys: Ids, counts: Ids, size: int, contexts: int) -> Order:
    """Add the sums over the grams of each of the `contexts`."""
    context = keys // size
    slot = context * CLASSES + np.minimum(counts, CLASSES) - 1
    classes = np.bincount(slot, minlength=contexts * CLASSES).reshape(contexts, CLASSES)
    totals = np.bincount(context, weights=counts, minlength=contexts).astype(np.int64)
    return Order(keys, counts, totals, classes)


def _estimated(orders: Sequence[Order], smoothing: Smoothing) -> Floats:
    """Weights before tuning: 1 for Witten-Bell, else D(c) = c - (c + 1) Y n(c+1) / n(c), Y = n1 / (n1 + 2 n2).

    Chen and Goodman 1999, equation 26. Where too few grams are counted so often the discount is c / 2.
    """
    weights = np.ones((len(orders), CLASSES))
    if smoothing == "witten_bell":
        return weights
    for index, order in enumerate(orders):
        n = np.bincount(np.minimum(order.counts, CLASSES + 2), minlength=CLASSES + 3).astype(float)
        for c in range(1, CLASSES + 1):
            known = n[1] and n[c] and n[c + 1]
            weights[index, c - 1] = c - (c + 1) * n[1] / (n[1] + 2 * n[2]) * n[c + 1] / n[c] if known else c / 2
    return _bounded(weights, smoothing)


def _bounded(weights: Floats, smoothing: Smoothing) -> Floats:
    """`weights` within what keeps every probability positive: a discount lies between 0 and its count."""
    if smoothing == "witten_bell":
        return np.maximum(weights, 1e-6)
    return np.clip(weights, 0.01, np.arange(1, CLASSES + 1) - 0.01)


def _evidence(orders: Sequence[Order], size: int, stream: Ids, starts: Ids) -> list[Floats]:
    """Per order, shape (2 + CLASSES, tokens): count of the gram, total of its context, classes of its context."""
    depth = _depths(len(stream), starts)
    number = np.zeros(len(stream), dtype=np.int64)
    evidence = []
    for index, order in enumerate(orders):
        context = np.concatenate([[-1], number[:-1]]) if index else number
        known = (context >= 0) & (depth >= index)
        key = context * size + stream
        place = np.minimum(np.searchsorted(order.keys, key), len(order.keys) - 1)
        found = known & (order.keys[place] == key)
        number = np.where(found, place, -1)
        rows = np.zeros((2 + CLASSES, len(stream)))
        rows[0] = np.where(found, order.counts[place], 0)
        rows[1, known] = order.totals[context[known]]
        rows[2:, known] = order.classes[context[known]].T
        evidence.append(rows)
    return evidence


def _mixed(evidence: Sequence[Floats], model: Ngram) -> Floats:
    """Probability of each token: from the uniform distribution up, each order gives part of its mass to the one below.

    Interpolated as in Chen and Goodman 1999, equations 24 (Kneser-Ney) and 16 (Witten-Bell).
    """
    probability = np.full(evidence[0].shape[1], 1 / model.size)
    for (count, total, *classes), weights in zip(evidence, model.weights, strict=True):
        if model.smoothing == "witten_bell":
            given = weights[0] * sum(classes)
            whole, kept = total + given, count
        else:
            given = sum(weight * number for weight, number in zip(weights, classes, strict=True))
            whole, kept = total, count - np.concatenate([[0.0], weights])[np.minimum(count, CLASSES).astype(np.int64)]
        seen = total > 0
        probability = np.where(seen, (kept + given * probability) / np.where(seen, whole, 1), probability)
    return probability


def _bits(model: Ngram, evidence: Sequence[Floats]) -> float:
    """Mean bits per token."""
    return float(-np.log2(_mixed(evidence, model)).mean())
