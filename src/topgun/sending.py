"""`Sender`: decides whether a request or an upgrade is signed, and hands it to aiohttp."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp
from multidict import CIMultiDict

from .auth import Auth
from .errors import ConfigError
from .exchange import Draft, Host
from .request import authorized, with_params
from .seam import active_connector
from .signing import Intent, after_headers, discreet, intending, origin_of, sign_request
from .version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarl import URL

    from .clock import RisingInstants
    from .credentials import Credential

__all__ = ["Sender", "open_session"]

# An order that is not answered within half a minute needs a decision, not more patience (aiohttp waits 5 minutes).
_TIMEOUT = aiohttp.ClientTimeout(total=30.0, sock_connect=10.0)


def open_session(kwargs: dict[str, Any]) -> aiohttp.ClientSession:
    """Return an aiohttp session that signs: the signer is the innermost of its middlewares.

    Args:
        kwargs: What the caller wants of it.
    """
    headers = CIMultiDict(kwargs.pop("headers", None) or ())
    headers.setdefault("User-Agent", f"topgun/{__version__}")
    middlewares = (*(kwargs.pop("middlewares", None) or ()), sign_request)
    traces = [*(kwargs.pop("trace_configs", None) or ()), after_headers()]
    kwargs.setdefault("timeout", _TIMEOUT)
    if kwargs.get("connector") is None:
        kwargs["connector"] = active_connector() or aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(headers=headers, middlewares=middlewares, trace_configs=traces, **kwargs)


class Sender:
    """Sends the requests of one client, and opens its sockets.

    Args:
        session: The client's session; `sign_request` is the innermost of its middlewares.
        registry: The hosts the client knows.
        credentials: The client's credentials by name.
        instants: The times to sign with.
        allow_plaintext: Sign over ``http://`` and ``ws://`` too, and not only to this computer.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        registry: Mapping[str, Host],
        credentials: Mapping[str, Credential],
        instants: RisingInstants,
        *,
        allow_plaintext: bool,
    ) -> None:
        self._session = session
        self._registry = registry
        self._credentials = credentials
        self._instants = instants
        self._allow_plaintext = allow_plaintext

    async def request(
        self,
        method: str,
        url: URL,
        *,
        auth: Any = Auth,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        middlewares: Sequence[aiohttp.ClientMiddlewareType] | None = None,
        **kwargs: Any,
    ) -> aiohttp.ClientResponse:
        """Send a request; the arguments are those of `topgun.Client.request`."""
        if data is not None and kwargs.get("json") is not None:
            raise ConfigError("give the body as data= or as json=, not as both")
        draft = Draft(method.upper(), with_params(url, params), authorized(headers, auth), data)
        intent = self._intent(draft, auth, kwargs.get("json"))
        if intent is not None:
            kwargs["json"], data = None, intent.payload
        elif data is not None:
            data = self._encoded(draft)
        if middlewares is not None:
            # aiohttp takes these instead of the session's, and with those the signer would be gone.
            kwargs["middlewares"] = (*middlewares, sign_request)
        try:
            with intending(intent):
                return await self._session.request(method, draft.url, data=data, headers=draft.headers, **kwargs)
        except aiohttp.ClientError as error:
            failure = discreet(error)
        raise failure

    async def connect(
        self, url: URL, *, auth: Any = Auth, params: Any = None, headers: Any = None, **kwargs: Any
    ) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket; the upgrade is signed where the host has a signer, and led nowhere else with a key."""
        draft = Draft("GET", with_params(url, params), authorized(headers, auth), upgrade=True)
        try:
            with intending(self._intent(draft, auth, None)):
                socket: aiohttp.ClientWebSocketResponse = await self._session.ws_connect(
                    draft.url, headers=draft.headers, **kwargs
                )
                return socket
        except aiohttp.ClientError as error:
            failure = discreet(error)
        raise failure

    def _host(self, draft: Draft) -> Host:
        return self._registry.get(draft.url.host or "") or Host()

    def _intent(self, draft: Draft, auth: object, json_body: Any) -> Intent | None:
        """Return what to sign, or to guard; ``None`` unless the host does either with a credential that is there."""
        host = self._host(draft)
        # A socket that will be logged in, or whose messages will be signed, is as bound to its origin as a signature.
        uses_key = host.sign or (draft.upgrade and (host.login or host.sign_message))
        if auth is not Auth or not uses_key:
            return None
        credential = host.credential(draft, self._session.headers, self._credentials)
        if credential is None:
            return None
        return Intent(
            host=host,
            credential=credential,
            origin=origin_of(draft.url),
            instants=self._instants,
            data=draft.data if json_body is None else json.dumps(json_body).encode(),
            content_type=None if json_body is None else "application/json",
            upgrade=draft.upgrade,
            allow_plaintext=self._allow_plaintext,
        )

    def _encoded(self, draft: Draft) -> Any:
        """Return the body of an unsigned request: bytes where the host has a wish, else the caller's data."""
        host = self._host(draft)
        if host.encode is not None:
            host.encode(draft)
        return draft.data if draft.body is None else draft.body
