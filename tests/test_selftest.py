"""The self-test: what comes back of the card is judged, in words; the command shows it and reads it back."""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import numpy as np
import pytest

from daemon.cli import invoke, readback
from daemon.cli.watching import Seen, Watch, verdict
from daemon.flow import FrameFormat, Order
from daemon.render.card import draw
from daemon.sinks.frames import FramesSink
from daemon.sinks.shm import ShmSink
from daemon.sinks.shm.block import Block
from daemon.slots import SlotRing
from daemon.status import SinkStatus

SIZE = (160, 90)


def card(count, order=Order.RGBA):
    return draw(*SIZE, count, order)


def seen(*pictures, order=Order.RGBA, lossless=True):
    made = Seen(lossless)
    for picture in pictures:
        made.look(picture, order, SIZE)
    return made


def flipped(count):
    return card(count)[::-1]


def nudged(count):
    picture = card(count)
    picture[40, 40, 0] ^= 1
    return picture


def transparent(count):
    picture = card(count)
    picture[10, 10, 3] = 254
    return picture


@pytest.mark.parametrize("order", Order)
def test_cards_that_come_back_as_they_were_are_right(order):
    made = seen(card(3, order), card(3, order), card(9, order), order=order)
    assert made.said() == ("read back 3 pictures, the same to the bit", "")


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        ([flipped(3), flipped(4)], "upside down (2 pictures)"),
        ([card(3), card(4)[..., [2, 1, 0, 3]]], "red and blue are swapped (1 picture)"),
        ([transparent(3), card(4)], "it is transparent in places (1 picture)"),
        ([nudged(3), card(4)], "not the same to the bit (1 picture)"),
        ([card(3), card(3)], "its counter stands still"),
        ([card(3), card(5), card(4)], "its counter goes back"),
        ([draw(80, 90, 3), draw(80, 90, 4)], "80 x 90 where 160 x 90 was sent (2 pictures)"),
        ([], "nothing of it could be read back"),
        ([np.zeros((90, 160, 4), np.uint8)], "no card: its corners are black"),
    ],
)
def test_what_is_wrong_is_said(pictures, words):
    _, wrong = seen(*pictures).said()
    assert words in wrong


def test_what_a_codec_loses_is_told_and_no_fault():
    said, wrong = seen(nudged(3), nudged(4), lossless=False).said()
    assert not wrong
    assert said.endswith("of 255 off in the mean")


def test_of_what_was_not_read_nothing_is_said_to_be_the_same():
    assert seen().said() == ("", "nothing of it could be read back")


def test_a_counter_that_begins_again_after_65536_goes_forward():
    assert seen(card(65_534), card(65_535), card(0), card(1)).said()[1] == ""


def test_a_sink_that_is_not_well_is_wrong_whatever_was_read():
    status = SinkStatus(name="spout", state="ok", about="latentd, CPU share", published=9, latency_ms=1.25)
    well = verdict(status, None)
    assert not well.wrong
    assert str(well) == (
        "spout (latentd, CPU share): ok, 9 pictures, 1.2 ms after it was painted; not read back here: look at it"
    )
    lost = verdict(
        status.model_copy(update={"state": "retrying", "last_error": "it went away"}), seen(card(1), card(2))
    )
    assert lost.wrong == "it went away"
    assert verdict(status.model_copy(update={"published": 0}), None).wrong == "it is ok and took 0 pictures"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path / "home"))
    before = sys.getswitchinterval()
    yield tmp_path
    sys.setswitchinterval(before)


def run(folder, *more):
    return invoke(["self-test", "--size", "160x90", "--seconds", "1", "--sink", f"frames:{folder}", *more])


def test_the_command_shows_the_card_reads_it_back_and_says_what_must_be_seen(home, capsys):
    block = f"card-{uuid4().hex[:12]}"
    (home / "pictures").mkdir()
    (home / "pictures" / "holiday.png").write_bytes(b"which is nothing to do with it")
    film = ("--sink", f"video:{home / 'card.mp4'}") if find_spec("av") else ()
    assert run(home / "pictures", "--sink", f"shm:{block}", *film) == 0
    out = capsys.readouterr().out
    assert "red top left, green top right, blue bottom left, white bottom right" in out
    frames, shared, *filmed, preview = out.strip().partition("\n\n")[2].splitlines()
    assert frames.startswith(f"frames ({home / 'pictures'}): ok, ")
    assert shared.startswith(f"shm ({block}, ")
    assert preview.startswith("preview: ok, ")
    assert all(line.endswith(" pictures, the same to the bit") for line in (frames, shared, preview))
    assert len(filmed) == bool(film)
    assert all("read back " in line and line.endswith(" of 255 off in the mean") for line in filmed)


