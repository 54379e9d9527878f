"""The fake of bitFlyer against the protocol: signatures, login, channels, orders; heard by plain aiohttp."""

from __future__ import annotations

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
from topgun.testing.venues.bitflyer import BitFlyer

from .bitflyer_bot import FX, SOCKET, ask, bot, digest, hear, rest, subscribe, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from topgun.testing import FakeExchange

FIXTURES = Path(__file__).parents[2] / "exchanges" / "bitflyer"
VECTORS = load(FIXTURES / "vectors" / "rest.json")
LOGINS = load(FIXTURES / "vectors" / "login.json")

# --- signatures ---


def request(vector: dict[str, Any], **changes: Any) -> Request:
    """Return the request of a signing vector as the fake gets it."""
    vector = {**vector, **changes}
    url = URL(vector["url"], encoded=True)
    headers = {"ACCESS-KEY": vector["key"], "ACCESS-TIMESTAMP": str(vector["ms"]), "ACCESS-SIGN": vector["sign"]}
    return Request(
        vector["method"], url, url.raw_path_qs, CIMultiDictProxy(CIMultiDict(headers)), vector["body"].encode()
    )


def venue(vector: dict[str, Any]) -> Callable[..., bool]:
    """Return a function: whether a fake that knows the key of a vector accepts a request, so many ms after its time."""
    later, apis = 0, {"bitflyer": [vector["key"], vector["secret"]]}
    here = BitFlyer(lambda: Instant((vector["ms"] + later) * 1_000_000), list, apis=apis)

    def accepts(asked: Request, ms: int = 0) -> bool:
        nonlocal later
        later = ms
        return here.verified(asked)

    return accepts


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_right_signatures_are_accepted(vector: dict[str, Any]) -> None:
    """The six vectors are right at their time, half a minute around it, and at no other; nor with another byte."""
    assert len(VECTORS) == 6
    accepts = venue(vector)
    times = (0, 30_000, 30_001, -30_000, -30_001)
    assert [accepts(request(vector), ms) for ms in times] == [True, True, False, True, False]
    last = "0" if vector["sign"][-1] != "0" else "1"
    others: list[dict[str, Any]] = [
        {"sign": vector["sign"][:-1] + last},
        {"sign": vector["sign"].upper()},
        {"sign": ""},
        {"ms": vector["ms"] + 1},
        {"ms": "soon"},
        {"key": "another"},
        {"url": vector["url"] + "x"},
        {"body": vector["body"] + " "},
        {"method": "PUT"},
    ]
    for change in others:
        assert not accepts(request(vector, **change)), change
    assert accepts(request(vector))


def test_time_may_be_in_seconds() -> None:
    """A timestamp in seconds is understood as well."""
    vector = VECTORS[2]
    seconds = str(vector["ms"] // 1000)
    right = digest(vector["secret"], f"{seconds}{vector['method']}/v1/me/getbalance")
    assert venue(vector)(request(vector, ms=seconds, sign=right))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ACCESS-KEY": "another"}, "Key not found"),
        ({"ACCESS-KEY": ""}, "Key not found"),
        ({"ACCESS-TIMESTAMP": "1"}, "Invalid timestamp"),
        ({"ACCESS-SIGN": "0" * 64}, "Invalid signature"),
    ],
)
async def test_wrong_signatures_are_refused(change: dict[str, str], message: str) -> None:
    """A private request is refused with 401 and bitFlyer's form; a public one is answered all the same."""
    async with bot() as (fake, me):
        headers = {**me.headers("GET", "/v1/me/getbalance"), **change}
        expected = {"status": -500, "error_message": message, "data": None}
        assert await me.get("/v1/me/getbalance", **headers) == (401, expected)
        assert (await me.get("/v1/getboard", **headers))[0] == 200
        assert [request.verified for request in fake.requests] == [False, False]


async def test_a_skewed_clock_shows() -> None:
    """A bot whose clock is wrong is refused, and accepted as soon as it is right."""
    async with bot() as (fake, me):
        fake.clock_skew(60)
        assert (await me.get("/v1/me/getbalance"))[0] == 401
        socket = await me.session.ws_connect(SOCKET)
        assert (await ask(socket, me.login()))["error"]["message"] == "Invalid timestamp"
        fake.clock_skew(0)
        assert (await me.get("/v1/me/getbalance"))[0] == 200
        assert (await ask(socket, me.login()))["result"] is True


# --- the socket ---


