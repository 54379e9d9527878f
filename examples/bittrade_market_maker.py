"""A small market maker for BTC/JPY at BitTrade: rests one buy at the best bid; once filled, one sell at the best ask.

It places real orders when it is run with real keys:  python examples/bittrade_market_maker.py
The keys come from ./apis.json or the file that TOPGUN_APIS names: {"bittrade": ["ACCESS_KEY", "SECRET_KEY"]}.
It takes the orders of btcjpy for its own and cancels every one of them; of the coins it sells only what it has bought.
The same file runs without keys and without money against an exchange on your own computer:
topgun demo --exchange bittrade
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from decimal import Decimal
from typing import Any

import aiohttp

import topgun

SYMBOL, COIN = "btcjpy", "btc"
SIZE = Decimal("0.001")  # BTC; it buys no more once it holds this much more than at the start
DRIFT = 5000.0  # yen the best price may move away before the quote follows
PAUSE = 0.5  # s between two decisions; the venue allows 10 requests a second
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))
TOPIC = f"market.{SYMBOL}.mbp.150"
BOOK = {"symbol": SYMBOL}

log = logging.getLogger("market_maker")


async def main(seconds: float = RUN_SECONDS) -> None:
    """Quote for `seconds`, then leave no order behind."""
    store = topgun.BitTradeDataStore()
    async with topgun.Client(base_url="https://api-cloud.bittrade.co.jp") as client:
        market = await client.ws_connect(
            "wss://api-cloud.bittrade.co.jp/ws",
            send_json=[{"sub": TOPIC}, {"req": TOPIC}, {"sub": f"market.{SYMBOL}.trade.detail"}],
            hdlr_json=store.onmessage,
        )
        account = await client.ws_connect(
            "wss://api-cloud.bittrade.co.jp/ws/v2",
            send_json=[{"action": "sub", "ch": topic} for topic in (f"orders#{SYMBOL}", "accounts.update#2")],
            hdlr_json=store.onmessage,
        )
        await asyncio.gather(market.ready(), account.ready())  # raises when the keys are refused
        bot = Bot(client, store, await account_id(client))
        reporter = asyncio.create_task(report(store))
        try:
            await bot.quote(seconds)
        finally:  # also on Ctrl-C and on any error
            await bot.cancel()
            reporter.cancel()


async def account_id(client: topgun.Client) -> str:
    """Return the number of the spot account, which every order has to name."""
    reply = await client.fetch("GET", "/v1/account/accounts")
    match reply.data:
        case {"status": "ok", "data": [*accounts]}:
            return str(next(account["id"] for account in accounts if account["type"] == "spot"))
    raise RuntimeError(f"no account (HTTP {reply.response.status}): {reply.text}")


class Bot:
    """Decides from what the tables say."""

    def __init__(self, client: topgun.Client, store: topgun.BitTradeDataStore, account: str) -> None:
        self.client, self.store = client, store
        self.ours = {"account-id": account, "symbol": SYMBOL}
        self.start: Decimal | None = None  # BTC in the account when it began

    async def quote(self, seconds: float) -> None:
        """Decide once a PAUSE, from what the tables say at that moment."""
        end = time.monotonic() + seconds
        informed = False
        while time.monotonic() < end:
            try:
                if not informed or "stale" in (self.store.orders.state(), self.store.accounts.state()):
                    # At the start, and after a lost connection: ask for what the stream did not tell.
                    await self.store.initialize(
                        self.client.get("/v1/order/openOrders", params=self.ours),
                        self.client.get(f"/v1/account/accounts/{self.ours['account-id']}/balance"),
                    )
                    informed = True
                await self.step()
            except (aiohttp.ClientError, TimeoutError, topgun.errors.InitializeError) as error:
                # Nobody knows whether that request arrived, so ask before anything else is sent.
                log.warning("no good answer (%s), asking for orders and balances again", type(error).__name__)
                informed = False
            await asyncio.sleep(PAUSE)

    async def step(self) -> None:
        """Send, move, or pull the quote; or leave it where it is."""
        orders = self.store.orders.find({"symbol": SYMBOL})
        if self.store.mbp.state(BOOK) != "live":  # a price nobody can see is no price to quote at
            if orders:
                await self.cancel()
            return
        ask, bid = self.store.mbp.best(BOOK)
        if ask is None or bid is None:
            return
        kind, price = ("sell-limit-maker", ask["price"]) if self.bought() >= SIZE else ("buy-limit-maker", bid["price"])
        if not orders:
            await self.send(kind, price)
        elif any(each["type"] != kind or abs(float(each["orderPrice"]) - price) > DRIFT for each in orders):
            await self.cancel()  # the next step sends the new one

    def bought(self) -> Decimal:
        """Return how much more there is than at the start."""
        rows = self.store.accounts.find({"currency": COIN, "accountType": "trade"})
        balance = sum((Decimal(row["balance"]) for row in rows), Decimal(0))
        if self.start is None:
            self.start = balance
        return balance - self.start

    async def send(self, kind: str, price: float) -> None:
        """Send one order that can only rest, and wait until the stream knows it, so that it is never sent twice."""
        order = {**self.ours, "type": kind, "amount": str(SIZE), "price": f"{price:.0f}", "source": "api"}
        reply = await self.client.fetch("POST", "/v1/order/orders/place", data=order)
        match reply.data:
            case {"status": "ok", "data": str() as ident}:
                await self.store.orders.wait_for(lambda orders: orders.get({"orderId": int(ident)}), timeout=3)
            case _:
                log.warning("order refused (HTTP %s): %s", reply.response.status, reply.text)

    async def cancel(self) -> None:
        """Cancel every order of the symbol and wait until the stream says so."""
        reply = await self.client.fetch("POST", "/v1/order/orders/batchCancelOpenOrders", data=self.ours)
        match reply.data:
            case {"status": "ok"}:
                if self.store.orders.state() != "stale":  # else nobody would tell
                    await self.store.orders.wait_for(lambda orders: not orders.find({"symbol": SYMBOL}), timeout=3)
            case _:
                log.error("cancel refused (HTTP %s), look after your orders: %s", reply.response.status, reply.text)


async def report(store: topgun.BitTradeDataStore) -> None:
    """Log what becomes of the orders."""
    async for change in store.orders.watch():
        order: dict[str, Any] = change.data
        ended = str((change.source or {}).get("orderStatus", "gone")).capitalize()
        what = ended if change.operation == "delete" else "resting"
        log.info("%s: %s %s at %s", what, order["type"], order["orderSize"], order["orderPrice"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())
