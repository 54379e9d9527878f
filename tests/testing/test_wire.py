"""The way to the fake: real names over TLS, and no way to anywhere else."""

from __future__ import annotations

import socket
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from topgun.testing.wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def greet(request: web.BaseRequest) -> web.StreamResponse:
    """Say which host was meant."""
    return web.Response(text=f"{request.host} {request.secure}")


@asynccontextmanager
async def wired(*hosts: str) -> AsyncIterator[tuple[Wire, aiohttp.ClientSession]]:
    wire = Wire(hosts, greet)
    await wire.start()
    try:
        async with aiohttp.ClientSession(connector=wire.connector()) as session:
            yield wire, session
    finally:
        await wire.stop()


async def test_each_name_leads_here_over_tls() -> None:
    """Several names, one server; the certificate is checked and right for each."""
    async with wired("one.test", "two.test") as (_, session):
        for host in ("one.test", "two.test"):
            async with session.get(f"https://{host}/path") as response:
                assert await response.text() == f"{host} True"


async def test_a_name_that_is_added_later() -> None:
    """A further name is resolved and certified from then on."""
    async with wired("one.test") as (wire, session):
        with pytest.raises(aiohttp.ClientConnectorDNSError):
            await session.get("https://two.test/")
        wire.play("two.test")
        async with session.get("https://two.test/") as response:
            assert await response.text() == "two.test True"


async def test_nothing_else_is_reached() -> None:
    """A foreign name and a foreign address are refused, with a text that says who is played."""
    async with wired("one.test", "two.test") as (_, session):
        with pytest.raises(aiohttp.ClientConnectorError, match=r"example\.com is not played.*one\.test, two\.test"):
            await session.get("https://example.com/")
        with pytest.raises(aiohttp.ClientConnectorError, match="is not part of this fake exchange"):
            await session.get("https://192.0.2.1/")
        with (
            socket.create_server(("127.0.0.1", 0)) as other,
            pytest.raises(aiohttp.ClientConnectorError, match="is not part of this fake exchange"),
        ):
            await session.get(f"https://127.0.0.1:{other.getsockname()[1]}/")


async def test_a_stranger_does_not_trust_the_certificate() -> None:
    """Without the wire's own connector the certificate is worth nothing: it is nobody's."""
    async with wired("one.test") as (wire, _), aiohttp.ClientSession() as stranger:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await stranger.get(f"https://127.0.0.1:{wire.port}/")


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without trustme the error says what to install."""
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'topgun\[testing\]'") as raised:
        Wire(["one.test"], greet)
    assert raised.value.name == "trustme"
