"""What runs on a sink's own thread: the newest picture, handed over as often as the sink can take it."""

import logging
import sys
from collections import deque
from statistics import median
from threading import Event, Lock

from daemon.clock import Clock
from daemon.errors import SinkError, SinkUnavailable
from daemon.flow import FrameFormat
from daemon.sinks.sink import Sink
from daemon.slots import Outlet, Slot
from daemon.status import SinkState, SinkStatus

_WAIT = 0.1  # s: how long a wait for a picture may go without looking at the stop event and the clock
_AGAIN = 0.7  # s: a still picture is handed over again after this long, for those who come late
_STALLED = 1.0  # s: a picture in hand this long, or refused this long, is a sink that has stopped
_RECENT = 64  # pictures the latency is the median of
_PATIENCE = 2.0  # s from being stopped to the end; who is longer in its driver does not come back
_FINISHING = {"video": 20.0}  # s: of sinks whose work is worth the wait
_SHOWN = 600  # sounds remembered for the latency from sound to picture

logger = logging.getLogger(__name__)


class Publisher:
    """One sink and its outlet. `loop` is the body of the sink's thread; the rest may be read from any thread."""

    def __init__(self, sink: Sink, format: FrameFormat, clock: Clock) -> None:  # noqa: A002
        """`format`: what the sink is opened with before any picture was offered."""
        self.outlet = Outlet()
        self.settled = Event()  # the first try to open has ended, well or not: `status` tells
        self._sink, self._format, self._clock = sink, format, clock
        self._held: Slot | None = None  # in the sink's hands, or kept where it may have to be handed over again
        self._delivered = False  # whether the sink has taken it
        self._lock = Lock()  # of what `status` tells; never held while the sink is asked
        self._state: SinkState = "opening"
        self._published = self._left_out = self._refused = self._errors = 0
        self._last_error: str | None = None
        self._receivers: int | None = None
        self._about = sink.about
        self._since: float | None = None  # s on the clock: when the picture in hand was taken or first refused
        self._latencies: deque[float] = deque(maxlen=_RECENT)  # ms
        self._shown: deque[float] = deque(maxlen=_SHOWN)  # ms
        self._newest_heard = float("-inf")

    @property
    def name(self) -> str:
        return self._sink.name

    @property
    def patience(self) -> float:
        """Seconds that the end of `loop` is to be waited for."""
        return _FINISHING.get(self.name, _PATIENCE)

    @property
    def worked(self) -> bool:
        """Whether it has delivered a picture: what fails from then on may work again."""
        return self._published > 0

    def loop(self, stop: Event) -> None:
        """Open, hand over, close. Returns when stopped; raises what a reopening may mend, for the supervisor."""
        try:
            self._open(self.outlet.format or self._format)
            self.outlet.open()
            self._hand_over_all(stop)
        except SinkUnavailable as error:
            if self.worked:
                raise SinkError(str(error)) from error
            logger.error("%s is not available: %s", self.name, error)
            self._note(error, "unavailable")
        finally:
            self._leave(sys.exception())
        stop.wait()  # an unavailable sink stays so, and is no reason to be restarted

    def status(self) -> SinkStatus:
        """How the sink is doing, as of now."""
        now = self._clock.now()
        with self._lock:
            since, state = self._since, self._state
            stalled = state == "ok" and since is not None and now - since > _STALLED
            return SinkStatus(
                name=self.name,
                state="stalled" if stalled else state,
                about=self._about,
                published=self._published,
                replaced=self.outlet.replaced + self._left_out,
                refused=self._refused,
                errors=self._errors,
                last_error=self._last_error,
                latency_ms=round(median(self._latencies), 3) if self._latencies else None,
                receivers=self._receivers,
            )

    def shown_latency(self) -> tuple[float, ...]:
        """Milliseconds from the end of each newly heard sound to the hand-over of the first picture that shows it."""
        with self._lock:
            return tuple(self._shown)

    def _open(self, format: FrameFormat) -> None:  # noqa: A002
        """Open the sink for pictures of this format."""
        with self._lock:
            self._state, self._since, self._receivers = "opening", None, None
        self._sink.open(format)
        self._format, about = format, self._sink.about
        with self._lock:
            self._state, self._about = "ok", about
        self.settled.set()

    def _hand_over_all(self, stop: Event) -> None:
        at = self._clock.now()
        while not stop.is_set():
            slot = self.outlet.take(_WAIT)
            if slot is not None:
                self._let_go()
                self._held, self._delivered = slot, False
                if slot.format != self._format:
                    self._sink.close()
                    self._open(slot.format)
            elif self._held is not None and self._clock.now() - at >= _AGAIN:
                slot = self._held
            else:
                continue
            at = self._clock.now()
            self._hand_over(slot)
            if not self._sink.repeats:
                self._let_go()

    def _hand_over(self, slot: Slot) -> None:
        now = self._clock.now()
        with self._lock:
            self._since = now if self._since is None else self._since
        slot.ready(self._clock)
        taken = self._sink.publish(slot)
        now, receivers, about = self._clock.now(), self._sink.receivers(), self._sink.about
        with self._lock:
            self._receivers, self._about = receivers, about
            self._since = None if taken else self._since
            self._refused += not taken
            if taken and not self._delivered:
                self._count(slot, now)
        self._delivered |= taken

    def _let_go(self) -> None:
        """Give back the picture that is held, if there is one."""
        slot, self._held = self._held, None
        if slot is not None:
            slot.release()
            with self._lock:
                self._left_out += not self._delivered

    def _count(self, slot: Slot, now: float) -> None:
        """A picture was delivered for the first time; the lock is held."""
        self._published += 1
        self._latencies.append(1e3 * (now - slot.rendered))
        if slot.heard is not None and slot.heard > self._newest_heard:
            self._newest_heard = slot.heard
            self._shown.append(1e3 * (now - slot.heard))

    def _leave(self, error: BaseException | None) -> None:
        """Whatever happened: no slot stays behind, the sink is closed, the state says which way it ended."""
        self.outlet.close()
        self._let_go()
        if error is not None:
            self._note(error, "retrying")
        try:
            self._sink.close()
        finally:
            with self._lock:
                self._receivers = None
                if self._state in ("opening", "ok"):
                    self._state = "closed"
            self.settled.set()

    def _note(self, error: BaseException, state: SinkState) -> None:
        with self._lock:
            self._errors += 1
            self._last_error = str(error) or type(error).__name__
            self._state = state
