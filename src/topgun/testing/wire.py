"""The way from a client to the fake exchange: real host names, TLS, and nothing beyond this computer."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

__all__ = ["Wire"]

_HOME = "127.0.0.1"


class Wire:
    """An HTTPS server on 127.0.0.1 with a throw-away certificate, and the connectors that lead to it.

    Args:
        hosts: The names it answers to.
        handle: Answers each request.

    Raises:
        ModuleNotFoundError: ``trustme`` is not installed.
    """

    def __init__(
        self, hosts: Iterable[str], handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    ) -> None:
        self.hosts = set(hosts)
        self._handle = handle
        self._authority: Any = _authority()
        self._server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._client_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(self._client_tls)
        self._certify()

    async def start(self) -> None:
        """Listen on a free port."""
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOME, 0, ssl_context=self._server_tls).start()
        self.port: int = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        await self._runner.cleanup()

    def play(self, host: str) -> None:
        """Answer to one more name."""
        self.hosts.add(host)
        self._certify()

    def connector(self) -> aiohttp.TCPConnector:
        """Return a connector that reaches this server under its names, and nothing else."""
        return aiohttp.TCPConnector(
            resolver=_Names(self), ssl=self._client_tls, socket_factory=self._socket, limit=0, use_dns_cache=False
        )

    def _certify(self) -> None:
        self._authority.issue_cert(*sorted(self.hosts)).configure_cert(self._server_tls)

    def _socket(self, address: Any) -> socket.socket:
        family, kind, protocol, _, where = address
        if where[:2] != (_HOME, self.port):  # an address in numbers is not resolved, so it is stopped here
            text = f"{where[0]}:{where[1]} is not part of this fake exchange; nothing leaves this computer"
            raise OSError(errno.EACCES, text)
        return socket.socket(family, kind, protocol)


class _Names(AbstractResolver):
    """The DNS of a fake exchange (an abstract class that aiohttp gives for this purpose)."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in self._wire.hosts:
            known = ", ".join(sorted(self._wire.hosts))
            text = f"{host} is not played by this fake exchange (it plays {known}); nothing leaves this computer"
            raise OSError(socket.EAI_NONAME, text)
        flags = socket.AI_NUMERICHOST
        return [
            ResolveResult(hostname=host, host=_HOME, port=self._wire.port, family=socket.AF_INET, proto=0, flags=flags)
        ]

    async def close(self) -> None:
        """Hold nothing."""


def _authority() -> Any:
    try:
        import trustme  # noqa: PLC0415  (an optional dependency)
    except ImportError as error:
        raise ModuleNotFoundError(
            "a fake exchange needs trustme for its certificate: pip install 'topgun[testing]'", name="trustme"
        ) from error
    return trustme.CA()
