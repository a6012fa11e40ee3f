"""Of values that were sent again before anybody could look, the newest."""

from collections.abc import Iterable, Iterator, Mapping
from struct import Struct
from typing import TypeAlias

from daemon.control.osc import encode
from daemon.control.subscribers import Address
from daemon.control.table import NORM, Kind, Row

Datagram: TypeAlias = tuple[bytes, Address]
Knobs: TypeAlias = Mapping[bytes, tuple[float, float]]
"""How a datagram begins that sets one number, up to the number, and the range of that."""

_FLOAT = Struct(">f")


def knobs_of(table: Iterable[Row]) -> Knobs:
    """The addresses, the `/norm` ones included, of which all but the newest value may be skipped."""
    found: dict[bytes, tuple[float, float]] = {}
    for row in table:
        if row.norm and row.kind is not Kind.TOGGLE and row.low is not None and row.high is not None:  # nor an index
            for address, low, high in ((row.address, row.low, row.high), (row.address + NORM, 0.0, 1.0)):
                found[encode(address, 0.0)[: -_FLOAT.size]] = (float(low), float(high))
    return found


def newest(datagrams: Iterable[Datagram], knobs: Knobs) -> Iterator[Datagram]:
    """The same without the values of knobs that the same host sent again; a value out of range replaces none.

    Nothing else is left out, and no value overtakes anything that is no knob: what is saved is what was set by then.
    """
    run: dict[tuple[bytes, str], Datagram] = {}
    for datagram, sender in datagrams:
        head = datagram[: -_FLOAT.size]
        span = knobs.get(head)
        if span is not None and span[0] <= _FLOAT.unpack_from(datagram, len(head))[0] <= span[1]:
            key = head, sender[0]  # who may not steer replaces nobody's
            run.pop(key, None)  # so that it comes where it was sent last
            run[key] = (datagram, sender)
        elif span is None:
            if run:
                yield from run.values()
                run.clear()
            yield datagram, sender
        else:
            yield datagram, sender
    yield from run.values()
