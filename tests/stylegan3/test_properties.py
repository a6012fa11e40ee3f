# ruff: noqa: N803, N806 - G is what the paper and its users call a generator
"""What must hold of every generator, whatever its weights."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from goldens import HERE, NAMES, path

import stylegan3
from stylegan3 import CheckpointError, Generator, StyleGAN2Config, StyleGAN3Config, official
from stylegan3.inference import TorchPainter, to_rgba
from stylegan3.noise import STILL, Noise
from stylegan3.snapshot import Module, read_snapshot
from stylegan3.stylegan2.layers import SynthesisLayer

SHIPPED = ("sg3t_64", "sg3t_64_modern", "sg3r_64", "sg2_64_skip")
SMALL3 = StyleGAN3Config(
    img_resolution=16, z_dim=8, w_dim=8, channel_base=64, channel_max=8, num_layers=4, margin_size=4
)
SMALL2 = StyleGAN2Config(img_resolution=16, z_dim=8, w_dim=8, channel_base=64, channel_max=8, mapping_layers=2)


@cache
def shipped(name: str) -> Generator:
    return stylegan3.load(HERE / f"{name}.pkl")


def some_ws(G: Generator, n: int, seed: int = 0) -> torch.Tensor:
    with torch.inference_mode():
        z = torch.randn(n, G.z_dim, generator=torch.Generator().manual_seed(seed))
        return G.mapping(z).clone()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_batch_gives_what_its_members_give(name: str) -> None:
    G = shipped(name)
    ws = some_ws(G, 3)
    together, single = G.synthesis(ws), torch.cat([G.synthesis(w[None]) for w in ws])
    assert (together - single).abs().max() < 1e-5 * single.std()


@pytest.mark.parametrize("name", SHIPPED)
def test_float64_and_back_changes_nothing(name: str) -> None:
    G = deepcopy(shipped(name))
    ws = some_ws(G, 1)
    before = G.synthesis(ws)
    exact = G.double().synthesis(ws)
    assert exact.dtype == torch.float64
    assert G.mapping(torch.zeros(1, G.z_dim)).dtype == torch.float64
    assert (before - exact).abs().max() < 5e-5 * exact.std()
    assert torch.equal(G.float().synthesis(ws), before)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("name", SHIPPED)
def test_a_gpu_and_back_changes_nothing(name: str) -> None:
    G = deepcopy(shipped(name))
    ws = some_ws(G, 1)
    before = G.synthesis(ws)
    there = G.cuda().synthesis(ws.cuda()).cpu()
    assert (there - before).abs().max() < 2e-2 * before.std()  # PyTorch lets convolutions round to TF32
    assert torch.equal(G.cpu().synthesis(ws), before)


@pytest.mark.parametrize("pair", [("sg3t_64", "sg3r_64"), ("sg2_64_skip", "sg2_64_skip")])
def test_generators_do_not_disturb_each_other_on_two_threads(pair: tuple[str, str]) -> None:
    networks = [shipped(name) for name in pair]
    jobs = [(G, some_ws(G, 1, seed)) for seed, G in enumerate(networks)]
    want = [G.synthesis(ws) for G, ws in jobs]
    wrong: list[float] = []

    def work(i: int) -> None:
        G, ws = jobs[i]
        wrong.extend([float((G.synthesis(ws) - want[i]).abs().max() / want[i].std()) for _ in range(4)])

    threads = [Thread(target=work, args=(i,)) for i in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(wrong) == 8
    assert max(wrong) < 1e-5


@pytest.mark.parametrize("name", ["sg3t_64", "sg3r_64"])
def test_the_transform_shifts_the_picture_by_whole_pixels(name: str) -> None:
    """Alias-free: what the input moves by, the picture moves by, away from its border."""
    G = deepcopy(shipped(name))
    ws = some_ws(G, 1)
    still = G.synthesis(ws)[0]
    for dx, dy, most in (
        (8, 0, 1e-3),
        (0, -4, 1e-3),
        (-8, 4, 1e-3),
        (2, 3, 5e-3),
    ):  # four pixels: a sample of any layer
        G.synthesis.input.transform.copy_(torch.eye(3))
        G.synthesis.input.transform[:2, 2] = torch.tensor([-dx / 64, -dy / 64])
        moved, inner = G.synthesis(ws)[0], slice(20, 44)
        back = torch.roll(moved, (-dy, -dx), (1, 2))
        assert (back - still)[:, inner, inner].abs().max() < most * still.std(), (dx, dy)
        assert (moved - still)[:, inner, inner].abs().max() > 0.1 * still.std(), (dx, dy)


def test_random_noise_is_what_its_seed_says() -> None:
    G = shipped("sg2_64_skip")
    ws = some_ws(G, 2)

    def drawn(seed: int) -> torch.Tensor:
        return G.synthesis(ws, noise_mode="random", generator=torch.Generator().manual_seed(seed))

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    same = G.synthesis(ws[:1].repeat(2, 1, 1), noise_mode="random", generator=torch.Generator().manual_seed(1))
    assert not torch.equal(same[0], same[1])  # each picture has its own
    const, none = G.synthesis(ws), G.synthesis(ws, noise_mode="none")
    assert torch.equal(const, G.synthesis(ws, noise_mode="const"))
    assert not torch.equal(const, none)
    exact = deepcopy(G).double().synthesis(ws, noise_mode="random", generator=torch.Generator().manual_seed(1))
    assert (exact - drawn(1)).abs().max() < 1e-4 * exact.std()
    with pytest.raises(ValueError, match="no noise mode 'off': use const, random or none"):
        G.synthesis(ws, noise_mode="off")


@pytest.mark.parametrize("clamp", [None, 0.2])
def test_half_a_residual_branch_is_half_of_it_clamp_and_all(clamp: float | None) -> None:
    torch.manual_seed(0)
    layer = SynthesisLayer(4, 3, 5, 8, up=True, use_noise=True, clamp=clamp).requires_grad_(requires_grad=False)
    x, w = torch.randn(2, 3, 4, 4), torch.randn(2, 4)
    whole = layer(x, w, STILL)
    assert clamp is None or float(whole.abs().max()) == pytest.approx(clamp)
    assert (layer(x, w, STILL, 0.5) - 0.5 * whole).abs().max() < 1e-6


def test_painters_take_noise_and_networks_without_any_ignore_it() -> None:
    for name in ("sg2_64_skip", "sg3t_64"):
        G = shipped(name)
        plain, w = TorchPainter(G, torch.device("cpu")), some_ws(G, 1)[0].numpy()
        const, none = plain.image(w), plain.image(w, Noise("none"))
        assert torch.equal(const, none) == (name == "sg3t_64")
        first, second = np.zeros((64, 64, 4), np.uint8), np.zeros((64, 64, 4), np.uint8)
        moving = Noise("random", torch.Generator().manual_seed(0))
        plain.paint(w, first, moving)
        plain.paint(w, second, moving)
        assert np.array_equal(first, second) == (name == "sg3t_64")


@pytest.mark.parametrize("config", [SMALL3, SMALL2], ids=lambda c: c.variant)
@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_four_channels_are_pictures_too(
    config: StyleGAN3Config | StyleGAN2Config, channels: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    stylegan3.save(
        Generator(type(config)(**(vars_of(config) | {"img_channels": channels}))), tmp_path / "g.safetensors"
    )
    G = stylegan3.load(tmp_path / "g.safetensors")
    pixels = np.zeros((16, 16, 4), np.uint8)
    painter = TorchPainter(G, torch.device("cpu"))
    w = some_ws(G, 1)[0].numpy()
    image = painter.image(w)
    assert image.shape == (channels, 16, 16)
    painter.paint(w, pixels)
    assert (pixels[..., 3] == 255).all()
    if channels == 1:
        assert (pixels[..., :1] == pixels[..., :3]).all()
        assert np.ptp(pixels[..., 0]) > 0


def vars_of(config: StyleGAN3Config | StyleGAN2Config) -> dict[str, object]:
    return {name: getattr(config, name) for name in config.__dataclass_fields__}


def test_alpha_is_laid_over_black() -> None:
    image = torch.zeros(4, 1, 3)
    image[:3] = 1.0
    image[3] = torch.tensor([[-1.0, 0.0, 5.0]])
    pixels = np.zeros((1, 3, 4), np.uint8)
    to_rgba(image, pixels)
    assert pixels[0].tolist() == [[0, 0, 0, 255], [128, 128, 128, 255], [255, 255, 255, 255]]


@pytest.mark.parametrize(
    ("config", "change", "fault"),
    [
        (SMALL3, {"img_channels": 2}, "img_channels is 2, and a picture has 1 .grey., 3 .colour. or 4"),
        (SMALL2, {"img_channels": 5}, "img_channels is 5, and a picture"),
        (SMALL2, {"img_resolution": 48}, "img_resolution is 48, not a power of two"),
        (SMALL2, {"architecture": "deep"}, "architecture is not one of orig, skip, resnet"),
        (SMALL2, {"architecture": 3}, "architecture is not one of"),
        (SMALL2, {"use_noise": 1}, "use_noise is a int, not true or false"),
        (SMALL2, {"channel_base": 8}, "leave a block without channels"),
        (SMALL2, {"img_resolution": 4096, "channel_base": 2**22, "channel_max": 1024}, "more than any network needs"),
        (SMALL3, {"first_cutoff": 100.0}, "leave a layer without channels, samples or band"),
        (
            SMALL3,
            {"first_cutoff": 50.0, "first_stopband": 100.0},
            "leave layer . nothing to filter",
        ),
        (SMALL3, {"img_resolution": 4096, "channel_base": 2**24, "channel_max": 8000}, "more than any network needs"),
        (SMALL2, {"wings": 2}, "'wings' is no setting of a StyleGAN2 network"),
    ],
)
def test_networks_that_cannot_be_are_refused_by_name(
    config: StyleGAN3Config | StyleGAN2Config, change: dict[str, object], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        type(config).parse(vars_of(config) | change)


@pytest.mark.parametrize("name", NAMES)
def test_every_network_survives_the_round_trip_to_the_bit(name: str, tmp_path: Path) -> None:
    G = stylegan3.load(path(name))
    G.anchors = {"calm": torch.randn(G.z_dim, generator=torch.Generator().manual_seed(1))}
    stylegan3.save(G, tmp_path / "g.safetensors")
    back = stylegan3.load(tmp_path / "g.safetensors")
    assert (back.name, back.variant, back.config, back.training_set) == (G.name, G.variant, G.config, G.training_set)
    assert torch.equal(back.anchors["calm"], G.anchors["calm"])
    after = back.state_dict()
    assert after.keys() == G.state_dict().keys()
    assert all(torch.equal(t, after[key]) for key, t in G.state_dict().items())


def test_official_files_of_odd_networks_are_refused_by_name(tmp_path: Path) -> None:
    """By changing a few bytes of a real one."""
    data = (HERE / "sg2_64_skip.pkl").read_bytes()
    for old, new, fault in (
        (b"\x8c\x05lrelu", b"\x8c\x05swish", "uses the activation swish, and only lrelu is read"),
        (b"\x8c\x04skip", b"\x8c\x04deep", "architecture is not one of orig, skip, resnet"),
    ):
        assert old in data
        file = tmp_path / "odd.pkl"
        file.write_bytes(data.replace(old, new))
        with pytest.raises(CheckpointError, match=rf"odd\.pkl .*{fault}"):
            stylegan3.load(file)


def test_square_pictures_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sg2_64_skip", "sg3r_64"):
        snapshot = read_snapshot(memoryview((HERE / f"{name}.pkl").read_bytes()))
        G_ema = snapshot["G_ema"]
        assert isinstance(G_ema, Module)
        monkeypatch.setattr(official, "read_snapshot", lambda _, value=snapshot: value)
        G_ema.state["img_resolution"] = [64, 32]
        with pytest.raises(CheckpointError, match="makes pictures that are not square, which is not read"):
            official.read_official(memoryview(b""))
    G_ema.state["img_resolution"] = 64
    layer = G_ema.child("synthesis").child("L4_52_40")
    layer.state["out_size"].values = [52, 36]
    with pytest.raises(CheckpointError, match="has a layer L4_52_40 of list samples, where its settings make it 52"):
        official.read_official(memoryview(b""))
