"""The commands: where a fault applies, how often, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from topgun.testing.script import Fault, Faults, Script


class Socket:
    """What `Script` sees of an open socket."""

    def __init__(self, host: str, path: str) -> None:
        self.host, self.path = host, path
        self.suffered: list[Fault] = []

    def suffer(self, fault: Fault) -> None:
        self.suffered.append(fault)


class Scripted(Script):
    def __init__(self, *sockets: Socket) -> None:
        super().__init__()
        self.sockets = sockets

    def links(self) -> Any:
        return self.sockets


@pytest.mark.parametrize(
    ("fault", "place", "concerned"),
    [
        (Fault("gap"), ("a.test", "/ws", "book"), True),
        (Fault("gap", host="a."), ("a.test", "/ws", "book"), True),
        (Fault("gap", host="b."), ("a.test", "/ws", "book"), False),
        (Fault("gap", path="/ws/public"), ("a.test", "/ws", ""), False),
        (Fault("gap", path="/ws"), ("a.test", "/ws/public", ""), True),
        (Fault("gap", path="/*/public"), ("a.test", "/v5/public/linear", ""), True),
        (Fault("gap", topic="book"), ("a.test", "/ws", "book.50.X"), True),
        (Fault("gap", topic="*.X"), ("a.test", "/ws", "book.50.X"), True),
        (Fault("gap", topic="book.?.X"), ("a.test", "/ws", "book.50.X"), False),
        (Fault("gap", left=0), ("a.test", "/ws", "book"), False),
        (Fault("gap", left=None), ("a.test", "/ws", "book"), True),
    ],
)
def test_where_a_fault_applies(fault: Fault, place: tuple[str, str, str], concerned: bool) -> None:
    """A fault concerns the names that begin as it says, with wildcards, as long as it is in effect."""
    assert fault.concerns(*place) is concerned


def test_faults_are_taken_oldest_first_and_as_often_as_they_apply() -> None:
    """The first that fits is used up, then the next; another kind or place is left alone."""
    faults = Faults()
    first, second, other = (faults.add(Fault("gap", left=left)) for left in (1, 2, None))
    elsewhere = faults.add(Fault("gap", host="b."))
    drop = faults.add(Fault("drop"))
    assert [faults.take("gap", "a.test", "/") for _ in range(4)] == [first, second, second, other]
    assert [fault.used for fault in (first, second, other, elsewhere, drop)] == [1, 2, 1, 0, 0]
    assert (first.left, second.left, other.left, elsewhere.left) == (0, 0, None, 1)
    assert faults.take("close", "a.test", "/") is None
    assert faults.find("gap", "b.test", "/") is other


def test_streams_of_events_need_a_fault_that_names_them() -> None:
    """A fault without a topic is for books; one with a topic is for whatever it names."""
    faults = Faults()
    faults.add(Fault("gap"))
    assert faults.take("gap", "a.test", "/", "trades", named=True) is None
    named = faults.add(Fault("gap", topic="trades"))
    assert faults.take("gap", "a.test", "/", "trades", named=True) is named
    assert faults.take("gap", "a.test", "/", "trades", named=True) is None
    assert faults.take("gap", "a.test", "/", "book") is not None


def test_lasting_faults_wait_for_new_sockets() -> None:
    """Only those that were given as lasting, and only where they apply."""
    faults = Faults()
    faults.add(Fault("drop", left=None))
    lasting = faults.add(Fault("silence", host="a.", topic="book", left=None, lasting=True))
    assert faults.lasting("a.test", "/") == [lasting]
    assert faults.lasting("b.test", "/") == []


def test_lifting_undoes() -> None:
    """A lifted fault applies no more, and what it did to a socket is undone."""
    undone: list[str] = []
    faults = Faults()
    for name in ("one", "two"):
        fault = faults.add(Fault("half_open", left=None))
        fault.on_lift.append(lambda name=name: undone.append(name))
    fault.lift()
    assert undone == ["two"]
    assert faults.find("half_open", "a.test", "/") is not None
    faults.lift()
    assert undone == ["two", "one"]  # a lifted fault was forgotten by the look in between
    assert faults.find("half_open", "a.test", "/") is None


@pytest.mark.parametrize(
    ("command", "args", "kind", "value"),
    [
        ("drop", (), "drop", {}),
        ("close", (1012,), "close", {"code": 1012}),
        ("half_open", (), "half_open", {}),
        ("silence", (), "silence", {}),
    ],
)
def test_commands_to_open_sockets(command: str, args: tuple[Any, ...], kind: str, value: dict[str, Any]) -> None:
    """They strike at once, those sockets that are meant, and stay until they are lifted."""
    near, far = Socket("a.test", "/ws"), Socket("b.test", "/ws")
    fault = getattr(Scripted(near, far), command)(*args, host="a.", path="/ws")
    assert (near.suffered, far.suffered) == ([fault], [])
    assert (fault.kind, fault.value, fault.left, fault.lasting) == (kind, value, None, False)
    assert getattr(Scripted(), command)(*args, lasting=True).lasting


@pytest.mark.parametrize(
    ("command", "args", "kind", "value"),
    [
        ("gap", ("book",), "gap", {}),
        ("duplicate", ("book",), "duplicate", {}),
        ("reorder", ("book",), "reorder", {}),
        ("corrupt", ("book",), "corrupt", {"row": False}),
        ("refuse_login", (), "login", {"answer": "refuse"}),
        ("silent_login", (), "login", {"answer": "silent"}),
        ("refuse_handshake", (401,), "handshake", {"status": 401}),
        ("fail_request", (500,), "answer", {"status": 500, "headers": {}, "body": ""}),
        (
            "redirect",
            ("https://c.test/",),
            "answer",
            {"status": 302, "headers": {"Location": "https://c.test/"}, "body": ""},
        ),
        ("lose_reply", (), "lose_reply", {}),
        ("slow_reply", (2.5,), "slow_reply", {"seconds": 2.5}),
    ],
)
def test_commands_that_wait(command: str, args: tuple[Any, ...], kind: str, value: dict[str, Any]) -> None:
    """They strike nothing that is open, and apply so many times where they are meant."""
    socket = Socket("a.test", "/ws")
    script = Scripted(socket)
    fault = getattr(script, command)(*args, host="a.", path="/ws", times=2)
    assert socket.suffered == []
    assert (fault.kind, fault.value, fault.host, fault.path, fault.left) == (kind, value, "a.", "/ws", 2)
    assert fault.topic == ("book" if args == ("book",) else "")
    assert script.faults.find(kind, "a.test", "/ws", "book") is fault
    assert getattr(script, command)(*args).left == 1


def test_a_failed_request_can_ask_for_patience() -> None:
    """The time goes into a header, as short as it can be written."""
    assert Scripted().fail_request(retry_after=1.5).value["headers"] == {"Retry-After": "1.5"}
    assert Scripted().fail_request(503, retry_after=3.0, body="later").value == {
        "status": 503,
        "headers": {"Retry-After": "3"},
        "body": "later",
    }


def test_skew_is_right_again_after_a_lift() -> None:
    """The clock is a fault like the others."""
    script = Scripted()
    fault = script.gap()
    script.clock_skew(-30.0)
    assert script.skew == -30.0
    script.lift()
    assert (script.skew, fault.left) == (0.0, 0)
