"""What is wrong with a passage that a model wrote, held against the text that it was made from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stages.prose.checkpoint import REFUSAL
from stages.prose.content import content_recall, names_kept, numbers_kept, unknown_words
from stages.prose.loops import looped
from stages.prose.mending import breaks_off
from stages.prose.shingles import Grams, longest_run
from stages.prose.text import speech_spans, words

Kind = Literal[
    "empty",
    "leftover",
    "refusal",
    "unreadable",
    "loop",
    "unfinished",
    "unknown_words",
    "content",
    "names_lost",
    "names_invented",
    "numbers_lost",
    "numbers_invented",
    "copied_training",
    "copied_input",
    "length",
    "paragraphs",
]

COPIED = 12  # words in a row that are no chance: texts by different authors share 8 now and then
# Of the runs of 12 words outside speech, those from the input. Lovecraft's paragraphs share 0.09 with their plain forms
# under rules (the median; 0.15 is the third quartile), which change no word that is plain already.
COPIED_SHARE = 0.5
# Of the words of content of the input, those that are left. Held-out passages have 0.66 to 0.98 of those of their plain
# forms under rules; passages of another work by the same author have 0.1, and at most 0.27 (250 pairs).
CONTENT = 0.25
UNKNOWN, UNKNOWN_SHARE = 2, 0.05  # more words and more of all: see content.unknown_words
FRAME = 6  # words in a row of the instruction
SHORTEST, LONGEST = 0.5, 2.0  # words of a passage over words asked for
MOST = 5  # names or numbers in a detail
LEFTOVER = re.compile(r"###|<\|(?:im_start|im_end|endoftext)\|>|\[THING\]|__\w*ENT\w*")
PARAGRAPH = re.compile(r"\n\s*\n")
UNREADABLE = re.compile(r"[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


# For people.
SAID: dict[Kind, str] = {
    "empty": "nothing was written",
    "leftover": "has words of the prompt",
    "refusal": "refuses",
    "unreadable": "unreadable",
    "loop": "repeats itself",
    "unfinished": "breaks off",
    "unknown_words": "words that nobody writes",
    "content": "tells something else",
    "names_lost": "names lost",
    "names_invented": "names invented",
    "numbers_lost": "numbers lost",
    "numbers_invented": "numbers invented",
    "copied_training": "copied from the training rows",
    "copied_input": "copied from the input",
    "length": "length",
    "paragraphs": "paragraphs",
}


@dataclass(frozen=True)
class Fault:
    """What is wrong."""

    kind: Kind
    detail: str = ""

    def __str__(self) -> str:
        """For people: "names lost: Carter, Marsh"."""
        return f"{SAID[self.kind]}: {self.detail}" if self.detail else SAID[self.kind]


@dataclass(frozen=True)
class Trained:
    """The targets that the model learned, which it mustn't recite."""

    targets: Sequence[str]
    runs: Grams

    @classmethod
    def of(cls, targets: Sequence[str]) -> "Trained":
        """What is to be known of `targets`."""
        return cls(targets, Grams.of(targets, COPIED))


@dataclass(frozen=True)
class Source:
    """What a passage was made from."""

    text: str  # as the user wrote it
    plain: str  # in neutral prose
    instruction: str  # of the prompt
    words: int  # that were asked for


def faults(output: str, source: Source, trained: Trained | None) -> list[Fault]:
    """All that is wrong with `output`. What it copies of training rows is looked for if `trained` is given."""
    if not words(output):
        return [Fault("empty")]
    found = [*_leftovers(output, source), *_broken(output, source.text), *_content(output, source)]
    if trained and trained.runs.shared([output])[0]:
        found.append(Fault("copied_training", f"{longest_run(output, trained.targets)} words in a row"))
    if copied := _copied(output, source):
        found.append(copied)
    ratio = len(words(output)) / max(source.words, 1)
    if not SHORTEST <= ratio <= LONGEST:
        found.append(Fault("length", f"{len(words(output))} words, asked for about {source.words}"))
    ours, theirs = (len(PARAGRAPH.split(text.strip())) for text in (output, source.text))
    if ours != theirs:
        found.append(Fault("paragraphs", f"{ours}, expected {theirs}"))
    return found