@pytest.mark.parametrize("vector", LOGINS, ids=lambda vector: vector["name"])
async def test_the_logins_of_the_documents_are_accepted(vector: dict[str, Any]) -> None:
    """Both login vectors are answered with a true result, in the shape of the sample."""
    accepted = load(FIXTURES / "frames" / "login.json")[0]["messages"][0]
    clock, apis = FakeClock(vector["clock"]), {"bitflyer": [vector["key"], vector["secret"]]}
    async with bot(clock=clock, apis=apis) as (fake, me):
        socket = await me.session.ws_connect(SOCKET)
        params = {name: vector[name] for name in ("timestamp", "nonce", "signature")}
        login = {"method": "auth", "params": {"api_key": vector["key"], **params}, "id": "auth"}
        assert await ask(socket, login) == accepted
        assert fake.links()[0].api == "bitflyer"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"api_key": "another"}, "Key not found"),
        ({"timestamp": 1}, "Invalid timestamp"),
        ({"timestamp": "1700000000000"}, "Invalid timestamp"),
        ({"nonce": "short"}, "Invalid nonce"),
        ({"nonce": 1}, "Invalid nonce"),
        ({"nonce": "another-nonce-than-signed"}, "Invalid signature"),
        ({"signature": "0" * 64}, "Invalid signature"),
    ],
)
async def test_refused_logins(change: dict[str, Any], message: str) -> None:
    """The refusal has the id and an error in the shape of the sample; the account stays unknown."""
    shape = load(FIXTURES / "frames" / "login.json")[1]["messages"][0]
    async with bot() as (fake, me):
        socket = await me.session.ws_connect(SOCKET)
        answer = await ask(socket, me.login(**change))
        assert answer == {**shape, "error": {"code": -32603, "message": message}}
        refused = await ask(socket, subscribe("child_order_events"))
        assert refused["error"]["data"] == "child_order_events"
        assert (fake.links()[0].api, fake.links()[0].topics) == (None, {})


async def test_logins_that_a_test_refuses_or_leaves_open() -> None:
    """A right login is refused, or never answered, when the test wants it."""
    async with bot() as (fake, me):
        socket = await me.session.ws_connect(SOCKET)
        fake.refuse_login()
        assert (await ask(socket, me.login()))["error"] == {"code": -32603, "message": "Invalid signature"}
        fake.silent_login()
        await socket.send_json(me.login())
        assert await rest(socket) == []
        assert fake.links()[0].api is None
        assert (await ask(socket, me.login()))["result"] is True


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ("no json", -32700),
        (7, -32600),
        ({"id": 1}, -32600),
        ({"method": "fly", "id": 1}, -32601),
        ({"method": "subscribe", "id": 1}, -32602),
        ({"method": "auth", "params": [], "id": 1}, -32602),
        (subscribe("lightning_nothing", id=1), -32602),
        (subscribe("lightning_board_NO_JPY", id=1), -32602),
        (subscribe("lightning_ticker_BTC_JPYX", id=1), -32602),
    ],
)
async def test_requests_that_cannot_be_served(request_: Any, code: int) -> None:
    """Each is answered with the error of JSON-RPC; the socket goes on."""
    shape = load(FIXTURES / "frames" / "subscribe.json")[0]["messages"][1]
    async with bot() as (_, me):
        socket = await me.session.ws_connect(SOCKET)
        answer = await ask(socket, request_)
        assert set(answer) == set(shape)
        assert answer["error"]["code"] == code
        assert answer["id"] == (1 if isinstance(request_, dict) else None)
        assert await rest(socket) == []


async def test_requests_without_an_id_are_not_answered() -> None:
    """A notification does what it says, silently."""
    async with bot() as (fake, me):
        socket = await me.session.ws_connect(SOCKET)
        await socket.send_json({"method": "subscribe", "params": {"channel": "lightning_ticker_BTC_JPY"}})
        assert await rest(socket) == []
        fake.market("BTC_JPY").tick()
        assert [message["channel"] for message in await rest(socket)] == ["lightning_ticker_BTC_JPY"]


async def test_a_batch_is_answered_at_once() -> None:
    """The answers come in one array, in order; the snapshots after it."""
    async with bot() as (_, me):
        socket = await me.session.ws_connect(SOCKET)
        batch = [subscribe("lightning_board_snapshot_BTC_JPY"), subscribe("lightning_nothing"), me.login()]
        answers = await ask(socket, batch)
        assert [("result" in answer, answer["id"]) for answer in answers] == [
            (True, "lightning_board_snapshot_BTC_JPY"),
            (False, "lightning_nothing"),
            (True, "auth"),
        ]
        await told(socket, "lightning_board_snapshot_BTC_JPY")


