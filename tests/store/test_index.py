"""`FieldIndex`: the rows of one value, in the order of the table, whatever happened to them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.models import scan
from topgun.store.index import FieldIndex

Rows = dict[Any, dict[str, Any]]


def found(index: FieldIndex, value: Any, rows: Rows) -> list[Any]:
    """Return the keys of the rows that are filed under `value`."""
    return [key for key, _ in index.pairs(value, rows)]


def test_rows_by_value() -> None:
    """Rows that are there, come and go are found by their value, in order; one without the field by ``None``."""
    rows: Rows = {key: {"a": key % 2} for key in range(4)}
    index = FieldIndex("a", rows.items())
    assert found(index, 1, rows) == [1, 3]
    rows[9] = {"b": 1}
    index.add(9, rows[9])
    index.remove(1)
    del rows[1]
    assert found(index, 1, rows) == [3]
    assert found(index, None, rows) == [9]
    assert found(index, "nothing", rows) == []
    assert index.keys() == rows.keys()
    assert [row for _, row in index.pairs(0, rows)] == [rows[0], rows[2]]


def test_a_row_that_changes_its_value_keeps_the_order_of_the_table() -> None:
    """A row that comes to a value late is found where it stands in the table, not at the end."""
    rows: Rows = {key: {"a": "open"} for key in range(3)}
    index = FieldIndex("a", rows.items())
    for value in ("done", "open"):
        rows[0]["a"] = value
        index.add(0, rows[0])
        assert found(index, "open", rows) == [key for key, row in rows.items() if row["a"] == "open"]
    assert found(index, "done", rows) == []


def test_a_row_that_was_edited_can_be_removed() -> None:
    """What a program changed in a row behind the table's back does not keep it in the index."""
    rows: Rows = {1: {"a": 1}, 2: {"a": 1}}
    index = FieldIndex("a", rows.items())
    rows[1]["a"] = [1]
    index.remove(1)
    assert found(index, 1, rows) == [2]
    index.remove(2)
    assert not index.keys()
    assert not index._buckets


def test_what_cannot_be_hashed_cannot_be_indexed() -> None:
    """A value that cannot be hashed raises, when the index is made and later."""
    with pytest.raises(TypeError):
        FieldIndex("a", [(1, {"a": 1}), (2, {"a": []})])
    index = FieldIndex("a", [(1, {"a": 1})])
    with pytest.raises(TypeError):
        index.add(1, {"a": []})
    with pytest.raises(TypeError):
        index.pairs([], {})


VALUES = st.sampled_from([0, 1, True, "1", None, -1, -2])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(["put", "edit", "remove"]), st.integers(0, 5), VALUES), max_size=30))
def test_model(steps: list[tuple[str, int, Any]]) -> None:
    """After any steps every value has exactly the rows that a scan of the table finds."""
    rows: Rows = {}
    index = FieldIndex("a", ())
    for step, key, value in steps:
        if step == "remove":
            if key in rows:
                index.remove(key)
                del rows[key]
        elif step == "put" or key not in rows:
            rows.setdefault(key, {"key": key}).update({"a": value})
            index.add(key, rows[key])
        else:
            rows[key] |= {"a": value}
            index.add(key, rows[key])
        assert index.keys() == rows.keys()
        for wanted in (0, 1, "1", None, -1, -2, "nothing"):
            assert [row for _, row in index.pairs(wanted, rows)] == scan(rows.values(), {"a": wanted})
