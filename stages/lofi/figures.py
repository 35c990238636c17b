"""Pictures of a collection: how its tracks measure, and how many there are of each style."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from stages.figure import INK, canvas, plain, say, write
from stages.lofi.styles import CATEGORIES

BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by every kind of colour vision
BINS = 20


def draw_measures(panels: Mapping[str, Sequence[float]], path: Path) -> None:
    """Write a histogram of each measure as a PNG to `path`, beside each other, with its median."""
    figure = canvas(8, 2.3)
    for place, (title, values) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(1, len(panels), place)
        plain(axes)
        axes.set_title(title, fontsize=9, color=INK, loc="left")
        axes.tick_params(labelsize=8)
        if not values:
            say(axes, "no tracks")
            continue
        low, high = min(values), max(values)
        edges = np.linspace(low, high, BINS + 1) if high > low else np.linspace(low - 0.5, low + 0.5, BINS + 1)
        axes.hist(values, edges, color=BLUE)
        middle = median(values)
        axes.axvline(middle, color=ORANGE, linewidth=1.2)
        if place == 1:
            axes.set_ylabel("tracks", fontsize=8, color=INK)
        axes.set_xlabel(f"median {middle:.4g}", fontsize=8, color=ORANGE)
        axes.yaxis.get_major_locator().set_params(integer=True)
    write(figure, path)


def draw_styles(rows: Sequence[Sequence[Any]], enough: int, path: Path) -> None:
    """Write the tracks of each style as a PNG to `path`: a bar each, by category, and what is missing in outline.

    A row has code, name, category, tracks, seconds and how many tracks are missing from `enough`.
    """
    groups = [[row for row in rows if row[2] == category] for category in CATEGORIES]
    figure = canvas(8, 0.6 + 0.19 * max(map(len, groups)) * 2)
    figure.suptitle(
        f"tracks of each style; in outline what is missing from {enough}", fontsize=9, color=INK, x=0.01, ha="left"
    )
    halves = [groups[:2], groups[2:]]
    widest = max((row[3] + row[5] for row in rows), default=1)
    for place, half in enumerate(halves, 1):
        axes = figure.add_subplot(1, 2, place)
        plain(axes)
        axes.spines["bottom"].set_visible(False)
        axes.spines["left"].set_visible(False)
        axes.set_xticks([])
        labels: list[tuple[float, str, bool]] = []
        at = 0.0
        for group in half:
            labels.append((at, group[0][2] if group else "", True))
            at += 1
            for code, name, _, tracks, _, missing in group:
                axes.barh(at, tracks, color=BLUE, height=0.7)
                axes.barh(at, missing, left=tracks, facecolor="none", edgecolor=ORANGE, linewidth=0.8, height=0.7)
                axes.annotate(
                    f"{tracks}", (tracks + missing, at), (4, 0), textcoords="offset points", va="center", fontsize=7
                )
                labels.append((at, f"{name}  {code}", False))
                at += 1
            at += 0.5
        axes.set_yticks([place for place, _, _ in labels], [text for _, text, _ in labels], fontsize=7)
        for tick, (_, _, bold) in zip(axes.get_yticklabels(), labels):
            tick.set_fontweight("bold" if bold else "normal")
        axes.tick_params(length=0)
        axes.set_ylim(max(sum(len(g) + 1.5 for g in half) for half in halves) - 0.5, -0.8)
        axes.set_xlim(0, 1.15 * max(widest, 1))
    write(figure, path)
