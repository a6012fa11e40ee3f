# ruff: noqa: N803, N806 - G is what the paper and its users call a generator
"""The prepared network: the pictures of the plain one, whatever the network and whatever was painted before."""

from copy import deepcopy
from functools import cache

import numpy as np
import pytest
import torch
from goldens import NAMES, golden
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional

import stylegan3
from stylegan3 import Generator, StyleGAN2Config, StyleGAN3Config
from stylegan3.inference import to_rgba
from stylegan3.noise import STILL, Noise
from stylegan3.prepared import PreparedPainter, alias_free, prepare
from stylegan3.prepared.alias_free import factors
from stylegan3.prepared.bands import Bands
from stylegan3.prepared.stylegan2 import Doubler
from stylegan3.stylegan2.layers import binomial, upsample

KNOWN = settings(max_examples=30, derandomize=True, deadline=None)  # the same cases on every run
SMALL = [  # a margin of 5 leaves blocks that are not full
    StyleGAN3Config(img_resolution=32, z_dim=8, w_dim=9, channel_base=400, channel_max=25, num_layers=5, margin_size=5),
    StyleGAN3Config(
        img_resolution=32, z_dim=8, w_dim=9, channel_base=400, channel_max=25, num_layers=5, conv_kernel=1,
        use_radial_filters=True, conv_clamp=1.0, margin_size=5,
    ),
    StyleGAN2Config(img_resolution=32, z_dim=8, w_dim=9, channel_base=400, channel_max=25, mapping_layers=2),
    StyleGAN2Config(
        img_resolution=32, z_dim=8, w_dim=9, channel_base=400, channel_max=25, mapping_layers=2, architecture="resnet",
        conv_clamp=1.0,
    ),
]  # fmt: skip


def network(config: StyleGAN3Config | StyleGAN2Config, seed: int = 0) -> Generator:
    """Random, with everything that a fresh network has at zero or one at something else."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        G = Generator(config).eval().requires_grad_(requires_grad=False)
        for name, tensor in G.synthesis.state_dict().items():
            if name.endswith("bias") and "affine" not in name:
                tensor.normal_(std=0.3)
            elif name.endswith("noise_strength"):
                tensor.normal_(std=0.2)
            elif name.endswith("magnitude_ema"):
                tensor.uniform_(0.5, 2)
            elif name == "input.affine.weight":
                tensor.normal_()
    return G


def ws_of(G: Generator, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((G.num_ws, G.w_dim)).astype(np.float32)


def prepared(G: Generator, threads: int = 1) -> PreparedPainter:
    found = prepare(G, threads)
    assert found is not None
    return found


def exact(G: Generator, ws: np.ndarray, noise: Noise = STILL) -> torch.Tensor:
    """The plain network in float64."""
    wide = deepcopy(G).double()
    with torch.inference_mode():
        return wide.synthesis(torch.from_numpy(ws)[None].double(), noise_mode=noise.mode, generator=noise.generator)[0]


def assert_painted_like_the_plain_network(G: Generator, ws: np.ndarray) -> None:
    """Within 1e-5 of the picture's standard deviation, or as near as PyTorch in float32 is to float64."""
    want = exact(G, ws)
    with torch.inference_mode():
        plain = (G.synthesis(torch.from_numpy(ws)[None])[0] - want).abs().max()
    error = (prepared(G).image(ws) - want).abs().max()
    assert error < max(1e-5 * want.std(), 2 * plain)


@cache
def loaded(name: str) -> tuple[object, Generator]:
    found = golden(name)
    return found, stylegan3.load(found.checkpoint)


@pytest.mark.parametrize("name", NAMES)
def test_it_paints_the_official_pictures(name: str) -> None:
    data, G = loaded(name)
    painter = prepared(G)
    for case in data.cases():
        if hasattr(G.synthesis, "input"):
            G.synthesis.input.transform.copy_(torch.from_numpy(data.transform(case)))
        noise = Noise("none") if case == "nonoise" else STILL
        got = np.stack([painter.image(ws, noise).numpy().copy() for ws in data.arrays[f"{case}/ws"]])
        want = data.arrays[f"{case}/img"]
        assert np.abs(got - want).max() <= 4e-5 * want.std(), case  # both are float32, the official one no nearer


