"""BitTrade (once Huobi Japan): the record of its host. Read this first, then rest, stream, stores and book."""

from __future__ import annotations

from ...exchange import Exchange, Host
from .rest import sign
from .stores import BitTradeDataStore
from .stream import answer, decode, forget, heartbeat, limit, login

__all__ = ["EXCHANGE", "BitTradeDataStore"]

EXCHANGE = Exchange(
    name="bittrade",
    docs="https://api-doc.bittrade.co.jp/",
    hosts={
        "api-cloud.bittrade.co.jp": Host(  # HTTP and every socket
            api="bittrade",
            sign=sign,
            login=login,
            heartbeat=heartbeat,
            decode=decode,
            answer=answer,
            limit=limit,
            forget=forget,
        )
    },
    stores=(BitTradeDataStore,),
)
