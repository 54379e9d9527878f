"""`DataStore`: every step of the sample set, every deliberate difference, and a table against a plain model."""

from __future__ import annotations

import asyncio
import copy
import gc
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.store.models import Queue, Replayed, pending, scan, told, wakes
from tests.support import load
from topgun.store import DataStore, StoreStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from topgun.typedefs import Item

CASES = {case["name"]: case for case in load(Path(__file__).parent / "samples" / "store_ops.json")}

# What topgun does on purpose where the sample says something else: by case and step, the D number and the rest.
SAME_ROWS = [{"k": 0}, {"k": 1}, {"k": 2}]
IMPROVED: dict[tuple[str, int], tuple[str, dict[str, Any]]] = {
    ("keyed basics", 4): ("D04", {"wakes_wait": False}),  # no row had a key
    ("keyed basics", 5): ("D04", {"wakes_wait": False}),
    ("keyed basics", 6): ("D04", {"wakes_wait": False}),  # no row at all
    ("keyed basics", 19): ("D04", {"wakes_wait": False}),  # nothing of that key
    ("keyed basics", 20): ("D04", {"wakes_wait": False}),
    ("keyed basics", 21): (
        "D04",
        {"wakes_wait": True, "events": [["delete", {"k": 1, "b": 2, "c": 3}, {"k": 1, "b": 2, "c": 3}]]},
    ),
    ("keyed basics", 24): ("D04", {"wakes_wait": False}),  # empty before
    ("unkeyed basics", 2): ("D04", {"wakes_wait": False}),  # without keys nothing can be named
    ("unkeyed basics", 6): (
        "D21",
        {"rows": [{"a": 2}], "events": [["delete", None, {"a": 1}], ["delete", None, {"a": 1}]]},
    ),
    ("unkeyed basics", 7): ("D21", {"events": [], "wakes_wait": False}),  # so they are gone already
    ("unkeyed basics", 9): ("D04", {"wakes_wait": False}),
    ("maxlen keyed", 2): ("D03", {"events": [["insert", None, {"k": 3}], ["delete", None, {"k": 0, "hot": 1}]]}),
    ("maxlen keyed", 3): (
        "D03",
        {
            "events": [["insert", None, {"k": k}] for k in range(10, 20)]
            + [["delete", None, {"k": k}] for k in (1, 2, 3, 10, 11, 12, 13, 14, 15, 16)]
        },
    ),
    ("maxlen unkeyed", 0): (
        "D03",
        {"events": [["insert", None, {"k": k}] for k in range(5)] + [["delete", None, {"k": k}] for k in range(2)]},
    ),
    ("maxlen unkeyed", 1): ("D03", {"events": [["update", None, {"k": 9}], ["delete", None, {"k": 2}]]}),
    ("none and mixed types as key", 4): ("D04", {"wakes_wait": True}),  # a row came before the bad one
}
OPERATIONS: dict[str, Callable[..., Any]] = {
    "insert": DataStore._insert,
    "update": DataStore._update,
    "delete": DataStore._delete,
    "clear": DataStore._clear,
    "pop": DataStore._pop,
    "find_and_delete": DataStore._find_and_delete,
    "sorted": DataStore._sorted,
    "get": DataStore.get,
    "find": DataStore.find,
    "iter": list,
    "reversed": lambda table: list(reversed(table)),
    "len": len,
    "remove_where": lambda table, query: table._remove(list(table._find_with_uuid(query))),
    "find_with_uuid": lambda table, query: list(table._find_with_uuid(query).values()),
}


def kind(maxlen: int | None = 9999, indexes: tuple[str, ...] = ()) -> type[DataStore]:
    """Return a class of tables with that limit."""
    return type("Table", (DataStore,), {"_MAXLEN": maxlen, "_INDEXES": indexes})


@pytest.mark.parametrize("limit", [3, 100])
def test_rows_above_the_limit_go_unseen_too(limit: int) -> None:
    """The oldest rows go whether or not somebody watches, and however often that happens."""
    table = kind(limit)("t", ["k"])
    for number in range(5 * limit):
        table._insert([{"k": number}])
        assert [row["k"] for row in table] == list(range(max(0, number + 1 - limit), number + 1))
    table._check()


