"""One frame as a fixed list of launches on memory that stays where it is: w and transform in, RGBA bytes out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from stylegan3.gpu.features import Features
from stylegan3.gpu.packed import Packed, PackedLayer, wide
from stylegan3.gpu.shifted import ShiftedProducts, suits
from stylegan3.gpu.spec import FirSpec


class Filter(Protocol):
    """down(clamp(lrelu(up(x * demod + bias)) * gain)) * style, as `fir.reference` defines it."""

    def __call__(self, x: Tensor, demod: Tensor, bias: Tensor, style: Tensor, out: Tensor) -> None:
        """X [H, W, C] and out [H', W', C] of the frame's type, the others [C]; allocates nothing that stays."""
        ...


class FilterFactory(Protocol):
    """What makes a frame's, all at once; raises whatever keeps one from being made."""

    def __call__(self, specs: Sequence[FirSpec], dtype: torch.dtype, device: torch.device) -> Sequence[Filter]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A stretch of the list."""

    kind: str  # as the CPU's kernel calls its phases: styles, fourier, conv, filter, rgb, kept
    layer: int | None
    run: Callable[[], object]


class Frame:
    """The list, in two halves: `begin` hears the transform only and is often empty, `finish` hears w.

    `begin` draws the layers that are deaf to w; while the picture stands still it need not run again.
    Only cuDNN's convolutions allocate: their results, which a graph's private pool keeps in place.
    """

    def __init__(self, packed: Packed, filters: FilterFactory, *, products: bool = False) -> None:
        """`products`: convolutions that can gain by it are made of matrix products."""
        p, dtype, device = packed, packed.dtype, packed.device
        n, last = p.size, p.layers[-1]
        self.w = torch.zeros(p.num_ws, p.w_dim, dtype=wide(dtype), device=device)
        self.rgba = torch.full((n, n, 4), 255, dtype=torch.uint8, device=device)
        self._packed, self._features = p, Features(p.source, dtype, device)
        self._rgb = torch.zeros(n * n, p.channels, dtype=wide(dtype), device=device)
        self._bytes = torch.zeros(n, n, 3, dtype=wide(dtype), device=device)
        self._painted = torch.zeros(n * n, last.channels_out, dtype=dtype, device=device)
        self._bias = (last.bias * p.output_scale)[: p.channels].contiguous()
        self._gain = torch.full((p.channels,), p.output_scale, dtype=wide(dtype), device=device)
        sides = [(layer.size, layer.channels_in) for layer in p.layers]
        self._memory = torch.zeros(max(s * s * c for s, c in sides), dtype=dtype, device=device)
        self._products = products
        self._drawn = torch.zeros(  # by matrix products
            max(((layer.size + layer.kernel - 1) ** 2 * layer.channels_out for layer in p.layers[:-1]
                 if self._multiplied(layer)), default=0), dtype=dtype, device=device,
        )  # fmt: skip
        self._most = None if p.clamp is None else abs(p.clamp * p.output_scale)
        self._kept: Tensor | None = None
        if p.once:
            side, c = sides[p.once]
            self._kept = torch.zeros(side, side, c, dtype=dtype, device=device)
        self.begin, self.finish = self._list(filters)

    @property
    def transform(self) -> Tensor:
        """[3, 3] float64, the user's, inverse."""
        return self._features.transform

    def image(self) -> Tensor:
        """What the last frame drew: [channels, H, W], nominally -1..1, not clipped; new memory."""
        p = self._packed
        rgb = self._rgb.view(p.size, p.size, p.channels).permute(2, 0, 1).clone(memory_format=torch.contiguous_format)
        return rgb if self._most is None else rgb.clamp_(-self._most, self._most)

    def __call__(self) -> None:
        """Both halves."""
        for part in (*self.begin, *self.finish):
            part.run()

    def _input(self, i: int) -> Tensor:
        """Where layer i reads, [H, W, C]."""
        layer = self._packed.layers[i]
        side, c = layer.size, layer.channels_in
        return self._memory[: side * side * c].view(side, side, c)

    def _list(self, filters: FilterFactory) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
        p, hidden = self._packed, self._packed.layers[:-1]
        scales = [scale for scale, _ in p.constant] + [
            p.styles.scale[i - p.once, : layer.channels_in] for i, layer in enumerate(p.layers) if i >= p.once
        ]
        demods = [demod for _, demod in p.constant] + [
            p.styles.demod[i - p.once, : layer.channels_out] for i, layer in enumerate(hidden) if i >= p.once
        ]
        # no part refers to the frame, so that its memory goes when it goes, not when garbage is collected
        x, ws, fourier, styles, passed = self._input(0), self.w, self._features, p.styles, _Passed()
        w = None if p.once else ws[0]
        features = Part("fourier", None, lambda: fourier(w, scales[0], x))
        begin, finish = [features], [Part("styles", None, lambda: styles(ws))]
        if self._kept is not None:
            kept, first, scale = self._kept, self._input(p.once), scales[p.once]
            finish.append(Part("kept", None, lambda: torch.mul(kept, scale, out=first)))
        else:
            begin, finish = [], [*finish, features]
        specs = [layer.fir for layer in hidden if layer.fir is not None]
        for i, (layer, fir) in enumerate(zip(hidden, filters(specs, p.dtype, p.device), strict=True)):
            out, style = self._input(i + 1), scales[i + 1]
            if i + 1 == p.once and self._kept is not None:
                out, style = self._kept, torch.ones_like(style)
            into = begin if i < p.once else finish
            into.append(Part("conv", i, self._convolution(layer, passed)))
            into.append(Part("filter", i, _filter(fir, passed, layer, demods[i], style, out)))
        finish.append(Part("rgb", len(hidden), self._to_rgb()))
        return tuple(begin), tuple(finish)

    def _multiplied(self, layer: PackedLayer) -> bool:
        """Whether a convolution is made of matrix products."""
        return layer.kernel == 1 or (self._products and suits(layer.weight))

    def _convolution(self, layer: PackedLayer, passed: "_Passed") -> Callable[[], None]:
        x, padding = self._input(layer.index), layer.kernel - 1
        side, c = layer.size + padding, layer.channels_out
        if self._multiplied(layer):  # which may sum in float16 where that is asked for
            y = self._drawn[: side * side * c].view(-1, c)
            if layer.kernel > 1:
                products = ShiftedProducts(layer.weight, layer.size)

                def multiply() -> None:
                    products(x, y)
                    passed.y = y.view(side, side, c)

                return multiply
            weight = layer.weight[:, :, 0, 0].t()

            def mix() -> None:
                torch.mm(x.view(len(y), -1), weight, out=y)
                passed.y = y.view(side, side, c)

            return mix
        planes = x[None].permute(0, 3, 1, 2)

        def convolve() -> None:
            y = functional.conv2d(planes, layer.weight, padding=padding)
            passed.y = y[0].permute(1, 2, 0).contiguous()  # as it is already, where channels last is kept

        return convolve

    def _to_rgb(self) -> Callable[[], None]:
        p, rgb, rgba, painted, most = self._packed, self._rgb, self.rgba, self._painted, self._most
        last, channels, shown, side = p.layers[-1], p.channels, self._bytes, (p.size, p.size, p.channels)
        x, weight = self._input(last.index).view(len(rgb), -1), last.weight[:, :, 0, 0].t()
        bias, gain = self._bias, self._gain
        clamp = most if most is not None and (most < 1 or channels == 4) else None  # elsewhere it changes no byte

        def paint() -> None:
            torch.mm(x, weight, out=painted)
            torch.addcmul(bias, painted[:, :channels], gain, out=rgb)
            if clamp is not None:
                rgb.clamp_(-clamp, clamp)
            if channels == 4:  # the picture's own alpha, laid over black
                alpha = rgb[:, 3:].mul(0.5).add_(0.5).clamp_(0, 1)
                torch.mul(rgb[:, :3].add(1), alpha, out=shown.view(-1, 3)).mul_(127.5)
            else:
                shown.copy_(rgb.view(side)).mul_(127.5).add_(127.5)
            rgba[..., :3].copy_(shown.round_().clamp_(0, 255))

        return paint


@dataclass(slots=True, eq=False)
class _Passed:
    """What a convolution hands to its filter."""

    y: Tensor | None = None


def _filter(
    fir: Filter, passed: _Passed, layer: PackedLayer, demod: Tensor, style: Tensor, out: Tensor
) -> Callable[[], None]:
    def run() -> None:
        if passed.y is None:
            raise RuntimeError("a filter comes after its convolution")
        fir(passed.y, demod, layer.bias, style, out)
        passed.y = None  # its memory may serve the next

    return run
