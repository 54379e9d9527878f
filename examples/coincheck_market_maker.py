"""A small market maker for btc_jpy: rests one buy at the best bid; once filled, one sell at the best ask.

It places real orders when it is run with real keys:  python examples/coincheck_market_maker.py
The keys come from ./apis.json or the file that TOPGUN_APIS names: {"coincheck": ["API_KEY", "API_SECRET"]}.
It takes btc_jpy for its own: it cancels every order of that pair. It sells no more than it has bought.
The same file runs without keys and without money against an exchange on your own computer:
topgun demo --exchange coincheck
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from decimal import Decimal

import aiohttp

import topgun

PAIR = "btc_jpy"
SIZE = Decimal("0.005")  # BTC of each order; it buys no more once it holds this much
DRIFT = 2_000  # JPY the best price may move away before the quote follows
PAUSE = 0.5  # s between two decisions; the venue allows 4 new orders a second
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))
BOOK = {"pair": PAIR}

log = logging.getLogger("market_maker")


async def main(seconds: float = RUN_SECONDS) -> None:
    """Quote for `seconds`, then leave no order behind."""
    market, account = topgun.CoincheckDataStore(), topgun.CoincheckPrivateDataStore()
    async with topgun.Client(base_url="https://coincheck.com") as client:
        public = await client.ws_connect(
            "wss://ws-api.coincheck.com/",
            send_json=[{"type": "subscribe", "channel": f"{PAIR}-{name}"} for name in ("orderbook", "trades")],
            hdlr_json=market.onmessage,
        )
        private = await client.ws_connect(
            "wss://stream.coincheck.com",
            send_json={"type": "subscribe", "channels": ["order-events", "execution-events"]},
            hdlr_json=account.onmessage,
        )
        await asyncio.gather(public.ready(), private.ready())  # raises when the keys are refused
        bot = Bot(client, market, account)
        reporter = asyncio.create_task(report(account))
        try:
            await bot.quote(seconds)
        finally:  # also on Ctrl-C and on any error
            await bot.stop()
            reporter.cancel()


class Bot:
    """What it does, and what it remembers: how much BTC there was before its first order."""

    def __init__(
        self, client: topgun.Client, market: topgun.CoincheckDataStore, account: topgun.CoincheckPrivateDataStore
    ) -> None:
        self.client, self.market, self.account = client, market, account
        self.start: Decimal | None = None

    async def quote(self, seconds: float) -> None:
        """Decide once a PAUSE, from what the tables say at that moment."""
        end = time.monotonic() + seconds
        informed = False
        while time.monotonic() < end:
            try:
                if not informed or self.account.order.state() == "stale":
                    # At the start, and after a lost connection: ask for what the stream did not tell.
                    await self.account.initialize(self.client.get("/api/exchange/orders/opens"))
                    informed = True
                await self.step()
            except (aiohttp.ClientError, TimeoutError, topgun.errors.InitializeError) as error:
                # Nobody knows whether that request arrived, so ask before anything else is sent.
                log.warning("no good answer (%s), asking for the orders again", type(error).__name__)
                informed = False
            await asyncio.sleep(PAUSE)

    async def step(self) -> None:
        """Send, move, or pull the quote; or leave it where it is."""
        orders = self.account.order.find(BOOK)
        if self.market.orderbook.state(BOOK) != "live":  # a price nobody can see is no price to quote at
            await self.cancel()
            return
        ask, bid = self.market.orderbook.best(BOOK)
        if ask is None or bid is None:
            return
        if not orders:
            await self.send(ask["rate"], bid["rate"])
            return
        for order in orders:
            best = ask if order["order_type"] == "sell" else bid
            if len(orders) > 1 or abs(float(order["rate"]) - float(best["rate"])) > DRIFT:
                await self.cancel()  # the next step sends the new one
                return

    async def send(self, ask: str, bid: str) -> None:
        """Send one order that can only rest, and let the table know it: no event would tell of it."""
        held = await self.held()
        if held is None:
            return
        side, rate, amount = ("buy", bid, SIZE) if held < SIZE else ("sell", ask, held)
        order = {"pair": PAIR, "order_type": side, "rate": rate, "amount": str(amount), "time_in_force": "post_only"}
        reply = await self.client.fetch("POST", "/api/exchange/orders", data=order)
        match reply.data:
            case {"success": True}:
                self.account.order.feed_response(reply.data)
            case _:
                log.warning("order refused (HTTP %s): %s", reply.response.status, reply.text)

    async def held(self) -> Decimal | None:
        """Return how much BTC it has bought and not sold, ``None`` if the venue does not say."""
        reply = await self.client.fetch("GET", "/api/accounts/balance")
        match reply.data:
            case {"success": True, "btc": free, "btc_reserved": reserved}:
                there = Decimal(free) + Decimal(reserved)
                self.start = there if self.start is None else self.start
                return there - self.start
        log.warning("no balance (HTTP %s): %s", reply.response.status, reply.text)
        return None

    async def cancel(self) -> None:
        """Cancel every order of the pair and wait until the stream says so."""
        for order in self.account.order.find(BOOK):
            reply = await self.client.fetch("DELETE", f"/api/exchange/orders/{order['id']}")
            if not reply.response.ok and self.account.order.get(order):
                log.warning("cancel refused (HTTP %s): %s", reply.response.status, reply.text)
        if self.account.order.state() != "stale":  # else nobody would tell
            await self.account.order.wait_for(lambda orders: not orders.find(BOOK), timeout=3)

    async def stop(self) -> None:
        """Cancel whatever orders there are, and ask whether they are gone."""
        await self.account.initialize(self.client.get("/api/exchange/orders/opens"))
        await self.cancel()
        await self.account.initialize(self.client.get("/api/exchange/orders/opens"))
        if orders := self.account.order.find(BOOK):
            log.error("look after your orders: %s", orders)


async def report(account: topgun.CoincheckPrivateDataStore) -> None:
    """Log what becomes of the orders."""
    async for change in account.order.watch():
        order = change.data
        what = "resting" if change.operation != "delete" else (change.source or {}).get("order_event", "gone")
        log.info("%s: %s %s at %s", what, order["order_type"], order["pending_amount"], order["rate"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())
