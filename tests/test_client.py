"""The client: made, asked, closed."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import warnings
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from topgun.auth import Auth
from topgun.client import Client, FetchResult, NotJSONContent
from topgun.errors import ClientClosed, ConfigError
from topgun.exchange import question_of, requester_of
from topgun.testing import FakeClock
from topgun.version import __version__
from topgun.ws import WebSocketApp

from .support import until
from .wire import APIS, KEY, PASSPHRASE, SECRET, Wire, basic_auth, names, venue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


# --- making one ---


def test_needs_a_running_loop() -> None:
    """Outside of an event loop the error is the one that users know."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        Client({})


async def test_d24_broken_credentials_leave_no_session() -> None:
    """Broken credentials or arguments are refused without a session left open."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(TypeError):
            Client({}, no_such_argument=1)
        with pytest.raises(ValueError, match="timeout"):
            Client({}, timeout=5)
        with pytest.raises(ConfigError):
            Client({}, exchanges=[venue(), venue()])
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


async def test_d24_broken_file_leaves_no_session(tmp_path: Path) -> None:
    """A credentials file that is not JSON is refused without a session left open."""
    (tmp_path / "apis.json").write_text('{"header": ["the-very-secret"', encoding="utf-8")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(ConfigError, match=r"apis\.json is not valid JSON.*line 1") as error:
            Client(tmp_path / "apis.json")
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
    assert SECRET not in str(error.value)


async def test_credentials_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``apis`` may be the path of a file; without it ``./apis.json`` is taken."""
    path = tmp_path / "apis.json"
    path.write_text(json.dumps(APIS), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    async with Wire() as wire:
        for apis in (path, str(path), bytes(path), None):
            async with Client(apis, exchanges=[venue()]) as bot:
                await bot.get(wire.url("/"))
                assert wire.last.signed


async def test_credentials_are_copied() -> None:
    """What happens to the caller's dict later does not matter."""
    apis = {name: list(entry) for name, entry in APIS.items()}
    async with Wire() as wire, Client(apis, exchanges=[venue()]) as bot:
        apis["header"][1] = "other"
        apis.clear()
        await bot.get(wire.url("/"))
        assert wire.last.signed


async def test_defaults_of_the_session() -> None:
    """By default nothing queues for a connection, and no request takes longer than half a minute."""
    async with Client({}) as bot:
        assert bot._session.connector is not None
        assert bot._session.connector.limit == 0
        assert bot._session.timeout.total == 30.0
        assert bot._session.timeout.sock_connect == 10.0
    own = aiohttp.ClientTimeout(total=1.0)
    async with Client({}, timeout=own) as bot:
        assert bot._session.timeout == own


@pytest.mark.parametrize(
    ("headers", "agent"),
    [
        (None, f"topgun/{__version__}"),
        ({"X-A": "1"}, f"topgun/{__version__}"),
        ({"user-agent": "mine"}, "mine"),
        ([("USER-AGENT", "mine")], "mine"),
    ],
)
async def test_user_agent(headers: Any, agent: str) -> None:
    """The User-Agent names topgun unless the caller names something, in any case of letters."""
    async with Wire() as wire, Client({}, headers=headers) as bot:
        await bot.get(wire.url("/"))
        assert [value for name, value in wire.last.headers.items() if name.lower() == "user-agent"] == [agent]


async def test_d33_no_deprecated_argument() -> None:
    """Signed and unsigned requests, upgrades and BasicAuth pass without a warning of aiohttp."""
    basic = basic_auth()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with Wire(lambda _: None) as wire, Client(APIS, exchanges=[venue()]) as bot:
            for auth in (Auth, None, basic):
                await bot.get(wire.url("/"), auth=auth)
                await (await bot._connect(URL(wire.url("/", scheme="ws")), auth=auth)).close()
            assert wire.last.headers["Authorization"] == "Basic dXNlcjpwYXNz"


async def test_d31_nothing_shows_the_secrets() -> None:
    """Neither the client, nor its session, nor what hangs on them shows a secret in its repr."""
    async with Wire() as wire, Client(APIS, exchanges=[venue()]) as bot:
        async with bot.get(wire.url("/")) as response:
            shown = [repr(bot), repr(vars(bot)), repr(vars(bot._session)), repr(vars(bot._wiring)), repr(response)]
        for text in shown:
            for hidden in (KEY, SECRET, PASSPHRASE):
                assert hidden not in text


# --- asking ---


async def test_methods() -> None:
    """Each method sends itself, with params and data."""
    async with Wire() as wire, Client({}) as bot:
        await bot.request("PATCH", wire.url("/a"), params={"x": 1}, data={"y": 2})
        assert (wire.last.method, wire.last.target, wire.last.body) == ("PATCH", "/a?x=1", b"y=2")
        await bot.request("patch", wire.url("/a"))
        assert wire.last.method == "PATCH"
        await bot.get(wire.url("/a"), params={"x": 1}, data={"y": 2})
        assert (wire.last.method, wire.last.target, wire.last.body) == ("GET", "/a?x=1", b"y=2")
        for method in ("post", "put", "delete"):
            await getattr(bot, method)(wire.url("/a"), data={"y": 2}, params={"x": 1})
            assert (wire.last.method, wire.last.target, wire.last.body) == (method.upper(), "/a?x=1", b"y=2")


async def test_three_ways_to_wait() -> None:
    """A request can be awaited, opened with ``async with``, or made a task; the status is never an error."""
    async with Wire(lambda _: web.Response(status=500)) as wire, Client({}) as bot:
        assert (await bot.get(wire.url("/"))).status == 500
        async with bot.get(wire.url("/")) as response:
            assert response.status == 500
        assert response.closed
        task = asyncio.create_task(bot.get(wire.url("/")))
        assert (await task).status == 500
        responses = await asyncio.gather(bot.get(wire.url("/")), bot.get(wire.url("/")))
        assert [each.status for each in responses] == [500, 500]


async def test_base_url() -> None:
    """The base URL goes before what has no scheme; a URL object is taken, too."""
    async with Wire() as wire, Client({}, wire.url("")) as bot:
        await bot.get("/a", params={"x": 1})
        assert wire.last.target == "/a?x=1"
        await bot.get("nopath")
        assert wire.last.target == "/nopath"
        await bot.get(URL(wire.url("/b?y=%2B")), params={"x": 1})
        assert wire.last.target == "/b?y=%2B&x=1"
        assert bot._base_url == wire.url("")
        async with Client({}, URL(wire.url("/v1"))) as other:
            await other.get("/a")
            assert wire.last.target == "/v1/a"


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("path", "params", "target"),
    [
        ("/q?a=1&b=2", {"a": "3", "c": "4"}, "/q?a=1&b=2&a=3&c=4"),
        ("/q", [("a", 1), ("a", 2.5)], "/q?a=1&a=2.5"),
        ("/q", "a=1&b=2", "/q?a=1&b=2"),
        ("/q", {"a": [1, 2]}, "/q?a=1&a=2"),
        ("/q?x=%2F", {"y": "a b/é+&"}, "/q?x=/&y=a+b/%C3%A9%2B%26"),
        ("/q", {}, "/q"),
        ("/q", None, "/q"),
    ],
)
async def test_params_on_the_wire(signed: bool, path: str, params: Any, target: str) -> None:
    """The query arrives byte for byte as it was signed."""
    async with Wire() as wire, Client(APIS if signed else {}, exchanges=[venue()]) as bot:
        await bot.get(wire.url(path), params=params)
        assert wire.last.target == target
        assert wire.last.signed is signed


