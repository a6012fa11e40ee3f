"""The status in the terminal: one panel, drawn by rich, a few times a second."""

from collections.abc import Mapping

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from daemon.status import Status

_BLOCKS = " ▁▂▃▄▅▆▇█"
_SHOWN = ("loudness", "onset", "centroid", "flatness", "pitch_confidence")  # of the levels
_SURE = 0.1  # of 1: less is no beat
_WELL = {"ok": "green", "silent": "yellow", "none": "dim", "opening": "yellow", "retrying": "yellow", "stalled": "red"}


def panel(status: Status, page: str) -> RenderableType:
    """What somebody at the terminal wants to know."""
    audio, times, model = status.audio, status.frame_ms, status.model
    heard = status.features
    bands = [value for name, value in heard.items() if name.startswith("band/")]

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
        ("bands", Text("".join(_block(v) * 2 for v in bands), style="cyan")),
        ("beat", _beat(heard)),
    )
    control = _rows(
        ("preset", status.preset or "-"),
        ("mapper", status.mapper),
        ("show", _show(status.params)),
        ("osc", f"{status.osc.applied} applied, {status.osc.refused} refused"),
        ("sinks", ", ".join(f"{sink.name} {sink.state}" for sink in status.sinks)),
        ("up", f"{status.uptime_s:.0f} s"),
    )
    levels = [(name, heard[name]) for name in _SHOWN if name in heard]
    line = Text("  ").join(Text.assemble((name, "dim"), " ", (_block(v), "cyan"), f" {v:.2f}") for name, v in levels)
    last = status.errors[0] if status.errors else None
    foot = Text(f"{last.time[11:19]}  {last.text}", style="yellow") if last else Text("Ctrl-C ends it", style="dim")
    return Panel(
        Group(Columns([pictures, sound, control], padding=(0, 4)), *([line] if levels else ()), foot),
        title=f"latentd {status.version}",
        subtitle=page,
    )


def _block(value: float) -> str:
    return _BLOCKS[round(max(0.0, min(value, 1.0)) * (len(_BLOCKS) - 1))]


def _beat(heard: Mapping[str, float]) -> Text:
    """The tempo, and a dot that is there on the beat; a dash while none is sure."""
    bpm, phase, sure = (heard.get(f"beat/{name}", 0.0) for name in ("bpm", "phase", "confidence"))
    if bpm <= 0 or sure < _SURE:
        return Text("-")
    return Text.assemble(f"{bpm:5.1f} a minute ", ("●" if phase < 0.25 else "·", "cyan"))


def _show(params: Mapping[str, float | int | str]) -> str:
    """The playlist that is on; a dash without one."""
    return str(params.get("/latentd/show/playlist") or "-")


def _rows(*pairs: tuple[str, str | Text]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", justify="right")
    table.add_column()
    for name, value in pairs:
        table.add_row(name, value)
    return table
