"""MEXC: the record of its hosts. Read this first, then rest, stream, frames, listenkey, stores, book."""

from __future__ import annotations

from ...exchange import Exchange, Host
from .._pace import Pace
from .frames import decode, greet
from .rest import encode, sign, sign_contract
from .stores import MEXCDataStore
from .stream import forget_contract, forget_spot, heartbeat_contract, heartbeat_spot, login, plain, readdress

__all__ = ["EXCHANGE", "MEXCDataStore"]

EXCHANGE = Exchange(
    name="mexc",
    docs="https://www.mexc.com/api-docs/spot-v3/introduction",
    hosts={
        "api.mexc.com": Host(api="mexc", sign=sign, encode=encode),  # spot, and contracts below /api/v1/
        "wbs-api.mexc.com": Host(
            readdress=readdress,
            greet=greet,
            heartbeat=heartbeat_spot,
            decode=decode,
            limit=Pace(95, 1.0),  # MEXC takes 100 messages a second, pings among them
            forget=forget_spot,
        ),
        "contract.mexc.com": Host(
            api="mexc",
            sign=sign_contract,
            encode=encode,
            login=login,
            heartbeat=heartbeat_contract,
            decode=plain,
            forget=forget_contract,
        ),
        "www.mexc.com": Host(api="mexc", sign=sign_contract, encode=encode),  # the spot API of the past, /open/api/v2
    },
    stores=(MEXCDataStore,),
)
