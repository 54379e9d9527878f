"""Every exchange topgun knows: one folder each, listed here and nowhere else."""

from __future__ import annotations

from ..exchange import Exchange, Registry
from . import (
    binance,
    bitbank,
    bitflyer,
    bitget,
    bitmex,
    bittrade,
    bybit,
    coincheck,
    gmocoin,
    hyperliquid,
    kucoin,
    mexc,
    okj,
    okx,
    phemex,
)

__all__ = ["ALL", "REGISTRY"]

ALL: tuple[Exchange, ...] = (
    binance.EXCHANGE,
    bitbank.EXCHANGE,
    bitflyer.EXCHANGE,
    bitget.EXCHANGE,
    bitmex.EXCHANGE,
    bittrade.EXCHANGE,
    bybit.EXCHANGE,
    coincheck.EXCHANGE,
    gmocoin.EXCHANGE,
    hyperliquid.EXCHANGE,
    kucoin.EXCHANGE,
    mexc.EXCHANGE,
    okj.EXCHANGE,
    okx.EXCHANGE,
    phemex.EXCHANGE,
)

REGISTRY = Registry(ALL)
