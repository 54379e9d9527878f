"""From what a caller writes to the URL and the headers of the request."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from topgun.auth import Auth
from topgun.errors import ConfigError
from topgun.request import PendingRequest, authorized, join, with_params

from .wire import basic_auth


@pytest.mark.parametrize(
    ("base", "url", "target"),
    [
        ("", "https://h.example/a?x=1#f", "https://h.example/a?x=1#f"),
        ("https://h.example", "/a", "https://h.example/a"),
        ("https://h.example/v1", "/a", "https://h.example/v1/a"),
        ("https://h.example/v1", "a", "https://h.example/v1a"),
        ("https://h.example/", "/a", "https://h.example//a"),
        ("https://h.example:8443", "/a?x=1", "https://h.example:8443/a?x=1"),
        ("https://h.example/v1?k=", "2", "https://h.example/v1?k=2"),
        ("https://h.example", "", "https://h.example"),
        ("https://h.example", "HTTP://other.example/a", "http://other.example/a"),
        ("https://h.example", "//other.example/a", "https://h.example//other.example/a"),
        ("https://user:pw@h.example", "/a", "https://user:pw@h.example/a"),
    ],
)
def test_join(base: str, url: str, target: str) -> None:
    """A URL with a scheme stands for itself, any other is put right behind the base URL, as text."""
    assert str(join(base, url)) == str(URL(target))


@pytest.mark.parametrize(
    ("base", "url", "target"),
    [
        ("http://h.example", "nopath", "http://h.example/nopath"),
        ("http://h.example", ".evil.example/a", "http://h.example/.evil.example/a"),
        ("http://h.example", "@evil.example/a", "http://h.example/@evil.example/a"),
        ("http://h.example", "x@h.example/a", "http://h.example/x@h.example/a"),
        ("http://h.example:80", "80/a", "http://h.example:80/80/a"),
        ("http://h.example:80", "999999", "http://h.example:80/999999"),
        ("http://h.example", ":81/a", "http://h.example/:81/a"),
    ],
)
def test_d22_join_never_reaches_another_host(base: str, url: str, target: str) -> None:
    """Where plain concatenation would change the host, a slash comes between."""
    assert str(join(base, url)) == str(URL(target))


def test_d23_join_takes_url_objects() -> None:
    """A URL object is taken as it is, encoding included; a relative one is put behind the base URL."""
    url = URL("https://h.example/a?x=%2F", encoded=True)
    assert join("https://base.example", url) is url
    assert str(join("https://base.example", URL("/a?x=1"))) == "https://base.example/a?x=1"


@pytest.mark.parametrize(
    ("base", "url"), [("", "/a?k=s3cret"), ("h.example", "/a?k=s3cret"), ("", "h.example/a?k=s3cret")]
)
def test_join_without_scheme(base: str, url: str) -> None:
    """Without scheme and base URL the error says what to do, and does not show the query."""
    with pytest.raises(ConfigError, match=r"has no scheme.*base_url") as caught:
        join(base, url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://h.example:port/a?k=s3cret", "https://[h/a?k=s3cret"])
def test_join_what_is_no_url(url: str) -> None:
    """A text that is not a URL is refused, without its query."""
    with pytest.raises(ConfigError, match="is not a URL") as caught:
        join("", url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "params", "target"),
    [
        ("/q?a=1&b=2", {"a": "3", "c": "4"}, "/q?a=1&b=2&a=3&c=4"),
        ("/q", [("a", 1), ("a", 2.5)], "/q?a=1&a=2.5"),
        ("/q", "a=1&b=2", "/q?a=1&b=2"),
        ("/q", {"a": [1, 2]}, "/q?a=1&a=2"),
        ("/q?x=%2F", {"y": "a b/é+&"}, "/q?x=/&y=a+b/%C3%A9%2B%26"),
        ("/q?x=1", {}, "/q?x=1"),
        ("/q?x=1", None, "/q?x=1"),
        ("/q", {"s": "/:?@!$'()*,+&=;"}, "/q?s=/:?@!$'()*,%2B%26%3D%3B"),
    ],
)
def test_params(url: str, params: Any, target: str) -> None:
    """The query is the pairs of the URL, then those of params; equal names stay side by side."""
    assert with_params(URL(f"https://h.example{url}"), params).raw_path_qs == target


@pytest.mark.parametrize("value", [True, False, None])
def test_params_that_every_venue_spells_differently(value: Any) -> None:
    """A bool or None among the params is refused."""
    with pytest.raises(TypeError, match="Invalid variable type"):
        with_params(URL("https://h.example/q"), {"a": value})


def test_authorized() -> None:
    """A BasicAuth becomes its header; the caller's own headers are copied, not changed."""
    basic = basic_auth()
    mine = {"X-A": "1"}
    assert authorized(mine, basic) == CIMultiDict({"X-A": "1", "Authorization": "Basic dXNlcjpwYXNz"})
    assert mine == {"X-A": "1"}
    assert authorized(None, Auth) == authorized([], None) == CIMultiDict()
    with pytest.raises(ConfigError, match="not both"):
        authorized({"authorization": "Bearer x"}, basic)


@pytest.mark.parametrize("auth", ["key", ("user", "pass"), True, 0])
def test_auth_of_another_type(auth: object) -> None:
    """Any other value of auth is refused by type, never shown."""
    with pytest.raises(TypeError, match=rf"^auth must be .* not {type(auth).__name__}$"):
        authorized(None, auth)


async def test_pending_request_that_is_never_sent() -> None:
    """A pending request can be given up, and shut when opening it failed."""
    sent: list[int] = []

    async def send() -> Any:
        sent.append(1)
        raise aiohttp.ClientError("no")

    PendingRequest(send()).close()
    assert sent == []
    task = asyncio.create_task(PendingRequest(send()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sent == []
    with pytest.raises(aiohttp.ClientError):
        await PendingRequest(send())
