"""Footnote marks: taken out of prose with the sentence they stood in, and put at the end of the one in its place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stages.prose.text import sentence_spans

HIGH = "⁰¹²³⁴⁵⁶⁷⁸⁹"
AFTER_STAR = rf"(?=[\s,.;:!?”’\"')\[\]†‡{HIGH}]|$)"
NOTE = re.compile(
    rf"\s*(?:\[\^[^\]\s]{{1,20}}\]|\[\d{{1,3}}\])(?!\()|"  # [1] and [^a], but no link's text
    rf"(?<=\S)(?<![\d{HIGH}])(?<!\b[cdkm]m)(?<!\bm)[{HIGH}]+(?: [{HIGH}]+)*|"  # but not 10² and km²
    r"(?<=\S)[†‡]+(?: [†‡]+)*|"
    rf"(?<=[^\s*])\*{{1,2}}{AFTER_STAR}(?: \*{{1,2}}{AFTER_STAR})*"
)
EMPHASIS = re.compile(rf"(?<![^\s(\[“‘\"'—–-])(\*{{1,3}})(?![{HIGH}])(?=[\w“‘\"'(])[^*]*(?<=[^\s*])\1(?![\w*])")


@dataclass(frozen=True)
class Note:
    """A footnote mark, with the white space before it."""

    mark: str
    sentence: int  # that it stood in


def without_notes(text: str) -> tuple[str, list[tuple[str, int]]]:
    """`text` without its footnote marks, and each mark with its place in what is left."""
    emphasised = [match.span() for match in EMPHASIS.finditer(text)]
    left, notes, here, length = [], [], 0, 0
    for match in NOTE.finditer(text):
        is_star = match.group().startswith("*")
        if is_star and any(start <= match.start() < end for start, end in emphasised):
            continue
        left.append(text[here : match.start()])
        length += match.start() - here
        notes.append((match.group(), length))
        here = match.end()
    return "".join([*left, text[here:]]), notes


def with_notes(text: str, notes: Sequence[Note], sentences: int) -> str:
    """`text` with `notes` at the ends of its sentences. They stood in a text of `sentences`.

    Where `text` has another number of sentences they stand at the same share of it.
    """
    spans = sentence_spans(text)
    if not spans:
        return text + "".join(note.mark for note in notes)
    found, here = [], 0
    for index, (_, end) in enumerate(spans):
        found.append(text[here:end])
        here = end
        last = ""
        for note in notes:
            if _place(note.sentence, sentences, len(spans)) == index:
                last = f" {note.mark}" if _run_together(last, note.mark) else note.mark
                found.append(last)
    return "".join([*found, text[here:]])


def _place(sentence: int, sentences: int, others: int) -> int:
    """Where the end of `sentence` of `sentences` comes among `others`."""
    if sentences == others:
        return sentence
    return min(max(round((sentence + 1) * others / sentences) - 1, 0), others - 1)


def _run_together(one: str, other: str) -> bool:
    """Whether the marks `one` and `other` would be read as one: ¹ and ² as ¹²."""
    kinds = (HIGH, "*", "†‡")
    return any(one[-1:] and one[-1] in kind and other[:1] in kind for kind in kinds)
