"""The fake of bitbank against the protocol: signatures, Socket.IO, rooms, orders, PubNub; heard by plain aiohttp."""

from __future__ import annotations

import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tests.support import load
from topgun.clock import Instant
from topgun.testing import FakeClock, FakeExchange
from topgun.testing.venue import Request
from topgun.testing.venues.bitbank import Bitbank

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse

FIXTURES = Path(__file__).parents[2] / "exchanges" / "bitbank"
SAMPLE = load(FIXTURES / "vectors" / "rest.json")
MESSAGES = {each["method"]: each for case in load(FIXTURES / "frames" / "private.json") for each in case["messages"]}
LISTED = {case["name"]: case["response"]["data"] for case in load(FIXTURES / "responses" / "rest.json")[:3]}
OLDER, NEWER = (f"wss://stream.bitbank.cc/socket.io/?EIO={version}&transport=websocket" for version in (3, 4))
PAIR = "btc_jpy"
ORDER = {"pair": PAIR, "side": "buy", "type": "limit", "price": "14000000", "amount": "0.0100"}


class Bot:
    """A bot that signs by the documented formula."""

    def __init__(self, fake: FakeExchange, session: aiohttp.ClientSession) -> None:
        self.fake, self.session = fake, session
        self.key, self.secret = fake.apis["bitbank"]

    async def ask(self, target: str, data: Any = None, ms: int = 0, window: str = "", **changes: str) -> Any:
        time = str(self.fake.clock.now().ms + ms)
        body = data if isinstance(data, str) else json.dumps(data)
        text = time + window + (target if data is None else body)
        headers = {
            "ACCESS-KEY": self.key,
            "ACCESS-REQUEST-TIME": time,
            "ACCESS-SIGNATURE": hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest(),
            **({"ACCESS-TIME-WINDOW": window} if window else {}),
            **changes,
        }
        method, sent = ("GET", None) if data is None else ("POST", body)
        url = f"https://api.bitbank.cc{target}"
        async with self.session.request(method, url, data=sent, headers=headers) as response:
            return await response.json()

    async def asked(self, path: str, data: Any = None) -> Any:
        """Return what a good answer holds."""
        answer = await self.ask(f"/v1/user/{path}", data)
        assert (set(answer), answer["success"]) == ({"success", "data"}, 1), answer
        return answer["data"]

    async def refused(self, path: str, data: Any = None, **how: Any) -> int:
        """Return the code of a refusal."""
        answer = await self.ask(f"/v1/user/{path}", data, **how)
        assert (set(answer), answer["success"], set(answer["data"])) == ({"success", "data"}, 0, {"code"}), answer
        return int(answer["data"]["code"])

    async def poll(self, tt: Any = None, token: str = "", channel: str = "1234567890", **more: Any) -> tuple[int, Any]:
        url = f"https://ps.pndsn.com/v2/subscribe/sub-c-ecebae8e-dd60-11e6-b6b1-02ee2ddab7fe/{channel}/0"
        query = {"uuid": "1234567890", **({} if tt is None else {"tt": tt, "tr": "33"}), "auth": token, **more}
        async with self.session.get(url, params=query) as response:
            return response.status, await response.json()

    async def socket(self, *rooms: str) -> ClientWebSocketResponse:
        """Open a socket of the older version and join rooms."""
        socket = await self.session.ws_connect(OLDER)
        assert [(await hear(socket))[:2] for _ in range(2)] == ["0{", "40"]
        for room in rooms:
            await socket.send_str(f'42["join-room","{room}"]')
        return socket


async def hear(socket: ClientWebSocketResponse) -> str:
    return await socket.receive_str(timeout=5)


async def told(socket: ClientWebSocketResponse, room: str) -> Any:
    """Return what the next frame tells, which belongs to a room."""
    frame = await hear(socket)
    assert frame.startswith("42")
    name, message = json.loads(frame[2:])
    assert (name, set(message), set(message["message"])) == ("message", {"room_name", "message"}, {"data"})
    assert message["room_name"] == room
    return message["message"]["data"]


