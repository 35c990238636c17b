"""What must be true of the rows of the prose track before anything is learned from them, with the figures."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from pydantic import Field

from stages.params import Params
from stages.prose.bleed import bleed
from stages.prose.content import order_tau
from stages.prose.lexicon import frequency
from stages.prose.persona import Prompt, Share
from stages.prose.perspective import residue
from stages.prose.splits import SPLITS, Split, shared_grams
from stages.prose.text import sentence_spans
from stages.prose.text import words as words_of

Json = dict[str, Any]

RUN = 12  # words: a longer run in common is copied (8-grams are shared by chance, 12-grams aren't)
UNCOMMON = 4.0  # on the Zipf scale, below: one word in ten in plain prose
# What a model says instead of, or before, what it was asked for.
REFUSAL = re.compile(
    r"\bas an ai\b|\b(?:ai|large) language model\b|"
    r"^\W*(?:i(?:.m| am) (?:sorry,? but i|unable to)|i can(?:not|.t)) (?:can(?:not|.t) )?"
    r"(?:assist with|help (?:you )?with|comply with|fulfill? (?:this|that|your)|rewrite|provide a)\b|"
    r"^\W*(?:(?:sure|certainly|of course)[,!.] )?here(?:.s| is) (?:the|a|your) (?:\w+ )?"
    r"(?:text|passage|version|rewrite|paragraph)\b",
    re.IGNORECASE,
)
# What rewriting left behind: a placeholder or a mark of the prompt, and in a source a stray mark at its start.
LEFT = re.compile(r"__\w*ENT\d|<\|im_|^###", re.MULTILINE)
STRAY = re.compile(r"\s*[.,;:](?!\s*\.)")  # but not an ellipsis
THING = "[THING]"
FAULTS = ("refusal", "artifact", "residue")


class MinRows(Params):
    """How many rows there should be at least; 0 for a type that is off."""

    original: int = Field(ge=0)  # in train
    robustness: int = Field(ge=0)
    snowflake: int = Field(ge=0)
    valid: int = Field(ge=1)
    test: int = Field(ge=1)


class Checkpoint(Params):
    """What the rows must hold to be written."""

    min_rows: MinRows
    min_perspective_rows: int = Field(ge=1)  # in train, of each perspective that is asked for
    min_variant_rows: int = Field(ge=1)  # in train, of each variant that there is: it has a length ratio of its own
    max_faulty: Share  # of the pairs, those left out for a refusal, something left of rewriting or a wrong person
    max_bleed: Share  # on average, of the target's uncommon words that are in the source: is the input plain?
    max_bleed_held_out: Share  # so in valid and test, where rewrite drops nothing for it
    min_uncommon_gain: float  # uncommon words as a share of all, target less source: is the target styled?
    min_sentence_gain: float = Field(ge=0)  # mean words of a sentence, target over source
    max_shared_rows: Share  # of train and of valid, pairs left out for a run of 12 words from what is held out later


@dataclass(frozen=True)
class Made:
    """A row, and what was measured in it."""

    split: Split
    row: Json
    length: int  # words of the prompt and the target
    content_type: str
    tau: float | None
    bleed: float
    words: tuple[int, int]  # of source and target
    sentences: tuple[int, int]
    uncommon: tuple[int, int]  # words


def examined(row: Json, pair: Json, source: str, request: Prompt) -> Made:
    """Measure `row`, which asks by `request` for the target of `pair`; `source` is that of the pair in its order."""
    target = pair["target"]
    words = words_of(source), words_of(target)
    return Made(
        split=pair["split"],
        row=row,
        length=len(words_of(request.text)) + len(words[1]),
        content_type=request.content_type,
        tau=order_tau(source, target),
        bleed=bleed(source, target),
        words=(len(words[0]), len(words[1])),
        sentences=(len(sentence_spans(source)), len(sentence_spans(target))),
        uncommon=(_uncommon(words[0]), _uncommon(words[1])),
    )


def _uncommon(words: Iterable[str]) -> int:
    return sum(frequency(word) < UNCOMMON for word in words)


def fault(pair: Json) -> str | None:
    """Why `pair` can't be a row, if it can't: a refusal, something left of rewriting, a wrong person in the target.

    The author may write what a model says, and use the marks of a prompt: a target as he wrote it isn't looked at for
    that, and a source is made from its target.
    """
    source, target = pair["source"], pair["target"]
    is_authors = pair["perspective"] == "as_written" and pair["topic"] == "original"
    for reason, pattern in (("refusal", REFUSAL), ("artifact", LEFT)):
        in_target = pattern.search(target) is not None
        if (pattern.search(source) and not in_target) or (in_target and not is_authors):
            return reason
    if STRAY.match(source) and not STRAY.match(target):
        return "artifact"
    if THING in target or (THING in source and pair["variant"] != "abstract"):
        return "artifact"
    return "residue" if residue(target, pair["perspective"]) else None


def measured(splits: Mapping[Split, Sequence[Made]], pairs: Sequence[Json]) -> dict[str, Any]:
    """The metrics of the rows. What the splits share is counted in the targets as they are, whatever was left out."""
    every = [one for split in SPLITS for one in splits[split]]
    plain = [one for one in every if one.row["type"] != "robustness"]
    heavy = [one for one in every if one.row["type"] == "robustness"]
    train = splits["train"]
    target = {pair["id"]: pair["target"] for pair in pairs}
    texts = {split: list(dict.fromkeys(target[one.row["id"]] for one in splits[split])) for split in SPLITS}
    return {
        **{f"rows_{split}": len(splits[split]) for split in SPLITS},
        "shared_12grams": shared_grams(texts, RUN),
        "noise_rate": _mean(one.row["noise"] for one in plain),
        "noise_rate_robustness": _mean(one.row["noise"] for one in heavy),
        "bleed_mean": _mean(one.bleed for one in plain if one.split == "train"),
        "bleed_mean_held_out": _mean(one.bleed for one in plain if one.split != "train"),
        "shuffled_share": _mean(one.row["shuffled"] for one in train),
        "order_tau": _mean(one.tau for one in train if one.tau is not None),
        "order_tau_in_order": _mean(one.tau for one in train if one.tau is not None and not one.row["shuffled"]),
        "words": _shares([one.words for one in plain], [(1, 1)] * len(plain)),
        "sentence_words": _shares([one.words for one in plain], [one.sentences for one in plain]),
        "uncommon_share": _shares([one.uncommon for one in plain], [one.words for one in plain]),
        "rows_by_type": _counts(one.row["type"] for one in train),
        "rows_by_perspective": _counts(one.row["perspective"] for one in train),
        "rows_by_variant": _counts(one.row["variant"] for one in train),
        "content_types": _counts(one.content_type for one in every),
    }


def _mean(values: Iterable[float]) -> float:
    """The mean of `values`; 0.0 of none."""
    found = list(values)
    return round(fmean(found), 4) if found else 0.0


def _shares(parts: Sequence[tuple[int, int]], wholes: Sequence[tuple[int, int]]) -> dict[str, float]:
    """The sum of `parts` over the sum of `wholes`, of the sources and of the targets."""
    sums = [(sum(part[side] for part in parts), sum(whole[side] for whole in wholes)) for side in (0, 1)]
    return {side: round(part / max(whole, 1), 4) for side, (part, whole) in zip(("source", "target"), sums)}


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def failures(
    figures: Mapping[str, Any],
    left_out: Mapping[str, Sequence[str]],
    pairs: Mapping[Split, int],
    perspectives: Collection[str],
    wanted: Checkpoint,
) -> list[str]:
    """Why the rows aren't fit to learn from, each with its figure and what to do.

    `figures` are those of `measured`, `left_out` the ids of pairs that became no row, by reason, of `pairs` in each
    split. `perspectives` must all be in train.
    """
    return [
        *_too_few(figures, perspectives, wanted),
        *_not_plain(figures, wanted),
        *_faulty(left_out, sum(pairs.values()), wanted.max_faulty),
        *_shared(figures, left_out, pairs, wanted.max_shared_rows),
    ]


def _too_few(figures: Mapping[str, Any], perspectives: Collection[str], wanted: Checkpoint) -> list[str]:
    """Which types, splits, perspectives and variants have too few rows."""
    rows, advice = wanted.min_rows, "add text, or lower checkpoint."
    found = []
    for kind in ("original", "robustness", "snowflake"):
        have, need = figures["rows_by_type"].get(kind, 0), getattr(rows, kind)
        if have < need:
            found.append(f"{have} rows of type {kind} in train, expected at least {need}; {advice}min_rows.{kind}")
    for split in ("valid", "test"):
        have, need = figures[f"rows_{split}"], getattr(rows, split)
        if have < need:
            found.append(f"{have} rows in {split}, expected at least {need}; {advice}min_rows.{split}")
    by_perspective = dict.fromkeys(perspectives, 0) | dict(figures["rows_by_perspective"])
    for key, need, counts in (
        ("perspective", wanted.min_perspective_rows, by_perspective),
        ("variant", wanted.min_variant_rows, figures["rows_by_variant"]),
    ):
        few = [f"{count} of {key} {name}" for name, count in counts.items() if count < need]
        if few:
            found.append(f"rows in train: {', '.join(few)}, expected at least {need}; {advice}min_{key}_rows")
    return found


def _not_plain(figures: Mapping[str, Any], wanted: Checkpoint) -> list[str]:
    """Why sources aren't plain beside their targets."""
    found = []
    for key, most in (("bleed_mean", wanted.max_bleed), ("bleed_mean_held_out", wanted.max_bleed_held_out)):
        if figures[key] > most:
            name = key.replace("bleed_mean", "max_bleed")
            advice = f"inputs aren't plain: rewrite with a model, or raise checkpoint.{name}"
            found.append(f"{key} is {figures[key]}, expected at most {most}; {advice}")
    gain = figures["uncommon_share"]["target"] - figures["uncommon_share"]["source"]
    if gain < wanted.min_uncommon_gain:
        found.append(
            f"targets have {gain:.4f} more uncommon words than sources, expected at least {wanted.min_uncommon_gain}; "
            "rewrite with a model, or lower checkpoint.min_uncommon_gain for an author of plain words"
        )
    longer = figures["sentence_words"]["target"] / max(figures["sentence_words"]["source"], 1e-9)
    if longer < wanted.min_sentence_gain:
        found.append(
            f"sentences of targets are {longer:.3f} times as long as those of sources, expected at least "
            f"{wanted.min_sentence_gain}; lower checkpoint.min_sentence_gain for an author of short sentences"
        )
    return found


