"""The signature on the wire: there once, right, fresh on every try, and nowhere else."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from topgun.auth import Auth
from topgun.client import Client
from topgun.errors import RedirectRefused, SigningError
from topgun.exchange import Host
from topgun.testing.clock import FakeClock

from .support import until
from .wire import (
    HOSTS,
    KEY,
    PASSPHRASE,
    SECRET,
    Arrived,
    Names,
    Wire,
    client,
    moved,
    names,
    sign_header,
    sign_query,
    stamp,
    unused_port,
    venue,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from topgun.clock import Instant
    from topgun.credentials import Credential
    from topgun.exchange import Draft

FORM = "application/x-www-form-urlencoded"


# --- what is signed is what is sent ---


@HOSTS
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
async def test_signature_fits_the_wire(host: str, method: str) -> None:
    """The signature covers exactly the target and the body that arrive, with reserved and non-ASCII characters."""
    async with Wire() as wire, client() as bot:
        data = None if method == "GET" else {"symbol": "BTC/JPY", "memo": "日本 é&=+", "size": 0.1}
        await bot.request(method, wire.url("/v1/a%2Fb?x=%2F&y=1", host), params={"z": "a b+c"}, data=data)
        assert wire.last.signed
        assert wire.last.target.startswith("/v1/a%2Fb?x=/&y=1&z=a+b%2Bc")


async def test_json_body_bytes() -> None:
    """A JSON body is json.dumps with default separators, escaped, in the order of the dict."""
    async with Wire() as wire, client() as bot:
        await bot.post(wire.url("/"), data={"b": 1, "a": ["é", None, True]})
        assert wire.last.body == b'{"b": 1, "a": ["\\u00e9", null, true]}'
        assert wire.last.headers["Content-Type"] == "application/json"
        assert wire.last.headers["Content-Length"] == str(len(wire.last.body))
        assert wire.last.signed


async def test_form_body_bytes() -> None:
    """A form body is urlencoded, a list repeats the name."""
    async with Wire() as wire, client() as bot:
        await bot.post(wire.url("/", "localhost"), data={"b": 1, "a": ["x y", "é"]})
        assert wire.last.body == b"b=1&a=x+y&a=%C3%A9"
        assert wire.last.headers["Content-Type"] == FORM
        assert wire.last.signed


@HOSTS
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("data", [None, {}, "", b""])
async def test_no_data(host: str, method: str, data: Any) -> None:
    """Without data a signed request that changes something is an empty form."""
    async with Wire() as wire, client() as bot:
        await bot.request(method, wire.url("/", host), data=data)
        assert wire.last.signed
        assert wire.last.body == b""
        assert wire.last.headers["Content-Type"] == FORM
        assert wire.last.headers["Content-Length"] == "0"


@HOSTS
async def test_get_without_data_has_no_body_headers(host: str) -> None:
    """A signed GET carries neither Content-Type nor Content-Length."""
    async with Wire() as wire, client() as bot:
        await bot.get(wire.url("/", host))
        assert wire.last.signed
        assert not {"Content-Type", "Content-Length"} & set(wire.last.headers)


@HOSTS
@pytest.mark.parametrize("body", ['{"a": 1}', b'{"a":  1}', bytearray(b"a=1")])
async def test_d20_str_and_bytes_go_as_they_are(host: str, body: Any) -> None:
    """Text and bytes are sent and signed untouched, with the caller's own type."""
    async with Wire() as wire, client() as bot:
        await bot.post(wire.url("/", host), data=body, headers={"content-type": "text/x-mine"})
        assert wire.last.body == (body.encode() if isinstance(body, str) else bytes(body))
        assert wire.last.headers["Content-Type"] == "text/x-mine"
        assert wire.last.signed


@HOSTS
@pytest.mark.parametrize("value", [{"a": "é", "b": [1]}, [1, 2], {}, [], 0, False, ""])
async def test_d20_json_argument_on_a_signed_host(host: str, value: Any) -> None:
    """``json=X`` is the JSON of X, sent with its type and signed, whatever form the host prefers."""
    async with Wire() as wire, client() as bot:
        await bot.post(wire.url("/", host), json=value)
        assert wire.last.body == json.dumps(value).encode()
        assert wire.last.headers["Content-Type"] == "application/json"
        assert wire.last.signed


