"""What the fake Hyperliquid answers on ``/info``, by HTTP and by WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .account import LEVERAGE
from .gate import UNREADABLE, Refused
from .shapes import INTERVALS, book, candle, context, margins, number, order_row, status_of, trade_row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...market import Market
    from . import Hyperliquid
    from .account import Account

__all__ = ["DEPTH", "Info"]

DEPTH = 20  # levels of each side
NOBODY = "0x0000000000000000000000000000000000000000"


class Info:
    """Every question that the fake understands.

    https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint
    """

    def __init__(self, venue: Hyperliquid) -> None:
        self._venue = venue
        self._told = dict.fromkeys(venue.markets, 0)  # the time of the latest book of each market
        self._answers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "meta": self._meta,
            "metaAndAssetCtxs": lambda asked: [self._meta(asked), [context(each) for each in venue.markets.values()]],
            "allMids": lambda _: self.mids(),
            "l2Book": lambda asked: self.book(self.market(asked)),
            "recentTrades": self._trades,
            "candleSnapshot": self._candles,
            "openOrders": lambda asked: [order_row(each) for each in self._account(asked).open()],
            "frontendOpenOrders": lambda asked: self.orders(self._account(asked)),
            "userFills": lambda asked: self._account(asked).fills[::-1],
            "userFillsByTime": self._fills_by_time,
            "orderStatus": self._status,
            "clearinghouseState": lambda asked: self.margins(self._account(asked)),
            "spotClearinghouseState": lambda asked: self.balances(self._account(asked)),
            "activeAssetData": lambda asked: self.asset_data(self._account(asked), self.market(asked)),
            "userNonFundingLedgerUpdates": lambda asked: [],
        }

    def answer(self, asked: Any) -> Any:
        """Answer a question.

        Raises:
            Refused: It is none.
        """
        kind = asked.get("type") if isinstance(asked, dict) else None
        if kind not in self._answers:
            raise Refused(UNREADABLE, 422)
        return self._answers[kind](asked)

    def market(self, asked: Mapping[str, Any]) -> Market:
        """Return the market of the ``coin`` of a question."""
        coin = asked.get("coin")
        if coin not in self._venue.markets:
            raise Refused(UNREADABLE, 422)
        return self._venue.markets[str(coin)]

    # --- what sockets tell as well ---

    def mids(self) -> dict[str, str]:
        """Return the middle price of each coin."""
        return {name: number(market.mid) for name, market in self._venue.markets.items()}

    def book(self, market: Market, *, new: bool = False) -> dict[str, Any]:
        """Return a book; one that is `new` has a later time than the one before, as there is one in a block."""
        now = max(self._venue.now().ms, self._told[market.name] + new)
        self._told[market.name] = now
        return book(market.name, market.levels("buy", DEPTH), market.levels("sell", DEPTH), now)

    def orders(self, account: Account) -> list[dict[str, Any]]:
        """Return open orders with all that is known of them."""
        return [order_row(each, whole=True) for each in account.open()]

    def margins(self, account: Account) -> dict[str, Any]:
        """Return margin and positions."""
        return margins(account, self._venue.markets.values(), LEVERAGE, self._venue.now().ms)

    def balances(self, account: Account) -> dict[str, Any]:
        """Return the balances of spot: there is nothing but one coin."""
        usdc = {"coin": "USDC", "token": 0, "hold": "0.0", "total": number(account.usdc), "entryNtl": "0.0"}
        return {"balances": [usdc] if account.name else []}

    def asset_data(self, account: Account, market: Market) -> dict[str, Any]:
        """Return how much an account may trade of a coin."""
        free = account.available(self._venue.markets.values())
        return {
            "user": account.address, "coin": market.name, "leverage": {"type": "cross", "value": LEVERAGE},
            "maxTradeSzs": [number(free * LEVERAGE / market.last)] * 2, "availableToTrade": [number(free)] * 2,
            "markPx": number(market.last),
        }  # fmt: skip

    # --- questions ---

    def _account(self, asked: Mapping[str, Any]) -> Account:
        if not isinstance(asked.get("user"), str):
            raise Refused(UNREADABLE, 422)
        return self._venue.account_of(asked["user"])

    def _meta(self, _: Mapping[str, Any]) -> dict[str, Any]:
        lots = ((name, -int(market.lot.as_tuple().exponent)) for name, market in self._venue.markets.items())
        return {"universe": [{"name": name, "szDecimals": decimals, "maxLeverage": 40} for name, decimals in lots]}

    def _trades(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        market = self.market(asked)
        return [trade_row(market.name, trade, NOBODY) for trade in [*market.trades][: -DEPTH - 1 : -1]]

    def _candles(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        wanted = asked.get("req")
        if not isinstance(wanted, dict) or wanted.get("interval") not in INTERVALS:
            raise Refused(UNREADABLE, 422)
        return [candle(self.market(wanted), wanted["interval"], self._venue.now().ms)]

    def _fills_by_time(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        first, last = asked.get("startTime", 0), asked.get("endTime", self._venue.now().ms)
        return [row for row in self._account(asked).fills if first <= row["time"] <= last]

    def _status(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        for order in self._account(asked).orders:
            if asked.get("oid") in (order.number, order.tag.cloid or order.number):
                told = {"status": status_of(order), "statusTimestamp": (order.updated or order.time).ms}
                return {"status": "order", "order": {"order": order_row(order, whole=True), **told}}
        return {"status": "unknownOid"}
