"""Play a case of the protocol sample set through a store and compare everything the case says.

A case may hold: `initialize` (REST requests and responses fed first) or one `request` with its `response`;
`messages` (fed in order), or `steps` (in order: a `message`, an `initialize`, or the name of a method of the table of
orders with its argument); and what must come out: `expect` (rows of each table in store order; tables it does not name
are empty), `expect_sorted`, `expect_attrs`, `expect_sent` (messages the store sent), `expect_warnings`.
"""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, Any

import topgun
from tests.support import FakeSocket, load, respond

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

    from topgun.store import DataStore, DataStoreCollection, StoreChange, StoreStream
    from topgun.typedefs import Item


def cases(*folders: Path) -> list[dict[str, Any]]:
    """Return every case of the folders that says what must come out."""
    files = (path for folder in folders for path in sorted(folder.glob("*.json")))
    return [case for path in files for case in load(path) if "expect" in case]


def tables(store: DataStoreCollection) -> dict[str, DataStore]:
    """Return the tables that a collection declares, by attribute."""
    found = {name: getattr(store, name) for name, topic in vars(type(store)).items() if isinstance(topic, topgun.Topic)}
    assert found
    return found


class Watched:
    """A store with a `watch()` on each of its tables from the beginning, and a socket that records."""

    def __init__(self, collection: type[DataStoreCollection], url: str = "wss://example.test/ws") -> None:
        self.store = collection()
        self.ws = FakeSocket(url)
        self.streams: dict[str, StoreStream] = {name: table.watch() for name, table in tables(self.store).items()}
        self._rows: dict[str, list[Item]] = {name: [] for name in self.streams}

    def feed(self, *messages: Any) -> None:
        """Hand over copies of messages, as the socket would."""
        for message in messages:
            self.store.onmessage(copy.deepcopy(message), self.ws)  # type: ignore[arg-type]  # a stand-in

    async def check(self) -> dict[str, list[StoreChange]]:
        """Check that every table is sound and equals its replayed changes; return the changes since the last check."""
        seen = {}
        for name, table in tables(self.store).items():
            table._check()
            seen[name] = [change async for change in _pending(self.streams[name])]
            rows = self._rows[name] = _replayed(table, self._rows[name], seen[name])
            assert rows == list(table), f"the changes of {name} do not rebuild it"
        return seen


async def _pending(stream: StoreStream) -> AsyncIterator[StoreChange]:
    while True:
        try:
            async with asyncio.timeout(0):
                change = await stream.get()
        except TimeoutError:
            return
        yield change


def _replayed(table: DataStore, rows: list[Item], changes: list[StoreChange]) -> list[Item]:
    """Apply `changes` to `rows` as a user of ``watch()`` would, who knows nothing but the changes and the keys."""

    rows = list(rows)
    for change in changes:
        place = next((place for place, row in enumerate(rows) if _concerns(table, change, row)), None)
        if change.operation == "delete":
            assert place is not None, "a row was deleted that had not been announced"
            assert rows.pop(place) == change.data
        elif place is None:
            rows.append(change.data)
        else:
            rows[place] = change.data
    return rows


def _concerns(table: DataStore, change: StoreChange, row: Item) -> bool:
    if table._key is not None:
        return table._key(row) == table._key(change.data)
    if change.operation == "insert":
        return False
    return {**row, **(change.source or {})} == change.data  # without a key: the first row that fits


async def play(collection: type[DataStoreCollection], case: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """Play one case and compare all it says."""
    watched = Watched(collection, case.get("url", "wss://example.test/ws"))
    store = watched.store
    for pair in [case] if "request" in case else case.get("initialize", []):
        await store.initialize(respond(pair["request"]["method"], pair["request"]["url"], pair["response"]))
    watched.feed(*case.get("messages", []))
    for step in copy.deepcopy(case.get("steps", [])):
        [(kind, given)] = step.items()
        if kind == "message":
            watched.feed(given)
        elif kind == "initialize":
            await store.initialize(respond(given["request"]["method"], given["request"]["url"], given["response"]))
        else:
            getattr(tables(store)["order"], kind)(given)
    await watched.check()

    assert {name: list(table) for name, table in tables(store).items()} == {
        name: case["expect"].get(name, []) for name in tables(store)
    }
    for view in case.get("expect_sorted", []):
        table: Any = tables(store)[view["store_attribute"]]
        assert table.sorted(view["query"], view["limit"]) == view["result"]
    for path, value in case.get("expect_attrs", {}).items():
        name, attribute = path.split(".")
        assert getattr(tables(store)[name], attribute) == value
    if "expect_sent" in case:
        assert watched.ws.sent == case["expect_sent"]
    warnings = [{"logger": record.name, "level": record.levelname} for record in caplog.records]
    assert warnings == case.get("expect_warnings", [])
