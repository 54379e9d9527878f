"""GMO Coin, crypto assets and FX: the record of its hosts. Read this first, then rest, stream, stores and book."""

from __future__ import annotations

from ...exchange import Exchange, Host
from .._pace import Pace
from .rest import sign
from .stores import GMOCoinDataStore
from .stream import answer, forget, heartbeat, readdress

__all__ = ["EXCHANGE", "GMOCoinDataStore"]

_GAP = 1.2  # s between two messages of this address; GMO Coin allows one a second, counted when they arrive


def _host(api: str) -> Host:
    """Return the record of a host, which has the HTTP API and both sockets of one product."""
    return Host(
        api=api,
        sign=sign,
        readdress=readdress,
        heartbeat=heartbeat,
        answer=answer,
        limit=Pace(1, _GAP, shared=True),
        forget=forget,
    )


EXCHANGE = Exchange(
    name="gmocoin",
    docs="https://api.coin.z.com/docs/",
    apis=("gmocoin", "gmocoin_fx"),
    hosts={
        "api.coin.z.com": _host("gmocoin"),
        "forex-api.coin.z.com": _host("gmocoin_fx"),  # GMO Coin FX: https://api.coin.z.com/fxdocs/
    },
    stores=(GMOCoinDataStore,),
)
