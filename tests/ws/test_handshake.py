"""What a failed handshake means."""

from __future__ import annotations

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from topgun.clock import Instant
from topgun.errors import ConfigError, HandshakeRefused, RedirectRefused
from topgun.ws.handshake import asked_to_wait, final

URL_ = URL("ws://h/p?token=hidden")
INFO = aiohttp.RequestInfo(URL_, "GET", CIMultiDictProxy(CIMultiDict({"key": "hidden"})), URL_)


def refused(status: int, headers: dict[str, str] | None = None) -> aiohttp.WSServerHandshakeError:
    given = None if headers is None else CIMultiDict(headers)
    return aiohttp.WSServerHandshakeError(INFO, (), status=status, headers=given)


@pytest.mark.parametrize(
    "error",
    [refused(429), refused(500), aiohttp.ClientConnectionError(), OSError(), TimeoutError(), ConnectionResetError()],
)
def test_passing_errors_are_not_final(error: Exception) -> None:
    """What may pass is no reason to give up."""
    assert final(error, "ws://h/p") is None


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_refusal_for_good(status: int) -> None:
    """A refusal for good becomes an error that holds the status and nothing of the request."""
    error = final(refused(status), "ws://h/p")
    assert isinstance(error, HandshakeRefused)
    assert error.status == status
    assert str(error) == f"ws://h/p: the server refused the WebSocket handshake with HTTP {status}"


def test_errors_of_this_side() -> None:
    """Topgun's own errors and programming errors stay; a URL that is none becomes ConfigError."""
    for error in (RedirectRefused("x"), ConfigError("y"), TypeError("z")):
        assert final(error, "ws://h/p") is error
    seen = final(aiohttp.InvalidURL(URL_, "no host"), "ws://h/p")
    assert isinstance(seen, ConfigError)
    assert "hidden" not in str(seen)


def test_asked_to_wait() -> None:
    """Only a response with a Retry-After header asks to wait."""
    now = Instant(0)
    assert asked_to_wait(refused(429, {"retry-after": "9"}), now) == 9.0
    assert asked_to_wait(refused(429, {}), now) == 0.0
    assert asked_to_wait(refused(429), now) == 0.0
    assert asked_to_wait(OSError(), now) == 0.0
