"""The WebSockets of the fake Hyperliquid: subscriptions, posts, what the market and what an account is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...venue import parsed
from ...view import View
from .gate import UNREADABLE, Refused
from .info import DEPTH, NOBODY
from .shapes import INTERVALS, candle, context, levels, order_row, status_of, trade_row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Ended, Fill, Placed, Trade
    from . import Hyperliquid
    from .account import Account

__all__ = ["Stream"]

GREETING = "Websocket connection established."
OF_A_COIN = ("l2Book", "trades", "bbo", "activeAssetCtx", "candle")
OF_A_USER = (
    "orderUpdates", "userEvents", "userFills", "userFundings", "userNonFundingLedgerUpdates", "openOrders",
    "clearinghouseState", "spotState", "twapStates", "notification", "activeAssetData",
)  # fmt: skip


class Stream:
    """Every socket.

    https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket
    """

    def __init__(self, venue: Hyperliquid) -> None:
        self._venue = venue
        self._views = {name: View(market, DEPTH) for name, market in venue.markets.items()}
        self._bests = {name: View(market, 1) for name, market in venue.markets.items()}

    # --- what clients send ---

    def greet(self, link: Link) -> None:
        """Say what is said first, which is not JSON."""
        link.encode = lambda text: GREETING if text == json.dumps(GREETING) else text
        link.send(GREETING)

    def hear(self, link: Link, frame: str | bytes) -> None:
        """Answer a frame."""
        heard = parsed(frame)
        match heard:
            case {"method": "ping"}:
                link.send({"channel": "pong"})
            case {"method": "subscribe" | "unsubscribe" as method, "subscription": dict(wanted)}:
                self._subscribe(link, method, wanted)
            case {"method": "post", "id": int(number), "request": {"type": "info" | "action" as kind, **rest}}:
                link.send({"channel": "post", "data": {"id": number, "response": self._post(link, kind, rest)}})
            case _:
                self._refuse(link, f"Error parsing JSON into valid websocket request: {frame!r:.100}")

    def _post(self, link: Link, kind: str, request: dict[Any, Any]) -> dict[str, Any]:
        payload: Any = request.get("payload")
        try:
            if kind == "action":
                return {"type": "action", "payload": self._venue.trading.execute(payload, link.host)}
            answer = self._venue.info.answer(payload)
        except Refused as refusal:
            if refusal.status == 200:
                return {"type": "action", "payload": refusal.told}
            return {"type": "error", "payload": f"422 Unprocessable Entity: {UNREADABLE}"}
        return {"type": "info", "payload": {"type": payload["type"], "data": answer}}

    def _subscribe(self, link: Link, method: str, wanted: dict[str, Any]) -> None:
        topic = self._topic(wanted)
        if topic is None:
            self._refuse(link, f"Invalid subscription {json.dumps(wanted)}")
        elif (method == "subscribe") == (topic in link.topics):
            word = "Already subscribed" if method == "subscribe" else "Already unsubscribed"
            self._refuse(link, f"{word}: {json.dumps(wanted)}")
        else:
            details = {"nSigFigs": None, "mantissa": None} if wanted["type"] == "l2Book" else {}
            told = {"method": method, "subscription": {**wanted, **details}}
            link.send({"channel": "subscriptionResponse", "data": told})
            if method == "subscribe":
                link.topics[topic] = wanted
                self._begin(link, topic, wanted)
            else:
                del link.topics[topic]

    def _refuse(self, link: Link, text: str) -> None:
        link.send({"channel": "error", "data": text})

    def _topic(self, wanted: dict[str, Any]) -> str | None:
        """Return the name of a subscription, ``None`` if there is no such one."""
        kind, coin = wanted.get("type"), wanted.get("coin")
        if kind == "allMids":
            return "allMids"
        known = coin in self._venue.coins
        if kind in OF_A_USER and isinstance(wanted.get("user"), str) and (known or kind != "activeAssetData"):
            return f"{kind}:{coin}" if kind == "activeAssetData" else str(kind)
        if kind not in OF_A_COIN or not known or wanted.get("nSigFigs"):
            return None
        if kind == "candle":
            return f"candle:{coin}:{wanted['interval']}" if wanted.get("interval") in INTERVALS else None
        return f"{kind}:{coin}"

    def _begin(self, link: Link, topic: str, wanted: dict[str, Any]) -> None:
        """Send what a subscription begins with."""
        kind = wanted["type"]
        if kind in OF_A_USER:
            told = self._of_account(kind, wanted)
        elif kind == "allMids":
            told = {"mids": self._venue.info.mids()}
        else:
            told = self._of_market(kind, self._venue.markets[wanted["coin"]], wanted)
        if told is not None:
            link.send({"channel": kind, "data": told}, topic=topic)

    # --- what the market is told ---

    def publish(self, market: Market, trades: Sequence[Trade]) -> None:
        """Tell of a book, of trades, and of what follows from them."""
        name = market.name
        if self._views[name].step():
            self._tell(f"l2Book:{name}", self._venue.info.book(market, new=True), update=True)
        if self._bests[name].step():
            self._tell(f"bbo:{name}", self._of_market("bbo", market), event=True)
        self._tell("allMids", {"mids": self._venue.info.mids()}, event=True)
        if trades:
            self._tell(f"trades:{name}", [trade_row(name, each, NOBODY) for each in trades], event=True)
            self._tell(f"activeAssetCtx:{name}", self._of_market("activeAssetCtx", market), event=True)
            for interval in INTERVALS:
                told = candle(market, interval, self._venue.now().ms)
                self._tell(f"candle:{name}:{interval}", told, event=True)

    def _of_market(self, kind: str, market: Market, wanted: dict[str, Any] | None = None) -> Any:
        now = self._venue.now().ms
        match kind:
            case "l2Book":
                return self._venue.info.book(market)
            case "bbo":
                best = [levels(market.levels(side, 1)) for side in ("buy", "sell")]
                return {"coin": market.name, "time": now, "bbo": [next(iter(side), None) for side in best]}
            case "activeAssetCtx":
                return {"coin": market.name, "ctx": context(market)}
            case "candle" if wanted:
                return candle(market, wanted["interval"], now)
        return [trade_row(market.name, each, NOBODY) for each in [*market.trades][-3:]]

    def _tell(self, topic: str, told: Any, user: str | None = None, **how: bool) -> None:
        channel = topic.partition(":")[0]
        message = {"channel": "user" if channel == "userEvents" else channel, "data": told}
        for link in self._venue.links():
            wanted = link.topics.get(topic)
            if wanted is not None and (user is None or wanted["user"].lower() == user):
                link.send(message, topic=topic, **how)

    # --- what an account is told ---

    def tell_account(
        self,
        account: Account,
        market: Market,
        events: Sequence[Placed | Fill | Ended],
        fills: Sequence[dict[str, Any]],
    ) -> None:
        """Tell an account what happened to its orders on a market, and to what it holds."""
        now, orders = self._venue.now().ms, {event.order.number: event.order for event in events}
        updates = [
            {"order": order_row(order), "status": status_of(order), "statusTimestamp": now} for order in orders.values()
        ]
        user = account.address
        self._tell("orderUpdates", updates, user, event=True)
        self._tell("openOrders", self._of_account("openOrders", {"user": user}), user, event=True)
        if fills:
            self._tell("userEvents", {"fills": fills}, user, event=True)
            self._tell("userFills", {"user": user, "fills": fills}, user, event=True)
            for kind in ("clearinghouseState", "spotState"):
                self._tell(kind, self._of_account(kind, {"user": user}), user, event=True)
            data = self._venue.info.asset_data(account, market)
            self._tell(f"activeAssetData:{market.name}", data, user, event=True)

    def _of_account(self, kind: str, wanted: dict[str, Any]) -> Any:
        info, account = self._venue.info, self._venue.account_of(wanted["user"])
        past, here = {"isSnapshot": True, "user": account.address}, {"dex": "", "user": account.address}
        told: dict[str, Callable[[], Any]] = {
            "userFills": lambda: {**past, "fills": account.fills[::-1]},
            "userFundings": lambda: {**past, "fundings": []},
            "userNonFundingLedgerUpdates": lambda: {**past, "nonFundingLedgerUpdates": []},
            "openOrders": lambda: {**here, "orders": info.orders(account)},
            "clearinghouseState": lambda: {**here, "clearinghouseState": info.margins(account)},
            "spotState": lambda: {"user": account.address, "spotState": info.balances(account)},
            "twapStates": lambda: {**here, "states": []},
            "activeAssetData": lambda: info.asset_data(account, info.market(wanted)),
        }
        return told[kind]() if kind in told else None
