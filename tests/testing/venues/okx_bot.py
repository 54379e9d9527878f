"""A client of OKX in a few lines of its own: it signs by the documented formula."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp

from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse

PUBLIC, PRIVATE, BUSINESS = (f"wss://ws.okx.com:8443/ws/v5/{path}" for path in ("public", "private", "business"))
SWAP, SPOT = "BTC-USDT-SWAP", "BTC-USDT"
ORDER = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "limit", "px": "50000", "sz": "1"}
ANY = {"channel": "orders", "instType": "ANY"}


def digest(secret: str, text: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


class Bot:
    """A bot with the keys of one environment."""

    def __init__(self, fake: FakeExchange, session: aiohttp.ClientSession, api: str = "okx") -> None:
        self.fake, self.session, self.api = fake, session, api
        self.key, self.secret, self.passphrase = fake.apis[api]

    def headers(self, method: str, target: str, body: str = "", *, seconds: float = 0) -> dict[str, str]:
        """Sign a request, so many seconds from now."""
        moment = datetime.fromtimestamp(self.fake.clock.now().ms / 1000 + seconds, UTC)
        time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        own = {
            "OK-ACCESS-KEY": self.key,
            "OK-ACCESS-SIGN": digest(self.secret, time + method + target + body),
            "OK-ACCESS-TIMESTAMP": time,
            "OK-ACCESS-PASSPHRASE": self.passphrase,
            "Content-Type": "application/json",
        }
        return {**own, "x-simulated-trading": "1"} if self.api == "okx_demo" else own

    async def get(
        self, target: str, headers: dict[str, str] | None = None, host: str = "www.okx.com"
    ) -> tuple[int, Any]:
        """Ask for something, signed unless headers are given; return the status and the whole answer."""
        given = self.headers("GET", target) if headers is None else headers
        async with self.session.get(f"https://{host}{target}", headers=given) as response:
            return response.status, await response.json()

    async def post(self, path: str, data: Any) -> tuple[int, Any]:
        target, body = f"/api/v5/trade/{path}", data if isinstance(data, str) else json.dumps(data)
        given = self.headers("POST", target, body)
        async with self.session.post(f"https://www.okx.com{target}", data=body, headers=given) as response:
            return response.status, await response.json()

    async def asked(self, target: str) -> Any:
        """Return the rows of a question that is answered."""
        status, answer = await self.get(f"/api/v5/{target}")
        assert (status, answer["code"], answer["msg"]) == (200, "0", "")
        return answer["data"]

    async def done(self, path: str, data: Any) -> str:
        """Return the id of the order of a command that is carried out."""
        status, answer = await self.post(path, data)
        assert (status, answer["code"]) == (200, "0")
        [row] = answer["data"]
        assert (row["sCode"], row["sMsg"]) == ("0", "")
        return str(row["ordId"])

    async def refused(self, path: str, data: Any) -> tuple[str, str]:
        """Return code and text of a refusal of one order."""
        status, answer = await self.post(path, data)
        assert (status, answer["code"]) == (200, "1")
        [row] = answer["data"]
        return row["sCode"], row["sMsg"]

    def login(self, *, seconds: int = 0, **wrong: Any) -> dict[str, Any]:
        time = str(self.fake.clock.now().seconds + seconds)
        args = {"apiKey": self.key, "passphrase": self.passphrase, "timestamp": time}
        sign = digest(self.secret, f"{time}GET/users/self/verify")
        return {"op": "login", "args": [{**args, "sign": sign, **wrong}]}

    async def socket(self, url: str, *channels: Any, login: bool = True) -> ClientWebSocketResponse:
        """Open a socket, log in and subscribe."""
        socket = await self.session.ws_connect(url)
        if login:
            await socket.send_json(self.login())
            assert (await socket.receive_json())["event"] == "login"
        for channel in channels:
            await socket.send_json({"op": "subscribe", "args": [channel]})
            assert (await socket.receive_json()) == {
                "event": "subscribe",
                "arg": channel,
                "connId": f"fake-{len(self.fake.connections)}",
            }
        return socket


@asynccontextmanager
async def bot(api: str = "okx") -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with FakeExchange("okx") as fake, aiohttp.ClientSession(connector=fake.connector()) as session:
        yield fake, Bot(fake, session, api)


async def rest(socket: ClientWebSocketResponse) -> list[Any]:
    """Return what is still to come on a socket, by the answer to a ping."""
    await socket.send_str("ping")
    told = []
    while (frame := await socket.receive_str()) != "pong":
        told.append(json.loads(frame))
    return told
