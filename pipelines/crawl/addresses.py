"""The guard against requests into private networks: it resolves names, and returns public addresses only.

The connector connects to exactly the addresses that its resolver returns, so a name cannot be checked as one address and fetched from
another. An IP address in a URL bypasses the resolver, and is checked before the request.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class PrivateAddressError(Exception):
    """A host on loopback or in a private network that the recipe does not allow."""


def is_public(address: str) -> bool:
    """Whether this IP address, or the IPv4 address in it, is on the public Internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


class AddressGuard(AbstractResolver):
    """Resolves names to public addresses only, and those in `private_hosts` to any."""

    def __init__(self, private_hosts: Iterable[str], resolver: AbstractResolver | None = None) -> None:
        self.private_hosts = {host.strip("[]").lower() for host in private_hosts}
        self.resolver = resolver or ThreadedResolver()

    def check_literal(self, host: str) -> None:
        """Raise PrivateAddressError if the host is itself an IP address that may not be requested."""
        try:
            public = is_public(host)
        except ValueError:  # a name, which is resolved later
            return
        if not public and host not in self.private_hosts:
            raise PrivateAddressError(host)

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        """The addresses of `host` to which connections are allowed."""
        found = await self.resolver.resolve(host, port, family)
        if host.lower() in self.private_hosts:
            return found
        public = [address for address in found if is_public(address["host"])]
        if not public:
            raise PrivateAddressError(host)
        return public

    async def close(self) -> None:
        """Close the underlying resolver."""
        await self.resolver.close()