@KNOWN
@given(
    resolution=st.sampled_from([16, 32, 64]),
    width=st.integers(1, 40),
    layers=st.integers(3, 6),
    margin=st.integers(0, 10),
    taps=st.integers(4, 6),
    kernel=st.sampled_from([1, 3]),
    radial=st.booleans(),
    clamp=st.sampled_from([None, 0.3, 256.0]),
    upsampling=st.sampled_from([2, 2, 4]),
    channels=st.sampled_from([1, 3, 4]),
    seed=st.integers(0, 99),
)
def test_any_alias_free_network_is_painted_as_the_plain_one_does(
    resolution: int, width: int, layers: int, margin: int, taps: int, kernel: int, radial: bool, clamp: float | None,
    upsampling: int, channels: int, seed: int,
) -> None:  # fmt: skip
    try:
        config = StyleGAN3Config(
            img_resolution=resolution, z_dim=4, w_dim=7, channel_base=20 * resolution, channel_max=width,
            num_layers=layers, margin_size=margin, filter_size=taps, conv_kernel=kernel, use_radial_filters=radial,
            conv_clamp=clamp, lrelu_upsampling=upsampling, img_channels=channels, mapping_layers=1,
        )  # fmt: skip
        _ = config.layers
    except ValueError:
        assume(False)
    G = network(config, seed)
    assert_painted_like_the_plain_network(G, ws_of(G, seed))


@KNOWN
@given(
    resolution=st.sampled_from([4, 8, 16, 64]),
    width=st.integers(1, 40),
    architecture=st.sampled_from(["skip", "resnet", "orig"]),
    noise=st.booleans(),
    clamp=st.sampled_from([None, 0.3, 256.0]),
    channels=st.sampled_from([1, 3, 4]),
    seed=st.integers(0, 99),
)
def test_any_stylegan2_network_is_painted_as_the_plain_one_does(
    resolution: int, width: int, architecture: str, noise: bool, clamp: float | None, channels: int, seed: int
) -> None:
    config = StyleGAN2Config(
        img_resolution=resolution, z_dim=4, w_dim=7, channel_base=20 * resolution, channel_max=width,
        architecture=architecture, use_noise=noise, conv_clamp=clamp, img_channels=channels, mapping_layers=1,
    )  # fmt: skip
    G = network(config, seed)
    assert_painted_like_the_plain_network(G, ws_of(G, seed))


@pytest.mark.parametrize("floats", [1, 5000, 40_000])
@pytest.mark.parametrize("config", SMALL[:2], ids=lambda c: c.variant)
def test_strips_of_any_height_make_the_same_picture(
    config: StyleGAN3Config, floats: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    G = network(config)
    ws, want = ws_of(G), exact(G, ws_of(G))
    monkeypatch.setattr(alias_free, "_STRIP", floats)
    painter = prepared(G)
    first = painter.image(ws).clone()
    assert (first - want).abs().max() < 2e-5 * want.std()
    for other in (ws_of(G, 1), np.full_like(ws, np.nan)):
        painter.image(other)
        assert torch.equal(painter.image(ws), first)


@pytest.mark.parametrize("config", SMALL, ids=lambda c: c.variant)
def test_a_picture_is_the_same_bits_after_any_other(config: StyleGAN3Config | StyleGAN2Config) -> None:
    G = network(config)
    painter, ws = prepared(G), ws_of(G)
    first = painter.image(ws).numpy().tobytes()
    for seed in range(1, 4):
        painter.image(ws_of(G, seed))
        assert painter.image(ws).numpy().tobytes() == first
    for bad in (np.nan, np.inf, 1e30):
        painter.image(np.full_like(ws, bad))
        assert painter.image(ws).numpy().tobytes() == first, bad
    assert prepared(G).image(ws).numpy().tobytes() == first


@pytest.mark.parametrize("config", SMALL, ids=lambda c: c.variant)
def test_painters_share_no_memory_and_leave_the_network_alone(config: StyleGAN3Config | StyleGAN2Config) -> None:
    G, other = network(config), network(config, seed=1)
    before = {name: tensor.clone() for name, tensor in G.state_dict().items()}
    one, two, third = prepared(G), prepared(G), prepared(other)
    first = one.image(ws_of(G))
    kept = first.clone()
    two.image(ws_of(G, 1))
    third.image(ws_of(G, 2))
    assert torch.equal(first, kept)
    assert torch.equal(one.image(ws_of(G)), kept)
    assert all(torch.equal(tensor, before[name]) for name, tensor in G.state_dict().items())


@pytest.mark.parametrize("config", SMALL, ids=lambda c: c.variant)
def test_the_number_of_threads_is_its_own_and_changes_no_picture(config: StyleGAN3Config | StyleGAN2Config) -> None:
    G = network(config)
    want = exact(G, ws_of(G))
    for threads in (1, 2, 3):
        painter = prepared(G, threads)
        assert (painter.image(ws_of(G)) - want).abs().max() < 2e-5 * want.std()
        assert torch.get_num_threads() == painter.threads == threads


def test_noise_is_what_the_plain_network_makes_of_it() -> None:
    G = network(SMALL[2])
    painter, ws, seen = prepared(G), ws_of(G), []
    for mode in ("const", "random", "none"):
        noises = [Noise(mode, torch.Generator().manual_seed(5)) for _ in range(2)]
        got, want = painter.image(ws, noises[0]).clone(), exact(G, ws, noises[1])
        assert (got - want).abs().max() < 2e-5 * want.std()
        seen.append(got)
    assert (seen[0] - seen[1]).abs().max() > 1e-2
    assert (seen[0] - seen[2]).abs().max() > 1e-2


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("config", [SMALL[0], SMALL[2]], ids=lambda c: c.variant)
def test_rgba_is_the_rounded_clipped_picture(config: StyleGAN3Config | StyleGAN2Config, channels: int) -> None:
    values = {name: getattr(config, name) for name in config.__dataclass_fields__}
    G = network(type(config)(**(values | {"img_channels": channels})))
    painter, ws = prepared(G), ws_of(G)
    got, want = np.full((32, 32, 4), 7, np.uint8), np.zeros((32, 32, 4), np.uint8)
    to_rgba(painter.image(ws), want)
    painter.paint(ws, got)
    assert np.array_equal(got, want)
    assert np.ptp(got[..., 0]) > 10
    painter.paint(ws, got)
    assert np.array_equal(got, want)


def test_the_users_transform_is_followed_from_picture_to_picture() -> None:
    G = network(SMALL[0])
    painter, ws = prepared(G), ws_of(G)
    still = painter.image(ws).clone()
    G.synthesis.input.transform.copy_(torch.tensor([[0.8, -0.3, 0.1], [0.4, 0.9, -0.2], [0.0, 0.0, 1.0]]))
    want = exact(G, ws)
    assert (painter.image(ws) - want).abs().max() < 2e-5 * want.std()
    assert (still - want).abs().max() > 0.1 * want.std()


def test_what_does_not_fit_is_refused_in_words() -> None:
    G = network(SMALL[0])
    painter, ws = prepared(G), ws_of(G)
    with pytest.raises(ValueError, match=r"ws must be \[7, 9\], not \[7, 8\]"):
        painter.image(ws[:, :8])
    for pixels in (np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32, 4), np.float32), np.zeros((16, 32, 4), np.uint8)):
        with pytest.raises(ValueError, match=r"pixels must be uint8 \[32, 32, 4\], not"):
            painter.paint(ws, pixels)


