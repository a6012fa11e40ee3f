"""From the lights of a mapping file to lamps: which state lights each, and how."""

from daemon.control.table import PREFIX, Row
from daemon.control.table import Kind as Takes
from daemon.midi.file import LampFile, LightFile
from daemon.midi.message import Kind
from daemon.midi.plan import Control, Does, Lamp
from daemon.midi.target import Target, row_of, shown_by, target_of

_HEARD = (PREFIX + "audio/", PREFIX + "heartbeat/gate", PREFIX + "heartbeat/audio_ok")


def lamp_of(control: Control, row: Row, light: LightFile, channel: int) -> Lamp | str:
    """The light of a control, or what is wrong."""
    source = control.source
    if not row.valued or source.kind is Kind.PROGRAM:
        return f"{row.address} has no state that this light could show"
    place = _place(light)
    if isinstance(place, str):
        return place
    if place is None:
        if source.kind not in (Kind.CC, Kind.NOTE):
            return "say which light: {note: NUMBER} or {cc: NUMBER}"
        place = source.kind, source.number
    shows = shown_by(row.address, control.send)
    at = light.channel or source.channel or channel
    if control.send and row.kind is not Takes.TOGGLE:
        return Lamp(*_at(place, at), shows, light.lit, light.dark, equals=control.send[0])
    if row.kind is Takes.TOGGLE:
        return Lamp(*_at(place, at), shows, light.lit, light.dark)
    if not control.target.known:
        return f"{row.address} has no range of its own here: give low and high"
    by_steps = control.does is not Does.VALUE and not control.velocity
    return Lamp(*_at(place, at), shows, light.lit, light.dark, target=control.target, steps=by_steps)


def lamp_alone(given: LampFile, channel: int) -> Lamp | str:
    """A light without a control, or what is wrong."""
    place = _place(given)
    if place is None or isinstance(place, str):
        return place or "it takes cc or note, the message that lights it"
    at = _at(place, given.channel or channel)
    if given.shows.startswith(_HEARD):
        row = Row(given.shows, Takes.NUMBER, "0..1", "", "", 0, 1)
    else:
        found = row_of(given.shows)
        if isinstance(found, str):
            return found
        row = found
    if not row.valued:
        return f"{row.address} has no state that a light could show"
    if given.equals is not None or row.kind is Takes.TOGGLE or not row.norm:
        return Lamp(*at, row.address, given.lit, given.dark, equals=given.equals)
    target: Target = target_of(row, given.low, given.high, 1.0)
    if not target.known or target.low == target.high:
        return f"{row.address} needs low and high here, and not the same, or a value it equals"
    return Lamp(*at, row.address, given.lit, given.dark, target=target)


def _place(light: LightFile) -> tuple[Kind, int] | str | None:
    """What lights it; None if the file does not say."""
    if light.cc is not None and light.note is not None:
        return "a light takes cc or note, not both"
    if light.cc is not None:
        return Kind.CC, light.cc
    return None if light.note is None else (Kind.NOTE, light.note)


def _at(place: tuple[Kind, int], channel: int) -> tuple[Kind, int, int]:
    return place[0], channel, place[1]
