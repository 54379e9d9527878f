"""The fake of Binance: signatures, public streams and their numbers, listenKeys, the WebSocket API."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.support import load
from topgun.exchanges.binance import EXCHANGE
from topgun.testing import FakeClock
from topgun.testing.venues import VENUES
from topgun.testing.venues.binance import API as API_HOSTS
from topgun.testing.venues.binance import REST, STREAM, VENUE
from topgun.testing.venues.binance import STREAM as STREAM_HOSTS

from .binance_bot import API, DAPI, DSTREAM, FAPI, FSTREAM, ORDER, SPOT, bot, digest, hear, rest
from .binance_bot import STREAM as SPOT_STREAM

FRAMES = Path(__file__).parents[2] / "exchanges" / "binance" / "frames"
PEM = load(FRAMES.parent / "vectors" / "pem.json")


def sample(name: str, step: int = 0, number: int = 0) -> Any:
    """Return the payload of a sample."""
    message = load(FRAMES / f"{name}.json")[step]["messages"][number]
    return message.get("data", message) if isinstance(message, dict) else message


def test_hosts() -> None:
    """The fake plays hosts of the record, and the two with public data."""
    assert VENUES["binance"] == ".venues.binance"
    others = {"data-api.binance.vision"}
    assert set(VENUE.hosts) - others <= EXCHANGE.hosts.keys()
    unplayed = EXCHANGE.hosts.keys() - set(VENUE.hosts)
    assert unplayed == {
        "papi.binance.com",
        "eapi.binance.com",
        "margin-stream.binance.com",
        "vstream.binance.com",
        "testnet.binanceops.com",
        "testnetws.binanceops.com",
    }
    for hosts in (REST, API_HOSTS):
        for name, (api, _) in hosts.items():
            assert name in others or EXCHANGE.hosts[name].api == api
    assert set(STREAM) == set(STREAM_HOSTS)


# -- signatures ----------------------------------------------------------------------------------------------------


async def test_signed_requests() -> None:
    """Query and body are signed as they are sent; the signature may stand anywhere at the end of the query."""
    async with bot() as (fake, me):
        assert (await me.done("GET", f"{SPOT}/openOrders")) == []
        body = urlencode(ORDER)
        status, _ = await me.ask("POST", f"{SPOT}/order/test", me.query({"recvWindow": 5000}, body), body)
        assert status == 200
        assert all(request.verified for request in fake.requests)


@pytest.mark.parametrize(
    ("key", "query", "code", "status"),
    [
        ("", "", -2014, 401),
        ("another", "", -2015, 401),
        (None, "", -1102, 400),
        (None, "timestamp=x", -1102, 400),
        (None, "timestamp={now}&recvWindow=x", -1102, 400),
        (None, "timestamp={now}&recvWindow=60001", -1131, 400),
        (None, "timestamp={late}", -1021, 400),
        (None, "timestamp={early}", -1021, 400),
        (None, "timestamp={early}&recvWindow=60000", -1022, 400),
        (None, "timestamp={now}", -1022, 400),
        (None, "timestamp={now}&signature=0", -1022, 400),
    ],
)
async def test_refused_signatures(key: str | None, query: str, code: int, status: int) -> None:
    """Each fault has its code, and the request does not count as verified."""
    async with bot(clock=FakeClock()) as (fake, me):
        now = fake.clock.now().ms
        told = await me.ask("GET", f"{SPOT}/account", query.format(now=now, late=now + 1000, early=now - 5001), key=key)
        assert (told[0], told[1]["code"]) == (status, code)
        assert not fake.requests[-1].verified


@pytest.mark.parametrize("kind", ["Ed25519", "RSA"])
@pytest.mark.parametrize("right", [True, False])
async def test_signatures_of_pem_keys(kind: str, right: bool) -> None:
    """An account may have a key of its own; the vector was made with OpenSSL."""
    [vector] = [each for each in PEM["vectors"] if each["key"] == kind and each["text"].startswith("symbol")]
    clock = FakeClock(1_668_481_559.918)
    async with bot(apis={"binance": ["MY_KEY", PEM["keys"][kind]]}, clock=clock) as (fake, me):
        signature = quote(vector["signature"] if right else digest("x", vector["text"]), safe="")
        status, answer = await me.ask("POST", f"{SPOT}/order/test", f"{vector['text']}&signature={signature}")
        assert fake.requests[-1].verified is right
        assert answer.get("code") == (None if right and status == 200 else -1013 if right else -1022)


async def test_keys_of_other_kinds_are_never_right() -> None:
    """A PEM key that is neither makes no signature."""
    async with bot(apis={"binance": ["MY_KEY", PEM["not usable"]["EC"]]}) as (_, me):
        assert await me.refused("GET", f"{SPOT}/account") == -1022


async def test_environments() -> None:
    """The keys of one environment are refused in another."""
    async with bot("binancespot_testnet") as (_, me):
        assert await me.refused("GET", f"{SPOT}/account") == -2015
        assert (await me.done("GET", "https://testnet.binance.vision/api/v3/account"))["accountType"] == "SPOT"


async def test_public_data() -> None:
    """They need no key; spot refuses what it does not know, futures do not mind."""
    async with bot() as (fake, me):
        assert await me.ask("GET", f"{SPOT}/ping", key="") == (200, {})
        assert (await me.ask("GET", f"{SPOT}/time", key=""))[1] == {
            "serverTime": pytest.approx(fake.clock.now().ms, abs=5000)
        }
        assert await me.refused("GET", f"{SPOT}/depth", symbol="BTCUSDT") == -1104
        assert "bids" in await me.done("GET", f"{FAPI}/v1/depth", symbol="BTCUSDT")
        status, told = await me.ask("GET", f"{DAPI}/v1/depth", "symbol=BTCUSD_PERP&limit=5", key="")
        assert set(told) == set(load(FRAMES / "coinm_orderbook.json")[0]["response"])
        assert (status, len(told["asks"]), told["pair"]) == (200, 5, "BTCUSD")
        book = fake.market("spot BTCUSDT").book(7)
        url = "https://data-api.binance.vision/api/v3/depth"
        told = (await me.ask("GET", url, "symbol=BTCUSDT&limit=7", key=""))[1]
        assert [(Decimal(price), Decimal(size)) for price, size in told["bids"]] == book["bids"]
        for query, code in (
            ("", -1102),
            ("symbol=X", -1121),
            ("symbol=BTCUSDT&limit=x", -1100),
            ("symbol=BTCUSDT&limit=0", -1100),
        ):
            assert (await me.ask("GET", f"{SPOT}/depth", query, key=""))[1]["code"] == code


async def test_what_is_not_there() -> None:
    """Paths that nobody plays, sockets that nobody opens, the user data of old."""
    async with bot() as (fake, me):
        for url in (f"{SPOT}/nothing", "https://api.binance.com/fapi/v1/time", "https://api.binance.com/x"):
            assert (await me.ask("GET", url))[0] == 404
        assert not fake.requests[-1].verified
        assert (await me.ask("POST", f"{SPOT}/userDataStream"))[0] == 410
        for url in (
            "wss://stream.binance.com/nothing",
            "wss://ws-api.binance.com/ws-fapi/v1",
            "wss://api.binance.com/ws",
        ):
            with pytest.raises(Exception, match=r"404|400"):
                await me.session.ws_connect(url)


# -- public streams ------------------------------------------------------------------------------------------------


async def test_changes_of_a_spot_book() -> None:
    """They follow the snapshot and each other without a gap, and rebuild the true book."""
    async with bot() as (fake, me):
        socket = await me.socket(f"{SPOT_STREAM}/stream", "btcusdt@depth")
        _, told = await me.ask("GET", f"{SPOT}/depth", "symbol=BTCUSDT&limit=5000", key="")
        sides = {side: {Decimal(p): Decimal(q) for p, q in told[name]} for side, name in (("a", "asks"), ("b", "bids"))}
        market, last = fake.market("spot BTCUSDT"), told["lastUpdateId"]
        market.tick(20)
        messages = await rest(socket)
        assert len(messages) >= 15
        for message in messages:
            assert (set(message), message["stream"]) == ({"stream", "data"}, "btcusdt@depth")
            data = message["data"]
            assert set(data) == set(sample("spot_orderbook"))
            assert last + 1 == data["U"] <= data["u"]
            last = data["u"]
            for side, levels in sides.items():
                levels.update({Decimal(price): Decimal(size) for price, size in data[side]})
        truth = market.book()
        assert {price: size for price, size in sides["a"].items() if size} == dict(truth["asks"])
        assert {price: size for price, size in sides["b"].items() if size} == dict(truth["bids"])


@pytest.mark.parametrize(
    ("url", "stream", "market", "name", "place"),
    [
        (f"{FSTREAM}/public/ws", "btcusdt@depth@100ms", "BTCUSDT", "usdsm_orderbook", (0, 1)),
        (f"{DSTREAM}/ws", "btcusd_perp@depth", "BTCUSD_PERP", "coinm_orderbook", (1, 0)),
    ],
)
async def test_changes_of_a_futures_book(url: str, stream: str, market: str, name: str, place: tuple[int, int]) -> None:
    """``pu`` links them; numbers are left out between two."""
    async with bot() as (fake, me):
        socket = await me.socket(url, stream)
        fake.market(market).tick(12)
        messages = await rest(socket)
        assert all(set(message) == set(sample(name, *place)) for message in messages)
        pairs = list(pairwise(messages))
        assert len(pairs) > 5
        assert all(later["pu"] == earlier["u"] < later["U"] <= later["u"] for earlier, later in pairs)
        assert any(later["U"] > earlier["u"] + 1 for earlier, later in pairs)


SPOT_SAMPLES = {
    "trade": ("spot_trade", 1),
    "aggTrade": ("spot_trade", 0),
    "bookTicker": ("spot_bookticker", 0),
    "miniTicker": ("spot_ticker", 0),
    "ticker": ("spot_ticker", 1),
    "kline_1m": ("spot_kline", 1),
    "depth5": None,
}


@pytest.mark.parametrize("kind", SPOT_SAMPLES)
async def test_other_spot_streams(kind: str) -> None:
    """They have the fields of the samples, and come on raw connections as they are."""
    async with bot() as (fake, me):
        socket = await me.socket(f"{SPOT_STREAM}/ws/btcusdt@{kind}")
        fake.market("spot BTCUSDT").trade("buy", "0.001")
        [message] = await rest(socket)
        place = SPOT_SAMPLES[kind]
        if place is None:
            book = fake.market("spot BTCUSDT").book(5)
            assert set(message) == {"lastUpdateId", "bids", "asks"}
            assert [(Decimal(price), Decimal(size)) for price, size in message["asks"]] == book["asks"]
            return
        messages = load(FRAMES / f"{place[0]}.json")[place[1]]["messages"]
        rows = [each.get("data", each) for each in messages if "result" not in each]
        [row] = [each for each in rows if each.get("e") == message.get("e")][:1]
        missing = {"b", "B", "a", "A", "x"} if kind == "ticker" else {"M", "nq"}
        assert set(message) >= set(row) - missing
        if "k" in row:
            assert set(message["k"]) == set(row["k"])


async def test_streams_of_futures() -> None:
    """Each has what futures say since 2026; arrays hold a row for each market that moved."""
    async with bot(clock=FakeClock()) as (fake, me):
        names = ("aggTrade", "ticker", "miniTicker", "markPrice", "markPrice@1s", "kline_5m", "trade")
        market = await me.socket(f"{FSTREAM}/market/stream", *(f"btcusdt@{name}" for name in names), "!ticker@arr")
        public = await me.socket(f"{FSTREAM}/public/stream?streams=btcusdt@bookTicker/btcusdt@depth20")
        fake.market("BTCUSDT").trade("sell", "0.001")
        told = {message["stream"]: message["data"] for message in await rest(market)}
        assert set(told) == {*(f"btcusdt@{name}" for name in names), "!ticker@arr"}
        assert (told["btcusdt@aggTrade"]["st"], told["btcusdt@aggTrade"]["m"]) == (1, True)
        assert set(told["btcusdt@ticker"]) == set(sample("usdsm_trade_ticker", 2)[0])
        assert told["!ticker@arr"] == [told["btcusdt@ticker"]]
        assert told["btcusdt@markPrice"]["e"] == "markPriceUpdate"
        told = {message["stream"]: message["data"] for message in await rest(public)}
        assert set(told["btcusdt@bookTicker"]) == set(sample("usdsm_bookticker"))
        assert set(told["btcusdt@depth20"]) == set(sample("usdsm_partial_depth_trap", 1))
        assert len(told["btcusdt@depth20"]["a"]) == 20


async def test_arrays_of_coinm() -> None:
    """The mark prices of all markets have no fields of one pair here."""
    async with bot() as (fake, me):
        socket = await me.socket(f"{DSTREAM}/ws", "!markPrice@arr", "!miniTicker@arr")
        fake.market("BTCUSD_PERP").tick()
        events = [message[0]["e"] for message in await rest(socket)]
        assert events == ["markPriceUpdate", "24hrMiniTicker"]


@pytest.mark.parametrize(
    ("path", "streams"),
    [
        ("public", {"btcusdt@depth", "btcusdt@bookTicker"}),
        ("market", {"btcusdt@aggTrade"}),
        ("private", set()),
        ("", {"btcusdt@depth", "btcusdt@bookTicker"}),
    ],
)
async def test_streams_come_on_their_path_alone(path: str, streams: set[str]) -> None:
    """Elsewhere a subscription is acknowledged and nothing follows."""
    async with bot() as (fake, me):
        url = f"{FSTREAM}/{path}/stream" if path else f"{FSTREAM}/stream"
        socket = await me.socket(url, "btcusdt@depth", "btcusdt@bookTicker", "btcusdt@aggTrade")
        fake.market("BTCUSDT").trade("buy", "0.001")
        assert {message["stream"] for message in await rest(socket)} == streams


async def test_subscriptions() -> None:
    """They can be listed and taken back; what is no message is refused."""
    async with bot() as (fake, me):
        socket = await me.socket(f"{SPOT_STREAM}/ws", "btcusdt@trade", "btcusdt@depth", "ethusdt@trade", "nonsense")
        await socket.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade", "btcusdt@depth"], "id": 2})
        assert await hear(socket) == {"result": None, "id": 2}
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 3})
        assert await hear(socket) == {"result": ["ethusdt@trade", "nonsense"], "id": 3}
        fake.market("spot BTCUSDT").trade("buy", "0.001")
        assert await rest(socket) == []
        await socket.send_json({"method": "X", "id": 4})
        assert (await hear(socket)) == {"error": {"code": 2, "msg": "Invalid request: unknown variant"}, "id": 4}
        for frame in ("not JSON", "[]"):
            await socket.send_str(frame)
            assert (await hear(socket))["error"]["code"] == 3


# -- listenKeys ----------------------------------------------------------------------------------------------------


async def test_listenkeys() -> None:
    """One is alive for an hour; a POST returns and extends it, a PUT extends it, a DELETE ends it."""
    clock = FakeClock()
    async with bot(clock=clock) as (fake, me):
        _, made = await me.ask("POST", f"{FAPI}/v1/listenKey")
        assert await me.ask("POST", f"{FAPI}/v1/listenKey") == (200, made)
        assert (await me.ask("POST", f"{DAPI}/v1/listenKey"))[1] != made
        await clock.advance(3000)
        assert await me.ask("PUT", f"{FAPI}/v1/listenKey") == (200, made)
        await clock.advance(3000)
        assert await me.ask("PUT", f"{FAPI}/v1/listenKey") == (200, made)
        await clock.advance(3600)
        assert (await me.ask("PUT", f"{FAPI}/v1/listenKey"))[1]["code"] == -1125
        _, fresh = await me.ask("POST", f"{FAPI}/v1/listenKey")
        assert fresh != made
        assert await me.ask("DELETE", f"{FAPI}/v1/listenKey") == (200, {})
        assert (await me.ask("PUT", f"{FAPI}/v1/listenKey"))[0] == 400
        assert (await me.ask("POST", f"{FAPI}/v1/listenKey", key="another"))[1]["code"] == -2015
        assert [request.verified for request in fake.requests] == [True] * 9 + [False]


FORMS = ["private/ws/{}", "private/ws?listenKey={}", "private/stream?streams={}", "private/stream"]


@pytest.mark.parametrize("form", FORMS)
async def test_the_end_of_a_listenkey(form: str) -> None:
    """Whoever uses it is told, on every form of socket, and hears nothing more."""
    clock = FakeClock()
    async with bot(clock=clock) as (_, me):
        _, made = await me.ask("POST", f"{FAPI}/v1/listenKey")
        key = made["listenKey"]
        socket = await me.socket(f"{FSTREAM}/{form.format(key)}", *([] if "{" in form else [key]))
        other = await me.socket(f"{FSTREAM}/private/ws")
        await me.done("POST", f"{FAPI}/v1/order", **ORDER)
        [event] = await rest(socket)
        assert event.get("data", event)["e"] == "ORDER_TRADE_UPDATE"
        await clock.advance(3600)
        await me.done("GET", f"{FAPI}/v1/openOrders")
        [event] = await rest(socket)
        ended = {"e": "listenKeyExpired", "E": clock.now().ms, "listenKey": key}
        assert event == ({"stream": key, "data": ended} if "stream" in form else ended)
        await me.done("DELETE", f"{FAPI}/v1/allOpenOrders", symbol="BTCUSDT")
        assert await rest(socket) == []
        assert await rest(other) == []


# -- the WebSocket API ---------------------------------------------------------------------------------------------


async def test_user_data_over_the_websocket_api() -> None:
    """One subscription for a connection; events are wrapped; it can be ended."""
    async with bot() as (fake, me):
        socket = await me.session.ws_connect(API)
        answer = await me.call(socket, "userDataStream.subscribe.signature")
        assert (answer["status"], answer["result"]) == (200, {"subscriptionId": 0})
        assert (await me.call(socket, "userDataStream.subscribe.signature"))["error"]["code"] == -2035
        await me.done("POST", f"{SPOT}/order", **ORDER)
        event, account = [await hear(socket) for _ in range(2)]
        assert event["subscriptionId"] == 0
        assert set(event["event"]) == set(sample("spot_userdata_wsapi", 0, 2)["event"])
        assert account["event"]["B"][0] == {"a": "USDT", "f": "99500.00000000", "l": "500.00000000"}
        await socket.send_json({"id": 7, "method": "userDataStream.unsubscribe"})
        assert (await hear(socket))["event"]["e"] == "eventStreamTerminated"
        assert (await hear(socket))["result"] == {}
        assert all(request.verified for request in fake.requests)


async def test_faults_of_subscriptions() -> None:
    """They can be refused, and not answered, as logins can."""
    async with bot() as (fake, me):
        socket = await me.session.ws_connect(API)
        fake.refuse_login()
        assert (await me.call(socket, "userDataStream.subscribe.signature"))["error"]["code"] == -2015
        fake.silent_login()
        await socket.send_json(me.message("userDataStream.subscribe.signature"))
        await socket.send_json({"id": 5, "method": "ping"})
        assert (await hear(socket))["id"] == 5


async def test_sessions() -> None:
    """A session that has logged on with Ed25519 needs neither key nor signature, until it logs out."""
    async with bot(apis={"binance": ["MY_KEY", PEM["keys"]["Ed25519"]]}, clock=FakeClock(1_747_385_641.636)) as (
        fake,
        me,
    ):
        [vector] = [each for each in PEM["vectors"] if each["key"] == "Ed25519" and each["text"].startswith("apiKey")]
        fake._venues[0].apis["binance"][0] = "ED_KEY"  # the key of the vector
        socket = await me.session.ws_connect(API)
        params = {"apiKey": "ED_KEY", "timestamp": 1747385641636, "signature": vector["signature"]}

        async def call(method: str, **params: Any) -> Any:
            await socket.send_json({"id": method, "method": method, "params": params})
            return await hear(socket)

        assert (await call("userDataStream.subscribe"))["error"]["code"] == -2014
        assert (await call("session.status"))["result"] == {"apiKey": None}
        assert (await call("session.logon", **params))["result"]["apiKey"] == "ED_KEY"
        assert (await call("session.status"))["result"] == {"apiKey": "ED_KEY"}
        assert (await call("openOrders.status", timestamp=1747385641636))["result"] == []
        assert (await call("openOrders.status"))["error"]["code"] == -1102
        assert (await call("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
        assert (await call("session.logout"))["result"] == {"apiKey": None}
        assert (await call("openOrders.status", timestamp=1747385641636))["error"]["code"] == -2015


async def test_orders_over_the_websocket_api() -> None:
    """They are those of the HTTP API."""
    async with bot() as (_, me):
        socket = await me.session.ws_connect(API)
        placed = (await me.call(socket, "order.place", **ORDER))["result"]
        assert (await me.done("GET", f"{SPOT}/openOrders"))[0]["orderId"] == placed["orderId"]
        status = (await me.call(socket, "order.status", symbol="BTCUSDT", orderId=placed["orderId"]))["result"]
        assert status["status"] == "NEW"
        gone = (await me.call(socket, "order.cancel", symbol="BTCUSDT", orderId=placed["orderId"]))["result"]
        assert gone["status"] == "CANCELED"
        assert (await me.call(socket, "order.test", **ORDER))["result"] == {}
        assert (await me.call(socket, "order.nothing"))["error"]["code"] == -1102
        wrong = me.message("order.place", **ORDER)
        wrong["params"]["price"] = "50001"
        await socket.send_json(wrong)
        assert (await hear(socket))["error"]["code"] == -1022
        for frame in ("not JSON", "[]", '{"id": 1, "method": "ping", "params": []}', '{"method": "ping"}'):
            await socket.send_str(frame)
            assert (await hear(socket))["error"] == {"code": -1102, "msg": "Invalid request."}
        await socket.send_json({"id": 9, "method": "time"})
        assert set((await hear(socket))["result"]) == {"serverTime"}
        assert (await me.call(socket, "session.logon"))["error"]["code"] == -4056


async def test_the_websocket_api_of_futures() -> None:
    """Orders, and a listenKey, which is that of the HTTP API; user data do not come here."""
    async with bot() as (_, me):
        socket = await me.session.ws_connect("wss://ws-fapi.binance.com/ws-fapi/v1")
        assert (await me.call(socket, "order.place", **ORDER))["result"]["symbol"] == "BTCUSDT"
        await socket.send_json({"id": 1, "method": "userDataStream.start", "params": {"apiKey": me.key}})
        made = (await hear(socket))["result"]
        assert (await me.ask("POST", f"{FAPI}/v1/listenKey"))[1] == made
        assert (await me.call(socket, "userDataStream.subscribe.signature"))["error"]["code"] == -1102
