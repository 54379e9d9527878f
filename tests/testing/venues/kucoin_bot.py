"""A client of KuCoin in a few lines of its own: it signs by the documented formula."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from topgun.testing import FakeClock, FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

SPOT, FUTURES = "api.kucoin.com", "api-futures.kucoin.com"


def signed(entry: Sequence[str], method: str, endpoint: str, body: str, ms: int) -> dict[str, str]:
    """Return the headers of a request whose query needs no encoding."""
    key, secret, passphrase = entry

    def base64(text: str) -> str:
        return b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()

    return {
        "KC-API-KEY": key,
        "KC-API-TIMESTAMP": str(ms),
        "KC-API-SIGN": base64(f"{ms}{method}{endpoint}{body}"),
        "KC-API-PASSPHRASE": base64(passphrase),
        "KC-API-KEY-VERSION": "3",
    }


class Bot:
    """A bot on spot or on futures."""

    def __init__(self, fake: FakeExchange, clock: FakeClock, session: aiohttp.ClientSession, host: str) -> None:
        self.fake, self.clock, self.session, self.host = fake, clock, session, host
        self.futures = host == FUTURES
        self.symbol = "XBTUSDTM" if self.futures else "BTC-USDT"
        self.orders = "/api/v1/orders" if self.futures else "/api/v1/hf/orders"
        self.market = fake.market(self.symbol)
        self.made = 0

    async def ask(self, method: str, endpoint: str, data: Any = None, **headers: str) -> tuple[int, Any]:
        """Send a signed request; return status and answer."""
        body = "" if data is None else json.dumps(data)
        entry = self.fake.apis["kucoin"]
        given = {**signed(entry, method, endpoint, body, self.clock.now().ms), **headers}
        url = f"https://{self.host}{endpoint}"
        sent = {name: value for name, value in given.items() if value}
        async with self.session.request(method, url, data=body or None, headers=sent) as response:
            return response.status, await response.json()

    async def get(self, endpoint: str, method: str = "GET", data: Any = None) -> Any:
        """Return what a good answer holds."""
        status, answer = await self.ask(method, endpoint, data)
        assert (status, answer["code"]) == (200, "200000"), answer
        return answer["data"]

    async def refused(self, method: str, endpoint: str, data: Any = None, **headers: str) -> str:
        """Return the code of a refusal."""
        _, answer = await self.ask(method, endpoint, data, **headers)
        assert set(answer) == {"code", "msg"}
        return str(answer["code"])

    def order(self, side: str, size: object, price: object = None, **more: Any) -> dict[str, Any]:
        """Return an order."""
        self.made += 1
        kind = {"type": "market"} if price is None else {"type": "limit", "price": str(price)}
        amount = int(str(size)) if self.futures else str(size)
        return {"clientOid": f"o{self.made}", "symbol": self.symbol, "side": side, "size": amount, **kind, **more}

    async def place(self, *args: Any, **more: Any) -> str:
        """Send an order; return its id."""
        return str((await self.get(self.orders, "POST", self.order(*args, **more)))["orderId"])

    async def socket(self, *topics: str, private: bool = True) -> aiohttp.ClientWebSocketResponse:
        """Open a socket, hear the welcome, subscribe."""
        granted = await self.get(f"/api/v1/bullet-{'private' if private else 'public'}", "POST")
        socket = await self.open(granted["token"], granted["instanceServers"][0]["endpoint"])
        assert await hear(socket) == {"id": "c1", "type": "welcome"}
        for number, topic in enumerate(topics):
            await socket.send_json({"id": number, "type": "subscribe", "topic": topic, "response": True})
            assert await hear(socket) == {"id": str(number), "type": "ack"}
        return socket

    async def open(self, token: str, endpoint: str = "") -> aiohttp.ClientWebSocketResponse:
        """Open a socket with a token."""
        place = endpoint or f"wss://ws-api-{'futures' if self.futures else 'spot'}.kucoin.com/"
        return await self.session.ws_connect(f"{place}?token={token}&connectId=c1")


async def hear(socket: aiohttp.ClientWebSocketResponse) -> Any:
    """Return the next message."""
    return await socket.receive_json(timeout=5)


async def told(socket: aiohttp.ClientWebSocketResponse, number: int) -> list[Any]:
    """Return the data of the next messages."""
    return [(await hear(socket))["data"] for _ in range(number)]


@asynccontextmanager
async def bot(host: str = SPOT) -> AsyncIterator[Bot]:
    clock = FakeClock()
    async with (
        FakeExchange("kucoin", clock=clock) as fake,
        aiohttp.ClientSession(connector=fake.connector()) as session,
    ):
        yield Bot(fake, clock, session, host)
