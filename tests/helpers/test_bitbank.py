"""The private stream of bitbank: every request of the sample set, renewed tokens, polls that fail, and nothing lost."""

from __future__ import annotations

import asyncio
import inspect
import json
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from yarl import URL

import topgun
from tests.support import load, until
from tests.wire import Arrived, Wire
from topgun.errors import ClientClosed
from topgun.helpers import bitbank as helper
from topgun.helpers.bitbank import fetch_channel_and_token, fetch_subscribe, subscribe, subscribe_with_callback
from topgun.testing import FakeClock, FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PAIRS = load(Path(__file__).parents[1] / "exchanges" / "bitbank" / "responses" / "pubnub.json")
GRANT, REFUSAL, FIRST, NEXT, EXPIRED, BAD = PAIRS
KEY = "sub-c-ecebae8e-dd60-11e6-b6b1-02ee2ddab7fe"
CHANNEL, TOKEN = "1234567890", "xxxxxxxxxx"
POLL = "/v2/subscribe"
DENIED = json.dumps({"error": True, "status": 403, "service": "Access Manager", "message": "Forbidden"})
STALE = json.dumps(EXPIRED["response"])


def test_names() -> None:
    """The module has these names, and functions that are called as users call them."""
    typed = {"BaseResponse", "ChannelAndToken", "SubscribeResponse", "TimeToken", "SubscribeMessage"}
    functions = {"subscribe", "subscribe_with_callback", "fetch_channel_and_token", "fetch_subscribe"}
    assert set(helper.__all__) == typed | functions
    servers = ["bitbank_server", "pubnub_server", "subscribe_key"]
    start = ["channel", "token", "tt", "tr"]
    for function, expected in (
        (subscribe, ["client", *start, *servers]),
        (subscribe_with_callback, ["client", "callback", *start, *servers]),
        (fetch_subscribe, ["client", *start, *servers[1:]]),
        (fetch_channel_and_token, ["client", *servers[:1]]),
    ):
        parameters = inspect.signature(function).parameters
        assert list(parameters) == expected
        for name, parameter in parameters.items():
            if name in ("client", "callback"):
                assert parameter.kind is inspect.Parameter.POSITIONAL_ONLY
            elif name in servers:
                assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
            elif name != "channel":
                assert parameter.default is None
    defaults = {name: each.default for name, each in inspect.signature(subscribe).parameters.items() if name in servers}
    assert list(defaults.values()) == ["https://api.bitbank.cc", "https://ps.pndsn.com", KEY]
    assert {name: list(getattr(helper, name).__annotations__) for name in typed} == {
        "BaseResponse": ["success", "data"],
        "ChannelAndToken": ["pubnub_channel", "pubnub_token"],
        "SubscribeResponse": ["t", "m"],
        "TimeToken": ["t", "r"],
        "SubscribeMessage": ["a", "f", "p", "k", "c", "d"],
    }
    assert topgun.helpers.bitbank is helper


# -- the sample set ------------------------------------------------------------------------------------------------


class Script:
    """A server that answers with the pairs of a script, one after the other, and then not at all."""

    def __init__(self, *pairs: Any) -> None:
        self.pairs = list(pairs)

    async def answer(self, arrived: Arrived) -> Any:
        if not self.pairs:
            await asyncio.Event().wait()
        pair = self.pairs.pop(0)
        wanted = URL(pair["request"]["url"], encoded=True)
        assert (arrived.method, arrived.target) == (pair["request"]["method"], wanted.raw_path_qs)
        body = pair["response"] if isinstance(pair["response"], str) else json.dumps(pair["response"])
        return aiohttp.web.Response(status=pair.get("status", 200), text=body, content_type="text/javascript")


@asynccontextmanager
async def scripted(*pairs: Any, clock: FakeClock | None = None) -> AsyncIterator[tuple[topgun.Client, dict[str, Any]]]:
    script = Script(*pairs)
    clocks = {} if clock is None else {"clock": clock}
    async with Wire(script.answer) as wire, topgun.Client({}, **clocks) as client:  # type: ignore[arg-type]
        yield client, {"bitbank_server": wire.url(""), "pubnub_server": wire.url("")}
    assert script.pairs == []


