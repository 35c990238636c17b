"""Pictures of music: time in bars from left to right, pitch from bottom to top, a colour for each voice."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.midi.song import DRUMS, DURATION, ONSET, PITCH, PROGRAM, VELOCITY, Song, Table, bars

NOTE_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
BLACK = (1, 3, 6, 8, 10)
# Okabe and Ito 2008: distinct for every kind of colour vision; yellow left out, too pale on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
VOICES = ("highest voice", "second", "third", "fourth", "fifth", "lower", "drums")
INK, PALE, GRID, PAPER = "#333333", "#F3F4F6", "#C9CDD3", "#FFFFFF"
DOTS_PER_INCH = 110
MOST_LABELS = 24  # bar numbers along an axis


@dataclass(frozen=True)
class Panel:
    """One picture of a sheet."""

    title: str
    song: Song  # in normal form


def pitch_name(pitch: int) -> str:
    """The name of a MIDI pitch, where 60 is C4."""
    return f"{NOTE_NAMES[pitch % 12]}{pitch // 12 - 1}"


def voices(notes: Table) -> Table:
    """Index into VOICES of each note: its place among the pitches that sound at its onset, from the top; or drums."""
    rank = np.zeros(len(notes), dtype=np.int64)
    ends = notes[:, ONSET] + notes[:, DURATION]
    pitched = notes[:, PROGRAM] != DRUMS
    for index, (onset, pitch) in enumerate(notes[:, [ONSET, PITCH]].tolist()):
        above = pitched & (notes[:, ONSET] <= onset) & (ends > onset) & (notes[:, PITCH] > pitch)
        rank[index] = len(np.unique(notes[above, PITCH]))
    return np.asarray(np.where(pitched, np.minimum(rank, len(VOICES) - 2), len(VOICES) - 1))


def sheet(panels: Sequence[Panel], columns: int = 2) -> bytes:
    """A PNG with the piano rolls of `panels` in rows; all have the same pitch and time scale, so that they compare.

    The same panels give the same bytes: nothing of the date or the program that made it is written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(7.2 * columns, 2.7 * rows + 0.5), dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    grid: Any = figure.subplots(rows, columns, squeeze=False)
    pitches = np.concatenate([panel.song.notes[:, PITCH] for panel in panels])
    low, high = int(pitches.min()) - 2, int(pitches.max()) + 2
    width = max(_quarters(panel.song) for panel in panels)
    for axes in grid.ravel()[len(panels) :]:
        axes.set_axis_off()
    for axes, panel in zip(grid.ravel(), panels):
        draw(axes, panel, low, high, width)
    for axes in grid[:, 0]:
        axes.set_ylabel("pitch", color=INK, fontsize=9)
    for column in range(columns):
        below = (len(panels) - 1 - column) // columns
        if below >= 0:
            grid[below, column].set_xlabel("bar", color=INK, fontsize=9)
    used = np.unique(np.concatenate([voices(panel.song.notes) for panel in panels])).tolist()
    if len(used) > 1:
        handles = [Line2D([], [], color=COLOURS[voice], linewidth=5, label=VOICES[voice]) for voice in used]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(used), frameon=False, fontsize=9)
    buffer = io.BytesIO()
    # without the software's version and the date
    figure.savefig(buffer, format="png", metadata={"Software": None}, pil_kwargs={"optimize": True})
    return buffer.getvalue()


def draw(axes: Any, panel: Panel, low: int, high: int, width: float) -> None:
    """The piano roll of `panel` on matplotlib `axes`, from pitch `low` to `high` and `width` quarters wide."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import FancyBboxPatch, Rectangle

    song = panel.song
    quarter = song.ticks_per_quarter
    axes.set_xlim(0, width)
    axes.set_ylim(low - 0.5, high + 0.5)
    black = [Rectangle((0, pitch - 0.5), width, 1) for pitch in range(low, high + 1) if pitch % 12 in BLACK]
    axes.add_collection(PatchCollection(black, facecolor=PALE, edgecolor="none", zorder=0))
    lines = bars(song)
    starts = lines[:, 0] / quarter
    axes.vlines(starts, low - 0.5, high + 0.5, color=GRID, linewidth=0.7, zorder=1)
    colour = voices(song.notes)
    boxes, faces = [], []
    for note, number in zip(song.notes.tolist(), colour.tolist()):
        length = 0.35 * quarter if note[PROGRAM] == DRUMS else note[DURATION]
        start, long = note[ONSET] / quarter, max(length / quarter - 0.06, 0.08)
        style = "round,pad=0,rounding_size=0.12"
        boxes.append(FancyBboxPatch((start, note[PITCH] - 0.4), long, 0.8, boxstyle=style))
        faces.append((*_rgb(COLOURS[number]), 0.55 + 0.45 * note[VELOCITY] / 127))
    axes.add_collection(PatchCollection(boxes, facecolor=faces, edgecolor="none", zorder=2))
    step = max(-(-len(starts) // MOST_LABELS), 1)
    axes.set_xticks(starts[::step], [str(number + 1) for number in range(0, len(starts), step)])
    tonics = [pitch for pitch in range(low, high + 1) if pitch % 12 in (0, 7)]
    axes.set_yticks(tonics, [pitch_name(pitch) for pitch in tonics])
    axes.tick_params(length=0, labelsize=8, labelcolor=INK)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_title(panel.title, loc="left", fontsize=10, color=INK)


def _quarters(song: Song) -> float:
    """From the start to the end of the last note or bar, in quarters."""
    lines = bars(song)
    last = max(int((song.notes[:, ONSET] + song.notes[:, DURATION]).max()), int(lines[-1, 0] + lines[-1, 1]))
    return last / song.ticks_per_quarter


def _rgb(colour: str) -> tuple[float, float, float]:
    """Red, green and blue from 0 to 1 of a colour like #0072B2."""
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue
