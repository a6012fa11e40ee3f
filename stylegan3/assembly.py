"""A network of ours out of a config and named tensors, all checked before anything is allocated."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor

from stylegan3.config import StyleGAN3Config
from stylegan3.errors import CheckpointError
from stylegan3.generator import Generator
from stylegan3.pickled import shown
from stylegan3.stylegan2 import StyleGAN2Config

Config = StyleGAN3Config | StyleGAN2Config
Parsed = TypeVar("Parsed", bound=Config)


def config_of(parse: Callable[[Mapping[str, Any]], Parsed], values: Mapping[str, Any]) -> Parsed:
    """The settings a file gives. CheckpointError names the first that cannot be."""
    try:
        return parse(values)
    except ValueError as e:
        raise CheckpointError(f"describes a network that cannot be: {e}") from None


def assemble(
    config: Config,
    shapes: Mapping[str, tuple[int, ...]],
    read: Callable[[str], Tensor],
    size: int,
) -> Generator:
    """A generator of `config` with tensors from `read(name)`; a file of `size` bytes cannot hold more numbers."""
    with torch.device("meta"):
        G = Generator(config)
    wanted = {name: tuple(t.shape) for name, t in G.state_dict().items()}
    for name, shape in wanted.items():
        if name not in shapes:
            raise CheckpointError(f"has no tensor {name}: it is damaged or of another kind")
        if tuple(shapes[name]) != shape:
            raise CheckpointError(
                f"has a tensor {name} of shape {list(shapes[name])}, where its settings make it {list(shape)}"
            )
    if extra := sorted(set(shapes) - set(wanted)):
        raise CheckpointError(f"has a tensor {shown(extra[0])} that its settings have no place for")
    if sum(t.numel() for t in G.state_dict().values()) > size:
        raise CheckpointError("is damaged: its tensors claim more numbers than it has")
    state = {}
    for name in wanted:
        state[name] = read(name).to(torch.float32)
        if not state[name].isfinite().all():
            raise CheckpointError(f"has a tensor {name} with numbers that are not finite: its training went astray")
    G.load_state_dict(state, assign=True)
    return G
