"""`FakeExchange`: requests and sockets as they arrive, commands, time, and its end."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

import topgun
from tests.support import until
from topgun.errors import ConfigError
from topgun.seam import active_connector
from topgun.testing import FakeClock, FakeExchange
from topgun.testing.venue import Reply, hmac_hex
from topgun.testing.venues import DEFAULT, VENUES

from .toy import REST, SOCKET, STREAM, echoed, hear, numbers, subscribed, toy

URL = f"https://{REST}"


def signed(target: str, body: str = "") -> dict[str, str]:
    return {"X-SIGN": hmac_hex("toy-secret", target + body)}


async def test_requests_are_answered_and_kept() -> None:
    """The venue answers; the request is kept with what was sent, whether its signature is right, and the status."""
    async with toy() as (fake, session):
        async with session.post(f"{URL}/a?x=%20", data='{"n": 1}', headers=signed("/a?x=%20", '{"n": 1}')) as response:
            assert await response.json() == {"query": {"x": " "}, "body": {"n": 1}}
            assert (response.status, response.headers["X-Seen"]) == (200, "yes")
        async with session.get(f"{URL}/empty") as response:
            assert (response.status, await response.read()) == (200, b"")
        first, second = fake.requests
        assert (first.method, first.host, first.path, first.query, first.body) == (
            "POST",
            REST,
            "/a",
            {"x": " "},
            b'{"n": 1}',
        )
        assert (first.verified, first.status, second.verified, second.status) == (True, 200, False, 200)
        assert "{" not in repr(first)


async def test_a_long_poll_waits_for_its_answer() -> None:
    """A venue may answer later; such a request counts as accepted at once, and suffers what befalls its answer."""
    async with toy() as (fake, session):
        venue: Any = fake._venues[0]
        lost = asyncio.create_task(session.post(f"{URL}/later"))  # a GET would be sent again by aiohttp
        await until(lambda: [request.status for request in fake.requests] == [200])
        assert not lost.done()
        fake.lose_reply()
        venue.later.set_result(Reply({"late": True}))
        with pytest.raises(aiohttp.ClientError):
            await lost
        question = asyncio.create_task(session.get(f"{URL}/later"))
        await until(lambda: [request.status for request in fake.requests] == [200, 200])
        venue.later.set_result(Reply({"late": True}, 203))
        async with await question as response:
            assert (response.status, await response.json()) == (203, {"late": True})
        assert fake.requests[1].status == 203
        cut = asyncio.create_task(session.post(f"{URL}/later"))
        await until(lambda: len(fake.requests) == 3 and fake.requests[2].status == 200)
        fake.drop(host="another")
        fake.drop(host=REST)
        with pytest.raises(aiohttp.ClientError):
            await cut


async def test_every_client_made_meanwhile_leads_here() -> None:
    """A client without a connector of its own talks to the fake, and to nothing else; afterwards no more."""
    async with FakeExchange("toy"), topgun.Client() as client:
        result = await client.fetch("GET", f"{URL}/a", params={"x": "1"})
        assert result.data["query"] == {"x": "1"}
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get("https://example.com/")
    assert active_connector() is None


async def test_sockets_are_handshakes_too() -> None:
    """A handshake is kept as a request; one to an address without a socket is answered as any request."""
    async with toy() as (fake, session):
        assert await echoed(await session.ws_connect(SOCKET)) == []
        with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
            await session.ws_connect(f"wss://{STREAM}/other")
        assert raised.value.status == 200
        assert [(each.path, each.status) for each in fake.requests] == [("/ws", 101), ("/other", 200)]


async def test_several_exchanges_at_once() -> None:
    """Each answers on its own hosts, with its own markets and credentials; a market is found by its name."""
    async with FakeExchange("toy", "bitflyer") as fake:
        assert set(fake.apis) == {"toy", "bitflyer"}
        async with topgun.Client(fake.apis) as client:
            assert (await client.fetch("GET", f"{URL}/a")).response.status == 200
            assert (await client.fetch("GET", "https://api.bitflyer.com/v1/getmarkets")).response.status == 200
        assert [market.name for market in fake.live_markets()][:2] == ["TOY", "BTC_JPY"]
        assert fake.market("TOY").name == "TOY"
        assert fake.markets_with_orders() == []
        with pytest.raises(LookupError, match="there is no market NONE; there are TOY, BTC_JPY"):
            fake.market("NONE")


def test_an_exchange_without_a_fake() -> None:
    """The error names those that there are; without a name the default is played."""
    with pytest.raises(ConfigError, match=r"there is no fake of 'fly'; there are .*toy"):
        FakeExchange("fly")
    assert FakeExchange().live_markets()[0].name == FakeExchange(DEFAULT).live_markets()[0].name


@pytest.mark.parametrize("name", [name for name in VENUES if name != "toy"])
def test_each_fake_says_what_it_is(name: str) -> None:
    """A fake bears the name it is found under, knows its own credentials and hosts, and has markets."""
    [venue] = FakeExchange(name)._venues
    assert venue.name == name
    assert all(api.startswith(name) for api in venue.apis)
    assert venue.hosts
    assert all(market.book(1)["asks"] and market.book(1)["bids"] for market in FakeExchange(name).live_markets())


async def test_failed_requests_are_not_executed() -> None:
    """The status, the header and the body are those of the command; then everything is as before."""
    async with toy() as (fake, session):
        fake.fail_request(429, retry_after=2, body="slow down", path="/a")
        async with session.get(f"{URL}/b") as response:
            assert response.status == 200
        async with session.get(f"{URL}/a") as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "2")
            assert await response.text() == "slow down"
        async with session.get(f"{URL}/a") as response:
            assert response.status == 200
        assert [request.status for request in fake.requests] == [200, 429, 200]
        assert fake._venues[0].executed == ["/b", "/a"]  # type: ignore[attr-defined]  # the toy's own


async def test_redirects() -> None:
    """The next request is sent elsewhere, to a host that the fake plays as well, though it knows nothing there."""
    async with toy() as (fake, session):
        fake.redirect("https://elsewhere.test/x", 307, path="/a")
        fake.redirect(f"{URL}/c", path="/b")
        async with session.get(f"{URL}/a") as response:
            assert (response.status, str(response.url)) == (404, "https://elsewhere.test/x")
        async with session.get(f"{URL}/b") as response:
            assert (response.status, response.url.path) == (200, "/c")
        assert [(each.host, each.status) for each in fake.requests] == [
            (REST, 307),
            ("elsewhere.test", 404),
            (REST, 302),
            (REST, 200),
        ]


async def test_a_relative_redirect() -> None:
    """A redirect to a path of the same host plays no further host."""
    async with toy() as (fake, session):
        fake.redirect("/c", path="/a")
        async with session.get(f"{URL}/a") as response:
            assert (response.status, response.url.path) == (200, "/c")


async def test_a_lost_reply_is_executed() -> None:
    """The request did what it should; nobody hears of it."""
    async with toy() as (fake, session):
        fake.lose_reply(path="/a")
        with pytest.raises(aiohttp.ClientError):
            await session.post(f"{URL}/a")
        [request] = fake.requests
        assert request.status is None
        assert fake._venues[0].executed == ["/a"]  # type: ignore[attr-defined]


async def test_a_slow_reply_waits_by_the_clock_of_the_fake() -> None:
    """The request is executed at once, the answer comes when the fake's clock says so."""
    clock = FakeClock()
    async with toy(clock=clock) as (fake, session):
        fake.slow_reply(30)
        task = asyncio.create_task(session.get(f"{URL}/a"))
        await clock.asleep()
        assert fake._venues[0].executed == ["/a"]  # type: ignore[attr-defined]
        await clock.advance(29)
        assert not task.done()
        await clock.advance(1)
        assert (await task).status == 200