async def test_channel_and_token() -> None:
    """They are what bitbank gives; a refusal is a ValueError with its body."""
    async with scripted(GRANT, REFUSAL) as (client, servers):
        assert await fetch_channel_and_token(client, bitbank_server=servers["bitbank_server"]) == {
            "pubnub_channel": CHANNEL,
            "pubnub_token": TOKEN,
        }
        with pytest.raises(ValueError) as caught:
            await fetch_channel_and_token(client, bitbank_server=servers["bitbank_server"])
        assert caught.value.args == (REFUSAL["response"],)


async def test_one_poll() -> None:
    """The query has the arguments that are there, in order; the answer is decoded whatever its type says."""
    other = {**FIRST, "request": {"method": "GET", "url": "https://ps.pndsn.com/v2/subscribe/mine/c/0?uuid=c"}}
    async with scripted(FIRST, NEXT, EXPIRED, BAD, other) as (client, servers):
        where = {"pubnub_server": servers["pubnub_server"]}
        first = await fetch_subscribe(client, CHANNEL, TOKEN, **where)
        assert first == FIRST["response"]
        answer = await fetch_subscribe(client, CHANNEL, TOKEN, first["t"]["t"], str(first["t"]["r"]), **where)
        assert answer == NEXT["response"]
        for pair in (EXPIRED, BAD):
            query = URL(pair["request"]["url"]).query
            with pytest.raises(ValueError) as caught:
                await fetch_subscribe(
                    client, CHANNEL, token=query["auth"], tt=query.get("tt"), tr=query.get("tr"), **where
                )
            assert caught.value.args == (pair["response"],)
        assert await fetch_subscribe(client, "c", subscribe_key="mine", **where) == FIRST["response"]


async def test_answers_one_after_the_other() -> None:
    """A token is fetched, each poll goes on from the one before, and a token that expires is renewed on the way."""
    renewed = {**GRANT, "response": {"success": 1, "data": {"pubnub_channel": CHANNEL, "pubnub_token": "new"}}}
    url = EXPIRED["request"]["url"].replace(TOKEN, "new")
    empty = {"request": {"method": "GET", "url": url}, "response": {"t": NEXT["response"]["t"], "m": []}}
    async with scripted(GRANT, FIRST, NEXT, EXPIRED, renewed, empty, empty) as (client, servers):
        answers = []
        async for answer in subscribe(client, **servers):
            answers.append(answer)
            if len(answers) == 4:
                break
        assert answers == [pair["response"] for pair in (FIRST, NEXT, empty, empty)]


async def test_callback() -> None:
    """The callback gets the content of each message, and nothing else."""
    heard: list[Any] = []
    async with scripted(FIRST, NEXT) as (client, servers):
        task = asyncio.create_task(subscribe_with_callback(client, heard.append, CHANNEL, TOKEN, **servers))
        await until(lambda: heard)
        task.cancel()
        assert heard == NEXT["callback_receives"]


async def test_start_somewhere() -> None:
    """Time token and region that are given are where it begins."""
    heard: list[Any] = []
    time = FIRST["response"]["t"]
    async with scripted(NEXT) as (client, servers):
        task = asyncio.create_task(
            subscribe_with_callback(client, heard.append, CHANNEL, TOKEN, time["t"], str(time["r"]), **servers)
        )
        await until(lambda: heard)
        task.cancel()


@pytest.mark.parametrize("given", [(CHANNEL, None), (None, TOKEN)], ids=repr)
async def test_half_of_what_is_needed(given: Any) -> None:
    """Without a channel or without a token both are fetched."""
    async with scripted(GRANT, FIRST) as (client, servers):
        answers = subscribe(client, *given, **servers)
        assert await anext(answers) == FIRST["response"]
        await answers.aclose()


async def test_an_error_of_the_callback() -> None:
    """It ends the subscription and is not hidden."""

    def fail(_: Any) -> None:
        raise LookupError("mine")

    async with scripted(FIRST, NEXT) as (client, servers):
        with pytest.raises(LookupError, match="mine"):
            await subscribe_with_callback(client, fail, CHANNEL, TOKEN, **servers)