@pytest.mark.parametrize("name", CASES)
async def test_samples(name: str) -> None:
    """Each step of the sample set gives its rows, changes, result, error and wake-up, or the improved ones."""
    case = CASES[name]
    table = kind(case.get("maxlen", 9999))("sample", case["keys"], copy.deepcopy(case.get("data")))
    stream = table.watch()
    for number, step in enumerate(case["steps"]):
        expected = step | IMPROVED.get((name, number), ("", {}))[1]
        operation, *arguments = copy.deepcopy(step["op"])
        outcome: dict[str, Any] = {}

        def act(operation: str = operation, arguments: Any = arguments, outcome: Any = outcome) -> None:
            try:
                outcome["result"] = OPERATIONS[operation](table, *arguments)
            except TypeError as error:
                outcome["raises"] = type(error).__name__

        assert await wakes(table, act) == expected["wakes_wait"], (number, "wakes")
        assert outcome.get("raises") == expected.get("raises"), (number, "raises")
        assert outcome.get("result") == expected.get("result"), (number, "result")
        assert [list(change) for change in told(pending(stream))] == expected["events"], (number, "events")
        assert list(table) == expected["rows"], (number, "rows")
        table._check()


def test_improvements_are_differences() -> None:
    """Each deliberate difference names a step of the sample set that says something else."""
    for (name, number), (defect, expected) in IMPROVED.items():
        step = CASES[name]["steps"][number]
        assert defect in ("D03", "D04", "D21")
        assert all(step[what] != value for what, value in expected.items()), (name, number)


# -- the known defects ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "other"), [(-1, -2), (0, 2**61 - 1)])
@pytest.mark.parametrize("keys", [["k"], ["k", "p"]])
def test_d01_keys_of_equal_hash_are_two_rows(keys: list[str], one: int, other: int) -> None:
    """D01: keys that are different are different rows, whatever their hash."""
    assert hash(one) == hash(other)
    table = DataStore(keys=keys)
    table._insert([{"k": one, "p": 1}, {"k": other, "p": 1}])
    assert len(table) == 2
    assert table.get({"k": one, "p": 1}) == {"k": one, "p": 1}
    assert table.find({"k": other}) == [{"k": other, "p": 1}]
    table._delete([{"k": other, "p": 1}])
    assert list(table) == [{"k": one, "p": 1}]


@pytest.mark.parametrize("keys", [["k"], None])
def test_d03_a_row_that_falls_out_is_announced(keys: list[str] | None) -> None:
    """D03: the oldest rows above the limit go, however fresh, and each is announced as ``delete``."""
    table = kind(3)(keys=keys)
    stream = table.watch()
    replayed = Replayed(table)
    for number in range(50):
        table._insert([{"k": number}, {"k": number + 1000}][: 1 + number % 2])
        replayed.apply(pending(stream))
        assert list(replayed) == list(table)
        assert len(table) <= 3
        table._check()
    assert list(table) == [{"k": 48}, {"k": 49}, {"k": 1049}]


async def test_d04_wait_wakes_on_changes_only() -> None:
    """D04: calls that change nothing wake nobody; `_pop` does, and announces what it takes."""
    table = DataStore(keys=["k"], data=[{"k": 1}])
    for nothing in (
        lambda: table._insert([]),
        lambda: table._update([{"x": 1}]),
        lambda: table._delete([{"k": 9}, {"x": 1}]),
        lambda: table._remove([9]),
        lambda: table._find_and_delete({"k": 9}),
        lambda: table._pop({"k": 9}),
    ):
        assert not await wakes(table, nothing)
    stream = table.watch()
    assert await wakes(table, lambda: table._pop({"k": 1, "more": 2}))
    assert told(pending(stream)) == [("delete", {"k": 1}, {"k": 1})]
    unkeyed = DataStore()
    for nothing in (lambda: unkeyed._insert([]), unkeyed._clear, lambda: unkeyed._remove([1])):
        assert not await wakes(unkeyed, nothing)


