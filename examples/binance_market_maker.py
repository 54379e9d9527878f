"""A small market maker for BTCUSDT perpetuals: rests one buy at the best bid; once filled, one sell at the best ask.

It places real orders when it is run with real keys:  python examples/binance_market_maker.py
The keys come from ./apis.json or the file that TOPGUN_APIS names: {"binance": ["API_KEY", "API_SECRET"]}.
It takes BTCUSDT for its own: it cancels every order of that symbol and sells what it finds.
The same file runs without keys and without money against an exchange on your own computer:
topgun demo --exchange binance
"""

from __future__ import annotations

import asyncio
import logging
import os
import time

import aiohttp

import topgun

SYMBOL = "BTCUSDT"
SIZE = "0.001"  # BTC, the smallest order of this symbol; it buys no more once it holds this much
DRIFT = 5.0  # USDT the best price may move away before the quote follows
PAUSE = 0.5  # s between two decisions
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))
OURS = {"symbol": SYMBOL}
BOOK = {"s": SYMBOL}

log = logging.getLogger("market_maker")


async def main(seconds: float = RUN_SECONDS) -> None:
    """Quote for `seconds`, then leave no order behind."""
    store = topgun.BinanceUSDSMDataStore()
    async with topgun.Client(base_url="https://fapi.binance.com") as client:
        await store.initialize(client.post("/fapi/v1/listenKey"))  # raises when the keys are refused
        market = await client.ws_connect(
            f"wss://fstream.binance.com/public/ws/{SYMBOL.lower()}@depth@100ms", hdlr_json=store.onmessage
        )
        account = await client.ws_connect(
            f"wss://fstream.binance.com/private/ws/{store.listenkey}", hdlr_json=store.onmessage
        )
        await asyncio.gather(market.ready(), account.ready())
        reporter = asyncio.create_task(report(store))
        try:
            await quote(client, store, seconds)
        finally:  # also on Ctrl-C and on any error
            await cancel(client, store)
            reporter.cancel()


async def quote(client: topgun.Client, store: topgun.BinanceUSDSMDataStore, seconds: float) -> None:
    """Decide once a PAUSE, from what the tables say at that moment."""
    end = time.monotonic() + seconds
    informed = False
    while time.monotonic() < end:
        try:
            if not informed or store.order.state() == "stale":
                # At the start, and after a lost connection: ask for what the stream did not tell.
                await store.initialize(
                    client.get("/fapi/v1/openOrders", params=OURS), client.get("/fapi/v3/positionRisk", params=OURS)
                )
                informed = True
            await step(client, store)
        except (aiohttp.ClientError, TimeoutError, topgun.errors.InitializeError) as error:
            # Nobody knows whether that request arrived, so ask before anything else is sent.
            log.warning("no good answer (%s), asking for orders and positions again", type(error).__name__)
            informed = False
        await asyncio.sleep(PAUSE)


async def step(client: topgun.Client, store: topgun.BinanceUSDSMDataStore) -> None:
    """Send, move, or pull the quote; or leave it where it is."""
    orders = store.order.find(BOOK)
    if store.orderbook.state(BOOK) != "live":  # a price nobody can see is no price to quote at
        if orders:
            await cancel(client, store)
        return
    ask, bid = store.orderbook.best(BOOK)
    if ask is None or bid is None:
        return
    held = sum(float(row["pa"]) for row in store.position.find(BOOK))
    side, price = ("SELL", ask["p"]) if held >= float(SIZE) else ("BUY", bid["p"])
    if not orders:
        await send(client, store, side, price)
    elif any(order["S"] != side or abs(float(order["p"]) - float(price)) > DRIFT for order in orders):
        await cancel(client, store)  # the next step sends the new one


async def send(client: topgun.Client, store: topgun.BinanceUSDSMDataStore, side: str, price: str) -> None:
    """Send one order, and wait until the stream knows what became of it, so that it is never sent twice."""
    order = {**OURS, "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": SIZE, "price": price}
    with store.order.watch() as changes:  # it may be filled before anybody looks
        reply = await client.fetch("POST", "/fapi/v1/order", data=order)
        match reply.data:
            case {"orderId": int() as ident}:
                async with asyncio.timeout(3):
                    async for change in changes:
                        if change.data["i"] == ident:
                            return
            case _:
                log.warning("order refused (HTTP %s): %s", reply.response.status, reply.text)


async def cancel(client: topgun.Client, store: topgun.BinanceUSDSMDataStore) -> None:
    """Cancel every order of the symbol and wait until the stream says so."""
    reply = await client.fetch("DELETE", "/fapi/v1/allOpenOrders", params=OURS)
    match reply.data:
        case {"code": 200}:
            if store.order.state() != "stale":  # else nobody would tell
                await store.order.wait_for(lambda orders: not orders.find(BOOK), timeout=3)
        case _:
            log.error("cancel refused (HTTP %s), look after your orders: %s", reply.response.status, reply.text)


async def report(store: topgun.BinanceUSDSMDataStore) -> None:
    """Log what becomes of the orders."""
    async for change in store.order.watch():
        order = change.data
        what = "resting" if change.operation != "delete" else (change.source or {}).get("X", "gone").title()
        log.info("%s: %s %s at %s", what, order["S"], order["q"], order["p"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())
