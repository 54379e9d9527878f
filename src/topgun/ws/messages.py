"""`Messages`: what is sent on every connection, and how a subscription is taken back."""

from __future__ import annotations

import asyncio
import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

from .response import ClientWebSocketResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from ..exchange import Forget

__all__ = ["Message", "Messages"]


class Message(NamedTuple):
    """One message and the way it is sent."""

    send: Callable[[ClientWebSocketResponse, Any], Awaitable[None]]
    data: Any

    @classmethod
    def of(cls, data: Any) -> Message:
        """Return the message that `data` stands for: ``str`` and ``bytes`` as they are, anything else as JSON.

        Raises:
            TypeError: `data` cannot be sent as JSON.
        """
        if isinstance(data, str):
            return cls(ClientWebSocketResponse.send_str, data)
        if isinstance(data, bytes):
            return cls(ClientWebSocketResponse.send_bytes, data)
        json.dumps(data)  # a message that cannot be sent must not wait for the next connection to say so
        return cls(ClientWebSocketResponse.send_json, deepcopy(data))


class Messages:
    """The messages of one app, in the order they are sent.

    Args:
        texts: ``None``, one or a list.
        blobs: The same, sent after the texts.
        objects: The same, sent as JSON after the blobs.

    Attributes:
        lock: Held while they are sent, in one piece, and while they are changed.
    """

    def __init__(self, texts: Any, blobs: Any, objects: Any) -> None:
        self.lock = asyncio.Lock()
        self._messages = [
            *(Message(ClientWebSocketResponse.send_str, each) for each in _listed(texts)),
            *(Message(ClientWebSocketResponse.send_bytes, each) for each in _listed(blobs)),
            *(Message(ClientWebSocketResponse.send_json, each) for each in _listed(objects)),
        ]

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)

    def add(self, message: Message) -> None:
        """Remember `message` after the others."""
        self._messages.append(message)

    def remove(self, message: Message) -> None:
        """Take back the very `message` that was added."""
        self._messages = [each for each in self._messages if each is not message]

    def forget(self, message: Message, forget: Forget | None) -> None:
        """Drop what `message` cancels; where no `forget` can tell, remember `message` as well."""
        if forget is None or isinstance(message.data, str | bytes):
            self.add(message)
            return
        left = ((each, _left(each.data, message.data, forget)) for each in self._messages)
        self._messages = [each._replace(data=data) for each, data in left if data is not None]


def _left(data: Any, unsubscription: Any, forget: Forget) -> Any:
    return data if isinstance(data, str | bytes) else forget(data, unsubscription)


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, list) else [given]