async def test_d06_a_wait_that_is_given_up_leaves_nothing() -> None:
    """D06: waits that time out or are cancelled are forgotten at once."""
    table = DataStore(keys=["k"])
    waiting: Any = table._waiters._waiting
    for _ in range(5):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(table.wait(), 0.001)
        with pytest.raises(TimeoutError):
            await table.wait_for(lambda _: False, timeout=0.001)
    cancelled = asyncio.ensure_future(table.wait_for(lambda _: False))
    await asyncio.sleep(0)
    assert len(waiting) == 1
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    assert not waiting


def test_d21_find_and_delete_without_keys() -> None:
    """D21: from a table without keys the matches are removed as well, rows that are equal included."""
    table = DataStore(data=[{"a": 1}, {"a": 2}, {"a": 1}, {"b": 1}])
    assert table._find_and_delete({"a": 1}) == [{"a": 1}, {"a": 1}]
    assert list(table) == [{"a": 2}, {"b": 1}]
    assert table._find_and_delete({"a": 9}) == []
    assert table._find_and_delete({}) == [{"a": 2}, {"b": 1}]
    assert not len(table)


def test_d27_sorted_ignores_foreign_sides() -> None:
    """D27: a row of another side, or of none, is on neither side."""
    table = DataStore(keys=["side", "p"])
    table._insert([{"side": side, "p": p} for side, p in (("a", 2), ("b", 1), ("x", 1.5), ("a", "1.5"), (None, 3))])
    unkeyed = DataStore(data=[*table, {"p": 7}])
    sides = {"a": [{"side": "a", "p": "1.5"}, {"side": "a", "p": 2}], "b": [{"side": "b", "p": 1}]}
    for each in (table, unkeyed):
        assert each._sorted("side", "a", "b", "p") == sides
        assert each._sorted("side", "a", "b", "p", None, -1) == {"a": sides["a"][:1], "b": []}


# -- reading -------------------------------------------------------------------------------------------------------


def test_rows_are_copied_when_they_come() -> None:
    """What is inserted is copied: neither the caller's dict nor another table shares the row."""
    mine = {"k": 1, "nested": [1]}
    first, second, unkeyed = DataStore(keys=["k"], data=[mine]), DataStore(keys=["k"]), DataStore(data=[mine])
    second._update([mine])
    mine["k2"] = 2
    first._update([{"k": 1, "x": 1}])
    assert list(first) == [{"k": 1, "nested": [1], "x": 1}]
    assert list(second) == list(unkeyed) == [{"k": 1, "nested": [1]}]


def test_a_row_that_is_held_changes_with_the_table() -> None:
    """`get` gives the table's own row, which follows updates and replacements in its place."""
    table = DataStore(keys=["k"], data=[{"k": 1, "a": 1}, {"k": 2}])
    row = table.get({"k": 1})
    table._update([{"k": 1, "b": 2}])
    assert row == {"k": 1, "a": 1, "b": 2}
    table._insert([{"k": 1, "c": 3}])
    assert row == {"k": 1, "c": 3}
    assert row is next(iter(table))
    assert row is not None
    table._insert([row])  # itself
    assert list(table) == [{"k": 1, "c": 3}, {"k": 2}]


def test_a_row_that_is_handed_out_is_no_part_of_a_change() -> None:
    """What `_pop` and `_find_and_delete` return may be edited: the changes that were told stay as they are."""
    table = DataStore(keys=["k"], data=[{"k": 1, "a": 1}, {"k": 2, "a": 1}])
    unkeyed = DataStore(data=[{"a": 1}])
    streams = [table.watch(), unkeyed.watch()]
    for row in (table._pop({"k": 1}), *table._find_and_delete({"a": 1}), *unkeyed._find_and_delete({"a": 1})):
        assert row is not None
        row["a"] = "edited"
    told_of = [told(pending(stream)) for stream in streams]
    one, two = {"k": 1, "a": 1}, {"k": 2, "a": 1}
    assert told_of == [[("delete", one, one), ("delete", two, two)], [("delete", None, {"a": 1})]]


