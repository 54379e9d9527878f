"""`Messages`: what is sent on every connection."""

from __future__ import annotations

from typing import Any

import pytest

from topgun.ws.messages import Message, Messages


def data(messages: Messages) -> list[Any]:
    return [message.data for message in messages]


def test_one_or_a_list() -> None:
    """Each argument is nothing, one message or a list; a tuple is one message (a JSON array)."""
    assert data(Messages(None, None, None)) == []
    assert data(Messages("a", [b"b", b"c"], {"d": 1})) == ["a", b"b", b"c", {"d": 1}]
    assert data(Messages([], None, (1, 2))) == [(1, 2)]


def test_message_is_copied_and_checked() -> None:
    """A message is a copy of what was given, and must be JSON unless it is text or bytes."""
    given = {"args": [1]}
    message = Message.of(given)
    given["args"].append(2)
    assert message.data == {"args": [1]}
    assert Message.of("x").send is not Message.of(b"x").send is not message.send
    with pytest.raises(TypeError):
        Message.of({1, 2})


def test_remove_takes_the_very_message() -> None:
    """Of two equal messages the one given is removed."""
    messages = Messages(None, None, None)
    first, second = Message.of({"a": 1}), Message.of({"a": 1})
    messages.add(first)
    messages.add(second)
    messages.remove(second)
    assert [message is first for message in messages] == [True]


def test_forget() -> None:
    """forget() maps every remembered JSON message and leaves texts and bytes alone."""
    calls: list[Any] = []

    def forget(subscription: Any, unsubscription: Any) -> Any:
        calls.append((subscription, unsubscription))
        return None if subscription == unsubscription else subscription

    messages = Messages("t", b"b", [{"a": 1}, {"b": 1}])
    messages.forget(Message.of({"a": 1}), forget)
    assert data(messages) == ["t", b"b", {"b": 1}]
    assert calls == [({"a": 1}, {"a": 1}), ({"b": 1}, {"a": 1})]
    messages.forget(Message.of("text"), forget)
    messages.forget(Message.of({"b": 1}), None)
    assert data(messages) == ["t", b"b", {"b": 1}, "text", {"b": 1}]
