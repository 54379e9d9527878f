"""What a BitMEX socket does besides frames: forget; handshakes are signed in test_rest."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from topgun.exchanges.bitmex import EXCHANGE
from topgun.exchanges.bitmex.stream import forget


def ask(args: Any, op: str = "subscribe") -> dict[str, Any]:
    return {"op": op, "args": args}


@pytest.mark.parametrize(
    ("subscription", "gone", "left"),
    [
        (ask(["order", "trade:XBTUSD"]), ["order"], ask(["trade:XBTUSD"])),
        (ask(["order"]), ["order"], None),
        (ask(["order"]), "order", None),
        (ask("order"), "order", None),
        (ask("order"), ["trade"], ask("order")),
        (ask(["trade:XBTUSD"]), ["trade"], ask(["trade:XBTUSD"])),
        ({"op": "cancelAllAfter", "args": 60000}, ["order"], {"op": "cancelAllAfter", "args": 60000}),
        ("ping", ["order"], "ping"),
    ],
)
def test_forget(subscription: Any, gone: Any, left: Any) -> None:
    """An unsubscribe takes its topics out of what is remembered, and nothing else; neither message is changed."""
    before, unsubscription = copy.deepcopy(subscription), ask(gone, "unsubscribe")
    assert forget(subscription, unsubscription) == left
    assert (subscription, unsubscription) == (before, ask(gone, "unsubscribe"))


def test_forget_leaves_other_messages_alone() -> None:
    """A subscription cancels nothing, and what two topics do not share stays the very same message."""
    kept = ask(["order"])
    assert forget(kept, ask(["order"])) is kept
    assert forget(kept, ask(["trade"], "unsubscribe")) is kept


def test_what_a_socket_needs() -> None:
    """No login message, no heartbeat, no limit: the handshake is signed, and protocol pings keep the socket."""
    for host in EXCHANGE.hosts.values():
        assert host.forget is forget
        assert [host.login, host.heartbeat, host.limit, host.sign_message, host.greet, host.decode] == [None] * 6
