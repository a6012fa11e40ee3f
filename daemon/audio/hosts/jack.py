"""A JACK client of our own, through JACK-Client: PipeWire's JACK as well."""

import sys
from collections.abc import Iterable
from threading import Event
from typing import Any

import numpy as np

from daemon.audio.devices import Device
from daemon.audio.hosts.tap import Tap
from daemon.audio.patch import Wire, clients, wires
from daemon.errors import SourceError, SourceUnavailable

OWN = "latentd"

_LOOK = 0.1  # s between two looks at who is there
_MISSING = {
    "linux": "'apt install libjack-jackd2-0' (Debian, Ubuntu), 'dnf install jack-audio-connection-kit' (Fedora) or "
    "'pacman -S jack2' (Arch)",
    "darwin": "'brew install jack'",
    "win32": "the installer of jackaudio.org",
}


class JackTap(Tap):
    """Two inputs, `in_1` and `in_2`, that wait to be connected, or connect themselves each time `name` turns up.

    A side with nothing connected hears what the other hears: one cable is heard on both.
    """

    def __init__(self, jack: Any, client: Any, name: str | None) -> None:
        super().__init__(client.name if name is None else name, client.samplerate, 2)
        self._jack, self._client, self._name = jack, client, name
        self._ports = [client.inports.register(f"in_{side + 1}") for side in range(2)]
        self._made = frozenset[Wire]()  # wires connected, or disconnected again by hand
        self._there = True
        self._news, self._fresh = Event(), list[str]()  # names of ports that have just been registered
        self._next: int | None = None  # the frame time at which the next cycle begins
        client.set_process_callback(self._on_cycle)
        client.set_shutdown_callback(self._on_shutdown)
        client.set_port_registration_callback(self._on_port)
        client.activate()
        if name is not None:
            self._look()

    def run(self, leave: Event) -> None:
        while not leave.is_set() and not self.ended:
            self._news.wait(_LOOK)
            self._news.clear()
            if self._name is not None and not self.ended:
                self._look()

    def close(self) -> None:
        self._client.deactivate()
        self._client.close()

    def packed(self, sound: bytes) -> bytes:
        return np.frombuffer(sound, np.float32).reshape(2, -1).T.tobytes()

    def _on_cycle(self, frames: int) -> None:
        sides = [bytes(port.get_buffer()) if port.number_of_connections else None for port in self._ports]
        left, right = sides
        silence = bytes(4 * frames) if left is None and right is None else b""
        now = self._client.last_frame_time
        missed = (now - self._next) % 2**32 if self._next is not None else 0
        self._next = now + frames
        # a server that is late itself moves its time by any number of frames; cycles we missed are whole ones
        lost = missed if missed < 2**31 and missed % frames == 0 else 0
        self.hear((left or right or silence) + (right or left or silence), frames, lost)

    def _on_shutdown(self, _status: Any, _reason: str) -> None:
        self.end("the JACK server has gone away: it is taken up again when it is back")
        self._news.set()

    def _on_port(self, port: Any, register: bool) -> None:
        if register:
            self._fresh.append(port.name)
        self._news.set()

    def _look(self) -> None:
        """Connect what is there now and was not before; what was disconnected by hand stays so."""
        assert self._name is not None
        fresh = {self._fresh.pop() for _ in range(len(self._fresh))}
        outputs = _outputs(self._client)
        wanted = wires(self._name, outputs)
        for wire in self._made - set(wanted):  # one port was there before the other, and was heard on both sides
            self._disconnect(wire, outputs)
        made = {wire for wire in self._made & set(wanted) if wire[0] not in fresh}
        self._made = frozenset(made | {wire for wire in wanted if wire not in made and self._connect(wire)})
        if self._there and not wanted:
            self.note(f"no JACK client or port is named '{self._name}' now; {_there(outputs)}; it is waited for")
        self._there = bool(wanted)

    def _connect(self, wire: Wire) -> bool:
        """Whether it is connected; a client that is not active yet cannot be."""
        port, side = wire
        try:
            if not self._ports[side].is_connected_to(port):
                self._client.connect(port, self._ports[side])
        except self._jack.JackError:
            return False
        return True

    def _disconnect(self, wire: Wire, outputs: Iterable[str]) -> None:
        port, side = wire
        try:
            if port in outputs and self._ports[side].is_connected_to(port):
                self._client.disconnect(port, self._ports[side])
        except self._jack.JackError:
            return  # it went away meanwhile


def inputs() -> list[Device]:
    """Every client with audio outputs, and how many."""
    jack = _library()
    client = _open(jack, f"{OWN}-devices")
    try:
        outputs = _outputs(client)
        count = {name: sum(port.startswith(f"{name}:") for port in outputs) for name in clients(outputs)}
        return [
            Device(i, name, "JACK", many, float(client.samplerate), False)
            for i, (name, many) in enumerate(count.items())
        ]
    finally:
        client.close()


def listen(_sr: int, name: str | None) -> Tap:
    """Our own client, connected to `name` if there is one."""
    jack = _library()
    try:
        return JackTap(jack, _open(jack, OWN), name)
    except jack.JackError as e:
        raise SourceError(f"the JACK server refuses us: {e}") from None


def _library() -> Any:
    try:
        import jack
    except ImportError:
        raise SourceUnavailable(
            "the source jack needs the extra of that name: pip install 'latentd[jack]', or pip install JACK-Client"
        ) from None
    except OSError:
        how = _MISSING.get(sys.platform, _MISSING["linux"])
        raise SourceUnavailable(f"the JACK library is not installed: install it with {how}") from None
    return jack


def _open(jack: Any, name: str) -> Any:
    try:
        return jack.Client(name, no_start_server=True)
    except jack.JackOpenError:
        raise SourceError(
            "no JACK server answers: start one (jackd, QjackCtl), or with PipeWire run latentd through pw-jack"
        ) from None


def _outputs(client: Any) -> list[str]:
    """Whole names of the audio outputs of others."""
    return [port.name for port in client.get_ports(is_audio=True, is_output=True)]


def _there(outputs: Iterable[str]) -> str:
    names = clients(outputs)
    return f"there are: {', '.join(repr(name) for name in names)}" if names else "there are none with outputs"
