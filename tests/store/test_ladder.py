"""`Ladder`: one side of a book equals a full sort at every look, however long nobody looked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topgun.store.ladder import Ladder, WideLadder, is_gone, number

from .shop import Depth


def ladder(*prices: Any, descending: bool = False) -> Ladder:
    side = Ladder({"s": "X", "side": "bid" if descending else "ask"}, "p", "v", descending=descending)
    for price in prices:
        side.add(price, 1)
    return side


def short(value: Any) -> str:
    """Return the name of a test case."""
    return repr(value)[:12]


def prices(side: Ladder, limit: int | None = None) -> list[Any]:
    return [row["p"] for row in side.top(limit)]


def test_best_first() -> None:
    """Asks begin with the lowest price, bids with the highest; texts count as numbers."""
    asks, bids = ladder("10", 9.5, "9", 100), ladder("10", 9.5, "9", 100, descending=True)
    assert prices(asks) == ["9", 9.5, "10", 100]
    assert prices(bids) == [100, "10", 9.5, "9"]
    assert (asks.key, asks.best(), bids.best()) == (("X", "ask"), asks.rows["9"], bids.rows[100])
    assert asks.best() == {"s": "X", "side": "ask", "p": "9", "v": 1}
    assert [prices(asks, limit) for limit in (None, 0, 1, 3, 9, -1, -9)] == [
        ["9", 9.5, "10", 100],
        ["9", 9.5, "10", 100],
        ["9"],
        ["9", 9.5, "10"],
        ["9", 9.5, "10", 100],
        ["9", 9.5, "10"],
        [],
    ]
    assert ladder().best() is None
    assert ladder().top(1) == []


def test_rows_are_made_when_somebody_looks() -> None:
    """Nobody pays for a row that nobody looks at; one that was looked at is kept up to date until its level goes."""
    side = ladder(1, 2, 3)
    side.apply([(1, 5), (4, 6)])
    assert side.rows == {}
    best = side.best()
    assert list(side.rows.values()) == [best]
    side.apply([(1, 7), (2, 8)])
    assert best == {"s": "X", "side": "ask", "p": 1, "v": 7}
    assert side.row(1) is side.best() is best
    assert side.told(1) is best
    assert side.told(2) is not side.told(2)
    side.apply([(1, 0)])
    assert best == {"s": "X", "side": "ask", "p": 1, "v": 7}
    side.apply([(1, 9)])
    assert side.best() is not best
    assert side.row(1)["v"] == 9


def test_levels_that_came_and_went_between_two_looks_at_all() -> None:
    """Whoever asks for all rows each time gets them, also after levels that were there only for a moment."""
    side = ladder(1, 3)
    rows = side.top()
    side.apply([(2, 5), (4, 5), (2, 0), (3, 0), (3, 6)])
    assert side.top() == [rows[0], {**side.blank, "p": 3, "v": 6}, {**side.blank, "p": 4, "v": 5}]
    assert side.top()[0] is rows[0]
    assert side.top(-1) == side.top()[:-1]
    side.top().clear()
    assert prices(side) == [1, 3, 4]


def test_a_row_with_more_fields_is_kept() -> None:
    """A row that is handed over stays that very row, whether its level is new or known."""
    side = ladder(1)
    known, new = ({"s": "X", "side": "ask", "p": price, "v": 3, "orders": 2} for price in (1, 2))
    side.keep(1, known)
    side.keep(2, new)
    side.apply([(1, 4)])
    assert side.top() == [{**known, "v": 4}, new]
    assert side.top()[1] is new
    assert side.sizes == {1: 4, 2: 3}


@pytest.mark.parametrize(
    ("levels", "changed"),
    [([], False), ([(9, 0)], False), ([(1, 0)], True), ([(1, 1)], True), ([(5, 1)], True), ([(9, 0), (1, 2)], True)],
)
def test_apply_says_whether_anything_came_of_it(levels: list[Any], changed: bool) -> None:
    """Taking away what is not there changes nothing."""
    side = ladder(1, 2)
    side.apply(levels)
    assert side.changed is changed
    with pytest.raises(TypeError):
        side.apply([*levels, (1, None)])
    assert side.changed is (changed and levels != [(1, 0)])


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("looked", [False, True])
def test_one_number_in_two_spellings(descending: bool, looked: bool) -> None:
    """``"8.5"`` and ``"8.50"`` are two levels, the earlier one first, and each can go alone."""
    side = ladder("8.5", descending=descending)
    if looked:
        side.best()
    for price in ("8.50", 8.5, "9"):
        side.add(price, 1)
    same = [price for price in prices(side) if price != "9"]
    assert same == ["8.5", "8.50", 8.5]
    side.remove("8.50")
    assert [price for price in prices(side) if price != "9"] == ["8.5", 8.5]
    side.remove(8.5)
    side.remove("9")
    assert prices(side) == ["8.5"]


def test_a_price_that_goes_and_comes_again_between_two_looks() -> None:
    """The row that stands now is in the order, not the one that stood at the last look."""
    side = ladder(1, 2, 3)
    side.best()
    for again in range(3):
        side.remove(1)
        side.add(1, again)
    assert side.best() == {"s": "X", "side": "ask", "p": 1, "v": 2}
    assert prices(side) == [1, 2, 3]
    assert [row["p"] for row in side.clear()] == [2, 3, 1]
    assert side.best() is None
    assert side.sizes == side.born == side.rows == {}
    side.add(7, 1)
    assert prices(side) == [7]


def test_levels_that_go_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole book that replaces another costs no rows of the levels that go, where nobody hears of them."""
    made: list[object] = []
    one = Ladder._made
    monkeypatch.setattr(Ladder, "_made", lambda self, price: made.append(price) or one(self, price))
    side = ladder(1, 2)
    assert side.clear(told=False) == []
    assert side.sizes == side.born == side.rows == {}
    book = Depth("book")
    for price in ("1", "2"):
        book._replace(("X",), [(price, "1")], [])
    assert made == []
    assert [row["price"] for row in book] == ["2"]


