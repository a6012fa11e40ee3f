"""Fourier features that w and the user translate and rotate, as a list of launches that never asks the host."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from stylegan3.gpu.packed import lanes, wide
from stylegan3.layers import SynthesisInput

# [[c, cx, cy], [s, sx, sy]] flat -> rotation times translation, [[c, -s, sy - cx], [s, c, -sx - cy]] flat
_TURN = (
    (1, 0, 0, 0, 0, 0), (0, 0, 0, -1, 0, 0), (0, -1, 0, 0, 0, 1),
    (0, 0, 0, 1, 0, 0), (1, 0, 0, 0, 0, 0), (0, 0, -1, 0, -1, 0),
)  # fmt: skip


class Features:
    """`SynthesisInput` on static memory. Angles are float64: every pixel hangs on them."""

    def __init__(self, source: SynthesisInput, dtype: torch.dtype, device: torch.device) -> None:
        size, c = source.size, source.channels
        self.size, self.channels = size, lanes(c)

        def exact(t: Tensor) -> Tensor:
            return t.detach().cpu().double().to(device)

        def memory(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        self.transform = torch.eye(3, dtype=torch.float64, device=device)  # the user's, inverse
        to_t = source.affine.weight.detach().cpu().double() * source.affine.weight_gain
        self._to_t, self._bias = memory(5, to_t.shape[1]), memory(5)  # cos, sin, one, x, y
        rows = torch.tensor([0, 1, 3, 4], device=device)
        self._to_t[rows] = to_t.to(device)
        self._bias[rows] = exact(source.affine.bias) * source.affine.bias_gain
        self._freqs, self._phases = exact(source.freqs) * (2 * math.pi), exact(source.phases) * (2 * math.pi)
        at = (torch.arange(size, dtype=torch.float64, device=device) + 0.5) / size * 2 - 1
        self._at = (at * (0.5 * size / source.rate))[:, None]
        self._turn = torch.tensor(_TURN, dtype=torch.float64, device=device)
        over = source.rate / 2 - source.bandwidth
        self._fading = (1 + source.bandwidth / over, -1 / (2 * math.pi * over))
        mix = functional.pad((source.weight.detach().cpu().double() / math.sqrt(c)).t(), (0, self.channels - c))
        self._mix = mix.to(device, wide(dtype)).contiguous()
        self._w, self._t, self._radius = memory(to_t.shape[1]), memory(5), memory()
        self._pairs, self._turned, self._m = memory(2, 3), memory(6), memory(2, 3)
        self._f, self._fade, self._phase = memory(c, 3), memory(c), memory(c)
        self._angles, self._sin, self._cos = (memory(2, size, c) for _ in range(3))
        self._sines, self._cosines = (memory(2, size, c, dtype=wide(dtype)) for _ in range(2))
        self._waves = memory(size, size, c, dtype=wide(dtype))
        self._mixed = memory(size * size, self.channels, dtype=wide(dtype))

    def __call__(self, w: Tensor | None, scale: Tensor, out: Tensor) -> None:
        """W [w_dim], None if it is not heard, and a scale [channels] -> out [size, size, channels]."""
        if w is None:
            self._t.copy_(self._bias)
        else:
            self._w.copy_(w)
            torch.addmv(self._bias, self._to_t, self._w, out=self._t)
        torch.linalg.vector_norm(self._t[:2], out=self._radius)
        self._t.div_(self._radius)
        self._t[2].fill_(1)
        torch.mul(self._t[:2, None], self._t[None, 2:], out=self._pairs)
        torch.mv(self._turn, self._pairs.view(6), out=self._turned)
        torch.mm(self._turned.view(2, 3), self.transform, out=self._m)
        f = torch.mm(self._freqs, self._m, out=self._f)
        one, slope = self._fading
        torch.linalg.vector_norm(f[:, :2], dim=1, out=self._fade)
        self._fade.mul_(slope).add_(one).clamp_(0, 1)
        torch.add(f[:, 2], self._phases, out=self._phase)
        torch.mul(self._at, f[:, 0], out=self._angles[0])
        torch.addcmul(self._phase, self._at, f[:, 1], out=self._angles[1])
        torch.sin(self._angles, out=self._sin)
        torch.cos(self._angles, out=self._cos)
        self._sin[1].mul_(self._fade)
        self._cos[1].mul_(self._fade)
        self._sines.copy_(self._sin)
        self._cosines.copy_(self._cos)
        sin, cos = self._sines, self._cosines
        # sin(ax + ay) is separable: two outer products instead of size * size sines
        torch.mul(sin[1][:, None], cos[0][None], out=self._waves)
        self._waves.addcmul_(cos[1][:, None], sin[0][None])
        torch.mm(self._waves.view(self.size**2, -1), self._mix, out=self._mixed)
        torch.mul(self._mixed.view(self.size, self.size, -1), scale, out=out)
