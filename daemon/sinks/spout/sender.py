"""One name in Spout's list, and what is sent under it.

Written against the wheel SpoutGL 0.1.1 as introspected (typings/SpoutGL); what its `True` is worth is checked here: it
also says so of a 65th sender, of a name already taken, of a send after release and of a texture that does not exist.
"""

from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat, Order
from daemon.sinks.spout.desktop import Desktop

if TYPE_CHECKING:
    import SpoutGL

_BUSY_MS = 20  # how long a receiver may keep the texture before this picture is left out; Spout itself waits 67
_LOOK = 32  # pictures from one look at Spout's list to the next
_GL = {Order.BGRA: 0x80E1, Order.RGBA: 0x1908}  # GL_BGRA_EXT, GL_RGBA
_TEXTURE_2D = 0x0DE1


class SpoutModule(Protocol):
    """What is used of the module."""

    @property
    def SpoutSender(self) -> type["SpoutGL.SpoutSender"]: ...  # noqa: N802
    @property
    def SpoutReceiver(self) -> type["SpoutGL.SpoutReceiver"]: ...  # noqa: N802


class Sender:
    """One Spout sender: made, used and closed on one thread, which has its GL context."""

    def __init__(self, name: str, format: FrameFormat, module: SpoutModule, windows: Desktop) -> None:  # noqa: A002
        """Raises `SinkError` when the name is taken."""
        self._name, self._format, self._windows = name, format, windows
        self._mutex: int | None = None
        self._count = 0
        self._remote = windows.remote()
        with ExitStack() as undo:
            claim = windows.claim(f"latentd_spout_{name}")  # two of us at once would share one entry in Spout's list
            if claim is None:
                raise SinkError(f"another latentd sends as {name}; stop it, or take another name with spout:NAME")
            undo.callback(windows.close, claim)
            self._spout = module.SpoutSender()
            if self._spout.getSenderInfo(name) is not None:
                raise self._taken()
            self.has_context = self._spout.createOpenGL()  # without one Spout still shares, through D3D11 staging
            if self.has_context:
                undo.callback(self._spout.closeOpenGL)
            undo.callback(self._spout.releaseSender)
            # twice: a name that a crash left in the list is evaded (name_1) before the list is cleared of the dead
            self._spout.setSenderName(name)
            self._spout.setSenderName(name)
            # kept: making one costs most of a millisecond
            self._list: SpoutGL.SpoutReceiver | None = module.SpoutReceiver()
            self._undo = undo.pop_all()

    @property
    def sent(self) -> bool:
        """Whether anything was sent yet."""
        return self._count > 0

    @property
    def shares_texture(self) -> bool:
        """Whether Spout goes from OpenGL to Direct3D on the GPU; before the first picture it says so in any case."""
        return not self._spout.getCPUshare()

    def image(self, pixels: memoryview) -> bool:
        """Send [H, W, 4] uint8 from host memory, row 0 on top; False while a receiver keeps the texture."""
        form = self._format
        return self._send(
            lambda: self._spout.sendImage(pixels, form.width, form.height, _GL[form.order], False, 0),
        )

    def texture(self, texture: int) -> bool:
        """The same of a GL texture whose first row is the top."""
        form = self._format
        return self._send(
            lambda: self._spout.sendTexture(texture, _TEXTURE_2D, form.width, form.height, False, 0),
        )

    def close(self) -> None:
        """Leave the list; safe to call twice."""
        self._list = None  # it must not outlive the context
        mutex, self._mutex = self._mutex, None
        if mutex is not None:
            self._windows.close(mutex)
        self._undo.close()

    def _send(self, put: Callable[[], bool]) -> bool:
        windows = self._windows
        windows.pump()
        if windows.remote() != self._remote:
            raise SinkError("the screen went to or came back from Remote Desktop; opening Spout again")
        if not self.sent and self._listed():
            raise self._taken()
        if self._mutex is None:
            self._mutex = windows.open_mutex(f"{self._name}_SpoutAccessMutex")
        # sendTexture keeps the GIL while it waits for this mutex, and neither says whether it was had
        if self._mutex is not None and not windows.lock(self._mutex, _BUSY_MS):
            return False
        try:
            taken = put()
        finally:
            if self._mutex is not None:
                windows.unlock(self._mutex)
        if not taken:
            raise SinkError("Spout did not take the picture; opening it again")
        if self._count % _LOOK == 0:
            self._check()
        self._count += 1
        self._spout.setFrameSync(self._name)  # for receivers that wait for pictures
        return True

    def _check(self) -> None:
        """Whether others can find what was sent, which `True` does not tell."""
        info, form = self._spout.getSenderInfo(self._name), self._format
        if info is None or not self._listed():
            if self.sent:
                raise SinkError(f"{self._name} has vanished from Spout's list; opening it again")
            raise SinkError(f"{self._name} is not in Spout's list, which holds 64 senders at most; close others")
        if (info.width, info.height) != (form.width, form.height):
            raise SinkError(f"another Spout sender named {self._name} shows its own pictures; close it")

    def _listed(self) -> bool:
        return self._list is not None and self._name in self._list.getSenderList()

    def _taken(self) -> SinkError:
        return SinkError(
            f"a Spout sender named {self._name} is there already; close it (after a crash, what still shows it), "
            "or take another name with spout:NAME"
        )


def spoutgl() -> SpoutModule:
    """The wheel; `SinkUnavailable` where it is not."""
    try:
        return cast("SpoutModule", import_module("SpoutGL"))
    except ModuleNotFoundError:
        raise SinkUnavailable(
            "Spout needs the package SpoutGL, which exists for Python 3.11 to 3.13 on 64-bit Windows: "
            "pip install SpoutGL==0.1.1"
        ) from None
    except ImportError as e:
        raise SinkUnavailable(f"SpoutGL does not load ({e}); install Microsoft's Visual C++ Redistributable") from None
