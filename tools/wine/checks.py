# ruff: noqa: D103, I001 - the name of a check says what it is
"""What tools/spout_on_wine.py runs inside Wine, with Python for Windows: the Spout sink and the real SpoutGL wheel.

`python.exe checks.py ROOT FOUND`: one check after the other, and the facts they come by, to the file FOUND as JSON.
"""

import ctypes
import itertools
import json
import sys
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # Python for Windows as it comes looks nowhere else

import numpy as np
import SpoutGL
from stage import ALL_ACCESS, MAP_ALL, NAME, kernel, user
from stage import held, listed, opened, other_process, others_wait_ms, picture, refused, times_ms

from daemon.clock import WallClock
from daemon.errors import SinkError
from daemon.flow import FrameFormat, Order
from daemon.sinks.publisher import Publisher
from daemon.sinks.spout import SpoutSink
from daemon.sinks.spout.cuda import NoZeroCopy
from daemon.sinks.spout.desktop import desktop
from daemon.sinks.spout.opengl import OpenGL
from daemon.slots import SlotRing

facts: dict[str, Any] = {}
checks: list[Callable[[], None]] = []


def check(function: Callable[[], None]) -> Callable[[], None]:
    """Mark what is to be run."""
    checks.append(function)
    return function


@check
def the_stub_is_the_wheel() -> None:
    """Names and signatures of the real module are those that mypy holds the sink to."""
    from sinks.fake_spout import overloads

    kinds = {"Buffer | None": "Optional[Buffer]"}
    for of, methods in overloads().items():
        real = {name for name in vars(getattr(SpoutGL, of)) if not name.startswith("_")}
        ours = {name for name in methods if not name.startswith("__")}
        assert real - {"height", "name", "width"} == ours, (of, real ^ ours)
        for name, signatures in methods.items():
            if name.startswith("__"):
                continue
            said = getattr(getattr(SpoutGL, of), name).__doc__
            for params, _, _ in signatures:
                taken = "".join(f", {n}: {kinds.get(t, t)}{' = 0' if o else ''}" for n, t, o in params)
                assert f"{name}(self: SpoutGL._spoutgl.{of}{taken}) -> " in said, (of, name, said)


@check
def any_size_is_listed_with_its_size_and_gone_when_closed() -> None:
    sizes = [(1, 1), (3, 5), (300, 200), (1279, 719), (64, 2000), (1920, 1080)]
    for (width, height), order in zip(sizes, itertools.cycle(Order)):
        with opened(slot := picture(width, height, order)) as sink:
            assert sink.publish(slot)
            assert sink.publish(slot)
            assert listed() == [NAME]
            info = SpoutGL.SpoutSender().getSenderInfo(NAME)
            assert info is not None
            assert (info.width, info.height) == (width, height)
            facts["about"] = sink.about
        assert listed() == []


@check
def a_name_that_another_program_has_is_refused() -> None:
    sends = "import SpoutGL; s = SpoutGL.SpoutSender(); s.setSenderName('latentd')\n"
    sends += "s.sendImage(bytes(64 * 64 * 4), 64, 64, 6408, False, 0)"
    with other_process(sends):
        facts["name taken"] = refused(lambda: SpoutSink(NAME).open(picture().format))
        assert "is there already" in facts["name taken"]


@check
def two_daemons_cannot_send_under_one_name() -> None:
    with other_process("import ctypes; ctypes.WinDLL('kernel32').CreateMutexW(None, False, 'latentd_spout_latentd')"):
        facts["two daemons"] = refused(lambda: SpoutSink(NAME).open(picture().format))
    with opened(slot := picture()) as sink:
        assert sink.publish(slot)
        assert "another latentd" in refused(lambda: SpoutSink(NAME).open(slot.format))
        assert sink.publish(slot)


