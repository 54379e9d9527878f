"""`SequenceGuard`: whether the next change of a numbered book fits. No I/O."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["SequenceGuard", "Verdict"]

Verdict: TypeAlias = Literal["apply", "drop", "gap", "buffer"]


class SequenceGuard:
    """Decides for one book whether a numbered change is applied.

    Attributes:
        last: The number of the last change that was applied; ``None`` before a snapshot and after a gap.
    """

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last: int | None = None

    def snapshot(self, last: int) -> None:
        """Start anew from a snapshot that holds all changes up to number `last`.

        Raises:
            ValueError: `last` is not a whole number.
        """
        self.last = _whole(last)

    def forget(self) -> None:
        """Wait for the next snapshot."""
        self.last = None

    def update(self, first: int, last: int) -> Verdict:
        """Judge a message with the changes from number `first` to number `last`.

        Returns:
            ``"apply"``: it follows; it counts as applied from now on. ``"drop"``: all of it is known. ``"gap"``:
            something before it is missing; until the next snapshot nothing fits. ``"buffer"``: there is no snapshot.

        Raises:
            ValueError: A number is not a whole number, or `first` is above `last`.
        """
        if type(first) is not int or type(last) is not int or first > last:
            raise ValueError(f"no sequence numbers: {_whole(first)} to {_whole(last)}")
        known = self.last
        if known is None:
            return "buffer"
        if last <= known:
            return "drop"
        if first > known + 1:
            self.last = None
            return "gap"
        self.last = last
        return "apply"


def _whole(number: object) -> int:
    if type(number) is not int:
        raise ValueError(f"a sequence number must be a whole number, not {number!r}")
    return number
