"""Ways to paint a network on trial: built, held against the plain one, timed.

A network whose first picture takes longer than `_BIG` is not painted by the plain network, which would take seconds:
then a way must agree on a small network of the same kind and be finite and not flat on this one. Each way and number
of threads is then timed by its second picture, and by the first where that takes longer than `_SLOW`.

A way that paints some layers once while the picture stands still (they are deaf to w) is timed while it moves, for that
is when it may be late. What a picture takes that stands still is measured of the way that is taken, and only told.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from statistics import median

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from stylegan3.errors import EngineError
from stylegan3.inference import Painter, Way, layers_once
from stylegan3.turning import Turning

TOLERANCE = 1e-4  # of the picture's standard deviation; float32 forms that sum in another order differ by 1e-6 to 3e-5
_BIG, _SLOW = 0.15, 1.0  # s
_PATIENCE = 1.0  # s after which nothing more is tried that need not be
_FRAMES, _ENOUGH = 4, 0.12  # a way is timed by so many pictures, or by those that fit into so many seconds
_TOLD = 3  # pictures that stand still, of the way that is taken
_HOPELESS = 3.0  # times the best: the first picture, with its allocations, says enough
_BEHIND = 1.5  # times the best: so does one more
AS_GOOD = 1.05  # times the fastest: fewer threads, or an earlier way, that take no longer are taken instead
FAILURES = (
    ArithmeticError, AttributeError, ImportError, LookupError, MemoryError, OSError, RuntimeError, TypeError,
    ValueError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trial:
    """How one way did with one number of threads."""

    engine: str
    threads: int
    ms: float | None  # median of a picture, of one that stands still if there are two times; None: not timed
    error: float | None  # largest of any number, of the picture's standard deviation; None: not held
    reason: str | None  # why it was passed over
    moving_ms: float | None = None  # of one that moves; None: not timed, or as long as one that stands still

    @property
    def longest(self) -> float | None:
        """Milliseconds of a picture at its slowest, which ways are compared by."""
        return self.ms if self.moving_ms is None else self.moving_ms

    def time(self, unit: str = "ms") -> str:
        """What a picture takes, in words; nothing where it was not timed."""
        if self.moving_ms is None:
            return "" if self.ms is None else f"{self.ms:.1f} {unit}"
        if self.ms is None:
            return f"{self.moving_ms:.1f} {unit} while it moves"
        return f"{self.ms:.1f} {unit}, {self.moving_ms:.1f} while it moves"


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A way that was built and has agreed."""

    way: Way
    painter: Painter
    threads: int
    ms: float  # of a picture at its slowest; 0 where nothing is timed


class Trials:
    """What became of every way that was tried, in that order."""

    def __init__(self) -> None:
        self._made: list[Trial] = []

    def add(self, engine: str, threads: int, ms: float | None, error: float | None, *, moving: bool = False) -> None:
        """One that agreed; `moving`: its time is of a picture that moves, and one that stands still takes less."""
        still, moved = (None, ms) if moving else (ms, None)
        self._made.append(Trial(engine, threads, still, error, None, moved))

    def pass_over(self, engine: str, threads: int, reason: str, error: float | None = None) -> Run | None:
        """One that did not; None, for whoever looks for one that does."""
        self._made.append(Trial(engine, threads, None, error, reason))
        return None

    def verdict(self, best: Run, still: float | None = None) -> tuple[Trial, ...]:
        """Every trial, each but the best with its reason; `still`: ms of the best's pictures that do not move."""

        def judged(trial: Trial) -> Trial:
            if trial.reason is not None:
                return trial
            if (trial.engine, trial.threads) == (best.way.name, best.threads):
                return trial if still is None else replace(trial, ms=still)
            if trial.longest is None:
                return replace(trial, reason="not needed")
            if trial.engine == best.way.name and trial.threads > best.threads and trial.longest < AS_GOOD * best.ms:
                return replace(trial, reason=f"{trial.time()}, hardly better")
            return replace(trial, reason=trial.time())

        return tuple(map(judged, self._made))

    def nothing_paints(self) -> EngineError:
        """What is said when every way was passed over."""
        reasons = "; ".join(f"{trial.engine}: {trial.reason}" for trial in self._made)
        return EngineError(f"no engine paints this model here: {reasons}")


def better(run: Run | None, best: Run | None) -> Run | None:
    """The one to take: the later one must be clearly faster."""
    return run if run is not None and (best is None or AS_GOOD * run.ms < best.ms) else best


