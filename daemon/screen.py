"""The status in the terminal: one panel, drawn by rich, a few times a second."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Event, Thread
from types import TracebackType
from typing import Self, TypeAlias

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from daemon.clock import almanac
from daemon.mailbox import Mailbox
from daemon.sinks.monitor.words import standing, up
from daemon.status import ErrorStatus, SinkStatus, Status, SyncStatus

_BLOCKS = " ▁▂▃▄▅▆▇█"
_SHOWN = ("loudness", "onset", "centroid", "flatness", "pitch_confidence")  # of the levels
_SURE = 0.1  # of 1: less is no beat
_WELL = {"ok": "green", "silent": "yellow", "none": "dim", "opening": "yellow", "retrying": "yellow", "stalled": "red"}
_MOMENT = 0.5  # s that the end of a run waits for the last drawing
_DAY = timedelta(days=1)  # after which a time of day alone says little
_WIDE, _MEDIUM = 100, 60  # characters within the frame for three and for two tables beside each other
_FEW = 12  # bands that are drawn twice as broad
_FOOT = 6  # lines that faults take at most, for which facts make room
_SPARED = (  # in a terminal with too few lines, the first goes first
    *("skipped", "bands", "mapper", "beat", "gate", "frame time", "source", "osc", "level", "up", "latency", "model"),
    *("sync", "preset", "state", "sinks"),
)


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
                    shown.update(panel(*said, almanac().astimezone()), refresh=True)


def panel(status: Status, page: str, now: datetime) -> RenderableType:
    """What somebody at the terminal wants to know, in as many lines as there are. `now`: in the zone of the machine."""
    return _Panel(status, page, now)


class _Panel:
    """Fits its console: faults and the page's address stay, and of the facts what matters most."""

    def __init__(self, status: Status, page: str, now: datetime) -> None:
        self._status, self._page, self._now = status, page, now

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        inner = options.update(width=max(options.max_width - 4, 1), height=None)
        room = options.max_height - 2
        faults = self._faults(console, inner.max_width)
        kept = max(room - len(list(_fitted(faults, _FOOT))), 1)
        spare = 0
        abreast = 1 if inner.max_width < _MEDIUM else 2  # facts that may share a line
        while len(lines := console.render_lines(self._body(inner.max_width, spare), inner, pad=False)) > kept:
            if spare > len(_SPARED):
                break
            spare += max((len(lines) - kept) // abreast, 1)  # drawing takes milliseconds: it is not done for each
        foot = Group(*_fitted(faults, min(max(room - len(lines), 1), _FOOT)))
        title = f"latentd {self._status.version}"
        yield Panel(Group(_Drawn(lines[: max(room - 1, 0)]), foot), title=title, subtitle=self._page)

    def _body(self, width: int, spare: int) -> RenderableType:
        """All but the faults; `spare`: how many of the things that can be done without are left out."""
        status = self._status
        less = _SPARED[: max(spare - 1, 0)]
        tables = [_rows(*(row for row in rows if row[0] not in less)) for rows in _facts(status)]
        facts = Table.grid(padding=(0, 4))
        if width >= _WIDE:
            facts.add_row(*tables)
            parts: tuple[RenderableType, ...] = (facts,)
        elif width >= _MEDIUM:
            facts.add_row(*tables[:2])
            parts = (facts, tables[2])
        else:
            parts = tuple(table for table in tables if table.row_count)
        said = Text(" · ".join(standing(status)), style="bold")
        levels = _levels(status.features)
        return Group(*([said] if said else ()), *parts, *([levels] if levels and not spare else ()))

    def _faults(self, console: Console, width: int) -> Sequence[Sequence[Text]]:
        """The newest of each code, in lines."""
        newest: dict[str, ErrorStatus] = {}
        for error in self._status.errors:
            newest.setdefault(error.code, error)
        if not newest:
            return [[Text("Ctrl-C ends it", style="dim")]]
        most = (_FOOT + 1) * width  # more is cut in any case
        said = (Text(_fault(error, self._now)[:most], style="yellow") for error in newest.values())
        return [list(text.wrap(console, width)) for text in said]


class _Drawn:
    """Lines that are drawn already."""

    def __init__(self, lines: Sequence[Sequence[Segment]]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._lines:
            yield from line
            yield Segment.line()


def _fitted(faults: Sequence[Sequence[Text]], room: int) -> Iterator[Text]:
    """As much as goes into so many lines: the newest, and of the next one two lines if there are any."""
    others = min(2, len(faults[1])) if len(faults) > 1 and room >= 4 else 0
    for n, lines in enumerate(faults):
        take = min(len(lines), room - others if n == 0 else min(room, 2))
        if take <= 0:
            return
        room -= take
        yield from lines[: take - 1]
        last = lines[take - 1]
        if take < len(lines):
            last = last.copy()
            last.truncate(max(last.cell_len - 1, 0))
            last.append("…")
        yield last


def _fault(error: ErrorStatus, now: datetime) -> str:
    """When it was last, how often, and what it says."""
    often = f" ({error.count} times)" if error.count > 1 else ""
    text = "".join(letter if letter.isprintable() else "�" for letter in " ".join(error.text.split()))
    return f"{_when(error.time, now)}{often}  {text}"


def _when(time: str, now: datetime) -> str:
    """The time of day here, with the date once that is more than a day ago."""
    then = datetime.fromisoformat(time).astimezone(now.tzinfo)
    return f"{then:%H:%M:%S}" if now - then < _DAY else f"{then:%Y-%m-%d %H:%M}"


_Row: TypeAlias = tuple[str, str | Text]


def _facts(status: Status) -> tuple[tuple[_Row, ...], ...]:
    """Of the pictures, of the sound, and of what governs them."""
    audio, times, model, heard = status.audio, status.frame_ms, status.model, status.features
    bands = [value for name, value in heard.items() if name.startswith("band/")]
    pictures = (
        ("frames", f"{status.fps:5.1f} a second"),
        ("frame time", f"{times.p50:.1f} ms, p95 {times.p95:.1f}" if times else "-"),
        ("latency", f"{status.latency_ms.p50:.0f} ms, p95 {status.latency_ms.p95:.0f}" if status.latency_ms else "-"),
        ("model", f"{model.name} {model.resolution} px, {model.engine}"),
        ("skipped", str(status.ticks_skipped)),
    )
    sound = (
        ("source", audio.source.rpartition("/")[2] or audio.source),
        ("state", Text(audio.state, style=_WELL.get(audio.state, "red"))),
        ("level", f"{audio.rms_db:6.1f} dBFS" if audio.rms_db is not None else "-"),
        ("gate", "open" if audio.gate_open else "closed"),
        ("bands", Text("".join(_block(v) * (2 if len(bands) <= _FEW else 1) for v in bands), style="cyan")),
        ("beat", _beat(heard)),
    )
    control = (
        ("preset", status.preset or "-"),
        ("mapper", status.mapper),
        *((("sync", _sync(status.sync)),) if status.sync is not None else ()),
        ("osc", f"{status.osc.applied} applied, {status.osc.refused} refused"),
        ("sinks", ", ".join(_sink(sink) for sink in status.sinks)),
        ("up", up(status.uptime_s)),
    )
    return pictures, sound, control


def _levels(heard: Mapping[str, float]) -> Text:
    shown = ((name, heard[name]) for name in _SHOWN if name in heard)
    return Text("  ").join(Text.assemble((name, "dim"), " ", (_block(v), "cyan"), f" {v:.2f}") for name, v in shown)


def _block(value: float) -> str:
    return _BLOCKS[round(max(0.0, min(value, 1.0)) * (len(_BLOCKS) - 1))]


def _beat(heard: Mapping[str, float]) -> Text:
    """The tempo, and a dot that is there on the beat; a dash while none is sure."""
    bpm, phase, sure = (heard.get(f"beat/{name}", 0.0) for name in ("bpm", "phase", "confidence"))
    if bpm <= 0 or sure < _SURE:
        return Text("-")
    return Text.assemble(f"{bpm:5.1f} a minute ", ("●" if phase < 0.25 else "·", "cyan"))


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


def _rows(*pairs: _Row) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", justify="right")
    table.add_column()
    for name, value in pairs:
        table.add_row(name, value)
    return table
