"""What everything that is said of a measurement is made of."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from daemon.stats import quantile


class Said(BaseModel):
    """Part of the JSON: nothing unknown in it, and no number that is none."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Ms = Annotated[float, Field(ge=0)]


class FrameMs(Said):
    """Milliseconds a frame, nearest rank."""

    p50: Ms
    p95: Ms
    p99: Ms
    max: Ms


def frame_ms(taken: Sequence[float]) -> FrameMs:
    """Of every frame's milliseconds."""
    ordered = sorted(taken)
    p50, p95, p99 = (round(quantile(ordered, q), 4) for q in (0.5, 0.95, 0.99))
    return FrameMs(p50=p50, p95=p95, p99=p99, max=round(ordered[-1], 4))


def digits(x: float) -> float:
    """Four that count: more are noise."""
    return float(f"{x:.4g}")
