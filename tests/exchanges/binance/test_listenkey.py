"""listenKeys: made by `initialize`, kept alive by a task of the client, replaced when they are gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from yarl import URL

from tests.support import FakeRequester, FakeSocket, respond
from topgun.errors import InitializeError
from topgun.exchange import requesters
from topgun.exchanges.binance import EXCHANGE, BinanceCOINMDataStore, BinanceSpotDataStore, BinanceUSDSMDataStore
from topgun.exchanges.binance.listenkey import key_in, readdress

OLD, NEW, NEWEST = (f"{letter}{'0' * 63}" for letter in "pqr")
FAPI = "https://fapi.binance.com/fapi/v1/listenKey"
DAPI = "https://dapi.binance.com/dapi/v1/listenKey"
SPOT = "https://api.binance.com/api/v3/userDataStream"
FSTREAM, DSTREAM = "wss://fstream.binance.com", "wss://dstream.binance.com"
LOGGER = "topgun.exchanges.binance"


class Exchange(FakeRequester):
    """A client whose requests are answered from a list, an exception is raised; what it is told to run runs."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.told = list(answers)
        self.tasks: list[asyncio.Task[None]] = []

    async def request_json(self, method: str, url: str, **kwargs: Any) -> Any:
        self.asked.append((method, url, kwargs))
        answer = self.told.pop(0) if self.told else {}
        if isinstance(answer, Exception):
            raise answer
        return answer

    def spawn(self, work: Any) -> None:
        self.tasks.append(asyncio.create_task(work))

    def requests(self) -> list[tuple[str, str]]:
        asked, self.asked = self.asked, []
        return [(method, url) for method, url, _ in asked]


@pytest.fixture
async def exchange() -> Any:
    """An exchange that says yes to everything."""
    exchange = Exchange()
    yield exchange
    exchange.closed = True
    for task in exchange.tasks:
        task.cancel()
    await asyncio.gather(*exchange.tasks, return_exceptions=True)


async def make(store: Any, exchange: Exchange, url: str = FAPI, key: str = OLD) -> None:
    """Make a listenKey as the user does."""

    async def post() -> Any:
        response = await respond("POST", url, {"listenKey": key})
        requesters[response] = exchange
        return response

    await store.initialize(post())
    await exchange.clock.advance(0)


def socket(url: str, exchange: Exchange, store: Any = None) -> FakeSocket:
    ws = FakeSocket(url)
    ws.requester = exchange
    if store is not None:
        store._onconnect(ws)
    return ws


def expired(key: str = OLD) -> dict[str, Any]:
    return {"e": "listenKeyExpired", "E": 1736996475556, "listenKey": key}


# -- alive ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "url", "put"),
    [
        (BinanceUSDSMDataStore, FAPI, FAPI),
        (BinanceCOINMDataStore, DAPI, DAPI),
        (BinanceSpotDataStore, SPOT, f"{SPOT}?listenKey={OLD}"),
    ],
)
async def test_a_key_is_kept_alive(exchange: Exchange, kind: Any, url: str, put: str) -> None:
    """It is extended at once, then every half hour, until the client is closed."""
    store = kind()
    await make(store, exchange, url)
    assert store.listenkey == OLD
    assert exchange.requests() == [("PUT", put)]
    await exchange.clock.advance(1799)
    assert exchange.requests() == []
    await exchange.clock.advance(1)
    assert exchange.requests() == [("PUT", put)]
    await exchange.clock.advance(4 * 1800)
    assert exchange.requests() == [("PUT", put)] * 4
    exchange.closed = True
    await exchange.clock.advance(1800)
    assert exchange.requests() == []
    assert all(task.done() for task in exchange.tasks)


async def test_a_key_is_made_again(exchange: Exchange) -> None:
    """One task keeps the key, however often it is made; a key of another client has another one."""
    store = BinanceUSDSMDataStore()
    await make(store, exchange)
    await make(store, exchange, key=NEW)
    assert store.listenkey == NEW
    assert len(exchange.tasks) == 1
    assert exchange.requests() == [("PUT", FAPI)]
    other = Exchange()
    await make(store, other, key=NEWEST)
    assert other.requests() == [("PUT", FAPI)]
    await exchange.clock.advance(1800)
    assert exchange.requests() == []
    assert exchange.tasks[0].done()
    other.tasks[0].cancel()


async def test_a_key_without_a_client() -> None:
    """A key from a recorded answer is known, and nobody keeps it."""
    store = BinanceUSDSMDataStore()
    await store.initialize(respond("POST", FAPI, {"listenKey": OLD}))
    assert store.listenkey == OLD


@pytest.mark.parametrize(
    "answer", [{}, {"listenKey": ""}, {"listenKey": 5}, [], None, {"code": -2015, "msg": "Invalid"}]
)
async def test_an_answer_without_a_key(answer: Any) -> None:
    """It is an error that says where, and what the answer was."""
    store = BinanceUSDSMDataStore()
    with pytest.raises(InitializeError, match="listenKey") as caught:
        await store.initialize(respond("POST", FAPI, answer))
    assert caught.value.data == answer
    assert store.listenkey is None


