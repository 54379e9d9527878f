"""Bybit V5 (placeholder while it is being written)."""

from __future__ import annotations
from ...exchange import Exchange
from ...store import DataStoreCollection


class BybitDataStore(DataStoreCollection):
    pass


EXCHANGE = Exchange(name="bybit", docs="", hosts={})
