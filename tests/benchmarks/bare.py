"""What a programmer writes by hand without a library: dicts, lists and queues. Short, and good at its one task."""

from __future__ import annotations

from collections import deque
from heapq import nlargest, nsmallest
from typing import Any


class BybitBook:
    """One book of texts: price -> size on each side."""

    def __init__(self) -> None:
        self.asks: dict[Any, Any] = {}
        self.bids: dict[Any, Any] = {}

    def onmessage(self, msg: Any, ws: Any = None) -> None:
        data = msg["data"]
        if msg["type"] == "snapshot":
            self.asks.clear()
            self.bids.clear()
        for side, rows in ((self.asks, data["a"]), (self.bids, data["b"])):
            for price, size in rows:
                if size == "0":
                    side.pop(price, None)
                else:
                    side[price] = size

    def sorted(self, limit: int | None = None) -> dict[str, list[Any]]:
        if limit == 1:
            return {"a": [min(self.asks, key=float)], "b": [max(self.bids, key=float)]}
        if limit:
            return {"a": nsmallest(limit, self.asks, key=float), "b": nlargest(limit, self.bids, key=float)}
        return {"a": sorted(self.asks, key=float), "b": sorted(self.bids, key=float, reverse=True)}


class BitflyerBook(BybitBook):
    """One book of numbers, with levels on the wrong side of the mid price removed."""

    def onmessage(self, msg: Any, ws: Any = None) -> None:
        params = msg["params"]
        book = params["message"]
        if "snapshot" in params["channel"]:
            self.asks.clear()
            self.bids.clear()
        for side, rows in ((self.asks, book["asks"]), (self.bids, book["bids"])):
            for row in rows:
                if row["size"]:
                    side[row["price"]] = row["size"]
                else:
                    side.pop(row["price"], None)
        mid = book["mid_price"]
        for price in [price for price in self.asks if price <= mid]:
            del self.asks[price]
        for price in [price for price in self.bids if price > mid]:
            del self.bids[price]


class Trades:
    """The last 99,999 trades."""

    def __init__(self) -> None:
        self.rows: deque[Any] = deque(maxlen=99_999)

    def onmessage(self, msg: Any, ws: Any = None) -> None:
        self.rows.extend(msg["data"])
