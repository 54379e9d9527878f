"""The waits between connections."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest

from topgun.clock import Instant
from topgun.errors import ConfigError
from topgun.ws.backoff import checked, delays, growing, retry_after


def test_waits_by_default() -> None:
    """The defaults give U(0, 5), then 1.92 * 1.618**n s up to 60 s."""
    asked: list[float] = []

    def uniform(high: float) -> float:
        asked.append(high)
        return 4.25

    waits = list(islice(delays(1.92, 60.0, 1.618, 5.0, uniform=uniform), 10))
    assert asked == [5.0]
    # multiplied out by hand
    assert waits == pytest.approx(
        [4.25, 3.10656, 5.02641, 8.13274, 13.15877, 21.29089, 34.44865, 55.73793, 60.0, 60.0], rel=1e-5
    )


def test_fractions_are_kept() -> None:
    """Waits are never cut to whole seconds."""
    assert list(islice(delays(0.1, 0.5, 1.5, 0.0, uniform=lambda high: high), 4)) == pytest.approx(
        [0.0, 0.15, 0.225, 0.3375]
    )


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0])
def test_checked_wants_numbers_to_wait_by(number: float) -> None:
    """Four finite numbers from 0 up are a back-off, in any sequence; anything else is refused."""
    assert checked(["1", 2, 3.0, 0]) == (1.0, 2.0, 3.0, 0.0)
    for place in range(4):
        numbers = [1.0, 2.0, 3.0, 4.0]
        numbers[place] = number
        with pytest.raises(ConfigError, match="backoff"):
            checked(numbers)


def test_growing_stays_finite() -> None:
    """The row stays at its maximum for ever."""
    assert list(islice(growing(1.0, 8.0, 2.0), 5)) == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert next(islice(growing(1.0, 8.0, 2.0), 20_000, None)) == 8.0


NOW = Instant(int(datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC).timestamp()) * 1_000_000_000)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, 0.0),
        ("", 0.0),
        ("0", 0.0),
        (" 12 ", 12.0),
        ("9999999999999999999999", 300.0),
        ("-5", 0.0),
        ("²", 0.0),
        ("1.5", 0.0),
        ("tomorrow", 0.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 22:14:20 -0000", 60.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("Wed, 15 Nov 2023 22:00:00 GMT", 300.0),
        ("Tue, 14 Nov 2023 22:14:20 +99999999999999999999", 0.0),
        ("Tue, 14 Nov 99999 22:14:20 GMT", 0.0),
        ("Tue, 14 Nov 2023 22:14:20 +9999", 0.0),
    ],
)
def test_retry_after(value: str | None, expected: float) -> None:
    """Seconds and HTTP dates are understood, capped at 300 s; anything else asks for nothing."""
    assert retry_after(value, NOW) == expected
