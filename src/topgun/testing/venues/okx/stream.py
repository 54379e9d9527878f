"""The WebSockets of the fake OKX: login, heartbeat, subscriptions, orders, and what an account is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...orders import Ended, Fill
from ...venue import parsed
from .public import BUSINESS, PUBLIC, TBT, Feed
from .rest import VALIDITY, digest
from .shapes import account_row, coin_rows, order_row, position_row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Event
    from . import OKX

__all__ = ["PATHS", "Stream"]

ACCOUNT = ("orders", "positions", "account", "balance_and_position")
ALGOS = ("orders-algo", "algo-advance")  # may be subscribed to; nothing comes
PATHS = {"/ws/v5/public": PUBLIC, "/ws/v5/private": ACCOUNT, "/ws/v5/business": (*BUSINESS, *ALGOS)}
FIELDS = ("channel", "instType", "instFamily", "instId", "ccy")


class Stream:
    """Every socket.

    https://www.okx.com/docs-v5/en/#overview-websocket
    """

    def __init__(self, venue: OKX) -> None:
        self._venue = venue
        self.feed = Feed(venue)

    # --- what clients send ---

    def hear(self, link: Link, frame: str | bytes) -> None:
        """Answer a frame."""
        if frame == "ping":
            link.send("pong")
            return
        heard = parsed(frame)
        match heard:
            case {"op": "login", "args": [dict(args)]}:
                self._log_in(link, args)
            case {"op": "subscribe" | "unsubscribe" as op, "args": [*args]}:
                for arg in args:
                    self._subscribe(link, op, arg, heard)
            case {"op": str(op), "id": str(), "args": [*args]} if op in self._venue.trading.ways:
                self._command(link, heard, args)
            case _:
                self._error(link, 60012, f"Invalid request: {heard!r:.100}", {})

    def _log_in(self, link: Link, args: dict[str, Any]) -> None:
        answer = link.login_answer()
        if answer == "silent":
            return
        trouble = self._login_trouble(link, args) if answer == "honest" else (60009, "Login failed.")
        if trouble is not None:
            self._error(link, *trouble, {})
            return
        link.api = self._venue.environment(link.host)
        link.send({"event": "login", "code": "0", "msg": "", "connId": _connection(link)})

    def _login_trouble(self, link: Link, args: dict[str, Any]) -> tuple[int, str] | None:
        """Return why a login is refused, ``None`` if it is not.

        https://www.okx.com/docs-v5/en/#overview-websocket-login
        """
        names = ("apiKey", "passphrase", "timestamp", "sign")
        key, passphrase, timestamp, sign = (str(args.get(name)) for name in names)
        api = self._venue.api_of(key)
        if api is None:
            return 60005, "Invalid apiKey"
        if api != self._venue.environment(link.host):
            return 60032, "API key doesn't exist"
        _, secret, right = self._venue.apis[api]
        if passphrase != right:
            return 60024, "Wrong passphrase"
        if not timestamp.isdecimal() or abs(int(timestamp) * 1000 - self._venue.now().ms) > VALIDITY:
            return 60006, "Timestamp request expired"
        return None if sign == digest(secret, f"{timestamp}GET/users/self/verify") else (60007, "Invalid sign")

    def _subscribe(self, link: Link, op: str, arg: Any, heard: dict[str, Any]) -> None:
        if trouble := self._trouble(link, arg):
            self._error(link, *trouble, heard)
            return
        topic = ".".join(arg[field] for field in FIELDS if field in arg)
        if op == "unsubscribe":
            link.topics.pop(topic, None)
        else:
            link.topics[topic] = arg
        link.send({**_named(heard), "event": op, "arg": arg, "connId": _connection(link)})
        if op == "subscribe":
            self._begin(link, topic, arg)

    def _trouble(self, link: Link, arg: Any) -> tuple[int, str] | None:
        """Return why a channel cannot be subscribed to, ``None`` if it can."""
        if not isinstance(arg, dict) or not all(isinstance(arg.get(field, ""), str) for field in FIELDS):
            return 60012, f"Invalid request: {arg!r:.100}"
        channel, path = arg.get("channel"), PATHS[link.path]
        public = channel in PUBLIC or channel in BUSINESS
        if channel not in path or (public and arg.get("instId") not in self._venue.markets):
            return 60018, f"Wrong URL or channel:{channel},instId:{arg.get('instId')} doesn't exist."
        if link.api is None and (not public or channel in TBT):
            return 60011, "Please log in"
        return None

    def _command(self, link: Link, heard: dict[str, Any], args: list[Any]) -> None:
        if link.api is None:
            self._error(link, 60011, "Please log in", heard)
            return
        now = str(self._venue.now().ns // 1000)
        told = self._venue.trading.done(heard["op"], link.api, args)
        link.send({"id": heard["id"], "op": heard["op"], **told, "inTime": now, "outTime": now})

    # --- what is told ---

    def upgrade(self) -> None:
        """Tell every socket that it will be closed.

        https://www.okx.com/docs-v5/en/#overview-websocket-notification
        """
        text = "The connection will soon be closed for a service upgrade. Please reconnect."
        for link in self._venue.links():
            link.send({"event": "notice", "code": "64008", "msg": text, "connId": _connection(link)})

    def tell_account(self, api: str, market: Market, events: Sequence[Event]) -> None:
        """Tell an account what happened to its orders on a market, and to what it holds."""
        product = self._venue.products[market.name]
        for row in self._rows(market, events):
            self._tell(api, "orders", lambda arg, row=row: {"arg": arg, "data": [row]}, product.kind, market.name)
        if any(isinstance(event, Fill) for event in events):
            self._tell(api, "account", lambda arg: self._account(api, arg, "event_update"))
            self._tell(api, "balance_and_position", lambda arg: self._both(api, arg, "filled", [market]))
            if product.kind == "SWAP":
                told = {"eventType": "event_update", "data": self._positions(api, [market])}
                self._tell(api, "positions", lambda arg: {"arg": arg, **told}, product.kind, market.name)

    def _rows(self, market: Market, events: Sequence[Event]) -> list[dict[str, Any]]:
        """Return the rows of orders that events mean, in order."""
        rows = []
        for event in events:
            order: Any = getattr(event, "order")  # noqa: B009  (no event of an account is a public trade)
            fills = [each for each in events if isinstance(each, Fill) and each.order is order]
            if isinstance(event, Fill):
                rows.append(order_row(market, order, event.left, event))
            elif isinstance(event, Ended):
                rows.append(order_row(market, order, event.left, over=True))
            elif order.state == "open" or fills:
                rows.append(order_row(market, order, order.left + sum(fill.trade.size for fill in fills)))
        return rows

    def _begin(self, link: Link, topic: str, arg: dict[str, Any]) -> None:
        """Send what a channel begins with."""
        api, channel = link.api or "", arg["channel"]
        page = {"eventType": "snapshot", "curPage": 1, "lastPage": True}
        if channel == "positions":
            wanted = [each for each in self._held(api) if arg.get("instId") in (None, each.name)]
            link.send({"arg": arg, **page, "data": self._positions(api, wanted)}, topic=topic)
        elif channel == "account":
            link.send({**self._account(api, arg, "snapshot"), **page}, topic=topic)
        elif channel == "balance_and_position":
            link.send(self._both(api, arg, "snapshot", self._held(api)), topic=topic)
        elif "instId" in arg and channel not in ACCOUNT and channel not in ALGOS:
            self.feed.begin(link, topic, arg)

    def _tell(self, api: str, channel: str, message: Callable[..., Any], kind: str = "", inst: str = "") -> None:
        for link in self._venue.links():
            for topic, arg in list(link.topics.items()):
                told = arg["channel"] == channel and link.api == api and arg.get("instId") in (None, inst)
                if told and arg.get("instType") in (None, "ANY", kind):
                    link.send(message(arg), topic=topic, event=True)

    def _held(self, api: str) -> list[Market]:
        return [market for market in self._venue.swaps if market.position(api).size]

    def _positions(self, api: str, markets: Sequence[Market]) -> list[dict[str, Any]]:
        now = self._venue.now().ms
        return [position_row(market, self._venue.products[market.name], api, now) for market in markets]

    def _account(self, api: str, arg: dict[str, Any], kind: str) -> dict[str, Any]:
        row = account_row(self._venue.accounts[api], self._venue.free(api), self._venue.worth(), self._venue.now().ms)
        return {"arg": arg, "eventType": kind, "data": [row]}

    def _both(self, api: str, arg: dict[str, Any], kind: str, markets: Sequence[Market]) -> dict[str, Any]:
        now = self._venue.now().ms
        coins = [
            {name: row[name] for name in ("ccy", "cashBal", "uTime")}
            for row in coin_rows(self._venue.accounts[api], self._venue.free(api), now)
        ]
        swaps = [market for market in markets if self._venue.products[market.name].kind == "SWAP"]
        item = {"pTime": str(now), "eventType": kind, "balData": coins, "posData": self._positions(api, swaps)}
        return {"arg": arg, "data": [{**item, "trades": []}]}

    def _error(self, link: Link, code: int, message: str, heard: dict[str, Any]) -> None:
        told = {"event": "error", "code": str(code), "msg": message, "connId": _connection(link)}
        link.send({**_named(heard), **told})


def _connection(link: Link) -> str:
    return f"fake-{link.number}"


def _named(heard: dict[str, Any]) -> dict[str, Any]:
    return {"id": heard["id"]} if "id" in heard else {}