@check
def a_name_that_a_crash_left_is_taken_over() -> None:
    sends = "import SpoutGL; s = SpoutGL.SpoutSender(); s.setSenderName('latentd')\n"
    sends += "s.sendImage(bytes(64 * 64 * 4), 64, 64, 6408, False, 0)"
    for ours in (False, True):
        with other_process(sends):
            names = kernel.OpenFileMappingA(4, 0, b"SpoutSenderNames")  # as a receiver keeps it
            assert names
        try:
            if ours:
                with opened(slot := picture()) as sink:
                    assert sink.publish(slot)
                    assert listed() == [NAME]
            else:  # what the wheel does by itself
                plain = SpoutGL.SpoutSender()
                plain.setSenderName(NAME)
                plain.sendImage(bytes(256), 8, 8, 6408, False, 0)
                facts["a name left by a crash, set once, becomes"] = listed()
                plain.releaseSender()
        finally:
            kernel.CloseHandle(names)


@check
def the_sixty_fifth_sender_is_told() -> None:
    others = []
    for number in range(64):
        other = SpoutGL.SpoutSender()
        other.setSenderName(f"other {number}")
        other.sendImage(bytes(256), 8, 8, 6408, False, 0)
        others.append(other)
    with opened(slot := picture()) as sink:
        facts["65th sender"] = refused(lambda: sink.publish(slot))
    others.pop().releaseSender()
    with opened(slot) as sink:
        assert sink.publish(slot)
        assert len(listed()) == 64
    for other in others:
        other.releaseSender()
    assert listed() == []


@check
def another_size_is_another_opening() -> None:
    sink = SpoutSink(NAME)
    for size in (64, 300, 128):
        slot = picture(size, size + 1)
        sink.open(slot.format)
        assert sink.publish(slot)
        info = SpoutGL.SpoutSender().getSenderInfo(NAME)
        assert info is not None
        assert (info.width, info.height) == (size, size + 1)
        sink.close()
    assert listed() == []


@check
def a_receiver_that_keeps_the_texture_costs_pictures_and_keeps_nobody_waiting() -> None:
    with opened(slot := picture()) as sink:
        for _ in range(3):
            assert sink.publish(slot)
        with held():
            took = times_ms(lambda: sink.publish(slot), 5)
            assert not sink.publish(slot)
            facts["held: publish, ms"] = took
            facts["held: another thread waits, ms"] = others_wait_ms(lambda: [sink.publish(slot) for _ in range(5)])
        assert sink.publish(slot)


@check
def what_the_wheel_does_by_itself_while_the_texture_is_kept() -> None:
    sender = SpoutGL.SpoutSender()
    sender.createOpenGL()
    sender.setSenderName("raw")
    gl = OpenGL()
    texture = gl.texture(256, 256)
    pixels = bytes(256 * 256 * 4)
    assert sender.sendTexture(texture, 0x0DE1, 256, 256, False, 0)
    facts["a texture that does not exist is sent with"] = sender.sendTexture(9999, 0x0DE1, 256, 256, False, 0)
    with held("raw"):
        facts["held, unguarded: sendTexture keeps others waiting, ms"] = others_wait_ms(
            lambda: sender.sendTexture(texture, 0x0DE1, 256, 256, False, 0)
        )
        facts["held, unguarded: sendImage keeps others waiting, ms"] = others_wait_ms(
            lambda: sender.sendImage(pixels, 256, 256, 6408, False, 0)
        )
        facts["held, unguarded: sendImage answers"] = sender.sendImage(pixels, 256, 256, 6408, False, 0)
    gl.delete(texture)
    sender.releaseSender()
    sender.closeOpenGL()


@check
def a_receiver_that_dies_with_the_texture_costs_nothing() -> None:
    with opened(slot := picture()) as sink:
        for _ in range(2):
            assert sink.publish(slot)
        takes = (
            "import ctypes; k = ctypes.WinDLL('kernel32'); k.OpenMutexA.restype = ctypes.c_void_p\n"
            f"m = k.OpenMutexA({ALL_ACCESS}, 0, b'latentd_SpoutAccessMutex')\n"
            "assert k.WaitForSingleObject(ctypes.c_void_p(m), 1000) == 0"
        )
        with other_process(takes):
            assert not sink.publish(slot)
        assert sink.publish(slot)


