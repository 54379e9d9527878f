"""Hyperliquid: the record of its hosts. Read this first, then rest, actions, typed, stream, stores and the tables."""

from __future__ import annotations

from dataclasses import replace

from ...exchange import Exchange, Host
from .rest import encode, sign
from .stores import HyperliquidDataStore
from .stream import LIMIT, decode, forget, heartbeat, sign_message

__all__ = ["EXCHANGE", "HyperliquidDataStore"]

_MAINNET = Host(
    api="hyperliquid",
    sign=sign,
    encode=encode,
    heartbeat=heartbeat,
    decode=decode,
    limit=LIMIT,
    sign_message=sign_message,
    forget=forget,
    step_ns=1_000_000,  # a nonce in ms that was used once is refused
)

EXCHANGE = Exchange(
    name="hyperliquid",
    docs="https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api",
    apis=("hyperliquid", "hyperliquid_testnet"),
    credential=("private_key",),
    hosts={
        "api.hyperliquid.xyz": _MAINNET,
        "api.hyperliquid-testnet.xyz": replace(_MAINNET, api="hyperliquid_testnet"),
    },
    stores=(HyperliquidDataStore,),
)
