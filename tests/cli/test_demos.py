"""The demo of each exchange, run as a user runs it: its bot comes through what goes wrong."""

from __future__ import annotations

import pytest

import topgun
from topgun.cli.demo import TOLD, demo


@pytest.mark.parametrize("exchange", [each.name for each in topgun.EXCHANGES])
def test_the_bot_comes_through(exchange: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In plain lines: an order rests and fills, the connection is cut and comes back, the book has a gap and heals."""
    assert demo(exchange, 9.0, plain=True) == 0
    lines = capsys.readouterr().out.splitlines()
    kinds = iter([line.split("s  ", 1)[1].split(":")[0] for line in lines[1:-1]])
    assert [kind for kind in TOLD if kind in kinds] == list(TOLD)
    assert lines[-1] == "the bot came through"
