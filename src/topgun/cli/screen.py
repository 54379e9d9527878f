"""`Screen`: the live view of a bot on a terminal, drawn with ``rich`` (``pip install 'topgun[cli]'``)."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ..ws.texts import place
from .watcher import PRICES, SIDES, SIZES, first

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ..store import DataStore
    from ..typedefs import Item
    from .watcher import Watcher

__all__ = ["Screen"]

DEPTH = 5
LINES = 12
COLOURS = {
    "live": "green", "open": "green", "syncing": "yellow", "stale": "red", "order resting": "cyan", "fill": "magenta",
    "connection lost": "red", "connection recovered": "green", "gap detected": "yellow", "book live again": "green",
    "book stale": "red", "fault": "bold white on red", "warning": "yellow",
}  # fmt: skip


class Screen:
    """A renderable that shows, whenever it is drawn, what the watched bot has at that moment."""

    def __init__(self, watcher: Watcher, title: str) -> None:
        self._watcher = watcher
        self._title = title

    def __rich__(self) -> RenderableType:
        top = Table.grid(expand=True)
        top.add_column(ratio=1)
        top.add_column(ratio=1)
        top.add_row(self._book(), Group(self._trades(), self._orders(), self._positions()))
        return Group(self._state(), top, self._log())

    def _state(self) -> RenderableType:
        line = Text.assemble((self._title, "bold"))
        for app in self._watcher.apps:
            line.append(f"   {place(app.url).removeprefix('wss://')} ")
            line.append(app.state.value, COLOURS.get(app.state.value, "yellow"))
        book = self._watcher.tables.book
        if book is not None:
            line.append("   book ")
            line.append(book.state(), COLOURS[book.state()])
        return line

    def _book(self) -> RenderableType:
        grid = Table(expand=True, box=None)
        for name in ("size", "ask", "bid", "size"):
            grid.add_column(name, justify="right")
        book = self._watcher.tables.book
        asks, bids = book.sorted(limit=DEPTH).values() if book is not None else ([], [])
        for ask in reversed(asks):
            grid.add_row(_size(ask), Text(_price(ask), "red"), "", "")
        for bid in bids:
            grid.add_row("", "", Text(_price(bid), "green"), _size(bid))
        return Panel(grid, title="book", height=2 * DEPTH + 3)

    def _trades(self) -> RenderableType:
        return _rows("last trades", self._watcher.tables.trades, 3)

    def _orders(self) -> RenderableType:
        return _rows("open orders", self._watcher.tables.orders, 2)

    def _positions(self) -> RenderableType:
        return _rows("position", self._watcher.tables.positions, 2)

    def _log(self) -> RenderableType:
        lines = [Text(str(event), COLOURS.get(event.kind, "")) for event in self._watcher.events[-LINES:]]
        return Panel(Group(*lines), title="events", height=LINES + 2)


def _rows(title: str, table: DataStore | None, limit: int) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    for row in islice(reversed(table), limit) if table is not None else ():
        grid.add_row(str(first(row, *SIDES)), _size(row), "at", _price(row))
    return Panel(grid, title=title, height=limit + 2)


def _price(row: Item) -> str:
    return _number(first(row, *PRICES))


def _size(row: Item) -> str:
    return _number(first(row, *SIZES))


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)