def test_find_keeps_the_order_of_the_table() -> None:
    """A row that is replaced keeps its place, also among those that an index finds."""
    table = DataStore(keys=["s", "p"], data=[{"s": "x", "p": p} for p in range(4)])
    assert len(table.find({"s": "x"})) == 4
    table._insert([{"s": "x", "p": 1, "again": True}])
    table._update([{"s": "x", "p": 2, "again": True}])
    assert [row["p"] for row in table.find({"s": "x"})] == [0, 1, 2, 3]
    assert table.find({"s": "x"}) == list(table)
    table._check()


def test_find_with_what_cannot_be_hashed() -> None:
    """A value that cannot be hashed, asked for or stored, is found by looking at every row."""
    table = kind(indexes=("tags",))(keys=["s", "p"])
    table._insert([{"s": "x", "p": 1, "tags": "a"}, {"s": "x", "p": 2, "tags": "b"}])
    assert table.find({"tags": "b"}) == [{"s": "x", "p": 2, "tags": "b"}]
    assert table.find({"tags": ["a"]}) == []
    table._update([{"s": "x", "p": 1, "tags": ["a"]}])
    table._check()
    assert table.find({"tags": ["a"]}) == [{"s": "x", "p": 1, "tags": ["a"]}]
    assert table.find({"tags": "b", "s": "x"}) == [{"s": "x", "p": 2, "tags": "b"}]
    assert table.find({"s": ["x"], "p": 1}) == []
    table._insert([{"s": "x", "p": 1, "tags": "a"}])
    assert table.find({"tags": "a"}) == [{"s": "x", "p": 1, "tags": "a"}]
    with pytest.raises(TypeError):
        table.get({"s": ["x"], "p": 1})


def test_rows_edited_behind_the_back_are_not_found_wrongly() -> None:
    """A row whose indexed field a program has edited is not given for its old value, and can still be removed."""
    table = DataStore(keys=["s", "p"], data=[{"s": "x", "p": 1}, {"s": "x", "p": 2}])
    assert len(table.find({"s": "x"})) == 2
    row = table.get({"s": "x", "p": 1})
    assert row is not None
    row["s"] = "y"
    assert table.find({"s": "x"}) == [{"s": "x", "p": 2}]
    assert table._pop({"s": "x", "p": 1}) is row
    assert list(table) == [{"s": "x", "p": 2}]
    table._check()


def test_names_and_texts() -> None:
    """A table says what it is; it is falsy when empty; keys given as empty fall back to those of the class."""

    class Mine(DataStore):
        _KEYS: ClassVar = ["k"]

        def _init(self) -> None:
            self.seen = len(self)

    table = Mine("orders", [], iter([{"k": 1}, {"k": 1}]))
    assert (table.name, table.seen, repr(table)) == ("orders", 1, "<Mine orders 1 rows>")
    assert not DataStore()
    assert DataStore().name == ""
    assert table.state() == "stale"
    table._onmessage({}, None)
    table._onresponse({}, None)  # type: ignore[arg-type]
    assert list(table) == [{"k": 1}]


# -- failing and re-entering ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [DataStore._insert, DataStore._update])
async def test_a_batch_that_fails_keeps_and_tells_what_came_before(write: Callable[..., None]) -> None:
    """Rows before the one that cannot be taken stay, are announced and wake; the limit holds."""
    table = kind(2)(keys=["k"], data=[{"k": 0}])
    stream, replayed = table.watch(), Replayed(table)

    def rows() -> Any:
        yield {"k": 1}
        yield {"k": 2}
        raise OSError("the rows broke off")

    def act() -> None:
        with pytest.raises(OSError, match="broke off"):
            write(table, rows())

    assert await wakes(table, act)
    replayed.apply(pending(stream))
    assert list(table) == list(replayed) == [{"k": 1}, {"k": 2}]
    with pytest.raises(TypeError):
        table._remove([1, [2], 2])
    replayed.apply(pending(stream))
    assert list(table) == list(replayed) == [{"k": 2}]
    table._check()


