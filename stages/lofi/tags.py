"""The prompt of a track: tags of its styles, with the tempo and the key that it has."""

import random
from collections.abc import Iterable, Sequence

from pydantic import Field

from stages.lofi.styles import Style
from stages.params import Params


class Counts(Params):
    """How many tags of each column a prompt has, or all where a style has fewer."""

    genre: int = Field(ge=1)
    moods: int = Field(ge=0)
    instruments: int = Field(ge=0)
    production: int = Field(ge=0)
    atmosphere: int = Field(ge=0)


def prompt(
    styles: Sequence[Style], tempo_bpm: float | None, key: str | None, counts: Counts, seed: int, track: str
) -> str:
    """Tags parted by commas: genre, mood, instruments, tempo, key, production, atmosphere, vocal type; none twice.

    `styles` are those of the track, the main one first. What names a style is always there, all else is a choice that
    `seed` and `track` decide. A tempo or key that is None is left out.
    """
    rng = random.Random(f"{seed}:{track}")
    used: set[str] = set()

    def some(pool: Iterable[str], count: int, always: Sequence[str] = ()) -> list[str]:
        """The tags `always`, then others of `pool` up to `count`, none of them `used`; in the order of `pool`."""
        free = [tag for tag in dict.fromkeys(pool) if tag not in used]
        sure = [tag for tag in free if tag in always]
        others = [tag for tag in free if tag not in always]
        chosen = {*sure, *rng.sample(others, min(max(count - len(sure), 0), len(others)))}
        used.update(chosen)
        return [tag for tag in free if tag in chosen]

    def of(column: str) -> list[str]:
        return [tag for style in styles for tag in getattr(style, column)]

    played = [style.instruments[0] for style in styles if style.category == "instrumental"]
    sung = [style for style in styles if style.category == "vocal"] or styles
    tags = [
        *some(of("genre"), counts.genre, [style.genre[0] for style in styles]),
        *some(of("moods"), counts.moods),
        *some(of("instruments"), counts.instruments, played),
        *([f"{tempo_bpm:.0f} bpm"] if tempo_bpm is not None else []),
        *([key] if key is not None else []),
        *some(of("production"), counts.production),
        *some(of("atmosphere"), counts.atmosphere),
        *some(sung[0].vocals, 1),
    ]
    return ", ".join(tags)
