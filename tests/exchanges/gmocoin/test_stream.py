"""The sockets of GMO Coin: tokens (readdress, heartbeat), pace (limit, answer), taking back (forget)."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from tests.support import FakeLink, FakeRequester, load
from topgun.credentials import Credential
from topgun.exchanges.gmocoin import EXCHANGE
from topgun.exchanges.gmocoin.stream import accepted, answer, forget, heartbeat, readdress, token_of
from topgun.testing.clock import FakeClock

HERE = Path(__file__).parent
WS_AUTH = {case["name"]: case for case in load(HERE / "responses" / "ws_auth.json")}
[PACE] = load(HERE / "responses" / "rate_limit.json")
SUBSCRIBE = load(HERE / "frames" / "subscribe_error.json")[0]["subscribe"]
CREATE, EXTEND, REFUSED = (WS_AUTH[name]["response"] for name in ("create", "extend", "extend refused"))
AUTH = WS_AUTH["create"]["request"]["url"]
OLD, NEW = "old-token-0123456789", CREATE["data"]
MAINTENANCE = load(HERE / "responses" / "rest_error.json")[0]["response"]
SOCKET = f"wss://api.coin.z.com/ws/private/v1/{OLD}"
KEY = Credential("KEYgmocoin0000001", b"SECgmocoin0000001")


class Asked(FakeRequester):
    """A client that answers one thing after the other; an exception is raised."""

    def __init__(self, *answers: Any, clock: FakeClock | None = None) -> None:
        super().__init__(clock)
        self._queue = list(answers)

    async def request_json(self, method: str, url: str, **kwargs: Any) -> Any:
        self.asked.append((method, url, kwargs))
        given = self._queue.pop(0)
        if isinstance(given, Exception):
            raise given
        return given


def put(token: str = OLD, auth: str = AUTH) -> tuple[str, str, dict[str, Any]]:
    return "PUT", auth, {"data": {"token": token}}


def test_token_of() -> None:
    """Only the URL of a private socket has one."""
    urls = (SOCKET, URL(SOCKET), "wss://api.coin.z.com/ws/public/v1", AUTH, None)
    assert [token_of(url) for url in urls] == [OLD, OLD, "", "", ""]


def test_accepted() -> None:
    """The samples that report success, and everything else."""
    assert [accepted(case["response"]) for case in WS_AUTH.values()] == [True, True, True, False]
    assert not any(accepted(answer) for answer in (None, [], "x", {}, {"status": None}, MAINTENANCE))


# -- readdress -----------------------------------------------------------------------------------------------------


async def test_readdress_of_a_public_socket() -> None:
    """Nobody is asked."""
    client, url = Asked(), URL("wss://api.coin.z.com/ws/public/v1")
    assert await readdress(url, client) == url
    assert client.asked == []


async def test_readdress_with_a_token_that_is_valid() -> None:
    """It is extended, and used again."""
    client = Asked(EXTEND)
    assert str(await readdress(URL(SOCKET), client)) == SOCKET
    assert client.asked == [put()]


@pytest.mark.parametrize("refusal", [REFUSED, MAINTENANCE, None, "x"], ids=["refused", "maintenance", "null", "text"])
async def test_readdress_with_a_token_that_has_ended(refusal: Any) -> None:
    """There is a new one, created without a body."""
    client = Asked(refusal, CREATE)
    assert str(await readdress(URL(SOCKET), client)) == SOCKET.replace(OLD, NEW)
    assert client.asked == [put(), ("POST", AUTH, {})]


async def test_readdress_of_fx() -> None:
    """Tokens of FX come from the host of FX."""
    auth, client = AUTH.replace("api.", "forex-api."), Asked(REFUSED, CREATE)
    url = URL(SOCKET.replace("api.", "forex-api."))
    assert str(await readdress(url, client)) == f"wss://forex-api.coin.z.com/ws/private/v1/{NEW}"
    assert client.asked == [put(auth=auth), ("POST", auth, {})]


async def test_readdress_on_a_computer() -> None:
    """A socket without TLS asks without TLS."""
    client = Asked(EXTEND)
    await readdress(URL(f"ws://127.0.0.1:8080/ws/private/v1/{OLD}"), client)
    assert client.asked == [put(auth="http://127.0.0.1:8080/private/v1/ws-auth")]


@pytest.mark.parametrize("answer", [MAINTENANCE, {"status": 0}, {"status": 0, "data": 5}, [], None])
async def test_readdress_without_a_new_token(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The old URL is tried; a warning says why, and does not show the token."""
    assert str(await readdress(URL(SOCKET), Asked(REFUSED, answer))) == SOCKET
    [record] = caplog.records
    assert (record.name, record.levelname) == ("topgun.exchanges.gmocoin", "WARNING")
    assert ("ERR-5201" in record.getMessage()) == (answer is MAINTENANCE)
    assert OLD not in record.getMessage()


