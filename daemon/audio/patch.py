"""Which JACK ports belong to which side of ours."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Wire: TypeAlias = tuple[str, int]
"""A whole port name and our side, 0 left or 1 right."""


def wires(name: str, outputs: Sequence[str]) -> tuple[Wire, ...]:
    """What to connect for `name`, of the audio outputs there are: whole names alone, so it is never another's sound.

    A client gives its first two ports, or its only one to both sides. `CLIENT:PORT` is that port on both sides, and
    `CLIENT:LEFT,CLIENT:RIGHT` one for each. Case matters only where two names differ in nothing else.
    """
    wanted = name.strip()
    if (port := _find(wanted, outputs)) is not None:
        return _sides([port])
    if (client := _find(wanted, clients(outputs))) is not None:
        return _sides([o for o in outputs if _client(o) == client])
    left, comma, right = wanted.partition(",")
    if comma:
        halves = (_find(left.strip(), outputs), _find(right.strip(), outputs))
        return tuple((port, side) for side, port in enumerate(halves) if port is not None)
    return ()


def clients(outputs: Iterable[str]) -> tuple[str, ...]:
    """The clients these ports belong to, in order."""
    return tuple(dict.fromkeys(map(_client, outputs)))


def _client(port: str) -> str:
    return port.partition(":")[0]


def _find(name: str, names: Sequence[str]) -> str | None:
    """This name among others."""
    if name in names:
        return name
    alike = [other for other in names if other.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def _sides(ports: Sequence[str]) -> tuple[Wire, ...]:
    return tuple(zip((*ports, *ports)[:2] if len(ports) == 1 else ports[:2], (0, 1), strict=False))
