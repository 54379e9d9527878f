"""Losses and refusals: when an app comes back, how long it waits, where it goes then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from tests.support import until
from topgun.exchange import Host
from topgun.ws import State

from .server import Bench, Peer, waiting

if TYPE_CHECKING:
    from yarl import URL

    from topgun.exchange import Link


async def test_refusal_after_the_first_connection_is_not_final(net: Bench) -> None:
    """Once it has been open, the app comes back even after a 401."""
    net.server.refuse = lambda number: web.Response(status=401) if number == 2 else None
    app = net.app()
    await app.ready()
    net.server.peer.abort()
    await waiting(app)
    await net.clock.advance(5.0)
    await waiting(app)
    assert len(net.server.handshakes) == 2
    await net.clock.advance(60.0)
    await app.ready()
    assert len(net.server.handshakes) == 3


async def test_bad_url_after_the_first_connection_is_not_final(net: Bench) -> None:
    """A bad URL set later is a failed attempt; a good one set after it is connected to."""
    app = net.app()
    await app.ready()
    app.url = "no url"
    net.server.peer.abort()
    await waiting(app)
    await net.clock.advance(5.0)
    await until(lambda: len(net.clock.sleeps) == 2)
    app.url = net.server.url
    await net.clock.advance(60.0)
    await app.ready()
    assert len(net.server.peers) == 2


async def test_url_takes_effect_at_the_next_connection(net: Bench) -> None:
    """Setting url leaves the connection alone; the next one goes to the new place, under the new host record."""
    seen: list[str] = []

    async def heartbeat(link: Link) -> None:
        seen.append(link.url.host or "")

    net.registry["localhost"] = Host(heartbeat=heartbeat)
    app = net.app()
    await app.ready()
    app.url = net.server.url.replace("127.0.0.1", "localhost").replace("/ws", "/new")
    assert app.url.endswith("/new?token=hidden")
    assert app.current_ws is not None
    assert app.current_ws.url.path == "/ws"
    net.server.peer.abort()
    await waiting(app)
    await net.clock.advance(5.0)
    await app.ready()
    assert net.server.handshakes[-1].path == "/new"
    assert seen == ["localhost"]


async def test_d10_clean_close_at_once_is_not_stormed(net: Bench) -> None:
    """D10: a server that accepts and closes cleanly at once is visited no more often than the back-off allows."""

    async def close(peer: Peer) -> None:
        await peer.push({"welcome": True})
        await peer.ws.close()

    net.server.script = close
    app = net.app()
    for number in range(1, 21):
        await until(lambda number=number: len(net.clock.sleeps) == number)  # type: ignore[misc]  # bound early
        assert len(net.server.handshakes) == number
        await net.clock.advance(net.clock.sleeps[-1])
    # jitter 0.5 of U(0, 5); then 1.92 * 1.618**n, never above 60: computed by hand with a pocket calculator
    expected = [2.5, 3.10656, 5.02641, 8.13274, 13.15877, 21.29089, 34.44865, 55.73793, *[60.0] * 12]
    assert net.clock.sleeps[:20] == pytest.approx(expected, rel=1e-4)
    assert app.state is not State.CLOSED


async def test_d10_small_backoff_is_not_cut_to_whole_seconds(net: Bench) -> None:
    """D10: waits below a second are kept."""
    net.server.refuse = lambda number: web.Response(status=500)
    net.app(backoff=(0.1, 0.5, 1.5, 0.0))
    for number in range(1, 7):
        await until(lambda number=number: len(net.clock.sleeps) >= number)  # type: ignore[misc]  # bound early
        await net.clock.advance(net.clock.sleeps[number - 1])
    assert net.clock.sleeps[:6] == pytest.approx([0.0, 0.15, 0.225, 0.3375, 0.5, 0.5])


async def test_one_immediate_retry_after_a_healthy_connection(net: Bench) -> None:
    """After a connection that lived and received data the first retry is immediate, the second is not."""
    net.server.refuse = lambda number: web.Response(status=500) if number == 3 else None
    got: list[Any] = []
    app = net.app(hdlr_json=lambda msg, ws: got.append(msg))
    await app.ready()
    await net.clock.advance(1.92)
    await net.server.peer.push({"a": 1})
    await until(lambda: got)
    net.server.peer.abort()
    await net.peers(2)  # without the clock having moved
    assert net.clock.sleeps == [0.0]
    await app.ready()
    net.server.peer.abort()  # this one lived no time
    await until(lambda: len(net.clock.sleeps) == 2)
    await net.clock.advance(2.5)
    await until(lambda: len(net.clock.sleeps) == 3)
    assert net.clock.sleeps == pytest.approx([0.0, 2.5, 1.92 * 1.618])


async def test_mute_connection_is_not_healthy(net: Bench) -> None:
    """A connection that lived long but never received a frame counts as a failure."""
    app = net.app()
    await app.ready()
    await net.clock.advance(100.0)
    net.server.peer.abort()
    await waiting(app)
    assert net.clock.sleeps == [2.5]


async def test_pong_makes_a_quiet_connection_healthy(net: Bench) -> None:
    """A quiet connection that answers pings is healthy."""
    app = net.app()
    await app.ready()
    await app.heartbeat()
    await net.clock.advance(100.0)
    net.clock.sleeps.clear()
    net.server.peer.abort()
    await net.peers(2)
    assert net.clock.sleeps == [0.0]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("7", 7.0),
        ("1", 2.5),
        ("86400", 300.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),  # the fake clock starts at 22:13:20
        ("soon", 2.5),
    ],
)
async def test_retry_after_is_honoured(net: Bench, header: str, expected: float) -> None:
    """The wait after a refused handshake is at least what Retry-After asks for, at most 300 s."""
    net.server.refuse = lambda number: web.Response(status=429, headers={"Retry-After": header})
    app = net.app()
    await waiting(app)
    assert net.clock.sleeps == [expected]


async def test_silence_is_a_loss(net: Bench) -> None:
    """With silence= a connection without data is dropped and made anew; data postpones it, pings do not."""
    got: list[Any] = []
    app = net.app(silence=10.0, hdlr_json=lambda msg, ws: got.append(msg))
    await app.ready()
    await net.clock.advance(6.0)
    await net.server.peer.push({"a": 1})
    await until(lambda: got)
    await net.clock.advance(9.0)
    await net.server.peer.ws.ping()
    await until(lambda: net.server.peer.pongs)
    assert app.state is State.OPEN
    await net.clock.advance(1.0)
    await net.peers(2)  # healthy: the retry is immediate
    await app.ready()


async def test_slow_handler_is_not_silence(net: Bench) -> None:
    """While a coroutine handler keeps the reader waiting the peer is not called silent."""
    gate = asyncio.Event()
    entered = asyncio.Event()

    async def slow(msg: Any, ws: Any) -> None:
        entered.set()
        await gate.wait()

    app = net.app(silence=10.0, hdlr_json=slow)
    await app.ready()
    await net.server.peer.push({"a": 1})
    await entered.wait()
    await net.clock.advance(55.0)
    assert app.state is State.OPEN
    gate.set()
    await net.clock.advance(4.0)
    assert app.state is State.OPEN
    await net.clock.advance(20.0)
    await net.peers(2)


async def test_logs_do_not_show_the_query(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is logged of losses and refusals, the query of the URL is not in it."""
    net.server.refuse = lambda number: web.Response(status=503) if number % 2 else None
    app = net.app()
    await waiting(app)
    await net.clock.advance(5.0)
    await app.ready()
    net.server.peer.abort()
    await waiting(app)
    assert "/ws" in caplog.text
    assert "HTTP 503" in caplog.text
    assert "hidden" not in caplog.text