@asynccontextmanager
async def bot(**options: Any) -> AsyncIterator[tuple[FakeExchange, Bot]]:
    async with (
        FakeExchange("bitbank", **options) as fake,
        aiohttp.ClientSession(connector=fake.connector()) as session,
    ):
        yield fake, Bot(fake, session)


# --- signatures ---


@pytest.mark.parametrize("vector", SAMPLE["requests"], ids=lambda vector: vector["name"])
def test_right_signatures_are_accepted(vector: dict[str, Any]) -> None:
    """The signed vectors are right in their window of time and at no other; nor with another byte."""
    start, later = round(SAMPLE["clock"] * 1000), 0
    here = Bitbank(lambda: Instant((start + later) * 1_000_000), list, apis=SAMPLE["apis"])
    sent, url = vector["sent"], URL(vector["url"])

    def accepts(ms: int = 0, body: str = "", target: str = "", **changes: str) -> bool:
        nonlocal later
        later = ms
        target = sent.get("target", url.raw_path_qs) + target
        headers = {
            "ACCESS-KEY": "KEYbitbank0000001",
            "ACCESS-REQUEST-TIME": str(start),
            "ACCESS-SIGNATURE": sent["signature"],
            **({"ACCESS-TIME-WINDOW": vector["window"]} if "window" in vector else {}),
            **{f"ACCESS-{name}": value for name, value in changes.items()},
        }
        there = URL(f"https://api.bitbank.cc{target}", encoded=True)
        body = sent["body"] + body
        return here.verified(
            Request(vector["method"], there, target, CIMultiDictProxy(CIMultiDict(headers)), body.encode())
        )

    window = int(vector.get("window", 5000))
    assert [accepts(ms) for ms in (0, window, window + 1, -999, -1000)] == [True, True, False, True, False]
    assert not accepts(KEY="another")
    assert not accepts(SIGNATURE="0" * 64)
    assert not accepts(**{"TIME-WINDOW": "4999"})
    assert not accepts(**{"REQUEST-TIME": str(start + 1)})
    if vector["method"] == "GET":
        assert not accepts(target="&x=1" if "?" in sent.get("target", "") else "?x=1")
        assert accepts(body=" ")
    else:
        assert not accepts(body=" ")
        assert accepts(target="?x=1")


async def test_refusals_of_a_request() -> None:
    """Each has its code; a time or a window that is no number is one of them."""
    async with bot() as (fake, me):
        assert await me.refused("assets", **{"ACCESS-KEY": "x"}) == 20003
        assert await me.refused("assets", **{"ACCESS-SIGNATURE": "x"}) == 20005
        assert await me.refused("assets", ms=-5100) == 20001
        assert await me.refused("assets", window="60001") == 20001
        assert await me.refused("assets", window="soon") == 20001
        assert await me.refused("nothing") == 10000
        assert await me.refused("spot/order", "[1]") == 10002
        assert await me.refused("spot/order", "{") == 40017
        assert [request.verified for request in fake.requests] == [False] * 5 + [True] * 3


async def test_public_questions() -> None:
    """Ticker, book and trades of a pair; anything else is not there."""
    async with bot() as (fake, me):
        fake.market(PAIR).tick(5)

        async def get(target: str) -> tuple[int, Any]:
            async with me.session.get(f"https://public.bitbank.cc{target}") as response:
                return response.status, await response.json()

        for what, name in (("ticker", "last"), ("depth", "sequenceId"), ("transactions", "transactions")):
            status, answer = await get(f"/{PAIR}/{what}")
            assert (status, answer["success"]) == (200, 1)
            assert name in answer["data"]
        for target in ("/mona_jpy/ticker", f"/{PAIR}/nothing", "/"):
            assert await get(target) == (404, {"success": 0, "data": {"code": 10000}})
        assert all(request.verified for request in fake.requests)


