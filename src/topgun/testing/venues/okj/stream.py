"""The V5 WebSockets of the fake OKJ: login, heartbeat, subscriptions, orders, and what the account is told."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ...orders import Fill
from ...venue import parsed
from .feed import BARS, CHANNELS, Feed
from .shapes import balance, number, order_row
from .trading import API, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Event
    from . import OKJ

__all__ = ["PATHS", "Stream", "placed"]

ACCOUNT = ("account", "orders", "balance_and_position")
PATHS = {
    "/ws/v5/public": CHANNELS,
    "/ws/v5/private": ACCOUNT,
    "/ws/v5/business": (*BARS, "trades-all", "orders-algo"),
}
VIP = ("books-l2-tbt", "books50-l2-tbt")
SHARED = (*ACCOUNT, "orders-algo")  # channels that are not about one instrument


class Stream:
    """Every V5 socket.

    https://dev.okj.com/apidoc/v5/en/
    """

    def __init__(self, venue: OKJ) -> None:
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
            case {"op": "subscribe", "args": [*args]}:
                for arg in args:
                    self._subscribe(link, arg)
            case {"op": "unsubscribe", "args": [*args]}:
                for arg in args:
                    link.topics.pop(_topic(arg), None)
                    _acknowledge(link, "unsubscribe", arg=arg)
            case {"op": "order" | "cancel-order" | "amend-order" as op, "args": [dict(values)]}:
                self._trade(link, heard, op, values)
            case _:
                _acknowledge(link, "error", msg=f"Illegal request: {frame!s}", code="60012")

    def _log_in(self, link: Link, args: dict[str, Any]) -> None:
        answer = link.login_answer()
        if answer == "silent":
            return
        trouble = self._venue.stream3.trouble(
            args.get("apiKey"), args.get("passphrase"), args.get("timestamp"), args.get("sign")
        )
        if trouble or answer == "refuse":
            code, message = {30008: ("60006", "Timestamp request expired")}.get(trouble, ("60009", "Login failed."))
            _acknowledge(link, "error", code=code, msg=message)
            return
        link.api = API
        _acknowledge(link, "login", code="0", msg="")

    def _subscribe(self, link: Link, arg: Any) -> None:
        topic, channel = _topic(arg), arg.get("channel") if isinstance(arg, dict) else None
        known = channel in PATHS[link.path] and (channel in SHARED or arg.get("instId") in self._venue.markets)
        if not known:
            text = f"Wrong URL or channel:{channel},instId:{topic.partition(':')[2]} doesn't exist."
            _acknowledge(link, "error", msg=text, code="60018")
        elif link.api is None and channel in (*SHARED, *VIP):
            _acknowledge(link, "error", msg="Please log in", code="60011")
        else:
            again = topic in link.topics
            link.topics[topic] = arg
            _acknowledge(link, "subscribe", arg=arg)
            if not again:  # who subscribes twice gets no second snapshot
                self._begin(link, topic, arg)

    def _begin(self, link: Link, topic: str, arg: dict[str, Any]) -> None:
        coins = list(self._venue.account.coins)
        if arg["channel"] == "account":
            link.send({"arg": arg, "data": [self.balances(coins)]}, topic=topic)
        elif arg["channel"] == "balance_and_position":
            link.send({"arg": arg, "data": [self._balances_and_trades("snapshot", coins, [])]}, topic=topic)
        elif arg["channel"] not in SHARED:
            self.feed.begin(link, topic, arg["channel"], arg["instId"])

    def _trade(self, link: Link, heard: dict[str, Any], op: str, values: dict[str, Any]) -> None:
        """Execute an order that comes over WebSocket."""
        trading = self._venue.trading
        code, message, data = "0", "", list[dict[str, str]]()
        if link.api is None or link.path != "/ws/v5/private":
            code, message = "60011", "Please log in"
        else:
            way = {"order": trading.create, "cancel-order": trading.cancel, "amend-order": trading.amend}[op]
            code, data = placed([(way, values)])
        link.send({"id": heard.get("id", ""), "op": op, "data": data, "code": code, "msg": message})

    # --- what the account is told ---

    def tell_account(self, market: Market, events: Sequence[Event]) -> None:
        """Tell what happened to orders on a market, and to coins."""
        orders = {event.order.number: event.order for event in events if hasattr(event, "order")}
        fills = [event for event in events if isinstance(event, Fill)]
        told = {
            "orders": [order_row(order) for order in orders.values()],
            "account": [self.balances(market.name.split("-"))],
            "balance_and_position": [self._balances_and_trades("filled", market.name.split("-"), fills)],
        }
        if not fills:
            del told["balance_and_position"]
        for link in self._venue.links():
            for topic, arg in link.topics.items():
                rows = told.get(topic.partition(":")[0])
                if rows and arg.get("instId") in (None, market.name):
                    link.send({"arg": arg, "data": rows}, topic=topic, event=True)

    def balances(self, coins: Sequence[str]) -> dict[str, Any]:
        """Write the account with these currencies."""
        account, now = self._venue.account, self._venue.now()
        worth = sum(
            amount * (self._venue.markets[f"{coin}-JPY"].last if coin != "JPY" else 1)
            for coin, amount in account.coins.items()
        )
        details = [balance(account, coin, now) for coin in coins]
        return {"uTime": str(now.ms), "totalEq": number(Decimal(worth)), "details": details}

    def _balances_and_trades(self, kind: str, coins: Sequence[str], fills: Sequence[Fill]) -> dict[str, Any]:
        account, now = self._venue.account, self._venue.now()
        held = [{name: balance(account, coin, now)[name] for name in ("ccy", "cashBal", "uTime")} for coin in coins]
        trades = [{"instId": fill.order.tag.instrument, "tradeId": str(fill.trade.number)} for fill in fills]
        return {"pTime": str(now.ms), "eventType": kind, "balData": held, "posData": [], "trades": trades}


def placed(works: Sequence[tuple[Any, Any]]) -> tuple[str, list[dict[str, str]]]:
    """Carry out requests about orders; return the code of the whole answer and what became of each."""
    rows, failed = [], 0
    for way, values in works:
        names = {"ordId": "", "clOrdId": "", "tag": ""}
        try:
            order = way(values)
        except Refused as refusal:
            failed += 1
            rows.append({**names, "sCode": refusal.code, "sMsg": refusal.message})
        else:
            rows.append({**names, "ordId": str(order.number), "clOrdId": order.tag.link, "sCode": "0", "sMsg": ""})
    return ("0" if not failed else "1" if failed == len(rows) else "2"), rows


def _topic(arg: Any) -> str:
    """Name a subscription: ``books:BTC-JPY``."""
    named = arg if isinstance(arg, dict) else {}
    return ":".join(str(named[field]) for field in ("channel", "instType", "instId", "ccy") if field in named)


def _acknowledge(link: Link, event: str, **more: Any) -> None:
    link.send({"event": event, **more, "connId": f"fake-{link.number}"})
