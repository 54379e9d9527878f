"""The WebSockets of the fake Bybit: login, heartbeat, subscriptions, and what an account is told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...orders import Fill, Trade
from ...venue import hmac_hex, parsed
from .public import CATEGORIES, Feed
from .rows import execution, order_row, position, wallet
from .shapes import ident
from .trade import TradeSocket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Event
    from . import Bybit

__all__ = ["PATHS", "PRIVATE", "Stream"]

PRIVATE, TRADE = "/v5/private", "/v5/trade"
PATHS = (*CATEGORIES, PRIVATE, TRADE)
TOPIC = re.compile(
    r"(?:order|execution|position)(?:\.(?:linear|inverse|spot|option))?|wallet|greeks|dcp\.(?:future|spot|option)"
)


class Stream:
    """Every socket.

    https://bybit-exchange.github.io/docs/v5/ws/connect
    """

    def __init__(self, venue: Bybit) -> None:
        self._venue = venue
        self._trade = TradeSocket(venue, self)
        self.feed = Feed(venue)

    # --- what clients send ---

    def hear(self, link: Link, frame: str | bytes) -> None:
        """Answer a frame."""
        heard = parsed(frame)
        if link.path == TRADE:
            self._trade.hear(link, heard)
            return
        match heard:
            case {"op": "ping"}:
                self._pong(link, heard)
            case {"op": "auth", "args": list(args)}:
                if (welcome := self.log_in(link, args)) is not None:
                    acknowledge(link, heard, "" if welcome else "Params Error")
            case {"op": "subscribe", "args": list(args)}:
                self._subscribe(link, heard, [str(topic) for topic in args])
            case {"op": "unsubscribe", "args": list(args)}:
                for topic in args:
                    link.topics.pop(str(topic), None)
                acknowledge(link, heard)
            case {"op": str()}:
                acknowledge(link, heard, "error:invalid op")
            case _:
                acknowledge(link, {"op": ""}, "Failed to decode incoming data")

    def log_in(self, link: Link, args: list[Any]) -> bool | None:
        """Log a socket in if key, time and signature are right; tell whether, ``None`` if it shall not be answered.

        https://bybit-exchange.github.io/docs/v5/ws/connect#authentication
        """
        answer = link.login_answer()
        if answer == "silent":
            return None
        match args:
            case [str(key), int(expires), str(signature)] if answer == "honest":
                api = self._venue.api_of(key)
                if api is not None and api == self._venue.environment(link.host):
                    right = hmac_hex(self._venue.apis[api][1], f"GET/realtime{expires}")
                    link.api = api if signature == right and expires > self._venue.now().ms else None
                    return link.api is not None
        return False

    def _pong(self, link: Link, heard: dict[str, Any]) -> None:
        now, named = str(self._venue.now().ms), {"req_id": heard["req_id"]} if "req_id" in heard else {}
        match CATEGORIES.get(link.path):
            case None:
                link.send({**named, "op": "pong", "args": [now], "conn_id": connection(link)})
            case "option":
                link.send({"args": [now], "op": "pong"})
            case category:
                named = named if category == "spot" else {"req_id": "", **named}
                link.send({"success": True, "ret_msg": "pong", "conn_id": connection(link), **named, "op": "ping"})

    def _subscribe(self, link: Link, heard: dict[str, Any], topics: list[str]) -> None:
        troubles = [trouble for topic in topics if (trouble := self._trouble(link, topic))]
        if troubles:
            acknowledge(link, heard, troubles[0], topics)
            return
        link.topics.update(dict.fromkeys(topics))
        acknowledge(link, heard, "", topics)
        for topic in topics:
            self.feed.begin(link, topic)

    def _trouble(self, link: Link, topic: str) -> str:
        """Return why a topic cannot be subscribed to, or nothing."""
        if topic in link.topics:
            return f"error:already subscribed,topic:{topic}"
        if link.path != PRIVATE:
            return "" if self.feed.market(link.path, topic) else f"error:handler not found,topic:{topic}"
        if link.api is None:
            return "error:request not authorized"
        return "" if TOPIC.fullmatch(topic) else f"error:handler not found,topic:{topic}"

    # --- what an account is told ---

    def tell_account(self, api: str, market: Market, events: Sequence[Event]) -> None:
        """Tell an account what happened to its orders on a market, and to what it holds."""
        product, now = self._venue.products[market.name], self._venue.now().ms
        ours = [event for event in events if not isinstance(event, Trade)]
        orders = {event.order.number: event.order for event in ours}
        fills = [event for event in ours if isinstance(event, Fill)]
        self._tell(api, "order", [order_row(market, order) for order in orders.values()], product.category)
        if fills:
            self._tell(api, "execution", [execution(market, fill) for fill in fills], product.category)
            if product.category == "linear":
                self._tell(api, "position", [position(market, product, api, now, rest=False)], product.category)
            self._tell(api, "wallet", [wallet(self._venue.accounts[api], self._venue.linear, self._venue.worth())], "")

    def _tell(self, api: str, topic: str, rows: list[dict[str, Any]], category: str) -> None:
        message = {
            "id": ident("message", next(self._venue.numbers)),
            "creationTime": self._venue.now().ms,
            "data": rows,
        }
        for link in self._venue.links():
            for each in (topic, f"{topic}.{category}"):
                if link.api == api and link.path == PRIVATE and each in link.topics:
                    link.send({**message, "topic": each}, topic=each, event=True)


def connection(link: Link) -> str:
    """Return the name of a connection."""
    return f"fake-{link.number}"


def acknowledge(link: Link, heard: dict[str, Any], trouble: str = "", topics: Sequence[str] = ()) -> None:
    """Answer a login or a subscription in the form of the path."""
    category = CATEGORIES.get(link.path)
    named = {"req_id": heard["req_id"]} if "req_id" in heard else {}
    if category == "option" and topics:
        done = {"failTopics": list(topics) if trouble else [], "successTopics": [] if trouble else list(topics)}
        told = {"success": True, "conn_id": connection(link), "data": done, "type": "COMMAND_RESP"}
    else:
        named = named if category in (None, "spot") else {"req_id": "", **named}
        message = trouble or (heard["op"] if category == "spot" else "")
        told = {
            "success": not trouble, "ret_msg": message, "conn_id": connection(link), **named, "op": heard["op"],
        }  # fmt: skip
    link.send(told)
