"""One socket at the exchange's end, over real TLS: what faults do to its messages and to the connection."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.support import until
from topgun.testing.link import damaged

from .toy import SOCKET, Toy, echoed, hear, numbers, subscribed, toy

if TYPE_CHECKING:
    from topgun.testing import Link

BOOK = {"book": 2, "rows": [["101", "1"], ["100", "0"]]}


async def test_what_a_link_knows() -> None:
    """It has a number, the address that was meant, every frame, and whether it is open; its repr says so in short."""
    async with toy() as (fake, session):
        socket = await session.ws_connect(f"{SOCKET}?token=secret")
        await socket.send_str('"text"')
        await socket.send_bytes(b'"bytes"')
        assert [await hear(socket), await hear(socket)] == [{"echo": "text"}, {"echo": "bytes"}]
        [link] = fake.connections
        assert (link.number, link.host, link.path, link.query) == (1, "stream.toy.test", "/ws", {"token": "secret"})
        assert link.received == ['"text"', b'"bytes"'] == fake.frames_received
        assert (link.open, link.api, repr(link)) == (True, None, "<Link 1 stream.toy.test/ws open>")
        await socket.close()
        await until(lambda: not link.open)
        assert (repr(link), fake.links()) == ("<Link 1 stream.toy.test/ws closed>", [])


async def test_a_venue_that_speaks_first() -> None:
    """What it says on a socket that has just been opened comes before any answer; a half open one says nothing."""
    async with toy() as (fake, session):
        socket = await session.ws_connect(f"{SOCKET}?welcome")
        await socket.send_str('"text"')
        assert [await hear(socket), await hear(socket)] == [{"welcome": 1}, {"echo": "text"}]
        fault = fake.half_open(lasting=True)
        silent = await session.ws_connect(f"{SOCKET}?welcome")
        fault.lift()
        await silent.send_str('"text"')
        assert await hear(silent) == {"echo": "text"}


async def test_a_venue_whose_frames_are_not_json() -> None:
    """What is sent is the encoded text: a binary frame for bytes, a text frame for text; faults strike before that."""
    async with toy() as (fake, session):
        socket = await subscribed(session, "book")
        [link] = fake.connections
        link.encode = lambda text: text[::-1].encode()
        fake.corrupt()
        for price in (80, 81):
            fake.market("TOY").order("buy", 1, price)
        broken, whole = [(await socket.receive_bytes(timeout=5))[::-1].decode() for _ in range(2)]
        assert json.loads(whole) == {"book": 3, "rows": [["81", "1"]]}
        with pytest.raises(json.JSONDecodeError):
            json.loads(broken)
        link.encode = "42".__add__
        await socket.send_str('"text"')
        assert await socket.receive_str(timeout=5) == '42{"echo": "text"}'


@pytest.mark.parametrize(
    ("command", "options", "expected"),
    [
        ("gap", {}, [3, 4, 5]),
        ("gap", {"times": 2}, [4, 5]),
        ("duplicate", {}, [2, 2, 3, 4, 5]),
        ("reorder", {}, [3, 2, 4, 5]),
        ("reorder", {"times": 2}, [3, 2, 5, 4]),
        ("gap", {"topic": "trades"}, [2, 3, 4, 5]),
        ("gap", {"host": "rest."}, [2, 3, 4, 5]),
        ("gap", {"path": "/other"}, [2, 3, 4, 5]),
    ],
)
async def test_faults_of_messages(command: str, options: dict[str, object], expected: list[int]) -> None:
    """Updates are left out, doubled, or told after the one that follows; the others come in order."""
    async with toy() as (fake, session):
        socket = await subscribed(session, "book")
        fault = getattr(fake, command)(**options)
        for price in range(80, 84):
            fake.market("TOY").order("buy", 1, price)
        assert numbers(await echoed(socket)) == expected
        assert fault.used == (0 if expected == [2, 3, 4, 5] else options.get("times", 1))


async def test_a_gap_while_a_message_is_late() -> None:
    """The late message comes all the same, in the place of the one that is lost."""
    async with toy() as (fake, session):
        socket = await subscribed(session, "book")
        fake.reorder()
        fake.market("TOY").order("buy", 1, 80)
        fake.gap()
        for price in (81, 82):
            fake.market("TOY").order("buy", 1, price)
        assert numbers(await echoed(socket)) == [2, 4]


async def test_events_are_struck_by_name_alone() -> None:
    """A fault without a topic passes by the stream of trades; one that names it strikes."""
    async with toy() as (fake, session):
        socket = await subscribed(session, "trades")
        fake.gap()
        fake.market("TOY").trade("buy", 1)
        assert len(await echoed(socket)) == 1
        fake.duplicate("trades")
        fake.market("TOY").trade("buy", 1)
        first, second = await echoed(socket)
        assert first == second
        fake.gap("trades")
        fake.market("TOY").trade("buy", 1)
        assert await echoed(socket) == []


async def test_half_a_message() -> None:
    """A corrupted message ends in the middle of its JSON; the next is whole."""
    async with toy() as (fake, session):
        socket = await subscribed(session, "book")
        fake.corrupt()
        for price in (80, 81):
            fake.market("TOY").order("buy", 1, price)
        broken, whole = await echoed(socket)
        with pytest.raises(ValueError, match=r"Expecting|Unterminated|Extra"):
            json.loads(broken)
        assert '{"book": 2, "rows": [["80", "1"]]}'.startswith(broken)
        assert json.loads(whole)["book"] == 3


async def test_a_row_without_values() -> None:
    """With ``row`` the message is sound JSON whose first row says nothing; a message without rows is left alone."""
    async with toy() as (fake, session):
        socket = await subscribed(session, "trades", "book")
        [link] = fake.links()
        fault = fake.corrupt("*", row=True)
        link.send({"book": 0, "rows": []}, topic="book", update=True)
        assert [json.loads(text) for text in await echoed(socket)] == [{"book": 0, "rows": []}]
        assert fault.used == 0
        fake.market("TOY").order("buy", 1, 80)
        [text] = await echoed(socket)
        assert json.loads(text) == {"book": 2, "rows": [[None, None]]}
        assert fault.used == 1
        fake.corrupt("trades", row=True)
        fake.market("TOY").trade("buy", 1)
        *_, trades = [text for text in await echoed(socket) if "trades" in text]
        assert json.loads(trades)["trades"][0] == {"number": None}


def test_damage_is_done_to_a_copy() -> None:
    """The first row of the first list that has rows loses its values; the message itself is as it was."""
    message = {"params": {"names": ["a"], "bids": [], "asks": [{"price": 1, "size": 2}, {"price": 3, "size": 4}]}}
    before = json.dumps(message)
    assert damaged(message) == {
        "params": {"names": ["a"], "bids": [], "asks": [{"price": None, "size": None}, {"price": 3, "size": 4}]}
    }
    assert json.dumps(message) == before
    assert damaged(BOOK) == {"book": 2, "rows": [[None, None], ["100", "0"]]}
    assert damaged(["BTC", {"asks": [["1", "2"]], "bids": [["3", "4"]]}]) == [
        "BTC",
        {"asks": [[None, None]], "bids": [["3", "4"]]},
    ]


async def test_silence() -> None:
    """Topics fall silent, or one of them; requests and pings are answered all the same."""
    async with toy() as (fake, session):
        socket = await subscribed(session, "book", "trades")
        fault = fake.silence(topic="book")
        fake.market("TOY").trade("buy", 1)
        [text] = await echoed(socket)
        assert "trades" in text
        fake.silence()
        fake.market("TOY").trade("buy", 1)
        assert await echoed(socket) == []
        fake.lift()
        fake.market("TOY").trade("buy", 1)
        assert len(await echoed(socket)) == 2
        assert fault.used == 1


async def test_a_cut_connection() -> None:
    """The connection ends without a close frame, only where it is meant; the next one lives."""
    async with toy() as (fake, session):
        socket, other = await subscribed(session, "book"), await session.ws_connect(f"{SOCKET}?two")
        fake.drop(host="rest.")
        assert await echoed(socket) == []
        fake.drop(host="stream.")
        for each in (socket, other):
            message = await each.receive(timeout=5)
            assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.ERROR)
            assert each.close_code != 1000
        await until(lambda: not fake.links())
        fake.market("TOY").tick()  # nobody hears it
        assert await echoed(await subscribed(session, "book")) == []


async def test_a_lasting_cut_keeps_every_socket_away() -> None:
    """Later sockets are cut too, until the fault is lifted."""
    async with toy() as (fake, session):
        fault = fake.drop(lasting=True)
        for _ in range(2):
            socket = await session.ws_connect(SOCKET)
            assert (await socket.receive(timeout=5)).type is not aiohttp.WSMsgType.TEXT
        assert fault.used == 2
        fault.lift()
        assert await echoed(await subscribed(session, "book")) == []


async def test_a_proper_close() -> None:
    """The close frame has the code, after everything that was sent before."""
    async with toy() as (fake, session):
        socket = await subscribed(session, "book")
        fake.market("TOY").order("buy", 1, 80)
        fake.close(1012)
        assert (await hear(socket))["book"] == 2
        message = await socket.receive(timeout=5)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1012)
        await until(lambda: not fake.links())


async def test_half_open() -> None:
    """The connection stays, nothing is read and nothing comes, not even a pong; lifted it goes on."""
    async with toy() as (fake, session):
        socket = await subscribed(session, "book")
        [link] = fake.links()
        fault = fake.half_open()
        await socket.send_json("lost in between")
        fake.market("TOY").tick()
        await socket.ping()
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.2)
        assert link.open
        assert len(link.received) == 1
        fault.lift()
        assert await hear(socket) == {"echo": "lost in between"}
        fake.market("TOY").order("buy", 1, 80)
        assert numbers(await echoed(socket)) == [3]


async def test_half_open_swallows_what_was_read_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that is in the buffer when the fault strikes is not heard, and an answer to an earlier one not sent."""
    async with toy() as (fake, session):

        def struck(toy: Toy, link: Link, frame: str | bytes) -> None:
            fake.half_open()
            link.send({"echo": frame})

        monkeypatch.setattr(Toy, "hear", struck)
        socket = await session.ws_connect(SOCKET)
        await asyncio.gather(*(socket.send_json(number) for number in range(3)))  # one write, so one read
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.2)
        assert fake.frames_received == ["0"]


@pytest.mark.parametrize(("command", "expected"), [("refuse_login", "refuse"), ("silent_login", None)])
async def test_logins(command: str, expected: str | None) -> None:
    """The next login is refused, or not answered; the one after is honest."""
    async with toy() as (fake, session):
        socket = await session.ws_connect(SOCKET)
        getattr(fake, command)(host="stream.", path="/ws")
        await socket.send_json({"login": 1})
        assert [json.loads(text)["login"] for text in await echoed(socket)] == ([expected] if expected else [])
        await socket.send_json({"login": 2})
        assert [json.loads(text)["login"] for text in await echoed(socket)] == ["honest"]
