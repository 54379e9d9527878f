"""A client of Bybit in a few lines of its own: it signs by the documented formula."""

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

KEYS = {name: (f"fake-{name}-key", f"fake-{name}-secret") for name in ("bybit", "bybit_demo", "bybit_testnet")}
STREAM = "wss://stream.bybit.com"
LINEAR, SPOT, PRIVATE, TRADE = (f"{STREAM}/v5/{path}" for path in ("public/linear", "public/spot", "private", "trade"))
BTC = {"category": "linear", "symbol": "BTCUSDT"}
ORDER = {**BTC, "side": "Buy", "orderType": "Limit", "price": "50000.00", "qty": "0.010"}


def digest(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


class Bot:
    """A bot with the keys of one environment."""

    def __init__(self, fake: FakeExchange, session: aiohttp.ClientSession, api: str = "bybit") -> None:
        self.fake, self.session, self.api = fake, session, api
        self.key, self.secret = fake.apis[api]

    def headers(self, signed: str, *, ms: int = 0, window: str = "") -> dict[str, str]:
        """Sign a query or a body, so many ms from now."""
        time = str(self.fake.clock.now().ms + ms)
        sign = digest(self.secret, time + self.key + window + signed)
        own = {"X-BAPI-API-KEY": self.key, "X-BAPI-TIMESTAMP": time, "X-BAPI-SIGN": sign}
        return {**own, "X-BAPI-RECV-WINDOW": window} if window else own

    async def get(
        self, target: str, headers: dict[str, str] | None = None, host: str = "api.bybit.com"
    ) -> tuple[int, Any]:
        """Ask for something, signed unless headers are given; return the status and the whole answer."""
        given = self.headers(target.partition("?")[2]) if headers is None else headers
        async with self.session.get(f"https://{host}{target}", headers=given) as response:
            return response.status, await response.json()

    async def post(self, target: str, data: Any, host: str = "api.bybit.com") -> tuple[int, Any]:
        body = data if isinstance(data, str) else json.dumps(data)
        async with self.session.post(f"https://{host}{target}", data=body, headers=self.headers(body)) as response:
            return response.status, await response.json()

    async def asked(self, target: str) -> Any:
        """Return the result of a question that is answered."""
        return self.result(*await self.get(target))

    async def done(self, path: str, data: Any) -> Any:
        """Return the result of a command that is carried out."""
        return self.result(*await self.post(f"/v5/order/{path}", data))

    async def refused(self, path: str, data: Any) -> tuple[int, str]:
        """Return number and text of a refusal."""
        status, answer = await self.post(f"/v5/order/{path}", data)
        assert status == 200
        assert (answer["result"], answer["retExtInfo"]) == ({}, {})
        return answer["retCode"], answer["retMsg"]

    def result(self, status: int, answer: Any) -> Any:
        assert set(answer) == {"retCode", "retMsg", "result", "retExtInfo", "time"}
        assert (status, answer["retCode"], answer["retMsg"]) == (200, 0, "OK"), answer
        return answer["result"]

    def login(self, ms: int = 5000, **changes: Any) -> dict[str, Any]:
        expires = self.fake.clock.now().ms + ms
        values = {"key": self.key, "expires": expires, "sign": digest(self.secret, f"GET/realtime{expires}"), **changes}
        return {"op": "auth", "args": list(values.values())}

    async def socket(self, url: str, *topics: str) -> ClientWebSocketResponse:
        """Open a socket, log in where that is wanted, subscribe."""
        socket = await self.session.ws_connect(url)
        if "public" not in url:
            answer = await ask(socket, self.login())
            assert answer.get("success") or answer.get("retCode") == 0
        if topics:
            assert (await ask(socket, {"op": "subscribe", "args": list(topics)}))["success"] is True
        return socket


async def hear(socket: ClientWebSocketResponse) -> Any:
    return json.loads(await socket.receive_str(timeout=5))


async def ask(socket: ClientWebSocketResponse, request: Any) -> Any:
    await socket.send_str(request if isinstance(request, str) else json.dumps(request))
    return await hear(socket)


async def told(socket: ClientWebSocketResponse, topic: str) -> Any:
    """Return the next message, which belongs to a topic."""
    message = await hear(socket)
    assert message["topic"] == topic
    return message


async def rest(socket: ClientWebSocketResponse) -> list[Any]:
    """Return every message that arrives before the answer to a ping sent now."""
    await socket.send_json({"op": "ping", "req_id": "end"})
    messages = []
    while "op" not in (message := await hear(socket)):
        messages.append(message)
    return messages


@asynccontextmanager
async def bot(api: str = "bybit", **options: Any) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with (
        FakeExchange("bybit", **options) as fake,
        aiohttp.ClientSession(connector=fake.connector()) as session,
    ):
        yield fake, Bot(fake, session, api)
