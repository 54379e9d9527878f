"""bitbank: the record of its hosts. Read this first, then rest, stream, stores and depth."""

from __future__ import annotations

from ...exchange import Exchange, Host
from .private import bitbankPrivateDataStore
from .rest import sign
from .stores import bitbankDataStore
from .stream import answer, decode, greet, heartbeat

__all__ = ["EXCHANGE", "bitbankDataStore", "bitbankPrivateDataStore"]

EXCHANGE = Exchange(
    name="bitbank",
    docs="https://github.com/bitbankinc/bitbank-api-docs",
    hosts={
        "api.bitbank.cc": Host(api="bitbank", sign=sign),
        "stream.bitbank.cc": Host(greet=greet, decode=decode, answer=answer, heartbeat=heartbeat),
    },
    stores=(bitbankDataStore, bitbankPrivateDataStore),
)
