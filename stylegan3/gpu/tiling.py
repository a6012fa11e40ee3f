"""How a launch of fir.cu is cut into blocks, and what its text is specialised by."""

import math
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from stylegan3.gpu.spec import LANE, FirSpec

THREADS = 256  # of a block, at most: two of these share a multiprocessor's 65536 registers, 128 to a thread
RESIDENT = 2
_BANDS = 32  # of a picture, at most: more cost more lead than they fill multiprocessors
_CHEAP = 3  # products of a filter; more do not fit 128 registers
_BUSY = 8  # warps; fewer do not keep a multiprocessor busy
_SECTOR = 32  # bytes that memory gives at a time
_SMALLEST = 1e-20  # clamp that the units of the leaky ReLU follow
_SYMMETRIC = 1e-7  # of a filter's largest tap


@dataclass(frozen=True, slots=True)
class Tiling:
    """A block is `lanes` channels by `strips` strips of `wide` output columns by `band` output rows."""

    lanes: int
    strips: int
    wide: int
    unroll: int  # input rows of a turn of the loop
    band: int
    helpers: int  # strips that make what others see, and no output
    grid: tuple[int, int, int]

    @property
    def threads(self) -> int:
        return self.lanes * self.strips


def tile(spec: FirSpec, processors: int, lanes: int | None = None, strips: int | None = None) -> Tiling:
    """The cheapest cut by count: threads that idle or only help, rows made twice where bands meet, waves not full.

    `processors` are the device's; with `lanes` or `strips` only such.
    """
    size, found = spec.out_size, []
    wide, unroll, helpers, step = _strip(spec)
    lead = (spec.down_taps + len(spec.up_taps)) / spec.down  # output rows that a band's first rows cost
    bands = {math.ceil(math.ceil(size / n) / step) * step for n in range(1, 1 + min(size, _BANDS))}
    for n in (lanes,) if lanes else range(LANE, 33, LANE):
        most = THREADS if spec.rank <= _CHEAP else THREADS * 3 // 4
        fitting = range(helpers + 1, 1 + min(most // n, math.ceil(size / wide) + helpers))
        for cuts, band in product((strips,) if strips else fitting, bands):
            whole = cut(spec, Tiling(n, cuts, wide, unroll, band, helpers, (0, 0, 0)), size, size, band)
            found.append((_cost(whole, processors) * (band + lead), whole))
    if not found:
        raise ValueError("this filter is too long for a block")
    return min(found, key=lambda each: each[0])[1]


def _cost(tiling: Tiling, processors: int) -> float:
    """Of an output row: warps that a multiprocessor goes through, one after the other."""
    warps = -(-tiling.threads // 32)
    resident = RESIDENT * THREADS // 32 // warps
    full, rest = divmod(math.prod(tiling.grid), processors * resident)
    sectors = 1.1 if tiling.lanes * 2 < _SECTOR else 1.0
    last = max(-(-rest // processors) * warps, _BUSY) if rest else 0
    return sectors * (full * max(resident * warps, _BUSY) + last)


def cut(spec: FirSpec, tiling: Tiling, height: int, width: int, band: int) -> Tiling:
    """The same block over another output, in bands of about `band` rows."""
    step = _strip(spec)[3]
    band = -(-band // step) * step
    columns = (tiling.strips - tiling.helpers) * tiling.wide
    grid = (-(-width // columns), -(-spec.channels // tiling.lanes), -(-height // band))
    return replace(tiling, band=band, grid=grid)


def _strip(spec: FirSpec) -> tuple[int, int, int, int]:
    """Columns of a strip, rows of a turn, strips that only help, what a band is a multiple of."""
    whole = spec.up // math.gcd(spec.up, spec.down)
    period = spec.down // math.gcd(spec.up, spec.down)  # turns must complete whole output rows
    wide = next(n for n in range(4, 4 + whole) if n % whole == 0)
    unroll = period * (3 if spec.up * period <= 2 else 1)
    needed = -(spec.pad[0] + 1) % spec.up + (wide - 1) * spec.down + spec.down_taps
    return wide, unroll, max(0, (needed - 1) // (wide * spec.down)), whole


def defines(spec: FirSpec, tiling: Tiling, item: str) -> tuple[str, ...]:
    """What fir.cu is specialised by, as compilers take it; `item` is "half" or "float"."""
    down = spec.down_factors
    folds = all(_symmetric(across) for _, across in down)
    clamp = 1.0 if spec.clamp is None else spec.clamp
    unit = max(clamp, _SMALLEST)  # a power of two in every published network: nothing is rounded
    values: dict[str, str | int] = {
        "UP": spec.up,
        "DOWN": spec.down,
        "PAD": spec.pad[0],
        "UP_TAPS": len(spec.up_taps),
        "DOWN_TAPS": spec.down_taps,
        "ACROSS": _list(spec.up_taps[::-1]),
        "ALONG": _list([tap * spec.gain / unit for tap in spec.up_taps[::-1]]),
        "RANK": spec.rank,
        "DOWN_ACROSS": _list([tap for _, across in down for tap in across[::-1]]),
        "DOWN_ALONG": _list([tap * clamp for along, _ in down for tap in along[::-1]]),
        "FOLD": int(folds and spec.rank > 1),  # for one product the sums cost what they save
        "SLOPE": _number(spec.slope),
        "ITEM": item,
        "CHANNELS": spec.channels,
        "LANES": tiling.lanes,
        "STRIPS": tiling.strips,
        "WIDE": tiling.wide,
        "UNROLL": tiling.unroll,
        "RESIDENT": RESIDENT,
    }
    if spec.clamp is not None:
        values["CLAMPED"] = 1
    return tuple(f"-D{name}={value}" for name, value in values.items())


def _symmetric(taps: tuple[float, ...]) -> bool:
    return bool(np.abs(np.subtract(taps, taps[::-1])).max() <= _SYMMETRIC * np.abs(taps).max())


def _list(taps: "tuple[float, ...] | list[float]") -> str:
    return ",".join(map(_number, taps))


def _number(value: float) -> str:
    return f"{float(np.float32(value)).hex()}f"
