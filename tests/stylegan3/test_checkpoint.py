# ruff: noqa: N806 - G is what the paper and its users call a generator
"""Our own .safetensors: there and back bit for bit, and every fault by name."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from goldens import path
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode

import stylegan3
from stylegan3 import CheckpointError, Generator, StyleGAN2Config, StyleGAN3Config

SMALL = StyleGAN3Config(
    img_resolution=16, z_dim=8, w_dim=8, channel_base=64, channel_max=8, num_layers=4, margin_size=4
)


def saved(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    file = tmp_path / "small.safetensors"
    stylegan3.save(Generator(SMALL, "small", {"calm": torch.randn(8)}), file)
    return file


def rewritten(file: Path, tensors: dict[str, Any] | None = None, drop: str = "", **about: str) -> Path:
    state = {k: v for k, v in {**load_file(file), **(tensors or {})}.items() if k != drop}
    head = file.read_bytes()
    old = json.loads(head[8 : 8 + int.from_bytes(head[:8], "little")])["__metadata__"]
    save_file(state, file, metadata={**old, **about})
    return file


def test_what_load_gives_is_ready_for_use(tmp_path: Path) -> None:
    for file in (saved(tmp_path), path("sg3t_64")):
        G = stylegan3.load(file)
        assert isinstance(G, torch.nn.Module)
        assert not G.training
        for t in G.state_dict().values():
            assert t.dtype == torch.float32
            assert t.device.type == "cpu"
        assert not any(p.requires_grad for p in G.parameters())
        assert (G.z_dim, G.w_dim, G.c_dim, G.num_ws, G.img_resolution) == tuple(
            getattr(G.config, name) for name in ("z_dim", "w_dim", "c_dim", "num_ws", "img_resolution")
        )
        assert G.synthesis.input.transform.shape == (3, 3)
        assert G(torch.zeros(1, G.z_dim), noise_mode="none").shape == (1, 3, G.img_resolution, G.img_resolution)


def test_the_official_pickle_has_no_anchors() -> None:
    assert stylegan3.load(path("sg3t_64")).anchors == {}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"format": "elsewhere"}, "of something else"),
        ({"version": "2"}, "format version 2, and this program reads 1"),
        ({"config": "{"}, "config is not JSON"),
        ({"config": "[]"}, "config is not JSON"),
        ({"config": "[" * 5000}, "config is not JSON"),
        ({"config": "{}"}, "img_resolution is missing"),
        ({"config": '{"img_resolution": 1e400}'}, "not within"),
        ({"config": '{"img_resolution": 16, "z_dim": "8"}'}, "z_dim is a str"),
        ({"anchors": '{"calm": [1, 2]}'}, "anchor 'calm' is not 8 numbers"),
        ({"anchors": '{"calm": [1, 2, 3, 4, 5, 6, 7, "x"]}'}, "anchor 'calm' is not 8 numbers"),
        ({"anchors": '{"calm": [1, 2, 3, 4, 5, 6, 7, NaN]}'}, "anchor 'calm' is not 8 numbers"),
        ({"drop": "mapping.w_avg"}, "no tensor mapping.w_avg"),
        (
            {"tensors": {"mapping.w_avg": torch.zeros(9)}},
            r"mapping.w_avg of shape \[9\], where its settings make it \[8\]",
        ),
        ({"tensors": {"mapping.wings": torch.zeros(9)}}, "mapping.wings that its settings have no place for"),
    ],
)
def test_each_fault_of_a_safetensors_is_named(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    with pytest.raises(CheckpointError, match=fault) as caught:
        stylegan3.load(rewritten(saved(tmp_path), **change))
    assert str(caught.value).startswith("small.safetensors ")


def test_a_safetensors_cut_short_or_of_noise_is_refused(tmp_path: Path) -> None:
    whole = saved(tmp_path).read_bytes()
    for data in (
        b"",
        b"noise",
        whole[:4],
        whole[:100],
        whole[:-1],
        b"\xff" * 200,
        (1 << 50).to_bytes(8, "little") + b"{}",
    ):
        file = tmp_path / "cut.safetensors"
        file.write_bytes(data)
        with pytest.raises(CheckpointError, match=r"^cut\.safetensors "):
            stylegan3.load(file)


def test_a_conditional_network_says_that_it_needs_its_class() -> None:
    G = Generator(
        StyleGAN3Config(img_resolution=16, z_dim=8, c_dim=3, w_dim=8, channel_max=8, num_layers=4, margin_size=4)
    )
    with pytest.raises(ValueError, match=r"conditional: pass c \[N, 3\]"):
        G.mapping(torch.zeros(1, 8))
    with pytest.raises(ValueError, match=r"ws must be \[N, 6, 8\], not \[1, 5, 8\]"):
        G.synthesis(torch.zeros(1, 5, 8))


class Asked(TorchDispatchMode):
    """Writes down what is asked of PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, asked: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(str(asked).split(".")[1])
        return asked(*args, **(kwargs or {}))


@pytest.mark.parametrize("config", [SMALL, StyleGAN2Config(16, architecture="resnet", c_dim=2)], ids=["3", "2"])
def test_nothing_is_computed_for_a_network_whose_numbers_are_still_to_come(
    config: StyleGAN3Config | StyleGAN2Config,
) -> None:
    """The least arithmetic without numbers makes PyTorch import its compiler: more than a second at every start."""
    with Asked() as asked, torch.device("meta"):
        Generator(config)
    assert asked.names <= {"empty", "zeros", "ones", "zero_", "fill_", "copy_", "detach", "lift_fresh"}
