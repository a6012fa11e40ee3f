"""Short sounds on disk."""

import numpy as np
import soundfile

SR = 48_000


def write(folder, name="sounds.wav", seconds=1.0):
    """A low tone, a high tone, noise and silence, each so many seconds long."""
    t = np.arange(round(seconds * SR)) / SR
    noise = 0.2 * np.random.default_rng(0).standard_normal(len(t))
    parts = [0.3 * np.sin(2 * np.pi * 110 * t), 0.3 * np.sin(2 * np.pi * 1760 * t), noise, np.zeros(len(t))]
    soundfile.write(folder / name, np.concatenate(parts).astype(np.float32), SR, "FLOAT")


PAIRS = """
version: 1
model: swatch
pairs:
  - {sound: sounds.wav, at: 0.2, until: 0.8, latent: {seed: 1}}
  - {sound: sounds.wav, at: 1.5, latent: {seed: 2}}
  - {sound: sounds.wav, at: 2.2, until: 2.8, latent: {anchor: calm}}
"""
CLUSTERS = """
version: 1
model: swatch
epochs: 200
clusters:
  - name: dark
    latents: [{latent: {seed: 5}, score: 2}, {latent: {seed: 5, toward: 9, by: 0.2}}]
    sounds: [{sound: sounds.wav, at: 0.1, until: 0.9}]
  - name: bright
    latents: [{latent: {anchor: vibrant}}]
    sounds:
      - {sound: sounds.wav, at: 1.1, until: 1.9}
      - values: {contrast: 25, flatness: 0, onset: 0.5, zcr: 0.08, chroma_variance: 0.07}
  - name: harsh
    latents: [{latent: {seed: 7}}]
    sounds: [{sound: sounds.wav, at: 2.1, until: 2.9}]
"""
