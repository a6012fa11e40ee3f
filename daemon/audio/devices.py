"""Sound inputs by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from daemon.errors import SourceUnavailable

HostName: TypeAlias = Literal["portaudio", "jack", "loopback"]
"""A sound system; a module of hosts/."""
HOSTS: tuple[HostName, ...] = get_args(HostName)

MOST_CHANNELS = 2  # taken of an input, and in a block

# where the same input is offered more than once, the shortest way to the hardware that shares it with others
_PREFERRED = ("JACK Audio Connection Kit", "Windows WASAPI", "Core Audio", "ALSA", "Windows DirectSound", "MME")


@dataclass(frozen=True, slots=True)
class Device:
    """A sound input."""

    index: int  # as the sound library counts; changes whenever something is plugged in
    name: str
    api: str  # the way to it: ALSA, Core Audio, Windows WASAPI, ...
    channels: int
    rate: float  # Hz, its own
    default: bool


def choose(inputs: Sequence[Device], name: str | None, what: str = "input") -> Device:
    """The input of that name, or the default one: the whole name first, then the only one that contains it.

    Raises `SourceUnavailable` and lists what is there.
    """
    if name is None:
        found = [d for d in inputs if d.default]
        if not found:
            raise SourceUnavailable(f"there is no default sound {what}; {_there(inputs)}")
        return found[0]
    wanted = name.casefold().strip()
    exact = [d for d in inputs if wanted in (d.name.casefold().strip(), f"{d.name}, {d.api}".casefold())]
    alike = [d for d in inputs if wanted and wanted in d.name.casefold()]
    found = exact or alike
    if not found:
        raise SourceUnavailable(f"no {what} named '{name}'; {_there(inputs)}")
    if len({d.name for d in found}) > 1 and not exact:
        raise SourceUnavailable(f"'{name}' could be {_names(found)}: give the whole name")
    return min(found, key=lambda d: _PREFERRED.index(d.api) if d.api in _PREFERRED else len(_PREFERRED))


def _there(inputs: Sequence[Device]) -> str:
    if not inputs:
        return "there are none: plug one in, start its sound server, or listen to a file with --source file:PATH"
    return f"there are: {_names(inputs)}"


def _names(inputs: Sequence[Device]) -> str:
    return ", ".join(dict.fromkeys(f"'{d.name}'" for d in inputs))
