"""The screen, drawn from tables that the test fills."""

from __future__ import annotations

from types import SimpleNamespace

from rich.console import Console

from tests.cli.test_watcher import Venue
from topgun.cli.screen import Screen
from topgun.cli.watcher import Watcher
from topgun.ws import State


def drawn(watcher: Watcher) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(Screen(watcher, "a title"))
    return capture.get()


def test_before_the_bot_has_anything() -> None:
    """Without sockets and tables the panels are there, and empty."""
    text = drawn(Watcher(list, lambda event: None))
    assert "a title" in text
    for title in ("book", "last trades", "open orders", "position", "events"):
        assert title in text


def test_what_the_bot_has() -> None:
    """Sockets with their state and without their query, five levels a side, the latest rows, the events."""
    venue, watcher = Venue(heal=False), Watcher(list, lambda event: None)
    watcher.tables.take(venue)
    watcher.apps.append(SimpleNamespace(url="wss://example.test/ws?token=secret", state=State.LOGIN))  # type: ignore[arg-type]
    levels = [(str(100 + n), f"{n}.5") for n in range(7)]
    venue.book._replace(("X",), levels, [(str(99 - n), "1") for n in range(7)])
    venue.book._mark(("X",), "live")
    venue.orders._insert([{"id": 1, "side": "BUY", "size": 2, "price": 1234567}])
    venue.positions._insert([{"side": "SELL", "size": "0.5", "avgPrice": "77.7"}])
    venue.trades._insert([{"S": "Buy", "v": "9", "p": str(n)} for n in range(5)])
    watcher.tell("fill", "all of it")
    text = drawn(watcher)
    for shown in (
        "example.test/ws login",
        "book live",
        "104",
        "95",
        "BUY  2  at  1,234,567",
        "SELL",
        "77.7",
        "all of it",
    ):
        assert shown in text
    for hidden in ("secret", "105", "94"):
        assert hidden not in text
    assert text.count("Buy") == 3
