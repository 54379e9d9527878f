"""`Claims`: frames that somebody asked for, and that therefore do not reach the handlers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["Claim", "Claims"]

logger = logging.getLogger("topgun.ws")


class Claim(Awaitable[Any]):
    """A frame that is to come: await it.

    Not a future that holds the frame: what a login is answered may quote the login, and asyncio shows the results of
    futures in the reprs of the tasks that wait for them.
    """

    def __init__(self) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.frame: Any = None

    def __await__(self) -> Generator[Any, None, Any]:
        yield from self.over
        return self.frame


class Claims:
    """The open claims of one connection.

    Args:
        place: Where the connection leads to, for texts.

    Attributes:
        open: The claims not yet satisfied; the reader looks whether there are any.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self.open: dict[Claim, Callable[[Any], bool]] = {}
        self._ended = False

    def expect(self, match: Callable[[Any], bool]) -> Claim:
        """Claim the next frame that `match` accepts; the result raises ConnectionError if none comes any more."""
        claim = Claim()
        self.open[claim] = match
        claim.over.add_done_callback(lambda _: self.open.pop(claim, None))
        if self._ended:
            self.end()
        return claim

    def take(self, message: Any) -> bool:
        """Give `message` to the oldest claim that accepts it; return whether there is one."""
        for claim, match in list(self.open.items()):
            try:
                if not claim.over.done() and match(message):
                    claim.frame = message
                    claim.over.set_result(None)
                    del self.open[claim]
                    return True
            except Exception:
                logger.exception("%s: a claim could not read a frame", self._place)
        return False

    def end(self) -> None:
        """Fail every claim: the connection has ended."""
        self._ended = True
        for claim in self.open:
            if not claim.over.done():
                claim.over.set_exception(ConnectionError(f"{self._place}: the connection has ended"))
                claim.over.exception()  # read once: a claim that nobody awaits any more is not an error to report
