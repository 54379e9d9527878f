"""A client of Phemex in a few lines of its own: it signs by the documented formula."""

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

API, STREAM = "https://api.phemex.com", "wss://ws.phemex.com"
LIMIT = {"symbol": "BTCUSDT", "side": "Buy", "ordType": "Limit", "priceRp": "50000", "orderQtyRq": "0.01"}
ACTIVE = "/g-orders/activeList?symbol=BTCUSDT"
POSITIONS = "/g-accounts/accountPositions?currency=USDT"


def digest(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


class Bot:
    """A bot with the keys of one environment."""

    def __init__(self, fake: FakeExchange, session: aiohttp.ClientSession, api: str = "phemex") -> None:
        self.fake, self.session = fake, session
        self.key, self.secret = fake.apis[api]
        self.host = API if api == "phemex" else "https://testnet-api.phemex.com"

    def headers(self, target: str, body: str = "", *, seconds: int = 60, **changes: str) -> dict[str, str]:
        """Sign a request that is good for so many s."""
        path, _, query = target.partition("?")
        expiry = str(self.fake.clock.now().seconds + seconds)
        own = {
            "access-token": self.key,
            "request-expiry": expiry,
            "request-signature": digest(self.secret, f"{path}{query}{expiry}{body}"),
        }
        given = {name.replace("_", "-"): value for name, value in changes.items()}
        return {f"x-phemex-{name}": value for name, value in {**own, **given}.items()}

    async def ask(
        self, method: str, target: str, body: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Send a request, signed unless headers are given; return the status and the whole answer."""
        given = self.headers(target, body) if headers is None else headers
        url = URL(f"{self.host}{target}", encoded=True)
        async with self.session.request(method, url, data=body or None, headers=given) as response:
            return response.status, await response.json()

    async def done(self, method: str, target: str, body: str = "") -> Any:
        """Return the data of a request that is carried out."""
        status, answer = await self.ask(method, target, body)
        assert set(answer) == {"code", "msg", "data"}
        assert (status, answer["code"], answer["msg"]) == (200, 0, ""), answer
        return answer["data"]

    async def refused(self, method: str, target: str, body: str = "") -> int:
        """Return the code of a refusal."""
        status, answer = await self.ask(method, target, body)
        assert (status, answer["data"]) == (200, None)
        return int(answer["code"])

    def target(self, **changes: str) -> str:
        return f"/g-orders/create?{urlencode({**LIMIT, **changes})}"

    async def place(self, **changes: str) -> Any:
        return await self.done("PUT", self.target(**changes))

    async def orders(self) -> list[Any]:
        """Return the open orders of BTCUSDT; that there is none is an error of its own."""
        _, answer = await self.ask("GET", ACTIVE)
        assert answer["code"] in (0, 10002)
        return answer["data"]["rows"] if answer["data"] else []

    def login(self, seconds: int = 60, **changes: Any) -> dict[str, Any]:
        expiry = self.fake.clock.now().seconds + seconds
        values = {"key": self.key, "sign": digest(self.secret, f"{self.key}{expiry}"), "expiry": expiry, **changes}
        return {"id": 7, "method": "user.auth", "params": ["API", *values.values()]}

    async def socket(self, url: str = STREAM, *, login: bool = False) -> Socket:
        socket = Socket(await self.session.ws_connect(url))
        if login:
            assert await socket.ask(self.login()) == SUCCESS | {"id": 7}
        return socket


SUCCESS = {"error": None, "result": {"status": "success"}}


class Socket:
    """One socket of it."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket

    async def hear(self) -> Any:
        return json.loads(await self._socket.receive_str(timeout=5))

    async def ask(self, request: Any) -> Any:
        await self._socket.send_str(request if isinstance(request, str) else json.dumps(request))
        return await self.hear()

    async def subscribe(self, channel: str, *params: Any) -> Any:
        """Subscribe; return the message that it begins with."""
        request = {"id": 1, "method": f"{channel}.subscribe", "params": list(params)}
        assert await self.ask(request) == SUCCESS | {"id": 1}
        return await self.hear()

    async def refusal(self, method: str, *params: Any) -> int:
        """Return the code of a refusal."""
        answer = await self.ask({"id": 1, "method": method, "params": list(params)})
        assert (answer["id"], answer["result"]) == (1, None)
        return int(answer["error"]["code"])

    async def rest(self) -> list[Any]:
        """Return every message that arrives before the answer to a ping sent now."""
        message = await self.ask({"id": 99, "method": "server.ping", "params": []})
        messages = []
        while message != {"error": None, "id": 99, "result": "pong"}:
            messages.append(message)
            message = await self.hear()
        return messages


@asynccontextmanager
async def bot(api: str = "phemex", **options: Any) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with (
        FakeExchange("phemex", **options) as fake,
        aiohttp.ClientSession(connector=fake.connector()) as session,
    ):
        yield fake, Bot(fake, session, api)
