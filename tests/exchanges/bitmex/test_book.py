"""The order book of BitMEX: rows by id, the rule of the partial, whose book it is, and what shows that it is wrong."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchanges.samples import Watched
from tests.support import FakeSocket, damaged, places
from topgun.exchanges.bitmex import BitMEXDataStore

if TYPE_CHECKING:
    from collections.abc import Sequence

BOOK = {"symbol": "XBTUSD"}
TOPIC = "orderBookL2:XBTUSD"
AGAIN = [{"op": op, "args": [TOPIC]} for op in ("unsubscribe", "subscribe")]
LOGGER = "topgun.exchanges.bitmex"


def row(
    number: int, side: str, price: float | None = None, size: int | None = 1, symbol: str = "XBTUSD"
) -> dict[str, Any]:
    told: dict[str, Any] = {"symbol": symbol, "id": number, "side": side, "timestamp": "t", "transactTime": "t"}
    return {**told, **({} if price is None else {"price": price}), **({} if size is None else {"size": size})}


def partial(*rows: Any, wire: str = "orderBookL2", **scope: Any) -> dict[str, Any]:
    told = {"table": wire, "action": "partial", "keys": ["symbol", "id", "side"], "types": {}}
    return {**told, "filter": scope, "data": list(rows)}


def change(action: str, *rows: Any, wire: str = "orderBookL2") -> dict[str, Any]:
    return {"table": wire, "action": action, "data": list(rows)}


START = partial(row(1, "Sell", 101), row(2, "Sell", 102), row(3, "Buy", 100), **BOOK)


def ids(store: Any, query: Any = BOOK) -> list[list[int]]:
    """Return the ids of both sides, best price first."""
    store.orderbook._check()
    return [[each["id"] for each in side] for side in store.orderbook.sorted(query).values()]


def begun(*messages: Any) -> tuple[Any, Any]:
    store, ws = BitMEXDataStore(), FakeSocket()
    for message in messages or (START,):
        store.onmessage(copy.deepcopy(message), ws)
    return store, ws


# -- reading -------------------------------------------------------------------------------------------------------


def test_reading() -> None:
    """Rows are found by id, as a table and as a book; the best ones by price, whatever their ids are."""
    store, _ = begun(START, change("insert", row(9, "Buy", 100.5), row(0, "Sell", 103)))
    book = store.orderbook
    assert book._keys == ("symbol", "id", "side")
    assert book.get({"symbol": "XBTUSD", "id": 9, "side": "Buy"})["price"] == 100.5
    assert (len(book), len(book.find({"side": "Buy"})), len(book.find({"symbol": "ETHUSD"}))) == (5, 2, 0)
    assert [each["id"] for each in book] == [1, 2, 3, 9, 0]
    assert ids(store) == [[1, 2, 0], [9, 3]]
    assert [each["id"] for each in book.best(BOOK)] == [1, 9]
    assert book.sorted(BOOK, limit=1)["Buy"][0] is book.best(BOOK).bid
    assert book.sorted({"symbol": "XBTUSD", "side": "Buy"}) == {"Sell": [], "Buy": book.find({"side": "Buy"})[::-1]}
    assert (book.state(BOOK), book.state()) == ("live", "live")


def test_a_level_moves_and_changes() -> None:
    """The order follows a row that gets another price; a change without a price leaves it where it is."""
    store, _ = begun(START, change("update", row(1, "Sell", 103)))
    assert ids(store) == [[2, 1], [3]]
    store.onmessage(change("update", row(1, "Sell", None, 7)), _)
    assert store.orderbook.get({"symbol": "XBTUSD", "id": 1, "side": "Sell"})["size"] == 7
    assert ids(store) == [[2, 1], [3]]


def test_no_row_is_evicted() -> None:
    """A book may have more rows than other tables."""
    store, _ = begun(partial(*[row(number, "Sell", number + 1) for number in range(20_000)], **BOOK))
    assert (len(store.orderbook), store.orderbook.best(BOOK).ask["id"]) == (20_000, 0)


# -- the partial ---------------------------------------------------------------------------------------------------


async def test_a_reconnect_never_leaves_a_crossed_book() -> None:
    """What the next connection begins with replaces the book, though prices went far and ids mean other prices now."""
    watched = Watched(BitMEXDataStore)
    watched.feed(START)
    watched.ws.lose()
    assert watched.store.orderbook.state(BOOK) == "stale"
    watched.ws = FakeSocket()
    watched.feed(change("insert", row(7, "Buy", 90)), change("update", row(1, "Sell", 80)))  # before its partial
    assert ids(watched.store) == [[1, 2], [3]]
    watched.feed(partial(row(3, "Sell", 51), row(1, "Buy", 50), **BOOK))
    assert ids(watched.store) == [[3], [1]]
    assert watched.store.orderbook.state(BOOK) == "live"
    await watched.check()


def test_other_books_are_left_alone() -> None:
    """A partial replaces the book of its symbol: the one in its filter, or in the ack before it."""
    eth = row(5, "Buy", 10, symbol="ETHUSD")
    store, ws = begun(START, partial(eth, symbol="ETHUSD"))
    assert (ids(store), ids(store, {"symbol": "ETHUSD"})) == ([[1, 2], [3]], [[], [5]])
    store.onmessage({"success": True, "subscribe": "orderBookL2:ETHUSD", "request": {}}, ws)
    store.onmessage(partial(), ws)
    assert (ids(store), ids(store, {"symbol": "ETHUSD"})) == ([[1, 2], [3]], [[], []])
    assert store.orderbook.state({"symbol": "ETHUSD"}) == "live"  # it is empty, and that is right


def test_all_books_of_one_subscription() -> None:
    """A subscription without a symbol: its partial covers every book, and all of them are asked for anew."""
    eth = row(5, "Buy", 10, symbol="ETHUSD")
    store, ws = begun(START, partial(row(3, "Buy", 99), eth))
    assert (ids(store), ids(store, {"symbol": "ETHUSD"})) == ([[], [3]], [[], [5]])
    store.onmessage(change("update", row(3, "Buy", 99, 5), {**eth, "size": 6}), ws)
    assert store.orderbook.best({"symbol": "ETHUSD"}).bid["size"] == 6
    store.onmessage(change("update", row(8, "Buy", 98)), ws)
    [(_, messages, done)] = ws.snapshot_requests
    assert messages == [{"op": op, "args": ["orderBookL2"]} for op in ("unsubscribe", "subscribe")]
    store.onmessage(partial(eth), ws)
    assert (ids(store), store.orderbook.state(BOOK), done()) == ([[], []], "live", True)


# -- whose book it is ----------------------------------------------------------------------------------------------


def test_the_last_partial_says_which_table_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """Of `orderBookL2` and `orderBookL2_25` one keeps the book; the other one is ignored with one warning."""
    store, ws = begun(START, partial(row(1, "Sell", 101), wire="orderBookL2_25", **BOOK))
    for number in (4, 5):
        store.onmessage(change("insert", row(number, "Buy", 90 + number)), ws)
        store.onmessage(change("insert", row(number + 9, "Sell", 110 + number), wire="orderBookL2_25"), ws)
    assert ids(store) == [[1, 13, 14], []]
    told = "orderBookL2:XBTUSD: ignored, another table or socket keeps the book of this symbol"
    assert [(record.name, record.getMessage()) for record in caplog.records] == [(LOGGER, told)]


def test_a_book_nobody_carries_on_is_stale() -> None:
    """After an unsubscribe it is not live any more, until it is subscribed to again; others are not touched."""
    store, ws = begun(START)
    for topic, state in (("trade:XBTUSD", "live"), ("orderBookL2_25:XBTUSD", "live"), (TOPIC, "stale")):
        store.onmessage({"success": True, "unsubscribe": topic, "request": {}}, ws)
        assert store.orderbook.state(BOOK) == state
    store.onmessage(change("delete", row(1, "Sell")), ws)
    assert ids(store) == [[1, 2], [3]]
    assert store.orderbook.status.find(BOOK)[0]["reason"] == "unsubscribed"
    store.onmessage(START, ws)
    assert store.orderbook.state(BOOK) == "live"


def test_a_hundred_levels_are_a_book_of_their_own() -> None:
    """`orderBookL2_100` is made when it comes, and does not touch `orderbook`."""
    store, ws = begun(START, partial(row(6, "Buy", 77), wire="orderBookL2_100", **BOOK))
    table: Any = store["orderBookL2_100"]
    assert (table.best(BOOK).bid["price"], table.state(BOOK), ids(store)) == (77, "live", [[1, 2], [3]])
    store.onmessage({"success": True, "unsubscribe": "orderBookL2_100:XBTUSD"}, ws)
    assert (table.state(BOOK), store.orderbook.state(BOOK)) == ("stale", "live")


# -- what shows that it is wrong -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (change("update", row(8, "Buy", None)), "a level that is not there has changed"),
        (change("update", row(8, "Buy", 99)), "a level that is not there has changed"),
        (change("insert", row(8, "Buy", 100)), "a message cannot be read"),  # two levels at one price
        (change("insert", row(8, "Buy", None)), "a message cannot be read"),
        (change("insert", row(8, "Buy", 99, None)), "a message cannot be read"),
        (change("insert", row(8, "Long", 99)), "a message cannot be read"),
        (change("update", dict.fromkeys(row(1, "Sell", 1))), "a message cannot be read"),
        (change("delete", {"symbol": "XBTUSD", "side": "Sell"}), "a message cannot be read"),
        (partial(row(1, "Sell", -1), **BOOK), "a message cannot be read"),
        (partial(row(1, "Sell", 1), row(2, "Sell", 1), **BOOK), "a message cannot be read"),
        ({"table": "orderBookL2", "action": "insert"}, "a message cannot be read"),
    ],
)
def test_a_wrong_book_is_made_anew(message: Any, reason: str) -> None:
    """It is given up, its topic subscribed to anew, and changes are ignored until the partial comes."""
    store, ws = begun(START, message)
    assert (ids(store), store.orderbook.state(BOOK)) == ([[], []], "syncing")
    assert store.orderbook.status.find(BOOK)[0]["reason"] == reason
    [(_, messages, done)] = ws.snapshot_requests
    assert (messages, done()) == (AGAIN, False)
    store.onmessage(change("insert", row(4, "Buy", 99)), ws)
    store.onmessage({"success": True, "unsubscribe": TOPIC}, ws)
    assert (ids(store), store.orderbook.state(BOOK)) == ([[], []], "syncing")
    store.onmessage(START, ws)
    assert (ids(store), store.orderbook.state(BOOK), done()) == ([[1, 2], [3]], "live", True)


def test_only_the_books_of_that_table_are_in_doubt() -> None:
    """A message that cannot be read says nothing of the books that another table, or another socket, keeps right."""
    eth = row(5, "Buy", 10, symbol="ETHUSD")
    store, _ = begun(START, partial(eth, wire="orderBookL2_25", symbol="ETHUSD"), change("insert", {}))
    assert (store.orderbook.state(BOOK), store.orderbook.state({"symbol": "ETHUSD"})) == ("syncing", "live")


def test_a_book_that_stays_crossed_is_made_anew() -> None:
    """Ten messages in a row show that a deletion was lost; nine do not, nor do any of a book that began so."""
    resize = change("update", row(2, "Sell", 102, 9))
    store, ws = begun(START, change("insert", row(4, "Buy", 101.5)), *[resize] * 8)
    store.onmessage(change("delete", row(4, "Buy")), ws)
    store.onmessage(change("insert", row(4, "Buy", 101)), ws)
    for _ in range(8):
        store.onmessage(resize, ws)
    assert (store.orderbook.state(BOOK), ws.snapshot_requests) == ("live", [])
    store.onmessage(resize, ws)
    assert (store.orderbook.state(BOOK), ws.snapshot_requests[0][1]) == ("syncing", AGAIN)
    assert store.orderbook.status.find(BOOK)[0]["reason"] == "the bids are above the asks"

    store, ws = begun(partial(row(1, "Sell", 101), row(2, "Sell", 102), row(3, "Buy", 105), **BOOK), *[resize] * 30)
    assert store.orderbook.state(BOOK) == "live"
    for message in (change("update", row(3, "Buy", 100)), change("update", row(3, "Buy", 101.5)), *[resize] * 9):
        assert store.orderbook.state(BOOK) == "live"
        store.onmessage(message, ws)
    assert store.orderbook.state(BOOK) == "syncing"


def test_a_first_partial_that_cannot_be_read_is_asked_for_again() -> None:
    """The book begins with the next one."""
    store, ws = begun(partial({"symbol": "XBTUSD"}, **BOOK))
    assert store.orderbook.state(BOOK) == "syncing"
    assert ws.snapshot_requests[0][1] == AGAIN
    store.onmessage(START, ws)
    assert ids(store) == [[1, 2], [3]]


def test_what_is_gone_already_is_no_loss() -> None:
    """A level that is deleted twice, and one that is told twice, leave the book as it is."""
    store, ws = begun(
        START, *[change("delete", row(2, "Sell", None, None))] * 2, *[change("insert", row(4, "Buy", 99))] * 2
    )
    assert (ids(store), store.orderbook.state(BOOK), ws.snapshot_requests) == ([[1], [3, 4]], "live", [])


def test_without_healing() -> None:
    """A store that does not heal says that the book is wrong, and asks nobody."""
    store, ws = BitMEXDataStore(heal=False), FakeSocket()
    for message in (START, change("update", row(8, "Buy", 99))):
        store.onmessage(message, ws)  # type: ignore[arg-type]  # a stand-in
    assert (store.orderbook.state(BOOK), ws.snapshot_requests) == ("syncing", [])


async def test_damage_never_leaves_a_live_book_that_is_unsound(caplog: pytest.LogCaptureFixture) -> None:
    """Any place of any message broken: the table stays sound, and the next partial puts everything right."""
    for message in (
        START,
        change("insert", row(4, "Buy", 99)),
        change("update", row(1, "Sell", 101, 5)),
        change("delete", row(3, "Buy")),
    ):
        for place in places(message):
            for junk in (None, [], "junk", -1):
                watched = Watched(BitMEXDataStore)
                watched.feed(START, damaged(copy.deepcopy(message), place, junk))
                watched.store.orderbook._check()
                watched.feed(START)
                assert ids(watched.store) == [[1, 2], [3]]
                assert watched.store.orderbook.state(BOOK) == "live"
                await watched.check()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


# -- random streams ------------------------------------------------------------------------------------------------

STEP = st.tuples(
    st.sampled_from(("move", "resize", "insert", "delete", "damage", "lost insert", "cut")),
    st.integers(0, 7),
    st.integers(1, 40),
)


@given(st.lists(STEP, max_size=30))
def test_random_streams(steps: Sequence[tuple[str, int, int]]) -> None:  # noqa: C901  (a venue in small)
    """A venue with a book of its own: a live book is that book, and a lost insert or a broken row does not stay."""
    book: dict[int, tuple[str, int, int]] = {0: ("Sell", 100, 1), 1: ("Buy", 50, 1)}  # id: side, price, size
    store, ws = BitMEXDataStore(), FakeSocket()

    def tell(message: Any) -> None:
        store.onmessage(message, ws)  # type: ignore[arg-type]  # a stand-in

    def level(number: int) -> dict[str, Any]:
        side, price, size = book[number]
        return row(number, side, price, size)

    def image() -> Any:
        return partial(*map(level, book), **BOOK)

    tell(image())
    for kind, number, value in steps:
        side = "Buy" if number % 2 else "Sell"
        free = (side, value + (60 if side == "Sell" else 0), value)
        taken = any(each[:2] == free[:2] for key, each in book.items() if key != number)
        if kind == "cut":
            ws.lose()
            ws = FakeSocket()
            tell(image())
        elif kind == "delete" and number in book:
            tell(change("delete", level(number)))
            del book[number]
        elif kind == "damage" and number in book:
            tell(change("update", dict.fromkeys(level(number))))
        elif kind == "resize" and number in book:
            book[number] = (*book[number][:2], value)
            tell(change("update", level(number)))
        elif kind in ("insert", "lost insert", "move") and not taken and (number in book) == (kind == "move"):
            book[number] = free
            if kind != "lost insert":
                tell(change("update" if kind == "move" else "insert", level(number)))
            else:
                tell(change("update", level(number)))  # the next thing that is told of it
        if store.orderbook.state(BOOK) == "syncing":
            assert ws.snapshot_requests
            tell(image())
        sides = {name: {key: each for key, each in book.items() if each[0] == name} for name in ("Sell", "Buy")}
        expected = [
            sorted(sides["Sell"], key=lambda key: book[key][1]),
            sorted(sides["Buy"], key=lambda key: -book[key][1]),
        ]
        assert (store.orderbook.state(BOOK), ids(store)) == ("live", expected)
        assert {each["id"]: each["size"] for each in store.orderbook} == {key: each[2] for key, each in book.items()}
