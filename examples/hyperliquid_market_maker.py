"""A small market maker for ETH perpetuals: rests one buy at the best bid; once filled, one sell at the best ask.

It places real orders when it is run with real keys:  python examples/hyperliquid_market_maker.py
The key comes from ./apis.json or the file that TOPGUN_APIS names: {"hyperliquid": ["PRIVATE_KEY"]}. With the key of an
API wallet, the address of the account goes into the environment variable ACCOUNT.
It takes ETH for its own: it cancels every order of that coin and sells what it finds.
The same file runs without keys and without money against an exchange on your own computer:
topgun demo --exchange hyperliquid
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
from eth_keys.datatypes import PrivateKey

import topgun

COIN = "ETH"
SIZE = "0.01"  # ETH of each order; it buys no more once it holds this much
DRIFT = 0.5  # USD the best price may move away before the quote follows
PAUSE = 0.5  # s between two decisions
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))
BOOK = {"coin": COIN}

log = logging.getLogger("market_maker")


async def main(seconds: float = RUN_SECONDS) -> None:
    """Quote for `seconds`, then leave no order behind."""
    user = address()
    store = topgun.HyperliquidDataStore()
    wanted = [
        {"type": "l2Book", "coin": COIN},
        *({"type": name, "user": user} for name in ("orderUpdates", "clearinghouseState")),
    ]
    async with topgun.Client(base_url="https://api.hyperliquid.xyz") as client:
        app = await client.ws_connect(
            "wss://api.hyperliquid.xyz/ws",
            send_json=[{"method": "subscribe", "subscription": each} for each in wanted],
            hdlr_json=store.onmessage,
        )
        await app.ready()
        bot = Bot(client, store, user, await asset(client))
        reporter = asyncio.create_task(report(store))
        try:
            await bot.quote(seconds)
        finally:  # also on Ctrl-C and on any error
            await bot.stop()
            reporter.cancel()


def address() -> str:
    """Return whose orders they are: by ACCOUNT, else by the key, in lower case."""
    if "ACCOUNT" in os.environ:
        return os.environ["ACCOUNT"].lower()
    path = Path("apis.json") if Path("apis.json").is_file() else Path(os.environ["TOPGUN_APIS"])
    [key] = json.loads(path.read_text(encoding="utf-8"))["hyperliquid"]
    return PrivateKey(bytes.fromhex(key.removeprefix("0x"))).public_key.to_address()


async def asset(client: topgun.Client) -> int:
    """Return the number that stands for the coin in orders."""
    reply = await client.fetch("POST", "/info", data={"type": "meta"})
    return [each["name"] for each in reply.data["universe"]].index(COIN)


class Bot:
    """What it does, and for whom."""

    def __init__(self, client: topgun.Client, store: topgun.HyperliquidDataStore, user: str, asset: int) -> None:
        self.client, self.store, self.user, self.asset = client, store, user, asset

    async def quote(self, seconds: float) -> None:
        """Decide once a PAUSE, from what the tables say at that moment."""
        end = time.monotonic() + seconds
        informed = False
        while time.monotonic() < end:
            try:
                if not informed or self.store.order_updates.state() == "stale":
                    # At the start, and after a lost connection: ask for what the stream did not tell.
                    await self.inform()
                    informed = True
                await self.step()
            except (aiohttp.ClientError, TimeoutError, topgun.errors.InitializeError) as error:
                # Nobody knows whether that request arrived, so ask before anything else is sent.
                log.warning("no good answer (%s), asking for orders and positions again", type(error).__name__)
                informed = False
            await asyncio.sleep(PAUSE)

    async def inform(self) -> None:
        """Ask for orders and positions."""
        kinds = ("openOrders", "clearinghouseState")
        await self.store.initialize(
            *(self.client.post("/info", data={"type": kind, "user": self.user}) for kind in kinds)
        )

    async def step(self) -> None:
        """Send, move, or pull the quote; or leave it where it is."""
        orders = self.store.order_updates.find(BOOK)
        if self.store.l2_book.state(BOOK) != "live":  # a price nobody can see is no price to quote at
            await self.cancel()
            return
        ask, bid = self.store.l2_book.best(BOOK)
        if ask is None or bid is None:
            return
        held = sum(Decimal(row["szi"]) for row in self.store.positions.find(BOOK))
        side, price = ("A", ask["px"]) if held >= Decimal(SIZE) else ("B", bid["px"])
        if not orders:
            await self.send(side, price)
        elif any(row["side"] != side or abs(float(row["limitPx"]) - float(price)) > DRIFT for row in orders):
            await self.cancel()  # the next step sends the new one

    async def send(self, side: str, price: str) -> None:
        """Send one order that can only rest, and wait until the stream knows it, so that it is never sent twice."""
        order = {
            "a": self.asset,
            "b": side == "B",
            "p": f"{Decimal(price).normalize():f}",  # a zero at its end would spoil the signature
            "s": SIZE,
            "r": side == "A",
            "t": {"limit": {"tif": "Alo"}},
        }
        match await self.act({"type": "order", "orders": [order], "grouping": "na"}):
            case [{"resting": {"oid": oid}}]:
                rests = {"coin": COIN, "oid": oid}
                await self.store.order_updates.wait_for(lambda orders: orders.get(rests), timeout=3)
            case statuses:
                log.warning("order refused: %s", statuses)

    async def cancel(self) -> None:
        """Cancel every order of the coin and wait until the stream says so."""
        oids = [row["oid"] for row in self.store.order_updates.find(BOOK)]
        if not oids:
            return
        await self.act({"type": "cancel", "cancels": [{"a": self.asset, "o": oid} for oid in oids]})
        if self.store.order_updates.state() != "stale":  # else nobody would tell
            await self.store.order_updates.wait_for(lambda orders: not orders.find(BOOK), timeout=3)

    async def act(self, action: dict[str, Any]) -> Any:
        """Send an action; return what became of each order in it, or the refusal of all."""
        reply = await self.client.fetch("POST", "/exchange", data={"action": action})
        match reply.data:
            case {"status": "ok", "response": {"data": {"statuses": statuses}}}:
                return statuses
        return f"HTTP {reply.response.status}: {reply.text}"

    async def stop(self) -> None:
        """Cancel whatever orders there are, and ask whether they are gone."""
        await self.inform()
        await self.cancel()
        await self.inform()
        if orders := self.store.order_updates.find(BOOK):
            log.error("look after your orders: %s", orders)


async def report(store: topgun.HyperliquidDataStore) -> None:
    """Log what becomes of the orders."""
    async for change in store.order_updates.watch():
        order = change.data
        what = "resting" if change.operation != "delete" else (change.source or {}).get("status", "gone").title()
        log.info("%s: %s %s at %s", what, order["side"], order["sz"], order["limitPx"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())
