"""The prompt that asks for a passage in the author's style: frames, noise and recipe, for training and use alike.

`prepare` writes rows with it, inference prompts the model with it, and the recipe that goes along with the adapter
holds all its settings and a fingerprint of the prompts that they give. So the two can't drift apart unseen.
"""

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, ValidationError

from stages.files import sha256
from stages.lora import chatml, rows
from stages.lora.recipe import RECIPE
from stages.params import Params
from stages.prose.lexicon import tagged
from stages.prose.noise import Kind, perturbed
from stages.prose.rules import neutralized
from stages.prose.text import narration
from stages.prose.text import words as words_of
from stages.run import StageError

ContentType: TypeAlias = Literal["narrative", "conceptual"]
Format: TypeAlias = Literal["raw", "completions", "text"]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]

KIND: Literal["prose"] = "prose"  # of the recipe: other tracks have recipes, too
SEPARATOR = "\n###\n"  # between the passage and what the model writes, where no chat frame divides them
# Nouns of thought: -ness, -ity, -tion and the like, but not "station" or "city".
ABSTRACT = ("ness", "ity", "ism", "tion", "sion", "ance", "ence", "ship", "hood", "ment", "dom")
MIN_ABSTRACT = 8  # letters


def _line(line: str) -> str:
    """Refuse a text whose braces aren't balanced or that has another placeholder than {words}."""
    try:
        fields = [part[1:] for part in string.Formatter().parse(line) if part[1] is not None]
    except ValueError as error:
        raise ValueError(f"balanced braces around {{words}} alone ({error}); double a brace that is meant") from error
    for field in fields:
        if field != ("words", "", None):
            raise ValueError(f"no placeholder but {{words}} (it has {field[0]!r}); double a brace that is meant")
    return line


def _frame(line: str) -> str:
    """Refuse a frame that doesn't say how long the answer should be."""
    if "words" not in [name for _, name, _, _ in string.Formatter().parse(_line(line))]:
        raise ValueError("the placeholder {words} in it: how long the answer should be")
    return line


Line: TypeAlias = Annotated[str, Field(min_length=1), AfterValidator(_line)]
Frame: TypeAlias = Annotated[str, Field(min_length=1), AfterValidator(_frame)]


class Frames(Params):
    """What the request begins with, one of the list for the content type."""

    narrative: list[Frame] = Field(min_length=1)
    conceptual: list[Frame] = Field(min_length=1)


class Constraints(Params):
    """What the request ends with."""

    always: list[Line]
    frequent: list[Line]
    frequent_share: Share  # of the rows, for each of them
    rotating: list[Line]
    rotating_share: Share  # of the rows, those with one of them


def _some(kinds: dict[Kind, float]) -> dict[Kind, float]:
    if not any(kinds.values()):
        raise ValueError("a weight above 0 for at least one kind")
    return kinds


class Noise(Params):
    """How much of a passage is changed before the model sees it: realised shares of its words."""

    rate: Share
    robustness_rate: Share
    kinds: Annotated[dict[Kind, Annotated[float, Field(ge=0)]], AfterValidator(_some)]  # weights


class PersonaParams(Params):
    """All settings of the prompt. A text may hold {words}, a frame must."""

    frames: Frames
    words_step: int = Field(ge=1)  # {words} is rounded to a multiple of it, at least one
    hints: list[Line]  # on the structure
    hint_share: Share  # of the rows, those with one of them
    constraints: Constraints
    noise: Noise


class Recipe(Params):
    """How the prompts of a dataset are made, and how its sources were: recipe.json of datasets, adapters and models."""

    kind: Literal["prose"]
    format: Format
    persona: PersonaParams
    rewriter: dict[str, Any]  # identity and settings of what made the sources: the input has to be made so, too
    words_ratio: dict[str, Annotated[float, Field(gt=0)]]  # by variant, the mean over train of target / source words
    words_least: int = Field(ge=1)  # of the shortest source in train: of shorter ones the model has seen none
    words_most: int = Field(ge=1)  # of the longest
    fingerprint: str  # of the prompts that this gives: see `fingerprint`

    def words_target(self, source: str, variant: str = "standard") -> int:
        """How many words the model should write for `source`. Raises StageError for a variant it wasn't trained on."""
        if variant not in self.words_ratio:
            known = ", ".join(self.words_ratio)
            raise StageError(f"{RECIPE}: no rows of the variant {variant!r} were trained on; choose one of {known}")
        return max(1, round(len(words_of(source)) * self.words_ratio[variant]))


@dataclass(frozen=True)
class Prompt:
    """A request for a passage in the author's style."""

    instruction: str
    passage: str  # the source with noise
    noise: float  # the realised share of changed words
    content_type: ContentType

    @property
    def text(self) -> str:
        """The prompt of a raw row: what the model sees before it writes."""
        return f"{self.question}{SEPARATOR}"

    @property
    def question(self) -> str:
        """The instruction, if there is one, and the passage."""
        return f"{self.instruction}\n\n{self.passage}" if self.instruction else self.passage


