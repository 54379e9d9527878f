"""`Ladder`: one side of a book equals a full sort at every look, however long nobody looked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topgun.store.ladder import Ladder, is_gone, number


def ladder(*prices: Any, descending: bool = False) -> Ladder:
    side = Ladder({"s": "X", "side": "bid" if descending else "ask"}, "p", descending=descending)
    for price in prices:
        add(side, price)
    return side


def add(side: Ladder, price: Any, **fields: Any) -> dict[str, Any]:
    row = {**side.blank, "p": price, **fields}
    side.add(price, row)
    return row


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


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("looked", [False, True])
def test_one_number_in_two_spellings(descending: bool, looked: bool) -> None:
    """``"8.5"`` and ``"8.50"`` are two levels, the earlier one first, and each can go alone."""
    side = ladder("8.5", descending=descending)
    if looked:
        side.best()
    for price in ("8.50", 8.5, "9"):
        add(side, price)
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
        row = add(side, 1, again=again)
    assert side.best() is row
    assert prices(side) == [1, 2, 3]
    assert side.clear() == {2: side.blank | {"p": 2}, 3: side.blank | {"p": 3}, 1: row}
    assert side.best() is None
    add(side, 7)
    assert prices(side) == [7]


def test_what_nobody_looks_at_is_given_up() -> None:
    """The notes for a reader who does not come back do not grow without end."""
    side = ladder(*range(800))
    side.best()
    for round_ in range(1000):
        side.remove(round_ % 800)
        add(side, round_ % 800)
        assert len(side._noted) <= 64 + 800 // 8
    assert side._order is None
    assert prices(side) == list(range(800))
    side.remove(0)
    assert side.best() is side.rows[1]


@pytest.mark.parametrize("price", [None, "x", "", [1], "nan", float("nan"), {}])
def test_what_is_no_price_is_no_level(price: Any) -> None:
    """A row without a price that is a number is not in the order, and does not disturb it."""
    side = ladder(3, 1, 2)
    for looked in (False, True):
        row = {**side.blank, "p": price}
        side.add("odd", row)
        assert prices(side) == [1, 2, 3], looked
        side.remove("odd")
        assert prices(side) == [1, 2, 3], looked
    side.add("none", {})
    assert prices(side) == [1, 2, 3]


def test_prices_edited_behind_the_back() -> None:
    """A program that changes the price of a row gets a new sort at the latest when that row goes."""
    side = ladder(1, 2, 3, 4)
    side.best()
    side.rows[1]["p"] = 3
    side.remove(1)
    assert prices(side) == [2, 3, 4]
    side.rows[4]["p"] = 9
    side.remove(4)
    assert prices(side) == [2, 3]
    side.rows[2]["p"] = None
    side.remove(2)
    assert prices(side) == [3]


PRICES = st.sampled_from([1, 2.5, "2.5", "2.50", "3", 3, -1, "-1", 0, "0.10", 1e3, "1e3", 0.5])
STEPS = st.lists(st.tuples(st.sampled_from(["add", "add", "remove", "look", "top"]), PRICES), max_size=60)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(STEPS, st.booleans())
def test_model(steps: list[tuple[str, Any]], descending: bool) -> None:
    """At every look the order is that of a stable sort of the rows by number."""
    side = ladder(descending=descending)
    rows: dict[Any, dict[str, Any]] = {}

    def ordered() -> list[dict[str, Any]]:
        return sorted(rows.values(), key=lambda row: float(row["p"]), reverse=descending)

    for step, price in steps:
        if step == "add" and price not in rows:
            rows[price] = add(side, price)
        elif step == "remove" and price in rows:
            side.remove(price)
            del rows[price]
        elif step == "look":
            assert side.best() is next(iter(ordered()), None)
        elif step == "top":
            assert side.top(2) == ordered()[:2]
        assert list(side.rows.values()) == list(rows.values())
    assert all(own is row for own, row in zip(side.top(), ordered(), strict=True))


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
