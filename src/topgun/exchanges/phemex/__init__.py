"""Phemex: the record of its hosts. Read this first, then rest, stream, stores, account and book."""

from __future__ import annotations

from dataclasses import replace

from ...exchange import Exchange, Host
from .rest import sign
from .stores import PhemexDataStore
from .stream import forget, heartbeat, limit, login

__all__ = ["EXCHANGE", "PhemexDataStore"]

_REST = Host(api="phemex", sign=sign, once=("PUT",))  # PUT places orders
_STREAM = Host(api="phemex", login=login, heartbeat=heartbeat, limit=limit, forget=forget)
_BOTH = replace(_STREAM, sign=sign, once=_REST.once)

EXCHANGE = Exchange(
    name="phemex",
    docs="https://phemex-docs.github.io/",
    apis=("phemex", "phemex_testnet"),
    hosts={
        "api.phemex.com": _REST,
        "vapi.phemex.com": _BOTH,  # VIPs, by their address
        "testnet-api.phemex.com": replace(_BOTH, api="phemex_testnet"),
        "ws.phemex.com": _STREAM,
        "phemex.com": _STREAM,  # /ws, of the older document
        "testnet.phemex.com": replace(_STREAM, api="phemex_testnet"),  # likewise
    },
    stores=(PhemexDataStore,),
)
