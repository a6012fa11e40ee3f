"""What the checks inside Wine have in common: pictures, our sink, receivers that keep it waiting, other processes.

The first argument of the command is the checkout. pydantic cannot be loaded there; the status has a stand-in for it.
"""

import ctypes
import statistics
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

ROOT = Path(sys.argv[1])
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


class _Said:
    def __init__(self, **said: object) -> None:
        self.__dict__.update(said)


sys.modules["pydantic"] = types.SimpleNamespace(BaseModel=_Said, ConfigDict=dict)  # type: ignore[assignment]

import numpy as np  # noqa: E402
import SpoutGL  # noqa: E402

from daemon.errors import SinkError  # noqa: E402
from daemon.flow import FrameFormat, Order  # noqa: E402
from daemon.sinks.spout import SpoutSink  # noqa: E402
from daemon.slots import Slot, SlotRing  # noqa: E402

NAME = "latentd"
kernel, user = ctypes.WinDLL("kernel32"), ctypes.WinDLL("user32")  # type: ignore[attr-defined]
for call in ("OpenMutexA", "OpenFileMappingA", "MapViewOfFile"):
    getattr(kernel, call).restype = ctypes.c_void_p
kernel.OpenMutexA.argtypes = kernel.OpenFileMappingA.argtypes = [ctypes.c_uint, ctypes.c_int, ctypes.c_char_p]
kernel.MapViewOfFile.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_size_t]
kernel.WaitForSingleObject.argtypes = [ctypes.c_void_p, ctypes.c_uint]
kernel.ReleaseMutex.argtypes = kernel.CloseHandle.argtypes = kernel.UnmapViewOfFile.argtypes = [ctypes.c_void_p]
ALL_ACCESS, MAP_ALL = 0x1F0001, 0xF001F


def listed() -> list[str]:
    """The senders that others see."""
    return list(SpoutGL.SpoutReceiver().getSenderList())


def picture(width: int = 256, height: int = 256, order: Order = Order.BGRA) -> Slot:
    """A slot with noise in it."""
    slot = SlotRing(1, FrameFormat(width, height, order)).acquire()
    assert slot is not None
    slot.pixels[:] = np.random.default_rng(1).integers(0, 256, slot.pixels.shape)
    return slot


@contextmanager
def opened(slot: Slot, name: str = NAME, **how: Any) -> Iterator[SpoutSink]:
    """Our sink, open."""
    sink = SpoutSink(name, **how)
    try:
        sink.open(slot.format)
        yield sink
    finally:
        sink.close()


@contextmanager
def held(name: str = NAME) -> Iterator[None]:
    """A receiver (a thread of ours) that keeps the texture."""
    has, let_go = Event(), Event()

    def hold() -> None:
        mutex = kernel.OpenMutexA(ALL_ACCESS, 0, f"{name}_SpoutAccessMutex".encode())
        assert kernel.WaitForSingleObject(mutex, 1000) in (0, 0x80)
        has.set()
        let_go.wait(30)
        kernel.ReleaseMutex(mutex)
        kernel.CloseHandle(mutex)

    thread = Thread(target=hold)
    thread.start()
    has.wait(10)
    try:
        yield
    finally:
        let_go.set()
        thread.join()


@contextmanager
def other_process(source: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Another Python that has run `source` and then waits to be killed."""
    begin = f"import sys; sys.argv = ['', {str(ROOT)!r}]; sys.path.insert(0, {str(ROOT)!r})\n"
    text = begin + source + "\nprint('there', flush=True)\nimport time\ntime.sleep(60)\n"
    process = subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        said = b""
        while not said.startswith(b"there"):
            said = process.stdout.readline()
            assert said, "the other process ended"
        yield process
    finally:
        process.kill()
        process.wait()


def refused(of: Callable[[], object]) -> str:
    """The sentence with which it fails."""
    try:
        of()
    except SinkError as e:
        return str(e)
    raise AssertionError("it was not refused")


def times_ms(of: Callable[[], object], count: int = 20) -> dict[str, float]:
    """Median and least of one call."""
    took = []
    for _ in range(count):
        began = time.perf_counter()
        of()
        took.append(1e3 * (time.perf_counter() - began))
    return {"median": round(statistics.median(took), 3), "least": round(min(took), 3)}


def others_wait_ms(of: Callable[[], object]) -> float:
    """The longest that another Python thread is kept from running meanwhile."""
    gap, stop = [0.0], Event()

    def tick() -> None:
        last = time.perf_counter()
        while not stop.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            gap[0] = max(gap[0], now - last)
            last = now

    thread = Thread(target=tick)
    thread.start()
    time.sleep(0.02)
    gap[0] = 0.0
    of()
    stop.set()
    thread.join()
    return round(1e3 * gap[0], 1)
