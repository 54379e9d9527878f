"""What a table must see in a row before it believes it."""

from __future__ import annotations

from typing import Any

import pytest

from topgun.exchanges._rows import one_or_more, row_of, rows_of

SOUND = {"id": "1", "number": 2, "other": None}


@pytest.mark.parametrize("needed", [(), ("id",), ("id", "number")])
def test_sound_rows(needed: tuple[str, ...]) -> None:
    """A row with a text or a whole number where one is needed is returned as it is."""
    assert row_of(SOUND, needed) is SOUND
    rows = [SOUND, SOUND]
    assert rows_of(rows, needed) is rows
    assert one_or_more(rows, needed) is rows
    assert one_or_more(SOUND, needed) == [SOUND]
    assert rows_of([], needed) == one_or_more([], needed) == []


@pytest.mark.parametrize("junk", [None, 1, "x", [SOUND], [[]]], ids=repr)
def test_what_is_no_row(junk: Any) -> None:
    """It is named, cut to a hundred characters."""
    with pytest.raises(TypeError, match="not a row: "):
        row_of(junk)
    with pytest.raises(TypeError, match="not a row: "):
        rows_of([SOUND, junk])


@pytest.mark.parametrize("junk", [None, 1, "x", SOUND, (SOUND,)], ids=repr)
def test_what_is_no_list(junk: Any) -> None:
    """Where a list is due, one row is none."""
    with pytest.raises(TypeError, match="not a list of rows: "):
        rows_of(junk)


@pytest.mark.parametrize("value", [..., None, 1.5, [], {}, b"x"], ids=repr)
def test_fields_that_are_needed(value: Any) -> None:
    """They must be there, and be something that can name a row."""
    row = {} if value is ... else {"id": value}
    for read, given in ((row_of, row), (rows_of, [row]), (one_or_more, row)):
        with pytest.raises(TypeError, match="a row without id"):
            read(given, ("id",))  # type: ignore[operator]
