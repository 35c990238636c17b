"""The one way to have a text rewritten: requests in, answers out, whichever backend gives them.

A backend says which tasks it can do; the others are off with it. What is asked twice is asked once, and answers that
are dear are kept, so that nothing is asked again after a kill, a failing endpoint or in another run.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, get_args

from stages.prose import instructions
from stages.prose.answers import NOTHING, Answer, keep, kept
from stages.prose.perspective import Perspective
from stages.prose.rules import Variant
from stages.run import StageError, Stopped
from stages.store import digest

Task = Literal["neutralize", "perspective", "snowflake", "narrativize", "expand"]
TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True, slots=True)
class Request:
    """A text, and what should become of it."""

    task: Task
    text: str
    variant: Variant = "standard"  # of neutralize
    perspective: Perspective = "as_written"  # of perspective and narrativize
    topic: str = ""  # of snowflake
    seed: int = 0

    @property
    def prompt(self) -> str:
        """What a language model is told."""
        return instructions.prompt(self.task, self.text, self.variant, self.perspective, self.topic)

    @property
    def digest(self) -> str:
        """Hash of all that decides the answer but the backend; the prompt is part of it."""
        return digest(asdict(self), self.prompt)


Group = Sequence[Request]
Done = Callable[[int, Sequence[Answer]], None]  # is told the number of a group and its answers


class UnansweredError(Exception):
    """A backend that can't go on: one line with what happened and what to do."""


class Backend(Protocol):
    """What answers requests."""

    name: str
    tasks: frozenset[Task]
    keeps: bool  # whether an answer costs so much that it is kept
    together: int  # at most so many requests are answered as one group, because their answers depend on each other
    varies: bool  # the same request may get another answer: one that says nothing is not kept

    def about(self) -> Mapping[str, Any]:
        """What it is, as JSON: `name`, `model`, versions and settings."""

    def identity(self) -> Mapping[str, Any]:
        """What decides its answers besides the requests, as JSON."""

    def check(self) -> None:
        """Raise StageError if it can't be asked; called before anything is."""

    def answer(self, groups: Sequence[Group], done: Done) -> None:
        """Answer all groups, in any order and from any thread. Raises UnansweredError where that ends too early."""


class Rewriter:
    """Backends by the task that each is there for."""

    def __init__(self, backends: Mapping[Task, Backend]) -> None:
        self.backends = dict(backends)
        self.used: dict[str, tuple[str, Answer]] = {}  # by the digest of the request: task and answer, if it is kept
        self.asked: dict[str, int] = {}  # by task: different requests
        self.from_store = 0  # of those

    def supports(self, task: Task) -> bool:
        """Whether `task` can be done."""
        return task in self.backends[task].tasks

    def kept_tasks(self) -> list[Task]:
        """The tasks whose answers are kept."""
        return [task for task in TASKS if self.supports(task) and self.backends[task].keeps]

    def answers(self, requests: Sequence[Request]) -> list[Answer]:
        """The answer to each of `requests`.

        Raises StageError for a task that can't be done, and where a backend fails: what it had answered is kept.
        """
        for request in requests:
            if not self.supports(request.task):
                raise StageError(f"backend {self.backends[request.task].name} can't {request.task}; choose another")
        found: dict[Request, Answer] = {}
        for task in TASKS:
            wanted = list(dict.fromkeys(request for request in requests if request.task == task))
            if wanted:
                found |= zip(wanted, self._answers(self.backends[task], wanted))
                self.asked[task] = self.asked.get(task, 0) + len(wanted)
        return [found[request] for request in requests]

    def _answers(self, backend: Backend, requests: Sequence[Request]) -> list[Answer]:
        """The answers of one backend to different requests."""
        groups = grouped(requests, backend.together)
        if not backend.keeps:
            return _asked(backend, groups, lambda *_: None)
        identity = backend.identity()
        keys = [keys_of(identity, group, backend.together) for group in groups]
        stored = [[kept(key) for key in group] for group in keys]
        known = {
            number: [answer for answer in group if answer is not None]
            for number, group in enumerate(stored)
            if None not in group
        }
        missing = [number for number in range(len(groups)) if number not in known]

        def store(number: int, answers: Sequence[Answer]) -> None:
            for key, answer in zip(keys[missing[number]], answers, strict=True):
                if not (backend.varies and answer.reason in NOTHING):
                    keep(key, answer)

        if missing:
            asked = iter(_asked(backend, [groups[number] for number in missing], store))
            known |= {number: [next(asked) for _ in groups[number]] for number in missing}
        found = [answer for number in range(len(groups)) for answer in known[number]]
        before = len(requests) - sum(len(groups[number]) for number in missing)
        self.from_store += before
        print(f"rewrite: {before} of {len(requests)} answers of {backend.name} known before", file=sys.stderr)
        self.used |= {request.digest: (request.task, answer) for request, answer in zip(requests, found)}
        return found


def grouped(requests: Sequence[Request], most: int) -> list[Group]:
    """`requests` in groups of at most `most` neighbours.

    A group also ends where the hash of a request says so, about every other `most` requests, so that a new request
    changes the groups near it and not all that come after.
    """
    if most == 1:
        return [[request] for request in requests]
    groups: list[list[Request]] = [[]]
    for request in requests:
        groups[-1].append(request)
        if len(groups[-1]) == most or int(request.digest[-8:], 16) % (2 * most) == 0:
            groups.append([])
    return [group for group in groups if group]


def keys_of(identity: Mapping[str, Any], group: Group, together: int) -> list[str]:
    """The key that each answer of `group` is kept by: where several are answered together, all of them decide each."""
    digests = [request.digest for request in group]
    return [digest(dict(identity), one, digests if together > 1 else []) for one in digests]


def _asked(backend: Backend, groups: Sequence[Group], done: Done) -> list[Answer]:
    """The answers of `backend`, each given to `done` at once."""
    from tqdm import tqdm

    found: dict[int, list[Answer]] = {}
    total = sum(map(len, groups))
    backend.check()
    with tqdm(total=total, desc=backend.name, unit="text", file=sys.stderr, disable=None, leave=False) as bar:

        def note(number: int, answers: Sequence[Answer]) -> None:
            done(number, answers)
            found[number] = list(answers)
            bar.update(len(answers))

        try:
            backend.answer(groups, note)
        except UnansweredError as error:
            raise StageError(f"{error}; {_standing(backend, found, total)}") from error
        except Stopped as stopped:
            raise Stopped(stopped.signum, f"{stopped}; {_standing(backend, found, total)}") from stopped
    return [answer for number in range(len(groups)) for answer in found[number]]


def _standing(backend: Backend, found: Mapping[int, Sequence[Answer]], total: int) -> str:
    """How far the asking came."""
    count = sum(map(len, found.values()))
    what = " and kept" if backend.keeps else ""
    return f"{count} of {total} requests are answered{what}, {total - count} missing: run again for the rest"
