"""When a training has gone wrong: a loss that is no number, or that leaps away from those before it."""

import math
import statistics
from collections.abc import Sequence

from pydantic import Field

from stages.params import Params

WINDOW = 50  # steps whose median a loss is held against
FEWEST = 10  # steps before it is
FLOOR = 0.1  # nats; a loss below this is near the end, where one row more or less doubles it


class RecoverParams(Params):
    """What happens when a loss is no number, or leaps: back to the last good checkpoint, with a lower rate."""

    loss_ratio: float = Field(gt=1)  # a loss beyond so many times the median of the last 50 steps has leapt
    rate: float = Field(gt=0, lt=1)  # the learning rate is multiplied by this each time
    times: int = Field(ge=0)  # so often at most; then training stops with the reason


def trouble(loss: float, norm: float, before: Sequence[float], params: RecoverParams) -> str | None:
    """What is wrong with a step of mean loss `loss` and gradient norm `norm`; None if nothing.

    `before` are the mean losses of the last steps, WINDOW at most.
    """
    if not math.isfinite(loss):
        return f"the loss is {loss:g}"
    if not math.isfinite(norm):
        return f"the gradient norm is {norm:g}"
    if len(before) >= FEWEST:
        usual = max(statistics.median(before), FLOOR)
        if loss > params.loss_ratio * usual:
            return f"the loss is {loss:.4g}, {loss / usual:.1f} times its running median of {usual:.4g}"
    return None
