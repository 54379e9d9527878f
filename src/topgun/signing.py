"""How a signature gets onto a request: one aiohttp middleware, the innermost of every client.

The client says what it wants signed in a context variable, the `Intent`. The middleware reads it for every try of
the request (the first one, a retry, a redirect), signs the caller's original data afresh, and takes the signature
off again once the response is there. So nothing is signed twice, no timestamp is stale, and neither
``response.url`` nor ``response.request_info`` shows a signature. This is the only module that edits a request.
"""

from __future__ import annotations

import asyncio
import re
import traceback
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from .errors import RedirectRefused, SigningError
from .exchange import Draft

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from .clock import RisingInstants, Turn
    from .credentials import Credential
    from .exchange import Host

__all__ = ["Intent", "after_headers", "discreet", "intending", "origin_of", "sign_request"]

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_UNSIGNED = "application/x-topgun-unsigned"
_SCHEMES = {"ws": "http", "wss": "https"}


@dataclass(slots=True, eq=False, repr=False)
class Intent:
    """What the caller of one request wants signed.

    Args:
        host: The record of the exchange's host. Without a signer nothing is added, but the request still goes to
            its origin only, and not in plaintext: what follows on the socket is signed.
        credential: The key to sign with.
        origin: Where the signature may go, as `origin_of` returns it.
        instants: Where timestamps come from.
        data: What the caller passed; signed again from here on every try.
        content_type: The type of `data` where it is already encoded.
        upgrade: True for the GET that opens a WebSocket.
        allow_plaintext: Sign for ``http://`` and ``ws://`` hosts other than this computer, too.

    Attributes:
        payload: What is given to aiohttp in place of `data`; its identity says that the body is still the caller's.
        over: The call has returned; a context that was copied meanwhile signs nothing more.
        added: The query items that signatures brought.
        sent: The request whose URL carries a signature at the moment, and its URL without.
        turn: Held from the timestamp until the request leaves, where timestamps are nonces.
    """

    host: Host
    credential: Credential
    origin: str
    instants: RisingInstants
    data: Any = None
    content_type: str | None = None
    upgrade: bool = False
    allow_plaintext: bool = False
    payload: aiohttp.BytesPayload | None = field(init=False, default=None)
    over: bool = field(init=False, default=False)
    added: set[str] = field(init=False, default_factory=set)
    sent: tuple[aiohttp.ClientRequest, URL] | None = field(init=False, default=None)
    turn: Turn | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.data:
            self.payload = aiohttp.BytesPayload(b"", content_type=_UNSIGNED)


_intent: ContextVar[Intent | None] = ContextVar("topgun_intent", default=None)


def _current() -> Intent | None:
    intent = _intent.get()
    # A task that a middleware started keeps a copy of the context after the request is over.
    return None if intent is None or intent.over else intent


@contextmanager
def intending(intent: Intent | None) -> Iterator[None]:
    """Have the requests made inside the ``with`` signed as `intent` says; ``None`` = not signed."""
    token = _intent.set(intent)
    try:
        yield
    finally:
        _intent.reset(token)
        if intent is not None:
            intent.over = True


def origin_of(url: URL) -> str:
    """Return scheme, host and port of `url`; a WebSocket counts as the HTTP server it is opened on."""
    return f"{_SCHEMES.get(url.scheme, url.scheme)}://{url.host_port_subcomponent}"


async def sign_request(
    req: aiohttp.ClientRequest, handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
) -> aiohttp.ClientResponse:
    """Sign `req` if its caller wants that, send it, and take the signature off again (an aiohttp middleware).

    Raises:
        RedirectRefused: The request has been led to another origin; it was not sent there.
        SigningError: It would leave in plaintext, or the signer failed; it was not sent.
        aiohttp.ClientConnectionError: The connection was lost, and the host takes such a request only once.
    """
    intent = _current()
    if intent is None:
        return await handler(req)
    _permit(req.url, intent)
    if intent.host.sign is None:  # a socket that is logged in later: only its way is watched
        return await handler(req)
    _drop_old_signature(req, intent)
    url, headers = req.url, req.headers.copy()
    if headers.get("Content-Type") == _UNSIGNED:
        del headers["Content-Type"]
    body: aiohttp.BytesPayload | bytes | None = intent.payload
    data, content_type = intent.data, intent.content_type
    if not req.body:
        body, data, content_type = None, None, None
    elif req.body is not intent.payload:
        body = data = await req.body.as_bytes()
        content_type = None
    draft = Draft(req.method, url, headers.copy(), data, upgrade=intent.upgrade)
    turn = intent.turn = intent.instants.turn(intent.credential.key, intent.host.step_ns)
    await turn.take()
    try:
        _sign(draft, content_type, intent)
        if draft.url != url:
            intent.added.update(_items(draft.url) - _items(url))
            intent.sent = req, url
        req.url = draft.url
        _replace(req.headers, draft.headers)
        await req.update_body(draft.body)
        return await handler(req)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if req.method not in intent.host.once or isinstance(error, aiohttp.ClientConnectorError):
            raise
        # An error of another type: after one of these aiohttp would send the request again.
        raise aiohttp.ClientConnectionError(f"{error}; nobody knows whether the request arrived") from error
    finally:
        turn.give()
        req.url = url
        await req.update_body(body)
        _replace(req.headers, headers)


