"""What a mapping file may hold: each key with its range and meaning."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from daemon.midi.message import Encoding
from daemon.midi.plan import Does

VERSION = 1
MOST = 512  # controls or lights
_LONGEST = 16  # values that one press sends

_Seven = Annotated[int, Field(ge=0, le=127)]
_Channel = Annotated[int, Field(ge=1, le=16)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Text = Annotated[str, Field(max_length=64)]
_Address = Annotated[str, Field(min_length=1, max_length=255)]


def _many(given: object) -> object:
    """What a press sends, as a tuple; a switch as 0 or 1."""
    many = given if isinstance(given, list | tuple) else [given]
    plain = all(isinstance(one, str | int | float) for one in many)
    if not plain or not 1 <= len(many) <= _LONGEST or any(isinstance(one, str) and len(one) > 64 for one in many):
        raise ValueError(f"takes a number, a text of at most 64 characters, or a list of 1 to {_LONGEST} of them")
    return tuple(int(one) if isinstance(one, bool) else one for one in many)


def _itself(given: object) -> object:
    """`light: true` is a light without further words, `light: false` is none; on and off are taken for them."""
    if isinstance(given, str):
        given = {"on": True, "yes": True, "off": False, "no": False}.get(given.lower(), given)
    return {} if given is True else None if given is False else given


_NOTHING = BeforeValidator(lambda given: () if given is None else given)  # a key with nothing behind it


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LightFile(_Part):
    """A light of the controller, as a mapping file holds it."""

    cc: _Seven | None = Field(default=None, description="the controller number that lights it")
    note: _Seven | None = Field(default=None, description="the note that lights it")
    channel: _Channel | None = Field(default=None, description="1 to 16; the control's or the file's if absent")
    lit: _Seven = Field(default=127, description="what lights it: velocity, value or colour")
    dark: _Seven = Field(default=0, description="what puts it out")


class LampFile(LightFile):
    """A light without a control."""

    shows: _Address = Field(description="the address whose state lights it, or /latentd/audio/NAME")
    equals: _Text | _Finite | None = Field(default=None, description="lit while the state is this")
    low: _Finite | None = Field(default=None, description="the state at which it is off")
    high: _Finite | None = Field(default=None, description="the state at which it is fully on")


class ControlFile(_Part):
    """One control, as a mapping file holds it: exactly one of cc, encoder, note, bend, nrpn and program."""

    cc: _Seven | None = Field(default=None, description="controller number: a fader, a knob, a pedal, a button")
    fine: _Seven | None = Field(default=None, description="controller that carries the lower 7 of 14 bits of cc")
    encoder: _Seven | None = Field(default=None, description="controller number of an endless encoder")
    note: _Seven | None = Field(default=None, description="a key, a pad, a button")
    bend: Literal[True] | None = Field(default=None, description="the pitch bend wheel, 14 bits")
    nrpn: Annotated[int, Field(ge=0, le=16383)] | None = Field(
        default=None, description="number of a parameter that controllers 99, 98, 6 and 38 set, 14 bits"
    )
    program: Literal[True] | None = Field(default=None, description="program changes: the number is sent, from 0")
    channel: _Channel | None = Field(default=None, description="1 to 16; the file's, or any, if absent")
    to: _Address = Field(description="the OSC address")
    does: Does | None = Field(default=None, description="what it does; told by the control and the address if absent")
    low: _Finite | None = Field(default=None, description="value at its low end, in the address's unit")
    high: _Finite | None = Field(default=None, description="value at its high end; may be less than low")
    curve: Annotated[float, Field(ge=0.1, le=10, allow_inf_nan=False)] = Field(
        default=1.0, description="exponent over its way: 2 begins slowly, 0.5 fast"
    )
    send: Annotated[tuple[str | int | _Finite, ...], BeforeValidator(_many)] = Field(
        default=(), description="what a press sends: a value, or a list such as [storm, 4]"
    )
    velocity: bool = Field(default=False, description="a note sends how hard it was played")
    encoding: Encoding | None = Field(default=None, description="of an encoder; twos if absent")
    step: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = Field(
        default=None, description="of the way from low to high for one step of an encoder; 1/128 if absent"
    )
    takeover: bool | None = Field(
        default=None, description="wait until it meets the present value; the file's if absent"
    )
    light: Annotated[LightFile | None, BeforeValidator(_itself)] = Field(
        default=None, description="true: lit by the message it sends"
    )


class MapFile(_Part):
    """A whole mapping file."""

    version: Literal[1] = Field(description="of this format")
    title: str = Field(default="", max_length=200, description="the controller's name")
    about: str = Field(default="", max_length=4000, description="where the numbers are from, what to set up")
    ports: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        default=(), max_length=16, description="parts of the names its ports have; capitals do not matter"
    )
    channel: _Channel | None = Field(default=None, description="of controls that name none; any if absent")
    takeover: bool = Field(default=True, description="whether faders wait until they meet the present value")
    controls: Annotated[tuple[ControlFile, ...], _NOTHING] = Field(default=(), max_length=MOST)
    lights: Annotated[tuple[LampFile, ...], _NOTHING] = Field(default=(), max_length=MOST)