def _faulty(left_out: Mapping[str, Sequence[str]], pairs: int, most: float) -> list[str]:
    """Too many pairs that rewriting spoilt."""
    ids = {reason: left_out[reason] for reason in FAULTS if left_out.get(reason)}
    share = sum(map(len, ids.values())) / max(pairs, 1)
    if share <= most:
        return []
    kinds = ", ".join(f"{reason} {len(names)}, the first {names[0]}" for reason, names in ids.items())
    advice = "see what wrote them, or raise checkpoint.max_faulty"
    return [f"{share:.4f} of the pairs are left out for faults ({kinds}), expected at most {most}; {advice}"]


def _shared(
    figures: Mapping[str, Any], left_out: Mapping[str, Sequence[str]], pairs: Mapping[Split, int], most: float
) -> list[str]:
    """What splits share, and too much that was left out for it."""
    found = []
    if figures["shared_12grams"]:
        found.append(f"shared_12grams is {figures['shared_12grams']}, expected 0; a fault of this code: report it")
    later: dict[Split, str] = {"train": "valid or test", "valid": "test"}
    for split, others in later.items():
        share = len(left_out.get(f"{split}_shares_a_run", ())) / max(pairs[split], 1)
        if share > most:
            found.append(
                f"{share:.4f} of {split} has a run of {RUN} words from {others}, expected at most {most}; split by "
                "work before anything else, or raise checkpoint.max_shared_rows"
            )
    return found
