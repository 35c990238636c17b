"""What a rewriter answered: kept in the store as it comes, and packed into one file that needs no rewriter any more.

Each answer is a file of its own in the store's scratch, whole or absent, beside its hash; so neither a kill nor a power
cut loses one that came before, threads need no lock, and a torn file is no answer.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages import store
from stages.files import write_jsonl
from stages.run import StageError

KIND = "answers"
THOUGHTS = re.compile(r"\A.*</think(?:ing)?>", re.IGNORECASE | re.DOTALL)  # of a model that reasons before it answers
THINKING = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
EMPTY, NOT_TEXT, THOUGHT = "empty", "not_unicode", "thoughts_alone"
NOTHING = (EMPTY, NOT_TEXT, THOUGHT)  # reasons of an answer that says nothing: another try may do better
FORMAT = 1  # of the packed file
AMBIGUOUS = "ambiguous: "  # begins the reason where rules can't tell the person


@dataclass(frozen=True, slots=True)
class Answer:
    """A rewritten text, or why there is none."""

    text: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Packed:
    """What files of answers hold."""

    backends: Mapping[str, Mapping[str, Any]]  # what gave them, by the task that it could do
    answers: Mapping[str, Answer]  # by the digest of the request


def spoken(text: str, reason: str = "") -> Answer:
    """The answer in what a model wrote, without the thoughts before it; `reason` is what else is wrong with it."""
    said = THOUGHTS.sub("", text).strip()
    if not is_unicode(said):
        return Answer("", reason or NOT_TEXT)
    if THINKING.search(said):
        return Answer("", reason or THOUGHT)
    return Answer(said, reason or ("" if said else EMPTY))


def is_unicode(text: str) -> bool:
    """Whether `text` can be written: JSON may hold half a character, which no file can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def keep(key: str, answer: Answer) -> None:
    """Keep `answer` in the store, on the disk before this returns: it may have been paid for."""
    store.put(KIND, key, json.dumps([answer.text, answer.reason]).encode(), durable=True)


def kept(key: str) -> Answer | None:
    """The answer that was kept for `key`; None if there is none, if its file is torn or if it can't be written."""
    data = store.get(KIND, key)
    answer = None if data is None else Answer(*json.loads(data))
    return answer if answer and is_unicode(answer.text) else None


def pack(
    path: Path, backend: Mapping[str, Any], tasks: Iterable[str], answers: Mapping[str, tuple[str, Answer]]
) -> None:
    """Write a line that says what gave the answers and which tasks it could do, and a line per answer, sorted.

    `answers` are by the digest of their request, with its task.
    """
    head = {"format": FORMAT, "backend": dict(backend), "tasks": sorted(tasks)}
    rows = [
        {"request": request, "task": task, "text": answer.text, "reason": answer.reason}
        for request, (task, answer) in sorted(answers.items())
    ]
    write_jsonl(path, [head, *rows])


def gave(backend: Mapping[str, Any], task: str) -> dict[str, Any]:
    """What gave the answers of one task: of a backend in whose place others did some tasks."""
    return dict(backend.get("by_task", {}).get(task) or {key: backend[key] for key in backend if key != "by_task"})


def files_of(folder: Path) -> list[Path]:
    """The files of answers in `folder`, one at least. Raises StageError if there is none."""
    found = sorted(path for path in folder.glob("*.jsonl") if path.is_file())
    if not found:
        raise StageError(
            f"{folder} holds no .jsonl file, expected answers of an earlier run; copy its answers.jsonl there"
        )
    return found


def packed(folder: Path) -> Packed:
    """What `pack` wrote to the files in `folder`. Raises StageError, naming the line, if one of them is something else.

    Several files may hold several tasks, or parts of one, but of one task all answers must be from one backend.
    """
    backends: dict[str, dict[str, Any]] = {}
    found: dict[str, Answer] = {}
    for path in files_of(folder):
        head, rows = _read(path)
        for task in map(str, head["tasks"]):
            if backends.setdefault(task, gave(head.get("backend", {}), task)) != gave(head.get("backend", {}), task):
                raise StageError(
                    f"{path}: its answers for {task} are of another backend than those before; keep one file"
                )
        for number, request, answer in rows:
            if found.setdefault(request, answer) != answer:
                raise StageError(
                    f"{path}:{number}: a second answer to request {request[:12]}; keep one of the two lines"
                )
    return Packed(backends, found)


def _read(path: Path) -> tuple[dict[str, Any], list[tuple[int, str, Answer]]]:
    """The head of a file of answers, and its answers with their lines and requests."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise StageError(f"{path}: byte {error.start} isn't UTF-8; copy the answers.jsonl of a run there") from error
    head = _object(path, 1, lines[0])
    if head.get("format") != FORMAT or not isinstance(head.get("tasks"), list):
        raise StageError(f"{path}:1: format is {head.get('format')!r}, expected {FORMAT}; make the answers again")
    found = []
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        row = _object(path, number, line)
        texts = [row.get(name) for name in ("request", "text", "reason")]
        if not all(isinstance(text, str) for text in texts):
            raise StageError(f"{path}:{number}: expected request, text and reason; copy the file again")
        request, *answer = map(str, texts)
        if not all(map(is_unicode, (request, *answer))):
            raise StageError(
                f"{path}:{number}: half a character (a lone surrogate), expected Unicode; take the line out"
            )
        found.append((number, request, Answer(*answer)))
    return head, found


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise StageError(f"{path}:{number}: not JSON: {error}; copy the file again") from error
    if not isinstance(row, dict):
        raise StageError(f"{path}:{number}: {line[:40]!r}, expected an object; copy the file again")
    return row
