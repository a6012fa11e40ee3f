import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sinks.fakes import StrictSink

from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat, Memory, Order
from daemon.sinks.frames import FramesSink
from daemon.sinks.memory import MemorySink
from daemon.sinks.null import NullSink
from daemon.sinks.sink import common_format
from daemon.sinks.spout import SpoutSink
from daemon.slots import SlotRing

FORMAT = FrameFormat(6, 4)


def slot_of(format=FORMAT, seed=0):
    slot = SlotRing(1, format).acquire()
    slot.pixels[:] = np.random.default_rng(seed).integers(0, 256, slot.pixels.shape, np.uint8)
    slot.pixels[..., 3] = 255
    return slot


@pytest.fixture
def unprivileged():
    """Not root, while inside: root may write anywhere."""
    if os.name == "nt":
        pytest.skip("folders here are not read-only by their mode")
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


def test_pictures_are_numbered_in_the_order_published(tmp_path):
    sink = FramesSink(tmp_path / "made" / "here")
    sink.open(FORMAT)
    slots = [slot_of(seed=n) for n in range(3)]
    for slot in slots:
        assert sink.publish(slot)
    sink.close()
    files = sorted((tmp_path / "made" / "here").iterdir())
    assert [file.name for file in files] == ["00000001.png", "00000002.png", "00000003.png"]
    for file, slot in zip(files, slots, strict=True):
        with Image.open(file) as picture:
            assert picture.mode == "RGB"
            assert (np.asarray(picture) == slot.pixels[..., :3]).all()


def test_either_byte_order_makes_the_same_file(tmp_path):
    names = []
    for order in Order:
        slot = slot_of(FrameFormat(6, 4, order))
        if order is Order.BGRA:
            slot.pixels[..., :3] = slot.pixels[..., 2::-1].copy()
        sink = FramesSink(tmp_path / order)
        sink.open(slot.format)
        sink.publish(slot)
        names.append((tmp_path / order / "00000001.png").read_bytes())
    assert names[0] == names[1]


def test_numbering_goes_on_after_opening_again(tmp_path):
    sink = FramesSink(tmp_path)
    for _ in range(2):
        sink.open(FORMAT)
        sink.publish(slot_of())
        sink.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["00000001.png", "00000002.png"]


def test_a_file_in_the_way_is_said_in_one_sentence(tmp_path):
    (tmp_path / "taken").write_text("not a folder")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(SinkUnavailable, match="a file is in the way; choose another"):
            FramesSink(folder).open(FORMAT)
    assert (tmp_path / "taken").read_text() == "not a folder"


def test_a_read_only_folder_is_said_in_one_sentence(unprivileged):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "locked"
        folder.mkdir(mode=0o500)
        for place in (folder, folder / "below"):
            with pytest.raises(SinkUnavailable, match=r"cannot be written to .*; choose a folder that can"):
                FramesSink(place).open(FORMAT)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here to write to")
def test_a_full_disk_leaves_no_half_picture_and_may_be_tried_again(tmp_path):
    sink = FramesSink(tmp_path)
    sink.open(FORMAT)
    sink.publish(slot_of())
    (tmp_path / ".latentd.part").unlink(missing_ok=True)
    (tmp_path / ".latentd.part").symlink_to("/dev/full")
    with pytest.raises(SinkError, match=r"no room left .*; free some, 1 written so far") as caught:
        sink.publish(slot_of())
    assert not isinstance(caught.value, SinkUnavailable)
    sink.close()
    assert [file.name for file in tmp_path.iterdir()] == ["00000001.png"]
    sink.open(FORMAT)
    assert sink.publish(slot_of())
    assert (tmp_path / "00000002.png").exists()


def test_a_folder_taken_away_is_made_again(tmp_path):
    sink = FramesSink(tmp_path / "x")
    sink.open(FORMAT)
    (tmp_path / "x" / ".latentd.part").unlink()
    (tmp_path / "x").rmdir()
    with pytest.raises(SinkError):
        sink.publish(slot_of())
    sink.close()
    sink.open(FORMAT)
    assert sink.publish(slot_of())


