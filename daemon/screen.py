"""The status in the terminal: one panel, drawn by rich, a few times a second."""

from collections.abc import Mapping
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Self

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from daemon.mailbox import Mailbox
from daemon.status import SinkStatus, Status, SyncStatus

_BLOCKS = " ▁▂▃▄▅▆▇█"
_SHOWN = ("loudness", "onset", "centroid", "flatness", "pitch_confidence")  # of the levels
_SURE = 0.1  # of 1: less is no beat
_WELL = {"ok": "green", "silent": "yellow", "none": "dim", "opening": "yellow", "retrying": "yellow", "stalled": "red"}
_MOMENT = 0.5  # s that the end of a run waits for the last drawing


class Screen:
    """Draws on a thread of its own, always the newest: a console that is held (Ctrl-S, a slow line) holds nothing else.

    Use it as a context. A console that is held to the end is left as it is.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._newest: Mailbox[tuple[Status, str] | None] = Mailbox(None)
        self._over = Event()
        self._thread = Thread(target=self._draw, name="screen", daemon=True)

    def show(self, status: Status, page: str) -> None:
        """What is to be seen from now on; never waits."""
        self._newest.put((status, page))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._newest.put(None)
        self._thread.join(_MOMENT)

    def _draw(self) -> None:
        seen = 0
        with suppress(OSError, ValueError), Live(console=self._console, auto_refresh=False) as shown:  # it may be gone
            while not self._over.is_set():
                if (newer := self._newest.newer(seen, timeout=1.0)) is None:
                    continue
                seen, said = newer
                if said is not None:
                    shown.update(panel(*said), refresh=True)


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
        *((("sync", _sync(status.sync)),) if status.sync is not None else ()),
        ("osc", f"{status.osc.applied} applied, {status.osc.refused} refused"),
        ("sinks", ", ".join(_sink(sink) for sink in status.sinks)),
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


def _sink(sink: SinkStatus) -> str:
    """How it is; in trouble also which one, for there may be several of a kind."""
    which = f" ({sink.about})" if sink.about and sink.state not in ("ok", "closed") else ""
    return f"{sink.name}{which} {sink.state}"


def _sync(sync: SyncStatus) -> str:
    """Its place in a wall of screens."""
    leads, count = sync.role == "leader", len(sync.screens)
    if not leads and not sync.leader:
        return "looks for its leader"
    what = f"leads {count} follower{'' if count == 1 else 's'}" if leads else f"follows {sync.leader}"
    lag = max((screen.frame_lag for screen in sync.screens), default=0) if leads else sync.frame_lag
    return f"{what}, {lag} frame{'' if lag == 1 else 's'} behind" if lag > 0 else what


def _rows(*pairs: tuple[str, str | Text]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", justify="right")
    table.add_column()
    for name, value in pairs:
        table.add_row(name, value)
    return table
