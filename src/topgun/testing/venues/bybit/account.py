"""An account at the fake Bybit: its orders, positions and coins, and what fills do to them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from ...orders import ZERO, Ended, Fill

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...market import Market
    from ...orders import Event, Order

__all__ = ["LEVERAGE", "Account", "Product", "Ticket", "fee_rate"]

LEVERAGE = 10
FEES = {"linear": (Decimal("0.0002"), Decimal("0.00055")), "spot": (Decimal("0.001"), Decimal("0.001"))}  # maker, taker


@dataclass(frozen=True, slots=True)
class Product:
    """What Bybit trades under a symbol."""

    category: str
    symbol: str
    base: str
    quote: str


@dataclass(slots=True, eq=False)
class Ticket:
    """What Bybit keeps about an order besides what the market does.

    Attributes:
        link: The name that the account gave it.
        kind: ``Limit`` or ``Market``.
        fee: What its fills cost so far, in the quote coin.
        reason: Why it ended.
    """

    product: Product
    link: str
    kind: str
    reduce_only: bool
    fee: Decimal = ZERO
    reason: str = ""


class Account:
    """What belongs to one key.

    Attributes:
        orders: Every order it ever sent, oldest first.
        coins: The wallet balance of each coin.
        realised: The gains and losses of each coin, without fees.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.orders: list[Order] = []
        self.coins = {"USDT": Decimal(100_000), "BTC": Decimal(10), "ETH": Decimal(100)}
        self.realised = dict.fromkeys(self.coins, ZERO)

    def book(self, events: Iterable[Event]) -> None:
        """Carry out what events mean for coins, and note why orders ended."""
        for event in events:
            if isinstance(event, Fill):
                self._fill(event)
            elif isinstance(event, Ended):
                event.order.tag.reason = event.reason

    def available(self, markets: Iterable[Market], coin: str = "USDT") -> Decimal:
        """Return what of a coin neither orders nor positions need.

        Args:
            markets: Those with linear products.
            coin: Its name.
        """
        return self.coins[coin] - self.locked(coin) - (self.margin(markets) if coin == "USDT" else ZERO)

    def locked(self, coin: str) -> Decimal:
        """Return what spot orders need of a coin."""
        need = ZERO
        for order in self.open():
            product: Product = order.tag.product
            if product.category == "spot" and order.price is not None:
                need += order.left if (order.side, product.base) == ("sell", coin) else ZERO
                need += order.left * order.price if (order.side, product.quote) == ("buy", coin) else ZERO
        return need

    def margin(self, markets: Iterable[Market]) -> Decimal:
        """Return what linear orders and positions need as margin, in USDT."""
        linear = (order for order in self.open() if order.tag.product.category == "linear")
        orders = sum((order.left * (order.price or ZERO) for order in linear), ZERO)
        held = sum((abs(market.position(self.name).size) * market.last for market in markets), ZERO)
        return (orders + held) / LEVERAGE

    def open(self) -> list[Order]:
        """Return the resting orders, oldest first."""
        return [order for order in self.orders if order.state == "open"]

    def _fill(self, fill: Fill) -> None:
        product: Product = fill.order.tag.product
        value, size = fill.trade.price * fill.trade.size, fill.trade.size
        fee = value * fee_rate(product, maker=fill.maker)
        fill.order.tag.fee += fee
        self.coins[product.quote] -= fee
        if product.category == "linear":
            gain = fill.after.realised - fill.before.realised
            self.realised[product.quote] += gain
            self.coins[product.quote] += gain
        else:
            buy = fill.order.side == "buy"
            self.coins[product.base] += size if buy else -size
            self.coins[product.quote] += -value if buy else value


def fee_rate(product: Product, *, maker: bool) -> Decimal:
    """Return what a fill costs, as a part of its value."""
    return FEES[product.category][0 if maker else 1]
