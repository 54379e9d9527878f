"""`Truth`: one venue and one store, with everything that passes between them in the hands of a test.

There are neither sockets nor clocks nor an event loop: a case of twenty moves takes a few milliseconds, so that a
hundred thousand of them can be played. The venue is the one that `topgun.testing.FakeExchange` plays.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from yarl import URL

from ..clock import Instant
from ..exchange import Host
from ..ws.reader import Handlers
from .dry import DrySocket, Moment, Question
from .link import Link, damaged
from .script import Faults
from .venue import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from ..store import BookStore, DataStoreCollection
    from .venue import Venue

__all__ = ["Feed", "Truth", "WrongBook"]

START = 1_700_000_000_000_000_000  # ns
TURNS = 12  # how often everything in flight arrives before a book that is not live counts as lost

Levels = dict[str, dict[Decimal, Decimal]]


class WrongBook(AssertionError):
    """A book that calls itself live is none that the venue has had, or a book does not come back."""


@dataclass(frozen=True, kw_only=True)
class Feed:
    """How a bot follows the books of a venue.

    Args:
        venue: The fake.
        collection: The store.
        url: Of the socket.
        messages: What a bot sends there to subscribe.
        book: The attribute of the store.
        price: The field of a level's price.
        size: The field of its size.
        markets: The names of the markets, and the fields that name the book of each.
        host: The record of the socket's host, for frames that must be decoded.
        text: The store takes frames as text.
        limit: How many levels of each side the venue tells.
    """

    venue: type[Venue]
    collection: Callable[[], DataStoreCollection]
    url: str
    messages: Sequence[Any]
    book: str
    price: str
    size: str
    markets: Mapping[str, Mapping[str, Any]]
    host: Host = field(default_factory=Host)
    text: bool = False
    limit: int | None = None


class Truth:
    """Plays the venue of a feed to its store, move by move, and knows every book that the venue has had.

    Attributes:
        requests: How often the store asked for a snapshot.
        gaps: How often a book that was live ceased to be.
        flight: The frames that are on their way to the store.
    """

    def __init__(self, feed: Feed, seed: int = 1, orders: int = 5) -> None:
        self.feed = feed
        self.now = START
        self.requests = self.gaps = 0
        self.flight: list[str | bytes] = []
        self.socket: DrySocket | None = None
        self._numbers = count(1)
        self._waiting: list[Moment] = []
        self._venue = feed.venue(lambda: Instant(self.now), self._links, seed)
        for market in self._venue.markets.values():
            market.thin(Instant(self.now), orders)
            self._venue.publish(market, market.stir(Instant(self.now)))
        self.store = feed.collection()
        self.book: BookStore = getattr(self.store, feed.book)
        self._truth = {name: [self._true(name)] for name in feed.markets}
        self._floor = dict.fromkeys(feed.markets, 0)
        self._live = dict.fromkeys(feed.markets, False)
        self.connect()

    # --- moves ---

    def tick(self, number: int = 0) -> None:
        """Let the crowd act once on one market."""
        names = list(self.feed.markets)
        name = names[number % len(names)]
        market = self._venue.markets[name]
        self.now += 1_000_000
        self._venue.publish(market, market.stir(Instant(self.now)))
        self._take()

    def deliver(self, number: int = 1) -> None:
        """Let so many frames arrive at the store."""
        for _ in range(number):
            if self.flight:
                self._arrive(self.flight.pop(0))

    def lose(self, number: int = 0) -> None:
        """Let a frame in flight get lost."""
        if self.flight:
            self.flight.pop(number % len(self.flight))

    def repeat(self, number: int = 0) -> None:
        """Let a frame in flight arrive twice."""
        if self.flight:
            place = number % len(self.flight)
            self.flight.insert(place, self.flight[place])

    def swap(self, number: int = 0) -> None:
        """Let a frame in flight arrive after the one that follows it."""
        if len(self.flight) > 1:
            place = number % (len(self.flight) - 1)
            self.flight[place : place + 2] = self.flight[place : place + 2][::-1]

    def damage(self, number: int = 0) -> None:
        """Let a frame in flight lose the values of its first row."""
        if self.flight:
            place = number % len(self.flight)
            frame = self.flight[place]
            message = None if self.feed.text else self._decoded(frame)
            if message is not None and self.socket is not None:
                text = json.dumps(damaged(message))
                self.flight[place] = text if self.socket.link.encode is None else self.socket.link.encode(text)

    def hear(self, number: int = 1) -> None:
        """Let the venue hear so many messages of the store."""
        for _ in range(number):
            if self.socket is not None and self.socket.up:
                self._venue.hear(self.socket.link, self.socket.up.popleft())
                self._take()

    def look(self, number: int = 0) -> None:
        """Let the venue make up its answer to an HTTP request; it is on its way from then on."""
        asked = [each for each in self._waiting if isinstance(each, Question) and each.reply is None]
        if asked:
            moment = asked[number % len(asked)]
            reply = self._venue.answer(moment.request)
            assert isinstance(reply, Reply)  # noqa: S101  (no book is asked for with a long poll)
            moment.reply = reply

    def answer(self, number: int = 0) -> None:
        """Let an HTTP answer arrive."""
        answered = [each for each in self._waiting if isinstance(each, Question) and each.reply is not None]
        if answered:
            self._resume(answered[number % len(answered)])

    def fail(self, number: int = 0) -> None:
        """Let an HTTP request fail."""
        asked = [each for each in self._waiting if isinstance(each, Question)]
        if asked:
            moment = asked[number % len(asked)]
            moment.reply = Reply(status=503)
            self._resume(moment)

    def wait(self, number: int = 0) -> None:
        """Let time pass, so that what was asked for in vain is asked for again."""
        self.now += 60_000_000_000
        for moment in [each for each in self._waiting if not isinstance(each, Question)]:
            self._resume(moment)

    def cut(self, number: int = 0) -> None:
        """Cut the connection; what is in flight is lost. A new one is made."""
        if self.socket is not None:
            self.socket.lose()
            self._check()
        self.flight.clear()
        self.connect()

    def connect(self) -> None:
        """Open a socket and subscribe."""
        url = URL(self.feed.url)
        link = Link(next(self._numbers), url, None, Faults())
        link.open = True
        self.socket = DrySocket(self, url, link)
        Handlers.of(None, None, self.store.onmessage).introduce(self.socket)  # type: ignore[arg-type]  # a stand-in
        self._venue.greet(link)
        for message in self.feed.messages:
            self.socket.send_json_soon(message)

    MOVES: ClassVar = (
        *("tick", "deliver", "hear", "look", "answer", "wait"),
        *("lose", "repeat", "swap", "damage", "fail", "cut"),
    )

    def play(self, case: Sequence[tuple[str, int]]) -> None:
        """Play the moves of a case, then let everything arrive.

        Raises:
            WrongBook: A live book was wrong, or a book did not come back.
        """
        for move, number in case:
            getattr(self, move)(number)
        self.settle()

    def settle(self) -> None:
        """Let everything arrive, until every book is live and the venue's.

        Raises:
            WrongBook: One does not get there.
        """
        for _ in range(TURNS):
            for number in range(len(self.feed.markets)):
                self.tick(number)
            self._drain()
            if self._right():
                return
            self.wait()
        raise WrongBook(f"not live and right after {TURNS} turns: {self.book.status.find()}")

    # --- inside ---

    def go_on(self, work: Coroutine[Any, Any, Any], given: Any = None) -> None:
        """Run a coroutine of the store until it waits again, or ends.

        Args:
            work: The coroutine.
            given: What it has been waiting for; an exception is raised in it.
        """
        try:
            moment = work.throw(given) if isinstance(given, Exception) else work.send(given)
        except StopIteration:
            return
        moment.work = work
        self._waiting.append(moment)

    def _resume(self, moment: Moment) -> None:
        self._waiting.remove(moment)
        self.go_on(moment.work, moment.outcome())
        self._check()

    def _drain(self) -> None:
        while True:
            sending = self.socket is not None and bool(self.socket.up)
            asking = any(isinstance(each, Question) for each in self._waiting)
            if not (self.flight or sending or asking):
                return
            self.hear(len(self.socket.up) if self.socket is not None else 0)
            self.deliver(len(self.flight))
            self.look()
            self.answer()

    def _links(self) -> list[Link]:
        return [self.socket.link] if self.socket is not None and self.socket.link.open else []

    def _take(self) -> None:
        """Put on its way what the venue has sent, and remember its books."""
        if self.socket is not None:
            self.flight += self.socket.link.drain()
        for name, versions in self._truth.items():
            if (now := self._true(name)) != versions[-1]:
                versions.append(now)

    def _decoded(self, frame: str | bytes) -> Any:
        plain = frame if self.feed.host.decode is None else self.feed.host.decode(frame)
        try:
            return json.loads(plain) if isinstance(plain, str | bytes) else plain
        except ValueError:
            return None

    def _arrive(self, frame: str | bytes) -> None:
        message = frame if self.feed.text else self._decoded(frame)
        if message is not None and self.socket is not None:
            if self.feed.host.answer is not None and (text := self.feed.host.answer(message, self.socket)):  # type: ignore[arg-type]
                self.socket.up.append(text)
            self.store.onmessage(message, self.socket)
            self._check()

    def _true(self, name: str) -> Levels:
        market, limit = self._venue.markets[name], self.feed.limit
        return {"asks": dict(market.levels("sell", limit)), "bids": dict(market.levels("buy", limit))}

    def _told(self, name: str) -> Levels:
        """Return the book of the store, from its sorted rows."""
        price, size = self.feed.price, self.feed.size
        sides = self.book.sorted(self.feed.markets[name]).values()
        return {
            side: {Decimal(str(row[price])): Decimal(str(row[size])) for row in rows}
            for side, rows in zip(("asks", "bids"), sides, strict=True)
        }

    def _check(self) -> None:
        """Compare every live book with those that the venue has had since the one that it was last.

        Raises:
            WrongBook: It is none of them.
        """
        for name, versions in self._truth.items():
            live = self.book.state(self.feed.markets[name]) == "live"
            self.gaps += self._live[name] and not live
            self._live[name] = live
            if live:
                told = self._told(name)
                later = range(self._floor[name], len(versions))
                version = next((each for each in later if versions[each] == told), None)
                if version is None:
                    raise WrongBook(f"{name} is live, and no book that there was since version {self._floor[name]}")
                self._floor[name] = version

    def _right(self) -> bool:
        """Tell whether every book is live and the venue's, however it is looked at."""
        return all(
            self.book.state(self.feed.markets[name]) == "live" and self._told(name) == versions[-1]
            for name, versions in self._truth.items()
        )
