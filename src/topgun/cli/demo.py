"""``topgun demo``: an example bot, unmodified, against an exchange on this computer that makes trouble."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.live import Live

from ..testing import FakeExchange
from ..testing.venues import DEFAULT
from .bots import clients_made, example, run, stores_made
from .screen import Screen
from .watcher import Event, Watcher

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["demo"]

PACE = 0.025  # s between two moves of the market
STEP = 1.0  # s between two troubles; all of them take about 8 s
GRACE = 15.0  # s the bot may take to clean up after its time
TOLD = ("order resting", "fill", "connection lost", "connection recovered", "gap detected", "book live again")


def demo(exchange: str | None, seconds: float, *, plain: bool) -> int:
    """Run the market maker of an exchange and make trouble for it.

    Args:
        exchange: Which one; ``None`` = the default of the fake exchange.
        seconds: How long the bot runs.
        plain: Print lines instead of drawing a screen.

    Returns:
        0 if the bot ended by itself and everything that was to be shown has happened, else 1.

    Raises:
        ConfigError: There is no such exchange, or no example for it.
    """
    name = exchange or DEFAULT
    fake = FakeExchange(name, pace=PACE)
    path = example(f"{name}_market_maker")
    return asyncio.run(_play(fake, path, seconds, plain=plain))


async def _play(fake: FakeExchange, path: Path, seconds: float, *, plain: bool) -> int:
    title = f"{path.name} against a fake exchange, {seconds:g} s"
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        clients, stores = stack.enter_context(clients_made()), stack.enter_context(stores_made())
        watcher = Watcher(lambda: clients, _print if plain else _nothing, lambda: stores)
        stack.enter_context(_heard(watcher))
        await stack.enter_async_context(fake)
        if plain:
            print(f"{title}; every line below is read from the bot's own sockets and tables")
        else:
            stack.enter_context(Live(Screen(watcher, title), refresh_per_second=8))
        work = (watcher.run(), _trouble(fake, watcher))
        stack.push_async_callback(_end, [asyncio.create_task(each) for each in work])
        hangs = await _run(path, folder, fake, seconds)
        if hangs:
            watcher.tell("bot hangs", f"it did not end within {GRACE:g} s after its time")
        await asyncio.sleep(PACE)  # what the bot did last is told too
    return _verdict(watcher.events) or int(hangs)


async def _run(path: Path, folder: Path, fake: FakeExchange, seconds: float) -> bool:
    """Run the bot with the keys of the fake exchange; return whether it did not come to its end."""
    keys = folder / "keys.json"
    keys.write_text(json.dumps(fake.apis), encoding="utf-8")
    try:
        async with asyncio.timeout(seconds + GRACE):
            await run(path, folder, {"TOPGUN_APIS": str(keys), "RUN_SECONDS": f"{seconds:g}"})
    except TimeoutError:
        return True
    return False


async def _trouble(fake: FakeExchange, watcher: Watcher) -> None:
    """Fill the bot's order, cut its connection, fill once more, spoil its book."""
    await watcher.saw("order resting", since=0)
    await asyncio.sleep(STEP)
    _fill(fake)
    await watcher.saw("fill", since=0)
    await asyncio.sleep(STEP)

    start = len(watcher.events)
    watcher.tell("fault", "the exchange cuts every connection")
    fake.drop()
    await watcher.saw("connection lost", "connection recovered", "book live again", since=start)

    await asyncio.sleep(3 * STEP)  # where messages have no numbers, the book must have been right for a while
    start = len(watcher.events)
    watcher.tell("fault", "the exchange leaves out half a second of its book")
    missing = fake.gap(times=None)
    for market in fake.live_markets():
        market.trade("buy", sum(size for _, size in market.book(8)["asks"]))
    await asyncio.sleep(0.5)
    missing.lift()
    with suppress(TimeoutError):
        async with asyncio.timeout(1.5 * STEP):
            await watcher.saw("gap detected", "book live again", since=start)
            return
    watcher.tell("fault", "not noticed without numbers: the best prices were right; now a message is damaged")
    fake.corrupt(row=True)


def _fill(fake: FakeExchange) -> None:
    with suppress(LookupError):  # the bot has just pulled its order; the next one will do
        for market in fake.markets_with_orders():
            market.fill()


class _Ear(logging.Handler):
    """Passes the warnings of topgun on as events."""

    def __init__(self, watcher: Watcher) -> None:
        super().__init__(logging.WARNING)
        self._watcher = watcher

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one record, without its traceback."""
        self._watcher.tell(record.levelname.lower(), record.getMessage())


@contextmanager
def _heard(watcher: Watcher) -> Iterator[None]:
    """Have the watcher hear what topgun logs, and nobody else."""
    logger, ear = logging.getLogger(__name__.partition(".")[0]), _Ear(watcher)
    before, logger.propagate = logger.propagate, False
    logger.addHandler(ear)
    try:
        yield
    finally:
        logger.removeHandler(ear)
        logger.propagate = before


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


def _print(event: Event) -> None:
    print(event, flush=True)


def _nothing(_: Event) -> None:
    """Say nothing: the screen shows the events."""


def _verdict(events: Iterable[Event]) -> int:
    """Say whether everything in TOLD happened, in that order; return the exit code."""
    kinds = (event.kind for event in events)
    missing = [kind for kind in TOLD if kind not in kinds]
    print(f"not seen: {missing[0]}" if missing else "the bot came through")
    return 1 if missing else 0
