"""Orders at the fake of Bybit, over HTTP and over the trade socket: taken, refused, changed, told, booked."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import load
from topgun.testing import FakeClock

from .bybit_bot import BTC, ORDER, PRIVATE, TRADE, Bot, ask, bot, rest, told

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

    from topgun.testing import FakeExchange

FIXTURES = Path(__file__).parents[2] / "exchanges" / "bybit" / "frames"
D = Decimal


def sample(name: str, step: int = 0) -> Any:
    """Return the first row of a sample, from the stream or from REST."""
    case = load(FIXTURES / f"{name}.json")[step]
    return case["response"]["result"]["list"][0] if "response" in case else case["messages"][0]["data"][0]


async def row(socket: ClientWebSocketResponse, topic: str) -> Any:
    """Return the one row of the next message, which belongs to a topic."""
    message = await told(socket, topic)
    assert set(message) == {"id", "topic", "creationTime", "data"}
    [data] = message["data"]
    return data


async def filled(fake: FakeExchange, me: Bot, side: str, price: str, qty: str) -> None:
    """Send an order that is the best of its side, and fill it."""
    await me.done("create", {**ORDER, "side": side, "price": price, "qty": qty})
    fake.market("BTCUSDT").fill()


async def test_an_order_rests_fills_in_parts_and_is_done() -> None:
    """Each step is a row of the topic, REST tells the same, in the fields of the samples."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, "order.linear", "execution.linear")
        market = fake.market("BTCUSDT")
        price = f"{market.best_bid:.2f}"
        names = await me.done("create", {**ORDER, "price": price, "orderLinkId": "mine-1"})
        assert set(names) == {"orderId", "orderLinkId"}
        first = await row(socket, "order.linear")
        assert set(first) >= set(sample("order", 1)) | set(sample("order")) | {"category"}
        assert first.items() >= {**names, "orderStatus": "New", "price": price, "qty": "0.010", "side": "Buy"}.items()
        assert (first["leavesQty"], first["avgPrice"], first["cumExecFee"], first["timeInForce"]) == (
            "0.010",
            "",
            "0",
            "GTC",
        )

        market.fill("0.004")
        second = await row(socket, "order.linear")
        assert (second["orderStatus"], second["leavesQty"], second["cumExecQty"]) == (
            "PartiallyFilled",
            "0.006",
            "0.004",
        )
        fill = await row(socket, "execution.linear")
        assert set(fill) == set(sample("execution"))
        assert (fill["execQty"], fill["leavesQty"], fill["orderId"], fill["isMaker"]) == (
            "0.004",
            "0.006",
            names["orderId"],
            True,
        )
        assert D(fill["execFee"]) == D(price) * D("0.004") * D("0.0002")
        [open_] = (await me.asked("/v5/order/realtime?category=linear&symbol=BTCUSDT"))["list"]
        assert open_ == {name: value for name, value in second.items() if name != "category"}

        market.fill()
        third = await row(socket, "order.linear")
        assert (third["orderStatus"], third["leavesQty"], D(third["avgPrice"])) == ("Filled", "0.000", D(price))
        assert (third["createdTime"], third["orderLinkId"]) == (first["createdTime"], "mine-1")
        await told(socket, "execution.linear")
        assert await rest(socket) == []
        assert (await me.asked("/v5/order/realtime?category=linear&settleCoin=USDT"))["list"] == []


