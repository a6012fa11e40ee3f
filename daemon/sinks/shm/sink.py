"""The writer of the shared memory."""

import os
import re
import secrets
import sys

import numpy as np

from daemon.clock import Clock, WallClock
from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import U8, FrameFormat, Memory, Order
from daemon.sinks.shm import layout
from daemon.sinks.shm.block import Block, remove
from daemon.sinks.shm.fence import fence
from daemon.sinks.shm.layout import BUFFER, CONTROL, PICTURES, Sizes, word
from daemon.slots import Slot

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,23}")  # with a generation behind it macOS takes no more
_LOOK = 1.0  # s between two looks whether our block is still the one of its name
_ALPHA = {"opaque": 0, "straight": 1}
_GENERATION, _STATE, _PID = word(CONTROL, "generation"), word(CONTROL, "state"), word(CONTROL, "pid")
_SESSION, _HEARTBEAT = word(CONTROL, "session"), word(CONTROL, "heartbeat")
_SIZE, _NEWEST = word(CONTROL, "size"), word(PICTURES, "newest")
_SEQUENCE, _INDEX, _RENDERED = word(BUFFER, "sequence"), word(BUFFER, "index"), word(BUFFER, "rendered")


class ShmSink:
    """Copies each picture into the oldest of three buffers, then says that it is the newest."""

    name = "shm"
    repeats = True  # a still picture is not copied again: the writer says that it lives

    def __init__(self, block: str, clock: Clock | None = None) -> None:
        """`block`: the name of the memory. `clock`: which `Slot.rendered` is told by."""
        self._name, self._clock = block, clock or WallClock()
        self._control: Block | None = None
        self._pictures: Block | None = None
        self._session, self._completed = 0, 0
        self._looked = float("-inf")  # s on the clock
        self._sizes = Sizes(0, 0)
        self._shown: tuple[int, float] | None = None

    @property
    def about(self) -> str:
        """How readers name it."""
        return f"{self._name}, layout {layout.VERSION}, see docs/SHM.md"

    def accepts(self) -> tuple[tuple[Order, Memory], ...]:
        return ((Order.BGRA, Memory.HOST), (Order.RGBA, Memory.HOST))

    def open(self, format: FrameFormat) -> None:  # noqa: A002
        if not _NAME.fullmatch(self._name):
            raise SinkUnavailable(
                f"shm:{self._name[:40]} cannot be: a name is 1 to 24 letters (a to z), digits, - or _, like shm:latentd"
            )
        try:
            self._control = self._take()
            self._pictures = self._lay_out(format)
        except PermissionError:
            self.close()
            raise SinkUnavailable(f"the shared memory {self._name} is another user's; take another name") from None
        except OSError as e:
            self.close()
            need = -(-Sizes(format.width, format.height).whole // 1_000_000)
            raise SinkError(f"no shared memory of {need} MB ({e.strerror or e}); make room for it") from None

    def publish(self, slot: Slot) -> bool:
        if self._control is None or self._pictures is None:
            raise SinkError("the shared memory is not open")
        control = self._control.words()
        if control[_SESSION] != self._session:
            raise SinkError(f"another program writes to the shared memory {self._name} now; give each its own name")
        now = self._clock.now()
        if now - self._looked >= _LOOK:
            self._looked = now
            if not self._control.is_found():
                raise SinkError(f"somebody removed the shared memory {self._name}; making it anew")
        if self._shown != (slot.index, slot.rendered):
            self._write(self._pictures, slot)
            self._shown = (slot.index, slot.rendered)
        control[_HEARTBEAT] = self._now()
        return True

    def close(self) -> None:
        control, self._control = self._control, None
        pictures, self._pictures = self._pictures, None
        ours = control is not None and control.words()[_SESSION] == self._session
        if pictures is not None:
            _take_away(pictures)
        if control is not None:
            if ours:
                control.words()[_STATE] = 0
                _take_away(control)
            control.close()
        self._shown = None

    def receivers(self) -> int | None:
        return None  # readers leave no trace

    def _take(self) -> Block:
        """The control block, ours from here on: made, or left behind by somebody who is gone."""
        try:
            control = Block(self._name, layout.CONTROL_SIZE)
        except FileExistsError:
            control = self._inherit()
        words = control.words()
        self._session = secrets.randbits(63) | 1
        last = int(words[_GENERATION])
        last = last if last <= layout.GENERATIONS else 0
        header = layout.pack(CONTROL, version=layout.VERSION, header=64, generation=last, heartbeat=self._now())
        control.memory[: len(header)] = np.frombuffer(header, np.uint8)
        words[_PID], words[_SESSION] = os.getpid(), self._session
        fence()
        control.memory[:8] = np.frombuffer(layout.CONTROL_MAGIC, np.uint8)
        return control

    def _inherit(self) -> Block:
        """What lies there under our name, if nobody writes to it any more."""
        try:
            control = Block(self._name)
        except ValueError:  # its maker was killed before it had a size
            remove(self._name)
            return Block(self._name, layout.CONTROL_SIZE)
        magic = control.memory[:8].tobytes()
        if len(control.memory) < layout.CONTROL_SIZE or magic not in (layout.CONTROL_MAGIC, bytes(8)):
            control.close()
            raise SinkUnavailable(f"the shared memory {self._name} is another program's; take another name")
        words = control.words()
        age, pid = self._now() - int(words[_HEARTBEAT]), int(words[_PID])
        if words[_STATE] and 0 <= age < layout.GONE_NS and _runs(pid):
            del words
            control.close()
            raise SinkError(f"process {pid} writes to the shared memory {self._name}; end it, or take another name")
        return control

    def _lay_out(self, form: FrameFormat) -> Block:
        """The pictures' block of the next generation, announced."""
        assert self._control is not None
        control, sizes = self._control.words(), Sizes(form.width, form.height)
        last = int(control[_GENERATION])
        if last:
            remove(f"{self._name}.{last}")
        generation = last
        for _ in range(layout.GENERATIONS):
            generation = generation % layout.GENERATIONS + 1
            try:
                pictures = Block(f"{self._name}.{generation}", sizes.whole)
            except FileExistsError:  # of a writer that was killed before it announced it; on Windows a reader has it
                remove(f"{self._name}.{generation}")
            else:
                break
        else:
            raise SinkError(f"every name after {self._name} is taken; take another name")
        header = layout.pack(
            PICTURES,
            magic=layout.PICTURES_MAGIC,
            version=layout.VERSION,
            first=layout.HEADER_SIZE,
            generation=generation,
            width=sizes.width,
            height=sizes.height,
            stride=sizes.stride,
            order=form.order.encode(),
            alpha=_ALPHA[form.alpha],
            top_down=int(form.top_down),
            colour=form.colour.encode(),
            buffers=layout.BUFFERS,
            pixels=layout.HEAD_SIZE,
            distance=sizes.distance,
            trailer=sizes.trailer,
        )
        pictures.memory[:] = 0  # the pages are there before the first picture
        pictures.memory[: len(header)] = np.frombuffer(header, np.uint8)
        self._sizes, self._completed, self._shown = sizes, 0, None
        fence()
        control[_GENERATION], control[_SIZE], control[_HEARTBEAT] = generation, sizes.whole, self._now()
        fence()
        control[_STATE] = 1
        return pictures

    def _write(self, pictures: Block, slot: Slot) -> None:
        sizes = self._sizes
        start = layout.HEADER_SIZE + self._completed % layout.BUFFERS * sizes.distance
        head, trailer = pictures.words(start, 3), pictures.words(start + sizes.trailer, 1)
        number = self._completed + 1
        head[_SEQUENCE] = 2 * number - 1
        fence()
        pixels = pictures.memory[start + layout.HEAD_SIZE :][: sizes.stride * sizes.height]
        self._copy(pixels.reshape(slot.pixels.shape), slot.pixels)
        head[_INDEX], head[_RENDERED] = slot.index, round(1e9 * slot.rendered)
        trailer[0] = 2 * number
        fence()
        head[_SEQUENCE] = 2 * number
        pictures.words(0, 4)[_NEWEST] = self._completed = number

    @staticmethod
    def _copy(to: U8, pixels: U8) -> None:
        """The one copy there is."""
        np.copyto(to, pixels)

    def _now(self) -> int:
        """Ns on the clock."""
        return round(1e9 * self._clock.now())


def _take_away(block: Block) -> None:
    """Unmapped, and its name is gone, unless the name is another's by now."""
    found = block.is_found()
    block.close()
    if found:
        remove(block.name)


def _runs(pid: int) -> bool:
    """Whether there is such a process; on Windows only its heartbeat can tell."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
