"""An account at the fake bitbank: its orders, fills and assets, and what it is told of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...orders import ZERO, Ended, Fill
from .shapes import amount, order_row, trade_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...market import Market
    from ...orders import Order, Placed, Side, Trade

__all__ = ["Account", "Ticket"]

PRECISION = 4  # decimals of an amount, here for all assets


@dataclass(slots=True, eq=False)
class Ticket:
    """What bitbank keeps about an order besides what the market does.

    Attributes:
        kind: ``limit`` or ``market``.
        filled: How much was filled as far as the account was told, `value` what for.
    """

    pair: str
    kind: str
    post_only: bool
    filled: Decimal = ZERO
    value: Decimal = ZERO


class Account:
    """What belongs to one key.

    Args:
        number: Which account it is.

    Attributes:
        channel: Where it is told what happens.
        orders: Every order it ever sent, oldest first.
        trades: Its fills as the API lists them, oldest first.
        assets: The amount of each asset, with what orders have reserved.
    """

    def __init__(self, number: int) -> None:
        self.channel = str(1_234_567_889 + number)
        self.orders: list[Order] = []
        self.trades: list[dict[str, Any]] = []
        self.assets = {"jpy": Decimal(50_000_000), "btc": Decimal(10), "eth": Decimal(100), "xrp": Decimal(100_000)}

    def book(self, market: Market, events: Iterable[Placed | Fill | Ended]) -> Iterator[dict[str, Any]]:
        """Carry out what happened to its orders on a market, and yield what it is told."""
        happened = False
        for event in events:
            order, happened = event.order, True
            if isinstance(event, Fill):
                self._fill(order, event.trade)
                self.trades.append(trade_row(event))
                yield {"method": "spot_trade", "params": [self.trades[-1]]}
                yield {"method": "spot_order", "params": [order_row(order, ended=not event.left)]}
            elif isinstance(event, Ended):
                method = "spot_order_new" if order.state == "rejected" else "spot_order"
                yield {"method": method, "params": [order_row(order, ended=True)]}
            else:
                yield {"method": "spot_order_new", "params": [order_row(order)]}
        if happened:
            yield {"method": "asset_update", "params": [self.asset(name) for name in market.name.split("_")]}

    def asset(self, name: str) -> dict[str, Any]:
        """Return the row of an asset."""
        owned, free = self.assets[name], self.available(name)
        return {
            "asset": name,
            "amount_precision": PRECISION,
            "free_amount": amount(free),
            "locked_amount": amount(owned - free),
            "onhand_amount": amount(owned),
            "withdrawing_amount": amount(ZERO),
        }

    def available(self, asset: str) -> Decimal:
        """Return the amount that no open order has reserved."""
        reserved = ZERO
        for order in self.open():
            base, quote = order.tag.pair.split("_")
            worth = order.left * (order.price or ZERO)
            reserved += order.left if (order.side, asset) == ("sell", base) else ZERO
            reserved += worth if (order.side, asset) == ("buy", quote) else ZERO
        return self.assets[asset] - reserved

    def affords(self, market: Market, side: Side, size: Decimal, price: Decimal | None) -> bool:
        """Tell whether the assets allow one more order."""
        base, quote = market.name.split("_")
        worth = size * (market.last if price is None else price)
        return worth <= self.available(quote) if side == "buy" else size <= self.available(base)

    def open(self) -> list[Order]:
        """Return the resting orders, oldest first."""
        return [order for order in self.orders if order.state == "open"]

    def _fill(self, order: Order, trade: Trade) -> None:
        base, quote = order.tag.pair.split("_")
        value = trade.price * trade.size
        order.tag.filled += trade.size
        order.tag.value += value
        self.assets[base] += trade.size if order.side == "buy" else -trade.size
        self.assets[quote] += -value if order.side == "buy" else value
