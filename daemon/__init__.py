"""latentd: sound and OSC in, StyleGAN3 pictures out."""

from importlib.metadata import version

__version__ = version("latentd")