def _leftovers(output: str, source: Source) -> list[Fault]:
    """What is of the prompt and not of the passage."""
    found = [Fault("leftover", mark) for mark in _each(LEFTOVER.findall(output)) if mark not in source.text]
    if frame := _shared_run(output, source.instruction, source.text):
        found.append(Fault("leftover", frame))
    if (match := REFUSAL.search(output)) and not REFUSAL.search(source.text):
        found.append(Fault("refusal", match.group()[:40]))
    if marks := UNREADABLE.findall(output):
        found.append(Fault("unreadable", f"{len(marks)} characters, the first U+{ord(marks[0]):04X}"))
    return found


def _shared_run(output: str, instruction: str, source: str) -> str:
    """The first FRAME words in a row that `output` has from `instruction`, and not from `source`."""
    asked, given = set(_runs(instruction)), set(_runs(source))
    return next((" ".join(run) for run in _runs(output) if run in asked and run not in given), "")


def _runs(text: str) -> list[tuple[str, ...]]:
    found = words(text)
    return list(zip(*(found[start:] for start in range(FRAME))))


def _broken(output: str, source: str) -> list[Fault]:
    found = [Fault("loop")] if looped(output) else []
    return [*found, Fault("unfinished", " ".join(output.split()[-4:]))] if breaks_off(output, source) else found


def _content(output: str, source: Source) -> list[Fault]:
    """Words of another text or of none, and names and numbers that are lost or invented."""
    found = []
    unknown = unknown_words(f"{source.text}\n{source.plain}", output)
    if len(unknown) > UNKNOWN and len(unknown) > UNKNOWN_SHARE * len(words(output)):
        found.append(Fault("unknown_words", _listed(_each(unknown))))
    recalls = [share for text in (source.text, source.plain) if (share := content_recall(text, output)) is not None]
    if recalls and max(recalls) < CONTENT:
        found.append(Fault("content", f"{max(recalls):.2f} of the input's words, expected {CONTENT}"))
    names, numbers = names_kept(source.text, output), numbers_kept(source.text, output)
    lists: list[tuple[Kind, Sequence[str]]] = [
        ("names_lost", names.lost),
        ("names_invented", names.invented),
        ("numbers_lost", numbers.lost),
        ("numbers_invented", numbers.invented),
    ]
    return found + [Fault(kind, _listed(items)) for kind, items in lists if items]


def _listed(found: Sequence[str]) -> str:
    more = f" and {len(found) - MOST} more" if len(found) > MOST else ""
    return ", ".join(found[:MOST]) + more


def _each(found: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(found))


def _copied(output: str, source: Source) -> Fault | None:
    """A fault if `output` has more of its input word for word than a rewriting leaves."""
    ours, theirs = _unspoken(output), [*_unspoken(source.text), *_unspoken(source.plain)]
    runs = Grams.of(theirs, COPIED)
    counts = [max(len(words(piece)) - COPIED + 1, 0) for piece in ours]
    share = sum(count * runs.share(piece) for count, piece in zip(counts, ours)) / max(sum(counts), 1)
    if share <= COPIED_SHARE:
        return None
    longest = max(longest_run(piece, theirs) for piece in ours)
    return Fault("copied_input", f"{share:.2f} of its runs of {COPIED} words, the longest has {longest}")


def _unspoken(text: str) -> list[str]:
    """What stands between speech in `text`, which has to be copied."""
    edges = [0, *(edge for span in speech_spans(text) for edge in span), len(text)]
    return [text[start:end] for start, end in zip(edges[::2], edges[1::2])]
