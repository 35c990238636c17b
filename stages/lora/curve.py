"""The picture of a training: losses over steps, with the learning rate behind them."""

import io
from collections.abc import Sequence
from pathlib import Path

from stages.files import write_bytes
from stages.lora.loop import Point

INK, TRAIN, VALID, RATE = "#333333", "#8fb8de", "#0072b2", "#dddddd"


def draw(points: Sequence[Point], start_loss: float | None, path: Path, published: int | None = None) -> None:
    """Write the loss table `points` as a PNG to `path`; `start_loss` is that of the validation rows before step 1.

    The step `published`, the last one if None, has its loss beside it. Without points the picture says that nothing
    was trained. Its bytes depend on the numbers and on matplotlib alone.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=INK)
    axes.set_xlabel("step")
    axes.set_ylabel("loss (nats per token)")
    if points:
        steps = [point.step for point in points]
        rates = axes.twinx()
        rates.fill_between(steps, [point.rate for point in points], color=RATE, alpha=0.5, linewidth=0)
        rates.set_yticks([])
        rates.set_ylim(bottom=0)
        for side in ("top", "right"):
            rates.spines[side].set_visible(False)
        axes.set_zorder(rates.get_zorder() + 1)
        axes.patch.set_visible(False)
        axes.plot(steps, [point.train_loss for point in points], color=TRAIN, label="training rows")
        first = [] if start_loss is None else [(0, start_loss)]
        valid = first + [(point.step, point.valid_loss) for point in points]
        axes.plot(*zip(*valid), color=VALID, marker="o", markersize=3, label="validation rows")
        axes.fill_between([], [], color=RATE, alpha=0.5, label="learning rate")
        if max(loss for _, loss in valid) > 2.2 * valid[-1][1]:
            axes.set_ylim(top=2.2 * valid[-1][1])  # what falls from far above would flatten all that follows
        else:
            axes.margins(y=0.25)
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=3)
        chosen = next((point for point in valid if point[0] == published), valid[-1])
        if published is not None and chosen[0] == published:
            axes.plot(*chosen, color=VALID, marker="o", markersize=8, fillstyle="none")
        axes.annotate(f"{chosen[1]:.3f}", chosen, (4, 8), textcoords="offset points", ha="right", color=VALID)
    else:
        axes.text(0.5, 0.5, "nothing was trained here", ha="center", va="center", transform=axes.transAxes, color=INK)
    image = io.BytesIO()
    canvas.print_png(image, metadata={"Software": None})
    write_bytes(path, image.getvalue())
