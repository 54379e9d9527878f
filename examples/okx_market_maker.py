"""A small market maker for BTC-USDT perpetuals: rests one buy at the best bid; once filled, one sell at the best ask.

It places real orders when it is run with real keys:  python examples/okx_market_maker.py
The keys come from ./apis.json or the file that TOPGUN_APIS names: {"okx": ["API_KEY", "API_SECRET", "PASSPHRASE"]}.
It takes BTC-USDT-SWAP in net mode for its own: it cancels every order of that instrument and sells what it finds.
The same file runs without keys and without money against an exchange on your own computer:
topgun demo --exchange okx
"""

from __future__ import annotations

import asyncio
import logging
import os
import time

import aiohttp

import topgun

INST = "BTC-USDT-SWAP"
SIZE = "0.1"  # contracts of 0.01 BTC; it buys no more once it holds this many
DRIFT = 5.0  # USDT the best price may move away before the quote follows
PAUSE = 0.5  # s between two decisions; the venue allows 60 orders in 2 s
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))
OURS = {"instType": "SWAP", "instId": INST}
BOOK = {"instId": INST}

log = logging.getLogger("market_maker")


async def main(seconds: float = RUN_SECONDS) -> None:
    """Quote for `seconds`, then leave no order behind."""
    store = topgun.OKXDataStore()
    async with topgun.Client(base_url="https://www.okx.com") as client:
        market = await client.ws_connect(
            "wss://ws.okx.com:8443/ws/v5/public",
            send_json={"op": "subscribe", "args": [{"channel": "books", **BOOK}, {"channel": "trades", **BOOK}]},
            hdlr_json=store.onmessage,
        )
        account = await client.ws_connect(
            "wss://ws.okx.com:8443/ws/v5/private",
            send_json={"op": "subscribe", "args": [{"channel": "orders", **OURS}, {"channel": "positions", **OURS}]},
            hdlr_json=store.onmessage,
        )
        await asyncio.gather(market.ready(), account.ready())  # raises when the keys are refused
        reporter = asyncio.create_task(report(store))
        try:
            await quote(client, store, seconds)
        finally:  # also on Ctrl-C and on any error
            await cancel(client, store)
            reporter.cancel()


async def quote(client: topgun.Client, store: topgun.OKXDataStore, seconds: float) -> None:
    """Decide once a PAUSE, from what the tables say at that moment."""
    end = time.monotonic() + seconds
    informed = False
    while time.monotonic() < end:
        try:
            if not informed or store.orders.state() == "stale":
                # At the start, and after a lost connection: orders are not told again, as positions are.
                await store.initialize(client.get("/api/v5/trade/orders-pending", params=OURS))
                informed = True
            await step(client, store)
        except (aiohttp.ClientError, TimeoutError, topgun.errors.InitializeError) as error:
            # Nobody knows whether that request arrived, so ask before anything else is sent.
            log.warning("no good answer (%s), asking for orders again", type(error).__name__)
            informed = False
        await asyncio.sleep(PAUSE)


async def step(client: topgun.Client, store: topgun.OKXDataStore) -> None:
    """Send, move, or pull the quote; or leave it where it is."""
    orders = store.orders.find(BOOK)
    if (
        store.books.state(BOOK) != "live" or store.positions.state() != "live"
    ):  # what nobody can see is nothing to go by
        if orders:
            await cancel(client, store)
        return
    ask, bid = store.books.best(BOOK)
    if ask is None or bid is None:
        return
    held = sum(float(row["pos"]) for row in store.positions.find(BOOK))
    side, price = ("sell", ask["px"]) if held >= float(SIZE) else ("buy", bid["px"])
    if not orders:
        await send(client, store, side, price)
    elif any(order["side"] != side or abs(float(order["px"]) - float(price)) > DRIFT for order in orders):
        await cancel(client, store)  # the next step sends the new one


async def send(client: topgun.Client, store: topgun.OKXDataStore, side: str, price: str) -> None:
    """Send one order that can only rest, and wait until the stream knows it, so that it is never sent twice."""
    order = {"instId": INST, "tdMode": "cross", "ordType": "post_only", "side": side, "px": price, "sz": SIZE}
    reply = await client.fetch("POST", "/api/v5/trade/order", data={**order, "reduceOnly": side == "sell"})
    match reply.data:
        case {"code": "0", "data": [{"ordId": str() as ident}]}:
            await store.orders.wait_for(lambda orders: orders.get({"ordId": ident}), timeout=3)
        case _:
            log.warning("order refused (HTTP %s): %s", reply.response.status, reply.text)


async def cancel(client: topgun.Client, store: topgun.OKXDataStore) -> None:
    """Cancel every order of the instrument and wait until the stream says so."""
    asked = await client.fetch("GET", "/api/v5/trade/orders-pending", params=OURS)
    match asked.data:
        case {"code": "0", "data": []}:
            return
        case {"code": "0", "data": list(rows)}:
            orders = [{"instId": INST, "ordId": row["ordId"]} for row in rows[:20]]
            reply = await client.fetch("POST", "/api/v5/trade/cancel-batch-orders", data=orders)
        case _:
            reply = asked
    match reply.data:
        case {"code": "0" | "1" | "2"}:  # 1 and 2: some of them are over already
            if store.orders.state() != "stale":  # else nobody would tell
                await store.orders.wait_for(lambda orders: not orders.find(BOOK), timeout=3)
        case _:
            log.error("cancel refused (HTTP %s), look after your orders: %s", reply.response.status, reply.text)


async def report(store: topgun.OKXDataStore) -> None:
    """Log what becomes of the orders."""
    async for change in store.orders.watch():
        order = change.data
        what = "resting" if change.operation != "delete" else (change.source or {}).get("state", "gone").title()
        log.info("%s: %s %s at %s", what, order["side"], order["sz"], order["px"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())
