"""The WebSocket of the fake bitFlyer: JSON-RPC 2.0, the login, channels."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ...venue import hmac_hex
from ...view import View
from .shapes import board, execution, ticker

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Trade
    from ...venue import Venue

__all__ = ["WINDOW", "Stream", "ms"]

WINDOW = 30_000  # ms a time may be away from the exchange's; bitFlyer publishes no figure
NONCE = range(16, 256)  # characters
AGAIN = 50  # so many changes of the book after each other come between two snapshots of a channel that is kept
PRIVATE = ("child_order_events", "parent_order_events")
PUBLIC = re.compile(r"lightning_(board_snapshot|board|ticker|executions)_(\w+)")


class _Refused(Exception):
    """A request is answered with an error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message} | ({} if data is None else {"data": data})


class Stream:
    """Every socket to ``/json-rpc``.

    https://bf-lightning-api.readme.io/docs/endpoint-json-rpc
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._views = {name: View(market) for name, market in venue.markets.items()}

    # --- what clients send ---

    def hear(self, link: Link, frame: str | bytes) -> None:
        """Answer a request, or a batch of them in one answer; then send the snapshots that were asked for."""
        try:
            heard = json.loads(frame)
        except ValueError:
            link.send(_answer(None, error={"code": -32700, "message": "Parse error"}))
            return
        requests = heard if isinstance(heard, list) else [heard]
        answers = [answer for request in requests if (answer := self._execute(link, request))]
        if answers:
            link.send(answers if isinstance(heard, list) else answers[0])
        self._catch_up(link)

    def _execute(self, link: Link, request: Any) -> dict[str, Any] | None:
        """Do what one request says; return the answer, ``None`` if it wants none (it has no id) or must not get one."""
        ident = request.get("id") if isinstance(request, dict) else None
        try:
            answered = self._do(link, request)
        except _Refused as refusal:
            return _answer(ident, error=refusal.error)
        return _answer(ident, result=True) if answered and ident is not None else None

    def _do(self, link: Link, request: Any) -> bool:
        match request:
            case {"method": "auth", "params": dict(params)}:
                return self._log_in(link, params)
            case {"method": "subscribe", "params": {"channel": str(channel)}}:
                self._check(link, channel)
                link.topics[channel] = 0
            case {"method": "unsubscribe", "params": {"channel": str(channel)}}:
                link.topics.pop(channel, None)
            case {"method": "auth" | "subscribe" | "unsubscribe"}:
                raise _Refused(-32602, "Invalid params")
            case {"method": str()}:
                raise _Refused(-32601, "Method not found")
            case _:
                raise _Refused(-32600, "Invalid Request")
        return True

    def _log_in(self, link: Link, params: dict[str, Any]) -> bool:
        """Log a socket in; return False if the login shall stay without an answer.

        https://bf-lightning-api.readme.io/docs/realtime-api-auth
        """
        match link.login_answer():
            case "silent":
                return False
            case "refuse":
                raise _Refused(-32603, "Invalid signature")
        api = self._venue.api_of(params.get("api_key"))
        timestamp, nonce = params.get("timestamp"), params.get("nonce")
        if api is None:
            raise _Refused(-32603, "Key not found")
        if not isinstance(timestamp, int) or abs(ms(timestamp) - self._venue.now().ms) > WINDOW:
            raise _Refused(-32603, "Invalid timestamp")
        if not isinstance(nonce, str) or len(nonce) not in NONCE:
            raise _Refused(-32603, "Invalid nonce")
        if params.get("signature") != hmac_hex(self._venue.apis[api][1], f"{timestamp}{nonce}"):
            raise _Refused(-32603, "Invalid signature")
        link.api = api
        return True

    def _check(self, link: Link, channel: str) -> None:
        if channel in PRIVATE:
            if link.api is None:
                raise _Refused(-32000, "Authentication required", channel)
        elif not (named := PUBLIC.fullmatch(channel)) or named[2] not in self._venue.markets:
            raise _Refused(-32602, "Invalid params", channel)

    # --- what they are told ---

    def publish(self, market: Market, trades: Sequence[Trade]) -> None:
        """Tell of the change of a book and of trades."""
        view, name = self._views[market.name], market.name
        changes = view.step()
        if changes:
            told = board(market, changes["buy"], changes["sell"])
            self._tell(f"lightning_board_{name}", told, update=True)
            if view.number % AGAIN == 0:
                self._tell(f"lightning_board_snapshot_{name}", self._whole(view))
        if trades:
            self._tell(f"lightning_executions_{name}", [execution(trade) for trade in trades], event=True)
        if changes or trades:
            self._tell(f"lightning_ticker_{name}", ticker(market, self._venue.now(), view.number), event=True)

    def tell_account(self, api: str, events: Sequence[dict[str, Any]]) -> None:
        """Tell an account what happened to its orders."""
        links = [link for link in self._venue.links() if link.api == api]
        self._tell("child_order_events", list(events), links, event=True)

    def _tell(self, channel: str, told: Any, links: Iterable[Link] | None = None, **how: bool) -> None:
        for link in self._venue.links() if links is None else links:
            if channel in link.topics:
                link.send(_message(channel, told), topic=channel, **how)

    def _catch_up(self, link: Link) -> None:
        """Send the snapshots that a socket lacks.

        A snapshot that was sent before the deltas were subscribed to may miss a change in between, so it is sent again
        when the deltas are.
        """
        for name, view in self._views.items():
            channel, deltas = f"lightning_board_snapshot_{name}", f"lightning_board_{name}"
            seen = link.topics.get(channel)
            if seen == 0 or (seen is not None and link.topics.get(deltas) == 0 and seen != view.number):
                link.send(_message(channel, self._whole(view)), topic=channel)
                link.topics[channel] = view.number
            if deltas in link.topics:
                link.topics[deltas] = view.number

    def _whole(self, view: View) -> dict[str, Any]:
        return board(view.market, view.sides["buy"], view.sides["sell"])


def ms(timestamp: int) -> int:
    """Return a time in ms that may be given in s."""
    return timestamp * 1000 if timestamp < 100_000_000_000 else timestamp


def _answer(ident: Any, **outcome: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": ident, **outcome}


def _message(channel: str, told: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "channelMessage", "params": {"channel": channel, "message": told}}
