"""Welcome, heartbeat, tokens, send limit and unsubscriptions of KuCoin."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tests.support import FakeLink, FakeRequester, load
from topgun.exchange import Registry
from topgun.exchanges.kucoin import EXCHANGE
from topgun.exchanges.kucoin import endpoint as endpoints
from topgun.exchanges.kucoin.endpoint import endpoint_of, is_named, opened, sources
from topgun.exchanges.kucoin.stream import accepted, forget, greet, heartbeat, readdress
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
CONTROL = {case["name"]: case for case in load(HERE / "frames" / "control.json")}
BULLET = load(HERE / "responses" / "initialize_bullet.json")[0]["initialize"][0]["response"]
SPOT, FUTURES = "https://api.kucoin.com/api/v1/bullet-", "https://api-futures.kucoin.com/api/v1/bullet-"
REFUSED = {"code": "400003", "msg": "KC-API-KEY not exists"}


def bullet(token: str, host: str = "ws-api-spot.kucoin.com", **timing: Any) -> dict[str, Any]:
    server = {"endpoint": f"wss://{host}/", "encrypt": True, "protocol": "websocket", **timing}
    return {"code": "200000", "data": {"token": token, "instanceServers": [server]}}


class Asked(FakeRequester):
    """A client that answers one thing after the other; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self._queue = list(answers)

    async def request_json(self, method: str, url: str, **kwargs: Any) -> Any:
        self.asked.append((method, url, kwargs))
        given = self._queue.pop(0)
        if isinstance(given, Exception):
            raise given
        return given


# -- endpoints -----------------------------------------------------------------------------------------------------


def test_an_endpoint_is_remembered_by_its_token() -> None:
    """Whatever host KuCoin names is one of its own from then on; the repr does not show the token."""
    told = opened(bullet("tok-1==.a", "push-9.kucoin.example", pingInterval=7000, pingTimeout=3000), f"{SPOT}private")
    url = URL(told.url)
    assert endpoint_of(url) is told
    assert (told.ping, told.patience, told.source) == (7.0, 3.0, f"{SPOT}private")
    assert "tok-1" not in repr(told)
    assert is_named("push-9.kucoin.example")
    assert not is_named("push-8.kucoin.example")
    registry = Registry([EXCHANGE])
    assert registry["push-9.kucoin.example"] is registry["ws-api-spot.kucoin.com"]
    assert registry.get("push-8.kucoin.example") is None
    assert endpoint_of(URL("wss://push-9.kucoin.example/?token=other")) is None


def test_timing_that_is_not_told_or_absurd() -> None:
    """There are usual values, and a ping at most once a second."""
    assert (opened(bullet("tok-2"), SPOT).ping, opened(bullet("tok-2"), SPOT).patience) == (18.0, 10.0)
    assert opened(bullet("tok-2", pingInterval=0), SPOT).ping == 1.0


