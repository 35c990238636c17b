"""Turn documents and conversations into rows to learn from: redacted, split by document, then cut to size.

A document gives `text` rows, a conversation `messages` rows. What can't be used is refused with a reason; the manifest
has a line per document and conversation.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field, ValidationInfo

from stages.files import read_jsonl, sha256, sha256_tree, write_csv, write_jsonl
from stages.params import Params
from stages.prose.documents import chunks, conversations, groups
from stages.prose.documents.chunks import Mode, Ruler, Sizes
from stages.prose.documents.conversations import Message
from stages.prose.documents.groups import SPLITS, Group, Split
from stages.prose.documents.readers import Refusal, read
from stages.prose.documents.redact import KINDS, Kind, redacted
from stages.run import StageError, run
from stages.workers import map_items

BIN = 32  # tokens, in the histogram of row lengths
TURN = 5  # tokens that ChatML puts around a message
# Of the tokenizers that rows go through: a text that has one in it would end or answer itself.
SPECIAL = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
COLUMNS = (
    "file",
    "item",
    "kind",
    "status",
    "reason",
    "detail",
    "group",
    "split",
    "pages",
    "words",
    "rows",
    "rows_dropped",
)


def _each_once(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError("each one once")
    return values


# A function beside the class: one with a field_validator can't go to the workers while this module runs as __main__.
def _with_name_redacted(names: list[str], info: ValidationInfo) -> list[str]:
    if names and "name" not in info.data.get("redact", ["name"]):
        raise ValueError("no names where redact lacks name, or they would stay; add name to redact")
    return names


class Conversations(Params):
    """How conversations become rows."""

    tokens: int = Field(ge=32)  # in a row, with five for each message
    exchanges: int = Field(ge=0)  # questions with their answers in a row, at most; 0 for as many as there is room for
    each_answer: bool  # a row for each answer, with what came before it; else rows that share nothing


class PrepareParams(Params):
    """How documents and conversations become rows."""

    max_bytes: int = Field(ge=1)  # a larger file is refused
    redact: Annotated[list[Kind], AfterValidator(_each_once)]
    # to redact wherever they stand
    names: Annotated[list[Annotated[str, Field(min_length=2, pattern=r"\w")]], AfterValidator(_with_name_redacted)]
    phone_regions: Annotated[list[Annotated[str, Field(pattern="^[A-Z]{2}$")]], AfterValidator(_each_once)]  # ISO 3166
    tokenizer: str | None  # folder of what counts tokens; null: a word is 1.3
    chunks: Mode
    size_tokens: int = Field(ge=100)  # of a chunk, at most
    overlap_tokens: int = Field(ge=0)  # with the chunk before
    min_tokens: int = Field(ge=1)  # a shorter section or page is joined with the next
    conversations: Conversations
    same_share: float = Field(gt=0, le=1)  # of the runs of 12 words; two that share more are one group
    valid: float = Field(gt=0, lt=0.5)  # share of the groups
    test: float = Field(gt=0, lt=0.5)
    seed: int


class Item(NamedTuple):
    """A document or a conversation, or a file that holds neither."""

    file: str  # path below the raw folder
    item: str  # which conversation of the file, from 0
    kind: str  # document, conversation or file
    pages: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    reason: str = ""  # why it can't be used
    detail: str = ""
    redacted: Mapping[str, int] = {}

    @property
    def id(self) -> str:
        """What its rows are called after."""
        return f"{self.file}:{self.item}" if self.item else self.file

    @property
    def text(self) -> str:
        """What it says, for comparing."""
        return chunks.joined(self.pages)[0] if self.pages else groups.said(self.messages)


@dataclass
class Rows:
    """The rows of one item, and what became of some."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    crossing_pages: int = 0
    too_long: int = 0  # exchanges
    leaking: int = 0  # rows dropped, because another split has a run of theirs