@pytest.mark.parametrize("answers", [(OSError("away"),), (REFUSED, OSError("away"))])
async def test_readdress_without_an_answer(answers: tuple[Any, ...]) -> None:
    """It fails, and so does the attempt to connect."""
    with pytest.raises(OSError, match="away"):
        await readdress(URL(SOCKET), Asked(*answers))


# -- heartbeat -----------------------------------------------------------------------------------------------------


def link(*answers: Any, url: str = SOCKET, key: Credential | None = KEY) -> FakeLink:
    clock = FakeClock()
    fake = FakeLink(url, key, clock)
    fake.requester = Asked(*answers, clock=clock)
    return fake


async def test_heartbeat_extends_the_token(caplog: pytest.LogCaptureFixture) -> None:
    """Every 15 minutes, whatever becomes of the time before; nothing is sent on the socket."""
    fake = link(EXTEND, OSError("away"), REFUSED, EXTEND, EXTEND)
    clock = fake.clock
    assert isinstance(clock, FakeClock)
    beating = asyncio.create_task(heartbeat(fake))
    for seconds, number in ((899, 0), (1, 1), (900, 2), (900, 3), (59, 3), (1, 4), (899, 4)):
        await clock.advance(seconds)
        assert fake.requester.asked == [put()] * number
    fake.closed = True
    await clock.advance(1)
    await beating
    assert fake.requester.asked == [put()] * 5
    assert (fake.sent, fake.dropped) == ([], [])
    said = [record.getMessage() for record in caplog.records]
    assert said == ["the token of the private socket was not extended: OSError"]


async def test_heartbeat_drops_a_socket_whose_token_has_ended() -> None:
    """Two refusals in a row, with or without a lost answer between them, end the connection: it gets a new token."""
    fake = link(REFUSED, OSError("away"), REFUSED)
    clock = fake.clock
    assert isinstance(clock, FakeClock)
    beating = asyncio.create_task(heartbeat(fake))
    await clock.advance(1019)
    assert fake.dropped == []
    await clock.advance(1)
    assert fake.dropped == ["GMO Coin does not extend the token"]
    await beating


async def test_heartbeat_ends_with_the_socket() -> None:
    """A socket that closes in the middle of a sleep takes the heartbeat along."""
    fake = link()
    beating = asyncio.create_task(heartbeat(fake))
    await asyncio.sleep(0)
    beating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beating
    assert fake.requester.asked == []


@pytest.mark.parametrize(("url", "key"), [(SOCKET, None), ("wss://api.coin.z.com/ws/public/v1", KEY)])
async def test_no_heartbeat(url: str, key: Credential | None) -> None:
    """A public socket has no token, and without a key nothing can be extended."""
    fake = link(url=url, key=key)
    await heartbeat(fake)
    assert fake.requester.asked == []


# -- limit ---------------------------------------------------------------------------------------------------------


