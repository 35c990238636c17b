"""Read every author's works, keep the paragraphs that carry a style, and split them by work so that nothing leaks.

A work is a file. A paragraph is kept, or dropped for a reason: the manifest has a line for each, works.csv one for
each file.
"""

import os
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from stages.files import read_jsonl, write_csv, write_jsonl
from stages.params import Params
from stages.prose import budget, duplicates, filters, splits
from stages.prose.clean import Unreadable, Work, cleaned, decoded
from stages.prose.shingles import Words, hashed, only
from stages.prose.splits import SPLITS, Split
from stages.run import StageError, run

SUFFIX = ".txt"
REFERENCE = "reference"  # the split of all other authors
PLACES = (*SPLITS, REFERENCE)
EXACT, NEAR, SHARED, OVER = "exact_duplicate", "near_duplicate", "shared_with_held_out", "over_budget"


class CurateParams(Params):
    """Whose style is learned, what is kept of it, and how it is split."""

    author: Annotated[str, Field(min_length=1)]  # a folder of data/prose/raw; the others are for comparison
    filters: filters.Filters
    max_words: int = Field(ge=1)  # a longer paragraph is cut at ends of sentences
    similarity: duplicates.Similarity
    splits: splits.Shares
    budget: budget.Budget

    @field_validator("max_words")
    @classmethod
    def _leaves_no_short_part(cls, value: int, info: ValidationInfo) -> int:
        least = info.data["filters"].min_words if "filters" in info.data else 0
        if value < 2 * least:
            raise ValueError(
                f"at least twice filters.min_words, {2 * least}, or parts of a paragraph would be too short"
            )
        return value


@dataclass(frozen=True)
class File:
    """A work as it was found."""

    author: str
    work: str  # path in the author's folder without .txt
    path: Path


@dataclass(frozen=True)
class Read:
    """What a file holds, or why it can't be read."""

    file: File
    work: Work
    reason: str = ""
    detail: str = ""


@dataclass(slots=True)
class Paragraph:
    """A paragraph on its way through the stage."""

    read: Read
    index: int  # in its work
    text: str
    words: int
    reason: str = ""
    partner: str = ""  # what it repeats
    share: float = 0.0  # of its runs that the partner has
    split: str = ""


def curate(raw: Path, curated: Path, params: CurateParams) -> dict[str, object]:
    """Write `curated`/paragraphs.jsonl, a row per kept paragraph, manifest.csv, one per paragraph, and works.csv.

    Reads `raw`/AUTHOR/WORK.txt at any depth. The works of `params.author` are split, those of others are reference.
    Raises StageError if there is no such author, or too little of theirs to train, validate and test on.
    """
    files, ignored = find(raw, params.author)
    reads = [examine(file, params.max_words) for file in files]
    paragraphs, words = _judged(reads, params)
    _drop_duplicates(paragraphs, words, params)
    _split(paragraphs, reads, params)
    _drop_shared(paragraphs, params)
    available = budget.tokens(sum(one.words for one in _of(paragraphs, "train")), params.budget)
    _keep_to_budget(_of(paragraphs, "train"), params.budget)

    kept = [one for one in paragraphs if not one.reason]
    write_jsonl(curated / "paragraphs.jsonl", map(_row, kept))
    write_csv(curated / "manifest.csv", COLUMNS, map(_line, paragraphs))
    _write_works(curated / "works.csv", reads, paragraphs)
    reasons = Counter(one.reason for one in paragraphs if one.reason)
    of = {place: [one for one in kept if one.split == place] for place in PLACES}
    held = {place: sum(one.words for one in of[place]) for place in PLACES}
    works = {place: len({id(one.read) for one in of[place]}) for place in PLACES}
    skipped = [read for read in reads if read.reason]
    if available < params.budget.tokens:
        print(
            f"curate: {params.author}: {works['train']} works to train on, {works['valid']} to validate, "
            f"{works['test']} to test; {available} tokens to train on, which is all there is: the budget is "
            f"{params.budget.tokens}",
            file=sys.stderr,
        )
    if skipped or ignored:
        which = ", ".join(f"{read.file.path.name}: {read.reason}" for read in skipped[:3])
        print(
            f"curate: {len(skipped)} files can't be read{f' ({which})' if which else ''}, {ignored} are no works "
            f"({SUFFIX}); see {curated / 'works.csv'}",
            file=sys.stderr,
        )
    return {
        "files_read": len(files),
        "files_ignored": ignored,
        "files_skipped": _sorted(Counter(read.reason for read in reads if read.reason)),
        "works": works,
        "removed": _sorted(sum((Counter(read.work.removed) for read in reads), Counter())),
        "paragraphs_read": len(paragraphs),
        "paragraphs_kept": len(kept),
        "paragraphs": {place: len(of[place]) for place in PLACES},
        "reasons": _sorted(reasons),
        "exact_duplicates": reasons[EXACT],
        "near_duplicates": reasons[NEAR],
        "words": held,
        "word_shares": {split: round(held[split] / sum(held[one] for one in SPLITS), 4) for split in SPLITS},
        "tokens": budget.tokens(held["train"], params.budget),
        "budget_tokens": params.budget.tokens,
        "budget_met": available >= params.budget.tokens,
        f"shared_{params.splits.shared_run}grams": crossing(curated / "paragraphs.jsonl", params.splits.shared_run),
    }


