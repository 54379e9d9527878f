"""A client of OKJ in a few lines of its own: it signs by the documented formula, and reads V3 frames by itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse

    from topgun.clock import Instant

V3 = "wss://connect.okj.com/ws/v3"
PUBLIC, PRIVATE, BUSINESS = (f"wss://ws.okj.com/ws/v5/{path}" for path in ("public", "private", "business"))
ORDER = {"instId": "BTC-JPY", "tdMode": "cash", "side": "buy", "ordType": "limit", "px": "13000000", "sz": "0.01"}
ORDER3 = {"type": "limit", "side": "buy", "instrument_id": "BTC-JPY", "price": "13000000", "size": "0.01"}


def digest(secret: str, text: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def written(now: Instant) -> str:
    return f"{now.utc().strftime('%Y-%m-%dT%H:%M:%S')}.{now.ms % 1000:03d}Z"


class Bot:
    """A bot with the key of the fake."""

    def __init__(self, fake: FakeExchange, session: aiohttp.ClientSession) -> None:
        self.fake, self.session = fake, session
        self.key, self.secret, self.passphrase = fake.apis["okj"]

    def headers(self, method: str, target: str, body: str = "", **changes: str) -> dict[str, str]:
        time = changes.pop("time", written(self.fake.clock.now()))
        sign = digest(self.secret, f"{time}{method}{target}{body}")
        own = {"KEY": self.key, "SIGN": sign, "TIMESTAMP": time, "PASSPHRASE": self.passphrase, **changes}
        return {f"OK-ACCESS-{name}": value for name, value in own.items()}

    async def get(self, target: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Ask for something, signed unless headers are given; return the status and the whole answer."""
        host = "api.okj.com" if "/v5/" in target else "www.okcoin.jp"
        given = self.headers("GET", target) if headers is None else headers
        async with self.session.get(f"https://{host}{target}", headers=given) as response:
            return response.status, await response.json()

    async def post(self, target: str, data: Any) -> tuple[int, Any]:
        host = "api.okj.com" if "/v5/" in target else "www.okcoin.jp"
        body = json.dumps(data) if data is not None else ""
        headers = self.headers("POST", target, body)
        async with self.session.post(f"https://{host}{target}", data=body, headers=headers) as response:
            return response.status, await response.json()

    async def asked(self, target: str) -> Any:
        """Return what a question to V5 is answered."""
        status, answer = await self.get(target)
        assert (status, answer["code"], answer["msg"]) == (200, "0", "")
        return answer["data"]

    async def trade(self, path: str, data: Any) -> tuple[str, list[tuple[str, str]]]:
        """Return code of a V5 answer about orders, and for each its code and number."""
        status, answer = await self.post(f"/api/v5/trade/{path}", data)
        assert (status, set(answer)) == (200, {"code", "data", "msg"})
        return answer["code"], [(row["sCode"], row["ordId"]) for row in answer["data"]]

    def login(self, seconds: float = 0, **changes: Any) -> dict[str, Any]:
        time = self.fake.clock.now().seconds + int(seconds)
        sign = digest(self.secret, f"{time}GET/users/self/verify")
        own = {"apiKey": self.key, "passphrase": self.passphrase, "timestamp": time, "sign": sign}
        return {"op": "login", "args": [{**own, **changes}]}

    def login3(self, **changes: Any) -> dict[str, Any]:
        [args] = self.login(**changes)["args"]
        return {"op": "login", "args": [args["apiKey"], args["passphrase"], str(args["timestamp"]), args["sign"]]}

    async def socket(self, url: str, *channels: Any) -> ClientWebSocketResponse:
        """Open a socket, log in where that is wanted, subscribe, and hear the answers to that."""
        socket = await self.session.ws_connect(url)
        if url != PUBLIC:
            answer = await ask(socket, self.login3() if url == V3 else self.login())
            assert answer["event"] == "login"
        for channel in channels:
            assert (await ask(socket, subscribe(channel)))["event"] == "subscribe"
        return socket


def subscribe(*channels: Any) -> dict[str, Any]:
    return {"op": "subscribe", "args": list(channels)}


def books(channel: str = "books", name: str = "BTC-JPY") -> dict[str, str]:
    return {"channel": channel, "instId": name}


async def hear(socket: ClientWebSocketResponse) -> Any:
    """Return the next message; that of V3 is raw deflate."""
    frame = await socket.receive(timeout=5)
    text = zlib.decompress(frame.data, -15).decode() if frame.type is aiohttp.WSMsgType.BINARY else frame.data
    return text if text == "pong" else json.loads(text)


async def ask(socket: ClientWebSocketResponse, request: Any) -> Any:
    await socket.send_str(request if isinstance(request, str) else json.dumps(request))
    return await hear(socket)


async def rest(socket: ClientWebSocketResponse) -> list[Any]:
    """Return every message that arrives before the answer to a ping sent now."""
    await socket.send_str("ping")
    messages = []
    while (message := await hear(socket)) != "pong":
        messages.append(message)
    return messages


@asynccontextmanager
async def bot(**options: Any) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with (
        FakeExchange("okj", **options) as fake,
        aiohttp.ClientSession(connector=fake.connector()) as session,
    ):
        yield fake, Bot(fake, session)
