"""Suite ``socket``: from the bytes of a WebSocket to the book, with a server that floods."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from functools import partial
from importlib import import_module
from time import process_time
from typing import TYPE_CHECKING, Any

import aiohttp

from .case import BARE, PEER, TOPGUN, Case, check
from .inputs import bybit_book
from .servers import DEPTH, server
from .sides import BookSide, library

if TYPE_CHECKING:
    from collections.abc import Callable


def flood(side: str, size: int, *, limit: int | None, fast_json: bool) -> float:
    """Keep the book of `size` frames that arrive as fast as they are taken; time from the first to the last.

    Args:
        side: The implementation.
        size: How many deltas the server sends.
        limit: Ask for ``sorted(limit=...)`` after each message; ``None`` = do not ask.
        fast_json: Decode with orjson, where the implementation lets one choose.
    """
    with server("flood", str(size)) as port:
        return asyncio.run(_flood(side, size, f"ws://127.0.0.1:{port}/", limit, fast_json))


async def _flood(side: str, size: int, url: str, limit: int | None, fast_json: bool) -> float:
    book = BookSide(side, "bybit")
    loads = _orjson_loads() if fast_json else json.loads
    done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    handler = _handler(book, size, limit, done)
    if side == BARE:
        await _read_bare(url, loads, handler, done)
    else:
        options = {"json_loads": loads} if fast_json else {}
        async with library(side).Client(**options) as client:
            client.ws_connect(url, hdlr_json=handler)
            await asyncio.wait_for(done, 300)
    book.check(bybit_book(DEPTH, size))
    return done.result() / size * 1e6


def _handler(book: BookSide, size: int, limit: int | None, done: asyncio.Future[float]) -> Callable[[Any, Any], None]:
    """Return the handler that keeps the book and stops the watch at the last message."""
    feed, look, left, start = book.onmessage, book.book.sorted, size + 1, 0.0
    best: Any = None

    def handle(msg: Any, ws: Any) -> None:
        nonlocal left, start, best
        feed(msg, ws)
        if limit is not None:
            best = look(limit=limit)
        left -= 1
        if left == size:  # the snapshot is in
            start = process_time()
        elif not left and not done.done():
            done.set_result(process_time() - start)
            if limit is not None:
                full = look()
                asks, bids = book.prices(full)
                check("best", book.prices(best), (asks[:limit], bids[:limit]))

    return handle


async def _read_bare(url: str, loads: Any, handle: Callable[[Any, Any], None], done: asyncio.Future[float]) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        async for message in ws:
            handle(loads(message.data), ws)
            if done.done():
                return


def _orjson_loads() -> Any:
    with suppress(ImportError):
        return import_module("orjson").loads
    return json.loads  # the head of the table says so: it names the version of orjson, or that there is none


CASES = [
    Case(
        "socket",
        f"690-byte depth frames, book kept{then}{', orjson' * fast_json}",
        "us/message",
        (20_000, 2_000, 50),
        partial(flood, limit=limit, fast_json=fast_json),
        sides=(TOPGUN, BARE) if fast_json else (TOPGUN, PEER, BARE),
    )
    for limit, then in ((None, ""), (1, ", sorted(limit=1) each"))
    for fast_json in (False, True)
]