def test_a_batch_without_keys_comes_whole_or_not_at_all() -> None:
    """Where every row is kept as it comes, one that is no row leaves the table as it was."""
    table = DataStore()
    with pytest.raises((TypeError, ValueError)):
        table._insert([{"a": 1}, 7])  # type: ignore[list-item]
    assert not len(table)


def test_rows_made_from_the_table_itself() -> None:
    """A table can be changed by what it yields itself."""
    table = kind(4)(keys=["k"], data=[{"k": k} for k in range(4)])
    table._update({**row, "v": 1} for row in table)
    table._insert({"k": row["k"], "w": 2} for row in table)
    assert list(table) == [{"k": k, "w": 2} for k in range(4)]
    table._delete(row for row in table if row["k"] % 2)
    table._remove(table._find_with_uuid({"k": 0}))
    assert list(table) == [{"k": 2, "w": 2}]
    unkeyed = DataStore(data=[{"k": 1}])
    unkeyed._insert(unkeyed)
    assert list(unkeyed) == [{"k": 1}, {"k": 1}]


def test_remove_by_identity() -> None:
    """Of rows that are equal exactly the one that was named is removed, once."""
    table = DataStore(data=[{"a": 1}, {"a": 1}, {"a": 2}])
    uuids = table._find_with_uuid({"a": 1})
    first, second = uuids
    table._remove([second, second])
    assert next(iter(table)) is uuids[first]
    assert list(table) == [{"a": 1}, {"a": 2}]
    table._remove([second])
    assert len(table) == 2
    assert list(table._find_with_uuid().values()) == list(table)


def test_put_announces_and_set_wakes() -> None:
    """`_put` tells of a change that a subclass made itself, as a copy."""
    table = DataStore(data=[{"a": 1}])
    table._put("update", None, {"a": 0})  # nobody watches
    stream, row = table.watch(), next(iter(table))
    row["a"] = 2
    table._put("update", {"a": 2}, row)
    row["a"] = 3
    assert told(pending(stream)) == [("update", {"a": 2}, {"a": 2})]


# -- waiting -------------------------------------------------------------------------------------------------------


async def test_wait_for() -> None:
    """The predicate is asked at once and after each change; what it returns is returned, what it raises raised."""
    table = DataStore(keys=["k"])
    assert await table.wait_for(lambda it: it._keys, timeout=0) == ("k",)
    asked = []

    def second(it: DataStore) -> Item | None:
        asked.append(len(it))
        return it.get({"k": 2})

    waiting = asyncio.ensure_future(table.wait_for(second))
    await asyncio.sleep(0)
    for k in (1, 2):
        table._insert([{"k": k}])
        await asyncio.sleep(0)
    assert await waiting == {"k": 2}
    assert asked == [0, 1, 2]
    with pytest.raises(TimeoutError):
        await table.wait_for(lambda _: False, timeout=0)
    with pytest.raises(ZeroDivisionError):
        await table.wait_for(lambda _: 1 / 0)


async def test_a_predicate_may_change_the_table() -> None:
    """A predicate that changes the table neither loops nor loses the wake-up of another one."""
    table = DataStore(keys=["k"])

    def greedy(it: DataStore) -> Item | None:
        it._insert([{"k": "asked"}])
        return it._pop({"k": 1})

    first, second = (asyncio.ensure_future(table.wait_for(greedy)) for _ in range(2))
    await asyncio.sleep(0)
    table._insert([{"k": 1}])
    for _ in range(3):
        await asyncio.sleep(0)
    assert first.done() != second.done()
    table._insert([{"k": 1}])
    assert await asyncio.gather(first, second) == [{"k": 1}] * 2


def test_a_table_dies_with_its_last_holder() -> None:
    """A table is held by nothing but its users and its streams: no cycle keeps it."""
    gc.disable()
    try:
        table = DataStore(keys=["s", "p"], data=[{"s": 1, "p": 2}])
        table.find({"s": 1})
        stream: StoreStream | None = table.watch()
        dead = weakref.ref(table)
        del table
        assert dead() is not None
        stream = None  # noqa: F841  (the last holder lets go)
        assert dead() is None
    finally:
        gc.enable()


