"""Contact sheets: many recordings on one page, each with its spectrogram, its wave, and what is to be said of it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.files import write_bytes
from stages.lofi.picture import BANDS, COLUMNS, Picture

ACROSS, DOWN = 5, 6  # tiles of a page
TILE = (COLUMNS + 10, BANDS + 78)  # pixels of a tile
WAVE = 22  # rows of the wave
MARGIN, HEAD = 10, 28
PAPER, INK, GREY, RED = (255, 255, 255), (40, 40, 40), (120, 120, 120), (190, 60, 0)
BLUE = (0, 114, 178)
# dark to light by equal steps that every kind of colour vision sees: black, purple, orange, yellow
RAMP = np.array([(0, 0, 4), (60, 15, 110), (140, 41, 129), (222, 73, 104), (254, 159, 109), (252, 253, 191)])


@dataclass(frozen=True)
class Tile:
    """A recording on a sheet."""

    title: str
    lines: tuple[str, ...]  # three at most
    picture: Picture | None  # None where nothing of it can be heard
    is_refused: bool = False


def pages(tiles: Sequence[Tile], heading: str) -> list[bytes]:
    """PNGs of all `tiles`, 30 to a page; a page that says there are none if there are none."""
    size = ACROSS * DOWN
    parts = [tiles[first : first + size] for first in range(0, len(tiles), size)] or [[]]
    count = len(parts)
    return [
        _page(part, heading if count == 1 else f"{heading}, page {n} of {count}") for n, part in enumerate(parts, 1)
    ]


def write(tiles: Sequence[Tile], heading: str, folder: Path, name: str) -> bytes:
    """Write all pages to `folder`/NAME-001.png and on; the first one is returned."""
    found = pages(tiles, heading)
    for number, page in enumerate(found, 1):
        write_bytes(folder / f"{name}-{number:03}.png", page)
    return found[0]


def _page(tiles: Sequence[Tile], heading: str) -> bytes:
    from PIL import Image, ImageDraw

    down = max(-(-len(tiles) // ACROSS), 1)
    width = 2 * MARGIN + ACROSS * TILE[0]
    image = Image.new("RGB", (width, HEAD + MARGIN + down * TILE[1]), PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((MARGIN, 7), heading if tiles else f"{heading}: none", INK, _font(13))
    for place, tile in enumerate(tiles):
        left, top = MARGIN + place % ACROSS * TILE[0], HEAD + place // ACROSS * TILE[1]
        _draw(image, draw, tile, left, top)
    data = io.BytesIO()
    image.save(data, "PNG", optimize=True)
    return data.getvalue()


def _draw(image: Any, draw: Any, tile: Tile, left: int, top: int) -> None:
    from PIL import Image

    if tile.picture is None:
        draw.rectangle((left, top, left + COLUMNS - 1, top + BANDS + WAVE - 1), outline=(210, 210, 210))
        draw.text((left + COLUMNS // 2, top + (BANDS + WAVE) // 2), "no sound", GREY, _font(10), anchor="mm")
    else:
        image.paste(Image.fromarray(_coloured(tile.picture.spectrum[::-1])), (left, top))
        middle = top + BANDS + WAVE // 2
        for column, level in enumerate(tile.picture.wave.tolist()):
            half = level * (WAVE - 4) // 2 // 255
            colour = RED if level == 255 else BLUE
            draw.line((left + column, middle - half, left + column, middle + half), colour)
    at = top + BANDS + WAVE + 1
    draw.text((left, at), _fitted(draw, tile.title), INK, _font(10))
    for number, line in enumerate(tile.lines[:3], 1):
        draw.text((left, at + 12 * number), _fitted(draw, line), RED if tile.is_refused else GREY, _font(10))


def folded(text: str) -> tuple[str, str]:
    """`text` on two lines, as even as its words allow."""
    breaks = [place for place, letter in enumerate(text) if letter == " "]
    at = min(breaks, key=lambda place: abs(2 * place - len(text)), default=len(text))
    return text[:at], text[at + 1 :]


def _coloured(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`levels` of 0 to 255 in colours, shape (..., 3)."""
    steps = np.linspace(0, 255, len(RAMP))
    found = [np.interp(levels, steps, RAMP[:, channel]) for channel in range(3)]
    return np.stack(found, axis=-1).round().astype(np.uint8)


def _fitted(draw: Any, text: str) -> str:
    """`text`, with its middle left out if it is wider than a tile."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text[:400])
    if draw.textlength(text, _font(10)) <= COLUMNS:
        return text
    kept = len(text)
    while draw.textlength(short := f"{text[: -(-kept // 2)]}…{text[len(text) - kept // 2 :]}", _font(10)) > COLUMNS:
        kept -= 1
    return short


def _font(size: int) -> Any:
    """The font that matplotlib brings: it has the letters of many languages, and is the same everywhere."""
    if size not in _FONTS:
        import matplotlib
        from PIL import ImageFont

        path = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
        # the basic layout, for the other one depends on a library that not every system has
        _FONTS[size] = ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    return _FONTS[size]


_FONTS: dict[int, Any] = {}
