"""latentd: sound and OSC in, StyleGAN3 pictures out."""

__version__ = "0.1.0"
