"""The public HTTP API of the fake bitbank: tickers, books, trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...venue import Reply
from .shapes import ticker, transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...market import Market
    from ...venue import Request
    from . import Bitbank

__all__ = ["Public"]


class Public:
    """Every path of the form ``/{pair}/...`` that the fake plays.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/public-api.md
    """

    def __init__(self, venue: Bitbank) -> None:
        self._venue = venue
        self._ways: dict[str, Callable[[Market], Any]] = {
            "ticker": lambda market: ticker(market, venue.now()),
            "depth": venue.stream.whole,
            "transactions": lambda market: {"transactions": [transaction(each) for each in reversed(market.trades)]},
        }

    def answer(self, request: Request) -> Reply:
        """Answer a question."""
        match request.url.path.split("/"):
            case ["", pair, what] if pair in self._venue.markets and what in self._ways and request.method == "GET":
                return Reply({"success": 1, "data": self._ways[what](self._venue.markets[pair])})
        return Reply({"success": 0, "data": {"code": 10000}}, 404)