async def test_params_that_are_refused() -> None:
    """A bool among the params is an error before anything is sent."""
    async with Wire() as wire, Client({}) as bot:
        with pytest.raises(TypeError, match="Invalid variable type"):
            await bot.get(wire.url("/"), params={"a": True})
        assert wire.arrived == []


@pytest.mark.parametrize(
    ("data", "body", "kind"),
    [
        (
            {"a": 1, "b": True, "c": None, "d": [1, 2]},
            b"a=1&b=True&c=None&d=1&d=2",
            "application/x-www-form-urlencoded",
        ),
        ([("a", "1"), ("a", "2")], b"a=1&a=2", "application/x-www-form-urlencoded"),
        ("text", b"text", "text/plain; charset=utf-8"),
        (b"raw", b"raw", "application/octet-stream"),
    ],
)
async def test_unsigned_bodies(data: Any, body: bytes, kind: str) -> None:
    """The body of an unsigned request is what aiohttp makes of it."""
    async with Wire() as wire, Client({}) as bot:
        await bot.post(wire.url("/"), data=data)
        assert (wire.last.body, wire.last.headers["Content-Type"]) == (body, kind)


async def test_unsigned_json() -> None:
    """``json=`` of an unsigned request goes through the session's own serializer."""
    async with Wire() as wire, Client({}, json_serialize=lambda value: json.dumps(value, indent=1)) as bot:
        await bot.post(wire.url("/"), json={"a": 1})
        assert (wire.last.body, wire.last.headers["Content-Type"]) == (b'{\n "a": 1\n}', "application/json")


