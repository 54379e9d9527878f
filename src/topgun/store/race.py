"""`Race`: which rows the stream has touched while a request was under way. They are newer than its response."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from ..typedefs import Item

    Pair: TypeAlias = tuple[Any, Item | None]

__all__ = ["Race"]


class Race:
    """What happens to one table between the sending of requests and their responses.

    An exchange takes a snapshot at some moment after the request was sent. What the stream says later than that is
    newer, and what it says earlier comes again in the snapshot; so for every row that the stream has touched since
    the request was sent, the stream is right. Without this, an order that is filled while a list of orders is on its
    way would come back with that list, and one that is placed meanwhile would go.

    Attributes:
        logs: For each request under way: the keys that the stream has touched, and whether their rows are there.
    """

    def __init__(self) -> None:
        self.logs: list[dict[Hashable, bool]] = []
        self._answer: dict[Hashable, bool] | None = None

    def begin(self) -> dict[Hashable, bool]:
        """Note from now on what the stream touches: a request is about to be sent."""
        log: dict[Hashable, bool] = {}
        self.logs.append(log)
        return log

    def end(self, log: dict[Hashable, bool]) -> None:
        """Note nothing more for that request."""
        self.logs = [each for each in self.logs if each is not log]

    @contextmanager
    def answering(self, log: dict[Hashable, bool]) -> Iterator[None]:
        """Take what is done to the table inside the ``with`` for what the response of that request says."""
        self._answer = log
        try:
            yield
        finally:
            self._answer = None

    def written(
        self, rows: Iterable[Item], key_of: Callable[[Item], Hashable], at: Callable[[Any], Item | None]
    ) -> Iterator[Item]:
        """Yield what is to be written of `rows`.

        Those of the stream are noted. Those of a response lose their fields to what the stream said since, and are
        left out where it took the row away.
        """
        for row in rows:
            try:
                key = key_of(row)
            except KeyError:
                continue
            if self._answer is None:
                self.note(key, there=True)
                yield row
            elif key not in self._answer:
                yield row
            elif self._answer[key]:
                yield {**row, **(at(key) or {})}

    def taken(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Yield which rows are to go: all that the stream takes away; of a response, those it has not touched."""
        for key, source in pairs:
            if self._answer is None:
                self.note(key, there=False)
                yield key, source
            elif key not in self._answer:
                yield key, source

    def note(self, key: Hashable, *, there: bool = True) -> None:
        """Note that the stream has touched the row of `key`; a table may also note what is no key of a row."""
        for log in self.logs:
            log[key] = there

    def overtook(self, key: Hashable) -> bool:
        """Return whether the stream has touched `key` since the response that is being taken was asked for."""
        return self._answer is not None and key in self._answer
