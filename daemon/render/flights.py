"""Frames under way on a device: launched in order, landed in order, two at most."""

from collections import deque
from dataclasses import dataclass

from daemon.clock import Clock
from daemon.device import IN_FLIGHT
from daemon.flow import Latents
from daemon.render.renderer import Launcher
from daemon.slots import Slot


@dataclass(frozen=True, slots=True)
class Flight:
    """One frame from launch to landing. It keeps hold of what painted it: the device uses its memory until then."""

    slot: Slot
    launcher: Launcher
    began: float  # s on the clock, when its tick did
    launched: float  # s on the clock
    deadline: float  # s on the clock, when the next tick is due


@dataclass(frozen=True, slots=True)
class Landing:
    """A frame that is complete."""

    flight: Flight
    done: float  # s on the clock
    seconds: float  # that the device took


class Flights:
    """Used by the render thread alone; nothing here waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._flying: deque[Flight] = deque()
        self._done = 0.0  # s on the clock, of the last landing

    def __len__(self) -> int:
        return len(self._flying)

    @property
    def full(self) -> bool:
        """Whether another frame would only wait behind these."""
        return len(self._flying) >= IN_FLIGHT

    def launch(self, slot: Slot, launcher: Launcher, latents: Latents, began: float, deadline: float) -> None:
        """Have the slot's canvas painted and the picture fetched; from here to its landing the slot is in flight."""
        page = slot.page
        with page.painting():
            launcher.launch(latents, page.canvas)
        page.fetch()
        slot.rendered = self._clock.now()
        slot.flying = slot.pending = True
        self._flying.append(Flight(slot, launcher, began, slot.rendered, deadline))

    def land(self) -> Landing | None:
        """The oldest one if it is complete; None when it is not or there is none."""
        if not self._flying or not (flight := self._flying[0]).slot.page.fetched():
            return None
        self._flying.popleft()
        slot, seconds = flight.slot, flight.slot.page.seconds()
        # if nobody waited for it: it began when launched, or when the one before was done (or its copy's time sooner)
        slot.complete(min(self._clock.now(), max(flight.launched, self._done) + seconds))
        slot.flying, self._done = False, slot.rendered
        return Landing(flight, self._done, seconds)
