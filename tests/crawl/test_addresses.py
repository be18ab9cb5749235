"""The guard lets no request into a private network."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from pipelines.crawl.addresses import AddressGuard, PrivateAddressError, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - nothing is bound here
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_private_addresses_are_recognized_however_wrapped(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


class Names(AbstractResolver):
    """A resolver with a fixed answer."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=a, port=port, family=family, proto=0, flags=0) for a in self.addresses]

    async def close(self) -> None:
        pass


def resolved(guard: AddressGuard, host: str) -> list[str]:
    return [found["host"] for found in asyncio.run(guard.resolve(host, 80))]


def test_only_the_public_addresses_of_a_name_are_connected_to() -> None:
    assert resolved(AddressGuard((), Names("10.0.0.1", "8.8.8.8")), "mixed.example") == ["8.8.8.8"]
    with pytest.raises(PrivateAddressError):
        resolved(AddressGuard((), Names("10.0.0.1", "::1")), "inside.example")


def test_hosts_that_the_recipe_names_may_be_private() -> None:
    guard = AddressGuard(("Inside.example", "[::1]"), Names("10.0.0.1"))
    assert resolved(guard, "inside.example") == ["10.0.0.1"]
    guard.check_literal("::1")
    with pytest.raises(PrivateAddressError):
        resolved(guard, "other.example")


def test_addresses_in_the_url_are_checked_too() -> None:
    guard = AddressGuard(("127.0.0.1",), Names())
    for allowed in ("127.0.0.1", "8.8.8.8", "a-name.example"):
        guard.check_literal(allowed)
    for refused in ("127.0.0.2", "::1", "169.254.169.254"):
        with pytest.raises(PrivateAddressError):
            guard.check_literal(refused)


def test_odd_spellings_of_loopback_meet_the_resolver() -> None:
    """Python does not take these for addresses but the C library does, so the resolved addresses must be checked."""

    async def resolve(spelling: str) -> None:
        await AddressGuard(()).resolve(spelling, 80)

    for spelling in ("127.1", "2130706433", "0x7f.1", "localhost"):
        with pytest.raises(PrivateAddressError):
            asyncio.run(resolve(spelling))
