# ruff: noqa: N806 - G is what the paper and its users call a generator
"""Write the bundled model: python tools/export_lumen.py best128.pt daemon/assets/models/lumen.safetensors.

The input is our own training run's state; weights scale into a plain StyleGAN3-T as its notes say: mapping layers
times 100 (their learning-rate multiplier is 0.01), magnitude_ema 1, everything else as it is.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

import stylegan3

Z_DIM = 64
# The places of the teacher's families and palettes in z, and of its continuous knobs.
FAMILIES = (
    "flow",
    "rings",
    "spiral",
    "cells",
    "shards",
    "ink",
    "aurora",
    "moire",
    "flames",
    "mandala",
    "squares",
    "veins",
)
PALETTES = ("fire", "calm", "neon", "gold", "teal", "violet", "forest", "ice", "sunset", "ember", "candy", "mono")
KNOBS = {"morph1": 24, "morph2": 25, "frequency": 28, "line": 29, "dark": 31}
# name: (rest seed, family, palette, knobs): of the members we looked at, the one most like its name
ANCHORS: dict[str, tuple[int, str, str, dict[str, float]]] = {
    "aggressive": (1014, "veins", "fire", {"line": 0.2, "frequency": 0.6}),
    "calm": (1001, "aurora", "calm", {"line": -1.6, "frequency": -1.6, "dark": -1.5}),
    "vibrant": (1008, "mandala", "neon", {"line": 1.4, "frequency": 0.8}),
}


def anchor(seed: int, family: str, palette: str, knobs: dict[str, float], *, still: bool) -> Tensor:
    """Z [z_dim] on the shell of the Gaussian: the meaningful coordinates fixed, the rest drawn from `seed`."""
    z = torch.randn(1, Z_DIM, generator=torch.Generator().manual_seed(seed))[0]
    names = (*FAMILIES, *PALETTES)
    z[: len(names)] = z[: len(names)] * 0.3 - 0.4
    z[FAMILIES.index(family)] = z[len(FAMILIES) + PALETTES.index(palette)] = 2.4
    for knob, value in knobs.items():
        z[KNOBS[knob]] = value
    if still:
        z[[KNOBS["morph1"], KNOBS["morph2"]]] *= 0.3
    unit: Tensor = z * z.square().mean().rsqrt()
    return unit


def export(source: Path) -> stylegan3.Generator:
    """The trained state as a generator."""
    saved = torch.load(source, weights_only=True)
    cfg, trained = saved["cfg"], {name: t.float() for name, t in saved["ema"].items()}
    config = stylegan3.StyleGAN3Config(
        img_resolution=cfg["res"], z_dim=cfg["z_dim"], w_dim=cfg["w_dim"], mapping_layers=cfg["map_layers"],
        channel_base=cfg["cbase"], channel_max=cfg["cmax"], num_layers=cfg["N"], first_cutoff=cfg["first_cutoff"],
        first_stopband=cfg["first_stopband"], margin_size=cfg["margin"], conv_clamp=None,
    )  # fmt: skip
    anchors = {name: anchor(*what, still=name == "calm") for name, what in ANCHORS.items()}
    G = stylegan3.Generator(config, "lumen", anchors)
    state = {"mapping.w_avg": trained["w_avg"], "synthesis.input.transform": torch.eye(3)}
    for i in range(cfg["map_layers"]):
        state |= {f"mapping.fc{i}.{part}": trained[f"fc.{i}.{part}"] * 100 for part in ("weight", "bias")}
    for ours, theirs in {"weight": "in_weight", "freqs": "freqs", "phases": "phases"}.items():
        state[f"synthesis.input.{ours}"] = trained[theirs]
    state |= {f"synthesis.input.affine.{part}": trained[f"in_affine.{part}"] for part in ("weight", "bias")}
    for spec in config.layers:
        name, i = f"synthesis.{spec.name}", spec.index
        state |= {f"{name}.affine.{part}": trained[f"aff.{i}.{part}"] for part in ("weight", "bias")}
        state |= {
            f"{name}.weight": trained[f"W.{i}"],
            f"{name}.bias": trained[f"b.{i}"],
            f"{name}.magnitude_ema": torch.ones([]),
        }
        if not spec.is_torgb:
            state |= {f"{name}.up_filter": trained[f"fu{i}"], f"{name}.down_filter": trained[f"fd{i}"]}
    G.load_state_dict(state)
    return G


def main() -> None:
    """Read, convert, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    stylegan3.save(export(args.source), args.target)


if __name__ == "__main__":
    main()