def test_old_endpoints_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a program runs, what it remembers is bounded."""
    monkeypatch.setattr(endpoints, "_REMEMBERED", 3)
    monkeypatch.setattr(endpoints, "_endpoints", type(endpoints._endpoints)())
    urls = [URL(opened(bullet(f"tok-old-{number}"), SPOT).url) for number in range(5)]
    assert [endpoint_of(url) is not None for url in urls] == [False, False, True, True, True]


@pytest.mark.parametrize(
    "answer",
    [
        {"code": "200000"},
        {"data": {"token": "secret-token", "instanceServers": []}},
        {"data": {"token": "secret-token", "instanceServers": [{"endpoint": 5}]}},
        {"data": {"token": 5, "instanceServers": [{"endpoint": "wss://a/"}]}},
        {"data": {"token": "", "instanceServers": [{"endpoint": "wss://a/"}]}},
        {"data": {"token": "secret-token", "instanceServers": [{"endpoint": "wss://a/", "pingInterval": "18"}]}},
    ],
)
def test_an_answer_without_endpoint(answer: Any) -> None:
    """It is an error that does not quote the token."""
    with pytest.raises((LookupError, TypeError, ValueError)) as raised:
        opened(answer, SPOT)
    assert "secret-token" not in str(raised.value)


def test_sources() -> None:
    """A token that is known comes from where it came from; another one is guessed by its host; none, from nowhere."""
    told = opened(bullet("tok-3", "push-private.kucoin.com"), f"{FUTURES}public")
    assert sources(URL(told.url)) == (f"{FUTURES}public",)
    assert sources(URL("wss://ws-api-futures.kucoin.com/?token=x")) == (f"{FUTURES}private", f"{FUTURES}public")
    assert sources(URL("wss://ws-api-spot.kucoin.com/?token=x")) == (f"{SPOT}private", f"{SPOT}public")
    assert sources(URL("wss://ws-api-spot.kucoin.com/")) == ()


def test_accepted() -> None:
    """One code is success."""
    assert [accepted(each) for each in (BULLET, REFUSED, None, [], {})] == [True, False, False, False, False]


# -- readdress -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "kwargs"), [(f"{FUTURES}private", {}), (f"{SPOT}public", {"auth": None})])
async def test_readdress_makes_the_same_call_anew(source: str, kwargs: dict[str, Any]) -> None:
    """The new token is known in its turn; a public one is asked for without a signature."""
    url = URL(opened(bullet("tok-4"), source).url)
    client = Asked(bullet("tok-5", "push-5.kucoin.example"), bullet("tok-6"))
    fresh = await readdress(url, client)
    assert (fresh.host, fresh.query["token"], fresh.query["acceptUserMessage"]) == (
        "push-5.kucoin.example",
        "tok-5",
        "true",
    )
    assert fresh.query["connectId"] != url.query["connectId"]
    assert (await readdress(fresh, client)).query["token"] == "tok-6"
    assert client.asked == [("POST", source, kwargs)] * 2


async def test_readdress_of_an_unknown_token() -> None:
    """A private token is asked for, and without a key a public one."""
    url, client = URL("wss://ws-api-futures.kucoin.com/?token=by-hand"), Asked(REFUSED, bullet("tok-7"))
    assert (await readdress(url, client)).query["token"] == "tok-7"
    assert client.asked == [("POST", f"{FUTURES}private", {}), ("POST", f"{FUTURES}public", {"auth": None})]


@pytest.mark.parametrize("answer", [{"code": "429000", "msg": "busy"}, {"code": "400002"}, None])
async def test_a_private_socket_does_not_become_a_public_one(answer: Any) -> None:
    """Only for want of a good key: a public token would silence its private topics for ever."""
    url, client = URL("wss://ws-api-futures.kucoin.com/?token=by-hand-2"), Asked(answer, bullet("tok-public"))
    assert await readdress(url, client) == url
    assert client.asked == [("POST", f"{FUTURES}private", {})]


@pytest.mark.parametrize("answer", [REFUSED, None, "x"])
async def test_readdress_without_a_new_token(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The old URL is tried; a warning says why, and shows no token."""
    url = URL(opened(bullet("tok-8-secret"), f"{SPOT}private").url)
    assert await readdress(url, Asked(answer)) == url
    [record] = caplog.records
    assert (record.name, record.levelname) == ("topgun.exchanges.kucoin", "WARNING")
    assert ("400003" in record.getMessage()) == (answer is REFUSED)
    assert "tok-8" not in caplog.text


async def test_readdress_without_an_answer() -> None:
    """It fails, and so does the attempt to connect."""
    url = URL(opened(bullet("tok-9"), f"{SPOT}private").url)
    with pytest.raises(OSError, match="away"):
        await readdress(url, Asked(OSError("away")))


async def test_readdress_without_a_token() -> None:
    """Nobody is asked."""
    url, client = URL("wss://ws-api-spot.kucoin.com/"), Asked()
    assert await readdress(url, client) == url
    assert client.asked == []


# -- greet ---------------------------------------------------------------------------------------------------------


async def test_greet_waits_for_the_welcome() -> None:
    """Nothing but a welcome or an error is one."""
    link = FakeLink("wss://ws-api-spot.kucoin.com/?token=x")
    greeting = asyncio.ensure_future(greet(link))
    await asyncio.sleep(0)
    assert [link.feed(message) for message in (None, [], {"type": "pong"}, CONTROL["pong"]["messages"][0])] == [
        False
    ] * 4
    await asyncio.sleep(0)
    assert not greeting.done()
    assert link.feed(CONTROL["welcome"]["messages"][0])
    await greeting


async def test_greet_refused() -> None:
    """A token that is not valid ends the connection, so that another one is fetched."""
    link = FakeLink("wss://ws-api-spot.kucoin.com/?token=x")
    greeting = asyncio.ensure_future(greet(link))
    await asyncio.sleep(0)
    assert link.feed(CONTROL["subscribe error"]["messages"][1])
    with pytest.raises(ConnectionError, match="401 token is invalid"):
        await greeting


# -- heartbeat -----------------------------------------------------------------------------------------------------


def pings(link: FakeLink) -> list[dict[str, Any]]:
    found = [load_text(text) for text in (*link.texts, CONTROL["heartbeat"]["send_text_example"])][:-1]
    assert {each["type"] for each in found} <= {"ping"}
    return found


