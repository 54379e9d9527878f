"""The matching engine and its crowd: who meets whom, at what price, and what is told of it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topgun.clock import Instant
from topgun.testing import Market
from topgun.testing.orders import Ended, Event, Fill, Order, Placed, Position, Side, Trade

if TYPE_CHECKING:
    from collections.abc import Sequence

D = Decimal
NOW = Instant(1_700_000_000_000_000_000)
LATER = Instant(1_700_000_001_000_000_000)


def market(**changes: Any) -> Market:
    terms = {"price": "100", "tick": "1", "lot": "0.1", "minimum": "0.1", "grid": "1", "unit": "0.1", **changes}
    return Market("X", **terms)


def crowd(here: Market, side: Side, size: str, price: str) -> None:
    """Let the crowd place an order."""
    here.submit(NOW, None, side, D(size), D(price))


def place(here: Market, owner: str, side: Side, size: str, price: str | None, **terms: Any) -> Order:
    """Send an order of an account; return it."""
    events = here.submit(NOW, owner, side, D(size), None if price is None else D(price), **terms)
    return next(event.order for event in events if isinstance(event, Placed | Ended) and event.order.owner == owner)


def kinds(events: Sequence[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_an_order_that_meets_nobody_rests() -> None:
    """A limit order rests at its price, in the book and among the orders of its owner; nothing is traded."""
    here = market()
    order = place(here, "me", "buy", "2", "99")
    assert (order.state, order.filled, order.average) == ("open", 0, 0)
    assert here.levels("buy") == [(D(99), D(2))]
    assert here.orders("me") == [order]
    assert (here.best("buy"), here.best("sell"), here.mid, list(here.trades)) == (D(99), None, D(100), [])


def test_price_comes_before_time_and_time_before_size() -> None:
    """The best price is taken first, at one price the older order, each at the price of the resting order."""
    here = market()
    late_but_better = [
        place(here, name, "sell", "1", price) for name, price in (("a", "101"), ("b", "101"), ("c", "100"))
    ]
    events = here.submit(NOW, None, "buy", D("2.5"), D(101))
    trades = [event for event in events if isinstance(event, Trade)]
    assert [(trade.sell.owner, trade.price, trade.size, trade.side) for trade in trades] == [
        ("c", D(100), D(1), "buy"),
        ("a", D(101), D(1), "buy"),
        ("b", D(101), D("0.5"), "buy"),
    ]
    assert [order.state for order in late_but_better] == ["filled", "open", "filled"]
    assert here.levels("sell") == [(D(101), D("0.5"))]
    assert (here.last, here.volume) == (D(101), D("2.5"))


def test_what_an_account_is_told_of_its_fills() -> None:
    """Each fill names the trade, what is left, who was there first, and the position before and after."""
    here = market()
    place(here, "me", "buy", "3", "100")
    events = here.submit(LATER, "you", "sell", D(2), D(99))
    assert kinds(events) == ["Placed", "Trade", "Fill", "Fill"]
    mine, yours = events[2:]
    assert isinstance(mine, Fill)
    assert isinstance(yours, Fill)
    assert (mine.order.owner, mine.left, mine.maker, mine.before, mine.after) == (
        "me",
        D(1),
        True,
        Position(),
        Position(D(2), D(100)),
    )
    assert (yours.order.owner, yours.left, yours.maker, yours.after) == ("you", D(0), False, Position(D(-2), D(100)))
    assert (here.position("me").size, here.position("you").size, here.position("them").size) == (D(2), D(-2), D(0))
    assert mine.order.average == D(100)
    assert mine.order.updated == LATER


def test_a_market_order_takes_what_is_there() -> None:
    """An order without a price takes every level; what finds nobody is cancelled."""
    here = market()
    crowd(here, "sell", "1", "100")
    crowd(here, "sell", "1", "105")
    events = here.submit(NOW, "me", "buy", D(3))
    assert kinds(events) == ["Placed", "Trade", "Fill", "Trade", "Fill", "Ended"]
    assert isinstance(events[-1], Ended)
    assert (events[-1].left, events[-1].reason, events[-1].order.state) == (D(1), "no liquidity", "cancelled")
    assert events[-1].order.average == D("102.5")
    assert here.levels("sell") == []


@pytest.mark.parametrize(
    ("terms", "size", "told", "state", "left"),
    [
        ("IOC", "3", ["Placed", "Trade", "Fill", "Ended"], "cancelled", "1"),
        ("FOK", "3", ["Placed", "Ended"], "cancelled", "3"),
        ("FOK", "2", ["Placed", "Trade", "Fill"], "filled", "0"),
        ("PostOnly", "1", ["Ended"], "rejected", "1"),
    ],
)
def test_terms_decide_what_may_rest(terms: Any, size: str, told: list[str], state: str, left: str) -> None:
    """IOC does not rest, FOK is filled whole or not at all, PostOnly does not take."""
    here = market()
    crowd(here, "sell", "2", "100")
    crowd(here, "sell", "2", "101")
    events = here.submit(NOW, "me", "buy", D(size), D(100), terms=terms)
    assert kinds(events) == told
    order = next(event.order for event in events if not isinstance(event, Trade))
    assert (order.state, order.left) == (state, D(left))
    assert here.orders("me") == []


def test_post_only_rests_where_it_takes_nothing() -> None:
    """PostOnly below the best ask is an order like any other; the crowd's is refused without a word."""
    here = market()
    crowd(here, "sell", "2", "100")
    assert place(here, "me", "buy", "1", "99", terms="PostOnly").state == "open"
    assert here.submit(NOW, None, "buy", D(1), D(100), terms="PostOnly") == []


