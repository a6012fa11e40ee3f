import errno
import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sinks.shm_reader import DOCS, blocks, documented

from daemon.clock import VirtualClock, WallClock
from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat, Order
from daemon.sinks.shm import ShmSink, layout
from daemon.sinks.shm.block import Block, remove
from daemon.slots import SlotRing

ROOT = Path(__file__).parents[2]
FORMAT = FrameFormat(6, 4, Order.BGRA)
SHOWN = Path("/dev/shm")
posix = pytest.mark.skipif(sys.platform == "win32", reason="memory goes with its last process there")
linux = pytest.mark.skipif(sys.platform != "linux", reason="shared memory is seen as files on Linux alone")


@pytest.fixture
def name():
    name = f"t{uuid4().hex[:12]}"
    yield name
    for generation in range(6):
        remove(f"{name}.{generation}")
    remove(name)


@pytest.fixture
def reader(name):
    return documented().Reader(name)


@contextmanager
def opened(name, form=FORMAT, clock=None):
    sink = ShmSink(name, clock)
    sink.open(form)
    try:
        yield sink
    finally:
        sink.close()


def painted(form, index, rendered=0.0):
    """A slot of which every byte tells the index and the place."""
    slot = SlotRing(1, form).acquire()
    count = 4 * form.width * form.height
    slot.pixels[:] = ((np.arange(count) * 7 + index * 13) % 251).astype(np.uint8).reshape(slot.pixels.shape)
    slot.index, slot.rendered = index, rendered or WallClock().now()
    return slot


def shows(frame, slot):
    return frame[0] == slot.index and frame[2].tobytes() == slot.pixels.tobytes()


@pytest.mark.parametrize("size", [(6, 4), (17, 5), (1, 1), (64, 64), (333, 7)])
@pytest.mark.parametrize("order", Order)
def test_the_reader_of_the_docs_reads_what_was_published_to_the_bit(name, reader, size, order):
    assert reader.read() is None
    with opened(name, FrameFormat(*size, order)) as sink:
        assert reader.read() is None
        for index in range(8):
            slot = painted(FrameFormat(*size, order), index)
            assert sink.publish(slot)
            slot.pixels[:] = 0  # it was copied
            again = painted(FrameFormat(*size, order), index, slot.rendered)
            frame = reader.read()
            assert shows(frame, again)
            assert (frame[1], reader.order) == (round(1e9 * slot.rendered), order)
            assert shows(reader.read(), again)
    assert reader.read() is None


def test_alpha_is_told(name):
    for alpha, code in (("opaque", 0), ("straight", 1)):
        with opened(name, FrameFormat(6, 4, alpha=alpha)):
            pictures = Block(f"{name}.1")
            offset = next(item.offset for item in layout.PICTURES if item.name == "alpha")
            assert struct.unpack_from("<I", pictures.memory, offset) == (code,)
            pictures.close()


def test_the_docs_tables_are_the_layout():
    text = DOCS.read_text(encoding="utf-8")
    types = {"8s": "8 characters", "4s": "4 characters", "I": "u32", "Q": "u64"}
    for items in (layout.CONTROL, layout.PICTURES, layout.BUFFER):
        rows = (f"| {item.offset} | {types[item.code]} | `{item.name}` | {item.meaning} |" for item in items)
        assert "| offset | type | name | |\n|---|---|---|---|\n" + "\n".join(rows) + "\n\n" in text


@pytest.mark.parametrize("items", [layout.CONTROL, layout.PICTURES, layout.BUFFER])
def test_fields_follow_one_another_each_on_a_multiple_of_its_size(items):
    end = 0
    for item in items:
        size = struct.calcsize(item.code)
        assert item.offset == end
        assert item.offset % min(size, 8) == 0
        end += size
    assert end <= {layout.CONTROL: 64, layout.PICTURES: layout.HEADER_SIZE, layout.BUFFER: layout.HEAD_SIZE}[items]


def test_pixels_begin_on_multiples_of_64_and_the_last_buffer_ends_inside():
    for width, height in ((1, 1), (17, 5), (333, 7), (1920, 1080)):
        sizes = layout.Sizes(width, height)
        assert (layout.HEADER_SIZE + layout.HEAD_SIZE) % 64 == sizes.distance % 64 == sizes.trailer % 64 == 0
        assert sizes.trailer >= layout.HEAD_SIZE + sizes.stride * height
        assert sizes.trailer + 8 <= sizes.distance