@pytest.mark.parametrize("status", [401, 503])
async def test_refused_handshakes(status: int) -> None:
    """The next handshake is answered with a status; requests are not concerned."""
    async with toy() as (fake, session):
        fake.refuse_handshake(status)
        async with session.get(f"{URL}/a") as response:
            assert response.status == 200
        with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
            await session.ws_connect(SOCKET)
        assert raised.value.status == status
        assert await echoed(await session.ws_connect(SOCKET)) == []


async def test_the_market_moves_by_itself() -> None:
    """With a pace it moves so many seconds after each other, by the fake's clock; `tick` moves it at once."""
    clock = FakeClock()
    async with toy(clock=clock, pace=0.5) as (fake, session):
        socket = await subscribed(session, "book")
        await clock.asleep()
        assert await echoed(socket) == []
        await clock.advance(1.6)
        assert numbers(await echoed(socket)) == [2, 3, 4]
        fake.tick(2)
        assert numbers(await echoed(socket)) == [5, 6]


async def test_commands_at_a_time() -> None:
    """A command is given after so many seconds of the fake's clock, once; its task takes it back."""
    clock, given = FakeClock(), []

    async def command(number: int, *, word: str) -> None:
        await asyncio.sleep(0)
        given.append((number, word))

    async with toy(clock=clock) as (fake, _):
        fake.at(2, command, 1, word="awaited")
        fake.at(3, given.append, "plain")
        fake.at(1, given.append, "taken back").cancel()
        await clock.asleep(2)
        await clock.advance(2)
        assert given == [(1, "awaited")]
        await clock.advance(1)
        assert given[1:] == ["plain"]
        fake.at(100, given.append, "never")
    assert given[2:] == []


async def test_a_command_that_fails_is_told_at_the_end() -> None:
    """Nothing is lost: leaving the fake raises what its commands raised, once."""
    fake = FakeExchange("toy")
    await fake.start()
    fake.at(0, fake.market("TOY").fill)
    await until(lambda: fake._failures)
    with pytest.raises(ExceptionGroup) as raised:
        await fake.stop()
    [failure] = raised.value.exceptions
    assert isinstance(failure, LookupError)
    await fake.stop()


async def test_waiting_for_something() -> None:
    """`until` returns as soon as the condition holds, and says what it saw if it never does."""
    async with toy() as (fake, session):
        socket = await subscribed(session, "book")
        fake.at(0.02, fake.market("TOY").order, "buy", 1, 80)
        await fake.until(lambda: any(price == 80 for price, _ in fake.market("TOY").book()["bids"]))
        assert (await hear(socket))["book"] == 2
        with pytest.raises(TimeoutError, match=r"not within 0.01 s; sockets: \[<Link 1 stream.toy.test/ws open>\]"):
            await fake.until(lambda: False, timeout=0.01)


async def test_leaving_ends_everything() -> None:
    """Sockets are cut, requests under way end, no task is left, and the port is closed."""
    clock = FakeClock()
    before = asyncio.all_tasks()
    fake = FakeExchange("toy", clock=clock, pace=1.0)
    async with fake:
        session = aiohttp.ClientSession(connector=fake.connector())
        socket = await subscribed(session, "book")
        fake.slow_reply(1000)
        task = asyncio.create_task(session.get(f"{URL}/a"))
        await clock.asleep(2)
    assert (await socket.receive(timeout=5)).type is not aiohttp.WSMsgType.TEXT
    with pytest.raises(aiohttp.ClientError):
        await task
    await session.close()
    await until(lambda: asyncio.all_tasks() == before)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", fake._wire.port)
