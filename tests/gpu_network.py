# ruff: noqa: N803, N806 - G is what the paper and its users call a generator
"""Networks the GPU tests paint, and the plain network's pictures in float64."""

from copy import deepcopy
from functools import cache

import numpy as np
import torch
from torch import Tensor

from stylegan3 import Generator, StyleGAN2Config, StyleGAN3Config
from stylegan3.gpu.fir import FirSpec, reference
from stylegan3.gpu.frame import Frame
from stylegan3.gpu.packed import Packed

CPU = torch.device("cpu")
KINDS = {
    "T": StyleGAN3Config(
        img_resolution=32, z_dim=8, w_dim=9, channel_base=400, channel_max=25, num_layers=5, margin_size=5,
    ),
    "R": StyleGAN3Config(
        img_resolution=32, z_dim=8, w_dim=9, channel_base=400, channel_max=25, num_layers=5, conv_kernel=1,
        use_radial_filters=True, margin_size=5,
    ),
    "between": StyleGAN3Config(
        img_resolution=32, z_dim=8, w_dim=9, channel_base=400, channel_max=25, num_layers=5, conv_kernel=3,
        use_radial_filters=True, margin_size=5, conv_clamp=1.0,
    ),
    "grey": StyleGAN3Config(
        img_resolution=16, img_channels=1, z_dim=8, w_dim=9, channel_base=200, channel_max=20, num_layers=4,
        conv_clamp=None,
    ),
    "alpha": StyleGAN3Config(
        img_resolution=16, img_channels=4, z_dim=8, w_dim=9, channel_base=200, channel_max=20, num_layers=4,
    ),
}  # fmt: skip
STYLEGAN2 = StyleGAN2Config(img_resolution=16, z_dim=8, w_dim=9, channel_base=200, channel_max=20)


class ReferenceFilter:
    """The definition as a launch: one step that no recorder looks into, as a kernel is."""

    def __init__(self, spec: FirSpec, dtype: torch.dtype, device: torch.device) -> None:
        self._spec, self._dtype, self._device = spec, dtype, device

    def __call__(self, x: Tensor, demod: Tensor, bias: Tensor, style: Tensor, out: Tensor) -> None:
        spec, c = self._spec, self._spec.channels
        assert x.dtype == out.dtype == self._dtype
        assert x.shape == (spec.in_size, spec.in_size, c)
        assert out.shape == (spec.out_size, spec.out_size, c)
        assert x.is_contiguous()
        assert out.is_contiguous()
        wide = torch.float64 if x.dtype == torch.float64 else torch.float32
        for each in (demod, bias, style):
            assert each.shape == (c,)
            assert each.dtype == wide
            assert each.is_contiguous()
        out.copy_(reference(spec, x, demod, bias, style))


def each(make):
    """A factory of a frame's filters, of what makes one."""
    return lambda specs, dtype, device: [make(spec, dtype, device) for spec in specs]


def network(config: StyleGAN3Config | StyleGAN2Config, seed: int = 0, deaf: int = 0) -> Generator:
    """Random, with everything that a fresh network has at zero or one at something else; its first layers deaf to w."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        G = Generator(config).eval().requires_grad_(requires_grad=False)
        for name, tensor in G.synthesis.state_dict().items():
            if name.endswith("bias") and "affine" not in name:
                tensor.normal_(std=0.3)
            elif name.endswith("magnitude_ema"):
                tensor.uniform_(0.5, 2)
            elif name == "input.affine.weight":
                tensor.normal_()
    if deaf:
        G.synthesis.input.affine.weight.zero_()
        for layer in G.synthesis.layers[:deaf]:
            layer.affine.weight.zero_()
            layer.affine.bias.normal_(generator=torch.Generator().manual_seed(seed)).add_(1)
    return G


def ws_of(G: Generator, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((G.num_ws, G.w_dim)).astype(np.float32)


def exact(G: Generator, ws: np.ndarray) -> Tensor:
    """The plain network in float64: [channels, H, W]."""
    with torch.inference_mode():
        return deepcopy(G).double().synthesis(torch.from_numpy(ws)[None].double())[0]


@cache
def plain(kind: str, deaf: int = 0) -> tuple[Generator, np.ndarray, Tensor]:
    """One of KINDS, a w, and its picture."""
    G = network(KINDS[kind], deaf=deaf)
    ws = ws_of(G)
    return G, ws, exact(G, ws)


def frame_of(G: Generator, dtype: torch.dtype, filters=None) -> Frame:
    return Frame(Packed(G.synthesis, dtype, CPU), filters or each(ReferenceFilter))


def drawn(frame: Frame, ws: np.ndarray) -> Tensor:
    with torch.inference_mode():
        frame.w.copy_(torch.from_numpy(ws))
        frame()
        return frame.image()