def test_what_nobody_looks_at_is_given_up() -> None:
    """The notes for a reader who does not come back do not grow without end."""
    side = ladder(*range(800))
    side.best()
    for round_ in range(1000):
        side.remove(round_ % 800)
        side.add(round_ % 800, 1)
        assert len(side._noted) <= 64 + 800 // 8
    assert side._order is None
    assert prices(side) == list(range(800))
    side.remove(0)
    assert side.best() is side.rows[1]


@pytest.mark.parametrize("price", [None, "x", "", "nan", float("nan"), ("1",)])
def test_what_is_no_price_is_no_level(price: Any) -> None:
    """A price that is no number is not in the order, and does not disturb it."""
    side = ladder(3, 1, 2)
    for looked in (False, True):
        side.add(price, 1)
        assert prices(side) == [1, 2, 3], looked
        side.remove(price)
        assert prices(side) == [1, 2, 3], looked


def test_rows_edited_behind_the_back() -> None:
    """A program that changes the price of a row disturbs that row only."""
    side = ladder(1, 2, 3)
    side.top()
    side.rows[2]["p"] = None
    side.remove(1)
    assert prices(side) == [None, 3]
    side.remove(2)
    assert prices(side) == [3]


PRICES = st.sampled_from([1, 2.5, "2.5", "2.50", "3", 3, -1, "-1", 0, "0.10", 1e3, "1e3", 0.5])
STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "set", "remove", "look", "top", "all", "all but one"]), PRICES), max_size=60
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(STEPS, st.booleans())
def test_model(steps: list[tuple[str, Any]], descending: bool) -> None:
    """At every look the order is that of a stable sort of the levels by number, and rows live as long as levels."""
    side = ladder(descending=descending)
    sizes: dict[Any, int] = {}
    seen: dict[Any, dict[str, Any]] = {}

    def ordered() -> list[Any]:
        return sorted(sizes, key=float, reverse=descending)

    for number_, (step, price) in enumerate(steps, 1):
        if step == "set":
            side.apply([(price, number_)])
            sizes[price] = number_
        elif step == "remove":
            side.apply([(price, 0)])
            sizes.pop(price, None)
            seen.pop(price, None)
        else:
            limit = {"look": 1, "top": 2, "all": None}.get(step, -1)
            rows = side.top(limit)
            assert [(row["p"], row["v"]) for row in rows] == [(each, sizes[each]) for each in ordered()[:limit]]
            for row in rows:
                assert seen.setdefault(row["p"], row) is row
        assert side.sizes == sizes
        assert list(side.sizes) == list(side.born) == list(sizes)
        assert all((row["p"], row["v"]) == (each, sizes[each]) for each, row in seen.items())
    assert prices(side) == ordered()


