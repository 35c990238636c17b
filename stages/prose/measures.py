"""The figures of texts: what one model wrote, what it was made from, and what the author wrote."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np
from pydantic import Field

from stages.params import Params
from stages.prose import content, delta, loops, rhythm, vocabulary
from stages.prose.content import Kept
from stages.prose.delta import AUTHOR, Closeness, Space
from stages.prose.heldout import Data, Json, flat
from stages.prose.text import words

BIN, LONGEST = 4, 80  # words, in the table of sentence lengths
MOSTLY = 0.5  # of the segments


class MarkerParams(Params):
    """Which words mark the author: see vocabulary.markers."""

    most: int = Field(ge=1)
    prior_words: float = Field(gt=0)  # how many words of "no difference" a count is mixed with, at most
    min_works: int = Field(ge=1)  # that have the word
    min_z: float = Field(ge=0)
    below_zipf: float = Field(gt=0)  # how frequent it may be in English: 6 leaves out the 100 most frequent words


class MeasureParams(Params):
    """How texts are compared."""

    segment_words: int = Field(ge=100)  # Delta pools texts to so many words; fewer are "insufficient"
    delta_words: int = Field(ge=10)  # most frequent function words that Delta compares
    markers: MarkerParams
    seed: int


@dataclass(frozen=True)
class Judged:
    """An output, and what can be said of it alone; None where there is nothing to judge."""

    output: str
    content_recall: float | None
    names: Kept
    numbers: Kept
    longest_copied_run: int | None
    order_tau: float | None
    length_ratio: float | None
    looped: bool | None
    unfinished: bool | None

    def row(self) -> Json:
        """What is wrong with it."""
        return {
            "content_recall": rounded(self.content_recall),
            "names_lost": list(self.names.lost),
            "names_invented": list(self.names.invented),
            "numbers_lost": list(self.numbers.lost),
            "numbers_invented": list(self.numbers.invented),
            "longest_copied_run": self.longest_copied_run,
            "looped": self.looped,
            "unfinished": self.unfinished,
        }


class Measures:
    """What `data` and `params` have to say of texts."""

    def __init__(self, data: Data, params: MeasureParams) -> None:
        self.data = data
        self.params = params

    @cached_property
    def space(self) -> Space:
        """The author's works in train, their plain prose and the reference authors, between which texts are placed."""
        return delta.spanned(self.data.groups(), self.params.segment_words, self.params.delta_words)

    @cached_property
    def markers(self) -> list[vocabulary.Marker]:
        """The words that mark the author's train works beside their plain prose and beside the other authors."""
        works = {work: "\n\n".join(texts) for work, texts in self.data.works.items()}
        settings = self.params.markers.model_dump()
        return vocabulary.markers(works, self.data.all_plain, self.data.references, **settings)

    @cached_property
    def markers_insufficient(self) -> str:
        """Why there is no marker_rate; "" if there is one."""
        few = len(self.markers) < vocabulary.FEWEST
        return f"{len(self.markers)} words mark the author, expected {vocabulary.FEWEST} or more" if few else ""

    @cached_property
    def source_near(self) -> Closeness:
        """Where the held-out plain prose is."""
        return self.space.closeness(self.data.sources)

    @cached_property
    def author_near(self) -> Closeness:
        """Where the author's held-out text is."""
        return self.space.closeness(self.data.targets)

    @cached_property
    def attributed_insufficient(self) -> str:
        """Why it says nothing whom texts are attributed to; "" if it does.

        It does if held-out text of both kinds is attributed rightly.
        """
        for what, near, expected in (
            ("plain source", self.source_near, False),
            ("text by the author", self.author_near, True),
        ):
            if near.attributed is None:
                return f"{what}: {near.insufficient}"
            share = near.attributed[AUTHOR]
            if (share >= MOSTLY) != expected:
                return f"of the held-out {what} a share of {share:.2f} is attributed to the author"
        return ""

    def judge(self, outputs: Sequence[str]) -> list[Judged]:
        """Each output beside its source; there is one for each row of the data."""
        return [self._judged(source, output) for source, output in zip(self.data.sources, outputs, strict=True)]

    def _judged(self, source: str, output: str) -> Judged:
        there = bool(words(output))
        return Judged(
            output,
            content_recall=content.content_recall(source, output),
            names=content.names_kept(source, output),
            numbers=content.numbers_kept(source, output),
            longest_copied_run=self.data.targets_learned.longest_run(output),
            order_tau=content.order_tau(source, output),
            length_ratio=content.length_ratio(source, output),
            looped=loops.looped(output) if there else None,
            unfinished=loops.unfinished(output) if there else None,
        )

    def measured(self, found: Sequence[Judged]) -> Json:
        """The figures of what one model wrote; one that nothing can be said of is None."""
        outputs, data = [one.output for one in found], self.data
        return {
            **self.nearness(outputs, data.sources),
            **self.rhythm(outputs),
            "chrf": rounded(content.chrf(outputs, data.targets)),
            "content_recall": _mean(one.content_recall for one in found),
            "names_kept": _mean(one.names.kept_share for one in found),
            "names_invented": _mean(one.names.invented_share for one in found),
            "numbers_kept": _mean(one.numbers.kept_share for one in found),
            "numbers_invented": _mean(one.numbers.invented_share for one in found),
            "order_tau": _mean(one.order_tau for one in found),
            "empty_rate": _mean(not words(output) for output in outputs),
            "loop_rate": _mean(one.looped for one in found),
            "unfinished_rate": _mean(one.unfinished for one in found),
            "length_ratio": _mean(one.length_ratio for one in found),
        }

    def rhythm(self, texts: Sequence[str]) -> Json:
        """How far the sentence lengths of `texts` are from those of the author's held-out text, and how sure it is."""
        pools = [[rhythm.sentence_lengths(text) for text in pool] for pool in (texts, self.data.held_out)]
        own, author = ([n for lengths in pool for n in lengths] for pool in pools)
        interval = rhythm.interval(pools[0], pools[1], self.params.seed)
        return {
            "rhythm_distance": rounded(rhythm.distance(own, author)),
            "rhythm_interval": [rounded(bound) for bound in interval] if interval else None,
        }

    def nearness(self, texts: Sequence[str], beside: Sequence[str]) -> Json:
        """How near `texts` are to the author, what of them is from the training rows, and what is no word at all.

        The words of the text in `beside` that belongs to each count as known.
        """
        learned, plain = self.data.targets_learned, self.data.sources_learned
        return {
            **self.closeness(texts),
            "copy_rate_8gram": rounded(learned.copy_rate(texts)),
            "longest_copied_run": _most(learned.longest_run(text) for text in texts),
            "copy_rate_8gram_plain": rounded(plain.copy_rate(texts)),
            "longest_copied_run_plain": _most(plain.longest_run(text) for text in texts),
            "unknown_word_rate": rounded(vocabulary.unknown_word_rate(texts, beside)),
        }

    def closeness(self, texts: Sequence[str]) -> Json:
        """Where `texts` are between the author and plain prose, and whom they are attributed to.

        `delta_shift` is how much nearer to the author they are than the plain source of the same rows, and
        `delta_shift_share` that as a share of how much nearer the author's own text is: 0 for a copy of the source, 1
        for what the author wrote. None where the author's own text is no nearer.
        """
        near, source, author = self.space.closeness(texts), self.source_near, self.author_near
        shift = _less(source.delta_cosine_author, near.delta_cosine_author)
        whole = _less(source.delta_cosine_author, author.delta_cosine_author)
        attributed = None if self.attributed_insufficient else near.attributed
        return {
            "delta_cosine_author": rounded(near.delta_cosine_author),
            "delta_cosine_source": rounded(near.delta_cosine_source),
            "delta_shift": rounded(shift),
            "delta_shift_share": rounded(shift / whole) if shift is not None and whole and whole > 0 else None,
            "delta_segments": near.segments,
            "delta_insufficient": near.insufficient,
            "attributed": None if attributed is None else {name: rounded(of) for name, of in attributed.items()},
        }

    def other_works(self) -> Json:
        """The author's works in train and their plain prose, measured as if they were held out: floor and ceiling.

        The author's own text isn't at a distance of 0 either. Deltas are the mean over works, each placed between the
        others; works with too few words are passed over.
        """
        data, params = self.data, self.params
        found: dict[str, Json] = {}
        for name, works in (("author", data.works), ("source", data.plain)):
            near = [
                delta.spanned(data.groups(work), params.segment_words, params.delta_words).closeness(texts)
                for work, texts in works.items()
            ]
            author = sentence_lengths(data.held_out)
            far = [rhythm.distance(sentence_lengths(texts), author) for texts in works.values()]
            found[name] = {
                "delta_cosine_author": _mean(one.delta_cosine_author for one in near),
                "delta_cosine_source": _mean(one.delta_cosine_source for one in near),
                "attributed_author": _mean((one.attributed or {}).get(AUTHOR) for one in near),
                "delta_of_works": _range(one.delta_cosine_author for one in near),
                "delta_works": sum(not one.insufficient for one in near),
                **self.rhythm(flat(works)),
                "rhythm_of_works": _range(far),
            }
        return found

    def groups(self) -> Json:
        """What Delta compares, and on how many words."""
        space = self.space
        return {
            "delta_group_words": space.words,
            "delta_left_out": space.left_out,
            "delta_function_words": len(space.scale.words) if space.scale else 0,
            "delta_plain": self.data.plain_of,
            "attributed_insufficient": self.attributed_insufficient,
        }

    def style(self, texts: Sequence[str]) -> Json:
        """The figures of style that texts have by themselves."""
        lengths, author = sentence_lengths(texts), sentence_lengths(self.data.held_out)
        whole = "\n\n".join(texts)
        return {
            "sentence_words": rounded(fmean(lengths) if lengths else None),
            "sentence_variation": rounded(rhythm.variation(lengths)),
            "rhythm_distance": rounded(rhythm.distance(lengths, author)),
            "marker_rate": rounded(vocabulary.marker_rate(whole, [one.word for one in self.markers])),
            "mtld": rounded(vocabulary.mtld(whole)),
        }


def sentence_lengths(texts: Sequence[str]) -> list[int]:
    """Words of the sentences of all texts."""
    return [n for text in texts for n in rhythm.sentence_lengths(text)]


def histogram(lengths: Mapping[str, Sequence[int]]) -> list[tuple[str, int, float]]:
    """(text, lower edge of a bin of sentence lengths in words, share of its sentences), the last bin open above."""
    rows = []
    for name, found in lengths.items():
        counts = np.bincount(np.minimum(np.array(found, dtype=int), LONGEST) // BIN, minlength=LONGEST // BIN + 1)
        rows += [(name, index * BIN, round(int(count) / max(len(found), 1), 4)) for index, count in enumerate(counts)]
    return rows


def _mean(values: Iterable[float | None]) -> float | None:
    """The mean of those that are no None."""
    found = [float(value) for value in values if value is not None]
    return rounded(fmean(found)) if found else None


def _most(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _range(values: Iterable[float | None]) -> list[float] | None:
    """The least and the most of those that are no None."""
    found = [round(value, 4) for value in values if value is not None]
    return [min(found), max(found)] if found else None


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def rounded(value: float | None) -> float | None:
    """`value` as metrics have it."""
    return None if value is None else round(value, 4)
