"""A client of GMO Coin in a few lines of its own: it signs by the documented formula."""

from __future__ import annotations

import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from topgun.testing import FakeClock, FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOST, FX = "api.coin.z.com", "forex-api.coin.z.com"
PRIVATE = ("executionEvents", "orderEvents", "positionEvents", "positionSummaryEvents")


class Bot:
    """A bot with the key of crypto assets, or of FX."""

    def __init__(self, fake: FakeExchange, clock: FakeClock, session: aiohttp.ClientSession, host: str) -> None:
        self.fake, self.clock, self.session, self.host = fake, clock, session, host
        self.key, self.secret = fake.apis["gmocoin_fx" if host == FX else "gmocoin"]

    def headers(self, method: str, path: str, body: str = "", *, ms: int = 0) -> dict[str, str]:
        """Sign a request, so many ms from now."""
        time = str(self.clock.now().ms + ms)
        text = f"{time}{method}{path}" + (body if method == "POST" else "")
        sign = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return {"API-KEY": self.key, "API-TIMESTAMP": time, "API-SIGN": sign}

    async def ask(self, method: str, path: str, data: Any = None, headers: dict[str, str] | None = None) -> Any:
        """Send a request, signed unless headers are given; return the whole answer."""
        body = "" if data is None else json.dumps(data)
        signed = self.headers(method, f"/v1/{path.partition('?')[0]}", body) if headers is None else headers
        kind = "public" if headers == {} else "private"
        url = f"https://{self.host}/{kind}/v1/{path}"
        async with self.session.request(method, url, data=body or None, headers=signed) as response:
            assert response.status == 200
            return await response.json()

    async def get(self, path: str) -> Any:
        return self.result(await self.ask("GET", path))

    async def post(self, path: str, **values: Any) -> Any:
        return self.result(await self.ask("POST", path, values or None))

    async def refused(self, path: str, **values: Any) -> tuple[int, str, str]:
        """Return status, number and text of a refusal."""
        return refusal(await self.ask("POST", path, values))

    def result(self, answer: Any) -> Any:
        assert answer["status"] == 0, answer
        assert answer["responsetime"].startswith("2023-11-1")
        return answer.get("data")

    async def order(self, symbol: str, side: str, size: str, price: str | None = None, **more: Any) -> int:
        """Send an order; return its number."""
        kind = {"executionType": "MARKET"} if price is None else {"executionType": "LIMIT"}
        name = "limitPrice" if self.host == FX else "price"
        given = {"symbol": symbol, "side": side, "size": size, **kind, **({} if price is None else {name: price})}
        answer = await self.post("order", **{**given, **more})
        return int(answer[0]["orderId"] if self.host == FX else answer)

    async def socket(self, *channels: Any, token: str = "") -> aiohttp.ClientWebSocketResponse:
        """Open a socket and subscribe, one channel a second."""
        path = f"private/v1/{token}" if token else "public/v1"
        socket = await self.session.ws_connect(f"wss://{self.host}/ws/{path}")
        for channel in channels:
            named = {"channel": channel} if isinstance(channel, str) else {"channel": channel[0], "symbol": channel[1]}
            await self.say(socket, {"command": "subscribe", **named})
        return socket

    async def private(self) -> aiohttp.ClientWebSocketResponse:
        """Open a private socket with everything on it; past what the sums begin with."""
        socket = await self.socket(*PRIVATE, token=await self.post("ws-auth"))
        first = [await hear(socket) for _ in range(2)]
        assert {row["msgType"] for row in first} == {"INIT"}
        return socket

    async def say(self, socket: aiohttp.ClientWebSocketResponse, message: Any) -> None:
        """Send a message, and let a second pass once it is there."""
        seen = len(self.fake.frames_received)
        await socket.send_str(message if isinstance(message, str) else json.dumps(message))
        await self.fake.until(lambda: len(self.fake.frames_received) > seen)
        await self.clock.advance(1)


def refusal(answer: Any) -> tuple[int, str, str]:
    [message] = answer["messages"]
    return answer["status"], message["message_code"], message["message_string"]


async def hear(socket: aiohttp.ClientWebSocketResponse) -> Any:
    """Return the next message."""
    return await socket.receive_json(timeout=5)


async def told(socket: aiohttp.ClientWebSocketResponse, number: int) -> list[tuple[str, str]]:
    """Return channel and kind of the next messages."""
    heard = [await hear(socket) for _ in range(number)]
    return [(each["channel"].removesuffix("Events"), each["msgType"]) for each in heard]


@asynccontextmanager
async def bot(host: str = HOST) -> AsyncIterator[Bot]:
    clock = FakeClock()
    async with (
        FakeExchange("gmocoin", clock=clock) as fake,
        aiohttp.ClientSession(connector=fake.connector()) as session,
    ):
        yield Bot(fake, clock, session, host)
