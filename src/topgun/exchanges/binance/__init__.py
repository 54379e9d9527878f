"""Binance: the record of its hosts. Read this first, then rest, stream, listenkey, stores, book."""

from __future__ import annotations

from dataclasses import replace

from ...exchange import Exchange, Host
from .._pace import Pace
from .listenkey import readdress
from .rest import sign
from .stores import BinanceCOINMDataStore, BinanceSpotDataStore, BinanceUSDSMDataStore
from .stream import forget, heartbeat, sign_message

__all__ = ["EXCHANGE", "BinanceCOINMDataStore", "BinanceSpotDataStore", "BinanceUSDSMDataStore"]

_REST = Host(api="binance", sign=sign)
_API = Host(api="binance", sign_message=sign_message, forget=forget)
# Binance takes 5 messages a second on spot, 10 on futures, and counts pings and pongs: one is left for those.
_SPOT = Host(heartbeat=heartbeat, limit=Pace(4, 1.0), forget=forget)
_FUTURES = Host(
    api="binance",
    heartbeat=heartbeat,
    limit=Pace(9, 1.0),
    sign_message=sign_message,
    forget=forget,
    readdress=readdress,
)
_OTHERS = Host(heartbeat=heartbeat, forget=forget)
_SPOT_TEST, _FUTURES_TEST, _DEMO = "binancespot_testnet", "binancefuture_testnet", "binance_demo"

EXCHANGE = Exchange(
    name="binance",
    docs="https://developers.binance.com/docs",
    apis=("binance", _SPOT_TEST, _FUTURES_TEST, _DEMO),
    hosts={
        # spot, margin, wallet
        **dict.fromkeys((f"{name}.binance.com" for name in ("api", "api-gcp", "api1", "api2", "api3", "api4")), _REST),
        "ws-api.binance.com": _API,
        "stream.binance.com": _SPOT,
        "data-stream.binance.vision": _SPOT,
        "margin-stream.binance.com": _OTHERS,
        # futures, options, portfolio margin
        **dict.fromkeys((f"{name}.binance.com" for name in ("fapi", "dapi", "papi", "eapi")), _REST),
        "ws-fapi.binance.com": _API,
        "ws-dapi.binance.com": _API,
        "fstream.binance.com": _FUTURES,
        "dstream.binance.com": _FUTURES,
        "vstream.binance.com": _OTHERS,
        # testnets
        "testnet.binance.vision": replace(_REST, api=_SPOT_TEST, sign_message=sign_message, forget=forget),
        "api1.testnet.binance.vision": replace(_REST, api=_SPOT_TEST),
        "ws-api.testnet.binance.vision": replace(_API, api=_SPOT_TEST),
        "stream.testnet.binance.vision": _SPOT,
        "testnet.binancefuture.com": replace(_REST, api=_FUTURES_TEST, sign_message=sign_message, forget=forget),
        "fstream.binancefuture.com": replace(_FUTURES, api=_FUTURES_TEST),
        "stream.binancefuture.com": replace(_FUTURES, api=_FUTURES_TEST),
        "dstream.binancefuture.com": replace(_FUTURES, api=_FUTURES_TEST),
        "testnet.binanceops.com": _OTHERS,
        "testnetws.binanceops.com": _OTHERS,
        # demo
        **dict.fromkeys((f"demo-{name}.binance.com" for name in ("api", "fapi", "dapi")), replace(_REST, api=_DEMO)),
        "demo-ws-api.binance.com": replace(_API, api=_DEMO),
        "demo-stream.binance.com": _SPOT,
        "demo-fstream.binance.com": replace(_FUTURES, api=_DEMO),
        "demo-dstream.binance.com": replace(_FUTURES, api=_DEMO),
    },
    stores=(BinanceSpotDataStore, BinanceUSDSMDataStore, BinanceCOINMDataStore),
)