def test_cancelling() -> None:
    """A cancelled order leaves the book and says what was left and why; it cannot be cancelled twice."""
    here = market()
    order = place(here, "me", "sell", "2", "101")
    here.submit(NOW, None, "buy", D("0.5"), D(101))
    [ended] = here.cancel(LATER, order, state="expired", reason="too old")
    assert ended == Ended(order, D("1.5"), "too old")
    assert (order.state, order.updated, here.levels("sell")) == ("expired", LATER, [])
    with pytest.raises(ValueError, match="does not rest: it is expired"):
        here.cancel(LATER, order)


def test_cancelling_one_of_several_leaves_the_level() -> None:
    """The others at that price stay."""
    here = market()
    orders = [place(here, "me", "sell", "1", "101") for _ in range(2)]
    here.cancel(NOW, orders[0])
    assert here.levels("sell") == [(D(101), D(1))]


def test_amending_moves_an_order_to_the_end_of_the_queue() -> None:
    """A changed order has its new size and price and comes after those that were there; it may trade at once."""
    here = market()
    first, second = (place(here, name, "buy", "1", "99") for name in ("a", "b"))
    assert here.amend(LATER, first, size=D(2)) == [Placed(first, amended=True)]
    assert (here.ahead(first), here.ahead(second)) == (D(1), D(0))
    crowd(here, "sell", "1", "100")
    assert kinds(here.amend(LATER, first, price=D(100))) == ["Placed", "Trade", "Fill"]
    assert (first.left, first.price, first.updated) == (D(1), D(100), LATER)


def test_amending_to_less_than_was_filled_ends_an_order() -> None:
    """Nothing is left of an order whose new size is filled already."""
    here = market()
    order = place(here, "me", "buy", "2", "99")
    here.submit(NOW, None, "sell", D(1), D(99))
    placed, ended = here.amend(LATER, order, size=D("0.5"))
    assert (placed, ended) == (Placed(order, amended=True), Ended(order, D(0), "nothing left"))
    assert (order.state, order.size, order.left) == ("cancelled", D(1), D(0))


def test_amending_post_only_to_a_price_that_takes_ends_it() -> None:
    """An order that may only rest does not take after a change either."""
    here = market()
    crowd(here, "sell", "1", "100")
    order = place(here, "me", "buy", "1", "98", terms="PostOnly")
    assert kinds(here.amend(LATER, order, price=D(99))) == ["Placed"]
    assert here.amend(LATER, order, price=D(100))[1] == Ended(order, D(1), "would take")
    assert here.levels("buy") == []


def test_how_much_comes_before_an_order() -> None:
    """Better prices come first, then older orders at the same price; an order that is gone has no place."""
    here = market()
    for price, size in (("99", "1"), ("98", "2")):
        crowd(here, "buy", size, price)
    order = place(here, "me", "buy", "1", "98")
    assert here.ahead(order) == D(3)
    here.cancel(NOW, order)
    with pytest.raises(ValueError, match="does not rest"):
        here.ahead(order)


