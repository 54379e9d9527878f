"""A small market maker for BTC_JPY with leverage: rests one buy at the best bid; once filled, one that closes it.

It places real orders when it is run with real keys:  python examples/gmocoin_market_maker.py
The keys come from ./apis.json or the file that TOPGUN_APIS names: {"gmocoin": ["API_KEY", "API_SECRET"]}.
It takes BTC_JPY for its own: it cancels every order of that symbol and closes the bought positions that it finds.
The same file runs without keys and without money against an exchange on your own computer:
topgun demo --exchange gmocoin
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from decimal import Decimal

import aiohttp

import topgun
from topgun.helpers import GMOCoinHelper

SYMBOL = "BTC_JPY"
SIZE = "0.01"  # BTC, the smallest order of this symbol; it buys no more once it holds this much
DRIFT = 5_000  # yen the best price may move away before the quote follows
PAUSE = 0.5  # s between two decisions; the venue allows 20 orders a second
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))
OURS = {"symbol": SYMBOL}

log = logging.getLogger("market_maker")


async def main(seconds: float = RUN_SECONDS) -> None:
    """Quote for `seconds`, then leave no order behind."""
    store = topgun.GMOCoinDataStore()
    async with topgun.Client(base_url="https://api.coin.z.com") as client:
        token = await GMOCoinHelper(client).create_access_token()  # raises when the keys are refused
        market = await client.ws_connect(
            "wss://api.coin.z.com/ws/public/v1",
            send_json={"command": "subscribe", "channel": "orderbooks", **OURS},
            hdlr_json=store.onmessage,
        )
        account = await client.ws_connect(
            f"wss://api.coin.z.com/ws/private/v1/{token}",
            send_json=[
                {"command": "subscribe", "channel": channel}
                for channel in ("orderEvents", "executionEvents", "positionEvents")
            ],
            hdlr_json=store.onmessage,
        )
        await asyncio.gather(market.ready(), account.ready())  # the venue takes one subscription a second
        reporter = asyncio.create_task(report(store))
        try:
            await quote(client, store, seconds)
        finally:  # also on Ctrl-C and on any error
            await cancel(client, store)
            reporter.cancel()


async def quote(client: topgun.Client, store: topgun.GMOCoinDataStore, seconds: float) -> None:
    """Decide once a PAUSE, from what the tables say at that moment."""
    end = time.monotonic() + seconds
    informed = False
    while time.monotonic() < end:
        try:
            if not informed or store.orders.state() == "stale":
                # At the start, and after a lost connection: ask for what the stream did not tell.
                await store.initialize(
                    client.get("/private/v1/activeOrders", params=OURS),
                    client.get("/private/v1/openPositions", params=OURS),
                )
                informed = True
            await step(client, store)
        except (aiohttp.ClientError, TimeoutError, topgun.errors.InitializeError) as error:
            # Nobody knows whether that request arrived, so ask before anything else is sent.
            log.warning("no good answer (%s), asking for orders and positions again", type(error).__name__)
            informed = False
        await asyncio.sleep(PAUSE)


async def step(client: topgun.Client, store: topgun.GMOCoinDataStore) -> None:
    """Send, move, or pull the quote; or leave it where it is."""
    orders = store.orders.find(OURS)
    if store.orderbooks.state(OURS) != "live":  # a price nobody can see is no price to quote at
        if orders:
            await cancel(client, store)
        return
    ask, bid = store.orderbooks.best(OURS)
    if ask is None or bid is None:
        return
    held = sum(Decimal(row["size"]) for row in store.positions.find({**OURS, "side": "BUY"}))
    side, price = ("SELL", ask["price"]) if held >= Decimal(SIZE) else ("BUY", bid["price"])
    if not orders:
        await send(client, store, side, price)
    elif any(order["side"] != side or abs(limit(order) - int(price)) > DRIFT for order in orders):
        await cancel(client, store)  # the next step sends the new one


def limit(order: dict[str, str]) -> int:
    """Return the price of an order: the stream and REST name it differently."""
    return int(order.get("orderPrice") or order["price"])


async def send(client: topgun.Client, store: topgun.GMOCoinDataStore, side: str, price: str) -> None:
    """Send one order that can only rest, and wait until the stream knows it, so that it is never sent twice."""
    path = "/private/v1/order" if side == "BUY" else "/private/v1/closeBulkOrder"
    order = {**OURS, "side": side, "executionType": "LIMIT", "timeInForce": "SOK", "price": price, "size": SIZE}
    reply = await client.fetch("POST", path, data=order)
    match reply.data:
        case {"status": 0, "data": str() as ident}:
            try:
                await store.orders.wait_for(lambda orders: orders.get({"orderId": int(ident)}), timeout=3)
            except TimeoutError:  # it was gone at once, perhaps because it could not rest; or nobody told
                await store.initialize(client.get("/private/v1/activeOrders", params=OURS))
        case _:
            log.warning("order refused (HTTP %s): %s", reply.response.status, reply.text)


async def cancel(client: topgun.Client, store: topgun.GMOCoinDataStore) -> None:
    """Cancel every order of the symbol and wait until the stream says so."""
    reply = await client.fetch("POST", "/private/v1/cancelBulkOrder", data={"symbols": [SYMBOL]})
    match reply.data:
        case {"status": 0}:
            if store.orders.state() != "stale":  # else nobody would tell
                await store.orders.wait_for(lambda orders: not orders.find(OURS), timeout=3)
        case _:
            log.error("cancel refused (HTTP %s), look after your orders: %s", reply.response.status, reply.text)


async def report(store: topgun.GMOCoinDataStore) -> None:
    """Log what becomes of the orders."""
    async for change in store.orders.watch():
        order, source = change.data, change.source or {}
        ended = "Filled" if source.get("channel") == "executionEvents" else source.get("orderStatus", "gone")
        what = "resting" if change.operation != "delete" else ended
        size = order.get("orderSize") or order.get("size")
        log.info("%s: %s %s at %s", what, order.get("side"), size, order.get("orderPrice") or order.get("price"))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())