def test_a_sink_that_turns_pictures_round_fails_the_command_with_the_word_for_it(home, capsys, monkeypatch):
    publish = FramesSink.publish

    def upside_down(self, slot):
        slot.pixels[:] = slot.pixels[::-1].copy()
        return publish(self, slot)

    monkeypatch.setattr(FramesSink, "publish", upside_down)
    assert run(home / "pictures", "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert said[0]["name"] == "frames"
    assert said[0]["wrong"].startswith("upside down (")


def test_a_file_that_cannot_be_read_is_a_fault_and_not_a_crash(tmp_path):
    watch = Watch([f"frames:{tmp_path}"], SIZE)
    frames = SinkStatus(name="frames", state="ok", published=2)
    watch.show(SimpleNamespace(sinks=(frames,)), "http://127.0.0.1:9/")
    (tmp_path / "00000001.png").write_bytes(b"no picture")
    watch.end()
    (only,) = watch.verdicts()
    assert only.wrong.startswith("what was written cannot be read (")


@pytest.fixture
def shared():
    """A writer of shared memory, and what the self-test reads it by."""
    name = f"card-{uuid4().hex[:12]}"
    sink = ShmSink(name)
    with readback.reader_of("shm", name, "")() as reader:
        yield sink, reader
        sink.close()


def put(sink, index, size):
    slot = SlotRing(1, FrameFormat(*size, Order.BGRA)).acquire()
    slot.pixels[:], slot.index = index, index
    sink.publish(slot)


def test_shared_memory_is_mapped_once_and_again_for_another_size(shared, monkeypatch):
    mapped = []
    monkeypatch.setattr(readback, "Block", lambda *what: mapped.append(what) or Block(*what))
    sink, reader = shared
    assert reader.newest() is None
    for size in ((6, 4), (8, 2)):
        sink.open(FrameFormat(*size, Order.BGRA))
        assert reader.newest() is None
        mapped.clear()
        for index in range(1, 6):
            put(sink, index, size)
            pixels, order = reader.newest()
            assert (pixels.shape[1::-1], order, int(pixels.max()), int(pixels.min())) == (size, "BGRA", index, index)
        assert len(mapped) <= 2
        sink.close()
        assert reader.newest() is None


@pytest.mark.parametrize(
    ("at", "value"), [(256, 2), (256, 1), (256, 6), (44, 0), (44, 2**32 - 1), (24, 0), (32, 2**31)]
)
def test_pictures_in_shared_memory_that_are_not_whole_are_not_judged(shared, at, value):
    sink, reader = shared
    sink.open(FrameFormat(6, 4, Order.BGRA))
    for index in range(4):  # the fourth is in the first buffer
        put(sink, index, (6, 4))
    assert reader.newest() is not None
    there = sink._pictures.memory[at : at + 4]
    there[:] = list(value.to_bytes(4, "little"))
    assert reader.newest() is None


def test_rows_that_ndi_padded_are_put_together():
    padded = np.zeros((3, 32), np.uint8)
    padded[:, :20] = np.arange(60).reshape(3, 20)
    assert readback._unpadded(padded.reshape(-1), 5, 3, 32).tobytes() == bytes(range(60))


@pytest.mark.skipif(sys.platform != "linux", reason="NDI finds sources by itself elsewhere")
def test_ndi_is_told_to_look_on_this_machine_unless_it_was_told_where(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NDI_CONFIG_DIR", raising=False)
    with readback.ndi_finds_itself():
        folder = Path(os.environ["NDI_CONFIG_DIR"])
        said = json.loads((folder / "ndi-config.v1.json").read_text())
        assert said == {"ndi": {"networks": {"ips": "127.0.0.1", "discovery": ""}}}
        with readback.ndi_finds_itself():
            assert os.environ["NDI_CONFIG_DIR"] == str(folder)
        assert folder.exists()
    assert not folder.exists()
    assert "NDI_CONFIG_DIR" not in os.environ
    (tmp_path / ".ndi").mkdir()
    (tmp_path / ".ndi" / "ndi-config.v1.json").write_text("{}")
    with readback.ndi_finds_itself():
        assert "NDI_CONFIG_DIR" not in os.environ


def test_nothing_is_judged_that_was_never_shown():
    assert Watch(["auto"], SIZE).verdicts() == ()