async def test_data_and_json_together() -> None:
    """Two bodies are refused; ``json=None`` is no body."""
    async with Wire() as wire, Client(APIS, exchanges=[venue()]) as bot:
        for auth in (Auth, None):
            with pytest.raises(ConfigError, match="data= or as json="):
                await bot.post(wire.url("/"), data={"a": 1}, json={"a": 1}, auth=auth)
        assert wire.arrived == []
        await bot.post(wire.url("/"), data={"a": 1}, json=None)
        assert wire.last.body == b'{"a": 1}'


async def test_auth_of_another_type() -> None:
    """A wrong auth is refused by name before anything is sent."""
    async with Wire() as wire, Client({}) as bot:
        with pytest.raises(TypeError, match="auth must be"):
            await bot.get(wire.url("/"), auth="secret")
        assert wire.arrived == []


async def test_responses_lead_back_to_their_client() -> None:
    """A store finds the client of a response, signed or not."""
    async with Wire() as wire, Client(APIS, exchanges=[venue()]) as bot:
        for auth in (Auth, None):
            assert requester_of(await bot.get(wire.url("/"), auth=auth)) is bot


async def test_responses_know_what_they_answer() -> None:
    """A store finds the body that the caller passed, before anybody signed it."""
    async with Wire() as wire, Client(APIS, exchanges=[venue()]) as bot:
        body = {"a": 1}
        asked = [await bot.post(wire.url("/"), data=body), await bot.post(wire.url("/"), json=body)]
        asked += [await bot.post(wire.url("/"), data="a=1"), await bot.get(wire.url("/"))]
        body["a"] = 2
        assert [question_of(response) for response in asked] == [{"a": 1}, {"a": 1}, "a=1", None]


async def test_connection_refused() -> None:
    """A host that does not listen is aiohttp's own error."""
    async with Client(APIS, exchanges=[venue()]) as bot:
        with pytest.raises(aiohttp.ClientConnectorError):
            await bot.post("http://127.0.0.1:9/a", data={"a": 1})


async def test_timeout_of_a_request() -> None:
    """``timeout=`` of a request wins over the session's."""

    async def slow(_: object) -> Any:
        await asyncio.sleep(5)

    async with Wire(slow) as wire, Client(APIS, exchanges=[venue()]) as bot:
        with pytest.raises(TimeoutError):
            await bot.get(wire.url("/"), timeout=aiohttp.ClientTimeout(total=0.05))


# --- fetch ---


def body(content: bytes, status: int = 200, kind: str = "text/html") -> Callable[[Any], web.Response]:
    return lambda _: web.Response(body=content, status=status, headers={"Content-Type": kind})


@pytest.mark.parametrize(
    ("content", "data"),
    [(b'{"a": 1}', {"a": 1}), (b"[]", []), (b"0", 0), (b"null", None), (b'"\xe3\x81\x82"', "あ"), (b" 1 ", 1)],
)
@pytest.mark.parametrize("status", [200, 400, 503])
async def test_fetch_json(content: bytes, data: Any, status: int) -> None:
    """JSON is decoded whatever its type and status say."""
    async with Wire(body(content, status)) as wire, Client({}) as bot:
        result = await bot.fetch("GET", wire.url("/"))
        assert result == FetchResult(result.response, content.decode(), data)
        assert result.response.status == status
        assert result.response.closed


async def test_fetch_passes_its_arguments() -> None:
    """``fetch`` takes what ``request`` takes."""
    async with Wire() as wire, Client(APIS, exchanges=[venue()]) as bot:
        await bot.fetch("POST", wire.url("/a"), params={"x": 1}, data={"y": 2}, headers={"X-A": "1"})
        assert (wire.last.target, wire.last.body, wire.last.headers["X-A"]) == ("/a?x=1", b'{"y": 2}', "1")
        assert wire.last.signed
        await bot.fetch("POST", wire.url("/a"), data={"y": 2}, auth=None)
        assert not wire.last.signed


