"""The status in the terminal: one panel, drawn by rich, a few times a second."""

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from daemon.status import Status

_BLOCKS = " ▁▂▃▄▅▆▇█"
_WELL = {"ok": "green", "silent": "yellow", "none": "dim", "opening": "yellow", "retrying": "yellow", "stalled": "red"}


def panel(status: Status, page: str) -> RenderableType:
    """What somebody at the terminal wants to know."""
    audio, times, model = status.audio, status.frame_ms, status.model
    bands = [value for name, value in status.features.items() if name.startswith("band/")]
    meter = "".join(_BLOCKS[round(max(0.0, min(v, 1.0)) * (len(_BLOCKS) - 1))] * 2 for v in bands)

    pictures = _rows(
        ("frames", f"{status.fps:5.1f} a second"),
        ("frame time", f"{times.p50:.1f} ms, p95 {times.p95:.1f}" if times else "-"),
        ("latency", f"{status.latency_ms.p50:.0f} ms, p95 {status.latency_ms.p95:.0f}" if status.latency_ms else "-"),
        ("model", f"{model.name} {model.resolution} px, {model.engine}"),
        ("skipped", str(status.ticks_skipped)),
    )
    sound = _rows(
        ("source", audio.source.rpartition("/")[2] or audio.source),
        ("state", Text(audio.state, style=_WELL.get(audio.state, "red"))),
        ("level", f"{audio.rms_db:6.1f} dBFS" if audio.rms_db is not None else "-"),
        ("gate", "open" if audio.gate_open else "closed"),
        ("bands", Text(meter, style="cyan")),
    )
    control = _rows(
        ("preset", status.preset or "-"),
        ("mapper", status.mapper),
        ("osc", f"{status.osc.applied} applied, {status.osc.refused} refused"),
        ("sinks", ", ".join(f"{sink.name} {sink.state}" for sink in status.sinks)),
        ("up", f"{status.uptime_s:.0f} s"),
    )
    last = status.errors[0] if status.errors else None
    foot = Text(f"{last.time[11:19]}  {last.text}", style="yellow") if last else Text("Ctrl-C ends it", style="dim")
    return Panel(
        Group(Columns([pictures, sound, control], padding=(0, 4)), foot),
        title=f"latentd {status.version}",
        subtitle=page,
    )


def _rows(*pairs: tuple[str, str | Text]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", justify="right")
    table.add_column()
    for name, value in pairs:
        table.add_row(name, value)
    return table
