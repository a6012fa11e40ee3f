# ruff: noqa: N803, N806 - G is what the paper and its users call a generator
"""The fused kernel: every build against plain PyTorch, whatever the shape, whoever calls."""

import shutil
import subprocess
import sys
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch

from stylegan3 import Generator, StyleGAN3Config
from stylegan3.inference import TorchPainter, ways
from stylegan3.kernels import fused

BUILDS = fused.builds()
CONFIGS = [
    StyleGAN3Config(img_resolution=16, z_dim=8, w_dim=5, channel_base=64, channel_max=3, num_layers=4, margin_size=1),
    StyleGAN3Config(
        img_resolution=32, z_dim=8, w_dim=33, channel_base=2048, channel_max=65, num_layers=5, margin_size=3
    ),
    StyleGAN3Config(
        img_resolution=64, z_dim=8, w_dim=16, channel_base=1024, channel_max=97, num_layers=6, conv_clamp=3.0
    ),
    StyleGAN3Config(
        img_resolution=32,
        z_dim=8,
        w_dim=16,
        channel_base=800,
        channel_max=50,
        num_layers=5,
        filter_size=4,
        conv_clamp=None,
    ),
    StyleGAN3Config(
        img_resolution=32,
        z_dim=8,
        w_dim=16,
        channel_base=2048,
        channel_max=70,
        num_layers=6,
        conv_kernel=1,
        use_radial_filters=True,
    ),
    StyleGAN3Config(
        img_resolution=16,
        z_dim=8,
        w_dim=8,
        channel_base=300,
        channel_max=20,
        num_layers=5,
        margin_size=3,
        use_radial_filters=True,
        filter_size=4,
    ),
    StyleGAN3Config(
        img_resolution=128,
        z_dim=8,
        w_dim=8,
        channel_base=512,
        channel_max=17,
        num_layers=5,
        margin_size=7,
        conv_kernel=1,
    ),
]


def network(config: StyleGAN3Config, seed: int = 0) -> Generator:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        G = Generator(config).eval().requires_grad_(requires_grad=False)
        for layer in G.synthesis.layers:
            layer.bias.normal_(std=0.3)
            layer.magnitude_ema.fill_(0.3)
        G.synthesis.input.affine.weight.normal_()
    return G


def ws_of(G: Generator, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((G.num_ws, G.w_dim)).astype(np.float32)


def test_a_machine_with_a_compiler_has_the_kernel() -> None:
    """Without the kernel the demo misses its frame rate."""
    if not any(Path(fused.__file__).parent.glob(f"fused-*{fused._SUFFIX}")):
        pytest.skip("the kernel is not built: python hatch_build.py")
    assert BUILDS


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.variant}-{c.img_resolution}px-{c.channel_max}ch")
def test_the_kernel_agrees_with_plain_pytorch(build: str, config: StyleGAN3Config) -> None:
    G = network(config)
    G.synthesis.input.transform.copy_(torch.tensor([[0.8, -0.3, 0.1], [0.4, 0.9, -0.2], [0.0, 0.0, 1.0]]))
    ws = ws_of(G)
    want = G.synthesis(torch.from_numpy(ws)[None])[0]
    fast = fused.FusedPainter(build, G, 2)
    assert fast.engine == f"fused {build}"
    for _ in range(2):  # twice: what one picture leaves in memory must not reach the next
        assert (fast.image(ws) - want).abs().max() < 2e-5 * want.std()


@pytest.mark.parametrize("build", BUILDS)
def test_pictures_are_the_same_bits_with_any_number_of_threads_and_after_any_picture(build: str) -> None:
    G = network(CONFIGS[1])
    pictures = set()
    for threads in (1, 2, 3, 7):
        fast = fused.FusedPainter(build, G, threads)
        for seed in range(20):
            fast.image(ws_of(G, seed))
        pictures.add(fast.image(ws_of(G, 99)).numpy().tobytes())
    assert len(pictures) == 1


def test_rgba_is_the_rounded_clipped_picture() -> None:
    G = network(CONFIGS[2])
    plain = TorchPainter(G, torch.device("cpu"))
    for fast in [fused.FusedPainter(b, G, 2) for b in BUILDS]:
        ws = ws_of(G)
        got, want = np.full((64, 64, 4), 7, np.uint8), np.zeros((64, 64, 4), np.uint8)
        fast.paint(ws, got)
        plain.paint(ws, want)
        assert (got[..., 3] == 255).all()
        assert np.abs(got.astype(int) - want).max() <= 1  # a value at the middle of two may fall either way
        assert (got != want).mean() < 0.01
        exact = fast.image(ws).permute(1, 2, 0) * 127.5 + 127.5
        assert np.array_equal(got[..., :3], exact.round().clamp(0, 255).to(torch.uint8).numpy())