@pytest.mark.parametrize("size", [0, 0.0, "0", "0.000", "-0", "0e5", "0E-8", -0.0, "00.00"], ids=repr)
def test_sizes_that_take_a_level_away(size: Any) -> None:
    """0 in any spelling is 0."""
    assert is_gone(size)


@pytest.mark.parametrize("size", [1, 0.001, "1e-9", "3", 5e-324, "1e-320"], ids=repr)
def test_sizes_that_stay(size: Any) -> None:
    """Anything above is a size."""
    assert not is_gone(size)


@pytest.mark.parametrize(
    "size",
    [None, "", "x", [], {}, "nan", float("nan"), -1, "-0.1", True, False, float("inf"), "inf", 10**400],
    ids=short,
)
def test_what_is_no_size(size: Any) -> None:
    """What is neither raises TypeError or ValueError, nothing else."""
    with pytest.raises((TypeError, ValueError)):
        is_gone(size)


@pytest.mark.parametrize(("value", "result"), [("8.50", 8.5), (-3, -3.0), (0, 0.0), ("1e3", 1000.0)])
def test_number(value: Any, result: float) -> None:
    """Prices may be 0 and below."""
    assert number(value) == result


@pytest.mark.parametrize("value", [None, "", [], "nan", True, float("-inf"), -(10**400)], ids=short)
def test_no_number(value: Any) -> None:
    """Neither text nor emptiness nor what has no end is a number."""
    with pytest.raises((TypeError, ValueError)):
        number(value)


# --- levels that tell more than price and size ---


def wide(*levels: Any) -> WideLadder:
    side = WideLadder({"s": "X"}, "p", "v", ("n", "m"), descending=False)
    side.apply(levels)
    return side


def test_further_values_of_a_level() -> None:
    """They stand in its row, whether it is looked at before or after they came, and go with it."""
    side = wide(("10", "1", "a", "b"), ("11", "2", "c", "d"))
    best = side.best()
    assert best == {"s": "X", "p": "10", "v": "1", "n": "a", "m": "b"}
    side.apply([("10", "3", "e", "f"), ("11", "4", "g", "h"), ("12", "0", "i", "j")])
    assert best == {"s": "X", "p": "10", "v": "3", "n": "e", "m": "f"}
    assert side.told("11") == side.row("11") == {"s": "X", "p": "11", "v": "4", "n": "g", "m": "h"}
    side.apply([["10", "0", "0", "0"]])
    assert list(side.sizes) == ["11"]
    assert side.clear() == [{"s": "X", "p": "11", "v": "4", "n": "g", "m": "h"}]
    side.apply([["11", "5", "k", "l"]])
    assert side.best() == {"s": "X", "p": "11", "v": "5", "n": "k", "m": "l"}


def test_further_values_that_are_missing_or_too_many() -> None:
    """A level may be shorter or longer than its fields; one without price or size is refused before any is taken."""
    side = wide(("10", "1"), ["11", "2", "c"], ("12", "3", "d", "e", "f"))
    assert [dict(row) for row in side.top()] == [
        {"s": "X", "p": "10", "v": "1"},
        {"s": "X", "p": "11", "v": "2", "n": "c"},
        {"s": "X", "p": "12", "v": "3", "n": "d", "m": "e"},
    ]
    for damaged in (None, ["13"], [], 1):
        with pytest.raises((TypeError, ValueError)):
            side.apply([("14", "1", "x", "y"), damaged])
    assert list(side.sizes) == ["10", "11", "12"]
    with pytest.raises(ValueError, match="nan"):
        side.apply([("14", "1", "x", "y"), ("15", "nan", "x", "y")])
    assert side.told("14") == {"s": "X", "p": "14", "v": "1", "n": "x", "m": "y"}


def test_a_row_that_is_kept_has_its_own_fields() -> None:
    """A row that somebody puts in is as it was given; the levels before it do not lend it their values."""
    side = wide(("10", "1", "a", "b"))
    side.keep("11", {"s": "X", "p": "11", "v": "2"})
    assert side.row("11") == {"s": "X", "p": "11", "v": "2"}
