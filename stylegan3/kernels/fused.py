"""The fused kernel of fused.cpp: a whole picture in one call that holds no lock of Python's.

Which build runs is chosen by what PyTorch says the processor can do. Before its first use each library is held
against the plain network on a small case; one that is missing, does not load or disagrees is passed over, and
`engine` says what runs.
"""

import ctypes
import logging
import platform
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stylegan3.config import StyleGAN3Config
from stylegan3.deaf import deaf_layers
from stylegan3.generator import Generator
from stylegan3.layers import SynthesisLayer
from stylegan3.noise import STILL, Noise
from stylegan3.stylegan2 import StyleGAN2Config
from stylegan3.synthesis import SynthesisNetwork

_log = logging.getLogger(__name__)
_ABI = 4
_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
_BUILDS = {
    "avx512": ("AVX512",),
    "avx2": ("AVX512", "AVX2"),
    "portable": (),
}  # which of PyTorch's capabilities each needs
_NEGLIGIBLE = 1e-6  # of a filter's largest singular value
_TOLERANCE = 2e-5  # of the picture's standard deviation; both forms are float32 and sum in another order

_F32P = ctypes.POINTER(ctypes.c_float)


_KINDS = ("styles", "fourier", "conv", "conv", "filter", "rgb", "kept")  # as net.h's Kind counts them


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """One phase of a picture: which layer's, and its median milliseconds."""

    kind: str
    layer: int | None  # styles, Fourier features and what is kept belong to none
    ms: float


class _LayerDesc(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("cin", "cout", "in", "out", "k", "up", "fs", "pad")),
        ("ema", ctypes.c_float),
        ("rank", ctypes.c_int32),
        *((name, _F32P) for name in ("weight", "wsq", "affine", "affine_bias", "bias")),
        *((name, _F32P) for name in ("up_taps", "down_columns", "down_rows")),
    )


class _NetDesc(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("nlayers", "w_dim", "channels", "size")),
        *((name, ctypes.c_float) for name in ("rate", "bandwidth", "clamp", "output_scale")),
        ("threads", ctypes.c_int32),
        ("once", ctypes.c_int32),
        *((name, _F32P) for name in ("input_weight", "freqs", "phases", "input_affine", "input_affine_bias")),
        ("layers", ctypes.POINTER(_LayerDesc)),
    )


class FusedPainter:
    """One network in the kernel's own layout, with the memory and the threads it works with."""

    precision = "float32"

    def __init__(self, build: str, G: Generator, threads: int) -> None:
        self.engine = f"fused {build}"
        self.threads = threads
        if not isinstance(G.synthesis, SynthesisNetwork) or not knows(G):
            raise ValueError(f"the kernel does not know this {G.variant}")
        self._library, self._input = _library(build), G.synthesis.input
        with torch.inference_mode():
            desc, kept = _describe(G, G.synthesis, threads)
            self.layers_once: int = desc.once  # while the picture stands still; the others are painted for every w
            self._net = self._library.sg3_create(ctypes.byref(desc))
            del kept  # only now: the kernel has its own copies
        if not self._net:
            raise MemoryError
        n = G.img_resolution
        self._ws = (G.num_ws, G.w_dim)
        self._image = torch.empty(G.img_channels, n, n)
        self._pixels = (n, n, 4)

    def __del__(self) -> None:
        if getattr(self, "_net", None):
            self._library.sg3_destroy(self._net)

    def image(self, ws: NDArray[np.float32], noise: Noise = STILL) -> Tensor:  # noqa: ARG002 - StyleGAN3 has none
        """Ws [num_ws, w_dim] -> [3, H, W] float32; the next call overwrites it."""
        self._render(ws, self._image.data_ptr(), None)
        return self._image

    def paint(self, ws: NDArray[np.float32], pixels: NDArray[np.uint8], noise: Noise = STILL) -> None:  # noqa: ARG002
        """RGBA [H, W, 4] into `pixels`, which must be contiguous."""
        if pixels.shape != self._pixels or pixels.dtype != np.uint8 or not pixels.flags.c_contiguous:
            raise ValueError(f"pixels must be contiguous uint8 {list(self._pixels)}")
        self._render(ws, None, pixels.ctypes.data)

    def profile(self, ws: NDArray[np.float32], frames: int) -> tuple[PhaseTime, ...]:
        """Where the time of a picture goes: the median of each phase over `frames` pictures that stand still.

        Layers that were painted once took 0; "kept" is what there is to do in their place.
        """
        n = self._library.sg3_phases(self._net, None, None)
        kinds, layers = np.zeros(n, np.int32), np.zeros(n, np.int32)
        self._library.sg3_phases(self._net, kinds.ctypes.data, layers.ctypes.data)
        taken = np.zeros((frames, n))
        for _ in range(2 if self.layers_once else 0):  # two that stand alike: from then on they are kept
            self.image(ws)
        try:
            for row in taken:
                self._library.sg3_time(self._net, row.ctypes.data)
                self.image(ws)
        finally:
            self._library.sg3_time(self._net, None)
        named = [_KINDS[kind] for kind in kinds]
        return tuple(
            PhaseTime(kind, None if kind in ("styles", "fourier", "kept") else int(layer), float(ms))
            for kind, layer, ms in zip(named, layers, np.median(taken, 0), strict=True)
        )

    def _render(self, ws: NDArray[np.float32], image: int | None, rgba: int | None) -> None:
        if ws.shape != self._ws:
            raise ValueError(f"ws must be {list(self._ws)}, not {list(ws.shape)}")
        ws = np.ascontiguousarray(ws, np.float32)
        transform = self._input.transform.numpy()
        self._library.sg3_render(self._net, ws.ctypes.data, transform.ctypes.data, image, rgba)


