# ruff: noqa: N806 - G is what the paper and its users call a generator
"""Every official number we have, through every way we compute it."""

from functools import cache

import numpy as np
import pytest
import torch
from goldens import NAMES, Golden, golden

import stylegan3
from stylegan3.kernels import fused

TOLERANCE = 1e-4  # of a picture's or a layer's standard deviation


@cache
def loaded(name: str) -> tuple[Golden, stylegan3.Generator]:
    found = golden(name)
    return found, stylegan3.load(found.checkpoint)


@pytest.mark.parametrize("name", NAMES)
def test_mapping_gives_the_official_ws(name: str) -> None:
    data, G = loaded(name)
    z, c = torch.from_numpy(data.arrays["z"]), torch.from_numpy(data.arrays["c"])
    cutoff = data.meta["cases"]["psi05cut"].get("truncation_cutoff")
    if cutoff is None:  # where the weight of the average changes
        ws, whole = data.arrays["psi05cut/ws"], G.mapping(z, c, truncation_psi=1.0).numpy()
        cutoff = int(np.sum(np.abs(ws - whole).max(axis=(0, 2)) > 1e-5))
    for case, psi, cut in (("psi1", 1.0, None), ("psi07", 0.7, None), ("psi05cut", 0.5, cutoff)):
        ws = G.mapping(z, c, truncation_psi=psi, truncation_cutoff=cut).numpy()
        assert np.abs(ws - data.arrays[f"{case}/ws"]).max() <= 1e-5, case


@pytest.mark.parametrize("name", NAMES)
def test_synthesis_gives_the_official_pictures_and_layers(name: str) -> None:
    data, G = loaded(name)
    seen: dict[str, np.ndarray] = {}
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, key=key: seen.__setitem__(key, out.numpy()))
        for key, module in G.synthesis.named_children()
    ]
    try:
        for case in data.cases():
            G.synthesis.input.transform.copy_(torch.from_numpy(data.transform(case)))
            picture, want = G.synthesis(torch.from_numpy(data.arrays[f"{case}/ws"])).numpy(), data.arrays[f"{case}/img"]
            assert np.abs(picture - want).max() <= TOLERANCE * want.std(), case
            for layer, about in data.meta["cases"][case].get("layers", {}).items():
                if f"{case}/layer/{layer}" not in data.arrays:
                    continue
                out = seen[layer][:, about["channels"]]
                middle = (out.shape[2] - 8) // 2
                crops = np.stack([out[:, :, :8, :8], out[:, :, middle : middle + 8, middle : middle + 8]], 2)
                assert np.abs(crops - data.arrays[f"{case}/layer/{layer}"]).max() <= TOLERANCE * about["std"], (
                    case,
                    layer,
                )
    finally:
        G.synthesis.input.transform.copy_(torch.eye(3))
        for hook in hooks:
            hook.remove()


@pytest.mark.parametrize(("name", "threads"), [*((name, 2) for name in NAMES), ("sg3t_64", 1), ("sg3t_64", 3)])
def test_the_fused_kernel_gives_the_official_pictures(name: str, threads: int) -> None:
    data, G = loaded(name)
    try:
        for build in fused.builds():
            painter = fused.FusedPainter(fused._library(build), build, G, threads)
            for case in data.cases():
                G.synthesis.input.transform.copy_(torch.from_numpy(data.transform(case)))
                want = data.arrays[f"{case}/img"]
                got = np.stack([painter.image(ws).numpy().copy() for ws in data.arrays[f"{case}/ws"]])
                assert np.abs(got - want).max() <= TOLERANCE * want.std(), (build, case)
    finally:
        G.synthesis.input.transform.copy_(torch.eye(3))


@pytest.mark.parametrize("name", ["sg3r_64", "sg3r_128", "sg2_64_skip", "sg2_64_resnet", "sg2ada_64_skip"])
def test_other_networks_are_refused_by_name(name: str) -> None:
    data = golden(name)
    kind = "StyleGAN3-R" if "sg3r" in name else "StyleGAN2"
    with pytest.raises(stylegan3.CheckpointError, match=f"{name}.pkl is a {kind} network"):
        stylegan3.load(data.checkpoint)
