"""What stands before and after an author's text: titles, contents, rights, an editor's preface, notes."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from stages.prose.furniture import APPENDIX, CHAPTERS, DIVISION, FOOTNOTE, HEAD_WORDS, PREFACE, ROMAN, WRAP

CREDIT_WORDS = 60  # a longer paragraph is no credit, unless it opens as only the law makes one open
EDGE = 0.1  # share of the paragraphs at each end where front and back matter may lie
BACK = 0.6  # share of the paragraphs after which a head of notes or of an appendix ends the work
NUMBERED = re.compile(r"\(?(?:\d{1,3}|[ivxlc]{1,7})[.):]\s|(?:page|p|note|line|chapter)\.? ?\d", re.I)  # begins a note
UNBRACKETED = re.compile(r"\W*(?:editor|transcriber|translator|publisher|proofreader)(?:[’']s|s[’'])? notes?\b", re.I)
CONTENTS = re.compile(r"\W*(?:(?:table of )?contents|list of illustrations|illustrations)\b\W*", re.I)
ENTRY = re.compile(rf"(?:{ROMAN}|\d{{1,3}}|(?:{DIVISION}) \w+)\b[.:)\s]", re.I)
LEGAL = re.compile(
    r"\W*(?:copyright\W*(?:©|\(c\)|\d{4}|by\b)|©|\(c\)\s*\d{4}|all rights reserved|isbn\b|"
    r"this(?: \w+)? is a work of fiction|no part of this (?:publication|book|e-?book|work)|"
    r"(?:all )?names, characters\b|any resemblance to (?:actual|real|any|persons)\b)",
    re.I,
)
CREDIT = re.compile(
    r"\W*(?:(?:first )?(?:published|printed|serialized) (?:in|by|on)\b|reprinted (?:by|from|in)|"
    r"printed in\b|produced by\b|e-?text (?:prepared|produced)|"
    r"(?:this|the) (?:e-?book|e-?text|edition|work|text|story|file) (?:is|was|has been) (?:in the public|for the use|"
    r"the product|produced|transcribed|prepared|made|released|dedicated|not copyright)|release date|last updated|"
    r"language:|character set|"
    r"title:|author:|written (?:in|by)\b.{0,40}$|project gutenberg|standard ebooks|distributed proofread|"
    r"creative commons|uncopyright|transcribed (?:from|by)|digiti[sz]ed by|source:|credits:|"
    r"most recently updated|https?://|www\.)",
    re.I,
)
BYLINE = re.compile(r"\W*(?:by|written by|from the pen of|author of)\b.{2,60}", re.I)
EDITION = re.compile(r"\b(?:editors?|editions?|edited by)\b", re.I)
ENDED = re.compile(r"[.!?…:;,—–。！？-][”’\"')\]_]*$")


@dataclass(frozen=True)
class Blocks:
    """What stands between blank lines, and what it was that stood there."""

    texts: list[str]
    heads: dict[int, str]  # the head that was left out before a block, by its place
    notes: set[int]  # places of footnotes


def without_matter(found: Blocks, removed: Counter[str]) -> list[str]:
    """The blocks without what stands before and after the author's text, tables of contents and footnotes."""
    blocks = found.texts
    count = len(blocks)
    edge = max(int(count * EDGE), 12)
    prefaces = _prefaces(found, edge)
    kept: list[str] = []
    listing = False  # within a table of contents
    for place, block in enumerate(blocks):
        kind = ""
        if _is_short(block) and APPENDIX.fullmatch(block):
            if place >= count * BACK and count > 3 and _is_matter(blocks, place):
                removed["back matter"] += count - place
                break
            kind = "head"
        elif place in prefaces:
            kind = "front matter"
        elif UNBRACKETED.match(block):
            kind = "note"
        elif place in found.notes:
            kind = "footnote"
        elif place < edge and (CONTENTS.fullmatch(block) if len(block) < 40 else _is_contents(block)):
            kind, listing = "contents", True
        elif listing and len(block) < WRAP and not ENDED.search(block):
            kind = "contents"
        elif (place < edge or place >= count - edge) and _is_credit(block):
            kind = "front matter" if place < edge else "back matter"
        elif place < edge and not kept and len(block.split()) <= HEAD_WORDS and _is_title(block):
            kind = "front matter"
        else:
            listing = False
        if kind:
            removed[kind] += 1
        else:
            kept.append(block)
    return kept


def _prefaces(found: Blocks, edge: int) -> set[int]:
    """Places of an editor's words: what is under the head of a preface, before the first chapter, and names an edition.

    A preface without a head after it may be the whole work.
    """
    places: set[int] = set()
    sections: list[tuple[int, str]] = []  # the place and the name of each, which is empty for no preface
    for place, head in found.heads.items():
        preface = PREFACE.fullmatch(head)
        name = preface[1].lower() if preface else ""
        if not name or not sections or name != sections[-1][1]:  # else it is a running head
            sections.append((place, name))
        if not name and any(pattern.fullmatch(head) for pattern in CHAPTERS):
            break
    for (place, name), (end, _) in pairwise(sections):
        if name and place < edge and any(EDITION.search(block) for block in found.texts[place:end]):
            places.update(range(place, end))
    return places


def _is_short(block: str) -> bool:
    """Whether `block` is no longer than a credit."""
    return len(block) < 400 and len(block.split()) <= CREDIT_WORDS


def _is_credit(block: str) -> bool:
    """Whether `block` tells of rights, or is a short one that tells of printers and the like."""
    return bool(LEGAL.match(block)) or (_is_short(block) and bool(CREDIT.match(block)))


def _is_matter(blocks: Sequence[str], place: int) -> bool:
    """Whether what follows a head of notes or the like is no chapter: little text, or for the most part entries."""
    after = blocks[place + 1 :]
    if sum(map(len, after)) <= EDGE * sum(map(len, blocks)):
        return True
    entries = sum(
        not ENDED.search(block)
        or bool(FOOTNOTE.match(block) or NUMBERED.match(block) or LEGAL.match(block) or CREDIT.match(block))
        for block in after
    )
    return 2 * entries >= len(after)


def _is_contents(block: str) -> bool:
    """Whether `block` is a list of contents on one line."""
    return block[:8].lower() == "contents" and (block[:8].isupper() or ENTRY.match(block[8:].lstrip(" .:")) is not None)


def _is_title(block: str) -> bool:
    """Whether a line before the text is a title or names the author, rather than to be read with it."""
    return bool(BYLINE.fullmatch(block)) or not ENDED.search(block)