def test_the_touchdesigner_script_gives_it_the_rows_from_below_in_rgba(name):
    made = {"absTime": SimpleNamespace(frame=1)}
    _, _, script = blocks()
    exec(blocks()[0] + script.replace('"latentd"', repr(name)), made)
    copied = []
    scripted = SimpleNamespace(copyNumpyArray=copied.append)
    made["onCook"](scripted)
    assert copied == []
    for order, channels in ((Order.BGRA, [2, 1, 0, 3]), (Order.RGBA, [0, 1, 2, 3])):
        with opened(name, FrameFormat(6, 4, order)) as sink:
            slot = painted(FrameFormat(6, 4, order), 0)
            sink.publish(slot)
            made["onCook"](scripted)
            made["onCook"](scripted)
        picture = copied.pop()
        assert picture.flags.c_contiguous
        assert (picture == np.flipud(slot.pixels)[..., channels]).all()
        copied.clear()
        made["onCook"](scripted)
        assert copied == []


def test_half_a_frame_is_there_and_not_read(name, reader):
    """The writer stands still in the middle of each frame while the reader reads."""
    with opened(name) as sink:
        before, looked = None, []

        def halfway(to, pixels):
            half = len(to) // 2
            np.copyto(to[:half], pixels[:half])
            frame = reader.read()
            looked.append(frame is None if before is None else shows(frame, before))
            assert (to[:half] == pixels[:half]).all()
            assert not (to[half:] == pixels[half:]).all()
            np.copyto(to[half:], pixels[half:])

        sink._copy = halfway
        for index in range(7):
            slot = painted(FORMAT, index)
            sink.publish(slot)
            before = slot
        assert looked == [True] * 7


def overtaken(name, reader, frames, begun=False):
    """A read in the middle of whose copy so many frames are written, and half of one more if `begun`.

    What it gives, and the slots.
    """
    halfway, go_on = Event(), Event()
    with opened(name) as sink, ThreadPoolExecutor(1) as writer:
        slots = [painted(FORMAT, index) for index in range(frames + 1)]
        sink.publish(slots[0])
        waiting = slots[1:]

        def by_halves(to, pixels):
            half = len(to) // 2
            np.copyto(to[half:], pixels[half:])
            halfway.set()
            assert go_on.wait(30)
            np.copyto(to[:half], pixels[:half])

        class Slow:
            """numpy, copying by halves."""

            uint8 = np.uint8

            @staticmethod
            def ndarray(*arguments):
                there = np.ndarray(*arguments)

                def copy():
                    half = len(there) // 2
                    first = there[:half].copy()
                    while waiting:
                        sink.publish(waiting.pop(0))
                    if begun and not halfway.is_set():
                        sink._copy = by_halves
                        writer.submit(sink.publish, painted(FORMAT, frames + 1))
                        assert halfway.wait(30)
                    return np.concatenate([first, there[half:]])

                return SimpleNamespace(copy=copy)

        reader.module["np"] = Slow
        try:
            return reader.Reader(name).read(), slots
        finally:
            go_on.set()


@pytest.mark.parametrize("frames", range(9))
def test_a_reader_that_is_overtaken_reads_again(name, frames):
    frame, slots = overtaken(name, documented(), frames)
    assert shows(frame, slots[0 if frames < 3 else frames])


@pytest.mark.parametrize("frames", range(9))
def test_a_reader_that_is_overtaken_by_half_a_frame_reads_again(name, frames):
    frame, slots = overtaken(name, documented(), frames, begun=True)
    assert shows(frame, slots[0 if frames < 2 else frames])


@pytest.mark.parametrize("frames", [3, 4, 6])
def test_without_looking_again_it_would_read_torn_frames(name, frames):
    check = "if before == words[start // 8] == words[(start + trailer) // 8] == 2 * number:"
    assert blocks()[0].count(check) == 1
    frame, slots = overtaken(name, documented(lambda text: text.replace(check, "if True:")), frames)
    assert not any(shows((slot.index, 0, frame[2]), slot) for slot in slots)


@contextmanager
def process(module, *arguments):
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", f"sinks.{module}", *map(str, arguments)]
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as child:
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize(("width", "height", "frames"), [(64, 64, 500), (639, 361, 100), (1920, 1080, 20)])
def test_no_frame_is_torn_between_two_processes_at_full_speed(name, width, height, frames):
    with process("shm_writer", name, width, height, "fast") as writer:
        assert writer.stdout.readline() == "writing\n"
        with process("shm_reader", name, frames) as reading:
            assert reading.communicate(timeout=50) == (f"[{frames}, 0, 0]", "")
        assert (SHOWN / name).exists() or sys.platform != "linux"  # the reader's end removed nothing
        assert writer.poll() is None


