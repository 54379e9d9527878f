"""The private stream of bitbank, which comes through PubNub: long polls with a token that lives for 12 hours.

::

    store = topgun.bitbankPrivateDataStore()
    task = asyncio.create_task(subscribe_with_callback(client, store.onmessage))

A poll that fails is tried again, with growing waits, from the time token of the last answer, so nothing is lost in
between; the same when the token has expired and a new one is fetched.

https://github.com/bitbankinc/bitbank-api-docs/blob/master/private-stream.md
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, TypedDict

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from ..client import Client

__all__ = [
    "BaseResponse",
    "ChannelAndToken",
    "SubscribeMessage",
    "SubscribeResponse",
    "TimeToken",
    "fetch_channel_and_token",
    "fetch_subscribe",
    "subscribe",
    "subscribe_with_callback",
]

logger = logging.getLogger("topgun.helpers.bitbank")

_BITBANK = "https://api.bitbank.cc"
_PUBNUB = "https://ps.pndsn.com"
_KEY = "sub-c-ecebae8e-dd60-11e6-b6b1-02ee2ddab7fe"

# PubNub holds a poll for up to 280 s; the client's own time-out is for requests that are answered at once.
_POLL = aiohttp.ClientTimeout(total=310.0, sock_connect=10.0)
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0  # s
_TRANSIENT = frozenset({408, 429})  # besides what begins with 5


class BaseResponse(TypedDict):
    """An answer of bitbank."""

    success: int
    data: Any


class ChannelAndToken(TypedDict):
    """The channel of an account, and a token for it."""

    pubnub_channel: str
    pubnub_token: str


class TimeToken(TypedDict):
    """From where the next poll goes on: a time in units of 100 ns as a text, and a region."""

    t: str
    r: int


class SubscribeMessage(TypedDict):
    """One message in an answer of PubNub: shard, flags, its own time token, subscribe key, channel, content."""

    a: str
    f: int
    p: TimeToken
    k: str
    c: str
    d: Any


class SubscribeResponse(TypedDict):
    """An answer of PubNub."""

    t: TimeToken
    m: list[SubscribeMessage]


async def subscribe_with_callback(  # noqa: PLR0917  (the arguments users know)
    client: Client,
    callback: Callable[[Any], Any],
    /,
    channel: str | None = None,
    token: str | None = None,
    tt: str | None = None,
    tr: str | None = None,
    *,
    bitbank_server: str = _BITBANK,
    pubnub_server: str = _PUBNUB,
    subscribe_key: str = _KEY,
) -> None:
    """Call `callback` with each message of the private stream, for ever.

    If it is the ``onmessage`` of a store, tables that answers fill are ``"stale"`` from the first failure of a poll
    until they are initialized again, as after a lost connection.

    Args:
        client: Its credential ``bitbank`` signs, its clock says how long a wait is.
        callback: Gets ``{"method": ..., "params": ...}``. What it raises ends the subscription.
        channel: What `fetch_channel_and_token` gave; fetched if it, or `token`, is ``None``.
        token: Likewise.
        tt: The time token to go on from; ``None`` = from now on.
        tr: Its region.
        bitbank_server: Scheme and host of bitbank's API.
        pubnub_server: Scheme and host of PubNub.
        subscribe_key: PubNub's name of bitbank.

    Raises:
        ValueError: bitbank or PubNub has refused; the first argument is what it answered.
    """
    feed = _Feed(callback)
    where = {"pubnub_server": pubnub_server, "subscribe_key": subscribe_key}
    try:
        async for answer in _Polls(client, (channel, token, tt, tr), bitbank_server, where, feed):
            for message in answer["m"]:
                callback(message["d"])
    finally:
        feed.lose()


async def subscribe(
    client: Client,
    /,
    channel: str | None = None,
    token: str | None = None,
    tt: str | None = None,
    tr: str | None = None,
    *,
    bitbank_server: str = _BITBANK,
    pubnub_server: str = _PUBNUB,
    subscribe_key: str = _KEY,
) -> AsyncGenerator[SubscribeResponse, None]:
    """Yield each answer of PubNub, those without messages too, for ever.

    Arguments and errors are those of `subscribe_with_callback`.
    """
    where = {"pubnub_server": pubnub_server, "subscribe_key": subscribe_key}
    async for answer in _Polls(client, (channel, token, tt, tr), bitbank_server, where, _Feed(None)):
        yield answer


async def fetch_channel_and_token(client: Client, /, *, bitbank_server: str = _BITBANK) -> ChannelAndToken:
    """Return the channel of the account, and a new token for it.

    Raises:
        ValueError: bitbank has refused; the first argument is what it answered.
        aiohttp.ClientError: There is no response.
        TimeoutError: There is no response in time.

    https://github.com/bitbankinc/bitbank-api-docs/blob/master/rest-api.md#get-channel-and-token-for-private-stream
    """
    status, body = await _fetch(client, f"{bitbank_server}/v1/user/subscribe")
    match body:
        case {"success": 1, "data": {"pubnub_channel": str(channel), "pubnub_token": str(token)}}:
            return {"pubnub_channel": channel, "pubnub_token": token}
    raise _Refused(body, status)


async def fetch_subscribe(
    client: Client,
    /,
    channel: str,
    token: str | None = None,
    tt: str | None = None,
    tr: str | None = None,
    *,
    pubnub_server: str = _PUBNUB,
    subscribe_key: str = _KEY,
) -> SubscribeResponse:
    """Poll once: return what has happened since `tt` as soon as there is something, after about 280 s in any case.

    Without `tt` the answer comes at once: a time token and no message.

    Raises:
        ValueError: PubNub has refused; the first argument is what it answered.
        aiohttp.ClientError: There is no response.
        TimeoutError: There is no response in time.

    https://www.pubnub.com/docs/sdks/rest-api/subscribe-v-2
    """
    query = {"uuid": channel, "tt": tt, "tr": tr, "auth": token}
    params = {name: value for name, value in query.items() if value is not None}
    url = f"{pubnub_server}/v2/subscribe/{subscribe_key}/{channel}/0"
    status, body = await _fetch(client, url, params=params, timeout=_POLL)
    match body:
        case {"t": {"t": _, "r": _}}:
            answer: SubscribeResponse = body
            return answer
    raise _Refused(body, status)


async def _fetch(client: Client, url: str, **how: Any) -> tuple[int, Any]:
    """Return status and body, decoded whatever type it claims to be; a body that is not JSON as text."""
    async with client.get(url, **how) as response:
        text = await response.text(errors="replace")
    try:
        return response.status, json.loads(text)
    except ValueError:
        return response.status, text


class _Refused(ValueError):
    """An answer that is not the one that was asked for.

    Args:
        body: As it came, decoded.
        status: The HTTP status.
    """

    def __init__(self, body: Any, status: int) -> None:
        super().__init__(body)
        self.status = status

    @property
    def is_transient(self) -> bool:
        """Whether the same question may be answered in a while."""
        garbled = self.status < 300 and isinstance(self.args[0], str)
        return self.status >= 500 or self.status in _TRANSIENT or garbled

    @property
    def is_about_token(self) -> bool:
        """Whether a new token may help."""
        match self.args[0]:
            case {"message": "Token is expired."} | {"service": "Access Manager"}:
                return True
        return False


class _Polls:
    """The answers of PubNub one after the other, each from where the last one ended.

    Args:
        client: The client.
        start: Channel, token, time token and region, as far as they are known.
        bitbank_server: Where tokens are fetched.
        where: Where to poll: the keywords of `fetch_subscribe`.
        feed: Is told when the stream is connected and when it is not.
    """

    def __init__(
        self,
        client: Client,
        start: tuple[str | None, str | None, str | None, str | None],
        bitbank_server: str,
        where: dict[str, str],
        feed: _Feed,
    ) -> None:
        self._client = client
        self._channel, self._token, self._tt, self._tr = start
        self._is_fresh = False  # nothing has come of the token so far
        self._bitbank_server = bitbank_server
        self._where = where
        self._feed = feed

    def __aiter__(self) -> _Polls:
        return self

    async def __anext__(self) -> SubscribeResponse:
        waits = self._waits()
        while True:
            try:
                answer = await self._poll()
            except (aiohttp.ClientError, OSError) as error:  # a time-out is one, too
                reason = type(error).__name__
            except _Refused as error:
                if not error.is_transient:
                    raise
                reason = f"HTTP {error.status}"
            else:
                self._feed.connect()
                return answer
            self._feed.lose()
            wait = next(waits)
            logger.warning("the private stream is interrupted (%s); the next attempt is in %.2f s", reason, wait)
            await self._client.clock.sleep(wait)

    async def _poll(self) -> SubscribeResponse:
        """Poll once, with a new token if there is none, or if the old one is not accepted any more."""
        while True:
            if self._channel is None or self._token is None:
                access = await fetch_channel_and_token(self._client, bitbank_server=self._bitbank_server)
                self._channel, self._token = access["pubnub_channel"], access["pubnub_token"]
                self._is_fresh = True
            try:
                answer = await fetch_subscribe(
                    self._client, self._channel, self._token, self._tt, self._tr, **self._where
                )
            except _Refused as error:
                if self._is_fresh or not error.is_about_token:
                    raise
                self._token = None
            else:
                self._is_fresh = False
                self._tt, self._tr = answer["t"]["t"], str(answer["t"]["r"])
                return answer

    def _waits(self) -> Iterator[float]:
        """Yield growing waits in s, each with a random part, so that many clients do not return together."""
        wait = _FIRST_WAIT
        while True:
            yield wait / 2 + self._client.clock.uniform(wait / 2)
            wait = min(2 * wait, _LONGEST_WAIT)


class _Feed:
    """Stands for the socket that the owner of a callback knows elsewhere: open as long as polls succeed."""

    def __init__(self, callback: object) -> None:
        self.closed = True
        self._greet = getattr(getattr(callback, "__self__", None), "_onconnect", None)
        self._callbacks: list[Callable[[_Feed], object]] = []

    def connect(self) -> None:
        """Be open; tell the owner if that is new."""
        if self.closed:
            self.closed = False
            if self._greet is not None:
                self._greet(self)

    def on_close(self, callback: Callable[[_Feed], object]) -> None:
        """Call `callback` with this object at the next loss."""
        self._callbacks.append(callback)

    def lose(self) -> None:
        """Be lost."""
        self.closed = True
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)