@check
def a_sender_that_vanishes_is_opened_again() -> None:
    with opened(slot := picture()) as sink:
        assert sink.publish(slot)
        names = kernel.OpenFileMappingA(MAP_ALL, 0, b"SpoutSenderNames")
        view = kernel.MapViewOfFile(names, MAP_ALL, 0, 0, 0)
        ctypes.memset(view, 0, 256)
        kernel.UnmapViewOfFile(view)
        kernel.CloseHandle(names)
        assert listed() == []
        for sent in itertools.count(1):
            try:
                sink.publish(slot)
            except SinkError as e:
                facts["vanished"] = {"after pictures": sent, "says": str(e)}
                break
        sink.close()
        sink.open(slot.format)
        assert sink.publish(slot)
        assert listed() == [NAME]


@check
def the_hidden_window_answers_while_pictures_are_sent() -> None:
    windows: list[int] = []
    kind = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)  # type: ignore[attr-defined]
    user.SendMessageTimeoutW.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p]
    user.SendMessageTimeoutW.argtypes += [ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p]
    with opened(slot := picture()) as sink:
        sink.publish(slot)
        user.EnumThreadWindows(kernel.GetCurrentThreadId(), kind(lambda it, _: windows.append(it) or 1), 0)
        assert windows

        def ask(answers: list[bool]) -> None:
            said = ctypes.c_void_p()
            answers += [bool(user.SendMessageTimeoutW(it, 0, None, None, 0, 500, ctypes.byref(said))) for it in windows]

        for sending in (False, True):
            answers: list[bool] = []
            thread = Thread(target=ask, args=(answers,))
            thread.start()
            while thread.is_alive():
                if sending:
                    sink.publish(slot)
                else:
                    thread.join()
            facts[f"windows that answer, {'sending' if sending else 'idle'}"] = answers
            assert all(answers) == sending
        for _ in range(200):
            user.PostThreadMessageW(kernel.GetCurrentThreadId(), 0x8000, None, None)
        for _ in range(10):
            sink.publish(slot)
        message = (ctypes.c_byte * 64)()
        assert not user.PeekMessageW(ctypes.byref(message), None, 0x8000, 0x8000, 0), "messages pile up"


@check
def opengl_in_spouts_own_context_keeps_a_texture_as_it_was_put() -> None:
    lib = ctypes.WinDLL("opengl32")  # type: ignore[attr-defined]
    sender = SpoutGL.SpoutSender()
    try:
        OpenGL()
        raise AssertionError("there was a context before there was one")
    except NoZeroCopy as e:
        facts["OpenGL without a context"] = str(e)
    assert sender.createOpenGL()
    gl = OpenGL()
    lib.glGetString.restype = ctypes.c_char_p
    facts["OpenGL"] = lib.glGetString(0x1F01).decode()
    for width, height in [(3, 5), (257, 129)]:
        rows = np.random.default_rng(2).integers(0, 256, (height, width, 4), np.uint8)
        texture = gl.texture(width, height)
        lib.glBindTexture(0x0DE1, texture)
        lib.glTexSubImage2D(0x0DE1, 0, 0, 0, width, height, 0x1908, 0x1401, rows.ctypes.data_as(ctypes.c_void_p))
        assert gl.read(texture, width, height) == rows.tobytes()
        gl.delete(texture)
    sender.closeOpenGL()


