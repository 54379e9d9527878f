"""The listenKey of a store: kept alive by a task, replaced when it is gone, known from sockets."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import topgun
from tests.support import FakeRequester, FakeSocket, load, respond
from topgun.errors import InitializeError
from topgun.exchanges.mexc import EXCHANGE, MEXCDataStore
from topgun.exchanges.mexc.listenkey import ListenKey
from topgun.testing import FakeClock, FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

URL = "https://api.mexc.com/api/v3/userDataStream"
SAMPLES = load(Path(__file__).parent / "responses" / "rest_listenkey.json")
SOCKET = "wss://wbs-api.mexc.com/ws"
HALF_HOUR = 1800.0


@asynccontextmanager
async def playing() -> AsyncIterator[tuple[FakeExchange, topgun.Client, MEXCDataStore]]:
    clock = FakeClock()
    async with (
        FakeExchange("mexc", clock=clock) as fake,
        topgun.Client(fake.apis, exchanges=(EXCHANGE,), clock=clock) as client,
    ):
        store = MEXCDataStore()
        await store.initialize(client.post(URL))
        yield fake, client, store


def asked(fake: FakeExchange) -> list[str]:
    return [request.method for request in fake.requests]


@pytest.mark.parametrize("case", SAMPLES, ids=lambda case: case["request"]["method"])
async def test_samples(case: Any) -> None:
    """The key of an answer is that of the store; those who wait are told."""
    store = MEXCDataStore()
    waiting = asyncio.create_task(store["listenkey"].wait())
    await asyncio.sleep(0)
    await store.initialize(respond(case["request"]["method"], case["request"]["url"], case["response"]))
    assert store.listenkey == case["response"]["listenKey"]
    await waiting


@pytest.mark.parametrize("data", [{}, {"listenKey": 5}, {"listenKey": ""}, []])
async def test_an_answer_without_a_key(data: Any) -> None:
    """It is an error, and the key that was there stays."""
    store = MEXCDataStore()
    with pytest.raises(InitializeError):
        await store.initialize(respond("POST", URL, data))
    assert store.listenkey is None


async def test_a_key_is_kept_alive() -> None:
    """It is extended at once and every half hour, by one task, as long as the client is open."""
    async with playing() as (fake, client, store):
        key = store.listenkey
        await fake.until(lambda: asked(fake) == ["POST", "PUT"])
        for times in (2, 3):
            await fake.clock.advance(HALF_HOUR)
            await fake.until(lambda times=times: asked(fake)[1:] == ["PUT"] * times)
        assert all(request.verified for request in fake.requests)
        await store.initialize(client.post(URL))
        assert store.listenkey != key
        await fake.clock.advance(HALF_HOUR)
        await fake.until(lambda: asked(fake)[1:] == ["PUT"] * 3 + ["POST", "PUT"])


async def test_an_extension_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged as an error without the key, and tried again."""
    async with playing() as (fake, _, store):
        await fake.until(lambda: asked(fake) == ["POST", "PUT"])
        fake.fail_request(503)
        await fake.clock.advance(HALF_HOUR)
        await fake.until(lambda: caplog.records)
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        await fake.clock.advance(30.0)
        await fake.until(lambda: asked(fake).count("PUT") == 3)
        assert len(caplog.records) == 1
        assert str(store.listenkey) not in caplog.text


async def test_a_key_that_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    """A new one is made; where that is refused too, it is tried again."""
    async with playing() as (fake, _, store):
        await fake.until(lambda: asked(fake) == ["POST", "PUT"])
        venue = fake.venue("mexc")
        key = store.listenkey
        venue.keys_of_streams.close(key)
        fake.clock_skew(60)
        await fake.clock.advance(HALF_HOUR)
        await fake.until(lambda: [record.levelno for record in caplog.records] == [logging.WARNING, logging.ERROR])
        assert "700003" in caplog.text
        fake.clock_skew(0)
        await fake.clock.advance(30.0)
        await fake.until(lambda: store.listenkey != key)


async def test_sockets_use_the_new_key(caplog: pytest.LogCaptureFixture) -> None:
    """A socket whose key is gone comes back with another one, and the store knows that one."""
    async with playing() as (fake, client, store):
        key = store.listenkey
        channel = "spot@private.orders.v3.api.pb"
        app = await client.ws_connect(
            f"{SOCKET}?listenKey={key}",
            send_json={"method": "SUBSCRIPTION", "params": [channel]},
            hdlr_json=store.onmessage,
        )
        await app.ready()
        venue = fake.venue("mexc")
        await fake.until(lambda: asked(fake).count("PUT") == 1)
        venue.keys_of_streams.close(key)
        await fake.clock.advance(HALF_HOUR)
        async with asyncio.timeout(5):
            while not (store.listenkey != key and channel in venue.links()[-1].topics):
                await fake.clock.advance(1.0)
                await asyncio.sleep(0)
        assert [link.query["listenKey"] for link in venue.links()] == [store.listenkey]


async def test_a_socket_names_the_key() -> None:
    """One without a key in its URL says nothing; one that is lost is forgotten."""
    table = ListenKey("listenkey")
    table.connected(FakeSocket(SOCKET))
    assert table.value is None
    ws = FakeSocket(f"{SOCKET}?listenKey=k")
    table.connected(ws)
    assert (table.value, list(table._sockets)) == ("k", [ws])
    ws.lose()
    assert list(table._sockets) == []


async def test_a_client_that_is_closed() -> None:
    """Its task ends."""
    table, requester = ListenKey("listenkey"), FakeRequester()
    table._onresponse({"listenKey": "k"}, None, requester)  # type: ignore[arg-type]  # it does not look
    requester.closed = True
    [work] = requester.spawned
    await work
    assert requester.asked == []
