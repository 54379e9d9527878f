"""The WebSockets of the fake Phemex: login, heartbeat, subscriptions, and what an account is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...orders import Fill
from ...venue import hmac_hex, parsed
from .account import Moment, moment_of
from .public import DEPTHS, INTERVALS, Feed
from .shapes import account_row, order_row, position_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ...link import Link
    from ...market import Market
    from . import Phemex

__all__ = ["Stream"]

MOST = 20  # subscriptions of a socket
FURTHEST = 120  # s that the expiry of a login may lie ahead
INVALID, LIMIT, LOGIN = (6001, "invalid argument"), (6015, "subscription limit exceeded"), (6012, "invalid login token")
PACK, ACCOUNT = "perp_market24h_pack_p", "aop_p"
PLAIN = {"[]": None}
FORMS: dict[str, dict[str, Any]] = {
    "orderbook_p": {"[]": 30, "[true]": 0, **{f"[false, {depth}]": depth for depth in DEPTHS}},
    "kline_p": {f"[{seconds}]": seconds for seconds in INTERVALS},
    **dict.fromkeys(("trade_p", "market24h_p", "tick_p", PACK, ACCOUNT), PLAIN),
}
"""What may follow the symbol, as JSON, and the depth or the interval that it asks for."""


class Stream:
    """Every socket.

    https://phemex-docs.github.io/#websocket-api
    """

    def __init__(self, venue: Phemex) -> None:
        self._venue = venue
        self.feed = Feed(venue)

    # --- what clients send ---

    def hear(self, link: Link, frame: str | bytes) -> None:
        """Answer a frame."""
        heard = parsed(frame)
        match heard:
            case {"method": "server.ping", "id": number}:
                link.send({"error": None, "id": number, "result": "pong"})
            case {"method": "user.auth", "params": list(params), "id": number}:
                self._log_in(link, params, number)
            case {"method": str(method), "params": list(params), "id": number} if method.endswith(".subscribe"):
                self._subscribe(link, method.removesuffix(".subscribe"), params, number)
            case {"method": str(method), "id": number} if method.endswith(".unsubscribe"):
                channel = method.removesuffix(".unsubscribe")
                for topic in [topic for topic in link.topics if topic.partition(".")[0] == channel]:
                    del link.topics[topic]
                acknowledge(link, number)
            case _:
                acknowledge(link, heard.get("id") if isinstance(heard, dict) else None, INVALID)

    def _log_in(self, link: Link, params: list[Any], number: Any) -> None:
        """Log a socket in if key, time and signature are right.

        https://phemex-docs.github.io/#user-authentication
        """
        answer = link.login_answer()
        match params:
            case ["API", str(key), str(signature), int(expiry)] if answer == "honest":
                api = self._venue.api_of(key)
                if api is not None and api == self._venue.environment(link.host, link.path):
                    right = hmac_hex(self._venue.apis[api][1], f"{key}{expiry}")
                    in_time = 0 < expiry - self._venue.now().ns / 1e9 <= FURTHEST
                    link.api = api if signature == right and in_time else None
        if answer != "silent":
            acknowledge(link, number, None if link.api else LOGIN)

    def _subscribe(self, link: Link, channel: str, params: list[Any], number: Any) -> None:
        symbol = str(params[0]) if params else ""
        topic = f"{channel}.{symbol}" if symbol else channel
        given = self._wanted(channel, symbol, params[1:])
        if given is INVALID:
            acknowledge(link, number, INVALID)
        elif channel == ACCOUNT and link.api is None:
            acknowledge(link, number, LOGIN)
        elif topic not in link.topics and len(link.topics) >= MOST:
            acknowledge(link, number, LIMIT)
        else:
            link.topics[topic] = given
            acknowledge(link, number)
            if channel == ACCOUNT:
                link.send(self._whole(str(link.api)), topic=topic)
            else:
                self.feed.begin(link, channel, symbol, given)

    def _wanted(self, channel: str, symbol: str, more: list[Any]) -> Any:
        """Return the depth or the interval that is asked for, ``None`` if there is none, or that it is invalid."""
        if channel in (PACK, ACCOUNT):
            fits = not symbol
        else:
            fits = symbol.startswith(".") is (channel == "tick_p") and symbol.removeprefix(".") in self._venue.markets
        return FORMS.get(channel, {}).get(json.dumps(more), INVALID) if fits else INVALID

    # --- what an account is told ---

    def tell_account(self, api: str, market: Market, events: Sequence[Any], *, held: bool = False) -> None:
        """Tell an account what happened to its orders on a market, and to what it holds if that has changed."""
        held = held or any(isinstance(event, Fill) for event in events)
        message = self._account(api, [moment_of(event) for event in events], [market] if held else [], "incremental")
        for link in self._venue.links():
            if link.api == api and ACCOUNT in link.topics:
                link.send(message, topic=ACCOUNT, event=True)

    def _whole(self, api: str) -> dict[str, Any]:
        """Return what a subscription begins with: it tells how orders ended, too, newest first."""
        account = self._venue.accounts[api]
        resting = [
            Moment(order, "PartiallyFilled" if order.filled else "New", order.filled, order.left)
            for order in account.open()
        ]
        return self._account(api, [*reversed(account.ended), *resting], self._venue.markets.values(), "snapshot")

    def _account(self, api: str, moments: Iterable[Moment], held: Iterable[Market], kind: str) -> dict[str, Any]:
        account, markets = self._venue.accounts[api], self._venue.markets
        return {
            "accounts_p": [account_row(account, account.used(markets.values()))],
            "orders_p": [order_row(markets[each.order.tag.symbol], account, each) for each in moments],
            "positions_p": [
                position_row(market, account, side, account.position(market.name, side))
                for market in held
                for side in account.sides(market.name)
            ],
            "sequence": self.feed.sequence, "timestamp": self._venue.now().ns, "type": kind, "version": 0,
        }  # fmt: skip


def acknowledge(link: Link, number: Any, trouble: tuple[int, str] | None = None) -> None:
    """Answer a request."""
    error = None if trouble is None else {"code": trouble[0], "message": trouble[1]}
    link.send({"error": error, "id": number, "result": None if error else {"status": "success"}})
