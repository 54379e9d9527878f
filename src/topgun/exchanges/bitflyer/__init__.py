"""bitFlyer Lightning and Crypto CFD: the record of its hosts. Read this first, then rest, stream and stores."""

from __future__ import annotations

from ...exchange import Exchange, Host
from .rest import sign
from .stores import bitFlyerDataStore
from .stream import forget, login

__all__ = ["EXCHANGE", "bitFlyerDataStore"]

EXCHANGE = Exchange(
    name="bitflyer",
    docs="https://lightning.bitflyer.com/docs",
    hosts={
        "api.bitflyer.com": Host(api="bitflyer", sign=sign),
        "ws.lightstream.bitflyer.com": Host(api="bitflyer", login=login, forget=forget),
    },
    stores=(bitFlyerDataStore,),
)