# -- a table against a model ---------------------------------------------------------------------------------------

KEYS = st.sampled_from([-1, -2, 0, 2**61 - 1, 1, True, 1.0, "1", None])
VALUES: st.SearchStrategy[Any] = st.sampled_from([None, 0, 1, -1, "x", [], [1], 2.5])
ROWS = st.lists(
    st.fixed_dictionaries({}, optional={"k": KEYS, "p": st.integers(-2, 1), "a": VALUES, "b": VALUES}), max_size=4
)
QUERIES = st.none() | st.fixed_dictionaries(
    {}, optional={"k": KEYS | st.just([]), "p": st.integers(-2, 1), "a": VALUES, "z": VALUES}
)


class Model:
    """A table in its plainest form: a list of rows."""

    def __init__(self, keys: tuple[str, ...], maxlen: int | None) -> None:
        self.keys = keys
        self.rows: list[Item] = []
        self._maxlen = maxlen

    def write(self, rows: list[Item], *, merge: bool) -> None:
        for row in rows:
            if any(key not in row for key in self.keys):
                continue
            old = self.find_key(row)
            if old is None:
                self.rows.append(dict(row))
            else:
                self.rows[self.rows.index(old)] = {**old, **row} if merge else dict(row)
        if self._maxlen is not None:
            del self.rows[: max(0, len(self.rows) - self._maxlen)]

    def find_key(self, row: Item) -> Item | None:
        if not self.keys or any(key not in row for key in self.keys):
            return None
        return next((old for old in self.rows if all(old[key] == row[key] for key in self.keys)), None)

    def remove(self, gone: list[Item]) -> None:
        """Remove rows by identity."""
        self.rows = [row for row in self.rows if not any(row is each for each in gone)]


class Watcher:
    """A stream opened at some moment and read now and then, with what it must hold."""

    def __init__(self, table: DataStore, maxsize: int, overflow: Any) -> None:
        self.stream = table.watch(maxsize, overflow)
        self.queue = Queue(maxsize, overflow)

    def check(self) -> None:
        assert len(self.stream) == len(self.queue.held)
        assert self.stream.dropped == self.queue.dropped

    def read(self, limit: int | None = None) -> None:
        for change in pending(self.stream, limit):
            assert change is self.queue.held.popleft()  # the very object that the others get