# --- Socket.IO ---


async def test_older_version() -> None:
    """The namespace is open at once; a ping of the client is answered, its silence is not suffered for ever."""
    clock = FakeClock()
    async with bot(clock=clock) as (fake, me):
        socket = await me.session.ws_connect(OLDER)
        opening = await hear(socket)
        assert set(json.loads(opening[1:])) == {"sid", "upgrades", "pingInterval", "pingTimeout"}
        assert await hear(socket) == "40"
        await socket.send_str("2")
        assert await hear(socket) == "3"
        await clock.advance(84)
        fake.tick()
        await socket.send_str("2")
        assert await hear(socket) == "3"
        await clock.advance(86)
        fake.tick()
        assert (await socket.receive(timeout=5)).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


async def test_newer_version() -> None:
    """The namespace is opened when it is asked for; the server pings, and cuts off who does not answer."""
    clock = FakeClock()
    async with bot(clock=clock) as (fake, me):
        socket = await me.session.ws_connect(NEWER)
        opening = json.loads((await hear(socket))[1:])
        assert (opening["pingInterval"], opening["pingTimeout"], opening["maxPayload"]) == (25000, 20000, 1000000)
        await socket.send_str("40")
        assert set(json.loads((await hear(socket))[2:])) == {"sid"}
        for _ in range(2):
            await clock.advance(24)
            fake.tick()
            await clock.advance(1)
            fake.tick()
            assert await hear(socket) == "2"
            await socket.send_str("3")
            await fake.until(lambda: not fake._venues[0].stream._asked)  # type: ignore[attr-defined]
        await clock.advance(25)
        fake.tick()
        assert await hear(socket) == "2"
        await clock.advance(19)
        fake.tick()
        assert fake.links()
        await clock.advance(1)
        fake.tick()
        await fake.until(lambda: not fake.links())


@pytest.mark.parametrize("frame", ['42["join-room","ticker_btc_jpy"]', "2", "hello", b"42"], ids=repr)
async def test_frames_out_of_turn(frame: Any) -> None:
    """With the newer version an event before the namespace is open, or a ping of the client, ends the connection."""
    async with bot() as (fake, me):
        socket = await me.session.ws_connect(NEWER)
        await hear(socket)
        await (socket.send_bytes(frame) if isinstance(frame, bytes) else socket.send_str(frame))
        await fake.until(lambda: not fake.links())


async def test_events_that_are_none() -> None:
    """What is not JSON ends the connection; rooms that there are not stay silent."""
    async with bot() as (fake, me):
        socket = await me.socket("ticker_mona_jpy", "orders_btc_jpy")
        await socket.send_str('42["dance"]')
        await socket.send_str("2")
        assert await hear(socket) == "3"
        assert fake.links()[0].topics == {}
        await socket.send_str("42[")
        await fake.until(lambda: not fake.links())


@pytest.mark.parametrize("query", ["", "?EIO=2&transport=websocket", "?EIO=4", "?EIO=4&transport=polling"], ids=repr)
async def test_other_addresses(query: str) -> None:
    """There is a WebSocket for the versions 3 and 4, and no long polling."""
    async with bot() as (_, me):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await me.session.ws_connect(f"wss://stream.bitbank.cc/socket.io/{query}")


