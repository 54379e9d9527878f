"""Where a signature may go: redirects, upgrades, plaintext. To its own origin, afresh, and never in clear."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import trustme
from aiohttp import web
from yarl import URL

from topgun.client import Client
from topgun.errors import RedirectRefused, SigningError
from topgun.exchange import Host
from topgun.signing import origin_of
from topgun.testing.clock import FakeClock

from .wire import (
    HOSTS,
    KEY,
    PASSPHRASE,
    Arrived,
    Wire,
    basic_auth,
    client,
    moved,
    names,
    sign_header,
    stamp,
    venue,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from topgun.clock import Instant
    from topgun.credentials import Credential
    from topgun.exchange import Draft, Link

REDIRECTS = pytest.mark.parametrize("status", [301, 302, 303, 307, 308])


# --- redirects ---


def hop(status: int, location: str) -> Callable[[Arrived], Any]:
    """Return an answer that redirects ``/a`` to `location`."""
    return lambda arrived: moved(status, location) if arrived.target.startswith("/a") else {"at": arrived.target}


@HOSTS
@REDIRECTS
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_d09b_redirect_within_the_origin_is_signed_afresh(host: str, status: int, method: str) -> None:
    """A redirect within the origin is followed with one signature of its own, over what is sent there, at that time."""
    clock = FakeClock(start=1_000.0)

    def later(arrived: Arrived) -> Any:
        clock.skew(1.0)
        return hop(status, "/b?x=1")(arrived)

    async with Wire(later) as wire, client(clock=clock) as bot:
        data = None if method == "GET" else {"a": 1}
        response = await bot.request(method, wire.url("/a?y=2", host), data=data)
        assert response.status == 200
        first, second = wire.arrived
        assert first.signed
        assert second.signed
        assert [stamp(first), stamp(second)] == [1_000_000, 1_001_000]
        assert second.target.startswith("/b?x=1")
        assert "y" not in dict(second.pairs)
        if status == 303 or (method == "POST" and status in (301, 302)):
            assert (second.method, second.body) == ("GET", b"")
        else:
            assert (second.method, second.body) == (method, first.body)


@HOSTS
@REDIRECTS
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_d09_redirect_to_another_origin_is_refused(host: str, status: int, method: str) -> None:
    """A redirect to another port or host is refused: neither headers nor body go there, and the text says where."""
    async with Wire() as other, Wire() as wire, client(connector=names()) as bot:
        for there in (host, "evil.example"):
            wire.arrived.clear()
            wire.answer = hop(status, other.url("/steal?token=t", there))
            with pytest.raises(RedirectRefused) as caught:
                await bot.request(method, wire.url("/a", host), data=None if method == "GET" else {"a": 1})
            assert other.arrived == []
            assert [arrived.signed for arrived in wire.arrived] == [True]
            assert f"http://{there}:{other.port}" in str(caught.value)
            assert "steal" not in str(caught.value)
            assert "token" not in str(caught.value)


async def test_unsigned_requests_follow_redirects() -> None:
    """A request that is not signed is redirected as aiohttp does, and not signed on the way."""
    async with Wire() as other, Wire() as wire, client() as bot:
        wire.answer = hop(302, other.url("/b"))
        await bot.get(wire.url("/a"), auth=None)
        assert not other.last.signed
        await bot.get(wire.url("/a", "[::ffff:127.0.0.1]"))
        assert not other.last.signed


async def test_redirects_can_be_refused_by_the_caller() -> None:
    """``allow_redirects=False`` returns the redirect itself."""
    async with Wire(hop(302, "/b")) as wire, client() as bot:
        response = await bot.get(wire.url("/a"), allow_redirects=False)
        assert (response.status, len(wire.arrived)) == (302, 1)


async def test_redirect_that_echoes_the_query_is_not_signed_twice() -> None:
    """What a signature added to the query is taken out of a redirect that sends it back."""

    def echo(arrived: Arrived) -> Any:
        path, _, query = arrived.target.partition("?")
        return moved(307, f"/b?{query}") if path == "/a" else {}

    clock = FakeClock()
    async with Wire(echo) as wire, client(clock=clock) as bot:
        response = await bot.post(wire.url("/a?x=1&y=%2B", "localhost"), data={"a": 1})
        assert [arrived.signed for arrived in wire.arrived] == [True, True]
        assert [name for name, _ in wire.last.pairs] == ["x", "y", "timestamp", "signature"]
        assert response.url == URL(wire.url("/b?x=1&y=%2B", "localhost"))
        await bot.get(wire.url("/a", "localhost"))
        assert [name for name, _ in wire.last.pairs] == ["timestamp", "signature"]


# --- the upgrade of a socket ---


@HOSTS
async def test_upgrade_is_signed(host: str) -> None:
    """The GET that opens a WebSocket is signed where the host has a signer."""
    async with Wire(lambda _: None) as wire, client() as bot:
        ws = await bot._connect(URL(wire.url("/ws?x=1", host, "ws")), params={"y": "2"}, headers={"X-Mine": "1"})
        assert wire.last.signed
        assert wire.last.headers["X-Mine"] == "1"
        assert wire.last.target.startswith("/ws?x=1&y=2")
        assert "Content-Length" not in wire.last.headers
        await ws.close()


async def test_upgrade_is_told_to_the_signer() -> None:
    """A signer can tell the upgrade from a request, and opt out."""

    def sign(draft: Draft, key: Credential, now: Instant) -> None:
        if not draft.upgrade:
            sign_header(draft, key, now)

    exchange = venue(header="x.example", **{"127.0.0.1": Host(api="header", sign=sign)})
    async with Wire(lambda _: None) as wire, client(exchange=exchange) as bot:
        ws = await bot._connect(URL(wire.url("/ws", scheme="ws")))
        assert not wire.last.signed
        await ws.close()


async def test_upgrade_unsigned() -> None:
    """``auth=None`` opens the socket unsigned; a BasicAuth becomes its header."""
    basic = basic_auth()
    async with Wire(lambda _: None) as wire, client() as bot:
        await (await bot._connect(URL(wire.url("/ws", scheme="ws")), auth=None)).close()
        assert not wire.last.signed
        await (await bot._connect(URL(wire.url("/ws", scheme="ws")), auth=basic)).close()
        assert wire.last.headers["Authorization"] == "Basic dXNlcjpwYXNz"


@HOSTS
@REDIRECTS
@pytest.mark.parametrize("absolute", [False, True])
async def test_d09b_upgrade_redirected_within_the_origin(host: str, status: int, absolute: bool) -> None:
    """A WebSocket that is redirected within the origin is signed afresh; ``http`` and ``ws`` are one origin."""
    async with Wire() as wire, client() as bot:
        location = wire.url("/b", host) if absolute else "/b"
        wire.answer = lambda arrived: moved(status, location) if arrived.target.startswith("/a") else None
        ws = await bot._connect(URL(wire.url("/a?x=1", host, "ws")))
        assert [arrived.signed for arrived in wire.arrived] == [True, True]
        assert wire.last.target.startswith("/b")
        assert "x" not in dict(wire.last.pairs)
        await ws.close()


@HOSTS
@REDIRECTS
async def test_d09_upgrade_redirected_to_another_origin(host: str, status: int) -> None:
    """A WebSocket that is redirected to another port or host is refused there and then; the app says so."""
    async with Wire(lambda _: None) as other, Wire() as wire, client(connector=names()) as bot:
        for there in (host, "evil.example"):
            wire.answer = lambda _, there=there: moved(status, other.url("/steal", there))
            with pytest.raises(RedirectRefused):
                await bot._connect(URL(wire.url("/a", host, "ws")))
            with pytest.raises(RedirectRefused):
                await bot.ws_connect(wire.url("/a", host, "ws"))
        assert other.arrived == []


# --- sockets that use a key after the upgrade ---


async def log_in(link: Link) -> None:
    """Send the key and nothing else."""
    assert link.credential is not None
    await link.send_str(link.credential.key)


def stamped(message: Any, link: Link) -> Any:
    """Sign a message."""
    assert link.credential is not None
    return {**message, "key": link.credential.key}


SOCKETS = pytest.mark.parametrize(
    "record", [Host(api="header", login=log_in), Host(api="header", sign_message=stamped)], ids=["login", "messages"]
)


@SOCKETS
@REDIRECTS
async def test_d09_socket_with_a_key_stays_at_its_origin(record: Host, status: int) -> None:
    """D09: a socket that is logged in, or whose messages are signed, is not opened anywhere else, either."""
    exchange = venue(header="x.example", **{"127.0.0.1": record})
    async with Wire(lambda _: None) as other, Wire() as wire, client(exchange=exchange, connector=names()) as bot:
        for there in ("127.0.0.1", "evil.example"):
            wire.answer = lambda _, there=there: moved(status, other.url("/steal", there))
            with pytest.raises(RedirectRefused):
                await bot.ws_connect(wire.url("/a", scheme="ws"))
        assert other.arrived == []
        app = bot.ws_connect(wire.url("/a", scheme="ws"), auth=None)  # there is no key to lose
        await app
        assert [arrived.target for arrived in other.arrived] == ["/steal"]
        await app.close()
        wire.answer = lambda arrived: moved(status, "/b") if arrived.target == "/a" else None
        await bot.ws_connect(wire.url("/a", scheme="ws"))
        assert wire.last.target == "/b"
        assert not wire.last.signed


@SOCKETS
async def test_d08_socket_with_a_key_is_not_opened_in_plaintext(record: Host) -> None:
    """D08: a key is neither logged in with nor signed with over ``ws://`` to another computer."""
    exchange = venue(header="x.example", **{"venue.example": record})
    async with Wire(lambda _: None) as wire:
        url = wire.url("/ws", "venue.example", "ws")
        async with client(exchange=exchange, connector=names()) as bot:
            with pytest.raises(SigningError, match=r"plaintext.*wss://"):
                await bot.ws_connect(url)
            assert wire.arrived == []
            await bot.ws_connect(url, auth=None)
            assert len(wire.arrived) == 1
        async with client(exchange=exchange, connector=names(), allow_plaintext=True) as bot:
            await bot.ws_connect(url)
            assert len(wire.arrived) == 2
        async with Client({}, exchanges=[exchange], connector=names()) as bot:
            await bot.ws_connect(url, hdlr_json=print)  # no key, nothing to guard
            assert len(wire.arrived) == 3


