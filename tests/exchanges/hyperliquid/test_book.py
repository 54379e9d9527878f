"""The book of Hyperliquid, played against the fake with every message in the hands of the test."""

from __future__ import annotations

import logging

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.books.cases import random_case
from topgun.exchanges.hyperliquid import EXCHANGE, HyperliquidDataStore
from topgun.testing.truth import Feed, Truth
from topgun.testing.venues.hyperliquid import Hyperliquid

COINS = ("BTC", "ETH")
FEED = Feed(
    venue=Hyperliquid,
    collection=HyperliquidDataStore,
    url="wss://api.hyperliquid.xyz/ws",
    messages=[{"method": "subscribe", "subscription": {"type": "l2Book", "coin": coin}} for coin in COINS],
    book="l2_book",
    price="px",
    size="sz",
    markets={coin: {"coin": coin} for coin in COINS},
    host=EXCHANGE.hosts["api.hyperliquid.xyz"],
    limit=20,
)
MOVES = st.lists(st.tuples(st.sampled_from(Truth.MOVES), st.integers(0, 7)), max_size=25)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(MOVES, st.integers(0, 3))
@example([("hear", 7), ("deliver", 7), ("tick", 0), ("damage", 0), ("deliver", 7), ("look", 0), ("tick", 0)], 0)
@example([("hear", 7), ("deliver", 7), ("tick", 0), ("tick", 0), ("swap", 0), ("deliver", 7)], 0)
def test_a_live_book_is_one_that_there_was(case: list[tuple[str, int]], seed: int) -> None:
    """Whatever is lost, late, repeated, damaged, cut or not answered: no book goes back in time, and all come back."""
    logging.disable(logging.CRITICAL)
    try:
        Truth(FEED, seed).play(case)
    finally:
        logging.disable(logging.NOTSET)


def test_books_are_lost_and_mended() -> None:
    """The faults do take books down, and snapshots are asked for."""
    gaps = requests = 0
    for number in range(120):
        truth = Truth(FEED, seed=number % 5)
        truth.play(random_case(number))
        gaps, requests = gaps + truth.gaps, requests + truth.requests
    assert gaps >= 10
    assert requests >= 5
