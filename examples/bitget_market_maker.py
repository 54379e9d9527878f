"""A small market maker for BTCUSDT perpetuals: rests one buy at the best bid; once filled, one sell at the best ask.

It places real orders when it is run with real keys:  python examples/bitget_market_maker.py
The keys come from ./apis.json or the file that TOPGUN_APIS names: {"bitget": ["API_KEY", "API_SECRET", "PASSPHRASE"]}.
It takes BTCUSDT for its own: it cancels every order of that symbol and sells what it finds. One-way mode only.
The same file runs without keys and without money against an exchange on your own computer:
topgun demo --exchange bitget
"""

from __future__ import annotations

import asyncio
import logging
import os
import time

import aiohttp

import topgun

SIZE = "0.0001"  # BTC, the smallest order of this symbol; it buys no more once it holds this much
DRIFT = 5.0  # USDT the best price may move away before the quote follows
PAUSE = 0.5  # s between two decisions; the venue allows 10 orders a second
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))
KIND = "USDT-FUTURES"
OURS = {"symbol": "BTCUSDT", "productType": KIND}
BOOK = {"instType": KIND, "instId": "BTCUSDT"}

log = logging.getLogger("market_maker")


async def main(seconds: float = RUN_SECONDS) -> None:
    """Quote for `seconds`, then leave no order behind."""
    store = topgun.BitgetV2DataStore()
    async with topgun.Client(base_url="https://api.bitget.com") as client:
        market = await client.ws_connect(
            "wss://ws.bitget.com/v2/ws/public",
            send_json={"op": "subscribe", "args": [{**BOOK, "channel": name} for name in ("books", "trade")]},
            hdlr_json=store.onmessage,
        )
        account = await client.ws_connect(
            "wss://ws.bitget.com/v2/ws/private",
            send_json={
                "op": "subscribe",
                "args": [{"instType": KIND, "channel": name, "instId": "default"} for name in ("orders", "positions")],
            },
            hdlr_json=store.onmessage,
        )
        await asyncio.gather(market.ready(), account.ready())  # raises when the keys are refused
        reporter = asyncio.create_task(report(store))
        try:
            await quote(client, store, seconds)
        finally:  # also on Ctrl-C and on any error
            await cancel(client, store)
            reporter.cancel()


async def quote(client: topgun.Client, store: topgun.BitgetV2DataStore, seconds: float) -> None:
    """Decide once a PAUSE, from what the tables say at that moment."""
    end = time.monotonic() + seconds
    informed = False
    while time.monotonic() < end:
        try:
            if not informed or store.orders.state() == "stale":
                # At the start, and after a lost connection: ask for what the stream did not tell.
                await store.initialize(
                    client.get("/api/v2/mix/order/orders-pending", params=OURS),
                    client.get("/api/v2/mix/position/all-position", params={"productType": KIND}),
                )
                informed = True
            await step(client, store)
        except (aiohttp.ClientError, TimeoutError, topgun.errors.InitializeError) as error:
            # Nobody knows whether that request arrived, so ask before anything else is sent.
            log.warning("no good answer (%s), asking for orders and positions again", type(error).__name__)
            informed = False
        await asyncio.sleep(PAUSE)


async def step(client: topgun.Client, store: topgun.BitgetV2DataStore) -> None:
    """Send, move, or pull the quote; or leave it where it is."""
    orders = store.orders.find(BOOK)
    if store.book.state(BOOK) != "live":  # a price nobody can see is no price to quote at
        if orders:
            await cancel(client, store)
        return
    ask, bid = store.book.best(BOOK)
    if ask is None or bid is None:
        return
    held = sum(float(row["total"]) for row in store.positions.find({**BOOK, "holdSide": "long"}))
    side, price = ("sell", ask["price"]) if held >= float(SIZE) else ("buy", bid["price"])
    if not orders:
        await send(client, store, side, price)
    elif any(order["side"] != side or abs(float(order["price"]) - float(price)) > DRIFT for order in orders):
        await cancel(client, store)  # the next step sends the new one


async def send(client: topgun.Client, store: topgun.BitgetV2DataStore, side: str, price: str) -> None:
    """Send one order that can only rest, and wait until the stream knows it, so that it is never sent twice."""
    order = {**OURS, "marginCoin": "USDT", "marginMode": "crossed", "orderType": "limit", "side": side, "price": price}
    safety = {"size": SIZE, "force": "post_only", "reduceOnly": "YES" if side == "sell" else "NO"}
    reply = await client.fetch("POST", "/api/v2/mix/order/place-order", data={**order, **safety})
    match reply.data:
        case {"code": "00000", "data": {"orderId": str() as ident}}:
            await store.orders.wait_for(lambda orders: orders.get({**BOOK, "orderId": ident}), timeout=3)
        case _:
            log.warning("order refused (HTTP %s): %s", reply.response.status, reply.text)


async def cancel(client: topgun.Client, store: topgun.BitgetV2DataStore) -> None:
    """Cancel every order of the symbol and wait until the stream says so."""
    reply = await client.fetch("POST", "/api/v2/mix/order/cancel-all-orders", data=OURS)
    match reply.data:
        case {"code": "00000" | "22001"}:  # 22001: there was nothing to cancel
            if store.orders.state() != "stale":  # else nobody would tell
                await store.orders.wait_for(lambda orders: not orders.find(BOOK), timeout=3)
        case _:
            log.error("cancel refused (HTTP %s), look after your orders: %s", reply.response.status, reply.text)


async def report(store: topgun.BitgetV2DataStore) -> None:
    """Log what becomes of the orders."""
    async for change in store.orders.watch():
        order = change.data
        what = "resting" if change.operation != "delete" else str((change.source or {}).get("status", "gone")).title()
        log.info("%s: %s %s at %s", what, order["side"], order["size"], order["price"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())
