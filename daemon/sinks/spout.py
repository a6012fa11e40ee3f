"""Spout: pictures to TouchDesigner and others on the same Windows machine, from host memory.

Written against the wheel SpoutGL 0.1.1 as introspected (typings/SpoutGL); what its `True` is worth is checked here:
it also says so of a 65th sender, of a name already taken and of a send after release.
"""

import re
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat, Memory, Order
from daemon.sinks.desktop import Desktop, desktop
from daemon.slots import Slot

if TYPE_CHECKING:
    import SpoutGL

_NAME = re.compile(r"[A-Za-z0-9 ._-]{1,200}")  # longer ones kill the process, others vanish from the list
_BUSY_MS = 20  # how long a receiver may keep the texture before this picture is left out
_GL = {Order.BGRA: 0x80E1, Order.RGBA: 0x1908}  # GL_BGRA_EXT, GL_RGBA


class SpoutModule(Protocol):
    """What is used of the module."""

    @property
    def SpoutSender(self) -> type["SpoutGL.SpoutSender"]: ...  # noqa: N802
    @property
    def SpoutReceiver(self) -> type["SpoutGL.SpoutReceiver"]: ...  # noqa: N802


class SpoutSink:
    """One Spout sender. Everything from `open` to `close` happens on one thread, which owns its GL context."""

    name = "spout"
    repeats = True  # late receivers find the texture anyway; the hidden window must not stop answering

    def __init__(self, sender: str, module: SpoutModule | None = None, windows: Desktop | None = None) -> None:
        """`module` and `windows` stand in for SpoutGL and Windows; both are looked for when not given."""
        self._name, self._module, self._windows = sender, module, windows
        self._sender: SpoutGL.SpoutSender | None = None
        self._format = FrameFormat(0, 0)
        self._has_context = self._announced = False
        self._mutex: int | None = None

    @property
    def about(self) -> str:
        """The name it is found by."""
        return self._name

    def accepts(self) -> tuple[tuple[Order, Memory], ...]:
        return ((Order.BGRA, Memory.HOST), (Order.RGBA, Memory.HOST))  # the shared texture is BGRA: no swizzle

    def open(self, format: FrameFormat) -> None:  # noqa: A002
        if not _NAME.fullmatch(self._name):
            raise SinkUnavailable(
                f"{self._name[:40]!r} cannot be a Spout name; use 1 to 200 letters (a to z), digits, spaces, . _ or -"
            )
        windows = self._windows = self._windows or desktop()
        if windows is None:
            raise SinkUnavailable("Spout exists on Windows only; use preview, frames:DIR or null here")
        if windows.session() == 0:
            raise SinkUnavailable(
                "Spout cannot be seen from a Windows service; start latentd when a user logs on (Task Scheduler)"
            )
        module = self._module = self._module or _spoutgl()
        sender = module.SpoutSender()
        if sender.getSenderInfo(self._name) is not None:
            raise SinkError(
                f"a Spout sender named {self._name} is there already; close it, or take another name with spout:NAME"
            )
        self._has_context = sender.createOpenGL()  # without one, Spout still shares through D3D11 staging
        sender.setSenderName(self._name)
        self._sender, self._format, self._announced = sender, format, False

    def publish(self, slot: Slot) -> bool:
        sender, windows = self._sender, self._windows
        if sender is None or windows is None:
            raise SinkError("Spout is not open")
        windows.pump()
        if self._mutex is not None and not windows.lock(self._mutex, _BUSY_MS):
            return False
        form = self._format
        try:
            sent = sender.sendImage(slot.pixels.data, form.width, form.height, _GL[form.order], False, 0)
        finally:
            if self._mutex is not None:
                windows.unlock(self._mutex)
        if not sent:
            raise SinkError("Spout did not take the picture; opening it again")
        if not self._announced:
            self._check(sender)
            self._mutex = windows.open_mutex(f"{self._name}_SpoutAccessMutex")
            self._announced = True
        sender.setFrameSync(self._name)
        return True

    def close(self) -> None:
        sender, self._sender = self._sender, None
        mutex, self._mutex = self._mutex, None
        if mutex is not None and self._windows is not None:
            self._windows.close(mutex)
        if sender is not None:
            sender.releaseSender()
            if self._has_context:
                sender.closeOpenGL()

    def receivers(self) -> int | None:
        return None  # Spout does not say

    def _check(self, sender: "SpoutGL.SpoutSender") -> None:
        """Whether others can find what was sent, which the first `True` does not tell."""
        assert self._module is not None
        info, form = sender.getSenderInfo(self._name), self._format
        if self._name not in self._module.SpoutReceiver().getSenderList() or info is None:
            raise SinkError(
                f"{self._name} is not in Spout's list (64 senders at most, and no name twice); close others"
            )
        if (info.width, info.height) != (form.width, form.height):
            raise SinkError(f"another Spout sender named {self._name} shows its own pictures; close it")


def _spoutgl() -> SpoutModule:
    try:
        return cast("SpoutModule", import_module("SpoutGL"))
    except ModuleNotFoundError:
        raise SinkUnavailable(
            "Spout needs the package SpoutGL, which exists for Python 3.11 to 3.13 on 64-bit Windows: "
            "pip install SpoutGL==0.1.1"
        ) from None
    except ImportError as e:
        raise SinkUnavailable(f"SpoutGL does not load ({e}); install Microsoft's Visual C++ Redistributable") from None