def replace_by_a_file(folder):
    folder.rename(folder.with_name("moved"))
    folder.write_text("in the way")


def lock(folder):
    folder.chmod(0o500)


def move_away(folder):
    folder.rename(folder.with_name("moved"))
    folder.parent.chmod(0o500)


@pytest.mark.parametrize("lose", [replace_by_a_file, lock, move_away])
def test_a_folder_lost_in_the_middle_may_be_tried_again(unprivileged, lose):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "in" / "pictures"
        sink = FramesSink(folder)
        sink.open(FORMAT)
        assert sink.publish(slot_of())
        lose(folder)
        for fail in (lambda: sink.publish(slot_of()), lambda: sink.open(FORMAT)):
            with pytest.raises(SinkError, match="1 written so far") as lost:
                fail()
            assert not isinstance(lost.value, SinkUnavailable)
            sink.close()
        folder.parent.chmod(0o700)
        if folder.is_file():
            folder.unlink()
        elif folder.is_dir():
            folder.chmod(0o700)
        sink.open(FORMAT)
        assert sink.publish(slot_of())
        assert (folder / "00000002.png").exists()
        sink.close()


def test_a_folder_belongs_to_one_sink_however_it_is_spelt(tmp_path):
    spellings = [tmp_path / "x", tmp_path / "x" / ".." / "x"]
    if os.name != "nt":  # where links need a privilege
        (tmp_path / "link").symlink_to(tmp_path / "x", target_is_directory=True)
        spellings.append(tmp_path / "link")
    first = FramesSink(tmp_path / "x")
    first.open(FORMAT)
    for spelling in spellings:
        second = FramesSink(spelling)
        with pytest.raises(SinkUnavailable, match=r"another frames sink writes in .*; give each a folder of its own"):
            second.open(FORMAT)
        second.close()
        assert (tmp_path / "x" / ".latentd.part").exists()
    assert first.publish(slot_of())
    FramesSink(tmp_path / "y").open(FORMAT)
    first.close()
    second.open(FORMAT)
    assert second.publish(slot_of())


def test_a_sink_nobody_has_any_more_holds_no_folder(tmp_path):
    FramesSink(tmp_path).open(FORMAT)
    FramesSink(tmp_path).open(FORMAT)


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    sink = FramesSink(Path("~/pictures"))
    sink.open(FORMAT)
    sink.publish(slot_of())
    sink.close()
    assert (tmp_path / "pictures" / "00000001.png").exists()


@pytest.mark.skipif(os.name == "nt", reason="any name is that of a home folder there")
def test_a_home_folder_of_nobody_is_said_in_one_sentence():
    with pytest.raises(SinkUnavailable, match="names no home folder; give the whole path"):
        FramesSink(Path("~nobody-of-this-name/x")).open(FORMAT)


def test_memory_keeps_copies_and_no_slot():
    sink, slot = MemorySink(limit=2), slot_of()
    sink.open(FORMAT)
    for index in range(3):
        slot.pixels[:] = slot.index = index
        sink.publish(slot)
    assert list(sink.indices) == [1, 2]
    assert [int(picture[0, 0, 0]) for picture in sink.pictures] == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        sink.pictures[0][:] = 0


def test_the_common_format_is_the_first_sinks_wish_among_what_all_take():
    spout, frames, null = SpoutSink("x"), FramesSink(Path("x")), NullSink()
    assert common_format([spout, frames, null], 8, 8) == FrameFormat(8, 8, Order.BGRA, Memory.HOST)
    assert common_format([frames, spout], 8, 8).order is Order.RGBA
    assert common_format([], 8, 8) == FrameFormat(8, 8)

    class Odd(StrictSink):
        def accepts(self):
            return ((Order.RGBA, Memory.CUDA),)

    assert common_format([null, Odd()], 8, 8).memory is Memory.CUDA
    with pytest.raises(SinkUnavailable, match="frames and odd take no picture in common"):
        common_format([frames, Odd("odd")], 8, 8)
