"""The fakes of the venues: one package each, loaded only when it is asked for."""

from __future__ import annotations

__all__ = ["DEFAULT", "VENUES"]

VENUES = {
    "binance": ".venues.binance",
    "bitbank": ".venues.bitbank",
    "bitflyer": ".venues.bitflyer",
    "bitget": ".venues.bitget",
    "bitmex": ".venues.bitmex",
    "bittrade": ".venues.bittrade",
    "bybit": ".venues.bybit",
    "coincheck": ".venues.coincheck",
    "gmocoin": ".venues.gmocoin",
    "hyperliquid": ".venues.hyperliquid",
    "kucoin": ".venues.kucoin",
    "mexc": ".venues.mexc",
    "okj": ".venues.okj",
    "okx": ".venues.okx",
    "phemex": ".venues.phemex",
}
"""The package of each fake, relative to ``topgun.testing``; its ``VENUE`` is the class."""

DEFAULT = "bitflyer"
"""What a fake exchange plays when it is not told."""
