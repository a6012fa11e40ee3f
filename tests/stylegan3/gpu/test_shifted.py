# ruff: noqa: N806 - G is what the paper and its users call a generator
"""A convolution of matrix products."""

import pytest
import torch
from gpu_network import CPU, KINDS, exact, network, ws_of
from recording import StandIn
from torch.nn import functional

from stylegan3.gpu import frame, shifted
from stylegan3.gpu.banded import BandedFilters
from stylegan3.gpu.painter import GpuPainter
from stylegan3.gpu.shifted import ShiftedProducts

HALF = torch.float16


@pytest.mark.parametrize("side", [1, 2, 3, 4, 5, 16])
@pytest.mark.parametrize("channels", [(8, 16), (24, 8)])
def test_the_products_are_the_convolution_at_every_side(side, channels) -> None:
    torch.manual_seed(side)
    c_in, c_out = channels
    weight = torch.randn(c_out, c_in, 3, 3, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    made, out = ShiftedProducts(weight, side), torch.full(((side + 2) ** 2, c_out), torch.nan, dtype=torch.float64)
    for _ in range(2):  # nothing of the picture before is left
        x = torch.randn(side, side, c_in, dtype=torch.float64)
        made(x, out)
        want = functional.conv2d(x.permute(2, 0, 1)[None], weight, padding=2)[0].permute(1, 2, 0)
        torch.testing.assert_close(out.view(side + 2, side + 2, c_out), want, rtol=0, atol=1e-12)


def test_in_float16_it_is_off_by_what_rounding_its_sums_three_times_costs() -> None:
    torch.manual_seed(0)
    weight, x = torch.randn(32, 64, 3, 3) / 24, torch.randn(20, 20, 64)
    weight, x = weight.to(HALF), x.to(HALF)
    out = torch.zeros(22 * 22, 32, dtype=HALF)
    ShiftedProducts(weight, 20)(x, out)
    want = functional.conv2d(x.double().permute(2, 0, 1)[None], weight.double(), padding=2)[0].permute(1, 2, 0)
    off = (out.double().view_as(want) - want).square().mean().sqrt() / want.std()
    assert off < 6e-4  # 2^-11 of each of three sums, rounded to nearest


def test_only_wide_layers_gain_by_it() -> None:
    assert shifted.suits(torch.zeros(160, 512, 3, 3))
    assert not shifted.suits(torch.zeros(512, 152, 3, 3))
    assert not shifted.suits(torch.zeros(152, 512, 3, 3))
    assert not shifted.suits(torch.zeros(512, 512, 1, 1))


@pytest.mark.parametrize("kind", ["T", "between", "R"])
def test_a_recorded_painter_that_sums_in_float16_draws_the_same_picture(kind: str, monkeypatch) -> None:
    monkeypatch.setattr(shifted, "LEAST", 32)  # so that some layers of a small network are made of products, not all
    made_of = []

    class Counted(ShiftedProducts):
        def __init__(self, weight, side) -> None:
            made_of.append(side)
            super().__init__(weight, side)

    monkeypatch.setattr(frame, "ShiftedProducts", Counted)
    G = network(KINDS[kind])
    for dtype, most in ((torch.float32, 1e-5), (HALF, 5e-3)):
        made = GpuPainter(G, BandedFilters(), StandIn(), engine="fast", dtype=dtype, device=CPU, accumulate=True)
        for seed in (1, 2):
            want = exact(G, ws_of(G, seed))
            off = (made.image(ws_of(G, seed)) - want) / want.std()
            assert off.square().mean().sqrt() < most
    wide = [min(layer.spec.in_channels, layer.spec.out_channels) > 24 for layer in G.synthesis.layers[:-1]]
    assert len(made_of) == 2 * sum(wide) * (kind != "R")
    assert 0 < sum(wide) < len(wide)
