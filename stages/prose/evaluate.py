"""Measure a model of an author's style on works that it has never seen: what it writes, and how well it predicts.

The plain sources of held-out works are rewritten, and what comes out is set beside the author's own held-out text,
beside its source and beside what the base writes from the same prompts: rhythm, vocabulary, Delta, the bare-noun probe,
what was kept of the content, what was copied from training, order, loops and length. The model is asked as in use; what
it writes is measured as it is, and once more as it is after mending.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from stages.files import write_csv, write_jsonl
from stages.prose import figures, metaphor, persona, rhythm
from stages.prose.heldout import Data, Json, read_data
from stages.prose.measures import Judged, MeasureParams, Measures, histogram, rounded, sentence_lengths
from stages.prose.mending import mended
from stages.prose.request import requests
from stages.prose.text import words
from stages.run import StageError, run


class EvaluateParams(MeasureParams):
    """What is measured, and on how much."""

    rows: int = Field(ge=1)  # held-out sources to rewrite, at most, spread evenly over the works
    row_tokens: int = Field(ge=64)  # model ids of a row, as in training; a longer one is refused
    sample_tokens: int = Field(ge=16)  # model ids of an answer at most
    temperature: float = Field(ge=0)  # 0 takes the likeliest token
    top_p: float = Field(gt=0, le=1)  # share of probability that answers are drawn from
    probes: int = Field(ge=1, le=len(metaphor.PROBES))  # bare nouns
    probe_words: int = Field(ge=10)  # that an answer to one is asked to have


@dataclass(frozen=True)
class Written:
    """What a model wrote, and how well it predicts what the author wrote."""

    outputs: list[str]
    probes: list[str]
    prediction: Json
    blas: str


def evaluate(
    base: Path,
    model: Path,
    dataset: Path,
    curated: Path,
    samples: Path,
    lengths: Path,
    marks: Path,
    params: EvaluateParams,
) -> dict[str, object]:
    """Measure `model`, which started from `base`, on the test rows of `dataset`, whose paragraphs are in `curated`.

    `samples` gets outputs.jsonl (source, outputs and target of each row, and what is wrong with the model's),
    probes.jsonl, markers.csv and lengths.csv for plots. `lengths` is a picture of the sentence lengths of source,
    author and output, `marks` one of their punctuation. Raises StageError if there are no test rows to rewrite or one
    is too long, or the recipe isn't this code's.
    """
    data = read_data(dataset, curated, params.rows)
    measures = Measures(data, params)
    found, before = (written(folder, dataset, data, params) for folder in (model, base))
    repaired = [mended(output, source) for output, source in zip(found.outputs, data.sources)]
    mine = measures.judge(found.outputs)
    texts = {"output": found.outputs, "base": before.outputs, "source": data.sources, "author": data.held_out}
    sentences = {name: sentence_lengths(pool) for name, pool in texts.items()}
    punctuation = {name: rhythm.marks_per_1000_words("\n\n".join(texts[name])) for name in figures.COLOURS}

    _write_samples(samples, data, mine, repaired, before, found.probes)
    table = [[one.word, round(one.log_odds, 4), round(one.z, 4), one.works] for one in measures.markers]
    write_csv(samples / "markers.csv", ["word", "log_odds", "z", "works"], table)
    write_csv(samples / "lengths.csv", ["text", "words", "sentences"], histogram(sentences))
    figures.draw_lengths(sentences, lengths)
    figures.draw_bars(_by_mark(punctuation), "marks per 1,000 words", marks)

    return {
        **measures.measured(mine),
        **found.prediction,
        "metaphor_share": rounded(metaphor.metaphor_share(found.probes)),
        "mended": measures.measured(measures.judge(repaired)),
        "base": {
            **measures.measured(measures.judge(before.outputs)),
            **before.prediction,
            "metaphor_share": rounded(metaphor.metaphor_share(before.probes)),
        },
        "source": measures.nearness(data.sources, data.targets),
        "author": measures.nearness(data.targets, data.sources),
        "other_works": measures.other_works(),
        "style": {name: measures.style(pool) for name, pool in texts.items()},
        "marks": {name: {mark: rounded(value) for mark, value in of.items()} for name, of in punctuation.items()},
        "markers": len(measures.markers),
        "markers_insufficient": measures.markers_insufficient,
        **measures.groups(),
        "rows_rewritten": len(data.rows),
        "test_words": sum(len(words(text)) for text in data.held_out),
        "blas": found.blas,
    }


def _by_mark(punctuation: Mapping[str, Mapping[str, float | None]]) -> dict[str, dict[str, float | None]]:
    """The rates of each mark by text."""
    return {mark: {name: of[mark] for name, of in punctuation.items()} for mark in punctuation["author"]}


def _write_samples(
    folder: Path, data: Data, found: Sequence[Judged], repaired: Sequence[str], base: Written, probes: Sequence[str]
) -> None:
    rows = [
        {
            "id": row["id"],
            "work": row["work"],
            "source": row["source"],
            "output": one.output,
            "mended": mended_output,
            "base": other,
            "target": target,
            **one.row(),
        }
        for row, one, mended_output, other, target in zip(
            data.rows, found, repaired, base.outputs, data.targets, strict=True
        )
    ]
    write_jsonl(folder / "outputs.jsonl", rows)
    answers = zip(metaphor.PROBES, probes, base.probes)
    write_jsonl(folder / "probes.jsonl", [{"noun": noun, "output": one, "base": other} for noun, one, other in answers])


def asked(data: Data, params: EvaluateParams) -> list[persona.Prompt]:
    """What a model is asked: the sources of the rows as in use, then the probes as they are.

    In use nobody knows how long the author's text would be, so that the length asked for is that of the recipe.
    """
    nouns = [f"{noun}." for noun in metaphor.PROBES[: params.probes]]
    seeds = [row["seed"] for row in data.rows]
    made = [
        *requests(data.sources, seeds, list, data.recipe),
        *requests(nouns, range(len(nouns)), list, data.recipe, [params.probe_words] * len(nouns), 0.0),
    ]
    return [request.prompt for request in made if request]  # all of them have words


def written(folder: Path, dataset: Path, data: Data, params: EvaluateParams) -> Written:
    """What the model in `folder` makes of the test sources and of the probes, and its prediction of the targets."""
    from stages.lora.generate import sample
    from stages.lora.model import load

    loaded = load(folder)
    tokenizer = loaded.tokenizer
    prediction = predicted(loaded.model, tokenizer, dataset, params.row_tokens)  # first: it may refuse the rows
    found = sample(
        loaded.model,
        tokenizer,
        [persona.model_input(prompt, data.recipe, tokenizer) for prompt in asked(data, params)],
        None,
        max_tokens=params.sample_tokens,
        temperature=params.temperature,
        top_p=params.top_p,
        seed=params.seed,
    )
    texts = [tokenizer.decode(ids).strip() for ids in found]
    return Written(texts[: len(data.rows)], texts[len(data.rows) :], prediction, loaded.blas)


def predicted(model: Any, tokenizer: Any, dataset: Path, row_tokens: int) -> Json:
    """Perplexity of the targets of all test rows, prompts masked, and bits per word, which models of other tokenizers
    share.
    """
    from stages.lora.model import token_logprobs
    from stages.lora.rows import read, texts

    path = dataset / "test.jsonl"
    rows, refused = read(path, tokenizer, row_tokens, "refuse", mask_prompt=True)
    if refused["too_long"]:
        raise StageError(f"{path}: {refused['too_long']} rows have more than row_tokens {row_tokens}; raise it")
    answers = [answer for _, answer in texts(path, getattr(tokenizer, "_tokenizer", tokenizer))]
    nats = -sum(
        float(logs[row.first - 1 :].astype(np.float64).sum())
        for row, logs in zip(rows, token_logprobs(model, [row.ids for row in rows]))
    )
    return {
        "perplexity": rounded(float(np.exp(nats / sum(row.targets for row in rows)))),
        "bits_per_word": rounded(nats / float(np.log(2)) / sum(len(words(answer)) for answer in answers)),
        "test_rows": len(rows),
    }


if __name__ == "__main__":
    raise SystemExit(run(evaluate))
