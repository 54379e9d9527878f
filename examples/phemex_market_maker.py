"""A small market maker for BTCUSDT perpetuals: rests one buy at the best bid; once filled, one sell at the best ask.

It places real orders when it is run with real keys:  python examples/phemex_market_maker.py
The keys come from ./apis.json or the file that TOPGUN_APIS names: {"phemex": ["API_KEY", "API_SECRET"]}.
It takes BTCUSDT for its own: it cancels every order of that symbol and sells what it finds. One-way mode only.
The same file runs without keys and without money against an exchange on your own computer:
topgun demo --exchange phemex
"""

from __future__ import annotations

import asyncio
import logging
import os
import time

import aiohttp

import topgun

SIZE = "0.001"  # BTC, the smallest order of this symbol; it buys no more once it holds this much
DRIFT = 5.0  # USDT the best price may move away before the quote follows
PAUSE = 0.5  # s between two decisions; the venue allows 500 orders a minute
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))
SYMBOL = {"symbol": "BTCUSDT"}

log = logging.getLogger("market_maker")


async def main(seconds: float = RUN_SECONDS) -> None:
    """Quote for `seconds`, then leave no order behind."""
    store = topgun.PhemexDataStore()
    async with topgun.Client(base_url="https://api.phemex.com") as client:
        app = await client.ws_connect(
            "wss://ws.phemex.com",
            send_json=[
                {"id": 1, "method": "orderbook_p.subscribe", "params": ["BTCUSDT"]},
                {"id": 2, "method": "aop_p.subscribe", "params": []},  # begins with all open orders and positions
            ],
            hdlr_json=store.onmessage,
        )
        await app.ready()  # raises when the keys are refused
        reporter = asyncio.create_task(report(store))
        try:
            await quote(client, store, seconds)
        finally:  # also on Ctrl-C and on any error
            await cancel(client, store)
            reporter.cancel()


async def quote(client: topgun.Client, store: topgun.PhemexDataStore, seconds: float) -> None:
    """Decide once a PAUSE, from what the tables say at that moment."""
    end = time.monotonic() + seconds
    informed = True
    while time.monotonic() < end:
        try:
            if not informed or store.orders.state() == "stale":
                # After a lost connection, or a request without an answer: ask for what the stream did not tell.
                await store.initialize(
                    client.get("/g-orders/activeList", params=SYMBOL),
                    client.get("/g-accounts/accountPositions", params={"currency": "USDT"}),
                )
                informed = True
            if store.orders.state() == "live":  # an answer may have been refused, and then nobody knows
                await step(client, store)
        except (aiohttp.ClientError, TimeoutError, topgun.errors.InitializeError) as error:
            # Nobody knows whether that request arrived, so ask before anything else is sent.
            log.warning("no good answer (%s), asking for orders and positions again", type(error).__name__)
            informed = False
        await asyncio.sleep(PAUSE)


async def step(client: topgun.Client, store: topgun.PhemexDataStore) -> None:
    """Send, move, or pull the quote; or leave it where it is."""
    orders = store.orders.find(SYMBOL)
    if store.orderbook.state(SYMBOL) != "live":  # a price nobody can see is no price to quote at
        if orders:
            await cancel(client, store)
        return
    ask, bid = store.orderbook.best(SYMBOL)
    if ask is None or bid is None:
        return
    held = sum(float(row["size"]) for row in store.positions.find({**SYMBOL, "side": "Buy"}))
    side, price = ("Sell", ask["priceEp"]) if held >= float(SIZE) else ("Buy", bid["priceEp"])
    if not orders:
        await send(client, store, side, price)
    elif any(order["side"] != side or abs(float(order["priceRp"]) - float(price)) > DRIFT for order in orders):
        await cancel(client, store)  # the next step sends the new one


async def send(client: topgun.Client, store: topgun.PhemexDataStore, side: str, price: str) -> None:
    """Send one order that can only rest, and wait until the stream knows it, so that it is never sent twice."""
    order = {**SYMBOL, "side": side, "posSide": "Merged", "ordType": "Limit", "priceRp": price, "orderQtyRq": SIZE}
    safety = {"timeInForce": "PostOnly", "reduceOnly": "true" if side == "Sell" else "false"}
    reply = await client.fetch("PUT", "/g-orders/create", params={**order, **safety})
    match reply.data:
        case {"code": 0, "data": {"orderID": str() as ident}}:
            await store.orders.wait_for(lambda orders: orders.get({"orderID": ident}), timeout=3)
        case _:
            log.warning("order refused (HTTP %s): %s", reply.response.status, reply.text)


async def cancel(client: topgun.Client, store: topgun.PhemexDataStore) -> None:
    """Cancel every order of the symbol and wait until the stream says so."""
    reply = await client.fetch("DELETE", "/g-orders/all", params=SYMBOL)
    match reply.data:
        case {"code": 0}:
            if store.orders.state() != "stale":  # else nobody would tell
                await store.orders.wait_for(lambda orders: not orders.find(SYMBOL), timeout=3)
        case _:
            log.error("cancel refused (HTTP %s), look after your orders: %s", reply.response.status, reply.text)


async def report(store: topgun.PhemexDataStore) -> None:
    """Log what becomes of the orders."""
    async for change in store.orders.watch():
        order = change.data
        what = "resting" if change.operation != "delete" else str((change.source or {}).get("ordStatus", "gone"))
        log.info("%s: %s %s at %s", what, order["side"], order["orderQty"], order["priceRp"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())
