"""The fake of BitTrade, seen by a client that shares no code with topgun: who is let in, market data, pings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from yarl import URL

from tests.support import until
from topgun.testing.clock import FakeClock

from .bittrade_bot import ACCOUNT, API, PRIVATE, PUBLIC, RETAIL, ask, bot, hear, rest

PERIODS = ("1min", "5min", "15min", "30min", "60min", "4hour", "1day", "1week")


def levels(side: Any) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(str(price)), Decimal(str(size))) for price, size in side]


def truth(fake: Any, name: str = "btcjpy", limit: int = 150) -> Any:
    return fake.market(name).book(limit)


def sides(tick: Any) -> Any:
    return {"asks": levels(tick["asks"]), "bids": levels(tick["bids"])}


# -- who is let in -------------------------------------------------------------------------------------------------


async def test_a_right_signature() -> None:
    """It is accepted, also with characters that are encoded; an unsigned request is not."""
    async with bot() as (fake, client):
        assert await client.get("/v1/account/accounts?a=%E5%86%86%20%2B%26") == [
            {"id": ACCOUNT, "type": "spot", "subtype": "", "state": "working"}
        ]
        assert await client.refused("GET", f"{API}/v1/account/accounts") == (
            "api-signature-not-valid",
            "Signature not valid: Incorrect Access key [Access key error]",
        )
        assert [request.verified for request in fake.requests] == [True, False]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"AccessKeyId": "another"}, "Access key"),
        ({"Signature": "x"}, "Verification failure"),
        ({"Timestamp": "yesterday"}, "timestamp"),
        ({"seconds": -301}, "timestamp"),
        ({"seconds": 302}, "timestamp"),
    ],
)
async def test_a_wrong_request(changes: Any, text: str) -> None:
    """Key, signature and time have to be right."""
    async with bot() as (_, client):
        code, message = await client.refused("GET", client.signed("GET", "/v1/account/accounts", **changes))
        assert code == "api-signature-not-valid"
        assert text in message


async def test_everything_is_signed() -> None:
    """A signature holds for its method, path and query alone, and a space is ``%20``."""
    async with bot() as (_, client):
        url = client.signed("GET", "/v1/order/openOrders?symbol=btcjpy")
        for method, changed in (
            ("POST", str(url).replace("openOrders", "orders/place")),
            ("GET", str(url).replace("btcjpy", "ethjpy")),
            ("GET", str(url) + "&x=1"),
            ("GET", str(client.signed("GET", "/v1/account/accounts?x=a%20b")).replace("%20", "+")),
        ):
            assert "Verification" in (await client.refused(method, URL(changed, encoded=True)))[1]
        assert await client.get("/v1/account/accounts", seconds=-299)


async def test_other_keys() -> None:
    """Credentials can be given; another account has other orders."""
    async with bot(apis={"bittrade": ["mine", "secret"]}) as (fake, client):
        assert "Access key" in (await client.refused("GET", client.signed("GET", "/v1/account/accounts")))[1]
        client.key, client.secret = "mine", "secret"
        assert await client.get("/v1/account/accounts")
        assert fake.apis == {"bittrade": ["mine", "secret"]}


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/nothing"), ("DELETE", "/v1/account/accounts"), ("GET", "/")])
async def test_what_there_is_not(method: str, path: str) -> None:
    """Another path is refused in the form of every refusal."""
    async with bot() as (_, client):
        assert await client.refused(method, client.signed(method, path)) == (
            "base-not-found",
            f"this fake does not play {method} {path}",
        )


async def test_handshakes() -> None:
    """There are three sockets; a handshake that carries a key is not what BitTrade wants."""
    async with bot() as (fake, client):
        for url in (PUBLIC, PRIVATE, RETAIL):
            await (await client.session.ws_connect(url)).close()
        await (await client.session.ws_connect(f"{PUBLIC}?AccessKeyId=x")).close()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.session.ws_connect(f"{PUBLIC}/v3")
        assert [request.verified for request in fake.requests] == [True, True, True, False, False]


# -- market data by request ----------------------------------------------------------------------------------------


async def test_public_requests() -> None:
    """They need no signature and tell of the true market."""
    async with bot() as (fake, client):
        assert (await client.public("/v1/common/timestamp"))["data"] == 1_700_000_000_500
        rows = (await client.public("/v1/common/symbols"))["data"]
        assert [row["symbol"] for row in rows] == ["btcjpy", "ethjpy"]
        depth = await client.public("/market/depth?symbol=ethjpy&type=step0")
        assert depth["ch"] == "market.ethjpy.depth.step0"
        assert sides(depth["tick"]) == truth(fake, "ethjpy")
        merged = (await client.public("/market/detail/merged?symbol=btcjpy"))["tick"]
        tickers = {row["symbol"]: row for row in (await client.public("/market/tickers"))["data"]}
        best = {side: each[0] for side, each in truth(fake).items()}
        assert [levels([merged[side]])[0] for side in ("ask", "bid")] == [best["asks"], best["bids"]]
        row = tickers["btcjpy"]
        assert (row["ask"], row["bid"], row["close"]) == (merged["ask"][0], merged["bid"][0], merged["close"])
        assert merged["low"] <= merged["close"] <= merged["high"]


async def test_candles() -> None:
    """They end with the present one, the latest first, and add up to what was traded."""
    async with bot() as (fake, client):
        await fake_clock(fake).advance(130)
        fake.market("btcjpy").trade("buy", 1)
        rows = (await client.public("/market/history/kline?symbol=btcjpy&period=1min&size=10"))["data"]
        whole = (await client.public("/market/history/kline?symbol=btcjpy&period=1week"))["data"]
        assert [row["id"] for row in rows] == [1_700_000_130 // 60 * 60 - 60 * number for number in range(3)]
        assert [row["count"] > 0 for row in rows] == [True, False, True]
        assert rows[0]["amount"] == 1.0
        assert rows[1]["open"] == rows[1]["close"] == rows[2]["close"]
        assert sum(row["count"] for row in rows) == whole[0]["count"]
        assert len(whole) == 1


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("/market/depth?symbol=nopejpy&type=step0", "invalid symbol"),
        ("/market/depth?type=step0", "invalid symbol"),
        ("/market/depth?symbol=btcjpy&type=step1", "invalid type"),
        ("/market/history/kline?symbol=btcjpy&period=2min", "invalid period"),
        ("/market/history/kline?symbol=btcjpy&period=1min&size=x", "invalid period or size"),
        ("/market/history/kline?symbol=btcjpy&period=1min&size=2001", "invalid period or size"),
        ("/market/detail/merged?symbol=x", "invalid symbol"),
    ],
)
async def test_public_requests_that_are_refused(target: str, text: str) -> None:
    """With HTTP 200 and a text."""
    async with bot() as (_, client):
        assert text in (await client.refused("GET", f"{API}{target}"))[1]


# -- market data by socket -----------------------------------------------------------------------------------------


def fake_clock(fake: Any) -> FakeClock:
    assert isinstance(fake.clock, FakeClock)
    return fake.clock


async def test_the_book_by_changes() -> None:
    """There is no snapshot by itself; the changes chain by their numbers from the one that was asked for."""
    async with bot() as (fake, client):
        topic = "market.btcjpy.mbp.150"
        socket = await client.socket(topic)
        fake.market("btcjpy").tick()
        early = [await hear(socket)]
        answer = await ask(socket, {"req": topic, "id": "r"})
        assert (answer["rep"], answer["id"], answer["status"]) == (topic, "r", "ok")
        assert answer["data"]["seqNum"] == early[-1]["tick"]["seqNum"]
        book = {side: dict(each) for side, each in sides(answer["data"]).items()}
        last = answer["data"]["seqNum"]
        for _ in range(15):
            fake.market("btcjpy").tick()
            message = await hear(socket)
            assert (message["ch"], message["tick"]["prevSeqNum"]) == (topic, last)
            assert message["tick"]["seqNum"] > last + 1
            last = message["tick"]["seqNum"]
            for side, changes in sides(message["tick"]).items():
                for price, size in changes:
                    if size:
                        book[side][price] = size
                    else:
                        del book[side][price]
        assert {side: sorted(each.items()) for side, each in book.items()} == {
            side: sorted(each) for side, each in truth(fake).items()
        }


@pytest.mark.parametrize(("kind", "limit"), [("depth.step0", 150), ("mbp.refresh.20", 20)])
async def test_the_book_as_a_whole(kind: str, limit: int) -> None:
    """It is told at once and again whenever it has changed, with a rising number."""
    async with bot() as (fake, client):
        socket = await client.socket(f"market.btcjpy.{kind}")
        last = 0
        for _ in range(3):
            tick = (await hear(socket))["tick"]
            number = tick["version"] if "version" in tick else tick["seqNum"]
            assert number > last
            assert sides(tick) == truth(fake, limit=limit)
            last = number
            fake.market("btcjpy").trade("buy", "0.01")
        answer = await ask(socket, {"req": "market.btcjpy.depth.step0"})
        while "rep" not in answer:
            answer = await hear(socket)
        assert sides(answer["tick"]) == truth(fake)


async def test_trades_and_what_follows_from_them() -> None:
    """A trade is told, with the best prices, the day and every candle."""
    async with bot() as (fake, client):
        names = ["bbo", "trade.detail", "detail", *(f"kline.{period}" for period in PERIODS)]
        socket = await client.session.ws_connect(PUBLIC)
        for name in names:
            await socket.send_json({"sub": f"market.btcjpy.{name}"})
        began = {message["ch"] for message in await rest(socket) if "ch" in message}
        assert began == {f"market.btcjpy.{name}" for name in names if name != "trade.detail"}
        ask_price = fake.market("btcjpy").best_ask
        fake.market("btcjpy").trade("buy", truth(fake)["asks"][0][1])
        told = {message["ch"].split(".", 2)[2]: message["tick"] for message in await rest(socket)}
        assert set(told) == set(names)
        trades = told["trade.detail"]["data"]
        assert {each["price"] for each in trades} == {float(ask_price)}
        assert {each["direction"] for each in trades} == {"buy"}
        assert trades[0]["id"] > 2**64
        assert told["bbo"]["ask"] == float(fake.market("btcjpy").best_ask) > float(ask_price)
        assert told["detail"]["close"] == told["kline.1min"]["close"] == float(ask_price)
        assert told["kline.1min"]["id"] == 1_700_000_000 // 60 * 60


async def test_what_can_be_asked_for() -> None:
    """Trades come with the latest first, candles with the oldest first, the day as it is."""
    async with bot() as (_, client):
        socket = await client.socket()
        trades = (await ask(socket, {"req": "market.ethjpy.trade.detail", "id": "1"}))["data"]
        assert [each["id"] for each in trades] == sorted((each["id"] for each in trades), reverse=True)
        candles = (await ask(socket, {"req": "market.ethjpy.kline.1min"}))["data"]
        assert [each["id"] for each in candles] == [1_700_000_000 // 60 * 60]
        assert (await ask(socket, {"req": "market.ethjpy.detail"}))["tick"]["count"] == len(trades)
        assert "symbol" in (await ask(socket, {"req": "market.ethjpy.bbo"}))["tick"]


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"sub": "market.nopejpy.bbo", "id": "e1"}, "invalid symbol nopejpy"),
        ({"sub": "market.btcjpy.mbp.30", "id": "e1"}, "invalid topic market.btcjpy.mbp.30"),
        ({"sub": "market.btcjpy.kline.2min", "id": "e1"}, "invalid topic market.btcjpy.kline.2min"),
        ({"req": "x", "id": "e1"}, "invalid topic x"),
        ({"id": "e1"}, "invalid command"),
    ],
)
async def test_refusals_on_the_public_socket(request_: Any, text: str) -> None:
    """They name the request, if it could be read."""
    async with bot() as (_, client):
        socket = await client.socket()
        expected = {"ts": 1_700_000_000_500, "status": "error", "err-code": "bad-request", "err-msg": text}
        assert await ask(socket, request_) == {"id": "e1", **expected}
        assert await ask(socket, "no json") == {**expected, "err-msg": "invalid command"}


async def test_too_many_requests() -> None:
    """Of 45 in a burst 20 are answered; a second later there are more."""
    async with bot() as (fake, client):
        socket = await client.socket()
        topic = "market.btcjpy.mbp.150"
        for _ in range(45):
            await socket.send_json({"req": topic})
        answers = [await hear(socket) for _ in range(45)]
        assert [answer["status"] for answer in answers] == ["ok"] * 20 + ["error"] * 25
        assert answers[-1]["err-msg"] == f"429 too many request topic is {topic}"
        await fake_clock(fake).advance(1)
        assert (await ask(socket, {"req": topic}))["status"] == "ok"


async def test_unsub() -> None:
    """Nothing more is told of the topic."""
    async with bot() as (fake, client):
        topic = "market.btcjpy.mbp.150"
        socket = await client.socket(topic)
        assert (await ask(socket, {"unsub": topic, "id": "9"}))["unsubbed"] == topic
        assert (await ask(socket, {"unsub": topic}))["status"] == "ok"
        fake.market("btcjpy").tick()
        assert await rest(socket) == []


@pytest.mark.parametrize(("fault", "left"), [("gap", [1]), ("duplicate", [0, 0, 1]), ("reorder", [1, 0])])
async def test_faults(fault: str, left: list[int]) -> None:
    """A change of the book can get lost, come twice, or late."""
    async with bot() as (fake, client):
        socket = await client.socket("market.btcjpy.mbp.150")
        getattr(fake, fault)("market.btcjpy.mbp")
        for _ in range(2):
            fake.market("btcjpy").tick()
        numbers = [message["tick"]["seqNum"] for message in await rest(socket)]
        assert [sorted(set(numbers)).index(number) for number in numbers] == ([0] if fault == "gap" else left)


async def test_the_dealer() -> None:
    """Prices in packed frames, at once and whenever something happens; the rest of what is said is not answered."""
    async with bot() as (fake, client):
        socket = await client.session.ws_connect(RETAIL)
        for text in ('{"action": 5, "ts": 1}', "x", '{"action": 1, "topic": 2}', '{"action": 1, "topic": 1}'):
            await socket.send_str(text)
        for _ in range(2):
            message = await hear(socket)
            fake.market("btcjpy").trade("buy", 1)
            assert (message["action"], message["topic"]) == (1, 1)
            assert [row["symbol"] for row in message["data"]["offer"]] == ["BTC", "ETH"]
            row = message["data"]["offer"][0]
            assert int(row["sell_price"]) < int(row["market_price"]) < int(row["buy_price"])


# -- pings ---------------------------------------------------------------------------------------------------------


async def pinged(fake: Any, seconds: float) -> None:
    await fake_clock(fake).advance(seconds)
    fake.tick()


@pytest.mark.parametrize(("url", "every"), [(PUBLIC, 5), (PRIVATE, 20)])
async def test_pings(url: str, every: int) -> None:
    """They come by the clock and want their own value back; who does not answer three of them is closed."""
    async with bot() as (fake, client):
        socket = await client.session.ws_connect(url)

        async def ping() -> Any:
            await pinged(fake, every)
            message = await hear(socket)
            return message["data"]["ts"] if url == PRIVATE else message["ping"]

        async def pong(value: Any) -> None:
            await socket.send_json({"action": "pong", "data": {"ts": value}} if url == PRIVATE else {"pong": value})

        await pinged(fake, every - 0.1)
        for number in range(1, 6):
            value = await ping()
            assert value == fake.clock.now().ms
            await pong(value)
            [link] = fake.links()
            await fake.until(lambda link=link, number=number: len(link.received) == number)
        for _ in range(3):
            await pong((await ping()) + 1)
        await pinged(fake, every)
        closed = await socket.receive(timeout=5)
        assert closed.data == 1003
        await until(lambda: fake.links() == [])


async def test_pings_of_a_client() -> None:
    """One every five seconds keeps a public socket open by itself, and each is answered with its value."""
    async with bot() as (fake, client):
        socket = await client.socket()
        for number in range(10):
            await pinged(fake, 5)
            assert "ping" in await hear(socket)
            assert await ask(socket, {"ping": number}) == {"pong": number}
        assert len(fake.links()) == 1


async def test_the_dealer_does_not_ping() -> None:
    """Nobody knows of a ping on that socket."""
    async with bot() as (fake, client):
        socket = await client.session.ws_connect(RETAIL)
        for _ in range(10):
            await pinged(fake, 60)
        await socket.send_json({"action": 1, "topic": 1})
        assert "offer" in (await hear(socket))["data"]