@posix
def test_a_writer_killed_in_the_middle_of_a_frame_leaves_the_last_whole_one_and_then_is_gone(name):
    docs = documented()
    reader, clock = docs.Reader(name), WallClock()
    with process("shm_writer", name, 64, 64, 5) as writer:
        out, err = writer.communicate(timeout=50)
        assert (out, err, writer.returncode) == ("writing\n", "", -9)
    docs.module["time"] = SimpleNamespace(perf_counter_ns=lambda: died)
    died = round(1e9 * clock.now()) - 2_000_000_000  # as if it had just been
    index, _, picture = reader.read()
    assert (index, (picture.view("<u4") == 4).all()) == (4, True)
    died += 6_000_000_000
    assert reader.read() is None
    with opened(name) as sink:  # another takes its name over, at once
        died = 0
        slot = painted(FORMAT, 0)
        sink.publish(slot)
        assert shows(reader.read(), slot)
        assert not (SHOWN / f"{name}.1").exists()


def test_a_name_somebody_writes_to_is_refused_and_not_disturbed(name, reader):
    clock = VirtualClock(100.0)
    with opened(name, clock=clock) as sink:
        slot = painted(FORMAT, 3)
        for _ in range(2):
            sink.publish(slot)
            with pytest.raises(SinkError, match=f"process {os.getpid()} writes to the shared memory {name}") as error:
                ShmSink(name, clock).open(FORMAT)
            assert not isinstance(error.value, SinkUnavailable)
            clock.advance(2.9)
        sink.publish(slot)
        reader.read.__func__.__globals__["time"] = SimpleNamespace(perf_counter_ns=lambda: 0)
        assert shows(reader.read(), slot)


def test_who_was_silent_too_long_is_replaced_and_told(name):
    clock = VirtualClock(100.0)
    with opened(name, clock=clock) as sink:
        sink.publish(painted(FORMAT, 0))
        clock.advance(3.1)
        with opened(name, clock=clock) as other:
            with pytest.raises(SinkError, match="another program writes"):
                sink.publish(painted(FORMAT, 1))
            sink.close()
            assert other.publish(painted(FORMAT, 2))
            with pytest.raises(SinkError, match="writes to the shared memory"):
                sink.open(FORMAT)


def test_a_still_picture_is_not_copied_again_but_the_writer_says_that_it_lives(name):
    clock = VirtualClock(5.0)
    with opened(name, clock=clock) as sink:
        copies = []
        copy, sink._copy = sink._copy, lambda to, pixels: copies.append(1) or copy(to, pixels)
        slot = painted(FORMAT, 0)
        control = Block(name)
        for second in range(4):
            sink.publish(slot)
            assert control.words()[6] == 1e9 * (5 + second)
            clock.advance(1.0)
        assert len(copies) == 1
        control.close()


@posix
def test_memory_that_somebody_removed_is_made_anew_and_readers_find_it(name, reader):
    clock = VirtualClock(WallClock().now())
    with opened(name, clock=clock) as sink:
        slot = painted(FORMAT, 0)
        sink.publish(slot)
        assert shows(reader.read(), slot)
        for gone in (name, f"{name}.1"):  # as logging out does to a user's memory
            remove(gone)
        clock.advance(1.0)
        with pytest.raises(SinkError, match="somebody removed"):
            sink.publish(painted(FORMAT, 1))
        sink.close()
        sink.open(FORMAT)
        slot = painted(FORMAT, 2)
        sink.publish(slot)
        assert reader.read() is None
        assert shows(reader.read(), slot)


@posix
def test_who_closes_takes_away_its_own_memory_and_not_that_of_the_next_under_its_name(name, reader):
    with opened(name) as old:
        for gone in (name, f"{name}.1"):
            remove(gone)
        with opened(name) as new:
            old.close()
            slot = painted(FORMAT, 3)
            new.publish(slot)
            assert shows(reader.read(), slot)


def test_readers_follow_another_size_and_the_old_memory_is_gone(name, reader):
    sink = ShmSink(name)
    for size in ((6, 4), (9, 5), (3, 2), (3, 2)):
        form = FrameFormat(*size)
        sink.open(form)
        slot = painted(form, 0)
        sink.publish(slot)
        assert shows(reader.read(), slot)
        sink.close()
        sink.close()
        assert reader.read() is None
        with pytest.raises(FileNotFoundError):
            Block(name)
        with pytest.raises(FileNotFoundError):
            Block(f"{name}.1")