async def test_refused_upgrade_shows_no_signature() -> None:
    """A handshake that is refused shows neither signature nor query."""
    async with Wire(lambda _: web.Response(status=403)) as wire, client() as bot:
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await bot._connect(URL(wire.url("/ws?token=t0ken", host, "ws")))
            assert wire.last.signed
            shown = str(caught.value) + repr(caught.value)
            for hidden in ("signature", "X-SIGN", "t0ken", KEY, PASSPHRASE):
                assert hidden not in shown


def test_origin_of() -> None:
    """The origin of a socket is that of the server it is opened on, with or without the default port."""
    assert origin_of(URL("wss://user:pass@h.example/a?b#c")) == "https://h.example"
    assert origin_of(URL("wss://h.example:443")) == origin_of(URL("https://h.example:443")) == "https://h.example"
    assert origin_of(URL("ws://h.example:8080/x")) == "http://h.example:8080"
    assert origin_of(URL("http://h.example:443")) == "http://h.example:443"
    assert origin_of(URL("ws://[::1]:80/x")) == "http://[::1]"


# --- plaintext ---


async def test_d08_plaintext_is_refused() -> None:
    """A signed request or upgrade in plaintext to another computer is refused before anything is sent."""
    exchange = venue(header="venue.example")
    async with Wire() as wire, client(exchange=exchange, connector=names()) as bot:
        with pytest.raises(SigningError, match=r"plaintext.*https://") as caught:
            await bot.get(wire.url("/a?x=1", "venue.example"))
        assert "x=1" not in str(caught.value)
        with pytest.raises(SigningError, match=r"plaintext.*wss://"):
            await bot._connect(URL(wire.url("/ws", "venue.example", "ws")))
        assert wire.arrived == []
        await bot.get(wire.url("/a", "venue.example"), auth=None)
        assert not wire.last.signed


