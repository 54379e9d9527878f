"""`Chain`: whether the next change of a book follows; each one names the number of the one before. No I/O."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["Chain", "Verdict"]

Verdict: TypeAlias = Literal["apply", "drop", "gap", "buffer"]


class Chain:
    """Decides for one book whether a change is applied.

    The numbers rise in steps of any size. Two things look odd and are sound: a change with the same number twice says
    that nothing has happened for a minute; one with a number below the one before it begins a new count after a
    maintenance, and follows as long as it names the number before.

    Attributes:
        last: The number of the last change that was applied; ``None`` before a snapshot and after a gap.

    https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
    """

    __slots__ = ("_before", "_joining", "last")

    def __init__(self) -> None:
        self.last: int | None = None
        self._before: int | None = None
        self._joining = False

    def snapshot(self, last: object, *, joining: bool = False) -> None:
        """Start anew from a snapshot that holds all changes up to number `last`.

        Args:
            last: The number; ``None`` where only snapshots come.
            joining: It came on another way, so it may lie between the numbers of the changes, or after some of them.

        Raises:
            ValueError: `last` is not a whole number.
        """
        if type(last) is not int and last is not None:
            raise ValueError(f"a sequence number must be a whole number, not {last!r}")
        self.last, self._before, self._joining = last, None, joining

    def forget(self) -> None:
        """Wait for the next snapshot."""
        self.last = None

    def update(self, before: object, number: object) -> Verdict:
        """Judge a change.

        Args:
            before: The number of the change before it (``prevSeqId``).
            number: Its own (``seqId``).

        Returns:
            ``"apply"``: it follows; it counts as applied from now on. ``"drop"``: it is known. ``"gap"``: something
            before it is missing; until the next snapshot nothing fits. ``"buffer"``: there is no snapshot.

        Raises:
            ValueError: A number is not a whole number.
        """
        if type(before) is not int or type(number) is not int:
            raise ValueError(f"no sequence numbers: {before!r} and {number!r}")
        last = self.last
        if last is None:
            return "buffer"
        if before == last or (self._joining and before <= last < number):
            self._before, self.last, self._joining = before, number, False
            return "apply"
        if (self._joining and before <= number <= last) or (before, number) == (self._before, last):
            return "drop"
        self.last = None
        return "gap"
