"""The helper for tokens of GMO Coin: what it asks for, what it makes of the answers, and that it goes on for ever."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import topgun
from topgun.errors import ClientClosed
from topgun.exchanges.gmocoin import EXCHANGE
from topgun.helpers import GMOCoinHelper, GMOCoinResponseError
from topgun.testing import FakeClock, FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOST = "api.coin.z.com"
PREFIX = f"wss://{HOST}/ws/private/v1/"
MAINTENANCE = json.dumps({"status": 5, "messages": [{"message_code": "ERR-5201", "message_string": "MAINTENANCE"}]})
DELAY = 300.0


class Bench:
    """A fake exchange, a client with its keys, a helper, and a stand-in for a socket."""

    def __init__(self, fake: FakeExchange, clock: FakeClock, client: topgun.Client) -> None:
        self.fake, self.clock, self.client = fake, clock, client
        self.helper = GMOCoinHelper(client)
        self.ws: Any = SimpleNamespace(url="")

    @asynccontextmanager
    async def managing(self, token: str) -> AsyncIterator[None]:
        """Have the token managed."""
        task = asyncio.create_task(self.helper.manage_ws_token(self.ws, token, DELAY))
        await self.clock.asleep()
        yield
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def round(self) -> None:
        """Let the next round begin and end."""
        await self.clock.advance(DELAY)
        await self.clock.asleep()

    @property
    def asked(self) -> list[tuple[str, str]]:
        """Method and token of each request so far."""
        assert all(request.verified for request in self.fake.requests)
        return [(each.method, json.loads(each.body or "{}").get("token", "")) for each in self.fake.requests]


@asynccontextmanager
async def bench(base_url: str = "") -> AsyncIterator[Bench]:
    clock = FakeClock()
    async with (
        FakeExchange("gmocoin", clock=clock) as fake,
        topgun.Client(fake.apis, base_url, clock=clock, exchanges=(EXCHANGE,)) as client,
    ):
        yield Bench(fake, clock, client)


@pytest.mark.parametrize("base_url", ["", f"https://{HOST}", f"https://{HOST}/private", "https://elsewhere.example"])
async def test_create_and_extend(base_url: str) -> None:
    """A token is created, and lives for an hour from its last extension, whatever the client's base URL is."""
    async with bench(base_url) as here:
        token = await here.helper.create_access_token()
        for _ in range(3):
            await here.clock.advance(3599)
            await here.helper.extend_access_token(token)
        await here.clock.advance(3600)
        with pytest.raises(GMOCoinResponseError, match="ERR-5106"):
            await here.helper.extend_access_token(token)
        assert here.asked == [("POST", ""), *[("PUT", token)] * 4]
        assert {each.path for each in here.fake.requests} == {"/private/v1/ws-auth"}


async def test_fx() -> None:
    """The helper of FX asks the host of FX."""
    async with bench() as here:
        helper = GMOCoinHelper(here.client, host="forex-api.coin.z.com")
        token = await helper.create_access_token()
        await helper.extend_access_token(token)
        assert {each.host for each in here.fake.requests} == {"forex-api.coin.z.com"}
        with pytest.raises(GMOCoinResponseError):
            await here.helper.extend_access_token(token)


@pytest.mark.parametrize(
    "body", ["", "<html>", "[]", '{"status": 0}', '{"status": 0, "data": 5}', '{"data": "x"}', MAINTENANCE]
)
async def test_no_token(body: str) -> None:
    """Anything but a token with the status 0 is an error with the text of the answer."""
    async with bench() as here:
        here.fake.fail_request(200, body=body)
        with pytest.raises(GMOCoinResponseError) as caught:
            await here.helper.create_access_token()
        assert str(caught.value) == body
        assert isinstance(caught.value, Exception)


async def test_the_error_does_not_show_the_token() -> None:
    """Even if the answer quotes it."""
    async with bench() as here:
        here.fake.fail_request(200, body='{"status": 5, "messages": "no token-of-a-test"}')
        with pytest.raises(GMOCoinResponseError) as caught:
            await here.helper.extend_access_token("token-of-a-test")
        assert str(caught.value) == '{"status": 5, "messages": "no ***"}'


