"""Bybit V5: the record of its hosts. Read this first, then rest, stream, stores and book."""

from __future__ import annotations

from dataclasses import replace

from ...exchange import Exchange, Host
from .rest import sign
from .stores import BybitDataStore
from .stream import forget, heartbeat, login, sign_message

__all__ = ["EXCHANGE", "BybitDataStore"]

_REST = Host(api="bybit", sign=sign)
_STREAM = Host(api="bybit", login=login, heartbeat=heartbeat, sign_message=sign_message, forget=forget)

EXCHANGE = Exchange(
    name="bybit",
    docs="https://bybit-exchange.github.io/docs/v5/intro",
    apis=("bybit", "bybit_demo", "bybit_testnet"),
    hosts={
        "api.bybit.com": _REST,
        "api.bytick.com": _REST,
        "api.bybit.nl": _REST,  # Netherlands
        "api.bybit.eu": _REST,  # European Economic Area
        "api.bybit.ae": _REST,  # United Arab Emirates
        "api.bybit.tr": _REST,  # Türkiye
        "api.bybit.kz": _REST,  # Kazakhstan
        "api.bybit.id": _REST,  # Indonesia
        "api.bybitgeorgia.ge": _REST,  # Georgia
        "api.manepa.jp": _REST,  # Japan
        "api-demo.bybit.com": replace(_REST, api="bybit_demo"),
        "api-testnet.bybit.com": replace(_REST, api="bybit_testnet"),
        "api-testnet.manepa.jp": replace(_REST, api="bybit_testnet"),
        "stream.bybit.com": _STREAM,
        "stream.bytick.com": _STREAM,
        "stream.bybit.tr": _STREAM,
        "stream.bybit.kz": _STREAM,
        "stream.bybit.id": _STREAM,
        "stream.bybitgeorgia.ge": _STREAM,
        "stream.manepa.jp": _STREAM,
        "stream-demo.bybit.com": replace(_STREAM, api="bybit_demo"),
        "stream-testnet.bybit.com": replace(_STREAM, api="bybit_testnet"),
    },
    stores=(BybitDataStore,),
)
