"""A venue made up for the tests of collections: what it sends by stream and HTTP, and its tables."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from tests.support import FakeResponse, respond
from topgun.store import BookStore, DataStore, DataStoreCollection, SequenceGuard, Topic

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Sequence

    from yarl import URL

    from topgun.exchange import Requester

API = "https://api.example.test"


class Rows(DataStore):
    """Takes the rows of a message as they are."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert(msg["rows"])
        self._delete(msg["gone"])


class Orders(Rows):
    """Rows by id; a response replaces them all."""

    _KEYS = ("id",)

    def _init(self) -> None:
        self.answers: list[tuple[str, Requester | None]] = []

    def _onresponse(self, data: Any, url: URL, requester: Requester | None = None) -> None:
        self.answers.append((str(url), requester))
        rows = data["rows"]
        self._clear()
        self._insert(rows)


class Broken(DataStore):
    """Fails with whatever the message asks for."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        self._insert([{"seen": True}])
        raise msg["error"]


class Depth(BookStore):
    """A numbered book; a snapshot brings it back."""

    def _init(self) -> None:
        self.guard = SequenceGuard()

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        group = ("X",)
        if msg["kind"] == "snapshot":
            self.guard.snapshot(msg["number"])
            self._replace(group, msg["asks"], msg["bids"])
            self._mark(group, "live", "snapshot", ws)
        elif self.state({"symbol": "X"}) == "live":
            verdict = self.guard.update(msg["number"], msg["number"])
            if verdict == "apply":
                self._levels(group, msg["asks"], msg["bids"])
            elif verdict == "gap":
                self._resync(group, "a gap", ws, ["again"])


class Shop(DataStoreCollection):
    """A venue made up: trades and books by stream only, orders and a wallet by stream and HTTP."""

    trade = Topic(Rows, "publicTrade", "https://docs.example.test/trade")
    orders = Topic(Orders, "order")
    wallet = Topic(Orders, "wallet", keys=["coin", "account"])
    broken = Topic(Broken, "broken")
    book = Topic(Depth, "depth")

    _RESPONSES: ClassVar = {"/orders": "order", "/orders/all": "order", "/wallet": "wallet"}

    def _topic(self, msg: Any) -> Sequence[str]:
        return msg["to"]  # type: ignore[no-any-return]

    def _failure(self, url: URL, data: Any) -> bool:
        return "error" in data


def message(*to: str, rows: Iterable[Any] = ({"id": 1},), gone: Iterable[Any] = ()) -> dict[str, Any]:
    """Return a message to tables, with rows that came and rows that went."""
    return {"to": to, "rows": list(rows), "gone": list(gone)}


def answer(path: str, *rows: Any) -> Awaitable[FakeResponse]:
    """Return a request that is answered at once, with rows."""
    return respond("GET", f"{API}{path}", {"rows": rows})


def snapshot(number: int, asks: Any, bids: Any) -> dict[str, Any]:
    """Return a whole book."""
    return {"to": ["depth"], "kind": "snapshot", "number": number, "asks": asks, "bids": bids}


def delta(number: int, asks: Any, bids: Any) -> dict[str, Any]:
    """Return a change of a book."""
    return {"to": ["depth"], "kind": "delta", "number": number, "asks": asks, "bids": bids}


def states(store: DataStoreCollection) -> dict[str, str]:
    """Return the state of each table that has one for all its rows."""
    return {name: table.state() for name, table in store._stores.items() if name not in {"broken", "depth"}}


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)