def prepare(raw: Path, dataset: Path, lengths: Path, params: PrepareParams) -> dict[str, object]:
    """Write the rows of all documents and conversations below `raw` to `dataset`/train, valid and test.jsonl.

    `dataset`/manifest.csv says what became of each; `lengths` is the histogram of row lengths. No run of 12 words is in
    two splits, system messages aside: documents that share much are one group, and a held-out row that shares one
    still is dropped. Raises StageError for an empty folder, fewer than three groups, or a split left without rows.
    """
    if params.overlap_tokens * 2 > params.size_tokens:
        raise StageError(
            f"documents.prepare.overlap_tokens is {params.overlap_tokens}, expected at most half of size_tokens "
            f"{params.size_tokens}; lower it"
        )
    files = find(raw)
    chunks.ruler(params.tokenizer)  # fails now, if it does
    items = [item for found in map_items(partial(items_of, raw, params=params), files, "read") for item in found]
    items = without_duplicates(items)
    usable = [at for at, item in enumerate(items) if not item.reason]
    first = groups.same(groups.keys([items[at].text for at in usable]), params.same_share)
    group = {at: sha256(items[usable[head]].text.encode())[:16] for at, head in zip(usable, first)}
    split = _splits(raw, items, group, params)

    done: list[Rows] = map_items(partial(rows_of, params=params), [items[at] for at in usable], "cut")
    rows = dict(zip(usable, done))
    _drop_leaking(done, [split[group[at]] for at in usable])
    kept: dict[Split, list[dict[str, Any]]] = {name: [] for name in SPLITS}
    for at in usable:
        kept[split[group[at]]] += rows[at].rows
    if empty := [name for name in SPLITS if not kept[name]]:
        raise StageError(_left_empty(raw, empty, done))

    for name in SPLITS:
        write_jsonl(dataset / f"{name}.jsonl", kept[name])
    manifest = [_line(item, at, group, split, rows) for at, item in enumerate(items)]
    write_csv(dataset / "manifest.csv", COLUMNS, manifest)
    write_csv(lengths, ["split", "tokens", "rows"], histogram(kept))
    written = {name: [groups.spoken(row) for row in read_jsonl(dataset / f"{name}.jsonl")] for name in SPLITS}
    shared = groups.shared_runs(written)
    if shared:
        raise StageError(f"{dataset}: {shared} runs of 12 words are in two splits, expected none")
    return _metrics(files, items, rows, group, kept, shared, params)


def find(raw: Path) -> list[str]:
    """The files below `raw`, as paths from there, in order; hidden ones don't count. Raises StageError if none."""
    if not raw.is_dir():
        raise StageError(f"{raw} is not a folder; make it and put documents or conversations into it")
    paths = [Path(parent, name).relative_to(raw) for parent, _, names in os.walk(raw) for name in names]
    shown = [path for path in paths if not any(part.startswith(".") for part in path.parts)]
    if not shown:
        raise StageError(
            f"{raw} has no files, expected documents or conversations: txt, md, html, docx, pdf, json, jsonl"
        )
    return [path.as_posix() for path in sorted(shown, key=os.fsencode)]


def items_of(raw: Path, file: str, params: PrepareParams) -> list[Item]:
    """The documents and conversations in a file, redacted, or why there are none."""
    name = printable(file)
    try:
        path = raw / file
        if not path.is_file():
            raise Refusal("unreadable", "no regular file")
        with path.open("rb") as opened:
            contents = read(opened.read(params.max_bytes + 1), path.suffix, params.max_bytes)
    except Refusal as refusal:
        return [Item(name, "", "file", reason=refusal.reason, detail=printable(refusal.detail))]
    except OSError as error:
        return [Item(name, "", "file", reason="unreadable", detail=str(error.strerror))]
    if contents.pages:
        return [_document(name, contents.pages, params)]
    found = [one for value in contents.values for one in conversations.found(value)]
    return [_conversation(name, str(at), one, params) for at, one in enumerate(found)]


