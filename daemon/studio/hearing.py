"""Sound files as live hears them: the very same extractor, hop by hop."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from daemon import parts
from daemon.config import Analysis
from daemon.descriptors import INDEX, NAMES
from daemon.errors import BadInput, SourceError
from daemon.flow import F64
from daemon.mapping.mlp import Grid
from daemon.params import Params

SILENT = -60.0  # loudness under which nothing is learnt from (Moore 2025, section 3)
LONGEST = 3600.0  # s of one sound


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """One sound's descriptors, in the order of `NAMES`, at the middle of each window."""

    t: F64  # [N] s
    raw: F64  # [N, D] as measured
    smooth: F64  # [N, D] after live's leaky integrator

    @property
    def loud(self) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Where there is sound, [N]."""
        there: np.ndarray[tuple[int], np.dtype[np.bool_]] = self.raw[:, INDEX["loudness"]] >= SILENT
        return there


def hear(path: Path, analysis: Analysis) -> Heard:
    """All of a sound file. `BadInput` names what is wrong with it."""
    extractor, params = parts.extractor(analysis.model_copy(update={"beat": "sound"})), Params()
    middle = analysis.window / analysis.sr / 2  # s before the end of a window
    t: list[float] = []
    raw: list[F64] = []
    totals: list[F64] = [np.zeros(len(NAMES))]
    try:
        source = parts.open_file(path, analysis.sr, loop=False)
        try:
            while (block := source.read(analysis.sr)) is not None:
                for features in extractor.push(block, params):
                    t.append(features.t - middle)
                    raw.append(features.raw.astype(np.float64))
                    totals.append(features.smooth.total if len(features.smooth.total) else totals[-1])
                if block.heard > LONGEST:
                    raise BadInput("sound", [f"{path} is longer than {LONGEST / 60:.0f} minutes: cut it"])
        finally:
            source.close()
    except SourceError as e:
        raise BadInput("sound", [str(e)]) from None
    if not t:
        raise BadInput("sound", [f"{path} is shorter than a window of {2e3 * middle:.0f} ms"])
    return Heard(np.array(t), np.array(raw), np.diff(np.array(totals), axis=0))


class Ears:
    """Sounds beside a training file, each heard once; faults are kept, with the place that asked first."""

    def __init__(self, folder: Path, analysis: Analysis) -> None:
        self.heard: dict[str, Heard] = {}
        self.faults: list[str] = []
        self.grid = Grid(analysis.sr, analysis.hop, analysis.window)
        self._folder, self._analysis = folder, analysis
        self._bad: set[str] = set()

    def hear(self, place: str, name: str) -> Heard | None:
        """The sound of this name; None, and a fault, when there is none."""
        if name not in self.heard and name not in self._bad:
            try:
                self.heard[name] = hear(self._folder / Path(name).expanduser(), self._analysis)
            except BadInput as e:
                self._bad.add(name)
                self.faults.append(f"{place}: {'; '.join(e.faults)}")
        return self.heard.get(name)

    def span(self, place: str, name: str, at: float, until: float | None) -> "tuple[Heard, slice] | None":
        """The hops of a sound from `at` to `until` seconds; the one nearest to `at` without; None, and a fault."""
        sound = self.hear(place, name)
        if sound is None:
            return None
        if at > sound.t[-1] + self.grid.window / self.grid.sr:
            self.faults.append(f"{place}: {name} ends at {sound.t[-1]:.2f} s, before {at:g} s")
            return None
        first = int(np.abs(sound.t - at).argmin())
        if until is None:
            return sound, slice(first, first + 1)
        return sound, slice(first, max(first + 1, int(np.searchsorted(sound.t, until, "right"))))


def spread(rows: Sequence[F64], least: F64) -> tuple[F64, F64]:
    """Mean and standard deviation [D] of every row of all these [N, D], the latter at least `least`."""
    every = np.concatenate(rows)
    return every.mean(axis=0), np.maximum(every.std(axis=0), least)
