"""BitMEX: the record of its hosts. Read this first, then rest, stream, stores, tables and book."""

from __future__ import annotations

from dataclasses import replace

from ...exchange import Exchange, Host
from .rest import encode, sign
from .stores import BitMEXDataStore
from .stream import forget

__all__ = ["EXCHANGE", "BitMEXDataStore"]

_HOST = Host(api="bitmex", sign=sign, encode=encode, forget=forget)
_TESTNET = replace(_HOST, api="bitmex_testnet")

EXCHANGE = Exchange(
    name="bitmex",
    docs="https://www.bitmex.com/app/apiOverview",
    apis=("bitmex", "bitmex_testnet"),
    hosts={
        "www.bitmex.com": _HOST,  # requests, and the older address of the sockets
        "ws.bitmex.com": _HOST,
        "testnet.bitmex.com": _TESTNET,
        "ws.testnet.bitmex.com": _TESTNET,
    },
    stores=(BitMEXDataStore,),
)
