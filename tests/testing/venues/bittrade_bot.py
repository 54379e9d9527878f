"""A client of BitTrade in a few lines of its own: it signs by the documented formula and unpacks what it hears."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

import aiohttp
from aiohttp import WSMsgType
from yarl import URL

from topgun.testing import FakeExchange
from topgun.testing.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse

HOST = "api-cloud.bittrade.co.jp"
API, PUBLIC, PRIVATE, RETAIL = f"https://{HOST}", f"wss://{HOST}/ws", f"wss://{HOST}/ws/v2", f"wss://{HOST}/retail/ws"
ACCOUNT = 100_009
KEY = ("fake-bittrade-key", "fake-bittrade-secret")
ORDER = {
    "account-id": str(ACCOUNT), "symbol": "btcjpy", "type": "buy-limit", "amount": "0.01", "price": "9000000",
    "source": "api",
}  # fmt: skip


def digest(secret: str, *lines: str) -> str:
    mac = hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def encoded(values: dict[str, str]) -> str:
    """Return names and values in the order of the names, percent-encoded."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(values.items()))


class Bot:
    """A bot with the key of the fake's account."""

    def __init__(self, fake: FakeExchange, session: aiohttp.ClientSession) -> None:
        self.fake, self.session = fake, session
        self.key, self.secret = KEY

    def stamp(self, seconds: int = 0) -> str:
        """Return the time so many seconds from now, as it is signed."""
        now = self.fake.clock.now()
        return type(now)(now.ns + seconds * 10**9).utc().strftime("%Y-%m-%dT%H:%M:%S")

    def signed(self, method: str, target: str, *, seconds: int = 0, **changes: str) -> URL:
        """Return the URL of a signed request; `changes` replace what is right."""
        path, _, query = target.partition("?")
        values = {
            **dict(parse_qsl(query)), "AccessKeyId": self.key, "SignatureMethod": "HmacSHA256",
            "SignatureVersion": "2", "Timestamp": self.stamp(seconds), **changes,
        }  # fmt: skip
        signature = changes.get("Signature") or digest(self.secret, method, HOST, path, encoded(values))
        return URL(f"{API}{path}?{encoded({**values, 'Signature': signature})}", encoded=True)

    async def ask(self, method: str, url: str | URL, data: Any = None) -> Any:
        """Send a request as it stands and return the whole answer."""
        body = json.dumps(data) if isinstance(data, dict | list) else data
        async with self.session.request(method, url, data=body) as response:
            assert response.status == 200
            answer = await response.json()
            assert answer["status"] in ("ok", "error")
            return answer

    async def get(self, target: str, **changes: Any) -> Any:
        """Return the data of an answer to a signed GET."""
        answer = await self.ask("GET", self.signed("GET", target, **changes))
        assert answer["status"] == "ok", answer
        return answer["data"]

    async def public(self, target: str) -> Any:
        answer = await self.ask("GET", f"{API}{target}")
        assert answer["status"] == "ok", answer
        return answer

    async def post(self, target: str, data: Any = None) -> Any:
        answer = await self.ask("POST", self.signed("POST", f"/v1/order/orders{target}"), data)
        assert answer["status"] == "ok", answer
        return answer["data"]

    async def refused(self, method: str, url: str | URL, data: Any = None) -> tuple[str, str]:
        """Return code and text of a refusal."""
        answer = await self.ask(method, url, data)
        assert set(answer) == {"status", "err-code", "err-msg", "data"}
        assert (answer["status"], answer["data"]) == ("error", None)
        return answer["err-code"], answer["err-msg"]

    def login(self, seconds: int = 0, **changes: Any) -> dict[str, Any]:
        values = {
            "accessKey": self.key, "signatureMethod": "HmacSHA256", "signatureVersion": "2.1",
            "timestamp": self.stamp(seconds),
        }  # fmt: skip
        signature = digest(self.secret, "GET", HOST, "/ws/v2", encoded(values))
        params = {"authType": "api", **values, "signature": signature, **changes}
        return {"action": "req", "ch": "auth", "params": params}

    async def socket(self, *topics: str) -> ClientWebSocketResponse:
        """Open a public socket and subscribe; without a topic, nothing is sent."""
        socket = await self.session.ws_connect(PUBLIC)
        for topic in topics:
            assert (await ask(socket, {"sub": topic, "id": "1"}))["subbed"] == topic
        return socket

    async def account(self, *topics: str) -> ClientWebSocketResponse:
        """Open a private socket, log in and subscribe."""
        socket = await self.session.ws_connect(PRIVATE)
        assert (await ask(socket, self.login()))["code"] == 200
        for topic in topics:
            answer = await ask(socket, {"action": "sub", "ch": topic})
            assert answer == {"action": "sub", "code": 200, "ch": topic, "data": {}}
        return socket


async def hear(socket: ClientWebSocketResponse) -> Any:
    """Return the next message; market data has to be packed, the account's must not be."""
    frame = await socket.receive(timeout=5)
    if frame.type is WSMsgType.BINARY:
        return json.loads(gzip.decompress(frame.data))
    assert frame.type is WSMsgType.TEXT, frame
    return json.loads(frame.data)


async def ask(socket: ClientWebSocketResponse, request: Any) -> Any:
    await socket.send_str(request if isinstance(request, str) else json.dumps(request))
    return await hear(socket)


async def rest(socket: ClientWebSocketResponse, *, private: bool = False) -> list[Any]:
    """Return every message that arrives before the answer to a ping sent now."""
    await socket.send_json({"action": "ping", "data": {"ts": "end"}} if private else {"ping": "end"})
    end = {"action": "pong", "data": {"ts": "end"}} if private else {"pong": "end"}
    messages = []
    while (message := await hear(socket)) != end:
        messages.append(message)
    return messages


@asynccontextmanager
async def bot(**options: Any) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with (
        FakeExchange("bittrade", clock=FakeClock(1_700_000_000.5), **options) as fake,
        aiohttp.ClientSession(connector=fake.connector()) as session,
    ):
        yield fake, Bot(fake, session)