# -- tokens that are not accepted ----------------------------------------------------------------------------------

FORBIDDEN = {**FIRST, "status": 403, "response": json.loads(DENIED)}
LIMITED = {**FIRST, "status": 200, "response": {"message": "Token is expired."}}


@pytest.mark.parametrize(
    "pair", [{**EXPIRED, "request": FIRST["request"]}, FORBIDDEN, LIMITED], ids=lambda it: str(it["response"])
)
async def test_renewed_once(pair: Any) -> None:
    """A token of unknown age is replaced; a fresh one that is not accepted either is an error."""
    async with scripted(pair, GRANT, pair) as (client, servers):
        with pytest.raises(ValueError) as caught:
            await subscribe_with_callback(client, print, CHANNEL, TOKEN, **servers)
        assert caught.value.args == (pair["response"],)
    async with scripted(GRANT, pair) as (client, servers):
        with pytest.raises(ValueError):
            await anext(subscribe(client, **servers))


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, {"message": "Invalid"}), (403, "<html>"), (200, {"t": 1}), (200, []), (404, {})],
    ids=repr,
)
async def test_other_refusals(status: int, body: Any) -> None:
    """Any other refusal is raised at once, with its body."""
    async with scripted({**FIRST, "status": status, "response": body}) as (client, servers):
        with pytest.raises(ValueError) as caught:
            await subscribe_with_callback(client, print, CHANNEL, TOKEN, **servers)
        assert caught.value.args == (body,)


async def test_a_refused_key(caplog: pytest.LogCaptureFixture) -> None:
    """It is one error that says what bitbank has answered."""
    async with FakeExchange("bitbank") as fake, topgun.Client({"bitbank": ["wrong", "key"]}) as client:
        with pytest.raises(ValueError) as caught:
            await subscribe_with_callback(client, print)
        assert caught.value.args == ({"success": 0, "data": {"code": 20003}},)
        assert len(fake.requests) == 1
    assert caplog.records == []


# -- nothing is lost -----------------------------------------------------------------------------------------------


class Listening:
    """A fake with a subscription; messages are numbers."""

    def __init__(self, fake: FakeExchange, client: topgun.Client, clock: FakeClock) -> None:
        self.fake, self.clock, self.client = fake, clock, client
        self.venue: Any = fake._venues[0]
        self.heard: list[Any] = []
        self.sent = 0
        self.task = asyncio.create_task(subscribe_with_callback(client, self.heard.append))

    def publish(self, number: int = 1) -> None:
        for _ in range(number):
            self.sent += 1
            self.venue.pubnub.publish(CHANNEL, self.sent)

    @property
    def polls(self) -> list[Any]:
        return [request for request in self.fake.requests if request.path.startswith(POLL)]

    async def polling(self) -> None:
        """Wait until a poll is held."""
        await until(lambda: self.venue.pubnub._waiting)

    async def complete(self) -> None:
        """Wait until everything was heard, once and in order."""
        await until(lambda: len(self.heard) >= self.sent)
        await self.polling()
        assert self.heard == list(range(1, self.sent + 1))


@asynccontextmanager
async def listening() -> AsyncIterator[Listening]:
    clock = FakeClock()
    async with FakeExchange("bitbank", clock=clock) as fake, topgun.Client(fake.apis, clock=clock) as client:
        bot = Listening(fake, client, clock)
        try:
            await bot.polling()
            yield bot
        finally:
            bot.task.cancel()
            await asyncio.gather(bot.task, return_exceptions=True)


async def test_between_polls() -> None:
    """What is published while no poll is held comes with the next one."""
    async with listening() as bot:
        for number in (1, 5, 20):
            bot.publish(number)
            await bot.complete()
        assert all(request.verified for request in bot.fake.requests)


async def test_a_poll_without_news() -> None:
    """After 280 s PubNub answers without messages, and the next poll goes on; that takes no failure and no wait."""
    async with listening() as bot:
        await bot.clock.advance(281)
        bot.fake.tick()
        await until(lambda: len(bot.polls) == 3)
        bot.publish()
        await bot.complete()
        assert bot.clock.sleeps == []


