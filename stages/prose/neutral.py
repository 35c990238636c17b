"""Make plain prose of what a user gives, as the sources were made that the model learned from."""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.params import ParamsError, load
from stages.prose.persona import Recipe
from stages.prose.request import VARIANT
from stages.prose.rewriter import Request, Rewriter, Task
from stages.prose.rules import neutralized
from stages.prose.validate import Limits, content_fault, text_fault
from stages.run import StageError
from stages.workers import map_items

if TYPE_CHECKING:
    from stages.prose.backends import RewriterParams

PARAMS, SECTION, LIMITS = Path("params.yaml"), "prose.rewrite.rewriter", "prose.rewrite.limits"
LONGER = 2.0  # times the longest that plain prose may be: what a narrative or whole sentences of notes may be

# What tells backends apart that write alike: where and how fast they run.
RUNS = ("backend", "by_task", "versions", "blas", "rows_at_once")


class Rewriters:
    """What makes plain prose of texts, and before that a narrative, or whole sentences of notes.

    What a model answers is held against its text as the sources of training rows are, by the limits of the params file.
    Raises StageError if the params file names nothing that can do it, or for plain prose another than that which made
    the sources of the training rows, unless any recipe will do.
    """

    def __init__(self, recipe: Recipe, options: argparse.Namespace) -> None:
        self.plain = options.plain
        self.seed = options.seed
        self.by_rules = recipe.rewriter.get("backend") == "rules"
        self.round_trip = bool(recipe.rewriter.get("round_trip"))
        self.asked: dict[Task, Rewriter] = {}
        self.first: Task | None = options.first
        tasks: list[Task] = [self.first] if self.first else []
        tasks += [] if self.plain or self.by_rules else ["neutralize"]
        if not tasks:
            return
        from stages.prose.backends import opened

        params, names = _named(tasks, options)
        self.limits = load(options.params_file, LIMITS, Limits)
        if "neutralize" in names and names["neutralize"] != recipe.rewriter.get("backend"):
            _refuse("backend", names["neutralize"], recipe, options)
        made = {
            name: opened(params.model_copy(update={"backend": name, "by_task": {}}))
            for name in sorted(set(names.values()))
        }
        self.asked = {task: made[name] for task, name in names.items()}
        if "neutralize" in names and names["neutralize"] == recipe.rewriter.get("backend"):
            _check_identity(self.asked["neutralize"].backends["neutralize"].about(), recipe, options)

    def neutral(self, texts: Sequence[str]) -> list[str]:
        """Plain prose; "" where nothing came of it."""
        if self.plain:
            return list(texts)
        if self.by_rules:
            one = partial(neutralized, variant=VARIANT, round_trip=self.round_trip)
            # the round trip takes longer than processes take to start
            return map_items(one, texts, "neutralise") if self.round_trip else [one(text) for text in texts]
        return self._answers("neutralize", texts)

    def prepared(self, texts: Sequence[str]) -> list[str]:
        """What plain prose is made of: the texts, or what they become first; "" where nothing came of it."""
        return self._answers(self.first, texts) if self.first else list(texts)

    def _answers(self, task: Task, texts: Sequence[str]) -> list[str]:
        found = self.asked[task].answers([Request(task, text, VARIANT, seed=self.seed) for text in texts])
        reasons = [answer.reason or self._fault(task, answer.text, text) for answer, text in zip(found, texts)]
        for reason, count in sorted(Counter(filter(None, reasons)).items()):
            print(f"infer: {task}: {count} of {len(found)} texts without a good answer: {reason}", file=sys.stderr)
        return ["" if reason else answer.text.strip() for answer, reason in zip(found, reasons)]

    def _fault(self, task: Task, answer: str, text: str) -> str:
        """Why `answer` can't take the place of `text`; "" if it can: a refusal would be styled like any other prose."""
        longest = self.limits.max_length_ratio * (1 if task == "neutralize" else LONGER)
        limits = self.limits.model_copy(update={"max_length_ratio": longest})
        fault = text_fault(answer, text, limits) or content_fault(answer, text, limits)
        return fault.reason if fault else ""


def check_first(options: argparse.Namespace) -> None:
    """Raise StageError if something is to be done first and the params file names nothing that can do it."""
    if not options.first:
        return
    try:
        _named([options.first], options)
    except (StageError, ParamsError, OSError) as error:
        raise StageError(f"--{options.first}: {error}, or leave --{options.first} out") from error


def _named(tasks: Sequence[Task], options: argparse.Namespace) -> "tuple[RewriterParams, dict[Task, str]]":
    """The params of rewriters, and the backend of each of `tasks`. Raises StageError if one can't do it."""
    from stages.prose.backends import RewriterParams

    params = load(options.params_file, SECTION, RewriterParams)
    names: dict[Task, str] = {task: params.by_task.get(task, params.backend) for task in tasks}
    for task, name in names.items():
        if name == "replay" or (task != "neutralize" and name == "rules"):
            can = "which has the answers to other texts" if name == "replay" else "and rules can't do that"
            place = f"{options.params_file}: {SECTION} has backend {name} for {task}"
            raise StageError(f"{place}, {can}; choose openai or mlx")
    return params, names


def _check_identity(about: Mapping[str, Any], recipe: Recipe, options: argparse.Namespace) -> None:
    """Raise StageError if a rewriter that says this of itself isn't the one of `recipe`."""
    for key in sorted({*about, *recipe.rewriter} - set(RUNS)):
        if about.get(key) != recipe.rewriter.get(key):
            _refuse(key, about.get(key), recipe, options)
            return


def _refuse(key: str, value: object, recipe: Recipe, options: argparse.Namespace) -> None:
    """Raise StageError for a rewriter that isn't the one of `recipe`, or warn."""
    line = (
        f"{options.params_file}: {SECTION}: {key} is {value!r}, but the sources that the model learned from were made "
        f"with {recipe.rewriter.get(key)!r}"
    )
    if not options.any_recipe:
        raise StageError(f"{line}; set that, or give --plain if the text is plain already, or --any-recipe")
    print(f"infer: warning: {line}; going on because of --any-recipe", file=sys.stderr)
