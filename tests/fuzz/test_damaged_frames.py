"""Random and damaged frames into every collection: applied, ignored, or logged; the tables stay whole."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import topgun
from tests.support import FakeSocket, damaged, load, places

FIXTURES = Path(__file__).parents[1] / "exchanges"
COLLECTIONS = [(exchange.name, store) for exchange in topgun.EXCHANGES for store in exchange.stores]
JUNK: list[Any] = [None, True, 0, -1, 1.5, "", "x", "0", [], {}, [None], [[]], {"x": 1}, [["1"]], float("nan")]


def frames(name: str) -> list[Any]:
    """Return every message of an exchange's fixtures, in file order."""
    steps = [step for path in sorted((FIXTURES / name / "frames").glob("*.json")) for step in load(path)]
    return [message for step in steps if isinstance(step, dict) for message in step.get("messages", [])]


def tables(store: topgun.DataStoreCollection) -> list[topgun.DataStore]:
    """Return every table that a collection declares."""
    names = [topic.name for topic in vars(type(store)).values() if isinstance(topic, topgun.Topic)]
    return [store[name] for name in names]


@pytest.mark.parametrize(("name", "collection"), COLLECTIONS, ids=lambda value: getattr(value, "__name__", value))
def test_damaged_frames(name: str, collection: type[topgun.DataStoreCollection]) -> None:
    """A frame with one value missing or replaced raises nothing and leaves every table whole and replayable."""
    messages = frames(name)
    assert messages

    @settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def fuzz(data: st.DataObject) -> None:
        store = collection()
        ws = FakeSocket()
        streams = {table: table.watch() for table in tables(store)}
        for _ in range(data.draw(st.integers(1, 12))):
            message = data.draw(st.sampled_from(messages))
            if data.draw(st.booleans()):
                place = data.draw(st.sampled_from(places(message)))
                message = damaged(message, place, data.draw(st.sampled_from([*JUNK, ...])))
            store.onmessage(copy.deepcopy(message), ws)
        for table in streams:
            table._check()

    fuzz()


@pytest.mark.parametrize(("name", "collection"), COLLECTIONS, ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_junk(name: str, collection: type[topgun.DataStoreCollection], junk: Any) -> None:
    """A frame that is not a message of the exchange at all changes nothing."""
    store = collection()
    store.onmessage(copy.deepcopy(junk), FakeSocket())
    assert not any(len(table) for table in tables(store)), name
