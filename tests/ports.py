"""Ports for programs that must be told theirs."""

import secrets
import socket
from contextlib import suppress

_FIRST, _LAST = 20_000, 32_767  # below those that any system hands out, so nobody is given it meanwhile


def free_port(kind=socket.SOCK_DGRAM):
    """A port of this machine that nobody has."""
    while True:
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        with suppress(OSError), socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(("", port))
            return port