async def test_d08_plaintext_on_demand() -> None:
    """``allow_plaintext=True`` signs in plaintext."""
    exchange = venue(header="venue.example")
    async with Wire() as wire, client(exchange=exchange, connector=names(), allow_plaintext=True) as bot:
        await bot.get(wire.url("/a", "venue.example"))
        assert wire.last.signed


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "bot.localhost"])
async def test_loopback_is_not_plaintext(host: str) -> None:
    """This computer may be signed for in plaintext, under any of its names."""
    async with Wire() as wire, client(exchange=venue(header=host, query="x.example"), connector=names()) as bot:
        wire_url = wire.url("/a", host)
        if host == "127.1.2.3":
            with pytest.raises(aiohttp.ClientConnectorError):  # allowed, but nobody listens there
                await bot.get(wire_url)
        else:
            await bot.get(wire_url)
            assert wire.last.signed


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority of these tests."""
    return trustme.CA()


def contexts(authority: trustme.CA, host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the TLS of a server called `host`, and of a client that trusts it."""
    server, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert(host).configure_cert(server)
    authority.configure_trust(trusting)
    return server, trusting


@pytest.mark.parametrize("kind", ["header", "query"])
async def test_tls(authority: trustme.CA, kind: str) -> None:
    """Over TLS a venue is signed for under its own name, requests and upgrades alike."""
    server, trusting = contexts(authority, "venue.example")
    exchange = venue(**{"header": "x.example", "query": "y.example", kind: "venue.example"})
    async with Wire(lambda _: {}, ssl=server) as wire, client(exchange=exchange, connector=names()) as bot:
        await bot.post(wire.url("/a", "venue.example", "https"), data={"a": 1}, ssl=trusting)
        assert wire.last.signed
        wire.answer = lambda _: None
        ws = await bot._connect(URL(wire.url("/ws", "venue.example", "wss")), ssl=trusting)
        assert wire.last.signed
        await ws.close()


