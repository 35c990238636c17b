"""Cut an author's paragraphs into chunks and have each rewritten: pairs of plain prose and the author's own.

The target is the author's text, in each perspective that is asked for; the source is the target in neutral prose. A
pair with a fault is dropped with its reason.
"""

import random
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, NamedTuple, Self

from pydantic import AfterValidator, Field, model_validator

from stages.files import read_jsonl, write_csv, write_json, write_jsonl
from stages.params import Params
from stages.prose import instructions
from stages.prose.answers import AMBIGUOUS, pack
from stages.prose.backends import RewriterParams, opened
from stages.prose.bleed import bleed
from stages.prose.chunks import Chunk, Left, chunks
from stages.prose.perspective import Perspective
from stages.prose.rewriter import Request, Rewriter
from stages.prose.rules import Variant
from stages.prose.text import words
from stages.prose.validate import Fault, Limits, Pair, fault, text_fault
from stages.run import StageError, run
from stages.workers import map_items

SPLITS = ("train", "valid", "test")
COLUMNS = ("id", "work", "split", "chunk", "topic", "perspective", "variant", "reason", "detail")


def _each_once(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError("each once")
    return values


def _with_as_written(values: list[Perspective]) -> list[Perspective]:
    if "as_written" not in values:
        raise ValueError("as_written among them")
    return _each_once(values)


Perspectives = Annotated[list[Perspective], AfterValidator(_with_as_written)]
Variants = Annotated[dict[Variant, Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)]


class PerspectivesOf(Params):
    """The perspectives that each split gets."""

    train: Perspectives
    valid: Perspectives
    test: Perspectives


class VariantsOf(Params):
    """The variants of the source that each split gets, each with the share of its texts that are rewritten so."""

    train: Variants
    valid: Variants
    test: Variants


class RewriteParams(Params):
    """How long chunks are, what is made of them, by whom, and what is dropped."""

    min_words: int = Field(ge=1)  # of a chunk
    max_words: int = Field(ge=1)
    overlap_sentences: int = Field(ge=0)  # in train, with which a chunk repeats the end of the one before
    perspectives: PerspectivesOf
    variants: VariantsOf
    snowflake_share: float = Field(ge=0, le=1)  # of the chunks, those that are also written about a mundane topic
    seed: int  # of lengths, topics and answers
    rewriter: RewriterParams
    limits: Limits

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.max_words < self.min_words:
            raise ValueError(f"max_words of at least min_words, not {self.max_words} under {self.min_words}")
        if self.limits.max_length_ratio < self.limits.min_length_ratio:
            raise ValueError("limits.max_length_ratio of at least limits.min_length_ratio")
        return self


class Base(NamedTuple):
    """A text that pairs are made of: a chunk as it is, or about another topic."""

    chunk: Chunk
    topic: str  # original or snowflake
    text: str


class Target(NamedTuple):
    """A base in a perspective."""

    base: Base
    perspective: Perspective
    text: str


class Judged(NamedTuple):
    """A rewritten pair, and its fault."""

    target: Target
    variant: Variant
    source: str
    bleed: float
    fault: Fault | None


@dataclass
class Drops:
    """Lines of dropped.csv, and what was never tried."""

    rows: list[dict[str, object]] = field(default_factory=list)
    ambiguous: Counter[str] = field(default_factory=Counter)
    unsupported: Counter[str] = field(default_factory=Counter)

    def text(self, base: Base, perspective: str, variant: str, why: Fault) -> None:
        """Note a text of a chunk."""
        chunk = base.chunk
        about = {"work": chunk.work, "split": chunk.split, "chunk": chunk.number, "topic": base.topic}
        name = _id(base, perspective, variant)
        what = {"perspective": perspective, "variant": variant, "reason": why.reason, "detail": why.detail}
        self.rows.append({"id": name, **about, **what})

    def left(self, left: Left) -> None:
        """Note what is in no chunk."""
        detail = f"{left.words} words: {left.start}"
        self.rows.append({"work": left.work, "split": left.split, "reason": left.reason, "detail": detail})


def rewrite(curated: Path, answers: Path, rewritten: Path, params: RewriteParams) -> dict[str, object]:
    """Write the pairs of the paragraphs in `curated`, the answers they were made of, and what was dropped.

    `rewritten` gets pairs.jsonl, answers.jsonl (those of a backend that keeps them: copied into `answers` the backend
    replay reads it), rewriter.json (who wrote the sources) and dropped.csv. Paragraphs of other authors are not
    rewritten.
    Raises StageError if there is nothing to rewrite or nothing is left, and where a backend fails.
    """
    paragraphs = [row for row in _paragraphs(curated / "paragraphs.jsonl") if row["split"] in SPLITS]
    found, left = chunks(paragraphs, params.min_words, params.max_words, params.overlap_sentences, params.seed)
    if not found:
        raise StageError(
            f"{curated / 'paragraphs.jsonl'} gives no chunk of {params.min_words} to {params.max_words} words from "
            f"{len(paragraphs)} paragraphs of train, valid and test; add text, or lower min_words"
        )
    rewriter = opened(params.rewriter, answers)
    if not rewriter.supports("neutralize"):
        name = rewriter.backends["neutralize"].name
        raise StageError(f"backend {name} can't neutralize, and without that there are no pairs; choose another")
    drops = Drops()
    for one in left:
        drops.left(one)
    bases = [Base(chunk, "original", chunk.text) for chunk in found]
    bases += snowflakes(found, rewriter, drops, params)
    made = targets(bases, rewriter, drops, params)
    judged = pairs(made, rewriter, drops, params)
    kept = sorted((one for one in judged if not one.fault), key=lambda one: _place(one.target, one.variant, params))
    if not kept:
        reasons = dict(sorted(Counter(str(row["reason"]) for row in drops.rows).items()))
        raise StageError(f"no pair of {len(judged)} is without fault: {reasons}; see the limits in the params")

    write_jsonl(rewritten / "pairs.jsonl", [_row(one) for one in kept])
    about = _about(rewriter)
    pack(rewritten / "answers.jsonl", about, rewriter.kept_tasks(), rewriter.used)
    write_json(rewritten / "rewriter.json", {"backend": about["name"], **about})
    rows = [[str(row.get(name, "")) for name in COLUMNS] for row in drops.rows]
    write_csv(rewritten / "dropped.csv", COLUMNS, sorted(rows, key=lambda row: (row[1], row)))
    print(f"rewrite: {len(kept)} pairs kept, {len(drops.rows)} drops in dropped.csv", file=sys.stderr)
    return _metrics(found, judged, kept, drops, rewriter)


def _paragraphs(path: Path) -> list[dict[str, Any]]:
    """The rows of curate. Raises StageError, naming the line, for one that lacks something."""
    kinds = {"work": str, "split": str, "index": int, "text": str}
    try:
        rows = read_jsonl(path)
    except ValueError as error:
        raise StageError(f"{path}: not JSON lines in UTF-8: {error}; run prose_curate again") from error
    for number, row in enumerate(rows, start=1):
        for name, kind in kinds.items():
            value = row.get(name) if isinstance(row, dict) else None
            if not isinstance(value, kind):
                found = f"{name} is {value!r}"
                raise StageError(f"{path}:{number}: {found}, expected {kind.__name__}; run prose_curate again")
    return rows


def snowflakes(found: Sequence[Chunk], rewriter: Rewriter, drops: Drops, params: RewriteParams) -> list[Base]:
    """The drawn chunks about a mundane topic, if somebody can write that."""
    names = [f"{params.seed}:{chunk.work}:{chunk.number}" for chunk in found]
    drawn = [
        (chunk, name) for chunk, name in zip(found, names) if random.Random(name).random() < params.snowflake_share
    ]
    if not rewriter.supports("snowflake"):
        drops.unsupported["snowflake"] += len(drawn)
        return []
    requests = [
        Request("snowflake", chunk.text, topic=instructions.topic(f"topic:{name}"), seed=params.seed)
        for chunk, name in drawn
    ]
    made = []
    for (chunk, _), answer in zip(drawn, rewriter.answers(requests)):
        base = Base(chunk, "snowflake", answer.text)
        why = Fault(answer.reason) if answer.reason else text_fault(answer.text, chunk.text, params.limits)
        if why:
            drops.text(base, "", "", why)
        else:
            made.append(base)
    return made


def targets(bases: Sequence[Base], rewriter: Rewriter, drops: Drops, params: RewriteParams) -> list[Target]:
    """The bases in each perspective of their split. One that the conversion leaves as it was is dropped."""
    made = [Target(base, "as_written", base.text) for base in bases]
    wanted = [
        (base, perspective)
        for base in bases
        for perspective in getattr(params.perspectives, base.chunk.split)
        if perspective != "as_written"
    ]
    if not rewriter.supports("perspective"):
        drops.unsupported["perspective"] += len(wanted)
        return made
    requests = [Request("perspective", base.text, perspective=to, seed=params.seed) for base, to in wanted]
    for (base, to), answer in zip(wanted, rewriter.answers(requests)):
        if answer.reason.startswith(AMBIGUOUS):
            why = answer.reason.removeprefix(AMBIGUOUS)
            drops.ambiguous[why] += 1
            drops.text(base, to, "", Fault("ambiguous", why))
        elif answer.reason or answer.text == base.text:
            drops.text(base, to, "", Fault(answer.reason or "same_as_written"))
        else:
            made.append(Target(base, to, answer.text))
    return made


def pairs(made: Sequence[Target], rewriter: Rewriter, drops: Drops, params: RewriteParams) -> list[Judged]:
    """All targets with each variant of their source, judged; the faults are noted in `drops`."""
    wanted = [(target, variant) for target in made for variant in _variants(target, params)]
    requests = [Request("neutralize", target.text, variant=variant, seed=params.seed) for target, variant in wanted]
    answered = []
    for (target, variant), answer in zip(wanted, rewriter.answers(requests)):
        if answer.reason:
            drops.text(target.base, target.perspective, variant, Fault(answer.reason))
        else:
            answered.append((target, variant, answer.text))
    judged: list[Judged] = map_items(partial(_judged, limits=params.limits), answered, "judge")
    for one in judged:
        if one.fault:
            drops.text(one.target.base, one.target.perspective, one.variant, one.fault)
    return judged


def _variants(target: Target, params: RewriteParams) -> list[Variant]:
    """The variants that the source of `target` is written in: its name decides, and nothing else."""
    shares: Mapping[Variant, float] = getattr(params.variants, target.base.chunk.split)
    names = {variant: _id(target.base, target.perspective, variant) for variant in shares}
    return [one for one, share in shares.items() if random.Random(f"{params.seed}:{names[one]}").random() < share]


def _judged(item: tuple[Target, Variant, str], limits: Limits) -> Judged:
    target, variant, source = item
    share = bleed(source, target.text)
    held_out = target.base.chunk.split != "train"
    pair = Pair(target.base.text, source, target.text, target.perspective, variant, share, held_out)
    return Judged(target, variant, source, share, fault(pair, limits))


def _place(target: Target, variant: Variant, params: RewriteParams) -> tuple[object, ...]:
    """Where a pair comes among the others."""
    chunk = target.base.chunk
    perspectives = getattr(params.perspectives, chunk.split)
    variants = getattr(params.variants, chunk.split)
    last = (target.base.topic, perspectives.index(target.perspective), list(variants).index(variant))
    return (chunk.work, chunk.number, *last)


def _id(base: Base, perspective: str, variant: str) -> str:
    parts = (base.chunk.work, f"{base.chunk.number:04d}", base.topic, perspective, variant)
    return ":".join(part for part in parts if part)


def _row(one: Judged) -> dict[str, object]:
    """A row of pairs.jsonl."""
    target, base = one.target, one.target.base
    return {
        "id": _id(base, target.perspective, one.variant),
        "work": base.chunk.work,
        "split": base.chunk.split,
        "chunk": base.chunk.number,
        "perspective": target.perspective,
        "variant": one.variant,
        "topic": base.topic,
        "source": one.source,
        "target": target.text,
        "bleed": round(one.bleed, 6),
    }


def _about(rewriter: Rewriter) -> dict[str, Any]:
    """Who wrote the sources: of replayed answers, who gave them; and who did another task in its place."""
    abouts = {task: dict(backend.about()) for task, backend in rewriter.backends.items()}
    real = {task: dict(about["of"].get(task, about) if "of" in about else about) for task, about in abouts.items()}
    about = real["neutralize"]
    others = {task: other for task, other in real.items() if other != about and rewriter.asked.get(task)}
    return {**about, **({"by_task": others} if others else {})}


def _metrics(
    found: Sequence[Chunk], judged: Sequence[Judged], kept: Sequence[Judged], drops: Drops, rewriter: Rewriter
) -> dict[str, object]:
    """What rewrite.json says. It owes nothing to what was answered in an earlier run, so that it repeats."""
    standard = [one.bleed for one in judged if one.variant == "standard" and one.source.strip()]
    return {
        "chunks": {split: sum(chunk.split == split for chunk in found) for split in SPLITS},
        "pairs": len(kept),
        "pairs_by_split": _counts(one.target.base.chunk.split for one in kept),
        "pairs_by_perspective": _counts(one.target.perspective for one in kept),
        "pairs_by_variant": _counts(one.variant for one in kept),
        "pairs_by_topic": _counts(one.target.base.topic for one in kept),
        "dropped": _counts(str(row["reason"]) for row in drops.rows if row["reason"] != "ambiguous"),
        "ambiguous": _sorted(drops.ambiguous),
        "unsupported": _sorted(+drops.unsupported),
        "bleed_mean": _mean(standard),  # of all that were rewritten, before any is dropped
        "bleed_under_half": _mean([float(share < 0.5) for share in standard]),
        "kept_share": round(len(kept) / (len(kept) + sum(bool(row.get("variant")) for row in drops.rows)), 6),
        "length_ratio_mean": _mean([len(words(one.source)) / len(words(one.target.text)) for one in kept]),
        "backend": _about(rewriter),
        "asked": _sorted(rewriter.asked),
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(fmean(values), 6) if values else None


def _counts(names: Iterable[str]) -> dict[str, int]:
    return _sorted(Counter(names))


def _sorted(counts: Mapping[Any, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


if __name__ == "__main__":
    raise SystemExit(run(rewrite))
