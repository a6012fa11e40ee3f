# ruff: noqa: N803, N806 - G is what the paper and its users call a generator
"""Every official number we have, through every way we compute it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest
import torch
from goldens import NAMES, STYLEGAN2, STYLEGAN3, Golden, golden

import stylegan3
from stylegan3.kernels import fused

TOLERANCE = 1e-4  # of a picture's or a layer's standard deviation


@cache
def loaded(name: str) -> tuple[Golden, stylegan3.Generator]:
    found = golden(name)
    return found, stylegan3.load(found.checkpoint)


@contextmanager
def transformed(G: stylegan3.Generator, matrix: np.ndarray) -> Iterator[None]:
    """The user's transform for a while, where there is one."""
    here = getattr(G.synthesis, "input", None)
    if here is not None:
        here.transform.copy_(torch.from_numpy(matrix))
    try:
        yield
    finally:
        if here is not None:
            here.transform.copy_(torch.eye(3))


@contextmanager
def watched(G: stylegan3.Generator) -> Iterator[dict[str, np.ndarray]]:
    """What each layer puts out; of a block its features as x and its picture as img."""
    seen: dict[str, np.ndarray] = {}

    def note(name: str, out: torch.Tensor | tuple[torch.Tensor, torch.Tensor | None]) -> None:
        if isinstance(out, tuple):
            seen.update({f"{name}.{k}": t.numpy() for k, t in zip(("x", "img"), out, strict=True) if t is not None})
        else:
            seen[name] = out.numpy()

    hooks = [
        module.register_forward_hook(lambda _m, _i, out, name=name: note(name, out))
        for name, module in G.synthesis.named_modules()
        if name
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def crops(out: np.ndarray) -> np.ndarray:
    """Corner and centre."""
    middle = max((out.shape[2] - 8) // 2, 0)
    return np.stack([out[:, :, :8, :8], out[:, :, middle : middle + 8, middle : middle + 8]], 2)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_the_golden_data_says(name: str) -> None:
    data, G = loaded(name)
    kwargs = data.meta["init_kwargs"]
    assert (G.z_dim, G.c_dim, G.w_dim) == (kwargs["z_dim"], kwargs["c_dim"], kwargs["w_dim"])
    assert (G.img_resolution, G.img_channels, G.num_ws) == (kwargs["img_resolution"], 3, data.meta["num_ws"])
    family = {"sg3t": "StyleGAN3-T", "sg3r": "StyleGAN3-R", "sg2": "StyleGAN2 ", "sg2ada": "StyleGAN2-ADA "}
    assert G.variant.startswith(family[name.split("_")[0]])
    assert hasattr(G.synthesis, "input") == (name in STYLEGAN3)
    assert G.training_set == stylegan3.TrainingSet("golden.zip", kwargs["img_resolution"], kwargs["c_dim"] > 0)


@pytest.mark.parametrize("name", NAMES)
def test_mapping_gives_the_official_ws(name: str) -> None:
    data, G = loaded(name)
    z, c = torch.from_numpy(data.arrays["z"]), torch.from_numpy(data.arrays["c"])
    cutoff = data.meta["cases"]["psi05cut"]["truncation_cutoff"]
    for case, psi, cut in (("psi1", 1.0, None), ("psi07", 0.7, None), ("psi05cut", 0.5, cutoff)):
        ws = G.mapping(z, c, truncation_psi=psi, truncation_cutoff=cut).numpy()
        assert np.abs(ws - data.arrays[f"{case}/ws"]).max() <= 1e-5, case


@pytest.mark.parametrize("name", NAMES)
def test_synthesis_gives_the_official_pictures_and_layers(name: str) -> None:
    data, G = loaded(name)
    assert set(data.cases()) >= {"psi1", "psi07", "wplus"} | (
        {"nonoise"} if name in STYLEGAN2 else {"transform", "transform2"}
    )
    compared = 0
    with watched(G) as seen:
        for case in data.cases():
            noise = "none" if case == "nonoise" else "const"
            with transformed(G, data.transform(case)):
                picture = G.synthesis(torch.from_numpy(data.arrays[f"{case}/ws"]), noise_mode=noise).numpy()
            want = data.arrays[f"{case}/img"]
            assert np.abs(picture - want).max() <= TOLERANCE * want.std(), case
            for layer, about in data.meta["cases"][case].get("layers", {}).items():
                if (key := f"{case}/layer/{layer}") in data.arrays:
                    got = crops(seen[layer][:, about["channels"]])
                    assert np.abs(got - data.arrays[key]).max() <= TOLERANCE * about["std"], (case, layer)
                    compared += 1
    assert compared == sum("/layer/" in key for key in data.arrays.files) > 0


@pytest.mark.parametrize("name", STYLEGAN3)
def test_filters_designed_here_are_the_official_ones(name: str) -> None:
    """Those in the file are used; a network made without a file has these."""
    G = loaded(name)[1]
    fresh = stylegan3.Generator(G.config).state_dict()
    for key, stored in G.state_dict().items():
        if key.endswith("_filter"):
            assert (fresh[key] - stored).abs().max() <= 1e-6 * stored.abs().max(), key


@pytest.mark.parametrize(("name", "threads"), [*((name, 2) for name in STYLEGAN3), ("sg3t_64", 1), ("sg3t_64", 3)])
def test_the_fused_kernel_gives_the_official_pictures(name: str, threads: int) -> None:
    data, G = loaded(name)
    for build in fused.builds():
        painter = fused.FusedPainter(build, G, threads)
        for case in data.cases():
            with transformed(G, data.transform(case)):
                got = np.stack([painter.image(ws).numpy().copy() for ws in data.arrays[f"{case}/ws"]])
            want = data.arrays[f"{case}/img"]
            assert np.abs(got - want).max() <= TOLERANCE * want.std(), (painter.engine, case)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in STYLEGAN3])
def test_other_networks_are_none_of_the_kernels(name: str) -> None:
    G = loaded(name)[1]
    assert not fused.knows(G)
    with pytest.raises(ValueError, match="does not know this StyleGAN2"):
        fused.FusedPainter("portable", G, 2)