async def test_data_that_has_no_json_form() -> None:
    """Data that cannot become the body is refused with the type named, before anything is sent."""
    async with Wire() as wire, client() as bot:
        with pytest.raises(SigningError, match="data of type set"):
            await bot.post(wire.url("/"), data={1, 2})
        with pytest.raises(SigningError, match="data of type FormData"):
            await bot.post(wire.url("/", "localhost"), data=aiohttp.FormData({"a": "1"}))
        assert wire.arrived == []


async def test_signer_that_leaves_the_body_alone() -> None:
    """Data that a signer does not look at is sent as a form; data that it took away is not sent."""

    def token(draft: Draft, key: Credential, now: Instant) -> None:
        draft.headers["X-TOKEN"] = key.key
        if "moved" in draft.url.path:
            draft.url, draft.data = draft.url.extend_query(draft.data), None

    exchange = venue(header="x.example", **{"127.0.0.1": Host(api="header", sign=token)})
    async with Wire() as wire, client(exchange=exchange) as bot:
        await bot.post(wire.url("/"), data={"a": 1})
        assert (wire.last.body, wire.last.headers["Content-Type"]) == (b"a=1", FORM)
        assert wire.last.headers["X-TOKEN"] == KEY
        await bot.get(wire.url("/moved"), data={"a": 1})
        assert (wire.last.body, wire.last.target) == (b"", "/moved?a=1")


