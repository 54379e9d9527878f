"""topgun and the fake Binance: from the first request to lost sockets, expired keys and a day's end."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

import topgun
from tests.support import load, until_moved
from topgun.exchanges.binance import EXCHANGE, BinanceCOINMDataStore, BinanceSpotDataStore, BinanceUSDSMDataStore
from topgun.testing import FakeClock, FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOGGER = "topgun.exchanges.binance"
PEM = load(Path(__file__).parent / "vectors" / "pem.json")
USER = {"id": 1, "method": "userDataStream.subscribe.signature"}
HOUR = 3600.0


class Spot:
    """A bot on the spot market: user data over the WebSocket API."""

    kind, market, symbol, prefix = BinanceSpotDataStore, "spot BTCUSDT", "BTCUSDT", "https://api.binance.com/api/v3"
    size, half = "0.01000", "0.00500"

    def __init__(self, client: topgun.Client) -> None:
        self.client, self.store, self.book = client, self.kind(), {"s": self.symbol}

    async def connect(self) -> None:
        client, handler = self.client, self.store.onmessage
        streams = {"method": "SUBSCRIBE", "params": ["btcusdt@depth", "btcusdt@trade"], "id": 1}
        self.public = await client.ws_connect(
            "wss://stream.binance.com:9443/stream", send_json=streams, hdlr_json=handler
        )
        self.user = await client.ws_connect(
            "wss://ws-api.binance.com:443/ws-api/v3", send_json=USER, hdlr_json=handler, backoff=QUICK
        )
        await asyncio.gather(self.public.ready(), self.user.ready())

    def requests(self) -> list[Any]:
        get = self.client.get
        return [
            get(f"{self.prefix}/openOrders", params={"symbol": self.symbol}),
            get(f"{self.prefix}/account"),
            get(f"{self.prefix}/openOrderList"),
        ]

    async def initialize(self) -> None:
        await self.store.initialize(*self.requests())

    async def snapshot(self) -> None:
        depth = self.client.get(f"{self.prefix}/depth", params={"symbol": self.symbol, "limit": 1000}, auth=None)
        await self.store.initialize(depth)

    async def send(self, side: str, price: Any, size: str) -> int:
        order = {"symbol": self.symbol, "side": side, "type": "LIMIT", "timeInForce": "GTC"}
        order |= {"quantity": size, "price": str(price)}
        result = await self.client.fetch("POST", f"{self.prefix}/order", data=order)
        assert result.response.status == 200, result.text
        return int(result.data["orderId"])

    async def cancel_all(self) -> None:
        name = "openOrders" if self.kind is BinanceSpotDataStore else "allOpenOrders"
        await self.client.delete(f"{self.prefix}/{name}", params={"symbol": self.symbol})

    def open(self) -> dict[int, str]:
        """Return what is filled of each open order."""
        return {row["i"]: row["z"] for row in self.store.order}

    def held(self) -> Decimal:
        [row] = self.store.account.find({"a": "BTC"})
        return Decimal(row["f"]) + Decimal(row["l"]) - 10


class Usdsm(Spot):
    """A bot on the USDⓈ-M futures: the listenKey is in the URL."""

    kind, market, symbol, prefix = BinanceUSDSMDataStore, "BTCUSDT", "BTCUSDT", "https://fapi.binance.com/fapi/v1"
    size, half = "0.010", "0.005"
    private, streams = "wss://fstream.binance.com/private/ws/{}", "wss://fstream.binance.com/public/stream"
    balance, positions = "https://fapi.binance.com/fapi/v3/balance", "https://fapi.binance.com/fapi/v3/positionRisk"

    async def connect(self) -> None:
        client, handler, name = self.client, self.store.onmessage, self.symbol.lower()
        await self.store.initialize(client.post(f"{self.prefix}/listenKey"))
        streams = {"method": "SUBSCRIBE", "params": [f"{name}@depth"], "id": 1}
        self.public = await client.ws_connect(self.streams, send_json=streams, hdlr_json=handler, backoff=QUICK)
        self.user = await client.ws_connect(self.private.format(self.store.listenkey), hdlr_json=handler, backoff=QUICK)
        await asyncio.gather(self.public.ready(), self.user.ready())

    def requests(self) -> list[Any]:
        get = self.client.get
        orders = get(f"{self.prefix}/openOrders", params={"symbol": self.symbol})
        return [orders, get(self.balance), get(self.positions)]

    def held(self) -> Decimal:
        return sum((Decimal(row["pa"]) for row in self.store.position), Decimal(0))


class Coinm(Usdsm):
    """A bot on the COIN-M futures."""

    kind, market, symbol, prefix = (
        BinanceCOINMDataStore,
        "BTCUSD_PERP",
        "BTCUSD_PERP",
        "https://dapi.binance.com/dapi/v1",
    )
    size, half = "10", "5"
    private, streams = "wss://dstream.binance.com/ws/{}", "wss://dstream.binance.com/stream"
    balance, positions = "https://dapi.binance.com/dapi/v1/balance", "https://dapi.binance.com/dapi/v1/positionRisk"


class Combined(Usdsm):
    """A bot on the USDⓈ-M futures that subscribes to its listenKey."""

    async def connect(self) -> None:
        await self.store.initialize(self.client.post(f"{self.prefix}/listenKey"))
        message = {"method": "SUBSCRIBE", "params": [self.store.listenkey], "id": 1}
        url, handler = "wss://fstream.binance.com/private/stream", self.store.onmessage
        self.user = await self.client.ws_connect(url, send_json=message, hdlr_json=handler, backoff=QUICK)
        self.public = await self.client.ws_connect(
            f"{self.streams}?streams=btcusdt@depth", hdlr_json=handler, backoff=QUICK
        )
        await asyncio.gather(self.public.ready(), self.user.ready())


BOTS = pytest.mark.parametrize("kind", [Spot, Usdsm, Coinm], ids=lambda kind: kind.__name__)
QUICK = (0.01, 0.02, 1.0, 0.01)  # of reconnecting, s


@asynccontextmanager
async def trading(kind: type[Any], clock: FakeClock | None = None) -> AsyncIterator[tuple[FakeExchange, Any]]:
    times: Any = {} if clock is None else {"clock": clock}
    async with (
        FakeExchange("binance", **times) as fake,
        topgun.Client(fake.apis, exchanges=(EXCHANGE,), **times) as client,
    ):
        yield fake, kind(client)


def right(fake: FakeExchange, bot: Any) -> bool:
    """Tell whether the bot's book is live and the true one, level by level."""
    rows = bot.store.orderbook.sorted(bot.book)
    told = {side: [(Decimal(row["p"]), Decimal(row["q"])) for row in rows[side[0]]] for side in ("asks", "bids")}
    return bool(bot.store.orderbook.state(bot.book) == "live" and told == fake.market(bot.market).book())


