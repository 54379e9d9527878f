"""A client of MEXC in a few lines of its own: it signs by the documented formulas, and reads protobuf by a table."""

from __future__ import annotations

import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse

SPOT, FUTURES = "https://api.mexc.com/api/v3", "https://contract.mexc.com/api/v1"
STREAM, EDGE = "wss://wbs-api.mexc.com/ws", "wss://contract.mexc.com/edge"
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "50000"}
CONTRACT = {"symbol": "BTC_USDT", "price": 50000, "vol": 10, "side": 1, "type": 1, "openType": 1}


def digest(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


class Bot:
    """A bot with the key of the fake."""

    def __init__(self, fake: FakeExchange, session: aiohttp.ClientSession) -> None:
        self.fake, self.session = fake, session
        self.key, self.secret = fake.apis["mexc"]

    async def ask(self, method: str, url: str, body: str = "", **headers: str) -> tuple[int, Any]:
        """Send a request as it stands; return the status and the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = {"Content-Type": "application/json"}
        async with self.session.request(
            method, URL(url, encoded=True), data=body.encode(), headers={**content, **named}
        ) as response:
            return response.status, await response.json()

    async def spot(self, method: str, path: str, ms: int = 0, **values: Any) -> tuple[int, Any]:
        query = urlencode({**values, "timestamp": self.fake.clock.now().ms + ms})
        signature = digest(self.secret, query)
        return await self.ask(method, f"{SPOT}/{path}?{query}&signature={signature}", X_MEXC_APIKEY=self.key)

    async def futures(self, method: str, path: str, data: Any = None, ms: int = 0, **values: Any) -> Any:
        """Return the answer to a signed request."""
        time, body = str(self.fake.clock.now().ms + ms), "" if data is None else json.dumps(data)
        text = urlencode(sorted(values.items())) if method == "GET" else body
        headers = {
            "ApiKey": self.key, "Request_Time": time, "Signature": digest(self.secret, f"{self.key}{time}{text}"),
        }  # fmt: skip
        query = f"?{urlencode(values)}" if values else ""
        return (await self.ask(method, f"{FUTURES}/{path}{query}", body, **headers))[1]

    async def done(self, method: str, path: str, data: Any = None, **values: Any) -> Any:
        """Return the data of a request to the contract API that is carried out."""
        answer = await self.futures(method, path, data, **values)
        assert answer["success"], answer
        return answer["data"]

    async def socket(self, url: str, *messages: Any) -> ClientWebSocketResponse:
        """Open a socket and send messages, each of which has one answer."""
        socket = await self.session.ws_connect(url)
        for message in messages:
            await socket.send_json(message)
            await hear(socket)
        return socket

    async def edge(self, *messages: Any) -> ClientWebSocketResponse:
        """Open a contract socket that is logged in."""
        time = str(self.fake.clock.now().ms)
        signed = {"apiKey": self.key, "reqTime": time, "signature": digest(self.secret, self.key + time)}
        return await self.socket(EDGE, {"method": "login", "param": signed}, *messages)


async def hear(socket: ClientWebSocketResponse) -> Any:
    message = await socket.receive(timeout=5)
    return message.data if isinstance(message.data, bytes) else json.loads(message.data)


async def rest(socket: ClientWebSocketResponse) -> list[Any]:
    """Return every message that arrives before the answer to a ping sent now."""
    is_edge = str(socket._response.url).endswith("edge")
    await socket.send_json({"method": "ping" if is_edge else "PING"})
    messages: list[Any] = []
    while True:
        message = await hear(socket)
        if isinstance(message, dict) and (message.get("channel") == "pong" or message.get("msg") == "PONG"):
            return messages
        messages.append(message)


@asynccontextmanager
async def bot(**options: Any) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with (
        FakeExchange("mexc", **options) as fake,
        aiohttp.ClientSession(connector=fake.connector()) as session,
    ):
        yield fake, Bot(fake, session)
