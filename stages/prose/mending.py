"""Mend what a model wrote by cutting: nothing is added, and what is left is how the passage begins."""

import re

from stages.prose.loops import RUN, TIMES, looped, unfinished
from stages.prose.text import WORD, sentence_spans, words
from stages.prose.validate import unclosed

KEPT = 0.5  # share of the words that must be left where a broken sentence is cut off
AFTER = re.compile(r"\s*(?:#{3,}|<\|(?:im_start|im_end|endoftext)\|>)")  # ends an answer, whatever follows


def mended(output: str, source: str) -> str:
    """How `output` begins, up to a mark that ends an answer, a loop, or a last sentence that breaks off."""
    left = without_loop(without_rest(output)).rstrip()
    return without_broken_end(left) if breaks_off(left, source) else left


def breaks_off(output: str, source: str) -> bool:
    """Whether `output` ends within a sentence, and not with the mark that ends its `source`, such as a colon."""
    mark = output.rstrip()[-1:]
    return unfinished(output) and (mark.isalnum() or mark != source.rstrip()[-1:])


def without_rest(output: str) -> str:
    """`output` up to the first mark of the prompt's frame: what follows is another exchange."""
    match = AFTER.search(output)
    return output[: match.start()] if match else output


def without_loop(output: str) -> str:
    """`output` up to where it first repeats itself as `looped` has it, or all of it."""
    while looped(output):
        shorter = output[: _repetition(output)].rstrip()
        if len(shorter) == len(output):
            break
        output = shorter
    return output


def _repetition(output: str) -> int:
    """Where the first repetition of a looped text begins."""
    found = [(match.start(), word) for match, word in zip(WORD.finditer(output), words(output))]
    places: dict[tuple[str, ...], list[int]] = {}
    for start in range(len(found) - RUN + 1):
        run = tuple(word for _, word in found[start : start + RUN])
        places.setdefault(run, []).append(found[start][0])
    again = [starts[1] for starts in places.values() if len(starts) >= TIMES]
    spans = sentence_spans(output)
    said = [tuple(words(output[start:end])) for start, end in spans]
    for index, sentence in enumerate(said):
        if len(sentence) >= RUN and sentence in said[:index]:
            again.append(spans[index][0])
        if sentence and index + 2 < len(said) and sentence == said[index + 1] == said[index + 2]:
            again.append(spans[index + 1][0])
    return min(again, default=len(output))


def without_broken_end(output: str) -> str:
    """`output` up to its last whole sentence, if at least KEPT of its words are in that; else all of it.

    A cut that leaves a quotation open is taken only where there is no other.
    """
    if not unfinished(output):
        return output
    least = KEPT * len(words(output))
    ends = [end for _, end in reversed(sentence_spans(output)[:-1])]
    whole = [output[:end] for end in ends if len(words(output[:end])) >= least and not unfinished(output[:end])]
    closed = [text for text in whole if not unclosed(text)]
    return next(iter([*closed, *whole]), output)
