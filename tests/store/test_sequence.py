"""`SequenceGuard`: a numbered book is carried on only by what follows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topgun.store import SequenceGuard


def test_verdicts() -> None:
    """What follows or overlaps is applied, what is known dropped; a gap makes everything wait for a snapshot."""
    guard = SequenceGuard()
    assert guard.last is None
    assert guard.update(5, 6) == "buffer"
    guard.snapshot(10)
    assert [guard.update(*pair) for pair in [(8, 9), (10, 10), (11, 11), (10, 13), (14, 20)]] == [
        "drop",
        "drop",
        "apply",
        "apply",
        "apply",
    ]
    assert guard.last == 20
    assert guard.update(22, 22) == "gap"
    assert guard.last is None
    assert guard.update(23, 23) == "buffer"
    guard.snapshot(22)
    assert guard.update(23, 23) == "apply"
    guard.snapshot(1)  # a service that began anew
    assert (guard.update(2, 2), guard.last) == ("apply", 2)
    guard.forget()
    assert guard.update(3, 3) == "buffer"


@pytest.mark.parametrize(
    "pair", [("1", 1), (1, "1"), (1.0, 1), (1, None), (True, 1), (1, True), (3, 2), ([], 1)], ids=repr
)
@pytest.mark.parametrize("begun", [True, False])
def test_what_is_no_number_is_refused(pair: tuple[Any, Any], begun: bool) -> None:
    """Anything but whole numbers in order raises and changes nothing."""
    guard = SequenceGuard()
    if begun:
        guard.snapshot(0)
    with pytest.raises(ValueError, match="sequence number"):
        guard.update(*pair)
    assert guard.last == (0 if begun else None)


@pytest.mark.parametrize("number", ["1", 1.0, None, True])
def test_a_snapshot_needs_a_number(number: Any) -> None:
    """A snapshot without a whole number raises, and the guard is as it was."""
    guard = SequenceGuard()
    guard.snapshot(7)
    with pytest.raises(ValueError, match="must be a whole number"):
        guard.snapshot(number)
    assert guard.last == 7


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(-5, 2**63), st.lists(st.sampled_from([0, 0, 0, 0, 0, 0, -1, -2, -5, 1, 3]), max_size=40))
def test_what_is_applied_has_no_hole(start: int, steps: list[int]) -> None:
    """After n times "apply" since the snapshot exactly start+1 .. start+n were applied, each once and in order.

    Updates come in order (0), again or late (below 0), or after others that are late or lost (above 0). Once one is
    missing, nothing more is applied.
    """
    guard, following, verdicts = SequenceGuard(), start + 1, []
    guard.snapshot(start)
    for step in steps:
        number = following + step
        following = max(following, number + 1)
        verdicts.append((number, guard.update(number, number)))
    applied = [number for number, verdict in verdicts if verdict == "apply"]
    assert applied == list(range(start + 1, start + 1 + len(applied)))
    kinds = [verdict for _, verdict in verdicts]
    whole = kinds[: kinds.index("gap")] if "gap" in kinds else kinds
    assert set(whole) <= {"apply", "drop"}
    assert set(kinds[len(whole) + 1 :]) <= {"buffer"}
    assert guard.last == (None if "gap" in kinds else start + len(applied))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(-5, 2**63), st.integers(1, 30), st.integers(0, 5))
def test_a_feed_without_losses_is_applied_whole(start: int, count: int, repeats: int) -> None:
    """In order, each followed by older ones again, every update is applied and no repetition is."""
    guard = SequenceGuard()
    guard.snapshot(start)
    for number in range(start + 1, start + count + 1):
        assert guard.update(number, number) == "apply"
        assert [guard.update(number - back, number - back) for back in range(repeats)] == ["drop"] * repeats
    assert guard.last == start + count


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_a_wrong_book_is_never_called_right(data: st.DataObject) -> None:
    """Snapshots, duplicates, late and missing changes in any order: what was applied is always the venue's book."""
    truth = [dict[int, int]()]  # the book after each change
    changes = data.draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=12))
    for price, size in changes:
        truth.append({**truth[-1], price: size})
    frames = st.one_of(
        st.tuples(st.just("snapshot"), st.integers(0, len(changes)), st.just(0)),
        st.tuples(st.just("update"), st.integers(1, len(changes)), st.integers(0, 2)),
    )
    guard, book = SequenceGuard(), dict[int, int]()
    for kind, number, more in data.draw(st.lists(frames, max_size=30)):
        if kind == "snapshot":
            guard.snapshot(number)
            book = dict(truth[number])
        else:
            last = min(number + more, len(changes))
            before, verdict = guard.last, guard.update(number, last)
            if verdict == "apply":
                book |= dict(changes[number - 1 : last])
            assert (verdict == "buffer") == (before is None)
            if before is not None:
                expected = "drop" if last <= before else "gap" if number > before + 1 else "apply"
                assert verdict == expected
        if guard.last is not None:
            assert book == truth[guard.last]
