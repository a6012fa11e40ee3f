"""A mapping at work between a controller and a daemon, neither of which needs to be there."""

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import suppress

from daemon.backoff import Backoff
from daemon.clock import Clock
from daemon.errors import LatentdError
from daemon.midi.bridge import Bridge
from daemon.midi.frames import Frame, Said
from daemon.midi.link import Link
from daemon.midi.plan import Plan
from daemon.midi.ports import HANGS, Holder

logger = logging.getLogger(__name__)

_LOOK = 0.25  # s from one look at the daemon to the next
_SOONEST = 0.0005  # s
_AGAIN = Backoff(first=0.5, limit=5.0, steady=10.0)


class Playing:
    """One controller, one daemon. Belongs to the event loop."""

    def __init__(self, plan: Plan, to: tuple[str, int], ports: Sequence[str], through: str, clock: Clock) -> None:
        """`ports`: parts of the name of the port to hold; none for ports that others join. Raises `BadInput`."""
        self.name = f"midi {plan.name}"
        self._title, self._ports, self._through, self._clock = plan.title, ports, through, clock
        self._bridge = Bridge(plan)
        self._link = Link(*to, clock, self._bridge.addresses)
        self._mine = tuple(control.target.address for control in plan.controls)
        self._holder: Holder | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._said = ""

    async def run(self) -> None:
        """Until cancelled. Raises `LatentdError` when MIDI can never work here."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._link.listen(self._told, self._complain))
                group.create_task(self._mind())
                group.create_task(self._hold())
        except* LatentdError as faults:
            raise faults.exceptions[0] from None
        finally:
            self._link.close()
            if self._timer is not None:
                self._timer.cancel()

    async def _mind(self) -> None:
        """Keep the subscription, and notice a daemon that comes or goes."""
        there: bool | None = None
        patient_until = self._clock.now() + 2 * _LOOK
        while True:
            self._link.knock()
            if self._link.there != there and (self._link.there or self._clock.now() > patient_until):
                there = self._link.there
                if there:
                    logger.info("%s: latentd answers at %s", self._title, self._link.where)
                else:
                    logger.warning("%s: no latentd answers at %s; it is waited for", self._title, self._link.where)
                    self._bridge.deserted()
                self._flush()
            await asyncio.sleep(_LOOK)

    async def _hold(self) -> None:
        """Hold the controller's ports, and take them again each time they are lost."""
        delay: float | None = None
        while True:
            began = self._clock.now()
            holder = await Holder.start("hold", self._through, *self._ports)
            try:
                why = await self._listen(holder)
            finally:
                await self._leave(holder)
            delay = _AGAIN.after(delay, self._clock.now() - began)
            self._say(f"{why}; it is tried again")
            await asyncio.sleep(delay)

    async def _listen(self, holder: Holder) -> str:
        """Play what the holder says, and tell how that ended."""
        try:
            async for frame in holder.frames():
                match frame.kind:
                    case Said.MIDI:
                        self._bridge.heard(frame.payload, self._clock.now())
                        self._flush()
                    case Said.OPENED:
                        self._opened(holder, frame)
                    case Said.WAITING:
                        self._say(frame.text)
                    case Said.FAILED:
                        return frame.text
                    case Said.NEVER:
                        raise LatentdError(frame.text)
                    case _:
                        continue
        except TimeoutError:
            return HANGS
        return f"the process that holds the ports ended with {await holder.epitaph()}"

    def _opened(self, holder: Holder, frame: Frame) -> None:
        names = json.loads(frame.payload)
        lights = f", lights on {names['output']}" if names["output"] else ", without lights"
        self._said = ""
        logger.info("%s: plays %s%s (%s)", self._title, names["input"], lights, names["system"])
        self._holder = holder
        self._bridge.plugged(self._clock.now())
        self._flush()

    async def _leave(self, holder: Holder) -> None:
        if self._holder is holder:
            for message in self._bridge.dark():
                holder.light(message)
        self._holder = None
        self._bridge.unplugged()
        self._flush()
        await holder.close()

    def _told(self, address: str, value: float | str) -> None:
        self._bridge.told(address, value, self._clock.now())
        self._flush()

    def _complain(self, text: str) -> None:
        """What the daemon refuses is told to all; say what is about our addresses."""
        if any(address in text for address in self._mine):
            logger.warning("%s: latentd says: %s", self._title, text)

    def _flush(self) -> None:
        """Send what may go out now, and come back when there will be more."""
        now = self._clock.now()
        for address, args in self._bridge.take(now):
            self._link.send(address, args)
        for message in self._bridge.lights(now):
            if self._holder is None or not self._holder.light(message):
                self._bridge.plugged(now)  # it did not get there: show everything again
                break
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (due := self._bridge.due()) is not None:
            delay = max(due - self._clock.now(), _SOONEST)
            self._timer = asyncio.get_running_loop().call_later(delay, self._flush)

    def _say(self, text: str) -> None:
        """Tell people, but not the same thing twice."""
        if text != self._said:
            self._said = text
            logger.warning("%s: %s", self._title, text)


async def play(playings: Sequence[Playing], stop: asyncio.Event) -> None:
    """Run them all until stopped; what can never work in one ends all. Raises `LatentdError`."""
    tasks = [asyncio.create_task(one.run(), name=one.name) for one in playings]
    stopped = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopped}:
            task.result()
    finally:
        for task in (*tasks, stopped):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, stopped, return_exceptions=True)
