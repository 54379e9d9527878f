"""Orders and accounts at the fake BitTrade: from place to end, what is told of them, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from .bittrade_bot import ACCOUNT, API, ORDER, PRIVATE, Bot, ask, bot, hear, rest

PLACE = "/v1/order/orders/place"
NUMBER = 375_977_156_000_000


async def told(socket: Any) -> list[Any]:
    """Return what the account was told, and nothing else."""
    messages = await rest(socket, private=True)
    assert {message["action"] for message in messages} <= {"push"}
    return [message["data"] for message in messages]


async def balances(client: Bot) -> dict[str, tuple[str, str]]:
    """Return what is free and what is frozen of each coin."""
    found: dict[str, dict[str, str]] = {}
    for row in (await client.get(f"/v1/account/accounts/{ACCOUNT}/balance"))["list"]:
        found.setdefault(row["currency"], {})[row["type"]] = row["balance"]
    return {coin: (parts["trade"], parts["frozen"]) for coin, parts in found.items()}


# -- login and subscriptions ---------------------------------------------------------------------------------------


async def test_a_right_login() -> None:
    """Then the topics of the account can be subscribed to, and be left again."""
    async with bot() as (fake, client):
        socket = await client.account("orders#btcjpy", "orders#*", "trade.clearing#ethjpy#1", "trade.clearing#*#0")
        assert [link.api for link in fake.links()] == ["bittrade"]
        assert await ask(socket, {"action": "unsub", "ch": "orders#*"}) == {
            "action": "unsub", "code": 200, "ch": "orders#*", "data": {},
        }  # fmt: skip
        await client.post("/place", {**ORDER, "symbol": "ethjpy", "price": "1"})
        assert await told(socket) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"accessKey": "another"},
        {"signature": "x"},
        {"authType": "ws"},
        {"timestamp": "2019-09-01T18:16:16"},
        {"timestamp": None},
        {"more": "1"},
    ],
)
async def test_a_wrong_login(changes: Any) -> None:
    """It is answered with a code, and the account stays closed; so does a login without anything."""
    async with bot() as (_, client):
        socket = await client.session.ws_connect(PRIVATE)
        for login in (client.login(**changes), client.login(301), {"action": "req", "ch": "auth"}):
            answer = await ask(socket, login)
            assert answer == {"action": "req", "code": 2002, "ch": "auth", "message": "auth.fail"}
        answer = await ask(socket, {"action": "sub", "ch": "orders#btcjpy"})
        assert (answer["code"], answer["message"]) == (2002, "invalid.auth.state")


async def test_logins_in_trouble() -> None:
    """They can be refused and left without an answer by command."""
    async with bot() as (fake, client):
        socket = await client.session.ws_connect(PRIVATE)
        fake.refuse_login()
        assert (await ask(socket, client.login()))["code"] == 2002
        fake.silent_login()
        await socket.send_json(client.login())
        assert (await ask(socket, client.login()))["code"] == 200


@pytest.mark.parametrize("topic", ["orders#nopejpy", "orders", "trade.clearing#btcjpy#2", "accounts.update#3", "x#*"])
async def test_topics_that_there_are_not(topic: str) -> None:
    """They are refused by name."""
    async with bot() as (_, client):
        socket = await client.account()
        expected = {"action": "sub", "code": 2001, "ch": topic, "message": "invalid.ch"}
        assert await ask(socket, {"action": "sub", "ch": topic}) == expected
        assert (await ask(socket, "no json"))["message"] == "invalid.action"


# -- an order from place to end ------------------------------------------------------------------------------------


async def test_an_order_that_rests_and_fills() -> None:
    """It is told when it is created and with each fill; what it reserves and what it brings is in the balances."""
    async with bot() as (fake, client):
        market = fake.market("btcjpy")
        socket = await client.account("orders#btcjpy", "trade.clearing#btcjpy#0")
        price = str(market.best_bid)
        number = await client.post("/place", {**ORDER, "price": price, "client-order-id": "mine"})
        assert int(number) > NUMBER
        [created] = await told(socket)
        assert created == {
            "symbol": "btcjpy", "accountId": ACCOUNT, "orderId": int(number), "clientOrderId": "mine",
            "type": "buy-limit", "orderSize": "0.01", "orderPrice": price, "orderCreateTime": 1_700_000_000_500,
            "orderSource": "spot-api", "orderStatus": "submitted", "eventType": "creation",
        }  # fmt: skip
        assert (await balances(client))["jpy"] == (f"{50_000_000 - int(price) // 100}", f"{int(price) // 100}")
        [row] = await client.get("/v1/order/openOrders?account-id=100009&symbol=btcjpy")
        assert row == await client.get(f"/v1/order/orders/{number}")
        assert (row["id"], row["state"], row["filled-amount"]) == (int(number), "submitted", "0")

        market.fill("0.004")
        market.fill()
        first, clearing, second, _ = sorted(await told(socket), key=lambda row: (row["tradeId"], "orderSide" in row))
        assert [(row["orderStatus"], row["execAmt"], row["remainAmt"]) for row in (first, second)] == [
            ("partial-filled", "0.004", "0.006"),
            ("filled", "0.01", "0"),
        ]
        assert (first["tradePrice"], first["tradeVolume"], first["aggressor"]) == (price, "0.004", False)
        assert (clearing["eventType"], clearing["feeCurrency"], clearing["orderSide"]) == ("trade", "btc", "buy")
        assert await balances(client) == {
            "jpy": (f"{50_000_000 - int(price) // 100}", "0"), "btc": ("10.01", "0"), "eth": ("100", "0"),
        }  # fmt: skip
        assert await client.get("/v1/order/openOrders") == []
        assert (await client.get(f"/v1/order/orders/{number}"))["state"] == "filled"


async def test_an_order_that_takes() -> None:
    """It is told as created, then with its fills, as the one that came last."""
    async with bot() as (fake, client):
        socket = await client.account("orders#*")
        price = str(fake.market("ethjpy").best_bid)
        await client.post("/place", {**ORDER, "symbol": "ethjpy", "type": "sell-ioc", "price": price, "amount": "0.01"})
        created, filled = await told(socket)
        assert (created["eventType"], filled["eventType"], filled["orderStatus"]) == ("creation", "trade", "filled")
        assert filled["aggressor"] is True
        await client.post("/place", {**ORDER, "symbol": "ethjpy", "type": "sell-market", "amount": "0.5", "price": ""})
        assert (await told(socket))[0]["orderPrice"] == "0"
        assert (await balances(client))["eth"] == ("99.49", "0")


async def test_cancels() -> None:
    """One by its id, several at once, all of a symbol or a side; each end is told, in mode 1 as clearing too."""
    async with bot() as (_, client):
        socket = await client.account("orders#*", "trade.clearing#btcjpy#1")
        numbers = [await client.post("/place", {**ORDER, "price": str(9_000_000 + each)}) for each in range(3)]
        sell = await client.post("/place", {**ORDER, "type": "sell-limit", "price": "99000000"})
        other = await client.post("/place", {**ORDER, "symbol": "ethjpy", "price": "1"})
        await told(socket)
        assert await client.post(f"/{numbers[0]}/submitcancel") == numbers[0]
        ended, clearing = await told(socket)
        assert (ended["orderStatus"], ended["eventType"], ended["remainAmt"]) == ("canceled", "cancellation", "0.01")
        assert (clearing["eventType"], clearing["orderStatus"], clearing["remainAmt"]) == (
            "cancellation", "canceled", "0.01",
        )  # fmt: skip
        answer = await client.post("/batchcancel", {"order-ids": [numbers[1], numbers[0], "1"]})
        assert answer["success"] == [numbers[1]]
        assert [each["err-code"] for each in answer["failed"]] == ["order-orderstate-error", "base-record-invalid"]
        everything = {"account-id": str(ACCOUNT)}
        done = await client.post("/batchCancelOpenOrders", {**everything, "symbol": "btcjpy", "side": "buy"})
        assert done == {"success-count": 1, "failed-count": 0, "next-id": -1}
        assert {str(row["id"]) for row in await client.get("/v1/order/openOrders")} == {sell, other}
        assert (await client.post("/batchCancelOpenOrders", everything))["success-count"] == 2
        assert (await balances(client))["jpy"] == ("50000000", "0")


async def test_a_cancel_after_a_fill() -> None:
    """An order that was filled in part ends as such."""
    async with bot() as (fake, client):
        number = await client.post("/place", {**ORDER, "price": str(fake.market("btcjpy").best_bid)})
        fake.market("btcjpy").fill("0.004")
        assert (await client.get(f"/v1/order/orders/{number}"))["state"] == "partial-filled"
        await client.post(f"/{number}/submitcancel")
        assert (await client.get(f"/v1/order/orders/{number}"))["state"] == "partial-canceled"


@pytest.mark.parametrize(("kind", "end"), [("buy-limit-maker", "rejected"), ("buy-limit-fok", "canceled")])
async def test_an_order_that_cannot_be(kind: str, end: str) -> None:
    """It gets an id, and its end is told."""
    async with bot() as (fake, client):
        socket = await client.account("orders#btcjpy")
        price = str(fake.market("btcjpy").best_ask)
        await client.post("/place", {**ORDER, "type": kind, "price": price, "amount": "4.5"})
        assert (await told(socket))[-1]["orderStatus"] == end
        assert (await balances(client))["btc"] == ("10", "0")


async def test_pages_of_open_orders() -> None:
    """The latest first, as many as asked for, of one side if wanted."""
    async with bot() as (_, client):
        numbers = [int(await client.post("/place", {**ORDER, "price": str(9_000_000 + each)})) for each in range(3)]
        query = "/v1/order/openOrders?account-id=100009&symbol=btcjpy"
        assert [row["id"] for row in await client.get(f"{query}&size=2")] == numbers[:0:-1]
        assert await client.get(f"{query}&side=sell") == []
        assert "invalid size" in (await client.refused("GET", client.signed("GET", f"{query}&size=501")))[1]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"account-id": "1"}, "account-id"),
        ({"symbol": "nopejpy"}, "invalid symbol"),
        ({"type": "buy-market"}, "buy-market"),
        ({"type": "buy-stop-limit"}, "buy-stop-limit"),
        ({"type": "hold-limit"}, "hold-limit"),
        ({"type": None}, "None"),
        ({"amount": "x"}, "invalid amount"),
        ({"amount": "0"}, "invalid amount"),
        ({"amount": "NaN"}, "invalid amount"),
        ({"amount": "0.0000001"}, "invalid amount"),
        ({"amount": "0.00001"}, "min"),
        ({"price": "0.5"}, "invalid price"),
        ({"price": None}, "invalid price"),
        ({"amount": "100"}, "balance is not enough"),
        ({"type": "sell-limit", "amount": "11", "price": "99000000"}, "balance is not enough"),
        ({"client-order-id": "not this!"}, "client-order-id"),
        ({"client-order-id": 7}, "client-order-id"),
        ({"client-order-id": "taken"}, "duplicated"),
    ],
)
async def test_orders_that_are_refused(changes: Any, text: str) -> None:
    """With HTTP 200 and a text; nothing rests."""
    async with bot() as (fake, client):
        number = await client.post("/place", {**ORDER, "client-order-id": "taken"})
        await client.post(f"/{number}/submitcancel")
        url = client.signed("POST", PLACE)
        assert text in (await client.refused("POST", url, {**ORDER, **changes}))[1]
        assert fake.markets_with_orders() == []


@pytest.mark.parametrize("body", ["[1]", "1", '"x"'])
async def test_bodies_that_are_no_objects(body: str) -> None:
    """They are refused."""
    async with bot() as (_, client):
        assert (await client.refused("POST", client.signed("POST", PLACE), body))[1] == "the body is not a JSON object"


@pytest.mark.parametrize("numbers", [None, [], "1", ["1"] * 51])
async def test_several_cancels_that_are_refused(numbers: Any) -> None:
    """There have to be 1 to 50 ids."""
    async with bot() as (_, client):
        url = client.signed("POST", "/v1/order/orders/batchcancel")
        assert (await client.refused("POST", url, {"order-ids": numbers}))[1] == "invalid order-ids"
        assert "account-id" in (await client.refused("GET", client.signed("GET", "/v1/account/accounts/1/balance")))[1]
        assert (await client.refused("POST", f"{API}{PLACE}", ORDER))[0] == "api-signature-not-valid"


# -- balances ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "placed", "filled"),
    [
        ("", 0, [("btc", {"balance", "available"}), ("jpy", {"balance", "available"})]),
        ("#0", 0, [("btc", {"balance", "available"}), ("jpy", {"balance", "available"})]),
        ("#1", 4, [("btc", {"balance"}), ("btc", {"available"}), ("jpy", {"balance"}), ("jpy", {"available"})]),
        ("#2", 2, [("btc", {"balance", "available"}), ("jpy", {"balance", "available"})]),
    ],
)
async def test_balances_by_mode(mode: str, placed: int, filled: list[Any]) -> None:
    """All are told at the beginning; mode 0 is silent while a balance only moves; 1 tells in two messages, 2 in one."""
    async with bot() as (fake, client):
        topic = f"accounts.update{mode}"
        socket = await client.account(topic)
        begun = [await hear(socket) for _ in range(3)]
        assert {message["ch"] for message in begun} == {topic}
        assert [(row["currency"], row["balance"], row["changeType"]) for row in (each["data"] for each in begun)] == [
            ("jpy", "50000000", None), ("btc", "10", None), ("eth", "100", None),
        ]  # fmt: skip
        await client.post("/place", {**ORDER, "price": str(fake.market("btcjpy").best_bid)})
        assert len(await told(socket)) == placed
        fake.market("btcjpy").fill()
        rows = await told(socket)
        assert [(row["currency"], row.keys() & {"balance", "available"}) for row in rows] == filled
        assert [row["seqNum"] for row in rows] == sorted({row["seqNum"] for row in rows})
        assert {row["changeType"] for row in rows} == {"order.match"}