def knows(G: Generator) -> bool:
    """Whether the kernel can render this network: of its kind, and with symmetric filters, as all designed ones are."""
    return supports(G.config) and all(
        torch.allclose(taps, taps.flip(axes), rtol=0, atol=1e-7 * float(taps.abs().max()))
        for name, taps in G.synthesis.named_buffers()
        if name.endswith("_filter")
        for axes in ([[0]] if taps.ndim == 1 else [[0], [1]])
    )


def supports(config: StyleGAN3Config | StyleGAN2Config) -> bool:
    """The kernel knows StyleGAN3 in colour: T, R and what lies between, filters of size 4 and 6, up by 2 and 4.

    Convolutions are 3x3 on an even number of pixels, or 1x1; and its widest tile needs room.
    """
    if not isinstance(config, StyleGAN3Config) or config.img_channels != 3 or config.conv_kernel not in (1, 3):
        return False
    *hidden, _ = config.layers
    return config.filter_size in (4, 6) and all(
        layer.up in (2, 4) and layer.down == 2 and min(layer.in_size, layer.out_size) >= 8 and layer.in_size % 2 == 0
        for layer in hidden
    )


@cache
def builds() -> tuple[str, ...]:
    """Builds that are here, run here and agree with the plain network, fastest first."""
    return tuple(build for build, needs in _BUILDS.items() if _fits(needs) and _agrees(build))


def _fits(needs: tuple[str, ...]) -> bool:
    return not needs or torch.backends.cpu.get_cpu_capability() in needs


def _path(build: str) -> Path:
    return Path(__file__).parent / f"fused-{build}{_SUFFIX}"


@cache
def _library(build: str) -> ctypes.CDLL:
    library = ctypes.CDLL(str(_path(build)))
    library.sg3_abi.restype = ctypes.c_int
    library.sg3_create.argtypes, library.sg3_create.restype = [ctypes.POINTER(_NetDesc)], ctypes.c_void_p
    library.sg3_destroy.argtypes, library.sg3_destroy.restype = [ctypes.c_void_p], None
    library.sg3_render.argtypes, library.sg3_render.restype = [ctypes.c_void_p] * 5, None
    library.sg3_phases.argtypes, library.sg3_phases.restype = [ctypes.c_void_p] * 3, ctypes.c_int
    library.sg3_time.argtypes, library.sg3_time.restype = [ctypes.c_void_p] * 2, None
    return library


