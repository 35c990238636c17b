"""When a training has gone wrong: a loss that is no number, or that leaps away from those before it."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from stages.params import Params

WINDOW = 50  # steps whose median a loss is held against
FEWEST = 10  # steps before it is
FLOOR = 0.1  # nats; a loss below this is near the end, where one row more or less doubles it
LASTS = 3  # steps in a row; an odd row makes one step's loss leap, and would again at any rate


class RecoverParams(Params):
    """What happens when a loss is no number, or leaps: back to the last good checkpoint, with a lower rate."""

    loss_ratio: float = Field(gt=1)  # three losses in a row beyond so many times the median of 50 steps are a leap
    rate: float = Field(gt=0, lt=1)  # the learning rate is multiplied by this each time
    times: int = Field(ge=0)  # so often at most; then training stops with the reason


@dataclass(frozen=True)
class Trouble:
    """What is wrong, and with how many steps, the last included."""

    reason: str
    steps: int = 1


def trouble(loss: float, norm: float, before: Sequence[float], params: RecoverParams) -> Trouble | None:
    """What is wrong with a step of mean loss `loss` and gradient norm `norm`; None if nothing.

    `before` are the mean losses of the last steps, WINDOW at most.
    """
    if not math.isfinite(loss):
        return Trouble(f"the loss is {loss:g}")
    if not math.isfinite(norm):
        return Trouble(f"the gradient norm is {norm:g}")
    if len(before) >= FEWEST:
        usual = max(statistics.median(before), FLOOR)
        if min([*before, loss][-LASTS:]) > params.loss_ratio * usual:
            reason = f"the loss is {loss:.4g}, {loss / usual:.1f} times its running median of {usual:.4g}"
            return Trouble(f"{reason}, and has been as high for {LASTS} steps", LASTS)
    return None