async def test_a_market_order_takes_several_levels() -> None:
    """One row tells the order, one message every fill."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, "order", "execution", "position", "wallet")
        market = fake.market("BTCUSDT")
        asks = market.book(2)["asks"]
        size = asks[0][1] + D("0.001")
        await me.done("create", {**ORDER, "orderType": "Market", "price": "", "qty": f"{size}", "timeInForce": "GTC"})
        order = await row(socket, "order")
        assert (order["orderStatus"], order["orderType"], order["timeInForce"]) == ("Filled", "Market", "IOC")
        fills = (await told(socket, "execution"))["data"]
        assert {fill["isMaker"] for fill in fills} == {False}
        assert (D(fills[0]["execPrice"]), D(fills[-1]["execPrice"])) == (asks[0][0], asks[1][0])
        assert sum(D(fill["execQty"]) for fill in fills) == size
        value = sum(D(fill["execValue"]) for fill in fills)
        assert D(order["cumExecValue"]) == value
        assert D(order["cumExecFee"]) == pytest.approx(value * D("0.00055"))
        position = await row(socket, "position")
        assert set(position) == set(sample("position", 1))
        assert (position["side"], D(position["size"])) == ("Buy", size)
        assert D(position["entryPrice"]) == pytest.approx(value / size)
        wallet = await row(socket, "wallet")
        assert set(wallet) == set(sample("wallet", 1))
        assert all(set(coin) == set(sample("wallet", 1)["coin"][0]) for coin in wallet["coin"])


@pytest.mark.parametrize(
    ("change", "status", "reason", "left"),
    [
        ({"timeInForce": "IOC"}, "Cancelled", "EC_NoImmediateQtyToFill", "0.001"),
        ({"timeInForce": "FOK"}, "Cancelled", "EC_NoImmediateQtyToFill", None),
        ({"timeInForce": "PostOnly"}, "Rejected", "EC_PostOnlyWillTakeLiquidity", None),
        ({"orderType": "Market"}, "Filled", "EC_NoError", "0.000"),
    ],
)
async def test_orders_that_may_not_rest(change: dict[str, str], status: str, reason: str, left: str | None) -> None:
    """The acknowledgement says that it was accepted; the topic says what became of it."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, "order")
        best, there = fake.market("BTCUSDT").book(1)["asks"][0]
        qty = f"{there + D('0.001')}"
        await me.done("create", {**ORDER, "price": f"{best}", "qty": qty, **change})
        order = await row(socket, "order")
        assert (order["orderStatus"], order["rejectReason"], order["leavesQty"]) == (status, reason, left or qty)
        assert order["cancelType"] == "UNKNOWN"
        [same] = (await me.asked("/v5/order/realtime?category=linear&symbol=BTCUSDT&openOnly=1"))["list"]
        assert same["orderStatus"] == status


