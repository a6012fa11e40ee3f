"""Spout as a sink: from host memory; straight from the GPU where that is asked for and proves to work."""

import logging
import re

from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat, Memory, Order
from daemon.sinks.spout import cuda
from daemon.sinks.spout.cuda import NoZeroCopy
from daemon.sinks.spout.desktop import Desktop, desktop
from daemon.sinks.spout.opengl import OpenGL
from daemon.sinks.spout.sender import Sender, SpoutModule, spoutgl
from daemon.sinks.spout.texture import CudaTexture, Textures
from daemon.slots import Slot

_NAME = re.compile(r"[A-Za-z0-9 ._-]{1,200}")  # longer ones kill the process, others vanish from the list

logger = logging.getLogger(__name__)


class SpoutSink:
    """One Spout sender. Everything from `open` to `close` happens on one thread, which owns its GL context.

    Args:
        sender: the name in Spout's list.
        zerocopy: try to send without a way through host memory. Never run on a GPU: hence not tried unasked.
        module, windows, runtime, gl: stand in for SpoutGL, Windows, CUDA and OpenGL, which are looked for if not given.
    """

    name = "spout"
    repeats = True  # late receivers find the texture anyway; the hidden window must not stop answering

    def __init__(
        self,
        sender: str,
        module: SpoutModule | None = None,
        windows: Desktop | None = None,
        *,
        zerocopy: bool = False,
        runtime: cuda.Runtime | None = None,
        gl: Textures | None = None,
    ) -> None:
        self._name, self._module, self._windows = sender, module, windows
        self._zerocopy, self._runtime, self._gl = zerocopy, runtime, gl
        self._sender: Sender | None = None
        self._texture: CudaTexture | None = None
        self._gave_up, self._reason = False, ""  # zero copy, since it was opened; and why, for the last time
        self._format = FrameFormat(0, 0)
        self._about = sender

    @property
    def about(self) -> str:
        """What it is found as and by which way."""
        return self._about

    def accepts(self) -> tuple[tuple[Order, Memory], ...]:
        # the texture that is shared is BGRA, which saves Spout a pass; one of OpenGL's is written as RGBA only
        first, second = (Order.RGBA, Order.BGRA) if self._zerocopy else (Order.BGRA, Order.RGBA)
        return ((first, Memory.HOST), (second, Memory.HOST))

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
        module = self._module = self._module or spoutgl()
        self._format, self._gave_up, self._about = format, False, self._name
        self._sender = Sender(self._name, format, module, windows)

    def publish(self, slot: Slot) -> bool:
        sender = self._sender
        if sender is None:
            raise SinkError("Spout is not open")
        texture = self._written(slot) if self._zerocopy else None
        sent = sender.image(slot.pixels.data) if texture is None else sender.texture(texture.number)
        if sent and texture is not None and not sender.shares_texture:
            self._give_up("Spout cannot share textures between OpenGL and Direct3D here")  # and would fetch them back
        if sent:
            self._about = self._say(sender)
        return sent

    def close(self) -> None:
        self._drop_texture()  # while its context is there
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.close()

    def receivers(self) -> int | None:
        return None  # Spout does not say

    def _written(self, slot: Slot) -> CudaTexture | None:
        """The texture, with this picture in it; None when it has to go through host memory."""
        if self._gave_up:
            return None
        # complete by now: what waits for the picture waits for its copy in host memory
        picture = cuda.address(slot.page.canvas, self._format.width, self._format.height)
        if picture is None:
            self._note("no NVIDIA GPU paints the pictures")  # the next model may be on one
            return None
        try:
            if self._texture is None:
                self._texture = self._made(picture)
            self._texture.write(picture)
        except NoZeroCopy as e:
            self._give_up(str(e))
        else:
            self._reason = ""
        return self._texture

    def _made(self, picture: int) -> CudaTexture:
        assert self._sender is not None
        if self._format.order is not Order.RGBA:
            raise NoZeroCopy("another sink has the pictures in BGRA; name spout first")
        if not self._sender.has_context:
            raise NoZeroCopy("Spout has no OpenGL context")
        runtime = self._runtime = self._runtime or cuda.runtime()
        return CudaTexture(self._gl or OpenGL(), runtime, picture, self._format.width, self._format.height)

    def _give_up(self, reason: str) -> None:
        """Through host memory, until it is opened again."""
        self._gave_up = True
        self._drop_texture()
        self._note(reason)

    def _note(self, reason: str) -> None:
        if reason != self._reason:
            logger.warning("Spout goes through host memory: %s", reason)
        self._reason = reason

    def _drop_texture(self) -> None:
        texture, self._texture = self._texture, None
        if texture is not None:
            texture.close()

    def _say(self, sender: Sender) -> str:
        share = "texture share" if sender.shares_texture else "CPU share"
        if self._texture is not None:
            return f"{self._name}, {share}, zero copy"
        return f"{self._name}, {share}" + (f" (no zero copy: {self._reason})" if self._reason else "")