async def test_limit_of_all_sockets_together() -> None:
    """Messages of two sockets leave one after the other, more than a second apart, and nobody asks for the status.

    The sample of the status shows what a second by the clock of GMO Coin may be: 1.6 s between its replies.
    """
    limit, clock = EXCHANGE.hosts["api.coin.z.com"].limit, FakeClock()
    assert limit is not None
    links = [FakeLink(url, KEY, clock) for url in (SOCKET, "wss://api.coin.z.com/ws/public/v1")]
    sent: list[tuple[float, Any]] = []

    async def send(message: Any, seconds: float) -> None:
        await clock.sleep(seconds)  # the time that sending takes does not count
        sent.append((clock.monotonic(), message))

    messages = [*SUBSCRIBE, *SUBSCRIBE]
    tasks = [
        asyncio.create_task(limit(links[number % 2], lambda message=message: send(message, 0.3)))
        for number, message in enumerate(messages)
    ]
    await clock.advance(10)
    await asyncio.gather(*tasks)
    assert [message for _, message in sent] == messages
    gaps = [after - before for (before, _), (after, _) in pairwise(sent)]
    assert all(1.1 < gap - 0.3 < 1.3 for gap in gaps)
    assert [fake.requester.asked for fake in links] == [[], []]
    assert [fake.fetched for fake in links] == [{}, {}]
    assert PACE["request"]["url"].endswith("/public/v1/status")


async def test_limit_when_a_socket_closes_meanwhile() -> None:
    """A message that cannot be sent, or is not waited for any more, does not hold up those behind it."""
    limit, clock = EXCHANGE.hosts["api.coin.z.com"].limit, FakeClock()
    assert limit is not None
    fake, sent = FakeLink(SOCKET, KEY, clock), list[int]()

    async def send(number: int) -> None:
        if number == 0:
            raise ConnectionError
        sent.append(number)

    tasks = [asyncio.create_task(limit(fake, lambda number=number: send(number))) for number in range(4)]
    await clock.asleep()
    tasks[1].cancel()
    await clock.advance(5)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError, asyncio.CancelledError, type(None), type(None)]
    assert sent == [2, 3]


@pytest.mark.parametrize(
    ("message", "dropped"),
    [
        (load(HERE / "frames" / "subscribe_error.json")[0]["messages"][0], True),
        ({"error": "ERR-5106 Invalid request parameter."}, False),
        ({"error": None}, False),
        ({"channel": "ticker"}, False),
        ([], False),
        (None, False),
    ],
)
async def test_answer_to_a_refused_subscription(message: Any, dropped: bool) -> None:
    """If there were too many in a second, the connection is made anew, and with it all subscriptions."""
    fake = FakeLink(SOCKET, KEY)
    assert answer(message, fake) is None  # type: ignore[func-returns-value]  # it shall send nothing
    assert (fake.closed, len(fake.dropped), fake.sent) == (dropped, dropped, [])


# -- forget --------------------------------------------------------------------------------------------------------

TRADES = {"command": "subscribe", "channel": "trades", "symbol": "BTC", "option": "TAKER_ONLY"}


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ({"command": "unsubscribe", "channel": "trades", "symbol": "BTC"}, None),
        ({"command": "unsubscribe", "channel": "trades", "symbol": "BTC", "option": "TAKER_ONLY"}, None),
        ({"command": "unsubscribe", "channel": "trades", "symbol": "BTC_JPY"}, TRADES),
        ({"command": "unsubscribe", "channel": "ticker", "symbol": "BTC"}, TRADES),
        ({"command": "unsubscribe", "channel": "orderEvents"}, TRADES),
        ({"command": "subscribe", "channel": "trades", "symbol": "BTC"}, TRADES),
        ("unsubscribe", TRADES),
    ],
)
def test_forget(message: Any, left: Any) -> None:
    """An unsubscription takes back its channel and symbol, whatever the option, and nothing else."""
    assert forget(TRADES, message) == left


def test_forget_a_private_channel() -> None:
    """Private channels have no symbol."""
    events = {"command": "subscribe", "channel": "orderEvents"}
    assert forget(events, {**events, "command": "unsubscribe"}) is None