async def test_changing_an_order() -> None:
    """Size and price, by either name; it may trade at once."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, "order")
        names = await me.done("create", {**ORDER, "orderLinkId": "mine-1"})
        await told(socket, "order")
        assert await me.done("amend", {**BTC, "orderLinkId": "mine-1", "qty": "0.020"}) == names
        order = await row(socket, "order")
        assert (order["qty"], order["price"], order["orderStatus"]) == ("0.020", "50000.00", "New")
        ask_price = f"{fake.market('BTCUSDT').best_ask}"
        await me.done("amend", {**BTC, "orderId": names["orderId"], "price": ask_price})
        order = await row(socket, "order")
        assert D(order["cumExecQty"]) > 0
        assert order["price"] == f"{D(ask_price):.2f}"


async def test_cancelling() -> None:
    """One by either name, or all of a symbol, a coin or a category; each is told."""
    async with bot() as (_, me):
        socket = await me.socket(PRIVATE, "order")
        eth = {**ORDER, "symbol": "ETHUSDT", "price": "2000", "qty": "0.1"}
        spot = {**ORDER, "category": "spot"}
        names = [
            await me.done("create", {**order, "orderLinkId": f"mine-{number}"})
            for number, order in enumerate([ORDER, ORDER, ORDER, eth, eth, spot])
        ]
        await rest(socket)
        assert await me.done("cancel", {**BTC, "orderId": names[0]["orderId"]}) == names[0]
        order = await row(socket, "order")
        assert (order["orderStatus"], order["cancelType"], order["rejectReason"], order["leavesQty"]) == (
            "Cancelled",
            "CancelByUser",
            "EC_NoError",
            "0.010",
        )
        assert await me.done("cancel", {**BTC, "orderLinkId": "mine-1"}) == names[1]
        done = await me.done("cancel-all", {"category": "linear", "symbol": None, "baseCoin": "ETH"})
        assert done == {"list": names[3:5], "success": "1"}
        done = await me.done("cancel-all", {"category": "linear", "settleCoin": "USDT"})
        assert done["list"] == names[2:3]
        assert (await me.done("cancel-all", {"category": "spot"}))["list"] == names[5:]
        assert [message["data"][0]["orderLinkId"] for message in await rest(socket)] == [
            "mine-1",
            "mine-3",
            "mine-4",
            "mine-2",
            "mine-5",
        ]


@pytest.mark.parametrize(
    ("path", "data", "code", "text"),
    [
        ("create", [], 10001, "Request parameter error."),
        ("create", "no json", 10001, "Request parameter error."),
        ("create", {**ORDER, "category": "option"}, 10001, "category"),
        ("create", {**ORDER, "symbol": "btcusdt"}, 10001, "symbol"),
        ("create", {**ORDER, "side": "BUY"}, 10001, "Side"),
        ("create", {**ORDER, "side": []}, 10001, "Side"),
        ("create", {**ORDER, "orderType": "Stop"}, 10001, "OrderType"),
        ("create", {**ORDER, "timeInForce": "GTT"}, 10001, "Time in force"),
        ("create", {**ORDER, "timeInForce": ["GTC"]}, 10001, "Time in force"),
        ("create", {**ORDER, "triggerPrice": "49000"}, 10001, "does not play triggerPrice"),
        ("create", {**ORDER, "qty": "0.0005"}, 10001, "Qty"),
        ("create", {**ORDER, "qty": 0.01}, 10001, "Qty"),
        ("create", {**ORDER, "qty": "much"}, 10001, "Qty"),
        ("create", {**ORDER, "qty": "NaN"}, 10001, "Qty"),
        ("create", {**ORDER, "price": "50000.05"}, 10001, "Price"),
        ("create", {**ORDER, "price": None}, 10001, "Price"),
        ("create", {**ORDER, "price": "-1"}, 10001, "Price"),
        ("create", {**ORDER, "category": "spot", "qty": "0.00001"}, 10001, "minimum"),
        ("create", {**ORDER, "category": "spot", "orderType": "Market"}, 10001, "marketUnit"),
        ("create", {**ORDER, "orderLinkId": 7}, 10001, "OrderLinkId"),
        ("create", {**ORDER, "orderLinkId": "ü"}, 10001, "OrderLinkId"),
        ("create", {**ORDER, "orderLinkId": "x" * 37}, 10001, "OrderLinkId"),
        ("create", {**ORDER, "orderLinkId": "resting"}, 110072, "duplicate"),
        ("create", {**ORDER, "qty": "20"}, 110007, "ab not enough"),
        ("create", {**ORDER, "reduceOnly": True}, 110017, "ReduceOnly"),
        ("create", {**ORDER, "category": "spot", "qty": "3"}, 170131, "Insufficient"),
        (
            "create",
            {**ORDER, "category": "spot", "side": "Sell", "price": "70000", "qty": "11"},
            170131,
            "Insufficient",
        ),
        ("amend", {**BTC, "qty": "0.02"}, 10001, "orderId"),
        ("amend", {**BTC, "orderId": "none", "qty": "0.02"}, 110001, "not exists"),
        ("amend", {**BTC, "orderLinkId": "resting"}, 10001, "not modified"),
        ("amend", {**BTC, "orderLinkId": "resting", "qty": "0.010"}, 10001, "not modified"),
        ("amend", {**BTC, "orderLinkId": "resting", "price": "1.05"}, 10001, "Price"),
        ("cancel", {**BTC, "orderLinkId": "gone"}, 110001, "not exists"),
        ("cancel", {**BTC, "symbol": "ETHUSDT", "orderLinkId": "resting"}, 110001, "not exists"),
        ("cancel-all", {"category": "linear"}, 10001, "one of symbol"),
    ],
)
async def test_what_is_refused(path: str, data: Any, code: int, text: str) -> None:
    """A request that makes no sense is answered with its number and changes nothing."""
    async with bot() as (_, me):
        await me.done("create", {**ORDER, "orderLinkId": "resting"})
        await me.done("create", {**ORDER, "orderLinkId": "gone"})
        await me.done("cancel", {**BTC, "orderLinkId": "gone"})
        before = await me.asked("/v5/order/realtime?category=linear&symbol=BTCUSDT&openOnly=1")
        got = await me.refused(path, data)
        assert got[0] == code
        assert text in got[1]
        assert await me.asked("/v5/order/realtime?category=linear&symbol=BTCUSDT&openOnly=1") == before


async def test_changing_to_less_than_was_filled_is_refused() -> None:
    """What was filled cannot be taken back."""
    async with bot() as (fake, me):
        await me.done("create", {**ORDER, "price": f"{fake.market('BTCUSDT').best_bid}", "orderLinkId": "mine"})
        fake.market("BTCUSDT").fill("0.005")
        assert (await me.refused("amend", {**BTC, "orderLinkId": "mine", "qty": "0.005"}))[0] == 110063


async def test_a_position_opens_closes_and_turns() -> None:
    """Size, entry and gains follow the fills; REST and stream agree but for the names that differ."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, "position.linear")
        market = fake.market("BTCUSDT")
        bid, ask_price = market.best_bid or D(0), market.best_ask or D(0)
        [nothing] = (await me.asked("/v5/position/list?category=linear&symbol=BTCUSDT"))["list"]
        assert set(nothing) == set(sample("position"))
        assert (nothing["side"], nothing["size"], nothing["avgPrice"]) == ("", "0", "0")
        assert (await me.asked("/v5/position/list?category=linear&settleCoin=USDT"))["list"] == []
        steps = [
            ("Buy", bid + D("0.1"), "0.010", "Buy", "0.01", bid + D("0.1"), D(0)),
            ("Sell", ask_price - D("0.1"), "0.004", "Buy", "0.006", bid + D("0.1"), D("0.004")),
            ("Sell", ask_price - D("0.1"), "0.006", "", "0", D(0), D("0.010")),
            ("Sell", ask_price - D("0.1"), "0.002", "Sell", "0.002", ask_price - D("0.1"), D("0.010")),
        ]
        for side, price, qty, held, size, entry, closed in steps:
            await filled(fake, me, side, f"{price}", qty)
            position = await row(socket, "position.linear")
            gain = closed * (ask_price - bid - D("0.2"))
            assert (position["side"], position["size"], D(position["entryPrice"])) == (held, size, entry)
            assert D(position["cumRealisedPnl"]) == gain
            [same] = (await me.asked("/v5/position/list?category=linear&symbol=BTCUSDT"))["list"]
            assert (same["size"], same["avgPrice"]) == (size, position["entryPrice"])
        [same] = (await me.asked("/v5/position/list?category=linear&settleCoin=USDT"))["list"]
        assert same["symbol"] == "BTCUSDT"
        for target in ("category=spot&symbol=BTCUSDT", "category=linear", "category=linear&settleCoin=USDC"):
            assert (await me.get(f"/v5/position/list?{target}"))[1]["retCode"] == 10001


