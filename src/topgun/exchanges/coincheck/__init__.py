"""Coincheck: the record of its hosts. Read this first, then rest, stream, stores, order and book."""

from __future__ import annotations

from ...exchange import Exchange, Host
from .rest import sign
from .stores import CoincheckDataStore, CoincheckPrivateDataStore
from .stream import forget, login

__all__ = ["EXCHANGE", "CoincheckDataStore", "CoincheckPrivateDataStore"]

_MS = 1_000_000  # ns: nonces are milliseconds, and must rise from request to request and to login

EXCHANGE = Exchange(
    name="coincheck",
    docs="https://coincheck.com/documents/exchange/api",
    hosts={
        "coincheck.com": Host(api="coincheck", sign=sign, step_ns=_MS),
        "ws-api.coincheck.com": Host(forget=forget),
        "stream.coincheck.com": Host(api="coincheck", login=login, forget=forget, step_ns=_MS),
    },
    stores=(CoincheckDataStore, CoincheckPrivateDataStore),
)
