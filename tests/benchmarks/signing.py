"""Suite ``sign``: the CPU of a signed request, and what of it is more than a bare aiohttp request."""

from __future__ import annotations

import asyncio
import json
import socket
from functools import partial
from time import process_time
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from .case import BARE, TOPGUN, Case, check
from .servers import KEY, SECRET, server
from .sides import library

ORDER = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.001", "price": "1"}
BOARD = {"product_code": "FX_BTC_JPY", "child_order_type": "LIMIT", "side": "BUY", "price": 30000, "size": 0.1}
REQUESTS = {
    "bybit": ("api.bybit.com", "/v5/order/create", ORDER),
    "bitflyer": ("api.bitflyer.com", "/v1/me/sendchildorder", BOARD),
}


class ToLocalhost(AbstractResolver):
    """A resolver by which every host is this computer, so that a request keeps the URL it has in real life."""

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None: ...


def sign(side: str, size: int, *, venue: str) -> float:
    """Send `size` orders, one after the other, over one connection; the server checks each signature."""
    with server("venue") as port:
        return asyncio.run(_sign(side, size, venue, port))


async def _sign(side: str, size: int, venue: str, port: int) -> float:
    host, path, data = REQUESTS[venue]
    url = f"http://{host}:{port}{path}"
    connector = aiohttp.TCPConnector(resolver=ToLocalhost())
    body: Any = data
    if side == BARE:
        session: Any = aiohttp.ClientSession(connector=connector, headers={"Content-Type": "application/json"})
        body = json.dumps(data).encode()
    else:
        options = {"allow_plaintext": True} if side == TOPGUN else {}
        session = library(side).Client({venue: [KEY, SECRET]}, connector=connector, **options)
    async with session:
        answers = [await _post(session, url, body) for _ in range(10)]
        start = process_time()
        answers += [await _post(session, url, body) for _ in range(size)]
        spent = process_time() - start
    check("answers", set(answers), {"unsigned" if side == BARE else "signed"})
    return spent / size * 1e6


async def _post(session: Any, url: str, body: Any) -> str:
    async with session.post(url, data=body) as response:
        text: str = await response.text()
        return text


CASES = [
    Case("sign", f"{venue} order", "us/request", (3_000, 300, 10), partial(sign, venue=venue), over_bare=True)
    for venue in REQUESTS
]
