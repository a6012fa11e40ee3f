"""When a small picture of a preset is taken, and when none is."""

import asyncio
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from daemon.sinks.encode import jpeg
from daemon.sinks.monitor.thumbs import Thumbs
from daemon.sinks.preview import Shown

STEP = 0.1  # s between two looks


class Stream:
    """The newest picture of a watched stream; none of an unwatched one."""

    def __init__(self, size=64):
        noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
        self.still = Shown(0, jpeg(Image.fromarray(noise), 90))

    def newest(self):
        return self.still


class Looking:
    """Somebody who watches, ten times a second."""

    def __init__(self, folder=None, stream=None):
        self.stream = stream or Stream()
        self.thumbs, self.now, self.untouched = Thumbs(self.stream, folder), 100.0, True
        self.values = {"/latentd/preset": "hearth", "/latentd/psi": 1.0, "/latentd/blackout": 0, "/latentd/freeze": 0}

    async def watch(self, seconds, **changes):
        """Look on, after these changes."""
        self.values = {**self.values, **{f"/latentd/{name}": value for name, value in changes.items()}}
        for _ in range(round(seconds / STEP)):
            self.now += STEP
            self.thumbs.see(self.now, self.values, self.untouched)
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            while self.thumbs._busy:
                await asyncio.sleep(0.005)


async def test_one_is_taken_some_seconds_after_a_recall_has_arrived():
    looking = Looking()
    await looking.watch(1)
    for psi in (0.9, 0.8, 0.7):  # the fade
        await looking.watch(2, preset="storm", psi=psi)
        assert looking.thumbs.stamp("storm") == 0
    await looking.watch(5)
    assert looking.thumbs.stamp("storm") == 1
    with Image.open(BytesIO(looking.thumbs.get("storm"))) as image:
        assert max(image.size) == 64
    await looking.watch(20, psi=0.1)
    assert looking.thumbs.stamp("storm") == 1  # once for each recall


async def test_a_large_picture_is_made_small():
    looking = Looking(stream=Stream(1024))
    await looking.watch(1)
    await looking.watch(5, preset="storm")
    with Image.open(BytesIO(looking.thumbs.get("storm"))) as image:
        assert image.size == (192, 192)


@pytest.mark.parametrize("why", ["begun with", "touched", "black", "frozen", "unwatched", "late", "misnamed"])
async def test_none_is_taken_of_what_is_not_the_preset(why):
    looking, name = Looking(), "../storm" if why == "misnamed" else "storm"
    if why != "begun with":
        await looking.watch(1)
    changes = {"black": {"blackout": 1}, "frozen": {"freeze": 1}}.get(why, {})
    if why == "unwatched":
        looking.stream.still = None
    await looking.watch(1, preset=name, **changes)
    if why == "touched":
        looking.untouched = False
    if why == "late":
        for psi in range(61):  # never still
            await looking.watch(1, psi=float(psi))
    await looking.watch(8)
    assert looking.thumbs.stamp(name) == 0
    assert looking.thumbs.get(name) is None


async def test_what_was_recalled_while_nobody_looked_is_left_alone():
    looking = Looking()
    await looking.watch(1)
    looking.now += 600
    await looking.watch(8, preset="storm")
    assert looking.thumbs.stamp("storm") == 0


async def test_they_are_kept_and_found_again_and_a_folder_that_cannot_be_is_no_matter(tmp_path):
    folder = tmp_path / "thumbnails"
    looking = Looking(folder)
    await looking.watch(1)
    await looking.watch(5, preset="storm")
    assert [path.name for path in folder.iterdir()] == ["storm.jpg"]
    assert Thumbs(looking.stream, folder).get("storm") == looking.thumbs.get("storm")
    (tmp_path / "file").write_text("in the way")
    looking = Looking(tmp_path / "file" / "thumbnails")
    await looking.watch(1)
    await looking.watch(5, preset="storm")
    assert looking.thumbs.get("storm") is not None
