"""Every way to fail, with marked credentials: nothing that a user can print or log shows one of them."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import traceback
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from topgun.client import Client, FetchResult
from topgun.clock import Instant
from topgun.credentials import Credential
from topgun.errors import LoginError, LoginRefused, LoginTimeout, SigningError
from topgun.exchange import Draft, Exchange, Host
from topgun.store import DataStoreCollection, StoreChange
from topgun.testing.clock import FakeClock
from topgun.ws import State

from .support import until
from .wire import (
    APIS,
    KEY,
    PASSPHRASE,
    SECRET,
    Arrived,
    Wire,
    moved,
    names,
    sign_header,
    sign_query,
    unused_port,
    venue,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from topgun.exchange import Link
    from topgun.ws import WebSocketApp

TOKEN = "stream-token-7f3a"
IN_PATH = hmac.new(b"any", b"a listen key", "sha256").hexdigest()
LOGIN_SIGNATURE = hmac.new(SECRET.encode(), b"login", "sha256").hexdigest()
MESSAGE_SIGNATURE = hmac.new(SECRET.encode(), b"message", "sha512").hexdigest()
BOTH = ("127.0.0.1", "localhost")


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and everything that hangs on it, suppressed or not."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in seen:
            seen.append(each)
            waiting += [each.__cause__, each.__context__]
            yield each


class Watch:
    """Collects what a user can see, and looks for what must not be there."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self._shown: list[str] = []
        self._secrets = {KEY, SECRET, PASSPHRASE, TOKEN, IN_PATH, LOGIN_SIGNATURE, MESSAGE_SIGNATURE}

    def arrived(self, requests: list[Arrived]) -> None:
        """Take the signatures that were really sent for secrets, too."""
        for request in requests:
            found = request.headers.get("X-SIGN") or dict(request.pairs).get("signature")
            self._secrets.update([found] if found else [])

    def show(self, *things: object) -> None:
        """Take what can be seen of each thing: text, repr, traceback, and what hangs on it."""
        for each in things:
            self._shown += [str(each), repr(each)]
            if isinstance(each, BaseException):
                for error in chain(each):
                    self._shown += [str(error), repr(error), repr((error.args, vars(error)))]
                    self._shown += traceback.format_exception(error)
            if isinstance(each, aiohttp.ClientResponse):
                # The headers of earlier hops are the server's words: a Location that quotes the query stays there.
                for hop in (each, *each.history):
                    self._shown += [str(hop.url), str(hop.real_url), repr(hop.request_info)]
            if isinstance(each, FetchResult):
                self.show(each.response)

    def tasks(self) -> None:
        """Take what the loop's debugger would print of every task."""
        for task in asyncio.all_tasks():
            self.show(task)
            self._shown += [repr(frame) for frame in task.get_stack()]

    def check(self, *, at_least: int) -> None:
        """Fail if anything seen holds a secret."""
        formatter = logging.Formatter("%(levelname)s %(name)s %(message)s")
        shown = [*self._shown, *(formatter.format(record) for record in self._caplog.records)]
        assert len(self._secrets) >= at_least
        for text in shown:
            for secret in self._secrets:
                assert secret not in text


@pytest.fixture
def watch(caplog: pytest.LogCaptureFixture) -> Watch:
    """Watch everything that is logged, down to debug."""
    caplog.set_level(logging.DEBUG)
    return Watch(caplog)


async def attempt(watch: Watch, work: Awaitable[Any]) -> None:
    """Have `work` fail, and look at how."""
    try:
        await work
    except Exception as error:  # noqa: BLE001  (whatever it is, it is looked at)
        watch.show(error)
    else:
        pytest.fail("this should have failed")


def echo_query(location: str) -> Callable[[Arrived], web.Response]:
    """Return an answer that redirects with the whole query, as many servers do."""
    return lambda arrived: moved(307, f"{location}?{arrived.target.partition('?')[2]}")


