"""The WebSocket of the fake bitbank: Socket.IO in both versions, rooms, whole books and their changes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ...view import View
from .shapes import levels, ticker, transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...link import Link
    from ...market import Market
    from ...orders import Trade
    from . import Bitbank

__all__ = ["Stream"]

INTERVAL, TIMEOUT = 25_000, {"3": 60_000, "4": 20_000}  # ms, between two pings; and until the answer must be there
STEP = 3  # between two numbers of the sequence: they rise, but not one by one
AGAIN = 8  # so many changes come between two whole books
REACH = 200  # levels of each side that are told
ROOM = re.compile(r"(ticker|transactions|depth_diff|depth_whole|circuit_break_info)_(\w+)", re.ASCII)


class Stream:
    """Every socket to ``/socket.io/``.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/public-stream.md
    """

    def __init__(self, venue: Bitbank) -> None:
        self._venue = venue
        self._views = {name: View(market, REACH) for name, market in venue.markets.items()}
        self._first = 1_234_567_890
        self._heard: dict[Link, int] = {}  # when the last sign of life came, or a ping was sent, in ms
        self._asked: set[Link] = set()  # those that have not answered a ping yet
        self._connected: set[Link] = set()

    # --- the protocol ---

    def greet(self, link: Link) -> None:
        """Open a session; with the older version the namespace as well."""
        link.encode = _encode
        self._heard[link] = self._venue.now().ms
        version = link.query["EIO"]
        terms = {"sid": _sid("open", link), "upgrades": [], "pingInterval": INTERVAL, "pingTimeout": TIMEOUT[version]}
        link.send("0" + json.dumps({**terms, **({"maxPayload": 1_000_000} if version == "4" else {})}))
        if version == "3":
            self._connected.add(link)
            link.send("40")

    def hear(self, link: Link, frame: str | bytes) -> None:
        """React to a packet; one that comes before the namespace is open ends the connection."""
        self._heard[link] = self._venue.now().ms
        self._asked.discard(link)
        if frame == "40" and link.query["EIO"] == "4":
            self._connected.add(link)
            link.send("40" + json.dumps({"sid": _sid("namespace", link)}))
        elif frame == "2" and link.query["EIO"] == "3":
            link.send("3")
        elif isinstance(frame, str) and frame.startswith("42") and link in self._connected:
            self._event(link, frame[2:])
        elif frame != "3":
            link.abort()

    def beat(self) -> None:
        """Ping where that is the server's part, and cut off who gives no sign of life."""
        now = self._venue.now().ms
        for link in self._venue.links():
            version, quiet = link.query["EIO"], now - self._heard[link]
            if version == "4" and link not in self._asked:
                if quiet >= INTERVAL:
                    self._heard[link] = now
                    self._asked.add(link)
                    link.send("2")
            elif quiet >= TIMEOUT[version] + (INTERVAL if version == "3" else 0):
                link.abort()

    def _event(self, link: Link, text: str) -> None:
        try:
            event = json.loads(text)
        except ValueError:
            link.abort()
            return
        match event:
            case ["join-room", str(name)] if (room := ROOM.fullmatch(name)) and room[2] in self._venue.markets:
                link.topics[name] = None
                self._begin(link, self._venue.markets[room[2]], room[1])
            case ["leave-room", str(name)]:
                link.topics.pop(name, None)

    # --- rooms ---

    def _begin(self, link: Link, market: Market, kind: str) -> None:
        """Send what there is to tell at once; the real bitbank does so within a moment."""
        whole = f"depth_whole_{market.name}"
        if kind.startswith("depth") and whole in link.topics:
            link.send(_told(whole, self.whole(market)), topic=whole)
        elif kind == "ticker":
            link.send(_told(f"ticker_{market.name}", ticker(market, self._venue.now())), topic=f"ticker_{market.name}")
        elif kind == "circuit_break_info":
            link.send(_told(f"{kind}_{market.name}", self._circuit(market)), topic=f"{kind}_{market.name}")

    def publish(self, market: Market, trades: Sequence[Trade]) -> None:
        """Tell of the change of a book and of trades."""
        view, name = self._views[market.name], market.name
        changes = view.step()
        if changes:
            sides = {"a": levels(changes["sell"]), "b": levels(changes["buy"])}
            told = {**sides, "t": self._venue.now().ms, "s": self._number(view)}
            self._tell(f"depth_diff_{name}", told, update=True)
            if view.number % AGAIN == 0:
                self._tell(f"depth_whole_{name}", self.whole(market))
        if trades:
            rows = [transaction(trade) for trade in reversed(trades)]
            self._tell(f"transactions_{name}", {"transactions": rows}, event=True)
        if changes or trades:
            self._tell(f"ticker_{name}", ticker(market, self._venue.now()), event=True)

    def _tell(self, room: str, data: dict[str, Any], **how: bool) -> None:
        for link in self._venue.links():
            if room in link.topics:
                link.send(_told(room, data), topic=room, **how)

    def whole(self, market: Market) -> dict[str, Any]:
        """Return a whole book, as the public API has it, too."""
        view = self._views[market.name]
        others = ("asks_over", "bids_under", "asks_under", "bids_over", "ask_market", "bid_market")
        return {
            "asks": levels(view.sides["sell"]), "bids": levels(view.sides["buy"]), **dict.fromkeys(others, "0"),
            "timestamp": self._venue.now().ms, "sequenceId": self._number(view),
        }  # fmt: skip

    def _circuit(self, market: Market) -> dict[str, Any]:
        nothing = (
            "estimated_itayose_price", "estimated_itayose_amount", "itayose_upper_price", "itayose_lower_price",
            "reopen_timestamp",
        )  # fmt: skip
        triggers = {"upper_trigger_price": f"{market.last * 2:f}", "lower_trigger_price": f"{market.last / 2:f}"}
        now = self._venue.now().ms
        return {"mode": "NONE", **dict.fromkeys(nothing), **triggers, "fee_type": "NORMAL", "timestamp": now}

    def _number(self, view: View) -> str:
        return str(self._first + STEP * view.number)


def _told(room: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"room_name": room, "message": {"data": data}}


def _encode(text: str) -> str:
    """Return the packet of a message: an event, or a packet as it is, which comes here as the JSON of a text."""
    packet: str = json.loads(text) if text.startswith('"') else f'42["message",{text}]'
    return packet


def _sid(what: str, link: Link) -> str:
    return f"fake-{what}-{link.number}"
