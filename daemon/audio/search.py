"""Everything this machine can be listened to through, and the SOURCE that names it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from daemon.audio.device import devices
from daemon.audio.devices import HOSTS, Device, HostName, choose
from daemon.errors import SourceError, SourceUnavailable

PATIENCE = 8.0  # s a sound system may take to tell what it has

_KINDS: dict[HostName, str] = {"portaudio": "device", "jack": "jack", "loopback": "loopback"}


@dataclass(frozen=True, slots=True)
class Found:
    """One thing to listen to."""

    source: str | None  # what names it; None where another of the same name is in the way
    device: Device


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, and in words what was not there to be asked."""

    found: tuple[Found, ...]
    missing: tuple[tuple[str, str], ...]  # the kind of SOURCE, and why there is none


def search(timeout: float = PATIENCE) -> Search:
    """Ask every sound system at once, each in a process of its own; who does not answer in time is missing."""
    with ThreadPoolExecutor(len(HOSTS)) as pool:
        answers = list(pool.map(lambda host: _ask(host, timeout), HOSTS))
    found = [
        it for host, told in zip(HOSTS, answers, strict=True) if not isinstance(told, str) for it in _named(host, told)
    ]
    missing = [(_KINDS[host], told) for host, told in zip(HOSTS, answers, strict=True) if isinstance(told, str)]
    return Search(tuple(found), tuple(missing))


def _ask(host: HostName, timeout: float) -> tuple[Device, ...] | str:
    try:
        return devices(timeout, host) or "there is nothing to listen to: plug something in, or start its sound server"
    except SourceError as e:
        return str(e)


def _named(host: HostName, there: Sequence[Device]) -> list[Found]:
    return [Found(_source(host, there, device), device) for device in there]


def _source(host: HostName, there: Sequence[Device], device: Device) -> str | None:
    """The shortest SOURCE that opens this and nothing else."""
    if host == "jack":  # by whole names alone
        return f"jack:{device.name}"
    for name in (device.name, f"{device.name}, {device.api}"):
        try:
            if choose(there, name) is device:
                return f"{_KINDS[host]}:{name}"
        except SourceUnavailable:
            continue
    return None
