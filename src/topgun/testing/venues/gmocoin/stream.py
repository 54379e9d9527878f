"""The WebSockets of the fake GMO Coin: subscriptions, one a second, and what is told to whom."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...orders import Ended, Fill, Placed, trades_in
from ...venue import parsed
from ...view import View
from .account import Execution, Lot
from .shapes import book, execution_event, instant, order_event, position, summaries, ticker, trade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Event
    from . import GMOCoin

__all__ = ["PRIVATE", "PUBLIC", "Stream"]

PUBLIC, PRIVATE = "/ws/public/v1", "/ws/private/v1/"
CHANNELS = {"gmocoin": ("ticker", "orderbooks", "trades"), "gmocoin_fx": ("ticker",)}
EVENTS = ("executionEvents", "orderEvents", "positionEvents", "positionSummaryEvents")


class Stream:
    """Every socket. The option ``PERIODIC`` of ``positionSummaryEvents`` is not played, ``TAKER_ONLY`` always holds.

    https://api.coin.z.com/docs/#ws-ticker
    """

    def __init__(self, venue: GMOCoin) -> None:
        self._venue = venue
        self._views = {name: View(market) for name, market in venue.markets.items()}
        self._heard: dict[str, int] = {}  # when the last subscription came to a host, in ns
        self._told: dict[str, int] = {}  # when a book was told last, in ms

    # --- what clients send ---

    def hear(self, link: Link, frame: str | bytes) -> None:
        """Subscribe or unsubscribe; only refusals are answered."""
        now = self._venue.now().ns
        before, self._heard[link.host] = self._heard.get(link.host), now
        if before is not None and now - before < self._venue.spacing_ns:
            link.send({"error": "ERR-5003 Request too many."})
            return
        heard = parsed(frame)
        match heard:
            case {"command": "subscribe", "channel": str(channel)} if topic := self._topic(link, channel, heard):
                link.topics[topic] = None
                self._begin(link, channel, topic)
            case {"command": "unsubscribe", "channel": str(channel)} if topic := self._topic(link, channel, heard):
                link.topics.pop(topic, None)
            case _:
                link.send({"error": "ERR-5106 Invalid request parameter."})

    def _topic(self, link: Link, channel: str, heard: dict[str, Any]) -> str:
        """Return the name of what a message asks for, nothing if there is no such thing on this socket."""
        if link.path != PUBLIC:
            return channel if channel in EVENTS else ""
        product = self._venue.products.get(str(heard.get("symbol")))
        api = self._venue.products_of(link.host)
        fits = product is not None and product.api == api and channel in CHANNELS[api]
        return f"{channel}_{heard['symbol']}" if fits else ""

    def _begin(self, link: Link, channel: str, topic: str) -> None:
        """Send what a subscription begins with."""
        name = topic.removeprefix(f"{channel}_")
        match channel:
            case "orderbooks":
                link.send(self._book(name), topic=topic)
            case "ticker":
                link.send(self._ticker(name), topic=topic)
            case "positionSummaryEvents":
                for product in self._venue.products.values():
                    if product.leverage and product.api == link.api:
                        for row in self._sums(product.symbol, product.api, "INIT"):
                            link.send(row, topic=topic)

    # --- what they are told ---

    def publish(self, market: Market, events: Sequence[Event]) -> None:
        """Tell everybody what happened on a market."""
        name, trades = market.name, trades_in(events)
        changed = self._views[name].step() is not None
        if changed:
            self._tell(f"orderbooks_{name}", self._book(name), update=True)
        for each in trades:
            self._tell(f"trades_{name}", trade(market, name, each), event=True)
        if changed or trades:
            self._tell(f"ticker_{name}", self._ticker(name), event=True)

    def tell_account(self, api: str, market: Market, events: Sequence[Placed | Fill | Ended]) -> None:
        """Book what happened to the orders of an account, and tell it."""
        filled: defaultdict[int, Decimal] = defaultdict(Decimal)
        for event in events:
            if isinstance(event, Fill):
                filled[event.order.number] += event.trade.size
        held = False
        for told in self._venue.accounts[api].book(events, self._venue.numbers):
            if isinstance(told, Execution):
                self._tell("executionEvents", execution_event(told), api=api)
            elif isinstance(told, Lot):
                held = True
                self._tell_position(api, market, told)
            elif isinstance(told, Placed):
                kind, before = "ROR" if told.amended else "NOR", told.order.filled - filled[told.order.number]
                self._tell("orderEvents", order_event(told.order, kind, before), api=api)
            else:
                self._tell("orderEvents", order_event(told.order, "", told.order.filled), api=api)
        if held:
            for row in self._sums(market.name, api, "UPDATE"):
                self._tell("positionSummaryEvents", row, api=api)

    def _tell_position(self, api: str, market: Market, lot: Lot) -> None:
        kind = "UPR" if lot.told and lot.size else "CPR" if lot.told else "OPR"
        lot.told = True
        row = {"channel": "positionEvents", **position(lot, market.last), "msgType": kind}
        self._tell("positionEvents", row, api=api)

    def _tell(
        self, topic: str, message: dict[str, Any], *, api: str | None = None, update: bool = False, event: bool = False
    ) -> None:
        for link in self._venue.links():
            if topic in link.topics and link.api == api:
                link.send(message, topic=topic, update=update, event=event or api is not None)

    def _book(self, name: str) -> dict[str, Any]:
        """Return a book, with a time after that of the book before."""
        view, now = self._views[name], self._venue.now()
        moment = max(now.ms, self._told.get(name, 0) + 1)
        self._told[name] = moment
        return book(view.market, view.sides, name, type(now)(moment * 1_000_000))

    def _ticker(self, name: str) -> dict[str, Any]:
        return ticker(self._venue.markets[name], self._venue.products[name], self._venue.now())

    def _sums(self, name: str, api: str, kind: str) -> list[dict[str, Any]]:
        rows = summaries(self._venue.products[name], self._venue.accounts[api].lots, self._venue.markets[name].last)
        told = {"channel": "positionSummaryEvents", "timestamp": instant(self._venue.now()), "msgType": kind}
        return [{**row, **told} for row in rows]
