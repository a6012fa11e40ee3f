"""A GPU that is not there: a queue with a clock of its own, and rules that a real one does not tell you of."""

from dataclasses import dataclass, field

import torch

from daemon.bench.gpu.device import Condition, Gpu, Kernel, Memory

GPU = Gpu("Abacus 9000", (8, 9), 24.0, 128, "13.0", "91200", "600.1")


@dataclass
class FakeDevice:
    """Work is queued by `do` and lies behind all that was queued before; the host's clock moves when it waits.

    Strict: an event is read only after the host has waited for it or for a later one, is not set again before it is
    read, and nobody waits for the whole device while there are events that nobody has looked at.
    """

    where: torch.device = field(default_factory=lambda: torch.device("cpu"))
    host: float = 0.0  # ms, the host's clock
    busy_until: float = 0.0  # ms, when the device has done all that was queued
    launch: float = 0.125  # ms of the host to queue anything
    each: float = 0.0  # ms of the device before every event, where nobody tells it what to do
    queue: list = field(default_factory=list)
    seen_until: float = -1.0  # ms: the host has waited for the device as far as here
    waits: int = 0
    unread: int = 0  # events that nobody has waited for or read since they were set
    listed: tuple = ()
    copied: int = 1 << 20

    def now(self) -> float:
        return self.host / 1e3

    def do(self, ms: float) -> None:
        self.host += self.launch
        self.busy_until = max(self.busy_until, self.host) + ms

    def event(self) -> "FakeEvent":
        return FakeEvent(self)

    def finish(self) -> None:
        assert self.unread == 0, "the host waited for the whole device inside a slice"
        self.wait_until(self.busy_until)

    def wait_until(self, ms: float) -> None:
        self.waits += 1
        self.host = max(self.host, ms)
        self.seen_until = max(self.seen_until, ms)

    def forget_peak(self) -> None:
        self.queue.append("forgotten")

    def memory(self) -> Memory:
        return Memory(50.0, 10.0, 100.0)

    def free_bytes(self) -> int:
        return self.copied

    def pinned(self, shape):
        return torch.zeros(shape, dtype=torch.uint8)

    def kernels(self, act):
        act()
        return self.listed

    def describe(self) -> Gpu:
        return GPU

    def condition(self) -> Condition:
        return Condition(2500.0, 10501.0, 60.0, 300.0, "P0")


@dataclass
class FakeEvent:
    device: FakeDevice
    at: float | None = None
    read: bool = True

    def record(self) -> None:
        assert self.read or self.at is None or self.at <= self.device.seen_until, "set again before anybody waited"
        self.device.unread += self.read
        if self.device.each:
            self.device.do(self.device.each)
        self.at, self.read = max(self.device.busy_until, self.device.host), False

    def wait(self) -> None:
        assert self.at is not None, "waited for what was never set"
        self.device.wait_until(self.at)
        self.look()

    def look(self) -> None:
        self.device.unread -= not self.read
        self.read = True

    def ms_since(self, earlier) -> float:
        assert self.at is not None
        assert earlier.at is not None
        assert self.at <= self.device.seen_until, "read before it had happened"
        self.look()
        earlier.look()
        assert self.at >= earlier.at, "the pair is the wrong way round"
        return self.at - earlier.at


def kernels(*named) -> tuple[Kernel, ...]:
    return tuple(Kernel(name, us) for name, us in named)
