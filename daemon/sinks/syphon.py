"""Syphon: pictures to TouchDesigner and others on the same Mac, from host memory.

Written against the wheel syphon-python 0.2.0 (typings/syphon) and the framework's source. It never ran on a Mac.
"""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from daemon.clock import Clock, WallClock
from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat, Memory, Order
from daemon.slots import Slot

if TYPE_CHECKING:
    import syphon

_FORMATS = {Order.BGRA: 80, Order.RGBA: 70}  # MTLPixelFormatBGRA8Unorm, MTLPixelFormatRGBA8Unorm
_TEXTURES = 2  # one is written while the GPU may still read the other
_ANNOUNCE = 2.0  # s; whoever lists servers strikes those it has asked and not heard of for 6 s
_LONGEST = 200  # letters of a name


@dataclass(frozen=True, slots=True)
class Kit:
    """What is used of syphon-python and of PyObjC."""

    server: type["syphon.SyphonMetalServer"]
    directory: type["syphon.SyphonServerDirectory"]
    create_texture: Callable[["syphon._Device", int, int, int], "syphon._Texture | None"]
    copy: Callable[[bytes, "syphon._Texture"], None]
    pool: Callable[[], AbstractContextManager[None]]


class SyphonSink:
    """One Syphon server. Everything from `open` to `close` happens on one thread.

    Servers are found by distributed notifications, which macOS delivers to the main thread's run loop alone, and ours
    runs asyncio: so nobody who asks for servers is answered, and the server is announced again and again instead.

    Args:
        server: the name it is found by.
        kit: stands in for syphon-python, which is looked for if not given.
        clock: of the announcements.
    """

    name = "syphon"
    repeats = True  # a still picture must go on being announced

    def __init__(self, server: str, kit: Kit | None = None, clock: Clock | None = None) -> None:
        self._name, self._kit, self._clock = server, kit, clock or WallClock()
        self._server: syphon.SyphonMetalServer | None = None
        self._directory: syphon.SyphonServerDirectory | None = None
        self._textures: list[syphon._Texture] = []
        self._commands: list[syphon._CommandBuffer | None] = []  # the last that read each texture
        self._turn = 0
        self._announced = 0.0  # s on the clock
        self._begun = False  # it has been open before: what fails now did work, and may again

    @property
    def about(self) -> str:
        return f"{self._name}, Metal, copied from host memory"

    def accepts(self) -> tuple[tuple[Order, Memory], ...]:
        return ((Order.BGRA, Memory.HOST), (Order.RGBA, Memory.HOST))  # what is shared is BGRA

    def open(self, format: FrameFormat) -> None:  # noqa: A002
        if not (self._name.isprintable() and 0 < len(self._name) <= _LONGEST):
            raise SinkUnavailable(f"{self._name[:40]!r} cannot be a Syphon name; use 1 to {_LONGEST} letters")
        kit = self._kit = self._kit or _kit()
        with kit.pool():
            try:
                server = self._server = kit.server(self._name)
            except RuntimeError as e:
                kind = SinkError if self._begun else SinkUnavailable
                raise kind(
                    f"Syphon cannot begin ({e}); it needs a Mac with Metal and a user who is logged on"
                ) from None
            self._directory = kit.directory()
            self._directory.run_loop_interval = 0.0
            for _ in range(_TEXTURES):
                texture = kit.create_texture(server.device, format.width, format.height, _FORMATS[format.order])
                if texture is None:
                    raise SinkError(
                        f"Syphon has no memory for {format.width} x {format.height} pixels; close something"
                    )
                self._textures.append(texture)
                self._commands.append(None)
        self._turn, self._announced = 0, self._clock.now()  # a new server announces itself
        self._begun = True

    def publish(self, slot: Slot) -> bool:
        server, kit, directory = self._server, self._kit, self._directory
        if server is None or kit is None or directory is None:
            raise SinkError("Syphon is not open")
        with kit.pool():  # else this thread keeps every Objective-C object it ever saw
            self._wait(self._turn)
            texture = self._textures[self._turn]
            kit.copy(slot.pixels.tobytes(), texture)
            commands = server.command_queue.commandBuffer()
            if commands is None:
                raise SinkError("Syphon has no command buffer; opening it again")
            # flipped: Syphon's surfaces begin with the lowest row, our pictures with the highest
            server.publish_frame_texture(texture, is_flipped=True, command_buffer=commands)
            self._commands[self._turn] = commands
            self._turn = (self._turn + 1) % _TEXTURES
            directory.update_run_loop()
            if (now := self._clock.now()) - self._announced >= _ANNOUNCE:
                self._announced = now
                server.context.broadcastServerAnnounce()
        return True

    def close(self) -> None:
        server, self._server = self._server, None
        directory, self._directory = self._directory, None
        if self._kit is None:
            return
        with self._kit.pool():
            with suppress(SinkError):
                for n in range(len(self._commands)):
                    self._wait((self._turn + n) % _TEXTURES)
            self._textures, self._commands = [], []
            if directory is not None:
                directory.close()
            if server is not None:
                server.stop()

    def receivers(self) -> int | None:
        """1 for any number: Syphon tells whether, not how many."""
        return None if self._server is None else int(self._server.has_clients)

    def _wait(self, turn: int) -> None:
        """Until the GPU has read a texture; long since, as a rule."""
        commands, self._commands[turn] = self._commands[turn], None
        if commands is None:
            return
        commands.waitUntilCompleted()
        if (error := commands.error()) is not None:
            raise SinkError(f"Syphon's GPU did not take a picture ({error}); opening it again")


def _kit() -> Kit:
    """The package, which exists for macOS only."""
    if sys.platform != "darwin":
        raise SinkUnavailable("Syphon exists on macOS only; use preview, frames:DIR or null here")
    try:
        import objc
        import syphon
        from syphon.utils import raw
    except ModuleNotFoundError:
        raise SinkUnavailable("Syphon needs the package syphon-python: pip install syphon-python==0.2.0") from None
    except ImportError as e:
        raise SinkUnavailable(f"syphon-python does not load ({e}); it needs macOS 12 or newer") from None
    return Kit(
        server=syphon.SyphonMetalServer,
        directory=syphon.SyphonServerDirectory,
        create_texture=raw.create_mtl_texture,
        copy=raw.copy_bytes_to_mtl_texture,
        pool=objc.autorelease_pool,
    )
