"""What a stream tells of a book: the changes, and nothing but the changes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from topgun.clock import Instant
from topgun.testing import Market
from topgun.testing.view import View

D = Decimal
NOW = Instant(0)


def market() -> Market:
    return Market("X", price="100", tick="1", lot="0.1", minimum="0.1", grid="1", unit="0.1", depth=20)


def test_changes_are_told_once() -> None:
    """A level that came, changed or went is told with its size (0 = gone), and never again."""
    here = market()
    view = View(here)
    here.submit(NOW, "me", "buy", D(2), D(99))
    here.submit(NOW, None, "sell", D(1), D(101))
    assert view.step() == {"buy": [(D(99), D(2))], "sell": [(D(101), D(1))]}
    assert view.step() is None
    here.submit(NOW, "me", "buy", D(3), D(99))
    here.submit(NOW, None, "buy", D(1), D(101))
    assert view.step() == {"buy": [(D(99), D(5))], "sell": [(D(101), D(0))]}
    assert view.number == 3
    assert view.sides == {"buy": [(D(99), D(5))], "sell": []}


def test_a_limit_hides_what_lies_deeper() -> None:
    """A level pushed out of the best ones is told as gone, one that gets in as new."""
    here = market()
    for price in (97, 98, 99):
        here.submit(NOW, None, "buy", D(1), D(price))
    view = View(here, 2)
    here.submit(NOW, None, "buy", D(2), D(100))
    assert view.step() == {"sell": [], "buy": [(D(98), D(0)), (D(100), D(2))]}
    here.submit(NOW, None, "sell", D(2), D(100))
    assert view.step() == {"sell": [], "buy": [(D(100), D(0)), (D(98), D(1))]}
    here.submit(NOW, None, "buy", D(1), D(97))
    assert view.step() is None


@pytest.mark.parametrize("limit", [None, 1, 7])
@pytest.mark.parametrize("seed", [1, 2])
def test_changes_rebuild_the_book(limit: int | None, seed: int) -> None:
    """Whoever applies every change to the first look has the book."""
    here = Market("X", price="100", tick="1", lot="0.1", minimum="0.1", grid="1", unit="0.1", depth=20, seed=seed)
    here.stir(NOW)
    view = View(here, limit)
    copy = {side: dict(levels) for side, levels in view.sides.items()}
    for _ in range(200):
        here.stir(NOW)
        for side, levels in (view.step() or {}).items():
            for price, size in levels:
                copy[side][price] = size
                if not size:
                    del copy[side][price]
        assert copy == {side: dict(here.levels(side, limit)) for side in ("sell", "buy")}
