"""A client of Bitget in a few lines of its own: it signs by the documented formula."""

from __future__ import annotations

import base64
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

API = "https://api.bitget.com"
PUBLIC, PRIVATE = (f"wss://ws.bitget.com/v2/ws/{path}" for path in ("public", "private"))
FUTURES = {"symbol": "BTCUSDT", "productType": "USDT-FUTURES", "marginMode": "crossed", "marginCoin": "USDT"}
SPOT = {"symbol": "BTCUSDT"}
LIMIT = {"side": "buy", "orderType": "limit", "force": "gtc", "price": "50000", "size": "0.01"}


def digest(secret: str, text: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def channel(name: str, instrument: str = "BTCUSDT", kind: str = "USDT-FUTURES") -> dict[str, str]:
    return {"instType": kind, "channel": name, "instId": instrument}


class Bot:
    """A bot with the keys of one environment."""

    def __init__(self, fake: FakeExchange, session: aiohttp.ClientSession, api: str = "bitget") -> None:
        self.fake, self.session, self.api = fake, session, api
        self.key, self.secret, self.passphrase = fake.apis[api]

    def headers(self, method: str, target: str, body: str = "", *, ms: int = 0, **changes: str) -> dict[str, str]:
        """Sign a request, so many ms from now."""
        time = str(self.fake.clock.now().ms + ms)
        own = {
            "ACCESS-KEY": self.key,
            "ACCESS-PASSPHRASE": self.passphrase,
            "ACCESS-TIMESTAMP": time,
            "ACCESS-SIGN": digest(self.secret, f"{time}{method}{target}{body}"),
        }
        demo = {"paptrading": "1"} if self.api == "bitget_demo" else {}
        return {**own, **demo, **{f"ACCESS-{name}": value for name, value in changes.items()}}

    async def get(self, target: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Ask for something, signed unless headers are given; return the status and the whole answer."""
        given = self.headers("GET", target) if headers is None else headers
        async with self.session.get(f"{API}{target}", headers=given) as response:
            return response.status, await response.json()

    async def post(self, target: str, data: Any) -> tuple[int, Any]:
        body = data if isinstance(data, str) else json.dumps(data)
        headers = self.headers("POST", target, body)
        async with self.session.post(f"{API}{target}", data=body, headers=headers) as response:
            return response.status, await response.json()

    async def asked(self, target: str) -> Any:
        """Return the data of a question that is answered."""
        return self.result(*await self.get(target))

    async def done(self, target: str, data: Any) -> Any:
        """Return the data of a command that is carried out."""
        return self.result(*await self.post(target, data))

    async def refused(self, target: str, data: Any) -> str:
        """Return the code of a refusal."""
        status, answer = await self.post(target, data)
        assert (status, answer["data"]) == (400, None)
        return str(answer["code"])

    def result(self, status: int, answer: Any) -> Any:
        assert set(answer) == {"code", "msg", "data", "requestTime"}
        assert (status, answer["code"], answer["msg"]) == (200, "00000", "success"), answer
        return answer["data"]

    def login(self, seconds: int = 0, **changes: Any) -> dict[str, Any]:
        time = str(self.fake.clock.now().seconds + seconds)
        sign = digest(self.secret, f"{time}GET/user/verify")
        values = {"api_key": self.key, "passphrase": self.passphrase, "timestamp": time, "sign": sign, **changes}
        return {"op": "login", "args": [values]}

    async def socket(self, url: str, *channels: dict[str, str]) -> ClientWebSocketResponse:
        """Open a socket, log in where that is wanted, subscribe."""
        socket = await self.session.ws_connect(url)
        if "public" not in url:
            assert await ask(socket, self.login()) == {"event": "login", "code": 0}
        for arg in channels:
            assert await ask(socket, {"op": "subscribe", "args": [arg]}) == {"event": "subscribe", "arg": arg}
        return socket


async def hear(socket: ClientWebSocketResponse) -> Any:
    return json.loads(await socket.receive_str(timeout=5))


async def ask(socket: ClientWebSocketResponse, request: Any) -> Any:
    await socket.send_str(request if isinstance(request, str) else json.dumps(request))
    return await hear(socket)


async def told(socket: ClientWebSocketResponse, name: str) -> Any:
    """Return the next message, which belongs to a channel."""
    message = await hear(socket)
    assert set(message) == {"action", "arg", "data", "ts"}
    assert message["arg"]["channel"] == name
    return message


async def rest(socket: ClientWebSocketResponse) -> list[Any]:
    """Return every message that arrives before the answer to a ping sent now."""
    await socket.send_str("ping")
    messages = []
    while (text := await socket.receive_str(timeout=5)) != "pong":
        messages.append(json.loads(text))
    return messages


@asynccontextmanager
async def bot(api: str = "bitget", **options: Any) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with (
        FakeExchange("bitget", **options) as fake,
        aiohttp.ClientSession(connector=fake.connector()) as session,
    ):
        yield fake, Bot(fake, session, api)
