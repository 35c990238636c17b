"""What all drawn figures share: their size and ink, axes without a frame, and PNGs of the same bytes each time."""

import io
from pathlib import Path
from typing import Any

from stages.files import write_bytes

INK, PALE = "#333333", "#dddddd"


def canvas(width: float, height: float) -> Any:
    """A figure of `width` by `height` inches, 110 pixels each."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def plain(axes: Any) -> None:
    """Leave out what is right of and above the `axes`."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=INK)


def say(axes: Any, words: str) -> None:
    """`words` in the middle, in place of what can't be drawn."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, ha="center", va="center", transform=axes.transAxes, color=INK)


def write(drawn: Any, path: Path) -> None:
    """Write the figure `drawn` as a PNG to `path`. The bytes depend on what is drawn and on matplotlib alone."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    image = io.BytesIO()
    FigureCanvasAgg(drawn).print_png(image, metadata={"Software": None})
    write_bytes(path, image.getvalue())
