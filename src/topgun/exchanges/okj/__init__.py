"""OKJ (OKCoin Japan), V3 and V5: the record of its hosts. Read this first, then rest, stream, stores and book."""

from __future__ import annotations

from ...exchange import Exchange, Host
from .rest import sign
from .stores import OKJDataStore
from .stream import decode, forget, heartbeat, login_v3, login_v5

__all__ = ["EXCHANGE", "OKJDataStore"]

_REST = Host(api="okj", sign=sign)
_STREAM_V3 = Host(api="okj", login=login_v3, heartbeat=heartbeat, decode=decode, forget=forget)
_STREAM_V5 = Host(api="okj", login=login_v5, heartbeat=heartbeat, forget=forget)

EXCHANGE = Exchange(
    name="okj",
    docs="https://dev.okj.com/apidoc/v5/en/",
    credential=("key", "secret", "passphrase"),
    hosts={
        "api.okj.com": _REST,  # V5
        "www.okj.com": _REST,  # V3
        "www.okcoin.jp": _REST,  # V3, before the domain moved
        "ws.okj.com": _STREAM_V5,
        "connect.okj.com": _STREAM_V3,
        "connect.okcoin.jp": _STREAM_V3,
    },
    stores=(OKJDataStore,),
)