async def give_up(stream: StoreStream) -> None:
    """Wait for a change of a stream that has none, and be cancelled."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await stream.get()
    assert not stream._box.readers._waiting


class TableMachine(RuleBasedStateMachine):
    """Random operations on a table and on its model, with streams that come, go and are slow."""

    keys: tuple[str, ...] = ("k",)
    maxlen: int | None = 9999
    indexes: tuple[str, ...] = ()

    @initialize()
    def begin(self) -> None:
        self.number = 0
        self.table = kind(self.maxlen, self.indexes)("model", self.keys)
        self.model = Model(self.keys, self.maxlen)
        self.witness = self.table.watch()
        self.replayed = Replayed(self.table)
        self.watchers: list[Watcher] = []

    def follow(self) -> None:
        """Read what the witness was told, and give it to everybody else who watches."""
        changes = pending(self.witness)
        self.replayed.apply(changes)
        for watcher in self.watchers:
            watcher.queue.put(changes)

    def numbered(self, rows: list[Item]) -> list[Item]:
        """Without keys rows get a number, since of equal ones nobody could tell which of them went."""
        if self.keys:
            return rows
        self.number += len(rows)
        return [{**row, "n": self.number + place} for place, row in enumerate(rows)]

    @rule(rows=ROWS, merge=st.booleans())
    def write(self, rows: list[Item], merge: bool) -> None:
        rows = self.numbered(rows)
        (self.table._update if merge else self.table._insert)(copy.deepcopy(rows))
        self.model.write(rows, merge=merge)

    @rule(rows=ROWS)
    def delete(self, rows: list[Item]) -> None:
        self.table._delete(copy.deepcopy(rows))
        self.model.remove([old for row in rows if (old := self.model.find_key(row)) is not None])

    @rule(rows=ROWS.filter(bool))
    def get_and_pop(self, rows: list[Item]) -> None:
        old = self.model.find_key(rows[0])
        assert self.table.get(rows[0]) == old
        assert self.table._pop(rows[0]) == old
        if old is not None:
            self.model.remove([old])

    @rule(query=QUERIES, picks=st.sets(st.integers(0, 5)))
    def remove(self, query: Item | None, picks: set[int]) -> None:
        found, expected = self.table._find_with_uuid(query), scan(self.model.rows, query)
        assert list(found.values()) == expected
        self.table._remove([uuid for place, uuid in enumerate(found) if place in picks])
        self.model.remove([row for place, row in enumerate(expected) if place in picks])

    @rule(query=QUERIES)
    def find_and_delete(self, query: Item | None) -> None:
        expected = scan(self.model.rows, query)
        assert self.table._find_and_delete(query) == expected
        self.model.remove(expected)

    @rule(query=QUERIES)
    def find(self, query: Item | None) -> None:
        found = self.table.find(query)
        assert found == scan(self.model.rows, query)
        assert all(any(row is own for own in self.table) for row in found)

    @rule()
    def clear(self) -> None:
        self.table._clear()
        self.model.rows.clear()

    @rule(maxsize=st.integers(0, 3), overflow=st.sampled_from(["error", "drop_oldest", "drop_newest"]))
    def watch(self, maxsize: int, overflow: str) -> None:
        self.watchers.append(Watcher(self.table, maxsize, overflow))

    @precondition(lambda self: self.watchers)
    @rule(which=st.integers(0, 9), limit=st.none() | st.integers(0, 3))
    def read(self, which: int, limit: int | None) -> None:
        self.watchers[which % len(self.watchers)].read(limit)

    @precondition(lambda self: self.watchers)
    @rule(which=st.integers(0, 9))
    def give_up(self, which: int) -> None:
        watcher = self.watchers[which % len(self.watchers)]
        if not len(watcher.stream) and not watcher.queue.failed:
            asyncio.run(give_up(watcher.stream))

    @precondition(lambda self: self.watchers)
    @rule(which=st.integers(0, 9), times=st.integers(0, 2))
    def leave(self, which: int, times: int) -> None:
        watcher = self.watchers.pop(which % len(self.watchers))
        for _ in range(times):  # without any, nobody holds the stream from here on
            watcher.stream.close()
            assert len(watcher.stream) == 0

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "table"):
            return
        self.table._check()
        assert list(self.table) == self.model.rows
        assert list(reversed(self.table)) == self.model.rows[::-1]
        assert len(self.table) == len(self.model.rows)
        self.follow()
        assert list(self.replayed) == self.model.rows
        for watcher in self.watchers:
            watcher.check()
        if len(self.table._mailboxes) != 1 + len(self.watchers):
            gc.collect()  # a reader that was cancelled is a cycle of its error and its frames
        assert len(self.table._mailboxes) == 1 + len(self.watchers)

    def teardown(self) -> None:
        for watcher in getattr(self, "watchers", []):
            watcher.read()


@pytest.mark.parametrize("keys", [("k",), ("k", "p"), ()], ids=["one key", "two keys", "no key"])
@pytest.mark.parametrize("maxlen", [None, 3], ids=["unlimited", "three"])
@pytest.mark.parametrize("indexes", [(), ("a", "p")], ids=["plain", "indexed"])
def test_model(keys: tuple[str, ...], maxlen: int | None, indexes: tuple[str, ...]) -> None:
    """A table equals a list under random operations, `find` a scan, and every stream rebuilds it."""
    machine: Any = type("Machine", (TableMachine,), {"keys": keys, "maxlen": maxlen, "indexes": indexes})
    case = machine.TestCase()
    case.settings = settings(max_examples=30, stateful_step_count=25, deadline=None, derandomize=True)
    case.runTest()