@REDIRECTS
@pytest.mark.parametrize("kind", ["header", "query"])
async def test_d08_redirect_to_plaintext_is_refused(authority: trustme.CA, kind: str, status: int) -> None:
    """D08: a plaintext port of the very same host is another origin, for every method and for upgrades."""
    server, trusting = contexts(authority, "venue.example")
    exchange = venue(**{"header": "x.example", "query": "y.example", kind: "venue.example"})
    async with (
        Wire(lambda _: None) as clear,
        Wire(ssl=server) as wire,
        client(exchange=exchange, connector=names(), allow_plaintext=True) as bot,
    ):
        wire.answer = lambda _: moved(status, clear.url("/a", "venue.example"))
        for method in ("GET", "POST", "PUT", "DELETE"):
            with pytest.raises(RedirectRefused):
                await bot.request(method, wire.url("/a", "venue.example", "https"), ssl=trusting)
        with pytest.raises(RedirectRefused):
            await bot._connect(URL(wire.url("/a", "venue.example", "wss")), ssl=trusting)
        assert clear.arrived == []
        assert [arrived.signed for arrived in wire.arrived] == [True] * 5


@HOSTS
async def test_unsigned_upgrade_carries_nothing(host: str) -> None:
    """An upgrade with ``auth=None`` that is redirected to another origin goes there, without key or signature."""
    async with Wire(lambda _: None) as other, Wire() as wire, client() as bot:
        wire.answer = lambda _: moved(307, other.url("/b", host))
        ws = await bot._connect(URL(wire.url("/a", host, "ws")), auth=None)
        assert not other.last.signed
        assert "X-KEY" not in other.last.headers
        await ws.close()
