# ruff: noqa: N806 - G is what the paper and its users call a generator
"""Constants for a GPU: the plain network's numbers, padded, prescaled and folded."""

import math

import pytest
import torch
from gpu_network import CPU, KINDS, network, ws_of
from torch.nn import functional

from stylegan3.gpu import packed
from stylegan3.gpu.packed import Packed, lanes


def styles_of_the_plain_network(G, ws):  # noqa: N803
    """Scale and demodulation of every layer as SynthesisLayer makes them, in float64."""
    for layer, w in zip(G.double().synthesis.layers, torch.from_numpy(ws).double()[1:], strict=True):
        s = layer.affine(w[None])
        if not layer.spec.is_torgb:
            s = s * s.square().mean().rsqrt()
        d = (s.square() @ layer.normalized_weight().square().sum([2, 3]).t() + 1e-8).rsqrt()
        yield layer, (s * layer.magnitude_ema.rsqrt())[0], d[0]


@pytest.mark.parametrize("waste", [0, 2**19])
@pytest.mark.parametrize("kind", KINDS)
def test_styles_are_those_of_the_plain_network_however_layers_share_products(
    kind: str, waste: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "_WASTE", waste)
    G = network(KINDS[kind])
    ws = ws_of(G)
    made = Packed(G.synthesis, torch.float64, CPU)
    made.styles(torch.from_numpy(ws).double())
    for i, (layer, scale, demod) in enumerate(styles_of_the_plain_network(G, ws)):
        c, fan_in = layer.spec.in_channels, layer.spec.in_channels * layer.spec.kernel**2
        torch.testing.assert_close(made.styles.scale[i, :c], scale, rtol=1e-12, atol=0)
        assert not made.styles.scale[i, c:].any()
        if not layer.spec.is_torgb:  # the weights are divided by what this is multiplied by
            found = made.styles.demod[i, : layer.spec.out_channels]
            torch.testing.assert_close(found, demod * math.sqrt(fan_in), rtol=1e-12, atol=0)


def test_layers_share_products_only_where_padding_costs_less_than_a_launch() -> None:
    assert list(packed._runs([(512,), (512,), (512,), (8,)])) == [range(4)]
    wide, narrow = (1024, 1024), (64, 64)
    assert list(packed._runs([wide, wide, narrow, narrow])) == [range(2), range(2, 4)]
    assert list(packed._runs([])) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_that_is_deaf_has_the_styles_that_w_would_have_given_it(kind: str) -> None:
    G = network(KINDS[kind], deaf=2)
    made = Packed(G.synthesis, torch.float64, CPU)
    assert (made.once, len(made.constant)) == (2, 2)
    expected = [*styles_of_the_plain_network(G, ws_of(G))][:2]
    for (scale, demod), (layer, s, d) in zip(made.constant, expected, strict=True):
        fan_in = layer.spec.in_channels * layer.spec.kernel**2
        torch.testing.assert_close(scale[: len(s)], s, rtol=1e-12, atol=0)
        torch.testing.assert_close(demod[: len(d)], d * math.sqrt(fan_in), rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_padded_with_zeros_to_eights_with_channels_last(kind: str, dtype: torch.dtype) -> None:
    G = network(KINDS[kind])
    made = Packed(G.synthesis, dtype, CPU)
    for packed_layer, layer in zip(made.layers, G.synthesis.layers, strict=True):
        weight, spec = packed_layer.weight, layer.spec
        assert weight.shape[:2] == (lanes(spec.out_channels), lanes(spec.in_channels))
        assert all(c % 8 == 0 for c in weight.shape[:2])
        assert weight.dtype == dtype
        assert weight.is_contiguous(memory_format=torch.channels_last)
        assert not weight[spec.out_channels :].any()
        assert not weight[:, spec.in_channels :].any()
        assert not packed_layer.bias[spec.out_channels :].any()


@pytest.mark.parametrize("kind", ["R", "T"])
def test_radial_filters_are_few_products_unless_all_of_them_are_asked_for(kind: str) -> None:
    G = network(KINDS[kind])

    def ranks(**how: bool) -> list[int]:
        made = Packed(G.synthesis, torch.float16, CPU, **how).layers
        return [layer.fir.rank for layer in made if layer.fir is not None]

    few, whole = ranks(), ranks(whole=True)
    radial = [layer.spec.radial for layer in G.synthesis.layers[:-1]]
    assert any(radial) is (kind == "R")
    assert [a < b for a, b in zip(few, whole, strict=True)] == radial
    assert max(few) <= 3
    assert set(whole) <= {1, 6}  # twelve taps by twelve, symmetric about their middle


def test_what_a_convolution_gives_before_demodulation_stays_far_from_the_end_of_float16() -> None:
    G = network(KINDS["T"])
    layer = Packed(G.synthesis, torch.float32, CPU).layers[1]
    x = torch.randn(1, layer.channels_in, 24, 24, generator=torch.Generator().manual_seed(0))
    assert 0.5 < functional.conv2d(x, layer.weight)[:, : G.synthesis.layers[1].spec.out_channels].std() < 2
