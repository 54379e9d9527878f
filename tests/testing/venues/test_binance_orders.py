"""Orders at the fake of Binance: taken, refused, filled, cancelled, told, booked, on all three products."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import load

from .binance_bot import API, DAPI, DSTREAM, FAPI, FSTREAM, ORDER, SPOT, Bot, bot, hear, rest

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

FRAMES = Path(__file__).parents[2] / "exchanges" / "binance" / "frames"
D = Decimal
COINM = {**ORDER, "symbol": "BTCUSD_PERP", "quantity": "10"}


async def user(me: Bot, kind: str) -> ClientWebSocketResponse:
    """Open a socket that hears of the account's futures."""
    rest_, stream = (FAPI, f"{FSTREAM}/private") if kind == "usdsm" else (DAPI, DSTREAM)
    _, made = await me.ask("POST", f"{rest_}/v1/listenKey")
    return await me.socket(f"{stream}/ws/{made['listenKey']}")


async def test_a_spot_order_rests_fills_in_parts_and_is_done() -> None:
    """Each step is an event, HTTP tells the same, the coins follow."""
    async with bot() as (fake, me):
        socket = await me.session.ws_connect(API)
        await me.call(socket, "userDataStream.subscribe.signature")
        market = fake.market("spot BTCUSDT")
        price = f"{market.best_bid:.2f}"
        placed = await me.done("POST", f"{SPOT}/order", **{**ORDER, "price": price}, newClientOrderId="mine-1")
        sample = load(FRAMES / "spot_order.json")[0]["response"][0]
        assert set(placed) - {"transactTime", "fills", "workingTime", "selfTradePreventionMode"} <= set(sample)
        assert (placed["clientOrderId"], placed["status"], placed["price"]) == ("mine-1", "NEW", price)
        first, locked = [(await hear(socket))["event"] for _ in range(2)]
        assert (first["e"], first["x"], first["X"], first["z"], first["i"]) == (
            "executionReport", "NEW", "NEW", "0.00000", placed["orderId"],
        )  # fmt: skip
        assert D(locked["B"][0]["l"]) == D(price) * D("0.01")

        market.fill("0.004")
        second, _ = [(await hear(socket))["event"] for _ in range(2)]
        assert (second["x"], second["X"], second["l"], second["z"], second["m"]) == (
            "TRADE", "PARTIALLY_FILLED", "0.00400", "0.00400", True,
        )  # fmt: skip
        [open_] = await me.done("GET", f"{SPOT}/openOrders", symbol="BTCUSDT")
        assert (open_["executedQty"], open_["status"]) == ("0.00400", "PARTIALLY_FILLED")

        market.fill()
        third, coins = [(await hear(socket))["event"] for _ in range(2)]
        assert (third["X"], third["z"]) == ("FILLED", "0.01000")
        value = D(price) * D("0.01")
        assert coins["B"] == [
            {"a": "USDT", "f": f"{100_000 - value * D('1.001'):.8f}", "l": "0.00000000"},
            {"a": "BTC", "f": "10.01000000", "l": "0.00000000"},
        ]
        account = await me.done("GET", f"{SPOT}/account")
        assert [row["free"] for row in account["balances"]] == [row["f"] for row in coins["B"]]
        assert await me.done("GET", f"{SPOT}/openOrders") == await me.done("GET", f"{SPOT}/openOrderList") == []
        assert (await me.done("GET", f"{SPOT}/order", symbol="BTCUSDT", origClientOrderId="mine-1"))[
            "status"
        ] == "FILLED"


@pytest.mark.parametrize("kind", ["usdsm", "coinm"])
async def test_a_futures_order(kind: str) -> None:
    """Its events, the position and the balance, by stream and by HTTP; closing it realises the gain."""
    async with bot() as (fake, me):
        api, order, name = (f"{FAPI}/v1", ORDER, "BTCUSDT") if kind == "usdsm" else (f"{DAPI}/v1", COINM, "BTCUSD_PERP")
        versions = ("v2", "v3") if kind == "usdsm" else ("v1",)
        root = api.removesuffix("/v1")
        socket, market = await user(me, kind), fake.market(name)
        coin = "USDT" if kind == "usdsm" else "BTC"
        price = D(market.best_bid)
        await me.done("POST", f"{api}/order", **{**order, "price": str(price)})
        event = await hear(socket)
        sample = load(FRAMES / "usdsm_order.json")[1]["messages"][0]["data"]
        assert (set(event), set(event["o"])) == (set(sample), set(sample["o"]))
        market.fill()
        fill, account = [await hear(socket) for _ in range(2)]
        assert (fill["o"]["X"], account["e"]) == ("FILLED", "ACCOUNT_UPDATE")
        [told] = account["a"]["P"]
        assert D(told["pa"]) == D(order["quantity"])
        assert D(told["ep"]) == price
        for version in versions:
            rows = await me.done("GET", f"{root}/{version}/positionRisk")
            assert (len(rows) == 1) is (version == "v3" or kind == "coinm")
            [row] = [row for row in rows if row["symbol"] == name]
            assert (D(row["positionAmt"]), "marginType" in row) == (D(order["quantity"]), version != "v3")
            [balance] = await me.done("GET", f"{root}/{version}/balance")
            assert (balance["asset"], balance["balance"]) == (coin, account["a"]["B"][0]["wb"])
        start = D(balance["balance"])
        await me.done("POST", f"{api}/order", **{**order, "side": "SELL", "type": "MARKET"}, reduceOnly="true")
        await rest(socket)
        [balance] = await me.done("GET", f"{root}/{versions[0]}/balance")
        assert D(balance["balance"]) < start  # the spread and the fee
        [row] = [row for row in await me.done("GET", f"{root}/{versions[0]}/positionRisk") if row["symbol"] == name]
        assert (D(row["positionAmt"]), D(row["unRealizedProfit"])) == (0, 0)


