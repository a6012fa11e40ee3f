"""Frames under way on a device: launched in order, landed in order, two at most."""

from collections import deque
from dataclasses import dataclass

from daemon.clock import Clock
from daemon.device import IN_FLIGHT, DeviceFull
from daemon.errors import DeviceLost
from daemon.flow import Latents
from daemon.render.renderer import Launcher
from daemon.slots import Slot

_STUCK = 10.0  # s without a landing after which a device is taken to hang; nothing on Linux ends a kernel that does
_LOOK = 1.0  # s that count of those between two looks: a machine that was asleep meanwhile does not hang
_FULL = 5.0  # s a device may have no memory for any picture: while another network is made ready, which may fail


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
        self._looked, self._waited = 0.0, 0.0  # s on the clock, and for the landing that is due
        self._full_since: float | None = None  # s on the clock: no picture could be begun from here on

    def __len__(self) -> int:
        return len(self._flying)

    @property
    def full(self) -> bool:
        """Whether another frame would only wait behind these."""
        return len(self._flying) >= IN_FLIGHT

    def launch(self, slot: Slot, launcher: Launcher, latents: Latents, began: float, deadline: float) -> bool:
        """Have the slot's canvas painted and the picture fetched; from here to its landing the slot is in flight.

        False where the device has no memory for it now: there is no picture then. DeviceLost where that lasts.
        """
        page = slot.page
        try:
            with page.painting():
                launcher.launch(latents, page.canvas)
        except DeviceFull as e:
            now = self._clock.now()
            self._full_since = now if self._full_since is None else self._full_since
            if now - self._full_since > _FULL:
                raise DeviceLost(str(e)) from e
            return False
        self._full_since = None
        page.fetch()
        slot.rendered = self._clock.now()
        slot.flying = slot.pending = True
        if not self._flying:
            self._looked, self._waited = slot.rendered, 0.0
        self._flying.append(Flight(slot, launcher, began, slot.rendered, deadline))
        return True

    def land(self) -> Landing | None:
        """The oldest one if it is complete; None when it is not or there is none. DeviceLost when it never will be."""
        if not self._flying:
            return None
        now, flight = self._clock.now(), self._flying[0]
        self._waited += min(now - self._looked, _LOOK)
        self._looked = now
        if not flight.slot.page.fetched():
            if self._waited > _STUCK:
                raise DeviceLost(f"the GPU has not finished a picture for {_STUCK:g} s: start latentd again")
            return None
        self._flying.popleft()
        self._waited = 0.0
        slot, seconds = flight.slot, flight.slot.page.seconds()
        # if nobody waited for it: it began when launched, or when the one before was done (or its copy's time sooner)
        slot.complete(min(self._clock.now(), max(flight.launched, self._done) + seconds))
        slot.flying, self._done = False, slot.rendered
        return Landing(flight, self._done, seconds)