def find(raw: Path, author: str) -> tuple[list[File], int]:
    """The works below the authors' folders, those of `author` first, and how many other files lie there.

    Hidden files are not looked at, links to folders are followed only if they are an author's. Raises StageError if
    `author` has no folder or no work.
    """
    if not raw.is_dir():
        raise StageError(f"{raw} is not a folder; make it, with a folder per author that holds works as {SUFFIX} files")
    here = raw.resolve()
    folders = {
        _name(path.name): path
        for path in sorted(raw.iterdir(), key=os.fsencode)
        if not path.name.startswith(".") and path.is_dir() and not here.is_relative_to(path.resolve())
    }
    author = _name(author)
    if author not in folders:
        has = ", ".join(folders) or "no folder"
        raise StageError(f"author is {author!r}, expected a folder of {raw}, which has {has}; add it or name another")
    ignored = sum(not path.is_dir() and not path.name.startswith(".") for path in raw.iterdir())
    files: list[File] = []
    for name in sorted(folders, key=lambda name: (name != author, os.fsencode(name))):
        found, others = _works(folders[name], name)
        ignored += others
        files += found
        if name == author and not found:
            raise StageError(f"{folders[name]} holds no {SUFFIX} file; put each work there as one, in UTF-8")
    return files, ignored


def _works(folder: Path, author: str) -> tuple[list[File], int]:
    """The works of `author` in the order of their names, and the number of other files."""
    paths = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [Path(parent, name) for name in names if not name.startswith(".")]
    works: dict[str, File] = {}
    ignored = 0
    for path in sorted(paths, key=os.fsencode):
        # a broken link or one that loops is a work that can't be read, a FIFO or a socket is none
        if path.suffix.lower() != SUFFIX or not (path.is_file() or path.is_symlink()):
            ignored += 1
            continue
        work = _name(path.relative_to(folder).as_posix().removesuffix(SUFFIX))
        while work in works:
            work += "~"
        works[work] = File(author, work, path)
    return list(works.values()), ignored


def _name(text: str) -> str:
    """`text` as it is on all machines (macOS takes accents apart), and fit to be shown."""
    return unicodedata.normalize("NFC", printable(text))