async def test_gains_of_both_kinds_of_contracts() -> None:
    """Half a position closed 10 % higher has gained what the contract says, in its own coin."""
    async with bot() as (fake, me):
        for root, order, size in ((FAPI, ORDER, "0.010"), (DAPI, COINM, "10")):
            api = f"{root}/v1"
            market = fake.market(order["symbol"])
            bid = int(market.best_bid)
            await me.done("POST", f"{api}/order", **{**order, "price": bid, "quantity": size})
            market.fill()
            version = "v2" if root == FAPI else "v1"
            before = D((await me.done("GET", f"{root}/{version}/balance"))[0]["balance"])
            high = bid * 11 // 10
            await me.done("POST", f"{api}/order", **{**order, "side": "SELL", "price": high, "quantity": D(size) / 2})
            market.fill()
            gained = D((await me.done("GET", f"{root}/{version}/balance"))[0]["balance"]) - before
            half = D(size) / 2
            if root == FAPI:
                assert gained == half * (high - bid) - half * high * D("0.0002")
            else:
                exact = half * 100 * (1 / D(bid) - 1 / D(high)) - half * 100 / high * D("0.0001")
                assert abs(gained - exact) < D("1e-8")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": ""}, -1102),
        ({"symbol": "X"}, -1121),
        ({"side": "X"}, -1117),
        ({"type": "X"}, -1116),
        ({"type": "STOP_LOSS_LIMIT"}, -4120),
        ({"timeInForce": ""}, -1115),
        ({"timeInForce": "GTX"}, -1115),
        ({"newClientOrderId": "a b"}, -1100),
        ({"quantity": "x"}, -1102),
        ({"quantity": ""}, -1102),
        ({"quantity": "-1"}, -1013),
        ({"quantity": "NaN"}, -1013),
        ({"quantity": "0.000001"}, -1111),
        ({"quantity": "0.00001"}, -1013),
        ({"price": "50000.001"}, -1111),
        ({"quantity": "9"}, -2010),
        ({"side": "SELL", "quantity": "11"}, -2010),
    ],
)
async def test_refused_orders(change: dict[str, str], code: int) -> None:
    """Each fault has its code, and leaves no order."""
    async with bot() as (fake, me):
        assert await me.refused("POST", f"{SPOT}/order", **{**ORDER, **change}) == code
        assert await me.refused("POST", f"{SPOT}/order/test", **{**ORDER, **change}) == code
        assert fake.markets_with_orders() == []


async def test_refused_orders_of_futures() -> None:
    """Margin, contracts that only reduce, and orders that only rest."""
    async with bot() as (fake, me):
        api, market = f"{FAPI}/v1", fake.market("BTCUSDT")
        assert await me.refused("POST", f"{api}/order", **{**ORDER, "type": "LIMIT_MAKER"}) == -1116
        assert await me.refused("POST", f"{api}/order", **{**ORDER, "quantity": "50"}) == -2019
        assert await me.refused("POST", f"{api}/order", **ORDER, reduceOnly="true") == -2022
        best = {"price": str(market.best_ask), "timeInForce": "GTX"}
        assert await me.refused("POST", f"{api}/order", **{**ORDER, **best}) == -5022
        assert (
            await me.refused("POST", f"{api}/order", **{**ORDER, **best, "side": "SELL", "price": str(market.best_bid)})
            == -5022
        )
        placed = await me.done("POST", f"{api}/order", **{**ORDER, "timeInForce": "GTX", "price": str(market.best_bid)})
        assert (placed["status"], placed["timeInForce"]) == ("NEW", "GTX")
        await me.done("POST", f"{DAPI}/v1/order", **COINM)
        assert await me.refused("POST", f"{DAPI}/v1/order", **{**COINM, "quantity": "70000"}) == -2019


