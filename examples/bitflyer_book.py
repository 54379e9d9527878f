"""Print the best ask and bid of BTC_JPY whenever they change. Needs no keys:  python examples/bitflyer_book.py"""

from __future__ import annotations

import asyncio
import os

import topgun

BOOK = {"product_code": "BTC_JPY"}
CHANNELS = ("lightning_board_snapshot_BTC_JPY", "lightning_board_BTC_JPY")
RUN_SECONDS = float(os.environ.get("RUN_SECONDS", "60"))


async def main(seconds: float = RUN_SECONDS) -> None:
    """Follow the book for `seconds`."""
    store = topgun.bitFlyerDataStore()
    async with topgun.Client() as client:
        await client.ws_connect(
            "wss://ws.lightstream.bitflyer.com/json-rpc",
            send_json=[{"method": "subscribe", "params": {"channel": channel}} for channel in CHANNELS],
            hdlr_json=store.onmessage,
        )
        try:
            async with asyncio.timeout(seconds):
                await follow(store)
        except TimeoutError:
            print("done")


async def follow(store: topgun.bitFlyerDataStore) -> None:
    """Print each new pair of best prices, and nothing while the book is not known to be right."""
    shown = None
    async for _ in store.board.watch():
        ask, bid = store.board.best(BOOK)
        if ask and bid and store.board.state(BOOK) == "live" and (ask, bid) != shown:
            print(f"ask {ask['price']:>12,} x {ask['size']:<10}  bid {bid['price']:>12,} x {bid['size']}")
            shown = dict(ask), dict(bid)


if __name__ == "__main__":
    asyncio.run(main())
