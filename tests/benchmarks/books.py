"""Suites ``apply``, ``sorted`` and ``watch``: what it costs to keep a book, to look at it and to follow it."""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from time import process_time
from typing import Any

from .case import BARE, Case, check
from .inputs import bitflyer_book, bybit_book
from .sides import BookSide

MAKE = {"bybit": bybit_book, "bitflyer": bitflyer_book}


def apply(side: str, size: int, *, venue: str, depth: int) -> float:
    """Feed a snapshot and `size` deltas; time the deltas."""
    return asyncio.run(_apply(side, size, venue, depth))


async def _apply(side: str, size: int, venue: str, depth: int) -> float:
    truth = MAKE[venue](depth, size)
    book = BookSide(side, venue)
    book.onmessage(truth.snapshot, book.opener)
    await asyncio.sleep(0)
    feed, socket = book.onmessage, book.socket
    gc.collect()
    start = process_time()
    for message in truth.deltas:
        feed(message, socket)
    spent = process_time() - start
    book.check(truth)
    return spent / size * 1e6


def ordered(side: str, size: int, *, venue: str, depth: int, limit: int | None) -> float:
    """Feed `size` deltas and ask for the sorted book after each; time both."""
    return asyncio.run(_ordered(side, size, venue, depth, limit))


async def _ordered(side: str, size: int, venue: str, depth: int, limit: int | None) -> float:
    truth = MAKE[venue](depth, size)
    book = BookSide(side, venue)
    book.onmessage(truth.snapshot, book.opener)
    await asyncio.sleep(0)
    feed, look, socket = book.onmessage, book.book.sorted, book.socket
    seen: Any = None
    gc.collect()
    start = process_time()
    for message in truth.deltas:
        feed(message, socket)
        seen = look(limit=limit)
    spent = process_time() - start
    book.check(truth)
    asks, bids = book.prices(seen)
    check("asks", asks, sorted(truth.asks, key=float)[:limit])
    check("bids", bids, sorted(truth.bids, key=float, reverse=True)[:limit])
    return spent / size * 1e6


def watch(side: str, size: int, *, watchers: int) -> float:
    """Feed `size` deltas to a book that `watchers` tasks follow; time until each has seen each change."""
    return asyncio.run(_watch(side, size, watchers))


async def _watch(side: str, size: int, watchers: int) -> float:
    truth = bybit_book(1_000, size)
    book = BookSide(side, "bybit")
    book.onmessage(truth.snapshot, book.opener)
    follow = _follow_bare if side == BARE else _follow
    queues: list[asyncio.Queue[Any]] = [asyncio.Queue() for _ in range(watchers)] if side == BARE else []
    sources: list[Any] = queues or [book.book] * watchers
    tasks = [asyncio.create_task(follow(source, truth.changes)) for source in sources]
    await asyncio.sleep(0)
    gc.collect()
    start = process_time()
    for message in truth.deltas:
        book.onmessage(message, book.socket)
        for change in _changes(message) if queues else ():
            for queue in queues:
                queue.put_nowait(change)
        await asyncio.sleep(0)
    rebuilt = await asyncio.wait_for(asyncio.gather(*tasks), 300)
    spent = process_time() - start
    book.check(truth)
    for changed in rebuilt:  # the last change of each price says what the book says of it
        for (name, price), size_left in changed.items():
            check(f"{name} {price}", size_left, {"a": truth.asks, "b": truth.bids}[name].get(price))
    return spent / (truth.changes * watchers) * 1e6


async def _follow(table: Any, changes: int) -> dict[Any, Any]:
    """Read that many changes; return what the last one of each price left there."""
    changed: dict[Any, Any] = {}
    with table.watch() as stream:
        async for change in stream:
            row = change.data
            changed[row["S"], row["p"]] = None if change.operation == "delete" else row["v"]
            changes -= 1
            if not changes:
                break
    return changed


async def _follow_bare(queue: asyncio.Queue[Any], changes: int) -> dict[Any, Any]:
    changed: dict[Any, Any] = {}
    for _ in range(changes):
        operation, row = await queue.get()
        changed[row["S"], row["p"]] = None if operation == "delete" else row["v"]
    return changed


def _changes(message: Any) -> list[Any]:
    data = message["data"]
    return [
        ("update" if size != "0" else "delete", {"s": data["s"], "S": name, "p": price, "v": size})
        for name in "ab"
        for price, size in data[name]
    ]


CASES = [
    *(
        Case(
            "apply",
            f"{venue} delta, 2 x {depth:,} levels",
            "us/message",
            (4_000, 400, 30),
            partial(apply, venue=venue, depth=depth),
        )
        for venue in MAKE
        for depth in (1_000, 4_900)
    ),
    *(
        Case(
            "sorted",
            f"{venue} delta, then sorted(limit={limit})",
            "us/message",
            (600, 100, 10),
            partial(ordered, venue=venue, depth=1_000, limit=limit),
        )
        for venue in MAKE
        for limit in (1, 10, None)
    ),
    *(
        Case(
            "watch",
            f"bybit delta, {watchers} watcher{'s' * (watchers > 1)}",
            "us/change delivered",
            (max(40, 2_000 // watchers), max(10, 200 // watchers), 5),
            partial(watch, watchers=watchers),
        )
        for watchers in (1, 10, 100)
    ),
]
