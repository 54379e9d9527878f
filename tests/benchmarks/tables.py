"""Suites ``find`` and ``trades``: what it costs to look rows up, and to keep a stream of events."""

from __future__ import annotations

import gc
from functools import partial
from time import process_time
from typing import TYPE_CHECKING, Any

from . import bare
from .case import BARE, Case, check
from .inputs import orders, trades
from .sides import library

if TYPE_CHECKING:
    from collections.abc import Callable

    from .inputs import Message

ROWS = 10_000
CAP = 99_999


def _table(side: str, rows: list[Message]) -> Any:
    """Return a table keyed by symbol and id that holds `rows`."""
    store = library(side).DataStore
    kind = type("Orders", (store,), {"_KEYS": ["symbol", "id"], "_MAXLEN": 2 * ROWS})
    return kind(data=rows)


def _lookup(side: str, what: str, rows: list[Message]) -> Callable[[Message], Any]:
    """Return the function that is timed: from a row to the rows that share `what` with it."""
    if side == BARE:
        if what in ("get", "full key"):
            by_key = {(row["symbol"], row["id"]): row for row in rows}
            if what == "get":
                return lambda row: by_key.get((row["symbol"], row["id"]))
            return lambda row: [by_key[row["symbol"], row["id"]]]
        return lambda row: [other for other in rows if other[what] == row[what]]
    table = _table(side, rows)
    if what == "get":
        return lambda row: table.get({"symbol": row["symbol"], "id": row["id"]})
    if what == "full key":
        return lambda row: table.find({"symbol": row["symbol"], "id": row["id"]})
    return lambda row: table.find({what: row[what]})


def lookup(side: str, size: int, *, what: str) -> float:
    """Look up `size` rows of a table of 10,000."""
    rows = orders(ROWS)
    find = _lookup(side, what, rows)
    asked = [rows[(number * 7_919) % ROWS] for number in range(size)]
    gc.collect()
    start = process_time()
    found = [find(row) for row in asked]
    spent = process_time() - start
    for row, answer in zip(asked[:20], found[:20], strict=True):
        expected: Any = [row]
        if what == "get":
            expected = row
        elif what != "full key":
            expected = [other for other in rows if other[what] == row[what]]
        check(f"find by {what}", answer, expected)
    return spent / size * 1e6


def fill(side: str, size: int, *, before: int) -> float:
    """Keep `size` messages of ten trades each, in a table that holds `before` trades already."""
    frames = trades(before // 10 + size)
    store: Any = bare.Trades() if side == BARE else library(side).BybitDataStore()
    first = frames[: before // 10]
    for message in first:
        store.onmessage(message)
    rest = frames[len(first) :]
    gc.collect()
    start = process_time()
    for message in rest:
        store.onmessage(message)
    spent = process_time() - start
    rows = store.rows if side == BARE else store.trade
    total = len(frames) * 10
    check("trades", [row["i"] for row in rows], [str(n) for n in range(max(0, total - CAP), total)])
    return spent / size * 1e6


CASES = [
    Case("find", "get(full key) in 10,000 rows", "us/call", (100_000, 5_000, 50), partial(lookup, what="get")),
    Case("find", "find(full key)", "us/call", (20_000, 2_000, 50), partial(lookup, what="full key")),
    Case("find", "find(one key field), 100 rows match", "us/call", (500, 50, 20), partial(lookup, what="symbol")),
    Case("find", "find(other field), 10 rows match", "us/call", (500, 50, 20), partial(lookup, what="tag")),
    Case("trades", "10 trades a message, table fills", "us/message", (9_000, 900, 30), partial(fill, before=0)),
    Case("trades", "10 trades a message, at the cap", "us/message", (3_000, 300, 30), partial(fill, before=100_000)),
]
