"""Every example runs as it is against a fake of its exchange, in peace and in trouble."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import topgun
from topgun.cli import bots
from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from topgun.testing import SeenRequest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
SENDING = (
    "/api/v1/order",
    "/api/v1/orders",
    "/exchange",
    "/exchange/orders",
    "/fapi/v1/order",
    "/g-orders/create",
    "/order/create",
    "/order/submit",
    "/user/spot/order",
    "/orders/place",
    "/place-order",
    "/sendchildorder",
    "/private/v1/order",
    "/private/v1/closeBulkOrder",
    "/trade/order",
)  # fmt: skip
GRACE = 15.0  # s a bot may take beyond its time


def makes_markets(path: Path) -> bool:
    return path.stem.endswith("_market_maker")


async def fill(fake: FakeExchange) -> None:
    """Fill the bot's order as soon as it has one."""
    await fake.until(fake.markets_with_orders, timeout=15)  # some venues take but one subscription a second
    for market in fake.markets_with_orders():
        market.fill()


async def run(fake: FakeExchange, path: Path, folder: Path, seconds: float) -> None:
    """Run an example for so long; its keys are those of the fake, in a file beside it."""
    (folder / "apis.json").write_text(json.dumps(fake.apis), encoding="utf-8")
    async with asyncio.timeout(seconds + GRACE):
        await bots.run(path, folder, {"RUN_SECONDS": str(seconds)})


def sent(requests: Sequence[SeenRequest]) -> list[SeenRequest]:
    """Return the requests that were to place an order."""
    return [request for request in requests if request.method in ("POST", "PUT") and request.path.endswith(SENDING)]


def exchange_of(path: Path) -> str:
    return path.stem.split("_", maxsplit=1)[0]


def test_there_are_examples() -> None:
    """One market maker for each exchange that the demo can play, at least."""
    assert {exchange_of(path) for path in EXAMPLES if makes_markets(path)} == {each.name for each in topgun.EXCHANGES}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
async def test_in_peace(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """It does its work, every request is right and answered, and it leaves no order behind."""
    caplog.set_level(logging.INFO)
    async with FakeExchange(exchange_of(path), pace=0.1) as fake:
        if makes_markets(path):
            fake.at(0.5, fill, fake)
        await run(fake, path, tmp_path, 3.0)
        assert fake.markets_with_orders() == []
        assert {request.status for request in fake.requests} <= {101, 200}
        assert all(request.verified for request in fake.requests)
        if makes_markets(path):
            assert len(sent(fake.requests)) >= 2
            said = " ".join(record.getMessage() for record in caplog.records if record.name == "market_maker")
            assert "resting: " in said
            assert any(word in said for word in ("Filled: ", "FILL: ", "EXECUTION: "))
        else:
            lines = capsys.readouterr().out.splitlines()
            assert lines[-1] == "done"
            assert len([line for line in lines if line.startswith("ask ")]) >= 3
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
async def test_in_trouble(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Connections, messages and answers go wrong; it carries on, comes to its end and leaves no order behind."""
    async with FakeExchange(exchange_of(path), pace=0.05) as fake:
        if makes_markets(path):
            fake.at(0.5, fill, fake)
        fake.at(2.2, fake.drop)
        fake.at(2.5, fake.gap)
        fake.at(2.8, fake.corrupt, row=True)
        fake.at(3.1, fake.duplicate, times=5)
        fake.at(3.4, fake.reorder)
        fake.at(3.6, fake.fail_request, 503, times=2)
        fake.at(4.0, fake.lose_reply)
        fake.at(4.4, fake.close, 1012)
        fake.at(5.0, fake.corrupt)
        fake.at(6.0, fake.lift)
        trouble_ended: list[int] = []
        fake.at(6.0, lambda: trouble_ended.append(len(fake.requests)))
        await run(fake, path, tmp_path, 10.0)
        assert fake.markets_with_orders() == []
        paths = [link.path for link in fake.connections]
        assert min(paths.count(path) for path in set(paths)) >= 2
        afterwards = fake.requests[trouble_ended[0] :]
        assert {request.status for request in afterwards} <= {101, 200}
        if makes_markets(path):
            assert sent(afterwards)
        else:
            assert capsys.readouterr().out.splitlines()[-1] == "done"
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.CRITICAL] == []
