"""StyleGAN2 and StyleGAN2-ADA (Karras et al. 2020), which share the mapping network and the file format."""

from stylegan3.stylegan2.config import StyleGAN2Config
from stylegan3.stylegan2.synthesis import SynthesisNetwork

__all__ = ["StyleGAN2Config", "SynthesisNetwork"]
