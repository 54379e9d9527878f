"""The demo, run as a user runs it: the bot of each exchange comes through, and what goes wrong is told."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from topgun.cli import demo as module
from topgun.cli.demo import TOLD, _heard, _verdict, demo
from topgun.cli.watcher import Event, Watcher
from topgun.errors import ConfigError
from topgun.testing import FakeExchange

if TYPE_CHECKING:
    from pathlib import Path


def test_the_bot_comes_through(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the name of an exchange the demo plays its default; `test_demos` plays all of them."""
    assert demo(None, 9.0, plain=True) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "the bot came through"


def test_the_screen_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal the last picture has a book with five levels a side, trades, orders, position and the events."""
    assert demo(None, 9.0, plain=False) == 0
    drawn = capsys.readouterr().out
    for title in ("book", "last trades", "open orders", "position", "events", "the bot came through"):
        assert title in drawn
    assert any(f"{kind}:" in drawn for kind in TOLD)  # the panel holds the latest ones only


def test_an_exchange_without_a_fake_is_refused() -> None:
    """The error says which ones there are."""
    with pytest.raises(ConfigError, match="bitflyer"):
        demo("mtgox", 1.0, plain=True)


@pytest.mark.parametrize(
    ("kinds", "code", "said"),
    [
        (TOLD, 0, "the bot came through"),
        (("fill", *TOLD, "fill"), 0, "the bot came through"),
        (TOLD[:-1], 1, "not seen: book live again"),
        (TOLD[1:], 1, "not seen: order resting"),
        ((), 1, "not seen: order resting"),
    ],
)
def test_the_verdict(kinds: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Only a bot that lived through everything, in that order, ends with code 0."""
    assert _verdict([Event(0.0, kind, "") for kind in kinds]) == code
    assert capsys.readouterr().out == f"{said}\n"


BOT = """
import asyncio, topgun
async def main():
    async with topgun.Client():
        await asyncio.sleep({sleep})
        {after}
"""


def run_bot(bot: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    path = folder / "bot.py"
    path.write_text(bot)
    monkeypatch.setattr(module, "example", lambda _: path)
    monkeypatch.setattr(module, "GRACE", 0.2)
    return demo(None, 0.1, plain=True)


def test_a_bot_that_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bot that goes on after its time is stopped, and the exit code says so."""
    assert run_bot(BOT.format(sleep=60, after="pass"), tmp_path, monkeypatch) == 1
    assert "bot hangs: it did not end within 0.2 s after its time" in capsys.readouterr().out


def test_a_bot_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a bot is not hidden."""
    with pytest.raises(RuntimeError, match="sold everything"):
        run_bot(BOT.format(sleep=0, after="raise RuntimeError('sold everything')"), tmp_path, monkeypatch)


def test_trouble_that_fails_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error of the demo itself ends it with that error."""

    async def fail(*_: object) -> None:
        raise LookupError("no market")

    monkeypatch.setattr(module, "_trouble", fail)
    with pytest.raises(LookupError, match="no market"):
        run_bot(BOT.format(sleep=0, after="pass"), tmp_path, monkeypatch)


async def test_a_loss_that_cannot_be_noticed_is_followed_by_one_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the loss of messages is not noticed, a damaged one follows, and the lines say why."""
    said: list[Event] = []
    watcher = Watcher(list, said.append)
    async with FakeExchange() as fake:
        monkeypatch.setattr(module, "_fill", lambda _: watcher.tell("fill", ""))
        monkeypatch.setattr(fake, "drop", lambda: [watcher.tell(kind, "") for kind in (*TOLD[2:4], "book live again")])
        watcher.tell("order resting", "")
        async with asyncio.timeout(10):
            await module._trouble(fake, watcher)
        assert [fault.kind for fault in fake.faults._faults if fault.left != 0] == ["corrupt"]
    assert "not noticed" in said[-1].detail


def test_no_order_to_fill() -> None:
    """If the bot has just pulled its order there is none to fill, and that is no error."""

    async def check() -> None:
        async with FakeExchange() as fake:
            module._fill(fake)

    asyncio.run(check())


def test_warnings_are_events() -> None:
    """What topgun logs as a warning is told, without propagating, and only as long as the demo runs."""
    watcher = Watcher(list, lambda event: None)
    logger = logging.getLogger("topgun.ws")
    with _heard(watcher):
        logger.info("quiet")
        logger.warning("lost %s", "it")
    logger.debug("later")
    assert [(event.kind, event.detail) for event in watcher.events] == [("warning", "lost it")]
    assert logging.getLogger("topgun").propagate
