"""The WebSockets of the fake BitMEX: welcome, login, subscriptions, partials and what follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...orders import Ended, Fill, Placed
from ...venue import parsed
from ...view import SIDES, View
from .gate import SOCKET, Refused
from .shapes import book10, execution, instrument, level, margin, moment, order_row, position, quote, trade, wallet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from ...link import Link
    from ...market import Market
    from ...orders import Side, Trade
    from . import Bitmex
    from .account import Account

__all__ = ["PATHS", "Stream"]

PATHS = ("/realtime", "/realtimePlatform")
BOOKS = {"orderBookL2": None, "orderBookL2_25": 25}
KEYS = {
    **{wire: ["symbol", "id", "side"] for wire in BOOKS},
    "orderBook10": ["symbol"], "instrument": ["symbol"], "trade": [], "quote": [], "liquidation": ["orderID"],
    "order": ["orderID"], "execution": ["execID"], "position": ["account", "symbol"],
    "margin": ["account", "currency"], "wallet": ["account", "currency"],
}  # fmt: skip
PRIVATE = ("order", "execution", "position", "margin", "wallet")
FIRST = 62_400_000_000  # ids of levels are arbitrary; they are counted from here


class Stream:
    """Every socket.

    https://www.bitmex.com/app/wsAPI
    """

    def __init__(self, venue: Bitmex) -> None:
        self._venue = venue
        self._views = {(name, wire): View(each, BOOKS[wire]) for name, each in venue.markets.items() for wire in BOOKS}
        self._ids: dict[tuple[str, Side, Decimal], int] = {}
        self._instruments = {name: self._instrument(each) for name, each in venue.markets.items()}

    # --- what clients send ---

    def welcome(self, link: Link) -> None:
        """Say welcome, log in whoever has come with a key, and play the subscriptions of the address."""
        docs, limit = "https://www.bitmex.com/app/wsAPI", {"remaining": 719}
        told = {"info": "Welcome to the BitMEX Realtime API.", "version": "2.0.0", "timestamp": self._now, "docs": docs}
        link.send({**told, "heartbeatEnabled": False, "limit": limit})
        if "api-key" in link.headers:
            match link.login_answer():
                case "honest":
                    link.api = self._venue.gate.enter_with(link.host, link.headers, SOCKET)
                case "refuse":
                    self._refuse(link, 401, "Signature not valid.", {})
        if topics := link.query.get("subscribe"):
            self._subscribe(link, {"op": "subscribe", "args": topics.split(",")})

    def hear(self, link: Link, frame: str | bytes) -> None:
        """Answer a frame. The text ``ping`` is no JSON, and its answer is none either: topgun sends none."""
        heard = parsed(frame)
        match heard:
            case {"op": "subscribe"}:
                self._subscribe(link, heard)
            case {"op": "unsubscribe", "args": args}:
                for topic in args if isinstance(args, list) else [args]:
                    link.topics.pop(topic, None)
                    link.send({"success": True, "unsubscribe": topic, "request": heard})
            case {"op": "authKeyExpires", "args": [str(key), int(expires), str(signature)]}:
                headers = {"api-key": key, "api-expires": str(expires), "api-signature": signature}
                self._log_in(link, heard, headers)
            case _:
                self._refuse(link, 400, "Unrecognized request. See the docs or send 'help' for more details.", heard)

    def _log_in(self, link: Link, heard: Any, headers: dict[str, str]) -> None:
        """Log in by a message; a second time is an error."""
        answer = link.login_answer()
        if answer == "silent":
            return
        if link.api is not None:
            self._refuse(link, 400, "Already authenticated.", heard)
            return
        try:
            link.api = self._venue.gate.enter_with(link.host, headers, SOCKET if answer == "honest" else "")
        except Refused as refusal:
            self._refuse(link, refusal.status, str(refusal), heard)
        else:
            link.send({"success": True, "request": heard})

    def _refuse(self, link: Link, status: int, error: str, heard: Any) -> None:
        link.send({"status": status, "error": error, "meta": {}, "request": heard})

    def _subscribe(self, link: Link, heard: Any) -> None:
        args = heard.get("args")
        for topic in args if isinstance(args, list) else [args]:
            wire, _, symbol = str(topic).partition(":")
            if wire not in KEYS or (symbol and symbol not in self._venue.markets):
                self._refuse(link, 400, f"Unknown or expired symbol or table: {topic}", heard)
            elif wire in PRIVATE and link.api is None:
                self._refuse(
                    link, 401, f"User requested an account-locked subscription but no authorization: {wire}", heard
                )
            elif topic in link.topics:
                self._refuse(link, 400, f"You are already subscribed to this topic: {topic}", heard)
            else:
                link.topics[topic] = (wire, symbol)
                link.send({"success": True, "subscribe": topic, "request": heard})
                self._begin(link, topic, wire, symbol)

    # --- what a table begins with ---

    def _begin(self, link: Link, topic: str, wire: str, symbol: str) -> None:
        account = self._venue.accounts[link.api] if wire in PRIVATE and link.api else None
        scope: dict[str, Any] = {"account": account.number} if account else {}
        if symbol and wire != "liquidation":
            scope["symbol"] = symbol
        markets = [self._venue.markets[symbol]] if symbol else list(self._venue.markets.values())
        rows = self._private(wire, account, markets) if account else self._public(wire, markets)
        told = {"table": wire, "action": "partial", "keys": KEYS[wire], "types": {}, "filter": scope, "data": rows}
        link.send(told, topic=topic)

    def _public(self, wire: str, markets: Sequence[Market]) -> list[Any]:
        now = self._now
        writers: dict[str, Callable[[Market], list[Any]]] = {
            "trade": lambda each: [trade(self._venue.products[each.name], past) for past in list(each.trades)[-1:]],
            "quote": lambda each: [quote(each, now)],
            "instrument": lambda each: [self._instruments[each.name]],
            "orderBook10": lambda each: [book10(each.name, self._views[each.name, "orderBookL2"].sides, now)],
            "liquidation": lambda each: [],
        }
        write = writers.get(wire) or (lambda each: self.levels(each, BOOKS[wire]))
        return [row for each in markets for row in write(each)]

    def _private(self, wire: str, account: Account, markets: Sequence[Market]) -> list[Any]:
        names = {each.name for each in markets}
        match wire:
            case "order":
                return [order_row(each, account) for each in account.open() if each.tag.product.symbol in names]
            case "position":
                return [self._position(account, name) for name in account.held if name in names]
            case "margin":
                return [margin(account, each, self._now) for each in account.money]
            case "wallet":
                return [wallet(account, each, self._now) for each in account.money]
        return []

    def levels(self, market: Market, depth: int | None) -> list[Any]:
        """Return the levels of a book, as they were told last."""
        sides, now = self._views[market.name, "orderBookL2"].sides, self._now
        return [self._level(market, side, each, now) for side in SIDES for each in sides[side][:depth]]

    # --- what follows ---

    def publish(self, market: Market, trades: Sequence[Trade]) -> None:
        """Tell of the change of a book and of trades."""
        changed = [self._publish_book(market, wire) for wire in BOOKS]
        if trades:
            rows = [trade(self._venue.products[market.name], each) for each in trades]
            self._tell("trade", market.name, "insert", rows)
        if any(changed):
            sides = self._views[market.name, "orderBookL2"].sides
            self._tell("quote", market.name, "insert", [quote(market, self._now)])
            self._tell("orderBook10", market.name, "update", [book10(market.name, sides, self._now)])
        before, now = self._instruments[market.name], self._instrument(market)
        news = {name: value for name, value in now.items() if value != before[name]}
        if news.keys() - {"timestamp"}:
            self._instruments[market.name] = now
            self._tell("instrument", market.name, "update", [{"symbol": market.name, **news}])

    def _publish_book(self, market: Market, wire: str) -> bool:
        view, now = self._views[market.name, wire], self._now
        known = {side: dict(view.sides[side]) for side in SIDES}
        told: dict[str, list[Any]] = {"delete": [], "update": [], "insert": []}
        for side, levels in (view.step() or {}).items():
            for price, size in levels:
                action = "delete" if not size else "update" if price in known[side] else "insert"
                told[action].append(self._level(market, side, (price, size), now))
        for action, rows in told.items():
            if rows:
                self._tell(wire, market.name, action, rows, update=True)
        return any(told.values())

    def tell_account(self, account: Account, market: Market, events: Sequence[Placed | Fill | Ended]) -> None:
        """Book what happened to an account, and tell it."""
        orders = {event.order.number: event.order for event in events}
        new = {event.order.number for event in events if isinstance(event, Placed) and not event.amended}
        new |= {number for number, order in orders.items() if order.state == "rejected"}
        for number, order in orders.items():
            row = order_row(order, account)
            if number in new:
                begun = {
                    "ordStatus": "New",
                    "workingIndicator": True,
                    "leavesQty": row["orderQty"],
                    "cumQty": 0,
                    "avgPx": 0,
                }
                self._tell("order", market.name, "insert", [{**row, **begun}], account)
            if number not in new or row["ordStatus"] != "New":
                self._tell("order", market.name, "update", [row], account)
        fills = [event for event in events if isinstance(event, Fill)]
        for fill in fills:
            action = "update" if market.name in account.held else "insert"
            account.book(fill)
            self._tell("execution", market.name, "insert", [execution(fill, account)], account)
            self._tell("position", market.name, action, [self._position(account, market.name)], account)
        currency = self._venue.products[market.name].settle
        self._tell("margin", "", "update", [margin(account, currency, self._now)], account)
        if fills:
            self._tell("wallet", "", "update", [wallet(account, currency, self._now)], account)

    # --- inside ---

    @property
    def _now(self) -> str:
        return moment(self._venue.now())

    def _tell(
        self,
        wire: str,
        symbol: str,
        action: str,
        rows: list[Any],
        account: Account | None = None,
        *,
        update: bool = False,
    ) -> None:
        message = {"table": wire, "action": action, "data": rows}
        for link in self._venue.links():
            if account is None or (link.api and self._venue.accounts[link.api] is account):
                for topic, wanted in link.topics.items():
                    if wanted in ((wire, symbol), (wire, "")):
                        link.send(message, topic=topic, update=update, event=not update)

    def _level(self, market: Market, side: Side, each: Any, now: str) -> dict[str, Any]:
        number = self._ids.setdefault((market.name, side, each[0]), FIRST + len(self._ids))
        return level(market.name, number, side, each, now)

    def _position(self, account: Account, symbol: str) -> dict[str, Any]:
        return position(account.held[symbol], account, self._venue.markets[symbol].last, self._now)

    def _instrument(self, market: Market) -> dict[str, Any]:
        return instrument(market, self._venue.products[market.name], self._now)
