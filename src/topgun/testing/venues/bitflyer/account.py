"""An account at the fake bitFlyer: its orders, positions, collateral and assets, and what fills do to them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from ...orders import ZERO, Fill

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ....clock import Instant
    from ...market import Market
    from ...orders import Event, Order, Side, Trade

__all__ = ["MARGIN", "Account", "Lot", "Ticket"]

MARGIN = "FX_BTC_JPY"  # the one product that is held as positions, against collateral
LEVERAGE = 2


@dataclass(frozen=True, slots=True)
class Ticket:
    """What bitFlyer keeps about an order besides what the market does.

    Attributes:
        kind: ``LIMIT`` or ``MARKET``.
        expires: When it ends by itself.
    """

    product: str
    kind: str
    expires: Instant


@dataclass(slots=True)
class Lot:
    """A piece of a position, as one fill opened it."""

    side: Side
    price: Decimal
    size: Decimal
    opened: Instant


class Account:
    """What belongs to one key.

    Attributes:
        orders: Every order it ever sent, oldest first.
        lots: Its margin position, oldest piece first.
        collateral: In yen.
        assets: The amount of each currency.
    """

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.lots: list[Lot] = []
        self.collateral = Decimal(10_000_000)
        self.assets = {"JPY": Decimal(50_000_000), "BTC": Decimal(10), "ETH": Decimal(100)}

    def book(self, events: Iterable[Event]) -> None:
        """Carry out what fills mean for positions and collateral, or for the assets."""
        for event in events:
            if isinstance(event, Fill):
                self._fill(event.order.tag.product, event.order.side, event.trade)

    def available(self, currency: str) -> Decimal:
        """Return the amount that no open order has reserved."""
        reserved = ZERO
        for order in self._open():
            base, _, quote = order.tag.product.partition("_")
            if order.tag.product != MARGIN and order.price is not None:
                reserved += order.left if (order.side, currency) == ("sell", base) else ZERO
                reserved += order.left * order.price if (order.side, currency) == ("buy", quote) else ZERO
        return self.assets[currency] - reserved

    def affords(self, market: Market, side: Side, size: Decimal, price: Decimal | None) -> bool:
        """Tell whether the funds allow one more order."""
        worth = size * (market.last if price is None else price)
        if market.name == MARGIN:
            return self.required(market, side, size) <= self.collateral
        base, _, quote = market.name.partition("_")
        return worth <= self.available(quote) if side == "buy" else size <= self.available(base)

    def required(self, market: Market, side: Side = "buy", more: Decimal = ZERO) -> Decimal:
        """Return the collateral that the position needs once every order of that side, and `more`, is filled."""
        waiting = more + sum(
            (each.left for each in self._open() if each.tag.product == MARGIN and each.side == side), ZERO
        )
        return abs(self.net + (waiting if side == "buy" else -waiting)) * market.last / LEVERAGE

    @property
    def net(self) -> Decimal:
        """The margin position: above 0 = long."""
        return sum((lot.size if lot.side == "buy" else -lot.size for lot in self.lots), ZERO)

    def gain(self, price: Decimal) -> Decimal:
        """Return what closing the margin position at `price` would bring."""
        return sum(((price - lot.price) * (lot.size if lot.side == "buy" else -lot.size) for lot in self.lots), ZERO)

    def _open(self) -> list[Order]:
        return [order for order in self.orders if order.state == "open"]

    def _fill(self, product: str, side: Side, trade: Trade) -> None:
        if product == MARGIN:
            self._hold(side, trade.price, trade.size, trade.time)
            return
        base, _, quote = product.partition("_")
        buy, value = side == "buy", trade.price * trade.size
        value = value.to_integral_value(ROUND_CEILING if buy else ROUND_FLOOR)  # never to the customer's good
        self.assets[base] += trade.size if buy else -trade.size
        self.assets[quote] += -value if buy else value

    def _hold(self, side: Side, price: Decimal, size: Decimal, now: Instant) -> None:
        """Close the oldest opposite pieces, then open what is left."""
        while size and self.lots and self.lots[0].side != side:
            lot = self.lots[0]
            closed = min(lot.size, size)
            gain = (price - lot.price) * closed if side == "sell" else (lot.price - price) * closed
            self.collateral = (self.collateral + gain).to_integral_value(
                ROUND_FLOOR if side == "sell" else ROUND_CEILING
            )
            lot.size, size = lot.size - closed, size - closed
            if not lot.size:
                self.lots.pop(0)
        if size:
            self.lots.append(Lot(side, price, size, now))
