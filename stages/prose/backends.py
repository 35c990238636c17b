"""What can rewrite: rules, a model on this machine, an endpoint, or the answers of an earlier run."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stages.files import sha256_file, sha256_tree
from stages.params import Params
from stages.prose import answers
from stages.prose.answers import Answer
from stages.prose.backend_openai import OpenAI, OpenAIParams
from stages.prose.rewriter import TASKS, Backend, Done, Group, Request, Rewriter, Task, keys_of
from stages.run import StageError
from stages.store import code_digest, digest
from stages.workers import map_items

Name = Literal["rules", "mlx", "openai", "replay"]
AT_ONCE = 64  # texts after which slow rules tell how far they are
RULES = ("textblob", "lemminflect", "wordfreq", "wn")  # the packages that decide what rules write


class RulesParams(Params):
    """Rules that need no model."""

    round_trip: bool  # through Spanish by Apertium, after the rules; 100 times slower


class MlxParams(Params):
    """A model folder on this machine."""

    model: str  # its folder
    max_tokens: int = Field(ge=16)  # of an answer
    temperature: float = Field(ge=0)
    top_p: float = Field(gt=0, le=1)
    rows_at_once: int = Field(ge=1)  # texts written together; another number may change a few of them


class RewriterParams(Params):
    """Who rewrites, and the settings of each that might."""

    backend: Name
    by_task: dict[Task, Name]  # tasks that another backend does
    rules: RulesParams
    mlx: MlxParams
    openai: OpenAIParams


def opened(params: RewriterParams, replayed: Path | None = None) -> Rewriter:
    """The rewriter that `params` choose; the backend replay reads the answers in the folder `replayed`.

    Raises StageError if a model folder or a file of answers can't be used.
    """

    def replay() -> Backend:
        if replayed is None:
            raise StageError("backend is 'replay', which has answers for the stage prose_rewrite alone; choose another")
        return Replay(replayed)

    makers: Mapping[str, Callable[[], Backend]] = {
        "rules": lambda: Rules(params.rules),
        "mlx": lambda: Mlx(params.mlx),
        "openai": lambda: OpenAI(params.openai),
        "replay": replay,
    }
    names = {task: params.by_task.get(task, params.backend) for task in TASKS}
    made = {name: makers[name]() for name in sorted(set(names.values()))}
    return Rewriter({task: made[name] for task, name in names.items()})


class Rules:
    """Neutral prose and another person by rule: see rules.py and perspective.py."""

    name = "rules"
    tasks: frozenset[Task] = frozenset({"neutralize", "perspective"})
    together = 1
    varies = False

    def __init__(self, params: RulesParams) -> None:
        self.round_trip = params.round_trip
        self.keeps = params.round_trip

    def about(self) -> Mapping[str, Any]:
        """See Backend."""
        from stages.prose.rules import apertium_identity

        versions: dict[str, str | None] = {name: version(name) for name in RULES}
        if self.round_trip:
            versions["apertium"] = apertium_identity()
        return {"name": self.name, "model": None, "versions": versions, "round_trip": self.round_trip}

    def identity(self) -> Mapping[str, Any]:
        """See Backend. Kept answers are of these rules, not of those before a change."""
        return {**self.about(), "code": code_digest("stages.prose.rules", "stages.prose.perspective")}

    def check(self) -> None:
        """See Backend."""
        from stages.prose.rules import apertium_identity

        if self.round_trip and apertium_identity() is None:
            raise StageError(
                "round_trip is true, but apertium or its pair eng-spa is not installed; install them "
                "(apt install apertium apertium-eng-spa), or set round_trip to false"
            )

    def answer(self, groups: Sequence[Group], done: Done) -> None:
        """See Backend."""
        size = AT_ONCE if self.keeps else max(len(groups), 1)
        identity = self.identity() if self.keeps else {}
        for first in range(0, len(groups), size):
            part = groups[first : first + size]
            keys = [keys_of(identity, group, self.together)[0] if self.keeps else "" for group in part]
            items = [(request, key) for (request,), key in zip(part, keys)]
            found = map_items(partial(_kept_by_rule, round_trip=self.round_trip), items, "rules")
            for number, answer in enumerate(found, start=first):
                done(number, [answer])


def _kept_by_rule(item: tuple[Request, str], round_trip: bool) -> Answer:
    """What the rules make of a request. Where it has a key the answer is kept at once, by the process that made it.

    So a kill loses the texts under way and no others: a map over several processes hands its results over late.
    """
    request, key = item
    answer = by_rule(request, round_trip)
    if key:
        answers.keep(key, answer)
    return answer


def by_rule(request: Request, round_trip: bool) -> Answer:
    """What the rules make of `request`; the reason is theirs, where a person can't be told.

    Each text goes to Apertium alone: its tagger reads on from the text before, and so answers otherwise after another.
    """
    from stages.prose.perspective import Ambiguous, converted
    from stages.prose.rules import neutralized

    if request.task == "neutralize":
        return Answer(neutralized(request.text, request.variant, round_trip))
    try:
        return Answer(converted(request.text, request.perspective))
    except Ambiguous as ambiguous:
        return Answer("", f"{answers.AMBIGUOUS}{ambiguous.reason}")


class Mlx:
    """A model folder in memory.

    Each row draws from a generator that its own request seeds. Rows sampled together are a group all the same: by
    rounding in the matrix products, and by nothing else, each depends on the others.
    """

    name = "mlx"
    tasks: frozenset[Task] = frozenset(TASKS)
    keeps = True
    varies = False

    def __init__(self, params: MlxParams) -> None:
        from stages.lora.model import load

        folder = Path(params.model)
        if not folder.is_dir():
            raise StageError(f"mlx.model is {params.model!r}, which is no folder; give that of a model")
        self.params = params
        self.together = params.rows_at_once
        self.loaded = load(folder)
        self.hash = sha256_tree(folder)

    def about(self) -> Mapping[str, Any]:
        """See Backend."""
        settings = self.params.model_dump(exclude={"model"})
        versions = {name: version(name) for name in ("mlx", "mlx-lm")}
        computes = {"blas": self.loaded.blas, "versions": versions}
        return {"name": self.name, "model": Path(self.params.model).name, "hash": self.hash, **computes, **settings}

    def identity(self) -> Mapping[str, Any]:
        """See Backend. Kept answers are of these draws: once the first row of a group seeded those of all."""
        return {**self.about(), "seeded": "by_row"}

    def check(self) -> None:
        """See Backend."""

    def answer(self, groups: Sequence[Group], done: Done) -> None:
        """See Backend."""
        from stages.lora.generate import sample

        params = self.params
        prompts = [[self._prompt(request) for request in group] for group in groups]
        self._check_room([prompt for group in prompts for prompt in group])
        for number, (group, texts) in enumerate(zip(groups, prompts)):
            rows = sample(
                self.loaded.model,
                self.loaded.tokenizer,
                texts,
                None,
                max_tokens=params.max_tokens,
                temperature=params.temperature,
                top_p=params.top_p,
                seed=[int(request.digest[:8], 16) for request in group],
                rows_at_once=self.together,
            )
            done(number, [self._answer(row) for row in rows])

    def _prompt(self, request: Request) -> str:
        """The whole prompt: a user's turn where the model has a template for it."""
        tokenizer = self.loaded.tokenizer
        if tokenizer.chat_template is None:
            return f"{request.prompt}\n\nRewritten text:\n"
        turn = [{"role": "user", "content": request.prompt}]
        return str(tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))

    def _check_room(self, prompts: Sequence[str]) -> None:
        """Raise StageError if a prompt leaves no room for an answer."""
        from stages.lora.generate import encoded

        context = self.loaded.config.get("max_position_embeddings")
        longest = max(map(len, encoded(self.loaded.tokenizer, prompts)))
        if context is not None and longest + self.params.max_tokens > context:
            raise StageError(
                f"mlx: a prompt of {longest} tokens and max_tokens {self.params.max_tokens} are more than the model's "
                f"context of {context}; lower max_tokens, or max_words of the chunks"
            )

    def _answer(self, row: Sequence[int]) -> Answer:
        text = str(self.loaded.tokenizer.decode(list(row)))
        return answers.spoken(text, "truncated" if len(row) >= self.params.max_tokens else "")


class Replay:
    """The answers that earlier runs packed."""

    name = "replay"
    keeps = True  # so that they are packed again
    together = 1
    varies = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.packed = answers.packed(folder)
        self.tasks: frozenset[Task] = frozenset(task for task in TASKS if task in self.packed.backends)

    def about(self) -> Mapping[str, Any]:
        """See Backend: `of` says for each task what gave its answers."""
        hashes = [sha256_file(path) for path in answers.files_of(self.folder)]
        return {"name": self.name, "model": None, "of": self.packed.backends, "hash": digest(hashes)}

    def identity(self) -> Mapping[str, Any]:
        """See Backend."""
        return self.about()

    def check(self) -> None:
        """See Backend."""

    def answer(self, groups: Sequence[Group], done: Done) -> None:
        """See Backend."""
        wanted = [request.digest for (request,) in groups]
        lacking = sum(one not in self.packed.answers for one in wanted)
        if lacking:
            task = groups[0][0].task
            raise StageError(
                f"{self.folder} lacks {lacking} of {len(wanted)} answers for {task}: texts, params or instructions "
                "have changed since; choose the backend that gave them and copy its new answers.jsonl there"
            )
        for number, one in enumerate(wanted):
            done(number, [self.packed.answers[one]])