@check
def zero_copy_is_left_where_spout_cannot_share_from_opengl() -> None:
    """The whole path with the real wheel and the real OpenGL; CUDA is the tests' stand-in."""
    from sinks.fake_cuda import Cuda, Gpu, RealGL

    textures = RealGL(OpenGL)
    cuda = Cuda(textures)
    slot = SlotRing(1, FrameFormat(64, 48, Order.RGBA), Gpu(cuda)).acquire()
    assert slot is not None
    with opened(slot, zerocopy=True, runtime=cuda, gl=textures) as sink:
        for _ in range(3):
            assert sink.publish(slot)
        facts["zero copy, under Wine"] = sink.about
        assert "cannot share textures" in sink.about
    assert listed() == []


@check
def a_publisher_goes_on_when_a_receiver_stops_it_for_three_seconds() -> None:
    ring = SlotRing(1, FrameFormat(512, 512, Order.BGRA))
    publisher, stop = Publisher(SpoutSink(NAME), FrameFormat(512, 512, Order.BGRA), WallClock()), Event()
    thread = Thread(target=publisher.loop, args=(stop,))
    thread.start()
    assert publisher.settled.wait(20)
    worst = 0.0

    def paint_for(seconds: float) -> None:
        nonlocal worst
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            if (slot := ring.acquire()) is not None:
                slot.pixels[0, 0] = int(began * 1000) % 256
                publisher.outlet.offer(slot)
                slot.release()
            worst = max(worst, time.perf_counter() - began)
            time.sleep(1 / 60)

    paint_for(1.0)
    before = publisher.status()
    assert before.state == "ok", vars(before)
    with held():
        paint_for(3.0)
        during = publisher.status()
        assert during.state == "stalled", vars(during)
    paint_for(1.0)
    after = publisher.status()
    stop.set()
    thread.join(20)
    assert after.state == "ok"
    assert after.published > before.published + 5
    facts["publisher at 60 Hz, 3 s held"] = {
        "published": [before.published, during.published, after.published],
        "left out": after.replaced,
        "renderer's longest hand-over, ms": round(1e3 * worst, 1),
    }
    assert publisher.status().state == "closed"
    assert listed() == []


@check
def where_nothing_can_be_received_the_look_says_so() -> None:
    sys.path.insert(0, str(Path(__file__).parent.parent))
    sys.modules["daemon.render.card"] = types.SimpleNamespace(read=None)  # type: ignore[assignment] - no Pillow
    from spout_look import look

    with opened(slot := picture()) as sink:
        sink.publish(slot)
        facts["spout_look, under Wine"] = look(NAME, 0.5)
    assert "senders are: latentd" in facts["spout_look, under Wine"]


@check
def what_calls_cost_here() -> None:
    receiver, sender = SpoutGL.SpoutReceiver(), SpoutGL.SpoutSender()
    facts["getSenderList, ms"] = times_ms(receiver.getSenderList)
    facts["SpoutReceiver(), ms"] = times_ms(SpoutGL.SpoutReceiver)
    facts["setFrameSync, ms"] = times_ms(lambda: sender.setFrameSync(NAME))
    windows = desktop()
    assert windows is not None
    facts["pump, ms"] = times_ms(windows.pump)
    facts["session"], facts["remote"] = windows.session(), windows.remote()


def main() -> int:
    """Run all, write what was found."""
    failed, passed = {}, []
    for it in checks:
        words = it.__name__.replace("_", " ")
        failed[words] = "it did not come to its end"
        try:
            it()
        except (
            AssertionError,
            SinkError,
            OSError,
            TypeError,
            ValueError,
            LookupError,
            AttributeError,
            ImportError,
        ) as e:
            trace = traceback.extract_tb(e.__traceback__)
            failed[words] = f"{type(e).__name__}: {e} (lines {[it.lineno for it in trace if it.filename == __file__]})"
        else:
            del failed[words]
            passed.append(words)
        finally:
            found = {"passed": passed, "failed": failed, "facts": facts, "python": sys.version.split()[0]}
            Path(sys.argv[2]).write_text(json.dumps(found, indent=2), "utf-8")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
