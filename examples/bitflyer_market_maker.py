"""A small market maker for FX_BTC_JPY: rests one buy at the best bid; once filled, one sell at the best ask.

It places real orders when it is run with real keys:  python examples/bitflyer_market_maker.py
The keys come from ./apis.json or the file that TOPGUN_APIS names: {"bitflyer": ["API_KEY", "API_SECRET"]}.
It takes FX_BTC_JPY for its own: it cancels every order of that product and sells what it finds.
The same file runs without keys and without money against an exchange on your own computer:  topgun demo
"""

from __future__ import annotations

import asyncio
import logging
import os
import time

import aiohttp

import topgun

PRODUCT = "FX_BTC_JPY"
SIZE = 0.01  # BTC of each order; it buys no more once it holds this much
DRIFT = 2_000  # JPY the best price may move away before the quote follows
PAUSE = 1.0  # s between two decisions; the venue allows 300 order calls in 5 minutes
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))
CHANNELS = (f"lightning_board_snapshot_{PRODUCT}", f"lightning_board_{PRODUCT}", "child_order_events")
OURS = {"product_code": PRODUCT}

log = logging.getLogger("market_maker")


async def main(seconds: float = RUN_SECONDS) -> None:
    """Quote for `seconds`, then leave no order behind."""
    store = topgun.bitFlyerDataStore()
    async with topgun.Client(base_url="https://api.bitflyer.com") as client:
        stream = await client.ws_connect(
            "wss://ws.lightstream.bitflyer.com/json-rpc",
            send_json=[{"method": "subscribe", "params": {"channel": channel}} for channel in CHANNELS],
            hdlr_json=store.onmessage,
        )
        await stream.ready()  # logged in and subscribed; raises when the keys are refused
        reporter = asyncio.create_task(report(store))
        try:
            await quote(client, store, seconds)
        finally:  # also on Ctrl-C and on any error
            await cancel(client, store)
            reporter.cancel()


async def quote(client: topgun.Client, store: topgun.bitFlyerDataStore, seconds: float) -> None:
    """Decide once a PAUSE, from what the tables say at that moment."""
    end = time.monotonic() + seconds
    informed = False
    while time.monotonic() < end:
        try:
            if not informed or store.childorders.state() == "stale":
                # At the start, and after a lost connection: ask for what the stream did not tell.
                await store.initialize(
                    client.get("/v1/me/getchildorders", params={**OURS, "child_order_state": "ACTIVE"}),
                    client.get("/v1/me/getpositions", params=OURS),
                )
                informed = True
            await step(client, store)
        except (aiohttp.ClientError, TimeoutError, topgun.errors.InitializeError) as error:
            # Nobody knows whether that request arrived, so ask before anything else is sent.
            log.warning("no good answer (%s), asking for orders and positions again", type(error).__name__)
            informed = False
        await asyncio.sleep(PAUSE)


async def step(client: topgun.Client, store: topgun.bitFlyerDataStore) -> None:
    """Send, move, or pull the quote; or leave it where it is."""
    orders = store.childorders.find(OURS)
    if store.board.state(OURS) != "live":  # a price nobody can see is no price to quote at
        if orders:
            await cancel(client, store)
        return
    ask, bid = store.board.best(OURS)
    if ask is None or bid is None:
        return
    held = sum(row["size"] for row in store.positions.find({**OURS, "side": "BUY"}))
    side, price = ("SELL", ask["price"]) if round(held, 8) >= SIZE else ("BUY", bid["price"])
    if not orders:
        await send(client, store, side, price)
    elif any(order["side"] != side or abs(order["price"] - price) > DRIFT for order in orders):
        await cancel(client, store)  # the next step sends the new one


async def send(client: topgun.Client, store: topgun.bitFlyerDataStore, side: str, price: float) -> None:
    """Send one limit order and wait until the stream knows it, so that it is never sent twice."""
    order = {**OURS, "child_order_type": "LIMIT", "side": side, "price": price, "size": SIZE}
    reply = await client.fetch("POST", "/v1/me/sendchildorder", data=order)
    match reply.data:
        case {"child_order_acceptance_id": str() as ident}:
            ours = {"child_order_acceptance_id": ident}
            await store.childorderevents.wait_for(lambda events: events.find(ours), timeout=3)
        case _:
            log.warning("order refused (HTTP %s): %s", reply.response.status, reply.text)


async def cancel(client: topgun.Client, store: topgun.bitFlyerDataStore) -> None:
    """Cancel every order of the product and wait until the stream says so."""
    reply = await client.fetch("POST", "/v1/me/cancelallchildorders", data=OURS)
    if not reply.response.ok:
        log.error("cancel refused (HTTP %s), look after your orders: %s", reply.response.status, reply.text)
    elif store.childorders.state() != "stale":  # else nobody would tell
        await store.childorders.wait_for(lambda orders: not orders.find(OURS), timeout=3)


async def report(store: topgun.bitFlyerDataStore) -> None:
    """Log what becomes of the orders."""
    async for change in store.childorders.watch():
        order = change.data
        what = "resting" if change.operation != "delete" else (change.source or {}).get("event_type", "gone")
        log.info("%s: %s %s at %s", what, order["side"], order["size"], order["price"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())
