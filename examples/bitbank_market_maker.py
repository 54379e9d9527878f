"""A small market maker for BTC/JPY (spot): rests one buy at the best bid; once filled, one sell at the best ask.

It places real orders when it is run with real keys:  python examples/bitbank_market_maker.py
The keys come from ./apis.json or the file that TOPGUN_APIS names: {"bitbank": ["API_KEY", "API_SECRET"]}.
It takes BTC/JPY for its own: it cancels every order of that pair, and while it runs nobody else may trade it.
The same file runs without keys and without money against an exchange on your own computer:
topgun demo --exchange bitbank
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from decimal import Decimal

import aiohttp

import topgun
from topgun.helpers.bitbank import fetch_channel_and_token, fetch_subscribe, subscribe_with_callback

PAIR = "btc_jpy"
SIZE = Decimal("0.0001")  # BTC, the smallest order of this pair; it buys no more once it holds this much more
DRIFT = 1000.0  # JPY the best price may move away before the quote follows
PAUSE = 0.5  # s between two decisions; the venue allows 6 orders and cancels a second
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))
OURS = {"pair": PAIR}
ROOMS = [f"depth_whole_{PAIR}", f"depth_diff_{PAIR}", f"transactions_{PAIR}"]

log = logging.getLogger("market_maker")


async def main(seconds: float = RUN_SECONDS) -> None:
    """Quote for `seconds`, then leave no order behind."""
    store, account = topgun.bitbankDataStore(), topgun.bitbankPrivateDataStore()
    async with topgun.Client(base_url="https://api.bitbank.cc") as client:
        market = await client.ws_connect(
            "wss://stream.bitbank.cc/socket.io/?EIO=4&transport=websocket",
            send_str=[f'42["join-room","{room}"]' for room in ROOMS],
            hdlr_str=store.onmessage,
        )
        await market.ready()
        access = await fetch_channel_and_token(client)  # raises when the keys are refused
        channel, token = access["pubnub_channel"], access["pubnub_token"]
        now = (await fetch_subscribe(client, channel, token))["t"]  # the stream begins here, before anything is asked
        listening = subscribe_with_callback(client, account.onmessage, channel, token, now["t"], str(now["r"]))
        stream, reporter = asyncio.create_task(listening), asyncio.create_task(report(account))
        try:
            await quote(client, store, account, stream, seconds)
        finally:  # also on Ctrl-C and on any error
            await cancel(client, account)
            stream.cancel()
            reporter.cancel()


async def quote(
    client: topgun.Client,
    store: topgun.bitbankDataStore,
    account: topgun.bitbankPrivateDataStore,
    stream: asyncio.Task[None],
    seconds: float,
) -> None:
    """Decide once a PAUSE, from what the tables say at that moment."""
    end = time.monotonic() + seconds
    informed, before = False, None
    while time.monotonic() < end:
        if stream.done():
            stream.result()  # raises why the private stream has ended
        try:
            if not informed or "stale" in (account.spot_order.state(), account.asset.state()):
                # At the start, and after a lost connection: ask for what the stream did not tell.
                await account.initialize(
                    client.get("/v1/user/spot/active_orders", params=OURS), client.get("/v1/user/assets")
                )
                informed = "stale" not in (account.spot_order.state(), account.asset.state())
            if informed:
                before = owned(account) if before is None else before
                await step(client, store, account, owned(account) - before)
        except (aiohttp.ClientError, TimeoutError, topgun.errors.InitializeError) as error:
            # Nobody knows whether that request arrived, so ask before anything else is sent.
            log.warning("no good answer (%s), asking for orders and assets again", type(error).__name__)
            informed = False
        await asyncio.sleep(PAUSE)


def owned(account: topgun.bitbankPrivateDataStore) -> Decimal:
    """Return how much BTC there is, with what orders have reserved."""
    row = account.asset.get({"asset": "btc"})
    return Decimal(row["onhand_amount"]) if row else Decimal(0)


async def step(
    client: topgun.Client, store: topgun.bitbankDataStore, account: topgun.bitbankPrivateDataStore, held: Decimal
) -> None:
    """Send, move, or pull the quote; or leave it where it is."""
    orders = account.spot_order.find(OURS)
    if store.depth.state(OURS) != "live":  # a price nobody can see is no price to quote at
        if orders:
            await cancel(client, account)
        return
    ask, bid = store.depth.best(OURS)
    if ask is None or bid is None:
        return
    side, price = ("sell", ask["price"]) if held >= SIZE else ("buy", bid["price"])
    if not orders:
        reserved = [row["asset"] for row in account.asset if float(row["locked_amount"])]
        if "btc" not in reserved and "jpy" not in reserved:  # else a fill has been told, and what it changed has not
            await send(client, account, side, price)
    elif any(order["side"] != side or abs(float(order["price"]) - float(price)) > DRIFT for order in orders):
        await cancel(client, account)  # the next step sends the new one


async def send(client: topgun.Client, account: topgun.bitbankPrivateDataStore, side: str, price: str) -> None:
    """Send one order that can only rest, and wait until the stream knows it, so that it is never sent twice."""
    order = {**OURS, "side": side, "type": "limit", "price": price, "amount": str(SIZE), "post_only": True}
    reply = await client.fetch("POST", "/v1/user/spot/order", data=order)
    match reply.data:
        case {"success": 1, "data": {"order_id": int(ident), "status": "UNFILLED"}}:
            await account.spot_order.wait_for(lambda orders: orders.get({"order_id": ident}), timeout=3)
        case {"success": 1, "data": {"status": status}}:
            log.info("the order was over at once: %s", status)
        case _:
            log.warning("order refused (HTTP %s): %s", reply.response.status, reply.text)


async def cancel(client: topgun.Client, account: topgun.bitbankPrivateDataStore) -> None:
    """Cancel every order of the pair, and wait until the stream says so."""
    asked = await client.fetch("GET", "/v1/user/spot/active_orders", params=OURS)
    match asked.data:
        case {"success": 1, "data": {"orders": []}}:
            return
        case {"success": 1, "data": {"orders": list(orders)}}:
            named = [order["order_id"] for order in orders]
        case _:
            named = [order["order_id"] for order in account.spot_order.find(OURS)]
    reply = await client.fetch("POST", "/v1/user/spot/cancel_orders", data={**OURS, "order_ids": named})
    match reply.data:
        case {"success": 1}:
            if account.spot_order.state() != "stale":  # else nobody would tell
                await account.spot_order.wait_for(lambda orders: not orders.find(OURS), timeout=3)
        case _:
            log.error("cancel refused (HTTP %s), look after your orders: %s", reply.response.status, reply.text)


async def report(account: topgun.bitbankPrivateDataStore) -> None:
    """Log what becomes of the orders."""
    async for change in account.spot_order.watch():
        order = change.data
        what = "resting" if change.operation != "delete" else (change.source or {}).get("status", "gone")
        log.info(
            "%s: %s %s at %s",
            what.replace("_", " ").title() if what != "resting" else what,
            order["side"],
            order["start_amount"],
            order["price"],
        )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())
