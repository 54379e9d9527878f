"""A client of bitFlyer in a few lines of its own: it signs by the documented formula and speaks JSON-RPC."""

from __future__ import annotations

import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse

KEY, SECRET = "fake-bitflyer-key", "fake-bitflyer-secret"
SOCKET = "wss://ws.lightstream.bitflyer.com/json-rpc"
FX = "FX_BTC_JPY"
ORDER = {"product_code": FX, "child_order_type": "LIMIT", "side": "BUY", "price": 9_000_000, "size": 0.01}


def digest(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


class Bot:
    """A bot in a few lines of its own: signs by the documented formula, speaks JSON-RPC."""

    def __init__(self, fake: FakeExchange, session: aiohttp.ClientSession) -> None:
        self.fake, self.session = fake, session

    def headers(self, method: str, target: str, body: str = "", *, ms: int | None = None) -> dict[str, str]:
        time = str(self.fake.clock.now().ms if ms is None else ms)
        sign = digest(SECRET, time + method + target + body)
        return {"ACCESS-KEY": KEY, "ACCESS-TIMESTAMP": time, "ACCESS-SIGN": sign}

    async def get(self, target: str, **headers: str) -> tuple[int, Any]:
        """Ask for something, signed unless headers are given."""
        given = headers or self.headers("GET", target)
        async with self.session.get(f"https://api.bitflyer.com{target}", headers=given) as response:
            return response.status, await response.json()

    async def post(self, target: str, data: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        body = data if isinstance(data, str) else json.dumps(data)
        given = headers or self.headers("POST", target, body)
        async with self.session.post(f"https://api.bitflyer.com{target}", data=body, headers=given) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def order(self, **changes: Any) -> str:
        """Send an order; return its acceptance id."""
        status, reply = await self.post("/v1/me/sendchildorder", {**ORDER, **changes})
        assert (status, list(reply)) == (200, ["child_order_acceptance_id"])
        return str(reply["child_order_acceptance_id"])

    async def orders(self, query: str = f"product_code={FX}") -> list[Any]:
        status, rows = await self.get(f"/v1/me/getchildorders?{query}")
        assert status == 200
        return list(rows)

    def login(self, **changes: Any) -> dict[str, Any]:
        ms, nonce = self.fake.clock.now().ms, "0123456789abcdef"
        signed = {"api_key": KEY, "timestamp": ms, "nonce": nonce, "signature": digest(SECRET, f"{ms}{nonce}")}
        return {"method": "auth", "params": {**signed, **changes}, "id": "auth"}

    async def socket(self, *channels: str, login: bool = False) -> ClientWebSocketResponse:
        """Open a socket, log in, subscribe."""
        socket = await self.session.ws_connect(SOCKET)
        if login:
            assert await ask(socket, self.login()) == {"jsonrpc": "2.0", "id": "auth", "result": True}
        for channel in channels:
            assert await ask(socket, subscribe(channel)) == {"jsonrpc": "2.0", "id": channel, "result": True}
        return socket


def subscribe(channel: str, method: str = "subscribe", **more: Any) -> dict[str, Any]:
    return {"method": method, "params": {"channel": channel}, "id": channel, **more}


async def hear(socket: ClientWebSocketResponse) -> Any:
    return json.loads(await socket.receive_str(timeout=5))


async def ask(socket: ClientWebSocketResponse, request: Any) -> Any:
    await socket.send_str(request if isinstance(request, str) else json.dumps(request))
    return await hear(socket)


async def told(socket: ClientWebSocketResponse, channel: str) -> Any:
    """Return the next message of a channel."""
    message = await hear(socket)
    assert set(message) == {"jsonrpc", "method", "params"}
    assert (message["method"], message["params"]["channel"]) == ("channelMessage", channel)
    return message["params"]["message"]


async def rest(socket: ClientWebSocketResponse) -> list[Any]:
    """Return every channel message that arrives before the answer to a request sent now."""
    await socket.send_json({"method": "unsubscribe", "params": {"channel": "nothing"}, "id": "end"})
    messages = []
    while (message := await hear(socket)) != {"jsonrpc": "2.0", "id": "end", "result": True}:
        messages.append(message["params"])
    return messages


@asynccontextmanager
async def bot(**options: Any) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with (
        FakeExchange("bitflyer", **options) as fake,
        aiohttp.ClientSession(connector=fake.connector()) as session,
    ):
        yield fake, Bot(fake, session)