@pytest.mark.parametrize("build", BUILDS[:1])
def test_painters_come_and_go_with_their_threads(build: str) -> None:
    G = network(CONFIGS[0])
    want = fused.FusedPainter(build, G, 1).image(ws_of(G)).clone()
    wrong: list[int] = []

    def use() -> None:
        for _ in range(20):
            fast = fused.FusedPainter(build, G, 3)
            wrong.extend([1] * (not torch.equal(fast.image(ws_of(G)), want)))

    threads = [Thread(target=use) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.parametrize("build", BUILDS[:1])
def test_shapes_that_do_not_fit_are_refused_before_memory_is_touched(build: str) -> None:
    G = network(CONFIGS[0])
    fast = fused.FusedPainter(build, G, 1)
    with pytest.raises(ValueError, match="ws must be"):
        fast.image(np.zeros((G.num_ws, G.w_dim + 1), np.float32))
    for pixels in (
        np.zeros((16, 16, 3), np.uint8),
        np.zeros((16, 16, 4), np.float32),
        np.zeros((16, 32, 4), np.uint8)[:, ::2],
    ):
        with pytest.raises(ValueError, match="pixels must be"):
            fast.paint(ws_of(G), pixels)


@pytest.mark.parametrize("name", ["up_filter", "down_filter"])
def test_a_network_whose_filters_are_not_symmetric_is_not_the_kernels(name: str) -> None:
    """The kernel adds what two equal taps see before it multiplies."""
    G = network(CONFIGS[0])
    assert fused.knows(G)
    getattr(G.synthesis.layers[1], name)[0] *= 1.01
    assert not fused.knows(G)
    with pytest.raises(ValueError, match="does not know this StyleGAN3-T"):
        fused.FusedPainter(BUILDS[0], G, 1)
    assert [way.name for way in ways(G)] == ["prepared", "torch"]  # which need no symmetry


def test_the_phases_of_a_picture_are_timed_and_the_picture_is_the_same() -> None:
    G = network(CONFIGS[0])
    fast = fused.FusedPainter(BUILDS[0], G, 2)
    before = fast.image(ws_of(G)).clone()
    phases = fast.profile(ws_of(G), 3)
    layers = [kind for layer in range(4) for kind in (("conv", layer), ("filter", layer))]
    assert [(p.kind, p.layer) for p in phases] == [("styles", None), ("fourier", None), *layers, ("rgb", 4)]
    assert all(p.ms >= 0 for p in phases)
    assert sum(p.ms for p in phases) > 0
    assert torch.equal(fast.image(ws_of(G)), before)


def test_networks_of_another_kind_run_in_plain_pytorch() -> None:
    G = network(
        StyleGAN3Config(img_resolution=16, z_dim=8, w_dim=8, channel_max=8, num_layers=4, margin_size=4, filter_size=5)
    )
    assert not [way.name for way in ways(G) if way.name.startswith("fused")]


def test_a_library_that_is_broken_is_passed_over_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fused, "_path", lambda build: tmp_path / f"{build}{fused._SUFFIX}")
    fused._library.cache_clear()
    try:
        assert not fused._agrees("portable")  # not there: silently the next, as on a machine without a compiler
        assert not caplog.records
        (tmp_path / f"portable{fused._SUFFIX}").write_bytes(b"not a library")
        assert not fused._agrees("portable")
        assert "plain PyTorch is used, which is slower" in caplog.text
    finally:
        fused._library.cache_clear()


def test_the_build_script_says_what_it_did(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    (tmp_path / "stylegan3" / "kernels").mkdir(parents=True)
    shutil.copy(root / "hatch_build.py", tmp_path)
    (tmp_path / "stylegan3" / "kernels" / "fused.cpp").write_text("this is not C++")
    done = subprocess.run(
        [sys.executable, "hatch_build.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert done.stderr.startswith("fused kernel: ")
    assert not [f for f in (tmp_path / "stylegan3" / "kernels").iterdir() if f.suffix != ".cpp"]
