"""The optimizers of the loop, by name."""

from collections.abc import Sequence
from itertools import cycle
from typing import Any, Literal

Optimizer = Any  # an mlx.optimizers.Optimizer


def optimizer(name: Literal["adamw", "muon"], weight_decay: float, streams: Sequence[Any]) -> Optimizer:
    """A fresh optimizer; the loop sets its learning rate before each step.

    `muon` moves the matrices of the layers by Muon, which take turns on `streams`, and the rest (embeddings, norms,
    biases) by AdamW.
    """
    import mlx.core as mx
    import mlx.optimizers as opt

    # b2 = 0.95 follows gradients that change fast, as in short runs with small batches (nanoGPT, Llama)
    adamw = opt.AdamW(learning_rate=0.0, betas=[0.9, 0.95], weight_decay=weight_decay, bias_correction=True)
    if name == "adamw":
        return adamw

    def is_matrix_of_a_layer(path: str, weight: mx.array) -> bool:
        return weight.ndim == 2 and ".layers." in f".{path}"

    return opt.MultiOptimizer([_muon(weight_decay, streams), adamw], [is_matrix_of_a_layer])


def _muon(weight_decay: float, streams: Sequence[Any]) -> Optimizer:
    import mlx.core as mx
    import mlx.optimizers as opt

    turns = cycle(streams)

    class Muon(opt.Muon):  # type: ignore[misc]
        """mlx's Muon with decay apart from the gradient, and steps of AdamW's size, so that one rate serves both.

        Liu et al. 2025, "Muon is scalable for LLM training", section 2.2: 0.2 * sqrt(max(rows, columns)).
        """

        def apply_single(self, gradient: mx.array, parameter: mx.array, state: dict[str, mx.array]) -> mx.array:
            velocity = self.momentum * state["v"] + (1 - self.momentum) * gradient
            state["v"] = velocity
            ahead = (1 - self.momentum) * gradient + self.momentum * velocity
            with mx.stream(next(turns)):
                update = self._zeropower_via_newtonschulz5(ahead, steps=self.ns_steps)
            rate = self.learning_rate.astype(gradient.dtype)
            moved: mx.array = parameter * (1 - rate * weight_decay) - rate * (0.2 * max(update.shape) ** 0.5) * update
            return moved

    return Muon(learning_rate=0.0, momentum=0.95)
