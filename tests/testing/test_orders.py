"""What the fakes of venues ask of orders and events alike."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from topgun.clock import Instant
from topgun.testing import Market
from topgun.testing.orders import Trade, amount_of, owned, trades_in
from topgun.testing.venue import parsed

STEP = Decimal("0.5")
REFUSAL = LookupError("no amount")
TERMS = {"price": "100", "tick": "1", "lot": "1", "minimum": "1", "grid": "1", "unit": "1"}


@pytest.mark.parametrize("given", ["1.5", 1.5, 2, "0.5", "1e1", Decimal(3)])
def test_amounts(given: Any) -> None:
    """A positive number, or its text, that is a multiple of the step."""
    assert amount_of(given, STEP, REFUSAL) == Decimal(str(given))


@pytest.mark.parametrize("given", [None, "", "x", 0, "0", -1, "-0.5", "0.7", "nan", "inf", [], {}, True])
def test_what_is_no_amount(given: Any) -> None:
    """The exchange's own refusal is raised."""
    with pytest.raises(LookupError, match="no amount"):
        amount_of(given, STEP, REFUSAL)


def test_amounts_that_must_be_texts() -> None:
    """Some exchanges take no numbers of JSON."""
    assert amount_of("1.5", STEP, REFUSAL, text=True) == Decimal("1.5")
    with pytest.raises(LookupError):
        amount_of(1.5, STEP, REFUSAL, text=True)


def test_who_is_told_what() -> None:
    """Trades are for everybody, the rest is for the owner of the order."""
    market, now = Market("X", **TERMS), Instant(0)
    market.submit(now, "maker", "buy", Decimal(1), Decimal(100))
    events = market.submit(now, "taker", "sell", Decimal(1))
    assert [type(event) for event in trades_in(events)] == [Trade]
    assert [type(event).__name__ for event in owned(events, "maker")] == ["Fill"]
    assert [type(event).__name__ for event in owned(events, "taker")] == ["Placed", "Fill"]
    assert owned(events, "nobody") == []


@pytest.mark.parametrize(("frame", "message"), [('{"a": 1}', {"a": 1}), (b"[1]", [1]), ("x", None), (b"\xff", None)])
def test_parsed(frame: str | bytes, message: Any) -> None:
    """What is not JSON is nothing."""
    assert parsed(frame) == message
