"""How long to wait before the next connection."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import inf
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..clock import Instant

__all__ = ["FACTOR", "INITIAL", "MAXIMUM", "MINIMUM", "checked", "delays", "growing", "retry_after"]

MINIMUM = 1.92  # s
MAXIMUM = 60.0  # s
FACTOR = 1.618
INITIAL = 5.0  # s

LONGEST_RETRY_AFTER = 300.0  # s; a server may ask for a day, a bot should look again sooner


def checked(backoff: Iterable[float]) -> tuple[float, float, float, float]:
    """Return `backoff` as the four numbers it has to be.

    Raises:
        ConfigError: It is something else.
    """
    with suppress(TypeError, ValueError):
        minimum, maximum, factor, initial = map(float, backoff)
        if all(0 <= number < inf for number in (minimum, maximum, factor, initial)):
            return minimum, maximum, factor, initial
    raise ConfigError("backoff must be four numbers: (minimum s, maximum s, factor, initial s), none below 0")


def growing(first: float, maximum: float, factor: float) -> Iterator[float]:
    """Yield `first`, ``first * factor``, ``first * factor**2``... in seconds, none above `maximum`; endless."""
    while True:
        first = min(first, maximum)
        yield first
        first *= factor


def delays(
    minimum: float, maximum: float, factor: float, initial: float, *, uniform: Callable[[float], float]
) -> Iterator[float]:
    """Yield the waits after the first failure, the second, and so on; endless.

    Args:
        minimum: What the growing waits start from, in s: the second wait is ``minimum * factor``.
        maximum: No growing wait is longer, in s.
        factor: By how much each wait is longer than the one before.
        initial: The first wait is drawn between 0 and this, in s, so that many clients do not return together.
        uniform: Draws a random number between 0 and its argument (``clock.uniform``).
    """
    yield uniform(initial)
    yield from growing(minimum * factor, maximum, factor)


def retry_after(value: str | None, now: Instant) -> float:
    """Return the seconds that a ``Retry-After`` header asks to wait, at most 300; 0.0 where it asks nothing.

    Args:
        value: Seconds or an HTTP date.
        now: The time of the answer.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now.utc()).total_seconds(), 0.0), LONGEST_RETRY_AFTER)
