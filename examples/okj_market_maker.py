"""A small market maker for BTC-JPY on OKJ, V5: rests one buy at the best bid; once filled, one sell at the best ask.

It places real orders when it is run with real keys:  python examples/okj_market_maker.py
The keys come from ./apis.json or the file that TOPGUN_APIS names: {"okj": ["API_KEY", "API_SECRET", "PASSPHRASE"]}.
It takes the orders of BTC-JPY for its own and cancels them; of the bitcoins it sells only those it has bought.
The same file runs without keys and without money against an exchange on your own computer:
topgun demo --exchange okj
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from decimal import Decimal

import aiohttp

import topgun

INSTRUMENT = "BTC-JPY"
SIZE = Decimal("0.0002")  # BTC, twice the smallest order: what is left of it after fees can still be sold
LOT = Decimal("0.00000001")  # BTC
DRIFT = 2000  # JPY the best price may move away before the quote follows
PAUSE = 0.5  # s between two decisions
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))
OURS = {"instType": "SPOT", "instId": INSTRUMENT}
BOOK = {"instId": INSTRUMENT}

log = logging.getLogger("market_maker")


async def main(seconds: float = RUN_SECONDS) -> None:
    """Quote for `seconds`, then leave no order behind."""
    store = topgun.OKJDataStore()
    async with topgun.Client(base_url="https://api.okj.com") as client:
        market = await client.ws_connect(
            "wss://ws.okj.com:443/ws/v5/public",
            send_json={"op": "subscribe", "args": [{"channel": name, **BOOK} for name in ("books", "trades")]},
            hdlr_json=store.onmessage,
        )
        account = await client.ws_connect(
            "wss://ws.okj.com:443/ws/v5/private",
            send_json={"op": "subscribe", "args": [{"channel": "orders", "instType": "SPOT"}, {"channel": "account"}]},
            hdlr_json=store.onmessage,
        )
        await asyncio.gather(market.ready(), account.ready())  # raises when the keys are refused
        reporter = asyncio.create_task(report(store))
        try:
            await quote(client, store, seconds)
        finally:  # also on Ctrl-C and on any error
            await cancel(client, store)
            reporter.cancel()


async def quote(client: topgun.Client, store: topgun.OKJDataStore, seconds: float) -> None:
    """Decide once a PAUSE, from what the tables say at that moment."""
    end = time.monotonic() + seconds
    informed, before = False, None
    while time.monotonic() < end:
        try:
            if not informed or store.orders.state() == "stale":
                # At the start, and after a lost connection: ask for what the stream did not tell.
                await store.initialize(
                    client.get("/api/v5/trade/orders-pending", params=OURS), client.get("/api/v5/account/balance")
                )
                informed = True
                before = bitcoins(store) if before is None else before
            if before is not None:
                await step(client, store, bitcoins(store) - before)
        except (aiohttp.ClientError, TimeoutError, topgun.errors.InitializeError) as error:
            # Nobody knows whether that request arrived, so ask before anything else is sent.
            log.warning("no good answer (%s), asking for orders and balance again", type(error).__name__)
            informed = False
        await asyncio.sleep(PAUSE)


async def step(client: topgun.Client, store: topgun.OKJDataStore, held: Decimal) -> None:
    """Send, move, or pull the quote; or leave it where it is."""
    orders = store.orders.find(BOOK)
    if store.books.state(BOOK) != "live":  # a price nobody can see is no price to quote at
        if orders:
            await cancel(client, store)
        return
    ask, bid = store.books.best(BOOK)
    if ask is None or bid is None:
        return
    sells = held > SIZE / 2
    side, price, size = ("sell", ask["px"], held.quantize(LOT)) if sells else ("buy", bid["px"], SIZE)
    if not orders:
        await send(client, store, {**BOOK, "side": side, "px": price, "sz": f"{size:f}"})
    elif any(order["side"] != side or abs(Decimal(order["px"]) - Decimal(price)) > DRIFT for order in orders):
        await cancel(client, store)  # the next step sends the new one


async def send(client: topgun.Client, store: topgun.OKJDataStore, order: dict[str, str]) -> None:
    """Send one order that can only rest, and wait until the stream knows it, so that it is never sent twice."""
    with store.orders.watch() as changes:
        reply = await client.fetch(
            "POST", "/api/v5/trade/order", data={**order, "tdMode": "cash", "ordType": "post_only"}
        )
        match reply.data:
            case {"code": "0", "data": [{"ordId": str() as ident}]}:
                async with asyncio.timeout(3):
                    while (await changes.get()).data["ordId"] != ident:  # resting, or gone already
                        pass
            case _:
                log.warning("order refused (HTTP %s): %s", reply.response.status, reply.text)


async def cancel(client: topgun.Client, store: topgun.OKJDataStore) -> None:
    """Cancel every order of the instrument and wait until the stream says so."""
    reply = await client.fetch("GET", "/api/v5/trade/orders-pending", params=OURS)
    match reply.data:
        case {"code": "0", "data": [_, *_] as orders}:
            names = [{**BOOK, "ordId": order["ordId"]} for order in orders[:20]]
            reply = await client.fetch("POST", "/api/v5/trade/cancel-batch-orders", data=names)
    match reply.data:
        case {"data": [*_]}:  # one that could not be cancelled is gone already
            if store.orders.state() != "stale":  # else nobody would tell
                await store.orders.wait_for(lambda orders: not orders.find(BOOK), timeout=3)
        case _:
            log.error("cancel refused (HTTP %s), look after your orders: %s", reply.response.status, reply.text)


def bitcoins(store: topgun.OKJDataStore) -> Decimal:
    """Return how many bitcoins the account has."""
    row = store.balance.get({"ccy": "BTC"})
    return Decimal(row["cashBal"]) if row else Decimal(0)


async def report(store: topgun.OKJDataStore) -> None:
    """Log what becomes of the orders."""
    async for change in store.orders.watch():
        order = change.data
        ended = {"filled": "Filled", "canceled": "Cancelled"}.get((change.source or {}).get("state", ""), "gone")
        what = "resting" if change.operation != "delete" else ended
        log.info("%s: %s %s at %s", what, order["side"], order["sz"], order["px"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())