async def test_the_spot_market_has_none_any_more() -> None:
    """The error names the end of it and what there is instead; other errors do not."""
    store = BinanceSpotDataStore()
    with pytest.raises(InitializeError, match=r"2026-02-20(.|\n)*userDataStream.subscribe.signature"):
        await store.initialize(respond("POST", SPOT, {"code": 0, "msg": "gone"}, 410))
    with pytest.raises(InitializeError) as caught:
        await store.initialize(respond("GET", "https://api.binance.com/api/v3/openOrders", None))
    assert not hasattr(caught.value, "__notes__")


# -- gone ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [OSError("down"), {"code": -1003, "msg": "Too many requests"}, ValueError("no JSON")]
)
async def test_an_extension_that_fails(exchange: Exchange, answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is said, and tried again soon; the task goes on."""
    store = BinanceUSDSMDataStore()
    exchange.told = [answer]
    await make(store, exchange)
    assert exchange.requests() == [("PUT", FAPI)]
    assert [(record.name, record.levelname) for record in caplog.records] == [(LOGGER, "WARNING")]
    await exchange.clock.advance(30)
    assert exchange.requests() == [("PUT", FAPI)]
    await exchange.clock.advance(1800)
    assert exchange.requests() == [("PUT", FAPI)]
    assert store.listenkey == OLD


async def test_a_key_that_is_gone_is_replaced(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    """A new one is made, and the sockets with the old one in their URL are made anew."""
    store = BinanceUSDSMDataStore()
    await make(store, exchange)
    ws = socket(f"{FSTREAM}/private/ws/{OLD}", exchange, store)
    public = socket(f"{FSTREAM}/public/stream", exchange, store)
    exchange.requests()
    exchange.told = [{"code": -1125, "msg": "This listenKey does not exist."}, {"listenKey": NEW}]
    waiting = asyncio.create_task(store["listenkey"].wait())
    await exchange.clock.advance(1800)
    assert exchange.requests() == [("PUT", FAPI), ("POST", FAPI)]
    assert store.listenkey == NEW
    assert (ws.closed, public.closed, public.sent) == (True, False, [])
    assert waiting.done()
    assert "a listenKey is gone" in caplog.text
    assert OLD not in caplog.text
    assert NEW not in caplog.text
    await exchange.clock.advance(1800)
    assert exchange.requests() == [("PUT", FAPI)]


async def test_an_expired_key_in_the_url(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    """A new key is made, tables of the account are stale, the socket is closed; told twice it is done once."""
    store = BinanceUSDSMDataStore()
    await make(store, exchange)
    ws = socket(f"{FSTREAM}/private/ws/{OLD}", exchange, store)
    await store.initialize(respond("GET", "https://fapi.binance.com/fapi/v1/openOrders", []))
    assert store.order.state() == "live"
    exchange.requests()
    exchange.told = [OSError("down"), {"code": -1000, "msg": "unknown"}, {"listenKey": NEW}]
    store.onmessage(expired(), ws)
    await exchange.clock.advance(0)
    assert store.order.state() == "stale"
    assert (store.listenkey, ws.closed) == (OLD, False)
    await exchange.clock.advance(60)
    assert exchange.requests() == [("POST", FAPI)] * 3
    assert (store.listenkey, ws.closed) == (NEW, True)
    store.onmessage(expired(), socket(f"{FSTREAM}/private/ws/{NEW}", exchange, store))
    await exchange.clock.advance(0)
    assert exchange.requests() == []
    assert OLD not in caplog.text
    assert NEW not in caplog.text


@pytest.mark.parametrize(
    ("kind", "url", "api"),
    [
        (BinanceUSDSMDataStore, f"{FSTREAM}/private/stream", FAPI),
        (BinanceCOINMDataStore, f"{DSTREAM}/stream", DAPI),
    ],
)
async def test_an_expired_key_of_a_subscription(exchange: Exchange, kind: Any, url: str, api: str) -> None:
    """The same socket subscribes to the new key, and so does the next one, whose program still sends the old one."""
    store = kind()
    ws = socket(url, exchange, store)
    assert ws.sent == []
    exchange.told = [{"listenKey": NEW}]
    store.onmessage({"stream": OLD, "data": expired()}, ws)
    await exchange.clock.advance(0)
    assert exchange.requests() == [("POST", api)]
    subscribe = {"method": "SUBSCRIBE", "params": [NEW], "id": 1}
    assert (ws.sent, ws.closed, store.listenkey) == ([subscribe], False, NEW)
    ws.lose()
    assert socket(url, exchange, store).sent == [subscribe]
    assert socket(f"{url}?streams=btcusdt@markPrice", exchange, store).sent == []
    if kind is BinanceUSDSMDataStore:
        assert socket(f"{FSTREAM}/market/stream", exchange, store).sent == []


async def test_an_expired_key_without_its_name(exchange: Exchange) -> None:
    """A notice that does not say which key it is about counts; a socket that has the new one goes on."""
    store = BinanceUSDSMDataStore()
    ws, newer = (socket(f"{FSTREAM}/private/ws/{key}", exchange, store) for key in (OLD, NEW))
    exchange.told = [{"listenKey": NEW}]
    store.onmessage({"e": "listenKeyExpired", "E": 1736996475556}, ws)
    await exchange.clock.advance(0)
    assert (store.listenkey, ws.closed, newer.closed) == (NEW, True, False)


async def test_an_expired_key_that_nobody_can_replace(caplog: pytest.LogCaptureFixture) -> None:
    """From a file, or from a host that nobody knows, it is said and that is all."""
    store = BinanceUSDSMDataStore()
    store.onmessage(expired())
    ws = FakeSocket("wss://example.test/ws")
    store.onmessage(expired(), ws)
    assert len(caplog.records) == 2
    assert ws.requester.spawned == []


async def test_no_more_tries_once_the_client_is_closed(exchange: Exchange) -> None:
    """Whoever tries to make a key gives up with the client."""
    store = BinanceUSDSMDataStore()
    exchange.told = [OSError("down")]
    store.onmessage(expired(), socket(f"{FSTREAM}/private/stream", exchange, store))
    await exchange.clock.advance(0)
    exchange.closed = True
    await exchange.clock.advance(60)
    assert exchange.requests() == [("POST", FAPI)]
    assert all(task.done() for task in exchange.tasks)


@pytest.mark.parametrize(
    "url", ["wss://ws-api.binance.com/ws-api/v3", f"{FSTREAM}/private/ws", f"{FSTREAM}/market/ws/!ticker@arr", FSTREAM]
)
def test_urls_without_a_key(url: str) -> None:
    """What else stands in a URL is not taken for one."""
    store = BinanceSpotDataStore()
    store.onmessage({"result": None, "id": 1}, FakeSocket(url))  # type: ignore[arg-type]  # a stand-in
    assert key_in(URL(url)) is None
    assert store.listenkey is None


async def test_a_socket_that_comes_back_brings_the_key(exchange: Exchange) -> None:
    """The key in the URL of a fresh socket is that of today."""
    store = BinanceUSDSMDataStore()
    await make(store, exchange)
    socket(f"{FSTREAM}/private/ws/{NEW}", exchange, store)
    assert store.listenkey == NEW


# -- addresses -----------------------------------------------------------------------------------------------------

URLS = [
    f"{FSTREAM}/private/ws/{{}}",
    f"{FSTREAM}/private/ws?listenKey={{}}&events=ORDER_TRADE_UPDATE/ACCOUNT_UPDATE",
    f"{FSTREAM}/private/stream?streams={{}}",
    f"{FSTREAM}/pm/ws/{{}}",
    f"{DSTREAM}/ws/{{}}",
    f"{DSTREAM}/stream?streams=btcusd_perp@aggTrade/{{}}",
    "wss://fstream.binancefuture.com/ws/{}",
    "wss://demo-dstream.binance.com/ws/{}",
]
ADDRESSES = [
    *[FAPI] * 3,
    "https://papi.binance.com/papi/v1/listenKey",
    *[DAPI] * 2,
    "https://testnet.binancefuture.com/fapi/v1/listenKey",
    "https://demo-dapi.binance.com/dapi/v1/listenKey",
]


@pytest.mark.parametrize(("form", "address"), list(zip(URLS, ADDRESSES, strict=True)))
async def test_readdress(exchange: Exchange, form: str, address: str) -> None:
    """Every connection but the first has the key that is alive then, in whatever form the URL holds it."""
    exchange.told = [{"listenKey": NEW}]
    assert await readdress(URL(form.format(OLD)), exchange) == URL(form.format(NEW))
    assert exchange.requests() == [("POST", address)]
    assert key_in(URL(form.format(OLD))) == OLD


@pytest.mark.parametrize(
    "url",
    [
        f"{FSTREAM}/private/stream",
        f"{FSTREAM}/public/ws/btcusdt@depth",
        f"{FSTREAM}/market/stream?streams=!ticker@arr/btcusdt@aggTrade",
        FSTREAM,
        f"wss://stream.binance.com:9443/ws/{OLD}",
    ],
)
async def test_readdress_without_a_key(exchange: Exchange, url: str) -> None:
    """Other URLs stay as they are."""
    assert await readdress(URL(url), exchange) == URL(url)
    assert exchange.requests() == []


async def test_readdress_that_fails(exchange: Exchange) -> None:
    """If there is no key the attempt has failed; without an API key the URL is tried as it is."""
    url = URL(f"{FSTREAM}/private/ws/{OLD}")
    exchange.told = [{"code": -2015, "msg": "Invalid API-key"}, [], OSError("down"), {"code": -2014, "msg": "format"}]
    for kind in (InitializeError, InitializeError, OSError):
        with pytest.raises(kind):
            await readdress(url, exchange)
    assert await readdress(url, exchange) == url


def test_record() -> None:
    """The hosts whose URLs may hold a key ask for a fresh one."""
    for url in URLS:
        assert EXCHANGE.hosts[URL(url).host or ""].readdress is readdress
