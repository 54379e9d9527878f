"""The WebSockets of the fake BitTrade: gzip, pings that want an answer, login, subscriptions, requests."""

from __future__ import annotations

import gzip
from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ...script import Fault
from ...venue import parsed
from .private import PRIVATE, Reports
from .public import PUBLIC, RETAIL, Feed
from .signing import right, stale

if TYPE_CHECKING:
    from ...link import Link
    from . import BitTrade

__all__ = ["PATHS", "Stream"]

PATHS = {PUBLIC: 5_000, PRIVATE: 20_000, RETAIL: 10_000}  # ms between two pings
PATIENCE = 3  # pings without a right answer before a socket is closed
BURST = 20  # requests for data in a second


class Pulse:
    """What is known of the life of one socket.

    Attributes:
        last: When it was pinged last, in ms; the value of the ping.
        unanswered: How many pings since the last right answer.
        asked: When the last requests for data came, in ms.
    """

    def __init__(self, now: int) -> None:
        self.last = now
        self.unanswered = 0
        self.asked: deque[int] = deque(maxlen=BURST)

    def pong(self, value: object) -> None:
        """Take an answer to a ping, which has to name its value."""
        if value == self.last:
            self.unanswered = 0


class Stream:
    """Every socket.

    https://api-doc.bittrade.co.jp/#401564b16d
    """

    def __init__(self, venue: BitTrade) -> None:
        self._venue = venue
        self._pulses: WeakKeyDictionary[Link, Pulse] = WeakKeyDictionary()
        self.feed = Feed(venue)
        self.reports = Reports(venue)

    def greet(self, link: Link) -> None:
        """Begin to ping a socket; the frames of market data are packed."""
        self._pulses[link] = Pulse(self._now)
        if link.path != PRIVATE:
            link.encode = _pack

    def ping(self) -> None:
        """Send the pings that are due, and close the sockets that do not answer. The dealer sends none."""
        for link in self._venue.links():
            pulse = self._pulses[link]
            if link.path == RETAIL or self._now - pulse.last < PATHS[link.path]:
                continue
            if pulse.unanswered == PATIENCE:
                link.suffer(Fault("close", value={"code": 1003}))
                continue
            pulse.last, pulse.unanswered = self._now, pulse.unanswered + 1
            private = {"action": "ping", "data": {"ts": pulse.last}}
            link.send(private if link.path == PRIVATE else {"ping": pulse.last})

    def hear(self, link: Link, frame: str | bytes) -> None:
        """Answer a frame."""
        heard = parsed(frame)
        ways = {PUBLIC: self._hear_public, PRIVATE: self._hear_private, RETAIL: self._hear_retail}
        ways[link.path](link, heard)

    # --- inside ---

    @property
    def _now(self) -> int:
        return self._venue.now().ms

    def _hear_public(self, link: Link, heard: Any) -> None:
        match heard:
            case {"ping": value}:
                self._pulses[link].unanswered = 0
                link.send({"pong": value})
            case {"pong": value}:
                self._pulses[link].pong(value)
            case {"sub": str(topic)} | {"req": str(topic)} if trouble := self.feed.refusal(topic):
                self._refuse(link, heard, trouble)
            case {"sub": str(topic)}:
                link.topics[topic] = None
                self._acknowledge(link, heard, {"status": "ok", "subbed": topic})
                if (now := self.feed.now(topic)) is not None:
                    link.send(now, topic=topic)
            case {"req": str(topic)}:
                self._reply(link, heard, topic)
            case {"unsub": str(topic)}:
                link.topics.pop(topic, None)
                self._acknowledge(link, heard, {"status": "ok", "unsubbed": topic})
            case _:
                self._refuse(link, heard, "invalid command")

    def _reply(self, link: Link, heard: dict[str, Any], topic: str) -> None:
        asked = self._pulses[link].asked
        if len(asked) == BURST and self._now - asked[0] < 1000:
            self._refuse(link, heard, f"429 too many request topic is {topic}")
            return
        asked.append(self._now)
        self._acknowledge(link, heard, self.feed.reply(topic))

    def _acknowledge(self, link: Link, heard: Any, told: dict[str, Any]) -> None:
        named = {"id": heard["id"]} if isinstance(heard, dict) and "id" in heard else {}
        link.send({**named, "ts": self._now, **told})

    def _refuse(self, link: Link, heard: Any, trouble: str) -> None:
        self._acknowledge(link, heard, {"status": "error", "err-code": "bad-request", "err-msg": trouble})

    def _hear_private(self, link: Link, heard: Any) -> None:
        match heard:
            case {"action": "ping", "data": {"ts": value}}:
                link.send({"action": "pong", "data": {"ts": value}})
            case {"action": "pong", "data": {"ts": value}}:
                self._pulses[link].pong(value)
            case {"action": "req", "ch": "auth"}:
                self._log_in(link, heard)
            case {"action": "sub" | "unsub" as action, "ch": str(topic)}:
                if link.api is None:
                    link.send({"action": action, "code": 2002, "ch": topic, "message": "invalid.auth.state"})
                elif not self.reports.has(topic):
                    link.send({"action": action, "code": 2001, "ch": topic, "message": "invalid.ch"})
                else:
                    self._attend(link, action, topic)
            case _:
                link.send({"action": "unknown", "code": 2001, "message": "invalid.action"})

    def _attend(self, link: Link, action: str, topic: str) -> None:
        link.send({"action": action, "code": 200, "ch": topic, "data": {}})
        if action == "unsub":
            link.topics.pop(topic, None)
        else:
            link.topics[topic] = None
            self.reports.begin(link, topic)

    def _log_in(self, link: Link, heard: dict[str, Any]) -> None:
        """Log a socket in if key, time and signature are right.

        https://api-doc.bittrade.co.jp/#7a52d716ff
        """
        answer = link.login_answer()
        if answer == "silent":
            return
        params = heard.get("params")
        values = {name: str(value) for name, value in params.items()} if isinstance(params, dict) else {}
        api = self._venue.api_of(values.get("accessKey"))
        if answer == "honest" and api is not None and values.pop("authType", "") == "api":
            signature, sent = values.pop("signature", ""), values.get("timestamp", "")
            if not stale(sent, self._now) and signature == right(
                self._venue.apis[api][1], "GET", link.host, link.path, values
            ):
                link.api = api
                link.send({"action": "req", "code": 200, "ch": "auth", "data": {}})
                return
        link.send({"action": "req", "code": 2002, "ch": "auth", "message": "auth.fail"})

    def _hear_retail(self, link: Link, heard: Any) -> None:
        match heard:
            case {"action": 1, "topic": 1}:
                link.topics["1"] = None
                link.send(self.feed.dealer(), topic="1")


def _pack(text: str) -> bytes:
    return gzip.compress(text.encode(), 1)
