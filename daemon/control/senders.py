"""Who is obeyed: this machine always, others when their address is listed."""

import socket
from collections.abc import Callable, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network

_REMEMBERED = 256  # senders judged; a forged flood of them costs no more memory than that
_KEPT = 30.0  # s a judgement holds: a machine may be given another address


def is_own(host: str) -> bool:
    """Whether an address, in digits, is one of this machine: what is sent to it would start from it. Sends nothing."""
    if IPv4Address(host).is_loopback:
        return True
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))
            return bool(probe.getsockname()[0] == host)
    except OSError:  # no way there, or an address that nobody has
        return False


class Senders:
    """The list of `osc.allow`; time is passed in."""

    def __init__(self, allow: Sequence[IPv4Network], own: Callable[[str], bool] = is_own) -> None:
        self._allow, self._own = tuple(allow), own
        self._known: dict[str, tuple[bool, float]] = {}  # by host, and until when

    def obeys(self, host: str, now: float) -> bool:
        """Whether what comes from this host, in digits, is listened to."""
        verdict, until = self._known.get(host, (False, -1.0))
        if now < until:
            return verdict
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        verdict = self._judge(host)
        self._known[host] = (verdict, now + _KEPT)
        return verdict

    def _judge(self, host: str) -> bool:
        try:
            address = IPv4Address(host)
        except AddressValueError:
            return False
        return any(address in network for network in self._allow) or self._own(host)
