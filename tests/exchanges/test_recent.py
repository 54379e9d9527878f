"""`Recent`: the latest notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topgun.exchanges._recent import Recent

if TYPE_CHECKING:
    import pytest


def test_the_oldest_note_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was noted first is forgotten first; a further note under a known key is no new one."""
    monkeypatch.setattr(Recent, "LIMIT", 2)
    recent = Recent()
    for key, what in (("a", 1), ("b", 2), ("b", 3)):
        recent.note(key, what)
    assert list(recent.items()) == [("a", 1), ("b", 3)]
    recent.note("c")
    assert list(recent.items()) == [("b", 3), ("c", None)]
    assert "a" not in recent


def test_there_is_room_for_many() -> None:
    """Ten thousand orders are remembered."""
    recent = Recent()
    for number in range(10_001):
        recent.note(number)
    assert (len(recent), min(recent)) == (10_000, 1)  # type: ignore[type-var]