def _document(file: str, pages: Sequence[str], params: PrepareParams) -> Item:
    counts: Counter[str] = Counter()
    try:
        clean = tuple(_clean(page, counts, params) for page in pages)
    except Refusal as refusal:
        return Item(file, "", "document", reason=refusal.reason, detail=printable(refusal.detail))
    return Item(file, "", "document", pages=clean, redacted=dict(counts))


def _conversation(file: str, item: str, value: Any, params: PrepareParams) -> Item:
    counts: Counter[str] = Counter()
    try:
        turns = conversations.messages(value)
        clean = tuple({"role": turn["role"], "content": _clean(turn["content"], counts, params)} for turn in turns)
    except Refusal as refusal:
        return Item(file, item, "conversation", reason=refusal.reason, detail=printable(refusal.detail))
    return Item(file, item, "conversation", messages=clean, redacted=dict(counts))


def _clean(text: str, counts: Counter[str], params: PrepareParams) -> str:
    """`text` redacted. Raises Refusal for what is no text, or would be read as marks of a tokenizer."""
    if special := next((mark for mark in SPECIAL if mark in text), None):
        raise Refusal("special_token", special)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Refusal("half_surrogate", f"character {error.start}") from error
    text, found = redacted(text, params.redact, params.names, params.phone_regions)
    counts.update(found)
    return text


def without_duplicates(items: Sequence[Item]) -> list[Item]:
    """`items`, where one that says all that another before it says is refused."""
    stands: dict[tuple[str, tuple[str, ...]], str] = {}
    found = []
    for item in items:
        said = tuple(turn["role"] + "\n" + turn["content"] for turn in item.messages) or (" ".join(item.text.split()),)
        known = stands.setdefault((item.kind, said), item.id) if not item.reason else item.id
        found.append(item if known == item.id else Item(*item[:3], reason="duplicate", detail=f"of {known}"))
    return found


def _splits(raw: Path, items: Sequence[Item], group: Mapping[int, str], params: PrepareParams) -> dict[str, Split]:
    """The split of each group. Raises StageError if there are too few."""
    sizes: Counter[str] = Counter()
    kinds: dict[str, str] = {}
    for at, name in group.items():
        sizes[name] += len(items[at].text.split())
        kinds.setdefault(name, items[at].kind)
    if len(sizes) < len(SPLITS):
        refused = Counter(item.reason for item in items if item.reason)
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(refused.items()))
        raise StageError(
            f"{raw} has {len(group)} usable documents and conversations in {len(sizes)} groups that share no text"
            f"{f' (refused: {why})' if why else ''}, expected at least 3 groups, one each for train, valid and test; "
            "add documents"
        )
    return groups.assign(
        [Group(name, kinds[name], size) for name, size in sizes.items()], params.valid, params.test, params.seed
    )


def rows_of(item: Item, params: PrepareParams) -> Rows:
    """The rows of a document or conversation."""
    ruler = chunks.ruler(params.tokenizer)
    return _document_rows(item, ruler, params) if item.pages else _conversation_rows(item, ruler, params)


def _document_rows(item: Item, ruler: Ruler, params: PrepareParams) -> Rows:
    sizes = Sizes(params.size_tokens, params.overlap_tokens, params.min_tokens)
    parts = chunks.chunks(item.pages, params.chunks, sizes, ruler)
    rows = [
        {
            "id": f"{item.id}#{at}",
            "file": item.file,
            "pages": list(part.pages),
            "tokens": part.tokens,
            "text": part.text,
        }
        for at, part in enumerate(parts)
    ]
    return Rows(rows, crossing_pages=sum(part.pages[0] != part.pages[1] for part in parts))


def _conversation_rows(item: Item, ruler: Ruler, params: PrepareParams) -> Rows:
    def cost(turns: Sequence[Message]) -> int:
        return sum(ruler.count(turn["content"]) + TURN for turn in turns)

    wanted = params.conversations
    parts, too_long = conversations.rows(item.messages, wanted.each_answer, wanted.exchanges, wanted.tokens, cost)
    rows = [
        {"id": f"{item.id}#{at}", "file": item.file, "tokens": cost(part), "messages": part}
        for at, part in enumerate(parts)
    ]
    return Rows(rows, too_long=too_long)


