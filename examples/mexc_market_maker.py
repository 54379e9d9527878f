"""A small market maker for BTC_USDT contracts: rests one buy at the best bid; once filled, one sell at the best ask.

It places real orders when it is run with real keys:  python examples/mexc_market_maker.py
The keys come from ./apis.json or the file that TOPGUN_APIS names: {"mexc": ["ACCESS_KEY", "SECRET_KEY"]}.
It takes BTC_USDT for its own: it cancels every order of that contract and sells what it finds.
The same file runs without keys and without money against an exchange on your own computer:
topgun demo --exchange mexc
"""

from __future__ import annotations

import asyncio
import logging
import os
import time

import aiohttp

import topgun

SYMBOL = "BTC_USDT"
SIZE = 1  # contracts of 0.0001 BTC; it buys no more once it holds this much
DRIFT = 5.0  # USDT the best price may move away before the quote follows
PAUSE = 0.5  # s between two decisions
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))
OURS = {"symbol": SYMBOL}
BUY, SELL = 1, 4  # open long, close long
STATES = {3: "Filled", 4: "Cancelled", 5: "Invalid"}

log = logging.getLogger("market_maker")


async def main(seconds: float = RUN_SECONDS) -> None:
    """Quote for `seconds`, then leave no order behind."""
    store = topgun.MEXCDataStore()
    async with topgun.Client(base_url="https://api.mexc.com") as client:
        app = await client.ws_connect(
            "wss://contract.mexc.com/edge",
            send_json={"method": "sub.depth", "param": OURS},
            hdlr_json=store.onmessage,
        )
        await app.ready()  # raises when the keys are refused
        reporter = asyncio.create_task(report(store))
        try:
            await quote(client, store, seconds)
        finally:  # also on Ctrl-C and on any error
            await cancel(client, store)
            reporter.cancel()


async def quote(client: topgun.Client, store: topgun.MEXCDataStore, seconds: float) -> None:
    """Decide once a PAUSE, from what the tables say at that moment."""
    end = time.monotonic() + seconds
    informed = False
    while time.monotonic() < end:
        try:
            if not informed or store.orders.state() == "stale":
                # At the start, and after a lost connection: ask for what the stream did not tell.
                await store.initialize(
                    client.get(f"/api/v1/private/order/list/open_orders/{SYMBOL}", params={"page_size": 100}),
                    client.get("/api/v1/private/position/open_positions", params=OURS),
                )
                informed = True
            await step(client, store)
        except (aiohttp.ClientError, TimeoutError, topgun.errors.InitializeError) as error:
            # Nobody knows whether that request arrived, so ask before anything else is sent.
            log.warning("no good answer (%s), asking for orders and positions again", type(error).__name__)
            informed = False
        await asyncio.sleep(PAUSE)


async def step(client: topgun.Client, store: topgun.MEXCDataStore) -> None:
    """Send, move, or pull the quote; or leave it where it is."""
    orders = store.orders.find(OURS)
    if store.orderbook.state(OURS) != "live":  # a price nobody can see is no price to quote at
        if orders:
            await cancel(client, store)
        return
    ask, bid = store.orderbook.best(OURS)
    if ask is None or bid is None:
        return
    held = sum(row["holdVol"] for row in store.positions.find({**OURS, "positionType": 1}))
    side, price = (SELL, ask["price"]) if held >= SIZE else (BUY, bid["price"])
    if not orders:
        await send(client, store, side, price)
    elif any(order["side"] != side or abs(order["price"] - price) > DRIFT for order in orders):
        await cancel(client, store)  # the next step sends the new one


async def send(client: topgun.Client, store: topgun.MEXCDataStore, side: int, price: float) -> None:
    """Send one order, and wait until the stream knows what became of it, so that it is never sent twice."""
    order = {**OURS, "side": side, "type": 1, "openType": 1, "leverage": 20, "vol": SIZE, "price": price}
    with store.orders.watch() as changes:  # it may be filled before anybody looks
        reply = await client.fetch("POST", "/api/v1/private/order/submit", data=order)
        match reply.data:
            case {"success": True, "data": {"orderId": ident}}:
                async with asyncio.timeout(3):
                    async for change in changes:
                        if change.data["orderId"] == str(ident):
                            return
            case _:
                log.warning("order refused (HTTP %s): %s", reply.response.status, reply.text)


async def cancel(client: topgun.Client, store: topgun.MEXCDataStore) -> None:
    """Cancel every order of the contract and wait until the stream says so."""
    reply = await client.fetch("POST", "/api/v1/private/order/cancel_all", data=OURS)
    match reply.data:
        case {"success": True}:
            if store.orders.state() != "stale":  # else nobody would tell
                await store.orders.wait_for(lambda orders: not orders.find(OURS), timeout=3)
        case _:
            log.error("cancel refused (HTTP %s), look after your orders: %s", reply.response.status, reply.text)


async def report(store: topgun.MEXCDataStore) -> None:
    """Log what becomes of the orders."""
    async for change in store.orders.watch():
        order = change.data
        what = "resting" if change.operation != "delete" else STATES.get((change.source or {}).get("state", 0), "gone")
        side = "buy" if order["side"] == BUY else "sell"
        log.info("%s: %s %s at %s", what, side, order["vol"], order["price"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())