async def test_rooms() -> None:
    """Each tells in its form; a room that was left tells nothing more."""
    async with bot() as (fake, me):
        market = fake.market(PAIR)
        socket = await me.socket(f"circuit_break_info_{PAIR}", f"ticker_{PAIR}", f"transactions_{PAIR}")
        circuit = await told(socket, f"circuit_break_info_{PAIR}")
        sample = json.loads(load(FIXTURES / "frames" / "depth.json")[2]["messages"][0][2:])[1]["message"]["data"]
        assert set(circuit) == set(sample)
        ticker = await told(socket, f"ticker_{PAIR}")
        assert set(ticker) == {"sell", "buy", "open", "high", "low", "last", "vol", "timestamp"}
        assert Decimal(ticker["sell"]) == market.best_ask
        await socket.send_str("2")
        assert await hear(socket) == "3"
        market.trade("buy", "0.0200")
        [trade] = (await told(socket, f"transactions_{PAIR}"))["transactions"]
        assert set(trade) == {"transaction_id", "side", "price", "amount", "executed_at"}
        assert (trade["side"], trade["amount"]) == ("buy", "0.0200")
        assert (await told(socket, f"ticker_{PAIR}"))["last"] == trade["price"]
        for room in (f"ticker_{PAIR}", f"transactions_{PAIR}", f"ticker_{PAIR}"):
            await socket.send_str(f'42["leave-room","{room}"]')
        await socket.send_str("2")
        assert await hear(socket) == "3"
        market.tick(5)
        await socket.send_str("2")
        assert await hear(socket) == "3"


async def test_books() -> None:
    """A whole book at once and from time to time; changes with rising numbers of the same row in between."""
    async with bot() as (fake, me):
        market = fake.market(PAIR)
        socket = await me.socket(f"depth_diff_{PAIR}", f"depth_whole_{PAIR}")
        whole = await told(socket, f"depth_whole_{PAIR}")
        assert {"asks", "bids", "timestamp", "sequenceId", "asks_over", "bids_under"} <= set(whole)
        number = int(whole["sequenceId"])
        sides = {side: dict(whole[side]) for side in ("asks", "bids")}
        wholes = 0
        for _ in range(20):
            market.tick()
            diff = await told(socket, f"depth_diff_{PAIR}")
            assert int(diff["s"]) > number + 1
            number = int(diff["s"])
            for side, rows in (("asks", diff["a"]), ("bids", diff["b"])):
                for price, size in rows:
                    sides[side][price] = size
                    if size == "0":
                        del sides[side][price]
            if fake._venues[0].stream._views[PAIR].number % 8 == 0:  # type: ignore[attr-defined]
                wholes += 1
                whole = await told(socket, f"depth_whole_{PAIR}")
                assert int(whole["sequenceId"]) == number
                assert {side: dict(map(tuple, whole[side])) for side in sides} == sides
        assert wholes == 2
        truth = {side: dict(rows) for side, rows in market.book().items()}
        assert truth == {
            side: {Decimal(price): Decimal(size) for price, size in rows.items()} for side, rows in sides.items()
        }


# --- orders ---


async def test_the_life_of_orders() -> None:
    """Orders rest, fill in part and whole, are cancelled; assets are reserved and change."""
    async with bot() as (fake, me):
        market = fake.market(PAIR)
        first = await me.asked("spot/order", ORDER)
        assert set(LISTED["active_orders"]["orders"][0]) <= set(first)
        assert (first["status"], first["remaining_amount"]) == ("UNFILLED", "0.0100")
        second = await me.asked("spot/order", {**ORDER, "side": "sell", "price": "16000000"})
        assets = {row["asset"]: row for row in (await me.asked("assets"))["assets"]}
        assert set(MESSAGES["asset_update"]["params"][0]) == set(assets["jpy"])
        assert (assets["jpy"]["locked_amount"], assets["btc"]["locked_amount"]) == ("140000.0000", "0.0100")
        assert assets["jpy"]["free_amount"] == "49860000.0000"
        orders = (await me.asked(f"spot/active_orders?pair={PAIR}"))["orders"]
        assert [row["order_id"] for row in orders] == [second["order_id"], first["order_id"]]
        assert (await me.asked("spot/active_orders?pair=eth_jpy"))["orders"] == []
        assert len((await me.asked("spot/active_orders?count=1"))["orders"]) == 1

        market.fill("0.0040")
        named = f"spot/order?pair={PAIR}&order_id={first['order_id']}"
        row = await me.asked(named)
        assert (row["status"], row["executed_amount"], row["average_price"]) == (
            "PARTIALLY_FILLED",
            "0.0040",
            "14000000.0000",
        )
        cancelled = await me.asked("spot/cancel_order", {"pair": PAIR, "order_id": first["order_id"]})
        assert cancelled["status"] == "CANCELED_PARTIALLY_FILLED"
        assert "canceled_at" in cancelled
        market.fill()
        both = {"pair": PAIR, "order_ids": [first["order_id"], second["order_id"]]}
        info = (await me.asked("spot/orders_info", both))["orders"]
        assert [row["status"] for row in info] == ["CANCELED_PARTIALLY_FILLED", "FULLY_FILLED"]
        trades = (await me.asked(f"spot/trade_history?pair={PAIR}"))["trades"]
        assert [(row["side"], row["amount"]) for row in trades] == [("sell", "0.0100"), ("buy", "0.0040")]
        assert (await me.asked("spot/trade_history?pair=eth_jpy"))["trades"] == []
        assert len((await me.asked("spot/trade_history"))["trades"]) == 2
        assets = {row["asset"]: row["onhand_amount"] for row in (await me.asked("assets"))["assets"]}
        assert (assets["btc"], assets["jpy"]) == ("9.9940", "50104000.0000")


