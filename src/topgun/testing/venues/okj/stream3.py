"""The V3 WebSockets of the fake OKJ: login, heartbeat, subscriptions, and what the account is told."""

from __future__ import annotations

import hmac
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from ...venue import parsed
from .feed import CHANNELS3
from .shapes import balance3, order_row3
from .trading import API

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Event
    from . import OKJ

__all__ = ["TROUBLES", "WINDOW", "Stream3", "signature"]

WINDOW = 30.0  # s a time may be away from that of OKJ
TROUBLES = {
    30006: "Invalid OK-ACCESS-KEY",
    30008: "Request timestamp expired",
    30013: "Invalid sign",
    30015: "Invalid OK-ACCESS-PASSPHRASE",
}


class Stream3:
    """Every V3 socket.

    https://dev.okcoin.jp/en/#spot_ws-all
    """

    def __init__(self, venue: OKJ) -> None:
        self._venue = venue

    def hear(self, link: Link, frame: str | bytes) -> None:
        """Answer a frame."""
        if frame == "ping":
            link.send("pong")
            return
        heard = parsed(frame)
        match heard:
            case {"op": "login", "args": [key, passphrase, time, sign]}:
                self._log_in(link, key, passphrase, time, sign)
            case {"op": "subscribe", "args": [*channels]}:
                for channel in channels:
                    self._subscribe(link, str(channel))
            case {"op": "unsubscribe", "args": [*channels]}:
                for channel in channels:
                    link.topics.pop(str(channel), None)
                    link.send({"event": "unsubscribe", "channel": channel})
            case _:
                _refuse(link, 30039, "Illegal request")

    def trouble(self, key: Any, passphrase: Any, time: Any, sign: Any) -> int:
        """Return what is wrong with a login, by the number that V3 has for it; 0 if nothing is.

        https://dev.okcoin.jp/en/#spot_ws-login
        """
        right_key, secret, right_passphrase = self._venue.apis[API]
        try:
            away = abs(float(time) - self._venue.now().ns / 1e9)
        except (TypeError, ValueError):
            return 30008
        if key != right_key:
            return 30006
        if not away <= WINDOW:
            return 30008
        if passphrase != right_passphrase:
            return 30015
        return 0 if sign == signature(secret, f"{time}GET/users/self/verify".encode()) else 30013

    def _log_in(self, link: Link, *given: Any) -> None:
        answer = link.login_answer()
        if answer == "silent":
            return
        if trouble := self.trouble(*given) or (30013 if answer == "refuse" else 0):
            _refuse(link, trouble, TROUBLES[trouble])
            return
        link.api = API
        link.send({"event": "login", "success": True})

    def _subscribe(self, link: Link, topic: str) -> None:
        channel, _, name = topic.partition(":")
        private: dict[str, Any] = {"spot/account": self._venue.account.coins, "spot/order": self._venue.markets}
        known = private.get(channel, self._venue.markets if channel in CHANNELS3 else ())
        if name not in known:
            _refuse(link, 30040, f"Channel {topic} doesn't exist")
        elif link.api is None and channel in private:
            _refuse(link, 30041, "User not logged in / User must be logged in")
        else:
            again = topic in link.topics
            link.topics[topic] = topic
            link.send({"event": "subscribe", "channel": topic})
            if not again and channel not in private:
                self._venue.stream.feed.begin(link, topic, channel, name)

    def tell_account(self, market: Market, events: Sequence[Event]) -> None:
        """Tell what happened to orders on a market, and to coins."""
        account = self._venue.account
        orders = {event.order.number: event.order for event in events if hasattr(event, "order")}
        told = {f"spot/order:{market.name}": [order_row3(order) for order in orders.values()]}
        told |= {f"spot/account:{coin}": [balance3(account, coin)] for coin in market.name.split("-")}
        for link in self._venue.links():
            for topic in told.keys() & link.topics.keys():
                link.send({"table": topic.partition(":")[0], "data": told[topic]}, topic=topic, event=True)


def signature(secret: str, text: bytes) -> str:
    """Return the signature of `text`."""
    return b64encode(hmac.digest(secret.encode(), text, "sha256")).decode()


def _refuse(link: Link, code: int, message: str) -> None:
    link.send({"event": "error", "message": message, "errorCode": code})
