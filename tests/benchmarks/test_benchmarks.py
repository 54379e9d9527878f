"""Each benchmark, very small: it must arrive at the right result. No figure is looked at, and no peer is needed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from functools import partial
from typing import Any

import pytest

from tests.benchmarks import bare, books, run, servers
from tests.benchmarks.case import BARE, PEER, TOPGUN, Case, WrongResult
from tests.benchmarks.inputs import bitflyer_book, bybit_book, trades
from tests.benchmarks.worker import CASES

HERE = [(case, side) for case in CASES for side in (TOPGUN, BARE)]


@pytest.mark.parametrize(("case", "side"), HERE, ids=[f"{case.id}: {side}" for case, side in HERE])
async def test_each_case_checks_its_result_and_passes(case: Case, side: str) -> None:
    """Each case runs through, and what it computed equals the truth."""
    figure = await asyncio.to_thread(case.run, side, case.sizes[2])
    assert isinstance(figure, float)


def test_every_suite_is_there() -> None:
    """No suite of the table is missing, and each compares all three sides but for those nobody else offers."""
    suites = {case.suite for case in CASES}
    assert suites == {"apply", "sorted", "watch", "find", "trades", "socket", "sign", "import"}
    assert all(PEER in case.sides for case in CASES if "orjson" not in case.name)


def test_the_same_seed_gives_the_same_input() -> None:
    """Two runs are fed the same bytes."""
    assert servers.frames(20) == servers.frames(20)
    assert bitflyer_book(1_000, 20) == bitflyer_book(1_000, 20)
    assert trades(3) == trades(3)


def test_frames_have_the_size_the_table_says() -> None:
    """A depth frame of the socket suite has 690 bytes, give or take five in a hundred."""
    deltas = servers.frames(200)[1:]
    assert sum(map(len, deltas)) / len(deltas) == pytest.approx(690, rel=0.05)


@pytest.mark.parametrize("make", [bybit_book, bitflyer_book])
def test_a_book_never_crosses_and_keeps_its_depth(make: Any) -> None:
    """The truth itself is a sound book of the depth asked for."""
    book = make(1_000, 300)
    assert min(map(float, book.asks)) > max(map(float, book.bids))
    assert len(book.asks) == pytest.approx(1_000, abs=10)
    assert len(book.bids) == pytest.approx(1_000, abs=10)
    assert book.changes == 300 * 18


class Forgetful(bare.BybitBook):
    """A fast, wrong book: it never deletes."""

    def onmessage(self, msg: Any, ws: Any = None) -> None:
        for side, rows in ((self.asks, msg["data"]["a"]), (self.bids, msg["data"]["b"])):
            side.update(rows)


def test_a_fast_wrong_store_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A book that leaves deletes out is refused, however fast."""
    monkeypatch.setattr(bare, "BybitBook", Forgetful)
    with pytest.raises(WrongResult, match="asks"):
        books.apply(BARE, 50, venue="bybit", depth=1_000)


def test_a_wrong_signature_is_told_from_a_right_one() -> None:
    """The server of the sign suite refuses a signature over another body."""
    headers = {"access-timestamp": "1", "access-sign": "0" * 64}
    assert servers.verdict("POST", "/v1/me/sendchildorder", headers, b"{}") == "wrong"
    assert servers.verdict("POST", "/v1/me/sendchildorder", {}, b"{}") == "unsigned"


def test_ratios_are_taken_inside_each_round() -> None:
    """A machine slower in one round changes no ratio; the table shows the median and the extremes."""
    case = Case("s", "n", "us", (1, 1, 1), lambda side, size: 0.0)
    taken = [
        {TOPGUN: 1.0, PEER: 3.0, BARE: 0.5},
        {TOPGUN: 10.0, PEER: 30.0, BARE: 5.0},
        {TOPGUN: 2.0, PEER: 8.0, BARE: 1.0},
    ]
    assert run.row(case, "n", taken)[3:] == ["2", "8", "1", "3.00", "3.00 to 4.00", "2.00"]


def test_who_goes_first_changes_with_the_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over three rounds, no side is always first and none always last."""
    order: list[str] = []

    def measure(case: Case, side: str, size: int) -> float:
        order.append(side)
        return 1.0

    monkeypatch.setattr(run, "measure", measure)
    run.rounds(Case("s", "n", "us", (1, 1, 1), lambda side, size: 0.0), [TOPGUN, PEER, BARE], quick=True)
    assert {order[0], order[3], order[6]} == {order[2], order[5], order[8]} == {TOPGUN, PEER, BARE}


def test_what_is_more_than_bare_is_a_row_of_its_own() -> None:
    """The sign suite also shows what is left after the bare request of the same round."""
    case = Case("s", "n", "us", (1, 1, 1), partial(lambda side, size: 0.0), over_bare=True)
    taken = [{TOPGUN: 150.0, PEER: 200.0, BARE: 100.0}]
    assert run.rows(case, taken)[1][1:7] == ["n, more than bare", "us", "50", "100", "-", "2.00"]


def test_a_wrong_result_fails_the_run_and_a_slow_one_does_not() -> None:
    """The worker of a case that does not exist fails; the exit status of the command says so."""
    command = [sys.executable, "-m", "tests.benchmarks.worker", "no: such case", BARE, "1"]
    assert subprocess.run(command, cwd=run.ROOT, capture_output=True, check=False).returncode


def test_the_ladder_gives_no_price_twice_in_one_delta() -> None:
    """A delta names each price once, as the venues do."""
    book = bybit_book(1_000, 50)
    for delta in book.deltas:
        prices = [price for price, _ in delta["data"]["a"]]
        assert len(prices) == len(set(prices)) == 9