async def test_other_kinds_of_orders() -> None:
    """A market order is filled at once; one that may only rest and would take is over at once."""
    async with bot() as (_, me):
        bought = await me.asked("spot/order", {"pair": PAIR, "side": "buy", "type": "market", "amount": "0.0010"})
        assert (bought["status"], "price" in bought) == ("FULLY_FILLED", False)
        resting = await me.asked("spot/order", {**ORDER, "post_only": True})
        assert (resting["status"], resting["post_only"]) == ("UNFILLED", True)
        taking = await me.asked("spot/order", {**ORDER, "price": "15500000", "post_only": True})
        assert taking["status"] == "CANCELED_UNFILLED"
        third = await me.asked("spot/order", ORDER)
        ids = [resting["order_id"], taking["order_id"], third["order_id"]]
        gone = await me.asked("spot/cancel_orders", {"pair": PAIR, "order_ids": ids})
        assert [row["order_id"] for row in gone["orders"]] == [ids[0], ids[2]]
        assert {row["status"] for row in gone["orders"]} == {"CANCELED_UNFILLED"}
        assert await me.asked("confirm_deposits_all", "") == {}
        positions = await me.asked("margin/positions")
        assert (set(positions), positions["positions"]) == (set(LISTED["margin positions"]), [])


async def test_orders_that_are_refused() -> None:
    """Each refusal has its code."""
    async with bot() as (fake, me):
        for changes, code in (
            ({"pair": "mona_jpy"}, 40017),
            ({"side": "up"}, 40021),
            ({"type": "stop"}, 40024),
            ({"position_side": "long"}, 40024),
            ({"amount": "0"}, 40001),
            ({"amount": "x"}, 40001),
            ({"amount": "0.00005"}, 40001),
            ({"price": None}, 40020),
            ({"price": "0.5"}, 40020),
            ({"amount": "1000"}, 60001),
            ({"amount": "11", "side": "sell", "price": "99000000"}, 60001),
        ):
            assert await me.refused("spot/order", {**ORDER, **changes}) == code, changes
        fake.market(PAIR).market.minimum = Decimal("0.001")
        assert await me.refused("spot/order", {**ORDER, "amount": "0.0005"}) == 60004
        ids = [(await me.asked("spot/order", {**ORDER, "amount": "0.0010"}))["order_id"] for _ in range(30)]
        assert await me.refused("spot/order", ORDER) == 60011
        fake.market(PAIR).fill()
        await me.asked("spot/cancel_order", {"pair": PAIR, "order_id": ids[1]})
        assert await me.refused("spot/cancel_order", {"pair": PAIR, "order_id": ids[0]}) == 50027
        assert await me.refused("spot/cancel_order", {"pair": PAIR, "order_id": ids[1]}) == 50026
        assert await me.refused("spot/cancel_order", {"pair": PAIR, "order_id": 1}) == 50009
        assert await me.refused("spot/cancel_orders", {"pair": PAIR}) == 40014
        assert await me.refused("spot/cancel_orders", {"pair": PAIR, "order_ids": list(range(31))}) == 40015
        assert await me.refused("spot/active_orders?count=many") == 40006


