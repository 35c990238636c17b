"""Where generated text goes round in circles or breaks off."""

import re
from collections import Counter
from collections.abc import Sequence

from stages.prose.text import sentences, words

RUN, TIMES = 6, 3
CLOSED = re.compile(r"(?:[.!?…。！？]|[—–-](?=[”’\"']))[”’\"')\]»」』*_]*(?:\s*\[\w{1,4}\])*$")
TITLE = re.compile(
    r"(?:^|\W)(?:Mr|Mrs|Ms|Messrs|Dr|Prof|Rev|Hon|Capt|Col|Gen|Lieut|Lt|Sgt|Maj|St|Gov|Sen|Supt|Insp)\.$"
)


def looped(text: str) -> bool:
    """Whether `text` repeats itself: the same 6 words in a row come 3 times, or a sentence of 6 or more words twice,
    or any sentence 3 times one after the other.

    Words are compared in lower case without punctuation; the runs may overlap, so "no" eight times over is a loop.
    """
    found = words(text)
    runs = Counter(zip(*(found[start:] for start in range(RUN))))
    if max(runs.values(), default=0) >= TIMES:
        return True
    said = [tuple(words(sentence)) for sentence in sentences(text)]
    long = [sentence for sentence in said if len(sentence) >= RUN]
    if len(set(long)) < len(long):
        return True
    return any(first and first == second == third for first, second, third in zip(said, said[1:], said[2:]))


def loop_rate(texts: Sequence[str]) -> float | None:
    """Share of the `texts` with words that are looped, from 0 to 1; None if there are none.

    A text without words is no good text, and doesn't count as one.
    """
    told = [text for text in texts if words(text)]
    return sum(map(looped, told)) / len(told) if told else None


def unfinished(text: str) -> bool:
    """Whether the last sentence of `text` breaks off: no mark ends it, or a title such as "Mr." does.

    Quotes, brackets and footnote marks may follow the mark; a dash ends speech only. A text without words is finished.
    """
    end = text.rstrip()
    return bool(words(end)) and (not CLOSED.search(end) or bool(TITLE.search(end)))