def entered(field: Sequence[Way], only: str | None, first: str | None, extras: Sequence[Way] = ()) -> tuple[Way, ...]:
    """Those of a chain that are tried, `first` first, and the plain one, which ends it, last.

    `only`: this one, which may be one of the extras, that are not tried otherwise. EngineError when it is unknown.
    """
    known = (*field, *extras)
    if only is not None and only not in [way.name for way in known]:
        raise EngineError(f"there is no engine {only!r} for this model; there are {', '.join(w.name for w in known)}")
    found = [way for way in (field if only is None else known) if only in (None, way.name)]
    return tuple(sorted(found, key=lambda way: 2 if way is field[-1] else first is None or way.name != first))


class Judge:
    """Builds, holds against the plain network, and times; remembers every trial."""

    def __init__(
        self,
        plain: Way,
        ws: NDArray[np.float32],
        threads: int,
        now: Callable[[], float],
        turning: Turning,
        *,
        timed: bool,
    ) -> None:
        self._plain, self._ws, self._threads, self._now, self._turning = plain, ws, threads, now, turning
        self._timed = timed
        self.recover()
        self._big: bool | None = None  # unknown before the first picture
        self._exact: Tensor | None = None
        self.trials = Trials()

    def tired(self) -> bool:
        """Whether start-up has taken long enough."""
        return self._now() - self._began > _PATIENCE

    def recover(self) -> None:
        """From here on there is patience again."""
        self._began = self._now()

    def hold(self, way: Way, threads: int, best: Run | None) -> Run | None:
        """The way, if it agrees; it is timed no longer than it takes to see that it is slower than `best`."""
        if best is not None and self._big and way is self._plain:
            return self.trials.pass_over(way.name, threads, "not tried, it would take seconds")
        if best is not None and self.tired():
            return self.trials.pass_over(way.name, threads, "not tried, for start-up has taken long enough")
        error: float | None = None
        try:
            painter = way.build(threads)
            image, seconds = self._paint(painter)
            self._big = seconds > _BIG if self._big is None else self._big
            if self._big and way is not self._plain and not image.std() > 0:  # nor for NaN
                return self.trials.pass_over(way.name, threads, "its picture is flat or not of numbers")
            error = self._error(way, image)
            if error is not None and not error <= TOLERANCE:
                return self.trials.pass_over(way.name, threads, f"it is off by {error:.0e} of the picture", error)
            ms = self._median(painter, seconds, best) if self._timed else 0.0
        except FAILURES as e:
            return self.trials.pass_over(way.name, threads, one_line(e))
        self.trials.add(way.name, threads, ms if self._timed else None, error, moving=layers_once(painter) > 0)
        return Run(way, painter, threads, ms)

    def time(self, way: Way, threads: int) -> Run | None:
        """A way that has agreed, with another number of threads."""
        try:
            painter = way.build(threads)
            _, seconds = self._paint(painter)
            ms = self._median(painter, seconds, None)
        except FAILURES as e:
            return self.trials.pass_over(way.name, threads, one_line(e))
        self.trials.add(way.name, threads, ms, None, moving=layers_once(painter) > 0)
        return Run(way, painter, threads, ms)

    def once_more(self, run: Run) -> float:
        """Seconds of one more picture, at its slowest."""
        with self._turning() as turn:
            turn()
            return self._paint(run.painter)[1]

    def verdict(self, best: Run) -> tuple[Trial, ...]:
        """Every trial, each but the best with its reason."""
        if not self._timed or not layers_once(best.painter):
            return self.trials.verdict(best)
        still = [self._paint(best.painter)[1]]  # the first picture of all stood here, and was kept
        while len(still) < _TOLD and sum(still) < _ENOUGH:
            still.append(self._paint(best.painter)[1])
        return self.trials.verdict(best, 1e3 * median(still))

    def _error(self, way: Way, image: Tensor) -> float | None:
        if way is self._plain:
            return 0.0
        if self._big:
            return way.small_error() if way.small_error is not None else None
        if self._exact is None:
            self._exact = self._plain.build(self._threads).image(self._ws)
        if image.shape != self._exact.shape:
            return inf
        return float((image - self._exact).abs().max() / self._exact.std())

    def _paint(self, painter: Painter) -> tuple[Tensor, float]:
        began = self._now()
        image = painter.image(self._ws)
        return image, self._now() - began

    def _median(self, painter: Painter, first: float, best: Run | None) -> float:
        """Milliseconds of a picture at its slowest, the first left out where there is another."""
        if first > _SLOW or (best is not None and 1e3 * first > _HOPELESS * best.ms):
            return 1e3 * first
        most, enough = (1, inf) if self._big else (_FRAMES, _ENOUGH)
        times: list[float] = []
        with self._turning() as turn:
            while len(times) < most and sum(times) < enough:
                if layers_once(painter):
                    turn()
                times.append(self._paint(painter)[1])
                if best is not None and 1e3 * times[0] > _BEHIND * best.ms:
                    break
        return 1e3 * median(times)


def one_line(error: Exception) -> str:
    """What went wrong, for a list of reasons."""
    return " ".join(str(error).split())[:160] or type(error).__name__