def printable(text: str) -> str:
    """`text` on one line, with an escape for what can't be shown or isn't UTF-8."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def examine(file: File, max_words: int) -> Read:
    """Read and clean one work."""
    none = Work([], {})
    try:
        work = cleaned(decoded(file.path.read_bytes()), max_words)
    except Unreadable as unreadable:
        return Read(file, none, unreadable.reason, unreadable.detail)
    except OSError as error:
        return Read(file, none, "unreadable", str(error.strerror))
    return Read(file, work) if work.paragraphs else Read(file, work, "empty", "no paragraph after cleaning")


def _judged(reads: Sequence[Read], params: CurateParams) -> tuple[list[Paragraph], Words]:
    """All paragraphs, each with the first reason of the filters to drop it, and their words."""
    of = [(read, index, text) for read in reads for index, text in enumerate(read.work.paragraphs)]
    texts = [text for _, _, text in of]
    words = hashed(texts)
    found = filters.reasons(texts, words, params.filters)
    counts = (words.borders[1:] - words.borders[:-1]).tolist()
    return [Paragraph(*one, count, reason) for one, count, reason in zip(of, counts, found)], words


def _drop_duplicates(paragraphs: Sequence[Paragraph], words: Words, params: CurateParams) -> None:
    """Give a reason and a partner to each paragraph that repeats another one, of whatever author.

    The paragraphs of `params.author`, which come before all others, stand before what repeats them elsewhere.
    """
    left = [place for place, one in enumerate(paragraphs) if not one.reason]
    repeated = duplicates.exact([paragraphs[place].text for place in left], only(words, left))
    _mark(paragraphs, left, repeated, EXACT)
    left = [place for place in left if not paragraphs[place].reason]
    mine = sum(paragraphs[place].read.file.author == _name(params.author) for place in left)
    _mark(paragraphs, left, duplicates.near(only(words, left), params.similarity, mine), NEAR)


def _mark(
    paragraphs: Sequence[Paragraph], left: Sequence[int], twins: Mapping[int, duplicates.Twin], reason: str
) -> None:
    for place, twin in twins.items():
        one, other = paragraphs[left[place]], paragraphs[left[twin.of]]
        one.reason, one.share = reason, twin.share
        one.partner = f"{other.read.file.author}/{other.read.file.work}#{other.index}"


def _split(paragraphs: Iterable[Paragraph], reads: Sequence[Read], params: CurateParams) -> None:
    """Give all paragraphs the split of their work."""
    author = _name(params.author)
    mine: Counter[str] = Counter()
    for one in paragraphs:
        if one.read.file.author == author and not one.reason:
            mine[one.read.file.work] += one.words
    try:
        split = splits.assign(mine, params.splits)
    except splits.TooFew as error:
        skipped = [read for read in reads if read.reason and read.file.author == author]
        because = f"; {skipped[0].file.path} is skipped: {skipped[0].reason}, {skipped[0].detail}" if skipped else ""
        dropped = Counter(one.reason for one in paragraphs if one.reason and one.read.file.author == author)
        counts = ", ".join(f"{reason} {count}" for reason, count in dropped.most_common())
        lost = f"; paragraphs dropped: {counts}" if dropped else ""
        raise StageError(f"author {params.author} {error}{because}{lost}") from error
    for one in paragraphs:
        one.split = split.get(one.read.file.work, "") if one.read.file.author == author else REFERENCE


def _of(paragraphs: Iterable[Paragraph], split: Split) -> list[Paragraph]:
    """Those that are kept in `split`."""
    return [one for one in paragraphs if one.split == split and not one.reason]


def _drop_shared(paragraphs: Sequence[Paragraph], params: CurateParams) -> None:
    """Give a reason to what train shares with valid or test, and valid with test."""
    of = {split: _of(paragraphs, split) for split in SPLITS}
    texts = {split: [one.text for one in of[split]] for split in SPLITS}
    for split, leaks in splits.leaking(texts, params.splits.shared_run).items():
        for one, leak in zip(of[split], leaks):
            one.reason = SHARED if leak else one.reason
    for split in SPLITS:
        if not _of(paragraphs, split):
            raise StageError(
                f"author {params.author} has no paragraph for {split} that shares no run of {params.splits.shared_run} "
                "words with the other splits; add works that are not versions of each other, or choose another seed"
            )


def _keep_to_budget(train: Sequence[Paragraph], limits: budget.Budget) -> None:
    """Give a reason to what is too much."""
    keep = budget.chosen([one.text for one in train], [one.words for one in train], limits)
    for one, is_kept in zip(train, keep):
        one.reason = one.reason if is_kept else OVER


def _row(one: Paragraph) -> dict[str, object]:
    file = one.read.file
    about = {"author": file.author, "work": file.work, "split": one.split, "index": one.index}
    return {**about, "words": one.words, "text": one.text}


COLUMNS = ("author", "work", "index", "split", "status", "reason", "partner", "share", "words", "begins")


def _line(one: Paragraph) -> list[object]:
    """A line of the manifest: what became of a paragraph, and why."""
    file, status = one.read.file, "dropped" if one.reason else "kept"
    share = one.share if one.partner else ""
    return [
        file.author,
        file.work,
        one.index,
        one.split,
        status,
        one.reason,
        one.partner,
        share,
        one.words,
        one.text[:40],
    ]


def _write_works(path: Path, reads: Sequence[Read], paragraphs: Iterable[Paragraph]) -> None:
    """Write a row per file: its split or why it has none, what was taken out of it and what is kept."""
    kept: Counter[int] = Counter()
    words: Counter[int] = Counter()
    split: dict[int, str] = {}
    for one in paragraphs:
        if not one.reason:
            kept[id(one.read)] += 1
            words[id(one.read)] += one.words
            split[id(one.read)] = one.split
    rows = []
    for read in reads:
        key, file = id(read), read.file
        reason = read.reason or ("" if kept[key] else "no_paragraph_kept")
        removed = " ".join(f"{kind.replace(' ', '_')}={count}" for kind, count in read.work.removed.items())
        counts = [len(read.work.paragraphs), kept[key], words[key]]
        rows.append([file.author, file.work, split.get(key, ""), reason, printable(read.detail), *counts, removed])
    columns = ["author", "work", "split", "reason", "detail", "paragraphs_read", "paragraphs_kept", "words_kept"]
    write_csv(path, [*columns, "removed"], rows)


def crossing(paragraphs: Path, n: int) -> int:
    """How many different runs of `n` words are in two of train, valid and test, in the file as it was written."""
    texts: dict[str, list[str]] = {place: [] for place in PLACES}
    for row in read_jsonl(paragraphs):
        texts[row["split"]].append(row["text"])
    return splits.shared_grams({split: texts[split] for split in SPLITS}, n)


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


if __name__ == "__main__":
    raise SystemExit(run(curate))
