"""What an account at the fake BitTrade is told: its orders, fills and balances."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...orders import ZERO, Ended, Fill, Placed
from .account import coins_of
from .shapes import ident, status, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Event, Order
    from . import BitTrade

__all__ = ["PRIVATE", "Reports"]

PRIVATE = "/ws/v2"
TOPIC = re.compile(r"(?:orders|trade\.clearing)#(\w+|\*)(?:#[01])?|accounts\.update(?:#[012])?", re.ASCII)


class Reports:
    """The topics of ``/ws/v2``.

    https://api-doc.bittrade.co.jp/
    """

    def __init__(self, venue: BitTrade) -> None:
        self._venue = venue

    def has(self, topic: str) -> bool:
        """Tell whether there is such a topic."""
        match = TOPIC.fullmatch(topic)
        return match is not None and match[1] in (None, "*", *self._venue.markets)

    def begin(self, link: Link, topic: str) -> None:
        """Send what a topic begins with: the balances that there are."""
        if topic.startswith("accounts.update") and link.api is not None:
            for coin in self._venue.accounts[link.api].coins:
                self._balance(link, topic, coin, "")

    def tell(self, api: str, market: Market, events: Sequence[Event]) -> None:
        """Tell an account what happened to its orders on a market, and to what it has."""
        for link in self._venue.links():
            if link.api == api and link.path == PRIVATE:
                for topic in list(link.topics):
                    self._report(link, topic, market, events)

    def _report(self, link: Link, topic: str, market: Market, events: Sequence[Event]) -> None:
        name, *names = topic.split("#")
        if name == "accounts.update":
            filled = any(isinstance(event, Fill) for event in events)
            if filled or names not in ([], ["0"]):
                for coin in coins_of(market.name):
                    self._balance(link, topic, coin, "order.match" if filled else "order.place")
        elif names[0] in ("*", market.name):
            rows = self._orders(link, events) if name == "orders" else self._clearing(link, events, names[1:])
            for row in rows:
                channel = "#".join([name, market.name, *names[1:]])
                link.send({"action": "push", "ch": channel, "data": row}, topic=channel, event=True)

    def _orders(self, link: Link, events: Iterable[Event]) -> Iterable[dict[str, Any]]:
        for event in events:
            order: Order = event.order  # type: ignore[union-attr]  # what is told to an account is no public trade
            row = {**self._named(link, order), "clientOrderId": order.tag.client, "type": order.tag.kind}
            done = {"execAmt": text(order.filled), "remainAmt": text(order.left)}
            match event:
                case Placed():
                    yield {
                        **row, "orderSize": text(order.size), "orderPrice": text(order.price or ZERO),
                        "orderCreateTime": order.time.ms, "orderSource": "spot-api", "orderStatus": "submitted",
                        "eventType": "creation",
                    }  # fmt: skip
                case Fill(trade=trade, left=left):
                    yield {
                        **row, "tradePrice": text(trade.price), "tradeVolume": text(trade.size),
                        "tradeId": trade.number, "tradeTime": trade.time.ms, "aggressor": not event.maker,
                        "execAmt": text(order.size - left), "remainAmt": text(left), "eventType": "trade",
                        "orderStatus": "partial-filled" if left else "filled",
                    }  # fmt: skip
                case _:
                    yield {
                        **row, **done, "lastActTime": self._venue.now().ms, "orderStatus": status(order),
                        "eventType": "cancellation",
                    }  # fmt: skip

    def _clearing(self, link: Link, events: Iterable[Event], mode: Sequence[str]) -> Iterable[dict[str, Any]]:
        for event in events:
            order: Order = event.order  # type: ignore[union-attr]  # as above
            row = {
                **self._named(link, order), "orderPrice": text(order.price or ZERO), "orderSide": order.side,
                "orderSize": text(order.size), "orderStatus": status(order), "orderType": order.tag.kind,
                "orderCreateTime": order.time.ms, "source": "spot-api",
            }  # fmt: skip
            match event:
                case Fill(trade=trade):
                    base, quote = coins_of(order.tag.symbol)
                    yield {
                        **row, "eventType": "trade", "aggressor": not event.maker, "tradeId": trade.number,
                        "tradePrice": text(trade.price), "tradeVolume": text(trade.size), "tradeTime": trade.time.ms,
                        "transactFee": "0", "feeCurrency": base if order.side == "buy" else quote, "feeDeduct": "0",
                        "feeDeductType": "",
                    }  # fmt: skip
                case Ended() if list(mode) == ["1"]:
                    yield {**row, "eventType": "cancellation", "remainAmt": text(order.left)}

    def _balance(self, link: Link, topic: str, coin: str, change: str) -> None:
        """Tell a balance; in mode 1 in two messages."""
        account = self._venue.accounts[str(link.api)]
        amounts = {
            "balance": text(account.coins[coin]),
            "available": text(account.coins[coin] - account.frozen(coin)),
        }
        apart = [{name: amount} for name, amount in amounts.items()]
        for part in apart if topic.endswith("#1") and change else [amounts]:
            row = {
                "accountId": account.ident, "accountType": "trade", "currency": coin, **part,
                "changeType": change or None, "changeTime": self._venue.now().ms if change else None,
                "seqNum": next(account.numbers),
            }  # fmt: skip
            link.send({"action": "push", "ch": topic, "data": row}, topic=topic, event=True)

    def _named(self, link: Link, order: Order) -> dict[str, Any]:
        account = self._venue.accounts[str(link.api)].ident
        return {"symbol": order.tag.symbol, "accountId": account, "orderId": ident(order)}