def _permit(url: URL, intent: Intent) -> None:
    origin = origin_of(url)
    if origin != intent.origin:
        raise RedirectRefused(
            f"the signed request to {intent.origin} was led to {origin}; a signature never leaves its origin, so it "
            f"was not sent there. If {origin} is right, ask it directly"
        )
    if not origin.startswith("https:") and not (intent.allow_plaintext or _is_loopback(url.host or "")):
        raise SigningError(
            f"a signed request to {origin} would leave in plaintext and was not sent; use "
            f"{'wss' if intent.upgrade else 'https'}://, or auth=None, or Client(allow_plaintext=True)"
        )


@lru_cache(maxsize=256)
def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _items(url: URL) -> set[str]:
    return {unquote_plus(item) for item in url.raw_query_string.split("&")}  # a signer may spell the caller's anew


def _drop_old_signature(req: aiohttp.ClientRequest, intent: Intent) -> None:
    """Remove from the URL what an earlier signature brought and a server's redirect sent back."""
    if intent.added and not intent.added.isdisjoint(_items(req.url)):
        kept = [item for item in req.url.raw_query_string.split("&") if unquote_plus(item) not in intent.added]
        bare = str(req.url.with_query(None))
        req.url = req.original_url = URL("?".join([bare, "&".join(kept)] if kept else [bare]), encoded=True)


def _sign(draft: Draft, content_type: str | None, intent: Intent) -> None:
    """Let the exchange sign `draft`, and settle what its signer left open."""
    if content_type:
        draft.headers.setdefault("Content-Type", content_type)
    now = intent.instants.now(intent.credential.key, intent.host.step_ns)
    failure = ""
    try:
        assert intent.host.sign is not None  # noqa: S101  (the client makes no intent without a signer)
        intent.host.sign(draft, intent.credential, now)
    except SigningError:
        raise
    except Exception as error:  # noqa: BLE001  (whatever it is, it may quote a secret)
        place = traceback.extract_tb(error.__traceback__)[-1]
        failure = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
    if failure:  # raised out here, so that not even __context__ leads to the signer's own error
        raise SigningError(f"the signer for {draft.url.host} failed with {failure}; the request was not sent")
    if draft.body is None:
        draft.form()
    if not draft.body:
        draft.body = None
        if draft.method not in _BODILESS:
            draft.headers.setdefault("Content-Type", "application/x-www-form-urlencoded")


def _replace(headers: CIMultiDict[str], new: CIMultiDict[str]) -> None:
    headers.clear()
    headers.extend(new)


def after_headers() -> aiohttp.TraceConfig:
    """Return the trace that acts as soon as the head of a signed request is written.

    It takes the signature out of the request's URL: the middleware gets to it too late, aiohttp copies the URL into
    ``response.request_info`` while it sends. And it lets the next request of the key go.
    """

    async def on_headers(*_: object) -> None:
        intent = _current()
        if intent is None:
            return
        if intent.sent is not None:
            request, url = intent.sent
            request.url = url
            intent.sent = None
        if intent.host.step_ns and intent.turn is not None:
            # Not at once: the body leaves in a task that aiohttp is about to start.
            asyncio.get_running_loop().call_soon(intent.turn.give)

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(on_headers)
    return trace


def discreet(error: aiohttp.ClientError) -> aiohttp.ClientError:
    """Return `error` without what its text and repr would tell of the request: queries, headers, earlier hops."""
    if isinstance(error, aiohttp.ClientResponseError):
        info = error.request_info
        nothing: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
        error.request_info = aiohttp.RequestInfo(_bare(info.url), info.method, nothing, _bare(info.real_url))
        error.history = ()
        error.args = (error.request_info, error.history)
        if error.headers is not None:  # a server that redirects may quote the whole query
            error.headers = CIMultiDict((name, text) for name, text in error.headers.items() if name != "Location")
    elif isinstance(error, aiohttp.InvalidURL):
        return type(error)(_shown(error.url), error.description)
    elif isinstance(error, aiohttp.NonHttpUrlClientError | aiohttp.ConnectionTimeoutError):
        error.args = tuple(_shown(arg) for arg in error.args)
    return error


def _bare(url: URL) -> URL:
    return url.with_query(None).with_fragment(None)


def _shown(text: object) -> str:
    return re.split(r"[?#]", str(text))[0]
