"""From a mapping file to a plan: what the file leaves open is filled in, what cannot be is named."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from daemon.control.refusal import quoted
from daemon.control.table import Kind as Takes
from daemon.control.table import Row
from daemon.midi.file import ControlFile, LampFile, MapFile
from daemon.midi.lighting import lamp_alone, lamp_of
from daemon.midi.message import Encoding, Kind
from daemon.midi.nrpn import PARTS
from daemon.midi.plan import Control, Does, Lamp, Plan, Source
from daemon.midi.target import Args, Target, movable, outside, row_of, target_of

_STEP = 1 / 128
_BUTTONS = (Takes.NEXT, Takes.PREV)


def planned(file: MapFile, name: str) -> tuple[Plan, list[str]]:
    """The plan, and every fault; with faults the plan lacks what is at fault."""
    faults: list[str] = []
    controls = [_control(file, one, f"controls.{i}", faults) for i, one in enumerate(file.controls)]
    lamps = [_lamp(file, one, f"lights.{i}", faults) for i, one in enumerate(file.lights)]
    there = tuple(control for control in controls if control is not None)
    faults.extend(_clashes(there))
    alone = tuple(lamp for lamp in lamps if lamp is not None)
    return Plan(name, file.title or name, file.ports, there, alone), faults


def _control(file: MapFile, given: ControlFile, place: str, faults: list[str]) -> Control | None:
    before = len(faults)

    def wrong(text: str) -> None:
        faults.append(f"{place}: {text}")

    source = _source(file, given)
    if isinstance(source, str):
        wrong(source)
        return None
    row = row_of(given.to)
    if isinstance(row, str):
        wrong(row)
        return None
    does = given.does or _usual(given, row)
    if does is None:
        wrong(f"a note has no position for {row.address}: give it a value to send, velocity: true, or what it does")
        return None
    for text in (*_misfits(given, does), *_out_of_range(given, row)):
        wrong(text)
    send = _args(given, row, does)
    target = target_of(row, given.low, given.high, given.curve)
    if (why := _unmovable(given, row, target, does, send)) is not None:
        wrong(why)
    encoding = None if given.encoder is None else given.encoding or Encoding.TWOS
    takeover = file.takeover if given.takeover is None else given.takeover
    pulse = does is Does.TRIGGER and send == (1,) and row.kind in (*_BUTTONS, Takes.BUTTON)
    step = given.step or _STEP
    control = Control(source, target, does, send, given.velocity, encoding, step, takeover, pulse=pulse)
    if len(faults) > before or given.light is None:
        return control if len(faults) == before else None
    lamp = lamp_of(control, row, given.light, file.channel or 1)
    if isinstance(lamp, str):
        wrong(lamp)
        return None
    return replace(control, lamp=lamp)


def _lamp(file: MapFile, given: LampFile, place: str, faults: list[str]) -> Lamp | None:
    lamp = lamp_alone(given, file.channel or 1)
    if isinstance(lamp, str):
        faults.append(f"{place}: {lamp}")
        return None
    return lamp


def _source(file: MapFile, given: ControlFile) -> Source | str:
    """What is moved, or what is wrong."""
    channel = given.channel or file.channel
    found = [
        Source(kind, number, channel, given.fine if name == "cc" else None)
        for name, kind, number in (
            ("cc", Kind.CC, given.cc),
            ("encoder", Kind.CC, given.encoder),
            ("note", Kind.NOTE, given.note),
            ("bend", Kind.BEND, 0 if given.bend else None),
            ("nrpn", Kind.NRPN, given.nrpn),
            ("program", Kind.PROGRAM, 0 if given.program else None),
        )
        if number is not None
    ]
    if len(found) != 1:
        return "it takes one of cc, encoder, note, bend, nrpn and program, and only one"
    if given.fine is not None and (given.cc is None or given.fine == given.cc):
        return "fine is for cc alone, and another number than its own"
    return found[0]


def _usual(given: ControlFile, row: Row) -> Does | None:
    """What such a control does to such an address."""
    if given.note is None and given.cc is None:
        return Does.VALUE
    if given.send or given.velocity or row.kind in _BUTTONS:
        return Does.TRIGGER
    if row.kind is Takes.TOGGLE:
        return Does.TOGGLE
    return Does.VALUE if given.cc is not None else None


def _misfits(given: ControlFile, does: Does) -> Iterator[str]:
    """Keys that mean nothing together."""
    button = given.note is not None or given.cc is not None
    if does is not Does.VALUE and not button:
        yield f"does: {does} is for notes and for cc"
    if does is Does.VALUE and given.note is not None:
        yield "a note has no position: it can trigger, toggle or hold, or send its velocity"
    if given.encoder is None and (given.encoding is not None or given.step is not None):
        yield "encoding and step are for an encoder"
    if given.step == 0:
        yield "a step of 0 goes nowhere"
    if given.velocity and (given.note is None or does is Does.TOGGLE or given.send):
        yield "velocity is for a note that triggers or holds and has nothing else to send"
    if given.send and does not in (Does.TRIGGER, Does.HOLD):
        yield "send is for what triggers or holds"
    if does is not Does.VALUE and given.fine is not None:
        yield "fine is for what has a position"
    if given.low is not None and given.low == given.high:
        yield "low and high are the same"


def _out_of_range(given: ControlFile, row: Row) -> Iterator[str]:
    sent = given.send[0] if len(given.send) == 1 else None
    numbers = {"low": given.low, "high": given.high, "send": sent}
    for key, number in numbers.items():
        text = None if number is None or isinstance(number, str) else outside(row, number)
        if text is not None:
            yield f"{key}: {text}"


def _args(given: ControlFile, row: Row, does: Does) -> Args:
    """What a press sends."""
    if not given.send:
        return (1,) if does is Does.TRIGGER and row.kind in _BUTTONS else ()
    return given.send


def _unmovable(given: ControlFile, row: Row, target: Target, does: Does, send: Args) -> str | None:
    """Why this cannot be done to this address."""
    if given.program:
        return None if row.kind in (Takes.RECALL, Takes.INDEX, Takes.INTEGER, Takes.CLASS) else _no_index(row)
    if does is Does.TRIGGER and not given.velocity:
        return None if send else f"{row.address} is given a value by send, as in send: {_example(row)}"
    if not movable(row):
        return f"{row.address} takes {row.takes}: a press may send that, as in send: {_example(row)}"
    if not target.known and (does is not Does.VALUE or given.encoder is not None or not row.norm):
        return f"{row.address} has no range of its own here: give low and high"
    if not target.norm and not target.known:
        return f"{row.address} has no range of its own here: give both low and high"
    return None


def _no_index(row: Row) -> str:
    return f"{row.address} takes {row.takes}, not the number of a program"


def _example(row: Row) -> str:
    return row.names[0] if row.names else "1" if row.low is not None else "NAME"


def _clashes(controls: Iterable[Control]) -> Iterator[str]:
    """One message that would mean two things."""
    controls = tuple(controls)
    kinds: dict[tuple[Kind, int], dict[int | None, str]] = {}
    for channel in {control.source.channel for control in controls if control.source.kind is Kind.NRPN}:
        for number in PARTS:
            kinds.setdefault((Kind.CC, number), {})[channel] = "part of nrpn"
    seen: set[tuple[Source, str]] = set()
    for control in controls:
        source = control.source
        what = "encoder" if control.encoding is not None else "cc" if source.kind is Kind.CC else str(source.kind)
        if (source, control.target.address) in seen:
            yield f"{what} {source.number} leads to {quoted(control.target.address)} twice"
        seen.add((source, control.target.address))
        parts = [(source.number, what)] if source.fine is None else [(source.number, what), (source.fine, "fine")]
        for number, part in parts:
            others = kinds.setdefault((source.kind, number), {})
            for channel, other in others.items():
                if other != part and (channel is None or source.channel is None or channel == source.channel):
                    yield f"controller {number} stands here both as {other} and as {part}"
            others[source.channel] = part
