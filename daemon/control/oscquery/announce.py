"""Being found by zeroconf (DNS-SD over multicast DNS), as far as the network allows it."""

import asyncio
import logging
import re
import socket
from importlib import import_module
from ipaddress import IPv4Address
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zeroconf import ServiceInfo
    from zeroconf.asyncio import AsyncZeroconf

logger = logging.getLogger(__name__)

OSCQUERY, OSC = "_oscjson._tcp.local.", "_osc._udp.local."
_AGAIN = 60.0  # s until it is looked at again: a network may come up later, or give another address
_SOON = (1.0, 2.0, 4.0)  # s from one look to the next at first: who took the same name at once is heard of by then
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
            kinds = ((OSCQUERY, self._http_port), (OSC, self._osc_port))
            infos = await asyncio.gather(*(self._register(zeroconf, open_on, *kind, told) for kind in kinds))
            for wait in chain(_SOON, repeat(_AGAIN)):
                await asyncio.sleep(wait)
                if self._addresses(ifaddr) != addresses:
                    return
                infos = await asyncio.gather(*(self._alone(zeroconf, open_on, info, told) for info in infos))
        finally:
            await asyncio.wait({asyncio.ensure_future(open_on.async_close())}, timeout=_GOODBYE)  # it says goodbye

    async def _register(
        self, zeroconf: Any, open_on: "AsyncZeroconf", kind: str, port: int, addresses: list[str]
    ) -> "ServiceInfo":
        """Announce one service, under the name or the next that is free."""
        info: ServiceInfo = zeroconf.ServiceInfo(
            kind,
            f"{self._name}.{kind}",
            port=port,
            parsed_addresses=addresses,
            server=f"{host_name(self._http_port)}.",
            properties={"txtvers": "1"},
        )
        await (await open_on.async_register_service(info, allow_name_change=True))
        return info

    async def _alone(
        self, zeroconf: Any, open_on: "AsyncZeroconf", info: "ServiceInfo", addresses: list[str]
    ) -> "ServiceInfo":
        """What is announced in its place if somebody else took the name in the same moment: RFC 6762, 8.2 and 9.

        Of two the one stays whose record is the later in order; the other leaves without a goodbye, for that would
        take the name from both.
        """
        ours = (info.server or "").lower(), info.port or 0
        found = open_on.zeroconf.cache.async_entries_with_name(info.name)
        others = {(r.server.lower(), r.port) for r in found if isinstance(r, zeroconf.DNSService)} - {ours}
        if not others:
            return info
        if ours > max(others):
            await (await open_on.async_update_service(info))  # whoever heard the other last hears whose it is
            return info
        open_on.zeroconf.registry.async_remove(info)
        return await self._register(zeroconf, open_on, info.type, ours[1], addresses)

    def _addresses(self, ifaddr: Any) -> list[str]:
        """Of the interfaces listened on."""
        if not IPv4Address(self._host).is_unspecified:
            return [self._host]
        found = {str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4}
        return sorted(found, key=lambda a: (IPv4Address(a).is_loopback, a))
