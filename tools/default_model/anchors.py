"""Named places in z: three clusters, and members of each."""

import torch
from torch import Tensor

from tools.default_model.recipe import FAMILY, KNOB, NAMES, PALETTE, PALETTES, Z_DIM

# families, palettes, knobs
CLUSTERS: dict[str, tuple[tuple[str, ...], tuple[str, ...], dict[str, float]]] = {
    "aggressive": (
        ("shards", "flames", "crystal"),
        ("fire", "ember"),
        {
            "hue": 0,
            "lines": -0.4,
            "contrast": 0.8,
            "phase": 0.1,
            "shine": 0.6,
            "shade": 0.5,
            "morph1": -1.3,
            "morph2": -1.0,
        },
    ),
    "calm": (
        ("ink", "aurora", "flow"),
        ("calm",),
        {"hue": 0, "lines": 0, "contrast": -1.8, "shine": -1.5, "shade": -1.5, "morph1": 0, "morph2": 0},
    ),
    "vibrant": (
        ("mandala", "squares", "moire"),
        ("neon",),
        {"lines": 2.2, "contrast": 2.4, "hue": 0, "shine": 0.6, "shade": -1.0, "morph1": 1.4, "morph2": 0.8},
    ),
}
_HIGH, _LOW, _SPREAD = 2.6, -0.4, 0.3


def member(cluster: str, i: int) -> Tensor:
    """Z [64] on the shell of the Gaussian: what makes the cluster is fixed, the rest drawn from i."""
    families, palettes, knobs = CLUSTERS[cluster]
    z = torch.randn(Z_DIM, generator=torch.Generator().manual_seed(1000 + i))
    for part in (FAMILY, PALETTE):
        z[part] = z[part] * _SPREAD + _LOW
    z[FAMILY.start + NAMES.index(families[i % len(families)])] = _HIGH
    z[PALETTE.start + tuple(PALETTES).index(palettes[i % len(palettes)])] = _HIGH
    for knob, value in knobs.items():
        z[KNOB[knob]] = value + 0.15 * z[KNOB[knob]]
    unit: Tensor = z * z.square().mean().rsqrt()
    return unit


def members(count: int) -> Tensor:
    """[3 * count, 64], cluster after cluster."""
    return torch.stack([member(cluster, i) for cluster in CLUSTERS for i in range(count)])