async def test_fetch_what_is_not_json() -> None:
    """Text that is not JSON becomes a false NotJSONContent that holds the error and can be matched."""
    async with Wire(body(b"<html>", 502)) as wire, Client({}) as bot:
        result = await bot.fetch("GET", wire.url("/"))
        assert result.text == "<html>"
        assert not result.data
        match result.data:
            case NotJSONContent():
                assert isinstance(result.data.error, json.JSONDecodeError)
            case _:
                pytest.fail("not matched")


async def test_fetch_what_is_nested_too_deep() -> None:
    """JSON that no decoder can follow is not JSON."""
    async with Wire(body(b"[" * 100_000)) as wire, Client({}) as bot:
        assert isinstance((await bot.fetch("GET", wire.url("/"))).data, NotJSONContent)


async def test_fetch_nothing() -> None:
    """An empty body is None."""
    async with Wire(body(b"", 204)) as wire, Client({}) as bot:
        result = await bot.fetch("DELETE", wire.url("/"))
        assert (result.text, result.data) == ("", None)


@pytest.mark.parametrize("kind", ["application/json", "text/html; charset=utf-8", "text/html; charset=no-such"])
async def test_d26_fetch_undecodable_bytes(kind: str) -> None:
    """Bytes that are not text are no error: the text is lossy and the data NotJSONContent."""
    async with Wire(body(b'{"a": "\xff\xfe"}', 200, kind)) as wire, Client({}) as bot:
        result = await bot.fetch("GET", wire.url("/"))
        assert result.text == '{"a": "\ufffd\ufffd"}'
        assert isinstance(result.data, NotJSONContent)
        assert "utf-8" in str(result.data.error)


async def test_json_loads_of_the_user() -> None:
    """The user's decoder is used, and its ValueError means not JSON."""

    def loads(text: str | bytes) -> Any:
        if text == "{}":
            return "mine"
        raise ValueError("odd")

    async with Wire(body(b"{}")) as wire, Client({}, json_loads=loads) as bot:
        assert (await bot.fetch("GET", wire.url("/"))).data == "mine"
        assert await bot.request_json("GET", wire.url("/")) == "mine"
        wire.answer = body(b"[]")
        data = (await bot.fetch("GET", wire.url("/"))).data
        assert isinstance(data, NotJSONContent)
        assert "odd" in str(data.error)


async def test_request_json() -> None:
    """The door for stores signs as usual and returns the decoded JSON."""
    async with Wire() as wire, Client(APIS, exchanges=[venue()]) as bot:
        assert await bot.request_json("POST", wire.url("/a"), data={"x": 1}) == {"path": "/a"}
        assert wire.last.signed
        wire.answer = body(b"<html>")
        with pytest.raises(json.JSONDecodeError):
            await bot.request_json("GET", wire.url("/a"), auth=None)


# --- tasks and the end ---


async def test_spawned_tasks_end_with_the_client(caplog: pytest.LogCaptureFixture) -> None:
    """A spawned task runs, is cancelled and waited for by close, and its failure is logged once."""
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("forever")

    async def once() -> None:
        ended.append("once")

    async def fail() -> None:
        raise ValueError("what went wrong")

    async with Client({}) as bot:
        with caplog.at_level(logging.ERROR, logger="topgun.client"):
            for work in (forever, once, fail):
                bot.spawn(work())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert ended == ["once"]
        (said,) = [record.getMessage() for record in caplog.records]
        assert said.startswith("a task of the client failed: ValueError: what went wrong (test_client.py:")
    assert ended == ["once", "forever"]


async def test_spawn_after_close() -> None:
    """A closed client runs nothing more."""
    ran: list[int] = []

    async def work() -> None:
        ran.append(1)

    bot = Client({})
    await bot.close()
    bot.spawn(work())
    await asyncio.sleep(0)
    assert ran == []


async def test_client_closed_by_its_own_task() -> None:
    """A spawned task may close the client; it does not wait for itself."""
    bot = Client({})
    done = asyncio.Event()

    async def stop() -> None:
        await bot.close()
        done.set()

    bot.spawn(stop())
    await asyncio.wait_for(done.wait(), 5)
    assert bot.closed


async def test_close_twice() -> None:
    """Closing again, also at the same time, does nothing; a closed client sends nothing."""
    bot = Client({})
    assert not bot.closed
    await asyncio.gather(bot.close(), bot.close())
    await bot.close()
    assert bot.closed
    with pytest.raises(ClientClosed, match="make a new one"):
        await bot.get("http://127.0.0.1:9/")
    with pytest.raises(ClientClosed, match="make a new one"):
        bot.ws_connect("ws://127.0.0.1:9/")


