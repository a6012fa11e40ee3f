"""StyleGAN3 and StyleGAN2 generators in plain PyTorch: load a checkpoint, map z to ws, synthesize pictures.

G = stylegan3.load("network.pkl")
image = G.synthesis(G.mapping(z))
"""

from stylegan3.checkpoint import load, save
from stylegan3.config import StyleGAN3Config
from stylegan3.errors import CheckpointError
from stylegan3.generator import Generator, TrainingSet
from stylegan3.stylegan2 import StyleGAN2Config

__all__ = ["CheckpointError", "Generator", "StyleGAN2Config", "StyleGAN3Config", "TrainingSet", "load", "save"]
