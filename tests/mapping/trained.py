"""Trained files made by hand, and sound that a mapper may hear."""

import numpy as np

from daemon.descriptors import NAMES, SETS
from daemon.flow import Features, Tally
from daemon.mapping.mlp import About, Learned, rounded

DIMS = len(NAMES)


def made(gives="w", *, facts, hidden=5, seed=0, name="made", spread=1.0, clusters=("calm", "wild"), **changes):
    """A file for this network, with random numbers."""
    rng = np.random.default_rng(seed)
    about = About(
        model=facts.name, gives=gives, descriptors=SETS["ragazzi5" if gives == "weights" else "moore23"],
        sr=48_000, hop=480, window=1024, z_dim=facts.z_dim, w_dim=facts.w_dim, num_ws=facts.num_ws,
        clusters=clusters if gives == "weights" else (),
    )  # fmt: skip
    tensors = {key: spread * rng.standard_normal(shape) for key, shape in about.shapes(hidden).items()}
    tensors |= {"mean": np.zeros(len(about.descriptors)), "std": np.ones(len(about.descriptors)), "w_avg": facts.w_avg}
    return Learned(name, about, rounded({**tensors, **changes}))


class Sound:
    """Hops whose descriptors are given, with the running sum that features carry."""

    def __init__(self, bands=8):
        self._bands, self._count, self._total, self._t = np.zeros(bands, np.float32), 0, np.zeros(DIMS), 0.0

    def hop(self, raw, rms_db=-12.0, gate=True):
        """The features after one more hop of 10 ms; a closed gate repeats what was smoothed last."""
        self._count, self._total, self._t = self._count + 1, self._total + raw, self._t + 0.01
        return Features(
            self._t, self._t, rms_db, gate, self._bands, raw=np.asarray(raw, np.float32),
            smooth=Tally(self._count, self._total),
        )  # fmt: skip


def moment(seed):
    """One sound's descriptors, standardised."""
    return np.random.default_rng(seed).standard_normal(DIMS)
