# ruff: noqa: N803, N806 - G is what the paper and its users call a generator
"""Write the trained model, float16: python -m tools.default_model.export STATE.pt TARGET.safetensors."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

import stylegan3
from tools.default_model import network
from tools.default_model.anchors import CLUSTERS, member
from tools.default_model.recipe import Z_DIM
from tools.default_model.state import load

# of the members we looked at, the one most like its cluster's name
CHOSEN = {"aggressive": 0, "calm": 0, "vibrant": 1}


def build(state: Path, name: str) -> stylegan3.Generator:
    """The averaged weights as a generator, its mean w measured."""
    _, parts = load(state)
    resolution = int(parts["resolution"])
    anchors = {name: member(name, CHOSEN[name]) for name in CLUSTERS}
    G = stylegan3.Generator(network.config(resolution), name, anchors).eval()
    G.load_state_dict(parts["ema"])
    with torch.no_grad():
        z = torch.randn(50000, Z_DIM, generator=torch.Generator().manual_seed(11))
        G.mapping.w_avg.copy_(G.mapping(z)[:, 0].mean(0))
    return G


def golden(G: stylegan3.Generator, target: Path) -> None:
    """What its anchors look like, for a test: names, the middle to the bit, the whole in small."""
    with torch.no_grad():
        images = torch.stack([G(z[None])[0] for z in G.anchors.values()])
    n = G.img_resolution // 2
    small = functional.avg_pool2d(images, G.img_resolution // 32)
    crop = images[:, :, n - 16 : n + 16, n - 16 : n + 16]
    np.savez_compressed(target, names=list(G.anchors), crop=crop.numpy(), small=small.half().numpy())


def main() -> None:
    """Read, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--curve", type=Path, help="how its training went, as JSON")
    parser.add_argument("--golden", type=Path, help="what its anchors look like, as .npz, for the tests")
    args = parser.parse_args()
    G = build(args.state, args.target.stem)
    for parameter in G.parameters():  # filters, frequencies and w_avg stay float32
        parameter.data = parameter.data.half()
    stylegan3.save(G, args.target)
    if args.golden:
        golden(stylegan3.load(args.target), args.golden)
    if args.curve:
        progress, _ = load(args.state)
        told = {"steps": progress.steps, "seconds": progress.seconds, "curve": progress.curve}
        args.curve.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