@pytest.mark.parametrize("way", ["by the clock", "in the answer"])
async def test_over_the_end_of_a_token(way: str) -> None:
    """A new token is fetched, and the next poll goes on where the last one ended: nothing is lost, nothing is late."""
    async with listening() as bot:
        bot.publish()
        await bot.complete()
        if way == "by the clock":
            await bot.clock.advance(12 * 3600 + 1)
        else:
            bot.fake.fail_request(403, body=STALE, path=POLL)
        bot.publish(2)  # answers the poll that is held; the next one is refused
        bot.publish(3)
        await until(lambda: len([each for each in bot.fake.requests if each.path == "/v1/user/subscribe"]) == 2)
        bot.publish(4)
        await bot.complete()
        refused = next(request for request in bot.polls if request.status == 403)
        later = bot.polls[bot.polls.index(refused) + 1]
        assert (refused.query["tt"], refused.query["tr"]) == (later.query["tt"], later.query["tr"])
        assert refused.query["auth"] != later.query["auth"]
        assert bot.clock.sleeps == []


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
async def test_over_a_failure_of_pubnub(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged and asked again after a wait by the client's clock, from the same time token."""
    async with listening() as bot:
        bot.fake.fail_request(status, path=POLL, times=3)
        bot.publish(2)
        for number in range(3):
            await bot.clock.asleep()
            assert len(caplog.records) == number + 1
            bot.publish()
            await bot.clock.advance(bot.clock.sleeps[-1])
        await bot.complete()
        assert bot.clock.sleeps == [0.75, 1.5, 3.0]  # half of it is drawn: here the middle
        assert caplog.messages[0] == (
            f"the private stream is interrupted (HTTP {status}); the next attempt is in 0.75 s"
        )
        assert "fake-token" not in caplog.text


async def test_over_a_lost_answer(caplog: pytest.LogCaptureFixture) -> None:
    """An answer with messages that is cut off on its way is asked for again."""
    async with listening() as bot:
        bot.fake.lose_reply(path=POLL, times=2)  # aiohttp asks once again by itself
        bot.publish(2)
        await bot.clock.asleep()
        bot.publish()
        await bot.clock.advance(1)
        await bot.complete()
        assert "interrupted (ServerDisconnectedError)" in caplog.text


async def test_over_a_connection_that_breaks() -> None:
    """A poll that waits is cut off by the network: the same."""
    async with listening() as bot:
        for number in (3, 4):  # once aiohttp asks again by itself
            bot.fake.drop(host="ps.pndsn.com").lift()
            await until(lambda number=number: len(bot.polls) == number or bot.clock.sleeping)
        bot.publish(2)
        await bot.clock.advance(1)
        await bot.complete()
        assert bot.clock.sleeps == [0.75]


async def test_over_a_time_out(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A poll that is never answered is given up, later than PubNub would hold it, and asked again."""
    assert 280 < (helper._POLL.total or 0) < 400
    monkeypatch.setattr(helper, "_POLL", aiohttp.ClientTimeout(total=0.05))
    async with listening() as bot:
        await bot.clock.asleep()
        assert "interrupted (TimeoutError)" in caplog.text
        bot.publish(3)
        await bot.clock.advance(1)
        await until(lambda: len(bot.heard) == 3)
        assert bot.heard == [1, 2, 3]


async def test_over_an_error_of_the_system(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """aiohttp lets some of them through as they are."""
    fetch, errors = helper.fetch_subscribe, [ConnectionResetError("gone"), OSError("no route")]

    async def poll(*args: Any, **kwargs: Any) -> Any:
        if errors:
            raise errors.pop()
        return await fetch(*args, **kwargs)

    async with listening() as bot:
        monkeypatch.setattr(helper, "fetch_subscribe", poll)
        bot.publish()
        for wait in (0.75, 1.5):
            await bot.clock.asleep()
            bot.publish()
            await bot.clock.advance(wait)
        await bot.complete()
    told = [record.getMessage().partition(";")[0] for record in caplog.records]
    assert told == [f"the private stream is interrupted ({kind})" for kind in ("OSError", "ConnectionResetError")]
    assert errors == []


async def test_over_a_garbled_answer() -> None:
    """An answer that is no JSON, with a status that says it is one, is asked for again."""
    async with listening() as bot:
        bot.fake.fail_request(200, body='{"t":{"t":"1', path=POLL)
        bot.publish(2)
        await bot.clock.asleep()
        await bot.clock.advance(1)
        await bot.complete()


async def test_over_a_failure_of_bitbank() -> None:
    """While the token is fetched, at the beginning or for a renewal, a failure is waited out as well."""
    async with listening() as bot:
        bot.fake.fail_request(403, body=STALE, path=POLL)
        bot.fake.fail_request(502, path="/v1/user/subscribe")
        bot.fake.lose_reply(path="/v1/user/subscribe", times=2)
        bot.publish(2)
        for _ in range(2):
            await bot.clock.asleep()
            await bot.clock.advance(2)
        await bot.complete()
    clock = FakeClock()
    async with FakeExchange("bitbank", clock=clock) as fake, topgun.Client(fake.apis, clock=clock) as client:
        fake.fail_request(503, path="/v1/user/subscribe")
        answer = asyncio.create_task(anext(subscribe(client)))
        await clock.asleep()
        await clock.advance(1)
        assert (await answer)["m"] == []


async def test_waits_grow_and_begin_anew() -> None:
    """They double up to a minute, half of each is drawn; after a good answer the next failure waits shortly again."""
    clock = FakeClock()
    async with topgun.Client({}, clock=clock) as client:
        polls = helper._Polls(client, (None,) * 4, "", {}, helper._Feed(None))
        assert list(islice(polls._waits(), 9)) == [0.75, 1.5, 3.0, 6.0, 12.0, 24.0, 45.0, 45.0, 45.0]
    async with listening() as bot:
        for _ in range(2):
            bot.fake.fail_request(503, path=POLL)
            bot.publish()
            await bot.clock.asleep()
            await bot.clock.advance(1)
            await bot.complete()
        assert bot.clock.sleeps == [0.75, 0.75]


async def test_a_closed_client() -> None:
    """The end of the client is the end of the stream: an error, and no more attempts."""
    async with FakeExchange("bitbank") as fake:
        client = topgun.Client(fake.apis)
        task = asyncio.create_task(subscribe_with_callback(client, print))
        await until(lambda: len(fake.requests) == 3)
        await client.close()
        with pytest.raises(ClientClosed):
            await asyncio.wait_for(task, 10)


# -- the store -----------------------------------------------------------------------------------------------------


async def test_a_store_knows_when_nobody_listens() -> None:
    """From the first failure its tables are stale until they are initialized again; so they are in the end."""
    clock = FakeClock()
    async with FakeExchange("bitbank", clock=clock) as fake, topgun.Client(fake.apis, clock=clock) as client:
        store = topgun.bitbankPrivateDataStore()
        venue: Any = fake._venues[0]
        task = asyncio.create_task(subscribe_with_callback(client, store.onmessage))
        await until(lambda: venue.pubnub._waiting)

        async def initialize() -> None:
            await store.initialize(
                *(client.get(f"https://api.bitbank.cc/v1/user/{path}") for path in ("assets", "spot/active_orders"))
            )

        await initialize()
        assert (store.asset.state(), store.spot_order.state()) == ("live", "live")
        fake.fail_request(503, path=POLL)
        venue.pubnub.publish(CHANNEL, {"method": "asset_update", "params": [{"asset": "jpy", "free_amount": "1"}]})
        await clock.asleep()
        assert (store.asset.state(), store.spot_order.state()) == ("stale", "stale")
        await initialize()
        assert store.asset.state() == "stale"  # nobody listens yet
        await clock.advance(1)
        await until(lambda: venue.pubnub._waiting)
        venue.pubnub.publish(CHANNEL, {"method": "asset_update", "params": [{"asset": "jpy", "free_amount": "2"}]})
        await until(lambda: store.asset.find({"asset": "jpy", "free_amount": "2"}))
        assert store.asset.state() == "stale"
        await initialize()
        assert (store.asset.state(), store.spot_order.state()) == ("live", "live")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert store.spot_order.state() == "stale"