def test_a_network_that_does_not_resample_in_every_layer_is_left_to_the_plain_form() -> None:
    config = StyleGAN3Config(
        img_resolution=16, z_dim=8, w_dim=8, channel_max=8, num_layers=4, margin_size=4, lrelu_upsampling=1,
        first_stopband=6.0,
    )  # fmt: skip
    assert prepare(Generator(config), 2) is None


@KNOWN
@given(
    taps=st.integers(1, 25), up=st.integers(1, 4), down=st.integers(1, 4), pad=st.integers(-9, 9),
    size_in=st.integers(1, 50), rows=st.integers(1, 20), seed=st.integers(0, 9),
)  # fmt: skip
def test_bands_are_zero_insertion_padding_filter_and_decimation(
    taps: int, up: int, down: int, pad: int, size_in: int, rows: int, seed: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    f, x = torch.randn(taps, generator=draw), torch.randn(size_in, 3, generator=draw)
    inserted = torch.zeros(size_in * up, 3)
    inserted[::up] = x
    padded = functional.pad(inserted.t(), (pad, 9))
    assume(padded.shape[1] >= taps)
    want = functional.conv1d(padded[:, None], f.flip(0)[None, None], stride=down)[:, 0].t()
    bands = Bands.make(f, up=up, down=down, size_in=size_in, size_out=len(want), pad=pad, rows=rows)
    source, target = torch.full((bands.rows_in * 3,), torch.nan), torch.full((bands.rows_out * 3,), torch.nan)
    bands.samples(source, 3).copy_(x)
    for margin in bands.margins(source, 3):
        margin.zero_()
    run, result = bands.through(source, target, 3)
    run()
    assert result.shape == want.shape
    assert (result - want).abs().max() < 1e-5
    assert result.abs().max() <= bands.reach * x.abs().max() * (1 + 1e-6)


def test_lanes_make_a_filter_that_is_no_product_of_two() -> None:
    draw = torch.Generator().manual_seed(0)
    low_rank = sum(torch.outer(a, b) for a, b in torch.randn(3, 2, 6, generator=draw).unbind(0))
    over_x, over_y = factors(low_rank)
    assert len(over_x) == len(over_y) == 3
    assert (over_y.t() @ over_x - low_rank).abs().max() < 1e-6


@pytest.mark.parametrize(("size", "channels"), [(4, 1), (5, 3), (8, 20)])
def test_the_doubler_is_the_binomial_filter(size: int, channels: int) -> None:
    x = torch.randn(size, size, channels, generator=torch.Generator().manual_seed(0))
    want = upsample(x.permute(2, 0, 1)[None], binomial())[0].permute(1, 2, 0)
    assert (Doubler(size, channels)(x) - want).abs().max() < 1e-6
