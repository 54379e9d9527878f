"""The fake of Bybit against the protocol: signatures, logins, heartbeats, public topics; heard by plain aiohttp."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tests.support import load
from topgun.clock import Instant
from topgun.testing import FakeClock
from topgun.testing.venue import Request
from topgun.testing.venues.bybit import REST, STREAM, Bybit

from .bybit_bot import LINEAR, PRIVATE, SPOT, TRADE, Bot, ask, bot, hear, rest, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from topgun.testing import FakeExchange

FIXTURES = Path(__file__).parents[2] / "exchanges" / "bybit"
VECTORS = [vector for vector in load(FIXTURES / "vectors" / "rest.json") if "X-BAPI-SIGN" in vector["sent"]["headers"]]
LOGINS = [
    (vector, login)
    for vector in load(FIXTURES / "vectors" / "ws.json")
    for frame in vector["sent_text_frames"]
    if (login := json.loads(frame))["op"] == "auth"
]
ACKS = load(FIXTURES / "frames" / "acks.json")
REFUSED = 401, 10003, "API key is invalid."


def shape(step: int, message: int) -> set[str]:
    """Return the fields of an answer in the samples."""
    return set(ACKS[step]["messages"][message])


# --- signatures ---


def request(vector: dict[str, Any], body: str | None = None, target: str | None = None, **headers: str) -> Request:
    """Return the request of a signing vector as the fake gets it."""
    sent, url = vector["sent"], URL(vector["url"])
    target = sent["target"] if target is None else target
    body = sent["body"] if body is None else body
    given = CIMultiDictProxy(CIMultiDict({**sent["headers"], **headers}))
    return Request(vector["method"], URL(f"https://{url.host}{target}", encoded=True), target, given, body.encode())


def venue(vector: dict[str, Any]) -> Callable[..., bool]:
    """Return a function: whether a fake with the keys of a vector accepts a request, so many ms after its time."""
    later = 0
    here = Bybit(lambda: Instant((round(vector["clock"] * 1000) + later) * 1_000_000), list, apis=vector["apis"])

    def accepts(asked: Request, ms: int = 0) -> bool:
        nonlocal later
        later = ms
        return here.verified(asked)

    return accepts


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["sent"]["target"])
def test_right_signatures_are_accepted(vector: dict[str, Any]) -> None:
    """The signed vectors are right in their window of time and at no other; nor with another byte."""
    assert len(VECTORS) >= 8
    accepts = venue(vector)
    assert [accepts(request(vector), ms) for ms in (0, 5000, 5001, -999, -1000)] == [True, True, False, True, False]
    sign = vector["sent"]["headers"]["X-BAPI-SIGN"]
    last = "0" if sign[-1] != "0" else "1"
    window = vector["sent"]["headers"].get("X-BAPI-RECV-WINDOW", "")
    others = [
        {"X-BAPI-SIGN": sign[:-1] + last},
        {"X-BAPI-SIGN": ""},
        {"X-BAPI-TIMESTAMP": str(round(vector["clock"] * 1000) + 1)},
        {"X-BAPI-TIMESTAMP": "soon"},
        {"X-BAPI-RECV-WINDOW": "5000" if window != "5000" else "5001"},
        {"X-BAPI-RECV-WINDOW": "long"},
        {"X-BAPI-API-KEY": "another"},
    ]
    for change in others:
        assert not accepts(request(vector, **change)), change
    assert not accepts(request(vector, body=vector["sent"]["body"] + " "))
    target = vector["sent"]["target"]
    assert not accepts(request(vector, target=f"{target}{'&' if '?' in target else '?'}x=1"))
    assert accepts(request(vector))


async def test_the_window_of_a_request() -> None:
    """A request says how old it may be; the refusal says both times, with the status 200 as Bybit does."""
    clock = FakeClock()
    async with bot(clock=clock) as (_, me):
        for ms, window, fine in ((-5000, "", True), (-5001, "", False), (-8000, "8000", True), (-11, "10", False)):
            status, answer = await me.get(
                "/v5/account/wallet-balance?accountType=UNIFIED",
                me.headers("accountType=UNIFIED", ms=ms, window=window),
            )
            assert (status, answer["retCode"]) == (200, 0 if fine else 10002)
        assert f"req_timestamp[{clock.now().ms - 11}]" in answer["retMsg"]
        assert f"server_timestamp[{clock.now().ms}]" in answer["retMsg"]
        assert (await me.get("/v5/market/time", {}))[1]["result"] == {
            "timeSecond": "1700000000",
            "timeNano": "1700000000000000000",
        }


async def test_wrong_signatures_are_refused() -> None:
    """Each in its form; public questions are answered all the same."""
    async with bot() as (fake, me):
        target = "/v5/account/wallet-balance?accountType=UNIFIED"
        right = me.headers("accountType=UNIFIED")
        cases = [({}, REFUSED), ({**right, "X-BAPI-API-KEY": "x"}, REFUSED)]
        wrong = {**right, "X-BAPI-SIGN": "0" * 64}
        cases.append((wrong, (200, 10004, "error sign! please check your signature generation algorithm.")))
        for headers, (status, code, text) in cases:
            got = await me.get(target, headers)
            assert (got[0], got[1]["retCode"], got[1]["retMsg"], got[1]["result"]) == (status, code, text, {})
        assert (await me.get("/v5/market/tickers?category=linear", wrong))[0] == 200
        assert not any(each.verified for each in fake.requests)


async def test_a_skewed_clock_shows() -> None:
    """A bot whose clock is wrong is refused over HTTP and on the socket."""
    async with bot() as (fake, me):
        for skew, code in ((30, 10002), (-30, 10002), (0, 0)):
            fake.clock_skew(skew)
            assert (await me.get("/v5/position/list?category=linear&symbol=BTCUSDT"))[1]["retCode"] == code
        fake.clock_skew(30)
        socket = await me.session.ws_connect(PRIVATE)
        assert (await ask(socket, me.login()))["success"] is False


def test_every_host_has_its_environment() -> None:
    """REST and stream hosts of the documents, each for the keys of one environment."""
    assert {api: sum(each == api for each in REST.values()) for api in set(REST.values())} == {
        "bybit": 10,
        "bybit_demo": 1,
        "bybit_testnet": 2,
    }
    assert (STREAM["stream-demo.bybit.com"], STREAM["stream.bytick.com"]) == ("bybit_demo", "bybit")
    assert {"api.bybit.com", "api-demo.bybit.com", "api-testnet.bybit.com", "api.bytick.com"} <= set(REST)


@pytest.mark.parametrize(
    ("api", "host", "stream"),
    [
        ("bybit", "api.bytick.com", "stream.bytick.com"),
        ("bybit_demo", "api-demo.bybit.com", "stream-demo.bybit.com"),
        ("bybit_testnet", "api-testnet.bybit.com", "stream-testnet.bybit.com"),
    ],
)
async def test_keys_are_for_one_environment(api: str, host: str, stream: str) -> None:
    """Each environment takes its own keys and refuses the others; each has an account of its own."""
    async with bot() as (fake, _):
        for name in fake.apis:
            async with aiohttp.ClientSession(connector=fake.connector()) as session:
                me = Bot(fake, session, name)
                status, answer = await me.get("/v5/order/realtime?category=linear&symbol=BTCUSDT", host=host)
                socket = await session.ws_connect(f"wss://{stream}/v5/private")
                login = await ask(socket, me.login())
                assert (status, answer["retCode"], login["success"]) == (
                    (200, 0, True) if name == api else (401, 10003, False)
                )


# --- sockets ---


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("wss://stream.bybit.com/v5/public/option", 101),
        ("wss://stream.bybit.com/v5/private?max_active_time=1m", 101),
        ("wss://stream.manepa.jp/v5/trade", 101),
        ("wss://stream.bybit.com/v5/fly", 404),
        ("wss://stream-demo.bybit.com/v5/private", 101),
        ("wss://stream-demo.bybit.com/v5/trade", 404),
        ("wss://stream-demo.bybit.com/v5/public/linear", 404),
        ("wss://api.bybit.com/v5/private", 404),
    ],
)
async def test_where_sockets_are(url: str, status: int) -> None:
    """Each path of the documents is one; demo trading has the private one alone."""
    async with bot() as (fake, me):
        if status == 101:
            socket = await me.session.ws_connect(url)
            assert (await ask(socket, {"op": "ping"}))["op"] in ("ping", "pong")
        else:
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await me.session.ws_connect(url)
        assert fake.requests[0].status == status


@pytest.mark.parametrize(("vector", "login"), LOGINS, ids=lambda value: value.get("url", ""))
async def test_the_logins_of_the_documents_are_accepted(vector: dict[str, Any], login: dict[str, Any]) -> None:
    """Each login vector is right at its time and for 5 s, in the shape of the path; then it is too old."""
    clock = FakeClock(vector["clock"])
    async with bot(clock=clock, apis=vector["apis"]) as (fake, me):
        for wait, fine in ((0.0, True), (4.999, True), (0.001, False)):
            await clock.advance(wait)
            socket = await me.session.ws_connect(vector["url"])
            answer = await ask(socket, login)
            if "/trade" in vector["url"]:
                assert set(answer) == shape(6, 0)
                assert answer["retCode"] == (0 if fine else 10004)
            else:
                assert set(answer) == shape(0, 0)
                assert (answer["success"], answer["ret_msg"]) == (fine, "" if fine else "Params Error")
            assert (fake.links()[-1].api is not None) is fine


@pytest.mark.parametrize(
    "change", [{"key": "another"}, {"expires": "1700000000000"}, {"sign": "0" * 64}, {"sign": 1}, {"more": 1}]
)
@pytest.mark.parametrize("url", [PRIVATE, TRADE])
async def test_refused_logins(url: str, change: dict[str, Any]) -> None:
    """A wrong login is refused, and leaves no account."""
    async with bot() as (fake, me):
        socket = await me.session.ws_connect(url)
        answer = await ask(socket, {**me.login(**change), "req_id": "r", "reqId": "r"})
        assert answer.get("success", answer.get("retCode")) in (False, 10004)
        assert answer.get("req_id", answer.get("reqId")) == "r"
        assert fake.links()[0].api is None


@pytest.mark.parametrize("url", [PRIVATE, TRADE])
async def test_logins_that_a_test_refuses_or_leaves_open(url: str) -> None:
    """A right login is refused, or never answered, when the test wants it."""
    async with bot() as (fake, me):
        socket = await me.session.ws_connect(url)
        fake.refuse_login()
        answer = await ask(socket, me.login())
        assert answer.get("success", answer.get("retCode")) in (False, 10004)
        fake.silent_login()
        await socket.send_json(me.login())
        assert await rest(socket) == []
        assert fake.links()[0].api is None


@pytest.mark.parametrize(
    ("url", "sample", "kind"),
    [(PRIVATE, (0, 2), "pong"), (SPOT, (1, 1), "ping"), (LINEAR, (2, 0), "ping"), (TRADE, (6, 2), "pong")],
)
async def test_heartbeats(url: str, sample: tuple[int, int], kind: str) -> None:
    """Each path answers a ping in its own form."""
    async with bot() as (_, me):
        socket = await me.session.ws_connect(url)
        answer = await ask(socket, '{"op":"ping"}')
        assert set(answer) - {"req_id"} == shape(*sample) - {"req_id"}
        assert answer["op"] == kind
        assert ("req_id" in answer) is (url == LINEAR)
        if url != TRADE:
            assert (await ask(socket, '{"op":"ping","req_id":"r"}'))["req_id"] == "r"


async def test_options_have_their_own_forms() -> None:
    """The option path answers a subscription in lists, a ping briefly; no option is traded here."""
    async with bot() as (_, me):
        socket = await me.session.ws_connect(f"{PRIVATE[:-7]}public/option")
        assert set(await ask(socket, {"op": "ping"})) == shape(3, 1)
        answer = await ask(socket, {"op": "subscribe", "args": ["tickers.BTC-6JAN23-18000-C", "tickers.BTCUSDT"]})
        assert set(answer) == shape(3, 0)
        assert answer["data"] == {"failTopics": ["tickers.BTC-6JAN23-18000-C", "tickers.BTCUSDT"], "successTopics": []}
        assert (await ask(socket, {"op": "unsubscribe", "args": ["tickers.BTCUSDT"]}))["success"] is True


async def test_subscriptions() -> None:
    """Accepted and refused in the form of the path; a refusal names the topic and takes no other one with it."""
    async with bot() as (fake, me):
        linear, spot = [await me.session.ws_connect(url) for url in (LINEAR, SPOT)]
        answer = await ask(linear, {"op": "subscribe", "args": ["publicTrade.BTCUSDT"]})
        assert answer == {"success": True, "ret_msg": "", "conn_id": answer["conn_id"], "req_id": "", "op": "subscribe"}
        answer = await ask(spot, {"op": "subscribe", "args": ["publicTrade.BTCUSDT"], "req_id": "10001"})
        assert set(answer) == shape(1, 0)
        assert (answer["ret_msg"], answer["req_id"]) == ("subscribe", "10001")
        for topics, trouble in (
            (["publicTrade.BTCUSDT"], "error:already subscribed,topic:publicTrade.BTCUSDT"),
            (["tickers.BTCUSDT", "orderbook.7.BTCUSDT"], "error:handler not found,topic:orderbook.7.BTCUSDT"),
            (["orderbook.50.btcusdt"], "error:handler not found,topic:orderbook.50.btcusdt"),
            (["kline.7.BTCUSDT"], "error:handler not found,topic:kline.7.BTCUSDT"),
            (["order"], "error:handler not found,topic:order"),
            ([1], "error:handler not found,topic:1"),
        ):
            answer = await ask(linear, {"op": "subscribe", "args": topics})
            assert set(answer) == shape(4, 0)
            assert (answer["success"], answer["ret_msg"], answer["op"]) == (False, trouble, "subscribe")
        assert (await ask(spot, {"op": "subscribe", "args": ["tickers.ETHUSDT"]}))["success"] is False
        assert [list(link.topics) for link in fake.links()] == [["publicTrade.BTCUSDT"]] * 2
        answer = await ask(linear, {"op": "unsubscribe", "args": ["publicTrade.BTCUSDT", "never"], "req_id": "r"})
        assert (answer["success"], answer["op"], answer["req_id"]) == (True, "unsubscribe", "r")
        fake.market("BTCUSDT").tick()
        assert await rest(linear) == []


@pytest.mark.parametrize("text", ["no json", "7", '{"op": "fly"}', '{"op": "subscribe"}', '{"op": 1}'])
@pytest.mark.parametrize("url", [LINEAR, PRIVATE, TRADE])
async def test_requests_that_cannot_be_served(url: str, text: str) -> None:
    """They are refused; the socket goes on."""
    async with bot() as (_, me):
        socket = await me.session.ws_connect(url)
        answer = await ask(socket, text)
        assert answer.get("success", answer.get("retCode")) in (False, 10001, 10404)
        assert await rest(socket) == []


# --- public topics ---


class Copy:
    """A book kept with plain dicts, by the documented rules and nothing more."""

    def __init__(self, message: Any) -> None:
        assert message["type"] == "snapshot"
        self.sides: dict[str, dict[str, str]] = {"a": {}, "b": {}}
        self.number = message["data"]["u"]
        self._apply(message["data"])

    def hear(self, message: Any) -> None:
        assert message["type"] == "delta"
        assert message["data"]["u"] == self.number + 1
        self.number += 1
        self._apply(message["data"])

    def _apply(self, data: Any) -> None:
        for name, side in self.sides.items():
            for price, size in data[name]:
                side[price] = size
                if size == "0":
                    del side[price]

    @property
    def numbers(self) -> dict[str, dict[Decimal, Decimal]]:
        return {
            name: {Decimal(price): Decimal(size) for price, size in side.items()} for name, side in self.sides.items()
        }


def true_book(fake: FakeExchange, name: str, depth: int) -> dict[str, dict[Decimal, Decimal]]:
    book = fake.market(name).book(depth)
    return {"a": dict(book["asks"]), "b": dict(book["bids"])}


@pytest.mark.parametrize(("name", "url"), [("BTCUSDT", LINEAR), ("ETHUSDT", LINEAR), ("spot BTCUSDT", SPOT)])
@pytest.mark.parametrize("depth", [50, 200, 1000])
@pytest.mark.parametrize("seed", [1, 2])
async def test_the_book_on_the_socket_is_the_book(name: str, url: str, depth: int, seed: int) -> None:
    """Snapshot and deltas, applied to plain dicts, are the true book at every moment, numbered without a gap."""
    sample = load(FIXTURES / "frames" / "orderbook.json")
    symbol = name.removeprefix("spot ")
    async with bot(seed=seed) as (fake, me):
        topic, market = f"orderbook.{depth}.{symbol}", fake.market(name)
        assert len(market.book()["bids"]) > 50
        market.tick(3)
        socket = await me.socket(url, topic)
        first = await told(socket, topic)
        assert set(first) == set(sample[0]["messages"][1])
        copy, category = Copy(first), "spot" if url == SPOT else "linear"
        assert copy.numbers == true_book(fake, name, depth)
        for step in range(60):
            if step % 10 == 9:
                order = {"category": category, "symbol": symbol, "side": "Buy", "orderType": "Limit", "qty": "0.05"}
                price = str(int((market.best_bid or 0) - step))
                await me.done("create", {**order, "price": price})
            market.tick(2)
            for message in await rest(socket):
                assert set(message) == set(sample[1]["messages"][0])
                copy.hear(message)
            assert copy.numbers == true_book(fake, name, depth)
        result = await me.asked(f"/v5/market/orderbook?category={category}&symbol={symbol}&limit={depth}")
        if depth == (200 if url == SPOT else 1000):
            assert result["u"] == copy.number
        limited = true_book(fake, name, min(depth, 200 if url == SPOT else 500))
        assert {side: {Decimal(p): Decimal(s) for p, s in result[side]} for side in ("a", "b")} == limited
        assert set(result) == {"s", "a", "b", "ts", "u", "seq", "cts"}


async def test_level_one_consists_of_snapshots() -> None:
    """Whenever the best level changes, it is told whole."""
    async with bot() as (fake, me):
        socket = await me.socket(LINEAR, "orderbook.1.BTCUSDT")
        number = (await told(socket, "orderbook.1.BTCUSDT"))["data"]["u"]
        market = fake.market("BTCUSDT")
        market.order("buy", 1, 40_000)  # far below
        assert await rest(socket) == []
        market.trade("buy", sum(size for _, size in market.book(2)["asks"]))
        message = await told(socket, "orderbook.1.BTCUSDT")
        assert (message["type"], message["data"]["u"]) == ("snapshot", number + 1)
        assert Copy(message).numbers == true_book(fake, "BTCUSDT", 1)


async def test_a_gap_is_a_missing_number() -> None:
    """After a gap the next number does not follow; a new subscription brings a snapshot that is right again."""
    async with bot() as (fake, me):
        topic = "orderbook.50.BTCUSDT"
        socket = await me.socket(LINEAR, topic)
        copy = Copy(await told(socket, topic))
        fake.gap()
        for _ in range(2):
            fake.market("BTCUSDT").trade("buy", "0.001")
        message = await told(socket, topic)
        assert message["data"]["u"] == copy.number + 2
        for operation in ("unsubscribe", "subscribe"):
            assert (await ask(socket, {"op": operation, "args": [topic]}))["success"] is True
        copy = Copy(await told(socket, topic))
        assert copy.number == message["data"]["u"]
        assert copy.numbers == true_book(fake, "BTCUSDT", 50)
        fake.market("BTCUSDT").trade("sell", "0.001")
        copy.hear(await told(socket, topic))
        assert copy.numbers == true_book(fake, "BTCUSDT", 50)


@pytest.mark.parametrize(("command", "steps"), [("duplicate", [1, 1, 2, 3]), ("reorder", [2, 1, 3])])
async def test_disorder_shows_in_the_numbers(command: str, steps: list[int]) -> None:
    """A message told twice or late has the number it had."""
    async with bot() as (fake, me):
        topic = "orderbook.50.BTCUSDT"
        socket = await me.socket(LINEAR, topic)
        number = (await told(socket, topic))["data"]["u"]
        getattr(fake, command)(topic)
        for _ in range(3):
            fake.market("BTCUSDT").trade("buy", "0.001")
        assert [message["data"]["u"] - number for message in await rest(socket)] == steps


async def test_trades() -> None:
    """Each trade with the fields of the sample; all of one moment in one message."""
    sample = load(FIXTURES / "frames" / "trade.json")[0]["messages"][1]
    async with bot() as (fake, me):
        socket = await me.socket(LINEAR, "publicTrade.BTCUSDT")
        market = fake.market("BTCUSDT")
        (best, size), *_ = market.book(1)["bids"]
        market.trade("sell", size + Decimal("0.001"))
        message = await told(socket, "publicTrade.BTCUSDT")
        assert set(message) == set(sample)
        assert set(message["data"][0]) == set(sample["data"][0])
        first, last = message["data"][0], message["data"][-1]
        assert (first["S"], Decimal(first["p"]), first["s"]) == ("Sell", best, "BTCUSDT")
        assert sum(Decimal(row["v"]) for row in message["data"]) == size + Decimal("0.001")
        assert Decimal(last["p"]) == market.market.last
        assert len({row["i"] for row in message["data"]}) == len(message["data"])


async def test_tickers() -> None:
    """First everything, then what changed; on spot always everything."""
    snapshot, delta = load(FIXTURES / "frames" / "ticker.json")[0]["messages"][0], None
    spot_sample = load(FIXTURES / "frames" / "ticker.json")[2]["messages"][0]
    async with bot() as (fake, me):
        socket, spot = await me.socket(LINEAR, "tickers.BTCUSDT"), await me.socket(SPOT, "tickers.BTCUSDT")
        first = await told(socket, "tickers.BTCUSDT")
        assert set(first) == set(snapshot)
        assert set(first["data"]) == set(snapshot["data"])
        row = first["data"]
        for _ in range(30):
            fake.tick()
        for delta in await rest(socket):
            assert delta["type"] == "delta"
            assert delta["data"]["symbol"] == "BTCUSDT"
            assert all(row[name] != value for name, value in delta["data"].items() if name != "symbol")
            row.update(delta["data"])
        [truth] = (await me.asked("/v5/market/tickers?category=linear&symbol=BTCUSDT"))["list"]
        assert row == truth
        best = fake.market("BTCUSDT").book(1)
        assert (Decimal(row["bid1Price"]), Decimal(row["bid1Size"])) == best["bids"][0]
        assert (Decimal(row["ask1Price"]), Decimal(row["ask1Size"])) == best["asks"][0]
        assert Decimal(row["lastPrice"]) == fake.market("BTCUSDT").market.last
        assert Decimal(row["lowPrice24h"]) <= Decimal(row["lastPrice"]) <= Decimal(row["highPrice24h"])
        messages = [await told(spot, "tickers.BTCUSDT"), *await rest(spot)]
        assert all(set(message["data"]) == set(spot_sample["data"]) for message in messages)
        assert {message["type"] for message in messages} == {"snapshot"}
        assert {row["symbol"] for row in (await me.asked("/v5/market/tickers?category=linear"))["list"]} == {
            "BTCUSDT",
            "ETHUSDT",
        }


async def test_candles() -> None:
    """A candle is told when it is subscribed to, with each trade in it, and once more when its time is over."""
    sample = load(FIXTURES / "frames" / "kline.json")[0]["messages"][0]
    clock = FakeClock(1_699_999_980.0)  # a minute begins
    async with bot(clock=clock) as (fake, me):
        market, topic = fake.market("BTCUSDT"), "kline.1.BTCUSDT"
        await clock.advance(90)
        await me.socket(LINEAR, "kline.1.ETHUSDT")
        socket = await me.socket(LINEAR, topic)
        first = await told(socket, topic)
        assert set(first) == set(sample)
        [quiet] = first["data"]
        assert set(quiet) == set(sample["data"][0])
        last = f"{market.market.last:.2f}"
        assert [quiet[name] for name in ("open", "high", "low", "close", "volume")] == [last] * 4 + ["0"]
        assert (quiet["start"], quiet["end"], quiet["confirm"]) == (1_700_000_040_000, 1_700_000_099_999, False)
        bid, ask_ = f"{market.best_bid:.2f}", f"{market.best_ask:.2f}"
        market.trade("buy", "0.001")
        market.trade("sell", "0.002")
        _, second = await rest(socket)
        [row] = second["data"]
        assert [row[name] for name in ("open", "high", "low", "close")] == [ask_, ask_, bid, bid]
        assert (row["volume"], row["confirm"]) == ("0.003", False)
        await clock.advance(30)
        market.order("buy", 1, 40_000)  # nothing is traded, but a minute is over
        [ended] = (await told(socket, topic))["data"]
        assert (ended["start"], ended["close"], ended["confirm"]) == (quiet["start"], bid, True)
        market.trade("buy", "0.001")
        [row] = (await told(socket, topic))["data"]
        assert (row["start"], row["open"], row["confirm"]) == (1_700_000_100_000, row["close"], False)
        assert await rest(socket) == []
        daily = await me.socket(LINEAR, "kline.D.BTCUSDT")
        [row] = (await told(daily, "kline.D.BTCUSDT"))["data"]
        assert (row["end"] - row["start"], row["start"] % 86_400_000) == (86_399_999, 0)


async def test_a_market_without_a_price() -> None:
    """An empty book has no best prices, and the first candle of a market nothing before it."""
    async with bot(clock=FakeClock()) as (fake, me):
        market = fake.market("ETHUSDT")
        for side in ("buy", "sell"):
            market.trade(side, 100_000)
        assert market.book() == {"asks": [], "bids": []}
        [row] = (await me.asked("/v5/market/tickers?category=linear&symbol=ETHUSDT"))["list"]
        assert (row["bid1Price"], row["ask1Size"]) == ("0.00", "0.00")
        market.market.trades.clear()
        socket = await me.socket(LINEAR, "kline.5.ETHUSDT")
        [candle] = (await told(socket, "kline.5.ETHUSDT"))["data"]
        assert candle["open"] == f"{market.market.last:.2f}"


@pytest.mark.parametrize(
    "target",
    [
        "/v5/market/orderbook?category=linear",
        "/v5/market/orderbook?category=inverse&symbol=BTCUSD",
        "/v5/market/orderbook?category=spot&symbol=ETHUSDT",
        "/v5/market/orderbook?category=linear&symbol=BTCUSDT&limit=many",
        "/v5/market/tickers",
    ],
)
async def test_public_questions_that_make_no_sense(target: str) -> None:
    """They are answered with 10001 and the status 200."""
    async with bot() as (_, me):
        status, answer = await me.get(target)
        assert (status, answer["retCode"], answer["result"]) == (200, 10001, {})


async def test_unknown_paths() -> None:
    """There is no such route, whoever asks."""
    async with bot() as (_, me):
        for headers in ({}, None):
            status, answer = await me.get("/v5/market/instruments-info", headers)
            assert (status, answer["retCode"]) == (404, 10017)


async def test_a_socket_hears_its_own_category() -> None:
    """The same topic on the paths of spot and linear is about two markets."""
    async with bot() as (fake, me):
        linear, spot = [await me.socket(url, "publicTrade.BTCUSDT") for url in (LINEAR, SPOT)]
        fake.market("spot BTCUSDT").trade("buy", "0.001")
        assert await rest(linear) == []
        assert (await hear(spot))["topic"] == "publicTrade.BTCUSDT"
