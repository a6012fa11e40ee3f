"""A network's mapping, by PyTorch."""

from pathlib import Path

import numpy as np
import torch

import stylegan3
from daemon.errors import RenderError
from daemon.flow import F32, Anchor, ModelFacts, Traits
from daemon.mapping.mapper import ToW


def mapped(path: Path) -> tuple[ModelFacts, ToW]:
    """What a checkpoint's network is, and its way to w. `RenderError` for one that cannot be used."""
    try:
        network = stylegan3.load(path)
    except stylegan3.CheckpointError as e:
        raise RenderError(str(e)) from e
    anchors = tuple(Anchor(name, z.numpy()) for name, z in network.anchors.items())
    facts = ModelFacts(
        network.name, network.img_resolution, network.z_dim, network.w_dim, network.num_ws,
        network.mapping.w_avg.detach().numpy(), anchors, Traits(classes=network.c_dim),
    )  # fmt: skip

    def to_w(z: F32, psi: float, classes: F32) -> F32:
        given = classes if classes.any() or not len(classes) else np.eye(1, len(classes), dtype=np.float32)[0]
        c = torch.tensor(given, dtype=torch.float32).expand(len(z), -1) if network.c_dim else None
        with torch.inference_mode():
            ws: F32 = network.mapping(torch.tensor(z), c, truncation_psi=psi).numpy()
        return ws

    return facts, to_w