async def trade(fake: FakeExchange, bot: Any) -> None:
    """Place an order and have it filled; the tables tell so."""
    market, held = fake.market(bot.market), bot.held()
    number = await bot.send("BUY", market.best_bid, bot.size)
    await fake.until(
        lambda: bot.open() == {number: bot.store.order.find({"i": number})[0]["z"]} if bot.open() else False
    )
    market.fill()
    await fake.until(lambda: bot.open() == {} and bot.held() == held + Decimal(bot.size))


@BOTS
async def test_a_life_with_a_cut_in_it(kind: type[Any]) -> None:
    """Asked, connected, traded, cut off, back again: at every stage the tables hold the right rows."""
    async with trading(kind) as (fake, bot):
        market = fake.market(bot.market)
        await bot.connect()
        await bot.initialize()
        market.tick()
        await bot.snapshot()
        await until_moved(market, lambda: right(fake, bot))
        assert all(request.verified for request in fake.requests)
        assert bot.open() == {}

        market.tick(20)
        await fake.until(lambda: right(fake, bot))
        first, second = [await bot.send("BUY", market.best_bid, bot.size) for _ in range(2)]
        third = await bot.send("SELL", int(market.best_ask) * 102 // 100, bot.size)  # nobody fills it
        none = market.orders()[0].filled * 0
        await fake.until(lambda: bot.open().keys() == {first, second, third})
        market.fill()
        await fake.until(lambda: bot.open().keys() == {second, third} and bot.held() == Decimal(bot.size))
        market.fill(bot.half)
        await fake.until(lambda: bot.open().get(second) == bot.half)
        assert Decimal(bot.open()[third]) == none

        fake.drop(lasting=True)
        await fake.until(lambda: bot.store.orderbook.state(bot.book) == "stale" and bot.store.order.state() == "stale")
        market.fill()  # nobody hears of it
        market.tick(20)
        assert bot.open().keys() == {second, third}
        fake.lift()
        await fake.until(lambda: all(app.state.value == "open" for app in bot.client.apps), timeout=20)
        await until_moved(market, lambda: right(fake, bot))  # without a word of the bot
        assert bot.store.order.state() == "stale"
        await bot.initialize()
        assert bot.store.order.state() == "live"
        assert (bot.open().keys(), bot.held()) == ({third}, 2 * Decimal(bot.size))
        await bot.cancel_all()
        await fake.until(lambda: bot.open() == {})
        await trade(fake, bot)


@BOTS
async def test_a_refused_key(kind: type[Any], caplog: pytest.LogCaptureFixture) -> None:
    """It is one clear error."""
    async with FakeExchange("binance") as fake:
        wrong = {name: ["a-wrong-key", secret] for name, (_, secret) in fake.apis.items()}
        async with topgun.Client(wrong, exchanges=(EXCHANGE,)) as client:
            bot = kind(client)
            if kind is Spot:
                await bot.connect()
                await fake.until(lambda: caplog.records)
                said = caplog.text
            else:
                with pytest.raises(topgun.errors.InitializeError) as caught:
                    await bot.connect()
                said = str(caught.value)
    assert said.count("Invalid API-key, IP, or permissions for action.") == 1
    assert len(caplog.records) == (kind is Spot)


@BOTS
async def test_a_wrong_clock_and_a_wrong_secret(kind: type[Any]) -> None:
    """Both are refused over HTTP, and the error says why."""
    async with trading(kind) as (fake, bot):
        fake.clock_skew(120)
        with pytest.raises(topgun.errors.InitializeError, match="recvWindow"):
            await bot.initialize()
        fake.clock_skew(0)
        await bot.initialize()
        apis = {name: [key, "a-wrong-secret"] for name, (key, _) in fake.apis.items()}
        async with topgun.Client(apis, exchanges=(EXCHANGE,)) as client:
            with pytest.raises(topgun.errors.InitializeError, match="Signature for this request is not valid"):
                await kind(client).initialize()
        assert not fake.requests[-1].verified


@BOTS
@pytest.mark.parametrize("fault", ["gap", "reorder", "corrupt", "corrupt row", "duplicate"])
async def test_a_spoiled_book_is_noticed_and_mended(kind: type[Any], fault: str) -> None:
    """A change that is lost, late or broken costs the book its state; topgun fetches the snapshot by itself."""
    async with trading(kind) as (fake, bot):
        await bot.connect()
        market = fake.market(bot.market)
        market.tick()
        await bot.snapshot()
        market.tick()
        await fake.until(lambda: right(fake, bot))
        asked = len(fake.requests)
        with bot.store.orderbook.status.watch() as states:
            name, _, row = fault.partition(" ")
            getattr(fake, name)(f"{bot.symbol.lower()}@depth", **({"row": True} if row else {}))
            for _ in range(3):
                market.trade("buy", bot.size)
            await fake.until(lambda: right(fake, bot) and (fault == "duplicate" or len(fake.requests) > asked))
            seen = (
                [] if fault == "duplicate" else [(await asyncio.wait_for(states.get(), 5)).data["state"] for _ in "ab"]
            )
        assert seen == [] or seen == ["syncing", "live"]
        assert all(request.verified for request in fake.requests)


async def test_a_lost_reply() -> None:
    """The order is there though nobody answered: only asking tells."""
    async with trading(Usdsm) as (fake, bot):
        fake.lose_reply()
        with pytest.raises(aiohttp.ClientError):
            await bot.send("BUY", fake.market(bot.market).best_bid, bot.size)
        await bot.initialize()
        assert list(bot.open().values()) == ["0.000"]


# -- listenKeys, with a clock that moves when the test says so -----------------------------------------------------


async def moved(clock: FakeClock, seconds: float, step: float = 600.0) -> None:
    """Let time pass in steps, and the sockets work after each."""
    while seconds > 0:
        await clock.advance(min(step, seconds))
        await asyncio.sleep(0.005)
        seconds -= step


@pytest.mark.parametrize("kind", [Usdsm, Coinm, Combined], ids=lambda kind: kind.__name__)
async def test_a_listenkey_is_kept_alive(kind: type[Any]) -> None:
    """Three hours later the key is the same, and the account hears of its orders."""
    clock = FakeClock()
    async with trading(kind, clock) as (fake, bot):
        await bot.connect()
        await bot.initialize()
        key = bot.store.listenkey
        await moved(clock, 3 * HOUR)
        assert bot.store.listenkey == key
        puts = [request for request in fake.requests if request.method == "PUT"]
        assert len(puts) == 7
        assert all(request.verified for request in puts)
        await trade(fake, bot)


@pytest.mark.parametrize("kind", [Usdsm, Coinm, Combined], ids=lambda kind: kind.__name__)
async def test_a_listenkey_expires(kind: type[Any], caplog: pytest.LogCaptureFixture) -> None:
    """A new key is made and used without a word of the bot; then the account hears everything."""
    clock = FakeClock()
    async with trading(kind, clock) as (fake, bot):
        await bot.connect()
        await bot.initialize()
        key = bot.store.listenkey
        await moved(clock, 60)
        fault = fake.fail_request(503, path=f"/{bot.prefix[-7:-3]}/v1/listenKey", times=None)
        await moved(clock, 1.1 * HOUR)
        fake.market(bot.market).tick()  # the fake notices that the time of the key is over
        await fake.until(lambda: bot.store.order.state() == "stale")
        fault.lift()
        for _ in range(20):
            await moved(clock, 30, 10)
        assert bot.store.listenkey not in (None, key)
        assert "a listenKey has expired" in caplog.text
        assert all(text not in caplog.text for text in (key, bot.store.listenkey))
        assert [link for link in fake.links() if key in link.path] == []
        await bot.initialize()
        assert bot.store.order.state() == "live"
        await trade(fake, bot)
        await moved(clock, 2 * HOUR)
        await trade(fake, bot)


@pytest.mark.parametrize(
    ("kind", "cut", "hours"),
    [(Spot, "close", 24), (Usdsm, "drop", 24), (Coinm, "close", 1), (Combined, "drop", 1)],
)
async def test_the_end_of_a_day(kind: type[Any], cut: str, hours: int) -> None:
    """Binance closes every socket after 24 hours; the next ones are signed anew, with the key of then."""
    clock = FakeClock()
    async with trading(kind, clock) as (fake, bot):
        await bot.connect()
        await bot.initialize()
        await moved(clock, hours * HOUR, 1800)
        signed = [json.loads(frame) for frame in fake.frames_received if "signature" in str(frame)]
        getattr(fake, cut)()
        await fake.until(lambda: bot.store.order.state() == "stale")
        for _ in range(50):
            await moved(clock, 0.1)
        assert [app.state.value for app in bot.client.apps] == ["open", "open"]
        await bot.initialize()
        assert bot.store.order.state() == "live"
        await trade(fake, bot)
        fake.market(bot.market).tick()
        for _ in range(3):
            await moved(clock, 2)
        fake.market(bot.market).tick()
        await fake.until(lambda: right(fake, bot))
        if kind is Spot:
            again = [json.loads(frame) for frame in fake.frames_received if "signature" in str(frame)]
            assert (len(signed), len(again)) == (1, 2)
            first, second = (message["params"] for message in again)
            assert second["timestamp"] - first["timestamp"] >= hours * 3_600_000
            assert first["signature"] != second["signature"]


# -- the WebSocket API ---------------------------------------------------------------------------------------------


async def test_orders_over_the_websocket_api() -> None:
    """A message is signed when it is sent, on a copy: sent again it carries another time and signature."""
    async with trading(Spot) as (fake, bot):
        await bot.connect()
        queue = topgun.WebSocketQueue()
        app = await bot.client.ws_connect("wss://ws-api.binance.com/ws-api/v3", hdlr_json=queue.onmessage)
        await app.ready()
        price = str(fake.market(bot.market).best_bid)
        params = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01000"}
        order = {"id": "o-1", "method": "order.place", "params": {**params, "price": price}}
        before = json.dumps(order)
        numbers = []
        for _ in range(2):
            await app.current_ws.send_json(order, auth=topgun.Auth)
            answer = await anext(aiter(queue))
            assert answer["status"] == 200, answer
            numbers.append(answer["result"]["orderId"])
            await asyncio.sleep(0.002)
        assert json.dumps(order) == before
        await fake.until(lambda: list(bot.open()) == numbers)
        sent = [json.loads(frame)["params"] for frame in fake.links()[-1].received]
        assert len({(each["timestamp"], each["signature"]) for each in sent}) == 2
        await app.current_ws.send_json(order, auth=None)
        assert (await anext(aiter(queue)))["error"]["code"] == -2015


@pytest.mark.parametrize("kind", ["Ed25519", "RSA"])
async def test_keys_of_ones_own(kind: str) -> None:
    """Requests and messages are signed with a PEM key; with Ed25519 a session logs on."""
    apis = {"binance": ["MY_KEY", PEM["keys"][kind]]}
    async with FakeExchange("binance", apis=apis) as fake, topgun.Client(apis, exchanges=(EXCHANGE,)) as client:
        bot = Spot(client)
        await bot.initialize()
        log_on = [{"id": 1, "method": "session.logon"}, {"id": 2, "method": "userDataStream.subscribe"}]
        url = "wss://ws-api.binance.com/ws-api/v3"
        app = await client.ws_connect(url, send_json=log_on, hdlr_json=bot.store.onmessage, backoff=QUICK)
        await app.ready()
        await fake.until(lambda: fake.links()[0].topics)
        await trade(fake, bot)
        assert all(request.verified for request in fake.requests)


async def test_session_logon_takes_no_hmac(caplog: pytest.LogCaptureFixture) -> None:
    """Binance says so, and that is one warning."""
    async with trading(Spot) as (fake, bot):
        url, message = "wss://ws-api.binance.com/ws-api/v3", {"id": 1, "method": "session.logon"}
        await bot.client.ws_connect(url, send_json=message, hdlr_json=bot.store.onmessage, backoff=QUICK)
        await fake.until(lambda: caplog.records)
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]
    assert "HMAC_SHA256 API key is not supported" in caplog.text


