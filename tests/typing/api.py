"""Every public form in use; read by type checkers only, never run."""

from __future__ import annotations

from typing import Any, assert_type

import aiohttp
from yarl import URL

import topgun
from topgun.exchanges.bitflyer.board import Board
from topgun.typedefs import Item


class Mine(topgun.DataStore):
    """A user's table."""

    _KEYS = ["symbol"]  # noqa: RUF012  (how users write it)
    _MAXLEN = 10

    def _init(self) -> None:
        self.mid = 0.0


class MyStore(topgun.DataStoreCollection):
    """A user's collection, in the spelling of the user guide."""

    def _init(self) -> None:
        self._create("mine", datastore_class=Mine)

    def _onmessage(self, msg: Any, ws: topgun.ClientWebSocketResponse | None = None) -> None:
        self.mine._insert([msg])

    @property
    def mine(self) -> Mine:
        """The table."""
        return self._get("mine", Mine)


async def requests(client: topgun.Client) -> None:
    """Send requests in every form."""
    response = await client.get("https://example.test/", params={"a": 1})
    assert_type(response, aiohttp.ClientResponse)
    async with client.post(URL("https://example.test/"), data={"a": 1}, auth=None) as response:
        assert_type(response, aiohttp.ClientResponse)
    await client.request("PATCH", "/path", headers={"X": "y"})
    await client.put("/path", data=b"raw", auth=topgun.Auth)
    await client.delete("/path", data="text")
    result = await client.fetch("GET", "/path")
    assert_type(result, topgun.FetchResult)
    if isinstance(result.data, topgun.NotJSONContent):
        print(result.data.error)


async def sockets(client: topgun.Client, store: topgun.BybitDataStore) -> None:
    """Open sockets in every form."""

    async def slow(msg: Any, ws: topgun.ClientWebSocketResponse) -> None:
        await ws.send_json({"op": "ping"})

    queue = topgun.WebSocketQueue()
    app = await client.ws_connect(
        "wss://stream.bybit.com/v5/public/linear",
        send_json=[{"op": "subscribe", "args": ["orderbook.50.BTCUSDT"]}],
        send_str="ping",
        hdlr_json=[store.onmessage, queue.onmessage, slow],
        hdlr_str=lambda msg, ws: print(msg.upper(), ws.closed),
        silence=30.0,
    )
    assert_type(app, topgun.WebSocketApp)
    await app.ready()
    await app.subscribe({"op": "subscribe", "args": ["publicTrade.BTCUSDT"]})
    await app.heartbeat(timeout=5.0)
    if app.current_ws is not None:
        await app.current_ws.send_json({"a": 1}, auth=None)
    async for msg in queue:
        print(msg)
    await app.wait()


async def tables(bitflyer: topgun.bitFlyerDataStore, mine: MyStore) -> None:
    """Read tables in every form."""
    assert_type(bitflyer.board, Board)
    assert_type(bitflyer.board.sorted({"product_code": "BTC_JPY"}, 5), dict[str, list[Item]])
    ask, bid = bitflyer.board.best({"product_code": "BTC_JPY"})
    assert_type(ask, Item | None)
    assert_type(bid, Item | None)
    assert_type(mine.mine, Mine)
    assert_type(mine.mine.get({"symbol": "a"}), Item | None)
    with mine.mine.watch(maxsize=100, overflow="drop_oldest") as stream:
        async for change in stream:
            assert_type(change, topgun.StoreChange)
    await mine.mine.wait()
    await mine.mine.wait_for(lambda table: table.find({"price": 1}), timeout=1.0)


MINE = topgun.Exchange(name="mine", docs="https://example.test", hosts={"example.test": topgun.Host()})


async def own_venue() -> None:
    """Add a venue of one's own."""
    async with topgun.Client({"mine": ["key", "secret"]}, exchanges=(*topgun.EXCHANGES, MINE)) as client:
        await client.get("https://example.test/")