async def test_other_addresses_have_no_socket() -> None:
    """Only ``/json-rpc`` of the stream host is one."""
    async with bot() as (fake, me):
        for url in ("wss://ws.lightstream.bitflyer.com/", "wss://api.bitflyer.com/json-rpc"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
                await me.session.ws_connect(url)
            assert raised.value.status == 404
        await me.session.ws_connect(SOCKET)
        assert [(each.status, each.verified) for each in fake.requests] == [(404, True), (404, False), (101, True)]


# --- what is public ---


class Copy:
    """A book kept with plain dicts, by the documented rules and nothing more."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[float, float]] = {}
        self.mid = 0.0

    def hear(self, message: dict[str, Any], *, snapshot: bool) -> None:
        if snapshot:
            self.sides = {"asks": {}, "bids": {}}
        for name, side in self.sides.items():
            for row in message[name]:
                assert set(row) == {"price", "size"}
                side[row["price"]] = row["size"]
                if not row["size"]:
                    del side[row["price"]]
        self.mid = message["mid_price"]


def true_book(fake: FakeExchange, product: str) -> dict[str, dict[float, float]]:
    book = fake.market(product).book()
    return {name: {float(price): float(size) for price, size in side} for name, side in book.items()}


@pytest.mark.parametrize("product", ["BTC_JPY", FX, "ETH_JPY"])
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_book_on_the_socket_is_the_book(product: str, seed: int) -> None:
    """Snapshot and deltas, applied to a plain dict, are the true book at every moment; the mid price its middle."""
    async with bot(seed=seed) as (fake, me):
        socket = await me.socket(f"lightning_board_snapshot_{product}")
        copy, market = Copy(), fake.market(product)
        copy.hear(await told(socket, f"lightning_board_snapshot_{product}"), snapshot=True)
        assert copy.sides == true_book(fake, product)
        await socket.send_json([subscribe(f"lightning_board_snapshot_{product}", "unsubscribe")])
        await socket.send_json(subscribe(f"lightning_board_{product}"))
        assert [await hear(socket), await hear(socket)][1]["result"] is True
        for step in range(150):
            if step % 10 == 9:
                price = int(market.best_bid or 0) - step
                await me.order(product_code=product, side="BUY", price=price, size=round(0.01 * (step + 1), 2))
            market.tick()
            for message in await rest(socket):
                assert message["channel"] == f"lightning_board_{product}"
                assert message["message"]["asks"] or message["message"]["bids"]
                copy.hear(message["message"], snapshot=False)
            assert copy.sides == true_book(fake, product)
            assert copy.mid == (max(copy.sides["bids"]) + min(copy.sides["asks"])) / 2


async def test_a_book_subscribed_to_while_it_moves() -> None:
    """A change between the subscriptions to snapshot and deltas is not lost: there is a second snapshot."""
    async with bot() as (fake, me):
        socket = await me.socket("lightning_board_snapshot_BTC_JPY")
        await told(socket, "lightning_board_snapshot_BTC_JPY")
        fake.market("BTC_JPY").tick()
        assert await ask(socket, {"method": "unsubscribe", "params": {"channel": "other"}, "id": 1})
        assert await ask(socket, subscribe("lightning_board_BTC_JPY"))
        copy = Copy()
        copy.hear(await told(socket, "lightning_board_snapshot_BTC_JPY"), snapshot=True)
        assert copy.sides == true_book(fake, "BTC_JPY")
        assert await ask(socket, subscribe("lightning_board_ETH_JPY"))
        assert await rest(socket) == []


async def test_snapshots_go_on_until_they_are_unsubscribed() -> None:
    """The snapshot channel repeats itself now and then, and answers a second subscription with a snapshot."""
    async with bot() as (fake, me):
        channel = "lightning_board_snapshot_BTC_JPY"
        socket = await me.socket(channel)
        await told(socket, channel)
        fake.market("BTC_JPY").tick(120)
        messages = await rest(socket)
        assert [message["channel"] for message in messages] == [channel, channel]
        assert (await ask(socket, subscribe(channel)))["result"] is True
        copy = Copy()
        copy.hear(await told(socket, channel), snapshot=True)
        assert copy.sides == true_book(fake, "BTC_JPY")
        assert (await ask(socket, subscribe(channel, "unsubscribe")))["result"] is True
        fake.market("BTC_JPY").tick(120)
        assert await rest(socket) == []


async def test_a_book_with_one_side_or_none() -> None:
    """Without asks or bids the mid price leaves every level on its own side of it."""
    async with bot() as (fake, me):
        market = fake.market("BTC_JPY")
        socket = await me.socket("lightning_board_BTC_JPY")
        market.trade("buy", 10_000)
        [message] = [each["message"] for each in await rest(socket)]
        best = message["mid_price"]
        assert (best, market.best_ask) == (market.best_bid, None)
        market.trade("sell", 10_000)
        [message] = [each["message"] for each in await rest(socket)]
        assert (message["mid_price"], market.best_bid) == (market.market.last, None)
        market.order("sell", 1, 10_000_000)
        [message] = [each["message"] for each in await rest(socket)]
        assert message == {"mid_price": 9_999_999, "bids": [], "asks": [{"price": 10_000_000, "size": 1}]}
        status, ticker = await me.get("/v1/getticker?product_code=BTC_JPY")
        assert (status, ticker["best_bid"], ticker["best_ask"], ticker["best_ask_size"]) == (200, 0, 10_000_000, 1)


async def test_a_gap_cannot_be_seen_but_is_there() -> None:
    """bitFlyer numbers nothing: after a gap every message looks as always, and the book is wrong."""
    async with bot() as (fake, me):
        channel = "lightning_board_BTC_JPY"
        socket = await me.socket(channel, f"lightning_board_snapshot_{channel[16:]}")
        copy = Copy()
        copy.hear(await told(socket, "lightning_board_snapshot_BTC_JPY"), snapshot=True)
        fault = fake.gap()
        fake.market("BTC_JPY").order("buy", 3, 1_000_000)
        assert fault.used == 1
        fake.market("BTC_JPY").tick()
        for message in await rest(socket):
            copy.hear(message["message"], snapshot=False)
        truth = true_book(fake, "BTC_JPY")
        assert truth["bids"].pop(1_000_000.0) == 3.0
        assert copy.sides == truth


async def test_executions_and_ticker() -> None:
    """Trades are told in one message each time, with the shape of the sample; so is the ticker."""
    trades = load(FIXTURES / "frames" / "executions.json")[0]["messages"][-1]["params"]["message"]
    tickers = load(FIXTURES / "frames" / "ticker.json")[0]["messages"][-1]["params"]["message"]
    async with bot() as (fake, me):
        socket = await me.socket("lightning_executions_BTC_JPY", "lightning_ticker_BTC_JPY")
        market = fake.market("BTC_JPY")
        best, size = market.book(1)["asks"][0]
        market.trade("buy", size + Decimal("0.01"))
        executions = await told(socket, "lightning_executions_BTC_JPY")
        assert all(set(row) == set(trades[0]) for row in executions)
        assert (executions[0]["side"], executions[0]["price"]) == ("BUY", best)
        assert sum(row["size"] for row in executions) == pytest.approx(float(size) + 0.01)
        ticker = await told(socket, "lightning_ticker_BTC_JPY")
        assert set(ticker) == set(tickers)
        book = market.book()
        assert (ticker["best_ask"], ticker["best_bid"]) == (book["asks"][0][0], book["bids"][0][0])
        assert (ticker["best_ask_size"], ticker["best_bid_size"]) == tuple(
            float(book[s][0][1]) for s in ("asks", "bids")
        )
        assert ticker["total_bid_depth"] == pytest.approx(float(sum(size for _, size in book["bids"])))
        assert ticker["ltp"] == executions[-1]["price"]
        market.order("buy", 1, 1_000_000)  # changes the book, not what was traded
        assert [message["channel"] for message in await rest(socket)] == ["lightning_ticker_BTC_JPY"]


async def test_public_requests() -> None:
    """Markets, book, ticker and trades are told to anybody; BTC_JPY is meant when none is named."""
    async with bot() as (fake, me):
        status, markets = await me.get("/v1/getmarkets", X="unsigned")
        assert (status, markets[1]) == (200, {"product_code": FX, "market_type": "FX"})
        _, board = await me.get(f"/v1/getboard?product_code={FX}")
        copy = Copy()
        copy.hear(board, snapshot=True)
        assert copy.sides == true_book(fake, FX)
        _, ticker = await me.get("/v1/getticker")
        assert (ticker["product_code"], ticker["ltp"]) == ("BTC_JPY", fake.market("BTC_JPY").market.last)
        assert (await me.get("/v1/getboard?product_code=NO_JPY"))[0] == 400


async def test_trades_come_in_pages() -> None:
    """The latest first, as many as asked for, before and after an id."""
    async with bot() as (fake, me):
        fake.market("BTC_JPY").tick(100)
        _, trades = await me.get("/v1/getexecutions")
        assert [row["id"] for row in trades] == sorted((row["id"] for row in trades), reverse=True)
        numbers = [trade.number for trade in reversed(fake.market("BTC_JPY").market.trades)]
        assert [row["id"] for row in trades] == numbers[:100]
        _, page = await me.get(f"/v1/getexecutions?count=3&before={numbers[4]}&after={numbers[10]}")
        assert [row["id"] for row in page] == numbers[5:8]
        assert (await me.get("/v1/getexecutions?count=-1"))[0] == 400
