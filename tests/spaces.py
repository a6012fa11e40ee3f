"""Small latent spaces for tests."""

import numpy as np

from daemon.flow import ModelFacts

Z, W, LAYERS = 8, 12, 6


def curved(seed=0, scale=1.0):
    """A model whose w is bent, and lies more one way than another."""
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((Z, W)), rng.standard_normal((W, W)) * np.linspace(2, 0.1, W)

    def to_w(z, psi, classes):
        w = scale * np.tanh(z @ first) @ second
        return np.repeat((psi * w)[:, None], LAYERS, axis=1).astype(np.float32)

    return ModelFacts("curved", 64, Z, W, LAYERS, np.zeros(W, np.float32)), to_w
