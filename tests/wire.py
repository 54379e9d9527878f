"""A real HTTP server on 127.0.0.1 that keeps what arrives, and two venues to sign for: one by header, one by query."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from yarl import URL

from topgun.client import Client
from topgun.exchange import Exchange, Host

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from topgun.clock import Instant
    from topgun.credentials import Credential
    from topgun.exchange import Draft

KEY, SECRET, PASSPHRASE = "the-key", "the-very-secret", "the-passphrase"
APIS = {"header": [KEY, SECRET, PASSPHRASE], "query": [KEY, SECRET, PASSPHRASE]}


@dataclass
class Arrived:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)

    def hmac(self, text: str) -> str:
        """Return what a signature over `text` and the body must be, computed apart from the code under test."""
        return hmac.new(SECRET.encode(), text.encode() + self.body, hashlib.sha256).hexdigest()

    @property
    def signed(self) -> bool:
        """True when exactly one signature is there, and it is right; False when there is none."""
        assert "topgun" not in self.headers.get("Content-Type", "")
        pairs = self.pairs
        if "signature" in dict(pairs):
            unsigned, _, signature = self.target.rpartition("&signature=")
            assert [name for name, _ in pairs].count("signature") == 1
            assert [name for name, _ in pairs].count("timestamp") == 1
            assert signature == self.hmac(unsigned.partition("?")[2])
            return True
        if "X-SIGN" in self.headers:
            assert len([name for name in self.headers if name.upper() == "X-SIGN"]) == 1
            assert self.headers["X-SIGN"] == self.hmac(self.headers["X-TIME"] + self.method + self.target)
            return True
        return False


def stamp(arrived: Arrived) -> int:
    """Return the time that a signature was made at, in ms."""
    return int(arrived.headers.get("X-TIME") or dict(arrived.pairs)["timestamp"])


def sign_header(draft: Draft, key: Credential, now: Instant) -> None:
    """Sign by headers, with a JSON body."""
    text = f"{now.ms}{draft.method}{draft.url.raw_path_qs}".encode() + draft.json()
    draft.headers["X-KEY"] = key.key
    draft.headers["X-TIME"] = str(now.ms)
    draft.headers["X-PASSPHRASE"] = key.passphrase
    draft.headers["X-SIGN"] = hmac.new(key.secret, text, hashlib.sha256).hexdigest()


def sign_query(draft: Draft, key: Credential, now: Instant) -> None:
    """Sign by two more query parameters, with a form body."""
    url = draft.url.extend_query({"timestamp": now.ms})
    text = url.raw_query_string.encode() + draft.form()
    signature = hmac.new(key.secret, text, hashlib.sha256).hexdigest()
    draft.url = URL(f"{url}&signature={signature}", encoded=True)
    draft.headers["X-KEY"] = key.key


def venue(*, header: str = "127.0.0.1", query: str = "localhost", **more: Host) -> Exchange:
    """Return a venue whose host `header` is signed by headers and whose host `query` is signed in the query."""
    hosts = {
        header: Host(api="header", sign=sign_header),
        query: Host(api="query", sign=sign_query),
        **more,
    }
    return Exchange(
        name="wire",
        docs="https://docs.example",
        hosts=hosts,
        apis=("header", "query"),
        credential=("key", "secret", "passphrase"),
    )


def client(*, exchange: Any = None, **kwargs: Any) -> Client:
    """Return a client with the credentials of `venue`."""
    return Client(APIS, exchanges=[exchange or venue()], **kwargs)


HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["by_header", "by_query"])

Answer = web.StreamResponse | Any


@dataclass
class Wire:
    """The server; ``async with Wire() as wire``.

    `answer` is called with each request that arrived and returns a response or what to answer as JSON; 500 is
    the status when it raises. WebSocket upgrades are accepted (and closed) where it returns ``None``.
    """

    answer: Callable[[Arrived], Answer] = lambda arrived: {"path": arrived.target}
    arrived: list[Arrived] = field(default_factory=list)
    port: int = 0
    ssl: Any = None
    _transports: set[asyncio.Transport] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.ssl)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        for transport in self._transports:
            transport.abort()  # TLS would wait for the other side's goodbye
        for _turn in range(10):  # in which the loop closes what was aborted
            await asyncio.sleep(0)

    def url(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    @property
    def last(self) -> Arrived:
        return self.arrived[-1]

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        # raw_path is the target as it stood on the request line
        arrived = Arrived(request.method, request.raw_path, request.headers.copy(), await request.read())
        self.arrived.append(arrived)
        if request.transport is not None:
            self._transports.add(request.transport)
        answer = self.answer(arrived)
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer is None and request.headers.get("Upgrade") == "websocket":
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            await ws.close()
            return ws
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)


def moved(status: int, location: str) -> web.Response:
    """Return a redirect."""
    return web.Response(status=status, headers={"Location": location})


class Names(AbstractResolver):
    """Resolves every name to this computer; hangs for ``hang.example``."""

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[Any]:
        if host == "hang.example":
            await asyncio.sleep(60)
        entry = {"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET, "proto": 0}
        return [{**entry, "flags": socket.AI_NUMERICHOST}]

    async def close(self) -> None:
        pass


def names() -> aiohttp.TCPConnector:
    """Return a connector for which every name is this computer."""
    return aiohttp.TCPConnector(resolver=Names(), limit=0)


def basic_auth() -> aiohttp.BasicAuth:
    """Return user "user" and password "pass"; newer releases of aiohttp warn of the class itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return aiohttp.BasicAuth("user", "pass")


def unused_port() -> int:
    """Return a port of this computer on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
