"""Being found by zeroconf (DNS-SD over multicast DNS), as far as the network allows it."""

import asyncio
import logging
import re
import socket
from importlib import import_module
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zeroconf import ServiceInfo
    from zeroconf.asyncio import AsyncZeroconf

logger = logging.getLogger(__name__)

OSCQUERY, OSC = "_oscjson._tcp.local.", "_osc._udp.local."
_AGAIN = 60.0  # s until it is looked at again: a network may come up later, or give another address
_GOODBYE = 1.0  # s


def host_name(http_port: int) -> str:
    """The name of this machine that is announced with the services: each machine has its own."""
    machine = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname().partition(".")[0])[:40] or "machine"
    return f"{machine}-latentd-{http_port}.local"


class Announcement:
    """One name for both services, on the interfaces that they listen on and no others."""

    def __init__(self, name: str, host: str, osc_port: int, http_port: int) -> None:
        """`host`: listened on, in digits; 0.0.0.0 is every interface."""
        self._name, self._host, self._osc_port, self._http_port = name, host, osc_port, http_port

    async def run(self) -> None:
        """Until cancelled; a network that cannot do it is told of once and stops nothing."""
        try:
            zeroconf = await asyncio.to_thread(import_module, "zeroconf")
            await asyncio.to_thread(import_module, "zeroconf.asyncio")
        except ImportError:
            logger.info("OSCQuery is not announced on the network: pip install zeroconf to be found by name")
            return
        logging.getLogger("zeroconf").setLevel(logging.CRITICAL)  # we say it in a line of our own
        told = False
        while True:
            try:
                await self._announce(zeroconf)
                continue  # there are other addresses now
            except (OSError, TimeoutError, zeroconf.Error) as e:
                if not told:
                    logger.warning(
                        "OSCQuery cannot be announced on this network (%s); all else goes on",
                        str(e) or type(e).__name__,
                    )
                told = True
            await asyncio.sleep(_AGAIN)

    async def _announce(self, zeroconf: Any) -> None:
        """Until the addresses are others."""
        ifaddr = import_module("ifaddr")  # which zeroconf brings
        addresses = self._addresses(ifaddr)
        told = [a for a in addresses if not IPv4Address(a).is_loopback] or addresses  # another machine's is its own
        open_on: AsyncZeroconf = zeroconf.asyncio.AsyncZeroconf(
            interfaces=addresses, ip_version=zeroconf.IPVersion.V4Only
        )
        try:
            for kind, port in ((OSCQUERY, self._http_port), (OSC, self._osc_port)):
                info: ServiceInfo = zeroconf.ServiceInfo(
                    kind,
                    f"{self._name}.{kind}",
                    port=port,
                    parsed_addresses=told,
                    server=f"{host_name(self._http_port)}.",
                    properties={"txtvers": "1"},
                )
                await (await open_on.async_register_service(info, allow_name_change=True))
            while True:
                await asyncio.sleep(_AGAIN)
                if self._addresses(ifaddr) != addresses:
                    return
        finally:
            await asyncio.wait({asyncio.ensure_future(open_on.async_close())}, timeout=_GOODBYE)  # it says goodbye

    def _addresses(self, ifaddr: Any) -> list[str]:
        """Of the interfaces listened on."""
        if not IPv4Address(self._host).is_unspecified:
            return [self._host]
        found = {str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4}
        return sorted(found, key=lambda a: (IPv4Address(a).is_loopback, a))
