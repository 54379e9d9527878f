"""The WebSockets of the fake Bitget: login, heartbeat, subscriptions, orders, and what an account is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...orders import Fill, Trade
from ...venue import parsed
from .public import Feed, pushed, topic_of
from .rows import asset, fill_row, futures_account, history, order_row, position
from .trading import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Event
    from . import Bitget

__all__ = ["PATHS", "Stream"]

PUBLIC, PRIVATE = "/v2/ws/public", "/v2/ws/private"
PATHS = (PUBLIC, PRIVATE)
CHANNELS = {
    "SPOT": ("account", "fill", "orders"),
    "USDT-FUTURES": ("account", "fill", "orders", "orders-algo", "positions", "positions-history"),
}
WINDOW = 30  # s a login may be old, or ahead


class Stream:
    """Every socket.

    https://www.bitget.com/api-doc/common/websocket-intro
    """

    def __init__(self, venue: Bitget) -> None:
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
            case {"op": "login", "args": [dict(values)]}:
                self._log_in(link, values)
            case {"op": "subscribe", "args": [*args]}:
                for arg in args:
                    self._subscribe(link, arg)
            case {"op": "unsubscribe", "args": [*args]}:
                for arg in args:
                    link.topics.pop(topic_of(arg), None)
                    link.send({"event": "unsubscribe", "arg": arg})
            case {"op": "trade", "args": [{"channel": str()} as arg]}:
                self._trade(link, arg)
            case _:
                link.send({"event": "error", "code": 30003, "msg": "invalid op", "op": ""})

    def _log_in(self, link: Link, values: dict[str, Any]) -> None:
        answer = link.login_answer()
        if answer == "silent":
            return
        code, text = (30005, "login failed") if answer == "refuse" else self._trouble(link, values)
        if code:
            link.send({"event": "error", "code": code, "msg": text})
        else:
            link.api = self._venue.environment(link.host)
            link.send({"event": "login", "code": 0})

    def _trouble(self, link: Link, values: dict[str, Any]) -> tuple[int, str]:
        """Return code and text of what is wrong with a login, 0 if nothing is."""
        timestamp = str(values.get("timestamp"))
        api = self._venue.api_of(values.get("api_key", values.get("apiKey")))
        if api is None or api != self._venue.environment(link.host):
            return 30011, "Invalid ACCESS_KEY"
        if values.get("passphrase") != self._venue.apis[api][2]:
            return 30012, "Invalid ACCESS_PASSPHRASE"
        if not timestamp.isdecimal() or abs(int(timestamp) - self._venue.now().seconds) > WINDOW:
            return 30014, "Timestamp request expired"
        right = self._venue.signature(api, f"{timestamp}GET/user/verify".encode())
        return (0, "") if values.get("sign") == right else (30015, "Invalid sign")

    def _subscribe(self, link: Link, arg: Any) -> None:
        market = self.feed.market(arg) if isinstance(arg, dict) else None
        private = isinstance(arg, dict) and arg.get("channel") in CHANNELS.get(str(arg.get("instType")), ())
        if private and link.path == PRIVATE and link.api is None:
            link.send({"event": "error", "arg": arg, "code": 30004, "msg": "User needs to log in", "op": "subscribe"})
        elif not (private and link.path == PRIVATE) and not (market and link.path == PUBLIC):
            text = ",".join(f"{name}:{value}" for name, value in arg.items()) if isinstance(arg, dict) else str(arg)
            link.send({"event": "error", "arg": arg, "code": 30001, "msg": f"{text} doesn't exist", "op": "subscribe"})
        else:
            link.topics[topic_of(arg)] = arg
            link.send({"event": "subscribe", "arg": arg})
            if market:
                self.feed.begin(link, arg, market)
            else:
                self._begin(link, arg)

    def _begin(self, link: Link, arg: dict[str, Any]) -> None:
        """Send what a channel of the account begins with: balances and positions."""
        told = {"account": self._balances, "positions": self._positions}.get(arg["channel"])
        if told is not None and link.api is not None:
            link.send(pushed(arg, told(link.api, arg["instType"]), self._venue.now().ms), topic=topic_of(arg))

    def _trade(self, link: Link, arg: dict[str, Any]) -> None:
        """Take an order by WebSocket.

        https://www.bitget.com/api-doc/spot/websocket/private/Place-Order-Channel
        """
        now = self._venue.now().ms
        try:
            done = self._done(link, arg)
        except Refused as refusal:
            code = int(refusal.code)
            link.send({"event": "error", "arg": [arg], "code": code, "msg": refusal.message, "ts": now})
        else:
            link.send({"event": "trade", "arg": [{**arg, "params": done}], "code": 0, "msg": "Success", "ts": now})

    def _done(self, link: Link, arg: dict[str, Any]) -> dict[str, Any]:
        trading = self._venue.trading
        ways = {"place-order": trading.place, "cancel-order": trading.cancel}
        if link.api is None:
            raise Refused("30004", "User needs to log in")
        if arg["channel"] not in ways or not isinstance(arg.get("params"), dict):
            raise Refused("30001", "channel doesn't exist")
        product = trading.product(str(arg.get("instType")), arg.get("instId"))
        return ways[arg["channel"]](link.api, product, arg["params"])

    # --- what an account is told ---

    def tell_account(self, api: str, market: Market, events: Sequence[Event]) -> None:
        """Tell an account what happened to its orders on a market, and to what it holds."""
        kind, now = self._venue.products[market.name].kind, self._venue.now().ms
        orders = {event.order.number: event.order for event in events if not isinstance(event, Trade)}
        fills = [event for event in events if isinstance(event, Fill)]
        self._tell(api, "orders", kind, [order_row(market, order) for order in orders.values()])
        if fills:
            self._tell(api, "fill", kind, [fill_row(market, fill) for fill in fills])
        if fills or kind == "SPOT":
            self._tell(api, "account", kind, self._balances(api, kind))
        if fills and kind != "SPOT":
            closed = [fill for fill in fills if fill.before.size and not fill.after.size]
            self._tell(api, "positions", kind, self._positions(api, kind))
            if closed:
                ident = self._venue.accounts[api].idents[self._venue.products[market.name].symbol]
                self._tell(api, "positions-history", kind, [history(market, fill, ident, now) for fill in closed])

    def _tell(self, api: str, channel: str, kind: str, rows: list[dict[str, Any]]) -> None:
        for link in self._venue.links():
            for arg in list(link.topics.values()):
                wanted = arg.get("instId", "default")
                if (link.api, arg["channel"], arg["instType"]) != (api, channel, kind):
                    continue
                told = [row for row in rows if wanted in ("default", row.get("instId", row.get("symbol")))]
                link.send(pushed(arg, told, self._venue.now().ms), topic=topic_of(arg), event=True)

    def _balances(self, api: str, kind: str) -> list[dict[str, Any]]:
        account, now = self._venue.accounts[api], self._venue.now().ms
        if kind == "SPOT":
            return [asset(account, coin, now) for coin in account.coins]
        return [futures_account(account, self._venue.futures, listed=False)]

    def _positions(self, api: str, kind: str) -> list[dict[str, Any]]:
        account, now = self._venue.accounts[api], self._venue.now().ms
        held = [market for market in self._venue.futures if market.position(api).size]
        return [position(each, self._venue.products[each.name].symbol, account, now, listed=False) for each in held]
