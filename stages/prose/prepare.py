"""Turn pairs of plain and styled prose into rows of prompt and target, and prove that they are fit to learn from.

Train gets each pair with normal noise, a share of them again with heavy noise, and a share of its sources with their
sentences out of order. What is written has passed a checkpoint, which fails the stage with the figure.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any, Literal, TypeAlias

from pydantic import Field

from stages.files import read_jsonl, write_csv, write_json, write_jsonl
from stages.lora.recipe import RECIPE
from stages.params import Params
from stages.prose import persona
from stages.prose.checkpoint import RUN, Checkpoint, Made, examined, failures, fault, measured
from stages.prose.figures import draw_histograms
from stages.prose.persona import Format, PersonaParams, Recipe, Share
from stages.prose.perspective import Perspective
from stages.prose.shingles import Grams
from stages.prose.splits import SPLITS, Split
from stages.prose.text import Span, sentence_spans, speech_spans
from stages.prose.text import words as words_of
from stages.run import StageError, run
from stages.workers import map_items

Type: TypeAlias = Literal["original", "robustness", "snowflake"]
Json: TypeAlias = dict[str, Any]

PAIR = ("id", "work", "split", "perspective", "variant", "topic", "source", "target")  # keys of a row of rewrite
BIN = 32  # words, in the histogram of row lengths
PARAGRAPH = re.compile(r"\n\s*\n")


class PrepareParams(Params):
    """How pairs become rows."""

    format: Format
    persona: PersonaParams
    perspectives: list[Perspective] = Field(min_length=1)  # each must be in train
    robustness_share: Share  # of the original pairs of train, those that give a second row, with heavy noise
    shuffle_share: Share  # of the rows of train, those whose source has its sentences out of order
    checkpoint: Checkpoint
    seed: int


def prepare(rewritten: Path, dataset: Path, lengths: Path, picture: Path, params: PrepareParams) -> dict[str, object]:
    """Write the rows of the pairs in `rewritten` to `dataset`/train, valid and test.jsonl, and recipe.json.

    A row holds all that its prompt is made of: persona.prompt of its source, words, rate and seed gives its prompt.
    `lengths` is the histogram of row lengths, `picture` those of lengths, noise, bleed and order. Raises StageError,
    with the figure, if the checkpoint isn't passed.
    """
    pairs = read_pairs(rewritten / "pairs.jsonl")
    rewriter = read_rewriter(rewritten / "rewriter.json")
    kept, left_out = sifted(pairs)
    least, most = lengths_of(kept)
    recipe = persona.make_recipe(params.format, params.persona, rewriter, ratios(kept), most, least)
    made = [one for few in map_items(partial(rows_of, recipe=recipe, params=params), kept, "prepare") for one in few]
    splits: dict[Split, list[Made]] = {split: [one for one in made if one.split == split] for split in SPLITS}
    figures = measured(splits, pairs)
    counts: dict[Split, int] = {split: sum(pair["split"] == split for pair in pairs) for split in SPLITS}
    complaints = failures(figures, left_out, counts, params.perspectives, params.checkpoint)
    if complaints:
        raise StageError(f"{rewritten}: the rows aren't fit to learn from: {'; '.join(complaints)}")

    for split, rows in splits.items():
        write_jsonl(dataset / f"{split}.jsonl", [one.row for one in rows])
    write_json(dataset / RECIPE, recipe.model_dump())
    write_csv(
        lengths,
        ["split", "words", "rows"],
        histogram({split: [one.length for one in rows] for split, rows in splits.items()}),
    )
    draw_histograms(distributions(splits), picture)
    return {
        **figures,
        "dropped": {reason: len(left_out[reason]) for reason in sorted(left_out)},
        "recipe_fingerprint": recipe.fingerprint,
    }


def read_pairs(path: Path) -> list[Json]:
    """The pairs of rewrite. Raises StageError, naming the line, for one that lacks a key, or if two have one id."""
    pairs = read_jsonl(path)
    seen: dict[str, int] = {}
    for number, pair in enumerate(pairs, start=1):
        missing = [key for key in PAIR if not isinstance(pair.get(key), str)]
        if missing:
            raise StageError(f"{path}:{number}: {missing[0]} is {pair.get(missing[0])!r}, expected text; rewrite anew")
        if pair["split"] not in SPLITS:
            raise StageError(f"{path}:{number}: split is {pair['split']!r}, expected one of {', '.join(SPLITS)}")
        if seen.setdefault(pair["id"], number) != number:
            raise StageError(f"{path}:{number}: id {pair['id']!r} is line {seen[pair['id']]}'s, too; rewrite anew")
    if not any(pair["split"] == "train" for pair in pairs):
        raise StageError(
            f"{path} has no pair of train; see why rewrite dropped them in {path.with_name('dropped.csv')}"
        )
    return pairs


def read_rewriter(path: Path) -> Json:
    """Who made the sources, and how: inference has to make its input so, too."""
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise StageError(f"{path} is not JSON ({error}); rewrite anew") from error
    if not isinstance(found, dict) or not isinstance(found.get("backend"), str):
        raise StageError(f"{path} doesn't name its backend; rewrite anew")
    return found


def sifted(pairs: Sequence[Json]) -> tuple[list[Json], dict[str, list[str]]]:
    """The pairs that become rows, and the ids of those that don't, by reason.

    A pair that rewriting spoilt teaches nothing. A text twice in a split counts twice in the loss. A run of RUN words
    that two splits share, such as a verse that an author quotes in two works, is left out where it can be learned from,
    so that what is held out stays held out.
    """
    left_out: dict[str, list[str]] = {}
    seen: set[tuple[str, str, str]] = set()
    single = []
    for pair, reason in zip(pairs, map_items(fault, pairs, "check")):
        key = pair["split"], pair["source"], pair["target"]
        if reason or key in seen:
            left_out.setdefault(reason or "duplicate", []).append(pair["id"])
        else:
            seen.add(key)
            single.append(pair)
    later: dict[Split, tuple[Split, ...]] = {"train": ("valid", "test"), "valid": ("test",), "test": ()}
    kept = []
    for split in SPLITS:
        mine = [pair for pair in single if pair["split"] == split]
        held_out = Grams.of([pair["target"] for pair in single if pair["split"] in later[split]], RUN)
        for pair, is_copied in zip(mine, held_out.shared([pair["target"] for pair in mine])):
            if is_copied:
                left_out.setdefault(f"{split}_shares_a_run", []).append(pair["id"])
            else:
                kept.append(pair)
    return kept, left_out


def ratios(pairs: Iterable[Json]) -> dict[str, float]:
    """By variant the mean of target words / source words over the pairs of train."""
    found: dict[str, list[float]] = {}
    for pair in pairs:
        if pair["split"] == "train":
            ratio = len(words_of(pair["target"])) / max(1, len(words_of(pair["source"])))
            found.setdefault(pair["variant"], []).append(ratio)
    return {variant: round(fmean(found[variant]), 4) for variant in sorted(found)}


def lengths_of(pairs: Iterable[Json]) -> tuple[int, int]:
    """Words of the shortest and of the longest source in train, 1 at least."""
    found = [max(len(words_of(pair["source"])), 1) for pair in pairs if pair["split"] == "train"]
    return min(found, default=1), max(found, default=1)


def rows_of(pair: Json, recipe: Recipe, params: PrepareParams) -> list[Made]:
    """The rows of `pair`: one, and in train perhaps one more with heavy noise."""
    first: Type = "snowflake" if pair["topic"] == "snowflake" else "original"
    kinds: list[Type] = [first]
    chance = Random(persona.row_seed(params.seed, pair["id"], "twice")).random()
    if pair["split"] == "train" and first == "original" and chance < params.robustness_share:
        kinds.append("robustness")
    return [_row(pair, kind, recipe, params) for kind in kinds]


def _row(pair: Json, kind: Type, recipe: Recipe, params: PrepareParams) -> Made:
    seed = persona.row_seed(params.seed, pair["id"], kind)
    source, target = pair["source"], pair["target"]
    rng = Random(persona.row_seed(seed, "shuffle"))
    if pair["split"] == "train" and rng.random() < params.shuffle_share:
        source = shuffled(source, rng)
    noise = recipe.persona.noise
    rate = noise.robustness_rate if kind == "robustness" else noise.rate
    words = len(words_of(target))
    request = persona.prompt(source, words, rate, seed, recipe)
    row = {
        "id": pair["id"],
        "work": pair["work"],
        "type": kind,
        "perspective": pair["perspective"],
        "variant": pair["variant"],
        "shuffled": source != pair["source"],
        "seed": seed,
        "noise": round(request.noise, 4),
        "rate": rate,
        "words": words,
        "source": source,
        **persona.formatted(params.format, request, target),
    }
    return examined(row, pair, source, request)


def shuffled(text: str, rng: Random) -> str:
    """`text` with its sentences in another order, or as it is if it has fewer than three.

    Paragraphs keep their number of sentences, and speech of several sentences stays together.
    """
    spans = _units(text)
    if len(spans) < 3:
        return text
    order = list(range(len(spans)))
    while order == sorted(order):
        rng.shuffle(order)
    parts, here = [], 0
    for (start, end), index in zip(spans, order):
        other_start, other_end = spans[index]
        parts += [text[here:start], text[other_start:other_end]]
        here = end
    return "".join([*parts, text[here:]])


def _units(text: str) -> list[Span]:
    """The sentences of `text`, those that a quotation holds together as one; none spans two paragraphs."""
    speech = speech_spans(text)
    spans: list[Span] = []
    for start, end in _in_paragraphs(text):
        last = spans[-1] if spans else None
        if last and any(first < start < after for first, after in speech):
            spans[-1] = (last[0], end)
        else:
            spans.append((start, end))
    return spans


def _in_paragraphs(text: str) -> list[Span]:
    """The sentences of `text`, paragraph by paragraph."""
    spans, here = [], 0
    for part in PARAGRAPH.split(text):
        here = text.index(part, here)
        spans += [(here + start, here + end) for start, end in sentence_spans(part)]
        here += len(part)
    return spans


def distributions(splits: Mapping[Split, Sequence[Made]]) -> dict[str, dict[str, list[float]]]:
    """What the rows are like, by measure and kind of rows: realised noise, bleed and order of what is learned from."""
    train = splits["train"]
    held_out = [one for split in ("valid", "test") for one in splits[split]]
    by_type: dict[str, list[float]] = {}
    order: dict[str, list[float]] = {"as told": [], "shuffled": []}
    for one in train:
        by_type.setdefault(one.row["type"], []).append(100 * one.row["noise"])
        if one.tau is not None:
            order["shuffled" if one.row["shuffled"] else "as told"].append(one.tau)
    return {
        "words of request and target": {
            "train": [one.length for one in train],
            "held out": [one.length for one in held_out],
        },
        "words changed by noise, %": dict(sorted(by_type.items())),
        "bleed": {"train": [one.bleed for one in train], "held out": [one.bleed for one in held_out]},
        "order of sentences (tau)": order,
    }


def histogram(sizes: Mapping[str, Sequence[int]]) -> list[tuple[str, int, int]]:
    """(split, lower edge of a bin of row lengths in words, rows in it), for every split all bins up to the last."""
    bins = range(max((max(lengths) for lengths in sizes.values() if lengths), default=0) // BIN + 1)
    counts = {split: Counter(length // BIN for length in lengths) for split, lengths in sizes.items()}
    return [(split, index * BIN, count[index]) for split, count in counts.items() for index in bins]


if __name__ == "__main__":
    raise SystemExit(run(prepare))