def _drop_leaking(rows: Sequence[Rows], places: Sequence[Split]) -> None:
    """Drop the rows that share a run of words with another split; `places` has the split of each item."""
    texts: dict[Split, list[str]] = {name: [] for name in SPLITS}
    for one, place in zip(rows, places):
        texts[place] += [groups.spoken(row) for row in one.rows]
    leaks = {name: iter(found) for name, found in groups.leaking(texts).items()}
    for one, place in zip(rows, places):
        kept = [row for row in one.rows if not next(leaks[place])]
        one.leaking = len(one.rows) - len(kept)
        one.rows = kept


def _left_empty(raw: Path, empty: Sequence[str], rows: Iterable[Rows]) -> str:
    leaking, too_long = (sum(counts) for counts in zip(*((one.leaking, one.too_long) for one in rows)))
    return (
        f"{raw}: no rows are left for {' and '.join(empty)}: {leaking} share a run of 12 words with another split, "
        f"{too_long} exchanges are longer than conversations.tokens; add documents that share less, or take out what "
        "they all repeat"
    )


def _line(
    item: Item, at: int, group: Mapping[int, str], split: Mapping[str, Split], rows: Mapping[int, Rows]
) -> list[object]:
    """The line of the manifest."""
    name = group.get(at, "")
    counts = [len(rows[at].rows), rows[at].leaking + rows[at].too_long] if at in rows else [0, 0]
    reason = item.reason or ("" if counts[0] else "too_long" if rows[at].too_long else "shared_with_other_split")
    about = [item.file, item.item, item.kind, "refused" if reason else "kept", reason, item.detail]
    return [*about, name, split.get(name, ""), len(item.pages), len(item.text.split()), *counts]


def histogram(kept: Mapping[Split, Sequence[Mapping[str, Any]]]) -> list[tuple[str, int, int]]:
    """(split, lower edge of a bin of row lengths in tokens, rows in it), for every split all bins up to the last."""
    counts = {name: Counter(row["tokens"] // BIN for row in rows) for name, rows in kept.items()}
    last = max((index for count in counts.values() for index in count), default=0)
    return [(name, index * BIN, count[index]) for name, count in counts.items() for index in range(last + 1)]


def _metrics(
    files: Sequence[str],
    items: Sequence[Item],
    rows: Mapping[int, Rows],
    group: Mapping[int, str],
    kept: Mapping[Split, Sequence[Mapping[str, Any]]],
    shared: int,
    params: PrepareParams,
) -> dict[str, object]:
    usable = [items[at] for at in rows]
    every = [row for name in SPLITS for row in kept[name]]
    tokens = [row["tokens"] for row in every]
    counts: Counter[str] = Counter()
    for item in usable:
        counts.update(item.redacted)
    return {
        "files_read": len(files),
        "documents": sum(item.kind == "document" for item in usable),
        "conversations": sum(item.kind == "conversation" for item in usable),
        "refused": _sorted(item.reason for item in items if item.reason),
        "groups": len(set(group.values())),
        "chunks": sum("text" in row for row in every),
        "crossing_pages": sum(one.crossing_pages for one in rows.values()),
        "rows": {name: len(kept[name]) for name in SPLITS},
        "rows_dropped": {
            "shared_with_other_split": sum(one.leaking for one in rows.values()),
            "too_long": sum(one.too_long for one in rows.values()),
        },
        "tokens": {"min": min(tokens), "mean": round(sum(tokens) / len(tokens), 2), "max": max(tokens)},
        "tokenizer": sha256_tree(Path(params.tokenizer))[:16] if params.tokenizer else "1.3 for a word",
        "redacted": {kind: counts[kind] for kind in KINDS if kind in params.redact},
        "shared_12grams": shared,
    }


def _sorted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def printable(text: str) -> str:
    """`text` on one line, with an escape for what can't be shown or isn't UTF-8."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


if __name__ == "__main__":
    raise SystemExit(run(prepare))
