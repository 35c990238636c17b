"""How far two models are apart on the same tokens: the figures and the gates of merging, quantizing and exporting."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stages.lora.model import BATCH_LOGITS
from stages.params import Params
from stages.run import StageError


class Gates(Params):
    """What a model may lose against the one that it was made from; the section of a stage or of one copy adds its own.

    `max_lost_share` limits loss / reference loss - 1 over the same target tokens. Bits per note, or per anything else
    that the rows hold a fixed number of, are the loss times a constant, so the share of them that is lost is the same.
    """

    max_logit_difference: float = Field(ge=0)  # absolute, over every counted token and logit
    max_mean_kl: float = Field(ge=0)  # Kullback-Leibler divergence from the reference, nats per token
    min_argmax_agreement: float = Field(ge=0, le=1)  # share of tokens with the same first choice
    max_lost_share: float = Field(ge=0)


@dataclass(frozen=True)
class Parity:
    """Sums over the counted tokens; `+` joins those of two batches."""

    tokens: int = 0
    reference_loss: float = 0.0
    other_loss: float = 0.0
    kl: float = 0.0
    agreeing: int = 0
    max_logit_difference: float = 0.0

    def __add__(self, more: "Parity") -> "Parity":
        return Parity(
            self.tokens + more.tokens,
            self.reference_loss + more.reference_loss,
            self.other_loss + more.other_loss,
            self.kl + more.kl,
            self.agreeing + more.agreeing,
            # max() would drop a NaN that comes second
            float(np.maximum(self.max_logit_difference, more.max_logit_difference)),
        )

    def figures(self) -> dict[str, float]:
        """Per counted token: losses in nats, Kullback-Leibler divergence in nats, share of equal first choices.

        `lost_share` is how much larger the loss is, as a share of the reference loss.
        """
        more = self.other_loss - self.reference_loss
        return {
            "reference_loss": self.reference_loss / self.tokens,
            "loss": self.other_loss / self.tokens,
            "loss_increase": more / self.tokens,
            # a reference that is sure of every token leaves nothing to divide by
            "lost_share": more / self.reference_loss if self.reference_loss else (math.inf if more else 0.0),
            "mean_kl": self.kl / self.tokens,
            "argmax_agreement": self.agreeing / self.tokens,
            "max_logit_difference": self.max_logit_difference,
        }


def compare(reference: Any, other: Any, targets: NDArray[np.integer], counted: NDArray[np.bool_]) -> Parity:
    """Parity of two 32-bit arrays of logits [rows, tokens, vocabulary] where `counted` [rows, tokens] is true.

    `targets` [rows, tokens] are the tokens that came next. The divergence is that of `other` from `reference`. The
    figures take about ten times the memory of the logits, so they are worked out for BATCH_LOGITS of them at a time.
    """
    import mlx.core as mx

    keep, target = np.flatnonzero(counted), targets[counted]
    one, two = (logits.reshape(-1, logits.shape[-1]) for logits in (reference, other))
    size = max(BATCH_LOGITS // one.shape[-1], 1)
    total = Parity()
    for start in range(0, len(keep), size):
        at = mx.array(keep[start : start + size])
        total += _compare(one[at], two[at], target[start : start + size])
    return total


def _compare(one: Any, two: Any, targets: NDArray[np.integer]) -> Parity:
    """Parity of logits [tokens, vocabulary], each token of which counts."""
    import mlx.core as mx

    target = mx.array(targets)[:, None]
    logs = [logits - mx.logsumexp(logits, axis=-1, keepdims=True) for logits in (one, two)]
    shares = [mx.exp(log) for log in logs]
    more = logs[1] - logs[0]
    # Both shares sum to 1, so p (q/p - 1 - log q/p) has the same sum as p log p/q: no term is negative, and models that
    # differ by rounding alone are as near as they are. The plain form has the error of one logarithm, about 1e-7.
    near = shares[0] * (mx.expm1(more) - more)
    kl = mx.where(more < 1, near, shares[1] - shares[0] * (1 + more)).sum(axis=-1)
    losses = [-mx.take_along_axis(log, target, axis=-1)[:, 0] for log in logs]
    agreeing = one.argmax(axis=-1) == two.argmax(axis=-1)
    furthest = mx.abs(one - two).max(axis=-1)
    figures = np.array(mx.stack([*losses, kl, agreeing.astype(mx.float32), furthest]), np.float64)
    loss, other_loss, divergence, agreed = (float(total) for total in figures[:4].sum(axis=1))
    return Parity(len(targets), loss, other_loss, divergence, int(agreed), float(figures[4].max()))


def gate(what: str, figures: dict[str, float], gates: Gates) -> None:
    """Raise StageError with the first figure of `figures` that is not within its limit, or is not a number.

    A limit is named after its figure: `max_mean_kl` holds `mean_kl` at or below it, `min_argmax_agreement` at or above.
    """
    for limit in Gates.model_fields:  # not those of a subclass, which has settings besides
        name = limit if limit in figures else limit.removeprefix("max_").removeprefix("min_")
        found, value = figures[name], getattr(gates, limit)
        within = found >= value if limit.startswith("min_") else found <= value
        if not within:
            raise StageError(f"{what}: {name} is {found:.6g}, {limit} in the params is {value:g}")
