"""Books that are right or say so, over every venue; and the machine that proves it finds what is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from topgun.store import BookStore, DataStoreCollection, Topic
from topgun.testing.truth import Truth, WrongBook

from .cases import FAULTS, ORDINARY, main, play, random_case
from .feeds import FEEDS

if TYPE_CHECKING:
    from collections.abc import Sequence

MOVES = st.lists(
    st.tuples(st.sampled_from([*ORDINARY * 3, *FAULTS]), st.integers(0, 7)), max_size=25
)  # three ordinary moves for each fault


@pytest.mark.parametrize("name", FEEDS)
def test_a_live_book_is_the_venues(name: str) -> None:
    """Whatever goes wrong on the way: no book is live and wrong, and in the end all are live and right."""

    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(MOVES, st.integers(0, 3))
    @example([("hear", 7), ("deliver", 7), ("tick", 0), ("lose", 0), ("tick", 0), ("deliver", 7)], 0)
    def prove(case: list[tuple[str, int]], seed: int) -> None:
        truth = Truth(FEEDS[name], seed)
        truth.play(case)
        assert truth.requests <= 12 * len(FEEDS[name].markets) + 2 * len(case)

    prove()


@pytest.mark.parametrize("name", FEEDS)
def test_every_venue_loses_and_mends(name: str) -> None:
    """The faults do take books down: a proof in which nothing ever goes wrong would prove nothing."""
    played = [play(FEEDS[name], number) for number in range(60)]
    assert {error for _, error in played} == {""}
    assert sum(truth.gaps for truth, _ in played) >= 5
    assert sum(truth.requests for truth, _ in played) >= 5


# --- the machine itself ---


class Careless(BookStore):
    """A book that takes every change as it comes."""

    _GROUP = ("s",)
    _SIDE, _ASK, _BID, _PRICE, _SIZE = "S", "a", "b", "p", "v"

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        data = msg["data"]
        group = (data["s"],)
        if msg["type"] == "snapshot":
            self._replace(group, data["a"], data["b"])
            self._mark(group, "live", ws=ws)
        else:
            self._levels(group, data["a"], data["b"])


class Dead(Careless):
    """A book that never comes back."""

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if msg["type"] == "snapshot":
            super()._onmessage(msg, ws)
            self._mark((msg["data"]["s"],), "syncing")


def store_of(table: type[BookStore]) -> type[DataStoreCollection]:
    class Store(DataStoreCollection):
        orderbook = Topic(table, "orderbook")

        def _topic(self, msg: Any) -> Sequence[str]:
            return ("orderbook",) if "topic" in msg else ()

    return Store


def truth_of(table: type[BookStore]) -> Truth:
    return Truth(replace(FEEDS["bybit"], collection=store_of(table)))


def test_a_change_that_was_lost_is_found() -> None:
    """A store that goes on after a gap is live and wrong."""
    truth = truth_of(Careless)
    with pytest.raises(WrongBook, match="is live, and no book that there was"):
        truth.play([("hear", 9), ("deliver", 9), ("tick", 0), ("lose", 0), ("tick", 0), ("deliver", 9)])


def test_a_book_that_does_not_come_back_is_found() -> None:
    """A store that stays syncing is found as well."""
    with pytest.raises(WrongBook, match="not live and right"):
        truth_of(Dead).play([])


def test_nothing_wrong_is_found_where_nothing_is() -> None:
    """On a day without faults the careless store is right."""
    truth = truth_of(Careless)
    truth.play([(move, number) for number in range(5) for move in ("tick", "hear", "deliver", "wait")])
    assert (truth.gaps, truth.requests) == (0, 0)


def test_a_live_book_of_the_past_is_found() -> None:
    """A book may lag behind what is in flight, but it never goes back."""
    truth = truth_of(Careless)
    truth.hear(9)
    snapshot = [frame for frame in truth.flight if "snapshot" in str(frame)]
    truth.deliver(9)
    truth.tick(0)
    truth.deliver(9)
    truth.flight = snapshot
    with pytest.raises(WrongBook, match="since version 1"):
        truth.deliver(1)


def test_cases_are_the_same_each_time() -> None:
    """A case that failed can be played again by its number."""
    assert random_case(5) == random_case(5) != random_case(6)
    assert {move for number in range(200) for move, _ in random_case(number)} == set(Truth.MOVES)


def test_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each feed, and the number of cases that went wrong."""
    assert main(["bybit"], 0, 5) == 0
    assert "cases       5" in capsys.readouterr().out
