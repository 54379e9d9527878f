"""topgun: an asyncio library for crypto trading bots.

``Client`` signs every HTTP request for the exchange that the URL's host belongs to, ``Client.ws_connect`` keeps a
WebSocket alive, and the ``DataStore`` tables of each exchange take its messages and can be queried, waited for
and watched.
"""

from __future__ import annotations

from .auth import Auth
from .client import Client, FetchResult, NotJSONContent
from .exchange import Exchange, Host
from .exchanges import ALL as EXCHANGES
from .exchanges.bitflyer import bitFlyerDataStore
from .exchanges.bybit import BybitDataStore
from .store import BookStore, DataStore, DataStoreCollection, StoreChange, StoreStream, Topic
from .version import __version__
from .ws import ClientWebSocketResponse, WebSocketApp, WebSocketQueue

__all__ = [
    "EXCHANGES",
    "Auth",
    "BookStore",
    "BybitDataStore",
    "Client",
    "ClientWebSocketResponse",
    "DataStore",
    "DataStoreCollection",
    "Exchange",
    "FetchResult",
    "Host",
    "NotJSONContent",
    "StoreChange",
    "StoreStream",
    "Topic",
    "WebSocketApp",
    "WebSocketQueue",
    "__version__",
    "bitFlyerDataStore",
]
