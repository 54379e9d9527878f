"""`StoreChange` and `StoreStream`: what watchers get, when they stop, and what they cost."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.models import Replayed, pending, told
from tests.support import until
from topgun.errors import ConfigError, StreamClosed, WatchOverflow
from topgun.store import DataStore, StoreChange, StoreStream

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def table() -> DataStore:
    return DataStore("orders", ["k"])


def fill(table: DataStore, *ks: int) -> None:
    """Insert rows, each a message of its own."""
    for k in ks:
        table._insert([{"k": k}])


def ks(stream: StoreStream) -> list[int]:
    """Read what a stream holds, and return the keys."""
    return [change.data["k"] for change in pending(stream)]


async def read_all(stream: StoreStream, into: list[Any]) -> None:
    async for change in stream:
        into.append(change.data["k"])  # noqa: PERF401  (it is looked at meanwhile)


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


# -- the known defects ---------------------------------------------------------------------------------------------


def test_d02_one_copy_for_all(table: DataStore) -> None:
    """D02: whoever watches gets the same change object, with one copy of the row; without watchers there is none."""
    first, second = table.watch(), table.watch()
    nested = [1]
    sent = {"k": 1, "nested": nested}
    table._insert([sent])
    table._update([sent])
    (inserted, updated), again = pending(first), pending(second)
    assert [inserted, updated] == again
    assert all(one is other for one, other in zip((inserted, updated), again, strict=True))
    assert inserted == StoreChange(table, "insert", None, {"k": 1, "nested": [1]})
    assert updated.source is sent
    assert inserted.data["nested"] is nested  # a shallow copy
    assert inserted.data is not table.get({"k": 1})
    first.close()
    second.close()
    fill(table, 2)
    assert not table._mailboxes


async def test_d05_close_twice_and_while_somebody_reads(table: DataStore) -> None:
    """D05: a second close() does nothing; readers that wait are released: get() raises, ``async for`` ends."""
    stream = table.watch()
    seen: list[Any] = []
    getting = [asyncio.ensure_future(stream.get()) for _ in range(2)]
    looping = asyncio.ensure_future(read_all(stream, seen))
    await settle()
    stream.close()
    stream.close()
    await asyncio.wait_for(looping, 1)
    for task in getting:
        with pytest.raises(StreamClosed, match=r"^orders: the stream is closed$"):
            await task
    nameless = DataStore().watch()
    nameless.close()
    with pytest.raises(StreamClosed, match=r"^table: "):
        await nameless.get()
    assert [change async for change in stream] == []
    assert not seen
    assert not table._mailboxes


def test_d07_an_idle_stream_has_a_bound(table: DataStore) -> None:
    """D07: without a bound a stream holds everything, with one never more than that."""
    free, bounded = table.watch(), table.watch(maxsize=100, overflow="drop_oldest")
    for number in range(3000):
        table._update([{"k": 1, "n": number}])
        assert len(bounded) <= 100
    assert (len(free), free.dropped) == (3000, 0)
    assert (len(bounded), bounded.dropped) == (100, 2900)
    assert [change.data["n"] for change in pending(bounded)] == list(range(2900, 3000))


# -- reading -------------------------------------------------------------------------------------------------------


async def test_changes_come_in_order_from_the_moment_of_watch(table: DataStore) -> None:
    """Nothing before `watch` is told; each row that comes, changes or goes is told once, in order."""
    fill(table, 1)
    with table.watch() as stream:
        assert stream  # whatever its length
        fill(table, 2)
        table._update([{"k": 1, "a": 1}, {"k": 3, "a": 1}, {"a": 1}])
        table._delete([{"k": 1, "why": "filled"}, {"k": 9}])
        assert len(stream) == 4
        assert told([await stream.get() for _ in range(4)]) == [
            ("insert", None, {"k": 2}),
            ("update", {"k": 1, "a": 1}, {"k": 1, "a": 1}),
            ("update", None, {"k": 3, "a": 1}),
            ("delete", {"k": 1, "why": "filled"}, {"k": 1, "a": 1}),
        ]
    assert not table._mailboxes
    with pytest.raises(StreamClosed):
        await stream.get()


async def test_readers_of_one_stream_share_it(table: DataStore) -> None:
    """Each change goes to one of the readers; a reader that was cancelled has taken none."""
    stream = table.watch()
    readers = [asyncio.ensure_future(stream.get()) for _ in range(3)]
    await settle()
    readers[0].cancel()
    await settle()
    fill(table, 1, 2, 3)
    await settle()
    assert [change.data["k"] for change in await asyncio.gather(*readers[1:])] == [1, 2]
    assert ks(stream) == [3]
    assert not stream._box.readers._waiting


async def test_a_reader_cancelled_with_its_change_at_hand_loses_nothing(table: DataStore) -> None:
    """A reader that was woken and is cancelled before it runs leaves the change to the next one."""
    stream = table.watch()
    reader = asyncio.ensure_future(stream.get())
    await settle()
    fill(table, 1)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    assert reader.cancelled()
    assert (await stream.get()).data == {"k": 1}


async def test_many_readers_of_whom_one_never_reads(table: DataStore) -> None:
    """Nine who read get everything while the tenth, which has a bound, holds no more than that."""
    idle = table.watch(maxsize=50, overflow="drop_newest")
    seen: list[list[int]] = [[] for _ in range(9)]
    streams = [table.watch() for _ in seen]
    tasks = [asyncio.ensure_future(read_all(*each)) for each in zip(streams, seen, strict=True)]
    for number in range(2000):
        table._insert([{"k": number % 7, "n": number}])
        assert len(idle) == min(50, number + 1)
        if number % 100 == 0:
            await settle()
            assert all(len(stream) == 0 for stream in streams)
    await until(lambda: all(len(each) == 2000 for each in seen))
    assert all(each == [number % 7 for number in range(2000)] for each in seen)
    assert [change.data["n"] for change in pending(idle)] == list(range(50))
    assert idle.dropped == 1950
    for stream in streams:
        stream.close()
    await asyncio.wait_for(asyncio.gather(*tasks), 1)


async def test_a_loop_that_is_left_ends_the_subscription(table: DataStore) -> None:
    """Leaving ``async for`` over ``table.watch()`` without close() leaves nothing behind."""

    async def first() -> int:
        async for change in table.watch():
            return int(change.data["k"])
        raise AssertionError

    task = asyncio.ensure_future(first())
    await settle()
    assert len(table._mailboxes) == 1
    fill(table, 5, 6)
    assert await task == 5
    gc.collect()
    assert not table._mailboxes
    forgotten = asyncio.ensure_future(first())
    await settle()
    forgotten.cancel()
    await asyncio.gather(forgotten, return_exceptions=True)
    del forgotten
    await settle()  # the loop holds what it has just run
    gc.collect()
    assert not table._mailboxes


def test_a_stream_that_goes_while_others_are_told(table: DataStore) -> None:
    """A stream may be collected in the middle of an announcement: those behind it still get theirs."""
    keep: list[StoreStream] = [table.watch() for _ in range(4)]

    class Fatal(list[StoreChange]):
        """Changes during whose delivery the first two streams die."""

        def __iter__(self) -> Iterator[StoreChange]:
            del keep[: max(0, len(keep) - 2)]
            return super().__iter__()

    change = StoreChange(table, "insert", None, {"k": 1})
    table._post(Fatal([change]))
    assert [pending(stream) for stream in keep] == [[change], [change]]
    assert len(table._mailboxes) == 2


def test_a_stream_of_a_table_that_nobody_else_holds() -> None:
    """A stream keeps its table, so what it holds can still be read."""
    table = DataStore(keys=["k"])
    stream = table.watch()
    fill(table, 1)
    del table
    gc.collect()
    (change,) = pending(stream)
    assert list(change.store) == [{"k": 1}]


# -- bounds --------------------------------------------------------------------------------------------------------


async def test_overflow_error(table: DataStore) -> None:
    """By default a full stream keeps what it holds, then raises `WatchOverflow` once, then it is closed."""
    stream = table.watch(maxsize=3)
    table._insert([{"k": k} for k in range(2)])
    table._insert([{"k": k} for k in range(2, 5)])
    fill(table, 5, 6)
    assert [(await stream.get()).data["k"] for _ in range(3)] == [0, 1, 2]
    fill(table, 7)  # there would be room again, but not without a hole
    assert (len(stream), stream.dropped) == (0, 5)
    with pytest.raises(WatchOverflow, match=r"^orders: the watcher fell behind and 5 changes were lost; "):
        await stream.get()
    assert not table._mailboxes
    with pytest.raises(StreamClosed):
        await stream.get()
    assert [change async for change in stream] == []


async def test_overflow_error_reaches_a_loop(table: DataStore) -> None:
    """``async for`` raises `WatchOverflow` after the changes that were held."""
    seen: list[int] = []
    stream = DataStore.watch(table, 2)
    looping = asyncio.ensure_future(read_all(stream, seen))
    await settle()
    table._insert([{"k": k} for k in range(3)])
    with pytest.raises(WatchOverflow):
        await looping
    assert seen == [0, 1]
    full = table.watch(1)
    table._insert([{"k": 1}, {"k": 2}])
    full.close()
    with pytest.raises(StreamClosed):
        await full.get()


@pytest.mark.parametrize(("overflow", "kept"), [("drop_oldest", [3, 4, 5]), ("drop_newest", [0, 1, 2])])
def test_overflow_drop(table: DataStore, overflow: Any, kept: list[int]) -> None:
    """The other policies lose changes at one end, count them and go on."""
    stream = table.watch(maxsize=3, overflow=overflow)
    fill(table, 0, 1)
    table._insert([{"k": k} for k in range(2, 6)])
    assert stream.dropped == 3
    assert ks(stream) == kept
    fill(table, 9)
    assert ks(stream) == [9]
    table._insert([{"k": k} for k in range(20)])
    assert ks(stream) == ([17, 18, 19] if overflow == "drop_oldest" else [0, 1, 2])
    assert stream.dropped == 20


@pytest.mark.parametrize(
    ("maxsize", "overflow"), [(-1, "error"), (1.5, "error"), (None, "error"), (True, "error"), ("3", "error"), (3, "x")]
)
def test_bad_arguments(table: DataStore, maxsize: Any, overflow: Any) -> None:
    """A bound that is not a whole number, or an unknown policy, is refused and leaves nothing behind."""
    with pytest.raises(ConfigError):
        table.watch(maxsize, overflow)
    with pytest.raises(TypeError):
        StoreStream()  # type: ignore[call-arg]
    gc.collect()
    assert not table._mailboxes


def test_a_stream_begun_late_rebuilds_the_rest(table: DataStore) -> None:
    """Whoever copies the rows when the stream begins, and replays it, has the table."""
    fill(table, *range(5))
    replayed, stream = Replayed(table), table.watch()
    table._delete([{"k": 2}])
    fill(table, 3, 9)
    table._update([{"k": 0, "v": 1}])
    table._clear()
    fill(table, 7)
    replayed.apply(pending(stream))
    assert list(replayed) == list(table) == [{"k": 7}]