def prompt(source: str, words: int, rate: float, seed: int, recipe: Recipe) -> Prompt:
    """The request for `source` in about `words` words, with `rate` of its words changed.

    All chance is Random(`seed`), drawn in this order: the frame; whether there is a hint, and which; for each frequent
    constraint whether it is there; whether there is a rotating one, and which; the noise. A drawing that decides
    nothing (an empty list) is made all the same, so that a change of one list doesn't change the rest.
    """
    persona, rng = recipe.persona, Random(seed)
    kind = content_type(source)
    frame = _one(persona.frames.narrative if kind == "narrative" else persona.frames.conceptual, rng)
    lines = [frame, *_one_at(persona.hint_share, persona.hints, rng)]
    rules = persona.constraints
    lines += rules.always
    lines += [line for line in rules.frequent if rng.random() < rules.frequent_share]
    lines += _one_at(rules.rotating_share, rules.rotating, rng)
    about = max(1, round(words / persona.words_step)) * persona.words_step
    changed = perturbed(source, rate, rng, persona.noise.kinds)
    instruction = " ".join(line.format(words=about) for line in lines)
    return Prompt(instruction, changed.text, changed.changed / max(changed.words, 1), kind)


def _one(lines: list[str], rng: Random) -> str:
    return lines[int(rng.random() * len(lines))]


def _one_at(share: float, lines: list[str], rng: Random) -> list[str]:
    """One of `lines` in `share` of the cases; two numbers are drawn in any case."""
    is_there, which = rng.random() < share, rng.random()
    return [lines[int(which * len(lines))]] if is_there and lines else []


def content_type(source: str) -> ContentType:
    """Whether `source` tells what happened or says how things are, by a rule on what is not speech.

    Evidence of telling are verbs in the past tense (VBD). Evidence of stating are verbs in the present (VBZ, VBP) with
    "may", "can", "must", "will" and "shall", and half as much each noun of thought: "-ness", "-ity", "-tion" and so on.
    More evidence wins, a tie is narrative. Persons play no part: a passage is of one type in all perspectives. By this
    rule 9 of 10 paragraphs of Lovecraft's tales are narrative, and 1 of 8 of Poe's essay on diddling.
    """
    told, stated = 0.0, 0.0
    for token in tagged(narration(source)):
        word = token.text.lower()
        if token.tag == "VBD":
            told += 1
        elif token.tag in ("VBZ", "VBP") or word in ("may", "can", "must", "will", "shall", "cannot"):
            stated += 1
        elif token.tag in ("NN", "NNS") and len(word) >= MIN_ABSTRACT and word.removesuffix("s").endswith(ABSTRACT):
            stated += 0.5
    return "narrative" if told >= stated else "conceptual"


def row_seed(*parts: object) -> int:
    """A seed that `parts` decide, and nothing else. It is exact as a number in JSON."""
    return int(sha256(json.dumps(parts).encode())[:12], 16)


def formatted(kind: Format, request: Prompt, target: str) -> dict[str, str]:
    """The keys of a row in which `request` is answered by `target`, of which the loss counts `target` alone."""
    match kind:
        case "raw":
            return {"prompt": request.text, "target": target}
        case "completions":
            return {"prompt": request.question, "completion": target}
        case "text":
            return {"text": chatml.document(request.instruction, request.passage, target)}


def target_of(row: Mapping[str, Any]) -> str:
    """The target that `formatted` put into `row`."""
    match row:
        case {"target": str(target)} | {"completion": str(target)}:
            return target
        case {"text": str(text)}:
            return text.rpartition(rows.ASSISTANT)[2].removesuffix(f"{chatml.END}\n")
    raise ValueError(f"keys {', '.join(row)}, expected target, completion or text")


def model_input(request: Prompt, recipe: Recipe, tokenizer: rows.Tokenizer) -> str:
    """The text that the model is given for `request`: the bytes that training puts before the target."""
    return rows.prompt_and_answer(formatted(recipe.format, request, ""), tokenizer)[0]


def make_recipe(
    kind: Format,
    persona: PersonaParams,
    rewriter: Mapping[str, Any],
    words_ratio: Mapping[str, float],
    words_most: int,
    words_least: int = 1,
) -> Recipe:
    """The recipe with these settings and the fingerprint of its prompts."""
    recipe = Recipe(
        kind=KIND,
        format=kind,
        persona=persona,
        rewriter=dict(rewriter),
        words_ratio=dict(words_ratio),
        words_least=words_least,
        words_most=words_most,
        fingerprint="",
    )
    return recipe.model_copy(update={"fingerprint": fingerprint(recipe)})


