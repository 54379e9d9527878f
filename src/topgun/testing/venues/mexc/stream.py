"""The sockets of the fake MEXC: listenKeys, logins, subscriptions, and what an account is told."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ...orders import ZERO, Fill
from ...venue import hmac_hex
from .public import LENGTHS, SUBSCRIPTIONS, read
from .shapes import contract_deal, contract_order, position, spot_balance, spot_deal, spot_order
from .wire import packed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...link import Link
    from ...market import Market
    from ...orders import Ended, Placed
    from . import MEXC

__all__ = ["ContractStream", "SpotStream", "StreamKeys"]

LIFE = 3_600_000  # ms a listenKey lives
LOGIN_WINDOW = 10_000  # ms
PRIVATE = {f"spot@private.{name}.v3.api.pb": name for name in ("orders", "deals", "account")}
FILTERS = frozenset(
    (
        "order",
        "order.deal",
        "position",
        "plan.order",
        "stop.order",
        "stop.planorder",
        "risk.limit",
        "adl.level",
        "asset",
    )
)


class StreamKeys:
    """The listenKeys: each lives for an hour since it was last extended."""

    def __init__(self, now: Callable[[], int], serial: Callable[[], int]) -> None:
        self._now = now
        self._serial = serial
        self._ends: dict[str, tuple[str, int]] = {}  # whose, and until when

    def make(self, api: str) -> str:
        """Return a new key."""
        key = f"fake{self._serial():060}"
        self._ends[key] = api, self._now() + LIFE
        return key

    def extend(self, api: str, key: str) -> bool:
        """Extend a key; return whether there is one."""
        if self.owner(key) != api:
            return False
        self._ends[key] = api, self._now() + LIFE
        return True

    def close(self, key: str) -> None:
        """End a key."""
        self._ends.pop(key, None)

    def of(self, api: str) -> list[str]:
        """Return the keys of an account that are alive."""
        return [key for key in self._ends if self.owner(key) == api]

    def owner(self, key: str) -> str | None:
        """Return whose key it is, ``None`` if it is over."""
        api, end = self._ends.get(key, (None, 0))
        return api if end > self._now() else None


class SpotStream:
    """Every socket to ``wbs-api.mexc.com``.

    https://www.mexc.com/api-docs/spot-v3/websocket-market-streams
    """

    def __init__(self, venue: MEXC) -> None:
        self._venue = venue

    def greet(self, link: Link) -> None:
        """Settle how frames are written."""
        link.encode = packed

    def hear(self, link: Link, frame: str | bytes) -> None:
        """Answer a frame, always with the code 0."""
        heard = _decoded(frame)
        match heard:
            case {"method": "PING"}:
                _reply(link, heard, "PONG")
            case {"method": "SUBSCRIPTION", "params": [str(), *_] as channels}:
                good = [channel for channel in channels if self._is_there(link, channel)]
                link.topics.update(dict.fromkeys(good))
                for channel in set(channels) - set(good):
                    _reply(link, heard, f"Not Subscribed successfully! [{channel}].  Reason： Blocked! ")
                if good:
                    _reply(link, heard, ",".join(good))
            case {"method": "UNSUBSCRIPTION", "params": [str(), *_] as channels}:
                for channel in channels:
                    link.topics.pop(channel, None)
                _reply(link, heard, ",".join(channels))
            case dict():
                _reply(link, heard, "no subscription success")
            case _:
                _reply(link, {}, "msg format invalid")

    def tell_account(self, api: str, market: Market, event: Placed | Fill | Ended) -> None:
        """Tell an account what happened to an order of its own."""
        now, name = self._venue.now().ms, market.name
        self._tell(api, "orders", {"symbol": name, "privateOrders": spot_order(market, event)}, now)
        if isinstance(event, Fill):
            self._tell(api, "deals", {"symbol": name, "privateDeals": spot_deal(market, event)}, now)

    def tell_wallet(self, api: str, market: Market) -> None:
        """Tell an account of the coins of a market."""
        now, account, product = self._venue.now().ms, self._venue.accounts[api], self._venue.products[market.name]
        for coin in (product.base, product.quote):
            self._tell(api, "account", {"createTime": now, "privateAccount": spot_balance(account, coin, now)}, now)

    def _tell(self, api: str, kind: str, body: dict[str, Any], now: int) -> None:
        channel = f"spot@private.{kind}.v3.api.pb"
        for link in self._venue.links():
            if channel in link.topics and self._owner(link) == api:
                link.send({"channel": channel, "sendTime": now, **body}, topic=channel, event=True)

    def _is_there(self, link: Link, channel: str) -> bool:
        if channel in PRIVATE:
            return self._owner(link) is not None
        asked = read(channel)
        return asked is not None and (not asked.symbol or self._venue.is_spot(asked.symbol))

    def _owner(self, link: Link) -> str | None:
        return self._venue.keys_of_streams.owner(link.query.get("listenKey", ""))


class ContractStream:
    """Every socket to ``contract.mexc.com/edge``.

    https://www.mexc.com/api-docs/futures/websocket-api
    """

    def __init__(self, venue: MEXC) -> None:
        self._venue = venue

    def greet(self, link: Link) -> None:
        """Settle how frames are written: pushes are compressed once that was asked for."""
        link.encode = partial(_compressed, link)

    def hear(self, link: Link, frame: str | bytes) -> None:
        """Answer a frame."""
        heard = _decoded(frame)
        match heard:
            case {"method": "ping"}:
                link.send({"channel": "pong", "data": self._venue.now().ms})
            case {"method": "login", "param": dict(param)}:
                self._log_in(link, param, quiet=heard.get("subscribe") is False)
            case {"method": "personal.filter", "param": {"filters": list(filters)}}:
                names = [each.get("filter") for each in filters]
                link.topics["personal"] = FILTERS.intersection(names) if names else FILTERS
                self._answer(link, "rs.personal.filter")
            case {"method": str(method)} if method.partition(".")[2] in SUBSCRIPTIONS:
                self._subscribe(link, method, heard.get("param") or {}, gzipped=heard.get("gzip") is True)
            case _:
                self._answer(link, "rs.error", "Parameter error!")

    def _log_in(self, link: Link, param: dict[str, Any], *, quiet: bool) -> None:
        answer = link.login_answer()
        if answer == "silent":
            return
        key, time = param.get("apiKey"), str(param.get("reqTime", ""))
        api, now = self._venue.api_of(key), self._venue.now().ms
        if api is None or answer == "refuse" or not time.isdecimal() or abs(now - int(time)) > LOGIN_WINDOW:
            self._answer(link, "rs.error", "Confirming signature failed")
        elif param.get("signature") != hmac_hex(self._venue.apis[api][1], f"{key}{time}"):
            self._answer(link, "rs.error", "The signature information is incorrect")
        else:
            link.api = api
            link.topics["personal"] = frozenset() if quiet else FILTERS
            self._answer(link, "rs.login")

    def _subscribe(self, link: Link, method: str, param: dict[str, Any], *, gzipped: bool) -> None:
        word, _, kind = method.partition(".")
        symbol = str(param.get("symbol", "BTC_USDT" if kind == "tickers" else ""))
        product = self._venue.products.get(symbol)
        topic = f"{kind}@{param.get('symbol', '')}@{param.get('interval', '')}"
        if product is None or product.is_spot:
            self._answer(link, "rs.error", "Contract doesn't exist!")
        elif word == "unsub":
            link.topics.pop(topic, None)
            self._answer(link, f"rs.{method}")
        elif word != "sub" or (kind == "kline" and param.get("interval") not in LENGTHS):
            self._answer(link, "rs.error", "Parameter error!")
        else:
            link.topics[topic] = {"": "", **param}  # never empty: those of spot are
            link.topics |= {"gzip": True} if gzipped else {}
            self._answer(link, f"rs.{method}")

    def _answer(self, link: Link, channel: str, data: str = "success") -> None:
        link.send({"channel": channel, "data": data, "ts": str(self._venue.now().ms)})

    # --- what an account is told ---

    def tell_account(self, api: str, market: Market, event: Placed | Fill | Ended) -> None:
        """Tell an account what happened to an order of its own, and to its position."""
        self._tell(api, "order", contract_order(event.order, event, next(self._venue.numbers)))
        if isinstance(event, Fill):
            self._tell(api, "order.deal", contract_deal(event))
            self._tell_position(api, market, event)

    def tell_wallet(self, api: str, market: Market) -> None:
        """Tell an account of its margin."""
        self._tell(api, "asset", self._venue.asset(api))

    def _tell_position(self, api: str, market: Market, fill: Fill) -> None:
        product, opened = self._venue.products[market.name], self._venue.accounts[api].positions[market.name]
        before, after = fill.before, fill.after
        if before.size * after.size < 0:  # from long to short, or back: the old one is closed
            closed = replace(after, size=ZERO)
            was = self._venue.accounts[api].closed
            self._tell(api, "position", position(product, closed, was, long=before.size > 0))
        self._tell(api, "position", position(product, after, opened, long=(after.size or before.size) > 0))

    def _tell(self, api: str, kind: str, data: dict[str, Any]) -> None:
        for link in self._venue.links():
            if link.api == api and kind in link.topics.get("personal", ()):
                channel = f"push.personal.{kind}"
                link.send({"channel": channel, "data": data, "ts": self._venue.now().ms}, topic=channel, event=True)


def _decoded(frame: str | bytes) -> Any:
    try:
        return json.loads(frame)
    except ValueError:
        return None


def _reply(link: Link, heard: dict[str, Any], text: str) -> None:
    link.send({"id": heard.get("id", 0), "code": 0, "msg": text})


def _compressed(link: Link, text: str) -> str | bytes:
    return gzip.compress(text.encode()) if "gzip" in link.topics and text.startswith('{"channel": "push.') else text