async def test_user_data_that_are_ended() -> None:
    """After an unsubscribe the tables are stale, and a further connection does not subscribe again."""
    async with trading(Spot) as (fake, bot):
        await bot.connect()
        await bot.initialize()
        assert bot.store.order.state() == "live"
        await bot.user.unsubscribe({"id": 2, "method": "userDataStream.unsubscribe"})
        await fake.until(lambda: bot.store.order.state() == "stale")
        links = len(fake.connections)
        fake.drop(path="/ws-api")
        await fake.until(lambda: len(fake.connections) > links, timeout=10)
        await bot.user.ready()
        assert fake.connections[-1].received == []


async def test_testnet_and_demo() -> None:
    """Each environment has hosts and keys of its own."""
    async with trading(Spot) as (fake, bot):
        for prefix in (
            "https://testnet.binance.vision/api/v3",
            "https://api1.testnet.binance.vision/api/v3",
            "https://demo-api.binance.com/api/v3",
        ):
            await BinanceSpotDataStore().initialize(bot.client.get(f"{prefix}/account"))
        for prefix, kind in (
            ("https://testnet.binancefuture.com/fapi/v1", BinanceUSDSMDataStore),
            ("https://testnet.binancefuture.com/dapi/v1", BinanceCOINMDataStore),
            ("https://demo-fapi.binance.com/fapi/v1", BinanceUSDSMDataStore),
        ):
            await kind().initialize(bot.client.get(f"{prefix}/openOrders"))  # type: ignore[abstract]
        for url in ("wss://ws-api.testnet.binance.vision/ws-api/v3", "wss://testnet.binance.vision/ws-api/v3"):
            app = await bot.client.ws_connect(url, send_json=USER, hdlr_json=bot.store.onmessage, backoff=QUICK)
            await app.ready()
        await fake.until(lambda: [link.api for link in fake.links()] == ["binancespot_testnet"] * 2)


async def test_the_pace(caplog: pytest.LogCaptureFixture) -> None:
    """Subscriptions go out at no more than four a second, and nobody is asked for the time."""
    caplog.set_level(logging.WARNING)
    clock = FakeClock()
    async with trading(Spot, clock) as (fake, bot):
        messages = [{"method": "SUBSCRIBE", "params": [f"btcusdt@kline_{n}m"], "id": n} for n in range(9)]
        app = await bot.client.ws_connect("wss://stream.binance.com/ws", send_json=messages, heartbeat=None)
        counts = []
        for _ in range(3):
            await fake.until(lambda: len(fake.frames_received) >= min(4 * len(counts) + 4, 9))
            counts.append(len(fake.frames_received))
            await clock.advance(1)
        await app.ready()
        assert counts == [4, 8, 9]
        assert {request.path for request in fake.requests} == {"/ws"}
