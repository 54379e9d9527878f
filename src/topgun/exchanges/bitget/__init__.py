"""Bitget: the record of its hosts. Read this first, then rest, stream, stores and book; v1 and v3 are other APIs."""

from __future__ import annotations

from dataclasses import replace

from ...exchange import Exchange, Host
from .rest import api, sign
from .stores import BitgetV2DataStore
from .stream import forget, heartbeat, limit, login
from .v1 import BitgetDataStore
from .v3 import BitgetV3DataStore

__all__ = ["EXCHANGE", "BitgetDataStore", "BitgetV2DataStore", "BitgetV3DataStore"]

_STREAM = Host(api="bitget", login=login, heartbeat=heartbeat, limit=limit, forget=forget)

EXCHANGE = Exchange(
    name="bitget",
    docs="https://www.bitget.com/api-doc/classic/intro",
    apis=("bitget", "bitget_demo"),
    credential=("key", "secret", "passphrase"),
    hosts={
        "api.bitget.com": Host(api=api, sign=sign),
        "ws.bitget.com": _STREAM,
        "wspap.bitget.com": replace(_STREAM, api="bitget_demo"),
    },
    stores=(BitgetV2DataStore, BitgetV3DataStore, BitgetDataStore),
)
