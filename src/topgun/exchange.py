"""The language exchanges are written in.

An exchange is a record: an `Exchange` holds a `Host` for each URL host, and a `Host` holds plain functions: how to
sign a request, how to log in, what keeps the socket alive. They take time, credential and message as arguments,
so each can be called in a test without network or clock.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from multidict import CIMultiDict

from .errors import ConfigError, SigningError

if TYPE_CHECKING:
    from yarl import URL

    from .clock import Clock, Instant
    from .credentials import Credential
    from .store import DataStoreCollection

T = TypeVar("T")

__all__ = [
    "Answer",
    "ApiName",
    "Decode",
    "Draft",
    "Exchange",
    "Forget",
    "Greet",
    "Heartbeat",
    "Host",
    "Link",
    "Login",
    "MessageSigner",
    "Readdress",
    "Recognize",
    "Registry",
    "Requester",
    "SendLimiter",
    "Signer",
    "question_of",
    "requester_of",
]


@dataclass(slots=True, repr=False)
class Draft:
    """A request on its way out, before the signature. Signers edit it in place.

    Its repr shows neither query, headers nor data: once it is signed, any of them may hold the signature. Nor does it
    show the path of a WebSocket, which may hold a token.

    Attributes:
        method: Upper case.
        url: The final URL; ``params`` are merged already.
        headers: The caller's headers over the session's.
        data: What the caller passed as ``data``; ``str`` and ``bytes`` are sent as they are.
        upgrade: True for the GET that opens a WebSocket.
        body: The bytes that will be sent, once `json` or `form` has settled them.
    """

    method: str
    url: URL
    headers: CIMultiDict[str]
    data: Any = None
    upgrade: bool = False
    body: bytes | None = None

    def __repr__(self) -> str:
        bare = self.url.with_user(None).with_query(None).with_fragment(None)
        return f"<Draft {self.method} {bare.with_path('/') if self.upgrade else bare}>"

    def json(self) -> bytes:
        """Settle `data` as a JSON body and return the exact bytes that will be sent (empty without data)."""
        return self._settle("application/json", json.dumps)

    def form(self) -> bytes:
        """Settle `data` as a form body and return the exact bytes that will be sent (empty without data)."""
        return self._settle("application/x-www-form-urlencoded", lambda data: urlencode(data, doseq=True))

    def _settle(self, content_type: str, encode: Callable[[Any], str]) -> bytes:
        data = self.data
        if not data:
            return b""
        if isinstance(data, bytes | bytearray):
            self.body = bytes(data)
        elif isinstance(data, str):
            self.body = data.encode()
        else:
            try:
                self.body = encode(data).encode()
            except (TypeError, ValueError) as error:
                kind = type(data).__name__
                raise SigningError(f"data of type {kind} cannot be sent as {content_type}: {error}") from None
        self.headers.setdefault("Content-Type", content_type)
        return self.body


class Link(Protocol):
    """What an exchange's code may do with one open WebSocket."""

    @property
    def url(self) -> URL:
        """Where the socket is connected to."""
        ...

    @property
    def credential(self) -> Credential | None:
        """The key to log in with; ``None`` without one or with ``auth=None``."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock to sleep and to sign by."""
        ...

    @property
    def requester(self) -> Requester:
        """The client, for what must be asked for by a signed request."""
        ...

    @property
    def closed(self) -> bool:
        """True as soon as nothing can be sent any more."""
        ...

    def instant(self) -> Instant:
        """Return the time to sign with; it strictly rises for the key where the host takes times as nonces."""
        ...

    async def send_str(self, text: str) -> None:
        """Send a text frame at once, past the send limit."""
        ...

    async def send_json(self, data: Any) -> None:
        """Send `data` as JSON at once, past the send limit and unsigned."""
        ...

    async def ping(self) -> None:
        """Send a protocol ping."""
        ...

    async def pong(self) -> None:
        """Send an unasked protocol pong."""
        ...

    def expect(self, match: Callable[[Any], bool], /) -> Awaitable[Any]:
        """Claim the next decoded frame that `match` accepts; it will not reach the handlers.

        Claim before sending the question. The result raises ConnectionError when the socket ends first.
        """
        ...

    async def fetch(self, url: str) -> Any:
        """GET `url` unsigned and return the decoded JSON."""
        ...

    def drop(self, reason: str) -> None:
        """End the connection because of `reason`, which is logged; the app makes another one."""
        ...


