"""KuCoin: the record of its hosts. Read this first, then rest, endpoint, stream, stores, book, account."""

from __future__ import annotations

from ...exchange import Exchange, Host
from .._pace import Pace
from .endpoint import is_named
from .rest import sign
from .stores import KuCoinDataStore
from .stream import forget, greet, heartbeat, readdress

__all__ = ["EXCHANGE", "KuCoinDataStore"]

_REST = Host(api="kucoin", sign=sign)
_STREAM = Host(
    api="kucoin",
    readdress=readdress,
    greet=greet,
    heartbeat=heartbeat,
    limit=Pace(95, 10.0),  # KuCoin takes 100 in 10 s for each connection, pings included
    forget=forget,
)


def _recognize(host: str) -> Host | None:
    """Return the record of a host where KuCoin itself has said that its sockets are there."""
    return _STREAM if is_named(host) else None


EXCHANGE = Exchange(
    name="kucoin",
    docs="https://www.kucoin.com/docs-new",
    hosts={
        "api.kucoin.com": _REST,  # spot, margin
        "api-futures.kucoin.com": _REST,
        "ws-api-spot.kucoin.com": _STREAM,
        "ws-api-futures.kucoin.com": _STREAM,
        "push-private.kucoin.com": _STREAM,
    },
    credential=("key", "secret", "passphrase"),
    stores=(KuCoinDataStore,),
    recognize=_recognize,
)
