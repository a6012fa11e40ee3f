# ruff: noqa: N806 - G is what the paper and its users call a generator
"""One frame as a list of launches: the plain network's picture, in each type of number, through each filter."""

import numpy as np
import pytest
import torch
from goldens import STYLEGAN3, golden
from gpu_network import CPU, KINDS, ReferenceFilter, drawn, each, exact, frame_of, network, plain, ws_of

import stylegan3
from stylegan3.gpu.banded import BandedFilter, BandedFilters, Memory
from stylegan3.gpu.fir import FirSpec, reference
from stylegan3.inference import to_rgba

FILTERS = {"reference": lambda: each(ReferenceFilter), "banded": BandedFilters}
GATE = 5e-3  # of half precision, rms, relative: PERF.md 5.3
HALF = torch.float16


def off(got: torch.Tensor, want: torch.Tensor) -> torch.Tensor:
    return (got.double() - want) / want.std()


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("deaf", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_in_float64_a_frame_is_the_plain_network_to_the_last_digits(kind: str, deaf: int, filters: str) -> None:
    G, ws, want = plain(kind, deaf)
    assert off(drawn(frame_of(G, torch.float64, FILTERS[filters]()), ws), want).abs().max() < 1e-12


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("deaf", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_in_float32_a_frame_is_within_1e_5_of_the_plain_network_in_float64(kind: str, deaf: int, filters: str) -> None:
    G, ws, want = plain(kind, deaf)
    assert off(drawn(frame_of(G, torch.float32, FILTERS[filters]()), ws), want).abs().max() < 1e-5


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("kind", KINDS)
def test_in_float16_a_frame_passes_the_gates_of_half_precision(kind: str, filters: str) -> None:
    G, ws, want = plain(kind)
    frame = frame_of(G, HALF, FILTERS[filters]())
    assert off(drawn(frame, ws), want).square().mean().sqrt() < GATE
    bytes_off = (frame.rgba.short() - rgba(want).short()).abs()
    assert (bytes_off <= 1).float().mean() >= 0.99
    assert (bytes_off <= 3).float().mean() >= 0.9999


@pytest.mark.parametrize("name", STYLEGAN3)
def test_goldens_are_within_1e_5_in_float32(name: str) -> None:
    G = stylegan3.load(golden(name).checkpoint)
    ws = ws_of(G)
    want = exact(G, ws)
    for filters in FILTERS.values():
        assert off(drawn(frame_of(G, torch.float32, filters()), ws), want).abs().max() < 1e-5


def rgba(image: torch.Tensor) -> torch.Tensor:
    pixels = np.zeros((*image.shape[1:], 4), np.uint8)
    to_rgba(image, pixels)
    return torch.from_numpy(pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_are_those_of_every_other_painter(kind: str) -> None:
    G, ws, want = plain(kind)
    frame = frame_of(G, torch.float64)
    drawn(frame, ws)
    assert torch.equal(frame.rgba, rgba(want))
    assert frame.rgba.unique().numel() > 20


def test_bytes_follow_a_clamp_that_is_below_white() -> None:
    G, ws, want = plain("between")  # its clamp of 1 leaves -0.25..0.25
    assert want.abs().max() == 0.25
    frame = frame_of(G, torch.float64)
    drawn(frame, ws)
    assert int(frame.rgba[..., :3].max()) == round(127.5 * 1.25)


@pytest.mark.parametrize("deaf", [0, 2])
def test_the_transform_lies_in_static_memory_and_moves_the_picture(deaf: int) -> None:
    G = network(KINDS["T"], deaf=deaf)
    ws = ws_of(G)
    matrix = torch.tensor([[0.6, -0.8, 0.3], [0.8, 0.6, -0.1], [0, 0, 1]])
    frame = frame_of(G, torch.float32)
    before = drawn(frame, ws)
    frame.transform.copy_(matrix)
    G.synthesis.input.transform.copy_(matrix)
    got = drawn(frame, ws)
    assert off(got, exact(G, ws)).abs().max() < 1e-5
    assert off(got, before.double()).abs().max() > 0.1


def test_a_frame_that_was_of_no_numbers_leaves_nothing_behind() -> None:
    for filters in FILTERS.values():
        for kind in ("T", "R"):
            G, ws, want = plain(kind)
            frame = frame_of(G, torch.float32, filters())
            assert drawn(frame, np.full_like(ws, np.nan)).isnan().any()
            assert off(drawn(frame, ws), want).abs().max() < 1e-5


def test_layers_that_are_deaf_to_w_are_not_in_the_half_that_hears_it() -> None:
    G, ws, _ = plain("T", 2)
    frame = frame_of(G, torch.float32)
    assert [part.layer for part in frame.begin if part.kind == "conv"] == [0, 1]
    assert [part.layer for part in frame.finish if part.kind == "conv"] == [2, 3, 4]
    drawn(frame, ws)
    other = ws_of(G, 1)
    frame.w.copy_(torch.from_numpy(other))
    for part in frame.finish:
        part.run()
    assert off(frame.image(), exact(G, other)).abs().max() < 1e-5


def spec(up: int, down: int, taps: int, rank: int, clamp: float | None, crop: int, size: int) -> FirSpec:
    """Random filters; half its padding (and `crop` less)."""
    rng = np.random.default_rng(up * 100 + down * 10 + rank)
    up_taps = tuple(rng.standard_normal(taps * up if up > 1 else 1))
    parts = tuple(tuple(tuple(rng.standard_normal(taps * down)) for _ in range(2)) for _ in range(rank))
    pad = (len(up_taps) // 2 + up - 1 - crop, len(up_taps) // 2 - crop)
    out = (size * up + sum(pad) - len(up_taps) + 1 - taps * down) // down + 1
    return FirSpec(up, down, up_taps, parts, pad, size, out, 1.4, 0.2, clamp, 8)


@pytest.mark.parametrize("size", [21, 36, 37])
@pytest.mark.parametrize("crop", [0, 9])
@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize(("up", "down", "taps"), [(1, 1, 3), (2, 2, 6), (4, 2, 6), (2, 1, 4), (3, 2, 5), (4, 4, 12)])
def test_banded_filters_are_the_definition(up: int, down: int, taps: int, rank: int, crop: int, size: int) -> None:
    s = spec(up, down, taps, rank, 2.0 if crop else None, crop * (up > 1), size)
    assert s.out_size > 0
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(size, size, 8, generator=rng, dtype=torch.float64)
    demod, bias, style = torch.randn(3, 8, generator=rng, dtype=torch.float64)
    memory = Memory(torch.float64, CPU)
    made, out = BandedFilter(s, memory), torch.full((s.out_size, s.out_size, 8), torch.nan, dtype=torch.float64)
    for piece in memory._pieces.values():
        piece.fill_(torch.nan)  # of another layer's frame that went wrong
    made(x, demod, bias, style, out)
    torch.testing.assert_close(out, reference(s, x, demod, bias, style), rtol=1e-10, atol=1e-10)
