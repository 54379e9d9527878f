"""Every exchange topgun knows: one folder each, listed here and nowhere else."""

from __future__ import annotations

from ..exchange import Exchange, Registry
from . import bitflyer, bybit

__all__ = ["ALL", "REGISTRY"]

ALL: tuple[Exchange, ...] = (bitflyer.EXCHANGE, bybit.EXCHANGE)

REGISTRY = Registry(ALL)
