"""English to Spanish and back by Apertium, a translator made of rules: no weights, the same answer every time.

The detour costs an author more of their wording than our own rules can. What must not change goes through as words
that no dictionary has.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import count
from pathlib import Path

from stages.prose.text import Span, sentence_spans
from stages.run import StageError

THERE, BACK = "eng-spa", "spa-eng"
PLACEHOLDER = re.compile(r"(?i)\bxq[a-j]+z\b")
AFTER_SPEECH = re.compile(r"(?i:xq[a-j]+z) [^\W\d_]")
END = re.compile(r"[.!?…:;]+[”’\"')\]]*$")
TROUBLE = re.compile(r"[*@#\\^$<>{}]")  # marks of an unknown word or form, or of Apertium's own stream format
PRONOUN = re.compile(r"\b(?:he|she|it|they)\b", re.IGNORECASE)


@cache
def _data() -> Path | None:
    """The folder with the language pair; None if the program or the pair isn't installed."""
    program = shutil.which("apertium")
    if not program:
        return None
    data = Path(os.environ.get("APERTIUM_DATADIR") or Path(program).parent.parent / "share" / "apertium")
    modes = [data / "modes" / f"{mode}.mode" for mode in (THERE, BACK)]
    return data / "apertium-eng-spa" if all(mode.is_file() for mode in modes) else None


@cache
def identity() -> str | None:
    """The version of Apertium and a hash of the language pair's files, as "Apertium 3.8.3, eng-spa 1f0c93d2a1b4"."""
    data = _data()
    if data is None:
        return None
    said = subprocess.run(["apertium", "-V"], capture_output=True, text=True, check=True, env=_environment()).stdout
    digest = hashlib.sha256()
    for path in sorted(data.iterdir()):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return f"{said.splitlines()[0].strip()}, eng-spa {digest.hexdigest()[:12]}"


def _environment() -> dict[str, str]:
    """Its scripts want a locale that knows UTF-8."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def round_trip(texts: Sequence[str], fixed: Callable[[str], Sequence[Span]]) -> list[str]:
    """Each text by way of Spanish, sentence by sentence, with the spans that `fixed` names as they were.

    A sentence whose fixed parts don't all come back, or that Apertium couldn't put into words, stays as it was.
    Raises StageError if Apertium isn't installed or fails.
    """
    if _data() is None:
        raise StageError("apertium with the pair eng-spa is not installed: apt-get install apertium apertium-eng-spa")
    pieces = [list(_units(text, fixed(text))) for text in texts]
    asked = [sent for text in pieces for _, sent, _ in text]
    answers = iter(_translated(_translated(asked, THERE), BACK))
    return ["".join(_restored(*unit, next(answers)) for unit in text) for text in pieces]


def _units(text: str, fixed: Sequence[Span]) -> Iterator[tuple[str, str, list[str]]]:
    """The sentences of `text`: as they are, with white space after; as one line to send; and what they hold back."""
    spans = [span for span in sentence_spans(text) if not any(a < span[0] < b for a, b in fixed)]
    for (start, _), (end, _) in zip(spans, [*spans[1:], (len(text), 0)]):
        start = 0 if start == spans[0][0] else start
        kept, line, at, numbers = [], "", start, count()
        for a, b in fixed:
            if start <= a and b <= end:
                kept.append(text[a:b])
                line += text[at:a] + "xq" + "".join("abcdefghij"[int(digit)] for digit in str(next(numbers))) + "z"
                at = b
        line = " ".join((line + text[at:end]).split())
        yield text[start:end], "" if TROUBLE.search(line) else END.sub("", line), kept


def _translated(lines: Sequence[str], mode: str) -> list[str]:
    """The translations of `lines`, by one process."""
    if not lines:
        return []
    done = subprocess.run(
        ["apertium", "-u", "-f", "line", mode],
        # A full stop on a line of its own before each sentence: none is translated by the light of the last one.
        input="".join(f".\n{line}\n" for line in lines) + ".\n",
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=_environment(),
    )
    answers = done.stdout.split("\n")[:-1]
    if done.returncode or len(answers) != 2 * len(lines) + 1:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise StageError(
            f"apertium {mode} ended with status {done.returncode} and {len(answers) // 2} of {len(lines)} sentences, "
            f"saying {said}: check the installation of apertium-eng-spa"
        )
    return [" ".join(answer.split()) for answer in answers[1::2]]


def _restored(original: str, sent: str, kept: Sequence[str], answer: str) -> str:
    """The answer with what was held back, its mark and its white space; the original if that can't be done."""
    held = PLACEHOLDER.findall(sent)
    back = [found.lower() for found in PLACEHOLDER.findall(answer)]
    if not sent or not answer or sorted(held) != sorted(back) or TROUBLE.search(answer):
        return original
    answer = _pronouns(sent, answer)
    if (first := AFTER_SPEECH.match(sent)) and first.group()[
        -1
    ].islower():  # Apertium hands the capital of what it doesn't know on to the next word
        answer = AFTER_SPEECH.sub(lambda match: match.group().lower(), answer, count=1)
    body = original.strip()
    mark = END.search(body)
    tail = original[len(original.rstrip()) :]
    head = original[: len(original) - len(original.lstrip())]
    values = dict(zip(held, kept))
    answer = PLACEHOLDER.sub(lambda match: values[match.group().lower()], answer[:1].upper() + answer[1:])
    return head + answer.rstrip(" ,;:") + (mark.group() if mark and not answer.endswith(mark.group()) else "") + tail


def _pronouns(sent: str, answer: str) -> str:
    """The answer with the pronouns of `sent`: Spanish has none where English says he or she, and "it" comes back."""
    wanted = PRONOUN.findall(sent)
    if len(wanted) != len(PRONOUN.findall(answer)):
        return answer
    given = iter(wanted)
    return PRONOUN.sub(lambda match: _like(match.group(), next(given).lower()), answer)


def _like(model: str, word: str) -> str:
    """`word` with a capital where `model` has one."""
    return word.capitalize() if model[0].isupper() else word
