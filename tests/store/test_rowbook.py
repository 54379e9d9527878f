"""`RowBook`: books whose levels have ids: a table of rows that is in the order of prices."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import FakeSocket
from topgun.errors import ConfigError
from topgun.store import BookStore, RowBook


class Book(RowBook):
    """A book of a venue that names its levels."""

    _GROUP = ("market",)
    _ID = "no"


A = {"market": "a"}


def row(number: int, side: str, price: Any, size: int = 1, market: str = "a") -> dict[str, Any]:
    return {"market": market, "no": number, "side": side, "price": price, "size": size, "extra": "x"}


def filled() -> Book:
    book = Book("book")
    book._insert(
        [row(1, "ask", 11), row(2, "ask", "10.5"), row(3, "bid", 9), row(4, "bid", 9.5), row(1, "bid", 1, 1, "b")]
    )
    return book


def order(book: Book) -> list[list[int]]:
    book._check()
    return [[each["no"] for each in side] for side in book.sorted(A).values()]


def test_keys() -> None:
    """The key fields are those of the book, the id and the side; a book by price keeps its own."""
    assert tuple(Book._KEYS) == ("market", "no", "side")
    assert tuple(BookStore._KEYS) == ("symbol", "side", "price")
    with pytest.raises(ConfigError, match="_KEYS must be"):
        type("Wrong", (RowBook,), {"_KEYS": ("symbol", "side", "price")})


def test_reading() -> None:
    """It is a table of whole rows, found by id, and a book in the order of prices; the rows are the same."""
    book = filled()
    assert (len(book), order(book)) == (5, [[2, 1], [4, 3]])
    found = book.get({"market": "a", "no": 2, "side": "ask"})
    assert found == row(2, "ask", "10.5")
    assert book.best(A).ask is found is book.sorted(A)["ask"][0]
    assert [each["no"] for each in book.find({"market": "a"})] == [1, 2, 3, 4]
    assert [each["no"] for each in book.find({"side": "bid"})] == [3, 4, 1]
    assert book.get({"market": "a", "no": 2}) is None


async def test_changing() -> None:
    """A level may change, move to another price, go, and come back under its id."""
    book = filled()
    stream = book.watch()
    book._update([{"market": "a", "no": 2, "side": "ask", "size": 5}])
    assert (book.best(A).ask or {})["size"] == 5
    book._update([{"market": "a", "no": 2, "side": "ask", "price": 12}])
    assert order(book) == [[1, 2], [4, 3]]
    book._delete([{"market": "a", "no": 1, "side": "ask"}, {"market": "a", "no": 99, "side": "ask"}])
    book._insert([row(1, "ask", 13)])
    assert order(book) == [[2, 1], [4, 3]]
    assert [(await stream.get()).operation for _ in range(len(stream))] == ["update", "update", "delete", "insert"]


def test_what_is_no_level() -> None:
    """A row of a foreign side is kept and stands in no order; one whose price is none, or taken, is refused."""
    book = filled()
    book._insert([row(7, "auction", 10)])
    assert (order(book), len(book)) == ([[2, 1], [4, 3]], 6)
    book._delete([row(7, "auction", 10)])
    for price, error in (("x", ValueError), (None, TypeError), (11, ValueError)):
        with pytest.raises(error):
            book._insert([row(8, "ask", price)])
        book._delete([row(8, "ask", price)])
        assert order(book) == [[2, 1], [4, 3]]


def test_a_book_that_is_given_up() -> None:
    """`_resync` removes the rows of one book, and asks for another snapshot."""
    book, ws = filled(), FakeSocket()
    book._mark(("a",), "live", ws=ws)
    book._resync(("a",), "wrong", ws, ["again"])
    assert (len(book), order(book), book.state(A)) == (1, [[], []], "syncing")
    assert ws.snapshot_requests[0][1] == ["again"]
    ws.lose()
    assert book.state(A) == "stale"
