"""Ask the model for passages, hold what it writes against them, and try again what has faults."""

import argparse
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from stages.lora.forms import Model
from stages.lora.generate import COLDEST, encoded
from stages.prose import persona
from stages.prose.checks import Fault, Source, Trained, faults, mended
from stages.prose.neutral import VARIANT, Neutral, Rewriters
from stages.prose.passages import Block, Part, without_notes
from stages.prose.persona import Prompt, Recipe
from stages.prose.text import words
from stages.run import StageError

GENEROUS = 2.0  # times the tokens that the words asked for should take: a model that isn't done by then goes astray
SPARE = 32  # tokens, at least, for passages too short to tell how many tokens a word has


@dataclass(frozen=True)
class Request:
    """What the model is asked, and with what."""

    plain: str
    words: int  # asked for
    seed: int
    prompt: Prompt


@dataclass(frozen=True)
class Job:
    """A part that is rewritten."""

    passage: int  # from 0
    place: int  # of the part within the passage, from 0
    part: Part
    request: Request
    text: str  # the whole prompt
    ids: int  # tokens of it
    most: int  # tokens of the answer


@dataclass(frozen=True)
class Written:
    """What the model wrote for a part."""

    text: str  # mended
    faults: list[Fault]
    tries: int


@dataclass
class Passage:
    """A block on its way, or neighbours together: their parts, and what came of them."""

    blocks: Sequence[Block]
    number: int  # of the first block in the text, from 1
    parts: list[Part] = field(default_factory=list)
    done: dict[int, tuple[Job, Written]] = field(default_factory=dict)  # by the place of the part
    failed: Fault | None = None  # why it was never asked for

    @property
    def text(self) -> str:
        """As it stands in the text."""
        return self.blocks[0].text + "".join(block.before + block.text for block in self.blocks[1:])

    @property
    def is_whole(self) -> bool:
        """Whether nothing more will come of it."""
        return self.failed is not None or len(self.done) == len(self.parts)

    @property
    def written(self) -> list[tuple[Job, Written]]:
        """What came of its parts, in their order."""
        return [self.done[place] for place in sorted(self.done)]


def requests(
    texts: Sequence[str],
    seeds: Sequence[int],
    neutral: Neutral,
    recipe: Recipe,
    lengths: Sequence[int] | None = None,
    rate: float | None = None,
) -> list[Request | None]:
    """What the model is asked for each of `texts`: neutralised, disturbed and framed; None where that gives nothing.

    `lengths` are the words asked for and `rate` the share of changed words; by default they are those of `recipe`.
    """
    found: list[Request | None] = []
    share = recipe.persona.noise.rate if rate is None else rate
    made = iter(neutral([text for text in texts if words(text)]))
    for number, (text, seed) in enumerate(zip(texts, seeds, strict=True)):
        plain = next(made) if words(text) else ""
        if not words(plain):
            found.append(None)
            continue
        count = recipe.words_target(plain, VARIANT) if lengths is None else lengths[number]
        found.append(Request(plain, count, seed, persona.prompt(plain, count, share, seed, recipe)))
    return found


def part_seeds(texts: Sequence[str], seed: int) -> list[int]:
    """A seed for each of `texts` that its words decide, and not its place, so that a paragraph put before the others
    changes none of them. Of equal texts each has another one.
    """
    seen: Counter[str] = Counter()
    found = []
    for text in texts:
        found.append(persona.row_seed(seed, text, seen[text]))
        seen[text] += 1
    return found


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
    told = rewriters.narrative(texts)
    made = requests(told, part_seeds(texts, options.seed), rewriters.neutral, recipe)
    for (number, *_), text, request in zip(wanted, told, made):
        if request is None:
            step = "neutralising" if text.strip() else "narrativizing"
            passages[number].failed = Fault("empty", f"nothing came of {step}")
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
