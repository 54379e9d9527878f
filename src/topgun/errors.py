"""Every error that topgun raises of its own.

::

    TopgunError
    ├── ConfigError (ValueError)      credentials, an argument or an exchange record that cannot work
    ├── SigningError                  a request that must not be signed, or cannot be
    │   └── RedirectRefused           a signed request was redirected to another origin
    ├── HandshakeRefused              .status: the server will never open this WebSocket (401, 403, 404, 410)
    ├── LoginError                    .reply: what the exchange said, secrets removed
    │   ├── LoginRefused              the exchange said no
    │   └── LoginTimeout              the exchange said nothing
    ├── ClientClosed (RuntimeError)   a socket was awaited after its client had been closed
    ├── InitializeError (ValueError)  .url .data: a response given to initialize() reports a failure
    ├── StreamClosed                  a watch() stream was read after close()
    └── WatchOverflow                 a bounded watch() fell behind

No text of these errors carries a secret, a passphrase or a signature.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ClientClosed",
    "ConfigError",
    "HandshakeRefused",
    "InitializeError",
    "LoginError",
    "LoginRefused",
    "LoginTimeout",
    "RedirectRefused",
    "SigningError",
    "StreamClosed",
    "TopgunError",
    "WatchOverflow",
]


class TopgunError(Exception):
    """What every error of topgun is."""


class ConfigError(TopgunError, ValueError):
    """Credentials, an argument or an exchange record that cannot work; raised before anything is sent."""


class SigningError(TopgunError):
    """A request that must not be signed (plaintext) or cannot be; this request was not sent."""


class RedirectRefused(SigningError):
    """A signed request was answered by a redirect to another origin, which topgun does not follow."""


class HandshakeRefused(TopgunError):
    """The server refused the very first WebSocket handshake in a way that trying again cannot change.

    Attributes:
        status: The HTTP status of the answer.
    """

    def __init__(self, place: str, status: int) -> None:
        super().__init__(f"{place}: the server refused the WebSocket handshake with HTTP {status}")
        self.status = status


class LoginError(TopgunError):
    """A WebSocket login did not succeed.

    Attributes:
        reply: The exchange's answer, or ``None`` when there was none.
    """

    def __init__(self, text: str, reply: Any = None) -> None:
        super().__init__(text)
        self.reply = reply


class LoginRefused(LoginError):
    """The exchange refused the login: wrong key, wrong environment, missing permission, clock."""

    def __init__(self, reply: Any = None) -> None:
        super().__init__(f"login refused by the exchange: {reply!r}", reply)


class LoginTimeout(LoginError):
    """The exchange did not answer the login in time; the connection is made anew."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"login not answered within {seconds:g} s")


class ClientClosed(TopgunError, RuntimeError):
    """The client was closed, so this socket will never be connected again."""


class InitializeError(TopgunError, ValueError):
    """A response given to ``initialize()`` reports a failure.

    Attributes:
        url: Scheme, host and path of the request (no query).
        data: The decoded response.
    """

    def __init__(self, url: str, data: Any) -> None:
        super().__init__(f"Response error at DataStore initialization\n  URL: {url}\n  Data: {data!r}")
        self.url = url
        self.data = data


class StreamClosed(TopgunError):
    """The stream of ``watch()`` has been closed, so no further change will come."""


class WatchOverflow(TopgunError):
    """A bounded ``watch()`` fell behind by more changes than it may hold; changes were lost."""
