"""`Pace`: the send limit of exchanges that count messages."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from topgun.exchanges._pace import Pace
from topgun.testing.clock import FakeClock


class Socket:
    """A socket that notes when it sends."""

    def __init__(self, clock: FakeClock, broken: bool = False) -> None:
        self.clock = clock
        self.broken = broken
        self.sent: list[float] = []

    async def send(self) -> None:
        self.sent.append(self.clock.monotonic())
        if self.broken:
            raise ConnectionError("gone")


async def send(pace: Pace, *sockets: Socket) -> list[Any]:
    """Send once on each socket, all at once, while time passes."""
    clock = sockets[0].clock
    work = asyncio.gather(*(pace(each, each.send) for each in sockets), return_exceptions=True)  # type: ignore[arg-type]
    while not work.done():
        await asyncio.sleep(0)
        if clock.sleeping:
            await clock.advance(0.25)
    return await work


@pytest.mark.parametrize(
    ("times", "shared", "expected"),
    [(1, False, [0.0, 1.0, 2.0]), (2, False, [0.0, 0.0, 1.0])],
)
async def test_one_connection(times: int, shared: bool, expected: list[float]) -> None:
    """The messages of one connection go out in turn, as early as the limit allows."""
    socket = Socket(FakeClock())
    start = socket.clock.monotonic()
    await send(Pace(times, 1.0, shared=shared), socket, socket, socket)
    assert [moment - start for moment in socket.sent] == expected


@pytest.mark.parametrize(("shared", "expected"), [(False, [0.0, 0.0, 1.0, 1.0]), (True, [0.0, 1.0, 2.0, 3.0])])
async def test_two_connections(shared: bool, expected: list[float]) -> None:
    """Connections have a limit each, or one in common."""
    clock = FakeClock()
    start = clock.monotonic()
    one, two = Socket(clock), Socket(clock)
    await send(Pace(1, 1.0, shared=shared), one, two, one, two)
    assert sorted(moment - start for moment in (*one.sent, *two.sent)) == expected


async def test_a_send_that_fails_counts() -> None:
    """The exchange may have seen it; the next one still goes out in time."""
    clock = FakeClock()
    start = clock.monotonic()
    broken, sound = Socket(clock, broken=True), Socket(clock)
    results = await send(Pace(1, 1.0, shared=True), broken, sound)
    assert [type(result) for result in results] == [ConnectionError, type(None)]
    assert [moment - start for moment in sound.sent] == [1.0]


async def test_quiet_time_is_not_saved_up() -> None:
    """After a pause no more messages go out at once than the limit says."""
    socket = Socket(FakeClock())
    start = socket.clock.monotonic()
    pace = Pace(2, 1.0)
    await send(pace, socket)
    await socket.clock.advance(10.0)
    await send(pace, socket, socket, socket)
    assert [moment - start for moment in socket.sent] == [0.0, 10.0, 10.0, 11.0]
