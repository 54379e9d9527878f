"""The WebSockets of the fake KuCoin: tokens, subscriptions, and what is told to whom."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from ...orders import Fill, Placed
from ...venue import parsed
from ...view import SIDES, View
from .shapes import balance, levels, order_event, plain, position, ticker, trade, wallet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Ended, Level, Side, Trade
    from . import KuCoin
    from .account import Product

__all__ = ["Stream"]

FIRST = 14_701_689_783  # what the numbers of books are counted from
MOST, WINDOW = 100, 10_000_000_000  # messages of one connection, in so many ns
PUBLIC = {
    "spot": (
        "/market/ticker",
        "/market/level2",
        "/market/match",
        "/spotMarket/level2Depth5",
        "/spotMarket/level2Depth50",
    ),
    "futures": (
        "/contractMarket/tickerV2",
        "/contractMarket/level2",
        "/contractMarket/execution",
        "/contractMarket/level2Depth5",
        "/contractMarket/level2Depth50",
    ),
}
PRIVATE = {
    "spot": ("/spotMarket/tradeOrders", "/spotMarket/tradeOrdersV2", "/account/balance"),
    "futures": (
        "/contractMarket/tradeOrders",
        "/contract/position",
        "/contract/positionAll",
        "/contractAccount/wallet",
    ),
}

POSITION = "/contract/position"
BY_SYMBOL = (POSITION, "/contractMarket/tradeOrders")  # private ones that may, or must, have symbols


class Stream:
    """Every socket. Candles, snapshots of markets, stop orders and margin topics are refused: not played.

    https://www.kucoin.com/docs-new/websocket-api/base-info/introduction
    """

    def __init__(self, venue: KuCoin) -> None:
        self._venue = venue
        self._views = {name: View(market) for name, market in venue.markets.items()}
        self._tops = {(name, limit): View(market, limit) for name, market in venue.markets.items() for limit in (5, 50)}
        self._numbers = dict.fromkeys(venue.markets, FIRST)
        self._told = dict.fromkeys(venue.markets, 0)  # when a book was told last, in ms
        self._heard: dict[int, deque[int]] = {}  # when the last messages of each connection came

    def number(self, name: str) -> int:
        """Return the number of the last change of a book."""
        return self._numbers[name]

    # --- what clients send ---

    def greet(self, link: Link) -> None:
        """Say welcome, or that the token is not valid."""
        grant = self._venue.tokens.find(link.query.get("token", ""))
        name = link.query.get("connectId", "")
        if grant is None:
            link.send({"id": name, "type": "error", "code": 401, "data": "token is invalid"})
            return
        link.api = grant.api
        link.send({"id": name, "type": "welcome"})

    def hear(self, link: Link, frame: str | bytes) -> None:
        """Answer a frame."""
        now = self._venue.now().ns
        heard = self._heard.setdefault(link.number, deque(maxlen=MOST))
        too_many = len(heard) == MOST and now - heard[0] < WINDOW
        heard.append(now)
        said = parsed(frame)
        if not isinstance(said, dict):
            link.send({"type": "error", "code": 400, "data": "message is not JSON"})
            return
        name = str(said.get("id", ""))
        if too_many:
            link.send({"id": name, "type": "error", "code": 429, "data": "too many messages"})
        elif said.get("type") == "ping":
            link.send({"id": name, "type": "pong", "timestamp": now // 1000})
        else:
            self._change(link, said, name)

    def _change(self, link: Link, said: Mapping[str, Any], name: str) -> None:
        """Subscribe or unsubscribe."""
        topics, fault = self._asked(link, str(said.get("topic")))
        if said.get("type") not in ("subscribe", "unsubscribe"):
            fault = (400, "type is invalid")
        if fault is not None:
            link.send({"id": name, "type": "error", "code": fault[0], "data": fault[1]})
            return
        for topic in topics:
            if said["type"] == "subscribe":
                link.topics[topic] = None
            else:
                link.topics.pop(topic, None)
        if said.get("response"):
            link.send({"id": name, "type": "ack"})

    def _asked(self, link: Link, topic: str) -> tuple[list[str], tuple[int, str] | None]:
        """Return the topics that a message names, each with one symbol or none, and what is wrong with it."""
        grant = self._venue.tokens.find(link.query.get("token", ""))
        if grant is None:
            return [], (401, "token is invalid")
        kind, mark, names = topic.partition(":")
        if kind in PRIVATE[grant.kind] and grant.api is None:
            return [], (403, f"topic {topic} needs a private token")
        if topic == "/market/ticker:all" or (not mark and kind in PRIVATE[grant.kind] and kind != POSITION):
            return [topic], None
        symbols = names.split(",")
        if kind in (*PUBLIC[grant.kind], *BY_SYMBOL) and all(self._is_listed(grant.kind, each) for each in symbols):
            return [f"{kind}:{symbol}" for symbol in symbols], None
        return [], (404, f"topic {topic} is not found")

    def _is_listed(self, kind: str, symbol: str) -> bool:
        product = self._venue.products.get(symbol)
        return product is not None and product.kind == kind

    # --- what everybody is told ---

    def publish(self, market: Market, trades: Sequence[Trade]) -> None:
        """Tell what happened on a market."""
        product = self._venue.products[market.name]
        changes = self._views[market.name].step()
        if changes is not None:
            self._tell_changes(product, changes)
        now = self._time(product)
        for limit in (5, 50):
            if self._tops[product.symbol, limit].step() is not None:
                self._tell_top(product, limit, now)
        self._tell_trades(product, trades)
        if changes is not None or trades:
            self._tell_ticker(market, product)

    def _tell_changes(self, product: Product, changes: Mapping[Side, list[Level]]) -> None:
        """Tell what changed of a book: on spot all of it at once, on futures level by level."""
        name, time = product.symbol, self._time(product)
        first = self._numbers[name] + 1
        numbered: dict[Side, list[list[Any]]] = {"sell": [], "buy": []}
        for side in SIDES:
            for price, size in changes[side]:
                self._numbers[name] += 1
                numbered[side].append([plain(price), plain(size), str(self._numbers[name])])
        if product.kind == "spot":
            data = {"symbol": name, "sequenceStart": first, "sequenceEnd": self._numbers[name], "time": time}
            data["changes"] = {"asks": numbered["sell"], "bids": numbered["buy"]}
            self._tell(f"/market/level2:{name}", data, "trade.l2update", update=True)
            return
        for side in SIDES:
            for price, size, number in numbered[side]:
                data = {"sequence": int(number), "change": f"{price},{side},{size}", "timestamp": time}
                self._tell(f"/contractMarket/level2:{name}", data, "level2", update=True)

    def _tell_top(self, product: Product, limit: int, now: int) -> None:
        sides = self._tops[product.symbol, limit].sides
        data: dict[str, Any] = {"asks": levels(product, sides["sell"]), "bids": levels(product, sides["buy"])}
        data["timestamp"] = now
        place = "/spotMarket" if product.kind == "spot" else "/contractMarket"
        if product.kind == "futures":
            data |= {"sequence": self._numbers[product.symbol], "ts": now}
        self._tell(f"{place}/level2Depth{limit}:{product.symbol}", data, "level2", update=True)

    def _tell_trades(self, product: Product, trades: Sequence[Trade]) -> None:
        topic, subject = "/market/match", "trade.l3match"
        if product.kind == "futures":
            topic, subject = "/contractMarket/execution", "match"
        for done in trades:
            self._tell(f"{topic}:{product.symbol}", trade(product, done), subject, event=True)

    def _tell_ticker(self, market: Market, product: Product) -> None:
        data = ticker(market, product, self._numbers[product.symbol], self._venue.now())
        if product.kind == "futures":
            self._tell(f"/contractMarket/tickerV2:{product.symbol}", data, "tickerV2", event=True)
            return
        self._tell(f"/market/ticker:{product.symbol}", data, "trade.ticker", event=True)
        self._tell("/market/ticker:all", data, product.symbol, event=True)

    def _time(self, product: Product) -> int:
        """Return the time for a book, after that of the one before."""
        self._told[product.symbol] = max(self._venue.now().ms, self._told[product.symbol] + 1)
        return self._told[product.symbol]

    # --- what accounts are told ---

    def tell_account(self, api: str, market: Market, events: Sequence[Placed | Fill | Ended]) -> None:
        """Tell an account what happened to its orders on a market, and to what it holds."""
        product, now = self._venue.products[market.name], self._venue.now()
        placed = [event.order for event in events if isinstance(event, Placed)]
        for event in events:
            if isinstance(event, Fill):
                self._tell_order(api, order_event(event.order, "match", now, event))
                if not event.left:
                    self._tell_order(api, order_event(event.order, "filled", now, event))
            else:
                kind = "received" if isinstance(event, Placed) else "canceled"
                self._tell_order(api, order_event(event.order, kind, now))
        for order in placed:
            if order.state == "open":
                self._tell_order(api, order_event(order, "open", now))
        filled = any(isinstance(event, Fill) for event in events)
        if product.kind == "spot":
            self._tell_balances(api, product, "trade_hf.setted" if filled else "trade_hf.hold")
        elif filled:
            self._tell_futures(api, market, product)

    def _tell_order(self, api: str, row: dict[str, Any]) -> None:
        """Tell of an order, on futures by its symbol, whatever the client subscribed to."""
        symbol, kind = row["symbol"], row["type"]
        if self._venue.products[symbol].kind == "futures":
            topic = f"/contractMarket/tradeOrders:{symbol}"
            if kind != "received":
                for asked in (topic, "/contractMarket/tradeOrders"):
                    self._tell(topic, row, "symbolOrderChange", api=api, asked=asked)
            return
        self._tell("/spotMarket/tradeOrdersV2", row, "orderChange", api=api)
        if kind != "received":
            self._tell("/spotMarket/tradeOrders", row, "orderChange", api=api)

    def _tell_balances(self, api: str, product: Product, event: str) -> None:
        for coin in (product.base, "USDT"):
            row = balance(self._venue.accounts[api], coin, event, self._venue.now())
            self._tell("/account/balance", row, "account.balance", api=api)

    def _tell_futures(self, api: str, market: Market, product: Product) -> None:
        account, now = self._venue.accounts[api], self._venue.now()
        row = {**position(market, product, api), "changeReason": "positionChange", "currentTimestamp": now.ms}
        topic = f"/contract/position:{product.symbol}"
        for asked in (topic, "/contract/positionAll"):
            self._tell(topic, row, "position.change", api=api, asked=asked)
        free = account.coins["futures"]["USDT"] - account.margin(self._venue.markets, self._venue.products)
        self._tell("/contractAccount/wallet", wallet(account, free, now), "walletBalance.change", api=api)

    def _tell(
        self,
        topic: str,
        data: Any,
        subject: str,
        *,
        api: str | None = None,
        asked: str = "",
        update: bool = False,
        event: bool = False,
    ) -> None:
        """Tell those who subscribed to a topic, or to `asked` in place of it."""
        message = {"topic": topic, "type": "message", "subject": subject, "data": data}
        if api is not None:
            message |= {"userId": "633559791e1cbc0001f319bc", "channelType": "private"}
        for link in self._venue.links():
            if (asked or topic) in link.topics and api in (None, link.api):
                link.send(message, topic=topic, update=update, event=event or api is not None)