@pytest.mark.parametrize("debug", [False, True])
async def test_http(watch: Watch, debug: bool) -> None:
    """No failure of a request, and no response, shows key, secret, passphrase, signature or token."""
    asyncio.get_running_loop().set_debug(debug)
    asyncio.get_running_loop().slow_callback_duration = 60.0

    async def slow(_: Arrived) -> Any:
        await asyncio.sleep(60)

    async with Wire() as other, Wire() as wire, Client(APIS, exchanges=[venue()], raise_for_status=True) as bot:
        away = [other.url("/steal"), "ftp://other.example/x", "https://:x/b", "http://[bad/b"]
        for host in BOTH:
            url = wire.url(f"/a?token={TOKEN}", host)
            wire.answer = lambda _: {}
            watch.show(await bot.post(wire.url("/a", host), data={"a": 1}))
            watch.show(await bot.get(wire.url("/a", host)))
            for status in (400, 401, 403, 429, 500):
                wire.answer = lambda arrived, status=status: web.Response(
                    status=status, headers={"Location": arrived.target}
                )
                await attempt(watch, bot.post(url, data={"a": 1}))
                await attempt(watch, bot.fetch("POST", url, data={"a": 1}))
                await attempt(watch, bot.request_json("GET", url))
            for location in away:
                wire.answer = echo_query(location)
                await attempt(watch, bot.post(url, data={"a": 1}))
                await attempt(watch, bot.get(url))
            wire.answer = echo_query("/again")
            await attempt(watch, bot.get(url, max_redirects=3))
            wire.answer = lambda arrived: {} if arrived.target[:2] == "/b" else moved(307, "/b" + arrived.target[2:])
            watch.show(await bot.post(wire.url("/a?x=1", host), data={"a": 1}))
            wire.answer = lambda _: {"a": 1}
            watch.show(await bot.fetch("GET", wire.url("/a", host)))
            wire.answer = slow
            await attempt(watch, bot.get(url, timeout=aiohttp.ClientTimeout(total=0.02)))
            await attempt(watch, bot.get(url, timeout=aiohttp.ClientTimeout(sock_read=0.02)))
            await attempt(watch, bot.get(f"http://{host}:{unused_port()}/a?token={TOKEN}"))
            await attempt(watch, bot.post(url, data={1, 2}))
            await attempt(watch, bot.post(url, data={"a": 1}, json={"a": 1}))
            await attempt(watch, bot.get(url, auth=SECRET))
            await attempt(watch, bot.get(f"/a?token={TOKEN}"))
            await attempt(watch, bot.get(f"http://h:port/a?token={TOKEN}"))
        watch.arrived(wire.arrived)
        watch.show(bot, vars(bot), vars(bot._session), bot._credentials)
    watch.check(at_least=40)


async def test_http_of_other_computers(watch: Watch) -> None:
    """Plaintext, a host that hangs and a host that drops the line show nothing."""

    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"NONSENSE " + head)
        writer.close()

    timeout = aiohttp.ClientTimeout(connect=0.2)
    for header, query in (("a.example", "hang.example"), ("hang.example", "b.example")):
        exchange = venue(header=header, query=query)
        for serve in (drop, garbage):
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            async with server:
                for plaintext in (False, True):
                    async with Client(
                        APIS, exchanges=[exchange], connector=names(), timeout=timeout, allow_plaintext=plaintext
                    ) as bot:
                        for host in (header, query):
                            await attempt(watch, bot.post(f"http://{host}:{port}/a?x=1", data={"a": 1}))
                            await attempt(watch, bot.get(f"http://{host}:{port}/a?token={TOKEN}"))
    shown = " ".join(watch._shown)
    assert "ConnectionTimeoutError" in shown
    assert "ServerDisconnectedError" in shown
    watch._shown = [text for text in watch._shown if "NONSENSE" not in text]  # the server's own words
    watch.check(at_least=7)


async def test_signers(watch: Watch) -> None:
    """A signer that fails with a secret in its text shows neither text nor cause."""

    def quote(draft: Draft, key: Credential, now: Instant) -> None:
        raise ValueError(f"cannot use {key.key} {key.secret!r} {key.passphrase}")

    def chained(draft: Draft, key: Credential, now: Instant) -> None:
        try:
            quote(draft, key, now)
        except ValueError as error:
            raise KeyError(key.secret) from error

    for signer in (quote, chained):
        exchange = venue(header="x.example", **{"127.0.0.1": Host(api="header", sign=signer)})
        async with Client(APIS, exchanges=[exchange]) as bot:
            with pytest.raises(SigningError) as caught:
                await bot.get("http://127.0.0.1/a")
            watch.show(caught.value, caught.value.__context__, caught.value.__cause__)
    watch.check(at_least=7)


