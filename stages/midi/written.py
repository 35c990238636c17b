"""What a model wrote, judged as text and as files: grammar, round trip, and whether it is what was asked for."""

from collections.abc import Sequence

import numpy as np

from stages.midi import request, tokens
from stages.midi.grammar import Grammar
from stages.midi.reader import Caps, Refusal, read
from stages.midi.song import Song
from stages.midi.vocabulary import Ints, Kind, Vocabulary

JUNK = -1  # stands for model ids that are no token's
CAPS = Caps(bytes=10_000_000, ticks=1 << 28, notes=100_000, bars=10_000, seconds=100_000)


def named(ids: Sequence[int], pieces: Sequence[Sequence[int]]) -> list[int]:
    """The tokens that model `ids` spell, where token t is the ids `pieces`[t]; JUNK for each id that begins none."""
    known = {tuple(piece): token for token, piece in enumerate(pieces)}
    widths = sorted({len(piece) for piece in pieces}, reverse=True)
    found, at = [], 0
    while at < len(ids):
        width = next((width for width in widths if tuple(ids[at : at + width]) in known), 0)
        found.append(known[tuple(ids[at : at + width])] if width else JUNK)
        at += width or 1
    return found


def lines(row: Sequence[int], vocabulary: Vocabulary) -> str:
    """Long names of the tokens, a line for each bar."""
    line = vocabulary.id(Kind.BAR)
    starts = [place for place, token in enumerate(row) if token == line]
    stops = [*starts, len(row)]
    parts = [row[start:stop] for start, stop in zip([0, *starts], stops) if stop > start]
    return "".join(f"{tokens.to_text(part, vocabulary, compact=False)}\n" for part in parts)


def restored(files: Sequence[bytes], rows: Sequence[Sequence[int]], vocabulary: Vocabulary) -> dict[str, float]:
    """`valid_share`: MIDI `files` that can be read; `reencode_share`: those that encode to their `rows`."""
    valid = same = 0
    for file, row in zip(files, rows):
        try:
            song = read(file, CAPS).song
        except Refusal:
            continue
        valid += 1
        same += song.ticks_per_quarter == vocabulary.ticks_per_quarter and list(row) == _encoded(song, vocabulary)
    return {"valid_share": round(valid / len(files), 4), "reencode_share": round(same / len(files), 4)}


def _encoded(song: Song, vocabulary: Vocabulary) -> list[int] | None:
    """The tokens of `song`; None if it isn't on the vocabulary's grid."""
    try:
        ids: Ints = tokens.encode(song, vocabulary)
    except ValueError:
        return None
    return [int(token) for token in ids]


def loose(rows: Sequence[Sequence[int]], grammar: Grammar, limit: int) -> dict[str, float]:
    """Of `rows` sampled without a mask: grammar errors per token, and the share that is one whole song.

    An error is a token that may not be where it is, or an end before SONG_END; running into the `limit` is none.
    """
    errors = sum(grammar.errors(row) + (len(row) < limit and not _is_closed(row, grammar)) for row in rows)
    whole = sum(JUNK not in row and grammar.accepts(row) for row in rows)
    return {
        "grammar_errors_per_token": round(errors / max(sum(map(len, rows)), 1), 6),
        "complete_share": round(whole / len(rows), 4),
    }


def _is_closed(row: Sequence[int], grammar: Grammar) -> bool:
    """Whether the row has its SONG_END."""
    return grammar.vocabulary.id(Kind.END) in row


def followed(songs: Sequence[Song], facts: Sequence[request.Facts]) -> dict[str, float]:
    """Share of `songs` that have the key, metre and tempo they were asked to have; genres aren't measured."""
    found = [request.facts(song, asked.genre) for song, asked in zip(songs, facts)]
    pairs = list(zip(found, facts))
    shares = {
        "key": [(one.tonic, one.mode) == (asked.tonic, asked.mode) for one, asked in pairs],
        "metre": [one.metre == asked.metre for one, asked in pairs],
        "tempo": [one.tempo == asked.tempo for one, asked in pairs],
    }
    return {name: round(float(np.mean(hits)), 4) for name, hits in shares.items()}