Signer: TypeAlias = "Callable[[Draft, Credential, Instant], None]"
Login: TypeAlias = Callable[[Link], Awaitable[None]]
Heartbeat: TypeAlias = Callable[[Link], Awaitable[None]]
SendLimiter: TypeAlias = Callable[[Link, Callable[[], Awaitable[None]]], Awaitable[None]]
MessageSigner: TypeAlias = Callable[[Any, Link], Any]
Forget: TypeAlias = Callable[[Any, Any], Any]
Greet: TypeAlias = Callable[[Link], Awaitable[Any] | None]
Decode: TypeAlias = Callable[[str | bytes], Any]
Answer: TypeAlias = Callable[[Any, Link], str | None]
Readdress: TypeAlias = "Callable[[URL, Requester], Awaitable[URL]]"
Recognize: TypeAlias = "Callable[[str], Host | None]"
ApiName: TypeAlias = str | Callable[[Draft], str | Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Everything the client does for one URL host.

    Attributes:
        api: The entry of ``apis`` to sign with, or a function that names it from the request; of several names that it
            returns, the first that is in ``apis`` counts.
        sign: Signs HTTP requests and the WebSocket upgrade, in place.
        encode: Settles the body of a request that is not signed.
        readdress: Called before every connection of a socket but the first: returns where to connect to now, with
            a fresh token where the URL holds one.
        greet: Called on a fresh socket before its first frame is read, with a key or without: returns what to wait
            for before anything is sent (normally ``link.expect(...)``), or ``None``. Silence is timed by the caller.
        login: Logs a fresh socket in; raises `LoginRefused`. Silence is timed by the caller.
        heartbeat: Keeps the socket alive; ends with the connection.
        decode: Turns a frame into what is parsed as JSON, or into the decoded message itself; for frames that are
            compressed, or no JSON. Handlers of text and of bytes get the frame as it came.
        answer: What to send back at once for a decoded frame, ``None`` = nothing: for venues that ping with a
            message. The frame goes on to the handlers.
        limit: Awaits the right moment, then calls the send it was given.
        sign_message: Returns a signed copy of an outgoing message; must not change its argument.
        forget: What is left of a remembered subscription after an unsubscribe message (``None`` = nothing).
            Returns the subscription itself where the two do not concern each other.
        once: The HTTP methods whose signed requests are never sent a second time when a connection is lost, as aiohttp
            otherwise does with PUT and DELETE: for venues that take orders by such a method.
        step_ns: The grain of strictly rising timestamps for venues that take them as nonces; 0 = plain time.
            Requests and logins of one key then leave in the order of their timestamps.
    """

    api: ApiName | None = None
    sign: Signer | None = None
    encode: Callable[[Draft], None] | None = None
    readdress: Readdress | None = None
    greet: Greet | None = None
    login: Login | None = None
    heartbeat: Heartbeat | None = None
    decode: Decode | None = None
    answer: Answer | None = None
    limit: SendLimiter | None = None
    sign_message: MessageSigner | None = None
    forget: Forget | None = None
    once: Sequence[str] = ()
    step_ns: int = 0

    def credential(
        self, draft: Draft, defaults: Mapping[str, str], credentials: Mapping[str, Credential]
    ) -> Credential | None:
        """Return what to sign `draft` with, ``None`` where nothing is to be signed or the entry is not there.

        Args:
            draft: The request, or the upgrade of the socket.
            defaults: The headers of the session; those of `draft` go over them.
            credentials: The usable entries of ``apis``.
        """
        name: str | Sequence[str] | ApiName | None = self.api
        if callable(name):
            headers = CIMultiDict(defaults)
            headers.update(draft.headers)
            name = name(replace(draft, headers=headers))
        names = () if name is None else (name,) if isinstance(name, str) else name
        return next((credentials[each] for each in names if each in credentials), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A venue: its hosts, what its credentials consist of, its stores.

    Args:
        name: Lower case; also the name of the folder, of the page and of the fixtures.
        docs: The official entry page.
        hosts: What the client does for each URL host.
        apis: The names its credentials may have in ``apis``; default: just `name`.
        credential: What an entry of ``apis`` consists of, in order.
        stores: Its store collections.
        recognize: Asked for a host that no exchange lists: returns what to do for it where the venue itself has
            named it as one of its own, ``None`` otherwise.
    """

    name: str
    docs: str
    hosts: Mapping[str, Host]
    apis: Sequence[str] = ()
    credential: Sequence[str] = ("key", "secret")
    stores: tuple[type[DataStoreCollection], ...] = field(default=())
    recognize: Recognize | None = None


class Registry(Mapping[str, Host]):
    """The hosts of all exchanges by name; asked for others, it finds those that an exchange recognizes.

    Raises:
        ConfigError: Two exchanges claim the same host, or a host record names no known credential.
    """

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self._hosts: dict[str, Host] = {}
        self._recognize: list[Recognize] = []
        self.shapes: dict[str, Sequence[str]] = {}
        owners: dict[str, str] = {}
        for exchange in exchanges:
            names = exchange.apis or (exchange.name,)
            self.shapes.update(dict.fromkeys(names, exchange.credential))
            self._recognize += [exchange.recognize] if exchange.recognize is not None else []
            for host, record in exchange.hosts.items():
                if host in owners:
                    raise ConfigError(f"host {host} is claimed by {owners[host]} and by {exchange.name}")
                if isinstance(record.api, str) and record.api not in names:
                    raise ConfigError(f"{host}: api={record.api!r} is not in apis={tuple(names)} of {exchange.name}")
                owners[host] = exchange.name
                self._hosts[host] = record

    def __getitem__(self, host: str) -> Host:
        if host not in self._hosts:
            for recognize in self._recognize:
                if (record := recognize(host)) is not None:
                    return record
        return self._hosts[host]

    def __iter__(self) -> Iterator[str]:
        return iter(self._hosts)

    def __len__(self) -> int:
        return len(self._hosts)


class Requester(Protocol):
    """The door back to the client that a response or a socket came from, for stores that must act."""

    @property
    def clock(self) -> Clock:
        """The client's clock."""
        ...

    @property
    def closed(self) -> bool:
        """True once the client is closed."""
        ...

    async def request_json(self, method: str, url: str, **kwargs: Any) -> Any:
        """Send a request as the client would (signed) and return the decoded JSON."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task that the client owns: it is cancelled when the client closes."""
        ...


requesters: WeakKeyDictionary[Any, Requester] = WeakKeyDictionary()
"""Which client each response came from; filled by the client."""

questions: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
"""What each response is the answer to: the body that the caller of the request passed; filled by the client."""


def requester_of(response: object) -> Requester | None:
    """Return the door back to the client that `response` came from, ``None`` for a foreign response."""
    return _known(requesters, response)


def question_of(response: object) -> Any:
    """Return the body that the request of `response` was given, ``None`` without one and for a foreign response."""
    return _known(questions, response)


def _known(answers: WeakKeyDictionary[Any, T], response: object) -> T | None:
    try:
        return answers.get(response)
    except TypeError:  # not weakly referable: a test's stand-in
        return None
