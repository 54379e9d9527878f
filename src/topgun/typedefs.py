"""Names for the shapes that appear in public signatures; nothing here does anything at run time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from typing import Protocol

    from aiohttp import ClientResponse

    from .ws import ClientWebSocketResponse

    class RequestContextManager(Awaitable[ClientResponse], AbstractAsyncContextManager[ClientResponse], Protocol):
        """What ``client.get(...)`` returns: ``await`` it, or open it with ``async with``."""

else:
    RequestContextManager = Any

__all__ = [
    "APICredentialsDict",
    "Item",
    "JsonLoads",
    "RequestContextManager",
    "WsBytesHandler",
    "WsJsonHandler",
    "WsStrHandler",
]

Item: TypeAlias = dict[str, Any]
"""One row of a table, with the field names of the exchange."""

APICredentialsDict: TypeAlias = dict[str, list[str]]
"""``{"exchange": [key, secret]}`` or ``[key, secret, passphrase]``."""

JsonLoads: TypeAlias = Callable[[str | bytes], Any]

WsStrHandler: TypeAlias = "Callable[[str, ClientWebSocketResponse], object]"
WsBytesHandler: TypeAlias = "Callable[[bytes, ClientWebSocketResponse], object]"
WsJsonHandler: TypeAlias = "Callable[[Any, ClientWebSocketResponse], object]"