async def test_orders_that_only_rest() -> None:
    """On spot they have a type of their own."""
    async with bot() as (fake, me):
        order = {**ORDER, "type": "LIMIT_MAKER", "price": str(fake.market("spot BTCUSDT").best_ask)}
        del order["timeInForce"]
        assert await me.refused("POST", f"{SPOT}/order", **order) == -2010
        placed = await me.done("POST", f"{SPOT}/order", **{**order, "price": "50000"}, newClientOrderId="mine")
        assert placed["type"] == "LIMIT_MAKER"
        assert (
            await me.refused("POST", f"{SPOT}/order", **{**order, "price": "50000"}, newClientOrderId="mine") == -2010
        )


@pytest.mark.parametrize("terms", ["IOC", "FOK", "MARKET"])
async def test_what_cannot_be_filled_at_once_expires(terms: str) -> None:
    """As the stream and the answer say."""
    async with bot() as (fake, me):
        socket = await user(me, "coinm")
        size = sum(int(size) for _, size in fake.market("BTCUSD_PERP").book()["asks"]) + 10
        kind: Any = {"type": "MARKET"} if terms == "MARKET" else {"timeInForce": terms, "price": "70000"}
        order = {name: value for name, value in COINM.items() if name not in ("price", "timeInForce")}
        placed = await me.done("POST", f"{DAPI}/v1/order", **{**order, "quantity": size, "type": "LIMIT", **kind})
        assert placed["status"] == "EXPIRED"
        events = [message["o"]["X"] for message in await rest(socket) if message["e"] == "ORDER_TRADE_UPDATE"]
        assert (events[0], events[-1]) == ("NEW", "EXPIRED")
        assert ("PARTIALLY_FILLED" in events) is (terms != "FOK")


@pytest.mark.parametrize("kind", ["spot", "usdsm"])
async def test_cancelling(kind: str) -> None:
    """By id, by name, all of a symbol; what is not there is refused."""
    async with bot() as (_, me):
        api = SPOT if kind == "spot" else f"{FAPI}/v1"
        every = f"{api}/{'openOrders' if kind == 'spot' else 'allOpenOrders'}"
        one, two, three = [await me.done("POST", f"{api}/order", **ORDER, newClientOrderId=f"o{n}") for n in range(3)]
        gone = await me.done("DELETE", f"{api}/order", symbol="BTCUSDT", orderId=one["orderId"])
        assert (gone["status"], gone["orderId"]) == ("CANCELED", one["orderId"])
        await me.done("DELETE", f"{api}/order", symbol="BTCUSDT", origClientOrderId="o1")
        assert [row["orderId"] for row in await me.done("GET", f"{api}/openOrders")] == [three["orderId"]]
        assert await me.refused("DELETE", f"{api}/order", symbol="BTCUSDT", orderId=two["orderId"]) == -2011
        assert await me.refused("DELETE", f"{api}/order", symbol="BTCUSDT") == -1102
        assert await me.refused("GET", f"{api}/order", symbol="BTCUSDT", orderId=1) == -2013
        assert await me.refused("GET", f"{api}/openOrders", symbol="X") == -1121
        told = await me.done("DELETE", every, symbol="BTCUSDT")
        if kind == "spot":
            assert [row["orderId"] for row in told] == [three["orderId"]]
            assert await me.refused("DELETE", every, symbol="BTCUSDT") == -2011
        else:
            assert told["code"] == (await me.done("DELETE", every, symbol="BTCUSDT"))["code"] == 200


async def test_orders_of_a_pair() -> None:
    """COIN-M lists them by symbol, or by pair."""
    async with bot() as (_, me):
        placed = await me.done("POST", f"{DAPI}/v1/order", **COINM)
        for query, found in (({}, 1), ({"pair": "BTCUSD"}, 1), ({"pair": "ETHUSD"}, 0), ({"symbol": "BTCUSD_PERP"}, 1)):
            rows = await me.done("GET", f"{DAPI}/v1/openOrders", **query)
            assert [row["orderId"] for row in rows] == [placed["orderId"]] * found


async def test_reducing_takes_no_more_than_there_is() -> None:
    """An order that only reduces becomes as small as the position, long or short."""
    async with bot() as (fake, me):
        api, market = f"{FAPI}/v1", fake.market("BTCUSDT")
        for side, back in (("BUY", "SELL"), ("SELL", "BUY")):
            order = {"symbol": "BTCUSDT", "type": "MARKET", "quantity": "0.010"}
            await me.done("POST", f"{api}/order", **order, side=side)
            await me.done("POST", f"{api}/order", **{**order, "quantity": "0.500"}, side=back, reduceOnly="true")
            assert market.market.position("binance").size == 0
