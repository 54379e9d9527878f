"""What comes too late: messages of a second socket, answers that were slow to learn."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import FakeSocket, respond
from topgun.exchanges.bitget import BitgetDataStore, BitgetV2DataStore, BitgetV3DataStore

PENDING = "https://api.bitget.com/api/v2/mix/order/orders-pending?productType=USDT-FUTURES"


def told(channel: str, *rows: Any) -> dict[str, Any]:
    arg = {"instType": "USDT-FUTURES", "channel": channel, "instId": "default"}
    return {"action": "snapshot", "arg": arg, "data": list(rows)}


LATE: list[tuple[Any, str, str, str, dict[str, Any]]] = [
    (BitgetV2DataStore, "orders", "status", "uTime", {"instId": "BTCUSDT", "orderId": "1"}),
    (BitgetV2DataStore, "orders-algo", "status", "uTime", {"instId": "BTCUSDT", "orderId": "1"}),
    (BitgetV3DataStore, "order", "orderStatus", "updatedTime", {"symbol": "BTCUSDT", "orderId": "1"}),
    (BitgetDataStore, "orders", "status", "uTime", {"instId": "BTCUSDT_UMCBL", "clOrdId": "c", "ordId": "1"}),
]


@pytest.mark.parametrize(("collection", "channel", "status", "time", "order"), LATE, ids=lambda it: str(it)[:40])
def test_late_messages(collection: Any, channel: str, status: str, time: str, order: dict[str, Any]) -> None:
    """What another socket tells too late neither takes a fill back nor brings back an order that is over."""
    old, new, end = {
        BitgetDataStore: ("new", "partial-fill", "full-fill"),
    }.get(collection, ("live", "partially_filled" if channel != "orders-algo" else "executing", "filled"))
    end = "executed" if channel == "orders-algo" else end
    store, sockets = collection(), (FakeSocket(), FakeSocket())
    name = "topic" if collection is BitgetV3DataStore else "channel"

    def tell(ws: FakeSocket, state: str, when: int) -> list[str]:
        arg = {"instType": "USDT-FUTURES", name: channel, "instId": "default"}
        store.onmessage({"action": "snapshot", "arg": arg, "data": [{**order, status: state, time: str(when)}]}, ws)
        return [row[status] for row in store[channel]]

    assert tell(sockets[0], old, 1) == [old]
    assert tell(sockets[0], new, 3) == [new]
    assert tell(sockets[1], old, 1) == [new]
    assert tell(sockets[0], end, 5) == []
    assert tell(sockets[1], new, 3) == []


async def test_answers_that_are_slow_to_learn() -> None:
    """An order that is over does not come back with an answer that was asked for later, nor does a fill go back."""
    store, ws = BitgetV2DataStore(), FakeSocket()
    for number, state in ((1, "filled"), (2, "partially_filled")):
        row = {"instId": "BTCUSDT", "orderId": str(number), "status": state, "accBaseVolume": "1", "uTime": "9"}
        store.onmessage(told("orders", row), ws)
    slow = [{"symbol": "BTCUSDT", "orderId": n, "status": "live", "baseVolume": "0", "uTime": "7"} for n in "12"]
    answer = {"code": "00000", "data": {"entrustedList": slow}}
    await store.initialize(respond("GET", PENDING, answer))
    assert [(row["orderId"], row["accBaseVolume"]) for row in store.orders] == [("2", "1")]


def test_what_is_remembered_is_limited() -> None:
    """Ten thousand orders that are over are known, the oldest go."""
    store, ws = BitgetV2DataStore(), FakeSocket()
    rows = [{"instId": "BTCUSDT", "orderId": str(number), "status": "filled"} for number in range(10_001)]
    store.onmessage(told("orders", *rows), ws)
    store.onmessage(told("orders", *({**row, "status": "live"} for row in rows[:2])), ws)
    assert [row["orderId"] for row in store.orders] == ["0"]