async def test_credentials(watch: Watch, tmp_path: Path) -> None:
    """Broken files and unusable entries show no item."""
    path = tmp_path / "apis.json"
    for text in (f'{{"header": ["{KEY}", "{SECRET}"', f'["{KEY}"]', f'{{"x": "{SECRET}"'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"apis\.json") as caught:
            Client(path)
        watch.show(caught.value)
        async with Client(text) as bot:  # the contents in place of the path
            watch.show(bot)
    for apis in ({"header": [KEY]}, {"header": [KEY, SECRET]}, {"header": KEY}, {"odd": [KEY, SECRET]}, [KEY, SECRET]):
        async with Client(apis, exchanges=[venue()]) as bot:
            watch.show(bot, vars(bot))
    watch.check(at_least=7)


def test_objects(watch: Watch) -> None:
    """No repr of a record that a signer, a login or a test may print shows a secret."""
    credential = Credential(KEY, SECRET.encode(), PASSPHRASE)
    watch.show(credential, [credential], {"a": credential}, venue(), venue().hosts)
    for sign in (sign_header, sign_query):
        draft = Draft("POST", URL(f"https://u:{SECRET}@h.example/a?token={TOKEN}"), CIMultiDict(), {"p": PASSPHRASE})
        sign(draft, credential, Instant(1))
        watch.arrived([Arrived("POST", str(draft.url), draft.headers, b"")])
        watch.show(draft)
    watch.check(at_least=9)


# --- sockets ---


def sign_message(message: Any, link: Link) -> Any:
    """Sign a message, or fail and say with what."""
    assert link.credential is not None
    if message == {"fail": 1}:
        raise ValueError(f"cannot use {link.credential.secret!r} for {MESSAGE_SIGNATURE}")
    return {**message, "sign": MESSAGE_SIGNATURE}


async def ask(link: Link) -> None:
    """Log in with everything that there is."""
    assert link.credential is not None
    key, passphrase = link.credential.key, link.credential.passphrase
    reply = link.expect(lambda msg: isinstance(msg, dict) and "login" in msg)
    await link.send_json({"key": key, "passphrase": passphrase, "sign": LOGIN_SIGNATURE, "args": [LOGIN_SIGNATURE]})
    answer = await reply
    if not answer["login"]:
        raise LoginRefused(answer)


async def ask_and_fail(link: Link) -> None:
    """Log in, and fail on the way."""
    await ask(link)
    try:
        {}[LOGIN_SIGNATURE]
    except KeyError as error:
        raise ValueError(f"{link.credential!r} {SECRET} {LOGIN_SIGNATURE}") from error


async def ask_for_a_token(link: Link) -> None:
    """Ask by HTTP what to log in with, where nobody answers."""
    await link.fetch(f"http://127.0.0.1:{unused_port()}/token?token={TOKEN}")


async def beat_and_fail(link: Link) -> None:
    """Fail, and say with what."""
    assert link.credential is not None
    await ask_once(link)
    raise RuntimeError(f"no beat with {link.credential.key} {link.credential.secret.decode()} {link.url}")


async def ask_once(link: Link) -> None:
    """Wait for the first frame of any kind."""
    await link.expect(lambda msg: isinstance(msg, dict) and "beat" in msg)


def market(**record: Any) -> Exchange:
    """Return a venue whose sockets are as `record` says."""
    return Exchange(
        name="wire",
        docs="https://docs.example",
        hosts={name: Host(api="header", **record) for name in ("127.0.0.1", "venue.example")},
        apis=("header",),
        credential=("key", "secret", "passphrase"),
    )


class Peer:
    """A server of sockets that answers a login as `plan` says, and quotes all it was told."""

    def __init__(self) -> None:
        self.plan = "accept"
        self.opened = 0

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.plan.isdigit():
            return web.Response(status=int(self.plan), text=request.path_qs, headers={"Location": request.path_qs})
        if self.plan.startswith("http"):
            raise web.HTTPFound(f"{self.plan}?{request.query_string}")
        if self.plan == "hang up" and request.transport is not None:
            request.transport.abort()
        ws = web.WebSocketResponse(timeout=0.1)
        await ws.prepare(request)
        self.opened += 1
        async for msg in ws:
            await self.answer(ws, msg.data)
        return ws

    async def answer(self, ws: web.WebSocketResponse, said: str) -> None:
        if '"key"' in said and self.plan != "say nothing":
            told = {"you said": json.loads(said), "text": f"no {KEY} {said}", "request": said, "a": [[PASSPHRASE]]}
            await ws.send_json({"login": self.plan != "deny", **told})
            await ws.send_str(f"not json, but {KEY} and {said}")
            await ws.send_bytes(f"not json, but {KEY}".encode())
            await ws.send_json({"beat": 1, "hello": said})
        if self.plan == "drop":
            await ws.close(code=4000, message=f"{KEY} {TOKEN} {LOGIN_SIGNATURE}"[:120].encode())


