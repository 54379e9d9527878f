"""A small market maker for XBTUSDTM on KuCoin: rests one buy at the best bid; once filled, one sell that closes it.

It places real orders when it is run with real keys:  python examples/kucoin_market_maker.py
The keys come from ./apis.json or the file that TOPGUN_APIS names: {"kucoin": ["API_KEY", "API_SECRET", "PASSPHRASE"]}.
It takes XBTUSDTM for its own: it cancels every order of that symbol and closes the long position that it finds.
The same file runs without keys and without money against an exchange on your own computer:
topgun demo --exchange kucoin
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from decimal import Decimal

import aiohttp

import topgun

SYMBOL = "XBTUSDTM"
SIZE = 1  # contracts, each of 0.001 BTC; it buys no more once it holds this many
DRIFT = 5  # USDT the best price may move away before the quote follows
PAUSE = 0.5  # s between two decisions
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))
OURS = {"symbol": SYMBOL}
OPEN = {"status": "active", **OURS}
TERMS = {"type": "limit", "postOnly": True, "leverage": 3, "marginMode": "CROSS", "size": SIZE, **OURS}
TOPICS = (f"/contractMarket/level2:{SYMBOL}", "/contractMarket/tradeOrders", f"/contract/position:{SYMBOL}")

log = logging.getLogger("market_maker")


async def main(seconds: float = RUN_SECONDS) -> None:
    """Quote for `seconds`, then leave no order behind."""
    store = topgun.KuCoinDataStore()
    async with topgun.Client(base_url="https://api-futures.kucoin.com") as client:
        await store.initialize(client.post("/api/v1/bullet-private"))  # raises when the keys are refused
        app = await client.ws_connect(
            store.endpoint,
            send_json=[
                {"id": number, "type": "subscribe", "topic": topic, "response": True}
                for number, topic in enumerate(TOPICS, start=1)
            ],
            hdlr_json=store.onmessage,
        )
        await app.ready()
        reporter = asyncio.create_task(report(store))
        try:
            await quote(client, store, seconds)
        finally:  # also on Ctrl-C and on any error
            await cancel(client, store)
            reporter.cancel()


async def quote(client: topgun.Client, store: topgun.KuCoinDataStore, seconds: float) -> None:
    """Decide once a PAUSE, from what the tables say at that moment."""
    end = time.monotonic() + seconds
    informed = False
    while time.monotonic() < end:
        try:
            if not informed or "stale" in (store.orders.state(), store.positions.state()):
                # At the start, and after a lost connection: ask for what the stream did not tell.
                await store.initialize(client.get("/api/v1/orders", params=OPEN), client.get("/api/v1/positions"))
                informed = True
            await step(client, store)
        except (aiohttp.ClientError, TimeoutError, topgun.errors.InitializeError) as error:
            # Nobody knows whether that request arrived, so ask before anything else is sent.
            log.warning("no good answer (%s), asking for orders and positions again", type(error).__name__)
            informed = False
        await asyncio.sleep(PAUSE)


async def step(client: topgun.Client, store: topgun.KuCoinDataStore) -> None:
    """Send, move, or pull the quote; or leave it where it is."""
    orders = store.orders.find(OURS)
    if store.orderbook.state(OURS) != "live":  # a price nobody can see is no price to quote at
        if orders:
            await cancel(client, store)
        return
    ask, bid = store.orderbook.best(OURS)
    if ask is None or bid is None:
        return
    position = store.positions.get(OURS)
    closing = position is not None and position["currentQty"] >= SIZE
    side, price = ("sell", ask["price"]) if closing else ("buy", bid["price"])
    if not orders:
        await send(client, store, {"side": side, "price": price, "reduceOnly": closing})
    elif any(order["side"] != side or abs(Decimal(order["price"]) - Decimal(price)) > DRIFT for order in orders):
        await cancel(client, store)  # the next step sends the new one


async def send(client: topgun.Client, store: topgun.KuCoinDataStore, order: dict[str, object]) -> None:
    """Send one order that can only rest, and wait until the stream knows it, so that it is never sent twice."""
    reply = await client.fetch("POST", "/api/v1/orders", data={"clientOid": str(uuid.uuid4()), **TERMS, **order})
    match reply.data:
        case {"code": "200000", "data": {"orderId": str() as ident}}:  # resting, or gone already
            await store.orderevents.wait_for(lambda events: events.get({"orderId": ident}), timeout=3)
        case _:
            log.warning("order refused (HTTP %s): %s", reply.response.status, reply.text)


async def cancel(client: topgun.Client, store: topgun.KuCoinDataStore) -> None:
    """Cancel every order of the symbol and wait until the stream says so."""
    reply = await client.fetch("DELETE", "/api/v3/orders", params=OURS)
    match reply.data:
        case {"code": "200000"}:
            if store.orders.state() != "stale":  # else nobody would tell
                await store.orders.wait_for(lambda orders: not orders.find(OURS), timeout=3)
        case _:
            log.error("cancel refused (HTTP %s), look after your orders: %s", reply.response.status, reply.text)


async def report(store: topgun.KuCoinDataStore) -> None:
    """Log what becomes of the orders."""
    async for change in store.orders.watch():
        order = change.data
        ended = {"filled": "Filled", "canceled": "Cancelled"}.get((change.source or {}).get("type", ""), "gone")
        what = "resting" if change.operation != "delete" else ended
        log.info("%s: %s %s at %s", what, order["side"], order["size"], order["price"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())
