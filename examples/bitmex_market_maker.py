"""A small market maker for XBTUSD: rests one buy at the best bid; once filled, one sell at the best ask.

It places real orders when it is run with real keys:  python examples/bitmex_market_maker.py
The keys come from ./apis.json or the file that TOPGUN_APIS names: {"bitmex": ["API_KEY", "API_SECRET"]}.
It takes XBTUSD for its own: it cancels every order of that symbol and sells what it finds.
The same file runs without keys and without money against an exchange on your own computer:
topgun demo --exchange bitmex
"""

from __future__ import annotations

import asyncio
import logging
import os
import time

import aiohttp

import topgun

SYMBOL = "XBTUSD"
SIZE = 100  # USD, the smallest order of this symbol; it buys no more once it holds this much
DRIFT = 5.0  # USD the best price may move away before the quote follows
PAUSE = 0.5  # s between two decisions; the venue allows 120 requests a minute
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))
OURS = {"symbol": SYMBOL}

log = logging.getLogger("market_maker")


async def main(seconds: float = RUN_SECONDS) -> None:
    """Quote for `seconds`, then leave no order behind."""
    store = topgun.BitMEXDataStore()
    async with topgun.Client(base_url="https://www.bitmex.com") as client:
        app = await client.ws_connect(
            "wss://ws.bitmex.com/realtime",
            send_json={"op": "subscribe", "args": [f"orderBookL2:{SYMBOL}", f"trade:{SYMBOL}", "order", "position"]},
            hdlr_json=store.onmessage,
        )
        await app.ready()  # raises when the keys are refused
        reporter = asyncio.create_task(report(store))
        try:
            await quote(client, store, seconds)
        finally:  # also on Ctrl-C and on any error
            await cancel(client, store)
            reporter.cancel()


async def quote(client: topgun.Client, store: topgun.BitMEXDataStore, seconds: float) -> None:
    """Decide once a PAUSE, from what the tables say at that moment."""
    end = time.monotonic() + seconds
    certain = False
    while time.monotonic() < end:
        try:
            if not certain:
                # At the start, and when nobody knows whether a request arrived: begin without orders.
                await cancel(client, store)
                certain = True
            if store.order.state() == store.position.state() == "live":  # a new connection tells both by itself
                await step(client, store)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("no good answer (%s), cancelling what there may be", type(error).__name__)
            certain = False
        await asyncio.sleep(PAUSE)


async def step(client: topgun.Client, store: topgun.BitMEXDataStore) -> None:
    """Send, move, or pull the quote; or leave it where it is."""
    orders = store.order.find(OURS)
    if store.orderbook.state(OURS) != "live":  # a price nobody can see is no price to quote at
        if orders:
            await cancel(client, store)
        return
    ask, bid = store.orderbook.best(OURS)
    if ask is None or bid is None:
        return
    held = sum(row.get("currentQty", 0) for row in store.position.find(OURS))
    side, price = ("Sell", ask["price"]) if held >= SIZE else ("Buy", bid["price"])
    if not orders:
        await send(client, store, side, price)
    elif any(order["side"] != side or abs(order["price"] - price) > DRIFT for order in orders):
        await cancel(client, store)  # the next step sends the new one


async def send(client: topgun.Client, store: topgun.BitMEXDataStore, side: str, price: float) -> None:
    """Send one order that can only rest, and wait until the stream knows it, so that it is never sent twice."""
    order = {**OURS, "side": side, "orderQty": SIZE, "price": price, "ordType": "Limit"}
    safety = "ParticipateDoNotInitiate,ReduceOnly" if side == "Sell" else "ParticipateDoNotInitiate"
    reply = await client.fetch("POST", "/api/v1/order", data={**order, "execInst": safety})
    match reply.data:
        case {"orderID": str() as ident, "ordStatus": "New"}:
            await store.order.wait_for(lambda orders: orders.get({"orderID": ident}), timeout=3)
        case {"ordStatus": status}:
            log.info("not resting: %s", status)
        case _:
            log.warning("order refused (HTTP %s): %s", reply.response.status, reply.text)


async def cancel(client: topgun.Client, store: topgun.BitMEXDataStore) -> None:
    """Cancel every order of the symbol and wait until the stream says so."""
    reply = await client.fetch("DELETE", "/api/v1/order/all", data=OURS)
    match reply.data:
        case [*_]:
            if store.order.state() == "live":  # else nobody would tell
                await store.order.wait_for(lambda orders: not orders.find(OURS), timeout=3)
        case _:
            log.error("cancel refused (HTTP %s), look after your orders: %s", reply.response.status, reply.text)
            raise TimeoutError


async def report(store: topgun.BitMEXDataStore) -> None:
    """Log what becomes of the orders."""
    async for change in store.order.watch():
        order = change.data
        what = "resting" if change.operation != "delete" else (change.source or {}).get("ordStatus", "gone")
        log.info("%s: %s %s at %s", what, order["side"], order["orderQty"], order["price"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())
