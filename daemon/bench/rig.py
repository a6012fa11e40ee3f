"""What the reactivity report is measured with: a model's mappers and ears, wired as live has them."""

from pathlib import Path

import numpy as np

from daemon import parts
from daemon.bench.reaction import Rig
from daemon.config import Analysis, Encodec
from daemon.errors import BadInput
from daemon.features.encodec.embedder import EncodecEmbedder, load
from daemon.features.extractor import Extractor
from daemon.flow import F32
from daemon.mailbox import Mailbox
from daemon.render.renderer import Renderer

_SHORTEST = 4.0  # s of sound that say anything


def open_rig(model: str, analysis: Analysis, encodec: Encodec) -> Rig:
    """A model by name, on the CPU."""
    return rig_of(model, parts.open_renderer(model, "cpu"), analysis, encodec)


def rig_of(model: str, renderer: Renderer, analysis: Analysis, encodec: Encodec) -> Rig:
    """The mappers and ears for the renderer of a model."""
    trained = parts.shelves(analysis)
    space = parts.open_space(model, trained.known(renderer.facts), renderer.to_w)
    loaded: list[EncodecEmbedder] = []  # once, since it takes seconds

    def ears(mapper: str) -> Extractor:
        if mapper != "encodec":
            return parts.extractor(analysis)
        if not loaded:
            loaded.append(load(encodec.weights, analysis.sr))
        loaded[0].reset()
        return parts.extractor(analysis, embedder=Mailbox(loaded[0]))

    return Rig(space, parts.mapper_maker(space, analysis.bands, trained, encodec), ears)


def hear(path: Path, analysis: Analysis) -> F32:
    """A whole sound file, [C, T]; `BadInput` when it is too short or cannot be read."""
    source, blocks = parts.open_file(path, analysis.sr, loop=False), list[F32]()
    try:
        while (block := source.read(analysis.sr)) is not None:
            blocks.append(block.samples)
    finally:
        source.close()
    samples = np.concatenate(blocks, axis=1) if blocks else np.zeros((1, 0), np.float32)
    if samples.shape[1] < _SHORTEST * analysis.sr:
        raise BadInput(f"sound {path}", [f"shorter than {_SHORTEST:g} s: give a longer one"])
    return samples
