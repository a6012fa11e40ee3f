"""StyleGAN3 generators in plain PyTorch: load a checkpoint, map z to ws, synthesize pictures.

G = stylegan3.load("network.pkl")
image = G.synthesis(G.mapping(z))
"""

from stylegan3.checkpoint import load, save
from stylegan3.config import GeneratorConfig
from stylegan3.errors import CheckpointError
from stylegan3.generator import Generator

__all__ = ["CheckpointError", "Generator", "GeneratorConfig", "load", "save"]
