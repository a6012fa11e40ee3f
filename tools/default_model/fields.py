"""The fixed fields behind every picture: 14 families, each with three heights and one for its lines.

Nothing in them depends on z, so the first layers of a network can learn them once and by heart. Edges are creases of
piecewise linear functions (facets, folds, triangle waves), which is what leaky ReLUs draw best.
"""

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from tools.default_model.noise import Noise, voronoi, wave

HEIGHTS = 3
_LIMIT = 2.4  # standard deviations
_SOFT, _TAPS = 0.8, 7  # of the blur
Four = tuple[Tensor, Tensor, Tensor, Tensor]
_noise = [Noise(700 + i) for i in range(10)]


def _turn(x: Tensor, y: Tensor, angle: float) -> tuple[Tensor, Tensor]:
    return x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)


def _warp(x: Tensor, y: Tensor, i: int, frequency: float, by: float) -> tuple[Tensor, Tensor]:
    n = _noise[i]
    return x + by * n.sum(x * frequency + 3, y * frequency), y + by * n.sum(x * frequency, y * frequency + 9)


def _polar(x: Tensor, y: Tensor, cx: float = 0, cy: float = 0) -> tuple[Tensor, Tensor]:
    return ((x - cx).square() + (y - cy).square() + 4e-3).sqrt(), torch.atan2(y - cy, x - cx)


def _wedge(x: Tensor, y: Tensor, arms: int) -> tuple[Tensor, Tensor]:
    """The plane folded into one mirrored wedge of a rosette."""
    r, angle = _polar(x, y)
    folded = ((angle / (2 * math.pi) * arms) % 1 - 0.5).abs() * 2 * math.pi / arms
    return r * folded.cos(), r * folded.sin()


def flow(x: Tensor, y: Tensor) -> Four:
    """Long currents that part and meet."""
    n = _noise[1].sum(0.8 * x + 5, 0.8 * y, 2)
    u, v = x + 0.5 * n, y + 0.9 * n
    return (6.5 * v + 0.8 * x).sin(), (5 * v - 2.5 * u).sin(), (9 * v + 2 * n).sin() * 0.7 + n, v + 0.4 * u


def rings(x: Tensor, y: Tensor) -> Four:
    """Ripples from three drops."""
    x, y = _warp(x, y, 5, 0.8, 0.06)
    a, b, c = _polar(x, y, -0.25, -0.15)[0], _polar(x, y, 0.55, 0.45)[0], _polar(x, y, 0.6, -0.7)[0]
    return (13 * a).sin() * 1.2 + 1 - a, (14 * b).sin(), (12 * c).sin() + 0.5 * (9 * a).sin(), a + 0.3 * b


def spiral(x: Tensor, y: Tensor) -> Four:
    """Galaxies with three, two and five arms."""
    x, y = _warp(x, y, 6, 0.9, 0.07)
    r, angle = _polar(x, y, 0.05, 0)
    turn = r.log()
    return wave(3 * angle + 5.5 * turn), (2 * angle - 7 * r).sin(), (5 * angle + 3 * turn).sin(), turn


def cells(x: Tensor, y: Tensor) -> Four:
    """Pebbles with dark joints."""
    u, v = _warp(x, y, 7, 1.1, 0.06)
    a, b = voronoi(u, v, 4.6, 81), voronoi(v + 0.3, u, 3.4, 82)
    edge, coarse = a.second - a.nearest, b.second - b.nearest
    return 1.6 * edge.clamp(max=0.5) + 0.6 * a.a, 0.8 * a.b - 1.3 * a.nearest, 1.8 * coarse + b.c, edge - 0.4 * coarse


def shards(x: Tensor, y: Tensor) -> Four:
    """Broken glass: long splinters, each a tilted plane."""
    a = voronoi(1.3 * x + 0.5 * y, 0.75 * y - 0.2 * x, 4, 83, 1.0)
    b = voronoi(0.7 * x - 0.9 * y + 0.2, 0.5 * x + 0.9 * y, 3.2, 84, 1.0)
    return a.facet + 0.6 * b.facet, b.facet, wave(4 * x + 3 * y + 2.4 * a.c), (a.second - a.nearest) + 0.5 * b.facet


def ink(x: Tensor, y: Tensor) -> Four:
    """Drops in water: wide, soft, folded over."""
    u, v = _warp(x, y, 2, 0.6, 0.7)
    n = [_noise[i].sum(0.75 * u + i, 0.75 * v, 2, 0.4) for i in (4, 5, 6)]
    return n[0], n[1], n[2], n[0] + 0.5 * n[1] + 0.5 * v


def aurora(x: Tensor, y: Tensor) -> Four:
    """Curtains of light."""
    b, c = _noise[3].sum(0.9 * x, 0.4 * y + 2, 2), _noise[5].sum(0.7 * x + 6, 0.5 * y, 2)
    rays = wave(13 * (x + 0.25 * b))
    return (
        (5.5 * (y + 0.5 * b) + 2 * c).sin() + 0.3 * rays,
        (4.5 * (y * 0.8 + 0.5 * c) - 2 * x).sin(),
        (7 * (y + 0.4 * b - 0.4 * x)).sin() + 0.5 * rays,
        x + 0.25 * b,
    )


