# ruff: noqa: N806 - G is what the paper and its users call a generator
"""What is measured: a model file, or a network of any size with random weights, whose speed is the same."""

import re
from dataclasses import dataclass
from pathlib import Path

import torch

import stylegan3
from daemon import parts
from daemon.errors import BadInput, RenderError
from stylegan3 import Generator, StyleGAN2Config, StyleGAN3Config

_SEED = 0
_PREFIX = "random:"
_RANDOM = re.compile(r"(t|r|sg2-)(\d{1,5})((?::\d{1,7}){0,3})", re.ASCII)
_GRAMMAR = "random:KIND and pixels, then channel_base, channel_max and (t, r) num_layers: random:t256:4096:64:10"
_WIDE = {"t": (32768, 512), "r": (65536, 1024), "sg2-": (32768, 512)}  # as published
GRID = (
    "random:t256:16384", "random:t512", "random:t1024", "random:r256:32768", "random:r512", "random:r1024"
)  # fmt: skip
"""The official networks, as published: those of 256 pixels with half the channel_base."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A network and the name it was asked for by."""

    name: str
    path: Path | None  # None: random, there is no file
    G: Generator


def open_network(name: str) -> Subject:
    """By the name of a model, its path, or as random:...; BadInput or RenderError for one that cannot be had."""
    if name.startswith(_PREFIX):
        return Subject(name, None, _random(name))
    path = parts.find_model(name)
    try:
        return Subject(name, path, stylegan3.load(path).requires_grad_(False))
    except stylegan3.CheckpointError as e:
        raise RenderError(str(e)) from e


def parse(name: str) -> StyleGAN3Config | StyleGAN2Config:
    """The network a name like random:t256:4096:64:10 stands for; BadInput for one that stands for none."""
    found = _RANDOM.fullmatch(name.removeprefix(_PREFIX))
    if found is None:
        raise BadInput("model", [f"{name[:80]!r} is no random network; write {_GRAMMAR} (kinds t, r, sg2-)"])
    kind, resolution = found[1], int(found[2])
    given = [int(number) for number in found[3].split(":")[1:]]
    base, most = (*given[:2], *_WIDE[kind][len(given) :])
    try:
        if kind == "sg2-":
            if len(given) > 2:
                raise ValueError("StyleGAN2 has as many layers as its resolution asks for, no number of its own")
            two = StyleGAN2Config(resolution, channel_base=base, channel_max=most)
            _ = two.blocks  # settings may also be impossible together
            return two
        three = StyleGAN3Config(
            resolution, channel_base=base, channel_max=most, num_layers=given[2] if len(given) > 2 else 14,
            conv_kernel=1 if kind == "r" else 3, use_radial_filters=kind == "r",
        )  # fmt: skip
        _ = three.layers
        return three
    except ValueError as e:
        raise BadInput("model", [f"{name[:80]!r} cannot be: {e}; write {_GRAMMAR}"]) from None


def _random(name: str) -> Generator:
    """With the weights a training begins with, always the same."""
    config = parse(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        G = Generator(config, name)
    return G.eval().requires_grad_(False)
