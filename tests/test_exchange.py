"""The language of an exchange: drafts, records, the registry, and the door back to the client."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from multidict import CIMultiDict
from yarl import URL

from topgun.credentials import Credential
from topgun.errors import ConfigError, SigningError
from topgun.exchange import Draft, Exchange, Host, Registry, question_of, questions, requester_of, requesters

from .support import FakeRequester


def draft(data: Any = None, headers: Any = None) -> Draft:
    return Draft("POST", URL("https://h.example/a"), CIMultiDict(headers or {}), data)


def sign(*_: object) -> None:
    """Sign nothing."""


@pytest.mark.parametrize(
    ("data", "body"),
    [
        ({"b": 1, "a": [None, True, 1.5]}, b'{"b": 1, "a": [null, true, 1.5]}'),
        ([{"a": 1}], b'[{"a": 1}]'),
        ({"a": "é日"}, b'{"a": "\\u00e9\\u65e5"}'),
        ({"a/b": '"\\'}, b'{"a/b": "\\"\\\\"}'),
        ('{"a":1}', b'{"a":1}'),
        ("é", "é".encode()),
        (b'{"a":  1}', b'{"a":  1}'),
        (bytearray(b"x"), b"x"),
    ],
)
def test_json(data: Any, body: bytes) -> None:
    """A JSON body is json.dumps with its defaults; texts and bytes are taken as they are."""
    each = draft(data)
    assert each.json() == body
    assert (each.body, each.headers["Content-Type"]) == (body, "application/json")
    assert type(each.body) is bytes


@pytest.mark.parametrize(
    ("data", "body"),
    [
        ({"b": 1, "a": "x y"}, b"b=1&a=x+y"),
        ({"a": [1, 2], "b": True, "c": None}, b"a=1&a=2&b=True&c=None"),
        ([("a", 1), ("a", 2)], b"a=1&a=2"),
        ({"a": "é/+&="}, b"a=%C3%A9%2F%2B%26%3D"),
        ("a=1&b=2", b"a=1&b=2"),
        (b"a=1", b"a=1"),
    ],
)
def test_form(data: Any, body: bytes) -> None:
    """A form body is urlencoded, a list repeats its name; texts and bytes are taken as they are."""
    each = draft(data)
    assert each.form() == body
    assert (each.body, each.headers["Content-Type"]) == (body, "application/x-www-form-urlencoded")


@pytest.mark.parametrize("settle", ["json", "form"])
@pytest.mark.parametrize("data", [None, {}, [], "", b""])
def test_no_data_no_body(settle: str, data: Any) -> None:
    """Without data there is neither body nor type."""
    each = draft(data)
    assert getattr(each, settle)() == b""
    assert each.body is None
    assert not each.headers


@pytest.mark.parametrize("settle", ["json", "form"])
def test_content_type_of_the_caller_stays(settle: str) -> None:
    """A type that the caller gave, in whatever case, is kept."""
    each = draft({"a": 1}, {"content-type": "text/x-mine"})
    getattr(each, settle)()
    assert each.headers.getall("Content-Type") == ["text/x-mine"]


@pytest.mark.parametrize(
    ("settle", "data", "kind"),
    [
        ("json", {1, 2}, "set"),
        ("json", {"a": Decimal("1.5")}, "dict"),
        ("json", {"a": object()}, "dict"),
        ("form", 5, "int"),
        ("form", [1, 2], "list"),
    ],
)
def test_data_without_such_a_form(settle: str, data: Any, kind: str) -> None:
    """Data that has no such form is refused; the text names its type and the form."""
    wanted = "application/json" if settle == "json" else "application/x-www-form-urlencoded"
    with pytest.raises(SigningError, match=f"data of type {kind} cannot be sent as {wanted}"):
        getattr(draft(data), settle)()


def test_settling_again_gives_the_same() -> None:
    """A signer may ask for the body as often as it likes."""
    each = draft({"a": 1})
    assert each.json() == each.json() == each.body


def test_d31_draft_shows_only_where_it_goes() -> None:
    """D31: the repr of a draft shows neither query, headers, data nor body: any may hold a signature."""
    each = Draft("POST", URL("https://u:p@h.example/a?s=hidden#hidden"), CIMultiDict({"X-SIGN": "hidden"}), "hidden")
    each.json()
    assert repr(each) == str(each) == "<Draft POST https://h.example/a>"
    socket = Draft("GET", URL("wss://h.example/private/token"), CIMultiDict(), upgrade=True)
    assert repr(socket) == "<Draft GET wss://h.example/>"


def test_credential_of_a_host() -> None:
    """A host names its credential by itself or by the request, the session's headers under the request's own."""
    real, demo = Credential("real"), Credential("demo")
    credentials = {"real": real, "demo": demo}
    seen = draft(headers={"X-Demo": "1"})
    host = Host(api=lambda draft: "demo" if draft.headers.get("x-demo") == "1" else "real")
    assert host.credential(seen, {}, credentials) is demo
    assert host.credential(draft(), {"X-DEMO": "1"}, credentials) is demo
    assert host.credential(draft(headers={"X-Demo": "0"}), {"X-Demo": "1"}, credentials) is real
    assert Host(api="real").credential(seen, {}, credentials) is real
    assert Host(api="other").credential(seen, {}, credentials) is None
    assert Host().credential(seen, {}, credentials) is None


def test_several_names_of_a_credential() -> None:
    """Of several names that a function returns the first one that is in ``apis`` counts."""
    real, demo = Credential("real"), Credential("demo")
    host = Host(api=lambda _: ("demo", "real"))
    assert host.credential(draft(), {}, {"real": real, "demo": demo}) is demo
    assert host.credential(draft(), {}, {"real": real}) is real
    assert host.credential(draft(), {}, {"other": real}) is None
    assert Host(api=lambda _: ()).credential(draft(), {}, {"real": real}) is None


def exchange(name: str = "one", **kwargs: Any) -> Exchange:
    return Exchange(name=name, docs="https://docs.example", **kwargs)


def test_registry() -> None:
    """The registry maps hosts to records, and knows what each credential consists of."""
    first, second = Host(api="one", sign=sign), Host(api="two_demo")
    registry = Registry(
        [
            exchange(hosts={"a.example": first}),
            exchange(
                "two", hosts={"b.example": second}, apis=("two", "two_demo"), credential=("key", "secret", "passphrase")
            ),
        ]
    )
    assert dict(registry) == {"a.example": first, "b.example": second}
    assert len(registry) == 2
    assert registry.get("c.example") is None
    assert registry.shapes == {
        "one": ("key", "secret"),
        "two": ("key", "secret", "passphrase"),
        "two_demo": ("key", "secret", "passphrase"),
    }


def test_registry_asks_for_hosts_that_nobody_lists() -> None:
    """An exchange may recognize a host that it does not list; it is not asked for one that somebody lists."""
    listed, own = Host(), Host(api="two")
    asked: list[str] = []

    def recognize(host: str) -> Host | None:
        asked.append(host)
        return own if host == "push-7.example" else None

    registry = Registry(
        [
            exchange(hosts={"a.example": listed}, recognize=lambda _: None),
            exchange("two", hosts={}, recognize=recognize),
        ]
    )
    assert registry["a.example"] is listed
    assert registry.get("push-7.example") is own
    assert registry.get("c.example") is None
    assert "push-7.example" not in list(registry)
    assert asked == ["push-7.example", "c.example"]


def test_registry_refuses_a_host_claimed_twice() -> None:
    """Two exchanges cannot have the same host; the error names both."""
    with pytest.raises(ConfigError, match=r"a\.example.*one.*two"):
        Registry([exchange(hosts={"a.example": Host()}), exchange("two", hosts={"a.example": Host()})])


def test_registry_refuses_an_unknown_credential() -> None:
    """A host whose credential the exchange does not list is an error; a function may name any."""
    with pytest.raises(ConfigError, match=r"a\.example.*'other'"):
        Registry([exchange(hosts={"a.example": Host(api="other")})])
    assert Registry([exchange(hosts={"a.example": Host(api=lambda _: "other")})])


def test_requester_of() -> None:
    """A response leads to its client as long as both live; anything else leads nowhere."""

    class Response:
        """Stands for a response."""

    response, requester = Response(), FakeRequester()
    requesters[response] = requester
    assert requester_of(response) is requester
    assert requester_of(Response()) is None
    assert requester_of({}) is None  # neither hashable nor weakly referable
    del response
    assert requester not in requesters.values()


def test_question_of() -> None:
    """A response leads to the body of its request as long as it lives; anything else leads nowhere."""

    class Response:
        """Stands for a response."""

    response = Response()
    questions[response] = {"a": 1}
    assert question_of(response) == {"a": 1}
    assert question_of(Response()) is None
    assert question_of({}) is None  # neither hashable nor weakly referable
    del response
    assert {"a": 1} not in questions.values()
