"""The fixtures: asked for as usual, and in a run of pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import topgun
from topgun.testing.plugin import fake_clock, fake_exchange  # noqa: F401  (fixtures)

if TYPE_CHECKING:
    from pathlib import Path

    from topgun.testing import FakeClock
    from topgun.testing.plugin import FakeExchanges

BOT = """
import pytest
import topgun

pytest_plugins = ["topgun.testing.plugin"]
opened = []


async def test_a_bot(fake_exchange, fake_clock):
    fake = await fake_exchange(clock=fake_clock)
    opened.append(fake)
    async with topgun.Client(fake.apis, clock=fake_clock) as client:
        result = await client.fetch("GET", "https://api.bitflyer.com/v1/me/getbalance")
        assert result.response.status == 200


async def test_afterwards(fake_exchange):
    [fake] = opened
    with pytest.raises(OSError):
        async with topgun.Client(connector=fake.connector()) as client:
            await client.get("https://api.bitflyer.com/v1/getmarkets")
"""
OPTIONS = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


async def test_fixtures(fake_clock: FakeClock, fake_exchange: FakeExchanges) -> None:  # noqa: F811
    """The clock is new; each call opens one more fake, with the arguments of `FakeExchange`."""
    assert fake_clock.monotonic() == 0.0
    first = await fake_exchange("bitflyer", clock=fake_clock, apis={"bitflyer": ["k", "s"]})
    second = await fake_exchange("bybit")
    assert (first.apis, first.clock) == ({"bitflyer": ["k", "s"]}, fake_clock)
    async with topgun.Client(connector=second.connector()) as client:
        assert (await client.fetch("GET", "https://api.bybit.com/v5/market/time")).response.status == 200


def test_in_a_run_of_its_own(tmp_path: Path) -> None:
    """With the plugin named as its docstring says, a bot meets a fake that is gone when its test is over."""
    (tmp_path / "test_bot.py").write_text(BOT, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(OPTIONS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
