"""What the implementations are fed: messages made from a fixed seed, each beside what must come of it.

Nothing here knows any of the implementations. A `Ladder` is changed at random and writes down each change as the
venue would send it, so the ladder itself is the truth the resulting book is compared with.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

SEED = 20261124
LEVELS_A_MESSAGE = 18
SYMBOL = "BTCUSDT"
PRODUCT = "BTC_JPY"

Message = dict[str, Any]
Side = dict[int, int]  # price in ticks -> size in lots


@dataclass
class Ladder:
    """A book of `depth` levels a side, in whole ticks and lots, that changes at random and never crosses."""

    depth: int
    dice: random.Random
    asks: Side = field(default_factory=dict)
    bids: Side = field(default_factory=dict)
    middle: int = 650_000
    announced: int = 0  # changes that the deltas have caused so far

    def __post_init__(self) -> None:
        for step in range(self.depth):
            self.asks[self.middle + 1 + 2 * step] = self.lots()
            self.bids[self.middle - 1 - 2 * step] = self.lots()

    def lots(self) -> int:
        """Return a random size."""
        return self.dice.randint(1, 10**14)

    def delta(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Change the book and return the changed asks and bids as (price, size); size 0 is a level that is gone."""
        return self._change(self.asks, 1), self._change(self.bids, -1)

    def _change(self, side: Side, away: int) -> list[tuple[int, int]]:
        changes: dict[int, int] = {}
        while len(changes) < LEVELS_A_MESSAGE // 2:
            # half of what happens is near the top, as on a real venue; the rest is anywhere in the book
            reach = 40 if self.dice.random() < 0.5 else self.depth
            price = self.middle + away * (1 + self.dice.randrange(2 * reach))
            if price in changes:
                continue
            if price not in side:
                if len(side) > self.depth:
                    continue
                size = self.lots()
            else:
                size = 0 if len(side) >= self.depth and self.dice.random() < 0.4 else self.lots()
            changes[price] = size
            if size:
                side[price] = size
            else:
                del side[price]
        self.announced += len(changes)
        return list(changes.items())


def price_text(ticks: int) -> str:
    """Write a price of 0.1 a tick, with four decimals."""
    return f"{ticks // 10}.{ticks % 10}000"


def size_text(lots: int) -> str:
    """Write a size of 10 decimals; nothing left is the plain text 0."""
    return f"{lots // 10**8}.{lots % 10**8:08d}" if lots else "0"


@dataclass(frozen=True)
class Book:
    """A snapshot, the deltas after it, and the book that must be there in the end: price -> size."""

    snapshot: Message
    deltas: list[Message]
    asks: dict[Any, Any]
    bids: dict[Any, Any]
    changes: int


def bybit_book(depth: int, messages: int) -> Book:
    """Return order book frames in Bybit's form: prices and sizes are texts."""
    ladder = Ladder(depth, random.Random(SEED))
    update = 1

    def frame(kind: str, asks: Any, bids: Any) -> Message:
        rows = {
            "s": SYMBOL,
            "b": [[price_text(price), size_text(size)] for price, size in bids],
            "a": [[price_text(price), size_text(size)] for price, size in asks],
            "u": update,
            "seq": 7_961_638_724 + update,
        }
        moment = 1_672_304_484_978 + update
        return {"topic": f"orderbook.1000.{SYMBOL}", "type": kind, "ts": moment, "data": rows, "cts": moment - 6}

    snapshot = frame("snapshot", ladder.asks.items(), ladder.bids.items())
    deltas = []
    for _ in range(messages):
        update += 1
        deltas.append(frame("delta", *ladder.delta()))
    asks, bids = ({price_text(p): size_text(s) for p, s in side.items()} for side in (ladder.asks, ladder.bids))
    return Book(snapshot, deltas, asks, bids, ladder.announced)


def bitflyer_book(depth: int, messages: int) -> Book:
    """Return board frames in bitFlyer's form: numbers, objects, and the middle of the best prices as the mid price."""
    ladder = Ladder(depth, random.Random(SEED))

    def frame(channel: str, asks: Any, bids: Any) -> Message:
        rows = {
            "mid_price": (min(ladder.asks) + max(ladder.bids)) * 5,
            "asks": [{"price": price * 10, "size": size / 10**8} for price, size in asks],
            "bids": [{"price": price * 10, "size": size / 10**8} for price, size in bids],
        }
        params = {"channel": f"{channel}{PRODUCT}", "message": rows}
        return {"jsonrpc": "2.0", "method": "channelMessage", "params": params}

    snapshot = frame("lightning_board_snapshot_", ladder.asks.items(), ladder.bids.items())
    deltas = [frame("lightning_board_", *ladder.delta()) for _ in range(messages)]
    asks, bids = ({p * 10: s / 10**8 for p, s in side.items()} for side in (ladder.asks, ladder.bids))
    return Book(snapshot, deltas, asks, bids, ladder.announced)


def trades(messages: int, each: int = 10) -> list[Message]:
    """Return public trade frames in Bybit's form, `each` trades a message, numbered by their field ``i``."""
    dice = random.Random(SEED)
    frames = []
    for number in range(messages):
        moment = 1_672_304_486_865 + number
        data = [
            {
                "T": moment,
                "s": SYMBOL,
                "S": dice.choice(("Buy", "Sell")),
                "v": size_text(dice.randint(1, 10**8)),
                "p": price_text(650_000 + dice.randint(-500, 500)),
                "L": "PlusTick",
                "i": str(number * each + index),
                "BT": False,
            }
            for index in range(each)
        ]
        frames.append({"topic": f"publicTrade.{SYMBOL}", "type": "snapshot", "ts": moment, "data": data})
    return frames


def orders(rows: int) -> list[Message]:
    """Return rows of a table keyed by ``symbol`` (100 rows each) and ``id``; ``tag`` is no key, 10 rows share one."""
    return [
        {"symbol": f"S{n % max(1, rows // 100)}", "id": n, "tag": f"t{n % max(1, rows // 10)}", "price": n * 0.5}
        for n in range(rows)
    ]
