"""topgun: an asyncio library for crypto trading bots.

``Client`` signs every HTTP request for the exchange that the URL's host belongs to, ``Client.ws_connect`` keeps a
WebSocket alive, and the ``DataStore`` tables of each exchange take its messages and can be queried, waited for
and watched.

Sockets, tables and exchanges are loaded when they are first used, so ``import topgun`` costs little more than aiohttp.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .auth import Auth
from .client import Client, FetchResult, NotJSONContent
from .exchange import Exchange, Host
from .version import __version__

if TYPE_CHECKING:
    from .exchanges import ALL as EXCHANGES
    from .exchanges.binance import BinanceCOINMDataStore, BinanceSpotDataStore, BinanceUSDSMDataStore
    from .exchanges.bitbank import bitbankDataStore, bitbankPrivateDataStore
    from .exchanges.bitflyer import bitFlyerDataStore
    from .exchanges.bitget import BitgetDataStore, BitgetV2DataStore, BitgetV3DataStore
    from .exchanges.bitmex import BitMEXDataStore
    from .exchanges.bittrade import BitTradeDataStore
    from .exchanges.bybit import BybitDataStore
    from .exchanges.coincheck import CoincheckDataStore, CoincheckPrivateDataStore
    from .exchanges.gmocoin import GMOCoinDataStore
    from .exchanges.hyperliquid import HyperliquidDataStore
    from .exchanges.kucoin import KuCoinDataStore
    from .exchanges.mexc import MEXCDataStore
    from .exchanges.okj import OKJDataStore
    from .exchanges.okx import OKXDataStore
    from .exchanges.phemex import PhemexDataStore
    from .store import BookStore, DataStore, DataStoreCollection, StoreChange, StoreStream, Topic
    from .ws import ClientWebSocketResponse, WebSocketApp, WebSocketQueue

__all__ = [
    "EXCHANGES",
    "Auth",
    "BinanceCOINMDataStore",
    "BinanceSpotDataStore",
    "BinanceUSDSMDataStore",
    "BitMEXDataStore",
    "BitTradeDataStore",
    "BitgetDataStore",
    "BitgetV2DataStore",
    "BitgetV3DataStore",
    "BookStore",
    "BybitDataStore",
    "Client",
    "ClientWebSocketResponse",
    "CoincheckDataStore",
    "CoincheckPrivateDataStore",
    "DataStore",
    "DataStoreCollection",
    "Exchange",
    "FetchResult",
    "GMOCoinDataStore",
    "Host",
    "HyperliquidDataStore",
    "KuCoinDataStore",
    "MEXCDataStore",
    "NotJSONContent",
    "OKJDataStore",
    "OKXDataStore",
    "PhemexDataStore",
    "StoreChange",
    "StoreStream",
    "Topic",
    "WebSocketApp",
    "WebSocketQueue",
    "__version__",
    "bitFlyerDataStore",
    "bitbankDataStore",
    "bitbankPrivateDataStore",
]

# What is loaded later: name -> module below this one, and the name there (without one: the module itself).
_LATER: dict[str, tuple[str, str]] = {
    "exchanges": ("exchanges", ""),
    "EXCHANGES": ("exchanges", "ALL"),
    "BinanceCOINMDataStore": ("exchanges.binance", "BinanceCOINMDataStore"),
    "BinanceSpotDataStore": ("exchanges.binance", "BinanceSpotDataStore"),
    "BinanceUSDSMDataStore": ("exchanges.binance", "BinanceUSDSMDataStore"),
    "bitbankDataStore": ("exchanges.bitbank", "bitbankDataStore"),
    "bitbankPrivateDataStore": ("exchanges.bitbank", "bitbankPrivateDataStore"),
    "bitFlyerDataStore": ("exchanges.bitflyer", "bitFlyerDataStore"),
    "BitgetDataStore": ("exchanges.bitget", "BitgetDataStore"),
    "BitgetV2DataStore": ("exchanges.bitget", "BitgetV2DataStore"),
    "BitgetV3DataStore": ("exchanges.bitget", "BitgetV3DataStore"),
    "BitMEXDataStore": ("exchanges.bitmex", "BitMEXDataStore"),
    "BitTradeDataStore": ("exchanges.bittrade", "BitTradeDataStore"),
    "BybitDataStore": ("exchanges.bybit", "BybitDataStore"),
    "CoincheckDataStore": ("exchanges.coincheck", "CoincheckDataStore"),
    "CoincheckPrivateDataStore": ("exchanges.coincheck", "CoincheckPrivateDataStore"),
    "GMOCoinDataStore": ("exchanges.gmocoin", "GMOCoinDataStore"),
    "helpers": ("helpers", ""),
    "HyperliquidDataStore": ("exchanges.hyperliquid", "HyperliquidDataStore"),
    "KuCoinDataStore": ("exchanges.kucoin", "KuCoinDataStore"),
    "MEXCDataStore": ("exchanges.mexc", "MEXCDataStore"),
    "OKJDataStore": ("exchanges.okj", "OKJDataStore"),
    "OKXDataStore": ("exchanges.okx", "OKXDataStore"),
    "PhemexDataStore": ("exchanges.phemex", "PhemexDataStore"),
    "store": ("store", ""),
    **{name: ("store", name) for name in ("BookStore", "DataStore", "DataStoreCollection", "StoreChange")},
    **{name: ("store", name) for name in ("StoreStream", "Topic")},
    "ws": ("ws", ""),
    **{name: ("ws", name) for name in ("ClientWebSocketResponse", "WebSocketApp", "WebSocketQueue")},
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place, there = _LATER[name]
    module = import_module(f".{place}", __name__)
    value = globals()[name] = getattr(module, there) if there else module
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