async def test_bug_in_the_app_is_told(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """If the loop of the app itself breaks, it is logged and everyone who waits is told."""

    def uniform(high: float) -> float:
        raise ZeroDivisionError

    net.clock.uniform = uniform  # type: ignore[method-assign]  # a broken clock
    app = net.app(url="ws://127.0.0.1:1/")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        await app.ready()
    assert "the app stopped" in caplog.text


# --- venues whose URL holds what ages ---


async def test_readdress_before_every_connection_but_the_first(net: Bench) -> None:
    """The exchange says where to connect to next; the app keeps that URL."""
    asked: list[tuple[str, Any]] = []

    async def readdress(url: URL, requester: Any) -> URL:
        asked.append((url.query["token"], requester))
        return url.with_query(token=f"fresh{len(asked)}")

    net.host(readdress=readdress)
    net.server.refuse = lambda number: web.Response(status=503) if number == 2 else None
    app = net.app()
    await app.ready()
    assert asked == []
    net.server.peer.abort()
    await waiting(app)
    await net.clock.advance(5.0)
    await until(lambda: len(net.server.handshakes) == 2 and app.state is State.WAITING)
    await net.clock.advance(60.0)
    await app.ready()
    assert [request.query["token"] for request in net.server.handshakes] == ["hidden", "fresh1", "fresh2"]
    assert asked == [("hidden", net.requester), ("fresh1", net.requester)]
    assert app.url.endswith("token=fresh2")


async def test_readdress_that_fails_is_tried_again(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """No URL to be had counts as a connection that could not be made."""
    answers: list[Exception | None] = [RuntimeError("maintenance"), TimeoutError(), None]

    async def readdress(url: URL, requester: Any) -> URL:
        error = answers.pop(0)
        if error is not None:
            raise error
        return url

    net.host(readdress=readdress)
    app = net.app()
    await app.ready()
    net.server.peer.abort()
    for number in range(1, 4):
        await until(lambda number=number: len(caplog.records) == number and net.clock.sleeping == 1)  # type: ignore[misc]  # bound early
        await net.clock.advance(net.clock.sleeps[-1])
    await app.ready()
    assert len(net.server.handshakes) == 2
    assert "maintenance" in caplog.text
    assert answers == []


async def test_readdress_that_is_not_answered(net: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The exchange has 30 s to say where to connect to: then the attempt has failed, and the next one asks again."""
    asked: list[URL] = []

    async def readdress(url: URL, requester: Any) -> URL:
        asked.append(url)
        if len(asked) == 1:
            await asyncio.get_running_loop().create_future()  # no answer, ever
        return url

    net.host(readdress=readdress)
    app = net.app()
    await app.ready()
    net.server.peer.abort()
    await waiting(app)
    await net.clock.advance(net.clock.sleeps[-1])
    await until(lambda: asked)
    await net.clock.advance(29.0)
    assert app.state is State.CONNECTING
    await net.clock.advance(1.0)
    await waiting(app)
    assert "TimeoutError" in caplog.text
    await net.clock.advance(60.0)
    await app.ready()
    assert (len(asked), len(net.server.handshakes)) == (2, 2)


async def test_url_set_by_the_user_goes_over_readdress(net: Bench) -> None:
    """Who sets `url` while the exchange is being asked is not overruled."""

    async def readdress(url: URL, requester: Any) -> URL:
        app.url = net.server.url.replace("hidden", "mine")
        return url.with_query(token="theirs")

    net.host(readdress=readdress)
    app = net.app()
    await app.ready()
    net.server.peer.abort()
    await waiting(app)
    await net.clock.advance(5.0)
    await app.ready()
    assert net.server.handshakes[-1].query["token"] == "mine"