@asynccontextmanager
async def peer() -> AsyncIterator[tuple[Peer, str]]:
    """Run a `Peer`, and give the URL of it, with a token in the query and one in the path."""
    made = Peer()
    runner = web.ServerRunner(web.Server(made.serve, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield made, f"ws://127.0.0.1:{runner.addresses[0][1]}/ws/{IN_PATH}?token={TOKEN}"
    finally:
        await runner.cleanup()


def look(watch: Watch, bot: Client, app: WebSocketApp) -> None:
    """Take everything that can be held of a client, its sockets and their tasks."""
    watch.show(bot, vars(bot), bot.apps, bot._sender, bot._wiring, vars(bot._wiring), app, app.login_error)
    watch.show(app.current_ws, app._connection, app._dialer, app._opening, app._messages, app.handlers, app._task)
    watch.tasks()


REFUSALS: list[tuple[str, str]] = [
    ("503", "HTTP 503"),
    ("401", "HTTP 401"),
    ("304", "HTTP 304"),
    ("hang up", "ServerDisconnectedError"),
    ("http://127.0.0.1:9/steal", "RedirectRefused"),
    ("http://evil.example/steal", "RedirectRefused"),
]


@pytest.mark.parametrize(("plan", "word"), REFUSALS, ids=[plan for plan, _ in REFUSALS])
async def test_handshakes(watch: Watch, caplog: pytest.LogCaptureFixture, plan: str, word: str) -> None:
    """A handshake that is refused, cut short or led elsewhere shows nothing, signed in whatever way."""
    for record in ({"login": ask}, {"sign": sign_header}, {"sign": sign_query}):
        async with peer() as (server, url), Client(APIS, exchanges=[market(**record)], clock=FakeClock()) as bot:
            server.plan = plan
            app = bot.ws_connect(url)
            await until(lambda app=app: app.state in (State.WAITING, State.CLOSED))
            look(watch, bot, app)
            if app.state is State.CLOSED:
                await attempt(watch, app.ready())
                await attempt(watch, app.wait())
                await attempt(watch, app.heartbeat())
            await app.close()
            await attempt(watch, app.ready())
            await attempt(watch, app.subscribe({"key": KEY}))
    assert word in " ".join([*watch._shown, caplog.text])
    watch.check(at_least=7)


async def test_places(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """A URL that leads nowhere, or where no key may go, shows nothing."""
    said = ["ConfigError", "ClientConnectorError", "plaintext"]
    urls = [
        f"ws://h:port/{IN_PATH}?token={TOKEN}",
        f"?{TOKEN}",
        f"ws://127.0.0.1:{unused_port()}/{IN_PATH}?key={TOKEN}",
    ]
    urls += [f"ws://u:{SECRET}@venue.example/{IN_PATH}?token={TOKEN}"]
    async with Client(APIS, exchanges=[market(login=ask)], clock=FakeClock(), connector=names()) as bot:
        for url in urls:
            app = bot.ws_connect(url)
            await until(lambda app=app: app.state in (State.WAITING, State.CLOSED))
            look(watch, bot, app)
            await app.close()
            await attempt(watch, app.ready())
    assert [word for word in said if word not in " ".join([*watch._shown, caplog.text])] == []
    watch.check(at_least=7)


LOGINS: list[tuple[str, dict[str, Any], type[Exception] | None, str]] = [
    ("deny", {"login": ask}, LoginRefused, "login refused by the exchange"),
    ("say nothing", {"login": ask}, LoginTimeout, "login not answered"),
    ("accept", {"login": ask_and_fail}, LoginError, "login failed: ValueError"),
    ("accept", {"login": ask_for_a_token}, None, "opening failed: ClientConnectorError"),
    ("drop", {"login": ask}, None, "closed by the peer with code 4000"),
    ("accept", {"login": ask, "heartbeat": beat_and_fail}, None, "heartbeat failed: RuntimeError"),
    ("accept", {"login": ask}, None, "not JSON"),
    ("accept", {"login": ask}, None, "handler"),
]


@pytest.mark.parametrize("slow", [False, True], ids=["", "debugged"])
@pytest.mark.parametrize(("plan", "record", "error", "word"), LOGINS, ids=[word for *_, word in LOGINS])
async def test_logins(
    watch: Watch,
    caplog: pytest.LogCaptureFixture,
    plan: str,
    record: dict[str, Any],
    error: type[Exception] | None,
    word: str,
    slow: bool,
) -> None:
    """Whatever becomes of a login, a heartbeat, a frame or a handler: the peer quotes everything, the log nothing.

    With `slow` the loop logs each callback as a slow one.
    """
    loop = asyncio.get_running_loop()
    clock = FakeClock()

    def handler(msg: Any, ws: Any) -> None:
        watch.show(ws)
        raise ValueError("a handler's own text")

    async with peer() as (server, url), Client(APIS, exchanges=[market(**record)], clock=clock) as bot:
        if slow:
            loop.set_debug(True)
            loop.slow_callback_duration = 0.0
        try:
            server.plan = plan
            app = bot.ws_connect(url, hdlr_json=handler, hdlr_bytes=lambda msg, ws: None)
            ready = asyncio.ensure_future(app.ready())
            if error is LoginTimeout:
                await until(lambda: app.state is State.LOGIN)
                await clock.advance(10.0)
            await until(lambda: word in caplog.text)
            look(watch, bot, app)
            if error is not None:
                with pytest.raises(error) as caught:
                    await ready
                watch.show(caught.value)
            await app.close()
            if error is None:
                await asyncio.gather(ready, return_exceptions=True)
            watch.show(ready, app, app.login_error)
        finally:
            loop.set_debug(False)
    assert ("Executing" in caplog.text) is slow
    watch.check(at_least=7)


async def test_messages(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """A message signer that fails, with the secret in its words, shows them nowhere: not now, later or in the queue."""
    fail = {"fail": 1}
    async with peer() as (_, url), Client(APIS, exchanges=[market(sign_message=sign_message)]) as bot:
        app = bot.ws_connect(url, send_json={"a": 1})
        await app.ready()
        ws = app.current_ws
        assert ws is not None
        await attempt(watch, ws.send_json(fail))
        await attempt(watch, app.subscribe(fail))
        await attempt(watch, app.unsubscribe(fail))
        ws.send_json_soon(fail)
        await until(lambda: caplog.text.count("message not sent: SigningError") == 1)
        ws.request_snapshot("book", [fail], lambda: True)
        await until(lambda: caplog.text.count("message not sent: SigningError") == 2)
        look(watch, bot, app)
        first = bot.ws_connect(url, send_json=fail, backoff=(100.0, 100.0, 1.0, 100.0))
        await attempt(watch, first.ready())
        await until(lambda: "opening failed: SigningError" in caplog.text)
        look(watch, bot, first)
    watch.check(at_least=7)


class Shop(DataStoreCollection):
    """A collection that is filled by one response."""

    _RESPONSES: ClassVar = {"/a": "rows"}

    def _init(self) -> None:
        self._create("rows", keys=["id"])


async def test_stores(watch: Watch) -> None:
    """A response that ``initialize()`` cannot use shows nothing of the request, a change nothing of the client."""
    shop = Shop()
    async with Wire() as wire, Client(APIS, exchanges=[venue()]) as bot:
        for host in BOTH:
            for answer in (web.Response(status=403), web.Response(text="<html>"), {"no": "rows"}):
                wire.answer = lambda _, answer=answer: answer
                url = wire.url(f"/a?token={TOKEN}", host)
                try:
                    await shop.initialize(bot.get(url))
                except Exception as error:  # noqa: BLE001  (whatever it is, it is looked at)
                    watch.show(error)
            await attempt(watch, shop.initialize(bot.get(f"http://{host}:{unused_port()}/a?token={TOKEN}")))
        watch.arrived(wire.arrived)
        with shop["rows"].watch() as stream:
            shop["rows"]._insert([{"id": 1}])
            change = await stream.get()
        assert isinstance(change, StoreChange)
        watch.show(change, shop, shop["rows"], stream, vars(shop))

        async def fail() -> None:
            await bot.get(f"http://127.0.0.1:{unused_port()}/a?token={TOKEN}")

        bot.spawn(fail())
        await until(lambda: not bot._tasks)
    watch.check(at_least=9)