def _agrees(build: str) -> bool:
    """Parity with the plain network on a small random one that has every case: up 2 and 4, odd channel counts.

    L0 is deaf to w, and it is the second picture that is held, which is painted from what the first has left.
    """
    if not _path(build).exists():
        return False
    try:
        library = _library(build)
        if library.sg3_abi() != _ABI:
            _log.warning("%s is of another version of the program: run `pip install -e .` again", _path(build).name)
            return False
        config = StyleGAN3Config(
            img_resolution=16, z_dim=8, w_dim=20, channel_base=160, channel_max=20, num_layers=4, margin_size=4
        )
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(0)
            G = Generator(config).eval()
            G.get_parameter(f"synthesis.{config.layers[0].name}.affine.weight").zero_()
            ws = torch.randn(2, config.num_ws, config.w_dim)
            want = G.synthesis(ws[1:])[0]
            painter = FusedPainter(build, G, 2)
            for each in ws.numpy():
                got = painter.image(each)
        error = float((got - want).abs().max() / want.std())
    except (OSError, AttributeError, MemoryError) as e:
        _log.warning(
            "%s does not run on this %s machine (%s): plain PyTorch is used, which is slower",
            _path(build).name,
            platform.machine(),
            e,
        )
        return False
    if not error < _TOLERANCE:
        _log.warning(
            "%s is off by %.1e of the picture: plain PyTorch is used, which is slower", _path(build).name, error
        )
        return False
    return True


def _products(taps: Tensor) -> tuple[Tensor, Tensor]:
    """A filter [taps] or [taps, taps] as a sum of products: what runs across and what runs along, each [rank, taps].

    A radial low-pass has rank 2 to 4 to the precision of float32: the singular values of an R-256's filters fall as
    1, 1e-3, 2e-7 in its first layer and as 1, 0.1, 1e-2, 2e-4, 2e-7 in its last.
    """
    if taps.ndim == 1:
        return taps[None], taps[None]
    u, s, v = torch.linalg.svd(taps.double())
    kept = s > s[0] * _NEGLIGIBLE
    return (v[kept] * s[kept, None].sqrt()), (u.t()[kept] * s[kept, None].sqrt())


def _describe(G: Generator, synthesis: SynthesisNetwork, threads: int) -> tuple[_NetDesc, list[Tensor]]:
    """The network as the kernel takes it; the tensors must live until it has copied them."""
    kept: list[Tensor] = []

    def pointer(t: Tensor) -> "ctypes._Pointer[ctypes.c_float]":
        kept.append(t.detach().to("cpu", torch.float32).contiguous())
        return ctypes.cast(kept[-1].data_ptr(), _F32P)

    def layer(of: SynthesisLayer) -> _LayerDesc:
        spec, weight = of.spec, of.normalized_weight()
        filters = {}
        if of.up_filter is not None and of.down_filter is not None:
            columns, rows = _products(of.down_filter)
            filters = {
                "wsq": pointer(weight.square().sum([2, 3])), "up_taps": pointer(of.up_filter), "rank": len(rows),
                "down_columns": pointer(columns), "down_rows": pointer(rows),
            }  # fmt: skip
        desc = _LayerDesc(
            cin=spec.in_channels, cout=spec.out_channels, out=spec.out_size, k=spec.kernel, up=spec.up,
            fs=spec.up_taps // spec.up, pad=spec.pad[0], ema=float(of.magnitude_ema.rsqrt()),
            weight=pointer(weight), affine=pointer(of.affine.weight * of.affine.weight_gain),
            affine_bias=pointer(of.affine.bias), bias=pointer(of.bias), **filters,
        )  # fmt: skip
        setattr(desc, "in", spec.in_size)
        return desc

    config, first, layers = synthesis.config, synthesis.input, synthesis.layers
    clamp = config.conv_clamp
    desc = _NetDesc(
        nlayers=len(layers), w_dim=G.w_dim, channels=first.channels, size=first.size, rate=first.rate,
        bandwidth=first.bandwidth,
        clamp=float(np.finfo(np.float32).max) if clamp is None else clamp, output_scale=config.output_scale,
        threads=threads, once=deaf_layers(synthesis),
        input_weight=pointer(first.weight / np.sqrt(first.channels)), freqs=pointer(first.freqs),
        phases=pointer(first.phases),
        input_affine=pointer(first.affine.weight * first.affine.weight_gain),
        input_affine_bias=pointer(first.affine.bias),
        layers=(_LayerDesc * len(layers))(*map(layer, layers)),
    )  # fmt: skip
    return desc, kept
