"""Training of the nets that live plays: one hidden layer, every example at once, Adam. Seeded, in numpy, in float64."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from daemon.flow import F64

_BETA1, _BETA2, _TINY = 0.9, 0.999, 1e-8  # Kingma & Ba 2015

Loss = Callable[[F64], tuple[float, F64]]
"""What the net gives [N, O] -> the loss, and its gradient [N, O]."""


@dataclass(frozen=True, slots=True, eq=False)
class Net:
    """What was learnt, and how well."""

    weights: dict[str, F64]  # in.weight [H, D], in.bias [H], out.weight [O, H], out.bias [O]
    before: float  # loss at the start
    after: float

    def give(self, x: F64) -> F64:
        """Inputs [N, D] -> outputs [N, O]."""
        return _give(self.weights, x)[1]


def train(x: F64, outputs: int, loss: Loss, *, hidden: int, epochs: int, rate: float, decay: float, seed: int) -> Net:
    """Fit inputs [N, D] to a loss.

    The learning rate begins at `rate` and falls to 0 along half a cosine, so that the end does not tremble. `decay`
    draws the weights to 0 each epoch (Loshchilov & Hutter 2019).
    """
    rng = np.random.default_rng(seed)
    w = {**_layer(rng, "in", x.shape[1], hidden), **_layer(rng, "out", hidden, outputs)}
    first = {name: np.zeros_like(value) for name, value in w.items()}
    second = {name: np.zeros_like(value) for name, value in w.items()}
    before = loss(_give(w, x)[1])[0]
    for epoch in range(1, epochs + 1):
        middle, given = _give(w, x)
        slope = loss(given)[1]
        back = (slope @ w["out.weight"]) * (middle > 0)
        slopes = {
            "in.weight": back.T @ x,
            "in.bias": back.sum(axis=0),
            "out.weight": slope.T @ middle,
            "out.bias": slope.sum(axis=0),
        }
        step = rate * 0.5 * (1.0 + math.cos(math.pi * (epoch - 1) / epochs))
        for name, g in slopes.items():
            first[name] = _BETA1 * first[name] + (1 - _BETA1) * g
            second[name] = _BETA2 * second[name] + (1 - _BETA2) * g**2
            mean, power = first[name] / (1 - _BETA1**epoch), second[name] / (1 - _BETA2**epoch)
            w[name] = w[name] * (1.0 - step * decay) - step * mean / (np.sqrt(power) + _TINY)
    return Net(w, before, loss(_give(w, x)[1])[0])


def squared(wanted: F64) -> Loss:
    """Mean squared error against targets [N, O]."""

    def loss(given: F64) -> tuple[float, F64]:
        off = given - wanted
        return float(np.mean(off**2)), 2.0 * off / off.size

    return loss


def crossed(wanted: F64, share: F64) -> Loss:
    """Cross-entropy of softmax against weights [N, K], each example counting its share [N] of all."""

    def loss(given: F64) -> tuple[float, F64]:
        log = given - given.max(axis=1, keepdims=True)
        log = log - np.log(np.exp(log).sum(axis=1, keepdims=True))
        return float(-(share[:, None] * wanted * log).sum()), share[:, None] * (np.exp(log) - wanted)

    return loss


def _layer(rng: np.random.Generator, name: str, inputs: int, outputs: int) -> dict[str, F64]:
    """Uniform in +-1 / sqrt(inputs), as PyTorch's Linear begins."""
    reach = 1.0 / math.sqrt(inputs)
    return {
        f"{name}.weight": rng.uniform(-reach, reach, (outputs, inputs)),
        f"{name}.bias": rng.uniform(-reach, reach, outputs),
    }


def _give(w: dict[str, F64], x: F64) -> tuple[F64, F64]:
    """The hidden layer [N, H] and the outputs [N, O]."""
    middle: F64 = np.maximum(x @ w["in.weight"].T + w["in.bias"], 0.0)
    given: F64 = middle @ w["out.weight"].T + w["out.bias"]
    return middle, given
