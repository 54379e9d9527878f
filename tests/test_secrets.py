"""Every way to fail, with marked credentials: nothing that a user can print or log shows one of them."""

from __future__ import annotations

import asyncio
import hmac
import logging
import traceback
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from topgun.client import Client, FetchResult
from topgun.errors import LoginRefused, SigningError
from topgun.exchange import Exchange, Host

from .support import until
from .wire import APIS, KEY, PASSPHRASE, SECRET, Arrived, Wire, moved, names, unused_port, venue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from topgun.clock import Instant
    from topgun.credentials import Credential
    from topgun.exchange import Draft, Link

TOKEN = "stream-token-7f3a"
BOTH = ("127.0.0.1", "localhost")


class Watch:
    """Collects what a user can see, and looks for what must not be there."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self._shown: list[str] = []
        self._secrets = {KEY, SECRET, PASSPHRASE, TOKEN}

    def arrived(self, requests: list[Arrived]) -> None:
        """Take the signatures that were really sent for secrets, too."""
        for request in requests:
            found = request.headers.get("X-SIGN") or dict(request.pairs).get("signature")
            self._secrets.update([found] if found else [])

    def secret(self, text: str) -> None:
        self._secrets.add(text)

    def show(self, *things: object) -> None:
        """Take what can be seen of each thing: text, repr, traceback, and what hangs on it."""
        for each in things:
            self._shown += [str(each), repr(each)]
            if isinstance(each, BaseException):
                self._shown += traceback.format_exception(each)
                self._shown.append(repr((each.args, vars(each))))
            if isinstance(each, aiohttp.ClientResponse):
                # The headers of earlier hops are the server's words: a Location that quotes the query stays there.
                for hop in (each, *each.history):
                    self._shown += [str(hop.url), str(hop.real_url), repr(hop.request_info)]
            if isinstance(each, FetchResult):
                self.show(each.response)

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
                wire.answer = lambda _, status=status: web.Response(status=status)
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

    timeout = aiohttp.ClientTimeout(connect=0.05)
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
    watch.check(at_least=4)


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
    watch.check(at_least=4)


async def test_credentials(watch: Watch, tmp_path: Path) -> None:
    """Broken files and unusable entries show no item."""
    path = tmp_path / "apis.json"
    for text in (f'{{"header": ["{KEY}", "{SECRET}"', f'["{KEY}"]', f'{{"x": "{SECRET}"'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"apis\.json") as caught:
            Client(path)
        watch.show(caught.value)
    for apis in ({"header": [KEY]}, {"header": [KEY, SECRET]}, {"header": KEY}, {"odd": [KEY, SECRET]}, [KEY, SECRET]):
        async with Client(apis, exchanges=[venue()]) as bot:
            watch.show(bot, vars(bot))
    watch.check(at_least=4)


def socket_venue() -> Exchange:
    """Return a venue whose sockets are logged in to with a signature."""

    async def login(link: Link) -> None:
        assert link.credential is not None
        signature = hmac.new(link.credential.secret, b"login", "sha256").hexdigest()
        reply = link.expect(lambda msg: isinstance(msg, dict) and "login" in msg)
        await link.send_json({"key": link.credential.key, "passphrase": link.credential.passphrase, "sign": signature})
        answer = await reply
        if not answer["login"]:
            raise LoginRefused(answer)

    host = Host(api="header", login=login)
    return Exchange(
        name="wire",
        docs="https://docs.example",
        hosts={"127.0.0.1": host},
        apis=("header",),
        credential=("key", "secret", "passphrase"),
    )


async def test_sockets(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """Refused handshakes, refused logins that quote the login, lost sockets and failing handlers show nothing."""
    watch.secret(hmac.new(SECRET.encode(), b"login", "sha256").hexdigest())
    plan: list[str] = []

    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        what = plan.pop(0) if len(plan) > 1 else plan[0]
        if what == "refuse":
            return web.Response(status=503, text=request.path_qs)
        if what == "gone":
            return web.Response(status=403, text=request.path_qs)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        said = await ws.receive_json()
        await ws.send_json({"login": what != "deny", "you said": said, "text": f"no such key {KEY}"})
        await ws.send_str("not json")
        if what == "drop":
            await ws.close(code=4000, message=b"bye")
        await ws.receive()
        return ws

    runner = web.ServerRunner(web.Server(serve, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"ws://127.0.0.1:{runner.addresses[0][1]}/ws?token={TOKEN}"
    backoff = (0.001, 0.001, 1.0, 0.001)

    def fail(msg: Any, ws: Any) -> None:
        watch.show(ws)
        raise ValueError("a handler's own text")

    try:
        async with Client({"header": [KEY, SECRET, PASSPHRASE]}, exchanges=[socket_venue()]) as bot:
            plan[:] = ["refuse", "drop", "deny"]
            app = bot.ws_connect(url, hdlr_json=fail, backoff=backoff)
            await until(lambda: app.login_error is not None)
            watch.show(app, app.login_error, app.current_ws)
            with pytest.raises(LoginRefused) as caught:
                await app.ready()
            watch.show(caught.value)
            await app.close()
            watch.show(app)
            plan[:] = ["gone"]
            app = bot.ws_connect(url, backoff=backoff)
            await attempt(watch, app.ready())
            await attempt(watch, app.wait())
            for target in (
                f"ws://127.0.0.1:{unused_port()}/ws?token={TOKEN}",
                f"ws://h:port/?token={TOKEN}",
                f"?{TOKEN}",
            ):
                app = bot.ws_connect(target, backoff=backoff)
                await until(lambda: "not connected" in caplog.text or "next attempt" in caplog.text)
                watch.show(app)
                await app.close()
    finally:
        await runner.cleanup()
    assert "login refused" in " ".join(watch._shown)
    assert caplog.records
    watch.check(at_least=5)
