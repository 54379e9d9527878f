"""The two ends of a request: what a caller wrote, turned into what aiohttp takes; and what came back."""

from __future__ import annotations

import json
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from .auth import Auth
from .errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from .typedefs import JsonLoads

__all__ = ["FetchResult", "NotJSONContent", "PendingRequest", "authorized", "decode", "join", "with_params"]

_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass
class NotJSONContent:
    """What `FetchResult.data` is when the body is not JSON; always false.

    Args:
        error: Where and why decoding ended.
    """

    error: json.JSONDecodeError

    def __bool__(self) -> bool:
        return False


@dataclass
class FetchResult:
    """What `Client.fetch` returns.

    Args:
        response: The response, read to its end and released.
        text: The body as text.
        data: The decoded JSON; ``None`` for an empty body; `NotJSONContent` for anything else.
    """

    response: aiohttp.ClientResponse
    text: str
    data: Any


def join(base_url: str, url: str | URL) -> URL:
    """Return where `url` leads: itself, or below `base_url` (joined as text, but never to another host).

    Raises:
        ConfigError: There is neither a scheme nor a base URL, or the result is not a URL.
    """
    text = str(url)
    if _HAS_SCHEME.match(text):
        return url if isinstance(url, URL) else _parse(text)
    base = _parse(base_url)
    if not base.host:
        raise ConfigError(f"url {_shown(text)!r} has no scheme: give the full URL, or Client(base_url=...)")
    try:
        target = URL(base_url + text)
    except ValueError:
        target = URL()
    if (target.scheme, target.authority) != (base.scheme, base.authority):
        target = _parse(f"{base_url}/{text}")
    return target


def with_params(url: URL, params: Any) -> URL:
    """Return `url` with `params` after the query it has; equal names stay side by side.

    Raises:
        TypeError: A value is a bool or ``None``: venues spell those differently, so write the text.
    """
    return url.extend_query(params) if params else url


def authorized(headers: Any, auth: object) -> CIMultiDict[str]:
    """Return a copy of the caller's headers, with the one that an ``aiohttp.BasicAuth`` stands for.

    Raises:
        ConfigError: There are two kinds of authorization.
        TypeError: `auth` is something else.
    """
    merged: CIMultiDict[str] = CIMultiDict(headers or ())
    if isinstance(auth, aiohttp.BasicAuth):
        if "Authorization" in merged:
            raise ConfigError("give auth= or an Authorization header, not both")
        merged["Authorization"] = auth.encode()
    elif auth is not None and auth is not Auth:
        kind = type(auth).__name__
        raise TypeError(f"auth must be topgun.Auth (sign), None (do not) or an aiohttp.BasicAuth, not {kind}")
    return merged


def decode(text: str, json_loads: JsonLoads) -> Any:
    """Return the JSON of a body, ``None`` for an empty one, `NotJSONContent` where `json_loads` cannot decode it."""
    if not text:
        return None
    try:
        return json_loads(text)
    except json.JSONDecodeError as error:
        return NotJSONContent(error)
    except (ValueError, RecursionError) as error:
        return NotJSONContent(json.JSONDecodeError(str(error), text, 0))


def _parse(text: str) -> URL:
    try:
        return URL(text)
    except ValueError as error:
        reason = str(error)
    raise ConfigError(f"url {_shown(text)!r} is not a URL: {reason}")


def _shown(text: str) -> str:
    return text.partition("?")[0]


class PendingRequest(Coroutine[Any, Any, aiohttp.ClientResponse]):
    """A request not yet sent: await it, give it to ``asyncio.create_task``, or open it with ``async with``."""

    def __init__(self, sending: Coroutine[Any, Any, aiohttp.ClientResponse]) -> None:
        self._sending = sending

    def send(self, value: Any) -> Any:
        """Go on (the event loop calls this)."""
        return self._sending.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise inside (the event loop calls this)."""
        return self._sending.throw(*error)

    def close(self) -> None:
        """Give the request up before it is sent."""
        self._sending.close()

    def __await__(self) -> Generator[Any, Any, aiohttp.ClientResponse]:
        return self._sending.__await__()

    async def __aenter__(self) -> aiohttp.ClientResponse:
        self._response = await self._sending
        return await self._response.__aenter__()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._response.__aexit__(exc_type, exc, tb)
