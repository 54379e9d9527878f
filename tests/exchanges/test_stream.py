"""What the sockets of several exchanges need alike."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support import FakeLink
from topgun.exchanges._stream import pings, without
from topgun.testing.clock import FakeClock


async def test_pings() -> None:
    """At once, then every so many seconds, until the socket is closed."""
    clock = FakeClock()
    link = FakeLink("wss://example.test/ws", None, clock)
    task = asyncio.create_task(pings("ping", 5.0)(link))
    await clock.asleep()
    assert link.sent == ["ping"]
    await clock.advance(4.9)
    assert link.sent == ["ping"]
    await clock.advance(0.1)
    assert link.sent == ["ping", "ping"]
    link.closed = True
    await clock.advance(5.0)
    await task
    assert link.sent == ["ping", "ping"]


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        (["a"], {"op": "subscribe", "args": ["b", {"c": 1}]}),
        ([{"c": 1}, "x"], {"op": "subscribe", "args": ["a", "b"]}),
        (["b", "a", {"c": 1}], None),
    ],
)
def test_without(gone: list[Any], left: Any) -> None:
    """What is gone is taken out, and the subscription that was given stays as it is."""
    subscription = {"op": "subscribe", "args": ["a", "b", {"c": 1}]}
    assert without(subscription, "args", gone) == left
    assert subscription == {"op": "subscribe", "args": ["a", "b", {"c": 1}]}


@pytest.mark.parametrize("gone", [[], ["x"]])
def test_without_anything(gone: list[Any]) -> None:
    """Where nothing is gone it is the same subscription."""
    subscription = {"args": ["a"]}
    assert without(subscription, "args", gone) is subscription
