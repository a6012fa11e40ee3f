"""Pictures with traffic and without, in alternating slices of one run."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from daemon.bench.osc.report import Frames, Spread
from daemon.bench.osc.running import Spent, Victim


@dataclass(frozen=True, slots=True)
class Slice:
    """Some seconds of pictures."""

    p50_ms: float
    p95_ms: float
    longest_ms: float
    frames: int
    seconds: float
    spent: Spent | None  # CPU seconds


def timed(daemon: Victim, work: Callable[[], None]) -> Slice:
    """What pictures took while something was done."""
    index, began, before = int(daemon.status()["frame_index"]), daemon.now(), daemon.spent()
    work()
    said, after, ended = daemon.status(), daemon.spent(), daemon.now()
    spent = None
    if before is not None and after is not None:
        spent = Spent(after.loop - before.loop, after.rest - before.rest)
    p50, p95, longest = (float(said["frame_ms"][key]) for key in ("p50", "p95", "max"))
    return Slice(p50, p95, longest, int(said["frame_index"]) - index, ended - began, spent)


def turns(pairs: int) -> Iterator[bool]:
    """Whether each slice has traffic: either kind goes first as often, as the machine may change meanwhile."""
    for pair in range(pairs):
        yield from (False, True) if pair % 2 == 0 else (True, False)


def compared(without: Sequence[Slice], during: Sequence[Slice]) -> Frames:
    """Of as many slices with as without, in turns."""
    pairs = list(zip(without, during, strict=True))
    return Frames(
        pairs=len(pairs),
        fps=round(min(s.frames / s.seconds for s in (*without, *during)), 2),
        p50_ms=_told(without, during, lambda s: s.p50_ms),
        p95_ms=_told(without, during, lambda s: s.p95_ms),
        longest_ms=_told(without, during, lambda s: s.longest_ms),
        p95_ratio=spread(b.p95_ms / a.p95_ms for a, b in pairs),
        noise_ratio=spread(b.p95_ms / a.p95_ms for a, b in pairwise(without)) if len(without) > 1 else None,
        cpu_ms=_both(without, during, _cpu_ms),
        cpu_ratio=spread(_cpu_ms(b) / _cpu_ms(a) for a, b in pairs) if _known(without, during) else None,
        loop_share=_both(without, during, _loop_share),
    )


def spread(of: Iterable[float]) -> Spread:
    """Median, least and most, to four digits."""
    found = [float(f"{x:.4g}") for x in of]
    return Spread(median=float(f"{statistics.median(found):.4g}"), min=min(found), max=max(found))


def _cpu_ms(a: Slice) -> float:
    assert a.spent is not None
    return a.spent.rest / a.frames * 1e3


def _loop_share(a: Slice) -> float:
    assert a.spent is not None
    return a.spent.loop / a.seconds


def _known(*slices: Sequence[Slice]) -> bool:
    return all(s.spent is not None for several in slices for s in several)


def _both(without: Sequence[Slice], during: Sequence[Slice], of: Callable[[Slice], float]) -> dict[str, Spread] | None:
    return _told(without, during, of) if _known(without, during) else None


def _told(without: Sequence[Slice], during: Sequence[Slice], of: Callable[[Slice], float]) -> dict[str, Spread]:
    return {"without": spread(map(of, without)), "with": spread(map(of, during))}
