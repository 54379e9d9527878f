"""The WebSockets of the fake Coincheck: the public channels, the login, and what an account is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...orders import Fill, Placed
from ...view import View
from .gate import Refused
from .shapes import book, execution, limit_range, order_event, trade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Ended, Trade
    from . import Coincheck

__all__ = ["Stream"]

SIGNED_URL = "wss://stream.coincheck.com/private"
CHANNELS = ("order-events", "execution-events")
KINDS = ("trades", "orderbook", "limit-range-orderbook")
FIRST = 1_000_000  # number of a book


class Stream:
    """Every socket."""

    def __init__(self, venue: Coincheck) -> None:
        self._venue = venue
        self._views = {name: View(market) for name, market in venue.markets.items()}
        self._numbers = dict.fromkeys(venue.markets, FIRST)

    # --- what clients send ---

    def hear(self, link: Link, frame: str | bytes, *, private: bool) -> None:
        """Do what a frame says; only a login and a refusal are answered."""
        try:
            self._do(link, json.loads(frame), private=private)
        except ValueError:
            link.send({"success": False, "error": "invalid json"})
        except Refused as refusal:
            link.send(refusal.reply.data)

    def _do(self, link: Link, heard: Any, *, private: bool) -> None:
        match heard:
            case {"type": "login"} if private:
                self._log_in(link, heard)
            case {"type": "subscribe" | "unsubscribe" as kind, "channels": list(channels)} if private:
                self._subscribe(link, kind, channels, CHANNELS if link.api else ())
            case {"type": "subscribe" | "unsubscribe" as kind, "channel": channel} if not private:
                known = [f"{pair}-{name}" for pair in self._venue.markets for name in KINDS]
                self._subscribe(link, kind, [channel], known)
            case _:
                raise Refused("invalid message")

    def _log_in(self, link: Link, heard: dict[str, Any]) -> None:
        """Log a socket in.

        https://coincheck.com/documents/exchange/api#private-channels
        """
        answer = link.login_answer()
        if answer == "silent":
            return
        if answer == "refuse":
            raise Refused("invalid authentication")
        key, nonce, signature = (str(heard.get(f"access_{name}")) for name in ("key", "nonce", "signature"))
        link.api = self._venue.gate.use(key, nonce, signature, SIGNED_URL)
        link.send({"success": True, "available_channels": list(CHANNELS)})

    def _subscribe(self, link: Link, kind: str, channels: Sequence[Any], known: Sequence[str]) -> None:
        if any(channel not in known for channel in channels):
            raise Refused("invalid channel")
        for channel in channels:
            if kind == "subscribe":
                link.topics[channel] = True
            else:
                link.topics.pop(channel, None)

    # --- what they are told ---

    def publish(self, market: Market, trades: Sequence[Trade]) -> None:
        """Tell of the change of a book and of trades."""
        name, view, now = market.name, self._views[market.name], str(self._venue.now().seconds)
        if trades:
            self._tell(f"{name}-trades", [trade(name, each) for each in trades], event=True)
        changes = view.step()
        if changes:
            rates = {rate for levels in changes.values() for rate, _ in levels}
            self._numbers[name] += len(rates)  # it rises, with gaps
            self._tell(f"{name}-orderbook", [name, {**book(changes), "last_update_at": now}], update=True)
            numbered = {**limit_range(rates, view.sides, market.mid), **self._number(name)}
            self._tell(f"{name}-limit-range-orderbook", [name, numbered], update=True)

    def snapshot(self, market: Market, *, numbered: bool) -> dict[str, Any]:
        """Return a whole book, as it was told last."""
        sides = self._views[market.name].sides
        if not numbered:
            return book(sides)
        rates = {rate for levels in sides.values() for rate, _ in levels}
        return {"pair": market.name, **limit_range(rates, sides, market.mid), **self._number(market.name)}

    def _number(self, name: str) -> dict[str, str]:
        return {"sequence_number": str(self._numbers[name]), "last_update_at": str(self._venue.now().seconds)}

    def tell_account(self, api: str, events: Sequence[Placed | Fill | Ended]) -> None:
        """Tell an account what happened to its orders; that one was accepted is not told."""
        account = self._venue.accounts[api]
        for event in events:
            if not isinstance(event, Placed):
                self._tell("order-events", order_event(event, self._venue.now()), api, event=True)
            if isinstance(event, Fill):
                self._tell("execution-events", execution(event, account.funds(event)), api, event=True)

    def _tell(self, channel: str, told: Any, api: str | None = None, **how: bool) -> None:
        for link in self._venue.links():
            if channel in link.topics and link.api == api:
                link.send(told, topic=channel, **how)