async def test_manage_extends_round_after_round() -> None:
    """As long as the token can be extended, the URL of the socket stays as it is."""
    async with bench() as here:
        token = await here.helper.create_access_token()
        here.ws.url = PREFIX + token
        async with here.managing(token):
            await here.round()
            await here.round()
        assert here.asked == [("POST", ""), *[("PUT", token)] * 3]
        assert here.ws.url == PREFIX + token


@pytest.mark.parametrize("url", ["", PREFIX + "ended-long-ago"], ids=["another url", "the token"])
async def test_manage_puts_a_new_token_into_the_url(url: str) -> None:
    """Where it cannot be extended; later rounds extend the new one."""
    async with bench() as here:
        here.ws.url = url
        async with here.managing("ended-long-ago"):
            token = here.ws.url.removeprefix(PREFIX)
            assert here.ws.url == PREFIX + token
            await here.round()
        assert here.asked == [("PUT", "ended-long-ago"), ("POST", ""), ("PUT", token)]


async def test_manage_takes_note_of_another_token() -> None:
    """The socket may have got itself one: that is extended from then on."""
    async with bench() as here:
        first, second = [await here.helper.create_access_token() for _ in range(2)]
        here.ws.url = PREFIX + first
        async with here.managing(first):
            here.ws.url = PREFIX + second
            await here.round()
        assert here.asked[2:] == [("PUT", first), ("PUT", second)]


async def test_manage_beside_a_socket_that_is_quicker() -> None:
    """If the socket got a new token while the old one was refused, no other is made."""
    async with bench() as here:
        second = await here.helper.create_access_token()
        here.ws.url = PREFIX + "ended-long-ago"
        extend = here.helper.extend_access_token

        async def slowly(token: str) -> None:
            try:
                await extend(token)
            finally:
                here.ws.url = PREFIX + second

        here.helper.extend_access_token = slowly  # type: ignore[method-assign]  # something happens meanwhile
        async with here.managing("ended-long-ago"):
            await here.round()
        assert here.asked == [("POST", ""), ("PUT", "ended-long-ago"), ("PUT", second)]
        assert here.ws.url == PREFIX + second


async def test_manage_survives_everything(caplog: pytest.LogCaptureFixture) -> None:
    """Maintenance, answers that are no JSON, lost connections: the next round tries again, and no log has a token."""
    caplog.set_level(logging.DEBUG)
    async with bench() as here:
        token = await here.helper.create_access_token()
        here.ws.url = PREFIX + token
        async with here.managing(token):
            for trouble in (
                lambda: here.fake.fail_request(200, body=MAINTENANCE, times=2),
                lambda: here.fake.fail_request(503, body="<html>", times=2),
                lambda: here.fake.lose_reply(times=2),  # aiohttp sends a PUT again if its first try is lost
            ):
                trouble()
                await here.round()
                assert here.ws.url == PREFIX + token
            await here.round()
            here.fake.fail_request(200, body=MAINTENANCE)
            await here.round()
        fresh = here.ws.url.removeprefix(PREFIX)
        assert fresh not in ("", token)
        said = [record.getMessage() for record in caplog.records if record.name == "topgun.helpers.gmocoin"]
        assert said == [
            "the token was extended",
            "the token could be neither extended nor replaced",
            "the token could be neither extended nor replaced",
            "no answer about the token (ServerDisconnectedError); once more in 300 s",
            "the token was extended",
            "a new token was created",
        ]
        assert not any(secret in record.getMessage() for record in caplog.records for secret in (token, fresh))


async def test_manage_ends_with_the_client() -> None:
    """A closed client cannot extend anything: that is said, and not tried again."""
    async with bench() as here:
        await here.client.close()
        with pytest.raises(ClientClosed):
            await here.helper.manage_ws_token(here.ws, "x")


def test_names() -> None:
    """`topgun.helpers` is there as a module and as an attribute, with the names that users import."""
    assert topgun.helpers.GMOCoinHelper is GMOCoinHelper  # type: ignore[attr-defined]  # loaded at its first use
    assert {"GMOCoinHelper", "GMOCoinResponseError"} <= set(topgun.helpers.__all__)  # type: ignore[attr-defined]
    assert issubclass(GMOCoinResponseError, Exception)