@given(st.lists(st.sampled_from(["publish", "read", "resize", "close", "crash", "silence"]), max_size=30))
@settings(max_examples=60)
def test_whatever_happens_a_reader_has_the_newest_frame_of_the_writer_there_is_or_none(steps):
    name, clock, docs = f"t{uuid4().hex[:12]}", VirtualClock(10.0), documented()
    docs.module["time"] = SimpleNamespace(perf_counter_ns=lambda: round(1e9 * clock.now()))
    reader, sink, crashed, newest, index = docs.Reader(name), None, [], None, 0
    try:
        for step in [*steps, "read"]:
            width = 2 + index % 5
            if step in ("publish", "resize", "crash") and sink is None:
                sink, newest, form = ShmSink(name, clock), None, FrameFormat(width, 3)
                sink.open(form)
            match step:
                case "publish":
                    newest = painted(form, index)
                    sink.publish(newest)
                case "resize":
                    sink.close()
                    form, newest = FrameFormat(width, 4), None
                    sink.open(form)
                case "close" if sink is not None:
                    sink.close()
                    sink = newest = None
                case "crash":  # nobody closes it, and 3 s pass before somebody else comes
                    crashed.append(sink)
                    sink = newest = None
                    clock.advance(3.0)
                case "silence":
                    clock.advance(2.0)
                    if sink is not None:
                        sink.publish(newest) if newest else sink.close()
                        sink = sink if newest else None
                case "read":
                    frame = reader.read()
                    assert frame is None if newest is None else shows(frame, newest)
            index += 1
    finally:
        for left in (*crashed, *([sink] if sink else [])):
            left.close()
        for generation in range(40):
            remove(f"{name}.{generation}")
        remove(name)


@pytest.mark.parametrize("name", ["", "a" * 25, "a b", "a/b", "../x", ".a", "-a", "ü", "a.1", "a\n", "a\0"])
def test_a_name_that_not_every_system_takes_is_refused(name):
    with pytest.raises(SinkUnavailable, match="1 to 24 letters"):
        ShmSink(name).open(FORMAT)


def test_the_longest_name_leaves_room_for_its_generation_on_a_mac():
    assert len(f"/{'a' * 24}.{layout.GENERATIONS}") == 31


def test_another_programs_memory_is_not_touched(name):
    theirs = Block(name, 8192)
    theirs.memory[:8] = list(b"TouchSHM")
    with pytest.raises(SinkUnavailable, match="another program's"):
        ShmSink(name).open(FORMAT)
    assert theirs.memory[:8].tobytes() == b"TouchSHM"
    theirs.close()


@posix
@pytest.mark.parametrize("size", [1, 5, 100])
def test_memory_too_small_to_be_ours_is_another_programs(name, size):
    theirs = Block(name, size)
    with pytest.raises(SinkUnavailable, match="another program's"):
        ShmSink(name).open(FORMAT)
    theirs.close()


@posix
def test_a_writer_whose_number_no_process_can_have_is_none(name):
    left = Block(name, 4096)
    said = layout.pack(layout.CONTROL, magic=b"LATENTDC", version=1, state=1, pid=2**64 - 1, heartbeat=50_000_000_000)
    left.memory[: len(said)] = np.frombuffer(said, np.uint8)
    left.close()
    with opened(name, clock=VirtualClock(51.0)) as sink:
        assert sink.publish(painted(FORMAT, 0))


@posix
@pytest.mark.parametrize("junk", [b"", bytes(4096), b"LATENTDC" + b"\xff" * 4088, b"LATENTDC" + bytes(4088)])
def test_what_a_crash_leaves_behind_is_made_use_of(name, reader, junk):
    from _posixshmem import shm_open

    for of in (name, f"{name}.1", f"{name}.2"):
        fd = shm_open(f"/{of}", os.O_CREAT | os.O_RDWR, mode=0o600)
        os.write(fd, junk)
        os.close(fd)
    with opened(name, clock=VirtualClock(50.0)) as sink:
        slot = painted(FORMAT, 0)
        sink.publish(slot)
        reader.read.__func__.__globals__["time"] = SimpleNamespace(perf_counter_ns=lambda: 0)
        assert shows(reader.read(), slot)


@linux
def test_the_memory_is_for_this_user_alone(name):
    with opened(name):
        for file in (SHOWN / name, SHOWN / f"{name}.1"):
            assert file.stat().st_mode & 0o777 == 0o600


@linux
def test_no_room_is_said_and_nothing_is_left_behind(name, monkeypatch):
    real = os.posix_fallocate

    def full(fd, offset, size):
        if size > 4096:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(fd, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(SinkError, match="no shared memory of 25 MB") as error:
        ShmSink(name).open(FrameFormat(1920, 1080))
    assert not isinstance(error.value, SinkUnavailable)
    assert not list(SHOWN.glob(f"{name}*"))


def test_it_says_what_it_is_found_as_and_closing_and_publishing_unopened_are_safe(name):
    sink = ShmSink(name)
    assert sink.about == f"{name}, layout 1, see docs/SHM.md"
    assert sink.receivers() is None
    sink.close()
    with pytest.raises(SinkError, match="not open"):
        sink.publish(painted(FORMAT, 0))
