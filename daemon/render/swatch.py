"""Swatch: smooth moving colour without torch, for tests and for machines that only control."""

import numpy as np

from daemon.flow import F32, U8, Anchor, Framing, Latents, ModelFacts, Order, Traits, frozen
from daemon.render.placing import clear, key_of, placed
from daemon.render.renderer import NO_CLASSES

_NUM_WS, _WAVES = 4, 4
_ANCHORS = ("aggressive", "calm", "vibrant")


class SwatchRenderer:
    """Three channels of a few plane waves each; every number of ws bends them a little.

    Frames of any size are drawn as they are: nothing is scaled.
    """

    engine = "swatch"
    precision = "float32"
    threads = 1

    def __init__(
        self,
        size: int = 64,
        z_dim: int = 16,
        seed: int = 0,
        framing: Framing = Framing(),  # noqa: B008 - it cannot change
    ) -> None:
        rng = np.random.default_rng(seed)
        self._matrix = (rng.standard_normal((z_dim, z_dim)) / np.sqrt(z_dim)).astype(np.float32)
        w_avg = (0.2 * rng.standard_normal(z_dim)).astype(np.float32)
        inputs = _NUM_WS * z_dim
        self._bend = (rng.standard_normal((inputs, 3 * _WAVES * 3)) / np.sqrt(inputs)).astype(np.float32)
        self._rest = rng.uniform(-1.0, 1.0, 3 * _WAVES * 3).astype(np.float32)
        self._format, self._key = framing.format(size), key_of(framing)
        self._place = place = placed(framing.fit, self._format.width, self._format.height)
        rows, columns = place.shown
        self._x = np.linspace(-np.pi, np.pi, place.width, dtype=np.float32)[columns]
        self._y = np.linspace(-np.pi, np.pi, place.height, dtype=np.float32)[rows]
        self._picture: F32 = np.zeros((3, len(self._y), len(self._x)), np.float32)
        self._colours = slice(0, 3) if framing.order is Order.RGBA else slice(2, None, -1)
        frozen(w_avg)
        self._facts = ModelFacts(
            "swatch",
            size,
            z_dim,
            z_dim,
            _NUM_WS,
            w_avg,
            tuple(_anchor(n, z_dim, rng) for n in _ANCHORS),
            Traits("swatch", transform=False),
        )

    @property
    def facts(self) -> ModelFacts:
        return self._facts

    def to_w(self, z: F32, psi: float, classes: F32 = NO_CLASSES) -> F32:  # noqa: ARG002 - it has none
        """Z [N, z_dim] and truncation -> ws [N, num_ws, w_dim]."""
        w = np.tanh(z.astype(np.float32) @ self._matrix)
        w = self._facts.w_avg + np.float32(psi) * (w - self._facts.w_avg)
        return np.repeat(w[:, None], _NUM_WS, axis=1)

    def render(self, latents: Latents, pixels: U8) -> None:
        """Write one frame into `pixels` [H, W, 4]; ws None is black."""
        if latents.ws is None:
            clear(pixels, self._format)
            return
        waves = (self._rest + latents.ws.astype(np.float32).ravel() @ self._bend).reshape(3, _WAVES, 3)
        kx, ky, phase = waves[..., 0:1], waves[..., 1:2], waves[..., 2:3] * np.float32(np.pi)
        ax, ay = kx * self._x, ky * self._y + phase  # [3, waves, width], [3, waves, height]
        # sin(ax + ay) is separable, so the picture is a small matrix product
        rows = np.concatenate([np.sin(ay), np.cos(ay)], 1).transpose(0, 2, 1)
        columns = np.concatenate([np.cos(ax), np.sin(ax)], 1)
        picture = np.matmul(rows, columns, out=self._picture)
        picture *= np.float32(127.0 / _WAVES)
        picture += np.float32(128.0)  # 1..255
        clear(pixels, self._format, self._place.beside)
        shown = pixels[self._place.at]
        shown[..., self._colours] = picture.transpose(1, 2, 0)
        shown[..., 3] = 255
        if self._key is not None:
            self._key.apply(pixels)


def _anchor(name: str, z_dim: int, rng: np.random.Generator) -> Anchor:
    z = rng.standard_normal(z_dim)
    z = (z * np.sqrt(z_dim) / np.linalg.norm(z)).astype(np.float32)
    frozen(z)
    return Anchor(name, z)
