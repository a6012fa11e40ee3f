"""Which engine paints a network, and with how many threads: one choice, made at start, on this network and machine.

Each way is built, held against the plain network and timed for a few pictures, which move where that takes longer;
the fastest that agrees is taken. One that is missing, raises or disagrees falls out with its reason. The chain ends in
plain PyTorch, which is what the others are held against.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from stylegan3.generator import Generator
from stylegan3.gpu import chain
from stylegan3.inference import Painter, Way, ways
from stylegan3.trials import AS_GOOD, Judge, Run, Trial, better, entered
from stylegan3.turning import Turning, turned

MOST_THREADS = 64
_WORSE = 1.15  # times the fastest: going on in this direction is of no use
_HEADROOM = 0.75  # of the budget: what is left is for a busy moment
_WORTH = 0.9  # of the time without it: what the last core must bring, else it is left for sound, control and sinks
_AT_FIRST = 8  # threads ways are compared with at most: as many as any of them makes use of


@dataclass(frozen=True, slots=True)
class InForce:
    """What paints another network while this one is made ready."""

    engine: str
    threads: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What paints, and what it was preferred to."""

    painter: Painter
    threads: int
    trials: tuple[Trial, ...]  # in the order they were made

    def __str__(self) -> str:
        """One line."""
        chosen = next((t for t in self.trials if t.reason is None), None)
        said = f"{self.painter.engine}, {_count(self.threads)}"
        if chosen is not None and (time := chosen.time("ms a picture")):
            said += f", {time}"
        over = [f"{t.engine} with {_count(t.threads)}: {t.reason}" for t in self.trials if t.reason is not None]
        return said + (f"; passed over: {'; '.join(over)}" if over else "")


def choose(
    G: Generator,
    device: torch.device,
    *,
    now: Callable[[], float],
    budget: float | None,
    threads: int | None = None,
    only: str | None = None,
    after: InForce | None = None,
) -> Choice:
    """The way to paint G on this machine.

    Args:
        G: the network; it stays where it is.
        device: where; a GPU's chain is `gpu.chain`.
        now: a clock, s.
        budget: s a picture may take, whether it moves or not. None: nothing is timed, the first of the chain that
            agrees is taken, with every core unless `threads` are given: the same on each run of one machine.
        threads: this many instead of those that were measured best.
        only: the one engine that may be taken.
        after: what renders meanwhile, and would mislead a measurement. Then there is no race: its engine is looked at
            first (plain PyTorch never is) and the first that agrees is taken, with as many threads; with every core
            where a picture by so many misses the budget.

    Raises EngineError when `only` names nothing that paints G here, and when nothing does.
    """
    ws = np.random.default_rng(0).standard_normal((1, G.z_dim)).astype(np.float32)
    with torch.inference_mode():
        c = torch.eye(max(G.c_dim, 1))[:1, : G.c_dim]
        ws = G.mapping(torch.from_numpy(ws), c)[0].numpy()
    if device.type != "cpu":
        timed = budget is not None and after is None
        found = chain.try_out(
            chain.ways(G, device),
            ws,
            now=now,
            wait=lambda: torch.cuda.current_stream(device).synchronize(),
            timed=timed,
            tidy=(lambda: None) if after else torch.cuda.empty_cache,  # it waits for what renders meanwhile
            first=after.engine if after else None,
            only=only,
            extras=chain.asked_for(G, device),
        )
        return Choice(found.painter, found.painter.threads, found.trials)
    here, turning = cores(), partial(turned, G)
    return race(
        ways(G), ws, now=now, turning=turning, budget=budget, cores=here, threads=threads, only=only, after=after
    )


def cores() -> int:
    """Cores this process may run on, a container's share rounded up."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        share = -(-int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):  # not Linux, or "max"
        share = MOST_THREADS * 1024
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(own, share))


def ladder(cores: int) -> tuple[int, ...]:
    """The numbers of threads that are looked at: powers of two, all cores, all but one."""
    most = min(cores, MOST_THREADS)
    powers = {2**i for i in range(most.bit_length())}
    return tuple(sorted(powers | {most, max(most - 1, 1)} if most > 4 else range(1, most + 1)))


def race(
    field: Sequence[Way],
    ws: NDArray[np.float32],
    *,
    now: Callable[[], float],
    turning: Turning,
    budget: float | None,
    cores: int,
    threads: int | None = None,
    only: str | None = None,
    after: InForce | None = None,
) -> Choice:
    """As `choose`, for ways in the order of the chain, the plain one last; ws [num_ws, w_dim] is what they paint.

    `turning`: how the picture is moved while one is timed.
    """
    plain = field[-1]
    trying = entered(field, only, after.engine if after else None)
    most, timed = min(cores, MOST_THREADS), budget is not None and after is None
    at = threads or (after.threads if after else max(1, min(cores - 1, _AT_FIRST)) if timed else most)
    judge = Judge(plain, ws, at, now, turning, timed=timed)
    best: Run | None = None
    for way in trying:
        best = better(judge.hold(way, at, best), best)
        if best is not None and not timed:
            break
    if best is None:
        raise judge.trials.nothing_paints()
    if threads is None and budget is not None:
        best = _calibrated(judge, best, cores, budget) if timed else _kept_up(judge, best, most, budget)
    return Choice(best.painter, best.threads, judge.verdict(best))


def _calibrated(judge: Judge, run: Run, cores: int, budget: float) -> Run:
    """The same way with the number of threads that serves best; one core is left free unless it is needed."""
    judge.recover()
    counts = ladder(cores)
    shared = [n for n in counts if n < cores or cores == 1]
    runs = {run.threads: run}

    def fastest() -> float:
        return min(r.ms for r in runs.values())

    for walk in ([n for n in shared if n > run.threads], [n for n in reversed(shared) if n < run.threads]):
        for n in walk:
            other = None if judge.tired() else judge.time(run.way, n)
            if other is None or other.ms > _WORSE * fastest():
                break
            runs[n] = other
            good = AS_GOOD * fastest()
            runs = {n: r for n, r in runs.items() if r.ms <= good}  # the others' memory is given back
    chosen = runs[min(n for n, r in runs.items() if r.ms <= AS_GOOD * fastest())]
    if counts[-1] not in shared and chosen.ms > _HEADROOM * 1e3 * budget:
        everything = judge.time(run.way, counts[-1])
        if everything is not None and everything.ms < _WORTH * chosen.ms:
            return everything
    return chosen


def _kept_up(judge: Judge, run: Run, most: int, budget: float) -> Run:
    """With every core, if a picture misses the budget with fewer."""
    if run.threads == most or judge.once_more(run) <= _HEADROOM * budget:
        return run
    return judge.time(run.way, most) or run


def _count(threads: int) -> str:
    return f"{threads} thread{'s' * (threads != 1)}"
