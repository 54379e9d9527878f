"""A client of Binance in a few lines of its own: it signs by the documented formula."""

from __future__ import annotations

import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp

from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse

SPOT, FAPI, DAPI = "https://api.binance.com/api/v3", "https://fapi.binance.com/fapi", "https://dapi.binance.com/dapi"
STREAM, FSTREAM, DSTREAM = "wss://stream.binance.com", "wss://fstream.binance.com", "wss://dstream.binance.com"
API = "wss://ws-api.binance.com/ws-api/v3"
ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "50000",
}


def digest(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


class Bot:
    """A bot with the keys of one environment."""

    def __init__(self, fake: FakeExchange, session: aiohttp.ClientSession, api: str = "binance") -> None:
        self.fake, self.session = fake, session
        self.key, self.secret = fake.apis[api]

    def query(self, values: dict[str, Any], body: str = "", ms: int = 0) -> str:
        """Return the signed query of some values, so many ms from now."""
        text = urlencode({**values, "timestamp": self.fake.clock.now().ms + ms})
        return f"{text}&signature={digest(self.secret, text + body)}"

    async def ask(
        self, method: str, url: str, query: str = "", body: str = "", key: str | None = None
    ) -> tuple[int, Any]:
        """Send a request as it stands; return the status and the answer."""
        headers = {"X-MBX-APIKEY": self.key if key is None else key} if key != "" else {}
        async with self.session.request(method, f"{url}?{query}", data=body.encode(), headers=headers) as response:
            return response.status, await response.json()

    async def signed(self, method: str, url: str, **values: Any) -> tuple[int, Any]:
        return await self.ask(method, url, self.query(values))

    async def done(self, method: str, url: str, **values: Any) -> Any:
        """Return the answer to a request that is carried out."""
        status, answer = await self.signed(method, url, **values)
        assert status == 200, answer
        return answer

    async def refused(self, method: str, url: str, **values: Any) -> int:
        """Return the code of a refusal."""
        status, answer = await self.signed(method, url, **values)
        assert status >= 400, answer
        assert set(answer) == {"code", "msg"}
        return int(answer["code"])

    async def socket(self, url: str, *streams: str) -> ClientWebSocketResponse:
        """Open a socket and subscribe."""
        socket = await self.session.ws_connect(url)
        if streams:
            await socket.send_json({"method": "SUBSCRIBE", "params": list(streams), "id": 1})
            assert await hear(socket) == {"result": None, "id": 1}
        return socket

    def message(self, method: str, **params: Any) -> dict[str, Any]:
        """Return a signed request to the WebSocket API."""
        params = {**params, "apiKey": self.key, "timestamp": self.fake.clock.now().ms}
        text = "&".join(f"{name}={params[name]}" for name in sorted(params))
        return {"id": method, "method": method, "params": {**params, "signature": digest(self.secret, text)}}

    async def call(self, socket: ClientWebSocketResponse, method: str, **params: Any) -> Any:
        """Send a signed request to the WebSocket API and return the answer."""
        await socket.send_json(self.message(method, **params))
        return await answer_to(socket, method)


async def hear(socket: ClientWebSocketResponse) -> Any:
    return json.loads(await socket.receive_str(timeout=5))


async def answer_to(socket: ClientWebSocketResponse, name: Any) -> Any:
    """Return the answer to a request; events that come before it are passed over."""
    while (message := await hear(socket)).get("id", "") != name:
        pass
    return message


async def rest(socket: ClientWebSocketResponse) -> list[Any]:
    """Return every message that arrives before the answer to a question asked now."""
    await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": "end"})
    messages = []
    while (message := await hear(socket)) and (not isinstance(message, dict) or message.get("id") != "end"):
        messages.append(message)
    return messages


@asynccontextmanager
async def bot(api: str = "binance", **options: Any) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with (
        FakeExchange("binance", **options) as fake,
        aiohttp.ClientSession(connector=fake.connector()) as session,
    ):
        yield fake, Bot(fake, session, api)