async def test_the_signer_sees_all_headers() -> None:
    """Session headers, the caller's over them and those of middlewares are there when the signer runs."""
    seen: list[CIMultiDict[str]] = []

    def look(draft: Draft, key: Credential, now: Instant) -> None:
        seen.append(draft.headers.copy())

    async def tag(req: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        req.headers["X-C"] = "middleware"
        return await handler(req)

    exchange = venue(header="x.example", **{"127.0.0.1": Host(api="header", sign=look)})
    async with Wire() as wire, client(exchange=exchange, headers={"X-A": "1", "X-B": "1"}, middlewares=[tag]) as bot:
        await bot.post(wire.url("/"), data={"a": 1}, headers={"x-b": "2"})
        assert (seen[0]["X-A"], seen[0]["X-B"], seen[0]["X-C"]) == ("1", "2", "middleware")
        assert "Content-Type" not in seen[0]


async def test_compressed_body() -> None:
    """The signature of a compressed request covers the bytes before compression."""
    async with Wire() as wire, client() as bot:
        await bot.post(wire.url("/"), data={"a": 1}, compress="deflate")
        assert wire.last.body == b'{"a": 1}'
        assert wire.last.headers["Content-Encoding"] == "deflate"
        assert wire.last.signed


async def test_many_at_once() -> None:
    """Fifty signed requests at once carry fifty right signatures over fifty bodies."""
    async with Wire() as wire, client() as bot:
        await asyncio.gather(
            *(
                bot.post(wire.url(f"/{n}", host), data={"n": n})
                for n in range(25)
                for host in ("127.0.0.1", "localhost")
            )
        )
        assert len(wire.arrived) == 50
        assert all(arrived.signed for arrived in wire.arrived)
        assert len({(arrived.target.partition("?")[0], arrived.body) for arrived in wire.arrived}) == 50


# --- what is not signed ---


async def test_auth_none_is_not_signed() -> None:
    """``auth=None`` leaves the request to aiohttp."""
    async with Wire() as wire, client() as bot:
        await bot.post(wire.url("/"), data={"a": 1}, auth=None)
        assert not wire.last.signed
        assert (wire.last.body, wire.last.headers["Content-Type"]) == (b"a=1", FORM)


@pytest.mark.parametrize("apis", [{}, {"query": [KEY, SECRET, PASSPHRASE]}])
async def test_no_credential_is_not_signed(apis: Any) -> None:
    """A host whose entry of ``apis`` is missing is asked unsigned."""
    async with Wire() as wire, Client(apis, exchanges=[venue()]) as bot:
        await bot.get(wire.url("/"))
        assert not wire.last.signed


async def test_unknown_host_and_host_without_signer_are_not_signed() -> None:
    """Only a host with a signer and the name of a credential is signed for."""
    exchange = venue(header="x.example", a=Host(), b=Host(sign=sign_header), c=Host(api="header"))
    async with Wire() as wire, client(exchange=exchange, connector=names()) as bot:
        for host in ("127.0.0.1", "a", "b", "c", "unknown.example"):
            await bot.post(wire.url("/", host), data={"a": 1})
            assert not wire.last.signed


async def test_encode_settles_unsigned_bodies() -> None:
    """A host with ``encode`` has its say about the body of a request that is not signed, by path."""

    def encode(draft: Draft) -> None:
        if draft.url.path == "/info":
            draft.json()

    exchange = venue(header="x.example", **{"127.0.0.1": Host(encode=encode)})
    async with Wire() as wire, client(exchange=exchange) as bot:
        await bot.post(wire.url("/info"), data={"a": 1})
        assert (wire.last.body, wire.last.headers["Content-Type"]) == (b'{"a": 1}', "application/json")
        await bot.post(wire.url("/other"), data={"a": 1})
        assert (wire.last.body, wire.last.headers["Content-Type"]) == (b"a=1", FORM)
        await bot.post(wire.url("/info"))
        assert wire.last.body == b""
        await bot.post(wire.url("/info"), json=[1])
        assert (wire.last.body, wire.last.headers["Content-Type"]) == (b"[1]", "application/json")


async def test_api_name_from_the_request() -> None:
    """A host may choose the credential by a header, be it the request's or the session's."""

    def account(draft: Draft) -> str:
        return "query" if draft.headers.get("X-Demo") == "1" else "header"

    def sign(draft: Draft, key: Credential, now: Instant) -> None:
        draft.headers["X-KEY"] = key.key

    exchange = replace(venue(), hosts={"127.0.0.1": Host(api=account, sign=sign)})
    apis = {"header": ["real-key", "s", "p"], "query": ["demo-key", "s", "p"]}
    async with Wire() as wire:
        async with Client(apis, exchanges=[exchange]) as bot:
            await bot.get(wire.url("/"))
            assert wire.last.headers["X-KEY"] == "real-key"
            await bot.get(wire.url("/"), headers={"x-demo": "1"})
            assert wire.last.headers["X-KEY"] == "demo-key"
        async with Client(apis, exchanges=[exchange], headers={"X-Demo": "1"}) as bot:
            await bot.get(wire.url("/"))
            assert wire.last.headers["X-KEY"] == "demo-key"
            await bot.get(wire.url("/"), headers={"X-Demo": "0"})
            assert wire.last.headers["X-KEY"] == "real-key"
        async with Client({"header": ["real-key", "s", "p"]}, exchanges=[exchange], headers={"X-Demo": "1"}) as bot:
            await bot.get(wire.url("/"))
            assert "X-KEY" not in wire.last.headers


# --- what the response shows ---


@HOSTS
async def test_response_shows_no_signature(host: str) -> None:
    """``response.url``, ``request_info``, ``repr`` and ``history`` show the request as the caller made it."""
    answers = iter([moved(307, "/b?x=2"), {}])
    async with Wire(lambda _: next(answers)) as wire, client() as bot:
        response = await bot.post(wire.url("/a?x=1", host), data={"a": 1})
        assert str(response.url) == str(response.request_info.url) == wire.url("/b?x=2", host)
        shown = repr((response, response.request_info, response.history, response.history[0].request_info)).lower()
        for hidden in ("sign", KEY, PASSPHRASE, "x-key", "timestamp"):
            assert hidden not in shown


@HOSTS
async def test_d31_errors_show_no_signature(host: str) -> None:
    """An error for a bad status shows neither signature, nor query, nor headers."""
    async with Wire(lambda _: web.Response(status=403)) as wire, client(raise_for_status=True) as bot:
        with pytest.raises(aiohttp.ClientResponseError) as caught:
            await bot.post(wire.url("/a?x=1", host), data={"a": 1}, headers={"X-Mine": "mine"})
        shown = str(caught.value) + repr(caught.value) + repr(caught.value.args)
        assert caught.value.status == 403
        assert wire.url("/a", host) in shown
        for hidden in ("signature", "X-SIGN", "x=1", "mine", KEY, PASSPHRASE):
            assert hidden not in shown


@HOSTS
async def test_raise_for_status_of_the_response(host: str) -> None:
    """``response.raise_for_status()`` afterwards shows no signature either."""
    async with Wire(lambda _: web.Response(status=403)) as wire, client() as bot:
        response = await bot.post(wire.url("/a", host), data={"a": 1})
        with pytest.raises(aiohttp.ClientResponseError) as caught:
            response.raise_for_status()
        for hidden in ("signature", "X-SIGN", KEY, PASSPHRASE):
            assert hidden not in repr(caught.value)


async def test_connection_timeout_shows_no_signature() -> None:
    """The text of a connection that was not made in time names the place without the query."""
    exchange = venue(query="hang.example")
    timeout = aiohttp.ClientTimeout(connect=0.05)
    async with client(exchange=exchange, connector=names(), timeout=timeout, allow_plaintext=True) as bot:
        with pytest.raises(aiohttp.ConnectionTimeoutError) as caught:
            await bot.get("http://hang.example/a?x=1")
        assert str(caught.value) == "Connection timeout to host http://hang.example/a"


@pytest.mark.parametrize("location", ["ftp://other.example/b?", "https://:x/b?", "http://[bad/b?"])
async def test_redirect_to_nowhere_shows_no_signature(location: str) -> None:
    """A redirect that echoes the signed query to a place that is none does not show it in the error."""

    def away(arrived: Arrived) -> web.Response:
        return moved(307, location + arrived.target.partition("?")[2])

    async with Wire(away) as wire, client() as bot:
        with pytest.raises((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)) as caught:
            await bot.get(wire.url("/a", "localhost"))
        assert wire.last.signed
        assert "signature" not in str(caught.value) + repr(caught.value)
        assert caught.value.__context__ is None


async def test_redirect_keeps_what_the_signer_spelt_anew() -> None:
    """A query item of the caller that the signer has encoded in another way is not taken for its signature."""

    def sign(draft: Draft, key: Credential, now: Instant) -> None:
        sign_query(draft, key, now)
        draft.url = URL(str(draft.url).replace("+", "%20"), encoded=True)

    def back(arrived: Arrived) -> web.Response:
        if len(wire.arrived) > 1:
            return web.Response()
        return moved(307, "/b?" + arrived.target.partition("?")[2])

    exchange = venue(query="x.example", localhost=Host(api="query", sign=sign))
    async with Wire(back) as wire, client(exchange=exchange) as bot:
        await bot.get(wire.url("/a", "localhost"), params={"x": "a b"})
        assert [name for name, _ in wire.last.pairs] == ["x", "timestamp", "signature"]
        assert dict(wire.last.pairs)["x"] == "a b"


async def test_endless_redirects() -> None:
    """Too many redirects end in aiohttp's error, without signature; each hop was signed once."""
    async with Wire(lambda _: moved(307, "/again?x=1")) as wire, client() as bot:
        with pytest.raises(aiohttp.TooManyRedirects) as caught:
            await bot.post(wire.url("/a", "localhost"), data={"a": 1}, max_redirects=4)
        assert [arrived.signed for arrived in wire.arrived] == [True] * 4
        assert "signature" not in str(caught.value) + repr(caught.value)


async def test_own_trace_is_kept() -> None:
    """A trace of the user's own sees the request line as it is on the wire, and everything still works."""
    seen: list[str] = []

    async def on_headers(session: object, context: object, params: aiohttp.TraceRequestHeadersSentParams) -> None:
        seen.append(str(params.url))

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(on_headers)
    async with Wire() as wire, client(trace_configs=[trace]) as bot:
        response = await bot.get(wire.url("/a", "localhost"))
        assert "signature=" in seen[0]
        assert "signature=" not in str(response.request_info)


# --- tries ---


class Retry:
    """A user's middleware that asks again after a 503."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock

    async def __call__(self, req: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        response = await handler(req)
        for _ in range(3):
            if response.status != 503:
                break
            response.release()
            if self.clock is not None:
                await self.clock.advance(1.0)
            response = await handler(req)
        return response


def busy(times: int) -> Callable[[Arrived], Any]:
    """Return an answer that is 503 so many times."""
    left = iter(range(times))
    return lambda _: web.Response(status=503) if next(left, None) is not None else {}


@HOSTS
@pytest.mark.parametrize("per_request", [False, True])
async def test_retry_is_signed_afresh(host: str, per_request: bool) -> None:
    """Each try of a retrying middleware has a fresh timestamp and one signature, over the same body."""
    clock = FakeClock(start=1_000.0)
    retry = Retry(clock)
    everywhere: Any = {} if per_request else {"middlewares": [retry]}
    once: Any = {"middlewares": [retry]} if per_request else {}
    async with Wire(busy(2)) as wire, client(clock=clock, **everywhere) as bot:
        response = await bot.post(wire.url("/a?x=1", host), data={"a": 1}, **once)
        assert response.status == 200
        assert [arrived.signed for arrived in wire.arrived] == [True] * 3
        assert len({arrived.body for arrived in wire.arrived}) == 1
        assert [stamp(arrived) for arrived in wire.arrived] == [1_000_000, 1_001_000, 1_002_000]


@HOSTS
async def test_body_replaced_by_a_middleware_is_signed(host: str) -> None:
    """Bytes that a user's middleware puts in place of the data are sent, and signed on every try."""
    retry = Retry()

    async def replace_body(req: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        await req.update_body(b"mine=1")
        return await retry(req, handler)

    async with Wire(busy(2)) as wire, client(middlewares=[replace_body]) as bot:
        await bot.post(wire.url("/", host), data={"a": 1})
        assert [(arrived.body, arrived.signed) for arrived in wire.arrived] == [(b"mine=1", True)] * 3
        wire.answer = lambda _: {}
        await bot.post(wire.url("/", host))
        assert (wire.last.body, wire.last.signed) == (b"mine=1", True)


async def test_body_removed_by_a_middleware() -> None:
    """A body that a user's middleware took away is not sent, and not signed."""

    async def remove(req: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        await req.update_body(None)
        return await handler(req)

    async with Wire() as wire, client(middlewares=[remove]) as bot:
        await bot.post(wire.url("/"), data={"a": 1})
        assert (wire.last.body, wire.last.signed) == (b"", True)


async def test_stream_put_there_by_a_middleware_is_signed() -> None:
    """A stream that a user's middleware puts there is read, signed and sent."""

    async def chunks() -> Any:
        yield b"a"
        yield b"=1"

    async def stream(req: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        await req.update_body(chunks())
        return await handler(req)

    async with Wire() as wire, client(middlewares=[stream]) as bot:
        await bot.post(wire.url("/"), data={"a": 1})
        assert (wire.last.body, wire.last.signed) == (b"a=1", True)


async def test_request_middlewares_keep_the_signer() -> None:
    """``middlewares=`` of one request replaces the session's, but never the signer."""
    async with Wire() as wire, client() as bot:
        await bot.get(wire.url("/"), middlewares=())
        assert wire.last.signed


async def test_middleware_that_leads_elsewhere() -> None:
    """A middleware that changes the request's origin is refused like a redirect."""
    async with Wire() as wire, Wire() as other, client() as bot:

        async def lead(req: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            req.url = URL(other.url("/"))
            return await handler(req)

        with pytest.raises(RedirectRefused):
            await bot.get(wire.url("/"), middlewares=[lead])
        assert (wire.arrived, other.arrived) == ([], [])


async def test_task_left_behind_by_a_middleware_signs_nothing() -> None:
    """A task that a middleware started and that outlives the request does not sign what it asks itself."""
    go = asyncio.Event()
    tasks: list[asyncio.Task[Any]] = []

    async def later(session: aiohttp.ClientSession, url: str) -> None:
        await go.wait()
        await session.get(url)

    async def start(req: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        tasks.append(asyncio.create_task(later(req.session, str(req.url))))
        return await handler(req)

    async with Wire() as wire, client() as bot:
        await bot.get(wire.url("/"), middlewares=[start])
        assert wire.last.signed
        go.set()
        await tasks[0]
        assert len(wire.arrived) == 2
        assert not wire.last.signed


class Unreachable(Names):
    """Finds a host at the second try only."""

    def __init__(self) -> None:
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[Any]:
        self.asked += 1
        if self.asked == 1:
            raise OSError("not found")
        return await super().resolve(host, port, family)


@HOSTS
async def test_retry_after_nothing_was_sent(host: str) -> None:
    """A try that never reached the venue leaves no signature on the request for the next try."""
    there = {"127.0.0.1": "header.localhost", "localhost": "query.localhost"}[host]
    exchange = venue(header="header.localhost", query="query.localhost")
    resolver = Unreachable()
    clock = FakeClock(start=1_000.0)

    async def again(req: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        try:
            return await handler(req)
        except aiohttp.ClientConnectorError:
            assert "signature" not in str(req.url)
            assert not req.headers.keys() & {"X-SIGN", "X-KEY"}
            await clock.advance(1.0)
            return await handler(req)

    connector = aiohttp.TCPConnector(resolver=resolver)
    async with Wire() as wire, client(exchange=exchange, connector=connector, clock=clock, middlewares=[again]) as bot:
        await bot.post(wire.url("/a?x=1", there), data={"a": 1})
        assert wire.last.signed
        assert stamp(wire.last) == 1_001_000
    assert resolver.asked == 2


async def _flaky(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heads: list[bytes]) -> None:
    """Answer the first request of the first connection, then drop that connection at the second."""
    first = not heads
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        heads.append(head + await reader.readexactly(length))
        if first and len(heads) == 2:
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


@HOSTS
async def test_retry_of_aiohttp_is_signed_afresh(host: str) -> None:
    """A DELETE that aiohttp sends again over a new connection has one signature, with a later timestamp."""
    heads: list[bytes] = []
    clock = FakeClock(start=1_000.0)
    exchange = venue()
    exchange = replace(exchange, hosts={name: replace(h, step_ns=1_000_000) for name, h in exchange.hosts.items()})

    ended: list[bool] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _flaky(reader, writer, heads)
        except asyncio.IncompleteReadError:
            writer.close()
        ended.append(await writer.wait_closed() is None)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, client(exchange=exchange, clock=clock) as bot:
        url = f"http://{host}:{server.sockets[0].getsockname()[1]}/a"
        async with bot.get(url, auth=None) as response:
            await response.read()
        async with bot.delete(url, data={"id": 7}) as response:
            assert response.status == 200
    await until(lambda: len(ended) == 2)
    _, dropped, again = (arrived_from(head) for head in heads)
    assert dropped.signed
    assert again.signed
    assert dropped.body == again.body != b""
    assert [stamp(dropped), stamp(again)] == [1_000_000, 1_000_001]


@HOSTS
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_what_a_host_takes_only_once_is_not_sent_again(host: str, method: str) -> None:
    """A PUT that may have been an order fails when the connection is lost; other methods are sent again."""
    heads: list[bytes] = []
    ended: list[bool] = []
    exchange = venue()
    exchange = replace(exchange, hosts={name: replace(h, once=("PUT",)) for name, h in exchange.hosts.items()})

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _flaky(reader, writer, heads)
        except asyncio.IncompleteReadError:
            writer.close()
        ended.append(await writer.wait_closed() is None)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, client(exchange=exchange) as bot:
        url = f"http://{host}:{server.sockets[0].getsockname()[1]}/a"
        async with bot.get(url) as response:
            await response.read()
        if method == "PUT":
            with pytest.raises(
                aiohttp.ClientConnectionError, match="nobody knows whether the request arrived"
            ) as caught:
                await bot.request(method, url, data={"id": 7})
            assert not isinstance(caught.value, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError)
        else:
            await bot.request(method, url, data={"id": 7})
    await until(lambda: len(ended) == (1 if method == "PUT" else 2))
    assert [head.split(b" ")[0].decode() for head in heads] == ["GET", *[method] * (1 if method == "PUT" else 2)]


@HOSTS
async def test_what_was_never_sent_fails_as_ever(host: str) -> None:
    """Where there is no connection at all, the error says so, for a host that takes requests only once too."""
    exchange = venue()
    exchange = replace(exchange, hosts={name: replace(h, once=("PUT",)) for name, h in exchange.hosts.items()})
    async with client(exchange=exchange) as bot:
        with pytest.raises(aiohttp.ClientConnectorError):
            await bot.put(f"http://{host}:{unused_port()}/a")


def arrived_from(raw: bytes) -> Arrived:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    return Arrived(method, target, CIMultiDict(line.split(": ", 1) for line in lines), body)


# --- time ---


async def test_nonces_rise() -> None:
    """Where a host takes timestamps as nonces, tasks that ask in the same moment get rising ones."""
    clock = FakeClock(start=1_000.0)
    exchange = venue(query="x.example", localhost=Host(api="query", sign=sign_query, step_ns=1_000_000))
    async with Wire() as wire, client(clock=clock, exchange=exchange) as bot:
        await asyncio.gather(*(bot.get(wire.url(f"/{n}", "localhost")) for n in range(20)))
        stamps = {int(dict(arrived.pairs)["timestamp"]) for arrived in wire.arrived}
        assert stamps == set(range(1_000_000, 1_000_020))


@pytest.mark.parametrize("data", [None, {"a": 1}])
async def test_requests_leave_in_the_order_of_their_nonces(data: Any) -> None:
    """However many tasks ask at once, the server sees the nonces of a key rise, with a body and without."""
    exchange = venue(query="x.example", localhost=Host(api="query", sign=sign_query, step_ns=1_000_000))
    async with Wire() as wire, client(clock=FakeClock(start=1_000.0), exchange=exchange) as bot:
        await asyncio.gather(*(bot.post(wire.url(f"/{n}", "localhost"), data=data) for n in range(200)))
        stamps = [int(dict(arrived.pairs)["timestamp"]) for arrived in wire.arrived]
        assert stamps == list(range(1_000_000, 1_000_200))


async def test_a_request_that_never_leaves_gives_its_turn() -> None:
    """A request that fails before it is sent, or is cancelled, does not hold up the others of its key."""
    exchange = venue(query="x.example", localhost=Host(api="query", sign=sign_query, step_ns=1_000_000))
    async with Wire() as wire, client(exchange=exchange) as bot:
        nowhere = [bot.get(f"http://localhost:{unused_port()}/") for _ in range(3)]
        cancelled = asyncio.ensure_future(bot.get(wire.url("/", "localhost")))
        cancelled_soon = asyncio.ensure_future(bot.get(wire.url("/", "localhost")))
        await asyncio.sleep(0)
        cancelled.cancel()
        cancelled_soon.cancel()
        failed = await asyncio.gather(*nowhere, return_exceptions=True)
        assert all(isinstance(error, aiohttp.ClientConnectorError) for error in failed)
        async with bot.get(wire.url("/", "localhost")) as response:
            assert response.status == 200


async def test_two_clients_share_the_nonces_of_the_process() -> None:
    """Two clients on the system clock never give the same nonce for the same key."""
    exchange = venue(query="x.example", localhost=Host(api="query", sign=sign_query, step_ns=1_000_000))
    async with Wire() as wire, client(exchange=exchange) as one, client(exchange=exchange) as two:
        await asyncio.gather(*(bot.get(wire.url("/", "localhost")) for bot in (one, two) for _ in range(10)))
        assert len({dict(arrived.pairs)["timestamp"] for arrived in wire.arrived}) == 20


# --- a signer that fails ---


@pytest.mark.parametrize("error", [ValueError(SECRET), KeyError(SECRET), TypeError("x"), RecursionError()])
async def test_failing_signer(error: Exception) -> None:
    """A signer's own error becomes a SigningError that names type and place; its text is nowhere."""

    def sign(draft: Draft, key: Credential, now: Instant) -> None:
        raise error

    exchange = venue(header="x.example", **{"127.0.0.1": Host(api="header", sign=sign)})
    async with Wire() as wire, client(exchange=exchange) as bot:
        with pytest.raises(SigningError, match=rf"{type(error).__name__} at test_signing\.py:\d+") as caught:
            await bot.get(wire.url("/"))
        assert wire.arrived == []
        assert SECRET not in str(caught.value)
        assert caught.value.__context__ is None
        assert caught.value.__cause__ is None


async def test_refusing_signer() -> None:
    """A SigningError of the signer itself reaches the caller as it is."""

    def sign(draft: Draft, key: Credential, now: Instant) -> None:
        raise SigningError("give an account")

    exchange = venue(header="x.example", **{"127.0.0.1": Host(api="header", sign=sign)})
    async with Wire() as wire, client(exchange=exchange) as bot:
        with pytest.raises(SigningError, match="give an account"):
            await bot.get(wire.url("/"), auth=Auth)