@pytest.mark.parametrize(
    ("fills", "expected"),
    [
        ([("buy", 10, 2), ("buy", 20, 2)], Position(D(4), D(15), D(0))),
        ([("buy", 10, 2), ("sell", 13, 1)], Position(D(1), D(10), D(3))),
        ([("buy", 10, 2), ("sell", 13, 2)], Position(D(0), D(0), D(6))),
        ([("buy", 10, 2), ("sell", 13, 3)], Position(D(-1), D(13), D(6))),
        ([("sell", 10, 2), ("buy", 13, 1)], Position(D(-1), D(10), D(-3))),
        ([("sell", 10, 2), ("buy", 13, 5)], Position(D(3), D(13), D(-6))),
    ],
)
def test_positions(fills: list[tuple[Side, int, int]], expected: Position) -> None:
    """Fills of one side average the price, those of the other realise the difference, beyond that they turn it."""
    position = Position()
    for side, price, size in fills:
        position = position.after(side, D(price), D(size))
    assert position == expected


def test_the_same_seed_gives_the_same_market() -> None:
    """A market is a function of its seed, its name and what was done to it."""

    def lived(seed: int) -> tuple[Any, ...]:
        here = market(seed=seed)
        for _ in range(50):
            here.stir(NOW)
        return here.levels("buy"), here.levels("sell"), [(each.price, each.size) for each in here.trades]

    assert lived(1) == lived(1)
    assert lived(1) != lived(2)


def test_the_crowd_follows_the_fair_price() -> None:
    """Whoever moves the book sees the crowd bring it back; it keeps its orders on both sides and trades."""
    here = market(depth=20)
    for _ in range(30):
        here.stir(NOW)
    here.submit(NOW, None, "buy", sum((size for _, size in here.levels("sell", 3)), D(0)))
    for _ in range(100):
        here.stir(NOW)
        assert len(here.orders(None)) >= 40
    assert abs(here.mid - here.fair) <= 20
    assert here.trades


def test_prices_never_fall_to_zero() -> None:
    """The fair price stays so high that the lowest bid of the crowd is above 0."""
    here = market(price="1", depth=5)
    for _ in range(200):
        here.stir(NOW)
    assert min(price for price, _ in here.levels("buy")) > 0


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["submit", "cancel", "amend", "stir"]),
        st.sampled_from([None, "me", "you"]),
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 40),
        st.one_of(st.none(), st.integers(90, 110)),
        st.sampled_from(["GTC", "IOC", "FOK", "PostOnly"]),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
def test_nothing_is_lost_and_the_book_is_never_crossed(actions: list[tuple[Any, ...]]) -> None:
    """Whatever is done: bids are below asks, sizes add up, what one account gains another (or the crowd) gave."""
    here, seen = market(depth=5), []
    orders: dict[int, Order] = {}
    for what, owner, side, size, price, terms in actions:
        mine = here.orders(owner)
        if what == "stir":
            events = here.stir(NOW)
        elif what == "submit" or not mine:
            limit = None if price is None else D(price)
            events = here.submit(NOW, owner, side, D(size) / 10, limit, terms=terms)
        elif what == "cancel":
            events = here.cancel(NOW, mine[0])
        else:
            events = here.amend(NOW, mine[0], size=D(size) / 10, price=None if price is None else D(price))
        seen += events
        bid, ask = here.best("buy"), here.best("sell")
        assert bid is None or ask is None or bid < ask
    for event in seen:
        if isinstance(event, Trade):
            orders |= {event.buy.number: event.buy, event.sell.number: event.sell}
    for order in orders.values():
        filled = sum((t.size for t in seen if isinstance(t, Trade) and order in (t.buy, t.sell)), D(0))
        assert order.filled == filled
        assert (order.state == "filled") == (order.left == 0) or order.state == "cancelled"
    for owner in ("me", "you"):
        bought = sum((t.size for t in seen if isinstance(t, Trade) and t.buy.owner == owner), D(0))
        sold = sum((t.size for t in seen if isinstance(t, Trade) and t.sell.owner == owner), D(0))
        assert here.position(owner).size == bought - sold
    for side in ("buy", "sell"):
        resting = [order for owner in (None, "me", "you") for order in here.orders(owner) if order.side == side]
        assert sum((size for _, size in here.levels(side)), D(0)) == sum((order.left for order in resting), D(0))
        assert all(order.left > 0 and order.state == "open" for order in resting)