async def test_reduce_only_takes_no_more_than_is_held() -> None:
    """A larger order is cut to the position; in the other direction there is nothing to reduce."""
    async with bot() as (fake, me):
        await me.done("create", {**ORDER, "orderType": "Market", "side": "Sell", "qty": "0.005"})
        assert (await me.refused("create", {**ORDER, "side": "Sell", "reduceOnly": True}))[0] == 110017
        await me.done("create", {**ORDER, "orderType": "Market", "qty": "0.050", "reduceOnly": True})
        [position] = (await me.asked("/v5/position/list?category=linear&symbol=BTCUSDT"))["list"]
        assert position["size"] == "0"
        assert fake.market("BTCUSDT").orders() == []


async def test_the_wallet() -> None:
    """Gains and fees are booked in USDT, orders and positions need margin, coins can be chosen."""
    async with bot() as (fake, me):

        async def wallet(more: str = "") -> Any:
            [told_] = (await me.asked(f"/v5/account/wallet-balance?accountType=UNIFIED{more}"))["list"]
            return told_

        before = await wallet()
        assert set(before) == set(sample("wallet"))
        coins = {coin["coin"]: D(coin["walletBalance"]) for coin in before["coin"]}
        assert coins == {"USDT": D(100_000), "BTC": D(10), "ETH": D(100)}
        market = fake.market("BTCUSDT")
        bid, ask_price = market.best_bid or D(0), market.best_ask or D(0)
        await filled(fake, me, "Buy", f"{bid}", "0.100")
        await me.done("create", {**ORDER, "qty": "0.100"})
        held = await wallet("&coin=USDT")
        [usdt] = held["coin"]
        last = market.market.last
        assert D(usdt["unrealisedPnl"]) == (last - bid) / 10
        assert D(usdt["walletBalance"]) == 100_000 - bid / 10 * D("0.0002")
        assert D(held["totalInitialMargin"]) == (last + 50_000) / 100
        assert D(held["totalEquity"]) - D(held["totalAvailableBalance"]) == D(held["totalInitialMargin"])
        assert [coin["coin"] for coin in (await wallet("&coin=BTC,ETH"))["coin"]] == ["BTC", "ETH"]
        await me.done("cancel-all", BTC)
        await filled(fake, me, "Sell", f"{ask_price}", "0.100")
        [usdt] = (await wallet("&coin=USDT"))["coin"]
        assert D(usdt["cumRealisedPnl"]) == (ask_price - bid) / 10
        fees = (bid + ask_price) / 10 * D("0.0002")
        assert D(usdt["walletBalance"]) == pytest.approx(100_000 + (ask_price - bid) / 10 - fees)
        assert (await me.get("/v5/account/wallet-balance"))[1]["retCode"] == 10001


