"""What a run leaves behind when it ends: its last status as JSON, also of a run that could not begin."""

from collections.abc import Iterable
from pathlib import Path

from daemon import __version__, document
from daemon.config import Config
from daemon.errors import BadInput, LatentdError
from daemon.stats import ErrorLog, quantile
from daemon.status import AudioStatus, Latency, ModelStatus, OscStatus, Report


def make_room(path: Path | None) -> None:
    """Find out now, not at the end of the night, that a report cannot be written."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # what is found there afterwards is of this run
    except OSError as e:
        raise BadInput(f"report {path}", [f"cannot be written ({e.strerror})"]) from None


def write(path: Path | None, report: Report) -> None:
    """As JSON, or `BadInput`; nowhere if no path."""
    if path is None:
        return
    try:
        document.write(path, report.model_dump_json(indent=2) + "\n")
    except OSError as e:
        raise BadInput(f"report {path}", [f"cannot be written ({e.strerror})"]) from None


def latency(measured: Iterable[float]) -> Latency | None:
    """Of milliseconds from the end of a block of sound to the first frame that shows it handed over."""
    ordered = sorted(measured)
    if not ordered:
        return None
    return Latency(p50=round(quantile(ordered, 0.5), 2), p95=round(quantile(ordered, 0.95), 2))


def stillborn(config: Config, model: str, error: LatentdError) -> Report:
    """The report of a run that could not begin."""
    errors = ErrorLog()
    errors.add("start", str(error))
    return Report(
        version=__version__,
        uptime_s=0.0,
        frame_index=0,
        fps=0.0,
        frame_ms=None,
        ticks_skipped=0,
        latency_ms=None,
        model=ModelStatus(name=config.model or model, resolution=0, engine="none", precision="none"),
        preset=config.preset,
        mapper="none",
        params={},
        audio=AudioStatus(source=config.source, state="none"),
        features={},
        sinks=(),
        osc=OscStatus(),
        errors=errors.all(),
        frames=0,
        seconds=0.0,
        exit=error.exit_code,
    )
