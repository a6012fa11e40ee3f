"""fir.cu itself, compiled for this processor: parity with its definition, and that its mistakes are seen."""

from dataclasses import replace

import cuda_host
import pytest
import torch

from stylegan3.config import StyleGAN3Config
from stylegan3.errors import EngineError
from stylegan3.gpu import fir
from stylegan3.gpu.tiling import tile
from stylegan3.layers import SynthesisLayer

pytest.importorskip("ziglang")

BOUND = 1e-5


def official():
    """Every (up, down, taps, rank) of T and R at 256, 512 and 1024, in float16's and float32's precision: one layer."""
    found = {}
    for size, base in ((256, 16384), (512, 32768), (1024, 32768)):
        for wide, kernel, radial in ((1, 3, False), (2, 1, True)):
            config = StyleGAN3Config(
                img_resolution=size, channel_base=base * wide, channel_max=512 * wide, conv_kernel=kernel,
                use_radial_filters=radial,
            )  # fmt: skip
            for layer in config.layers:
                of = SynthesisLayer(replace(layer, in_channels=1), 1, 0.5)
                for error in (fir.HALF_ERROR, fir.SINGLE_ERROR):
                    spec = fir.spec_of(of, error)
                    key = spec.up, spec.down, len(spec.up_taps), spec.down_taps, spec.rank, layer.pad[0] < -6
                    found[key] = spec
    return sorted(found.items())


OFFICIAL = official()
CHANNELS = (8, 24, 40, 64)
LANES = (8, 16, 32)
ODD = [  # up, down, taps, taps, rank, pad
    (1, 1, 1, 1, 1, (0, 0)),
    (1, 2, 1, 6, 2, (3, 1)),
    (2, 1, 7, 5, 1, (2, 3)),
    (2, 2, 8, 8, 2, (7, 4)),
    (2, 2, 11, 13, 1, (0, 1)),
    (2, 4, 12, 24, 1, (13, 12)),
    (3, 2, 9, 8, 1, (5, 4)),
    (4, 2, 24, 12, 4, (-5, -9)),
]


def held(kernel, height, width, seed=0):
    """The largest error against float64, of the largest output; nothing when there is no output."""
    torch.manual_seed(seed)
    spec = kernel.spec
    x = (torch.randn(height, width, spec.channels) * 2).to(kernel.dtype).float()
    demod, style = torch.rand(2, spec.channels) + 0.5
    bias = torch.randn(spec.channels)
    want = fir.reference(spec, x.double(), demod, bias, style)
    got = kernel(x, demod, bias, style, band=seed % 3 * 4 + 4).double()
    assert got.shape == want.shape
    error = (got - want).abs().max() / want.abs().max()
    return float(error) if bool(error.isfinite()) else float("inf")


def sizes(spec):
    """Heights and widths: the smallest, one pixel, odd ones, more than a block."""
    least = next(n for n in range(1, 99) if spec.resized(n) >= 1)
    return [(least, least), (least + 2, least + 33), (least + 21, least), (least + 12, least + 7)]


@pytest.mark.parametrize(("key", "spec"), OFFICIAL, ids=["-".join(map(str, key)) for key, _ in OFFICIAL])
def test_the_kernel_is_its_definition_for_every_filter_of_the_official_networks(key, spec, tmp_path):
    place = [k for k, _ in OFFICIAL].index(key)
    spec = replace(spec, channels=CHANNELS[place % 4])
    kernel = cuda_host.build(tmp_path, spec, tile(spec, 1, lanes=LANES[place % 3], strips=6))
    for seed, (height, width) in enumerate(sizes(spec)):
        assert held(kernel, height, width, seed) <= BOUND


@pytest.mark.parametrize("rates", ODD, ids=[f"up{o[0]}down{o[1]}taps{o[2]}-{o[3]}rank{o[4]}" for o in ODD])
def test_the_kernel_is_its_definition_for_filters_that_are_not_symmetric_and_odd_rates(rates, tmp_path):
    spec = cuda_host.random_spec(*rates, channels=16, size=40)
    kernel = cuda_host.build(tmp_path, spec, tile(spec, 1, lanes=8, strips=8))
    for seed, (height, width) in enumerate(sizes(spec)):
        assert held(kernel, height, width, seed) <= BOUND


@pytest.mark.parametrize("clamp", [None, 256.0, 1e9, 1.1])
def test_the_clamp_is_what_it_is_told_or_none(clamp, tmp_path):
    spec = cuda_host.random_spec(2, 2, 12, 12, 1, (9, 8), clamp=clamp)
    kernel = cuda_host.build(tmp_path, spec, tile(spec, 1, lanes=8, strips=4))
    assert held(kernel, 9, 9) <= BOUND


def test_a_clamp_of_nothing_leaves_nothing(tmp_path):
    spec = cuda_host.random_spec(2, 2, 12, 12, 1, (9, 8), clamp=0.0)
    kernel = cuda_host.build(tmp_path, spec, tile(spec, 1, lanes=8, strips=4))
    ones = torch.ones(8)
    assert not kernel(torch.ones(9, 9, 8), ones, ones, ones).any()