async def test_spot_changes_the_coins() -> None:
    """Orders lock what they need, fills move it; there is no position."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, "order.spot", "position", "wallet")
        market, spot = fake.market("spot BTCUSDT"), {**ORDER, "category": "spot", "qty": "0.1"}

        async def coins(field: str) -> dict[str, Decimal]:
            [wallet] = (await me.asked("/v5/account/wallet-balance?accountType=UNIFIED"))["list"]
            return {coin["coin"]: D(coin[field]) for coin in wallet["coin"]}

        price = market.best_bid or D(0)
        await me.done("create", {**spot, "price": f"{price}"})
        await me.done("create", {**spot, "side": "Sell", "price": "70000"})
        assert await coins("locked") == {"USDT": price / 10, "BTC": D("0.1"), "ETH": D(0)}
        assert [message["topic"] for message in await rest(socket)] == ["order.spot", "order.spot"]
        market.fill()
        assert [message["topic"] for message in await rest(socket)] == ["order.spot", "wallet"]
        held = await coins("walletBalance")
        assert (held["BTC"], held["USDT"]) == (D("10.1"), 100_000 - price / 10 - price / 10 * D("0.001"))
        best = market.best_bid or D(0)
        await me.done("create", {**spot, "side": "Sell", "orderType": "Market", "qty": "0.0001"})
        after = await coins("walletBalance")
        assert after["USDT"] - held["USDT"] == pytest.approx(best * D("0.0001") * D("0.999"))
        [resting] = (await me.asked("/v5/order/realtime?category=spot"))["list"]
        assert resting["side"] == "Sell"
        await me.done("create", {**spot, "orderType": "Market", "qty": "0.0001", "marketUnit": "baseCoin"})
        assert (await coins("walletBalance"))["BTC"] == D("10.1")


async def test_asking_for_orders() -> None:
    """By name, by state, in pages, the latest first."""
    async with bot() as (_, me):
        names = [await me.done("create", {**ORDER, "orderLinkId": f"mine-{number}"}) for number in range(5)]
        await me.done("cancel", {**BTC, "orderLinkId": "mine-0"})

        async def links(query: str) -> tuple[list[str], str]:
            result = await me.asked(f"/v5/order/realtime?category=linear&symbol=BTCUSDT{query}")
            assert result["category"] == "linear"
            return [order["orderLinkId"] for order in result["list"]], result["nextPageCursor"]

        assert await links("") == (["mine-4", "mine-3", "mine-2", "mine-1"], "")
        assert await links("&openOnly=1") == (["mine-4", "mine-3", "mine-2", "mine-1", "mine-0"], "")
        assert await links(f"&orderId={names[0]['orderId']}") == (["mine-0"], "")
        assert await links("&orderLinkId=mine-3") == (["mine-3"], "")
        page, cursor = await links("&limit=3")
        assert page == ["mine-4", "mine-3", "mine-2"]
        assert await links(f"&limit=3&cursor={cursor}") == (["mine-1"], "")
        assert (await me.get("/v5/order/realtime?category=linear"))[1]["retCode"] == 10001


async def test_private_topics() -> None:
    """Only after a login, all in one or by category; nothing of another account is told."""
    async with bot() as (fake, me):
        socket = await me.session.ws_connect(PRIVATE)
        subscribe = {"op": "subscribe", "args": ["order"], "req_id": "r"}
        answer = await ask(socket, subscribe)
        assert (answer["success"], answer["req_id"]) == (False, "r")
        assert (await ask(socket, me.login()))["success"] is True
        assert (await ask(socket, subscribe))["success"] is True
        more = ["order.linear", "order.inverse", "execution.option", "wallet", "greeks", "dcp.future"]
        assert (await ask(socket, {"op": "subscribe", "args": more}))["success"] is True
        for topic in ("fly", "wallet.linear", "orderbook.50.BTCUSDT"):
            answer = await ask(socket, {"op": "subscribe", "args": [topic]})
            assert answer["ret_msg"] == f"error:handler not found,topic:{topic}"
        demo = Bot(fake, me.session, "bybit_demo")
        other = await demo.socket("wss://stream-demo.bybit.com/v5/private", "order")
        trade = await me.socket(TRADE)
        await me.done("create", ORDER)
        assert [message["topic"] for message in await rest(socket)] == ["order", "order.linear"]
        assert await rest(other) == await rest(trade) == []
        status, _ = await demo.post("/v5/order/create", ORDER, host="api-demo.bybit.com")
        assert (status, len(await rest(other)), await rest(socket)) == (200, 1, [])


async def test_a_missed_row() -> None:
    """A fault that names the topic takes a row away; REST knows better."""
    async with bot() as (fake, me):
        socket = await me.socket(PRIVATE, "order", "order.linear")
        fake.gap("order.linear")
        await me.done("create", ORDER)
        assert [message["topic"] for message in await rest(socket)] == ["order"]


# --- the trade socket ---


def command(me: Bot, op: str, values: dict[str, Any], ms: int = 0, **more: Any) -> dict[str, Any]:
    time = str(me.fake.clock.now().ms + ms)
    return {"reqId": "r-1", "header": {"X-BAPI-TIMESTAMP": time}, "op": op, "args": [values], **more}


async def test_orders_over_the_socket() -> None:
    """Created, changed and cancelled, each answer in the form of the sample."""
    answers = load(FIXTURES / "acks.json")[6]["messages"]
    async with bot() as (fake, me):
        socket, private = await me.socket(TRADE), await me.socket(PRIVATE, "order")
        answer = await ask(socket, command(me, "order.create", {**ORDER, "orderLinkId": "mine"}))
        assert set(answer) == set(answers[1])
        assert set(answer["header"]) == set(answers[1]["header"])
        assert (answer["reqId"], answer["retCode"], answer["retMsg"], answer["op"]) == ("r-1", 0, "OK", "order.create")
        assert answer["data"]["orderLinkId"] == "mine"
        amended = command(me, "order.amend", {**BTC, "orderLinkId": "mine", "qty": "0.020"}, reqId="r-2")
        assert (await ask(socket, amended))["data"] == answer["data"]
        cancelled = command(me, "order.cancel", {**BTC, "orderId": answer["data"]["orderId"]}, reqId="r-3")
        assert (await ask(socket, cancelled))["retCode"] == 0
        rows = [message["data"][0] for message in await rest(private)]
        assert [(each["orderStatus"], each["qty"]) for each in rows] == [
            ("New", "0.010"),
            ("New", "0.020"),
            ("Cancelled", "0.020"),
        ]
        assert fake.market("BTCUSDT").orders() == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"op": "order.create-batch"}, 10404),
        ({"args": [{**ORDER, "qty": "21"}]}, 110007),
        ({"args": [ORDER, ORDER]}, 10001),
        ({"header": {}}, 10001),
        ({"header": {"X-BAPI-TIMESTAMP": "1"}}, 10002),
        ({"header": None}, 10001),
    ],
)
async def test_refused_orders_over_the_socket(change: dict[str, Any], code: int) -> None:
    """The refusal has a number, no data, and the name of the request if it has one."""
    sample_ = load(FIXTURES / "acks.json")[7]["messages"][1]
    async with bot() as (fake, me):
        socket = await me.socket(TRADE)
        answer = await ask(socket, command(me, "order.create", ORDER) | change)
        assert set(answer) == set(sample_)
        assert (answer["reqId"], answer["retCode"], answer["data"]) == ("r-1", code, {})
        assert fake.market("BTCUSDT").orders() == []


async def test_the_window_of_a_socket_order() -> None:
    """As over HTTP: not too old, unless it says so, and hardly in the future."""
    clock = FakeClock()
    async with bot(clock=clock) as (_, me):
        socket = await me.socket(TRADE)
        for ms, window, code in (
            (-5000, None, 0),
            (-5001, None, 10002),
            (-8000, "8000", 0),
            (999, None, 0),
            (1000, None, 10002),
        ):
            asked = command(me, "order.create", ORDER, ms)
            del asked["reqId"]
            if window:
                asked["header"]["X-BAPI-RECV-WINDOW"] = window
            answer = await ask(socket, asked)
            assert (answer["retCode"], "reqId" in answer) == (code, False)


async def test_logins_of_the_trade_socket() -> None:
    """Nothing without a login, one login, each name of a request once."""
    async with bot() as (_, me):
        socket = await me.session.ws_connect(TRADE)
        assert (await ask(socket, command(me, "order.create", ORDER)))["retCode"] == 10007
        assert (await ask(socket, me.login()))["retCode"] == 0
        assert (await ask(socket, me.login()))["retCode"] == 20001
        assert (await ask(socket, command(me, "order.create", ORDER)))["retCode"] == 0
        assert (await ask(socket, command(me, "order.create", ORDER)))["retCode"] == 20006
