"""Ask the model for passages, hold what it writes against them, and try again what has faults."""

import argparse
import re
from collections import deque
from collections.abc import Iterator, Sequence

from stages.lora.forms import Model
from stages.lora.generate import COLDEST, encoded
from stages.prose import persona
from stages.prose.checks import Fault, Source, Trained, faults
from stages.prose.jobs import Job, Passage, Written
from stages.prose.mending import mended
from stages.prose.neutral import Rewriters
from stages.prose.notes import without_notes
from stages.prose.passages import Part
from stages.prose.persona import Recipe
from stages.prose.request import Request, part_seeds, requests
from stages.prose.text import words
from stages.run import StageError

GENEROUS = 2.0  # times the tokens that the words asked for should take: a model that isn't done by then goes astray
SPARE = 32  # tokens, at least, for passages too short to tell how many tokens a word has


def asked(
    passages: Sequence[Passage], recipe: Recipe, options: argparse.Namespace
) -> list[tuple[int, int, Part, Request]]:
    """Passage, place, part and request of all that is rewritten, in order.

    A passage that there is nothing to ask for has failed.
    """
    wanted = [
        (number, place, part) for number, passage in enumerate(passages) for place, part in enumerate(passage.parts)
    ]
    rewriters = Rewriters(recipe, options)
    texts = [part.text for *_, part in wanted]
    told = rewriters.prepared(texts)
    made = requests(told, part_seeds(texts, options.seed), rewriters.neutral, recipe)
    for (number, *_), text, request in zip(wanted, told, made):
        if request is None:
            step = "neutralize" if text.strip() else options.first
            passages[number].failed = Fault("empty", f"no good answer to {step}")
    return [
        (number, place, part, request)
        for (number, place, part), request in zip(wanted, made)
        if request and not passages[number].failed
    ]


def jobs(
    passages: Sequence[Passage],
    made: Sequence[tuple[int, int, Part, Request]],
    model: Model,
    recipe: Recipe,
    options: argparse.Namespace,
) -> list[Job]:
    """All parts of `passages` with their whole prompts and room.

    Raises StageError if a prompt leaves none in the model's context.
    """
    try:
        prompts = [persona.model_input(request.prompt, recipe, model.tokenizer) for *_, request in made]
    except ValueError as error:
        raise StageError(f"the model can't be asked as its recipe says: {error}") from error
    rows = encoded(model.tokenizer, prompts)
    found = []
    for (number, place, part, request), text, ids in zip(made, prompts, rows):
        most = _room(passages[number].number, request, text, len(ids), model, options)
        found.append(Job(number, place, part, request, text, len(ids), most))
    return found


def _room(paragraph: int, request: Request, text: str, ids: int, model: Model, options: argparse.Namespace) -> int:
    """How many tokens the answer to a prompt of `ids` tokens may have."""
    per_word = ids / max(len(words(text)), 1)
    most = int(options.max_tokens or SPARE + round(GENEROUS * request.words * per_word))
    if model.context is None:
        return most
    if model.context - ids < 1:
        raise StageError(
            f"paragraph {paragraph}: its prompt has {ids} tokens, but the model's context is {model.context}; "
            "lower --max-words, or take a model with more"
        )
    return min(most, model.context - ids)


def written(
    wanted: Sequence[Job], model: Model, trained: Trained | None, options: argparse.Namespace
) -> Iterator[tuple[Job, Written]]:
    """The best of what the model writes for each of `wanted`, as soon as that is settled, nearly in their order.

    What has faults is tried again, together with what comes next. A try draws from a seed of its own, so that it owes
    nothing to what is written beside it but rounding.
    """
    from tqdm import tqdm

    most = 1 if options.temperature < COLDEST else options.tries  # cold, it would write the same again
    waiting: deque[tuple[Job, list[Written]]] = deque((job, []) for job in wanted)
    with tqdm(total=len(wanted), desc="rewrite", unit="part", disable=None, leave=False) as bar:
        while waiting:
            together = _together(waiting, model.context, options.rows_at_once)
            again = []
            for (job, tries), row in zip(together, _sampled(together, model, options)):
                text = mended(_decoded(row[: job.most], model), job.part.text)
                tries.append(Written(text, faults(text, _source(job), trained), len(tries) + 1))
                if tries[-1].faults and len(tries) < most:
                    again.append((job, tries))
                    continue
                best = min(tries, key=_badness)
                bar.update()
                with tqdm.external_write_mode():  # what is printed of it doesn't run into the bar
                    yield job, Written(best.text, best.faults, len(tries))
            waiting.extendleft(reversed(again))


def _together(
    waiting: "deque[tuple[Job, list[Written]]]", context: int | None, rows: int
) -> list[tuple[Job, list[Written]]]:
    """The first of `waiting` that are sampled at once, taken from it: at most `rows`, each with the room it should
    have where all have as much as the one with most.
    """
    found: list[tuple[Job, list[Written]]] = []
    longest = most = 0
    while waiting and len(found) < rows:
        job, _ = waiting[0]
        longest, most = max(longest, job.ids), max(most, job.most)
        if found and context is not None and longest + most > context:
            break
        found.append(waiting.popleft())
    return found


def _sampled(
    together: Sequence[tuple[Job, list[Written]]], model: Model, options: argparse.Namespace
) -> list[list[int]]:
    seeds = [job.request.seed for job, _ in together]
    return model.sample(
        [job.text for job, _ in together],
        None,
        max_tokens=max(job.most for job, _ in together),
        temperature=options.temperature,
        top_p=options.top_p,
        seed=[
            persona.row_seed(seed, "again", len(tries)) if tries else seed for seed, (_, tries) in zip(seeds, together)
        ],
        rows_at_once=options.rows_at_once,
    )


def _source(job: Job) -> Source:
    return Source(job.part.text, job.request.plain, job.request.prompt.instruction, job.request.words)


def _badness(one: Written) -> tuple[bool, int]:
    """What the best of several has least of: with no text at all there is nothing to choose."""
    return not words(one.text), len(one.faults)


def _decoded(row: Sequence[int], model: Model) -> str:
    """The text of token ids: its paragraphs on a line each, without footnote marks, which are put in afterwards."""
    text = str(model.tokenizer.decode(list(row))).removesuffix("\ufffd")  # a letter that the last token left open
    text = "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip())
    while True:
        shorter = without_notes(text)[0]
        if shorter == text:
            return text
        text = shorter
