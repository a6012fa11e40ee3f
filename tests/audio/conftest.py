"""Sounds to play, and real JACK servers for whoever has the libraries to listen to them."""

import importlib.util
from ctypes.util import find_library

import numpy as np
import pytest
import soundfile
from servers import need

SR = 48_000


@pytest.fixture
def jack_server(jack_server):
    missing = [] if find_library("portaudio") else ["PortAudio"]
    missing += [] if importlib.util.find_spec("jack") else ["JACK-Client"]
    need(missing, "'apt install libportaudio2' and the dev extra bring them")
    return jack_server


@pytest.fixture
def noise(tmp_path):
    """Half a second of noise without a single zero sample, [N, channels], and a file of it."""
    rng = np.random.default_rng(5)
    sound = (rng.uniform(0.1, 0.5, (SR // 2, 2)) * rng.choice([-1, 1], (SR // 2, 2))).astype(np.float32)

    def made(channels=2):
        path = tmp_path / f"noise{channels}.wav"
        soundfile.write(path, sound[:, :channels], SR, subtype="FLOAT")
        return sound[:, :channels], path

    return made
