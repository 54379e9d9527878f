"""`WebSocketQueue`: messages of a socket, waiting for a task that reads them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ConfigError

if TYPE_CHECKING:
    from .response import ClientWebSocketResponse

__all__ = ["WebSocketQueue"]


class WebSocketQueue(asyncio.Queue[Any]):
    """A queue whose `onmessage` is a handler: ``hdlr_json=queue.onmessage``, then ``async for msg in queue``.

    Args:
        maxsize: How many messages may wait; 0 = any number.
        overflow: What happens to a message that finds the queue full: ``"error"`` (it is lost and the socket logs
            the error), ``"drop_oldest"`` (the oldest one makes room) or ``"drop_newest"`` (it is lost).

    Attributes:
        dropped: How many messages ``"drop_oldest"`` or ``"drop_newest"`` have lost so far.

    Raises:
        ConfigError: `overflow` is something else.
    """

    def __init__(self, maxsize: int = 0, *, overflow: Literal["error", "drop_oldest", "drop_newest"] = "error") -> None:
        if overflow not in ("error", "drop_oldest", "drop_newest"):
            raise ConfigError(f'overflow must be "error", "drop_oldest" or "drop_newest", not {overflow!r}')
        super().__init__(maxsize)
        self.dropped = 0
        self._overflow = overflow

    def onmessage(self, msg: Any, ws: ClientWebSocketResponse | None = None) -> None:
        """Put `msg` into the queue.

        Raises:
            asyncio.QueueFull: The queue is full and `overflow` is ``"error"``.
        """
        if self._overflow != "error" and self.full():
            self.dropped += 1
            if self._overflow == "drop_newest":
                return
            self.get_nowait()
            self.task_done()  # nobody will: without this join() would wait for ever
        self.put_nowait(msg)

    def __aiter__(self) -> WebSocketQueue:
        return self

    async def __anext__(self) -> Any:
        return await self.get()
