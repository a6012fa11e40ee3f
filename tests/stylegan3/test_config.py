# ruff: noqa: N806 - G is what the paper and its users call a generator
"""The layer table against the published networks'."""

import pytest
import torch

from stylegan3 import Generator, StyleGAN3Config


def test_layer_table_of_the_published_256_network() -> None:
    layers = StyleGAN3Config(img_resolution=256).layers
    assert [layer.name for layer in layers] == [
        "L0_36_512", "L1_36_512", "L2_36_512", "L3_52_512", "L4_52_512", "L5_84_512", "L6_84_512", "L7_148_512",
        "L8_148_512", "L9_148_362", "L10_276_256", "L11_276_181", "L12_276_128", "L13_256_128", "L14_256_3",
    ]  # fmt: skip
    assert [layer.up for layer in layers] == [2, 2, 2, 4, 2, 4, 2, 4, 2, 2, 4, 2, 2, 2, 1]
    assert layers[3].pad == (-6, -9)
    assert layers[13].pad == (-11, -12)
    assert [layer.act_size for layer in layers[-5:]] == [562, 562, 562, 522, 256]
    assert layers[9].out_cutoff == pytest.approx(45.2548, abs=1e-4)
    assert layers[12].out_half_width == pytest.approx(29.5865, abs=1e-4)


@pytest.mark.parametrize(("resolution", "parameters"), [(256, 28_472_133), (512, 24_873_519), (1024, 22_313_167)])
def test_parameter_counts_of_the_published_networks(resolution: int, parameters: int) -> None:
    with torch.device("meta"):
        G = Generator(StyleGAN3Config(img_resolution=resolution))
    assert G.num_ws == 16
    assert sum(p.numel() for p in G.parameters()) == parameters


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({}, "img_resolution is missing"),
        ({"img_resolution": 96}, "not a power of two"),
        ({"img_resolution": 1 << 40}, "not within"),
        ({"img_resolution": "64"}, "not a number"),
        ({"img_resolution": 64.5}, "not a whole number"),
        ({"img_resolution": 64, "z_dim": None}, "not a number"),
        ({"img_resolution": 64, "num_layers": 10**9}, "not within"),
        ({"img_resolution": 64, "first_cutoff": float("nan")}, "not within"),
        ({"img_resolution": 64, "num_layers": float("inf")}, "not within"),
        ({"img_resolution": 64, "channel_max": 10**400}, "not within"),
        ({"img_resolution": 64, "num_layers": 4, "num_critical": 4}, "not below"),
        ({"img_resolution": 64, "wings": 2}, "'wings' is no setting"),
    ],
)
def test_settings_out_of_a_file_are_named_when_they_cannot_be(values: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        StyleGAN3Config.parse(values)
