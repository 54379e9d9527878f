"""`Claims`: frames that somebody asked for, and that therefore do not reach the handlers."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Claims"]

logger = logging.getLogger("topgun.ws")


class Claims:
    """The open claims of one connection.

    Args:
        place: Where the connection leads to, for texts.

    Attributes:
        open: The claims not yet satisfied; the reader looks whether there are any.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self.open: dict[asyncio.Future[Any], Callable[[Any], bool]] = {}
        self._over = False

    def expect(self, match: Callable[[Any], bool]) -> asyncio.Future[Any]:
        """Claim the next frame that `match` accepts; the result raises ConnectionError if none comes any more."""
        claim: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.open[claim] = match
        claim.add_done_callback(lambda done: self.open.pop(done, None))
        if self._over:
            self.end()
        return claim

    def take(self, message: Any) -> bool:
        """Give `message` to the oldest claim that accepts it; return whether there is one."""
        for claim, match in list(self.open.items()):
            try:
                if not claim.done() and match(message):
                    claim.set_result(message)
                    del self.open[claim]
                    return True
            except Exception:
                logger.exception("%s: a claim could not read a frame", self._place)
        return False

    def end(self) -> None:
        """Fail every claim: the connection has ended."""
        self._over = True
        for claim in self.open:
            if not claim.done():
                claim.set_exception(ConnectionError(f"{self._place}: the connection has ended"))
                claim.exception()  # read once: a claim that nobody awaits any more is not an error to report