@pytest.mark.parametrize("rank", [1, 3])
def test_in_float16_only_the_output_is_rounded(rank, tmp_path):
    spec = cuda_host.random_spec(2, 2, 12, 12, rank, (9, 8), channels=24)
    kernel = cuda_host.build(tmp_path, spec, tile(spec, 1, lanes=16, strips=5), torch.float16)
    assert held(kernel, 17, 30) <= 2**-11


def test_what_float16_cannot_hold_becomes_infinite_or_small_as_pytorch_rounds_it(tmp_path):
    spec = cuda_host.random_spec(1, 1, 1, 1, 1, (0, 0), clamp=None)
    kernel = cuda_host.build(tmp_path, spec, tile(spec, 1, lanes=8, strips=4), torch.float16)
    one, nought = torch.ones(8), torch.zeros(8)
    x = torch.tensor([1.0, -1.0, 65504.0, 6e-8, 4.2e-5, 6.1e-5, -65504.0, 1e-3]).expand(3, 5, 8).to(torch.float16)
    for scale in (one, one * 3, one * 1e-4):
        want = fir.reference(spec, x.double(), scale, nought, one).to(torch.float16)
        got = kernel(x, scale, nought, one)
        apart = (got.view(torch.int16).int() - want.view(torch.int16).int()).abs()
        assert int(apart.max()) <= 1  # gain, slope and tap are float32


MUTANTS = {
    "a column too many is inside": ("first + j < width", "first + j <= width"),
    "the first row is not read": ("there = from >= 0", "there = from > 0"),
    "the bias spreads outside": ("(there && (inside >> j & 1) ? b : 0.f)", "b"),
    "taps are mirrored across": ("UP - 1 - i % UP + j * UP", "i % UP + j * UP"),
    "taps are mirrored along": ("UP - 1 - (s + m) + j * UP", "s + m + j * UP"),
    "output is a row late": ("done = OLDEST;", "done = OLDEST + 1;"),
    "a neighbour's column is off by one": ("p % COLUMNS * LANES]", "(p + 1) % COLUMNS * LANES]"),
    "a helper makes output": ("strip >= STRIPS - HELPERS", "strip > STRIPS - HELPERS"),
    "a column too many is written": ("column + WIDE <= out_width", "column + WIDE <= out_width + 2"),
    "the last band is a whole one": ("min(band, out_height - top)", "band"),
    "channels are left out": ("blockIdx.y * LANES + lane", "blockIdx.y * (LANES + 1) + lane"),
    "channels that are not there are written": ("real = channel < CHANNELS", "real = channel < CHANNELS + 1"),
    "a barrier is left out": ("__syncthreads();", "if (s == 0 && u == 0) __syncthreads();"),
    "a barrier is reached by some": ("__syncthreads();", "if (!helps) __syncthreads();"),
    "one buffer is used twice": ("buffer = BATCH * LINE - buffer;", "buffer = 0;"),
    "what is negative is not clamped": ("__saturatef(v * -(SLOPE))", "v * -(SLOPE)"),
    "the ring turns too far": ("ring[j][c] = ring[j + UNROLL][c]", "ring[j][c] = ring[j + UNROLL - 1][c]"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_in_the_text_is_seen(name, tmp_path):
    spec = cuda_host.random_spec(4, 2, 24, 12, 1, (13, 12), channels=40)
    kernel = cuda_host.build(tmp_path, spec, tile(spec, 1, lanes=16, strips=6), change=[MUTANTS[name]])
    try:
        errors = [held(kernel, height, width, seed) for seed, (height, width) in enumerate(sizes(spec))]
    except AssertionError:
        return
    assert max(errors) > 100 * BOUND


def test_a_launch_passes_the_driver_what_the_kernel_takes(tmp_path):
    spec = cuda_host.random_spec(4, 2, 24, 12, 2, (-6, -9), channels=40, size=24)
    launch = fir.firs([spec], torch.float16, torch.device("cpu"), cuda_host.HostMachine(tmp_path))[0]
    torch.manual_seed(0)
    x = torch.randn(24, 24, 40, dtype=torch.float16)
    demod, bias, style = torch.rand(3, 40)
    out = torch.full((spec.out_size, spec.out_size, 40), torch.nan, dtype=torch.float16)
    launch(x, demod, bias, style, out)
    want = fir.reference(spec, x, demod, bias, style)
    torch.testing.assert_close(out, want, rtol=2e-3, atol=1e-5)


def test_a_launch_refuses_what_the_kernel_was_not_made_for(tmp_path):
    spec = cuda_host.random_spec(1, 1, 1, 1, 1, (0, 0), size=4)
    launch = fir.firs([spec], torch.float32, torch.device("cpu"), cuda_host.HostMachine(tmp_path))[0]
    x, v, out = torch.zeros(4, 4, 8), torch.zeros(8), torch.zeros(4, 4, 8)
    launch(x, v, v, v, out)
    for wrong in (
        (x[:3], v, v, v, out), (x.half(), v, v, v, out), (x.mT, v, v, v, out), (x, v[:4], v, v, out),
        (x, v, v.double(), v, out), (x, v, v, v, out.half()), (x, v, v, v.to("meta"), out),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="must be"):
            launch(*wrong)
    with pytest.raises(EngineError, match="does not know"):
        fir.firs([spec], torch.bfloat16, torch.device("cpu"), cuda_host.HostMachine(tmp_path))[0]