def moire(x: Tensor, y: Tensor) -> Four:
    """Three gratings on three others, a few degrees turned."""

    def gratings(pitch: float, angle: float) -> Tensor:
        return torch.stack([wave(pitch * _turn(x, y, i * math.pi / 3 + angle)[0]) for i in range(3)]).sum(0)

    a, b = gratings(11, 0.2), gratings(12.5, 0.32)
    u, v = _turn(x, y, 0.5)
    return a + 0.8 * b, wave(10 * u) * wave(10 * v) * 1.5 + 0.4 * b, wave(14 * _turn(x, y, 0.9)[0] + 2 * wave(3 * y)), u


def flames(x: Tensor, y: Tensor) -> Four:
    """Tongues of fire with jagged edges."""
    u = 1.6 * x + 0.35 * _noise[0].sum(1.3 * x, y + 3, 2)
    v = 0.65 * y + 0.3 * _noise[1].sum(1.6 * x + 5, y, 2)
    a, b = _noise[2].sum(u, v, 3, ridged=True), _noise[3].sum(1.1 * u + 3, v, 2, ridged=True)
    teeth = wave(7 * u + 3 * wave(4.5 * y + 2 * v))
    return a + 0.9 * y, b + 0.4 * teeth, teeth + 0.8 * y, u + 0.5 * wave(5 * y)


def mandala(x: Tensor, y: Tensor) -> Four:
    """Rosettes of eight petals."""
    u, v = _wedge(x, y, 8)
    r = _polar(x, y)[0]
    return (
        wave(10 * u + 2.5 * wave(8 * v)) + 0.5 * wave(13 * v),
        wave(13 * v + 5 * r) + 0.6 * (8 * r).sin(),
        wave(8 * u) + wave(11 * v + 1),
        u - 0.8 * v,
    )


def squares(x: Tensor, y: Tensor) -> Four:
    """Nested squares and diamonds."""
    u, v = _turn(x, y, 0.35)
    s, t = _turn(x, y, -0.25)
    m, other = torch.maximum(u.abs(), v.abs()), torch.maximum((s - 0.3).abs(), (t + 0.2).abs())
    diamond = x.abs() + y.abs()
    return wave(14 * m) + 0.4 * wave(9 * other), wave(12 * other), wave(9 * diamond), m + 0.4 * other


def veins(x: Tensor, y: Tensor) -> Four:
    """Lightning in dark rock."""
    u, v = _warp(x, y, 4, 0.9, 0.25)
    a, b = _noise[6].sum(1.3 * u, 1.3 * v, 3, ridged=True), _noise[7].sum(1.1 * v + 3, 1.1 * u, 3, ridged=True)
    return torch.maximum(a, b - 0.2), b, torch.minimum(a, b) + 0.5 * u, u + v + 0.5 * a


def crystal(x: Tensor, y: Tensor) -> Four:
    """A plane folded four times: facets that repeat without end."""
    heights = []
    for angle, scale in ((0.3, 1.0), (1.1, 0.85), (0.7, 1.2)):
        u, v = x * scale, y * scale
        for i in range(4):
            u, v = _turn(u, v, angle + 0.6 * i)
            u, v = u.abs() - 0.36, v + 0.12
        heights.append(u * 1.4 + v.abs())
    a, b, c = heights
    return a, b + 0.3 * a, wave(5 * c), torch.maximum(a, b)


def city(x: Tensor, y: Tensor) -> Four:
    """Blocks, streets and roofs, seen from above."""
    u, v = _turn(x, y, 0.12)
    table = torch.from_numpy(_noise[9]._angles.numpy() / math.pi - 1)  # noqa: SLF001

    def block(px: Tensor, py: Tensor, i: int) -> Tensor:
        return table[px.floor().long() % 64, (py.floor().long() + 7 * i) % 64]

    a, b = block(2.6 * u, 2.6 * v, 0), block(4.4 * v + 9, 1.7 * u, 3)
    roof = torch.minimum(wave(2.6 * math.pi * u).abs(), wave(2.6 * math.pi * v).abs())
    return a + 0.8 * roof, b + 0.4 * a, wave(8 * u) + wave(8 * v) * 0.8, torch.maximum(u.abs(), v.abs()) + 0.25 * a


FAMILIES: dict[str, Callable[[Tensor, Tensor], Four]] = {
    f.__name__: f
    for f in (flow, rings, spiral, cells, shards, ink, aurora, moire, flames, mandala, squares, veins, crystal, city)
}


@cache
def make(size: int, margin: int = 0) -> Tensor:
    """[families, 4, size + 2 margin, ...] float32: zero mean and unit variance within the picture, clipped.

    Antialiased, and softened to what a layer of half the picture's rate can hold (_SOFT, in pixels). `margin`: so many
    more samples on each side, as a network's canvas has.
    """
    edge = margin + _TAPS // 2
    n = 2 * (size + 2 * edge)
    at = ((torch.arange(n, dtype=torch.float64) + 0.5) / 2 - edge) / size * 2 - 1
    y, x = torch.meshgrid(at, at, indexing="ij")
    taps = torch.exp(-0.5 * ((torch.arange(_TAPS) - _TAPS // 2) / _SOFT).square())
    taps = taps / taps.sum()
    found = []
    for family in FAMILIES.values():
        f = functional.avg_pool2d(torch.stack(family(x, y))[:, None].float(), 2)
        f = functional.conv2d(functional.conv2d(f, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))[:, 0]
        inside = f[:, margin : margin + size, margin : margin + size]
        mean, std = inside.mean((1, 2), keepdim=True), inside.std((1, 2), keepdim=True)
        found.append(((f - mean) / std).clamp(-_LIMIT, _LIMIT))
    return torch.stack(found)