def load_text(text: str) -> Any:
    name = text.removeprefix('{"id": "').removesuffix('", "type": "ping"}')
    assert text == f'{{"id": "{name}", "type": "ping"}}'
    assert len(name) == 36
    return {"id": name, "type": "ping"}


async def until_sent(link: FakeLink, number: int) -> None:
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(pings(link)) == number


@pytest.mark.parametrize(("url", "seconds"), [("known", 7.0), ("wss://ws-api-spot.kucoin.com/?token=unknown", 15.0)])
async def test_heartbeat(url: str, seconds: float) -> None:
    """A ping at once and then as often as the bullet call has asked for, each with an id of its own."""
    if url == "known":
        url = opened(bullet("tok-10", "push-10.kucoin.example", pingInterval=7000), SPOT).url
    clock = FakeClock()
    link = FakeLink(url, clock=clock)
    beating = asyncio.create_task(heartbeat(link))
    for number in (1, 2, 3):
        await until_sent(link, number)
        assert not link.feed({"type": "pong", "id": "another"})
        await clock.advance(1.5)  # the way of a pong does not make the next ping later
        assert link.feed({**CONTROL["pong"]["messages"][0], "id": pings(link)[-1]["id"]})
        await clock.advance(seconds - 1.6)
        assert len(link.texts) == number
        await clock.advance(0.1)
    await until_sent(link, 4)
    assert len({each["id"] for each in pings(link)}) == 4
    link.closed = True
    link.feed({"type": "pong", "id": pings(link)[-1]["id"]})
    await clock.advance(seconds)
    await beating
    assert link.dropped == []


async def test_heartbeat_without_a_pong() -> None:
    """The connection is dead after the time that the bullet call has said."""
    clock = FakeClock()
    link = FakeLink(opened(bullet("tok-11", pingTimeout=4000), SPOT).url, clock=clock)
    beating = asyncio.create_task(heartbeat(link))
    await until_sent(link, 1)
    await clock.advance(3.9)
    assert link.dropped == []
    await clock.advance(0.2)
    await beating
    assert link.dropped == ["no pong of KuCoin within 4 s"]


async def test_heartbeat_ends_with_the_socket() -> None:
    """A socket that closes in the middle of a sleep takes the heartbeat along."""
    link = FakeLink("wss://ws-api-spot.kucoin.com/?token=x")
    beating = asyncio.create_task(heartbeat(link))
    await until_sent(link, 1)
    beating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beating


# -- limit ---------------------------------------------------------------------------------------------------------


async def test_limit() -> None:
    """So many messages in 10 s that with the pings they are not more than 100; the next one waits."""
    limit, clock = EXCHANGE.hosts["ws-api-spot.kucoin.com"].limit, FakeClock()
    assert limit is not None
    link, sent = FakeLink("wss://ws-api-spot.kucoin.com/", clock=clock), list[float]()

    async def send() -> None:
        sent.append(clock.monotonic())

    start = clock.monotonic()
    tasks = [asyncio.create_task(limit(link, send)) for _ in range(100)]
    await clock.advance(9.9)
    assert len(sent) == 95
    await clock.advance(0.2)
    await asyncio.gather(*tasks)
    assert sent[-1] - start >= 10


# -- forget --------------------------------------------------------------------------------------------------------

TWO = CONTROL["subscribe request"]["send"]
ALL = {"id": 1, "type": "subscribe", "topic": "/contractMarket/tradeOrders", "privateChannel": True}


@pytest.mark.parametrize(
    ("subscription", "topic", "left"),
    [
        (TWO, CONTROL["unsubscribe request"]["send"]["topic"], None),
        (TWO, "/market/ticker:ETH-USDT", {**TWO, "topic": "/market/ticker:BTC-USDT"}),
        (TWO, "/market/ticker:ETH-USDT,BTC-USDT", None),
        (TWO, "/market/ticker:XRP-USDT", TWO),
        (TWO, "/market/match:BTC-USDT", TWO),
        (TWO, "/market/ticker", TWO),
        (ALL, "/contractMarket/tradeOrders", None),
        (ALL, "/contractMarket/tradeOrders:XBTUSDTM", ALL),
        (ALL, None, ALL),
        ("subscribe", "/market/ticker:BTC-USDT", "subscribe"),
    ],
)
def test_forget(subscription: Any, topic: str | None, left: Any) -> None:
    """An unsubscription takes back its symbols of its kind, and nothing else."""
    assert forget(subscription, {"id": 2, "type": "unsubscribe", "topic": topic}) == left
