"""What leaves the daemon as a process: frames of the size, shape, order and alpha that the config asks for."""

from io import BytesIO
from uuid import uuid4

import numpy as np
import pytest
from daemons import running
from PIL import Image
from pydantic import ValidationError

from daemon.config import Config, frame_size
from daemon.flow import Fit, Framing
from daemon.render.card import read
from daemon.render.placing import LumaKey
from daemon.sinks.shm.block import remove

OUTPUT = "version: 1\nsize: 320x180\noutput: {fit: cover, alpha: luma, key: [0.1, 0.6]}\nfps: 60\n"


@pytest.fixture
def block():
    """A name of shared memory that nobody else has; what a killed writer leaves of it is taken away."""
    name = f"frames-out-{uuid4().hex[:12]}"
    yield name
    for left in (name, f"{name}.1"):
        remove(left)


def test_the_card_comes_out_whole_with_alpha_by_luma_where_a_sink_wants_blue_first(tmp_path, block):
    (tmp_path / "own.yaml").write_text(OUTPUT)
    card = ("run", "--config", tmp_path / "own.yaml", "--model", "card", "--source", "none", "--preset", "hearth")
    with running(tmp_path, *map(str, card), "--sink", f"shm:{block}") as daemon:
        said = daemon.until(lambda s: s["frame_index"] > 5, "rendering")
        assert said["output"] == {"width": 320, "height": 180, "order": "BGRA", "fit": "cover", "alpha": "straight"}
        pictures = [np.asarray(Image.open(BytesIO(daemon.get("/frame.png")))) for _ in range(2)]
        readings = [read(picture) for picture in pictures]
        daemon.tell("/latentd/blackout", 1)
        daemon.until(
            lambda s: not np.asarray(Image.open(BytesIO(daemon.get("/frame.png")))).any(), "nothing to be seen"
        )
    assert all(reading.fine and reading.error == 0 for reading in readings), readings
    assert readings[0].count < readings[1].count
    want = pictures[0].copy()
    LumaKey(Framing(transparency="luma", key=(0.1, 0.6))).apply(want)
    assert np.array_equal(pictures[0], want)
    assert 0 < (want[..., 3] == 0).mean() < 1


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (512, (512, 512)), ("512", (512, 512)), ("1920x1080", (1920, 1080)), (" 64X4096 ", (64, 4096)), (None, None),
        ([640, 360], (640, 360)),
    ],
)  # fmt: skip
def test_sizes_are_written_as_a_number_or_as_two(written, size):
    config = Config(version=1, size=written)
    assert config.size == config.framing.size == size
    assert Config.model_validate(config.model_dump()) == config


@pytest.mark.parametrize(
    "written", [15, 4097, "8x8", "1920x", "x", "1x2x3", "-5", 1.5, True, [True, 64], {}, "٥١٢", "9" * 5000, b"512"],
)  # fmt: skip
def test_what_is_no_size_is_refused_with_how_to_write_one(written):
    with pytest.raises(ValueError, match="16 to 4096 pixels: 512 for a square, or 1920x1080"):
        frame_size(written)


@pytest.mark.parametrize("key", [[0.5, 0.5], [0.6, 0.5], [-0.1, 0.5], [0.5, 1.1], [float("nan"), 1], [0, float("inf")]])
def test_a_key_that_does_not_rise_is_refused(key):
    with pytest.raises(ValidationError, match=r"does not rise within 0\.\.1"):
        Config(version=1, output={"alpha": "luma", "key": key})


def test_the_config_becomes_how_frames_are_made():
    config = Config(version=1, size="64x32", output={"fit": "stretch", "alpha": "luma", "key": [0, 1]})
    assert config.framing == Framing((64, 32), Fit.STRETCH, transparency="luma", key=(0, 1))
    assert Config(version=1).framing == Framing()
