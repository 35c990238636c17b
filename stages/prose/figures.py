"""Pictures of style: the source, the author and the output beside each other."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from stages.figure import INK, PALE, canvas, plain, say, write

# Grey for what goes in, the blues of the training curve for the author, and one warm colour for what came out; told
# apart by every kind of colour vision (Okabe and Ito 2008).
COLOURS = {"source": "#8a8a8a", "author": "#0072b2", "output": "#d55e00"}
FILL = "#8fb8de"
BIN, LONGEST = 4, 80  # words
COLUMNS = 5
BINS = 24  # of a histogram


def draw_lengths(lengths: Mapping[str, Sequence[int]], path: Path) -> None:
    """Write the distributions of sentence lengths of "source", "author" and "output" as a PNG to `path`.

    Shares of the sentences in steps of 4 words, with medians; the last step holds all longer ones. A text that is
    missing or has no sentences is left out. The bytes depend on the numbers and on matplotlib alone.
    """
    figure = canvas(8, 3.2)
    axes = figure.add_subplot()
    plain(axes)
    axes.set_xlabel("words in a sentence")
    axes.set_ylabel("share of sentences")
    edges = np.arange(0, LONGEST + 2 * BIN, BIN)
    drawn = {name: lengths[name] for name in COLOURS if lengths.get(name)}
    for name, found in drawn.items():
        counts, _ = np.histogram(np.clip(found, 1, LONGEST), edges - 0.5)
        label = f"{name}, median {median(found):g}"
        style: dict[str, Any] = {"linewidth": 1.6, "label": label, "color": COLOURS[name], "baseline": None}
        if name == "author":
            axes.stairs(counts / len(found), edges, fill=True, color=FILL, alpha=0.35, linewidth=0, zorder=0.5)
        axes.stairs(counts / len(found), edges, **style)
        axes.axvline(median(found), color=COLOURS[name], linewidth=1, linestyle=(0, (2, 2)))
    if drawn:
        axes.set_xlim(0, LONGEST + BIN)
        axes.set_ylim(bottom=0)
        axes.margins(y=0.15)
        axes.set_xticks([*range(0, LONGEST, 20), LONGEST + BIN / 2], [*map(str, range(0, LONGEST, 20)), f"{LONGEST}+"])
        axes.yaxis.set_major_formatter(_percent)
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=3)
    else:
        say(axes, "no sentences here")
    write(figure, path)


def draw_bars(panels: Mapping[str, Mapping[str, float | None]], caption: str, path: Path) -> None:
    """Write a sheet of small bar charts as a PNG to `path`: a panel for each measure, a bar for each text.

    `caption` says what the figures are, such as "marks per 1,000 words". Every panel has its own scale from 0: a dash
    is as good to see as a comma. A value of None has a dash for a bar.
    """
    rows = max(1, -(-len(panels) // COLUMNS))
    figure = canvas(8, 0.35 + 1.05 * rows)
    if not panels:
        say(figure.add_subplot(), "nothing was measured here")
    for place, (title, values) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(rows, COLUMNS, place)
        _panel(axes, title, values)
    if panels:
        from matplotlib.patches import Patch

        keys = [Patch(color=colour, label=name) for name, colour in COLOURS.items()]
        figure.legend(handles=keys, frameon=False, loc="outside upper right", ncols=3)
        figure.text(0.006, 1 - 0.2 / figure.get_figheight(), caption, color=INK, va="center")
    write(figure, path)


def draw_histograms(panels: Mapping[str, Mapping[str, Sequence[float]]], path: Path) -> None:
    """Write histograms beside each other as a PNG to `path`: a panel for each measure, a curve for each kind of rows.

    Shares of the rows of a kind, since kinds differ in number. A kind without rows is left out.
    """
    figure = canvas(8, 2.4)
    for place, (title, kinds) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(1, len(panels), place)
        plain(axes)
        axes.set_title(title, fontsize=9, color=INK, loc="left")
        axes.tick_params(labelsize=8)
        found = {kind: values for kind, values in kinds.items() if values}
        if not found:
            say(axes, "no rows here")
            continue
        # the bins of all kinds together, so that their curves compare
        edges = np.histogram_bin_edges([value for values in found.values() for value in values], BINS)
        for (kind, values), colour in zip(found.items(), COLOURS.values()):
            counts, _ = np.histogram(values, edges)
            axes.stairs(counts / len(values), edges, linewidth=1.6, color=colour, baseline=None, label=kind)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(_percent)
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.14), borderaxespad=0)
    write(figure, path)


def _panel(axes: Any, title: str, values: Mapping[str, float | None]) -> None:
    plain(axes)
    axes.set_title(title, fontsize=9, color=INK, loc="left")
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_color(PALE)
    axes.set_xticks([])
    axes.set_yticks([])
    top = max((value for value in values.values() if value is not None), default=0.0)
    axes.set_xlim(0, 1.45 * top or 1)  # room for the figure after the longest bar
    axes.set_ylim(len(COLOURS) - 0.4, -0.6)
    for row, (name, colour) in enumerate(COLOURS.items()):
        value = values.get(name)
        axes.barh(row, value or 0, color=colour, height=0.72)
        text = "–" if value is None else f"{value:.1f}" if value >= 10 else f"{value:.2g}"
        axes.annotate(text, (value or 0, row), (4, 0), textcoords="offset points", va="center", fontsize=8, color=INK)


def _percent(share: float, _place: int) -> str:
    return f"{100 * share:g} %"
