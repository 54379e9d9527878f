"""The implementations behind one face, so that each case is written once."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

from . import bare
from .case import BARE, PEER, check

if TYPE_CHECKING:
    from .inputs import Book

FIELDS = {  # name of the collection, of its book; of side, price and size; of asks and bids
    "bybit": ("BybitDataStore", "orderbook", "S", "p", "v", "a", "b"),
    "bitflyer": ("bitFlyerDataStore", "board", "side", "price", "size", "asks", "bids"),
}


def library(side: str) -> Any:
    """Import topgun or the peer."""
    return importlib.import_module(side)


class Socket:
    """What topgun's stores are handed as the socket a message came from."""

    closed = False

    def on_close(self, callback: Any) -> None: ...

    def send_json_soon(self, data: Any) -> None: ...


class BookSide:
    """The order book of one venue in one implementation.

    Args:
        side: The implementation.
        venue: ``bybit`` or ``bitflyer``.
    """

    def __init__(self, side: str, venue: str) -> None:
        collection, table, *self.fields = FIELDS[venue]
        self.socket = Socket() if side != PEER else None  # the peer is spared what it costs to look at the socket,
        self.opener = self.socket or AsyncMock(spec=library(side).ClientWebSocketResponse)  # but wants one at the start
        self.bare = side == BARE
        if self.bare:
            self.store: Any = {"bybit": bare.BybitBook, "bitflyer": bare.BitflyerBook}[venue]()
            self.book: Any = self.store
        else:
            self.store = getattr(library(side), collection)()
            self.book = getattr(self.store, table)
        self.onmessage = self.store.onmessage

    def check(self, truth: Book) -> None:
        """Compare the book with the truth.

        Raises:
            WrongResult: They differ.
        """
        if self.bare:
            asks, bids = self.book.asks, self.book.bids
        else:
            side, price, size, ask, bid = self.fields
            asks, bids = ({row[price]: row[size] for row in self.book.find({side: name})} for name in (ask, bid))
        check("asks", asks, truth.asks)
        check("bids", bids, truth.bids)

    def prices(self, sides: Any) -> tuple[list[Any], list[Any]]:
        """Return the prices in what `sorted` returned, asks then bids."""
        if self.bare:
            asks, bids = sides.values()
            return list(asks), list(bids)
        _, price, _, ask, bid = self.fields
        return [row[price] for row in sides[ask]], [row[price] for row in sides[bid]]
