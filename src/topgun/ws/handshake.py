"""What a failed handshake means: whether to try again, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from ..errors import ConfigError, HandshakeRefused, TopgunError
from .backoff import retry_after
from .texts import describe

if TYPE_CHECKING:
    from ..clock import Instant

__all__ = ["asked_to_wait", "final"]

_FOR_GOOD = frozenset({401, 403, 404, 410})


def final(error: Exception, where: str) -> Exception | None:
    """Return what the caller shall see of `error` if trying again cannot help, else ``None``.

    Args:
        error: What opening the socket raised. aiohttp's own errors hold the request's headers, so none is returned.
        where: The target without its query.
    """
    if isinstance(error, TopgunError):
        return error
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return HandshakeRefused(where, error.status) if error.status in _FOR_GOOD else None
    if isinstance(error, ValueError):  # aiohttp.InvalidURL is one
        return ConfigError(f"url: no WebSocket can be opened to {where}: {describe(error)}")
    return None if isinstance(error, aiohttp.ClientError | OSError | TimeoutError) else error


def asked_to_wait(error: Exception, now: Instant) -> float:
    """Return for how many seconds the server asked to stay away."""
    if isinstance(error, aiohttp.ClientResponseError) and error.headers is not None:
        return retry_after(error.headers.get("Retry-After"), now)
    return 0.0