# --- PubNub ---


async def test_what_an_account_is_told() -> None:
    """Each message has the fields of the samples, in the order in which things happened."""
    async with bot() as (fake, me):
        access = await me.asked("subscribe")
        assert set(access) == {"pubnub_channel", "pubnub_token"}
        _, start = await me.poll(token=access["pubnub_token"])
        assert (set(start), start["m"], start["t"]["r"]) == ({"t", "m"}, [], 33)
        order = await me.asked("spot/order", ORDER)
        fake.market(PAIR).fill("0.0040")
        await me.asked("spot/cancel_order", {"pair": PAIR, "order_id": order["order_id"]})
        await me.asked("spot/order", {**ORDER, "price": "15500000", "post_only": True})
        status, answer = await me.poll(start["t"]["t"], access["pubnub_token"])
        assert status == 200
        assert set(answer["m"][0]) == {"a", "f", "i", "p", "k", "c", "d"}
        told = [message["d"] for message in answer["m"]]
        assert [(each["method"], each["params"][0].get("status")) for each in told] == [
            ("spot_order_new", "UNFILLED"),
            ("asset_update", None),
            ("spot_trade", None),
            ("spot_order", "PARTIALLY_FILLED"),
            ("asset_update", None),
            ("spot_order", "CANCELED_PARTIALLY_FILLED"),
            ("asset_update", None),
            ("spot_order_new", "CANCELED_UNFILLED"),
            ("asset_update", None),
        ]
        optional = {"position_side", "profit_loss", "interest", "canceled_at", "executed_at"}
        for each in told:
            assert set(MESSAGES[each["method"]]["params"][0]) - optional <= set(each["params"][0])
        times = [int(message["p"]["t"]) for message in answer["m"]]
        assert times == sorted(set(times))
        assert int(answer["t"]["t"]) == times[-1] + 1
        again = await me.poll(start["t"]["t"], access["pubnub_token"])
        assert again == (200, answer)


async def test_refused_polls() -> None:
    """Without a right token, for a foreign channel, with a time token that is none, at another address."""
    async with bot() as (fake, me):
        token = (await me.asked("subscribe"))["pubnub_token"]
        denied = {"error": True, "status": 403, "service": "Access Manager"}
        assert await me.poll(token="x") == (403, denied)
        assert (await me.poll(token=token, uuid="other", channel="other"))[0] == 403
        assert (await me.poll(token=token, tt="x"))[0] == 400
        assert (await me.poll(token=token, channel="other"))[0] == 404
        assert not any(request.verified for request in fake.requests[1:])


async def test_a_client_that_has_gone() -> None:
    """A poll that nobody waits for any more takes nothing away."""
    async with bot() as (fake, me):
        venue: Any = fake._venues[0]
        token = (await me.asked("subscribe"))["pubnub_token"]
        _, start = await me.poll(token=token)
        with pytest.raises(TimeoutError):
            await me.session.get(
                f"https://ps.pndsn.com{fake.requests[-1].path}",
                params={"uuid": "1234567890", "tt": start["t"]["t"], "tr": "33", "auth": token},
                timeout=aiohttp.ClientTimeout(total=0.05),
            )
        venue.pubnub._waiting[0].reply.cancel()  # as the server does when it ends
        venue.pubnub.publish("1234567890", {"n": 1})
        assert venue.pubnub._waiting == []
        assert [message["d"] for message in (await me.poll(start["t"]["t"], token))[1]["m"]] == [{"n": 1}]