async def test_no_task_is_left() -> None:
    """Leaving the client ends every task of it, sockets included."""

    async def spawned_work() -> None:
        await asyncio.Event().wait()

    def running() -> list[str]:
        return [repr(task) for task in asyncio.all_tasks() if "topgun/" in repr(task) or "spawned_work" in repr(task)]

    async with Wire(lambda _: None) as wire:
        async with Client({}) as bot:
            app = bot.ws_connect(wire.url("/ws", scheme="ws"))
            assert bot.apps == (app,)
            await app
            bot.spawn(spawned_work())
            assert len(running()) >= 2
        assert bot.apps == ()
        assert running() == []


async def test_client_closed_by_a_handler() -> None:
    """A handler may close the client it belongs to: the socket, the tasks and the session end."""

    async def work() -> None:
        await asyncio.Event().wait()

    async def greet(request: web.BaseRequest) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str("stop")
        await ws.receive()
        return ws

    async def stop(msg: str, ws: object) -> None:
        await bot.close()

    runner = web.ServerRunner(web.Server(greet), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bot = Client({})
    bot.spawn(work())
    app = bot.ws_connect(f"ws://127.0.0.1:{runner.addresses[0][1]}/", hdlr_str=stop)
    async with asyncio.timeout(5):
        await app.wait()
        await until(lambda: bot.closed)
    assert bot.apps == ()
    assert not [task for task in asyncio.all_tasks() if "work" in repr(task.get_coro())]
    await runner.cleanup()


async def test_closing_goes_on_when_a_socket_fails_to_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session is closed even if something before it goes wrong."""

    class Stuck:
        async def close(self) -> None:
            raise ValueError("stuck")

    bot = Client({})
    monkeypatch.setattr(bot._wiring, "apps", [Stuck()])
    with pytest.raises(ValueError, match="stuck"):
        await bot.close()
    assert bot.closed


# --- sockets ---


async def test_sockets_of_a_session_that_was_closed_by_hand() -> None:
    """A program that closes the session itself ends its sockets, too: they do not try for ever."""
    async with Wire(lambda _: None) as wire:
        bot = Client({})
        app = bot.ws_connect(wire.url("/", scheme="ws"), backoff=(0.0, 0.0, 1.0, 0.0))
        await app
        await bot._session.close()
        with pytest.raises(ClientClosed, match="make a new one"):
            await app.wait()
        with pytest.raises(ClientClosed):
            await app
        await bot.close()


async def test_socket_opened_while_the_client_closes() -> None:
    """A socket made past the client, while it is closing, ends as well."""
    made: list[WebSocketApp] = []

    async def last_minute() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            made.append(WebSocketApp(bot._session, "ws://127.0.0.1:9/"))

    async with Client({}) as bot:
        bot.spawn(last_minute())
        await asyncio.sleep(0)
    with pytest.raises(ClientClosed):
        await made[0]
    assert bot.apps == ()


async def test_ws_connect_hands_everything_over() -> None:
    """``ws_connect`` returns the app at once; url, messages, handlers and further arguments reach it."""
    sent: list[str] = []

    async def handler(request: web.BaseRequest) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str('{"a": 1}')
        await ws.send_bytes(b"[1]")
        sent.extend([msg.data async for msg in ws])
        return ws

    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    got: list[Any] = []
    full = asyncio.Event()

    def note(msg: Any, ws: object) -> None:
        got.append(msg)
        if len(got) == 4:
            full.set()

    try:
        async with Client({}, connector=names()) as bot:
            app = bot.ws_connect(
                URL(f"ws://venue.example:{runner.addresses[0][1]}/ws"),
                send_str="s",
                send_bytes=b"b",
                send_json={"j": 1},
                hdlr_str=note,
                hdlr_bytes=note,
                hdlr_json=[note],
                headers={"X-Mine": "1"},
            )
            assert await app is app
            await app.ready()
            await asyncio.wait_for(full.wait(), 5)
            assert got == ['{"a": 1}', {"a": 1}, b"[1]", [1]]
        await until(lambda: sent)  # the server has read to the end of the socket
        assert sent == ["s", b"b", '{"j": 1}']
    finally:
        await runner.cleanup()


async def test_clock() -> None:
    """The clock that was given is there for helpers to wait by."""
    clock = FakeClock()
    async with Client({}, clock=clock) as bot:
        assert bot.clock is clock