def fingerprint(recipe: Recipe) -> str:
    """SHA-256 of `recipe` and of what this code, with the libraries that are installed, makes of PASSAGES by it.

    The prompts cover both noise rates, and under rules the neutralised passages; other rewriters have no answer without
    a model, so they are held by their identity in the recipe.
    """
    by_rules = recipe.rewriter.get("backend") == "rules"
    round_trip = bool(recipe.rewriter.get("round_trip"))
    sources = [neutralized(text, "standard", round_trip) if by_rules else text for text in PASSAGES]
    rates = (recipe.persona.noise.rate, recipe.persona.noise.robustness_rate)
    ratio = min(recipe.words_ratio.values(), default=1.0)
    made = [
        formatted(recipe.format, prompt(source, round(len(words_of(source)) * ratio), rate, seed, recipe), "")
        for seed, source in enumerate(sources)
        for rate in rates
    ]
    settings = recipe.model_dump(exclude={"fingerprint"})
    return sha256(json.dumps([settings, made], sort_keys=True).encode())


def read_recipe(folder: Path) -> Recipe:
    """The recipe of the dataset, adapter or model in `folder`. Raises StageError if there is none of this track."""
    path = folder / RECIPE
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise StageError(
            f"{path} is not there, and without it nobody knows how to prompt this model; "
            "name a folder that the prose stages made (adapter, fused, quantized or exported)"
        ) from error
    except ValueError as error:
        raise StageError(f"{path} is not JSON ({error}); make it anew with prose_prepare") from error
    if not isinstance(found, dict) or found.get("kind") != KIND:
        what = found.get("kind") if isinstance(found, dict) else type(found).__name__
        raise StageError(f"{path} is no recipe of the prose track: its kind is {what!r}, expected {KIND!r}")
    try:
        return Recipe.model_validate(found)
    except ValidationError as error:
        complaint = error.errors(include_url=False)[0]
        key = ".".join(map(str, complaint["loc"]))
        raise StageError(
            f"{path}: {key}: {complaint['msg']}; made by another version of this code: use that, or train anew"
        ) from error


def check_recipe(folder: Path) -> Recipe:
    """The recipe in `folder`, if this code makes the prompts that the model in `folder` was trained on.

    Raises StageError in one line if there is none, if it is of another track, or if its fingerprint is another.
    """
    recipe = read_recipe(folder)
    made = fingerprint(recipe)
    if made != recipe.fingerprint:
        raise StageError(
            f"{folder / RECIPE}: its fingerprint is {recipe.fingerprint[:12]}, this code and its libraries make "
            f"{made[:12]}: the file was changed, or the model was trained on other prompts; prepare and train anew, or "
            "use the version that did"
        )
    return recipe


# Plain prose of this repo's own, four tales and four essays, with what noise keeps: names, numbers, speech, paragraphs
# (a slash here).
PLAIN = """\
The boat left the harbour before it was light. There were four people in it and a dog. They rowed to the small island
because someone had seen a fire there in the night. When they came to the beach they found a tent, a pot of cold soup
and a box with 12 letters. Nobody answered when they called. They waited an hour and went back.

My uncle kept a shop at the end of the street. He sold paper, ink and old maps. On Fridays a woman from Marlow came in
and asked for the same map of the coast, and he always said that it was sold. After her third visit he took the map from
the drawer, looked at it for a long time and burned it in the stove.

We walked along the wall until we reached a door. It was made of wood and had no handle. Peter knocked, and after a
while a voice said, “Come back tomorrow.” We did not want to wait, so we climbed over the wall. The garden behind it was
full of weeds. / In the middle of the garden there was a well. Its cover had been moved a short time before.

The observer arrived at the station at nine and saw that the clock had stopped. The waiting room was empty. A newspaper
lay on the bench, and it was twenty years old. The observer read the first page, put it down again and went to look for
the man who sold the tickets, but his window was closed.

People often think that memory is like a store of pictures. This is wrong. A memory is made again each time it is
needed, and each time it changes a little. That is why two people can remember the same event in different ways and both
be honest. The mind fills the gaps with what it expects.

A map is a kind of argument. It says what is important and it leaves out what is not. The size of the letters, the
colours and the place of the centre are all decisions. Whoever reads a map should ask who made it and what they wanted.
There is no map that only shows what is there.

Fear of the dark is useful. It keeps animals in safe places when they cannot see, and it makes them listen. In people it
does more than that. It gives a form to things that have none, because the mind prefers a known danger to an unknown
one. Most old stories about the night begin with this. / The stories may also help us to live with the fear.

It is hard to say what makes a house feel old. Age alone is not enough, for there are houses of 300 years that feel new.
The light matters, and the smell of the wood, and the way the floor moves. But the main reason is perhaps the knowledge
that other people lived in these rooms and that nothing is known about them."""
PASSAGES = tuple(passage.replace("\n", " ").replace(" / ", "\n\n") for passage in PLAIN.split("\n\n"))
